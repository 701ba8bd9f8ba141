"""The handbooks' SQL runs on the product's schema."""

from __future__ import annotations

import pytest

from gateway.local.stack import Stack
from tests.sql import Db, scratch_database
from tests.unit.test_readme import snippets

ACCOUNT = "00000000-0000-4000-8000-000000000001"  # of the handbooks' examples


@pytest.mark.parametrize("snippet", snippets("sql"))
async def test_an_sql_snippet_runs(snippet: str, stack: Stack) -> None:
    async with (
        scratch_database(stack.postgres.url("supabase_admin")) as conninfo,
        Db.connect(conninfo) as db,
    ):
        await db.admin.rows("insert into auth.users (id) values (%s)", ACCOUNT)
        await db.admin.rows(snippet)
