"""The web process over real sockets, in front of a Data API that records what is stored."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.local.serving import drop, hang, serve
from gateway.settings import Settings, SettingsError
from gateway.web import EMPTY_TWIML, app, create_app
from tests.fakes import ACCOUNT, CONTACT, OURS, PUBLIC_URL, TOKEN, DataApi, settings, sign

ROOT = Path(__file__).parent.parent
CONVERSATION = "00000000-0000-4000-8000-000000000002"
STORED = {"outcome": "stored", "message_id": 7, "conversation_id": CONVERSATION}
FORM_TYPE = "application/x-www-form-urlencoded"
SECRET = "a-secret-of-16-or-more"
BODY = "¿Abren hoy? Mi clave es hunter2"

Pairs = list[tuple[str, str]]


def text(**changes: str | None) -> Pairs:
    """The form of an incoming text; None leaves a parameter out."""
    form = {
        "MessageSid": "SM" + "a" * 32,
        "AccountSid": ACCOUNT,
        "From": CONTACT,
        "To": OURS,
        "Body": BODY,
        "NumMedia": "0",
        "FromCity": "",
    }
    return [(name, value) for name, value in {**form, **changes}.items() if value is not None]


def status(**changes: str | None) -> Pairs:
    given = {"MessageStatus": "delivered", "To": CONTACT, "From": OURS, **changes}
    return text(Body=None, NumMedia=None, FromCity=None, **given)


@dataclass
class Web:
    """The web process under test, posted to as Twilio posts."""

    url: str
    client: httpx.AsyncClient

    async def post(
        self, pairs: Pairs, path: str = "/webhook/sms", *, signed: Pairs | None = None
    ) -> httpx.Response:
        """Post a signed form; `signed` is what the signature is made of, if something else."""
        signature = sign(PUBLIC_URL + path, pairs if signed is None else signed)
        return await self.post_raw(urlencode(pairs).encode(), signature, path)

    async def post_raw(
        self, body: bytes, signature: str | None, path: str = "/webhook/sms", type_: str = FORM_TYPE
    ) -> httpx.Response:
        headers = {"content-type": type_}
        if signature is not None:
            headers["x-twilio-signature"] = signature
        return await self.client.post(self.url + path, content=body, headers=headers)


@asynccontextmanager
async def serve_web(asgi: ASGIApp) -> AsyncIterator[Web]:
    async with serve(asgi) as url, httpx.AsyncClient(timeout=20) as client:
        yield Web(url, client)


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[tuple[DataApi, Web, Settings]]:
    api = DataApi(default=STORED)
    async with serve(api.app()) as url:
        given = settings(supabase_url=url)
        async with serve_web(create_app(given)) as web:
            yield api, web, given


@pytest.fixture
def api(served: tuple[DataApi, Web, Settings]) -> DataApi:
    served[0].calls.clear()
    served[0].answers.clear()
    return served[0]


@pytest.fixture
def web(served: tuple[DataApi, Web, Settings]) -> Web:
    return served[1]


@pytest.fixture
def given(served: tuple[DataApi, Web, Settings]) -> Settings:
    """The settings that `web` was created with, for another one before the same Data API."""
    return served[2]


# Texts


async def test_a_text_is_stored_before_twilio_hears_so(api: DataApi, web: Web) -> None:
    answer = await web.post(text())
    assert (answer.status_code, answer.text) == (200, EMPTY_TWIML)
    assert answer.headers["content-type"].startswith("text/xml")
    (payload,) = api.payloads("ingest_sms")
    assert payload["sid"] == "SM" + "a" * 32
    assert (payload["from"], payload["to"], payload["body"]) == (CONTACT, OURS, BODY)
    assert payload["form"] == dict(text())
    assert api.calls[0].params["p_occurred_at"] is None


async def test_headers_of_a_proxy_change_nothing(api: DataApi, web: Web) -> None:
    headers = {
        "host": "evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        "content-type": FORM_TYPE,
        "x-twilio-signature": sign(f"{PUBLIC_URL}/webhook/sms", text()),
    }
    body = urlencode(text())
    answer = await web.client.post(f"{web.url}/webhook/sms", content=body, headers=headers)
    assert answer.status_code == 200
    signature = sign("http://evil.example/webhook/sms", text())
    headers["x-twilio-signature"] = signature
    answer = await web.client.post(f"{web.url}/webhook/sms", content=body, headers=headers)
    assert answer.status_code == 403


# What strangers, proxies and odd phones send: name, form, answer, what is stored of it.
STORABLE: list[tuple[str, Pairs, dict[str, Any]]] = [
    ("an empty text", text(Body=""), {"body": ""}),
    ("no body parameter", text(Body=None), {"body": ""}),
    ("emoji", text(Body="👩‍👩‍👧 sí 🎈"), {"body": "👩‍👩‍👧 sí 🎈"}),
    ("a NUL", text(Body="a\0b"), {"body": "a\ufffdb"}),
    ("WhatsApp", text(From=f"whatsapp:{CONTACT}"), {"from": f"whatsapp:{CONTACT}"}),
    ("an alphanumeric sender", text(From="AMAZON"), {"from": "AMAZON"}),
    ("a short code", text(From="32665"), {"from": "32665"}),
    ("an unknown parameter", text(Novelty="x"), {}),
    ("a repeated parameter", [*text(), ("Body", "again")], {"body": BODY}),
    ("a number nobody configured", text(To="+15559999999"), {"to": "+15559999999"}),
    ("a very long text", text(Body="ñ" * 1600), {"body": "ñ" * 1600}),
    ("a count of pictures that is none", text(NumMedia="many"), {"media": []}),
]


@pytest.mark.parametrize(
    ("pairs", "stored"), [row[1:] for row in STORABLE], ids=[row[0] for row in STORABLE]
)
async def test_whatever_twilio_signed_is_stored(
    api: DataApi, web: Web, pairs: Pairs, stored: dict[str, Any]
) -> None:
    answer = await web.post(pairs)
    assert (answer.status_code, answer.text) == (200, EMPTY_TWIML)
    (payload,) = api.payloads("ingest_sms")
    assert payload.items() >= stored.items()


SIGNED = sign(f"{PUBLIC_URL}/webhook/sms", text())
RAW = urlencode(text()).encode()
REFUSED: list[tuple[str, bytes, str | None, str, int]] = [
    ("unsigned", RAW, None, FORM_TYPE, 403),
    ("a blank signature", RAW, "", FORM_TYPE, 403),
    ("forged", RAW, sign(f"{PUBLIC_URL}/webhook/sms", text(), "guessed"), FORM_TYPE, 403),
    ("changed on the way", RAW.replace(b"Abren", b"Cierran"), SIGNED, FORM_TYPE, 403),
    ("truncated", RAW[:-20], SIGNED, FORM_TYPE, 403),
    ("signed for another URL", RAW, sign(f"{PUBLIC_URL}/other", text()), FORM_TYPE, 403),
    ("not UTF-8", b"MessageSid=SM1&Body=%FF%FE", SIGNED, FORM_TYPE, 403),
    ("a lone surrogate", b"MessageSid=SM1&Body=%ED%A0%BD", SIGNED, FORM_TYPE, 403),
    ("raw bytes", bytes(range(256)), SIGNED, FORM_TYPE, 403),
    ("no body at all", b"", SIGNED, FORM_TYPE, 403),
    ("no body, unsigned", b"", None, FORM_TYPE, 403),
    ("JSON", json.dumps(dict(text())).encode(), SIGNED, "application/json", 415),
    ("a file upload", RAW, SIGNED, "multipart/form-data; boundary=x", 415),
    ("no content type", RAW, SIGNED, "", 415),
    ("too large", b"Body=" + b"x" * 65536, SIGNED, FORM_TYPE, 413),
    ("far too large", b"Body=" + b"x" * 5_000_000, SIGNED, FORM_TYPE, 413),
    ("too many parameters", b"a=1&" * 201, SIGNED, FORM_TYPE, 413),
]


@pytest.mark.parametrize("path", ["/webhook/sms", "/webhook/sms/status"])
@pytest.mark.parametrize(
    ("body", "signature", "type_", "code"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
async def test_whatever_twilio_did_not_sign_is_refused(
    api: DataApi, web: Web, path: str, body: bytes, signature: str | None, type_: str, code: int
) -> None:
    answer = await web.post_raw(body, signature, path, type_)
    assert answer.status_code == code
    assert api.calls == []


@pytest.mark.parametrize(
    ("pairs", "code", "reason"),
    [
        (text(MessageSid=None), 400, "MessageSid is missing"),
        (text(MessageSid=""), 400, "MessageSid is missing"),
        (text(From=None), 400, "From is missing"),
        (text(To=None), 400, "To is missing"),
        (text(AccountSid=None), 400, "AccountSid is missing"),
        ([], 400, "AccountSid is missing"),
        (text(AccountSid="AC" + "9" * 32), 403, "another account"),
        (text(MessageSid="SM" * 128), 400, "MessageSid is too long"),
    ],
)
async def test_a_signed_form_that_is_no_text_of_ours_is_told_why(
    api: DataApi, web: Web, pairs: Pairs, code: int, reason: str
) -> None:
    answer = await web.post(pairs)
    assert (answer.status_code, answer.text) == (code, reason)
    assert api.calls == []


async def test_a_slash_too_many_is_not_sent_elsewhere(web: Web) -> None:
    answer = await web.post(text(), "/webhook/sms/")
    assert (answer.status_code, "location" in answer.headers) == (404, False)


@pytest.mark.parametrize(("method", "code"), [("GET", 405), ("PUT", 405), ("DELETE", 405)])
async def test_the_webhook_is_only_posted_to(web: Web, method: str, code: int) -> None:
    answer = await web.client.request(method, f"{web.url}/webhook/sms")
    assert answer.status_code == code


async def half_a_post(web: Web) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that announces 100 bytes and sends five."""
    host, port = web.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /webhook/sms HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM_TYPE}\r\n"
    writer.write(f"{head}Content-Length: 100\r\n\r\nBody=".encode())
    await writer.drain()
    return reader, writer


