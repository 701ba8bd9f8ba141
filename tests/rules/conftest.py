"""A database per chapter, empty for each test, whose invariants hold when the test is over."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.local.stack import Stack
from tests.scenario import Scenario
from tests.sql import Db, new_contact, scratch_database


@pytest.fixture(scope="module")
async def database(stack: Stack) -> AsyncIterator[str]:
    async with scratch_database(stack.postgres_url) as url:
        yield url


@pytest.fixture
async def db(database: str) -> AsyncIterator[Db]:
    async with Db.connect(database) as db:
        await db.empty()
        yield db
        assert await db.broken_invariants() == {}


@pytest.fixture
async def scenario(db: Db) -> Scenario:
    return Scenario(db, await db.session(), await db.number(), new_contact())
