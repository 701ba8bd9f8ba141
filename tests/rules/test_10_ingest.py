"""Which number was written to, who is answered, and what is stored when nobody is."""

from __future__ import annotations

from typing import Any

import pytest

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
