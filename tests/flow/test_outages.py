"""Neighbours that are away, slow, full, or lie: each text is answered once all the same."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from gateway.local.processes import Child, free_port, spawn
from gateway.local.proxy import Head, Proxy
from gateway.local.stack import REPOSITORY, Stack
from gateway.supabase import READ_SECONDS
from tests.flow.conftest import start_worker
from tests.flow.world import Row, World, eventually

TEXTS_PER_SECOND = 3.0

Restart = Callable[[Stack], Awaitable[None]]


async def settled(world: World, contact: str, seconds: float = 40) -> Row:
    """The contact's only answer, once Twilio is known to have it."""

    async def has_sid() -> Row | None:
        rows = await world.outgoing(contact)
        return next((row for row in rows if row["message_sid"]), None)

    return await eventually(has_sid, seconds)


# The Data API and Postgres


async def test_a_text_that_cannot_be_stored_is_refused_in_time_and_taken_later(
    world: World, web: Child, worker: Child, stack: Stack
) -> None:
    number = stack.twilio.numbers[world.number]
    number.sms_url = number.sms_url.partition("#")[0] + "#rc=0"
    contact = world.contact()
    stack.proxy.close("/rest/v1")
    asked_at = time.monotonic()
    receipt = await world.texts_from(contact, "Hola")
    # Twilio gives up after 4 s, as the webhook's URL asks it to.
    assert (receipt.status, time.monotonic() - asked_at < 4) == (503, True)

    stack.proxy.open("/rest/v1")
    assert (await stack.twilio.repost(receipt.sid)).status == 200
    await world.answered(contact)
    assert len(world.sent_to(contact)) == 1


async def restart_postgres(stack: Stack) -> None:
    await stack.postgres.crash()
    await stack.postgres.start()


async def restart_data_api(stack: Stack) -> None:
    await stack.lite.restart()


@pytest.mark.parametrize("restart", [restart_postgres, restart_data_api])
async def test_after_a_restart_under_load_texts_flow_again_within_ten_seconds(
    world: World, web: Child, worker: Child, stack: Stack, restart: Restart
) -> None:
    await world.shorten_waits()
    contacts: list[str] = []
    async with load(world, contacts):
        await asyncio.sleep(6)
        before = accepted_within(world, 4) / 4
        await restart(stack)

        async def is_back() -> bool:
            return accepted_within(world, 2) / 2 > 0.8 * before

        await asyncio.sleep(2)
        await eventually(is_back, 8)
    for contact in contacts:
        await settled(world, contact)
        assert len(world.sent_to(contact)) == 1


@asynccontextmanager
async def load(world: World, contacts: list[str]) -> AsyncIterator[None]:
    """New contacts text at a steady pace, whatever becomes of their texts."""
    posts: list[asyncio.Task[object]] = []

    async def text() -> None:
        for n in count():
            contacts.append(world.contact())
            posts.append(asyncio.create_task(world.texts_from(contacts[-1], f"texto {n}")))
            await asyncio.sleep(1 / TEXTS_PER_SECOND)

    texting = asyncio.create_task(text())
    try:
        yield
    finally:
        texting.cancel()
        await asyncio.gather(*posts)


def accepted_within(world: World, seconds: float) -> int:
    """How many texts of this number Twilio accepted in the last seconds."""
    since = time.monotonic() - seconds
    ours = [text for text in world.stack.twilio.sent if text.from_ == world.number]
    return sum(text.logged_at > since for text in ours)


# Twilio

# How a create call goes wrong, and how often Twilio accepts the text in the end.
TROUBLES = {
    "error": "a 5xx before it was accepted: not found by two listings, sent once more",
    "drop": "the connection ends before it was accepted: the same",
    "error_after": "a 5xx after it was accepted: found in the listing",
    "drop_after": "the connection ends after it was accepted: the same",
    "hang_after": "no answer in 8 s after it was accepted: the same",
    "hang": "no answer in 8 s before it was accepted: sent once more",
    "junk_body": "201 with a body that is no message: found in the listing",
}


