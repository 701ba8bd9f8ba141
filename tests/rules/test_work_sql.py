"""The rules of owing, claiming, sending and settling, each where two sessions could break it.

A scene is a small play that holds on the product's SQL and must fail on each naive form of it.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import psycopg
import pytest

from gateway.local.stack import Stack
from tests.naive_sql import (
    A_BLIND_RESEND,
    A_LEASE_FENCES_FACTS,
    A_LEASE_ON_MESSAGES,
    A_SID_LOOKED_UP_BEFORE_THE_INSERT,
    AN_ID_FROM_THE_DEFAULT,
    FINISHING_CLEARS_WHAT_IS_OWED,
    NO_CLAIM_ASKED_AGAIN,
    NO_GATE,
    NO_LEASE_CHECK,
    NO_LOOK_AFTER_THE_CONTACTS_LOCK,
    NO_NEWER_TEXT_CHECK,
    NO_WAIT_FOR_AN_UNKNOWN_ANSWER,
    ONE_LISTING_DECIDES,
    QUEUE_REPLY_AS_ONE_STATEMENT,
    TWILIOS_QUEUED_AS_OURS,
    Naive,
    make_naive,
)
from tests.sql import Db, Job, Number, Session, new_contact, new_sid, scratch_database

Scene = Callable[[Db], Awaitable[None]]


@pytest.fixture(scope="module")
async def database(stack: Stack) -> AsyncIterator[str]:
    async with scratch_database(stack.postgres_url) as url:
        yield url


@pytest.fixture
async def db(database: str) -> AsyncIterator[Db]:
    """An empty database, whose invariants hold when the test is over."""
    async with Db.connect(database) as db:
        await db.empty()
        yield db
        assert await db.broken_invariants() == {}


async def talk(db: Db, *texts: str, **columns: Any) -> tuple[Session, Number, str, str]:
    """A session, a number, a contact and the conversation of the contact's texts."""
    session, number, contact = await db.session(), await db.number(**columns), new_contact()
    for text in texts or ("Hola",):
        stored = await session.ingest(number, contact, text)
    return session, number, contact, stored["conversation_id"]


async def sending(db: Db, **columns: Any) -> tuple[Session, Number, str, Job]:
    """An answer that is being handed to Twilio."""
    session, number, contact, _ = await talk(db, **columns)
    return session, number, contact, await session.answer(await session.claim())


async def unknown(db: Db) -> tuple[Session, Number, str, Job]:
    """A text whose worker died, a minute after its lease ended."""
    session, number, contact, job = await sending(db)
    await db.later(seconds=61)
    assert (await session.claim())["kind"] == "wait", "nothing is looked up before its time"
    await db.later(seconds=60)
    return session, number, contact, job


def listed(job: Job, sid: str | None = None, **changes: str) -> Job:
    """The text as Twilio lists it."""
    found = {"sid": sid or new_sid(), "body": job["content"], "status": "delivered"}
    return found | {"created_at": datetime.now(UTC).isoformat()} | changes


async def both(db: Db, first: Session, second: Awaitable[Any], waiting: Session) -> Any:
    """Let `second` wait for what `first` has locked in a transaction that then ends."""
    task = asyncio.ensure_future(second)
    await db.waits_for_lock(waiting)
    await first.connection.commit()
    return await task


# 1. One lease, on the conversation.


async def ids_are_in_commit_order(db: Db) -> None:
    """Who asks for "id > last seen" misses nothing: a later commit has the higher id."""
    one, number, _, conversation_id = await talk(db)
    person = await db.person(number)
    await one.rows("begin")
    await one.rows(
        "select 1 from public.sms_conversations where id = %s for no key update", conversation_id
    )
    later = asyncio.ensure_future(person.write(conversation_id, "second"))
    await db.waits_for_lock(person)
    earlier = await one.write(conversation_id, "first")
    await one.rows("commit")
    assert earlier < await later, "the id was taken before the lock"


async def two_texts_of_one_conversation_leave_in_order(db: Db) -> None:
    one, number, _, conversation_id = await talk(db)
    person, two = await db.person(number), await db.session()
    first = await person.write(conversation_id, "first")
    second = await person.write(conversation_id, "second")
    job = await one.claim()
    assert job["message_id"] == first
    assert (await two.claim())["kind"] == "wait", "two jobs of one conversation at once"
    await one.finish(job)
    assert (await two.claim())["message_id"] == second


