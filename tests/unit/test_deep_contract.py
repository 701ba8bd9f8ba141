"""Each clause of the contract hears the answer that breaks it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway import contract
from tests.fakes import settings

NUMBER = "+15005550006"
ROW = {"phone_number": NUMBER, "created_at": "2026-11-25T00:00:00+00:00"}
PUBLISHABLE, SECRET = settings().supabase_publishable_key, settings().supabase_secret_key


class DataApi:
    """One number, as PostgREST answers; `wrong` is said instead."""

    def __init__(self, *wrong: tuple[int, Any]) -> None:
        self.wrong = list(wrong)

    async def respond(self, request: Request) -> JSONResponse:
        status, answer = self.wrong.pop() if self.wrong else self.right(request)
        return JSONResponse(answer, status)

    def right(self, request: Request) -> tuple[int, Any]:
        key, sought = request.headers["apikey"], request.query_params.get("phone_number")
        if key == PUBLISHABLE:
            return 401, {"code": "42501"}
        if key != SECRET:
            return 401, {"message": "Unregistered API key"}
        if request.method == "POST":
            return 404, {"code": "PT404"}
        return 200, [ROW] if sought in (None, f"eq.{NUMBER}") else []


async def ask(clause: Callable[[contract.Project], Awaitable[str]], *wrong: tuple[int, Any]) -> str:
    app = Starlette(
        routes=[Route("/{path:path}", DataApi(*wrong).respond, methods=["GET", "POST"])]
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        return await clause(contract.Project(settings(), http))


@pytest.mark.parametrize(
    ("clause", "wrong", "seen"),
    [
        (contract.the_gateway_reads, [(403, {"code": "42501"})], "sms_configs: HTTP 403 42501"),
        (contract.strangers_read_nothing, [(200, [])], "sms_configs: HTTP 200 not an error"),
        (contract.unknown_keys_are_refused, [(200, [])], "HTTP 200"),
        (contract.errors_keep_their_codes, [(500, {"code": "P0001"})], "HTTP 500 P0001"),
        (
            contract.filters_take_a_number_as_text,
            [(200, []), (200, []), (200, [ROW])],
            "eq finds 0 rows, neq leaves it",
        ),
        (
            contract.filters_take_a_number_as_text,
            [(200, [ROW]), (200, [ROW]), (200, [ROW])],
            "eq finds 1 rows, neq finds it",
        ),
        (
            contract.times_have_an_offset,
            [(200, [{**ROW, "created_at": "2026-11-25T00:00:00"}])],
            "2026-11-25T00:00:00",
        ),
    ],
)
async def test_a_broken_clause_says_what_was_seen(
    clause: Callable[[contract.Project], Awaitable[str]], wrong: list[tuple[int, Any]], seen: str
) -> None:
    assert await ask(clause, *wrong) == seen
    assert await ask(clause) == ""
