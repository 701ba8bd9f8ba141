"""SIGTERM: what is in hand is finished or given back, and nothing is sent twice."""

from __future__ import annotations

import asyncio

from gateway.local.stack import Stack
from tests.flow.conftest import start_worker
from tests.flow.world import World, eventually

# A platform kills 30 s after SIGTERM.
PATIENCE = 30.0


async def test_answers_in_flight_leave_before_both_processes_end(
    world: World, stack: Stack
) -> None:
    assert stack.openai
    stack.openai.latency = 5.0
    port = world.own_port()
    environ = {"PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    web = await stack.start_process("web", environ, log="web.shutdown")
    await stack.wait_for_web(web)
    worker = await start_worker(stack)
    _, keeps_open = await asyncio.open_connection("127.0.0.1", port)
    contacts = await _sixteen_texts(world, stack)

    await asyncio.gather(web.stop(patience=PATIENCE), worker.stop(patience=PATIENCE))
    keeps_open.close()
    await keeps_open.wait_closed()
    assert (web.process.returncode, worker.process.returncode) == (0, 0)
    assert [len(world.sent_to(contact)) for contact in contacts] == [1] * 16
    assert await _open_rows(world) == 0


async def test_what_a_stopping_worker_cannot_finish_the_next_one_answers_once(
    world: World, web: object, stack: Stack
) -> None:
    assert stack.openai
    stack.openai.latency = 14.0
    worker = await start_worker(stack)
    contacts = await _sixteen_texts(world, stack)
    await worker.stop(patience=PATIENCE)
    assert worker.process.returncode == 0
    assert await _open_rows(world) == 0

    stack.openai.latency = 0.02
    heir = await start_worker(stack)
    for contact in contacts:
        await world.answered(contact)
    await heir.stop()
    assert [len(world.sent_to(contact)) for contact in contacts] == [1] * 16


async def _sixteen_texts(world: World, stack: Stack) -> list[str]:
    """Sixteen contacts whose answers are being generated."""
    assert stack.openai
    openai, asked = stack.openai, len(stack.openai.requests)
    contacts = [world.contact() for _ in range(16)]
    await asyncio.gather(*(world.texts_from(contact, "Hola") for contact in contacts))

    async def all_asked() -> bool:
        return len(openai.requests) >= asked + 16

    await eventually(all_asked)
    return contacts


async def _open_rows(world: World) -> int:
    rows = await world.rows(
        "select count(*) as open from sms_messages m join sms_conversations c"
        " on c.id = m.conversation_id where c.config_id = %s and m.is_open",
        world.config_id,
    )
    return int(rows[0]["open"])
