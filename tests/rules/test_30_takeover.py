"""What a human writes: bounds, blanks, and whether it takes the conversation over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.scenario import Scenario, minutes_ago
from tests.sql import Db, Job, Session, new_contact, new_sid

LANDLINE = 21614


async def conversation(db: Db) -> tuple[Session, str]:
    """The owner's session, and a conversation of theirs."""
    one, number = await db.session(), await db.number(auto_reply=False)
    text = await one.ingest(number, new_contact(), "hola")
    return await db.person(number), text["conversation_id"]


async def insert_many(owner: Session, conversation_id: str, count: int) -> str | None:
    """The SQLSTATE of one statement that inserts so many rows; null when it went well."""
    try:
        await owner.rows(
            "insert into public.sms_messages (conversation_id, message_content)"
            " select %s::uuid, 'hola ' || n from generate_series(1, %s) as n",
            conversation_id,
            count,
        )
    except psycopg.Error as error:
        return error.sqlstate
    return None


async def written(db: Db, conversation_id: str) -> int:
    query = (
        "select count(*) from public.sms_messages where author = 'human' and conversation_id = %s"
    )
    return int(await db.admin.value(query, conversation_id))


async def test_one_statement_stays_within_the_day(db: Db) -> None:
    owner, conversation_id = await conversation(db)
    assert await insert_many(owner, conversation_id, 1_500) == "PT429"
    assert await written(db, conversation_id) == 0
    assert await insert_many(owner, conversation_id, 1_000) is None
    assert await insert_many(owner, conversation_id, 1) == "PT429"


async def test_five_sessions_at_once_stay_within_the_day(db: Db) -> None:
    await db.timing(human_messages_per_day=50)
    owner, conversation_id = await conversation(db)
    claims = await owner.value("select current_setting('request.jwt.claims')")
    sessions = [owner]
    for _ in range(4):
        another = await db.session()
        await another.rows("set role authenticated")
        await another.rows("select set_config('request.jwt.claims', %s, false)", claims)
        sessions.append(another)
    results = await asyncio.gather(
        *(insert_many(session, conversation_id, 20) for session in sessions)
    )
    assert sorted(results, key=str) == [None, None, "PT429", "PT429", "PT429"]
    assert await written(db, conversation_id) == 40


async def test_another_day_counts_anew(db: Db) -> None:
    await db.timing(human_messages_per_day=2)
    owner, conversation_id = await conversation(db)
    assert await insert_many(owner, conversation_id, 2) is None
    assert await insert_many(owner, conversation_id, 1) == "PT429"
    await db.admin.rows("update sms.human_messages set day = day - 1")
    assert await insert_many(owner, conversation_id, 1) is None


@pytest.mark.parametrize(
    "blank", ["", " ", "\n", "\u00a0", "\u200b", "\u2060\ufeff", "\t\r\n", None]
)
async def test_a_blank_message_is_refused(db: Db, blank: str | None) -> None:
    owner, conversation_id = await conversation(db)
    with pytest.raises(psycopg.Error) as refused:
        await owner.rows(
            "insert into public.sms_messages (conversation_id, message_content) values (%s, %s)",
            conversation_id,
            blank,
        )
    assert refused.value.sqlstate == "PT422"


@pytest.mark.parametrize("visible", [".", "👍", "ñ", "1", "你好"])
async def test_one_visible_character_is_a_message(db: Db, visible: str) -> None:
    owner, conversation_id = await conversation(db)
    assert await owner.write(conversation_id, visible)


# Takeovers: only by what may reach the contact.


async def written_job(scenario: Scenario, body: str = "Hola") -> Job:
    """The job of a human's message, after one of the contact."""
    stored = await scenario.texts(body)
    await (await scenario.db.person(scenario.number)).write(stored["conversation_id"])
    while (job := await scenario.one.claim()).get("content") != "Le atiendo yo.":
        await scenario.one.finish(job)
    return job


