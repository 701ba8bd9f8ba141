"""Chapter 21: a generated reply, the loop guard, and why there is no reply."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.rules.mutants import mutant
from tests.rules.test_20_claim import NOT_DUE
from tests.scenario import Scenario, both, sending, talk
from tests.sql import Db, new_contact, new_sid

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


# A reply that was generated while something happened.


QUEUE_REPLY_AS_ONE_STATEMENT = """
create or replace function public.queue_sms_reply(
  p_lease_id uuid, p_message_id bigint, p_content text, p_encoding text, p_segments integer,
  p_model text default null, p_prompt_tokens integer default null,
  p_completion_tokens integer default null, p_generation_ms integer default null,
  p_shown_first_id bigint default null, p_shown_last_id bigint default null,
  p_prompt_hash text default null
)
returns jsonb language sql volatile set search_path = '' as $$
  with held as materialized (
    select c.* from public.sms_conversations as c
    where c.lease_id = p_lease_id
    for no key update
  ), written as (
    insert into public.sms_messages
      (conversation_id, direction, author, status, message_content, in_reply_to, send_at)
    select h.id, 'outgoing', 'ai', 'sending', p_content, p_message_id, h.leased_until
    from held as h
    where not exists (
      select from public.sms_messages as m
      where m.conversation_id = h.id and m.direction = 'incoming' and m.id > p_message_id
    )
    returning id
  )
  select jsonb_build_object(
    'outcome', case when exists (select from written) then 'send' else 'superseded' end
  );
$$
"""


@mutant(
    "queue reply as one statement", QUEUE_REPLY_AS_ONE_STATEMENT, fails="the stale answer goes out"
)
@mutant(
    "no newer message check",
    (
        "sms.is_superseded",
        "p_conversation.last_pending_id <> p_message_id",
        "false",
    ),
    fails="the stale answer goes out",
)
async def test_an_overtaken_answer_is_dropped_though_it_had_to_wait(db: Db) -> None:
    """The newer text commits while queue_sms_reply waits for the conversation's lock."""
    one, number, contact, _ = await talk(db)
    job, two = await one.claim(), await db.session()
    await two.rows("begin")
    await two.ingest(number, contact, "y otra cosa")
    answer = await both(db, two, one.answer(job), one)
    assert answer["outcome"] == "superseded", "the stale answer goes out"
    again = await one.claim()
    assert again["attempt"] == 1
    assert [turn["content"] for turn in again["history"]] == ["Hola", "y otra cosa"]


NO_LEASE_CHECK = (
    "queue_sms_reply",
    "where c.lease_id = p_lease_id",
    "where c.last_pending_id = p_message_id",
)


@mutant("no lease check", NO_LEASE_CHECK, fails="two workers send an answer")
async def test_one_worker_answers_though_two_generated(db: Db) -> None:
    """The first one was slow; its lease ended, and another one took over."""
    one, *_ = await talk(db)
    two = await db.session()
    slow = await one.claim()
    await db.later(seconds=61)
    quick = await two.claim()
    outcomes = [(await s.answer(job))["outcome"] for s, job in ((one, slow), (two, quick))]
    assert outcomes == ["gone", "send"], "two workers send an answer"


async def test_an_answer_is_dropped_twice_in_a_row_at_most(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db)
    for text in ("dos", "tres"):
        job = await one.claim()
        await one.ingest(number, contact, text)
        assert (await one.answer(job))["outcome"] == "superseded"
    job = await one.claim()
    await one.ingest(number, contact, "cuatro")
    answer = await one.answer(job, "A las tres.")
    assert answer["outcome"] == "send"
    assert (await db.conversation(conversation_id))["superseded"] == 0
    await one.finish(answer)
    last = await one.claim()
    assert [turn["content"] for turn in last["history"]] == [
        *("Hola", "dos", "tres", "A las tres.", "cuatro")
    ], "what was answered stands before what is not"


async def test_an_answer_waited_for_half_a_minute_is_not_dropped(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db)
    job = await one.claim()
    await one.ingest(number, contact, "dos")
    await db.later(seconds=31)
    assert (await one.answer(job))["outcome"] == "send"
    conversation = await db.conversation(conversation_id)
    assert conversation["reply_due_at"], "the newer text stays owed"


async def test_an_answer_asked_again_is_the_same_row(db: Db) -> None:
    one, *_ = await talk(db)
    job = await one.claim()
    answer, again = await one.answer(job), await one.answer(job, "another text")
    assert (again["outcome"], again["message_id"]) == ("send", answer["message_id"])
    assert again["content"] == "Claro."
    assert await one.fail_sms_reply(job) == "refused"
    await one.finish(answer)
    assert (await one.answer(job))["outcome"] == "gone"


async def test_an_answer_after_the_lease_is_not_sent(db: Db) -> None:
    one, *_ = await talk(db)
    job = await one.claim()
    await db.later(seconds=61)
    assert (await one.answer(job))["outcome"] == "gone"
    assert (await one.claim())["kind"] == "reply"


