"""Replays: past replies asked for again when nothing else is due; nothing of it is a message."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from tests.scenario import Scenario, minutes_ago
from tests.sql import Db, Job, Session, new_contact, new_sid

LATER = {"openai_model": "gpt-6-luna"}
OWN_TABLES = {"sms_replays", "sms_replay_answers", "messages_all", "messages"}


async def replied(scenario: Scenario, count: int = 1) -> list[int]:
    """That many messages, each of a contact of its own, answered as the worker does; reply ids."""
    ids = []
    for number in range(count):
        await scenario.one.ingest(scenario.number, new_contact(), f"¿Abren el día {number}?")
        ids.append(await reply_to(scenario.one, await scenario.one.claim()))
    return ids


async def reply_to(one: Session, job: Job, content: str = "Sí, de 9 a 18.") -> int:
    """Queue and send a reply, with what the model was shown, as a worker does; its id."""
    assert job["kind"] == "reply", job
    shown = [turn["id"] for turn in job["history"]]
    queued = await one.call(
        "queue_sms_reply",
        **{"lease_id": job["lease_id"], "message_id": job["message_id"], "content": content},
        **{"encoding": "GSM-7", "segments": 1, "model": "gpt-4o-mini", "prompt_tokens": 1000},
        **{"completion_tokens": 100, "shown_first_id": min(shown), "shown_last_id": max(shown)},
        prompt_hash="then",
    )
    assert queued["outcome"] == "send", queued
    await one.finish(queued)
    return int(queued["message_id"])


async def start(session: Session, scenario: Scenario, **more: Any) -> str:
    """The id of a replay with another model."""
    params = {"config_id": scenario.number.id, "changes": LATER} | more
    return str(await session.call("start_sms_replay", **params))


async def record(one: Session, job: Job, **answer: Any) -> str:
    given = {"state": "answered", "content": "Sí.", "encoding": "GSM-7", "segments": 1} | answer
    recorded = await one.call("record_sms_replay_answer", lease_id=job["lease_id"], answer=given)
    return str(recorded["outcome"])


async def got(session: Session, replay: str) -> dict[str, Any]:
    found: dict[str, Any] = await session.call("get_sms_replay", replay_id=replay)
    return found


@pytest.fixture
async def admin(db: Db, scenario: Scenario) -> AsyncIterator[Session]:
    """The owner of the number, signed in."""
    yield await db.person(scenario.number)


async def test_a_replay_puts_old_and_new_side_by_side(scenario: Scenario, admin: Session) -> None:
    (reply,) = await replied(scenario)
    replay = await start(admin, scenario)
    job = await scenario.one.claim()
    assert (job["kind"], job["message_id"], job["prompt_hash"]) == ("replay", reply, "then")
    assert (job["prompt"]["openai_model"], job["old_content"]) == ("gpt-6-luna", "Sí, de 9 a 18.")
    usage = {"model": "gpt-6-luna", "prompt_tokens": 1000, "completion_tokens": 200}
    await record(scenario.one, job, segments=2, same_language=True, is_approximate=False, **usage)

    found = await got(admin, replay)
    (pair,) = found["answers"]
    assert found["status"] == "done"
    assert pair["question"] == "¿Abren el día 0?"
    assert (pair["old"]["content"], pair["new"]["content"]) == ("Sí, de 9 a 18.", "Sí.")
    # 1,000 tokens at $0.15 and 100 at $0.60 a million; 1,000 at $0.10 and 200 at $0.50.
    assert (pair["old"]["price"], pair["new"]["price"]) == (0.00021, 0.0002)
    assert (found["totals"]["answered"], found["totals"]["longer"]) == (1, 1)
    assert found["totals"]["new"]["price"] == 0.0002


async def test_a_model_without_a_known_price_has_none(scenario: Scenario, admin: Session) -> None:
    await replied(scenario)
    replay = await start(admin, scenario, changes={"openai_model": "ft:own"})
    await record(scenario.one, await scenario.one.claim(), model="ft:own", prompt_tokens=1)
    found = await got(admin, replay)
    assert found["answers"][0]["new"]["price"] is None
    assert found["totals"]["new"]["price"] is None


async def test_what_is_due_is_claimed_before_a_replay(scenario: Scenario, admin: Session) -> None:
    await replied(scenario, 2)
    await start(admin, scenario)
    await scenario.texts("¿Y el domingo?")
    kinds = [(await scenario.one.claim())["kind"] for _ in range(3)]
    assert kinds == ["reply", "replay", "replay"]


async def test_two_answers_of_replays_are_made_at_a_time(
    scenario: Scenario, admin: Session
) -> None:
    await replied(scenario, 3)
    await start(admin, scenario)
    first, second, third = [await scenario.one.claim() for _ in range(3)]
    assert [first["kind"], second["kind"], third["kind"]] == ["replay", "replay", "wait"]
    assert first["seconds"] == 0, "another one is looked for at once"
    await record(scenario.one, first)
    assert (await scenario.one.claim())["kind"] == "replay"


async def test_a_claim_asked_again_returns_the_answer_held(
    scenario: Scenario, admin: Session
) -> None:
    await replied(scenario, 2)
    await start(admin, scenario)
    lease = str(uuid.uuid4())
    jobs = [await scenario.one.claim(lease) for _ in range(2)]
    assert jobs[0]["place"] == jobs[1]["place"]


async def test_an_answer_whose_worker_died_is_made_by_another(
    db: Db, scenario: Scenario, admin: Session
) -> None:
    await replied(scenario, 3)
    replay = await start(admin, scenario)
    await record(scenario.one, await scenario.one.claim())
    dead = [await scenario.one.claim() for _ in range(2)]
    await db.admin.rows(
        "update public.sms_replay_answers set leased_until = leased_until - interval '2 minutes'"
    )
    again = [await scenario.one.claim() for _ in range(2)]
    assert {job["place"] for job in again} == {job["place"] for job in dead}
    assert await record(scenario.one, dead[0]) == "gone"
    assert [await record(scenario.one, job) for job in again] == ["recorded"] * 2
    assert (await got(admin, replay))["status"] == "done"


async def test_a_job_given_back_keeps_its_attempts(scenario: Scenario, admin: Session) -> None:
    await replied(scenario)
    await start(admin, scenario)
    job = await scenario.one.claim()
    assert await scenario.one.call("release_sms_work", lease_id=job["lease_id"])
    attempts = "select attempts from public.sms_replay_answers"
    assert await scenario.db.admin.value(attempts) == 0
    assert not await scenario.one.call("release_sms_work", lease_id=job["lease_id"])


async def test_a_rate_limit_suspends_the_replay_and_it_goes_on(
    scenario: Scenario, admin: Session
) -> None:
    await replied(scenario, 2)
    replay = await start(admin, scenario)
    job = await scenario.one.claim()
    refused = {"state": "failed", "error": "OpenAI's rate limit is reached", "retry_after": 30}
    assert await record(scenario.one, job, **refused) == "suspended"
    assert (await scenario.one.claim())["kind"] == "wait"
    assert (await got(admin, replay))["suspended_reason"] == "OpenAI's rate limit is reached"
    await scenario.db.admin.rows("update public.sms_replays set suspended_until = now()")
    assert (await scenario.one.claim())["kind"] == "replay"


async def test_an_answer_refused_for_ever_fails_after_three_attempts(
    scenario: Scenario, admin: Session
) -> None:
    await replied(scenario)
    replay = await start(admin, scenario)
    refused = {"state": "failed", "error": "no credit", "retry_after": None}
    outcomes = []
    for _ in range(3):
        outcomes.append(await record(scenario.one, await scenario.one.claim(), **refused))
        await scenario.db.admin.rows("update public.sms_replays set suspended_until = now()")
    assert outcomes == ["suspended", "suspended", "recorded"]
    found = await got(admin, replay)
    assert (found["status"], found["answers"][0]["state"]) == ("done", "failed")


async def test_a_canceled_replay_is_claimed_no_more(scenario: Scenario, admin: Session) -> None:
    await replied(scenario, 2)
    replay = await start(admin, scenario)
    job = await scenario.one.claim()
    await admin.call("cancel_sms_replay", replay_id=replay)
    assert await record(scenario.one, job) == "gone"
    assert (await scenario.one.claim())["kind"] == "wait"
    assert (await got(admin, replay))["status"] == "canceled"


async def test_every_replay_has_its_turn_and_previews_go_first(
    db: Db, scenario: Scenario, admin: Session
) -> None:
    await replied(scenario, 2)
    other = Scenario(db, scenario.one, await db.number(), new_contact())
    await replied(other, 2)
    first = await start(admin, scenario)
    second = await start(await db.person(other.number), other)
    claimed = []
    for _ in range(3):
        job = await scenario.one.claim()
        claimed.append(job["replay_id"])
        await record(scenario.one, job)
    assert sorted(claimed[:2]) == sorted([first, second])
    preview = await admin.call(
        "start_sms_preview", config_id=scenario.number.id, changes={}, message="¿Hola?"
    )
    assert (await scenario.one.claim())["replay_id"] == str(preview)


async def test_a_preview_answers_what_an_admin_typed(scenario: Scenario, admin: Session) -> None:
    preview = await admin.call(
        "start_sms_preview",
        config_id=scenario.number.id,
        changes={"system_prompt": "Sé breve.", "first_reply_notice": "Soy un asistente."},
        message=" ¿Abren? ",
    )
    job = await scenario.one.claim()
    assert [(turn["role"], turn["content"]) for turn in job["history"]] == [("user", "¿Abren?")]
    assert (job["prompt"]["system_prompt"], job["notice"]) == ("Sé breve.", "Soy un asistente.")
    await record(scenario.one, job)
    found = await got(admin, str(preview))
    assert (found["message"], found["answers"][0]["new"]["content"]) == ("¿Abren?", "Sí.")
    assert found["answers"][0]["old"] is None
    assert await scenario.db.admin.value("select count(*) from public.sms_messages") == 0


async def test_a_preview_is_answered_with_the_tools_and_passages_as_typed(
    scenario: Scenario, admin: Session
) -> None:
    await scenario.db.admin.rows(
        "insert into public.sms_documents (user_id, config_id, title, content, language)"
        " values (%s, %s, 'Horario', 'Los domingos abrimos de 9 a 15 h.', 'spanish')",
        *(scenario.number.user_id, scenario.number.id),
    )
    preview = await admin.call(
        "start_sms_preview",
        config_id=scenario.number.id,
        changes={"tools": ["nobody_has_it"], "stay_silent_for": ["goodbye"], "temperature": None},
        message="¿Abren el domingo?",
    )
    job = await scenario.one.claim()
    assert (job["prompt"]["tools"], job["prompt"]["stay_silent_for"]) == ([], ["goodbye"])
    assert [part["title"] for part in job["prompt"]["knowledge"]] == ["Horario"]
    call = {"name": "book", "arguments": {"p_day": "domingo"}}
    await record(scenario.one, job, state="diverged", diverged_call=call, content=None)
    (answer,) = (await got(admin, str(preview)))["answers"]
    (passage,) = await admin.rows("select id from public.sms_passages")
    assert (answer["state"], answer["diverged_call"]) == ("diverged", call)
    assert answer["used"] == [passage["id"]]


async def test_an_answer_tells_how_long_it_took(scenario: Scenario, admin: Session) -> None:
    preview = await admin.call(
        "start_sms_preview", config_id=scenario.number.id, changes={}, message="¿Abren?"
    )
    await record(scenario.one, await scenario.one.claim(), generation_ms=812)
    (answer,) = (await got(admin, str(preview)))["answers"]
    assert (answer["new"]["generation_ms"], answer["used"]) == (812, None)


async def test_when_models_end_is_what_the_list_says_now(db: Db, admin: Session) -> None:
    one = await db.session()

    async def ends() -> dict[str, str]:
        rows = await admin.rows(
            "select model, shuts_down_on::text as day from public.sms_models"
            " where shuts_down_on is not null"
        )
        return {row["model"]: row["day"] for row in rows}

    price = "select input_price from public.sms_models where model = 'gpt-5-mini'"
    before = await db.admin.value(price)
    await one.call(
        "note_sms_models", shutdown_dates={"gpt-5-mini": "2026-12-11", "o3": "2026-12-12"}
    )
    assert await ends() == {"gpt-5-mini": "2026-12-11", "o3": "2026-12-12"}
    await one.call("note_sms_models", shutdown_dates={"o3": "2027-01-01"})
    assert await ends() == {"o3": "2027-01-01"}
    assert await db.admin.value(price) == before


async def rows_of_all_tables(db: Db) -> dict[str, list[Any]]:
    tables = await db.admin.rows(
        "select c.oid::regclass::text as name, c.relname from pg_class as c"
        " where c.relkind = 'r' and c.relnamespace::regnamespace::text"
        " in ('public', 'sms', 'realtime', 'auth')"
    )
    return {
        table["name"]: await db.admin.rows(
            f"select to_jsonb(t)::text from {table['name']} as t order by 1"  # noqa: S608
        )
        for table in tables
        if table["relname"] not in OWN_TABLES
    }


async def test_no_row_outside_its_tables_differs_before_and_after(
    scenario: Scenario, admin: Session
) -> None:
    await replied(scenario, 200)
    before = await rows_of_all_tables(scenario.db)
    replay = await start(admin, scenario)
    while (job := await scenario.one.claim())["kind"] == "replay":
        await record(scenario.one, job, prompt_tokens=10, completion_tokens=5)
    found = await got(admin, replay)
    assert (found["status"], found["totals"]["answered"]) == ("done", 200)
    assert len(before) > 20
    assert await rows_of_all_tables(scenario.db) == before


REFUSED = [
    ({"phone_number": "+15550000000"}, "no prompt depends on"),
    ({"max_tokens": 5}, "max_tokens is 16 to 4,096"),
    ({"system_prompt": None}, "may be null"),
    ({"openai_model": ""}, "openai_model has 1 to 100"),
    ({"max_tokens": 20.5}, "no value of its kind"),
    ({"tools": "book"}, "no value of its kind"),
    ([], "is an object"),
]


@pytest.mark.parametrize(("changes", "sentence"), REFUSED)
async def test_changes_are_held_to_the_rules_of_the_settings(
    scenario: Scenario, admin: Session, changes: Any, sentence: str
) -> None:
    await replied(scenario)
    with pytest.raises(psycopg.Error, match=sentence) as refused:
        await start(admin, scenario, changes=changes)
    assert refused.value.sqlstate == "PT422"


async def test_what_cannot_be_replayed_is_said(scenario: Scenario, admin: Session) -> None:
    with pytest.raises(psycopg.Error, match="no AI reply of that time"):
        await start(admin, scenario)
    with pytest.raises(psycopg.Error, match="1 to 1,600 characters"):
        await admin.call("start_sms_preview", config_id=scenario.number.id, changes={}, message=" ")


async def test_an_account_replays_so_many_answers_a_day(scenario: Scenario, admin: Session) -> None:
    await scenario.db.timing(replay_answers_per_day=3)
    await replied(scenario, 2)
    await start(admin, scenario)
    with pytest.raises(psycopg.Error, match="no more answers to replay") as refused:
        await start(admin, scenario)
    assert refused.value.sqlstate == "PT429"
    await start(admin, scenario, limit=1)


async def test_the_number_is_the_accounts_and_only_admins_start(
    db: Db, scenario: Scenario, admin: Session
) -> None:
    await replied(scenario)
    replay = await start(admin, scenario)
    await record(scenario.one, await scenario.one.claim())
    agent_number, stranger = await db.number(), await db.person(await db.number())
    await db.admin.rows(
        "insert into public.sms_members (user_id, member_id, email) values (%s, %s, 'a@b.cd')",
        *(scenario.number.user_id, agent_number.user_id),
    )
    agent = await db.person(agent_number)

    async def refusal(session: Session, name: str, **params: Any) -> str | None:
        with pytest.raises(psycopg.Error) as refused:
            await session.call(name, **params)
        return refused.value.sqlstate

    starting = {"config_id": scenario.number.id, "changes": LATER}
    assert await refusal(agent, "start_sms_replay", **starting) == "PT403"
    assert await refusal(stranger, "start_sms_replay", **starting) == "PT404"
    assert await refusal(agent, "start_sms_preview", **starting, message="Hola") == "PT403"
    assert await refusal(stranger, "start_sms_preview", **starting, message="Hola") == "PT404"
    assert await refusal(agent, "cancel_sms_replay", replay_id=replay) == "PT403"
    for name in ("get_sms_replay", "cancel_sms_replay"):
        assert await refusal(stranger, name, replay_id=replay) == "PT404"
    mark = {"replay_id": replay, "place": 1, "mark": "better"}
    assert await refusal(stranger, "mark_sms_replay_answer", **mark) == "PT404"
    assert await stranger.rows("select from public.sms_replays") == []
    assert await stranger.rows("select from public.sms_replay_answers") == []

    await agent.call("mark_sms_replay_answer", **mark, comment="kürzer")
    pair = (await got(agent, replay))["answers"][0]
    assert (pair["mark"], pair["comment"]) == ("better", "kürzer")


async def test_a_contact_that_is_erased_is_erased_here_too(
    scenario: Scenario, admin: Session
) -> None:
    await scenario.texts("¿Abren?")
    await reply_to(scenario.one, await scenario.one.claim())
    await start(admin, scenario)
    await record(scenario.one, await scenario.one.claim())
    await admin.call("erase_sms_contact", contact_number=scenario.contact)
    assert await scenario.db.admin.rows("select from public.sms_replay_answers") == []


async def test_the_settings_of_then_come_back_with_their_version(
    scenario: Scenario, admin: Session
) -> None:
    await scenario.configure(system_prompt="Sé breve.", context_attributes=["plan"])
    await scenario.texts("¿Abren?")
    await admin.call(
        "upsert_sms_contacts",
        contacts=[{"contact_number": scenario.contact, "attributes": {"plan": "oro"}}],
    )
    await reply_to(scenario.one, await scenario.one.claim())
    await scenario.configure(system_prompt="Sé largo.")
    await start(admin, scenario)
    job = await scenario.one.claim()
    assert job["original"]["system_prompt"] == "Sé breve."
    assert job["prompt"]["system_prompt"] == "Sé largo."
    assert job["original"]["contact"] == {"plan": "oro"}


# The history, cut again


def shown(job: Job) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in job["history"]]


async def live(scenario: Scenario, seed: int) -> dict[int, list[tuple[str, str]]]:
    """A random conversation of one contact; of each reply's id what the model was shown."""
    chance, one, originals = random.Random(seed), scenario.one, {}
    for step in range(chance.randrange(4, 14)):
        match chance.randrange(9):
            case 0 | 1 | 2 | 3:
                await scenario.texts(f"¿Abren el día {step}?")
            case 4:
                media = [{"url": "https://x.test/1", "content_type": "image/png"}]
                await scenario.texts(chance.choice(["", "mira"]), media=media)
            case 5:
                await scenario.texts(chance.choice(["Horario", "¿Eres un bot?", "👍", "AYUDA"]))
            case 6:
                rows = await scenario.db.admin.rows(
                    "select id from public.sms_conversations where contact_number = %s"
                    " and status = 'active'",
                    scenario.contact,
                )
                if rows:
                    await one.write(str(rows[0]["id"]))
                    await scenario.db.later(hours=13)
            case 7:
                await scenario.db.admin.rows(
                    "update public.sms_conversations set status = 'closed'"
                    " where contact_number = %s and status = 'active' and reply_due_at is null"
                    " and send_due_at is null and lease_id is null",
                    scenario.contact,
                )
            case 8:
                await scenario.texts("primera parte")
                job = await one.claim()
                await scenario.texts("segunda parte")  # supersedes what is being generated
                if job["kind"] == "reply":
                    await one.answer(job)
        while (job := await one.claim())["kind"] not in ("wait", "replay"):
            if job["kind"] == "reply":
                originals[await reply_to(one, job, f"Respuesta {step}")] = shown(job)
            else:
                await one.finish(job)
    return originals


