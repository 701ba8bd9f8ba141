"""The usual way: the webhook's handler does everything before it answers.

Written as most samples of Twilio with Supabase and OpenAI are, with the same libraries as the
product, its clients kept open and the signature checked. Eight calls of the Data API for a text
of a known contact, nine for the first.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import twilio.http.async_http_client as twilio_http  # type: ignore[import-untyped]
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from supabase import AsyncClient, AsyncClientOptions
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

EMPTY_TWIML = "<Response/>"


class Usual:
    """The clients, and the handler that uses them one after the other."""

    def __init__(self) -> None:
        account, token = os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"]
        self.url = os.environ["PUBLIC_URL"] + "/webhook/sms"
        self.validator = RequestValidator(token)
        self.twilio_url = (
            f"{os.environ['TWILIO_BASE_URL']}/2010-04-01/Accounts/{account}/Messages.json"
        )
        self.credentials = account, token

    @asynccontextmanager
    async def live(self, app: Starlette) -> AsyncIterator[None]:
        self.database = AsyncClient(
            os.environ["SUPABASE_URL"],
            os.environ["SUPABASE_SECRET_KEY"],
            AsyncClientOptions(auto_refresh_token=False, persist_session=False),
        )
        self.openai = openai.AsyncOpenAI()
        self.twilio = Client(*self.credentials, http_client=twilio_http.AsyncTwilioHttpClient())
        yield
        await self.twilio.http_client.close()
        await self.openai.close()

    async def receive(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        signature = request.headers.get("x-twilio-signature", "")
        if not self.validator.validate(self.url, form, signature):
            return Response("forbidden", 403)

        number, contact = form["To"], form["From"]
        log = await self.insert("usual_logs", {"payload": form})
        config = await self.config(number)
        conversation = await self.conversation(number, contact)
        await self.store(conversation, "incoming", form["Body"], form["MessageSid"])
        history = await self.history(conversation)
        answer = await self.ask(config, history)
        sid = await self.send(form["To"], form["From"], answer)
        await self.store(conversation, "outgoing", answer, sid)
        await self.update("usual_conversations", conversation, {"last_message_at": "now"})
        await self.update("usual_logs", log["id"], {"processed": True})
        return Response(EMPTY_TWIML, media_type="text/xml")

    async def config(self, number: str) -> dict[str, Any]:
        found = self.database.table("usual_configs").select("*").eq("phone_number", number)
        return dict((await found.limit(1).execute()).data[0])  # type: ignore[arg-type]

    async def conversation(self, number: str, contact: str) -> str:
        known = self.database.table("usual_conversations").select("id")
        known = known.eq("phone_number", number).eq("contact_number", contact)
        rows: Any = (await known.limit(1).execute()).data
        if not rows:
            fresh = {"phone_number": number, "contact_number": contact}
            rows = [await self.insert("usual_conversations", fresh)]
        return str(rows[0]["id"])

    async def store(self, conversation: str, direction: str, content: str, sid: str) -> None:
        row = {"conversation_id": conversation, "direction": direction, "content": content}
        await self.insert("usual_messages", {**row, "message_sid": sid})

    async def history(self, conversation: str) -> list[dict[str, str]]:
        newest = self.database.table("usual_messages").select("direction,content")
        newest = newest.eq("conversation_id", conversation).order("id", desc=True)
        rows: Any = (await newest.limit(10).execute()).data
        roles = {"incoming": "user", "outgoing": "assistant"}
        return [
            {"role": roles[row["direction"]], "content": row["content"]} for row in reversed(rows)
        ]

    async def ask(self, config: dict[str, Any], history: list[dict[str, str]]) -> str:
        messages: Any = [{"role": "system", "content": config["system_prompt"]}, *history]
        answer = await self.openai.chat.completions.create(
            model=config["openai_model"], messages=messages, max_completion_tokens=150
        )
        return answer.choices[0].message.content or ""

    async def send(self, sender: str, contact: str, body: str) -> str:
        """Twilio's client cannot be pointed at another address but through its `request`."""
        response = await self.twilio.request_async(
            "POST", self.twilio_url, data={"From": sender, "To": contact, "Body": body}
        )
        if response.status_code != 201:
            raise RuntimeError(f"Twilio answered {response.status_code}")
        return str(json.loads(response.text)["sid"])

    async def insert(self, table: str, row: dict[str, Any]) -> dict[str, Any]:
        return dict((await self.database.table(table).insert(row).execute()).data[0])  # type: ignore[arg-type]

    async def update(self, table: str, key: Any, values: dict[str, Any]) -> None:
        await self.database.table(table).update(values).eq("id", key).execute()


def app() -> Starlette:
    usual = Usual()
    return Starlette(
        routes=[Route("/webhook/sms", usual.receive, methods=["POST"])], lifespan=usual.live
    )
