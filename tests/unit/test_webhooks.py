"""Twilio's posts: what is signed is stored before the answer, all else is refused."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.local.testserver import drop, hang
from gateway.settings import Settings
from gateway.web import create_app
from gateway.webhooks import EMPTY_TWIML
from tests.fakes import CONTACT, OURS, PUBLIC_URL, DataApi, sign
from tests.posts import BODY, FORM_TYPE, SECRET, Pairs, Web, given_with, serve_web, status, text

# Texts


async def test_a_text_is_stored_before_twilio_hears_so(api: DataApi, web: Web) -> None:
    answer = await web.post(text())
    assert (answer.status_code, answer.text) == (200, EMPTY_TWIML)
    assert answer.headers["content-type"].startswith("text/xml")
    (payload,) = api.payloads("ingest_sms")
    assert payload["sid"] == "SM" + "a" * 32
    assert (payload["from"], payload["to"], payload["body"]) == (CONTACT, OURS, BODY)
    assert payload["form"] == dict(text())
    assert api.calls[0].params["p_occurred_at"] is None


async def test_headers_of_a_proxy_change_nothing(api: DataApi, web: Web) -> None:
    headers = {
        "host": "evil.example",
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        "content-type": FORM_TYPE,
        "x-twilio-signature": sign(f"{PUBLIC_URL}/webhook/sms", text()),
    }
    body = urlencode(text())
    answer = await web.client.post(f"{web.url}/webhook/sms", content=body, headers=headers)
    assert answer.status_code == 200
    signature = sign("http://evil.example/webhook/sms", text())
    headers["x-twilio-signature"] = signature
    answer = await web.client.post(f"{web.url}/webhook/sms", content=body, headers=headers)
    assert answer.status_code == 403


# What strangers, proxies and odd phones send: name, form, answer, what is stored of it.
STORABLE: list[tuple[str, Pairs, dict[str, Any]]] = [
    ("an empty text", text(Body=""), {"body": ""}),
    ("no body parameter", text(Body=None), {"body": ""}),
    ("emoji", text(Body="👩‍👩‍👧 sí 🎈"), {"body": "👩‍👩‍👧 sí 🎈"}),
    ("a NUL", text(Body="a\0b"), {"body": "a\ufffdb"}),
    ("WhatsApp", text(From=f"whatsapp:{CONTACT}"), {"from": f"whatsapp:{CONTACT}"}),
    ("an alphanumeric sender", text(From="AMAZON"), {"from": "AMAZON"}),
    ("a short code", text(From="32665"), {"from": "32665"}),
    ("an unknown parameter", text(Novelty="x"), {}),
    ("a repeated parameter", [*text(), ("Body", "again")], {"body": BODY}),
    ("a number nobody configured", text(To="+15559999999"), {"to": "+15559999999"}),
    ("a very long text", text(Body="ñ" * 1600), {"body": "ñ" * 1600}),
    ("a count of pictures that is none", text(NumMedia="many"), {"media": []}),
]


@pytest.mark.parametrize(
    ("pairs", "stored"), [row[1:] for row in STORABLE], ids=[row[0] for row in STORABLE]
)
async def test_whatever_twilio_signed_is_stored(
    api: DataApi, web: Web, pairs: Pairs, stored: dict[str, Any]
) -> None:
    answer = await web.post(pairs)
    assert (answer.status_code, answer.text) == (200, EMPTY_TWIML)
    (payload,) = api.payloads("ingest_sms")
    assert payload.items() >= stored.items()


SIGNED = sign(f"{PUBLIC_URL}/webhook/sms", text())
RAW = urlencode(text()).encode()
REFUSED: list[tuple[str, bytes, str | None, str, int]] = [
    ("unsigned", RAW, None, FORM_TYPE, 403),
    ("a blank signature", RAW, "", FORM_TYPE, 403),
    ("forged", RAW, sign(f"{PUBLIC_URL}/webhook/sms", text(), "guessed"), FORM_TYPE, 403),
    ("changed on the way", RAW.replace(b"Abren", b"Cierran"), SIGNED, FORM_TYPE, 403),
    ("truncated", RAW[:-20], SIGNED, FORM_TYPE, 403),
    ("signed for another URL", RAW, sign(f"{PUBLIC_URL}/other", text()), FORM_TYPE, 403),
    ("not UTF-8", b"MessageSid=SM1&Body=%FF%FE", SIGNED, FORM_TYPE, 403),
    ("a lone surrogate", b"MessageSid=SM1&Body=%ED%A0%BD", SIGNED, FORM_TYPE, 403),
    ("raw bytes", bytes(range(256)), SIGNED, FORM_TYPE, 403),
    ("no body at all", b"", SIGNED, FORM_TYPE, 403),
    ("no body, unsigned", b"", None, FORM_TYPE, 403),
    ("JSON", json.dumps(dict(text())).encode(), SIGNED, "application/json", 415),
    ("a file upload", RAW, SIGNED, "multipart/form-data; boundary=x", 415),
    ("no content type", RAW, SIGNED, "", 415),
    ("too large", b"Body=" + b"x" * 65536, SIGNED, FORM_TYPE, 413),
    ("far too large", b"Body=" + b"x" * 5_000_000, SIGNED, FORM_TYPE, 413),
    ("too many parameters", b"a=1&" * 201, SIGNED, FORM_TYPE, 413),
]


@pytest.mark.parametrize("path", ["/webhook/sms", "/webhook/sms/status"])
@pytest.mark.parametrize(
    ("body", "signature", "type_", "code"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
async def test_whatever_twilio_did_not_sign_is_refused(
    api: DataApi, web: Web, path: str, body: bytes, signature: str | None, type_: str, code: int
) -> None:
    answer = await web.post_raw(body, signature, path, type_)
    assert answer.status_code == code
    assert api.calls == []


@pytest.mark.parametrize(
    ("pairs", "code", "reason"),
    [
        (text(MessageSid=None), 400, "MessageSid is missing"),
        (text(MessageSid=""), 400, "MessageSid is missing"),
        (text(From=None), 400, "From is missing"),
        (text(To=None), 400, "To is missing"),
        (text(AccountSid=None), 400, "AccountSid is missing"),
        ([], 400, "AccountSid is missing"),
        (text(AccountSid="AC" + "9" * 32), 403, "another account"),
        (text(MessageSid="SM" * 128), 400, "MessageSid is too long"),
    ],
)
async def test_a_signed_form_that_is_no_text_of_ours_is_told_why(
    api: DataApi, web: Web, pairs: Pairs, code: int, reason: str
) -> None:
    answer = await web.post(pairs)
    assert (answer.status_code, answer.text) == (code, reason)
    assert api.calls == []


async def test_a_slash_too_many_is_not_sent_elsewhere(web: Web) -> None:
    answer = await web.post(text(), "/webhook/sms/")
    assert (answer.status_code, "location" in answer.headers) == (404, False)


@pytest.mark.parametrize(("method", "code"), [("GET", 405), ("PUT", 405), ("DELETE", 405)])
async def test_the_webhook_is_only_posted_to(web: Web, method: str, code: int) -> None:
    answer = await web.client.request(method, f"{web.url}/webhook/sms")
    assert answer.status_code == code


async def half_a_post(web: Web) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that announces 100 bytes and sends five."""
    host, port = web.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /webhook/sms HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM_TYPE}\r\n"
    writer.write(f"{head}Content-Length: 100\r\n\r\nBody=".encode())
    await writer.drain()
    return reader, writer