async def test_the_history_is_cut_as_it_was_then(scenario: Scenario, admin: Session) -> None:
    """300 random conversations: media, keywords, takeovers, superseded replies, endings."""
    await admin.rows(
        "insert into public.sms_keyword_replies (config_id, keyword, answer)"
        " values (%s, 'horario', '9 a 18')",
        scenario.number.id,
    )
    await scenario.configure(history_limit=6, takeover_pause="1 hour", replies_per_hour=1000)
    await scenario.configure(number_replies_per_day=10000, replies_per_day=1000)
    originals: dict[int, list[tuple[str, str]]] = {}
    for seed in range(300):
        talk = Scenario(scenario.db, scenario.one, scenario.number, new_contact())
        originals |= await live(talk, seed)
    assert len(originals) > 600

    again = {
        row["id"]: [(turn["role"], turn["content"]) for turn in row["history"]]
        for row in await scenario.db.admin.rows(
            "select m.id, sms.shown_history(c, m, 20) as history from public.sms_messages as m"
            " join public.sms_conversations as c on c.id = m.conversation_id"
            " where m.id = any(%s)",
            list(originals),
        )
    }
    equal = sum(again[reply] == history for reply, history in originals.items())
    assert equal / len(originals) >= 0.9, f"{equal} of {len(originals)}"


async def test_a_row_of_before_this_was_kept_gets_the_last_messages(
    scenario: Scenario, admin: Session
) -> None:
    await scenario.texts("Hola", at=minutes_ago(5))
    await scenario.one.finish(await scenario.one.answer(await scenario.one.claim()), new_sid())
    await start(admin, scenario)
    job = await scenario.one.claim()
    assert shown(job) == [("user", "Hola")]
    assert job["prompt_hash"] is None
