"""Tools through the whole stack: a booking by text, and kill -9 around the call."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.local.processes import Child, free_port
from gateway.local.proxy import Cut, Head
from gateway.local.stack import Stack
from gateway.local.standins.openai import commands
from tests.chaos.chaos import Door
from tests.flow.command import gateway
from tests.flow.conftest import start_worker
from tests.flow.world import World, eventually

EXAMPLES = Path(__file__).parents[1] / "examples/tools"
WANTS = "Mesa para 4 el viernes a las 21"


@pytest.fixture
async def bakery(world: World) -> AsyncIterator[World]:
    if not (await world.rows("select to_regclass('public.bookings') as found"))[0]["found"]:
        async with world.stack.postgres.connect() as database:
            await database.execute("set role postgres")
            await database.execute((EXAMPLES / "bakery.sql").read_bytes())
    await world.rows(
        "update sms_configs set tools = '{book_table,free_seats,cancel_booking}' where id = %s",
        world.config_id,
    )
    yield world
    assert world.stack.openai
    world.stack.openai.calls = commands


async def booked(world: World, contact: str) -> int:
    rows = await world.rows("select count(*) as n from bookings where phone = %s", contact)
    return int(rows[0]["n"])


async def test_a_table_is_booked_by_text(bakery: World, web: Child, worker: Child) -> None:
    contact = bakery.contact()
    await bakery.texts_from(contact, WANTS)
    reply = await bakery.answered(contact)
    assert await booked(bakery, contact) == 1
    assert '"people": 4' in reply["message_content"]
    [made] = await bakery.rows("select * from sms_tool_calls where reply_id = %s", reply["id"])
    assert (made["name"], made["error"]) == ("book_table", None)


async def test_a_text_without_tools_is_answered_as_ever(
    world: World, web: Child, worker: Child
) -> None:
    contact = world.contact()
    await world.texts_from(contact, WANTS)
    assert (await world.answered(contact))["message_content"].startswith("Recibido")


KILLS = {
    "after the model answered": ("answered", "/chat/completions"),
    "before the tool runs": ("asked", "/rpc/call_sms_tool"),
    "after the tool committed": ("answered", "/rpc/call_sms_tool"),
    "before queue_sms_reply": ("asked", "/rpc/queue_sms_reply"),
    "before Twilio accepts": ("asked", "/Messages.json"),
}


class Doomed:
    """A worker behind a door of its own, killed by kill -9 at its first such moment."""

    def __init__(self, stack: Stack, moment: str, path: str) -> None:
        self.stack, self.moment, self.path = stack, moment, path
        self.is_dead = False
        twilio, model = (int(url.rsplit(":", 1)[1].split("/")[0]) for url in self._urls())
        routes = {**stack.proxy.routes, "/2010-04-01": twilio, "/v1": model}
        self.door = Door(routes, self._see)

    def _urls(self) -> tuple[str, str]:
        return self.stack.twilio_url, self.stack.environ["OPENAI_BASE_URL"]

    async def start(self) -> None:
        await self.door.start(free_port())
        environ = {
            "SUPABASE_URL": self.door.url,
            "TWILIO_BASE_URL": self.door.url,
            "OPENAI_BASE_URL": f"{self.door.url}/v1",
        }
        self.child = await self.stack.start_process("worker", environ, log="worker.doomed")

    def _see(self, moment: str, request: Head, length: int) -> None:
        path = request.path.partition("?")[0]
        if not self.is_dead and moment == self.moment and path.endswith(self.path):
            self.is_dead = True
            os.killpg(self.child.process.pid, signal.SIGKILL)
            raise Cut

    async def stop(self) -> None:
        await self.child.stop(signal.SIGKILL)
        await self.door.stop()


def drifting() -> Callable[[dict[str, Any]], list[tuple[str, str]]]:
    """Another booking each time the model is asked, unless it knows of one."""
    asked = 0

    def calls(body: dict[str, Any]) -> list[tuple[str, str]]:
        nonlocal asked
        if any(message["role"] == "tool" for message in body["messages"]):
            return []
        asked += 1
        return [("book_table", json.dumps({"p_people": asked, "p_day": f"2027-03-{asked:02}"}))]

    return calls


@pytest.mark.parametrize(("moment", "path"), KILLS.values(), ids=KILLS)
async def test_a_worker_killed_around_the_call_books_once_and_answers_once(
    bakery: World, web: Child, moment: str, path: str
) -> None:
    await bakery.shorten_waits(lease="16 seconds")
    assert bakery.stack.openai
    bakery.stack.openai.calls = drifting()
    contact = bakery.contact()
    doomed = Doomed(bakery.stack, moment, path)
    await doomed.start()
    try:
        await bakery.texts_from(contact, WANTS)

        async def died() -> bool:
            return doomed.is_dead

        await eventually(died, 30)
    finally:
        await doomed.stop()
    worker = await start_worker(bakery.stack)
    try:
        await bakery.answered(contact, seconds=60)
        assert await booked(bakery, contact) == 1
        assert len(bakery.sent_to(contact)) == 1
    finally:
        await worker.stop()


async def test_the_lost_answer_of_a_call_is_the_records(
    bakery: World, web: Child, worker: Child
) -> None:
    contact = bakery.contact()
    bakery.stack.proxy.drop("call_sms_tool")
    await bakery.texts_from(contact, WANTS)
    await bakery.answered(contact)
    assert await booked(bakery, contact) == 1


async def test_a_tool_is_listed_called_and_undone_by_command(bakery: World) -> None:
    listed = await gateway(bakery.stack, "tools", "list", bakery.number)
    names = [tool["name"] for tool in json.loads(listed.output)]
    assert names[:3] == ["book_table", "cancel_booking", "free_seats"]
    contact = bakery.contact()
    call = (
        "tools",
        "call",
        "book_table",
        '{"p_day": "2027-01-02", "p_people": 2}',
        "--as",
        contact,
    )
    tried = await gateway(bakery.stack, *call, "--number", bakery.number, "--rollback")
    assert json.loads(tried.output)["people"] == 2
    assert await booked(bakery, contact) == 0
    wrong = await gateway(bakery.stack, "tools", "call", "book_table", "{}", "--as", contact)
    assert wrong.status == 1 and "p_day" in wrong.errors