async def two_conversations_of_one_contact_take_turns(db: Db) -> None:
    """The older one is closed with a text still to settle; the newer one is owed an answer."""
    one, number, contact, job = await unknown(db)
    await one.close(job["conversation_id"])
    await one.ingest(number, contact, "Otra vez")
    await db.admin.rows("alter function sms.pick_conversation rename to pick_at_once")
    await db.admin.rows("""
        create function sms.pick_conversation(
          a timestamptz, b timestamptz, c timestamptz
        )
        returns public.sms_conversations language plpgsql as $$
        declare v public.sms_conversations := sms.pick_at_once(a, b, c);
        begin
          perform pg_advisory_xact_lock_shared(42);
          return v;
        end $$""")
    two = await db.session()
    await db.admin.rows("select pg_advisory_lock(42)")
    claims = [asyncio.ensure_future(session.claim()) for session in (one, two)]
    await db.waits_for_lock(one)
    await db.waits_for_lock(two)
    await db.admin.rows("select pg_advisory_unlock(42)")
    kinds = sorted([(await claim)["kind"] for claim in claims])
    await db.admin.rows("drop function sms.pick_conversation")
    await db.admin.rows("alter function sms.pick_at_once rename to pick_conversation")
    assert kinds[1] == "wait", "two jobs of one contact at once"


async def a_claim_asked_again_is_the_same_job(db: Db) -> None:
    one, number, *_ = await talk(db)
    await one.ingest(number, new_contact())
    lease = str(uuid.uuid4())
    job = await one.claim(lease)
    again = await one.claim(lease)
    found = again["conversation_id"], again["attempt"]
    assert found == (job["conversation_id"], 1), "asked again it is another job"


async def test_a_claim_asked_again_after_its_lease_is_a_new_one(db: Db) -> None:
    one, *_, job = await sending(db)
    await db.later(seconds=61)
    assert (await one.claim(job["lease_id"]))["kind"] == "wait", "it may be at Twilio"
    assert (await db.message(job["message_id"]))["status"] == "unknown"


async def test_a_claim_asked_again_when_a_callback_did_the_job_is_another_job(db: Db) -> None:
    one, number, contact, job = await sending(db)
    await one.callback(job, new_sid(), "sent")
    assert (await one.answer(job))["outcome"] == "gone"
    await one.ingest(number, contact, "¿Y?")
    assert (await one.claim(job["lease_id"]))["kind"] == "reply"


async def test_a_released_job_gives_its_attempt_back(db: Db) -> None:
    one, *_, conversation_id = await talk(db)
    job = await one.claim()
    assert await one.call("release_sms_work", lease_id=job["lease_id"])
    assert not await one.call("release_sms_work", lease_id=job["lease_id"])
    assert (await db.conversation(conversation_id))["reply_attempts"] == 0
    answer = await one.answer(await one.claim())
    assert await one.call("release_sms_work", lease_id=answer["lease_id"])
    again = await one.claim()
    assert (again["kind"], again["message_id"]) == ("send", answer["message_id"])
    assert (await db.message(answer["message_id"]))["attempts"] == 1


async def test_a_lease_taken_away_lets_the_next_worker_work(db: Db) -> None:
    one, *_, conversation_id = await talk(db)
    assert (await one.claim(seconds=60))["kind"] == "reply"
    wait = await one.claim()
    assert wait["kind"] == "wait"
    assert 55 < wait["seconds"] <= 60
    await db.later(seconds=61)
    job = await one.claim()
    assert (job["conversation_id"], job["attempt"]) == (conversation_id, 2)


async def test_a_worker_sleeps_until_something_it_can_do_is_due(db: Db) -> None:
    """Nothing that waits for somebody else makes it ask again at once."""
    one, number = await db.session(), await db.number(reply_delay=timedelta(seconds=4))
    assert (await one.claim())["seconds"] is None
    contact = new_contact()
    stored = await one.ingest(number, contact)
    assert 3 < (await one.claim())["seconds"] <= 4
    await db.later(seconds=4)
    await one.claim(seconds=3)
    assert 2 < (await one.claim())["seconds"] <= 3, "until the lease ends"
    await db.later(seconds=3)
    await one.ingest(number, contact, "y")
    assert 2 < (await one.claim())["seconds"] <= 3, "the lease ended, the burst goes on"
    await one.close(stored["conversation_id"])
    assert (await one.claim())["seconds"] is None


