"""The TypeScript types that React clients import are those of the migrations."""

from __future__ import annotations

import asyncio
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from gateway.local.processes import run
from gateway.local.stack import Stack
from tests.npm import install

TESTS = Path(__file__).parents[1]
COMMITTED = TESTS.parent / "supabase/types/database.ts"


async def test_the_committed_types_are_what_the_cli_generates(
    stack: Stack, database: str, tmp_path: Path
) -> None:
    """Of a database that no other test has made a table in."""
    name = conninfo_to_dict(database)["dbname"]
    url = f"{stack.postgres.url('postgres').rpartition('/')[0]}/{name}?sslmode=disable"
    generated = tmp_path / "database.ts"
    environ = await asyncio.to_thread(install, TESTS / "js/types", tmp_path)
    cli = tmp_path / "node_modules/@supabase/cli-linux-x64/bin/supabase"
    code, output = await run(
        *("/bin/sh", "-c", 'exec "$@" > "$0"', generated, cli),
        *("gen", "types", "--lang", "typescript", f"--remote={url}", "--schema", "public"),
        folder=tmp_path,
        environ=environ,
    )
    assert code == 0, output
    is_current = generated.read_text() == COMMITTED.read_text()
    assert is_current, f"the schema has changed: cp {generated} {COMMITTED}"
