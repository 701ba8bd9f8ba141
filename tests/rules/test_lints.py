"""Supabase's own advisors find nothing to warn of in the migrated database."""

from __future__ import annotations

from pathlib import Path

from gateway.local.processes import run
from gateway.local.stack import Stack


async def test_the_advisors_have_no_warning(stack: Stack, tmp_path: Path) -> None:
    parts = stack.lite.binaries
    code, output = await run(
        *(parts.node, parts.supabase_cli, "db", "advisors"),
        *(f"--db-url={stack.postgres.url('postgres')}?sslmode=disable", "--yes"),
        *("--level", "warn", "--fail-on", "warn"),
        folder=tmp_path,
        environ={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DO_NOT_TRACK": "1"},
    )
    assert code == 0, output
