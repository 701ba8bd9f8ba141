"""How the slots of a worker come by their jobs; what they do with them is seen in tests/flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from gateway.claims import MAX_CONCURRENT_CLAIMS
from gateway.messages import Claimed, OutgoingSms, SendJob, SentSms, Wait
from gateway.subscriber import Worker
from tests.fakes import CONTACT, OURS

SLOTS = 8


class Environment:
    """A database that answers no claim, and a Twilio that takes nothing, before it is told to."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.asked: list[asyncio.Future[Claimed | Wait]] = []
        self.claims = 0
        self.sending: list[asyncio.Future[None]] = []
        self.prefetched: list[Claimed | Wait | None] = []  # by the next calls of finish_sms_send
        self.finished_with: list[str | None] = []  # their next_lease_id

    async def claim_sms_work(self, worker: str, lease_id: str) -> Claimed | Wait:
        answer: asyncio.Future[Claimed | Wait] = asyncio.get_running_loop().create_future()
        self.asked.append(answer)
        self.claims += 1
        return await answer

    async def send(self, sms: OutgoingSms, is_too_late: Callable[[], bool]) -> SentSms:
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sending.append(accepted)
        await accepted
        return SentSms("SM1", "queued", sms.body)

    async def finish_sms_send(self, *params: Any) -> tuple[str, Claimed | Wait | None]:
        next_lease_id = params[-2]
        self.finished_with.append(next_lease_id)
        return "recorded", self.prefetched.pop(0) if next_lease_id else None

    async def answer(self, claimed: Claimed | Wait) -> int:
        """Answer the oldest claim; how many are then under way, when all slots have moved."""
        self.asked.pop(0).set_result(claimed)
        return await self.claims_under_way()

    async def accept(self, prefetched: Claimed | Wait | None = None) -> int:
        """Twilio takes the oldest message; how many claims are then under way."""
        self.prefetched = [prefetched]
        self.sending.pop(0).set_result(None)
        return await self.claims_under_way()

    async def claims_under_way(self) -> int:
        for _ in range(50):
            await asyncio.sleep(0)
        return len(self.asked)


def job(next_seconds: float | None) -> Claimed:
    return Claimed(SendJob("v", OutgoingSms(1, OURS, CONTACT, "Hola", None)), 60.0, next_seconds)


@asynccontextmanager
async def slots() -> AsyncIterator[Environment]:
    environment = Environment()
    worker = Worker(
        cast(Any, environment), cast(Any, environment), cast(Any, None), environment.stop, 3600
    )
    running = [asyncio.create_task(worker.work()) for _ in range(SLOTS)]
    worker.on_realtime_ready(cast(Any, None))
    try:
        yield environment
    finally:
        for slot in running:
            slot.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_behind_a_backlog_several_slots_claim_at_once() -> None:
    """One after the other they would be as slow as the network."""
    async with slots() as environment:
        assert await environment.claims_under_way() == 1
        under_way = [await environment.answer(job(0)) for _ in range(5)]
    assert under_way == [
        1,
        2,
        3,
        MAX_CONCURRENT_CLAIMS,
        3,
    ]  # eight slots: five hold a job, three claim


async def test_the_end_of_a_backlog_leaves_one_slot_waiting() -> None:
    async with slots() as environment:
        await environment.claims_under_way()
        for _ in range(3):
            await environment.answer(job(0))
        assert [await environment.answer(Wait(None)) for _ in range(3)] == [2, 1, 0]


async def test_two_messages_at_once_cost_no_claim_for_nothing() -> None:
    async with slots() as environment:
        await environment.claims_under_way()
        assert await environment.answer(job(0)) == 1
        assert await environment.answer(job(None)) == 0
        assert environment.claims == 2


async def test_behind_a_backlog_the_end_of_a_job_brings_the_next() -> None:
    async with slots() as environment:
        await environment.claims_under_way()
        for _ in range(SLOTS):
            await environment.answer(job(0))
        assert (environment.claims, len(environment.sending)) == (SLOTS, SLOTS)
        for _ in range(100):
            await environment.accept(prefetched=job(0))
        assert (environment.claims, len(environment.sending)) == (SLOTS, SLOTS)
        assert len(set(environment.finished_with)) == 100, "a lease each"


async def test_the_end_of_the_last_job_that_was_due_brings_none() -> None:
    async with slots() as environment:
        await environment.claims_under_way()
        await environment.answer(job(0))
        await environment.answer(job(0))
        claims = environment.claims
        await environment.accept(prefetched=Wait(None))
        await environment.accept()
        assert environment.finished_with[1] is None, "nobody is behind any more"
        assert environment.claims == claims


async def test_a_next_job_that_cannot_be_told_is_claimed() -> None:
    async with slots() as environment:
        await environment.claims_under_way()
        for _ in range(SLOTS):
            await environment.answer(job(0))
        assert await environment.accept(prefetched=None) == 1


async def test_a_worker_that_stops_asks_for_no_next_job() -> None:
    async with slots() as environment:
        await environment.claims_under_way()
        for _ in range(SLOTS):
            await environment.answer(job(0))
        environment.stop.set()
        await environment.accept()
    assert environment.finished_with == [None]
