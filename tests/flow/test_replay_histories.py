"""A replay asks what was asked then: each request beside those that the model received."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.local.processes import Child
from gateway.local.stack import Stack
from tests.flow.command import gateway
from tests.flow.world import World, eventually

MODEL = "gpt-6-luna"
PER_NUMBER = 50  # conversations; a replay takes 200 replies
AT_ONCE = 30
PHOTO = ("https://api.twilio.com/2010-04-01/Media/ME1", "image/jpeg")
STEPS = ("writes", "writes", "writes twice", "sends a photo", "asks the hours", "asks for help")
HUMAN = "human writes"


@pytest.fixture
async def worlds(stack: Stack, world: World) -> AsyncIterator[list[World]]:
    """Numbers with a keyword, a short history and no limits."""
    others = [World(stack) for _ in range(5)]
    for other in others:
        await other.settle_in()
    for each in (world, *others):
        await each.rows(
            "update sms_configs set history_limit = 6, replies_per_hour = 1000,"
            " replies_per_day = 1000, number_replies_per_day = 10000 where id = %s",
            each.config_id,
        )
        await each.rows(
            "insert into sms_keyword_replies (user_id, config_id, keyword, answer)"
            " select user_id, id, 'horario', '9 a 18' from sms_configs where id = %s",
            each.config_id,
        )
    yield [world, *others]
    for other in others:
        await other.rows("delete from sms_configs where id = %s", other.config_id)


async def talk(world: World, seed: int) -> None:
    """A conversation of three to seven steps; each is over before the next begins."""
    dice, contact = random.Random(seed), world.contact()
    for number in range(dice.randint(3, 7)):
        step = dice.choice(STEPS if number == 0 else (*STEPS, HUMAN))
        words = f"Pregunta {number} de {seed}"
        if step == "writes twice":
            await asyncio.gather(*(world.texts_from(contact, f"{words}, {n}") for n in (1, 2)))
        elif step == "sends a photo":
            await world.stack.twilio.receive(contact, world.number, words, media=[PHOTO])
        elif step == HUMAN:
            await human_writes(world, contact)
        else:
            said = {"asks the hours": "Horario", "asks for help": "HELP"}.get(step, words)
            await world.texts_from(contact, said)
        await at_rest(world, contact)


async def human_writes(world: World, contact: str) -> None:
    """And hands back to the assistant."""
    where = "where config_id = %s and contact_number = %s"
    await world.rows(
        "insert into sms_messages (conversation_id, message_content)"  # noqa: S608
        f" select id, 'Le atiendo yo.' from sms_conversations {where}",
        *(world.config_id, contact),
    )
    await at_rest(world, contact)
    await world.rows(
        f"update sms_conversations set paused_until = null {where}",  # noqa: S608
        *(world.config_id, contact),
    )


async def at_rest(world: World, contact: str) -> None:
    async def rests() -> bool:
        [row] = await world.rows(
            "select reply_due_at is null and send_due_at is null as rests from sms_conversations"
            " where config_id = %s and contact_number = %s",
            *(world.config_id, contact),
        )
        return bool(row["rests"])

    await eventually(rests, 60, pause=0.2)


def requests(world: World, model: str) -> list[str]:
    assert world.stack.openai
    bodies = [body for body in world.stack.openai.requests if body.get("model") == model]
    return [json.dumps(body["messages"], sort_keys=True) for body in bodies]


async def replayed(world: World) -> dict[str, Any]:
    command = ("replay", world.number, "--model", MODEL, "--since", "1d", "--format", "json")
    outcome = await gateway(world.stack, *command)
    assert (outcome.status, outcome.errors) == (0, "")
    return dict(json.loads(outcome.output))


@pytest.mark.parametrize("count", [4, pytest.param(300, marks=pytest.mark.long)])
async def test_every_request_of_a_replay_was_made_before(
    worlds: list[World], web: Child, worker: Child, count: int
) -> None:
    for first in range(0, count, AT_ONCE):
        seeds = range(first, min(first + AT_ONCE, count))
        await asyncio.gather(*(talk(worlds[seed // PER_NUMBER], seed) for seed in seeds))
    then, before = set(requests(worlds[0], "gpt-4o-mini")), len(requests(worlds[0], MODEL))

    answers = []
    for world in worlds[: (count - 1) // PER_NUMBER + 1]:
        found = await replayed(world)
        assert found["totals"]["answered"] == len(found["answers"])
        answers += found["answers"]
    again = requests(worlds[0], MODEL)[before:]
    exact = [answer for answer in answers if not answer["is_approximate"]]
    equal = sum(request in then for request in again)
    print(f"{count} conversations: {len(answers)} replies, {len(exact)} exact, {equal} equal")
    assert len(again) == len(answers) >= count
    assert equal >= len(exact) >= 0.9 * len(answers)
