"""Tells the customer's systems and the staff: takes deliveries, makes them, says what came of it.

Which delivery is due, in which order and when again is SQL (33_events.sql). Here is how one is
made: signed as Standard Webhooks says (https://www.standardwebhooks.com), and only to a public
address. Whoever sets a target may name any host, and this process stands inside a network: so a
name is looked up once, and whether an address is public is asked where the socket to it is made:
a name cannot lead elsewhere in between. Redirects are not followed. Of the answer nothing but its
status counts, and its body is not waited for: a receiver that said 2xx has the event, however
slowly it goes on, and one that drips for ten seconds would hold a slot without ever failing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.connector import AddrInfoType
from standardwebhooks.webhooks import Webhook
from yarl import URL

from gateway import __version__
from gateway.messages import SendFailed
from gateway.settings import Settings
from gateway.supabase import Database, EventDelivery
from gateway.telemetry import log_event
from gateway.twilio import TwilioSms

SLOTS = 8  # deliveries at once, beside the messages' slots
POST_SECONDS = 10.0
POLL_SECONDS = 10.0
IDLE_SECONDS = 60.0  # while no account has a target; a hint wakes sooner
BUSY_SECONDS = 1.0  # due, but in the hands of another worker
GONE = 410  # turns the target off
ANSWER_BUFFER = 2**15  # bytes; the client stops receiving at twice this, before anybody reads

# Clouds answer here with their machines' keys, although the address is a public one.
METADATA = {ipaddress.ip_address("168.63.129.16")}
# IPv6 that stands for IPv4: NAT64, 6to4, Teredo.
TRANSLATED = [ipaddress.ip_network(net) for net in ("64:ff9b::/96", "2002::/16", "2001::/32")]

log = logging.getLogger("gateway.events")


class AddressRefused(Exception):
    """The target's address is none that is posted to; the message says why."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one: `status` as of HTTP, None when there was no answer."""

    status: int | None
    error: str | None = None
    retry_after: float | None = None  # seconds

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Deliveries:
    """A background task of the worker, with slots of its own: a dead target delays no message."""

    def __init__(self, database: Database, twilio: TwilioSms, poster: Poster) -> None:
        self._database = database
        self._twilio = twilio
        self._poster = poster
        self._wake = asyncio.Event()
        self._held: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """There may be something to deliver."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver for ever; takes nothing new once `stop` is set. Ends by being cancelled."""
        async with asyncio.TaskGroup() as slots:
            while True:
                pause = IDLE_SECONDS if stop.is_set() else await self._take(slots)
                try:
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()

    async def _take(self, slots: asyncio.TaskGroup) -> float:
        """Fill the free slots; seconds until to look again."""
        free = SLOTS - len(self._held)
        if not free:
            return POLL_SECONDS  # an end wakes
        lease_id = str(uuid.uuid4())
        try:
            deliveries, seconds = await self._database.claim_sms_event_deliveries(lease_id, free)
        except Exception as error:  # events must not stop the worker
            log_event(log, "events not claimed", level=logging.WARNING, reason=error)
            return POLL_SECONDS
        for delivery in deliveries:
            task = slots.create_task(self._deliver(delivery, lease_id))
            self._held.add(task)
            task.add_done_callback(self._end)
        if seconds is None:
            return IDLE_SECONDS
        return min(POLL_SECONDS, max(seconds, 0.05 if deliveries else BUSY_SECONDS))

    def _end(self, task: asyncio.Task[None]) -> None:
        self._held.discard(task)
        self._wake.set()

    async def _deliver(self, delivery: EventDelivery, lease_id: str) -> None:
        """One attempt. What cannot be reported is delivered again when the lease ends."""
        try:
            if delivery.kind == "sms":
                attempt = await self._send_notice(delivery)
            else:
                attempt = await self._poster.post(
                    delivery.address, delivery.secret or "", delivery.event_id, delivery.payload
                )
            outcome = await self._database.finish_sms_event_delivery(
                delivery.id, lease_id, attempt.status, attempt.error, attempt.retry_after
            )
            log_event(
                log,
                "event attempted",
                delivery_id=delivery.id,
                outcome=outcome,
                status=attempt.status,
                reason=attempt.error,
            )
        except Exception as error:
            level = logging.WARNING
            log_event(log, "event left", level=level, delivery_id=delivery.id, reason=error)

    async def _send_notice(self, delivery: EventDelivery) -> Attempt:
        """A message to a number of the staff. One that can never get it is gone."""
        try:
            await self._twilio.send_notice(
                from_number=delivery.from_number or "",
                to_number=delivery.address,
                body=delivery.content or "",
                service_sid=delivery.service_sid,
            )
        except SendFailed as failure:
            status = GONE if failure.outcome == "failed" else None
            return Attempt(status, str(failure), failure.retry_after)
        return Attempt(200)


