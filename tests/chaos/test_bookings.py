"""Tables are booked once whoever dies; without the rules that see to it, they are not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.local.stack import Stack
from tests.chaos.bookings import MUTANTS, plan_of, run
from tests.rules.mutants import Change, make
from tests.sql import Db

pytestmark = pytest.mark.long


@pytest.fixture
async def own_stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """A database that may be broken."""
    async with Stack(tmp_path, web=0, worker=0) as running:
        yield running


async def test_200_conversations_book_once_each_while_workers_die(stack: Stack) -> None:
    bookings, record = await run(stack, plan_of(200, seed=1))
    bookings.report(record)
    assert record.violations() == []
    assert bookings.missed() == []
    assert len(record.wanted) == 200


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
async def test_a_mutant_books_twice(own_stack: Stack, mutant: list[Change]) -> None:
    async with Db.connect(own_stack.postgres_url) as db:
        for change in mutant:
            await make(db, change)
    _, record = await run(own_stack, plan_of(40, seed=1))
    assert [found for found in record.violations() if found.startswith("booked 2")]