async def test_a_job_says_when_there_is_more_work(db: Db) -> None:
    one, number, *_ = await talk(db)
    await one.ingest(number, new_contact())
    assert (await one.claim(seconds=30))["seconds"] == 0, "somebody else's text is due as well"
    await one.ingest(await db.number(reply_delay=timedelta(seconds=4)), new_contact())
    assert 3 < (await one.claim(seconds=30))["seconds"] <= 4


async def hints(db: Db) -> list[float]:
    """In how many seconds the workers were told that there is work, and forget it."""
    told = await db.admin.rows(
        "delete from realtime.messages where topic = 'sms:worker' returning payload"
    )
    return [float(hint["payload"]["seconds"]) for hint in told]


async def test_a_hint_says_when_its_work_is_due(db: Db) -> None:
    await hints(db)
    one, *_ = await talk(db, reply_delay=timedelta(seconds=4))
    [seconds] = await hints(db)
    assert 3 < seconds <= 4
    await db.later(seconds=4)
    job = await one.answer(await one.claim())
    await one.finish(job)
    assert await hints(db) == [], "nothing came meanwhile"


async def test_what_came_while_a_text_was_sent_is_announced_when_that_ends(db: Db) -> None:
    one, number, contact, job = await sending(db)
    await one.ingest(number, contact, "Otra cosa")
    await hints(db)
    await one.finish(job)
    assert await hints(db) == [0]


async def test_a_lease_that_outlives_its_work_wakes_nobody(db: Db) -> None:
    one, *_, job = await sending(db)
    await one.callback(job, new_sid(), "delivered")
    await db.later(minutes=5)
    assert (await one.claim())["seconds"] is None


async def test_a_contact_whose_other_conversation_is_leased_is_waited_for(db: Db) -> None:
    one, number, contact, job = await sending(db)
    await one.close(job["conversation_id"])
    await one.ingest(number, contact, "Otra vez")
    wait = await one.claim()
    assert wait["kind"] == "wait"
    assert 55 < wait["seconds"] <= 60
    await one.finish(job)
    assert (await one.claim())["kind"] == "reply"


async def test_one_number_gets_at_most_half_of_many_leases(db: Db) -> None:
    one, busy, *_ = await talk(db)
    for _ in range(20):
        await one.ingest(busy, new_contact())
    other = await db.number()
    for _ in range(20):
        await one.ingest(other, new_contact())
    held = Counter([(await one.claim())["config_id"] for _ in range(24)])
    assert 10 <= held[str(other.id)] <= 14


# 2. Owing and answering.


async def a_text_posted_twice_at_once_is_one(db: Db) -> None:
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


async def an_overtaken_answer_is_dropped_though_it_had_to_wait(db: Db) -> None:
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


async def one_worker_answers_though_two_generated(db: Db) -> None:
    """The first one was slow; its lease ended, and another one took over."""
    one, *_ = await talk(db)
    two = await db.session()
    slow = await one.claim()
    await db.later(seconds=61)
    quick = await two.claim()
    outcomes = [(await s.answer(job))["outcome"] for s, job in ((one, slow), (two, quick))]
    assert outcomes == ["gone", "send"], "two workers send an answer"


async def a_text_that_comes_while_the_answer_is_sent_is_answered(db: Db) -> None:
    one, number, contact, job = await sending(db)
    await one.ingest(number, contact, "y otra cosa")
    await one.finish(job)
    assert (await one.claim())["kind"] == "reply", "the newer text is never answered"


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


async def test_an_old_stop_does_not_silence_who_came_back(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db, "START", "¿Abren hoy?")
    await one.ingest(number, contact, "STOP", at=datetime.now(UTC) - timedelta(hours=1))
    assert (await db.conversation(conversation_id))["reply_due_at"]
    assert (await one.answer(await one.claim()))["outcome"] == "send"


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


# 3. The gate.


