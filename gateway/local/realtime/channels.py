"""The channels of one WebSocket of the local Realtime server: join, renew, broadcast, leave.

Sources: supabase/realtime lib/realtime_web/channels/realtime_channel.ex and
realtime_channel/broadcast_handler.ex, Phoenix's lib/phoenix/socket.ex.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed

from gateway.local.realtime.wire import V1, V2, Frame
from gateway.telemetry import log_event

if TYPE_CHECKING:
    from gateway.local.realtime.server import RealtimeServer

MAX_CHANNELS = 100  # of one client, on each of the hosted plans

log = logging.getLogger("gateway.local.realtime")


class Refused(Exception):
    """A join or a token is refused. `text` is what the hosted server says, `code` its prefix."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Identity:
    """Who speaks: the token as it was sent and its claims."""

    token: str = field(repr=False)
    claims: dict[str, Any]

    def require_unexpired(self) -> None:
        """Raises Refused."""
        late = time.time() - self.claims["exp"]
        if late >= 0:
            raise Refused("InvalidJWTToken", f"Token has expired {int(late)} seconds ago")


@dataclass(slots=True)
class Channel:
    topic: str  # with the prefix "realtime:"
    join_ref: str | None
    private: bool
    acknowledges: bool
    echoes: bool
    identity: Identity
    may_write: bool | None = None  # asked at the first broadcast, for each token anew
    expiry: asyncio.Task[None] | None = None
    flows: bool = False  # whether the database's broadcasts reach it
    flow: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self.topic.removeprefix("realtime:")