class Poster:
    """Posts signed events. Needs a running event loop, and belongs to it."""

    def __init__(self, session: aiohttp.ClientSession, allow_loopback: bool) -> None:
        self._session = session
        self._allow_loopback = allow_loopback

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        allow_loopback: bool,
        seconds: float = POST_SECONDS,
        resolver: AbstractResolver | None = None,
    ) -> AsyncIterator[Poster]:
        """`allow_loopback`: a gateway that is itself on this machine alone posts there too.

        `resolver`: aiohttp's own when None; asked once for each attempt.
        """
        connector = aiohttp.TCPConnector(
            resolver=resolver,
            use_dns_cache=False,
            force_close=True,
            socket_factory=partial(_socket_to_public, allow_loopback=allow_loopback),
        )
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=ANSWER_BUFFER,
        ) as session:
            yield cls(session, allow_loopback)

    async def post(
        self, address: str, secret: str, event_id: str, payload: Mapping[str, Any]
    ) -> Attempt:
        """One attempt; raises nothing but what is a fault of ours.

        Leaving the answer closes the connection, with whatever of the body did not come unread.
        """
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
        try:
            url = checked_url(address, self._allow_loopback)
            async with self._session.post(
                url,
                data=body.encode(),
                headers=signed_headers(secret, event_id, body),
                allow_redirects=False,
            ) as answer:
                return _attempt(answer)
        except AddressRefused as refused:
            return Attempt(None, f"not posted: {refused}")
        except aiohttp.InvalidURL:
            return Attempt(None, "not posted: it is not an address")
        except aiohttp.ClientConnectorError as error:
            refusal = error.os_error
            if isinstance(refusal, PrivateAddress):
                return Attempt(None, f"not posted: {refusal.strerror}")
            return Attempt(None, f"no connection: {type(refusal).__name__}")
        except TimeoutError:
            return Attempt(None, f"no answer within {POST_SECONDS:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Attempt(None, f"no usable answer: {type(error).__name__}")


def _attempt(answer: aiohttp.ClientResponse) -> Attempt:
    status = answer.status
    if 200 <= status < 300:
        return Attempt(status)
    asked = answer.headers.get("retry-after", "")
    retry_after = float(asked) if asked.isascii() and asked.isdecimal() else None
    error = "it redirects; set the target's final address" if 300 <= status < 400 else None
    if status == GONE:
        error = "It answered 410 Gone."
    return Attempt(status, error or f"HTTP {status}", retry_after)


def signed_headers(secret: str, event_id: str, body: str) -> dict[str, str]:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
    now = datetime.now(UTC)
    return {
        "content-type": "application/json",
        "user-agent": f"sms-gateway/{__version__}",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, now, body),
    }


def checked_url(address: str, allow_loopback: bool) -> URL:
    """As the client will read it; raises AddressRefused. A name's addresses are checked later."""
    try:
        url = URL(address)
        host, port = url.host or "", url.port
    except ValueError as error:
        raise AddressRefused("it is not an address") from error
    ip = _ip(host)
    if allow_loopback and (host == "localhost" or (ip is not None and ip.is_loopback)):
        return url
    if url.scheme != "https" or not host or url.user is not None:
        raise AddressRefused("it must start with https:// and hold no user name")
    if port is None or (port != 443 and not 1024 < port < 65536):
        raise AddressRefused("its port must be 443 or above 1024")
    if ip is not None and not is_public(ip):
        raise AddressRefused("its address is not public")
    return url


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Not private, loopback, link-local, CGNAT, multicast, reserved, metadata; nor IPv4 in IPv6."""
    if isinstance(ip, ipaddress.IPv6Address) and (
        ip.ipv4_mapped is not None or any(ip in network for network in TRANSLATED)
    ):
        return False
    return ip.is_global and not ip.is_multicast and ip not in METADATA


class PrivateAddress(OSError):
    """What a connection was about to go to is not public."""


def _socket_to_public(addr_info: AddrInfoType, *, allow_loopback: bool) -> socket.socket:
    """For an address that the client is about to connect to: here nothing can be rebound any more.

    An address that is written strangely (127.1, 2130706433) is none here, and refused as well.
    """
    family, kind, protocol, _, address = addr_info
    ip = _ip(str(address[0]))
    if ip is None or not (is_public(ip) or (allow_loopback and ip.is_loopback)):
        raise PrivateAddress(None, "its name leads to an address that is not public")
    return socket.socket(family, kind, protocol)


def allows_loopback(settings: Settings) -> bool:
    """A gateway whose own address is http://, which only this machine's may be, is local."""
    return settings.public_url.startswith("http://")