async def nothing_leaves_for_who_opted_out(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db)
    person = await db.person(number)
    waiting = await person.write(conversation_id, "Le llamo luego.")
    await one.call("set_sms_opt_out", user_id=number.user_id, contact_number=contact)
    assert (await one.claim())["kind"] == "wait", "a text leaves for a contact who opted out"
    message = await db.message(waiting)
    assert (message["status"], message["error_message"]) == ("blocked", "opted_out")
    later = await person.write(conversation_id, "¿Sigue ahí?")
    assert (await db.message(later))["status"] == "blocked"
    await one.ingest(number, contact, "START")
    assert (await one.claim())["kind"] == "wait"
    again = await person.write(conversation_id, "Bienvenida.")
    assert (await one.claim())["message_id"] == again


async def test_an_opt_out_waits_for_no_text_that_is_at_the_gate(db: Db) -> None:
    """It waits for the lock; the answer that passed before it is finished."""
    one, number, contact, _ = await talk(db)
    job, two = await one.claim(), await db.session()
    await one.rows("begin")
    answer = await one.answer(job)
    opt_out = two.call("set_sms_opt_out", user_id=number.user_id, contact_number=contact)
    await both(db, one, opt_out, two)
    assert await one.finish(answer) == "recorded"


async def test_stop_speaks_of_all_numbers_of_the_owner(db: Db) -> None:
    one, number, contact, _ = await talk(db)
    sibling, stranger = await db.number(owner=number), await db.number()
    jobs = [await one.claim()]
    for other in (sibling, stranger):
        await one.ingest(other, contact)
        jobs.append(await one.claim())
    await one.ingest(number, contact, "Stop!")
    outcomes = [(await one.answer(job)).get("reason", "sent") for job in jobs[1:]]
    assert outcomes == ["opted_out", "sent"]
    assert (await one.answer(jobs[0]))["outcome"] == "gone"


async def test_twilios_refusal_21610_is_an_opt_out_of_that_number(db: Db) -> None:
    one, number, contact, job = await sending(db)
    assert await one.fail(job, "failed", code=21610) == "failed"
    person = await db.person(number)
    blocked = await person.write(job["conversation_id"])
    assert (await db.message(blocked))["status"] == "blocked"
    sibling = await db.number(owner=number)
    await one.ingest(sibling, contact)
    assert (await one.answer(await one.claim()))["outcome"] == "send"


async def test_closing_cancels_what_waits_and_drops_what_is_owed(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db)
    person = await db.person(number)
    written = await person.write(conversation_id)
    await one.ingest(number, contact, "gracias")
    await person.close(conversation_id)
    assert (await db.message(written))["status"] == "canceled"
    assert (await one.claim())["kind"] == "wait"
    with pytest.raises(psycopg.Error) as refused:
        await person.write(conversation_id)
    assert refused.value.sqlstate == "PT409"


async def test_a_text_being_sent_when_its_conversation_closes_is_finished(db: Db) -> None:
    one, number, _, job = await sending(db)
    await (await db.person(number)).close(job["conversation_id"])
    sid = new_sid()
    assert await one.finish(job, sid) == "recorded"
    assert (await db.message(job["message_id"]))["message_sid"] == sid


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


async def test_a_capped_contact_keeps_its_answer_when_a_newer_text_overtakes_a_refused_one(
    db: Db,
) -> None:
    one, number, contact, job = await sending(db, replies_per_hour=1)
    await one.fail(job, "refused", retry_after="30")
    await one.ingest(number, contact, "otra")
    assert (await one.answer(await one.claim()))["outcome"] == "send"


async def test_the_same_text_after_each_of_two_answers_is_another_machine(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db, "I am away")
    for _ in range(2):
        await one.finish(await one.answer(await one.claim()))
        await one.ingest(number, contact, "I am away")
    assert (await one.claim())["kind"] == "wait"
    assert (await db.conversation(conversation_id))["reply_error"] == "loop"
    await one.ingest(number, contact, "Now it is me")
    assert (await one.claim())["kind"] == "reply"


async def test_who_pauses_the_ai_while_it_generates_gets_no_answer(db: Db) -> None:
    one, number, _, conversation_id = await talk(db)
    job, person = await one.claim(), await db.person(number)
    await person.rows(
        "update public.sms_conversations set auto_reply = false where id = %s", conversation_id
    )
    assert (await one.answer(job))["reason"] == "paused"
    assert (await one.claim())["kind"] == "wait"


