"""A page with a phone: write to a local number, watch the answer and every state come.

What is typed goes to the Twilio stand-in as an incoming message; what is shown are the rows of the
database, and the messages that Twilio sends by itself (to STOP, START and HELP).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from typing import Any, LiteralString

import httpx2
import psycopg
from psycopg.rows import dict_row
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from gateway import segments
from gateway.local.testserver import LoopbackOnly, read_json

# From our number and a contact's, either may be "", to
# {"numbers": [...], "contacts": [...], "texts": [...], "is_answering": bool}
ReadBoard = Callable[[str, str], Awaitable[dict[str, Any]]]

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
NUMBERS = "select phone_number from public.sms_configs order by created_at, phone_number"
CONTACTS = """
    select c.contact_number, bool_or(c.reply_due_at is not null) as is_answered
    from public.sms_conversations as c
    join public.sms_configs as n on n.id = c.config_id
    where n.phone_number = %s
    group by c.contact_number
    order by max(c.last_message_at) desc
    limit 50
"""
TEXTS = """
    select m.id, m.direction, m.author, m.message_content as content, m.status, m.segments,
      m.encoding, m.error_message, m.no_reply_reason, m.created_at as at,
      (
        select jsonb_agg(jsonb_build_object(
          'name', k.name, 'arguments', k.arguments, 'result', k.result, 'error', k.error,
          'ms', k.duration_ms
        ) order by k.id)
        from public.sms_tool_calls as k
        where k.conversation_id = c.id
          and m.id = coalesce(k.reply_id, k.message_id)
      ) as calls
    from public.sms_messages as m
    join public.sms_conversations as c on c.id = m.conversation_id
    join public.sms_configs as n on n.id = c.config_id
    where n.phone_number = %s and c.contact_number = %s
    order by m.id desc
    limit 200
"""


def create_phone(twilio_url: str, read: ReadBoard) -> Starlette:
    """The page and what it asks for; `read_from(postgres_url)` is the `read` of a local stack."""
    phone = _Phone(twilio_url, read)
    return Starlette(
        lifespan=phone.live,
        middleware=[Middleware(LoopbackOnly)],
        routes=[
            Route("/", phone.show),
            Route("/board", phone.board),
            Route("/segments", phone.count_segments, methods=["POST"]),
            Route("/texts", phone.send, methods=["POST"]),
        ],
    )


def read_from(postgres_url: str) -> ReadBoard:
    """Reads the rows as they are, with the rights of the URL's user."""

    async def read(number: str, contact: str) -> dict[str, Any]:
        connection = await psycopg.AsyncConnection.connect(postgres_url, row_factory=dict_row)
        async with connection:
            numbers = [row["phone_number"] for row in await _rows(connection, NUMBERS)]
            number = number if number in numbers else next(iter(numbers), "")
            contacts = await _rows(connection, CONTACTS, number)
            texts = await _rows(connection, TEXTS, number, contact)
        return {
            "numbers": numbers,
            "contacts": [row["contact_number"] for row in contacts],
            "texts": [{**row, "at": row["at"].isoformat()} for row in reversed(texts)],
            "is_answering": any(
                row["is_answered"] for row in contacts if row["contact_number"] == contact
            ),
        }

    return read


async def _rows(
    connection: psycopg.AsyncConnection[dict[str, Any]], query: LiteralString, *values: str
) -> list[dict[str, Any]]:
    return await (await connection.execute(query, values)).fetchall()


class _Phone:
    def __init__(self, twilio_url: str, read: ReadBoard) -> None:
        self.twilio_url = twilio_url
        self.read = read

    @contextlib.asynccontextmanager
    async def live(self, app: Starlette) -> AsyncIterator[None]:
        # Longer than Twilio waits for a webhook.
        async with httpx2.AsyncClient(
            base_url=self.twilio_url, timeout=20, trust_env=False
        ) as self.twilio:
            yield

    async def show(self, request: Request) -> Response:
        page = (files(__package__) / "phone.html").read_text()
        policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        headers = {"Content-Security-Policy": policy + "connect-src 'self'; img-src data:"}
        return HTMLResponse(page, headers=headers)

    async def board(self, request: Request) -> Response:
        number = request.query_params.get("number", "")
        contact = request.query_params.get("contact", "")
        try:
            board = await self.read(number, contact)
            board["texts"] = sorted(
                board["texts"] + await self._sent_by_twilio(number, contact),
                key=lambda text: str(text["at"]),
            )
        except psycopg.OperationalError:
            return JSONResponse({"error": "The database does not answer."}, 503)
        except httpx2.TransportError:
            return JSONResponse({"error": "The Twilio stand-in does not answer."}, 503)
        return JSONResponse(board)

    async def _sent_by_twilio(self, number: str, contact: str) -> list[dict[str, Any]]:
        """Messages with no row: Twilio's own, such as the one that confirms STOP."""
        query = {"From": number, "To": contact}
        log = (await self.twilio.get("/_control/messages", params=query)).json()["messages"]
        return [
            {
                "id": message["sid"],
                "direction": "outgoing",
                "author": "twilio",
                "content": message["body"],
                "status": message["status"],
                "segments": int(message["num_segments"]),
                "encoding": segments.count(message["body"]).encoding,
                "error_message": None,
                "no_reply_reason": None,
                "at": message["at"],
            }
            for message in log
            if message["direction"] == "outbound-reply"
        ]

    async def count_segments(self, request: Request) -> Response:
        """{"text"} to what Twilio bills for it."""
        counted = segments.count((await read_json(request))["text"])
        return JSONResponse({"encoding": counted.encoding, "segments": counted.count})

    async def send(self, request: Request) -> Response:
        """{"from", "to", "body"}: a message from the contact; answers what the webhook said."""
        text = await read_json(request)
        try:
            if refusal := await self._refusal(str(text.get("from", "")), str(text.get("to", ""))):
                return JSONResponse({"error": refusal}, 422)
            answer = await self.twilio.post("/_control/receive", json=text)
        except psycopg.OperationalError:
            return JSONResponse({"error": "The database does not answer."}, 503)
        except httpx2.TransportError:
            return JSONResponse({"error": "The Twilio stand-in does not answer."}, 503)
        return Response(answer.content, answer.status_code, media_type="application/json")

    async def _refusal(self, sender: str, number: str) -> str:
        """Why a phone cannot send this; "" when it can."""
        if not NUMBER.fullmatch(sender):
            return f"{sender!r} is no phone number: type one such as +15550123456."
        ours = (await self.read(number, sender))["numbers"]
        if sender in ours:
            return f"{sender} is the gateway's own number: send as somebody else."
        if number not in ours:
            return (
                f"{number!r} is none of the gateway's numbers: {', '.join(ours) or 'it has none'}."
            )
        return ""
