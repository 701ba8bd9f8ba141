"""Claiming: one job for one lease id, whoever asks when, a turn for every number, what is shown."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from tests.scenario import Scenario
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
