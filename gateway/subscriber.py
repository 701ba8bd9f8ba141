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
import sys
from collections.abc import Mapping
from datetime import date, datetime

from gateway import __version__, realtime
from gateway.backfill import backfill_number
from gateway.claims import POLL_SECONDS, ClaimedJob, Claims
from gateway.events import Deliveries, Poster, allows_loopback
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
MAINTENANCE_SECONDS = 60.0  # asked this often: counters are folded once a minute, the rest hourly
MAINTENANCE_AGAIN_SECONDS = 1.0

# From SIGTERM: generations may go on for 12 s, no message is handed to Twilio after 15 s, one that
# was takes at most 8 s more, and what became of it is reported until 25 s; then what is still in
# hand is left to its lease. A platform kills after 30 s.
GENERATE_AFTER_STOP = 12.0
SEND_AFTER_STOP = 15.0
REPORT_AFTER_STOP = 25.0
LEAVE_SECONDS = 2.0
EXIT_AFTER_STOP = 28.0  # whatever hangs: a look-up of a name blocks a thread that nobody can end

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Platforms and shells send one stop to a process and to its group: that is no second signal.
SAME_STOP_SECONDS = 0.2

log = logging.getLogger("gateway.subscriber")


class TaskEnded(Exception):
    """A task that must run as long as the worker did not; the worker has stopped."""


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; returns when every job in hand has ended or 25 s are over.

    A second signal ends the process at once. Ends it with 1 when a background task ended.
    """
    try:
        asyncio.run(_run(settings))
    except TaskEnded:  # is logged
        sys.exit(1)


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    _listen_to_signals(stop)
    await serve(settings, stop)


def _listen_to_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    first_at: float | None = None

    def on_signal(received: signal.Signals) -> None:
        nonlocal first_at
        if first_at is None:
            first_at = loop.time()
            stop.set()
            signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
            signal.setitimer(signal.ITIMER_REAL, EXIT_AFTER_STOP)
        elif loop.time() - first_at > SAME_STOP_SECONDS:
            signal.signal(received, signal.SIG_DFL)
            signal.raise_signal(received)

    for awaited in STOP_SIGNALS:
        loop.add_signal_handler(awaited, on_signal, awaited)


async def serve(
    settings: Settings, stop: asyncio.Event, poll_seconds: float = POLL_SECONDS
) -> None:
    """Work until `stop` is set; raises TaskEnded when a task ended before."""
    async with (
        Database.connect(settings) as database,
        TwilioSms.connect(settings) as twilio,
        Replies(settings) as replies,
        Poster.connect(allows_loopback(settings)) as poster,
    ):
        worker = Worker(database, twilio, replies, stop, poll_seconds)
        concurrency = settings.sms_worker_concurrency
        log_event(log, "worker started", worker=worker.name, slots=concurrency)
        slots = asyncio.create_task(worker.run_slots(concurrency), name="slots")
        background = worker.start_background_tasks(settings, poster)
        try:
            ended = await _ended_before(stop, {slots, *background})
            stop.set()
            await worker.enforce_shutdown_deadlines(slots)
        finally:
            await asyncio.gather(_cancel(slots, *background), worker.leave())
        log_event(log, "worker stopped", worker=worker.name)
    if ended:
        raise TaskEnded(", ".join(task.get_name() for task in ended))


async def _ended_before(
    stop: asyncio.Event, tasks: set[asyncio.Task[None]]
) -> set[asyncio.Task[None]]:
    """Wait for `stop`, or for one of `tasks` to end, which none may: that is logged."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    ended = set() if stop.is_set() else {task for task in tasks if task.done()}
    for task in ended:
        error = task.exception()
        log_event(
            log,
            "task ended, the worker stops",
            level=logging.ERROR,
            error=error,
            task=task.get_name(),
            reason=error or "it returned",
        )
    return ended


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


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
        self._noted_models: Mapping[str, date] = {}

    async def run_slots(self, concurrency: int) -> None:
        async with asyncio.TaskGroup() as slots:
            for _ in range(concurrency):
                slots.create_task(self.work())

    async def work(self) -> None:
        """One slot: a job after the other until the worker stops."""
        prefetched: ClaimedJob | None = None
        while claimed := prefetched or await self.claims.next_job():
            prefetched = None
            try:
                prefetched = await self._jobs.run(claimed)
            except asyncio.CancelledError:
                message_id = claimed.job.message_id
                log_event(
                    log, "job left to its lease", level=logging.WARNING, message_id=message_id
                )
                raise
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

    # Background tasks: none may end before the worker does

    def start_background_tasks(
        self, settings: Settings, poster: Poster
    ) -> list[asyncio.Task[None]]:
        deliveries = Deliveries(self._database, self._twilio, poster)
        listen = realtime.listen(
            settings,
            self.claims.wake_after,
            self.on_realtime_ready,
            self.on_realtime_lost,
            deliveries.wake,
        )
        return [
            asyncio.create_task(listen, name="realtime"),
            asyncio.create_task(self.send_heartbeats(), name="heartbeats"),
            asyncio.create_task(self.run_backfill(), name="backfill"),
            asyncio.create_task(self.run_maintenance(), name="maintenance"),
            asyncio.create_task(deliveries.run(self._stop), name="events"),
        ]

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
                await self._note_models()
            except Exception as error:  # a heartbeat must not stop the worker
                log_event(log, "heartbeat failed", level=logging.WARNING, reason=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._heartbeat_now.wait(), HEARTBEAT_SECONDS)
            self._heartbeat_now.clear()

    async def _note_models(self) -> None:
        """When models end is shown where they are chosen."""
        dates = self._replies.shutdown_dates
        if dates != self._noted_models:
            await self._database.note_sms_models(dates)
            self._noted_models = dates

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
        """Counters once a minute, the rest once an hour; at once while a batch was full."""
        while True:
            pause = MAINTENANCE_SECONDS
            try:
                done = await self._database.maintain_sms()
                if done.pop("outcome") == "done":
                    log_event(log, "maintenance done", **{k: v for k, v in done.items() if v})
                if done.get("again"):
                    pause = MAINTENANCE_AGAIN_SECONDS
            except Exception as error:  # retention must not stop the worker
                log_event(log, "maintenance failed", level=logging.WARNING, reason=error)
            await asyncio.sleep(pause)

    # Stopping

    async def enforce_shutdown_deadlines(self, slots: asyncio.Task[None]) -> None:
        """Returns when every slot has ended its job, or lost it after REPORT_AFTER_STOP."""
        log_event(log, "worker stopping", worker=self.name)
        await asyncio.wait({slots}, timeout=GENERATE_AFTER_STOP)
        self._jobs.no_more_models.set()
        await asyncio.wait({slots}, timeout=SEND_AFTER_STOP - GENERATE_AFTER_STOP)
        self._jobs.no_more_sends.set()
        await asyncio.wait({slots}, timeout=REPORT_AFTER_STOP - SEND_AFTER_STOP)

    async def leave(self) -> None:
        """Nobody waits for this worker any more: its row goes with it."""
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._database.remove_sms_worker(self.name)
        except Exception as error:  # its row counts as late after a minute
            log_event(log, "worker row not removed", reason=str(error) or "no answer in time")
