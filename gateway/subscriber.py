"""Process 2: wakes up, claims, answers, sends, settles.

The database decides what is to be done and what a failure means; each lane carries one job at a
time from claim to end. A job's lease lasts 60 s and a job 25 s, so that a slow lane gives up
before another one takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ParamSpec, TypeAlias, TypeVar

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_before_delay,
    wait_random_exponential,
)

from gateway import __version__, realtime, segments, telemetry
from gateway.messages import (
    Claimed,
    FallbackJob,
    Job,
    OutgoingSms,
    ReconcileJob,
    Reply,
    ReplyFailed,
    ReplyJob,
    SendFailed,
    SendJob,
    Wait,
)
from gateway.replies import Replies
from gateway.settings import Settings
from gateway.supabase import BackfillJob, Database, Refused, Unavailable
from gateway.telemetry import log_event
from gateway.twilio import CALL_SECONDS, PAGE_SIZE, ListedSms, TwilioFailed, TwilioSms

POLL_SECONDS = 10.0  # work is looked for at least this often, whatever Realtime says
REST_SECONDS = 0.05  # and no oftener than this
MOST_PLACES = 4  # lanes that claim at once during a backlog
BEAT_SECONDS = 20.0
BACKFILL_SECONDS = 300.0
BACKFILL_AGAIN_SECONDS = 20.0  # after a failure: most likely what is missing came meanwhile
TIDY_SECONDS = 600.0  # asked this often; the database does it once an hour
SWEEP_SIZE = 500
SPARE_SECONDS = 5.0  # of a lease must be left when nothing but the body of a text is missing
INSIST_SECONDS = 120.0  # how long a fact is reported to a database that does not answer

# From SIGTERM: generations may go on for 12 s, no text is handed to Twilio after 15 s, and one
# that was takes at most 8 s more; a platform kills after 30 s.
GENERATE_AFTER_STOP = 12.0
SEND_AFTER_STOP = 15.0

log = logging.getLogger("gateway.subscriber")

P = ParamSpec("P")
T = TypeVar("T")


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; returns when every job in hand has ended."""
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for wish in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wish, stop.set)
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
        log_event(log, "worker started", worker=worker.name, lanes=settings.sms_worker_lanes)
        companions = [
            asyncio.create_task(
                realtime.listen(settings, worker.look_in, worker.note_ready, worker.note_lost)
            ),
            asyncio.create_task(worker.beat()),
            asyncio.create_task(worker.keep_complete()),
            asyncio.create_task(worker.keep_tidy()),
            asyncio.create_task(worker.wind_down()),
        ]
        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(settings.sms_worker_lanes):
                    lanes.create_task(worker.work())
        finally:
            for companion in companions:
                companion.cancel()
            await asyncio.gather(*companions, return_exceptions=True)
        log_event(log, "worker stopped", worker=worker.name)


def _now() -> float:
    """Seconds that go on while the machine sleeps: a lease ends then as well."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, slots=True)
class Lease:
    """An id of the worker's own, and when the lease ends, counted from before it was asked for."""

    id: str
    ends_at: float

    @property
    def seconds_left(self) -> float:
        return self.ends_at - _now()


Taken: TypeAlias = tuple[Lease, Job]


