"""The web process with less in it, served by the same command: what does each part cost?"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import telemetry
from gateway.settings import Settings
from gateway.supabase import Database, Databases
from gateway.webhooks import EMPTY_TWIML, Webhooks


def constant() -> Starlette:
    """Reads nothing, stores nothing."""

    async def answer(request: Request) -> Response:
        return Response(EMPTY_TWIML, media_type="text/xml")

    return Starlette(routes=[Route("/webhook/sms", answer, methods=["POST"])])


class Unstored(Webhooks):
    """Everything but the call of the Data API."""

    async def _store(self, what: str, sid: str, call: Callable[[Database], Awaitable[Any]]) -> Any:
        return {"outcome": "stored"}


def signed() -> Starlette:
    """Signature, parsing and log of the real one."""
    settings = Settings.from_environ(os.environ)
    telemetry.configure(settings)
    webhooks = Unstored(settings, Databases(settings))
    return Starlette(routes=[Route("/webhook/sms", webhooks.receive_sms, methods=["POST"])])