class Socket:
    """One WebSocket and its channels. Frames are answered one after the other, as by Phoenix: a
    join that waits holds up everything behind it."""

    def __init__(
        self, server: RealtimeServer, connection: ServerConnection, wire: V1 | V2, opener: Identity
    ) -> None:
        self.server = server
        self.connection = connection
        self.wire = wire
        self.channels: dict[str, Channel] = {}
        self._opener = opener

    async def answer_frames(self) -> None:
        """Until the client is gone, however it went, or has sent nothing for too long."""
        with suppress(ConnectionClosed):
            while (raw := await self._next_frame()) is not None:
                await self.server.faults.flowing.wait()
                await self._answer_raw(raw)
            await self.connection.close(1000)

    async def _next_frame(self) -> str | bytes | None:
        """None: none came within the idle timeout."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.server.idle_timeout):
                return await self.connection.recv()
        return None

    async def _answer_raw(self, raw: str | bytes) -> None:
        try:
            frame = self.wire.decode(raw)
        except ValueError as error:
            log_event(log, "realtime frame dropped", reason=error)
        else:
            await self._answer(frame)

    async def _answer(self, frame: Frame) -> None:
        if (frame.topic, frame.event) == ("phoenix", "heartbeat"):
            return self._reply(frame, "ok", {})
        if frame.event == "phx_join" and frame.topic.startswith("realtime:"):
            return await self._join(frame)
        channel = self.channels.get(frame.topic)
        if frame.event == "phx_leave":
            return self._leave(frame, channel)
        if channel is None:
            return self._reply(frame, "error", {"reason": "unmatched topic"})
        if frame.event == "access_token":
            await self._renew(channel, frame.payload)
        elif frame.event == "broadcast":
            await self._broadcast(channel, frame)
        elif frame.event == "presence":
            self._reply(frame, "error", {})  # as who has no rights to it

    async def _join(self, frame: Frame) -> None:
        """A second join ends the first one, whose close comes after the reply to the new one."""
        earlier = self._forget(frame.topic)
        self.server.joins += 1
        await asyncio.sleep(self.server.faults.join_delay)
        try:
            channel = await self._open(frame)
        except Refused as refusal:
            log_event(log, "realtime join refused", topic=frame.topic, reason=refusal)
            await asyncio.sleep(self.server.join_backoff)
            self._reply(frame, "error", {"reason": str(refusal)})
        else:
            self.channels[frame.topic] = channel
            self._reply(frame, "ok", {"postgres_changes": []})
            asked = _value(_config(frame.payload), "broadcast", "replication_ready")
            says_so = asked not in (None, False)  # there "false" is true
            if self.server.faults.flow_after == 0:
                self._start_flow(channel, says_so)
            else:
                channel.flow = asyncio.create_task(self._flow_later(channel, says_so))
        if earlier:
            self._send_close(earlier)

    def _start_flow(self, channel: Channel, says_so: bool) -> None:
        channel.flows = True
        if says_so and self.server.faults.says_flowing:
            self.send_system(channel, "ok", "Replication connection established")

    async def _flow_later(self, channel: Channel, says_so: bool) -> None:
        """The hosted server's replication is slow to start, or has no slot."""
        faults = self.server.faults
        if faults.flow_after is None:
            await asyncio.sleep(faults.no_flow_timeout)
            self.close_channel(channel)
        else:
            await asyncio.sleep(faults.flow_after)
            self._start_flow(channel, says_so)

    async def _open(self, frame: Frame) -> Channel:
        """The channel a join asks for; raises Refused."""
        if frame.topic == "realtime:":
            raise Refused("TopicNameRequired", "You must provide a topic name")
        if len(self.channels) >= MAX_CHANNELS:
            raise Refused("ChannelRateLimitReached", "Too many channels")
        _require_config(frame.payload)
        config = _config(frame.payload)
        _require_supported(config)
        channel = Channel(
            frame.topic,
            frame.join_ref,
            private=_is_true(config, "private"),
            acknowledges=_is_true(config, "broadcast", "ack"),
            echoes=_is_true(config, "broadcast", "self"),
            identity=self._identity(frame.payload),
        )
        await self._require_readable(channel)
        channel.expiry = asyncio.create_task(self._expire(channel))
        return channel

    def _identity(self, payload: Any) -> Identity:
        """The token of a join; none, and an sb_ key as access_token whatever else there is, mean
        the one the socket was opened with."""
        tokens = payload if isinstance(payload, dict) else {}
        key, token = tokens.get("access_token"), tokens.get("user_token")
        is_key = isinstance(key, str) and key.startswith("sb_")
        token = token or key
        if is_key or not isinstance(token, str) or token.startswith("sb_"):
            self._opener.require_unexpired()
            return self._opener
        return self.server.identify_token(token)

    async def _require_readable(self, channel: Channel) -> None:
        """Raises Refused."""
        try:
            await self.server.messages.ensure_partitions()
            readable = not channel.private or await self.server.messages.readable(
                channel.name, channel.identity.claims
            )
        except psycopg.Error as error:
            reason = "Realtime was unable to connect to the project database"
            raise Refused("UnableToConnectToProject", reason) from error
        if not readable:
            reason = "You do not have permissions to read from this Channel topic: "
            raise Refused("Unauthorized", reason + channel.name)

    async def _renew(self, channel: Channel, payload: Any) -> None:
        """access_token: never answered; a token that does not do ends the channel."""
        token = payload.get("access_token") if isinstance(payload, dict) else None
        if not isinstance(token, str) or token.startswith("sb_") or token == channel.identity.token:
            return
        try:
            channel.identity = self.server.identify_token(token)
            channel.may_write = None
            await self._require_readable(channel)
        except Refused as refusal:
            bad_signature = refusal.code == "JwtSignatureError"
            self.send_system(
                channel, "error", ":signature_error" if bad_signature else refusal.text
            )
            self.close_channel(channel)
        else:
            self._stop_expiry(channel)
            channel.expiry = asyncio.create_task(self._expire(channel))

    async def _broadcast(self, channel: Channel, frame: Frame) -> None:
        """A client's broadcast. Without an INSERT policy for it, it vanishes unanswered."""
        if channel.private and channel.may_write is None:
            channel.may_write = await self.server.messages.writable(
                channel.name, channel.identity.claims
            )
        if (channel.private and not channel.may_write) or not isinstance(frame.payload, dict):
            return
        event, payload = str(frame.payload.get("event")), frame.payload.get("payload")
        omit = None if channel.echoes else self
        self.server.broadcast(channel.topic, channel.private, event, payload, {}, omit)
        if channel.acknowledges:
            self._reply(frame, "ok", {})

    async def _expire(self, channel: Channel) -> None:
        """Closes the channel and not the socket, whose own token may have expired as well."""
        await asyncio.sleep(channel.identity.claims["exp"] - time.time())
        channel.expiry = None
        self.send_system(channel, "error", "Token has expired 0 seconds ago")
        self.close_channel(channel)

    def _leave(self, frame: Frame, channel: Channel | None) -> None:
        if channel and channel.join_ref not in (frame.join_ref, None):
            return  # meant for a channel that was closed since, and told so
        self._reply(frame, "ok", {})
        if channel:
            self.close_channel(channel)

    def close_channel(self, channel: Channel) -> None:
        self._forget(channel.topic)
        self._send_close(channel)

    def forget_channels(self) -> None:
        for topic in list(self.channels):
            self._forget(topic)

    def _forget(self, topic: str) -> Channel | None:
        channel = self.channels.pop(topic, None)
        if channel:
            self._stop_expiry(channel)
            if channel.flow and channel.flow is not asyncio.current_task():
                channel.flow.cancel()
        return channel

    def _stop_expiry(self, channel: Channel) -> None:
        if channel.expiry:
            channel.expiry.cancel()

    def _reply(self, frame: Frame, status: str, response: dict[str, Any]) -> None:
        payload = {"status": status, "response": response}
        self._send(Frame(frame.topic, "phx_reply", payload, frame.ref, frame.join_ref))

    def send_system(self, channel: Channel, status: str, message: str) -> None:
        payload = {
            "extension": "system",
            "status": status,
            "message": message,
            "channel": channel.name,
        }
        self._send(Frame(channel.topic, "system", payload, None, channel.join_ref))

    def _send_close(self, channel: Channel) -> None:
        self._send(Frame(channel.topic, "phx_close", {}, channel.join_ref, channel.join_ref))

    def _send(self, frame: Frame) -> None:
        self.push(self.wire.encode(frame))

    def push(self, raw: str | bytes) -> None:
        """Never waits: a client that does not read must not hold up the others."""
        broadcast([self.connection], raw)


