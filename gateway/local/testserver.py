"""What the stand-ins share: a server in the running loop, scripted faults, a record of events."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@contextlib.asynccontextmanager
async def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve `app` in the running loop and yield its URL; leaving ends every connection at once.

    No signal handlers, no access log. Port 0 takes a free one.
    """
    listener = socket.create_server((host, port))
    # asyncio sets it only where the protocol is named; without it an answer waits 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = _Server(app)
    running = asyncio.create_task(server.run_on(listener))
    try:
        await server.wait_until_ready(running)
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


class _Server(uvicorn.Server):
    """Uvicorn as a guest of somebody else's loop."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                self._with_drop(app),
                http="h11",
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._ready = asyncio.Event()

    async def run_on(self, listener: socket.socket) -> None:
        try:
            await self.serve(sockets=[listener])
        except SystemExit as error:  # how uvicorn says that the lifespan failed
            raise RuntimeError("the application did not start") from error

    async def wait_until_ready(self, running: asyncio.Task[None]) -> None:
        ready = asyncio.ensure_future(self._ready.wait())
        await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if running.done():
            await running

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            _abort(connection)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def _with_drop(self, app: ASGIApp) -> ASGIApp:
        """ASGI has no word for closing a connection without an answer: `drop` asks for it."""

        async def droppable(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                scope["standin.drop"] = lambda: self._drop(scope["client"])
            await app(scope, receive, send)

        return droppable

    def _drop(self, client: tuple[str, int]) -> None:
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == client:
                _abort(connection)


def _abort(connection: Any) -> None:
    if connection.transport is not None:
        connection.transport.abort()


async def hang(request: Request) -> Response:
    """Answer nothing until the client gives up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()  # nobody is there to read it


async def drop(request: Request) -> Response:
    """Close the connection without a single byte."""
    request.scope["standin.drop"]()
    return await hang(request)


class LoopbackOnly:
    """ASGI middleware: answers callers on this machine, and none that a strange web page sends.

    A page may post to local ports, and with a name of its own that leads to 127.0.0.1 even read:
    so Host must be a loopback name, and Origin, which browsers add, the same as Host.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.app
        if scope["type"] == "http" and (reason := _foreign(Headers(scope=scope))):
            app = Response(f"{reason}: this answers only this machine\n", 403)
        await app(scope, receive, send)


def _foreign(headers: Headers) -> str:
    """Why a request is not of this machine; "" when it is."""
    host, origin = headers.get("host", ""), headers.get("origin")
    name = urlsplit(f"//{host}").hostname
    if name not in LOOPBACK:
        return f"Host {name!r}"
    # A forwarded port (of a development container) has another Origin; the browser vouches for it.
    if origin and origin != f"http://{host}" and headers.get("sec-fetch-site") != "same-origin":
        return f"Origin {origin!r}"
    return ""


@dataclass
class Fault:
    """One thing that goes wrong, for the calls it matches; the stand-in gives `kind` its meaning.

    match: part of the call's subject (Twilio: the recipient; OpenAI: the last user text);
    times: how often (None: for ever); probability: of each matching call; seconds: Retry-After
    or delay; status and code: of the answer, where the kind has one.
    """

    kind: str
    on: str = "create"
    match: str = ""
    times: int | None = 1
    probability: float = 1.0
    seconds: float | None = None
    status: int = 500
    code: int | None = None


class Faults:
    """The queue of faults; the first that matches a call is taken."""

    def __init__(self, kinds: frozenset[str], seed: int = 0) -> None:
        self.kinds = kinds
        self.queue: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311  # repeatable, not secret

    def add(self, kind: str, **details: Any) -> Fault:
        """Queue a fault; raises ValueError for a kind the stand-in does not know."""
        if kind not in self.kinds:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(sorted(self.kinds))}")
        fault = Fault(kind, **details)
        self.queue.append(fault)
        return fault

    def take(self, on: str, subject: str) -> Fault | None:
        for fault in self.queue:
            if fault.on != on or fault.match not in subject:
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            self._use(fault)
            return fault
        return None

    def clear(self) -> None:
        self.queue.clear()

    def _use(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self.queue.remove(fault)


@dataclass
class Events:
    """Everything that happened, numbered from 1; whoever waits is woken by each addition."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    _last: int = 0
    _added: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, kind: str, **details: Any) -> None:
        self._last += 1
        now = datetime.now(UTC).isoformat()
        self.entries.append({"n": self._last, "at": now, "kind": kind, **details})
        added, self._added = self._added, asyncio.Event()
        added.set()

    async def until(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Return when `condition` holds, asked again after each event; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not condition():
                await self._added.wait()

    async def after(self, n: int, seconds: float) -> list[dict[str, Any]]:
        """The events after number `n`; waits up to `seconds` for the first."""
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: self._last > n, seconds)
        return [entry for entry in self.entries if entry["n"] > n]

    async def respond(self, request: Request) -> Response:
        """GET …/_control/events?after=0&seconds=20: a long poll."""
        after = int(request.query_params.get("after", 0))
        seconds = min(float(request.query_params.get("seconds", 20)), 60)
        return JSONResponse({"events": await self.after(after, seconds), "last": self._last})


async def read_json(request: Request) -> dict[str, Any]:
    """The JSON object of a control request.

    415 for another content type: a strange web page may post forms and plain text to a local
    port, but JSON only after asking, and nobody here would allow it.
    """
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise HTTPException(415, "send application/json")
    content = await request.json()
    if not isinstance(content, dict):
        raise HTTPException(400, "send a JSON object")
    return content
