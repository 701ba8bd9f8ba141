"""Claiming: one job for one lease id, whoever asks when, a turn for every number, what is shown."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from datetime import timedelta

import pytest

from tests.rules.mutants import mutant
from tests.scenario import Scenario, sending, talk, unknown
from tests.sql import Db, Job, Session, new_contact, new_sid


@pytest.mark.parametrize("waiting", [1, 2], ids=["nothing else waits", "another one waits"])
async def test_a_claim_asked_again_while_the_first_still_runs_is_one_claim(
    db: Db, waiting: int
) -> None:
    """A worker asks again after a lost answer; the first call may still be at work."""
    one, two, number = await db.session(), await db.session(), await db.number()
    for _ in range(waiting):
        await one.ingest(number, new_contact())
    lease = str(uuid.uuid4())
    await one.rows("begin")
    first = await one.claim(lease)
    again = asyncio.ensure_future(two.claim(lease))
    await db.waits_for_lock(two)
    await one.rows("commit")
    second = await again
    assert (second["kind"], second["message_id"]) == ("reply", first["message_id"])
    held = await db.admin.rows(
        "select reply_attempts from public.sms_conversations where lease_id is not null"
    )
    assert held == [{"reply_attempts": 1}]


async def test_a_job_brought_by_a_send_and_claimed_at_once_is_one_job(db: Db) -> None:
    """finish_sms_send was asked again and its next lease claimed, all under way together."""
    one, two, number = await db.session(), await db.session(), await db.number()
    for _ in range(3):
        await one.ingest(number, new_contact())
    job = await one.answer(await one.claim())
    lease, sid = str(uuid.uuid4()), new_sid()
    await one.rows("begin")
    brought = await one.finish_and_claim(job, lease, sid)
    again = asyncio.ensure_future(two.claim(lease))
    await db.waits_for_lock(two)
    await one.rows("commit")
    assert brought
    assert (await again)["message_id"] == brought["message_id"]
    held = "select count(*) from public.sms_conversations where lease_id is not null"
    assert await db.admin.value(held) == 1


async def test_claims_with_leases_of_their_own_do_not_wait_for_each_other(db: Db) -> None:
    one, two, number = await db.session(), await db.session(), await db.number()
    for _ in range(2):
        await one.ingest(number, new_contact())
    await one.rows("begin")
    first = await one.claim()
    second = await asyncio.wait_for(two.claim(), 5)
    await one.rows("commit")
    assert {first["kind"], second["kind"]} == {"reply"}
    assert first["message_id"] != second["message_id"]


# What a job shows the model, and which message it answers.

# No reply is due for these: a reaction, and what Twilio answers itself.
NOT_DUE = ["Liked “Claro.”", "HELP", "INFO"]


def shown(job: Job) -> list[str]:
    return [turn["content"] for turn in job["history"]]


@pytest.mark.parametrize("body", NOT_DUE)
async def test_the_job_answers_the_newest_message_a_reply_is_due_for(
    scenario: Scenario, body: str
) -> None:
    asked = await scenario.texts("¿Abren hoy?")
    await scenario.texts(body)
    job = await scenario.one.claim()
    assert job["message_id"] == asked["message_id"]
    assert shown(job) == ["¿Abren hoy?"]


async def test_the_job_answers_the_newest_message_of_several(scenario: Scenario) -> None:
    await scenario.texts("¿Abren hoy?")
    newest = await scenario.texts("¿Y mañana?")
    job = await scenario.one.claim()
    assert job["message_id"] == newest["message_id"]
    assert shown(job) == ["¿Abren hoy?", "¿Y mañana?"]


async def test_the_fallback_answers_the_newest_message_a_reply_is_due_for(
    scenario: Scenario,
) -> None:
    await scenario.db.timing(reply_attempts_max=1)
    asked = await scenario.texts("¿Abren hoy?")
    await scenario.one.fail_sms_reply(await scenario.one.claim())
    await scenario.texts("Liked “Claro.”")
    job = await scenario.one.claim()
    assert (job["kind"], job["message_id"]) == ("fallback", asked["message_id"])


@pytest.mark.parametrize(
    "bodies",
    [
        ["STOP", "START"],
        ["BAJA", "ALTA"],
        ["stop texting me", "START", "HELP"],
        ["STOP", "unstop"],
    ],
)
async def test_opt_words_and_their_confirmations_are_no_part_of_the_history(
    scenario: Scenario, bodies: list[str]
) -> None:
    for body in bodies:
        await scenario.texts(body)
        await scenario.work()
    await scenario.texts("Hola")
    assert shown(await scenario.one.claim()) == ["Hola"]


async def test_what_merely_sounds_like_an_opt_word_stays_in_the_history(
    scenario: Scenario,
) -> None:
    await scenario.texts("please cancel my table")
    await scenario.work()
    await scenario.texts("are you a bot?")
    sent = await scenario.work()
    await scenario.texts("yes")
    assert shown(await scenario.one.claim()) == [
        *("please cancel my table", "model"),
        *("are you a bot?", sent[0]),
        "yes",
    ]


@pytest.mark.parametrize(
    ("body", "intent"),
    [("STOP", "stop"), ("HELP", "help"), ("quiero un humano", "human"), ("Hola", None)],
)
async def test_a_message_keeps_what_it_asked_for(
    scenario: Scenario, body: str, intent: str | None
) -> None:
    stored = await scenario.texts(body)
    assert (await scenario.db.message(stored["message_id"]))["intent"] == intent


# What a model is shown is bounded in messages and in characters.


async def test_a_model_is_shown_no_more_characters_than_it_takes(scenario: Scenario) -> None:
    long = [f"{n} " + "a" * 1590 for n in range(12)]
    for body in long:
        await scenario.texts(body)
    contents = shown(await scenario.one.claim())
    assert contents == long[-7:], "the newest, oldest first"
    assert sum(map(len, contents)) <= 12_000


async def test_the_newest_message_is_shown_however_long(scenario: Scenario) -> None:
    await scenario.db.timing(history_characters=5)
    await scenario.texts("¿Abren hoy?")
    await scenario.texts("¿Y mañana por la tarde?")
    assert shown(await scenario.one.claim()) == ["¿Y mañana por la tarde?"]


async def test_short_messages_are_all_shown(scenario: Scenario) -> None:
    for n in range(30):
        await scenario.texts(f"mensaje {n}")
    assert shown(await scenario.one.claim()) == [f"mensaje {n}" for n in range(30)]


BACKLOG = """
insert into public.sms_conversations
  (user_id, config_id, contact_number, reply_due_at, waiting_since)
