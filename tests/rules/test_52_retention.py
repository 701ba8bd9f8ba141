"""Retention: whatever lay idle for a year is closed and erased in one round, and stays counted."""

# ruff: noqa: S608  # SQL of constants
from __future__ import annotations

import time
from typing import Any

import pytest

from tests.bench import data
from tests.sql import Db, Session

OWNERS = 8

# So many conversations spread over a year, all of them open: a contact's message that the AI
# answered, a human answered, or nobody did. What is older than a month is to go.
FILL = """
set session_replication_role = replica;
update sms.policy set conversations_kept = interval '30 days';
insert into auth.users (id, email)
select ('aaaaaaaa-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.com'
from generate_series(1, {owners}) as n;
insert into sms_configs (id, user_id, phone_number, created_at)
select id, id, '+1555' || right(id::text, 7), now() - interval '400 days' from auth.users;
create temporary table plan as
select n, gen_random_uuid() as id,
  ('aaaaaaaa-0000-4000-8000-' || lpad((1 + n % {owners})::text, 12, '0'))::uuid as user_id,
  now() - interval '365 days' * n / {conversations} as at
from generate_series(1, {conversations}) as n;
insert into sms_conversations (id, user_id, config_id, contact_number, created_at, last_message_at,
  last_incoming_id, last_pending_id)
select id, user_id, user_id, '+1' || 2000000000 + n, at, at + interval '9 seconds', 2 * n, 2 * n
from plan;
insert into sms_contacts (user_id, contact_number)
select user_id, contact_number from sms_conversations;
insert into sms.contact_digits
select id, user_id, sms.endings(user_id, contact_number) from sms_conversations;
insert into sms_messages (id, conversation_id, user_id, direction, author, message_content,
  message_sid, status, segments, model, prompt_tokens, completion_tokens, response_seconds, price,
  price_unit, occurred_at, created_at)
overriding system value
select 2 * n, id, user_id, 'incoming', 'contact', 'Hola ' || n, 'SM' || md5('in' || n), 'received',
  1, null, null, null, null, null, null, at, at
from plan
union all
select 2 * n + 1, id, user_id, 'outgoing', case n % 3 when 1 then 'ai' else 'human' end, 'Diga',
  'SM' || md5('out' || n), 'delivered', 1, case n % 3 when 1 then 'gpt-6-luna' end, 200, 20, 9,
  -0.0079, 'USD', at + interval '9 seconds', at + interval '9 seconds'
from plan where n % 3 > 0;
drop table plan;
set session_replication_role = origin
"""

LEFT = """
select count(*) filter (where last_message_at < now() - interval '30 days' - interval '1 minute')
  as too_old,
  count(*) filter (where status = 'active' and last_message_at < now() - interval '73 hours')
  as too_idle,
  count(*) filter (where closed_by is distinct from 'idle' and status = 'closed') as otherwise,
  count(*)::integer as conversations, count(*) filter (where status = 'active') as active
from sms_conversations
"""

ENDINGS = {"ended", "answered_by_ai", "answered_by_human", "unanswered"}


async def fill(db: Db, conversations: int) -> None:
    for statement in FILL.format(owners=OWNERS, conversations=conversations).split(";"):
        await db.admin.rows(statement)
    for statement in data.COUNT.split(";"):
        await db.admin.rows(statement)


async def days(session: Session, query: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The counters of each account, day and number, without those that are 0."""
    found = {}
    for row in await session.rows(query):
        key = row.pop("user_id"), row.pop("day"), row.pop("config_id")
        found[key] = {name: value for name, value in row.items() if value}
    return found


SEEN = f"""
select user_id, day, config_id, max(currency) as currency,
  {", ".join(f"sum({name}) as {name}" for name in data._DAYS)}
from sms.counts(null, null, '-infinity') group by user_id, day, config_id
"""


async def one_round(session: Session) -> int:
    """Maintenance as a worker does it: again at once while a part did a full batch; the calls."""
    calls = 1
    while (await session.call("maintain_sms"))["again"]:
        calls += 1
    return calls


@pytest.mark.parametrize("conversations", [20_000, pytest.param(200_000, marks=pytest.mark.long)])
async def test_a_year_of_idle_conversations_is_erased_in_one_round(
    db: Db, conversations: int
) -> None:
    await fill(db, conversations)
    before = await days(db.admin, SEEN)
    assert before == await days(db.admin, data.DAILY_RECOUNT)

    one, began = await db.session(), time.monotonic()
    calls = await one_round(one)
    print(f"{conversations} conversations: {calls} calls, {time.monotonic() - began:.1f} s")
    assert (await one.call("maintain_sms"))["outcome"] == "not due"

    [left] = await db.admin.rows(LEFT)
    assert (left["too_old"], left["too_idle"], left["otherwise"]) == (0, 0, 0)
    assert abs(left["conversations"] - conversations * 30 / 365) <= 2
    for table in ("sms_messages", "sms.contact_digits"):
        stray = (
            f"select 1 from {table} where conversation_id not in (select id from sms_conversations)"
        )
        assert await db.admin.rows(stray) == []

    after = await days(db.admin, SEEN)
    ended = {name: sum(int(day.pop(name, 0)) for day in after.values()) for name in ENDINGS}
    assert {key: day for key, day in after.items() if day} == before, "erasing counts nothing down"
    closed = conversations - left["active"]
    assert ended["ended"] == closed
    assert all(abs(ended[name] - closed / 3) <= 2 for name in ENDINGS - {"ended"})
    # The invariants of every test compare counters with the rows that are there.
    await db.admin.rows("delete from auth.users")
