"""Calls to Twilio's API end in one of four outcomes."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.local.standins.twilio import Twilio, create_twilio
from gateway.local.testserver import serve
from gateway.messages import Media, OutgoingSms, SendFailed
from gateway.twilio import TwilioFailed, TwilioSms
from tests.fakes import ACCOUNT, CONTACT, OURS, PUBLIC_URL, TOKEN, settings

URL = f"{PUBLIC_URL}/webhook/sms"
KEY, KEY_SECRET = "SK" + "1" * 32, "secret_of_the_key"
SERVICE = "MG" + "2" * 32
POOLED = "+15550002222"

# Calls


@pytest.fixture(scope="module")
async def account() -> AsyncIterator[tuple[Twilio, TwilioSms]]:
    twilio = create_twilio(
        ACCOUNT,
        TOKEN,
        numbers=[OURS],
        services={SERVICE: [POOLED]},
        api_keys={KEY: KEY_SECRET},
        latency=0,
        delivery_delay=0,
    )
    async with (
        serve(twilio) as url,
        TwilioSms.connect(settings(twilio_base_url=url)) as sms,
    ):
        yield twilio, sms


@pytest.fixture
def twilio(account: tuple[Twilio, TwilioSms]) -> Twilio:
    account[0].reset()
    account[0].deliver_as("never")
    return account[0]


@pytest.fixture
def sms(account: tuple[Twilio, TwilioSms]) -> TwilioSms:
    return account[1]


def text(body: str = "Hola", to: str = CONTACT, **changes: Any) -> OutgoingSms:
    given = {"message_id": 7, "from_number": OURS, "service_sid": None, **changes}
    return OutgoingSms(to_number=to, body=body, **given)


async def failure(sms: TwilioSms, outgoing: OutgoingSms) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        await sms.send(outgoing)
    return caught.value


async def test_a_text_is_sent_with_our_row_in_the_status_url(
    twilio: Twilio, sms: TwilioSms
) -> None:
    sent = await sms.send(text("¿Qué tal?"))
    (message,) = twilio.sent
    assert (sent.sid, sent.status, sent.body) == (message.sid, "queued", "¿Qué tal?")
    assert (sent.segments, sent.to_number) == (1, CONTACT)
    assert message.params == {
        "To": CONTACT,
        "From": OURS,
        "Body": "¿Qué tal?",
        "StatusCallback": f"{PUBLIC_URL}/webhook/sms/status?m=7",
        "ValidityPeriod": "600",
    }


async def test_with_a_service_the_sender_stays_the_number_that_was_texted(
    twilio: Twilio, sms: TwilioSms
) -> None:
    sent = await sms.send(text(service_sid=SERVICE, from_number=POOLED))
    params = twilio.sent[0].params
    assert (params["MessagingServiceSid"], params["From"]) == (SERVICE, POOLED)
    assert (sent.status, sent.segments) == ("accepted", None)


async def test_calls_use_the_api_key_and_callbacks_the_token(twilio: Twilio) -> None:
    async with serve(Starlette(routes=[Route("/{p:path}", twilio)])) as url:
        given = settings(
            twilio_base_url=url,
            twilio_api_key=KEY,
            twilio_api_key_secret=KEY_SECRET,
            sms_webhook_secret="a-secret-of-16-or-more",
            twilio_auth_tokens=("not yet known to Twilio",),
        )
        async with TwilioSms.connect(given) as sms:
            await sms.send(text())
    callback = twilio.sent[0].params["StatusCallback"]
    assert parse_qs(urlsplit(callback).query) == {"token": ["a-secret-of-16-or-more"], "m": ["7"]}


def refused(code: int, outcome: str) -> tuple[str, dict[str, Any], str, int | None]:
    return ("refuse", {"code": code}, outcome, code)


OUTCOMES: list[tuple[str, dict[str, Any], str, int | None]] = [
    ("rate_limited", {}, "refused", 20429),
    refused(21611, "refused"),
    *(refused(code, "suspended") for code in (20003, 20005, 20404)),
    *(refused(code, "suspended") for code in (21601, 21606, 21607, 21659, 21660)),
    *(refused(code, "suspended") for code in (21701, 21703, 21704, 21705, 21712)),
    *(refused(code, "suspended") for code in (21609, 63038, 30454)),
    *(refused(code, "failed") for code in (21211, 21408, 21610, 21612, 21614, 21617)),
    *(refused(code, "suspended") for code in (29999, 1)),  # listed nowhere: nothing is lost
    ("error", {"status": 500}, "unknown", 20500),
    ("error", {"status": 503}, "unknown", 20503),
    ("error_after", {"status": 500}, "unknown", 20500),
    ("drop", {}, "unknown", None),
    ("drop_after", {}, "unknown", None),
    ("junk_body", {}, "unknown", None),
]


@pytest.mark.parametrize(("kind", "details", "outcome", "code"), OUTCOMES)
async def test_every_failure_has_its_outcome(
    twilio: Twilio,
    sms: TwilioSms,
    kind: str,
    details: dict[str, Any],
    outcome: str,
    code: int | None,
) -> None:
    twilio.faults.add(kind, **details)
    failed = await failure(sms, text())
    assert (failed.outcome, failed.error_code) == (outcome, code)
    assert len(twilio.sent) <= 1  # nothing is tried twice in here


async def test_a_refusal_says_when_to_come_again(twilio: Twilio, sms: TwilioSms) -> None:
    twilio.faults.add("rate_limited", seconds=7)
    told = (await failure(sms, text())).retry_after
    assert told is not None and 7 <= told <= 8.75


async def test_not_all_come_again_at_the_same_moment(twilio: Twilio, sms: TwilioSms) -> None:
    delays = set()
    for _ in range(10):
        twilio.faults.add("rate_limited", seconds=7)
        delays.add((await failure(sms, text())).retry_after)
    assert len(delays) == 10


async def test_no_number_is_in_the_message_of_a_failure(twilio: Twilio, sms: TwilioSms) -> None:
    failed = await failure(sms, text(to="+15005550002"))
    assert failed.error_code == 21612
    assert "…0002" in str(failed) and "…1111" in str(failed)
    assert OURS[1:] not in str(failed) and "5005550002" not in str(failed)


async def test_no_connection_means_never_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with TwilioSms.connect(settings(twilio_base_url=f"http://127.0.0.1:{port}")) as sms:
        failed = await failure(sms, text())
    assert (failed.outcome, str(failed)) == ("refused", "no connection: ConnectError")


async def test_a_worker_that_stood_still_leaves_the_request_incomplete() -> None:
    """Frozen after it decided to send, it goes on when the text is somebody else's by now."""
    received = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read())
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1") as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with TwilioSms.connect(settings(twilio_base_url=url)) as sms:
            with pytest.raises(SendFailed) as caught:
                await sms.send(text(), lambda: True)
            head, _, body = (await received).partition(b"\r\n\r\n")
    assert caught.value.outcome == "refused"
    assert (head[:5], body) == (b"POST ", b"")


