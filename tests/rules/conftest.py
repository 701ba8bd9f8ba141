"""The rules of one chapter a file, each on an empty database of the module's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.local.stack import Stack
from tests.sql import Db, scratch_database


@pytest.fixture(scope="module")
async def database(stack: Stack) -> AsyncIterator[str]:
    async with scratch_database(stack.postgres_url) as url:
        yield url


@pytest.fixture
async def db(database: str) -> AsyncIterator[Db]:
    """An empty database, whose invariants hold when the test is over."""
    async with Db.connect(database) as db:
        await db.empty()
        yield db
        assert await db.broken_invariants() == {}
