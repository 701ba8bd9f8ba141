"""What people expect of an automatic texter, on the whole system."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.local.processes import Child
from gateway.local.stack import Stack
from gateway.local.standins.openai import OpenAI, quote
from tests.flow.world import World, eventually

THINKS = 2.0  # seconds that the model takes while it is interrupted
KINDS = ("takeover", "stop", "close", "control")
PERSONS_WORDS = "Le atiendo yo."


async def interrupt(world: World, kind: str, contact: str) -> None:
    where = "where config_id = %s and contact_number = %s"
    if kind == "stop":
        assert (await world.texts_from(contact, "STOP")).status == 200
    elif kind == "close":
        await world.rows(
            f"update sms_conversations set status = 'closed' {where}",  # noqa: S608
            *(world.config_id, contact),
        )
    elif kind == "takeover":
        await world.rows(
            "insert into sms_messages (conversation_id, message_content)"  # noqa: S608
            f" select id, %s from sms_conversations {where}",
            *(PERSONS_WORDS, world.config_id, contact),
        )


class Thinker:
    """A model that takes its time and knows to what it has answered."""

    def __init__(self, openai: OpenAI) -> None:
        self.openai = openai
        self.answered = ""
        self.answers = 0
        self.asked_before = len(openai.requests)
        openai.latency, openai.answer = THINKS, self.answer

    def answer(self, messages: list[dict[str, Any]]) -> str:
        said = quote(messages)
        self.answered += said
        self.answers += 1
        return said

    @property
    def thinks(self) -> bool:
        return len(self.openai.requests) - self.asked_before > self.answers

    async def was_asked(self, mark: str) -> None:
        await self.openai.events.until(
            lambda: any(mark in str(asked["messages"]) for asked in self.openai.requests)
        )


async def try_to_interrupt(
    world: World, thinker: Thinker, kind: str, mark: str, part: float
) -> str | None:
    """A text, and after that part of the model's thinking the interruption: the contact.

    None when the machine was too slow and the model had answered by then.
    """
    contact = world.contact()
    await world.texts_from(contact, f"pregunta {mark}")
    await thinker.was_asked(mark)
    await asyncio.sleep(part * THINKS)
    await interrupt(world, kind, contact)
    return contact if kind == "control" or mark not in thinker.answered else None


async def try_until_in_time(
    world: World, thinker: Thinker, kind: str, number: int, part: float
) -> str:
    for again in range(10):
        mark = f"<{kind} {number} {again}>"
        if contact := await try_to_interrupt(world, thinker, kind, mark, part):
            return contact
    raise AssertionError("the machine is too slow to interrupt anything")


async def nothing_is_left_to_do(world: World, worker: Child, thinker: Thinker) -> bool:
    """Every answer of the model was sent or dropped, and nothing is owed or open."""
    lines = worker.log.read_text().splitlines()
    generated = sum("reply generated" in line for line in lines)
    decided = sum("reply dropped" in line or "message sent" in line for line in lines)
    left = await world.rows(
        "select lease_id, reply_due_at, send_due_at from sms_conversations where config_id = %s"
        " and (lease_id is not null or least(reply_due_at, send_due_at) is not null)",
        world.config_id,
    )
    return not left and not thinker.thinks and thinker.answers == generated <= decided


@pytest.fixture
async def thinker(world: World) -> AsyncIterator[Thinker]:
    assert world.stack.openai
    yield Thinker(world.stack.openai)
    world.stack.openai.answer = quote


@pytest.mark.parametrize(
    "tries", [pytest.param(10, id="ten"), pytest.param(100, id="hundred", marks=pytest.mark.long)]
)
async def test_who_takes_over_stops_or_closes_while_the_model_thinks_gets_nothing_sent(
    world: World, web: Child, worker: Child, thinker: Thinker, tries: int
) -> None:
    """The interruptions are spread over the model's whole time; controls are all answered."""
    at_once = asyncio.Semaphore(20)

    async def run(kind: str, number: int) -> tuple[str, str]:
        async with at_once:
            part = 0.9 * number / tries
            return kind, await try_until_in_time(world, thinker, kind, number, part)

    contacts = await asyncio.gather(
        *(run(kind, number) for number in range(tries) for kind in KINDS)
    )
    await eventually(lambda: nothing_is_left_to_do(world, worker, thinker), seconds=60)
    sent = {kind: [world.sent_to(c) for k, c in contacts if k == kind] for kind in KINDS}
    assert sent["stop"] == sent["close"] == [[]] * tries
    assert sent["takeover"] == [[PERSONS_WORDS]] * tries
    assert [len(texts) for texts in sent["control"]] == [1] * tries


# Machines.


@asynccontextmanager
async def bridged(one: World, other: World) -> AsyncIterator[None]:
    """What one number sends to the other arrives there, as between two gateways."""
    twilio = one.stack.twilio
    carried = len(twilio.sent)

    def has_news() -> bool:
        return len(twilio.sent) > carried

    async def carry() -> None:
        nonlocal carried
        while True:
            await twilio.events.until(has_news)
            text, carried = twilio.sent[carried], carried + 1
            if {text.from_, text.to} == {one.number, other.number}:
                await twilio.receive(str(text.from_), text.to, text.body)

    carrier = asyncio.create_task(carry())
    try:
        yield
    finally:
        carrier.cancel()
        await asyncio.gather(carrier, return_exceptions=True)


