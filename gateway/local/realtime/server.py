"""A small Realtime server: the protocol of the hosted one, for this machine and the tests.

Private channels are authorised by row level security on realtime.messages, and rows of that table
become broadcasts in commit order. Left out, with a clear error to who asks for it in a join:
postgres_changes, presence and replay. All that differs is listed in gateway/local/README.md.

Sources: supabase/realtime (realtime_channel.ex, user_socket.ex, authorization.ex), Phoenix's
socket.ex. The schema is realtime.sql.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import psycopg
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from gateway.local.realtime.channels import Identity, Refused, Socket
from gateway.local.realtime.messages import Messages
from gateway.local.realtime.wire import V1, V2
from gateway.telemetry import log_event

PATHS = ("/realtime/v1/websocket", "/socket/websocket")
MAX_FRAME_BYTES = 5_000_000
MAX_PAYLOAD_BYTES = 3_000_000
MAX_USERS = 200  # sockets at once, on the free plan
IDLE_TIMEOUT = 60.0  # seconds without a frame; clients send a heartbeat every 25 s
KEY_LIFETIME = 24 * 3600.0  # of the token that the hosted gateway puts in place of an sb_ key

log = logging.getLogger("gateway.local.realtime")
# At DEBUG websockets prints the request line, and with it the key in the URL.
wire_log = logging.getLogger("gateway.local.realtime.websockets")
wire_log.setLevel(logging.WARNING)


@dataclass(slots=True)
class Faults:
    """What tests can break. Everything is off."""

    refused_handshakes: int = 0  # as many are answered with 503
    refusal: str = ""  # the body of those answers
    closes_after_accept: bool = False
    join_delay: float = 0.0  # seconds
    swallow_every: int = 0  # each n-th broadcast from the database is lost
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    # Seconds from a join until the database's broadcasts flow in its channel; None: never, and
    # the channel is closed after no_flow_timeout, as by the hosted server.
    flow_after: float | None = 0.0
    no_flow_timeout: float = 60.0
    says_flowing: bool = True  # older servers do not


class RealtimeServer:
    """`async with RealtimeServer(…) as server:` serves on `server.port` until the block ends."""

    def __init__(
        self,
        postgres_url: str,
        *,
        jwt_secret: str,
        publishable_key: str,
        secret_key: str,
        port: int = 0,
        key_lifetime: float = KEY_LIFETIME,
        join_backoff: float = 0.0,
        handshake_backoff: float = 0.0,
        idle_timeout: float = IDLE_TIMEOUT,
        max_users: int = MAX_USERS,
    ) -> None:
        """`postgres_url` is a superuser's. The hosted server delays refusals: joins by 5 s,
        handshakes by 2 s."""
        self.port = port
        self.messages = Messages(postgres_url)
        self.faults = Faults()
        self.faults.flowing.set()
        self.accepted: list[float] = []  # time.monotonic() of each open connection
        self._accepted_one = asyncio.Event()
        self.joins = 0
        self.join_backoff = join_backoff
        self.idle_timeout = idle_timeout
        self._max_users = max_users
        self._jwt_secret = jwt_secret
        self._roles = {publishable_key: "anon", secret_key: "service_role"}
        self._key_lifetime = key_lifetime
        self._handshake_backoff = handshake_backoff
        self._sockets: set[Socket] = set()
        self._server: Server | None = None
        self._announcing: asyncio.Task[None] | None = None
        self._announced = 0

    @property
    def url(self) -> str:
        """What a project's URL is followed by: clients add /websocket."""
        return f"http://127.0.0.1:{self.port}/realtime/v1"

    async def __aenter__(self) -> RealtimeServer:
        await self.messages.ensure_partitions()
        listening = asyncio.Event()
        self._announcing = asyncio.create_task(self._announce(listening))
        await listening.wait()
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        if self._announcing:
            self._announcing.cancel()
            await asyncio.gather(self._announcing, return_exceptions=True)
        await self.messages.close()

    async def start(self) -> None:
        """Open the port; after stop() it is the same one."""
        self._server = await serve(
            self._talk,
            "127.0.0.1",
            self.port,
            process_request=self._admit,
            max_size=MAX_FRAME_BYTES,
            ping_interval=None,  # cowboy sends none; clients ping
            close_timeout=1,
            logger=wire_log,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every socket; also the end of a stall."""
        self.resume()
        await self.close(1012)
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """The opening handshake: None lets the client in."""
        if self.faults.refused_handshakes > 0:
            self.faults.refused_handshakes -= 1
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, self.faults.refusal)
        url = urlsplit(request.path)
        if url.path not in PATHS:
            return connection.respond(HTTPStatus.NOT_FOUND, "")
        if _serializer(request) is None:
            return connection.respond(HTTPStatus.FORBIDDEN, "")
        try:
            self._identify(_key(request))
        except Refused as refusal:
            await asyncio.sleep(self._handshake_backoff)
            return _unauthorized(connection, refusal)
        if len(self._sockets) >= self._max_users:
            return _refusal(connection, HTTPStatus.TOO_MANY_REQUESTS, "Too many connected users")
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        self.accepted.append(time.monotonic())
        self._accepted_one.set()
        request = connection.request
        if request is None or self.faults.closes_after_accept:
            await connection.close(1001)
            return
        wire = _serializer(request) or V1()
        socket = Socket(self, connection, wire, self._identify(_key(request)))
        self._sockets.add(socket)
        try:
            await socket.answer_frames()
        finally:
            self._sockets.discard(socket)
            socket.forget_channels()

    def _identify(self, key: str | None) -> Identity:
        """Whoever opens the socket with this key; raises Refused."""
        if not key:
            raise Refused("MissingAPIKey", "API key is missing")
        if role := self._roles.get(key):
            return Identity(key, {"role": role, "exp": time.time() + self._key_lifetime})
        return self.identify_token(key)

    def identify_token(self, token: str) -> Identity:
        """Whoever the JWT says; raises Refused."""
        unchecked = {"verify_" + claim: False for claim in ("aud", "exp", "iat", "nbf", "sub")}
        try:
            algorithms = ["HS256", "HS384", "HS512"]
            claims = jwt.decode(token, self._jwt_secret, algorithms, options=unchecked)  # type: ignore[arg-type]
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError) as error:
            raise Refused("JwtSignatureError", "Failed to validate JWT signature") from error
        except jwt.InvalidTokenError as error:
            raise Refused("MalformedJWT", "The token provided is not a valid JWT") from error
        if "role" not in claims or not isinstance(claims.get("exp"), int | float):
            raise Refused("InvalidJWTToken", "Fields `role` and `exp` are required in JWT")
        identity = Identity(token, claims)
        identity.require_unexpired()
        return identity

    async def _announce(self, listening: asyncio.Event) -> None:
        """Every committed row of realtime.messages becomes a broadcast, whatever Postgres does."""
        while True:
            try:
                async for message_id, topic in self.messages.committed(listening):
                    if any(f"realtime:{topic}" in socket.channels for socket in self._sockets):
                        await self._announce_one(message_id)
            except psycopg.Error as error:
                log_event(log, "realtime lost postgres", reason=type(error).__name__)
                await asyncio.sleep(1)

    async def _announce_one(self, message_id: str) -> None:
        row = await self.messages.read(message_id)
        self._announced += 1
        every = self.faults.swallow_every
        if row and not (every and self._announced % every == 0):
            topic, event, payload, private = row
            if len(json.dumps(payload)) > MAX_PAYLOAD_BYTES:
                log_event(log, "realtime broadcast dropped", id=message_id, reason="over 3,000 kB")
                return
            try:
                self.broadcast(f"realtime:{topic}", private, event, payload, {"id": message_id})
            except ValueError as error:  # a topic or an event too long for the binary frame
                log_event(log, "realtime broadcast dropped", id=message_id, reason=error)

    def broadcast(
        self,
        topic: str,
        private: bool,
        event: str,
        payload: Any,
        meta: dict[str, Any],
        omit: Socket | None = None,
    ) -> None:
        """To each socket that joined the topic; public and private ones are two channels."""
        for socket in self._sockets - {omit}:
            channel = socket.channels.get(topic)
            if not channel or channel.private != private or not self.faults.flowing.is_set():
                continue
            if channel.flows or not meta:  # a client's broadcast needs no database
                socket.push(socket.wire.encode_broadcast(topic, event, payload, meta))

    # For the tests: what happened, and faults.

    async def until_accepted(self, count: int, within: float = 10.0) -> None:
        """Wait until so many connections were opened in all; raises TimeoutError."""
        async with asyncio.timeout(within):
            while len(self.accepted) < count:
                self._accepted_one.clear()
                await self._accepted_one.wait()

    def drop(self) -> None:
        """Cut every TCP connection."""
        for socket in self._sockets:
            socket.connection.transport.abort()

    async def close(self, code: int) -> None:
        """Close every WebSocket in order."""
        await asyncio.gather(*(socket.connection.close(code) for socket in self._sockets))

    def stall(self) -> None:
        """Answer and announce nothing until resume(); pings are still answered."""
        self.faults.flowing.clear()

    def resume(self) -> None:
        self.faults.flowing.set()

    def half_open(self) -> None:
        """Neither read nor write on the sockets of now, as when a NAT forgot them."""
        for socket in self._sockets:
            socket.connection.transport.pause_reading()
            socket.forget_channels()

    def send_system_error(self, message: str, *, closes: bool) -> None:
        """On every channel; when it closes none, server and client disagree from there on."""
        for socket in self._sockets:
            for channel in list(socket.channels.values()):
                socket.send_system(channel, "error", message)
                if closes:
                    socket.close_channel(channel)

    def send_raw(self, text: str) -> None:
        """A frame of the test's own making to every socket."""
        for socket in self._sockets:
            socket.push(text)


def _unauthorized(connection: ServerConnection, refusal: Refused) -> Response:
    """A handshake does not say for how long a token has expired; a join does."""
    expired = "Token has expired"
    text = expired if refusal.text.startswith(expired) else refusal.text
    return _refusal(connection, HTTPStatus.UNAUTHORIZED, text)


def _refusal(connection: ServerConnection, status: HTTPStatus, reason: str) -> Response:
    response = connection.respond(status, json.dumps({"error": reason}))
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json; charset=utf-8"
    return response


def _key(request: Request) -> str | None:
    return request.headers.get("x-api-key") or _query(request).get("apikey")


def _serializer(request: Request) -> V1 | V2 | None:
    version = _query(request).get("vsn", "1.0.0")
    if version.startswith("1.0."):
        return V1()
    return V2() if version.startswith("2.0.") else None


def _query(request: Request) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(request.path).query).items()}