async def drip(request: Request) -> Response:
    """A byte in time for every read, and no end."""

    async def bytes_without_end() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.5)

    return StreamingResponse(bytes_without_end(), 201)


async def test_every_call_ends_within_its_time(twilio: Twilio, sms: TwilioSms) -> None:
    """Silence before and after Twilio took the text, and an answer that never ends, at once."""
    silent, accepted = "+15550000001", "+15550000002"
    twilio.faults.add("hang", match=silent)
    twilio.faults.add("hang_after", match=accepted)
    started = time.monotonic()
    app = Starlette(routes=[Route("/{p:path}", drip, methods=["POST"])])
    async with serve(app) as url, TwilioSms.connect(settings(twilio_base_url=url)) as dripping:
        failures = await asyncio.gather(
            failure(sms, text(to=silent)),
            failure(sms, text(to=accepted)),
            failure(dripping, text()),
        )
    assert [failed.outcome for failed in failures] == ["unknown"] * 3
    assert 7 < time.monotonic() - started < 10


HTML = "<html>No</html>"
ODD_ANSWERS: list[tuple[Response, str]] = [
    (JSONResponse({}, 201), "unknown"),
    (JSONResponse([], 201), "unknown"),
    (JSONResponse({"sid": "SM1", "date_created": 5}, 201), "unknown"),
    (Response(HTML, 302), "unknown"),
    (Response(HTML, 408), "unknown"),
    (Response(HTML, 502), "unknown"),
    *((Response(HTML, status), "suspended") for status in (400, 401, 403, 404, 405, 407, 413, 451)),
    (JSONResponse({"error": "forbidden"}, 403), "suspended"),
    (JSONResponse(["odd"], 429, {"Retry-After": "inf"}), "refused"),
    (Response(HTML, 429), "refused"),
    (JSONResponse({"code": "20429"}, 429), "refused"),
    (JSONResponse({"code": 63038}, 429), "suspended"),
    (JSONResponse({"code": None, "message": None}, 400), "suspended"),
    (JSONResponse({"type": "t", "title": "Bad", "status": 400, "code": 21610}, 400), "failed"),
]