async def test_a_slow_client_is_not_waited_for(api: DataApi, web: Web) -> None:
    reader, writer = await half_a_post(web)
    async with asyncio.timeout(6):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()
    assert api.calls == []


async def test_a_client_that_leaves_half_way_disturbs_nobody(
    api: DataApi, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await half_a_post(web)
    writer.transport.abort()
    assert (await web.post(text())).status_code == 200
    assert not [record for record in caplog.records if record.exc_info]


# The database is not there, or says no


async def test_passing_trouble_is_waited_out(api: DataApi, web: Web) -> None:
    api.fail("PGRST002", 503)
    api.answers.append(drop)
    assert (await web.post(text())).status_code == 200
    assert len(api.payloads("ingest_sms")) == 3


@pytest.mark.parametrize("path", ["/webhook/sms", "/webhook/sms/status"])
async def test_lasting_trouble_is_told_before_twilio_stops_waiting(
    api: DataApi, web: Web, path: str
) -> None:
    api.answers.extend([hang] * 10)
    started = time.monotonic()
    answer = await web.post(text() if path == "/webhook/sms" else status(), path)
    assert answer.status_code == 503
    assert time.monotonic() - started < 4
    assert len(api.calls) >= 2  # the second on a fresh connection


async def test_a_text_the_database_refuses_is_not_reported_as_stored(
    api: DataApi, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    api.fail("23514", 400, f"Failing row contains {BODY}")
    assert (await web.post(text())).status_code == 503
    line = caplog.messages[-1]
    assert line == f'sms not stored sid=SM{"a" * 32} reason="refused with 23514"'


# What nobody expected


async def fail_with_the_text(request: Request) -> Response:
    try:
        raise KeyError(CONTACT)
    except KeyError as error:
        raise RuntimeError(BODY) from error


async def test_a_failure_is_logged_once_and_without_the_text(
    given: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    sms = create_app(given)
    sms.router.routes.append(Route("/broken", fail_with_the_text, methods=["POST"]))
    async with serve_web(sms) as web:
        answer = await web.client.post(f"{web.url}/broken?q={CONTACT}", headers={"host": "["})
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    (failed,) = [record for record in caplog.records if record.exc_info]
    line = logging.Formatter().format(failed)
    assert line.startswith("request failed method=POST path=/broken reason=RuntimeError\n")
    assert "in fail_with_the_text" in line
    assert "KeyError" in line
    assert "hunter2" not in line
    assert CONTACT not in line


# Status callbacks


async def test_a_status_is_recorded_for_the_row_in_its_url(api: DataApi, web: Web) -> None:
    api.answer({"outcome": "gone"})
    pairs = status(MessageStatus="undelivered", ErrorCode="30005")
    answer = await web.post(pairs, "/webhook/sms/status?m=7")
    assert answer.status_code == 200
    (payload,) = api.payloads("record_sms_delivery")
    assert payload["message_id"] == 7
    assert (payload["status"], payload["error_code"]) == ("undelivered", 30005)


async def test_the_row_in_the_url_is_signed_too(api: DataApi, web: Web) -> None:
    signature = sign(f"{PUBLIC_URL}/webhook/sms/status?m=7", status())
    body = urlencode(status()).encode()
    answer = await web.post_raw(body, signature, "/webhook/sms/status?m=8")
    assert (answer.status_code, api.calls) == (403, [])


async def test_a_status_without_its_word_is_refused(web: Web) -> None:
    answer = await web.post(status(MessageStatus=None), "/webhook/sms/status?m=7")
    assert (answer.status_code, answer.text) == (400, "MessageStatus is missing")


# The optional token


async def test_with_a_secret_the_url_must_carry_it(api: DataApi, given: Settings) -> None:
    async with serve_web(create_app(given_with(given, sms_webhook_secret=SECRET))) as web:
        for path in ("/webhook/sms", "/webhook/sms?token=", "/webhook/sms?token=ñ"):
            assert (await web.post(text(), path)).status_code == 403
        assert api.calls == []
        assert (await web.post(text(), f"/webhook/sms?token={SECRET}")).status_code == 200
        path = f"/webhook/sms/status?token={SECRET}&m=7"
        assert (await web.post(status(), path)).status_code == 200
    assert api.payloads("record_sms_delivery")[0]["message_id"] == 7


def given_with(given: Settings, **changes: Any) -> Settings:
    return settings(supabase_url=given.supabase_url, **changes)


# Signed-in users

BEARER = {"authorization": "Bearer header.claims.signature"}


async def test_statistics_are_asked_for_as_the_user(api: DataApi, web: Web) -> None:
    api.answer({"messages": 3})
    answer = await web.client.get(f"{web.url}/api/sms/stats", headers=BEARER)
    assert (answer.status_code, answer.json()) == (200, {"messages": 3})
    (call,) = api.calls
    assert (call.name, call.params) == ("get_sms_stats", {})
    assert call.headers["authorization"] == BEARER["authorization"]
    assert call.headers["apikey"] == "sb_publishable_of_nobody"


async def test_a_history_is_read_page_by_page(api: DataApi, web: Web) -> None:
    api.answer([{"id": 41}])
    url = f"{web.url}/api/sms/conversations/{CONVERSATION}/history"
    answer = await web.client.get(f"{url}?limit=20&before_id=42", headers=BEARER)
    assert answer.json() == [{"id": 41}]
    assert api.calls[0].name == "get_sms_conversation_history"
    assert api.calls[0].params == {
        "p_conversation_id": CONVERSATION,
        "p_limit": 20,
        "p_before_id": 42,
    }


async def test_a_conversation_is_closed(api: DataApi, web: Web) -> None:
    api.answer("", 204)
    url = f"{web.url}/api/sms/conversations/{CONVERSATION}/close"
    answer = await web.client.post(url, headers=BEARER)
    assert (answer.status_code, answer.json()) == (200, None)
    assert api.calls[0].name == "close_sms_conversation"


@pytest.mark.parametrize(
    "header", ["", "Basic dXNlcjpwYXNz", "Bearer", "Bearer a b", b"Bearer \xf1"]
)
async def test_nobody_is_let_in_without_a_token(
    api: DataApi, web: Web, header: str | bytes
) -> None:
    headers = {"authorization": header} if header else {}
    answer = await web.client.get(f"{web.url}/api/sms/stats", headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (401, "PT401")
    assert api.calls == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/sms/conversations/7/history",
        "/api/sms/conversations/%00/history",
        f"/api/sms/conversations/{CONVERSATION}/history?limit=many",
        f"/api/sms/conversations/{CONVERSATION}/history?before_id=-1",
    ],
)
async def test_a_malformed_question_is_not_passed_on(api: DataApi, web: Web, path: str) -> None:
    answer = await web.client.get(web.url + path, headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (422, "PT422")
    assert api.calls == []


@pytest.mark.parametrize(("code", "http"), [("PT404", 404), ("PGRST303", 401), ("42501", 403)])
async def test_errors_of_the_data_api_are_passed_on(
    api: DataApi, web: Web, code: str, http: int
) -> None:
    api.fail(code, http, "not for you")
    answer = await web.client.get(f"{web.url}/api/sms/stats", headers=BEARER)
    assert answer.status_code == http
    assert answer.json() == {"code": code, "message": "not for you", "details": None, "hint": None}


async def test_a_question_without_an_answer_is_503(api: DataApi, web: Web) -> None:
    api.answer("<html>Bad gateway</html>", 502)
    answer = await web.client.get(f"{web.url}/api/sms/stats", headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (503, "PT503")


async def test_browsers_of_other_origins_are_let_in_by_name_only(
    api: DataApi, web: Web, given: Settings
) -> None:
    preflight = {
        "origin": "https://app.example.com",
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    answer = await web.client.options(f"{web.url}/api/sms/stats", headers=preflight)
    assert "access-control-allow-origin" not in answer.headers

    opened = given_with(given, sms_cors_origins=("https://app.example.com",))
    async with serve_web(create_app(opened)) as other:
        answer = await other.client.options(f"{other.url}/api/sms/stats", headers=preflight)
        assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
        preflight["origin"] = "https://evil.example.com"
        answer = await other.client.options(f"{other.url}/api/sms/stats", headers=preflight)
        assert "access-control-allow-origin" not in answer.headers


# Health


async def test_the_process_is_up_without_asking_anybody(api: DataApi, web: Web) -> None:
    answer = await web.client.get(f"{web.url}/healthz")
    assert (answer.status_code, answer.json(), api.calls) == (200, {"status": "up"}, [])


WORKER = {"name": "worker-1", "seen_seconds_ago": 12.5}
NUMBER = {"number": "…1111", "suspended_until": None, "suspended_reason": None}
PARKED = {**NUMBER, "suspended_until": "2026-11-22T10:00:00+00:00", "suspended_reason": "sk-…: no"}


@pytest.mark.parametrize(
    ("health", "warnings"),
    [
        ({"workers": [WORKER], "numbers": [NUMBER], "oldest_due_seconds": None}, []),
        ({"workers": [], "numbers": []}, ["no worker was seen for 90 s"]),
        (
            {"workers": [{**WORKER, "seen_seconds_ago": 300.0}], "oldest_due_seconds": 299.6},
            ["no worker was seen for 90 s", "work has been due for 300 s"],
        ),
        ({"workers": [WORKER], "numbers": [PARKED]}, ["the number …1111 is suspended"]),
    ],
)
async def test_with_the_database_it_is_ready_and_warns_of_the_rest(
    api: DataApi, web: Web, health: dict[str, Any], warnings: list[str]
) -> None:
    api.answer(health)
    answer = await web.client.get(f"{web.url}/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "reasons": [], "warnings": warnings}
    assert api.calls[0].name == "get_sms_health"


@pytest.mark.parametrize(("code", "http"), [("PGRST202", 404), ("42501", 403)])
async def test_without_the_database_nothing_is_ready(
    api: DataApi, web: Web, code: str, http: int
) -> None:
    api.fail(code, http, "permission denied for function get_sms_health")
    answer = await web.client.get(f"{web.url}/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["the database does not answer as expected"]


# In another application


@asynccontextmanager
async def closed_at_the_end(sms: Starlette) -> AsyncIterator[None]:
    """Our lifespan is over before it could help; what it closes is what the host left open."""
    yield
    async with sms.router.lifespan_context(sms):
        pass


async def test_a_host_that_knows_nothing_of_us_serves_our_routes(
    api: DataApi, given: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    host = FastAPI()

    @host.get("/own")
    async def own() -> str:
        return "the host's"

    sms = create_app(given)
    host.mount("/", sms)
    async with closed_at_the_end(sms), serve_web(host) as web:
        assert (await web.client.get(f"{web.url}/own")).json() == "the host's"
        assert (await web.post(text())).status_code == 200
        assert (await web.post(status(), "/webhook/sms/status?m=7")).status_code == 200
        assert (await web.post(text(), signed=[])).status_code == 403
        answer = await web.client.get(f"{web.url}/api/sms/stats")
        assert (answer.status_code, answer.json()["code"]) == (401, "PT401")
    assert [call.name for call in api.calls] == ["ingest_sms", "record_sms_delivery"]
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_host_may_mount_us_below_a_path(api: DataApi, given: Settings) -> None:
    host = FastAPI()
    sms = create_app(given_with(given, public_url=f"{PUBLIC_URL}/texts"))
    host.mount("/texts", sms)
    async with closed_at_the_end(sms), serve_web(host) as web:
        assert (await web.post(text(), "/texts/webhook/sms")).status_code == 200
    assert len(api.payloads("ingest_sms")) == 1


async def test_each_event_loop_has_its_own_connections(api: DataApi, given: Settings) -> None:
    """As in a host's tests, where every request may run in a loop of its own."""
    sms = create_app(given)
    signature = sign(f"{PUBLIC_URL}/webhook/sms", text())
    headers = {"content-type": FORM_TYPE, "x-twilio-signature": signature}

    async def post_once() -> int:
        transport = httpx.ASGITransport(sms)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://t") as client,
            sms.router.lifespan_context(sms),
        ):
            answer = await client.post("/webhook/sms", content=urlencode(text()), headers=headers)
        return answer.status_code

    codes = [await asyncio.to_thread(asyncio.run, post_once()) for _ in range(3)]
    assert codes == [200, 200, 200]


# As it is deployed


def environ(supabase_url: str, port: int) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SUPABASE_URL": supabase_url,
        "SUPABASE_SECRET_KEY": "sb_secret_of_nobody",
        "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_of_nobody",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "OPENAI_API_KEY": "sk-of-nobody",
        "PUBLIC_URL": PUBLIC_URL,
        "SMS_WEBHOOK_SECRET": SECRET,
        "PORT": str(port),
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def start_web(environ: dict[str, str]) -> asyncio.subprocess.Process:
    """The Procfile's own line."""
    line = (ROOT / "Procfile").read_text().splitlines()[0].removeprefix("web: ")
    return await asyncio.create_subprocess_exec(
        *shlex.split(line), cwd=ROOT, env=environ, stderr=asyncio.subprocess.PIPE
    )


async def log_until(process: asyncio.subprocess.Process, words: str) -> list[str]:
    """The lines of its log up to one with these words."""
    assert process.stderr is not None
    lines: list[str] = []
    async with asyncio.timeout(30):
        while not lines or words not in lines[-1]:
            line = await process.stderr.readline()
            assert line, "\n".join(lines)
            lines.append(line.decode())
    return lines


async def rest_of_log(process: asyncio.subprocess.Process) -> bytes:
    """Up to its end; a process whose log nobody reads stands still."""
    assert process.stderr is not None
    return await process.stderr.read()


async def test_the_procfiles_web_process_serves_logs_and_ends(
    api: DataApi, given: Settings
) -> None:
    port = free_port()
    process = await start_web(environ(given.supabase_url, port))
    try:
        log = await log_until(process, "ASGI server listening")
        async with httpx.AsyncClient(timeout=20) as client:
            web = Web(f"http://127.0.0.1:{port}", client)
            assert (await web.post(text(), f"/webhook/sms?token={SECRET}")).status_code == 200
            assert (await web.post_raw(b"Body=" + b"x" * 70_000, "")).status_code == 413
            assert (await web.post(text())).status_code == 403
            log += await log_until(process, "token is missing")
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    received, *refused = [json.loads(line) for line in log if line.startswith("{")]
    assert received["event"] == "sms received"
    assert (received["from"], received["to"]) == ("…4321", "…1111")
    assert (received["message_id"], received["outcome"]) == (7, "stored")
    assert received["seconds"] < 2
    assert [line["status"] for line in refused] == [413, 403]
    for private in ("hunter2", CONTACT, OURS, SECRET, TOKEN, "sb_secret"):
        assert private not in "".join(log)


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drop: bytes) -> bytes:
    """Send a few bytes again and again until the server has enough of it: its answer, or b""."""
    answer = asyncio.create_task(reader.read())
    while not answer.done():
        writer.write(drop)
        await asyncio.wait([answer], timeout=0.1)
    writer.transport.abort()
    return b"" if answer.exception() else answer.result()


async def test_slow_clients_are_cut_off_and_delay_nobody(api: DataApi, given: Settings) -> None:
    port = free_port()
    seconds = {"GUNICORN_CMD_ARGS": "--timeout 4"}
    process = await start_web({**environ(given.supabase_url, port), **seconds})
    head = f"POST /webhook/sms HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM_TYPE}\r\n"
    body = f"{head}Content-Length: 9999\r\n\r\n"
    slow = [
        ("", b""),
        ("POST /", b""),
        ("", b"P"),
        (head, b"X-A: b\r\n"),
        (body, b""),
        (body, b"B"),
    ]
    try:
        await log_until(process, "ASGI server listening")
        log = asyncio.create_task(rest_of_log(process))
        async with asyncio.timeout(30), httpx.AsyncClient(timeout=20) as client:
            clients = []
            for start, drop in slow:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(start.encode())
                clients.append(asyncio.create_task(drip(reader, writer, drop)))
            web = Web(f"http://127.0.0.1:{port}", client)
            served = 0
            while not all(ended.done() for ended in clients):
                assert (await web.post(text(), f"/webhook/sms?token={SECRET}")).status_code == 200
                served += 1
            answers = [await ended for ended in clients]
        assert process.returncode is None
    finally:
        process.kill()
        await process.wait()
    assert [answer[9:12] for answer in answers] == [b"", b"", b"", b"", b"408", b"408"]
    assert served > 10
    assert b"Traceback" not in await log


async def test_without_its_settings_the_web_process_stops_and_says_why() -> None:
    incomplete = environ("https://ref.supabase.co", free_port())
    del incomplete["OPENAI_API_KEY"]
    process = await start_web(incomplete)
    async with asyncio.timeout(30):
        _, log = await process.communicate()
    assert process.returncode not in (0, None)
    assert b"OPENAI_API_KEY is missing" in log
    assert b"sb_secret" not in log


def test_the_factory_raises_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUPABASE_URL", raising=False)
    with pytest.raises(SettingsError, match="SUPABASE_URL is missing"):
        app()