def _config(payload: Any) -> dict[str, Any]:
    """The config of a join; one that cannot be read counts as none."""
    config = payload.get("config") if isinstance(payload, dict) else None
    return config if isinstance(config, dict) else {}


def _is_true(config: dict[str, Any], *path: str) -> bool:
    """Booleans may come as text."""
    return _value(config, *path) in (True, "true")


def _value(config: dict[str, Any], *path: str) -> Any:
    value: Any = config
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _require_config(payload: Any) -> None:
    """Raises Refused. A join without config is one of the old API, for Postgres changes."""
    if not isinstance(payload, dict) or "config" not in payload:
        reason = "the local Realtime server has no postgres_changes, which a join without config is"
        raise Refused("NotAvailableLocally", reason)
    if not isinstance(payload["config"], dict):
        raise Refused("UnknownErrorOnChannel", "no function clause matching: config is no map")


def _require_supported(config: dict[str, Any]) -> None:
    """Raises Refused for what only a hosted project or `supabase start` has."""
    changes, broadcast_config = config.get("postgres_changes"), config.get("broadcast")
    asked = {
        "postgres_changes": isinstance(changes, list) and any(changes),
        "presence": _is_true(config, "presence", "enabled"),
        "replay": isinstance(broadcast_config, dict) and "replay" in broadcast_config,
    }
    if missing := [name for name, is_asked in asked.items() if is_asked]:
        reason = f"the local Realtime server has no {' and no '.join(missing)}"
        raise Refused("NotAvailableLocally", reason)