@pytest.fixture
async def other(world: World) -> AsyncIterator[World]:
    """A second gateway: a number with rules of its own, on the same stack."""
    other = World(world.stack)
    await other.settle_in()
    yield other
    await other.rows("delete from sms_configs where id = %s", other.config_id)


@pytest.mark.parametrize(
    ("says", "bound", "reason"),
    [
        # Ten answers an hour and one text that says so, from each.
        ("something new each time", 11, "rate_limit"),
        # The third identical text is not answered.
        ("the same each time", 3, "loop"),
    ],
)
async def test_two_gateways_that_answer_each_other_stop(
    world: World, other: World, web: Child, worker: Child, says: str, bound: int, reason: str
) -> None:
    openai, numbers = world.stack.openai, itertools.count()
    assert openai
    new = says == "something new each time"
    openai.answer = lambda messages: f"Gracias{f', eso es {next(numbers)}' if new else ''}."
    try:
        async with bridged(world, other):
            await world.texts_from(other.number, "Hola, ¿en qué puedo ayudar?")
            await eventually(lambda: both_are_silent(world, other), seconds=60)
    finally:
        openai.answer = quote
    assert len(world.sent_to(other.number)) <= bound
    assert len(other.sent_to(world.number)) <= bound
    assert reason in await reply_errors(world, other)


async def reply_errors(*worlds: World) -> set[str | None]:
    rows = await worlds[0].rows(
        "select reply_error from sms_conversations where config_id = any(%s::uuid[])",
        [world.config_id for world in worlds],
    )
    return {row["reply_error"] for row in rows}


async def both_are_silent(*worlds: World) -> bool:
    """The last text that either got is one that is not answered."""
    rows = await worlds[0].rows(
        "select c.reply_error, c.lease_id, least(c.reply_due_at, c.send_due_at) as due"
        " from sms_conversations c where c.config_id = any(%s::uuid[])",
        [world.config_id for world in worlds],
    )
    idle = all(row["lease_id"] is None and row["due"] is None for row in rows)
    return idle and any(row["reply_error"] in ("rate_limit", "loop") for row in rows)


# Words.


async def test_an_opt_out_in_ones_own_words_is_confirmed_once_and_then_nothing(
    world: World, web: Child, worker: Child
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "por favor ya no me manden mensajes")
    await world.answered(contact)
    await world.texts_from(contact, "¿me oyen?")
    await eventually(lambda: says(world, contact, "opted_out"))
    assert world.sent_to(contact) == [
        "No recibira mas mensajes nuestros. Responda START para volver a recibirlos."
    ]


async def says(world: World, contact: str, reason: str) -> bool:
    rows = await world.rows(
        "select reply_error from sms_conversations where config_id = %s and contact_number = %s",
        *(world.config_id, contact),
    )
    return [row["reply_error"] for row in rows] == [reason]


async def test_a_contact_is_one_contact_over_sms_and_rcs(
    world: World, web: Child, worker: Child
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "hola")
    await world.answered(contact)
    await world.texts_from(f"rcs:{contact}", "¿Siguen ahí?")
    await eventually(lambda: said_so_often(world, contact, 2))
    await world.texts_from(f"rcs:{contact}", "STOP")
    await world.texts_from(contact, "still there?")
    await eventually(lambda: says(world, contact, "opted_out"))
    assert len(world.sent_to(contact)) == 2
    assert await world.messages(f"rcs:{contact}") == []


async def said_so_often(world: World, contact: str, times: int) -> bool:
    return len(world.sent_to(contact)) == times


async def test_a_bot_says_so_without_asking_a_model(
    world: World, web: Child, worker: Child, stack: Stack
) -> None:
    assert stack.openai
    contact, asked = world.contact(), len(stack.openai.requests)
    await world.texts_from(contact, "Are you a robot?")
    await world.answered(contact)
    assert world.sent_to(contact) == ["I am an automated assistant. Text PERSON if you want one."]
    assert len(stack.openai.requests) == asked


async def test_the_number_that_twilio_refuses_with_21610_texts_nobody_there_again(
    world: World, other: World, web: Child, worker: Child, stack: Stack
) -> None:
    contact = world.contact()
    stack.twilio.faults.add("refuse", match=contact, status=400, code=21610)
    await world.texts_from(contact, "Hola")
    await eventually(lambda: was_refused(world, contact))
    await world.texts_from(contact, "¿Hola?")
    await eventually(lambda: says(world, contact, "opted_out"))
    assert world.sent_to(contact) == []
    await other.texts_from(contact, "Hola")
    await other.answered(contact)


async def was_refused(world: World, contact: str) -> bool:
    return [row["error_code"] for row in await world.outgoing(contact)] == [21610]
