"""What people read (supabase/schemas) and what databases apply (supabase/migrations) are one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import schema
from gateway.local.processes import run
from gateway.local.stack import Stack
from tests.sql import Db, scratch_database

SUPABASE = Path(__file__).parents[1] / "supabase"


def test_the_migration_is_what_the_schemas_build() -> None:
    committed = (SUPABASE / "migrations" / schema.MIGRATION).read_text()
    assert committed == schema.compose(SUPABASE / "schemas"), "run `sms-gateway schema build`"


def test_another_chapter_is_another_migration(tmp_path: Path) -> None:
    (tmp_path / "01_schema.sql").write_text("create schema sms;\n")
    before = schema.compose(tmp_path)
    (tmp_path / "02_more.sql").write_text("select 1;\n")
    assert before != schema.compose(tmp_path)


def test_what_is_printed_is_the_migration() -> None:
    command = [sys.executable, "-m", "gateway", "schema", "print"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == (SUPABASE / "migrations" / schema.MIGRATION).read_text()


def test_policies_and_grants_stand_on_one_page() -> None:
    """ "Who may see or call what" is answered by 90_access.sql alone."""
    for path in (SUPABASE / "schemas").glob("*.sql"):
        found = re.findall(r"^(?:create policy|grant|revoke)\b", path.read_text(), re.MULTILINE)
        assert bool(found) == (path.name == "90_access.sql"), path.name


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