select %s, %s, '+1999' || lpad(n::text, 7, '0'), t.ago, t.ago
from generate_series(1, %s) as n, (select now() - interval '1 hour') as t (ago)
"""


async def pages_of_a_claim(session: Session, lease: str) -> int:
    """Pages that the claim reads; it happens, and asked again with that lease gives its job."""
    query = "explain (analyze, buffers, format json) select public.claim_sms_work('test', %s)"
    [plan] = await session.value(query, lease)
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


@pytest.mark.parametrize("backlog", [300, 100_000])
async def test_a_number_gets_its_turn_behind_any_backlog_of_another(db: Db, backlog: int) -> None:
    """Once eight leases are live; and the claim that looks behind the backlog is not a slow one."""
    one, busy, other = await db.session(), await db.number(), await db.number()
    for _ in range(12):
        await one.ingest(busy, new_contact())
    usual = []
    for _ in range(8):
        lease = str(uuid.uuid4())
        usual.append(await pages_of_a_claim(one, lease))
        assert (await one.claim(lease))["config_id"] == str(busy.id)
    await db.later(seconds=30)
    async with db.admin.transaction():
        await db.admin.rows("set local session_replication_role = replica")
        await db.admin.rows(BACKLOG, busy.user_id, busy.id, backlog)
    await db.admin.rows("vacuum analyze public.sms_conversations")
    stored = await one.ingest(other, new_contact())
    read = []
    for _ in range(3):
        lease = str(uuid.uuid4())
        read.append(await pages_of_a_claim(one, lease))
        job = await one.claim(lease)
        if job.get("message_id") == stored["message_id"]:
            break
    assert job["message_id"] == stored["message_id"]
    assert max(read) <= 2 * max(usual), (read, usual)
    async with db.admin.transaction():  # as they came: nothing counts them
        await db.admin.rows("set local session_replication_role = replica")
        await db.admin.rows(
            "delete from public.sms_conversations where contact_number like '+1999%'"
        )


# One lease, on the conversation.


A_LEASE_ON_MESSAGES = """
alter table public.sms_messages add lease_id uuid, add leased_until timestamptz;
create or replace function public.claim_sms_work(
  p_worker text, p_lease_id uuid, p_lease interval default null
)
returns jsonb language plpgsql volatile set search_path = '' as $$
declare
  v_message public.sms_messages;
