"""What an operator watches."""

from __future__ import annotations

from typing import get_type_hints

from gateway.supabase import Health, NumberHealth, Setup, WorkerHealth
from tests.sql import Db


async def test_health_and_setup_are_what_their_types_say(db: Db) -> None:
    one = await db.session()
    await db.number()
    await one.rows("select public.note_sms_worker('worker-1', '0.1.0')")
    health, setup = await one.call("get_sms_health"), await one.call("get_sms_setup")
    for answer, noun in (
        (health, Health),
        (health["numbers"][0], NumberHealth),
        (health["workers"][0], WorkerHealth),
        (setup, Setup),
    ):
        assert answer.keys() == get_type_hints(noun).keys()