async def test_quiet_hours_hold_the_answer_but_not_a_finished_text(db: Db) -> None:
    now = datetime.now(UTC)
    one, number, contact, job = await sending(db)
    await db.admin.rows(
        "update public.sms_configs set quiet_from = %s, quiet_until = %s where id = %s",
        *((now - timedelta(hours=1)).time(), (now + timedelta(hours=2)).time(), number.id),
    )
    await one.fail(job, "refused", retry_after="0")
    finished = await one.claim()
    assert (finished["kind"], finished["message_id"]) == ("send", job["message_id"])
    await one.finish(finished)
    await one.ingest(number, contact, "¿Abren?")
    assert 7000 < (await one.claim())["seconds"] <= 7200
    await db.later(hours=2)
    assert (await one.claim())["kind"] == "wait", "that clock time has not come"
    await db.admin.rows("update public.sms_configs set quiet_from = null, quiet_until = null")
    assert (await one.claim())["kind"] == "wait"
    await db.later(hours=2)
    assert (await one.claim())["kind"] == "reply"


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # Clocks go forward at 02:00 EST on 14 March 2027: that night has an hour less.
        ("2027-03-14 01:30-05", "2027-03-14 08:00-04"),
        ("2027-03-13 22:00-05", "2027-03-14 08:00-04"),
        ("2027-03-14 07:59-04", "2027-03-14 08:00-04"),
        ("2027-03-14 08:00-04", None),
        ("2027-03-14 21:59-04", None),
        # And back at 02:00 EDT on 7 November: one hour more.
        ("2027-11-07 01:30-04", "2027-11-07 08:00-05"),
        ("2027-11-06 23:00-04", "2027-11-07 08:00-05"),
    ],
)
async def test_quiet_hours_follow_the_clocks(db: Db, now: str, until: str | None) -> None:
    number = await db.number(quiet_from="22:00", quiet_until="08:00", time_zone="America/New_York")
    found = await db.admin.value(
        "select sms.quiet_until(f, %s) from public.sms_configs as f where f.id = %s",
        *(now, number.id),
    )
    assert found == (until and datetime.fromisoformat(f"{until}:00"))


@pytest.mark.parametrize(
    ("now", "until"),
    [("2027-03-14 01:59-05", "2027-03-14 03:30-04"), ("2027-03-14 03:31-04", None)],
)
async def test_quiet_hours_may_end_in_the_hour_that_does_not_exist(
    db: Db, now: str, until: str | None
) -> None:
    number = await db.number(quiet_from="01:00", quiet_until="02:30", time_zone="America/New_York")
    found = await db.admin.value(
        "select sms.quiet_until(f, %s) from public.sms_configs as f where f.id = %s",
        *(now, number.id),
    )
    assert found == (until and datetime.fromisoformat(f"{until}:00"))


# 4. Sending and settling.


async def what_twilio_has_queued_is_not_sent_again(db: Db) -> None:
    """create() itself answers "queued": Twilio's queue, not ours."""
    one, *_, job = await sending(db)
    await one.finish(job, status="queued")
    await db.later(minutes=5)
    assert (await one.claim())["kind"] == "wait", "Twilio's queued text is sent again"


async def what_a_dead_worker_may_have_sent_is_not_sent_blindly(db: Db) -> None:
    one, *_, job = await sending(db)
    await db.later(minutes=3)
    found = await one.claim()
    assert found["kind"] in ("wait", "reconcile"), "it is sent blindly"
    assert (await db.message(job["message_id"]))["status"] == "unknown"


async def one_empty_listing_is_not_enough(db: Db) -> None:
    one, _, _, job = await unknown(db)
    look = await one.claim()
    assert (look["kind"], look["message_id"]) == ("reconcile", job["message_id"])
    assert await one.settle(look, []) == "unknown", "one listing decided"
    assert (await one.claim())["kind"] == "wait"
    await db.later(seconds=61)
    assert await one.settle(await one.claim(), []) == "queued"


async def a_fact_is_recorded_though_its_lease_is_lost(db: Db) -> None:
    """Finished by a worker that was away for so long that the text became unknown."""
    one, *_, job = await unknown(db)
    sid = new_sid()
    assert await one.finish(job, sid) == "recorded", "the SID is lost"
    assert (await db.message(job["message_id"]))["message_sid"] == sid
    assert (await one.claim())["kind"] == "wait"


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