begin
  select m.* into v_message from public.sms_messages as m
  where m.status = 'queued' and (m.leased_until is null or m.leased_until < now())
  order by m.id
  limit 1
  for no key update skip locked;
  if not found then
    return jsonb_build_object('kind', 'wait');
  end if;
  update public.sms_messages as m
  set lease_id = p_lease_id, leased_until = now() + p_lease, status = 'sending', sending_at = now()
  where m.id = v_message.id;
  return jsonb_build_object('kind', 'send', 'message_id', v_message.id);
end;
$$
"""


@mutant("a lease on messages", A_LEASE_ON_MESSAGES, fails="two jobs of one conversation at once")
async def test_two_texts_of_one_conversation_leave_in_order(db: Db) -> None:
    one, number, _, conversation_id = await talk(db)
    person, two = await db.person(number), await db.session()
    first = await person.write(conversation_id, "first")
    second = await person.write(conversation_id, "second")
    job = await one.claim()
    assert job["message_id"] == first
    assert (await two.claim())["kind"] == "wait", "two jobs of one conversation at once"
    await one.finish(job)
    assert (await two.claim())["message_id"] == second


@mutant(
    "no look after the contact's lock",
    (
        "sms.has_contact_alone",
        "return false;\n  end if;",
        "return not sms.is_contact_busy(p_conversation, p_now);\n  end if;\n  return true;",
    ),
    fails="two jobs of one contact at once",
)
async def test_two_conversations_of_one_contact_take_turns(own_db: Db) -> None:
    """The older one is closed with a text still to settle; the newer one is owed an answer."""
    one, number, contact, job = await unknown(own_db)
    await one.close(job["conversation_id"])
    await one.ingest(number, contact, "Otra vez")
    await own_db.admin.rows("alter function sms.pick_conversation rename to pick_at_once")
    await own_db.admin.rows("""
        create function sms.pick_conversation(
          a timestamptz, b timestamptz, c timestamptz
        )
        returns public.sms_conversations language plpgsql as $$
        declare v public.sms_conversations := sms.pick_at_once(a, b, c);
        begin
          perform pg_advisory_xact_lock_shared(42);
          return v;
        end $$""")
    two = await own_db.session()
    await own_db.admin.rows("select pg_advisory_lock(42)")
    claims = [asyncio.ensure_future(session.claim()) for session in (one, two)]
    await own_db.waits_for_lock(one)
    await own_db.waits_for_lock(two)
    await own_db.admin.rows("select pg_advisory_unlock(42)")
    kinds = sorted([(await claim)["kind"] for claim in claims])
    assert kinds[1] == "wait", "two jobs of one contact at once"


@mutant(
    "no claim asked again",
    (
        "sms.claim",
        "if v_conversation.leased_until > v_now then",
        "if false then",
    ),
    fails="it is another job",
)
async def test_a_claim_asked_again_is_the_same_job(db: Db) -> None:
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


# How long a worker may sleep.


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


# Everything that waits is shown.


async def test_the_model_is_shown_every_text_that_waits(db: Db) -> None:
    one, *_ = await talk(db, *(f"texto {n}" for n in range(30)), history_limit=5)
    contents = [turn["content"] for turn in (await one.claim())["history"]]
    assert contents == [f"texto {n}" for n in range(30)]


async def test_a_picture_without_words_is_kept_and_mentioned_to_the_model(
    scenario: Scenario,
) -> None:
    media = [
        {"url": "https://api.twilio.com/m/0", "content_type": "image/jpeg"},
        {"url": "https://api.twilio.com/m/1", "content_type": "image/png"},
    ]
    stored = await scenario.texts("", media=media)
    assert (await scenario.db.message(stored["message_id"]))["media"] == media
    await scenario.texts("y esta", media=media[:1])
    job = await scenario.one.claim()
    assert [turn["content"] for turn in job["history"]] == [
        "[sent 2 attachments not shown here: image/jpeg, image/png]",
        "y esta [sent an attachment not shown here: image/jpeg]",
    ]
