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


# What a replay, its workers' lives and the clock change.
CHANGING = {
    *("public.sms_replays", "public.sms_replay_answers", "public.sms_workers"),
    *("public.sms_configs", "public.sms_daily_stats", "sms.counted", "sms.maintenance"),
    *("sms.hourly_counts", "sms.hourly_contacts", "sms.active_contacts", "sms.first_replies"),
    *("sms.policy", "sms.error_codes"),
}


async def rows_of_all_tables(world: World) -> dict[str, str]:
    """A hash of each table's rows but for those in CHANGING."""
    tables = await world.rows(
        "select schemaname || '.' || tablename as name from pg_tables"
        " where schemaname in ('public', 'sms')"
    )
    names = {str(table["name"]) for table in tables} - CHANGING
    assert {"public.sms_messages", "public.sms_tool_calls", "public.sms_events"} <= names
    found = {}
    for name in names:
        [row] = await world.rows(
            f"select md5(string_agg(t::text, '' order by t::text)) as hash from {name} as t"  # noqa: S608
        )
        found[name] = row["hash"]
    return found


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.long)])
async def test_a_replay_goes_on_when_all_workers_were_killed_and_touches_nothing_else(
    world: World, web: Child, model: OpenAI, count: int
) -> None:
    await world.rows(
        "update sms_configs set number_replies_per_day = 1000 where id = %s", world.config_id
    )
    workers = [await start_worker(world.stack) for _ in range(2)]
    await replied(world, count)
    model.latency = 0.4
    await world.shorten_waits(lease="3 seconds")
    asked_before, sent_before = len(asked(model, MODEL)), len(world.stack.twilio.sent)
    rows_before = await rows_of_all_tables(world)
    command = ("replay", world.number, "--model", MODEL, "--format", "json")
    replay = asyncio.ensure_future(gateway(world.stack, *command))
    await eventually(is_done(world, count // 3), count)
    for worker in workers:
        await worker.stop(signal.SIGKILL)
    third = await start_worker(world.stack)
    found = json.loads((await replay).output)
    rows_after = await rows_of_all_tables(world)
    await third.stop()
    assert found["totals"]["answered"] == count
    # Those that were in flight, two at most, are asked for again.
    assert count <= len(asked(model, MODEL)) - asked_before <= count + 2
    assert len(world.stack.twilio.sent) == sent_before
    assert {name for name in rows_before if rows_after[name] != rows_before[name]} == set()


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
