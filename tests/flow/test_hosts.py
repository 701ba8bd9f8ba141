"""Whoever serves or mounts the web process: signed posts, slow clients, an end in the middle.

gunicorn by the Procfile's own line and uvicorn; the application alone, and mounted in Starlette and
in FastAPI as gateway/README.md shows it.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.local.testserver import serve
from tests.fakes import CONTACT, TOKEN, DataApi
from tests.posts import FORM_TYPE, SECRET, STORED, Web, status, text
from tests.unit.test_web import ROOT, drip, environ, free_port

HOOK = f"/webhook/sms?token={SECRET}"
STATUS_HOOK = f"/webhook/sms/status?token={SECRET}&m=7"

IN_FASTAPI = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "gateway/README.md").read_text(), re.MULTILINE | re.DOTALL
)[0]
IN_STARLETTE = """
import os

from gateway.settings import Settings
from gateway.web import create_app
from starlette.applications import Starlette
from starlette.routing import Mount

app = Starlette(routes=[Mount("/", create_app(Settings.from_environ(os.environ)))])
"""
HOSTS = {"alone": "", "Starlette": IN_STARLETTE, "FastAPI": IN_FASTAPI}


@dataclass(frozen=True)
class Server:
    """How an application is served, and what the server says and does at its start and end."""

    command: str
    factory: str  # what names `gateway.web.app`, which makes the application
    ready: str
    ending: str
    status: int


PROCFILE = (ROOT / "Procfile").read_text().splitlines()[0].removeprefix("web: ")
SERVERS = {
    "gunicorn": Server(
        PROCFILE.replace(" 'gateway.web:app()'", ""),
        "gateway.web:app()",
        "ASGI server listening",
        "Handling signal: term",
        0,
    ),
    # Its access log would hold the webhook's token. It ends by the signal it was sent.
    "uvicorn": Server(
        "uvicorn --no-access-log --port {port}",
        "--factory gateway.web:app",
        "Uvicorn running on",
        "Shutting down",
        -signal.SIGTERM,
    ),
}


class Process:
    """A server in a process of its own, whose log is read all the time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log = ""
        self._more = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.log += line.decode()
            self._more.set()
        self._more.set()

    async def says(self, words: str) -> None:
        async with asyncio.timeout(30):
            while words not in self.log:
                assert not self._reading.done(), self.log
                self._more.clear()
                await self._more.wait()

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reading


@asynccontextmanager
async def served(
    server: Server, source: str, supabase_url: str, folder: Path
) -> AsyncIterator[tuple[Process, Web]]:
    (folder / "host.py").write_text(source)
    port = free_port()
    application = "host:app" if source else server.factory
    command = shlex.split(f"{server.command.format(port=port)}") + application.split()
    given = environ(supabase_url, port)
    given["PYTHONPATH"] = str(folder)
    process = Process(
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *command), cwd=ROOT, env=given, stderr=asyncio.subprocess.PIPE
        )
    )
    try:
        await process.says(server.ready)
        async with httpx.AsyncClient(timeout=20) as client:
            yield process, Web(f"http://127.0.0.1:{port}", client)
    finally:
        await process.end()


@pytest.mark.parametrize("source", HOSTS.values(), ids=HOSTS)
@pytest.mark.parametrize("server", SERVERS.values(), ids=SERVERS)
async def test_posts_are_stored_slow_clients_delay_nobody_and_an_end_finishes_what_came(
    server: Server, source: str, tmp_path: Path
) -> None:
    api = DataApi(default=STORED)
    async with (
        serve(api.app()) as supabase_url,
        served(server, source, supabase_url, tmp_path) as (process, web),
        asyncio.timeout(60),
    ):
        await stores_what_is_signed(web, api)
        await cuts_off_slow_clients(web)
        await finishes_a_post_at_its_end(server, process, web, api)
    for private in (SECRET, TOKEN, CONTACT, "hunter2"):
        assert private not in process.log


async def stores_what_is_signed(web: Web, api: DataApi) -> None:
    assert (await web.post(text(), HOOK)).status_code == 200
    assert (await web.post(status(), STATUS_HOOK)).status_code == 200
    assert (await web.post(text(), HOOK, signed=[])).status_code == 403
    assert (await web.post_raw(b"Body=" + b"x" * 70_000, "")).status_code == 413
    assert (await web.client.get(f"{web.url}/healthz")).status_code == 200
    assert [call.name for call in api.calls] == ["ingest_sms", "record_sms_delivery"]


async def cuts_off_slow_clients(web: Web) -> None:
    """A body that does not come, or byte by byte; others are served meanwhile."""
    url = httpx.URL(web.url)
    head = f"POST /webhook/sms HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM_TYPE}\r\n"
    clients = []
    for drop in (b"", b"B"):
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(f"{head}Content-Length: 9999\r\n\r\n".encode())
        clients.append(asyncio.create_task(drip(reader, writer, drop)))
    posts = 0
    while not all(client.done() for client in clients):
        assert (await web.post(text(), HOOK)).status_code == 200
        posts += 1
        await asyncio.wait(clients, timeout=0.1)
    assert [(await client)[9:12] for client in clients] == [b"408", b"408"]
    assert posts > 10


async def finishes_a_post_at_its_end(
    server: Server, process: Process, web: Web, api: DataApi
) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def answer(request: Request) -> Response:
        asked.set()
        await may_answer.wait()
        return JSONResponse(STORED)

    api.answers.append(answer)
    post = asyncio.create_task(web.post(text(), HOOK))
    await asked.wait()
    process.process.send_signal(signal.SIGTERM)
    await process.says(server.ending)
    may_answer.set()
    assert (await post).status_code == 200
    async with asyncio.timeout(25):
        assert await process.process.wait() == server.status