@pytest.mark.parametrize("interruption", ["a person's text", "a close", "STOP", "an operator"])
async def test_an_answer_that_was_being_generated_is_not_sent_after(
    db: Db, interruption: str
) -> None:
    """queue_sms_reply waits for the interruption's lock and learns that its lease is gone."""
    one, number, contact, conversation_id = await talk(db)
    job, two, person = await one.claim(), await db.session(), await db.person(number)
    actor = two if interruption in ("STOP", "an operator") else person
    await actor.rows("begin")
    if interruption == "a person's text":
        await person.write(conversation_id)
    elif interruption == "a close":
        await person.close(conversation_id)
    elif interruption == "STOP":
        await two.ingest(number, contact, "STOP")
    else:
        await two.call("set_sms_opt_out", user_id=number.user_id, contact_number=contact)
    answer = await both(db, actor, one.answer(job), one)
    assert answer["outcome"] == "gone"
    assert await one.fail_sms_reply(job) == "gone"
    assert (await one.claim())["kind"] == ("send" if interruption == "a person's text" else "wait")


async def test_an_answer_to_a_deleted_user_is_gone(db: Db) -> None:
    one, number, _, _ = await talk(db)
    job, other = await one.claim(), await sending(db)
    await db.admin.rows("delete from auth.users where id = %s", number.user_id)
    assert (await one.answer(job))["outcome"] == "gone"
    await db.admin.rows("delete from auth.users where id = %s", other[1].user_id)
    assert await one.finish(other[3]) == "gone"
    assert await one.fail(other[3], "unknown") == "gone"
    assert await one.callback(other[3], new_sid(), "sent") == "gone"
    assert await one.settle(other[3], []) == "gone"


async def test_who_pauses_the_ai_while_it_generates_gets_no_answer(db: Db) -> None:
    one, number, _, conversation_id = await talk(db)
    job, person = await one.claim(), await db.person(number)
    await person.rows(
        "update public.sms_conversations set auto_reply = false where id = %s", conversation_id
    )
    assert (await one.answer(job))["reason"] == "paused"
    assert (await one.claim())["kind"] == "wait"


# The fallback, and numbers that rest.


async def test_the_fallback_goes_out_once_an_hour(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db)
    for outcome in ("retry", "retry", "fallback"):
        assert await one.fail_sms_reply(await one.claim()) == outcome
        await db.later(minutes=1)
    fallback = await one.claim()
    assert fallback["kind"] == "fallback"
    answer = await one.answer(fallback, fallback["content"])
    await one.finish(answer)
    assert (await db.message(answer["message_id"]))["author"] == "system"
    await one.ingest(number, contact, "¿Hola?")
    for _ in range(3):
        await one.fail_sms_reply(await one.claim())
        await db.later(minutes=1)
    assert (await one.claim())["kind"] == "wait"
    assert (await db.conversation(conversation_id))["reply_error"] == "no usable text"


async def test_a_text_that_kills_every_worker_gets_the_fallback(db: Db) -> None:
    one, *_ = await talk(db)
    for attempt in (1, 2, 3):
        assert (await one.claim())["attempt"] == attempt
        await db.later(seconds=61)
    assert (await one.claim())["kind"] == "fallback"


async def test_a_parked_number_lets_the_others_go_on(db: Db) -> None:
    one, number, *_ = await talk(db)
    assert await one.fail_sms_reply(await one.claim(), suspends=True) == "suspended"
    await one.ingest(number, new_contact())
    other = await db.number()
    await one.ingest(other, new_contact())
    job = await one.claim()
    assert job["config_id"] == str(other.id)
    await one.finish(await one.answer(job))
    wait = await one.claim()
    assert 4 * 60 < wait["seconds"] <= 5 * 60
    await db.later(minutes=6)
    kinds = [await one.claim(), await one.claim()]
    assert [(job["kind"], job["attempt"]) for job in kinds] == [("reply", 1), ("reply", 1)]


async def test_a_number_parked_while_its_answer_was_generated_keeps_the_text_owed(db: Db) -> None:
    one, number, *_ = await talk(db)
    job = await one.claim()
    await one.ingest(number, new_contact())
    await one.fail_sms_reply(await one.claim(), suspends=True)
    assert (await one.answer(job))["reason"] == "suspended"
    await db.later(minutes=6)
    assert {(await one.claim())["attempt"] for _ in range(2)} == {1}


# Limits and loops.


@pytest.mark.parametrize("limit", ["replies_per_hour", "replies_per_day", "number_replies_per_day"])
async def test_a_rate_limit_holds_the_next_reply_but_not_a_retry(db: Db, limit: str) -> None:
    one, number, contact, job = await sending(db, **{limit: 1})
    assert await one.fail(job, "refused", retry_after="1") == "refused"
    await db.later(seconds=2)
    retry = await one.claim()
    assert (retry["kind"], retry["message_id"]) == ("send", job["message_id"])
    await one.finish(retry)
    await one.ingest(number, contact, "otra")
    assert (await one.claim())["kind"] == "wait"
    conversation = await db.conversation(job["conversation_id"])
    assert (conversation["reply_due_at"], conversation["reply_error"]) == (None, "rate_limit")


async def test_the_same_text_after_each_of_two_answers_is_another_machine(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db, "I am away")
    for _ in range(2):
        await one.finish(await one.answer(await one.claim()))
        await one.ingest(number, contact, "I am away")
    assert (await one.claim())["kind"] == "wait"
    assert (await db.conversation(conversation_id))["reply_error"] == "loop"
    await one.ingest(number, contact, "Now it is me")
    assert (await one.claim())["kind"] == "reply"


async def test_three_short_answers_are_no_loop(scenario: Scenario) -> None:
    for _ in range(4):
        await scenario.texts("ok")
        assert await scenario.work() == ["model"]
