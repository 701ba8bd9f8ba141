"""When to claim work and how many claims at once; what is due, and whose, is SQL (claim_sms_work).

Each claim and each hint says in how many seconds there is more work, so that no claim is made for
nothing: one slot claims or waits at a time. During a backlog a few claim at once, one after the
other they would be as slow as the network, 33 a second when a call takes 30 ms; and the call that
ends a job brings the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    retry_if_exception,
    stop_before_delay,
    wait_random_exponential,
)

from gateway.messages import Claimed, Job, Wait
from gateway.supabase import Database, KeyRefused, Unavailable
from gateway.telemetry import log_event

POLL_SECONDS = 10.0  # work is looked for at least this often, whatever Realtime says
MIN_POLL_INTERVAL = 0.05  # and no oftener than this
MAX_CONCURRENT_CLAIMS = 4  # during a backlog; else one
REPORT_TIMEOUT = 120.0  # how long a fact is reported to a database that does not answer

log = logging.getLogger("gateway.claims")

T = TypeVar("T")


def boottime() -> float:
    """Seconds that go on while the machine sleeps: a lease ends then as well."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class Lease:
    """An id of the worker's own, and when the lease ends, counted from before it was asked for."""

    id: str
    ends_at: float  # in seconds of boottime()

    @property
    def seconds_left(self) -> float:
        return self.ends_at - boottime()


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What a claim was, or is to be, asked with."""

    lease_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    asked_at: float = field(default_factory=boottime)


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    lease: Lease
    job: Job


class Claims:
    """The slots' way to their jobs. Claims are handed out until `stop` is set."""

    def __init__(
        self,
        database: Database,
        worker: str,
        stop: asyncio.Event,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._database = database
        self.worker = worker
        self._stop = stop
        self._poll_seconds = poll_seconds
        self._claim_slots = asyncio.Semaphore(1)
        self._concurrent_claims = 1
        self._backlog_streak = 0  # claims in a row that left work which is due
        self._poll_at = 0.0  # when to claim next, in seconds of boottime()
        self._wake = asyncio.Event()

    def wake_after(self, seconds: float) -> None:
        """There is work then, if not before."""
        if boottime() + seconds < self._poll_at:
            self._poll_at = boottime() + seconds
            self._wake.set()

    async def next_job(self) -> ClaimedJob | None:
        """Waits for one; None: the worker stops. Who gets a job leaves its claim slot to others."""
        await self._claim_slots.acquire()
        while not self._stop.is_set():
            if self._backlog_streak or self._poll_at <= boottime():
                if claimed := await self._claim():
                    self._leave_claim_slot()
                    return claimed
            elif self._concurrent_claims > 1:
                # One is enough to wait for work; the others go back to the queue.
                self._concurrent_claims -= 1
                await self._claim_slots.acquire()
            else:
                await self._sleep()
        self._claim_slots.release()
        return None

    def prefetch(self) -> ClaimRequest | None:
        """For the next job of a slot whose job is ending; None: nothing says that there is one."""
        return ClaimRequest() if self._backlog_streak and not self._stop.is_set() else None

    def accept(self, request: ClaimRequest, claimed: Claimed | Wait) -> ClaimedJob | None:
        """Note when to claim next; the job, if there is one."""
        if isinstance(claimed, Wait):
            self._backlog_streak = 0
            if claimed.seconds is not None:
                self.wake_after(max(claimed.seconds, MIN_POLL_INTERVAL))
            return None
        self._backlog_streak = self._backlog_streak + 1 if claimed.next_seconds == 0 else 0
        if claimed.next_seconds is not None:
            self.wake_after(claimed.next_seconds)
        lease = Lease(request.lease_id, request.asked_at + claimed.lease_seconds)
        return ClaimedJob(lease, claimed.job)

    async def _claim(self) -> ClaimedJob | None:
        """None: there is nothing to do now."""
        request = ClaimRequest()
        self._poll_at = request.asked_at + self._poll_seconds
        claimed: Claimed | Wait
        try:
            # The claim may be granted and its answer lost: asked again it returns the same job.
            claimed = await retry_while_unavailable(
                lambda: self._database.claim_sms_work(self.worker, request.lease_id), self._stop
            )
        except Exception as error:  # the slot must outlive it; what was granted ends by itself
            log_event(log, "claim failed", level=logging.ERROR, reason=error)
            claimed = Wait(None)
        return self.accept(request, claimed)

    def _leave_claim_slot(self) -> None:
        if self._concurrent_claims < min(self._backlog_streak, MAX_CONCURRENT_CLAIMS):
            self._concurrent_claims += 1
            self._claim_slots.release()
        self._claim_slots.release()

    async def _sleep(self) -> None:
        """Until it is time to claim, or somebody says that it is sooner, or the worker stops."""
        self._wake.clear()
        waits = [asyncio.create_task(event.wait()) for event in (self._wake, self._stop)]
        await asyncio.wait(
            waits, timeout=self._poll_at - boottime(), return_when=asyncio.FIRST_COMPLETED
        )
        for wait in waits:
            wait.cancel()


async def retry_while_unavailable(
    call: Callable[[], Awaitable[T]], give_up: asyncio.Event | None = None
) -> T:
    """For calls that may be made twice, as all of work may; only 'try again' is tried again.

    A refused key is not: it is an error at once. `give_up`: no other try once it is set.
    """
    gives_up = give_up or asyncio.Event()

    async def call_once() -> T:
        return await call()

    async def pause(seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gives_up.wait(), seconds)

    return await AsyncRetrying(
        retry=retry_if_exception(lambda error: _is_passing(error) and not gives_up.is_set()),
        wait=wait_random_exponential(multiplier=0.2, max=2),
        stop=stop_before_delay(REPORT_TIMEOUT),
        sleep=pause,
        reraise=True,
    )(call_once)


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, Unavailable) and not isinstance(error, KeyRefused)
