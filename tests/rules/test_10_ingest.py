"""Which number was written to, who is answered, and what is stored when nobody is."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.rules.mutants import mutant
from tests.scenario import both, talk
from tests.sql import Db, Number, Session, new_contact, new_sid

SERVICE = "MG" + "0" * 32


async def reason(db: Db, message: dict[str, Any]) -> Any:
    return (await db.message(message["message_id"]))["no_reply_reason"]


async def test_rcs_reaches_the_contact_s_one_conversation(db: Db) -> None:
    one, number, contact = await db.session(), await db.number(), new_contact()
    first = await one.ingest(number, contact, "hola")
    second = await one.ingest(number, contact, "STOP", channel="rcs")
    third = await one.ingest(number, contact, "still there?")
    assert len({text["conversation_id"] for text in (first, second, third)}) == 1
    assert (await db.message(second["message_id"]))["channel"] == "rcs"
    sent = [job async for job in jobs(one)]
    assert [job["kind"] for job in sent if job["kind"] == "reply"] == []


async def jobs(session: Session) -> Any:
    while (job := await session.claim())["kind"] != "wait":
        yield job


@pytest.mark.parametrize(
    "columns", [{"addresses": ["rcs:bakery"]}, {"messaging_service_sid": SERVICE}]
)
async def test_an_rcs_agent_means_its_number(db: Db, columns: dict[str, Any]) -> None:
    one, number = await db.session(), await db.number(**columns)
    agent = Number(number.id, number.user_id, "rcs:bakery")
    stored = await one.ingest(agent, new_contact(), channel="rcs", service_sid=SERVICE)
    assert stored["outcome"] == "stored"
    assert (await db.conversation(stored["conversation_id"]))["config_id"] == number.id


async def test_a_service_of_two_numbers_means_neither(db: Db) -> None:
    one = await db.session()
    number = await db.number(messaging_service_sid=SERVICE)
    await db.number(messaging_service_sid=SERVICE)
    agent, sid = Number(number.id, number.user_id, "rcs:bakery"), new_sid()
    stored = await one.ingest(agent, new_contact(), sid=sid, channel="rcs", service_sid=SERVICE)
    assert stored["outcome"] == "unconfigured"
    [kept] = await db.admin.rows(
        "select outcome, payload from public.sms_webhook_logs where message_sid = %s", sid
    )
    assert (kept["outcome"], kept["payload"]["body"]) == ("unconfigured", "Hola")


async def test_a_group_message_is_stored_and_not_answered(db: Db) -> None:
    one, number = await db.session(), await db.number()
    others = ["+15550100002", "+15550100003"]
    text = await one.ingest(number, new_contact(), "lol ok love you both", recipients=others)
    assert text["no_reply_reason"] == await reason(db, text) == "group"
    assert (await db.message(text["message_id"]))["recipients"] == others
    assert (await one.claim())["kind"] == "wait"


async def test_a_number_that_wants_to_answers_groups(db: Db) -> None:
    one, number = await db.session(), await db.number(answer_groups=True)
    await one.ingest(number, new_contact(), "Are you open?", recipients=["+15550100002"])
    assert (await one.claim())["kind"] == "reply"


async def test_a_message_to_us_alone_is_no_group(db: Db) -> None:
    one, number = await db.session(), await db.number()
    text = await one.ingest(number, new_contact(), "Are you open?", recipients=[])
    assert (await db.message(text["message_id"]))["recipients"] is None
    assert (await one.claim())["kind"] == "reply"


@pytest.mark.parametrize(
    "sender",
    ["+266696687", "+7378742833", "+2562533", "+86282452253", "+464", "+990001234567", "22395",
     "BANCO", "whatsapp:+15550100001"],
)  # fmt: skip
async def test_nobody_is_not_answered(db: Db, sender: str) -> None:
    one, number = await db.session(), await db.number()
    text = await one.ingest(number, sender, "my PIN is 5599")
    assert text["no_reply_reason"] == await reason(db, text) == "sender"
    assert (await one.claim())["kind"] == "wait"


@pytest.mark.parametrize("sender", ["+15550100001", "+34600111222", "+8618612345678"])
async def test_somebody_is_answered(db: Db, sender: str) -> None:
    one, number = await db.session(), await db.number()
    text = await one.ingest(number, sender, "Are you open?")
    assert await reason(db, text) is None
    assert (await one.claim())["kind"] == "reply"


async def test_a_takeover_says_why_the_waiting_messages_got_no_reply(db: Db) -> None:
    one, number, contact = await db.session(), await db.number(), new_contact()
    first = await one.ingest(number, contact, "hola")
    second = await one.ingest(number, contact, "hay mesa?")
    await (await db.person(number)).write(second["conversation_id"])
    assert [await reason(db, text) for text in (first, second)] == ["human_wrote"] * 2
    later = await one.ingest(number, contact, "gracias")
    await one.finish(await one.claim())
    assert (await one.claim())["kind"] == "wait"
    assert await reason(db, later) == "paused"


async def test_closing_says_why_too(db: Db) -> None:
    one, number = await db.session(), await db.number()
    text = await one.ingest(number, new_contact(), "hola")
    await (await db.person(number)).close(text["conversation_id"])
    assert await reason(db, text) == "closed"


async def test_a_used_up_limit_says_why(db: Db) -> None:
    one, number = await db.session(), await db.number(replies_per_hour=0)
    text = await one.ingest(number, new_contact(), "hola")
    assert (await one.claim())["kind"] != "reply"
    assert await reason(db, text) == "rate_limit"


# Messages that come twice, at once, or late.


A_SID_LOOKED_UP_BEFORE_THE_INSERT = """
alter table public.sms_messages drop constraint sms_messages_message_sid_key;
create or replace function sms.store_incoming(
  p_conversation public.sms_conversations, p_payload jsonb, p_intent text, p_reason text,
  p_occurred_at timestamptz, p_now timestamptz
)
returns bigint language sql volatile set search_path = '' as $$
  insert into public.sms_messages
    (conversation_id, direction, author, status, message_content, message_sid, occurred_at)
  values (p_conversation.id, 'incoming', 'contact', 'received', p_payload ->> 'body',
    p_payload ->> 'sid', p_occurred_at)
  returning id;
