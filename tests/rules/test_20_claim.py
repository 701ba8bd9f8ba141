"""Claiming: one job for one lease id, whoever asks when, and a turn for every number."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from tests.sql import Db, new_contact, new_sid


@pytest.mark.parametrize("waiting", [1, 2], ids=["nothing else waits", "another one waits"])
async def test_a_claim_asked_again_while_the_first_still_runs_is_one_claim(
    db: Db, waiting: int
) -> None:
    """A worker asks again after a lost answer; the first call may still be at work."""
    one, two, number = await db.session(), await db.session(), await db.number()
    for _ in range(waiting):
        await one.ingest(number, new_contact())
    lease = str(uuid.uuid4())
    await one.rows("begin")
    first = await one.claim(lease)
    again = asyncio.ensure_future(two.claim(lease))
    await db.waits_for_lock(two)
    await one.rows("commit")
    second = await again
    assert (second["kind"], second["message_id"]) == ("reply", first["message_id"])
    held = await db.admin.rows(
        "select reply_attempts from public.sms_conversations where lease_id is not null"
    )
    assert held == [{"reply_attempts": 1}]


async def test_a_job_brought_by_a_send_and_claimed_at_once_is_one_job(db: Db) -> None:
    """finish_sms_send was asked again and its next lease claimed, all under way together."""
    one, two, number = await db.session(), await db.session(), await db.number()
    for _ in range(3):
        await one.ingest(number, new_contact())
    job = await one.answer(await one.claim())
    lease, sid = str(uuid.uuid4()), new_sid()
    await one.rows("begin")
    brought = await one.finish_and_claim(job, lease, sid)
    again = asyncio.ensure_future(two.claim(lease))
    await db.waits_for_lock(two)
    await one.rows("commit")
    assert brought
    assert (await again)["message_id"] == brought["message_id"]
    held = "select count(*) from public.sms_conversations where lease_id is not null"
    assert await db.admin.value(held) == 1


async def test_claims_with_leases_of_their_own_do_not_wait_for_each_other(db: Db) -> None:
    one, two, number = await db.session(), await db.session(), await db.number()
    for _ in range(2):
        await one.ingest(number, new_contact())
    await one.rows("begin")
    first = await one.claim()
    second = await asyncio.wait_for(two.claim(), 5)
    await one.rows("commit")
    assert {first["kind"], second["kind"]} == {"reply"}
    assert first["message_id"] != second["message_id"]
