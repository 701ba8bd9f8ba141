"""Signed posts, and how fast they are answered.

A connection is opened for every post: the web process keeps none open, and Twilio posts from many
machines. The client is written by hand because a library's would cost more CPU than the server.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urldefrag, urlsplit

from gateway.local.standins.twilio import Message, Twilio


@dataclass(frozen=True, slots=True)
class Post:
    """One text on its way in, ready to be written to a socket."""

    contact: str
    raw: bytes


@dataclass
class Load:
    """What became of some posts: seconds until the answer, and those not answered with 200."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    elapsed: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.elapsed

    def milliseconds(self, percent: int) -> float:
        return percentile(self.seconds, percent) * 1000


def percentile(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def signed_post(twilio: Twilio, number: str, contact: str, body: str, url: str = "") -> Post:
    """As Twilio posts it to the number's webhook, or to `url`."""
    url = urldefrag(url or twilio.numbers[number].sms_url).url
    form = twilio.inbound_form(_message(number, contact, body))
    content, headers = twilio.webhooks.signed_form(url, form)
    target = urlsplit(url)
    headers |= {"Host": target.netloc, "Content-Length": str(len(content))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return Post(contact, f"POST {target.path} HTTP/1.1\r\n{lines}\r\n".encode() + content)


def _message(number: str, contact: str, body: str) -> Message:
    now = datetime.now(UTC)
    return Message(
        sid="SM" + secrets.token_hex(16),
        from_=contact,
        to=number,
        body=body,
        direction="inbound",
        status="received",
        created=now,
        updated=now,
        num_segments=1,
    )


async def send(port: int, raw: bytes, patience: float = 30) -> int | None:
    """The answer's status; None: there was none."""
    with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw)
            head = await reader.readuntil(b"\r\n")
            writer.close()
            return int(head.split()[1])
    return None


async def closed_loop(
    port: int, make: Callable[[], Post], connections: int, seconds: float
) -> Load:
    """So many posts at any time, each followed by the next."""
    load, began = Load(), time.monotonic()

    async def one_after_the_other() -> None:
        while time.monotonic() < began + seconds:
            await _timed(load, port, make().raw)

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(one_after_the_other())
    load.elapsed = time.monotonic() - began
    return load


async def open_loop(
    port: int,
    posts: Iterator[Post],
    per_second: float,
    seconds: float,
    sent: Callable[[Post], None] = lambda post: None,
) -> Load:
    """So many posts a second, whatever became of those before; `sent` hears of each."""
    load, began = Load(), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(round(per_second * seconds)):
            await asyncio.sleep(began + number / per_second - time.monotonic())
            post = next(posts)
            sent(post)
            group.create_task(_timed(load, port, post.raw))
    load.elapsed = time.monotonic() - began
    return load


async def _timed(load: Load, port: int, raw: bytes) -> None:
    began = time.monotonic()
    if await send(port, raw) == 200:
        load.seconds.append(time.monotonic() - began)
    else:
        load.failed += 1
