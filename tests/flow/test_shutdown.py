"""SIGTERM: what is in hand is finished or given back, and nothing is sent twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.local.stack import Stack
from tests.flow.conftest import start_worker
from tests.flow.world import World, eventually
from tests.unit.test_worker_life import ends, worker

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


async def test_a_database_that_is_away_holds_no_stopping_worker_and_costs_no_reply(
    world: World, web: object, stack: Stack
) -> None:
    """It goes away after the model was asked: the reply cannot be stored, the next worker asks."""
    await world.shorten_waits()
    assert stack.openai
    stack.openai.latency = 2.0
    stopping = await start_worker(stack)
    contacts = await _sixteen_texts(world, stack)
    stack.proxy.close("/rest/v1")
    status, seconds = await ends(stopping)
    log = stopping.log.read_text()
    assert (status, 24 < seconds < PATIENCE) == (0, True)
    assert log.count("job left to its lease") == 16

    stack.proxy.open("/rest/v1")
    stack.openai.latency = 0.02
    heir = await start_worker(stack)
    for contact in contacts:
        await world.answered(contact)
    await heir.stop()
    assert [len(world.sent_to(contact)) for contact in contacts] == [1] * 16


STUCK_NAMES = """
import socket, time
def getaddrinfo(*args, **kwargs):
    time.sleep(3600)
socket.getaddrinfo = getaddrinfo
from gateway.cli import main
main(["worker"])
"""


async def test_a_stuck_look_up_of_names_does_not_hold_a_stopping_worker(tmp_path: Path) -> None:
    """It blocks a thread, which nobody can cancel and Python would wait for."""
    async with worker(tmp_path, "https://ref.supabase.co", "-c", STUCK_NAMES) as child:
        status, seconds = await ends(child)
    assert (status, seconds < PATIENCE) == (0, True)


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