async def takeover(scenario: Scenario) -> tuple[bool, bool]:
    """(is the AI paused, is a human wanted)"""
    conversation = await scenario.conversation()
    return conversation["paused_until"] is not None, conversation["wants_human"]


async def test_a_blocked_message_begins_no_takeover(scenario: Scenario) -> None:
    stored = await scenario.texts("quiero un humano")
    await scenario.work()
    await scenario.texts("STOP")
    before = await scenario.conversation()
    owner = await scenario.db.person(scenario.number)
    row = await scenario.db.message(await owner.write(stored["conversation_id"]))
    assert row["status"] == "blocked"
    after = await scenario.conversation()
    kept = ("paused_until", "wants_human", "read_up_to_id", "reply_due_at")
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    assert after["last_message_at"] == row["created_at"]
    await scenario.texts("START")
    await scenario.texts("Hola")
    assert await scenario.work() == ["model"]


async def test_a_message_that_may_still_leave_begins_one(scenario: Scenario) -> None:
    stored = await scenario.texts("quiero un humano")
    await scenario.work()
    owner = await scenario.db.person(scenario.number)
    message_id = await owner.write(stored["conversation_id"])
    assert await takeover(scenario) == (True, False)
    assert (await scenario.conversation())["read_up_to_id"] == message_id
    await scenario.texts("¿Sigue ahí?")
    assert await scenario.work() == ["Le atiendo yo."]


async def test_a_message_blocked_at_the_gate_gives_the_pause_back(scenario: Scenario) -> None:
    stored = await scenario.texts("Hola")
    owner = await scenario.db.person(scenario.number)
    await owner.write(stored["conversation_id"])
    await scenario.texts("STOP")
    assert await scenario.work() == []
    assert await takeover(scenario) == (False, False)


@pytest.mark.parametrize("ending", ["refused for good", "failed", "undelivered"])
async def test_a_message_that_never_arrives_gives_the_pause_back(
    scenario: Scenario, ending: str
) -> None:
    job = await written_job(scenario, "quiero un humano")
    assert await takeover(scenario) == (True, False)
    if ending == "refused for good":
        await scenario.one.fail(job, "failed", LANDLINE)
    else:
        sid = new_sid()
        await scenario.one.finish(job, sid)
        await scenario.one.callback(job, sid, ending, error_code=30006)
    assert await takeover(scenario) == (False, True)
    await scenario.texts("¿Hola?")
    assert await scenario.work() == ["model"]


async def test_who_waits_for_a_human_waits_since_they_asked_and_not_since_their_last_message(
    scenario: Scenario,
) -> None:
    asked = await scenario.texts("quiero un humano")
    await scenario.work()
    await scenario.db.later(minutes=30)
    await scenario.texts("¿Hola?")
    await scenario.work()
    row = await scenario.db.message(asked["message_id"])
    owner = await scenario.db.person(scenario.number)
    [seen] = await owner.rows("select wants_human_since, last_message_at from public.sms_inbox")
    assert abs(seen["wants_human_since"] - row["created_at"]) < timedelta(seconds=10)
    assert seen["last_message_at"] - seen["wants_human_since"] > timedelta(minutes=29)
    [other] = await owner.rows(
        "update public.sms_conversations set wants_human = true returning wants_human_since"
    )
    assert other["wants_human_since"] == seen["wants_human_since"], "marked again, it stays"


@pytest.mark.parametrize("ending", ["a human writes", "unmarked", "closed"])
async def test_nobody_waits_for_a_human_who_came(scenario: Scenario, ending: str) -> None:
    stored = await scenario.texts("quiero un humano")
    owner = await scenario.db.person(scenario.number)
    if ending == "a human writes":
        await owner.write(stored["conversation_id"])
    elif ending == "unmarked":
        await owner.rows("update public.sms_conversations set wants_human = false")
    else:
        await owner.rows("update public.sms_conversations set status = 'closed'")
    conversation = await scenario.conversation()
    assert (conversation["wants_human"], conversation["wants_human_since"]) == (False, None)


