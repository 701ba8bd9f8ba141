"""What the gateway needs of a Supabase and can ask of a project at work: nothing is written.

`sms-gateway doctor --deep` asks it of a real project. tests/flow/test_contract.py asks more, and
makes tables and functions for it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx

from gateway import realtime
from gateway.settings import Settings

TABLES = ("sms_configs", "sms_conversations", "sms_messages", "sms_contacts", "sms_documents")
NOBODYS_KEY = "sb_secret_" + "0" * 22
CALLS = 9
SLOW_CALL = 0.25  # seconds; an answered message takes five calls one after another


class Project:
    """The Data API of the settings' project."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self.settings = settings
        self._http = http

    async def get(self, table: str, key: str, **filters: str) -> tuple[int, Any]:
        """Status and JSON, errors too; ValueError: it is no JSON."""
        answer = await self._http.get(
            f"{self.settings.supabase_url}/rest/v1/{table}",
            params={"limit": "1", **filters},
            headers={"apikey": key},
        )
        return answer.status_code, answer.json()

    async def call(self, name: str, **params: str) -> tuple[int, Any]:
        answer = await self._http.post(
            f"{self.settings.supabase_url}/rest/v1/rpc/{name}",
            json=params,
            headers={"apikey": self.settings.supabase_secret_key},
        )
        return answer.status_code, answer.json()


@dataclass(frozen=True, slots=True)
class Clause:
    """`promise`: what holds when `ask` returns ""; else it returns what was seen instead."""

    promise: str
    ask: Callable[[Project], Awaitable[str]]
    fix: str


async def the_gateway_reads(project: Project) -> str:
    for table in TABLES:
        status, answer = await project.get(table, project.settings.supabase_secret_key)
        if status != 200:
            return f"{table}: HTTP {status} {_code(answer)}"
    return ""


async def strangers_read_nothing(project: Project) -> str:
    for table in TABLES:
        status, answer = await project.get(table, project.settings.supabase_publishable_key)
        if (status, _code(answer)) != (401, "42501"):
            return f"{table}: HTTP {status} {_code(answer)}"
    return ""


async def unknown_keys_are_refused(project: Project) -> str:
    status, _ = await project.get("sms_configs", NOBODYS_KEY)
    return "" if status == 401 else f"HTTP {status}"


async def errors_keep_their_codes(project: Project) -> str:
    nobody = str(UUID(int=0))
    status, answer = await project.call("ask_sms_knowledge", p_config_id=nobody, p_question="?")
    return "" if (status, _code(answer)) == (404, "PT404") else f"HTTP {status} {_code(answer)}"


async def filters_take_a_number_as_text(project: Project) -> str:
    """A plus is not lost, and a phone number is no number."""
    key = project.settings.supabase_secret_key
    _, rows = await project.get("sms_configs", key, select="phone_number")
    for row in rows:
        sought = row["phone_number"]
        _, found = await project.get("sms_configs", key, phone_number=f"eq.{sought}")
        _, others = await project.get(
            "sms_configs", key, select="phone_number", phone_number=f"neq.{sought}"
        )
        if len(found) != 1 or row in others:
            return f"eq finds {len(found)} rows, neq {'finds' if row in others else 'leaves'} it"
    return ""


async def times_have_an_offset(project: Project) -> str:
    _, rows = await project.get("sms_configs", project.settings.supabase_secret_key)
    return "" if all(row["created_at"][-6:-5] in "+-" for row in rows) else rows[0]["created_at"]


async def private_topics_are_private(project: Project) -> str:
    settings = project.settings
    as_stranger = replace(settings, supabase_secret_key=settings.supabase_publishable_key)
    joined = await realtime.join(as_stranger)
    return "" if joined.failure else f"the publishable key joined {realtime.TOPIC}"


async def calls_are_quick(project: Project) -> str:
    """The median; the first call opens the connection."""
    seconds = []
    for _ in range(CALLS):
        began = time.monotonic()
        await project.get("sms_configs", project.settings.supabase_secret_key, select="id")
        seconds.append(time.monotonic() - began)
    median = statistics.median(seconds)
    return "" if median < SLOW_CALL else f"{median * 1000:.0f} ms"


RIGHTS = "apply supabase/migrations again; see supabase/schemas/90_access.sql"
STRANGE = "see that SUPABASE_URL is a project's own address and no proxy changes its answers"
CONTRACT = (
    Clause("the secret key reads the tables", the_gateway_reads, RIGHTS),
    Clause("the publishable key alone reads nothing", strangers_read_nothing, RIGHTS),
    Clause("a key that nobody gave is refused", unknown_keys_are_refused, STRANGE),
    Clause("an error of a function keeps its code", errors_keep_their_codes, STRANGE),
    Clause("a phone number is found by all its signs", filters_take_a_number_as_text, STRANGE),
    Clause("a time has its offset", times_have_an_offset, STRANGE),
    Clause(
        "the worker's topic is private",
        private_topics_are_private,
        "turn off public access: dashboard, Realtime > Settings; apply supabase/migrations again",
    ),
    Clause(
        f"a call takes less than {SLOW_CALL * 1000:.0f} ms",
        calls_are_quick,
        "run the gateway in the project's region; see the dashboard's reports",
    ),
)


def _code(answer: Any) -> str:
    return str(answer.get("code", "")) if isinstance(answer, dict) else "not an error"