class Worker:
    """Several lanes that share one place at the counter: one lane claims or waits at a time.

    Each claim and each hint says when there is more work, so that no claim is made for nothing.
    During a backlog a few lanes claim at once: one after the other they would be as slow as the
    network, 33 a second when a call takes 30 ms. And the call that ends a job brings the next.
    """

    def __init__(
        self,
        database: Database,
        twilio: TwilioSms,
        replies: Replies,
        stop: asyncio.Event,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self.name = f"{os.environ.get('DYNO') or platform.node()}:{os.getpid()}"
        self._database = database
        self._twilio = twilio
        self._replies = replies
        self._stop = stop
        self._poll_seconds = poll_seconds
        self._counter = asyncio.Semaphore(1)
        self._places = 1
        self._behind = 0  # claims in a row that left work which is due
        self._look_at = 0.0  # when to claim next, in seconds of _now()
        self._sooner = asyncio.Event()
        self._no_more_models = asyncio.Event()
        self._no_more_sends = asyncio.Event()
        self._hears = False
        self._realtime_ready_at: datetime | None = None
        self._news = asyncio.Event()

    # Waking up and claiming

    def look_in(self, seconds: float) -> None:
        """There is work then, if not before."""
        if _now() + seconds < self._look_at:
            self._look_at = _now() + seconds
            self._sooner.set()

    async def work(self) -> None:
        """One lane: a job after the other until the worker stops."""
        brought: Taken | None = None
        while taken := brought or await self._next_job():
            lease, job = taken
            brought = None
            try:
                brought = await self._do(lease, job)
            except Exception:
                # The lane must outlive it. The lease ends by itself, and what may have been
                # sent is settled then.
                log.exception("job failed lease_id=%s", lease.id)
            if not self._hears:
                self.look_in(0)  # what came while the conversation was leased is not announced

    async def _next_job(self) -> Taken | None:
        """A lane that gets a job leaves the counter to the next one."""
        await self._counter.acquire()
        while not self._stop.is_set():
            if self._behind or self._look_at <= _now():
                if taken := await self._claim():
                    self._leave_counter()
                    return taken
            elif self._places > 1:
                # One is enough to wait for work; the other lanes go back to the queue.
                self._places -= 1
                await self._counter.acquire()
            else:
                await self._rest()
        self._counter.release()
        return None

    def _leave_counter(self) -> None:
        if self._places < min(self._behind, MOST_PLACES):
            self._places += 1
            self._counter.release()
        self._counter.release()

    async def _claim(self) -> Taken | None:
        """None: there is nothing to do now."""
        asked_at, lease_id = _now(), str(uuid.uuid4())
        self._look_at = asked_at + self._poll_seconds
        try:
            # The claim may be granted and its answer lost: asked again it returns the same job.
            claimed = await self._insist(self._database.claim_sms_work, self.name, lease_id)
        except Exception as error:  # the lane must outlive it; what was granted ends by itself
            log_event(log, "claim failed", level=logging.ERROR, reason=error)
            claimed = Wait(None)
        return self._take(lease_id, asked_at, claimed)

    def _take(self, lease_id: str, asked_at: float, claimed: Claimed | Wait) -> Taken | None:
        """Note when to claim next; the job, if there is one."""
        if isinstance(claimed, Wait):
            self._behind = 0
            if claimed.seconds is not None:
                self.look_in(max(claimed.seconds, REST_SECONDS))
            return None
        self._behind = self._behind + 1 if claimed.next_seconds == 0 else 0
        if claimed.next_seconds is not None:
            self.look_in(claimed.next_seconds)
        return Lease(lease_id, asked_at + claimed.lease_seconds), claimed.job

    async def _rest(self) -> None:
        """Until it is time to look, or somebody says that it is sooner, or the worker stops."""
        self._sooner.clear()
        waits = [asyncio.create_task(event.wait()) for event in (self._sooner, self._stop)]
        await asyncio.wait(
            waits, timeout=self._look_at - _now(), return_when=asyncio.FIRST_COMPLETED
        )
        for wait in waits:
            wait.cancel()

    # One job

    async def _do(self, lease: Lease, job: Job) -> Taken | None:
        """The next job, if the call that ended this one brought it."""
        log_event(
            log,
            "work claimed",
            kind=type(job).__name__.removesuffix("Job").lower(),
            message_id=job.message_id,
            conversation_id=job.conversation_id,
        )
        match job:
            case ReplyJob():
                return await self._answer(lease, job)
            case FallbackJob():
                text = segments.fit(job.text, job.max_segments, job.fold_accents)
                return await self._queue(lease, job.message_id, text, None)
            case SendJob():
                return await self._send(lease, job.sms)
            case ReconcileJob():
                await self._settle(lease, job)
                return None

    async def _answer(self, lease: Lease, job: ReplyJob) -> Taken | None:
        try:
            reply = await self._generate(job)
        except ReplyFailed as failure:
            outcome = await self._insist(
                self._database.fail_sms_reply, lease.id, str(failure), failure.suspends
            )
            log_event(
                log,
                "reply failed",
                level=logging.WARNING,
                message_id=job.message_id,
                attempt=job.attempt,
                outcome=outcome,
                reason=failure,
            )
            return None
        if reply is None:
            await self._release(lease, job.message_id)
            return None
        log_event(
            log,
            "reply generated",
            message_id=job.message_id,
            model=reply.model,
            seconds=reply.generation_ms / 1000,
        )
        text = f"{job.notice}\n{reply.text}" if job.notice else reply.text
        fitted = segments.fit(text, job.prompt.max_segments, job.prompt.fold_accents)
        return await self._queue(lease, job.message_id, fitted, reply)

    async def _generate(self, job: ReplyJob) -> Reply | None:
        """None: the worker stops, and the answer would come too late."""
        generation = asyncio.ensure_future(self._replies.generate(job.prompt))
        too_late = asyncio.ensure_future(self._no_more_models.wait())
        await asyncio.wait({generation, too_late}, return_when=asyncio.FIRST_COMPLETED)
        too_late.cancel()
        if not generation.done():
            generation.cancel()
            await asyncio.wait({generation})
            return None
        return generation.result()

    async def _queue(
        self, lease: Lease, message_id: int, text: str, reply: Reply | None
    ) -> Taken | None:
        counted = segments.count(text)
        queued = await self._insist(
            self._database.queue_sms_reply,
            lease.id,
            message_id,
            text,
            counted.encoding,
            counted.count,
            reply,
        )
        if queued.sms is None:
            log_event(
                log,
                "reply dropped",
                in_reply_to=message_id,
                outcome=queued.outcome,
                reason=queued.reason,
            )
            return None
        log_event(log, "reply queued", message_id=queued.sms.message_id, in_reply_to=message_id)
        return await self._send(lease, queued.sms)

    async def _send(self, lease: Lease, text: OutgoingSms) -> Taken | None:
        if self._no_more_sends.is_set() or lease.seconds_left < CALL_SECONDS + SPARE_SECONDS:
            # Another worker may take over before Twilio has answered this one.
            await self._release(lease, text.message_id)
            return None
        try:
            sent = await self._twilio.send(text, lambda: lease.seconds_left < SPARE_SECONDS)
        except SendFailed as failure:
            outcome = await self._insist(
                self._database.fail_sms_send, lease.id, text.message_id, failure
            )
            log_event(
                log,
                "send failed",
                level=logging.WARNING,
                message_id=text.message_id,
                outcome=outcome,
                code=failure.error_code,
                reason=failure,
            )
            return None
        counted = segments.count(text.body)
        asked_at = _now()
        next_lease_id = str(uuid.uuid4()) if self._behind and not self._stop.is_set() else None
        outcome, claimed = await self._insist(
            self._database.finish_sms_send,
            lease.id,
            text.message_id,
            sent,
            counted.encoding,
            sent.segments or counted.count,
            next_lease_id,
        )
        log_event(
            log,
            "text sent",
            message_id=text.message_id,
            sid=sent.sid,
            to=telemetry.mask(text.to_number),
            outcome=outcome,
        )
        return self._take(next_lease_id, asked_at, claimed) if next_lease_id and claimed else None

    async def _settle(self, lease: Lease, job: ReconcileJob) -> None:
        """Look up at Twilio what became of a text; the database decides."""
        text = job.sms
        try:
            found = await self._twilio.list_sent(text.from_number, text.to_number, job.sent_after)
        except TwilioFailed as failure:
            log_event(
                log,
                "settling failed",
                level=logging.WARNING,
                message_id=text.message_id,
                reason=failure,
            )
            found = None
        outcome = await self._insist(self._database.reconcile_sms, text.message_id, found, lease.id)
        log_event(log, "text settled", message_id=text.message_id, outcome=outcome)

    async def _release(self, lease: Lease, message_id: int) -> None:
        await self._insist(self._database.release_sms_work, lease.id)
        log_event(log, "job released", message_id=message_id)

    async def _insist(
        self, call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Every one of these calls may be made twice; only 'try again' is tried again."""
        return await AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_random_exponential(multiplier=0.2, max=2),
            stop=stop_before_delay(INSIST_SECONDS),
            reraise=True,
        )(call, *args, **kwargs)

    # Beside the lanes

    def note_ready(self, ready_at: datetime) -> None:
        self._hears = True
        self._realtime_ready_at = ready_at
        self._news.set()

    def note_lost(self) -> None:
        self._hears = False

    async def beat(self) -> None:
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
                await asyncio.wait_for(self._news.wait(), BEAT_SECONDS)
            self._news.clear()

    async def keep_complete(self) -> None:
        """Compare each number with Twilio every few minutes; one worker at a time per number."""
        while True:
            pause = BACKFILL_SECONDS
            try:
                job = await self._database.claim_sms_backfill()
                if isinstance(job, Wait):
                    pause = min(pause, job.seconds or pause)
                else:
                    await compare(self._database, self._twilio, job)
                    pause = 0.0
            except Exception as error:  # a comparison must not stop the worker; it comes again
                log_event(log, "backfill failed", level=logging.WARNING, reason=error)
                pause = BACKFILL_AGAIN_SECONDS
            await asyncio.sleep(max(pause, 1.0))

    async def keep_tidy(self) -> None:
        while True:
            try:
                done = await self._database.maintain_sms()
                if done["outcome"] == "tidied":
                    log_event(log, "tables tidied", **{k: v for k, v in done.items() if v})
            except Exception as error:  # retention must not stop the worker
                log_event(log, "tidying failed", level=logging.WARNING, reason=error)
            await asyncio.sleep(TIDY_SECONDS)

    async def wind_down(self) -> None:
        await self._stop.wait()
        log_event(log, "worker stopping", worker=self.name)
        await asyncio.sleep(GENERATE_AFTER_STOP)
        self._no_more_models.set()
        await asyncio.sleep(SEND_AFTER_STOP - GENERATE_AFTER_STOP)
        self._no_more_sends.set()


# What the webhook missed


@dataclass(slots=True)
class Comparison:
    """What one look at Twilio's lists found for one number."""

    listed: int = 0
    stored: int = 0
    refused: int = 0
    swept: int = 0
    skipped: str | None = None


async def compare(
    database: Database,
    twilio: TwilioSms,
    job: BackfillJob,
    note: Callable[[Comparison], object] = lambda found: None,
) -> Comparison:
    """Store the texts of one number that never came, take over states and prices that did not.

    `note` hears of progress. Raises Unavailable or TwilioFailed: then nothing is lost, the next
    comparison starts where this one did.
    """
    found = Comparison()
    number = await twilio.find_number(job.phone_number)
    if number is None or not twilio.points_here(number):
        # A copy of production would answer every text a second time.
        found.skipped = "its webhook at Twilio is not this gateway's"
        await database.finish_sms_backfill(job.config_id, None)
        log_event(
            log, "backfill skipped", number=telemetry.mask(job.phone_number), reason=found.skipped
        )
        return found

    began = datetime.now(UTC).isoformat()
    missing = await _missing(database, twilio, job, found, note)
    # Oldest first; within one second, all that Twilio's times tell, in the order of its list.
    for listed in sorted(reversed(missing), key=lambda text: text.occurred_at):
        await _ingest_missed(database, twilio, listed, found)
        note(found)
    await database.finish_sms_backfill(job.config_id, began)
    if job.sweep_since:
        await _sweep(database, twilio, job.phone_number, job.sweep_since, found)
        note(found)
    if found.stored or found.refused or found.swept:
        log_event(
            log,
            "backfill done",
            number=telemetry.mask(job.phone_number),
            listed=found.listed,
            stored=found.stored,
            refused=found.refused,
            swept=found.swept,
        )
    return found


async def _missing(
    database: Database,
    twilio: TwilioSms,
    job: BackfillJob,
    found: Comparison,
    note: Callable[[Comparison], object],
) -> list[ListedSms]:
    """Those that are not stored; of the others nothing is kept, however many there are."""
    missing: list[ListedSms] = []
    async for page in _in_pages(twilio.list_inbound(job.phone_number, job.since), PAGE_SIZE):
        wanted = set(await database.missing_sms([text.sms.sid for text in page]))
        missing += [text for text in page if text.sms.sid in wanted]
        found.listed += len(page)
        note(found)
    return missing


async def _ingest_missed(
    database: Database, twilio: TwilioSms, listed: ListedSms, found: Comparison
) -> None:
    sms = await twilio.with_media(listed)
    try:
        await database.ingest_sms(sms, listed.occurred_at)
        found.stored += 1
    except Refused as error:
        # For itself: it is recorded and holds up nothing.
        await database.note_sms_refused(sms.sid, error.code)
        found.refused += 1
        log_event(log, "text refused", level=logging.ERROR, sid=sms.sid, code=error.code)


async def _sweep(
    database: Database, twilio: TwilioSms, phone_number: str, since: str, found: Comparison
) -> None:
    async for page in _in_pages(twilio.list_outbound(phone_number, since), SWEEP_SIZE):
        found.swept += await database.record_sms_statuses(page)


async def _in_pages(items: AsyncIterator[T], size: int) -> AsyncIterator[list[T]]:
    page: list[T] = []
    async for item in items:
        page.append(item)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page
