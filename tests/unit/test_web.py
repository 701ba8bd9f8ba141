"""The web process as a whole: failures, other origins, in a host, as it is deployed."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.local.testserver import serve
from gateway.settings import Settings, SettingsError
from gateway.web import app, create_app
from tests.fakes import ACCOUNT, CONTACT, OURS, PUBLIC_URL, TOKEN, DataApi, settings, sign
from tests.posts import BODY, FORM_TYPE, SECRET, STORED, Web, given_with, serve_web, status, text

ROOT = Path(__file__).parents[2]

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


# Browsers


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


# What must not fail shares nothing with what may


@dataclass
class BusyApi:
    """A Data API with PostgREST's ten connections, where `slow` functions take three seconds."""

    slow: str
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(10))
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def respond(self, request: Request) -> Response:
        async with self.free:
            if request.path_params["name"] == self.slow:
                self.asked.set()
                await asyncio.sleep(3)
            return JSONResponse({**STORED, "late_after_seconds": 90})


@pytest.mark.parametrize(
    ("slow", "path", "askers"),
    [("get_sms_stats", "/api/sms/stats", 20), ("get_sms_health", "/readyz", 60)],
)
async def test_nobody_else_takes_twilios_connections(slow: str, path: str, askers: int) -> None:
    busy = BusyApi(slow)
    data_api = Starlette(routes=[Route("/rest/v1/rpc/{name}", busy.respond, methods=["POST"])])
    headers = {"authorization": "Bearer header.claims.signature"}
    async with (
        serve(data_api) as url,
        serve_web(create_app(settings(supabase_url=url))) as web,
        asyncio.TaskGroup() as others,
    ):
        for _ in range(askers):
            others.create_task(web.client.get(web.url + path, headers=headers))
        await busy.asked.wait()
        posts = [web.post(text(MessageSid=f"SM{n:032}")) for n in range(57)]
        codes = [answer.status_code for answer in await asyncio.gather(*posts)]
    assert codes == [200] * 57


async def test_slow_users_do_not_make_it_unready() -> None:
    busy = BusyApi("get_sms_stats")
    data_api = Starlette(routes=[Route("/rest/v1/rpc/{name}", busy.respond, methods=["POST"])])
    headers = {"authorization": "Bearer header.claims.signature"}
    async with (
        serve(data_api) as url,
        serve_web(create_app(settings(supabase_url=url))) as web,
        asyncio.TaskGroup() as others,
    ):
        for _ in range(20):
            others.create_task(web.client.get(f"{web.url}/api/sms/stats", headers=headers))
        await busy.asked.wait()
        assert (await web.client.get(f"{web.url}/readyz")).status_code == 200


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
