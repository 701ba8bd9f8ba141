"""sms-gateway replay on the running stack: asked again, put side by side, and nothing is sent."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gateway.local.processes import Child
from gateway.local.stack import Stack
from gateway.local.standins.openai import OpenAI
from tests.flow.command import gateway
from tests.flow.conftest import start_worker
from tests.flow.world import World, eventually

MODEL = "gpt-6-luna"


@pytest.fixture
async def model(stack: Stack) -> AsyncIterator[OpenAI]:
    """The stand-in, which answers as before when the test is over."""
    assert stack.openai
    answer = stack.openai.answer
    yield stack.openai
    stack.openai.answer = answer


async def replied(world: World, count: int) -> list[str]:
    """That many contacts, each of whom got a reply."""
    contacts = [world.contact() for _ in range(count)]
    for contact in contacts:
        await world.texts_from(contact, "¿Abren mañana por la tarde?")
    for contact in contacts:
        await world.answered(contact)
    return contacts


def asked(model: OpenAI, name: str) -> list[list[dict[str, Any]]]:
    """The messages of every request for that model."""
    return [body["messages"] for body in model.requests if body.get("model") == name]


def is_done(world: World, at_least: int) -> Callable[[], Any]:
    async def enough() -> bool:
        (row,) = await world.rows(
            "select count(*) as n from sms_replay_answers as a join sms_replays as r"
            " on r.id = a.replay_id where r.config_id = %s and a.state = 'answered'",
            world.config_id,
        )
        return bool(row["n"] >= at_least)

    return enough


async def test_what_another_model_would_have_answered(
    world: World, web: Child, worker: Child, model: OpenAI
) -> None:
    contacts = await replied(world, 3)
    first = asked(model, "gpt-4o-mini")[-3:]
    model.answer = lambda messages: "Mañana abrimos de 9 a 18 horas."
    command = ("replay", world.number, "--model", MODEL, "--since", "1h")
    outcome = await gateway(world.stack, *command, "--format", "json")
    assert (outcome.status, outcome.errors) == (0, "")
    found = json.loads(outcome.output)
    assert found["totals"]["answered"] == 3
    pair = found["answers"][0]
    assert pair["old"]["content"] == 'Recibido: "¿Abren mañana por la tarde?"'
    assert pair["new"]["content"] == "Mañana abrimos de 9 a 18 horas."
    assert (pair["old"]["model"], pair["new"]["model"]) == ("gpt-4o-mini", MODEL)
    assert pair["is_approximate"] is False
    assert asked(model, MODEL)[-3:] == first, "each prompt is built as it was then"
    for contact in contacts:
        assert len(world.sent_to(contact)) == 1, "nothing is sent"


async def test_the_command_fails_on_what_was_asked_and_shows_a_table(
    world: World, web: Child, worker: Child, model: OpenAI
) -> None:
    await replied(world, 1)
    model.answer = lambda messages: "We are open from nine to six and you can visit us. " * 5
    command = ("replay", world.number, "--model", MODEL, "--fail-on", "empty,longer,language")
    outcome = await gateway(world.stack, *command, "--format", "markdown")
    assert outcome.status == 1
    assert outcome.errors.strip() == "sms-gateway: the replay has 1 longer, 1 language"
    lines = outcome.output.splitlines()
    assert lines[0] == "| reply | question | old | new | segments | notes |"
    assert "other language" in lines[2]
    healthy = await gateway(world.stack, *command[:4], "--fail-on", "empty,failed")
    assert (healthy.status, healthy.errors) == (0, "")
    assert "1 answered, 1 longer" in healthy.output


async def test_a_replay_needs_something_to_change(stack: Stack) -> None:
    outcome = await gateway(stack, "replay", "+15550001111")
    assert outcome.status == 1 and "--model, --prompt" in outcome.errors


async def test_a_message_is_answered_while_a_replay_is_under_way(
    world: World, web: Child, worker: Child, model: OpenAI
) -> None:
    await replied(world, 8)
    model.latency = 0.4
    command = ("replay", world.number, "--model", MODEL, "--format", "json")
    replay = asyncio.ensure_future(gateway(world.stack, *command))
    await eventually(is_done(world, 1))
    contact = world.contact()
    await world.texts_from(contact, "¿Y el domingo?")
    await world.answered(contact)
    assert not replay.done()
    assert json.loads((await replay).output)["totals"]["answered"] == 8


async def test_a_replay_goes_on_when_all_workers_were_killed(
    world: World, web: Child, model: OpenAI
) -> None:
    workers = [await start_worker(world.stack) for _ in range(2)]
    await replied(world, 10)
    model.latency = 0.4
    await world.shorten_waits(lease="3 seconds")
    before = len(asked(model, MODEL))
    command = ("replay", world.number, "--model", MODEL, "--format", "json")
    replay = asyncio.ensure_future(gateway(world.stack, *command))
    await eventually(is_done(world, 3))
    for worker in workers:
        await worker.stop(signal.SIGKILL)
    third = await start_worker(world.stack)
    found = json.loads((await replay).output)
    await third.stop()
    assert found["totals"]["answered"] == 10
    # Those that were in flight, two at most, are asked for again.
    assert 10 <= len(asked(model, MODEL)) - before <= 12


async def test_a_rate_limit_makes_the_replay_wait(
    world: World, web: Child, worker: Child, model: OpenAI
) -> None:
    await replied(world, 1)
    model.faults.add("rate_limited", times=4)
    command = ("replay", world.number, "--model", MODEL, "--format", "json")
    replay = asyncio.ensure_future(gateway(world.stack, *command))

    async def waits() -> bool:
        rows = await world.rows(
            "update sms_replays set suspended_until = now() where config_id = %s"
            " and suspended_reason ~ 'rate limit' returning id",
            world.config_id,
        )
        return bool(rows)

    await eventually(waits)
    assert json.loads((await replay).output)["totals"]["answered"] == 1