@asynccontextmanager
async def answering(answer: Response) -> AsyncIterator[TwilioSms]:
    """A Twilio, or what stands between, that answers every post so."""
    app = Starlette(routes=[Route("/{p:path}", lambda request: answer, methods=["POST"])])
    async with serve(app) as url, TwilioSms.connect(settings(twilio_base_url=url)) as sms:
        yield sms


@pytest.mark.parametrize(("answer", "outcome"), ODD_ANSWERS)
async def test_an_answer_nobody_documented_has_an_outcome_too(
    answer: Response, outcome: str
) -> None:
    async with answering(answer) as sms:
        failed = await failure(sms, text())
    assert (failed.outcome, failed.retry_after) == (outcome, None)


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (JSONResponse({"code": 21609, "message": "m"}, 400), "PUBLIC_URL"),
        (JSONResponse({"code": 20003, "message": "m"}, 401), "TWILIO_AUTH_TOKEN"),
        (JSONResponse({"code": 21712, "message": "m"}, 400), "messaging_service_sid"),
        (JSONResponse({"code": 21606, "message": "m"}, 400), "sms-gateway doctor"),
        (JSONResponse({"code": 63038, "message": "m"}, 429), "upgrade it, or wait"),
        (JSONResponse({"code": 29999, "message": "m"}, 400), "twilio.com/docs/api/errors/29999"),
        (Response(HTML, 407), "HTTPS_PROXY"),
    ],
)
async def test_what_suspends_a_number_says_what_to_do(answer: Response, advice: str) -> None:
    async with answering(answer) as sms:
        failed = await failure(sms, text())
    assert failed.outcome == "suspended"
    assert advice in str(failed)


async def test_no_token_is_in_the_message_of_a_failure() -> None:
    """Twilio quotes the address it does not like."""
    url = f"{PUBLIC_URL}/webhook/sms/status?token=a-secret-of-16&m=7"
    answer = JSONResponse({"code": 21609, "message": f"StatusCallback {url} is no URL"}, 400)
    async with answering(answer) as sms:
        failed = await failure(sms, text())
    assert "a-secret-of-16" not in str(failed)
    assert "/webhook/sms/status?… is no URL" in str(failed)


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "502 No"])
async def test_a_connection_that_a_proxy_refuses_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    """Nothing of the message has left: the proxy knows no more than Twilio's name."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1") as proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        async with TwilioSms.connect(settings(twilio_base_url="https://twilio.invalid")) as sms:
            failed = await failure(sms, text())
    assert (failed.outcome, failed.error_code) == ("refused", None)
    assert str(failed) == f"no connection: the proxy refused it: {status}"


async def test_what_a_proxy_does_with_a_message_that_has_left_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: it let the connection through, took the message and went away."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r")[0]))
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1") as proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        async with TwilioSms.connect(settings(twilio_base_url="http://twilio.invalid")) as sms:
            failed = await failure(sms, text())
    assert (failed.outcome, str(failed)) == ("unknown", "no answer: RemoteProtocolError")


async def test_a_connection_that_never_stands_carried_nothing() -> None:
    """TLS that the other side does not speak, and one that says nothing at all."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def speak_another(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    for serve_so in (silent, speak_another):
        async with await asyncio.start_server(serve_so, "127.0.0.1") as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with TwilioSms.connect(settings(twilio_base_url=url)) as sms:
                failed = await failure(sms, text())
        assert failed.outcome == "refused"
        assert str(failed).startswith("no connection: ")


async def test_a_fraction_says_when_to_come_again_too() -> None:
    async with answering(JSONResponse({}, 429, {"Retry-After": "1.5"})) as sms:
        failed = await failure(sms, text())
    assert failed.retry_after is not None and 1.5 <= failed.retry_after <= 1.875


