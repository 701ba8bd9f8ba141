"""The doctor outlives every answer, and says who really gets a number's messages."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway import __version__, commands, doctor, schema
from gateway.doctor import Finding, Level
from gateway.local.standins.twilio import Twilio, create_twilio
from gateway.local.testserver import serve
from gateway.settings import Settings
from gateway.supabase import Health
from gateway.twilio import WEBHOOK_OVERRIDES
from tests.fakes import ACCOUNT, OURS, PUBLIC_URL, TOKEN, settings

HERE = f"{PUBLIC_URL}/webhook/sms"
SERVICE = "MG" + "2" * 32
CHECKS = {
    *("settings", "web", "secret key", "publishable key", "schema", "realtime"),
    *("twilio token", "twilio api key", "numbers", "messaging services", "unconfigured"),
    *("registration", "team", "models", "worker", "events", "connections"),
}

HEALTH: dict[str, Any] = {
    **dict.fromkeys(Health.__annotations__, 0),
    **{"oldest_due_seconds": None, "oldest_transaction_seconds": None},
    **{"numbers": [], "workers": [], "late_after_seconds": 90},
    "events": {"dead_24h": 0, "oldest_waiting_seconds": None, "disabled_targets": 0},
}
SETUP: dict[str, Any] = {
    **{"schema_version": schema.VERSION, "postgres_version": "17.6", "max_connections": 100},
    **{"missing_grants": [], "realtime": True, "unregistered_24h": 0, "unconfigured_to": []},
    "unconfirmed_team": [],
}


def config(number: str) -> dict[str, Any]:
    return {
        **{"config_id": "c", "phone_number": number, "owner": "ana@example.com"},
        **{"messaging_service_sid": None, "openai_model": "gpt-6-luna"},
        "backfilled_until": "2026-11-25T00:00:00+00:00",
    }


class Outside:
    """Supabase, OpenAI and the web process at one address, each with an answer to change."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "get_sms_health": HEALTH,
            "get_sms_setup": SETUP,
            "list_sms_numbers": [config(OURS)],
            "list_sms_event_targets": [],
            "add_sms_number": {"config_id": "c", "user_id": "u", "change": "none"},
            "models": {"object": "list", "data": [{"id": "gpt-6-luna", "object": "model"}]},
            "status": "",
        }
        self.calls: list[tuple[str, Any]] = []

    async def respond(self, request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        body = await request.body()
        self.calls.append((name, json.loads(body) if body[:1] == b"{" else None))
        if name not in self.answers:
            return Response("not here", 404)
        answer = self.answers[name]
        if isinstance(answer, str):
            return Response(answer, 200, media_type="text/html")
        return JSONResponse(answer)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{p:path}", self.respond, methods=["GET", "POST"])])


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def twilio() -> Twilio:
    account = create_twilio(ACCOUNT, TOKEN, numbers=[OURS], latency=0, delivery_delay=0)
    account.numbers[OURS].sms_url = HERE + WEBHOOK_OVERRIDES
    return account


@asynccontextmanager
async def reachable(outside: Outside, at_twilio: ASGIApp) -> AsyncIterator[Settings]:
    async with serve(outside.app()) as url, serve(at_twilio) as twilio_url:
        yield settings(supabase_url=url, openai_base_url=f"{url}/v1", twilio_base_url=twilio_url)


async def examine(outside: Outside, at_twilio: ASGIApp) -> dict[str, Finding]:
    async with reachable(outside, at_twilio) as given:
        return {finding.name: finding for finding in await doctor.examine(given)}


# Answers that are none


@pytest.mark.parametrize("junk", ["<html>", "", "null", "0", '"x"', "[]", "{}", "[{}]", "[null]"])
@pytest.mark.parametrize("status", [200, 500])
async def test_every_check_outlives_whatever_is_answered(junk: str, status: int) -> None:
    """From all addresses at once; each check leaves a line, and no line is well but settings'."""

    async def answer(request: Request) -> Response:
        kind = "text/html" if junk[:1] == "<" else "application/json"
        return Response(junk, status, media_type=kind)

    app = Starlette(routes=[Route("/{p:path}", answer, methods=["GET", "POST"])])
    async with serve(app) as url:
        given = settings(supabase_url=url, openai_base_url=url, twilio_base_url=url, public_url=url)
        findings = await doctor.examine(given)
    seen = {finding.name for finding in findings}
    assert {"settings", "realtime", "twilio token"} <= seen
    assert len(seen) >= len(CHECKS) - 3  # a fault may say more with another name
    assert all(finding.detail and finding.fix for finding in findings if finding.level != "ok")


@pytest.mark.parametrize("name", ["models", "get_sms_health", "get_sms_setup", "list_sms_numbers"])
@pytest.mark.parametrize("junk", ["<html>", None, 0, [], {}, [{}], {"data": [None]}])
async def test_one_odd_answer_hides_nothing_of_the_others(
    outside: Outside, twilio: Twilio, name: str, junk: Any
) -> None:
    outside.answers[name] = junk
    found = await examine(outside, twilio)
    assert found["twilio token"].level == "ok" and found["settings"].level == "ok"
    if name != "models":
        assert found["openai key"].level == "ok"
    if name != "list_sms_numbers":
        assert found[f"number {OURS}"].level == "ok"


async def test_models_that_are_no_list_are_told_as_the_checks_failure(
    outside: Outside, twilio: Twilio
) -> None:
    outside.answers["models"] = "<html>"
    found = (await examine(outside, twilio))["models"]
    assert found.level == "FAULT" and found.detail.startswith("the check itself failed: ")
    assert "OPENAI_BASE_URL" in found.fix


async def test_an_odd_date_of_one_model_does_not_hide_the_others(
    outside: Outside, twilio: Twilio
) -> None:
    odd = {"id": "odd", "object": "model", "shutdown_date": "soon"}
    ends = {"id": "gpt-6-luna", "object": "model", "shutdown_date": "2026-01-01"}
    outside.answers["models"] = {"object": "list", "data": [odd, ends]}
    found = await examine(outside, twilio)
    assert found["openai key"].detail == "it may use 2 models"
    assert "shut it down on 2026-01-01" in found["model gpt-6-luna"].detail
    assert f"sms-gateway replay {OURS} --model gpt-6-luna" in found["model gpt-6-luna"].fix


# Who gets the messages


async def test_a_number_whose_webhook_is_ours_is_well(outside: Outside, twilio: Twilio) -> None:
    assert (await examine(outside, twilio))[f"number {OURS}"].level == "ok"


async def test_a_number_of_a_service_that_defers_is_well(outside: Outside, twilio: Twilio) -> None:
    twilio.add_number(OURS, SERVICE)
    assert (await examine(outside, twilio))[f"number {OURS}"].level == "ok"


async def test_a_number_of_a_service_with_our_url_is_well(outside: Outside, twilio: Twilio) -> None:
    take_over(twilio, HERE + WEBHOOK_OVERRIDES)
    twilio.numbers[OURS].sms_url = "https://old.example.com"
    assert (await examine(outside, twilio))[f"number {OURS}"].level == "ok"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "nobody"),
        ("https://elsewhere.example.com/in?token=x", r"https://elsewhere\.example\.com/in\?…"),
    ],
)
async def test_a_service_that_takes_the_messages_is_named_with_what_to_do(
    outside: Outside, twilio: Twilio, url: str, told: str
) -> None:
    take_over(twilio, url)
    found = (await examine(outside, twilio))[f"number {OURS}"]
    assert found.level == "FAULT"
    assert re.match(rf"its messages go to {told}, as the messaging service Local", found.detail)
    assert f"({SERVICE}) > Integration: choose Defer to sender's webhook" in found.fix


