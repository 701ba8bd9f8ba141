"""The TypeScript types that React clients import are those of the migrations."""

from __future__ import annotations

from pathlib import Path

from gateway.local.processes import run
from gateway.local.stack import Stack

COMMITTED = Path(__file__).parents[1] / "supabase/types/database.ts"


async def test_the_committed_types_are_what_the_cli_generates(stack: Stack, tmp_path: Path) -> None:
    parts = stack.lite.binaries
    url = f"{stack.postgres.url('postgres')}?sslmode=disable"
    generated = tmp_path / "database.ts"
    code, output = await run(
        *("/bin/sh", "-c", 'exec "$@" > "$0"', generated, parts.node, parts.supabase_cli),
        *("gen", "types", "--lang", "typescript", f"--remote={url}", "--schema", "public"),
        folder=tmp_path,
        environ={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DO_NOT_TRACK": "1"},
    )
    assert code == 0, output
    is_current = generated.read_text() == COMMITTED.read_text()
    assert is_current, f"the schema has changed: cp {generated} {COMMITTED}"
