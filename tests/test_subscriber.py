"""How the lanes of a worker come by their jobs; what they do with them is seen in tests/flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from gateway.messages import Claimed, OutgoingSms, SendJob, SentSms, Wait
from gateway.subscriber import MOST_PLACES, Worker
from tests.fakes import CONTACT, OURS

LANES = 8


class Stage:
    """A database that answers no claim, and a Twilio that takes no text, before it is told to."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.asked: list[asyncio.Future[Claimed | Wait]] = []
        self.claims = 0
        self.sending: list[asyncio.Future[None]] = []
        self.brings: list[Claimed | Wait | None] = []  # by the next calls of finish_sms_send
        self.finished_with: list[str | None] = []  # their next_lease_id

    async def claim_sms_work(self, worker: str, lease_id: str) -> Claimed | Wait:
        answer: asyncio.Future[Claimed | Wait] = asyncio.get_running_loop().create_future()
        self.asked.append(answer)
        self.claims += 1
        return await answer

    async def send(self, text: OutgoingSms, is_too_late: Callable[[], bool]) -> SentSms:
        accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sending.append(accepted)
        await accepted
        return SentSms("SM1", "queued", text.body)

    async def finish_sms_send(self, *params: Any) -> tuple[str, Claimed | Wait | None]:
        next_lease_id = params[-1]
        self.finished_with.append(next_lease_id)
        return "recorded", self.brings.pop(0) if next_lease_id else None

    async def answer(self, claimed: Claimed | Wait) -> int:
        """Answer the oldest claim; how many are then under way, when all lanes have moved."""
        self.asked.pop(0).set_result(claimed)
        return await self.claims_under_way()

    async def accept(self, brings: Claimed | Wait | None = None) -> int:
        """Twilio takes the oldest text; how many claims are then under way."""
        self.brings = [brings]
        self.sending.pop(0).set_result(None)
        return await self.claims_under_way()

    async def claims_under_way(self) -> int:
        for _ in range(50):
            await asyncio.sleep(0)
        return len(self.asked)


def job(next_seconds: float | None) -> Claimed:
    return Claimed(
        SendJob("l", "v", OutgoingSms(1, OURS, CONTACT, "Hola", None)), 60.0, next_seconds
    )


@asynccontextmanager
async def lanes() -> AsyncIterator[Stage]:
    stage = Stage()
    worker = Worker(cast(Any, stage), cast(Any, stage), cast(Any, None), stage.stop, 3600)
    running = [asyncio.create_task(worker.work()) for _ in range(LANES)]
    worker.note_ready(cast(Any, None))
    try:
        yield stage
    finally:
        for lane in running:
            lane.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_behind_a_backlog_several_lanes_claim_at_once() -> None:
    """One after the other they would be as slow as the network."""
    async with lanes() as stage:
        assert await stage.claims_under_way() == 1
        under_way = [await stage.answer(job(0)) for _ in range(5)]
    assert under_way == [1, 2, 3, MOST_PLACES, 3]  # eight lanes: five hold a job, three claim


async def test_the_end_of_a_backlog_leaves_one_lane_waiting() -> None:
    async with lanes() as stage:
        await stage.claims_under_way()
        for _ in range(3):
            await stage.answer(job(0))
        assert [await stage.answer(Wait(None)) for _ in range(3)] == [2, 1, 0]


async def test_two_texts_at_once_cost_no_claim_for_nothing() -> None:
    async with lanes() as stage:
        await stage.claims_under_way()
        assert await stage.answer(job(0)) == 1
        assert await stage.answer(job(None)) == 0
        assert stage.claims == 2


async def test_behind_a_backlog_the_end_of_a_job_brings_the_next() -> None:
    async with lanes() as stage:
        await stage.claims_under_way()
        for _ in range(LANES):
            await stage.answer(job(0))
        assert (stage.claims, len(stage.sending)) == (LANES, LANES)
        for _ in range(100):
            await stage.accept(brings=job(0))
        assert (stage.claims, len(stage.sending)) == (LANES, LANES)
        assert len(set(stage.finished_with)) == 100, "a lease each"


async def test_the_end_of_the_last_job_that_was_due_brings_none() -> None:
    async with lanes() as stage:
        await stage.claims_under_way()
        await stage.answer(job(0))
        await stage.answer(job(0))
        claims = stage.claims
        await stage.accept(brings=Wait(None))
        await stage.accept()
        assert stage.finished_with[1] is None, "nobody is behind any more"
        assert stage.claims == claims


async def test_a_next_job_that_cannot_be_told_is_claimed() -> None:
    async with lanes() as stage:
        await stage.claims_under_way()
        for _ in range(LANES):
            await stage.answer(job(0))
        assert await stage.accept(brings=None) == 1


async def test_a_worker_that_stops_asks_for_no_next_job() -> None:
    async with lanes() as stage:
        await stage.claims_under_way()
        for _ in range(LANES):
            await stage.answer(job(0))
        stage.stop.set()
        await stage.accept()
    assert stage.finished_with == [None]
