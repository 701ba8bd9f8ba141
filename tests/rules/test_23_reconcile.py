"""Chapter 23: what a worker that died may have sent is looked up at Twilio, never sent blindly."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.rules.mutants import mutant
from tests.scenario import sending, unknown
from tests.sql import Db, Job, new_sid


def listed(job: Job, sid: str | None = None, **changes: str) -> Job:
    """The text as Twilio lists it."""
    found = {"sid": sid or new_sid(), "body": job["content"], "status": "delivered"}
    return found | {"created_at": datetime.now(UTC).isoformat()} | changes


A_BLIND_RESEND = ("sms.mark_unknown", "set status = 'unknown'", "set status = 'queued'")


@mutant("a blind resend", A_BLIND_RESEND, fails="is sent blindly")
async def test_what_a_dead_worker_may_have_sent_is_not_sent_blindly(db: Db) -> None:
    one, *_, job = await sending(db)
    await db.later(minutes=3)
    found = await one.claim()
    assert found["kind"] in ("wait", "reconcile"), "it is sent blindly"
    assert (await db.message(job["message_id"]))["status"] == "unknown"


@mutant(
    "one listing decides",
    (
        "sms.reconcile_missing",
        "elsif coalesce(p_message.listed_empty_at, p_now) > p_now - v_timing.reconcile_after then",
        "elsif false then",
    ),
    fails="one listing decided",
)
async def test_one_empty_listing_is_not_enough(db: Db) -> None:
    one, _, _, job = await unknown(db)
    look = await one.claim()
    assert (look["kind"], look["message_id"]) == ("reconcile", job["message_id"])
    assert await one.settle(look, []) == "unknown", "one listing decided"
    assert (await one.claim())["kind"] == "wait"
    await db.later(seconds=61)
    assert await one.settle(await one.claim(), []) == "queued"


async def test_a_text_missing_twice_is_sent_again_until_it_is_ten_minutes_old(db: Db) -> None:
    one, _, _, job = await unknown(db)
    for minutes in (3, 7):
        assert await one.settle(await one.claim(), []) == "unknown", minutes
        await db.later(seconds=61)
        assert await one.settle(await one.claim(), []) == "queued", minutes
        again = await one.claim()
        assert (again["kind"], again["message_id"]) == ("send", job["message_id"])
        await db.later(seconds=121)  # its worker died again
        assert (await one.claim())["kind"] == "reconcile"
        await db.later(seconds=61)
    assert await one.settle(await one.claim(), []) == "unknown"
    await db.later(seconds=61)
    assert await one.settle(await one.claim(), []) == "failed"
    message = await db.message(job["message_id"])
    assert (message["status"], message["error_message"]) == (
        "failed",
        "Twilio does not have it and it is too late to send it again",
    )
    assert (await one.claim())["kind"] == "wait"


@pytest.mark.parametrize("newer", ["a newer text", "a person's text", "ten minutes"])
async def test_a_missing_text_is_not_sent_after(db: Db, newer: str) -> None:
    one, number, contact, job = await unknown(db)
    assert await one.settle(await one.claim(), []) == "unknown"
    if newer == "a newer text":
        await one.ingest(number, contact, "¿Hola?")
    elif newer == "a person's text":
        await (await db.person(number)).write(job["conversation_id"])
        await one.finish(await one.claim())
    await db.later(seconds=61 if newer != "ten minutes" else 600)
    assert await one.settle(await one.claim(), []) == "failed"


async def test_a_listing_that_could_not_be_had_decides_nothing(db: Db) -> None:
    one, *_ = await unknown(db)
    for _ in range(4):
        assert await one.settle(await one.claim(), None) == "unknown"
        assert (await one.claim())["kind"] == "wait"
        await db.later(seconds=61)
    assert (await one.claim())["kind"] == "reconcile"


async def test_an_old_listing_decides_nothing(db: Db) -> None:
    """Brought by a worker whose lease ended, after another one listed again."""
    one, two = (await unknown(db))[0], await db.session()
    old = await one.claim()
    await db.later(seconds=61)
    new = await two.claim()
    assert await two.settle(new, []) == "unknown"
    await db.later(seconds=61)
    assert await one.settle(old, []) == "unknown"
    assert await two.settle(await two.claim(), []) == "queued"


async def test_an_operator_who_looks_at_once_decides_nothing(db: Db) -> None:
    one, *_, job = await sending(db)
    await one.fail(job, "unknown")
    operator = {"message_id": job["message_id"]}
    assert await one.settle(operator, []) == "unknown"
    await db.later(seconds=61)
    assert await one.settle(operator, []) == "unknown", "this is the first listing that counts"
    assert await one.settle(operator, []) == "unknown"


# Which of Twilio's messages is ours.


@pytest.mark.parametrize("prefix", ["", "Sent from your Twilio trial account - "])
async def test_a_text_found_at_twilio_is_adopted(db: Db, prefix: str) -> None:
    one, *_ = await unknown(db)
    look, sid = await one.claim(), new_sid()
    assert await one.settle(look, [listed(look, sid, body=prefix + look["content"])]) == "recorded"
    message = await db.message(look["message_id"])
    assert (message["message_sid"], message["status"]) == (sid, "accepted")
    assert (await one.claim())["kind"] == "wait"


async def test_of_two_texts_the_one_with_exactly_our_words_is_adopted(db: Db) -> None:
    one, *_ = await unknown(db)
    look, sid = await one.claim(), new_sid()
    found = [listed(look, body="Muy " + look["content"], created_at="2020"), listed(look, sid)]
    await one.settle(look, found)
    assert (await db.message(look["message_id"]))["message_sid"] == sid


async def test_a_strangers_words_leave_it_unknown_for_a_day(db: Db) -> None:
    one, *_ = await unknown(db)
    look = await one.claim()
    for _ in range(3):
        assert await one.settle(look, [listed(look, body="Somebody else's")]) == "unknown"
        await db.later(seconds=61)
        look = await one.claim()
    await db.later(days=1)
    look = await one.claim()
    assert await one.settle(look, [listed(look, body="Somebody else's")]) == "failed"


async def test_a_text_that_is_somebodys_already_is_not_adopted(db: Db) -> None:
    one, number, contact, job = await sending(db)
    first = new_sid()
    await one.finish(job, first)
    await one.ingest(number, contact, "¿Y mañana?")
    await one.fail(await one.answer(await one.claim()), "unknown")
    await db.later(seconds=61)
    look = await one.claim()
    assert await one.settle(look, [listed(look, first)]) == "unknown"
    await db.later(seconds=61)
    assert await one.settle(await one.claim(), [listed(look, first)]) == "queued"


# What waits for it meanwhile.


async def test_an_unknown_answer_holds_up_the_next_one_for_ten_minutes_at_most(db: Db) -> None:
    one, number, contact, job = await sending(db)
    await one.fail(job, "unknown")
    await one.ingest(number, contact, "¿Hola?")
    assert (await one.claim())["kind"] == "wait"
    await db.later(seconds=61)
    assert await one.settle(await one.claim(), None) == "unknown"
    assert (await one.claim())["kind"] == "wait"
    await db.later(minutes=9)
    assert await one.settle(await one.claim(), None) == "unknown"
    assert (await one.claim())["kind"] == "reply"


async def test_an_answer_settled_at_last_lets_the_next_one_go_at_once(db: Db) -> None:
    one, number, contact, job = await sending(db)
    await one.fail(job, "unknown")
    await one.ingest(number, contact, "¿Hola?")
    assert (await one.claim())["kind"] == "wait"
    await one.callback(job, new_sid(), "sent")
    next_job = await one.claim()
    assert [turn["role"] for turn in next_job["history"]] == ["user", "assistant", "user"]


@mutant(
    "no wait for an unknown answer",
    (
        "sms.must_wait_for",
        "p_message.status = 'unknown' and",
        "false and",
    ),
    fails="in no answer",
)
async def test_what_an_answer_that_never_left_was_to_cover_the_next_one_covers(db: Db) -> None:
    one, number, contact, job = await sending(db)
    await one.fail(job, "unknown")
    await one.ingest(number, contact, "¿Hola?")
    assert (await one.claim())["kind"] == "wait", "the first text will be in no answer"
    for outcome in ("unknown", "failed"):
        await db.later(seconds=61)
        assert await one.settle(await one.claim(), []) == outcome
    assert [turn["content"] for turn in (await one.claim())["history"]] == ["Hola", "¿Hola?"]


async def test_an_unknown_answer_holds_up_no_person(db: Db) -> None:
    one, number, _, job = await sending(db)
    await one.fail(job, "unknown")
    await (await db.person(number)).write(job["conversation_id"])
    assert (await one.claim())["kind"] == "send"
