"""The facade for signed-in users, and what load balancers ask."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from gateway import __version__
from gateway.settings import Settings
from gateway.web import create_app
from tests.fakes import DataApi
from tests.posts import CONVERSATION, Web, serve_web

BEARER = {"authorization": "Bearer header.claims.signature"}


async def test_statistics_are_asked_for_as_the_user(api: DataApi, web: Web) -> None:
    api.answer({"messages": 3})
    answer = await web.client.get(f"{web.url}/api/sms/stats", headers=BEARER)
    assert (answer.status_code, answer.json()) == (200, {"messages": 3})
    (call,) = api.calls
    assert (call.name, call.params) == ("get_sms_stats", {})
    assert call.headers["authorization"] == BEARER["authorization"]
    assert call.headers["apikey"] == "sb_publishable_of_nobody"


async def test_a_history_is_read_page_by_page(api: DataApi, web: Web) -> None:
    api.answer([{"id": 41}])
    url = f"{web.url}/api/sms/conversations/{CONVERSATION}/history"
    answer = await web.client.get(f"{url}?limit=20&before_id=42", headers=BEARER)
    assert answer.json() == [{"id": 41}]
    assert api.calls[0].name == "get_sms_conversation_history"
    assert api.calls[0].params == {
        "p_conversation_id": CONVERSATION,
        "p_limit": 20,
        "p_before_id": 42,
    }


async def test_a_conversation_is_closed(api: DataApi, web: Web) -> None:
    api.answer("", 204)
    url = f"{web.url}/api/sms/conversations/{CONVERSATION}/close"
    answer = await web.client.post(url, headers=BEARER)
    assert (answer.status_code, answer.json()) == (200, None)
    assert api.calls[0].name == "close_sms_conversation"


@pytest.mark.parametrize(
    "header", ["", "Basic dXNlcjpwYXNz", "Bearer", "Bearer a b", b"Bearer \xf1"]
)
async def test_nobody_is_let_in_without_a_token(
    api: DataApi, web: Web, header: str | bytes
) -> None:
    headers = {"authorization": header} if header else {}
    answer = await web.client.get(f"{web.url}/api/sms/stats", headers=headers)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (401, "PT401")
    assert api.calls == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/sms/conversations/7/history",
        "/api/sms/conversations/%00/history",
        f"/api/sms/conversations/{CONVERSATION}/history?limit=many",
        f"/api/sms/conversations/{CONVERSATION}/history?before_id=-1",
    ],
)
async def test_a_malformed_question_is_not_passed_on(api: DataApi, web: Web, path: str) -> None:
    answer = await web.client.get(web.url + path, headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (422, "PT422")
    assert api.calls == []


@pytest.mark.parametrize(("code", "http"), [("PT404", 404), ("PGRST303", 401), ("42501", 403)])
async def test_errors_of_the_data_api_are_passed_on(
    api: DataApi, web: Web, code: str, http: int
) -> None:
    api.fail(code, http, "not for you")
    answer = await web.client.get(f"{web.url}/api/sms/stats", headers=BEARER)
    assert answer.status_code == http
    assert answer.json() == {"code": code, "message": "not for you", "details": None, "hint": None}


async def test_a_question_without_an_answer_is_503(api: DataApi, web: Web) -> None:
    api.answer("<html>Bad gateway</html>", 502)
    answer = await web.client.get(f"{web.url}/api/sms/stats", headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (503, "PT503")


# Health


async def readyz(given: Settings) -> httpx.Response:
    """What a process says that nobody asked before."""
    async with serve_web(create_app(given)) as web:
        return await web.client.get(f"{web.url}/readyz")


async def test_the_process_is_up_without_asking_anybody(api: DataApi, web: Web) -> None:
    answer = await web.client.get(f"{web.url}/healthz")
    up = {"status": "up", "version": __version__}
    assert (answer.status_code, answer.json(), api.calls) == (200, up, [])


WORKER = {"name": "worker-1", "seen_seconds_ago": 12.5}
NUMBER = {"number": "…1111", "suspended_until": None, "suspended_reason": None}
PARKED = {**NUMBER, "suspended_until": "2026-11-22T10:00:00+00:00", "suspended_reason": "sk-…: no"}


@pytest.mark.parametrize(
    ("health", "warnings"),
    [
        ({"workers": [WORKER], "numbers": [NUMBER], "oldest_due_seconds": None}, []),
        ({"workers": [], "numbers": []}, ["no worker was seen for 90 s"]),
        (
            {"workers": [{**WORKER, "seen_seconds_ago": 300.0}], "oldest_due_seconds": 299.6},
            ["no worker was seen for 90 s", "work has been due for 300 s"],
        ),
        ({"workers": [WORKER], "numbers": [PARKED]}, ["the number …1111 is suspended"]),
    ],
)
async def test_with_the_database_it_is_ready_and_warns_of_the_rest(
    api: DataApi, given: Settings, health: dict[str, Any], warnings: list[str]
) -> None:
    api.answer({"late_after_seconds": 90, **health})
    answer = await readyz(given)
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "reasons": [], "warnings": warnings}
    assert api.calls[0].name == "get_sms_health"


@pytest.mark.parametrize(("code", "http"), [("PGRST202", 404), ("42501", 403)])
async def test_without_the_database_nothing_is_ready(
    api: DataApi, given: Settings, code: str, http: int
) -> None:
    api.fail(code, http, "permission denied for function get_sms_health")
    answer = await readyz(given)
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["the database does not answer as expected"]


async def test_the_database_is_asked_once_a_second_whoever_asks_here(
    api: DataApi, given: Settings
) -> None:
    """Strangers may ask as often as they like; what they hear is never older than that."""
    api.fail("42501", 403)
    api.answer({"late_after_seconds": 90, "workers": [WORKER]})
    async with serve_web(create_app(given)) as web:

        async def ask() -> int:
            return (await web.client.get(f"{web.url}/readyz")).status_code

        assert {*await asyncio.gather(*(ask() for _ in range(60)))} == {503}
        assert [call.name for call in api.calls] == ["get_sms_health"]
        async with asyncio.timeout(3):
            while await ask() != 200:
                pass
    assert [call.name for call in api.calls] == ["get_sms_health"] * 2