async def test_however_twilio_fails_it_accepts_each_answer_once(
    world: World, web: Child, worker: Child, stack: Stack
) -> None:
    """Without callbacks: only the listing tells what became of a text."""
    await world.shorten_waits()
    contacts = {trouble: world.contact() for trouble in TROUBLES}
    for trouble, contact in contacts.items():
        stack.twilio.faults.add(trouble, match=contact)
        stack.twilio.deliver_as("never", match=contact)
        await world.texts_from(contact, f"Hola {trouble}")
    for trouble, contact in contacts.items():
        row = await settled(world, contact)
        assert (trouble, row["status"], row["error_message"]) == (trouble, "accepted", None)
    assert {t: len(world.sent_to(c)) for t, c in contacts.items()} == dict.fromkeys(TROUBLES, 1)


async def test_a_callback_settles_a_text_before_any_listing(
    world: World, web: Child, worker: Child, stack: Stack
) -> None:
    """Its URL names our row: a minute's wait for the first look is not needed."""
    contact = world.contact()
    stack.twilio.faults.add("error_after", match=contact)
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    assert len(world.sent_to(contact)) == 1


async def test_too_many_requests_are_tried_again_when_twilio_says_so(
    world: World, web: Child, worker: Child, stack: Stack
) -> None:
    contact = world.contact()
    stack.twilio.faults.add("rate_limited", match=contact, seconds=2, times=2)
    asked_at = time.monotonic()
    await world.texts_from(contact, "Hola")
    answer = await world.answered(contact)
    assert time.monotonic() - asked_at > 4
    assert (answer["attempts"], len(world.sent_to(contact))) == (3, 1)


# OpenAI


async def test_without_a_model_the_fallback_is_sent_once(
    world: World, web: Child, worker: Child, stack: Stack
) -> None:
    await world.shorten_waits()
    assert stack.openai
    stack.openai.faults.add("html", match="sin modelo", times=None)
    contact = world.contact()
    await world.texts_from(contact, "sin modelo")
    answer = await world.answered(contact, seconds=60)
    assert answer["author"] == "system"
    assert "queda anotado" in answer["message_content"]
    # Once an hour: the next text is not answered by the same sentence again.
    await world.texts_from(contact, "sigue sin modelo")

    async def is_dropped() -> bool:
        [found] = await world.rows(
            "select reply_due_at is null and reply_error is not null as dropped"
            " from sms_conversations where contact_number = %s",
            contact,
        )
        return bool(found["dropped"])

    await eventually(is_dropped, 60)
    assert len(world.sent_to(contact)) == 1


async def test_a_slow_model_is_waited_for(
    world: World, web: Child, worker: Child, stack: Stack
) -> None:
    assert stack.openai
    stack.openai.faults.add("slow", match="despacio", seconds=4)
    contact = world.contact()
    await world.texts_from(contact, "despacio")
    await world.answered(contact)
    assert len(world.sent_to(contact)) == 1


async def test_an_account_out_of_quota_parks_its_number_and_goes_on_later(
    world: World, web: Child, worker: Child, stack: Stack
) -> None:
    await world.shorten_waits(suspend_for="3 seconds")
    assert stack.openai
    stack.openai.faults.add("insufficient_quota", match="sin saldo")
    contact = world.contact()
    await world.texts_from(contact, "sin saldo")

    async def suspended() -> Row | None:
        rows = await world.rows(
            "select suspended_reason from sms_configs where id = %s and suspended_until > now()",
            world.config_id,
        )
        return rows[0] if rows else None

    assert "quota" in (await eventually(suspended))["suspended_reason"]
    answer = await world.answered(contact)
    assert (answer["author"], len(world.sent_to(contact))) == ("ai", 1)


# A worker that is late


