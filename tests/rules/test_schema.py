"""supabase/schemas and supabase/migrations make the same database, as the Supabase CLI compares."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.local.processes import run
from gateway.local.stack import Stack
from tests.sql import Db, scratch_database


async def differences(stack: Stack, one: str, other: str, folder: Path) -> str:
    """What turns the first database into the second, by the Supabase CLI."""
    parts, script = stack.lite.binaries, folder / "differences.sql"
    code, output = await run(
        *(parts.node, parts.supabase_cli, "db", "diff"),
        *(f"--from={one}?sslmode=disable", f"--to={other}?sslmode=disable", "-o", str(script)),
        *("--schema", "public", "--schema", "sms"),
        folder=folder,
        environ={"PATH": "/usr/bin:/bin", "HOME": str(folder), "DO_NOT_TRACK": "1"},
    )
    assert code == 0, output
    return script.read_text() if script.exists() else ""


async def test_schemas_and_migrations_make_the_same_catalog(stack: Stack, tmp_path: Path) -> None:
    server = stack.postgres.url("supabase_admin")
    async with (
        scratch_database(server, "migrations") as applied,
        scratch_database(server, "schemas") as read,
    ):
        assert await differences(stack, url(stack, applied), url(stack, read), tmp_path) == ""


async def test_a_catalog_that_differs_is_seen(stack: Stack, tmp_path: Path) -> None:
    server = stack.postgres.url("supabase_admin")
    policy = "Members read their accounts' messages"
    async with scratch_database(server) as one, scratch_database(server) as other:
        async with Db.connect(other) as db:
            await db.admin.rows(f'drop policy "{policy}" on sms_messages')
        found = await differences(stack, url(stack, one), url(stack, other), tmp_path)
        assert policy in found


def url(stack: Stack, conninfo: str) -> str:
    """The database that psycopg knows by keywords, as the CLI wants it."""
    found = re.search(r"dbname=(\w+)", conninfo)
    if not found:
        pytest.fail("no database is named")
    return stack.postgres.url("supabase_admin").rsplit("/", 1)[0] + f"/{found[1]}"
