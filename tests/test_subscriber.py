"""How the lanes of a worker share the claims; what they do with a job is seen in tests/flow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from gateway.messages import Claimed, Prompt, ReplyJob, Wait
from gateway.subscriber import MOST_PLACES, Worker
from tests.fakes import CONTACT

LANES = 8


class Claims:
    """A database that answers no claim before it is told to; each job is held for ever."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[Claimed | Wait]] = []
        self.made = 0

    async def claim_sms_work(self, worker: str, lease_id: str) -> Claimed | Wait:
        answer: asyncio.Future[Claimed | Wait] = asyncio.get_running_loop().create_future()
        self.asked.append(answer)
        self.made += 1
        return await answer

    async def generate(self, prompt: Prompt) -> None:
        await asyncio.Event().wait()

    async def answer(self, claimed: Claimed | Wait) -> int:
        """Answer the oldest claim; how many are then under way, when all lanes have moved."""
        self.asked.pop(0).set_result(claimed)
        return await self.under_way()

    async def under_way(self) -> int:
        for _ in range(50):
            await asyncio.sleep(0)
        return len(self.asked)


def job(next_seconds: float | None) -> Claimed:
    prompt = Prompt(
        config_id="c",
        contact_number=CONTACT,
        system_prompt="",
        openai_model="gpt-4o-mini",
        max_tokens=1,
        temperature=None,
        max_segments=1,
        fold_accents=True,
        history=(),
    )
    return Claimed(ReplyJob("l", "v", 1, prompt, None, 1), 60.0, next_seconds)


@asynccontextmanager
async def lanes() -> AsyncIterator[Claims]:
    claims = Claims()
    stop = asyncio.Event()
    worker = Worker(cast(Any, claims), cast(Any, None), cast(Any, claims), stop, 3600)
    running = [asyncio.create_task(worker.work()) for _ in range(LANES)]
    try:
        yield claims
    finally:
        for lane in running:
            lane.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_behind_a_backlog_several_lanes_claim_at_once() -> None:
    """One after the other they would be as slow as the network."""
    async with lanes() as claims:
        assert await claims.under_way() == 1
        under_way = [await claims.answer(job(0)) for _ in range(5)]
    assert under_way == [1, 2, 3, MOST_PLACES, 3]  # eight lanes: five hold a job, three claim


async def test_the_end_of_a_backlog_leaves_one_lane_waiting() -> None:
    async with lanes() as claims:
        await claims.under_way()
        for _ in range(3):
            await claims.answer(job(0))
        assert [await claims.answer(Wait(None)) for _ in range(3)] == [2, 1, 0]


async def test_two_texts_at_once_cost_no_claim_for_nothing() -> None:
    async with lanes() as claims:
        await claims.under_way()
        assert await claims.answer(job(0)) == 1
        assert await claims.answer(job(None)) == 0
        assert claims.made == 2