async def test_a_key_that_may_not_read_services_is_a_warning(
    outside: Outside, twilio: Twilio
) -> None:
    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            await JSONResponse({"code": 70051, "message": "no"}, 403)(scope, receive, send)
        else:
            await twilio(scope, receive, send)

    found = await examine(outside, guarded)
    assert found["messaging services"].level == "warning"
    assert found[f"number {OURS}"].level == "ok"


async def test_a_service_that_takes_a_numbers_messages_is_not_overlooked_by_number_add(
    outside: Outside, twilio: Twilio
) -> None:
    take_over(twilio, "")
    outside.answers["add_sms_number"]["change"] = "insert"
    async with reachable(outside, twilio) as given:
        with pytest.raises(commands.Impossible, match=r"choose Defer to sender's webhook; then"):
            await commands.add_number(given, OURS, "ana@example.com", None, agreed=True)
    assert "add_sms_number" not in [name for name, _ in outside.calls]


async def test_number_add_that_changes_nothing_says_so(
    outside: Outside, twilio: Twilio, capsys: pytest.CaptureFixture[str]
) -> None:
    async with reachable(outside, twilio) as given:
        await commands.add_number(given, OURS, "ana@example.com", None, agreed=False)
    told = f"Nothing to do: {OURS} is ana@example.com's, and its messages arrive here.\n"
    assert capsys.readouterr().out == told


async def test_number_add_asks_the_database_before_it_plans(
    outside: Outside, twilio: Twilio, capsys: pytest.CaptureFixture[str]
) -> None:
    twilio.numbers[OURS].sms_url = ""
    async with reachable(outside, twilio) as given:
        await commands.add_number(given, OURS, "ana@example.com", None, agreed=True)
    asked = [params["p_dry_run"] for name, params in outside.calls if name == "add_sms_number"]
    assert asked == [True, False]
    assert "its row of sms_configs stays as it is" in capsys.readouterr().out
    assert twilio.numbers[OURS].sms_url == HERE + WEBHOOK_OVERRIDES


