"""sms-gateway doctor --deep: the local stack keeps what the gateway needs of a Supabase."""

from __future__ import annotations

import pytest

from gateway import contract
from gateway.local.processes import Child
from gateway.local.stack import Stack
from tests.flow.command import gateway
from tests.flow.test_doctor import lines, run_sql


async def found(stack: Stack, level: str) -> list[str]:
    outcome = await gateway(stack, "doctor", "--deep")
    return [line for line in lines(outcome.output, level) if line.startswith("contract ")]


async def test_the_local_stack_keeps_the_whole_contract(stack: Stack, web: Child) -> None:
    well = [line.removeprefix("contract").strip() for line in await found(stack, "ok")]
    assert well == [clause.promise for clause in contract.CONTRACT]


@pytest.mark.parametrize(
    ("do", "undo", "promise"),
    [
        (
            "grant select on public.sms_messages to anon",
            "revoke select on public.sms_messages from anon",
            "the publishable key alone reads nothing",
        ),
        (
            'create policy "Anybody hears the worker" on realtime.messages for select to anon'
            " using (true)",
            'drop policy "Anybody hears the worker" on realtime.messages',
            "the worker's topic is private",
        ),
    ],
)
async def test_what_strangers_may_is_a_fault(
    stack: Stack, web: Child, do: str, undo: str, promise: str
) -> None:
    await run_sql(stack, do)
    faults = await found(stack, "FAULT")
    await run_sql(stack, undo)
    assert [promise in line for line in faults] == [True]
