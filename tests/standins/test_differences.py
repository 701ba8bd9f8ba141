"""gateway/local/README.md: what is equal has a test, what is different is still so."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import jwt

from gateway.local.stack import EMAIL, PASSWORD, Stack

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "gateway/local/README.md").read_text()


def rows(title: str) -> list[list[str]]:
    table = README.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_each_equal_answer_names_a_test_that_exists() -> None:
    sources = "\n".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"^(?:async )?def (test_\w+)\(", sources, re.MULTILINE))
    assert len(rows("Equal")) > 15
    assert {row[2] for row in rows("Equal")} <= defined


def test_each_difference_says_what_follows_from_it() -> None:
    assert len(rows("Different")) > 15
    assert [row for row in rows("Different") if len(row) != 4 or not all(row)] == []


def api(stack: Stack) -> httpx.AsyncClient:
    headers = {"apikey": stack.environ["SUPABASE_SECRET_KEY"]}
    return httpx.AsyncClient(base_url=stack.proxy.url, headers=headers)


async def test_broadcasts_over_http_are_not_there(stack: Stack) -> None:
    async with api(stack) as client:
        assert (await client.get("/realtime/v1/api/broadcast")).status_code == 404


async def test_several_empty_objects_are_refused(stack: Stack) -> None:
    async with api(stack) as client:
        answer = await client.post("/rest/v1/sms_webhook_logs", json=[{}, {}])
    assert answer.json()["code"] == "42601"


async def test_an_answer_has_at_most_a_thousand_rows(stack: Stack) -> None:
    async with stack.postgres.connect("postgres") as database, api(stack) as client:
        await database.execute(
            "insert into public.sms_error_codes (code, meaning, action, hint)"
            " select n, 'differences', 'register', '-' from generate_series(900001, 901001) as n"
        )
        try:
            answer = await client.get("/rest/v1/sms_error_codes?meaning=eq.differences")
            assert len(answer.json()) == 1000
        finally:
            await database.execute("delete from sms_error_codes where meaning = 'differences'")


async def test_a_user_is_confirmed_at_once_with_a_token_of_hs256(stack: Stack) -> None:
    async with api(stack) as client:
        answer = await client.post(
            "/auth/v1/token?grant_type=password", json={"email": EMAIL, "password": PASSWORD}
        )
    assert answer.json()["user"]["email_confirmed_at"]
    assert jwt.get_unverified_header(answer.json()["access_token"])["alg"] == "HS256"
