"""The backfill fetches messages of numbers whose webhook, or whose service's, is ours."""

from __future__ import annotations

import pytest

from gateway.backfill import backfill_number
from gateway.local.standins.twilio import create_twilio
from gateway.local.testserver import serve
from gateway.supabase import BackfillJob, Database
from gateway.twilio import TwilioSms
from tests.fakes import ACCOUNT, CONTACT, OURS, PUBLIC_URL, TOKEN, DataApi, settings

HERE, ELSEWHERE = f"{PUBLIC_URL}/webhook/sms", "https://production.example.com/webhook/sms"
SERVICE = "MG" + "2" * 32
JOB = BackfillJob("c", OURS, since="2026-01-01T00:00:00+00:00", sync_since=None)


@pytest.mark.parametrize(
    ("number", "defers", "service", "is_ours"),
    [
        (HERE, True, "", True),
        (HERE, False, ELSEWHERE, False),  # the service's deployment answers already
        (HERE, False, "", False),
        (ELSEWHERE, False, HERE, True),
        (ELSEWHERE, True, HERE, False),
    ],
)
async def test_only_messages_that_would_be_posted_here_are_fetched(
    number: str, defers: bool, service: str, is_ours: bool
) -> None:
    twilio = create_twilio(ACCOUNT, TOKEN, services={SERVICE: [OURS]}, latency=0)
    await twilio.receive(CONTACT, OURS, "Hola", post=False)
    twilio.numbers[OURS].sms_url = number
    at_twilio = twilio.services[SERVICE]
    at_twilio.use_inbound_webhook_on_number, at_twilio.inbound_request_url = defers, service
    api = DataApi(default=[])
    async with serve(twilio) as twilio_url, serve(api.app()) as url:
        given = settings(supabase_url=url, twilio_base_url=twilio_url)
        async with Database.connect(given) as database, TwilioSms.connect(given) as sms:
            report = await backfill_number(database, sms, JOB)
    assert (report.skipped is None, report.listed) == (is_ours, int(is_ours))
