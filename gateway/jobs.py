"""One job from claim to end: answer, queue, send, finish; or reconcile.

What a failure means is decided by one SQL call each. A job's lease lasts 60 s and a job 25 s, with
tools 35, so that a slow slot gives up before another one takes over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from gateway import replays, segments, telemetry
from gateway.claims import ClaimedJob, Claims, Lease, retry_while_unavailable
from gateway.messages import (
    CallTool,
    FallbackJob,
    OutgoingSms,
    Prompt,
    ReconcileJob,
    ReplayJob,
    Reply,
    ReplyEnded,
    ReplyFailed,
    ReplyJob,
    SendFailed,
    SendJob,
    Shown,
    ToolResult,
)
from gateway.openai import Replies
from gateway.prompt import prompt_hash
from gateway.segments import Segments
from gateway.supabase import Database, KeyRefused, Refused, Unavailable
from gateway.telemetry import log_event
from gateway.twilio import CALL_SECONDS, TwilioFailed, TwilioSms

TOOL_SECONDS = 6.0  # for one call; the database ends it after 5, or 8 where it cannot
TOOL_PAUSE = 0.3
CANCELED = "57014"
MIN_LEASE_LEFT = 5.0  # seconds, when nothing but the body of a message is missing

log = logging.getLogger("gateway.jobs")


class Jobs:
    """What a slot does with a claimed job.

    `no_more_models` and `no_more_sends` are set while the worker stops: generations are given up,
    and nothing more is handed to Twilio.
    """

    def __init__(
        self, database: Database, twilio: TwilioSms, replies: Replies, claims: Claims
    ) -> None:
        self._database = database
        self._twilio = twilio
        self._replies = replies
        self._claims = claims
        self.no_more_models = asyncio.Event()
        self.no_more_sends = asyncio.Event()

    async def run(self, claimed: ClaimedJob) -> ClaimedJob | None:
        """The next job, if the call that ended this one brought it."""
        lease, job = claimed.lease, claimed.job
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
                content = segments.fit(job.text, job.max_segments, job.fold_accents)
                return await self._queue(lease, job.message_id, content, None)
            case SendJob():
                return await self._send(lease, job.sms, segments.count(job.sms.body))
            case ReconcileJob():
                await self._reconcile(lease, job)
                return None
            case ReplayJob():
                await self._replay(lease, job)
                return None

    async def _answer(self, lease: Lease, job: ReplyJob) -> ClaimedJob | None:
        async def call_tool(name: str, arguments: Mapping[str, Any]) -> ToolResult:
            return await self._call_tool(lease, job, name, arguments)

        try:
            reply = await self._generate(job.prompt, call_tool)
        except ReplyFailed as failure:
            await self._fail_reply(lease, job, failure)
            return None
        except ReplyEnded as ended:
            log_event(log, "reply ended", message_id=job.message_id, reason=ended)
            return None
        if reply is None:
            await self._release(lease, job.message_id)
            return None
        log_event(
            log,
            "reply generated",
            message_id=job.message_id,
            model=reply.model,
            prompt_tokens=reply.prompt_tokens,
            cached_tokens=reply.cached_tokens,
            seconds=reply.generation_ms / 1000,
        )
        content = f"{job.notice}\n{reply.text}" if job.notice else reply.text
        fitted = segments.fit(
            content, job.prompt.max_segments, job.prompt.fold_accents, job.opt_out_hint or ""
        )
        shown = Shown(job.first_id, job.last_id, prompt_hash(job.prompt))
        return await self._queue(lease, job.message_id, fitted, reply, shown)

    async def _generate(self, prompt: Prompt, call_tool: CallTool) -> Reply | None:
        """None: the worker stops, and the reply would come too late."""
        generation = asyncio.ensure_future(self._replies.generate(prompt, call_tool))
        too_late = asyncio.ensure_future(self.no_more_models.wait())
        await asyncio.wait({generation, too_late}, return_when=asyncio.FIRST_COMPLETED)
        too_late.cancel()
        if not generation.done():
            generation.cancel()
            await asyncio.wait({generation})
            return None
        return generation.result()

    async def _call_tool(
        self, lease: Lease, job: ReplyJob, name: str, arguments: Mapping[str, Any]
    ) -> ToolResult:
        """Asked until the record answers: a call whose answer was lost is never told as failed.

        A canceled statement was undone. It is told to the model and not repeated, unless it was a
        question again: that one may have waited for the first.
        """
        asked_again = False
        while True:
            try:
                async with asyncio.timeout(TOOL_SECONDS):
                    result = await self._database.call_sms_tool(
                        lease.id, job.message_id, name, arguments, asked_again
                    )
            except TimeoutError:
                asked_again = True
            except KeyRefused as error:
                raise ReplyFailed(str(error)) from None
            except Unavailable as error:
                if error.code == CANCELED and not asked_again:
                    return ToolResult({"error": f"{CANCELED}: it took too long and was undone"})
                await asyncio.sleep(TOOL_PAUSE)
            except Refused as error:
                return ToolResult({"error": str(error)})
            else:
                log_event(
                    log,
                    "tool called",
                    message_id=job.message_id,
                    tool=name,
                    sqlstate=result.error[:5] or None,
                )
                return result

    async def _fail_reply(self, lease: Lease, job: ReplyJob, failure: ReplyFailed) -> None:
        outcome = await retry_while_unavailable(
            lambda: self._database.fail_sms_reply(lease.id, failure)
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

    async def _queue(
        self,
        lease: Lease,
        message_id: int,
        content: str,
        reply: Reply | None,
        shown: Shown | None = None,
    ) -> ClaimedJob | None:
        counted = segments.count(content)
        queued = await retry_while_unavailable(
            lambda: self._database.queue_sms_reply(
                lease.id, message_id, content, counted.encoding, counted.count, reply, shown
            )
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
        return await self._send(lease, queued.sms, counted)

    async def _send(self, lease: Lease, sms: OutgoingSms, counted: Segments) -> ClaimedJob | None:
        if self.no_more_sends.is_set() or lease.seconds_left < CALL_SECONDS + MIN_LEASE_LEFT:
            # Another worker may take over before Twilio has answered this one.
            await self._release(lease, sms.message_id)
            return None
        try:
            sent = await self._twilio.send(sms, lambda: lease.seconds_left < MIN_LEASE_LEFT)
        except SendFailed as failure:
            await self._fail_send(lease, sms, failure)
            return None
        request = self._claims.prefetch()
        outcome, prefetched = await retry_while_unavailable(
            lambda: self._database.finish_sms_send(
                lease.id,
                sms.message_id,
                sent,
                counted.encoding,
                sent.segments or counted.count,
                request.lease_id if request else None,
                self._claims.worker,
            )
        )
        log_event(
            log,
            "message sent",
            message_id=sms.message_id,
            sid=sent.sid,
            to=telemetry.mask(sms.to_number),
            outcome=outcome,
        )
        return self._claims.accept(request, prefetched) if request and prefetched else None

    async def _fail_send(self, lease: Lease, sms: OutgoingSms, failure: SendFailed) -> None:
        outcome = await retry_while_unavailable(
            lambda: self._database.fail_sms_send(lease.id, sms.message_id, failure)
        )
        log_event(
            log,
            "send failed",
            level=logging.WARNING,
            message_id=sms.message_id,
            outcome=outcome,
            code=failure.error_code,
            reason=failure,
        )

    async def _reconcile(self, lease: Lease, job: ReconcileJob) -> None:
        """Look up at Twilio what became of a message; the database decides."""
        sms = job.sms
        try:
            found = await self._twilio.list_sent(sms.from_number, sms.to_number, job.sent_after)
        except TwilioFailed as failure:
            log_event(
                log,
                "reconciling failed",
                level=logging.WARNING,
                message_id=sms.message_id,
                reason=failure,
            )
            found = None
        outcome = await retry_while_unavailable(
            lambda: self._database.reconcile_sms(sms.message_id, found, lease.id)
        )
        log_event(log, "message reconciled", message_id=sms.message_id, outcome=outcome)

    async def _replay(self, lease: Lease, job: ReplayJob) -> None:
        """Ask as for a reply; what comes is stored beside the old one and never sent."""
        try:
            reply = await self._generate(job.prompt, replays.tool_of_record(job))
        except ReplyFailed as failure:
            answer = replays.failure_of(job, failure)
        except ReplyEnded as ended:
            answer = replays.divergence_of(job, ended)
        else:
            if reply is None:
                await retry_while_unavailable(lambda: self._database.release_sms_work(lease.id))
                return
            answer = replays.answer_of(job, reply)
        outcome = await retry_while_unavailable(
            lambda: self._database.record_sms_replay_answer(lease.id, answer)
        )
        log_event(log, "reply replayed", replay_id=job.replay_id, place=job.place, outcome=outcome)
        self._claims.wake_after(0)  # there may be another one

    async def _release(self, lease: Lease, message_id: int) -> None:
        await retry_while_unavailable(lambda: self._database.release_sms_work(lease.id))
        log_event(log, "job released", message_id=message_id)
