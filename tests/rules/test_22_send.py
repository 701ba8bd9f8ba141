"""What becomes of a message that Twilio did not take."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.twilio import SUSPENDS
from tests.sql import Db, Job, Number, Session, new_contact

UNLISTED = 29999


async def sending(db: Db) -> tuple[Session, Number, Job]:
    one, number = await db.session(), await db.number()
    return one, number, await reply(one, number)


async def reply(one: Session, number: Number) -> Job:
    """A reply to a new contact that is being handed to Twilio."""
    await one.ingest(number, new_contact(), "Hola")
    return await one.answer(await one.claim())


async def suspended_again(
    db: Db, code: int | None, *, others_are_sent: bool, first: int | None = None
) -> str:
    """What a second refusal with this code is, once the number has rested from the first."""
    one, number, job = await sending(db)
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
    one, _, job = await sending(db)
    assert await one.fail(job, "refused", retry_after=asked) == "refused"
    assert 50 * 60 < await retried_in(db, job) <= 60 * 60
    await db.later(hours=1)
    assert (await one.claim())["message_id"] == job["message_id"], "the last attempt"


async def test_a_pause_within_the_time_to_retry_is_kept(db: Db) -> None:
    one, _, job = await sending(db)
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
    one, _, job = await sending(db)
    await one.fail(job, "refused", retry_after="900000")
    await db.later(minutes=59, seconds=59)
    again = await one.claim()
    await one.fail(again, "refused", retry_after="900000")
    assert 0 < await retried_in(db, job) < 60
    await db.later(minutes=1)
    assert await one.fail(await one.claim(), "refused", retry_after="900000") == "failed"