class SlowDoor(Proxy):
    """A worker's way to Supabase: that its answer's row is written it learns only when another
    worker, which had to take over, has sent the text; but before it would give up waiting."""

    def __init__(self, world: World, contact: str) -> None:
        super().__init__(world.stack.proxy.routes)
        self.sent = lambda: len(world.sent_to(contact)) > 0
        self.events = world.stack.twilio.events

    async def answered(self, request: Head, answer: Head) -> None:
        if request.path.endswith("/queue_sms_reply"):
            with contextlib.suppress(TimeoutError):
                await self.events.until(self.sent, READ_SECONDS - 0.5)


GUARDS = (
    "lease.seconds_left < CALL_SECONDS + MIN_LEASE_LEFT",
    "lease.seconds_left < MIN_LEASE_LEFT",
)


@asynccontextmanager
async def late_with_an_answer(world: World, contact: str, folder: Path) -> AsyncIterator[Child]:
    """A worker from the package in `folder` to which the model answers as its lease is ending."""
    stack = world.stack
    assert stack.openai
    door, openai = SlowDoor(world, contact), stack.openai
    await door.start(free_port())
    environ = {
        **os.environ,
        **stack.environ,
        "SUPABASE_URL": door.url,
        "SMS_WORKER_CONCURRENCY": "1",
    }
    command = (sys.executable, "-m", "gateway", "worker")
    log = stack.logs / f"late.{contact}.log"
    worker = await spawn("worker", *command, log=log, folder=folder, environ=environ)
    try:
        openai.faults.add("slow", match=contact, seconds=13)
        asked = len(openai.requests)
        await world.texts_from(contact, f"Hola {contact}")
        await openai.events.until(lambda: len(openai.requests) > asked, 30)
        yield worker
    finally:
        await worker.stop(signal.SIGKILL)
        await door.stop()


async def test_a_late_worker_does_not_send_what_is_another_ones_by_now(
    world: World, web: Child, stack: Stack, tmp_path: Path
) -> None:
    """And the same worker without that last line does: the text is doubled, and counted."""
    await world.shorten_waits(lease="15.5 seconds", reconcile_after="300 milliseconds")
    package = tmp_path / "gateway"
    shutil.copytree(REPOSITORY / "gateway", package, ignore=shutil.ignore_patterns("__pycache__"))
    source = (package / "jobs.py").read_text()
    for guard in GUARDS:  # when it is decided to send, and before the last byte leaves
        assert source.count(guard) == 1
        source = source.replace(guard, "False")
    (package / "jobs.py").write_text(source)

    guarded, unguarded = world.contact(), world.contact()
    async with (
        late_with_an_answer(world, guarded, REPOSITORY) as one,
        late_with_an_answer(world, unguarded, tmp_path) as other,
    ):
        heir = await start_worker(stack)

        async def both_have_gone_on() -> bool:
            return "job released" in one.log.read_text() and "message sent" in other.log.read_text()

        await eventually(both_have_gone_on, 40)
        for contact in (guarded, unguarded):
            await world.answered(contact)
        await heir.stop()
    assert (len(world.sent_to(guarded)), len(world.sent_to(unguarded))) == (1, 2)
    [health] = await world.rows("select public.get_sms_health() -> 'doubled' as doubled")
    assert health["doubled"] == 1


# Without Realtime


async def test_a_text_that_came_while_another_was_answered_waits_for_no_timer(
    world: World, web: Child, worker: Child, stack: Stack
) -> None:
    """Whoever ends a job looks for the next one: neither a hint nor the ten seconds are needed."""
    stack.proxy.close("/realtime/v1")
    assert stack.openai
    openai, contact = stack.openai, world.contact()
    openai.faults.add("slow", match="uno", seconds=2)
    asked = len(openai.requests)
    await world.texts_from(contact, "uno")
    await openai.events.until(lambda: len(openai.requests) > asked, 20)
    asked_at = time.monotonic()
    await world.texts_from(contact, "dos")
    await world.answered(contact)
    assert time.monotonic() - asked_at < 5
    assert world.sent_to(contact) == ['Recibido: "uno / dos"']
