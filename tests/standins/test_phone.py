"""The local phone, asked as its page asks it, with the Twilio stand-in behind it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import psycopg
import pytest

from gateway.local.stack import REPOSITORY
from gateway.local.standins.openai import create_openai
from gateway.local.standins.phone import create_phone
from gateway.local.standins.twilio import Twilio, create_twilio
from gateway.local.testserver import serve

OURS, CONTACT = "+15550001111", "+15557654321"
ROW = {
    "id": 1,
    "direction": "incoming",
    "author": "contact",
    "content": "Hola",
    "status": "received",
    "segments": 1,
    "encoding": "GSM-7",
    "error_message": None,
    "no_reply_reason": None,
    "at": "2026-11-22T10:00:00+00:00",
}


class Rows:
    """The database: one text of the contact's, until it is `down`."""

    def __init__(self) -> None:
        self.is_down = False

    async def read(self, number: str, contact: str) -> dict[str, Any]:
        if self.is_down:
            raise psycopg.OperationalError("connection refused")
        texts = [dict(ROW)] if (number, contact) == (OURS, CONTACT) else []
        return {"numbers": [OURS], "contacts": [CONTACT], "texts": texts, "is_answering": False}


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def twilio() -> Twilio:
    return create_twilio("AC" + "0" * 32, "token", numbers=[OURS], latency=0)


@pytest.fixture
async def page(twilio: Twilio, rows: Rows) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        serve(twilio) as twilio_url,
        serve(create_phone(twilio_url, rows.read)) as url,
        httpx2.AsyncClient(base_url=url, trust_env=False) as page,
    ):
        yield page


async def board(page: httpx2.AsyncClient) -> httpx2.Response:
    return await page.get("/board", params={"number": OURS, "contact": CONTACT})


async def test_the_page_loads_nothing_from_elsewhere(page: httpx2.AsyncClient) -> None:
    answer = await page.get("/")
    assert "<title>Phone</title>" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_typed_text_arrives_at_twilio(page: httpx2.AsyncClient, twilio: Twilio) -> None:
    text = {"from": CONTACT, "to": OURS, "body": "¿Abren hoy?"}
    assert (await page.post("/texts", json=text)).is_success
    assert [m.body for m in twilio.messages.values()] == ["¿Abren hoy?"]


async def test_a_gateway_that_does_not_answer_is_named(
    page: httpx2.AsyncClient, twilio: Twilio
) -> None:
    twilio.numbers[OURS].sms_url = "http://127.0.0.1:1/webhook/sms"
    text = {"from": CONTACT, "to": OURS, "body": "Hola"}
    receipt = (await page.post("/texts", json=text)).json()
    assert (receipt["status"], receipt["attempts"], receipt["error"]) == (None, 2, 11205)


async def test_the_board_shows_the_rows_and_what_twilio_said_itself(
    page: httpx2.AsyncClient, twilio: Twilio
) -> None:
    await twilio.receive(CONTACT, OURS, "STOP", post=False)
    texts = (await board(page)).json()["texts"]
    assert texts[0] == ROW
    assert [(text["author"], text["status"]) for text in texts[1:]] == [("twilio", "delivered")]


async def test_a_database_that_is_down_is_named(page: httpx2.AsyncClient, rows: Rows) -> None:
    rows.is_down = True
    answer = await board(page)
    assert (answer.status_code, answer.json()) == (503, {"error": "The database does not answer."})


@pytest.mark.parametrize(
    ("text", "encoding", "count"),
    [("Hola", "GSM-7", 1), ("está", "UCS-2", 1), ("x" * 161, "GSM-7", 2)],
)
async def test_segments_are_counted_while_typing(
    page: httpx2.AsyncClient, text: str, encoding: str, count: int
) -> None:
    answer = await page.post("/segments", json={"text": text})
    assert answer.json() == {"encoding": encoding, "segments": count}


@pytest.mark.parametrize(
    ("sender", "number", "said"),
    [
        ("Ana", OURS, "'Ana' is no phone number: type one such as +15550123456."),
        ("", OURS, "'' is no phone number: type one such as +15550123456."),
        ("+1", OURS, "'+1' is no phone number: type one such as +15550123456."),
        (OURS, OURS, f"{OURS} is the gateway's own number: send as somebody else."),
        (CONTACT, "", f"'' is none of the gateway's numbers: {OURS}."),
    ],
)
async def test_what_no_phone_could_send_is_refused_with_words(
    page: httpx2.AsyncClient, twilio: Twilio, sender: str, number: str, said: str
) -> None:
    answer = await page.post("/texts", json={"from": sender, "to": number, "body": "Hola"})
    assert (answer.status_code, answer.json()) == (422, {"error": said})
    assert twilio.messages == {}


def test_the_page_has_words_for_each_reason_why_no_reply_was_given() -> None:
    schema = (REPOSITORY / "supabase/schemas/05_messages.sql").read_text()
    listed = schema.partition("function sms.is_no_reply_reason(")[2].partition("end;")[0]
    page = (REPOSITORY / "gateway/local/standins/phone.html").read_text()
    worded = page.partition("const NO_REPLY = {")[2].partition("};")[0]
    assert set(re.findall(r"'(\w+)'", listed)) == set(
        re.findall(r"^  (\w+): ", worded, re.MULTILINE)
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "rebound.example.com"},
        {"host": "127.0.0.1.example.com:8001"},
        {"origin": "https://example.com"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "null"},
        {"host": "rebound.example.com", "sec-fetch-site": "same-origin"},
    ],
)
async def test_a_strange_web_page_reaches_neither_phone_nor_stand_ins(
    page: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    async with (
        serve(create_twilio("AC" + "0" * 32, "token", numbers=[OURS])) as twilio_url,
        serve(create_openai("sk-local")) as openai_url,
    ):
        for url in ("/", "/board", f"{twilio_url}/_control/messages", f"{openai_url}/_control"):
            answer = await page.get(url, headers=headers)
            assert (url, answer.status_code) == (url, 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost:8001"},
        {"host": "localhost:8001", "origin": "http://localhost:8001"},
        {"host": "[::1]:8001"},
        {"origin": "https://forwarded.example.com", "sec-fetch-site": "same-origin"},
    ],
)
async def test_the_page_itself_is_no_stranger(
    page: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await page.get("/board", headers=headers)).is_success


async def test_a_strange_web_page_cannot_send(page: httpx2.AsyncClient, twilio: Twilio) -> None:
    text = {"from": CONTACT, "to": OURS, "body": "Hola"}
    assert (await page.post("/texts", data=text)).status_code == 415
    assert twilio.messages == {}