async def test_a_date_says_when_to_come_again_too() -> None:
    headers = {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=90), True)}
    async with answering(JSONResponse({}, 429, headers)) as sms:
        failed = await failure(sms, text())
    assert failed.retry_after is not None and 80 < failed.retry_after <= 112.5


# Listings


def at(minutes: float) -> str:
    """So many minutes ago, as Postgres writes a timestamptz into JSON."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


async def test_all_our_texts_to_a_contact_are_listed(twilio: Twilio, sms: TwilioSms) -> None:
    for n in range(105):  # more than one page
        await sms.send(text(f"{n}"))
    await sms.send(text("to another", to="+15557650000"))
    await sms.send(text("from another", from_number=POOLED))
    await twilio.receive(CONTACT, OURS, "Hola", post=False)
    found = await sms.list_sent(OURS, CONTACT, at(2))
    assert sorted(int(message.body) for message in found) == list(range(105))
    assert all(message.created_at and message.status == "queued" for message in found)


async def test_older_texts_are_not_what_is_looked_for(twilio: Twilio, sms: TwilioSms) -> None:
    await sms.send(text("old"))
    twilio.sent[0].created -= timedelta(minutes=10)
    await sms.send(text("new"))
    assert [m.body for m in await sms.list_sent(OURS, CONTACT, at(2))] == ["new"]
    assert len(await sms.list_sent(OURS, CONTACT, at(20))) == 2


async def test_a_text_that_has_no_sender_yet_may_be_the_one(twilio: Twilio, sms: TwilioSms) -> None:
    await sms.send(text("waiting", from_number=POOLED, service_sid=SERVICE))
    twilio.sent[0].from_ = None
    assert [m.body for m in await sms.list_sent(POOLED, CONTACT, at(2))] == ["waiting"]


async def test_received_texts_are_listed_newest_first_with_their_time(
    twilio: Twilio, sms: TwilioSms
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for minutes in (90, 30, 10):
        when = now - timedelta(minutes=minutes)
        await twilio.receive(CONTACT, OURS, f"{minutes} ago", post=False, at=when)
    await sms.send(text())
    listed = [item async for item in sms.list_inbound(OURS, at(60))]
    assert [(item.sms.body, item.occurred_at) for item in listed] == [
        ("10 ago", (now - timedelta(minutes=10)).isoformat()),
        ("30 ago", (now - timedelta(minutes=30)).isoformat()),
    ]
    received = listed[0].sms
    assert (received.from_number, received.to_number) == (CONTACT, OURS)
    assert not listed[0].has_media


MESSAGE = {
    "sid": "MM1",
    "body": "a\u0000b\ud83d",
    "from": CONTACT,
    "to": OURS,
    "direction": "inbound",
    "num_media": "1",
    "date_sent": "Sun, 22 Nov 2026 10:00:00 +0000",
}
MEDIA = {"uri": "/2010-04-01/Accounts/AC/Messages/MM1/Media/ME1.json", "content_type": "image/png"}


async def test_a_listed_message_is_from_the_bare_number_too() -> None:
    """The backfill stores it in the conversation that the webhook would have."""
    page = {
        "messages": [{**MESSAGE, "body": "Hola", "from": f"rcs:{CONTACT}"}],
        "next_page_uri": None,
    }
    app = Starlette(routes=[Route("/{p:path}", lambda request: JSONResponse(page))])
    async with serve(app) as url, TwilioSms.connect(settings(twilio_base_url=url)) as sms:
        (listed,) = [item async for item in sms.list_inbound(OURS, at(60))]
    assert (listed.sms.from_number, listed.sms.channel) == (CONTACT, "rcs")


@pytest.mark.parametrize("deleted", [False, True])
async def test_a_listed_picture_text_is_as_good_as_a_posted_one(deleted: bool) -> None:
    async def respond(request: Request) -> Response:
        if not request.url.path.endswith("/Media.json"):
            page = json.dumps({"messages": [MESSAGE], "next_page_uri": None})
            return Response(page, media_type="application/json")
        return JSONResponse({"media_list": [MEDIA]}, 404 if deleted else 200)

    app = Starlette(routes=[Route("/{p:path}", respond)])
    async with serve(app) as url, TwilioSms.connect(settings(twilio_base_url=url)) as sms:
        (listed,) = [item async for item in sms.list_inbound(OURS, at(60))]
        received = await sms.with_media(listed)
        link = f"{url}/2010-04-01/Accounts/AC/Messages/MM1/Media/ME1"
    assert received.body == "a\ufffdb\ufffd"
    assert received.media == (() if deleted else (Media(link, "image/png"),))
    assert received.channel == "mms"
    assert listed.occurred_at == "2026-11-22T10:00:00+00:00"


async def test_sent_texts_are_listed_with_status_and_price(twilio: Twilio, sms: TwilioSms) -> None:
    twilio.scripts.clear()
    sent = await sms.send(text())
    await twilio.events.until(lambda: twilio.messages[sent.sid].status == "delivered")
    (listed,) = [message async for message in sms.list_outbound(OURS, at(5))]
    assert (listed.sid, listed.status, listed.price) == (sent.sid, "delivered", "-0.00830")
    assert listed.price_unit == "USD"


async def test_a_listing_that_fails_says_so(twilio: Twilio, sms: TwilioSms) -> None:
    twilio.faults.add("rate_limited", on="list", seconds=3)
    with pytest.raises(TwilioFailed) as caught:
        await sms.list_sent(OURS, CONTACT, at(2))
    assert (caught.value.status, caught.value.retry_after) == (429, 3)


# The account


async def test_a_number_is_pointed_at_our_webhook(twilio: Twilio, sms: TwilioSms) -> None:
    number = await sms.find_number(OURS)
    assert number is not None and number.phone_number == OURS
    updated = await sms.point_number(number)
    assert updated.sms_url == f"{PUBLIC_URL}/webhook/sms#rc=5&rp=all&ct=3000&rt=4000"
    assert sms.points_here(updated)
    assert await sms.find_number("+1555000") is None  # a part of ours


async def test_a_number_of_another_deployment_does_not_point_here(
    twilio: Twilio, sms: TwilioSms
) -> None:
    twilio.numbers[OURS].sms_url = "https://production.example.com/webhook/sms"
    number = await sms.find_number(OURS)
    assert number is not None and not sms.points_here(number)


async def test_the_account_is_read_with_the_auth_token(twilio: Twilio) -> None:
    """A standard API key may not read it."""
    async with serve(Starlette(routes=[Route("/{p:path}", twilio)])) as url:
        given = settings(twilio_base_url=url, twilio_api_key=KEY, twilio_api_key_secret=KEY_SECRET)
        async with TwilioSms.connect(given) as sms:
            account = await sms.fetch_account()
    assert (account.sid, account.status, account.kind) == (ACCOUNT, "active", "Full")


# Messaging services


@asynccontextmanager
async def member_of_a_service(
    defers: bool, url: str = ""
) -> AsyncIterator[tuple[Twilio, TwilioSms]]:
    twilio = create_twilio(ACCOUNT, TOKEN, services={SERVICE: [POOLED]}, latency=0)
    twilio.numbers[POOLED].sms_url = URL
    service = twilio.services[SERVICE]
    service.use_inbound_webhook_on_number, service.inbound_request_url = defers, url
    async with serve(twilio) as at, TwilioSms.connect(settings(twilio_base_url=at)) as sms:
        yield twilio, sms


@pytest.mark.parametrize(
    ("defers", "url", "expected"),
    [(True, "https://other.example.com", True), (False, f"{URL}#rc=5", True), (False, "", False)],
)
async def test_a_number_points_where_its_service_says(
    defers: bool, url: str, expected: bool
) -> None:
    async with member_of_a_service(defers, url) as (_, sms):
        number = await sms.find_number(POOLED)
        assert number and sms.points_here(number) is expected
        assert (await sms.list_numbers())[POOLED] == number
        assert sms.points_here(await sms.point_number(number)) is expected


async def test_many_services_are_read_page_by_page() -> None:
    async with member_of_a_service(False) as (twilio, sms):
        for n in range(1200):
            twilio.add_number(f"+1555300{n:04}", f"MG{n:032x}")
            twilio.services[f"MG{n:032x}"].use_inbound_webhook_on_number = n % 20 > 0
        services = await sms.list_services()
    assert len(services) == 1 + 1200 / 20
    assert services[twilio.numbers[POOLED].sid].sid == SERVICE
    assert services[twilio.numbers["+15553000040"].sid].sid == f"MG{40:032x}"