async def what_an_answer_that_never_left_was_to_cover_the_next_one_covers(db: Db) -> None:
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


async def test_the_model_is_shown_every_text_that_waits(db: Db) -> None:
    one, *_ = await talk(db, *(f"texto {n}" for n in range(30)), history_limit=5)
    contents = [turn["content"] for turn in (await one.claim())["history"]]
    assert contents == [f"texto {n}" for n in range(30)]


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


async def test_what_is_sent_is_recorded_though_the_next_job_fails(stack: Stack) -> None:
    async with scratch_database(stack.postgres_url) as url, Db.connect(url) as db:
        one, *_, job = await sending(db)
        await talk(db)
        await db.patch("sms.reply_job", "'kind', 'reply'", "'kind', 1 / 0")
        sid = new_sid()
        assert await one.finish_and_claim(job, sid=sid) is None
        assert (await db.message(job["message_id"]))["message_sid"] == sid
        with pytest.raises(psycopg.errors.DivisionByZero):
            await one.claim()


@pytest.mark.parametrize(("call", "committed"), [("claim", "off"), ("finish", "on")])
async def test_a_lease_alone_is_committed_without_waiting_for_the_disk(
    db: Db, call: str, committed: str
) -> None:
    """What was sent is not: a crash of the server would forget it."""
    one, *_, job = await sending(db)
    await talk(db)
    await one.rows("set synchronous_commit = on")
    async with one.transaction():
        taken = await (one.claim() if call == "claim" else one.finish_and_claim(job))
        assert taken and taken["kind"] == "reply"
        assert await one.value("show synchronous_commit") == committed


async def test_a_second_sid_is_doubled_and_counted(db: Db) -> None:
    one, *_, job = await sending(db)
    await one.finish(job)
    assert await one.finish(job) == "doubled"
    assert await one.callback(job, new_sid(), "delivered") == "doubled"
    assert (await one.call("get_sms_health"))["doubled"] == 2


async def test_a_callback_before_its_finish_attaches_the_sid(db: Db) -> None:
    one, *_, job = await sending(db)
    sid = new_sid()
    assert await one.callback(job, sid, "delivered") == "recorded"
    assert await one.finish(job, sid, "queued") == "recorded"
    assert (await db.message(job["message_id"]))["status"] == "delivered"
    assert (await one.claim())["seconds"] is None, "the lease ended"


async def test_a_callback_for_another_contact_is_ignored(db: Db) -> None:
    one, *_, job = await sending(db)
    assert await one.callback(job, new_sid(), "delivered", to=new_contact()) == "gone"
    assert (await db.message(job["message_id"]))["status"] == "sending"


async def test_a_callback_to_a_text_that_was_never_sent_is_ignored(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db)
    written = await (await db.person(number)).write(conversation_id)
    job = {"to": contact, "message_id": written}
    assert await one.callback(job, new_sid(), "delivered") == "gone"


async def test_a_callback_stops_a_text_that_waits_to_be_sent_once_more(db: Db) -> None:
    one, *_, job = await unknown(db)
    await one.settle(await one.claim(), [])
    await db.later(seconds=61)
    assert await one.settle(await one.claim(), []) == "queued"
    assert await one.callback(job, new_sid(), "sent") == "recorded"
    assert (await one.claim())["kind"] == "wait"


@pytest.mark.parametrize("has_sid", [True, False])
async def test_a_late_delivered_beats_our_failed(db: Db, has_sid: bool) -> None:
    one, *_, job = await sending(db)
    sid = new_sid()
    if has_sid:
        await one.finish(job, sid, "failed")
    else:
        await one.fail(job, "failed")
    assert (await db.message(job["message_id"]))["status"] == "failed"
    assert await one.callback(job, sid, "delivered") == "recorded"
    message = await db.message(job["message_id"])
    assert (message["status"], message["error_message"]) == ("delivered", None)
    assert message["delivered_at"]


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


TWILIOS_WORDS = {
    "accepted": "accepted",
    "scheduled": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "sent",
    "canceled": "canceled",
    "failed": "failed",
    "undelivered": "undelivered",
    "partially_delivered": "partially_delivered",
    "delivered": "delivered",
    "read": "read",
}


