"""doctor's look at the tools: each fault with its fix, and beside it the same thing done right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.doctor import Doctor, Finding
from gateway.local.stack import PHONE_NUMBER, Stack
from gateway.settings import Settings
from gateway.supabase import Database
from tests.flow.test_doctor import run_sql

GOOD = """
create table public.doctors_cakes (id int, phone text);
alter table public.doctors_cakes enable row level security;
grant select on public.doctors_cakes to sms_contact;
create function sms_tools.doctors_cakes() returns bigint language sql stable set search_path = ''
as 'select count(*) from public.doctors_cakes';
comment on function sms_tools.doctors_cakes() is 'How many cakes there are.';
revoke execute on function sms_tools.doctors_cakes() from public;
grant execute on function sms_tools.doctors_cakes() to sms_contact;
"""
UNDO = """
drop view if exists public.doctors_view;
drop table if exists public.doctors_cakes;
drop function if exists sms_tools.doctors_cakes(), sms_tools.doctors_cakes(bytea);
"""
FAULTS = {  # what is done, its subject, what is said, and whether it is a fault
    "a table that sms_contact may not read": (
        "revoke select on public.doctors_cakes from sms_contact",
        ("doctors_cakes", "sms_contact may do nothing", "FAULT"),
    ),
    "a table without row level security": (
        "alter table public.doctors_cakes disable row level security",
        ("doctors_cakes", "enable row level security", "FAULT"),
    ),
    "one column of it is enough": (
        "alter table public.doctors_cakes disable row level security;"
        "revoke select on public.doctors_cakes from sms_contact;"
        "grant select (phone) on public.doctors_cakes to sms_contact",
        ("doctors_cakes", "enable row level security", "FAULT"),
    ),
    "a view that shows its owner's rows": (
        "create view public.doctors_view as table public.doctors_cakes;"
        "grant select on public.doctors_view to sms_contact",
        ("doctors_view", "security_invoker", "FAULT"),
    ),
    "everybody may execute it": (
        "grant execute on function sms_tools.doctors_cakes() to public",
        ("doctors_cakes", "revoke execute on function sms_tools.doctors_cakes()", "warning"),
    ),
    "no comment": (
        "comment on function sms_tools.doctors_cakes() is null",
        ("doctors_cakes", "it has no comment", "warning"),
    ),
    "two of one name": (
        "create function sms_tools.doctors_cakes(p bytea) returns int language sql as 'select 1';"
        "revoke execute on function sms_tools.doctors_cakes(bytea) from public",
        ("doctors_cakes", "several functions of that name", "warning"),
    ),
    "an unknown type": (
        "drop function sms_tools.doctors_cakes();"
        "create function sms_tools.doctors_cakes(p bytea) returns int language sql as 'select 1';"
        "comment on function sms_tools.doctors_cakes(bytea) is 'x';"
        "revoke execute on function sms_tools.doctors_cakes(bytea) from public;"
        "grant execute on function sms_tools.doctors_cakes(bytea) to sms_contact",
        ("doctors_cakes", "parameter of type bytea", "warning"),
    ),
    "sms_contact may not execute it": (
        "revoke execute on function sms_tools.doctors_cakes() from sms_contact",
        ("doctors_cakes", "grant execute on function", "warning"),
    ),
}
HEALTHY = {
    "as it should be": "select 1",
    "a view of the caller's rows": (
        "create view public.doctors_view with (security_invoker = true)"
        " as table public.doctors_cakes; grant select on public.doctors_view to sms_contact"
    ),
    "a column of a table whose rows are kept apart": (
        "revoke select on public.doctors_cakes from sms_contact;"
        "grant select (phone) on public.doctors_cakes to sms_contact"
    ),
}


async def look(stack: Stack) -> list[Finding]:
    """What check_tools finds of the functions and tables of this file."""
    settings = Settings.from_environ(stack.environ)
    async with Database.connect(settings) as database:
        nobody: Any = None
        doctor = Doctor(settings, database, nobody, nobody)
        found = [finding async for finding in doctor.check_tools()]
        await asyncio.gather(doctor._setup, doctor._health, doctor._numbers)
    return found


@asynccontextmanager
async def shop(stack: Stack, done: str) -> AsyncIterator[list[Finding]]:
    try:
        await run_sql(stack, f"set role postgres; {GOOD} {done}")
        yield [finding for finding in await look(stack) if "doctors_" in finding.detail]
    finally:
        await run_sql(stack, UNDO)


@pytest.mark.parametrize(("done", "told"), FAULTS.values(), ids=FAULTS)
async def test_what_is_wrong_with_a_tool_is_named_with_what_to_do(
    stack: Stack, done: str, told: tuple[str, str, str]
) -> None:
    subject, words, level = told
    async with shop(stack, done) as findings:
        named = [f for f in findings if words in f"{f.detail} {f.fix}" and subject in f.detail]
        assert {(f.level, f.name) for f in named} == {(level, "tools")}, findings


@pytest.mark.parametrize("done", HEALTHY.values(), ids=HEALTHY)
async def test_a_tool_that_is_well_is_not_named(stack: Stack, done: str) -> None:
    async with shop(stack, done) as findings:
        assert findings == []


async def test_a_number_that_offers_what_is_gone_is_a_fault(stack: Stack) -> None:
    async with shop(stack, ""):
        offer = f"update sms_configs set tools = %s where phone_number = '{PHONE_NUMBER}'"  # noqa: S608
        await run_sql(stack, offer % "'{doctors_cakes}'")
        await run_sql(stack, "alter function sms_tools.doctors_cakes() rename to doctors_pies")
        try:
            told = [f for f in await look(stack) if '"doctors_cakes"' in f.detail]
            assert [(f.level, PHONE_NUMBER[-4:] in f.detail) for f in told] == [("FAULT", True)]
            assert "the function is gone" in f"{told[0].detail} {told[0].fix}"
        finally:
            await run_sql(stack, "alter function sms_tools.doctors_pies() rename to doctors_cakes")
            await run_sql(stack, offer % "null")
