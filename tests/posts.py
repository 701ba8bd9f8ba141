"""Twilio's posts as the tests make them, and the web process under test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
from starlette.types import ASGIApp

from gateway.local.testserver import serve
from gateway.settings import Settings
from tests.fakes import ACCOUNT, CONTACT, OURS, PUBLIC_URL, settings, sign

CONVERSATION = "00000000-0000-4000-8000-000000000002"
STORED = {"outcome": "stored", "message_id": 7, "conversation_id": CONVERSATION}
FORM_TYPE = "application/x-www-form-urlencoded"
SECRET = "a-secret-of-16-or-more"
BODY = "¿Abren hoy? Mi clave es hunter2"

Pairs = list[tuple[str, str]]


def text(**changes: str | None) -> Pairs:
    """The form of an incoming text; None leaves a parameter out."""
    form = {
        "MessageSid": "SM" + "a" * 32,
        "AccountSid": ACCOUNT,
        "From": CONTACT,
        "To": OURS,
        "Body": BODY,
        "NumMedia": "0",
        "FromCity": "",
    }
    return [(name, value) for name, value in {**form, **changes}.items() if value is not None]


def status(**changes: str | None) -> Pairs:
    given = {"MessageStatus": "delivered", "To": CONTACT, "From": OURS, **changes}
    return text(Body=None, NumMedia=None, FromCity=None, **given)


@dataclass
class Web:
    """The web process under test, posted to as Twilio posts."""

    url: str
    client: httpx.AsyncClient

    async def post(
        self, pairs: Pairs, path: str = "/webhook/sms", *, signed: Pairs | None = None
    ) -> httpx.Response:
        """Post a signed form; `signed` is what the signature is made of, if something else."""
        signature = sign(PUBLIC_URL + path, pairs if signed is None else signed)
        return await self.post_raw(urlencode(pairs).encode(), signature, path)

    async def post_raw(
        self, body: bytes, signature: str | None, path: str = "/webhook/sms", type_: str = FORM_TYPE
    ) -> httpx.Response:
        headers = {"content-type": type_}
        if signature is not None:
            headers["x-twilio-signature"] = signature
        return await self.client.post(self.url + path, content=body, headers=headers)


@asynccontextmanager
async def serve_web(asgi: ASGIApp) -> AsyncIterator[Web]:
    async with serve(asgi) as url, httpx.AsyncClient(timeout=20) as client:
        yield Web(url, client)


def given_with(given: Settings, **changes: Any) -> Settings:
    return settings(supabase_url=given.supabase_url, **changes)
