-- Demo rows for a local database, idempotent: the number of the local Twilio stand-in belongs to
-- the local user, who signed up over the Auth API.

insert into public.sms_configs (user_id, phone_number, system_prompt)
select u.id, '+15005550006', 'You answer the text messages of a small bakery, open from 7 to 19 h, closed on Mondays.'
from auth.users as u
where u.email = 'you@example.com'
on conflict (phone_number) do nothing;
