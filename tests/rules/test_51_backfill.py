"""Chapter 51: what a look at Twilio costs does not grow with what others have, or with the past."""

from __future__ import annotations

from tests.scenario import Scenario
from tests.sql import Job, Session, new_sid

MANY = 20_000
# Conversations with an outgoing message each, %s old, final and priced.
FILL = """
with fresh as (
  insert into public.sms_conversations
    (user_id, config_id, contact_number, last_message_at, created_at)
  select f.user_id, f.id, '+1999' || lpad(n::text, 7, '0'), now() - %s::interval,
    now() - %s::interval
  from public.sms_configs as f, generate_series(1, %s) as n
  where f.id = %s
  returning *
)
insert into public.sms_messages
  (id, conversation_id, user_id, direction, author, status, message_content, message_sid, price,
   created_at)
overriding system value
select nextval('public.sms_messages_id_seq'), id, user_id, 'outgoing', 'ai', 'delivered', 'Hola',
  'SM' || md5(id::text), -0.0079, created_at
from fresh
"""


async def fill(scenario: Scenario, config_id: object, age: str) -> None:
    async with scenario.db.admin.transaction():
        await scenario.db.admin.rows("set local session_replication_role = replica")
        await scenario.db.admin.rows(FILL, age, age, MANY, config_id)
    await scenario.db.admin.rows("vacuum analyze public.sms_conversations, public.sms_messages")


async def pages(session: Session, call: str, *values: object) -> int:
    """Pages of 8 kB that a call reads when it is asked again, without those of the catalog."""
    await session.rows(f"select {call}", *values)
    told = await session.value(f"explain (analyze, buffers, format json) select {call}", *values)
    plan = told[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


async def sent(scenario: Scenario) -> tuple[Job, str]:
    await scenario.texts("Hola")
    job, sid = await scenario.one.answer(await scenario.one.claim()), new_sid()
    await scenario.one.finish(job, sid)
    return job, sid


async def look(scenario: Scenario) -> object:
    """The time since which a look at Twilio has to bring states and prices."""
    await scenario.configure(backfill_due_at="-infinity")
    return (await scenario.one.call("claim_sms_backfill"))["sync_since"]


async def test_a_look_reads_nothing_of_other_accounts_and_of_the_past(scenario: Scenario) -> None:
    other = await scenario.db.number()
    await fill(scenario, other.id, "5 minutes")
    await fill(scenario, scenario.number.id, "3 days")
    await scenario.db.admin.rows(
        "update public.sms_configs set backfill_due_at = 'infinity' where id = %s", other.id
    )
    assert await pages(scenario.one, "public.claim_sms_backfill()") < 300
    await scenario.db.empty()  # its counters know nothing of what was filled in


async def test_a_message_is_looked_up_until_it_has_state_and_price(scenario: Scenario) -> None:
    job, sid = await sent(scenario)
    assert await look(scenario) is None, "Twilio's own post comes first"
    await scenario.db.later(minutes=2)
    assert await look(scenario) is not None
    assert await look(scenario) is not None, "and again, for it is still not known"
    listed = {"sid": sid, "status": "delivered", "price": -0.0079, "price_unit": "USD"}
    await scenario.one.call("record_sms_statuses", messages=[listed])
    assert await look(scenario) is None
    await scenario.db.later(minutes=2)
    await sent(scenario)
    await scenario.db.later(minutes=2)
    assert await look(scenario) is not None
    assert (await scenario.db.message(job["message_id"]))["status"] == "delivered"


async def test_a_message_that_gets_its_sid_late_is_looked_up(scenario: Scenario) -> None:
    await scenario.texts("Hola")
    job = await scenario.one.answer(await scenario.one.claim())
    await scenario.one.fail(job, "refused", retry_after="300")
    await scenario.db.later(minutes=4)
    assert await look(scenario) is None, "Twilio does not have it"
    await scenario.db.later(minutes=6)
    await scenario.one.finish(await scenario.one.claim())
    assert await look(scenario) is not None


async def test_a_message_of_yesterday_is_given_up(scenario: Scenario) -> None:
    await sent(scenario)
    await scenario.db.later(hours=25)
    assert await look(scenario) is None


# A flood of messages that nobody answered.

FLOOD = """
insert into public.sms_messages
  (id, conversation_id, user_id, direction, author, status, message_content, message_sid)
overriding system value
select nextval('public.sms_messages_id_seq'), c.id, c.user_id, 'incoming', 'contact', 'received',
  'Hola ' || n, 'SM' || md5(c.id::text || n)
from public.sms_conversations as c, generate_series(1, 50000) as n
order by n
"""


async def flooded(scenario: Scenario) -> str:
    conversation_id = str((await scenario.conversation())["id"])
    async with scenario.db.admin.transaction():
        await scenario.db.admin.rows("set local session_replication_role = replica")
        await scenario.db.admin.rows(FLOOD)
        await scenario.db.admin.rows(
            "update public.sms_conversations set last_pending_id = m.id, last_incoming_id = m.id"
            " from (select max(id) as id from public.sms_messages) as m"
        )
    await scenario.db.admin.rows("vacuum analyze public.sms_conversations, public.sms_messages")
    return conversation_id


async def test_the_time_a_contact_waited_is_found_behind_a_flood(scenario: Scenario) -> None:
    await sent(scenario)
    conversation_id = await flooded(scenario)
    assert await pages(scenario.one, "sms.response_seconds(%s)", conversation_id) < 50
    seconds = await scenario.one.value("select sms.response_seconds(%s)", conversation_id)
    assert 0 < seconds < 60
    await scenario.db.empty()  # its counters know nothing of the flood


async def test_it_is_found_where_nothing_was_ever_answered(scenario: Scenario) -> None:
    await scenario.texts("Hola")
    conversation_id = await flooded(scenario)
    assert await pages(scenario.one, "sms.response_seconds(%s)", conversation_id) < 50
    await scenario.db.empty()  # its counters know nothing of the flood


async def test_how_much_a_reply_has_to_cover_is_found_behind_a_flood(scenario: Scenario) -> None:
    await sent(scenario)
    conversation_id = await flooded(scenario)
    covered = "sms.unanswered(c) from public.sms_conversations as c where c.id = %s"
    assert await scenario.one.value(f"select {covered}", conversation_id) == 100
    assert await pages(scenario.one, covered, conversation_id) < 50
    await scenario.db.empty()  # its counters know nothing of the flood
