"""What an operator watches."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import get_type_hints

from gateway.supabase import Health, NumberHealth, Setup, WorkerHealth
from tests.sql import Db, new_contact, new_sid


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


async def test_a_worker_that_stops_is_not_counted_any_more(db: Db) -> None:
    one = await db.session()
    for name in ("worker-1", "worker-2"):
        await one.call("note_sms_worker", name=name, version="0.1.0")
    await one.call("remove_sms_worker", name="worker-1")
    await one.call("remove_sms_worker", name="worker-1")
    workers = (await one.call("get_sms_health"))["workers"]
    assert [worker["name"] for worker in workers] == ["worker-2"]


async def test_who_holds_a_lease_is_seen_in_health_and_with_the_message(db: Db) -> None:
    one, number = await db.session(), await db.number()
    for name in ("worker-1", "worker-2"):
        await one.call("note_sms_worker", name=name, version="0.1.0")
    stored = await one.ingest(number, new_contact())
    job = await one.call("claim_sms_work", worker="worker-1", lease_id=str(uuid.uuid4()))

    async def holders() -> dict[str, int]:
        workers = (await one.call("get_sms_health"))["workers"]
        return {worker["name"]: worker["leases"] for worker in workers}

    message = await one.call("get_sms_message", message_id=stored["message_id"])
    assert (message["leased_by"], bool(message["leased_until"])) == ("worker-1", True)
    assert await holders() == {"worker-1": 1, "worker-2": 0}

    await one.call("release_sms_work", lease_id=job["lease_id"])
    message = await one.call("get_sms_message", message_id=stored["message_id"])
    assert (message["leased_by"], message["leased_until"]) == (None, None)
    assert await holders() == {"worker-1": 0, "worker-2": 0}


async def test_the_worker_of_a_prefetched_job_holds_its_lease(db: Db) -> None:
    one, number = await db.session(), await db.number()
    for _ in range(2):
        await one.ingest(number, new_contact())
    job = await one.answer(await one.claim())
    await one.call(
        "finish_sms_send",
        lease_id=job["lease_id"],
        message_id=job["message_id"],
        message_sid=new_sid(),
        status="queued",
        next_lease_id=str(uuid.uuid4()),
        worker="worker-1",
    )
    held = await db.admin.rows(
        "select leased_by from public.sms_conversations where lease_id is not null"
    )
    assert held == [{"leased_by": "worker-1"}]


LATE_EVENTS = """
insert into public.sms_delivery_events (message_sid, status, received_at)
select 'SM' || n, 'delivered', now() - interval '400 days' + n * interval '1 second'
from generate_series(1, %s) as n
"""


async def test_retention_keeps_up_at_any_rate(db: Db) -> None:
    """Each call is a batch and a transaction of its own; the next is due while one was full."""
    one = await db.session()
    await one.rows("update sms.maintenance set ran_at = '-infinity'")
    await db.admin.rows(LATE_EVENTS, 12_000)
    oldest = (await one.call("get_sms_health"))["oldest_delivery_event"]
    done = [await one.call("maintain_sms") for _ in range(3)]
    assert [found["again"] for found in done] == [True, True, False]
    assert [found["logs_expired"] for found in done] == [5000, 5000, 2000]
    assert (await one.call("maintain_sms")) == {"outcome": "not due"}
    assert oldest < datetime.now(UTC).isoformat()
    assert (await one.call("get_sms_health"))["oldest_delivery_event"] is None


async def test_maintenance_without_a_backlog_is_done_once_an_hour(db: Db) -> None:
    one = await db.session()
    await one.rows("update sms.maintenance set ran_at = '-infinity'")
    await db.admin.rows(LATE_EVENTS, 10)
    done = await one.call("maintain_sms")
    assert (done["outcome"], done["again"], done["logs_expired"]) == ("done", False, 10)
    assert (await one.call("maintain_sms")) == {"outcome": "not due"}
