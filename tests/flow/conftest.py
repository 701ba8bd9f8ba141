"""The product's own processes, by the Procfile's lines, on the shared stack."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.local.processes import Child
from gateway.local.stack import Stack
from tests.flow.world import World, eventually


@pytest.fixture
async def world(stack: Stack) -> AsyncIterator[World]:
    """A number of its own; at the end the waits are the defaults again and nothing is owed."""
    stack.twilio.latency, stack.twilio.delivery_delay = 0.0, 0.02
    assert stack.openai
    stack.openai.latency = 0.02
    world = World(stack)
    await world.settle_in()
    yield world
    stack.twilio.faults.clear()
    stack.openai.faults.clear()
    stack.proxy.heal()
    await world.rows("delete from sms.policy")
    await world.rows("insert into sms.policy default values")
    await world.rows("delete from sms_configs where id = %s", world.config_id)


@pytest.fixture(scope="session")
async def web(stack: Stack) -> AsyncIterator[Child]:
    child = await stack.start_process("web")
    await stack.wait_for_web(child)
    yield child
    await child.stop()


@pytest.fixture
async def worker(stack: Stack) -> AsyncIterator[Child]:
    child = await start_worker(stack)
    yield child
    await child.stop()


async def start_worker(stack: Stack) -> Child:
    child = await stack.start_process("worker", log=f"worker.{len(stack.processes)}")

    async def says_so() -> bool:
        return child.runs and "worker started" in child.log.read_text()

    await eventually(says_so)
    return child
