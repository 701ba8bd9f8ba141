"""A database per chapter, empty for each test, whose invariants hold when the test is over.

A test that changes the schema, and every mutant, has a database of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import AsyncExitStack

import psycopg
import pytest

from gateway.local.stack import Stack
from tests.bench import data
from tests.rules.mutants import Mutant, make
from tests.scenario import Scenario
from tests.sql import Db, scratch_database

# Whatever changes the schema of a chapter fails when it is committed.
FROZEN = """
create schema tests;
create table tests.changes (what text);
create function tests.refuse() returns trigger language plpgsql as $$
begin
  raise exception 'Here % changes the schema for every test of the chapter: ask for own_db instead',
    new.what;
end $$;
create constraint trigger refuse after insert on tests.changes
  deferrable initially deferred for each row execute function tests.refuse();
create function tests.note_change() returns event_trigger language plpgsql security definer as $$
begin
  insert into tests.changes values (tg_tag);
end $$;
create event trigger note_change on ddl_command_end execute function tests.note_change();
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    mutants = [mark.args[0] for mark in metafunc.definition.iter_markers("mutant")]
    if mutants:
        names = ["as it is", *(mutant.name for mutant in mutants)]
        metafunc.parametrize("mutant", [None, *mutants], ids=names, indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    mutant = pyfuncitem.funcargs.get("mutant")
    if not isinstance(mutant, Mutant):
        return (yield)
    with pytest.raises(AssertionError, match=mutant.fails):
        yield
    return True


@pytest.fixture
def mutant(request: pytest.FixtureRequest) -> Mutant | None:
    """What the SQL is changed to for this test."""
    return getattr(request, "param", None)


@pytest.fixture(scope="module")
def beside() -> str:
    """SQL of the chapter's tests beside the product's."""
    return ""


@pytest.fixture(scope="module")
async def database(stack: Stack, beside: str) -> AsyncIterator[str]:
    async with scratch_database(stack.postgres_url) as url:
        async with Db.connect(url) as db:
            if beside:
                await db.admin.rows(f"set role postgres; {beside}; reset role")
            await db.admin.rows(FROZEN)
        yield url


@pytest.fixture
async def db(stack: Stack, database: str, mutant: Mutant | None) -> AsyncIterator[Db]:
    async with AsyncExitStack() as opened:
        if mutant:
            database = await opened.enter_async_context(scratch_database(stack.postgres_url))
        db = await opened.enter_async_context(Db.connect(database))
        if mutant:
            await make(db, mutant.change)
        await db.empty()
        yield db
        assert mutant or await db.broken_invariants() == {}


@pytest.fixture
async def own_db(stack: Stack, mutant: Mutant | None) -> AsyncIterator[Db]:
    """A database of the test's own, whose schema it may change."""
    async with scratch_database(stack.postgres_url) as url, Db.connect(url) as db:
        if mutant:
            await make(db, mutant.change)
        yield db


@pytest.fixture
async def scenario(db: Db) -> Scenario:
    return await Scenario.begin(db)


@pytest.fixture(scope="session")
async def filled_database(stack: Stack) -> AsyncIterator[str]:
    async with scratch_database(stack.postgres_url) as url:
        with psycopg.connect(url) as connection:
            await asyncio.to_thread(data.fill, connection, 50_000)
        yield url


@pytest.fixture
async def filled(filled_database: str) -> AsyncIterator[Db]:
    """Where data.OWNER has a fifth of 50,000 messages; whoever reads there leaves it so."""
    async with Db.connect(filled_database) as db:
        yield db