async def test_who_was_answered_in_vain_waits_since_they_asked(scenario: Scenario) -> None:
    job = await written_job(scenario, "quiero un humano")
    [asked] = await scenario.db.admin.rows(
        "select created_at from public.sms_messages where intent = 'human'"
    )
    await scenario.one.fail(job, "failed", LANDLINE)
    assert (await scenario.conversation())["wants_human_since"] == asked["created_at"]


async def test_a_message_that_twilio_lists_as_undelivered_gives_the_pause_back(
    scenario: Scenario,
) -> None:
    job, sid = await written_job(scenario), new_sid()
    await scenario.one.finish(job, sid)
    listed = [{"sid": sid, "status": "undelivered", "error_code": 30003}]
    await scenario.one.call("record_sms_statuses", messages=listed)
    assert await takeover(scenario) == (False, False)


async def test_a_delivered_message_keeps_the_pause(scenario: Scenario) -> None:
    job, sid = await written_job(scenario), new_sid()
    await scenario.one.finish(job, sid)
    await scenario.one.callback(job, sid, "delivered")
    assert await takeover(scenario) == (True, False)


async def test_the_pause_of_another_message_stays(scenario: Scenario) -> None:
    job = await written_job(scenario)
    owner = await scenario.db.person(scenario.number)
    other = await owner.write(job["conversation_id"], "Otra cosa.")
    await scenario.one.fail(job, "failed", LANDLINE)
    began = (await scenario.db.message(other))["created_at"]
    assert (await scenario.conversation())["paused_until"] == began + timedelta(hours=12)
    second = await scenario.one.claim()
    await scenario.one.fail(second, "failed", LANDLINE)
    assert await takeover(scenario) == (False, False)


async def test_when_the_second_message_fails_the_pause_is_the_firsts(scenario: Scenario) -> None:
    job = await written_job(scenario)
    await scenario.one.finish(job)
    owner = await scenario.db.person(scenario.number)
    await owner.write(job["conversation_id"], "Otra cosa.")
    await scenario.one.fail(await scenario.one.claim(), "failed", LANDLINE)
    began = (await scenario.db.message(job["message_id"]))["created_at"]
    assert (await scenario.conversation())["paused_until"] == began + timedelta(hours=12)


async def test_a_pause_set_by_hand_stays_when_the_message_fails(scenario: Scenario) -> None:
    job = await written_job(scenario)
    owner = await scenario.db.person(scenario.number)
    await owner.rows("update public.sms_conversations set paused_until = now() + interval '9 days'")
    await scenario.one.fail(job, "failed", LANDLINE)
    assert await takeover(scenario) == (True, False)


async def test_a_late_message_is_answered_though_a_human_wrote_in_vain_since(
    scenario: Scenario,
) -> None:
    job = await written_job(scenario)
    await scenario.one.fail(job, "failed", LANDLINE)
    late: dict[str, Any] = await scenario.texts("¿Abren hoy?", at=minutes_ago(3))
    assert late["no_reply_reason"] is None


async def test_a_late_message_is_not_answered_when_a_human_wrote_since(scenario: Scenario) -> None:
    await scenario.one.finish(await written_job(scenario))
    late: dict[str, Any] = await scenario.texts("¿Abren hoy?", at=minutes_ago(3))
    assert late["no_reply_reason"] == "human_wrote"


async def test_a_report_of_failure_waits_for_the_conversation_before_its_message(
    scenario: Scenario,
) -> None:
    """The lock order: whoever holds the conversation may still want that message."""
    job, sid = await written_job(scenario), new_sid()
    await scenario.one.finish(job, sid)
    one, two = scenario.one, await scenario.db.session()
    async with one.transaction():
        await one.rows("select 1 from public.sms_conversations for no key update")
        report = asyncio.ensure_future(two.callback(job, sid, "undelivered"))
        await scenario.db.waits_for_lock(two)
        await one.rows("select 1 from public.sms_messages for no key update nowait")
    assert await report == "recorded"
