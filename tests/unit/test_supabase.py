"""The Data API over real sockets: JSON becomes nouns, failures one of two exceptions."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from gateway.local.testserver import drop, hang, serve
from gateway.messages import (
    Claimed,
    DeliveryStatus,
    FallbackJob,
    InboundSms,
    Job,
    OutgoingSms,
    Passage,
    Prompt,
    ReconcileJob,
    Reply,
    ReplyFailed,
    ReplyJob,
    SendFailed,
    SendJob,
    SentSms,
    Shown,
    Tool,
    ToolCall,
    Turn,
    Wait,
)
from gateway.supabase import BackfillJob, Database, KeyRefused, QueuedReply, Refused, Unavailable
from tests.fakes import CONTACT, OURS, DataApi, settings

LEASE = "00000000-0000-4000-8000-000000000001"
CONVERSATION = "00000000-0000-4000-8000-000000000002"
SEND = {
    "lease_id": LEASE,
    "conversation_id": CONVERSATION,
    "message_id": 7,
    "from": OURS,
    "to": CONTACT,
    "service_sid": None,
    "content": "Hola",
}
OUTGOING = OutgoingSms(7, OURS, CONTACT, "Hola", None)


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[tuple[DataApi, str, Database]]:
    api = DataApi(default={"outcome": "recorded"})
    async with (
        serve(api.app()) as url,
        Database.connect(settings(supabase_url=url)) as database,
    ):
        yield api, url, database


@pytest.fixture
def api(served: tuple[DataApi, str, Database]) -> DataApi:
    served[0].calls.clear()
    served[0].answers.clear()
    return served[0]


@pytest.fixture
def url(served: tuple[DataApi, str, Database]) -> str:
    return served[1]


@pytest.fixture
def database(served: tuple[DataApi, str, Database]) -> Database:
    return served[2]


async def test_calls_carry_the_secret_key(api: DataApi, database: Database) -> None:
    await database.get_sms_health()
    (call,) = api.calls
    assert call.headers["apikey"] == "sb_secret_of_nobody"
    assert call.headers["authorization"] == "Bearer sb_secret_of_nobody"


async def test_an_incoming_text_travels_whole(api: DataApi, database: Database) -> None:
    api.answer({"outcome": "stored", "message_id": 7, "conversation_id": CONVERSATION})
    sms = InboundSms("SM1", CONTACT, OURS, "¿Abren hoy? 🎈", form={"Body": "¿Abren hoy? 🎈"})
    stored = await database.ingest_sms(sms, "2026-11-22T10:00:00+00:00")
    assert stored["outcome"] == "stored"
    (call,) = api.calls
    assert call.name == "ingest_sms"
    assert call.params == {
        "p_payload": sms.as_payload(),
        "p_occurred_at": "2026-11-22T10:00:00+00:00",
    }


JOBS: list[tuple[dict[str, Any], Job]] = [
    ({"kind": "send", **SEND}, SendJob(CONVERSATION, OUTGOING)),
    (
        {"kind": "reconcile", **SEND, "sent_after": "2026-11-22T10:00:00+00:00"},
        ReconcileJob(CONVERSATION, OUTGOING, "2026-11-22T10:00:00+00:00"),
    ),
    (
        {
            "kind": "fallback",
            "lease_id": LEASE,
            "conversation_id": CONVERSATION,
            "message_id": 7,
            "content": "Luego",
            "fold_accents": True,
            "max_segments": 2,
        },
        FallbackJob(CONVERSATION, 7, "Luego", True, 2),
    ),
    (
        {
            "kind": "reply",
            "lease_id": LEASE,
            "conversation_id": CONVERSATION,
            "message_id": 7,
            "config_id": "c",
            "contact_number": CONTACT,
            "system_prompt": "Sé breve.",
            "openai_model": "gpt-4o-mini",
            "max_tokens": 150,
            "temperature": None,
            "max_segments": 2,
            "fold_accents": False,
            "history": [{"id": 7, "role": "user", "content": "Hola"}],
            "contact": {"name": "Ana"},
            "knowledge": [{"id": 1, "title": "Precios", "content": "Pan: 2"}],
            "tools": [{"name": "book", "description": "Books.", "parameters": {}}],
            "tool_calls": [
                {"id": 1, "name": "book", "arguments": {"p": 1}, "result": None, "error": "x"}
            ],
            "stay_silent_for": ["reaction"],
            "notice": "Soy un asistente.",
            "opt_out_hint": "Para no recibir mas, responda STOP.",
            "attempt": 1,
        },
        ReplyJob(
            CONVERSATION,
            7,
            Prompt(
                contact_number=CONTACT,
                system_prompt="Sé breve.",
                openai_model="gpt-4o-mini",
                max_tokens=150,
                temperature=None,
                max_segments=2,
                fold_accents=False,
                history=(Turn("user", "Hola"),),
                contact={"name": "Ana"},
                knowledge=(Passage("Precios", "Pan: 2"),),
                tools=(Tool("book", "Books.", {}),),
                tool_calls=(ToolCall(1, "book", {"p": 1}, {"error": "x"}),),
                stay_silent_for=("reaction",),
            ),
            notice="Soy un asistente.",
            opt_out_hint="Para no recibir mas, responda STOP.",
            attempt=1,
            first_id=7,
            last_id=7,
        ),
    ),
]


@pytest.mark.parametrize(("found", "job"), JOBS, ids=[found["kind"] for found, _ in JOBS])
async def test_each_kind_of_work_becomes_its_noun(
    api: DataApi, database: Database, found: dict[str, Any], job: Job
) -> None:
    api.answer({**found, "lease_seconds": 60.0, "seconds": 2.5})
    assert await database.claim_sms_work("worker-1", LEASE) == Claimed(job, 60.0, 2.5)
    assert api.calls[0].params == {"p_worker": "worker-1", "p_lease_id": LEASE}


@pytest.mark.parametrize("seconds", [2.5, None])
async def test_no_work_says_how_long_to_wait(
    api: DataApi, database: Database, seconds: float | None
) -> None:
    api.answer({"kind": "wait", "seconds": seconds})
    assert await database.claim_sms_work("worker-1", LEASE) == Wait(seconds)


async def test_work_of_a_newer_database_is_not_guessed(api: DataApi, database: Database) -> None:
    api.answer({"kind": "voice_call"})
    with pytest.raises(ValueError, match="voice_call"):
        await database.claim_sms_work("worker-1", LEASE)


async def test_a_queued_answer_comes_back_as_the_text_to_send(
    api: DataApi, database: Database
) -> None:
    api.answer({"outcome": "send", **SEND})
    reply = Reply("Hola", "gpt-4o-mini", 20, 5, 800)
    shown = Shown(2, 6, "5e884898")
    queued = await database.queue_sms_reply(LEASE, 6, "Hola", "GSM-7", 1, reply, shown)
    assert queued == QueuedReply("send", OUTGOING)
    assert api.calls[0].params == {
        "p_lease_id": LEASE,
        "p_message_id": 6,
        "p_content": "Hola",
        "p_encoding": "GSM-7",
        "p_segments": 1,
        "p_model": "gpt-4o-mini",
        "p_prompt_tokens": 20,
        "p_completion_tokens": 5,
        "p_generation_ms": 800,
        "p_shown_first_id": 2,
        "p_shown_last_id": 6,
        "p_prompt_hash": "5e884898",
    }


async def test_an_answer_may_not_be_sent_any_more(api: DataApi, database: Database) -> None:
    api.answer({"outcome": "blocked", "reason": "opted_out"})
    queued = await database.queue_sms_reply(LEASE, 6, "Hola", "GSM-7", 1)
    assert queued == QueuedReply("blocked", None, "opted_out")


FOUND, JOB = JOBS[0]


@pytest.mark.parametrize(
    ("next_lease_id", "brought", "expected"),
    [
        (None, None, None),
        (LEASE, None, None),
        (LEASE, {"kind": "wait", "seconds": 1.5}, Wait(1.5)),
        (LEASE, {**FOUND, "lease_seconds": 60, "seconds": 0}, Claimed(JOB, 60.0, 0)),
    ],
)
async def test_the_end_of_a_job_brings_the_next(
    api: DataApi, database: Database, next_lease_id: str | None, brought: Any, expected: Any
) -> None:
    api.answer({"outcome": "recorded", "next": brought})
    sent = SentSms("SM1", "queued", "Hola")
    finished = await database.finish_sms_send(LEASE, 7, sent, "GSM-7", 1, next_lease_id)
    assert finished == ("recorded", expected)
    assert api.calls[0].params["p_next_lease_id"] == next_lease_id


async def test_every_report_calls_the_function_of_its_name(
    api: DataApi, database: Database
) -> None:
    sent = SentSms("SM1", "queued", "Hola", segments=1)
    failed = SendFailed("refused", "too many requests", 20429, retry_after=1.5)
    assert await database.fail_sms_send(LEASE, 7, failed) == "recorded"
    unanswered = ReplyFailed("rate limit", suspends=True, retry_after=2.5)
    assert await database.fail_sms_reply(LEASE, unanswered) == "recorded"
    assert await database.reconcile_sms(7, [sent], LEASE) == "recorded"
    assert await database.record_sms_delivery(DeliveryStatus("SM1", "sent", CONTACT)) == "recorded"
    assert await database.maintain_sms() == {"outcome": "recorded"}
    assert dict(await database.get_sms_setup()) == {"outcome": "recorded"}
    assert api.calls[0].params.keys() == {
        "p_lease_id",
        "p_message_id",
        "p_outcome",
        "p_error_message",
        "p_error_code",
        "p_retry_after",
    }
    assert api.calls[1].params == {
        "p_lease_id": LEASE,
        "p_error": "rate limit",
        "p_suspends": True,
        "p_retry_after": 2.5,
    }
    assert [call.name for call in api.calls] == [
        "fail_sms_send",
        "fail_sms_reply",
        "reconcile_sms",
        "record_sms_delivery",
        "maintain_sms",
        "get_sms_setup",
    ]


async def test_a_function_that_returns_nothing_is_called_too(
    api: DataApi, database: Database
) -> None:
    api.answer("", 204)
    now = datetime(2026, 11, 22, 10, tzinfo=UTC)
    await database.note_sms_worker("worker-1", "0.1.0", now, {"gpt-4o-mini": "is gone"})
    assert api.calls[0].params["p_realtime_ready_at"] == "2026-11-22T10:00:00+00:00"
    assert api.calls[0].params["p_notices"] == {"gpt-4o-mini": "is gone"}
    api.answer("", 204)
    await database.note_sms_worker("worker-1", "0.1.0")
    api.answer("", 204)
    await database.note_sms_models({"gpt-4o-mini": date(2027, 1, 14)})
    assert api.calls[-1].params == {"p_shutdown_dates": {"gpt-4o-mini": "2027-01-14"}}
    api.answer("", 204)
    await database.remove_sms_worker("worker-1")
    assert api.calls[-1].params == {"p_name": "worker-1"}
    api.answer(True)
    assert await database.release_sms_work(LEASE) is True


async def test_a_number_to_backfill_becomes_its_noun(api: DataApi, database: Database) -> None:
    since = "2026-11-22T10:00:00+00:00"
    found = {"config_id": "c", "phone_number": OURS, "messaging_service_sid": None}
    api.answer({**found, "since": since, "sync_since": None})
    assert await database.claim_sms_backfill() == BackfillJob("c", OURS, since, None)
    api.answer({"config_id": None, "seconds": 30})
    assert await database.claim_sms_backfill() == Wait(30)


async def test_what_a_backfill_found_is_reported(api: DataApi, database: Database) -> None:
    api.answer(["SM2"])
    assert await database.missing_sms(["SM1", "SM2"]) == ["SM2"]
    api.answer(3)
    assert await database.record_sms_statuses([SentSms("SM1", "delivered", "Hola")]) == 3
    api.answer("", 204)
    await database.note_sms_refused("SM2", "23514")
    api.answer("", 204)
    await database.finish_sms_backfill("c", "2026-11-22T10:00:00+00:00")
    api.answer(2)
    assert await database.drop_sms_backlog() == 2
    assert [call.params for call in api.calls][2:] == [
        {"p_sid": "SM2", "p_reason": "23514"},
        {"p_config_id": "c", "p_until": "2026-11-22T10:00:00+00:00"},
        {},
    ]


async def test_a_listing_that_could_not_be_had_is_null(api: DataApi, database: Database) -> None:
    await database.reconcile_sms(7, None, LEASE)
    assert api.calls[0].params["p_found"] is None


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("PGRST000", 503),
        ("PGRST001", 503),
        ("PGRST002", 503),
        ("PGRST003", 504),
        ("PGRST202", 404),
        ("40001", 500),
        ("40P01", 500),
        ("55P03", 500),
        ("57014", 500),
        ("53300", 503),
        ("57P03", 503),
        ("08006", 503),
        ("25006", 405),
    ],
)
async def test_passing_trouble_means_try_again(
    api: DataApi, database: Database, code: str, status: int
) -> None:
    api.fail(code, status)
    with pytest.raises(Unavailable, match=code):
        await database.get_sms_health()


@pytest.mark.parametrize(
    ("code", "status"),
    [("23514", 400), ("22P05", 400), ("42501", 403), ("PT409", 409), ("P0001", 400)],
)
async def test_a_no_of_the_database_is_final(
    api: DataApi, database: Database, code: str, status: int
) -> None:
    details = {"details": f"Failing row contains ({CONTACT}, private text)", "hint": "h"}
    api.answer({"code": code, "message": f"{CONTACT} is not so", **details}, status)
    with pytest.raises(Refused) as caught:
        await database.get_sms_health()
    assert (caught.value.code, caught.value.hint) == (code, "h")
    assert str(caught.value) == f"{code}: …4321 is not so"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("<html>Bad gateway</html>", 502),
        ("<html>A wall</html>", 200),
        ({"message": "Invalid API key"}, 401),
        ("", 500),
        ([], 200),
    ],
)
async def test_an_answer_of_something_in_between_means_try_again(
    api: DataApi, database: Database, content: Any, status: int
) -> None:
    api.answer(content, status)
    with pytest.raises(Unavailable):
        await database.get_sms_health()


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    "content",
    [
        {"message": "Invalid API key", "hint": "Double check it."},  # the gateway before PostgREST
        {"code": "PGRST301", "message": "JWSError JWSInvalidSignature", "details": None},
        "<html>Forbidden</html>",
    ],
)
async def test_a_refused_key_is_told_from_an_outage_and_names_its_setting(
    api: DataApi, database: Database, content: Any, status: int
) -> None:
    api.answer(content, status)
    with pytest.raises(KeyRefused, match=f"HTTP {status}.*SUPABASE_SECRET_KEY"):
        await database.get_sms_health()
    api.answer(content, 502)
    with pytest.raises((Unavailable, Refused)) as caught:
        await database.get_sms_health()
    assert not isinstance(caught.value, KeyRefused)


async def test_a_closed_connection_means_try_again(api: DataApi, database: Database) -> None:
    api.answers.append(drop)
    with pytest.raises(Unavailable, match="ServerDisconnectedError"):
        await database.get_sms_health()
    assert await database.get_sms_health() == api.default


async def test_no_server_means_try_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    nowhere = settings(supabase_url=f"http://127.0.0.1:{port}")
    async with Database.connect(nowhere) as database:
        with pytest.raises(Unavailable, match="ClientConnectorError"):
            await database.get_sms_health()


async def test_silence_ends_with_the_time_limit(api: DataApi, url: str) -> None:
    api.answers.append(hang)
    async with Database.connect(settings(supabase_url=url), read_seconds=0.2) as database:
        started = time.monotonic()
        with pytest.raises(Unavailable, match="SocketTimeoutError"):
            await database.get_sms_health()
        assert time.monotonic() - started < 2
        assert await database.get_sms_health() == api.default


CallAsUser = Callable[[], Awaitable[tuple[int, Any]]]


@pytest.fixture
def ask(database: Database) -> CallAsUser:
    return lambda: database.call_as_user("get_sms_stats", {"p_days": 7}, "header.claims.sig")


async def test_a_users_call_carries_the_users_token(api: DataApi, ask: CallAsUser) -> None:
    api.answer({"messages": 3})
    assert await ask() == (200, {"messages": 3})
    (call,) = api.calls
    assert (call.name, call.params) == ("get_sms_stats", {"p_days": 7})
    assert call.headers["apikey"] == "sb_publishable_of_nobody"
    assert call.headers["authorization"] == "Bearer header.claims.sig"


async def test_a_users_error_is_returned_as_it_is(api: DataApi, ask: CallAsUser) -> None:
    api.fail("PT404", 404, "no such conversation")
    status, answer = await ask()
    assert (status, answer["code"]) == (404, "PT404")
    api.answer("", 204)
    assert await ask() == (204, None)


async def test_a_users_call_without_an_answer_means_try_again(
    api: DataApi, ask: CallAsUser
) -> None:
    api.answers.append(drop)
    with pytest.raises(Unavailable):
        await ask()
    api.answer("<html>Bad gateway</html>", 502)
    with pytest.raises(Unavailable, match="502"):
        await ask()