$$
"""


@mutant(
    "a SID looked up before the insert", A_SID_LOOKED_UP_BEFORE_THE_INSERT, fails="stored twice"
)
async def test_a_text_posted_twice_at_once_is_one(db: Db) -> None:
    one, two, number = await db.session(), await db.session(), await db.number()
    contact, sid = new_contact(), new_sid()
    await one.ingest(number, contact, "antes")
    await one.rows("begin")
    await one.ingest(number, contact, sid=sid)
    second = await both(db, one, two.ingest(number, contact, sid=sid), two)
    rows = await db.admin.rows("select id from public.sms_messages where message_sid = %s", sid)
    assert len(rows) == 1, "the same text is stored twice"
    assert second["outcome"] == "duplicate"


async def test_a_first_text_posted_twice_at_once_opens_one_conversation(db: Db) -> None:
    one, two, number = await db.session(), await db.session(), await db.number()
    other, contact, sid = await db.number(), new_contact(), new_sid()
    await one.rows("begin")
    await one.ingest(number, contact, sid=sid)
    # Under another number, so that only the MessageSid tells that it is the same one.
    second = await both(db, one, two.ingest(other, contact, sid=sid), two)
    assert second["outcome"] == "duplicate"
    assert await db.admin.value("select count(*) from public.sms_conversations") == 1


async def test_a_duplicate_leaves_what_a_person_began_alone(db: Db) -> None:
    one, number, contact, _ = await talk(db)
    sid = new_sid()
    other = await db.number()
    begun = await db.admin.value(
        "insert into public.sms_conversations (user_id, config_id, contact_number)"
        " values (%s, %s, %s) returning id",
        *(other.user_id, other.id, contact),
    )
    await one.write(begun, "Buenos días")
    await one.rows("begin")
    await one.ingest(number, contact, sid=sid)
    two = await db.session()
    assert (await both(db, one, two.ingest(other, contact, sid=sid), two))["outcome"] == "duplicate"
    assert await db.conversation(begun)


async def test_thirty_first_texts_at_once_open_one_conversation(db: Db) -> None:
    number, contact = await db.number(), new_contact()
    sessions = [await db.session() for _ in range(30)]
    stored = await asyncio.gather(
        *(s.ingest(number, contact, f"{i}") for i, s in enumerate(sessions))
    )
    assert {text["outcome"] for text in stored} == {"stored"}
    assert len({text["conversation_id"] for text in stored}) == 1
    job = await sessions[0].claim()
    assert len(job["history"]) == 30
    await sessions[0].finish(await sessions[0].answer(job))
    assert (await sessions[0].claim())["kind"] == "wait", "one answer to all of them"


async def test_a_burst_waits_ten_seconds_at_most(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db, reply_delay=timedelta(seconds=4))
    for _ in range(4):
        await db.later(seconds=3)
        await one.ingest(number, contact, "y")
    conversation = await db.conversation(conversation_id)
    waited = conversation["reply_due_at"] - conversation["waiting_since"]
    assert waited == timedelta(seconds=10)


async def test_a_late_text_from_before_the_close_joins_the_closed_conversation(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db)
    at = datetime.now(UTC)
    await one.close(conversation_id)
    late = await one.ingest(number, contact, "tarde", at=at)
    assert (late["conversation_id"], late["no_reply_reason"]) == (conversation_id, "closed")
    new = await one.ingest(number, contact, "de nuevo")
    assert new["conversation_id"] != conversation_id
    assert (await one.ingest(number, contact, "muy tarde", at=at))["conversation_id"] == (
        new["conversation_id"]
    )


async def test_a_text_that_waited_for_the_close_joins_the_closed_conversation(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db)
    person = await db.person(number)
    await person.rows("begin")
    await person.close(conversation_id)
    text = await both(db, person, one.ingest(number, contact, "espera"), one)
    assert text["outcome"] == "stored"
    assert text["conversation_id"] != conversation_id or text["no_reply_reason"] == "closed"