async def test_every_four_of_twilios_words_leave_the_highest_in_any_order(db: Db) -> None:
    """One text for each order, told of four states by four callbacks.

    Words that mean one state to us stand for each other.
    """
    *_, conversation_id = await talk(db)
    states = list(dict.fromkeys(TWILIOS_WORDS.values()))
    told = {
        tuple(TWILIOS_WORDS[word] for word in order): order
        for order in permutations(TWILIOS_WORDS, 4)
    }
    await db.admin.rows("begin")
    await db.admin.rows(
        "insert into public.sms_messages"
        " (conversation_id, direction, author, status, message_content, message_sid)"
        " select %s, 'outgoing', 'ai', 'accepted', 'hi', 'SM' || n"
        " from generate_series(1, %s) as n",
        *(conversation_id, len(told)),
    )
    await db.admin.rows("set local session_replication_role = replica")  # no announcements
    await db.admin.rows(
        "select public.record_sms_delivery(jsonb_build_object('sid', 'SM' || n, 'status', word))"
        " from unnest(%s::text[]) with ordinality as o (words, n),"
        " string_to_table(o.words, ' ') as word",
        [" ".join(order) for order in told.values()],
    )
    left = await db.admin.rows(
        "select message_sid as sid, status from public.sms_messages where direction = 'outgoing'"
    )
    await db.admin.rows("rollback")
    highest = {f"SM{n}": max(order, key=states.index) for n, order in enumerate(told, 1)}
    assert {row["sid"]: row["status"] for row in left} == highest


SCENES: list[tuple[Scene, Naive, str]] = [
    (ids_are_in_commit_order, AN_ID_FROM_THE_DEFAULT, "taken before the lock"),
    (
        two_texts_of_one_conversation_leave_in_order,
        A_LEASE_ON_MESSAGES,
        "two jobs of one conversation at once",
    ),
    (
        two_conversations_of_one_contact_take_turns,
        NO_LOOK_AFTER_THE_CONTACTS_LOCK,
        "two jobs of one contact at once",
    ),
    (a_claim_asked_again_is_the_same_job, NO_CLAIM_ASKED_AGAIN, "it is another job"),
    (a_text_posted_twice_at_once_is_one, A_SID_LOOKED_UP_BEFORE_THE_INSERT, "stored twice"),
    (
        an_overtaken_answer_is_dropped_though_it_had_to_wait,
        QUEUE_REPLY_AS_ONE_STATEMENT,
        "the stale answer goes out",
    ),
    (
        an_overtaken_answer_is_dropped_though_it_had_to_wait,
        NO_NEWER_TEXT_CHECK,
        "the stale answer goes out",
    ),
    (one_worker_answers_though_two_generated, NO_LEASE_CHECK, "two workers send an answer"),
    (
        a_text_that_comes_while_the_answer_is_sent_is_answered,
        FINISHING_CLEARS_WHAT_IS_OWED,
        "never answered",
    ),
    (nothing_leaves_for_who_opted_out, NO_GATE, "leaves for a contact who opted out"),
    (what_twilio_has_queued_is_not_sent_again, TWILIOS_QUEUED_AS_OURS, "is sent again"),
    (what_a_dead_worker_may_have_sent_is_not_sent_blindly, A_BLIND_RESEND, "is sent blindly"),
    (one_empty_listing_is_not_enough, ONE_LISTING_DECIDES, "one listing decided"),
    (
        what_an_answer_that_never_left_was_to_cover_the_next_one_covers,
        NO_WAIT_FOR_AN_UNKNOWN_ANSWER,
        "in no answer",
    ),
    (a_fact_is_recorded_though_its_lease_is_lost, A_LEASE_FENCES_FACTS, "the SID is lost"),
]


def scene_name(value: object) -> str:
    return getattr(value, "__name__", "")


@pytest.mark.parametrize("scene", dict.fromkeys(scene for scene, *_ in SCENES), ids=scene_name)
async def test_scene(db: Db, scene: Scene) -> None:
    await scene(db)


@pytest.mark.parametrize(("scene", "naive", "failure"), SCENES, ids=scene_name)
async def test_naive_form_fails(stack: Stack, scene: Scene, naive: Naive, failure: str) -> None:
    async with scratch_database(stack.postgres_url) as url, Db.connect(url) as db:
        await make_naive(db, naive)
        with pytest.raises(AssertionError, match=failure):
            await scene(db)
