"""One HTTP origin that joins the parts, as a hosted project's URL does.

Bytes pass untouched, WebSockets included: only the heads of requests and responses are read, to
pick the part by its path and to find where a body ends. For the tests it can fail on purpose.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_HEAD = 64 * 1024
CHUNK = 64 * 1024
BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
RPC = re.compile(r"/rest/v1/rpc/(\w+)")


@dataclass(slots=True)
class Head:
    """Start line and headers of a request or response; names in lower case."""

    raw: bytes
    first: list[str]
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        return self.first[1]

    @property
    def upgrades(self) -> bool:
        return "upgrade" in self.headers.get("connection", "").lower()

    @property
    def closes(self) -> bool:
        return "close" in self.headers.get("connection", "").lower()


@dataclass(slots=True)
class Peer:
    """One open connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def is_open(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing()

    def abort(self) -> None:
        self.writer.transport.abort()


@dataclass(slots=True)
class Faults:
    """What the proxy does wrong on purpose. Names are those of SQL functions called over rpc."""

    closed: set[str] = field(default_factory=set)  # prefixes whose part is away
    dropped: Counter[str] = field(default_factory=Counter)  # answers still to be lost, per name
    delays: dict[str, float] = field(default_factory=dict)  # seconds before the call, per name


class Cut(Exception):
    """This connection ends here."""


class Proxy:
    """`routes` maps a path prefix to the port of its part on this machine."""

    def __init__(self, routes: Mapping[str, int]) -> None:
        self.routes = routes
        self.faults = Faults()
        self.calls: Counter[str] = Counter()  # rpc calls that arrived, per function name
        self.port = 0
        self._server: asyncio.Server | None = None
        self._visits: dict[asyncio.Task[None], dict[str, Peer]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(
            self._visit, "127.0.0.1", port, limit=MAX_HEAD, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        for visit in list(self._visits):
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    def close(self, prefix: str) -> None:
        """The part behind `prefix` is away: its connections are cut and new requests refused."""
        self.faults.closed.add(prefix)
        for visit, parts in list(self._visits.items()):
            if prefix in parts:
                visit.cancel()

    def open(self, prefix: str) -> None:
        self.faults.closed.discard(prefix)

    def drop(self, rpc: str, answers: int = 1) -> None:
        """Lose the next answers of a function: it has run and committed, the caller never knows."""
        self.faults.dropped[rpc] += answers

    def delay(self, rpc: str, seconds: float) -> None:
        self.faults.delays[rpc] = seconds

    def heal(self) -> None:
        """End all faults and forget the calls counted."""
        self.faults = Faults()
        self.calls.clear()

    async def asked(self, request: Head) -> None:
        """For who breaks things at this moment: a request is about to be passed on.

        Raise Cut to lose it, or its answer in `answered`.
        """

    async def answered(self, request: Head, answer: Head) -> None:
        """The part has done its work, and whoever asked does not know it yet."""

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client connection, request by request."""
        client, parts = Peer(reader, writer), dict[str, Peer]()
        visit = asyncio.current_task()
        assert visit is not None  # noqa: S101  # a callback of start_server is a task
        self._visits[visit] = parts
        try:
            while await self._serve(client, parts):
                pass
        except (*BROKEN, Cut, asyncio.CancelledError):
            client.abort()
        finally:
            del self._visits[visit]
            for peer in (client, *parts.values()):
                peer.writer.close()

    async def _serve(self, client: Peer, parts: dict[str, Peer]) -> bool:
        """One request and its answer; False when the connection is not to be kept."""
        request = await _read_head(client)
        if request is None:
            return False
        prefix = next((known for known in self.routes if request.path.startswith(known)), None)
        if prefix is None:
            await _refuse(client, 404, "no such part of the local stack")
            return False
        rpc = await self._note(request)
        if prefix in self.faults.closed:
            raise Cut
        try:
            part = await self._connect(prefix, parts)
        except OSError:
            await _refuse(client, 503, "this part of the local stack does not answer")
            return False
        if request.upgrades:
            await _splice(client, part, request)
            return False
        return await self._pass_on(client, part, request, rpc)

    async def _note(self, request: Head) -> str:
        """Count an rpc call and delay it if asked to; its function's name."""
        found = RPC.match(request.path)
        name = found[1] if found else ""
        self.calls[name] += 1
        if seconds := self.faults.delays.get(name):
            await asyncio.sleep(seconds)
        return name

    async def _connect(self, prefix: str, parts: dict[str, Peer]) -> Peer:
        """The client's connection to a part, kept between its requests."""
        part = parts.get(prefix)
        if part is None or not part.is_open:
            if part is not None:
                part.writer.close()
            part = Peer(
                *await asyncio.open_connection("127.0.0.1", self.routes[prefix], limit=MAX_HEAD)
            )
            parts[prefix] = part
        return part

    async def _pass_on(self, client: Peer, part: Peer, request: Head, rpc: str) -> bool:
        await self.asked(request)
        if "100-continue" in request.headers.get("expect", ""):
            client.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        part.writer.write(request.raw)
        await _copy_body(client, part, request, until_close=False)
        answer = await _read_head(part)
        if answer is None:
            raise Cut
        await self.answered(request, answer)
        lost = self.faults.dropped[rpc] > 0
        if lost:
            self.faults.dropped[rpc] -= 1
            raise Cut
        client.writer.write(answer.raw)
        if not _has_no_body(request, answer):
            await _copy_body(part, client, answer, until_close=True)
        return not (request.closes or answer.closes or part.reader.at_eof())


async def _read_head(peer: Peer) -> Head | None:
    """The next head; None when the other side closed instead."""
    try:
        raw = await peer.reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = raw[:-4].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Head(raw, first.split(" ", 2), {name.lower(): value.strip() for name, _, value in pairs})


def _has_no_body(request: Head, answer: Head) -> bool:
    return request.first[0] == "HEAD" or answer.first[1] in ("204", "304")


async def _copy_body(source: Peer, target: Peer, head: Head, until_close: bool) -> None:
    """Copy the body `head` announces (RFC 9112, section 6.3)."""
    if "chunked" in head.headers.get("transfer-encoding", "").lower():
        await _copy_chunks(source, target)
    elif "content-length" in head.headers:
        await _copy(source, target, int(head.headers["content-length"]))
    elif until_close:
        await _copy_rest(source, target)
    await target.writer.drain()


async def _copy(source: Peer, target: Peer, left: int) -> None:
    while left:
        data = await source.reader.read(min(left, CHUNK))
        if not data:
            raise Cut
        left -= len(data)
        target.writer.write(data)
        await target.writer.drain()


async def _copy_chunks(source: Peer, target: Peer) -> None:
    while True:
        line = await source.reader.readuntil(b"\r\n")
        target.writer.write(line)
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        await _copy(source, target, size + 2)
    while line != b"\r\n":  # trailers, then the empty line
        line = await source.reader.readuntil(b"\r\n")
        target.writer.write(line)


async def _copy_rest(source: Peer, target: Peer) -> None:
    while data := await source.reader.read(CHUNK):
        target.writer.write(data)
        await target.writer.drain()


async def _splice(client: Peer, part: Peer, request: Head) -> None:
    """A WebSocket: bytes both ways until either side closes."""
    part.writer.write(request.raw)
    directions = [
        asyncio.create_task(_copy_rest(client, part)),
        asyncio.create_task(_copy_rest(part, client)),
    ]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        for peer in (client, part):
            with contextlib.suppress(OSError):
                await asyncio.wait_for(peer.writer.drain(), 1)
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)


async def _refuse(client: Peer, status: int, message: str) -> None:
    body = f'{{"message": "{message}"}}'
    client.writer.write(
        f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\nconnection: close\r\n"
        f"access-control-allow-origin: *\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
    )
    await client.writer.drain()
