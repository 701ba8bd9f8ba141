"""What the webhook missed, and states and prices that did not come: fetched from Twilio's lists.

Which number, from when on and by which worker is SQL (claim_sms_backfill).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from gateway import telemetry
from gateway.supabase import BackfillJob, Database, Refused
from gateway.telemetry import log_event
from gateway.twilio import PAGE_SIZE, ListedSms, TwilioSms

STATUS_PAGE_SIZE = 500

log = logging.getLogger("gateway.backfill")

T = TypeVar("T")


@dataclass(slots=True)
class BackfillReport:
    """What one look at Twilio's lists found for one number."""

    listed: int = 0
    stored: int = 0
    refused: int = 0
    synced: int = 0
    skipped: str | None = None


Progress = Callable[[BackfillReport], object]


async def backfill_number(
    database: Database,
    twilio: TwilioSms,
    job: BackfillJob,
    on_progress: Progress = lambda report: None,
) -> BackfillReport:
    """Store the messages of one number that never came, then sync states and prices.

    Raises Unavailable or TwilioFailed: then nothing is lost, the next backfill starts where this
    one did.
    """
    report = BackfillReport()
    number = await twilio.find_number(job.phone_number)
    if number is None or not twilio.points_here(number):
        # A copy of production would answer every message a second time.
        await _skip(database, job, report, "its webhook at Twilio is not this gateway's")
        return report

    began = datetime.now(UTC).isoformat()
    missing = await _missing(database, twilio, job, report, on_progress)
    # Oldest first; within one second, all that Twilio's times tell, in the order of its list.
    for listed in sorted(reversed(missing), key=lambda found: found.occurred_at):
        await _ingest_missed(database, twilio, listed, report)
        on_progress(report)
    await database.finish_sms_backfill(job.config_id, began)
    if job.sync_since:
        await _sync_statuses(database, twilio, job.phone_number, job.sync_since, report)
        on_progress(report)
    if report.stored or report.refused or report.synced:
        log_event(
            log,
            "backfill done",
            number=telemetry.mask(job.phone_number),
            listed=report.listed,
            stored=report.stored,
            refused=report.refused,
            synced=report.synced,
        )
    return report


async def _skip(database: Database, job: BackfillJob, report: BackfillReport, reason: str) -> None:
    report.skipped = reason
    await database.finish_sms_backfill(job.config_id, None)
    log_event(log, "backfill skipped", number=telemetry.mask(job.phone_number), reason=reason)


async def _missing(
    database: Database,
    twilio: TwilioSms,
    job: BackfillJob,
    report: BackfillReport,
    on_progress: Progress,
) -> list[ListedSms]:
    """Those that are not stored; of the others nothing is kept, however many there are."""
    missing: list[ListedSms] = []
    async for page in _in_pages(twilio.list_inbound(job.phone_number, job.since), PAGE_SIZE):
        wanted = set(await database.missing_sms([listed.sms.sid for listed in page]))
        missing += [listed for listed in page if listed.sms.sid in wanted]
        report.listed += len(page)
        on_progress(report)
    return missing


async def _ingest_missed(
    database: Database, twilio: TwilioSms, listed: ListedSms, report: BackfillReport
) -> None:
    sms = await twilio.with_media(listed)
    try:
        await database.ingest_sms(sms, listed.occurred_at)
        report.stored += 1
    except Refused as error:
        # For itself: it is recorded and holds up nothing.
        await database.note_sms_refused(sms.sid, error.code)
        report.refused += 1
        log_event(log, "message refused", level=logging.ERROR, sid=sms.sid, code=error.code)


async def _sync_statuses(
    database: Database, twilio: TwilioSms, phone_number: str, since: str, report: BackfillReport
) -> None:
    async for page in _in_pages(twilio.list_outbound(phone_number, since), STATUS_PAGE_SIZE):
        report.synced += await database.record_sms_statuses(page)


async def _in_pages(items: AsyncIterator[T], size: int) -> AsyncIterator[list[T]]:
    page: list[T] = []
    async for item in items:
        page.append(item)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page
