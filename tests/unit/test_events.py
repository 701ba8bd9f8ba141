"""Posting events: the signature, hostile receivers over real sockets, the worker's own slots."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks.webhooks import Webhook

from gateway import events
from gateway.events import Attempt, Deliveries, Poster, is_public, signed_headers
from gateway.messages import SendFailed
from gateway.supabase import EventDelivery, Unavailable

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
PAYLOAD = {"type": "human.requested", "timestamp": "2026-11-25T00:00:00Z", "data": {"ñ": "✓"}}
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def receiver(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A raw server; its port. Whatever it is still doing ends with it."""
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await answer(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(text: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)
        await writer.drain()

    return answer


async def post(
    address: str,
    *,
    loopback: bool = True,
    seconds: float = 2,
    resolver: AbstractResolver | None = None,
) -> Attempt:
    async with Poster.connect(loopback, seconds, resolver) as poster:
        return await poster.post(address, SECRET, "evt_1", PAYLOAD)


# The signature


def test_it_is_signed_as_standard_webhooks_says() -> None:
    """The vector of the specification's reference libraries, computed here by hand."""
    secret, event_id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    at = dt.datetime.fromtimestamp(1614265330, dt.UTC)
    signature = Webhook(secret).sign(event_id, at, '{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    key = base64.b64decode(secret.removeprefix("whsec_"))
    told = hmac.new(key, f'{event_id}.1614265330.{{"test": 2432232314}}'.encode(), hashlib.sha256)
    assert signature == "v1," + base64.b64encode(told.digest()).decode()


async def test_a_receiver_verifies_what_it_gets_and_nothing_else() -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        as_sent = dict(line.split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        got.append(({k.lower(): v for k, v in as_sent.items()}, body))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with receiver(answer) as port:
        assert await post(f"http://127.0.0.1:{port}/hook") == Attempt(204)
    [(headers, body)] = got
    assert Webhook(SECRET).verify(body, headers) == PAYLOAD == json.loads(body)
    assert headers["webhook-id"] == "evt_1"
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(body + b" ", headers)


def test_the_id_stays_and_the_signature_is_of_now() -> None:
    headers = signed_headers(SECRET, "evt_1", "{}")
    assert headers["webhook-id"] == "evt_1"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 5


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        *("https://127.0.0.1/", "https://127.0.0.1:8443/", "https://[::1]/", "https://0.0.0.0/"),
        *("https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://[::]/"),
        *("https://169.254.169.254/latest/meta-data", "https://100.64.0.1/", "https://224.0.0.1/"),
        *("https://[::ffff:10.0.0.1]/", "https://[::ffff:8.8.8.8]/", "https://[fe80::1%25eth0]/"),
        *("https://[fd00:ec2::254]/", "https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/"),
        *("https://168.63.129.16/", "https://100.100.100.200/", "https://[ff02::1]/"),
        *("https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/"),
        *("https://localhost/", "https://localhost:8443/", "http://example.com/", "ftp://x.com/"),
        *("http://127.0.0.1:8000/", "https://example.com:80/", "https://example.com:22/"),
        *("https://a:b@example.com/", "https://", "https:///x", "//example.com", "example.com", ""),
        *("https://example.com:99999/", "https://[::1", "https://\uff11\uff12\uff17.0.0.1/"),
    ],
)
async def test_a_hostile_address_is_refused_before_any_connection(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", made.append)
    attempt = await post(address, loopback=False)
    assert attempt.status is None and (attempt.error or "").startswith("not posted: ")
    assert made == []


@pytest.mark.parametrize("ip", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "93.184.216.34"])
def test_public_addresses_are_public(ip: str) -> None:
    assert is_public(ipaddress.ip_address(ip))


class Changing(AbstractResolver):
    """A name that leads elsewhere each time it is looked up."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        address = self.addresses.pop(0)
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)
        ]

    async def close(self) -> None:
        pass


async def test_a_name_that_leads_elsewhere_the_second_time_is_looked_up_once_an_attempt() -> None:
    """What was checked is what is connected to; the next attempt checks anew."""
    answered = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        answered += 1
        await answering(b"HTTP/1.1 200 OK\r\n\r\n")(reader, writer)

    names = Changing("127.0.0.1", "10.0.0.1")
    async with receiver(answer) as port, Poster.connect(True, 2, names) as poster:
        # `localhost` for the scheme alone: the resolver says where it is.
        url = f"http://localhost:{port}/"
        first = await poster.post(url, SECRET, "evt_1", PAYLOAD)
        assert (first.status, names.asked, answered) == (200, 1, 1)
        second = await poster.post(url, SECRET, "evt_1", PAYLOAD)
    assert (names.asked, answered) == (2, 1)
    assert second.error == "not posted: its name leads to an address that is not public"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1"])
async def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    attempt = await post("https://inside.example.com/", loopback=False, resolver=Changing(address))
    assert attempt.error == "not posted: its name leads to an address that is not public"


# Answers


async def test_a_redirect_is_not_followed() -> None:
    followed = False

    async def inside(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal followed
        followed = True

    async with receiver(inside) as secret:
        location = f"http://127.0.0.1:{secret}/".encode()
        text = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: " + location + b"\r\n\r\n"
        async with receiver(answering(text)) as port:
            attempt = await post(f"http://127.0.0.1:{port}/")
    assert attempt == Attempt(307, "it redirects; set the target's final address")
    assert not followed


@pytest.mark.parametrize(
    ("text", "attempt"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", Attempt(200)),
        (b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", Attempt(500, "HTTP 500")),
        (
            b"HTTP/1.1 429 Slow\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n",
            Attempt(429, "HTTP 429", 30.0),
        ),
        (
            b"HTTP/1.1 429 Slow\r\nretry-after: soon\r\ncontent-length: 0\r\n\r\n",
            Attempt(429, "HTTP 429"),
        ),
        (b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", Attempt(410, "It answered 410 Gone.")),
        (b"no http at all\r\n\r\n", Attempt(None, "no usable answer: ClientResponseError")),
        (b"", Attempt(None, "no usable answer: ServerDisconnectedError")),
    ],
)
async def test_what_a_receiver_says(text: bytes, attempt: Attempt) -> None:
    async with receiver(answering(text)) as port:
        assert await post(f"http://127.0.0.1:{port}/") == attempt


async def test_headers_of_a_megabyte_are_refused() -> None:
    text = b"HTTP/1.1 200 OK\r\nx: " + b"a" * 2**20 + b"\r\n\r\n"
    async with receiver(answering(text)) as port:
        attempt = await post(f"http://127.0.0.1:{port}/")
    assert attempt.status is None and "no usable answer" in (attempt.error or "")


async def test_a_slow_drip_ends_at_the_deadline() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for letter in b"HTTP/1.1 200 OK\r\nx: " + b"a" * 1000:
            writer.write(bytes([letter]))
            await writer.drain()
            await asyncio.sleep(0.05)

    began = time.monotonic()
    async with receiver(drip) as port:
        attempt = await post(f"http://127.0.0.1:{port}/", seconds=0.5)
    assert attempt.status is None and "no answer within" in (attempt.error or "")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "head",
    [
        *(b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"),
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
    ],
)
async def test_of_an_endless_body_64_kb_are_taken(head: bytes) -> None:
    """Held before the answer is looked at, so that the client can receive what it wants to."""
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.set_write_buffer_limits(0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**12)
        writer.write(head)
        while True:
            writer.write(b"a" * 2**12)
            await writer.drain()
            sent += 2**12

    async with receiver(pour) as port, Poster.connect(True, 5) as poster:
        url = f"http://127.0.0.1:{port}/"
        async with poster._session.post(url) as answer:
            await until_it_rests(lambda: sent)
            buffered = answer.content._size
        assert await poster.post(url, SECRET, "evt_1", PAYLOAD) == Attempt(200)
    # What was received in one piece when the bound was passed comes on top: 256 kB at most.
    assert 2**16 <= buffered < 2**16 + 2**18


async def until_it_rests(count: Callable[[], int]) -> None:
    """Nothing has been added for a tenth of a second."""
    seen = -1
    while True:
        now = count()
        if now == seen:
            return
        seen = now
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("status", [200, 500])
async def test_a_body_that_drips_is_not_waited_for(status: int) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 1000\r\n\r\n".encode())
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.05)

    began = time.monotonic()
    async with receiver(drip) as port:
        attempt = await post(f"http://127.0.0.1:{port}/", seconds=5)
    assert attempt.status == status
    assert time.monotonic() - began < 2


async def test_a_body_that_breaks_off_was_an_answer() -> None:
    text = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this"
    async with receiver(answering(text)) as port:
        assert await post(f"http://127.0.0.1:{port}/") == Attempt(200)


async def test_hints_without_an_answer_end_at_the_deadline() -> None:
    async def hint(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    began = time.monotonic()
    async with receiver(hint) as port:
        attempt = await post(f"http://127.0.0.1:{port}/", seconds=0.5)
    assert attempt.status is None and "no answer within" in (attempt.error or "")
    assert time.monotonic() - began < 2


async def test_headers_without_end_are_refused() -> None:
    async def head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"a: b\r\n" * 1000)
            await writer.drain()

    began = time.monotonic()
    async with receiver(head) as port:
        attempt = await post(f"http://127.0.0.1:{port}/", seconds=5)
    assert attempt.status is None and "no usable answer" in (attempt.error or "")
    assert time.monotonic() - began < 2


async def test_a_certificate_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    key, crt = tmp_path / "key.pem", tmp_path / "crt.pem"
    command = (
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        *("-keyout", str(key), "-out", str(crt)),
    )
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(crt, key)
    read = False

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal read
        read = True

    async with receiver(answer, tls) as port:
        attempt = await post(f"https://localhost:{port}/")
    assert attempt == Attempt(None, "no connection: SSLCertVerificationError") and not read


async def test_a_receiver_that_is_down_is_said_to_be_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    attempt = await post(f"http://127.0.0.1:{port}/")
    assert attempt == Attempt(None, "no connection: ConnectionRefusedError")


# The background task


class Queue:
    """The two calls of the Data API: hands out what is waiting, keeps what came of it."""

    def __init__(self, *waiting: EventDelivery) -> None:
        self.waiting = list(waiting)
        self.ended: list[tuple[int, int | None, str | None]] = []
        self.is_down = False

    async def claim_sms_event_deliveries(
        self, lease_id: str, limit: int
    ) -> tuple[list[EventDelivery], float | None]:
        if self.is_down:
            self.is_down = False
            raise Unavailable("away")
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken, 0.0 if self.waiting else 60.0

    async def finish_sms_event_delivery(
        self, delivery_id: int, lease_id: str, status: int | None, error: str | None, after: Any
    ) -> str:
        self.ended.append((delivery_id, status, error))
        return "delivered"


class Phone:
    def __init__(self, failure: SendFailed | None = None) -> None:
        self.failure = failure
        self.sent: list[dict[str, Any]] = []

    async def send_notice(self, **sms: Any) -> None:
        if self.failure:
            raise self.failure
        self.sent.append(sms)


def webhook(number: int, address: str) -> EventDelivery:
    return EventDelivery(number, "webhook", address, SECRET, f"evt_{number}", PAYLOAD)


def notice(number: int) -> EventDelivery:
    return EventDelivery(
        *(number, "sms", "+15550000001", None, f"evt_{number}", PAYLOAD),
        *("+15550000002", None, "somebody wants a human"),
    )


@asynccontextmanager
async def delivering(queue: Queue, phone: Phone | None = None) -> AsyncIterator[Deliveries]:
    async with Poster.connect(True, 0.5) as poster:
        deliveries = Deliveries(queue, phone or Phone(), poster)  # type: ignore[arg-type]
        running = asyncio.create_task(deliveries.run(asyncio.Event()))
        try:
            yield deliveries
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.01)


async def test_one_slow_receiver_holds_one_slot() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    ok = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    async with receiver(hang) as slow, receiver(ok) as quick:
        queue = Queue(
            webhook(1, f"http://127.0.0.1:{slow}/"),
            *(webhook(n, f"http://127.0.0.1:{quick}/") for n in range(2, 30)),
        )
        async with delivering(queue):
            await until(lambda: len(queue.ended) == 29)
    assert queue.ended[-1][0] == 1 and queue.ended[-1][1] is None
    assert sorted(n for n, status, _ in queue.ended if status == 200) == list(range(2, 30))


async def test_a_database_that_is_away_ends_nothing() -> None:
    queue = Queue(notice(1))
    queue.is_down = True
    async with delivering(queue) as deliveries:
        await until(lambda: not queue.is_down)
        deliveries.wake()
        await until(lambda: len(queue.ended) == 1)


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (None, 200),
        (SendFailed("failed", "Twilio error 21610"), 410),
        (SendFailed("refused", "Twilio error 20429"), None),
        (SendFailed("unknown", "no answer"), None),
    ],
)
async def test_the_staff_is_sent_a_message(failure: SendFailed | None, status: int | None) -> None:
    queue, phone = Queue(notice(1)), Phone(failure)
    async with delivering(queue, phone):
        await until(lambda: len(queue.ended) == 1)
    assert queue.ended[0][:2] == (1, status)
    assert [sms["to_number"] for sms in phone.sent] == ([] if failure else ["+15550000001"])


async def test_no_address_secret_or_number_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="gateway")
    queue = Queue(webhook(1, "https://127.0.0.1/a-secret-path"), notice(2))
    async with delivering(queue):
        await until(lambda: len(queue.ended) == 2)
    assert "event attempted" in caplog.text
    for secret in ("a-secret-path", SECRET, "+15550000001", "somebody wants"):
        assert secret not in caplog.text
    assert SECRET not in repr(webhook(1, "x"))


def test_only_a_gateway_on_this_machine_posts_to_it() -> None:
    from tests.fakes import settings

    assert not events.allows_loopback(settings(public_url="https://sms.example.com"))
    assert events.allows_loopback(settings(public_url="http://127.0.0.1:8000"))
