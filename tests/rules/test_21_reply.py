"""Chapter 21: a generated reply, the loop guard, and why there is no reply."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.rules.test_20_claim import NOT_DUE
from tests.scenario import Scenario

ASKED = "Are you open?"


@pytest.mark.parametrize("body", NOT_DUE)
async def test_a_reply_is_not_superseded_by_what_needs_none(scenario: Scenario, body: str) -> None:
    await scenario.texts("¿Abren hoy?")
    job = await scenario.one.claim()
    await scenario.texts(body)
    reply = await scenario.one.answer(job)
    assert reply["outcome"] == "send"
    await scenario.one.finish(reply)
    await scenario.db.later(seconds=40)
    assert await scenario.work() == []
    conversation = await scenario.conversation()
    assert (conversation["reply_due_at"], conversation["waiting_since"]) == (None, None)


async def test_a_reply_is_superseded_by_a_newer_question(scenario: Scenario) -> None:
    await scenario.texts("¿Abren hoy?")
    job = await scenario.one.claim()
    await scenario.texts("Liked “Claro.”")
    await scenario.texts("¿Y mañana?")
    assert (await scenario.one.answer(job))["outcome"] == "superseded"
    assert await scenario.work() == ["model"]


async def test_a_newer_question_stays_due_when_the_reply_may_not_be_superseded_again(
    scenario: Scenario,
) -> None:
    await scenario.db.timing(superseded_max=0)
    await scenario.texts("¿Abren hoy?")
    job = await scenario.one.claim()
    await scenario.texts("¿Y mañana?")
    await scenario.texts("Liked “Claro.”")
    reply = await scenario.one.answer(job)
    await scenario.one.finish(reply)
    assert await scenario.work() == ["model"]
    assert await scenario.work() == []


# The loop guard.


async def test_who_asks_again_while_nobody_answers_is_a_person(scenario: Scenario) -> None:
    for _ in range(3):
        await scenario.texts(ASKED)
        await scenario.db.later(minutes=5)
    assert await scenario.work() == ["model"]
    await scenario.texts(ASKED)
    assert await scenario.work() == ["model"], "one reply between four equal messages"


async def test_another_question_between_ends_the_count(scenario: Scenario) -> None:
    for body in (ASKED, ASKED, "And on Sunday?", ASKED):
        await scenario.texts(body)
        assert await scenario.work() == ["model"]


async def test_the_same_words_after_each_of_our_replies_are_a_loop(scenario: Scenario) -> None:
    for _ in range(2):
        await scenario.texts("Thank you for your message.")
        assert await scenario.work() == ["model"]
    third = await scenario.texts("Thank you for your message.")
    assert await scenario.work() == []
    assert (await scenario.conversation())["reply_error"] == "loop"
    assert (await scenario.db.message(third["message_id"]))["no_reply_reason"] == "loop"
    assert (await scenario.one.call("get_sms_health"))["looping_24h"] == 1
    owner = await scenario.db.person(scenario.number)
    assert await owner.value("select reply_error from public.sms_inbox") == "loop"


async def test_a_loop_found_while_the_reply_is_generated_stops_it(scenario: Scenario) -> None:
    for _ in range(2):
        await scenario.texts("Thank you for your message.")
        await scenario.work()
    await scenario.db.timing(loop_rounds=4)
    await scenario.texts("Thank you for your message.")
    job = await scenario.one.claim()
    await scenario.db.timing(loop_rounds=3)
    blocked = await scenario.one.answer(job)
    assert (blocked["outcome"], blocked["reason"]) == ("blocked", "loop")


async def test_health_counts_no_loop_where_there_is_none(scenario: Scenario) -> None:
    await scenario.texts(ASKED)
    await scenario.work()
    assert (await scenario.one.call("get_sms_health"))["looping_24h"] == 0


# When a reply that failed is tried again.


async def due_in(scenario: Scenario) -> float:
    """Seconds until the reply is tried again."""
    due_at = (await scenario.conversation())["reply_due_at"]
    return float((due_at - datetime.now(UTC)).total_seconds())


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [(None, 3, 7), ("2", 1, 3), ("90", 88, 113), ("900000", 50 * 60, 60 * 60)],
)
async def test_the_pause_that_openai_asks_for_is_kept_within_the_time_to_retry(
    scenario: Scenario, asked: str | None, least: float, most: float
) -> None:
    await scenario.texts(ASKED)
    assert await scenario.one.fail_sms_reply(await scenario.one.claim(), retry_after=asked) == (
        "retry"
    )
    assert least <= await due_in(scenario) <= most
    await scenario.db.later(hours=1)
    assert await scenario.work() == ["model"]


async def test_a_pause_does_not_put_off_the_fallback(scenario: Scenario) -> None:
    await scenario.db.timing(reply_attempts_max=1)
    await scenario.texts(ASKED)
    job = await scenario.one.claim()
    assert await scenario.one.fail_sms_reply(job, retry_after="900000") == "fallback"
    assert (await scenario.one.claim())["kind"] == "fallback"
