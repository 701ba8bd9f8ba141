"""Supabase's own advisors find nothing to warn of in the migrated database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.local.processes import run
from gateway.local.stack import Stack


async def test_the_advisors_have_no_warning(stack: Stack, tmp_path: Path) -> None:
    parts = stack.lite.binaries
    code, output = await run(
        *(parts.node, parts.supabase_cli, "db", "advisors"),
        *(f"--db-url={stack.postgres.url('postgres')}?sslmode=disable", "--yes"),
        *("--level", "warn"),
        folder=tmp_path,
        environ={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DO_NOT_TRACK": "1"},
    )
    assert code == 0, output
    found = findings(output)
    assert found, output  # the private helpers: what the advisors say is understood
    assert [finding for finding in found if not is_private_helper(finding)] == []


def findings(output: str) -> list[dict[str, Any]]:
    """What the advisors print between their lines for people, as JSON; nothing when all is well."""
    start, end = output.find("[\n"), output.rfind("]")
    found: list[dict[str, Any]] = json.loads(output[start : end + 1]) if start >= 0 else []
    return found


def is_private_helper(finding: dict[str, Any]) -> bool:
    """Helpers of schema sms take their caller's empty search path (supabase/tests/01)."""
    lint: str = finding["name"]
    schema: str = finding["metadata"]["schema"]
    return lint == "function_search_path_mutable" and schema == "sms"