async def test_a_slow_client_is_not_waited_for(api: DataApi, web: Web) -> None:
    reader, writer = await half_a_post(web)
    async with asyncio.timeout(6):
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()
    assert api.calls == []


async def test_a_client_that_leaves_half_way_disturbs_nobody(
    api: DataApi, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await half_a_post(web)
    writer.transport.abort()
    assert (await web.post(text())).status_code == 200
    assert not [record for record in caplog.records if record.exc_info]


# The database is not there, or says no


async def test_passing_trouble_is_waited_out(api: DataApi, web: Web) -> None:
    api.fail("PGRST002", 503)
    api.answers.append(drop)
    assert (await web.post(text())).status_code == 200
    assert len(api.payloads("ingest_sms")) == 3


@pytest.mark.parametrize("path", ["/webhook/sms", "/webhook/sms/status"])
async def test_lasting_trouble_is_told_before_twilio_stops_waiting(
    api: DataApi, web: Web, path: str
) -> None:
    api.answers.extend([hang] * 10)
    started = time.monotonic()
    answer = await web.post(text() if path == "/webhook/sms" else status(), path)
    assert answer.status_code == 503
    assert time.monotonic() - started < 4
    assert len(api.calls) >= 2  # the second on a fresh connection


async def test_a_text_the_database_refuses_is_not_reported_as_stored(
    api: DataApi, web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    api.fail("23514", 400, f"Failing row contains {BODY}")
    assert (await web.post(text())).status_code == 503
    line = caplog.messages[-1]
    assert line == f'sms not stored sid=SM{"a" * 32} reason="refused with 23514"'


# Status callbacks


async def test_a_status_is_recorded_for_the_row_in_its_url(api: DataApi, web: Web) -> None:
    api.answer({"outcome": "gone"})
    pairs = status(MessageStatus="undelivered", ErrorCode="30005")
    answer = await web.post(pairs, "/webhook/sms/status?m=7")
    assert answer.status_code == 200
    (payload,) = api.payloads("record_sms_delivery")
    assert payload["message_id"] == 7
    assert (payload["status"], payload["error_code"]) == ("undelivered", 30005)


async def test_the_row_in_the_url_is_signed_too(api: DataApi, web: Web) -> None:
    signature = sign(f"{PUBLIC_URL}/webhook/sms/status?m=7", status())
    body = urlencode(status()).encode()
    answer = await web.post_raw(body, signature, "/webhook/sms/status?m=8")
    assert (answer.status_code, api.calls) == (403, [])


async def test_a_status_without_its_word_is_refused(web: Web) -> None:
    answer = await web.post(status(MessageStatus=None), "/webhook/sms/status?m=7")
    assert (answer.status_code, answer.text) == (400, "MessageStatus is missing")


# The optional token


async def test_with_a_secret_the_url_must_carry_it(api: DataApi, given: Settings) -> None:
    async with serve_web(create_app(given_with(given, sms_webhook_secret=SECRET))) as web:
        for path in ("/webhook/sms", "/webhook/sms?token=", "/webhook/sms?token=ñ"):
            assert (await web.post(text(), path)).status_code == 403
        assert api.calls == []
        assert (await web.post(text(), f"/webhook/sms?token={SECRET}")).status_code == 200
        path = f"/webhook/sms/status?token={SECRET}&m=7"
        assert (await web.post(status(), path)).status_code == 200
    assert api.payloads("record_sms_delivery")[0]["message_id"] == 7