async def test_1500_numbers_are_read_in_pages(outside: Outside, twilio: Twilio) -> None:
    numbers = [f"+1555200{n:04}" for n in range(1500)]
    for number in numbers:
        twilio.add_number(number).sms_url = HERE + WEBHOOK_OVERRIDES
    outside.answers["list_sms_numbers"] = [config(number) for number in numbers]
    asked: Counter[str] = Counter()

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        asked[scope.get("path", "")] += 1
        await twilio(scope, receive, send)

    async with reachable(outside, counted) as given:
        findings = await doctor.examine(given)
        await commands.list_numbers(given)
    well = [found for found in findings if found.name.startswith("number ") and found.level == "ok"]
    assert len(well) == 1500
    assert asked[f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"] == 4


# Nobody's messages


@pytest.mark.parametrize(
    ("address", "fix"),
    [
        ("rcs:my_agent", "add 'rcs:my_agent' to the addresses of its number's row"),
        ("+15550009999", r"sms-gateway number add \+15550009999 --owner E-MAIL"),
        ("whatsapp:+15550009999", "remove its webhook"),
    ],
)
async def test_messages_to_nobodys_address_are_told_with_what_to_do(
    outside: Outside, twilio: Twilio, address: str, fix: str
) -> None:
    outside.answers["get_sms_health"] = {**HEALTH, "unconfigured_24h": 3}
    outside.answers["get_sms_setup"] = {**SETUP, "unconfigured_to": [address]}
    found = (await examine(outside, twilio))["unconfigured"]
    assert (found.level, address in found.detail) == ("warning", True)
    assert re.search(fix, found.fix)


async def test_no_message_to_nobody_is_well(outside: Outside, twilio: Twilio) -> None:
    assert (await examine(outside, twilio))["unconfigured"].level == "ok"


# People


@pytest.mark.parametrize(
    ("is_member", "fix"), [(True, "or remove_sms_member"), (False, r"again\)$")]
)
async def test_who_has_no_confirmed_address_is_told_with_what_to_do(
    outside: Outside, twilio: Twilio, is_member: bool, fix: str
) -> None:
    team = [{"email": "ana@example.com", "is_member": is_member}]
    outside.answers["get_sms_setup"] = {**SETUP, "unconfirmed_team": team}
    found = (await examine(outside, twilio))["team"]
    assert (found.level, "ana@example.com" in found.detail) == ("warning", True)
    assert re.search(fix, found.fix)


async def test_a_team_of_confirmed_addresses_is_well(outside: Outside, twilio: Twilio) -> None:
    assert (await examine(outside, twilio))["team"].level == "ok"


async def test_a_suspended_number_is_shown_with_its_reason(
    outside: Outside, twilio: Twilio
) -> None:
    number = {
        **{"config_id": "c", "number": "…1111", "suspended_until": "2026-11-25T10:00:00+00:00"},
        **{"suspended_reason": "code 21606; check the number", "backfill_seconds_ago": 1.0},
    }
    outside.answers["get_sms_health"] = {**HEALTH, "numbers": [number]}
    found = (await examine(outside, twilio))["suspended"]
    assert found.level == "FAULT"
    assert "…1111" in found.detail and "code 21606; check the number" in found.detail
    assert "2026-11-25T10:00" in found.fix


async def test_a_model_that_takes_no_tools_is_told_as_a_worker_saw_it(
    outside: Outside, twilio: Twilio
) -> None:
    worker = {
        **{"name": "w", "version": __version__, "seen_seconds_ago": 1.0, "leases": 0},
        "realtime_ready_at": "2026-11-25T10:00:00+00:00",
    }
    reason = "it takes no tools here and answers without them"
    for notices, levels in (({}, {"ok"}), ({"gpt-7-thinker": reason}, {"ok", "warning"})):
        outside.answers["get_sms_health"] = {**HEALTH, "workers": [{**worker, "notices": notices}]}
        async with reachable(outside, twilio) as given:
            findings = [f for f in await doctor.examine(given) if f.name == "worker"]
        assert {f.level for f in findings} == levels
        assert (f"gpt-7-thinker: {reason}" in {f.detail for f in findings}) == bool(notices)


async def test_what_the_database_finds_of_tools_is_told_with_what_to_do(
    outside: Outside, twilio: Twilio
) -> None:
    outside.answers["list_sms_tools"] = {
        "tools": [{"is_built_in": True}, {"is_built_in": False}],
        "problems": [],
    }
    well = (await examine(outside, twilio))["tools"]
    assert (well.level, well.detail[:11]) == ("ok", "1 functions")
    levels: dict[bool, Level] = {True: "FAULT", False: "warning"}
    for is_fault, level in levels.items():
        outside.answers["list_sms_tools"]["problems"] = [
            {"subject": "cakes", "reason": "nobody may: grant it", "is_fault": is_fault}
        ]
        found = (await examine(outside, twilio))["tools"]
        assert found == Finding(level, "tools", "cakes: nobody may", "grant it")


def take_over(twilio: Twilio, url: str) -> None:
    """A service that does not defer has the number."""
    twilio.add_number(OURS, SERVICE)
    service = twilio.services[SERVICE]
    service.use_inbound_webhook_on_number, service.inbound_request_url = False, url
