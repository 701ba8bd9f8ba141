"""The REST facade for signed-in users, and what load balancers ask.

The database checks a user's token and decides who sees what.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import Any
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway import __version__
from gateway.supabase import Databases, Health, Refused, Unavailable
from gateway.telemetry import log_event

READY_SECONDS = 1.0

_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/=-]+)", re.IGNORECASE)  # RFC 6750, 2.1

logger = logging.getLogger("gateway.api")


class ApiError(HTTPException):
    """An error of the REST facade, in the shape of PostgREST's own."""


class Api:
    """What signed-in users ask."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    async def get_stats(self, request: Request) -> Response:
        return await self._call_as_user(request, "get_sms_stats", {})

    async def get_history(self, request: Request) -> Response:
        """?limit=50&before_id=…: the newest first, older ones by the last id seen."""
        params: dict[str, Any] = {"p_conversation_id": _conversation_id(request)}
        for name in ("limit", "before_id"):
            if text := request.query_params.get(name):
                params[f"p_{name}"] = _whole_number(name, text)
        return await self._call_as_user(request, "get_sms_conversation_history", params)

    async def close_conversation(self, request: Request) -> Response:
        params = {"p_conversation_id": _conversation_id(request)}
        return await self._call_as_user(request, "close_sms_conversation", params)

    async def _call_as_user(self, request: Request, name: str, params: dict[str, Any]) -> Response:
        bearer = _BEARER.fullmatch(request.headers.get("authorization", ""))
        if bearer is None:
            raise ApiError(401, "sign in: the header Authorization: Bearer <JWT> is needed")
        started = time.monotonic()
        try:
            status, answer = await self._databases.current().call_as_user(name, params, bearer[1])
        except Unavailable as error:
            log_event(logger, "api failed", level=logging.ERROR, function=name, reason=str(error))
            raise ApiError(503, "the database does not answer, try again") from error
        seconds = time.monotonic() - started
        log_event(logger, "api called", function=name, status=status, seconds=seconds)
        return JSONResponse(answer, 200 if status == 204 else status)


async def healthz(request: Request) -> Response:
    """The process runs; nothing else is asked."""
    return JSONResponse({"status": "up", "version": __version__})


class Readiness:
    """Asks the database at most once in READY_SECONDS, however many ask here."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._asked_at = 0.0
        self._asked: asyncio.Task[tuple[int, dict[str, Any]]] | None = None

    async def readyz(self, request: Request) -> Response:
        """503 with the reasons while messages cannot be stored."""
        status, content = await asyncio.shield(self._current())
        return JSONResponse(content, status)

    def _current(self) -> asyncio.Task[tuple[int, dict[str, Any]]]:
        """The question in hand or the last one, whoever asked it; a new one if that is old."""
        task, loop = self._asked, asyncio.get_running_loop()
        is_old = time.monotonic() - self._asked_at >= READY_SECONDS
        if task is None or task.get_loop() is not loop or (task.done() and is_old):
            self._asked_at = time.monotonic()
            task = self._asked = loop.create_task(self._ask())
        return task

    async def _ask(self) -> tuple[int, dict[str, Any]]:
        """A missing worker is only a warning: to take this process out of a router for it would
        turn late replies into lost messages."""
        try:
            health = await self._databases.current().get_sms_health()
        except (Unavailable, Refused) as error:
            log_event(logger, "not ready", level=logging.WARNING, reason=str(error))
            reasons = ["the database does not answer as expected"]
            return 503, {"ready": False, "reasons": reasons, "warnings": []}
        return 200, {"ready": True, "reasons": [], "warnings": _warnings(health)}


async def answer_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101  # the only one it is registered for
    content = {
        "code": f"PT{error.status_code}",
        "message": error.detail,
        "details": None,
        "hint": None,
    }
    return JSONResponse(content, error.status_code)


def _warnings(health: Health) -> list[str]:
    """Why messages that are stored may not be answered, for whoever may read a public page."""
    warnings = []
    late_after = health["late_after_seconds"]
    seen = [worker["seen_seconds_ago"] for worker in health.get("workers", [])]
    if not any(seconds < late_after for seconds in seen):
        warnings.append(f"no worker was seen for {late_after} s")
    if (late := health.get("oldest_due_seconds") or 0) > late_after:
        warnings.append(f"work has been due for {late:.0f} s")
    suspended = [number for number in health.get("numbers", []) if number["suspended_until"]]
    return warnings + [f"the number {number['number']} is suspended" for number in suspended]


def _conversation_id(request: Request) -> str:
    try:
        return str(UUID(request.path_params["conversation_id"]))
    except ValueError:
        raise ApiError(422, "the conversation's id must be a UUID") from None


def _whole_number(name: str, text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ApiError(422, f"{name} must be a whole number")
    return int(text)
