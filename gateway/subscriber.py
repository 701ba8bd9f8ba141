"""Process 2, the worker: its life from start to stop. Wakes up, claims, answers, sends, reconciles.

The database decides what is to be done and what a failure means. When work is claimed: claims.py;
one job from claim to end: jobs.py; what the webhook missed: backfill.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import signal
from datetime import datetime

from gateway import __version__, realtime
from gateway.backfill import backfill_number
from gateway.claims import POLL_SECONDS, ClaimedJob, Claims
from gateway.jobs import Jobs
from gateway.messages import Wait
from gateway.openai import Replies
from gateway.settings import Settings
from gateway.supabase import Database
from gateway.telemetry import log_event
from gateway.twilio import TwilioSms

HEARTBEAT_SECONDS = 20.0
BACKFILL_SECONDS = 300.0
BACKFILL_AGAIN_SECONDS = 20.0  # after a failure: most likely what is missing came meanwhile
MAINTENANCE_SECONDS = 600.0  # asked this often; the database does it once an hour

# From SIGTERM: generations may go on for 12 s, no message is handed to Twilio after 15 s, and one
# that was takes at most 8 s more; a platform kills after 30 s.
GENERATE_AFTER_STOP = 12.0
SEND_AFTER_STOP = 15.0

log = logging.getLogger("gateway.subscriber")


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; returns when every job in hand has ended."""
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for received in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(received, stop.set)
    await serve(settings, stop)


async def serve(
    settings: Settings, stop: asyncio.Event, poll_seconds: float = POLL_SECONDS
) -> None:
    """Work until `stop` is set."""
    async with (
        Database.connect(settings) as database,
        TwilioSms.connect(settings) as twilio,
        Replies(settings) as replies,
    ):
        worker = Worker(database, twilio, replies, stop, poll_seconds)
        slots = settings.sms_worker_concurrency
        log_event(log, "worker started", worker=worker.name, slots=slots)
        background = [
            asyncio.create_task(
                realtime.listen(
                    settings,
                    worker.claims.wake_after,
                    worker.on_realtime_ready,
                    worker.on_realtime_lost,
                )
            ),
            asyncio.create_task(worker.send_heartbeats()),
            asyncio.create_task(worker.run_backfill()),
            asyncio.create_task(worker.run_maintenance()),
            asyncio.create_task(worker.enforce_shutdown_deadlines()),
        ]
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(slots):
                    group.create_task(worker.work())
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
        log_event(log, "worker stopped", worker=worker.name)


class Worker:
    """Slots that carry one job each, and the background tasks beside them."""

    def __init__(
        self,
        database: Database,
        twilio: TwilioSms,
        replies: Replies,
        stop: asyncio.Event,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.name = f"{os.environ.get('DYNO') or platform.node()}:{os.getpid()}"
        self.claims = Claims(database, self.name, stop, poll_seconds)
        self._jobs = Jobs(database, twilio, replies, self.claims)
        self._database = database
        self._twilio = twilio
        self._replies = replies
        self._stop = stop
        self._realtime_connected = False
        self._realtime_ready_at: datetime | None = None
        self._heartbeat_now = asyncio.Event()

    async def work(self) -> None:
        """One slot: a job after the other until the worker stops."""
        prefetched: ClaimedJob | None = None
        while claimed := prefetched or await self.claims.next_job():
            prefetched = None
            try:
                prefetched = await self._jobs.run(claimed)
            except Exception:
                # The slot must outlive it. The lease ends by itself, and what may have been sent
                # is reconciled then.
                log.exception("job failed lease_id=%s", claimed.lease.id)
            if not self._realtime_connected:
                # What came while the conversation was leased is not announced.
                self.claims.wake_after(0)

    def on_realtime_ready(self, ready_at: datetime) -> None:
        self._realtime_connected = True
        self._realtime_ready_at = ready_at
        self._heartbeat_now.set()

    def on_realtime_lost(self) -> None:
        self._realtime_connected = False

    # Background tasks

    async def send_heartbeats(self) -> None:
        """Tell the database that this worker lives, what it heard and what it noticed."""
        while True:
            try:
                await self._database.note_sms_worker(
                    self.name,
                    __version__,
                    self._realtime_ready_at,
                    self._replies.notices,
                )
            except Exception as error:  # a heartbeat must not stop the worker
                log_event(log, "heartbeat failed", level=logging.WARNING, reason=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._heartbeat_now.wait(), HEARTBEAT_SECONDS)
            self._heartbeat_now.clear()

    async def run_backfill(self) -> None:
        """Each number every few minutes; one worker at a time per number."""
        while True:
            pause = BACKFILL_SECONDS
            try:
                job = await self._database.claim_sms_backfill()
                if isinstance(job, Wait):
                    pause = min(pause, job.seconds or pause)
                else:
                    await backfill_number(self._database, self._twilio, job)
                    pause = 0.0
            except Exception as error:  # a backfill must not stop the worker; it comes again
                log_event(log, "backfill failed", level=logging.WARNING, reason=error)
                pause = BACKFILL_AGAIN_SECONDS
            await asyncio.sleep(max(pause, 1.0))

    async def run_maintenance(self) -> None:
        while True:
            try:
                done = await self._database.maintain_sms()
                if done["outcome"] == "tidied":
                    log_event(log, "maintenance done", **{k: v for k, v in done.items() if v})
            except Exception as error:  # retention must not stop the worker
                log_event(log, "maintenance failed", level=logging.WARNING, reason=error)
            await asyncio.sleep(MAINTENANCE_SECONDS)

    async def enforce_shutdown_deadlines(self) -> None:
        await self._stop.wait()
        log_event(log, "worker stopping", worker=self.name)
        await asyncio.sleep(GENERATE_AFTER_STOP)
        self._jobs.no_more_models.set()
        await asyncio.sleep(SEND_AFTER_STOP - GENERATE_AFTER_STOP)
        self._jobs.no_more_sends.set()
