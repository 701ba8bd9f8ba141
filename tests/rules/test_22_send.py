"""What becomes of a message that Twilio did not take."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from gateway.twilio import SUSPENDS
from tests.rules.mutants import mutant
from tests.scenario import sending, talk, unknown
from tests.sql import Db, Job, Number, Session, new_contact, new_sid

UNLISTED = 29999


async def reply(one: Session, number: Number) -> Job:
    """A reply to a new contact that is being handed to Twilio."""
    await one.ingest(number, new_contact(), "Hola")
    return await one.answer(await one.claim())


async def suspended_again(
    db: Db, code: int | None, *, others_are_sent: bool, first: int | None = None
) -> str:
    """What a second refusal with this code is, once the number has rested from the first."""
    one, number, _, job = await sending(db)
    assert await one.fail(job, "suspended", code=first or code) == "suspended"
    await db.later(minutes=6)
    again = await one.claim()
    assert again["message_id"] == job["message_id"]
    if others_are_sent:
        await one.finish(await reply(one, number))
    return await one.fail(again, "suspended", code=code)


async def test_a_code_about_one_message_silences_its_number_once(db: Db) -> None:
    """Nobody listed it, so that the number rests at first; then others are sent."""
    assert await suspended_again(db, UNLISTED, others_are_sent=True) == "failed"
    one, number = await db.session(), await db.number()
    assert (await reply(one, number))["message_id"]


async def test_a_number_that_sends_nothing_loses_nothing(db: Db) -> None:
    assert await suspended_again(db, UNLISTED, others_are_sent=False) == "suspended"


@pytest.mark.parametrize("code", [63038, 20003, 21609, None])
async def test_a_fault_of_the_account_never_fails_a_message(db: Db, code: int | None) -> None:
    """The daily limit lets one through now and then: the others wait for their turn."""
    assert await suspended_again(db, code, others_are_sent=True) == "suspended"


async def test_the_first_refusal_of_its_kind_never_fails_a_message(db: Db) -> None:
    outcome = await suspended_again(db, UNLISTED, others_are_sent=True, first=21606)
    assert outcome == "suspended"


async def test_every_code_that_suspends_tells_people_what_to_do(db: Db) -> None:
    told = await db.admin.rows(
        "select code from public.sms_error_codes where action = 'operator' and hint <> ''"
    )
    assert SUSPENDS.keys() <= {row["code"] for row in told}


# When a refused message is tried again.


async def retried_in(db: Db, job: Job) -> float:
    """Seconds from now until it is tried again."""
    send_at = (await db.message(job["message_id"]))["send_at"]
    return float((send_at - datetime.now(UTC)).total_seconds())


@pytest.mark.parametrize("asked", ["900000", "1e300", "Infinity", "NaN"])
async def test_a_pause_that_twilio_asks_for_ends_with_the_time_to_retry(db: Db, asked: str) -> None:
    one, *_, job = await sending(db)
    assert await one.fail(job, "refused", retry_after=asked) == "refused"
    assert 50 * 60 < await retried_in(db, job) <= 60 * 60
    await db.later(hours=1)
    assert (await one.claim())["message_id"] == job["message_id"], "the last attempt"


async def test_a_pause_within_the_time_to_retry_is_kept(db: Db) -> None:
    one, *_, job = await sending(db)
    await one.fail(job, "refused", retry_after="120")
    assert 118 < await retried_in(db, job) <= 150


async def test_messages_refused_together_do_not_come_back_together(db: Db) -> None:
    one, number, *_ = await sending(db)
    jobs = [await reply(one, number) for _ in range(8)]
    for job in jobs:
        await one.fail(job, "refused", retry_after="1200")
    seconds = [await retried_in(db, job) for job in jobs]
    assert max(seconds) - min(seconds) > 10


async def test_a_message_refused_at_the_end_of_its_time_is_tried_once_more(db: Db) -> None:
    one, *_, job = await sending(db)
    await one.fail(job, "refused", retry_after="900000")
    await db.later(minutes=59, seconds=59)
    again = await one.claim()
    await one.fail(again, "refused", retry_after="900000")
    assert 0 < await retried_in(db, job) < 60
    await db.later(minutes=1)
    assert await one.fail(await one.claim(), "refused", retry_after="900000") == "failed"


# What became of a send.


@mutant(
    "finishing clears what is pending",
    (
        "sms.record_sent_at",
        "reply_due_at = case when c.reply_due_at = p_message.send_at then clock_timestamp()\n"
        "      else c.reply_due_at end,",
        "reply_due_at = null, waiting_since = null,",
    ),
    fails="never answered",
)
async def test_a_text_that_comes_while_the_answer_is_sent_is_answered(db: Db) -> None:
    one, number, contact, job = await sending(db)
    await one.ingest(number, contact, "y otra cosa")
    await one.finish(job)
    assert (await one.claim())["kind"] == "reply", "the newer text is never answered"


@mutant(
    "a lease fences facts",
    (
        "sms.record_sent",
        "if v_message.id is null then",
        "if not sms.end_lease(v_message.conversation_id, p_lease_id) then",
    ),
    fails="the SID is lost",
)
async def test_a_fact_is_recorded_though_its_lease_is_lost(db: Db) -> None:
    """Finished by a worker that was away for so long that the text became unknown."""
    one, *_, job = await unknown(db)
    sid = new_sid()
    assert await one.finish(job, sid) == "recorded", "the SID is lost"
    assert (await db.message(job["message_id"]))["message_sid"] == sid
    assert (await one.claim())["kind"] == "wait"


async def test_finished_twice_it_succeeds_twice(db: Db) -> None:
    one, *_, job = await sending(db)
    sid = new_sid()
    assert [await one.finish(job, sid), await one.finish(job, sid)] == ["recorded"] * 2


async def test_the_end_of_a_job_brings_the_next_and_asked_again_the_same(db: Db) -> None:
    one, *_, job = await sending(db)
    await talk(db)
    sid, lease = new_sid(), str(uuid.uuid4())
    brought = await one.finish_and_claim(job, lease, sid)
    assert brought and (brought["kind"], brought["lease_id"]) == ("reply", lease)
    assert brought["conversation_id"] != job["conversation_id"]
    again = await one.finish_and_claim(job, lease, sid)
    assert again and again["message_id"] == brought["message_id"]
    last = await one.finish_and_claim(await one.answer(brought))
    assert last == {"kind": "wait", "seconds": None}


async def test_the_next_job_is_of_the_same_conversation_when_more_came(db: Db) -> None:
    one, number, contact, job = await sending(db)
    await one.ingest(number, contact, "¿Y mañana?")
    brought = await one.finish_and_claim(job)
    assert brought and brought["conversation_id"] == job["conversation_id"]
    assert [turn["content"] for turn in brought["history"]] == ["Hola", "Claro.", "¿Y mañana?"]


async def test_what_is_sent_is_recorded_though_the_next_job_fails(own_db: Db) -> None:
    one, *_, job = await sending(own_db)
    await talk(own_db)
    await own_db.patch("sms.reply_job", "'kind', 'reply'", "'kind', 1 / 0")
    sid = new_sid()
    assert await one.finish_and_claim(job, sid=sid) is None
    assert (await own_db.message(job["message_id"]))["message_sid"] == sid
    with pytest.raises(psycopg.errors.DivisionByZero):
        await one.claim()


@pytest.mark.parametrize("outcome", ["refused", "suspended", "failed", "unknown"])
async def test_a_failure_told_after_the_lease_changes_nothing(db: Db, outcome: str) -> None:
    one, *_, job = await unknown(db)
    before = await db.message(job["message_id"])
    assert await one.fail(job, outcome) == "unknown"
    assert await db.message(job["message_id"]) == before


async def test_a_text_refused_for_an_hour_failed(db: Db) -> None:
    one, *_, job = await sending(db)
    assert await one.fail(job, "refused", retry_after="1") == "refused"
    await db.later(hours=1, seconds=5)
    assert await one.fail(await one.claim(), "refused", retry_after="1") == "failed"


async def test_a_number_parked_by_twilio_keeps_its_texts(db: Db) -> None:
    one, number, _, job = await sending(db)
    assert await one.fail(job, "suspended", code=21606) == "suspended"
    await one.ingest(number, new_contact(), "y yo")
    assert (await one.claim())["kind"] == "wait"
    await db.later(minutes=6)
    kinds = {(await one.claim())["kind"] for _ in range(2)}
    assert kinds == {"send", "reply"}


# In which order messages leave.


async def test_a_persons_text_behind_one_being_sent_waits_for_it(db: Db) -> None:
    one, number, _, job = await sending(db)
    written = await (await db.person(number)).write(job["conversation_id"])
    assert (await one.claim())["kind"] == "wait"
    await one.finish(job)
    assert (await one.claim())["message_id"] == written


async def test_a_persons_texts_leave_in_order_though_the_first_is_refused(db: Db) -> None:
    one, number, _, conversation_id = await talk(db)
    person = await db.person(number)
    written = [await person.write(conversation_id, text) for text in ("uno", "dos", "tres")]
    assert await one.fail(await one.claim(), "refused", retry_after="30") == "refused"
    assert (await one.claim())["kind"] == "wait"
    await db.later(seconds=40)
    sent = []
    while (job := await one.claim())["kind"] == "send":
        sent.append(job["message_id"])
        await one.finish(job)
    assert sent == written


async def test_an_answer_waits_behind_a_persons_refused_text(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db, takeover_pause=timedelta())
    written = await (await db.person(number)).write(conversation_id)
    await one.fail(await one.claim(), "refused", retry_after="30")
    await one.ingest(number, contact, "gracias")
    wait = await one.claim()
    assert (wait["kind"], wait["seconds"] > 25) == ("wait", True)
    await db.later(seconds=40)
    job = await one.claim()
    assert job["message_id"] == written
    await one.finish(job)
    assert (await one.claim())["kind"] == "reply"


async def test_a_refused_answer_that_a_newer_text_overtook_is_never_sent(db: Db) -> None:
    one, number, contact, job = await sending(db)
    await one.fail(job, "refused", retry_after="30")
    await one.ingest(number, contact, "mejor mañana")
    again = await one.claim()
    assert again["kind"] == "reply"
    canceled = await db.message(job["message_id"])
    assert (canceled["status"], canceled["in_reply_to"]) == ("canceled", None)
    await one.finish(await one.answer(again))
    await db.later(minutes=1)
    assert (await one.claim())["kind"] == "wait"


async def test_a_capped_contact_keeps_its_answer_when_a_newer_text_overtakes_a_refused_one(
    db: Db,
) -> None:
    one, number, contact, job = await sending(db, replies_per_hour=1)
    await one.fail(job, "refused", retry_after="30")
    await one.ingest(number, contact, "otra")
    assert (await one.answer(await one.claim()))["outcome"] == "send"
