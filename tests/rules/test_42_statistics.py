"""Counters: nobody waits for them, they are folded once, and what they say is meant."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.bench import data
from tests.sql import Db, Session, new_contact, new_sid


async def totals(session: Session) -> dict[str, Any]:
    return (await session.rows("select * from public.get_sms_stats()"))[0]


async def metrics(session: Session) -> dict[str, Any]:
    return (await session.rows("select * from public.get_sms_engagement_metrics()"))[0]


async def test_at_the_full_hour_nobody_waits_for_the_counters_of_another(db: Db) -> None:
    """Seventeen at once, for two numbers in both orders: each contact last wrote an hour ago."""
    one = await db.number()
    other = await db.number(one)
    sessions = [await db.session() for _ in range(17)]
    contacts = [new_contact() for _ in sessions]
    for session, contact in zip(sessions, contacts, strict=True):
        for number in (one, other):
            await session.ingest(number, contact)
    await db.later(minutes=61)
    async with AsyncExitStack() as open_until_all_have_counted, asyncio.timeout(20):
        for n, (session, contact) in enumerate(zip(sessions, contacts, strict=True)):
            await open_until_all_have_counted.enter_async_context(session.transaction())
            for number in (one, other) if n % 2 else (other, one):
                await session.ingest(number, contact)
            await session.rows("set constraints all immediate")
    owner = await db.person(one)
    seen = await totals(owner)
    assert (seen["messages_in"], seen["total_contacts"], seen["active_users_24h"]) == (68, 17, 17)


async def test_two_folds_at_once_count_each_fact_once(db: Db) -> None:
    number, (first, second) = await db.number(), (await db.session(), await db.session())
    for _ in range(4):
        await first.ingest(number, new_contact())
    async with first.transaction():
        await first.call("maintain_sms")
        waiting = asyncio.create_task(second.call("maintain_sms"))
        await db.waits_for_lock(second)
    assert await waiting == {"outcome": "not due"}
    folded = await db.admin.rows("select messages_in, new_contacts from public.sms_daily_stats")
    assert folded == [{"messages_in": 4, "new_contacts": 4}]
    assert await db.admin.value("select count(*) from sms.counted") == 0


async def test_maintenance_folds_once_a_minute_and_says_when_more_is_left(db: Db) -> None:
    one, number = await db.session(), await db.number()
    await one.call("maintain_sms")
    await one.ingest(number, new_contact())
    assert await one.call("maintain_sms") == {"outcome": "not due"}
    await one.rows("update sms.maintenance set folded_at = now() - interval '61 seconds'")
    # One contact: a conversation and a message.
    assert await one.call("maintain_sms") == {
        "outcome": "folded",
        "counters_folded": 2,
        "again": False,
    }


async def test_the_facts_of_a_deleted_number_are_gone_and_stop_nothing(db: Db) -> None:
    one, number = await db.session(), await db.number()
    other = await db.number(number)
    for each in (number, other):
        await one.ingest(each, new_contact())
    await db.admin.rows("delete from public.sms_configs where id = %s", number.id)
    owner = await db.person(other)
    before = await totals(owner)
    assert (before["messages_in"], before["total_conversations"]) == (1, 1)
    await one.rows("select sms.fold_counters()")
    assert await totals(owner) == before
    assert await db.admin.value("select count(*) from sms.counted") == 0


async def test_segments_are_not_of_what_twilio_refused(db: Db) -> None:
    """Twenty segments were written, two of them in a message that Twilio refused for good."""
    one, number = await db.session(), await db.number()
    for n in range(10):
        await one.ingest(number, new_contact())
        job = await one.claim()
        sent = await one.call(
            "queue_sms_reply",
            lease_id=job["lease_id"],
            message_id=job["message_id"],
            content="Claro.",
            encoding="GSM-7",
            segments=2,
        )
        if n:
            await one.finish_and_claim(sent)
        else:
            await one.call(
                "fail_sms_send",
                lease_id=job["lease_id"],
                message_id=sent["message_id"],
                outcome="failed",
                error_message="no such number",
                error_code=21211,
            )
    owner = await db.person(number)
    seen = await totals(owner)
    assert (seen["segments"], seen["failed"], seen["ai_replies"]) == (18, 1, 10)


async def test_a_reply_that_failed_is_no_response_and_one_that_arrived_is(db: Db) -> None:
    one, number = await db.session(), await db.number()
    owner = await db.person(number)
    for status in ("undelivered", "delivered"):
        stored = await one.ingest(number, new_contact())
        await db.later(seconds=100)
        sent, sid = await one.answer(await one.claim()), new_sid()
        await one.finish(sent, sid)
        assert (await totals(owner))["avg_response_time_seconds"] is not None, "not failed yet"
        await one.callback(sent, sid, status)
        seen = await metrics(owner)
        assert (seen["first_reply_seconds_p50"] is None) == (status == "undelivered")
        assert (seen["avg_response_time_seconds"] is None) == (status == "undelivered")
    assert 90 < seen["first_reply_seconds_p50"] < 115, stored
    assert 100 <= seen["avg_response_time_seconds"] < 110


async def test_a_contact_of_two_numbers_is_one_and_we_write_to_is_not_who_wrote(db: Db) -> None:
    one, number = await db.session(), await db.number()
    other, contact, silent = await db.number(number), new_contact(), new_contact()
    await one.ingest(number, contact)
    await one.ingest(other, contact)
    stored = await one.ingest(number, silent)
    await db.later(days=9)
    await db.admin.rows("update sms.counted set at = at - interval '9 days'")
    await one.ingest(number, contact)
    owner = await db.person(number)
    await owner.write(stored["conversation_id"])  # moves last_message_at of who is silent
    for _ in range(2):
        seen = await totals(owner)
        assert (seen["total_contacts"], seen["messages_in"]) == (2, 4)
        assert (seen["active_users_24h"], seen["active_users_7d"]) == (1, 1)
        assert (await metrics(owner))["active_contacts"] == 2
        await one.rows("select sms.fold_counters()")


async def test_who_still_waits_or_was_never_answered_was_not_answered_without_a_human(
    db: Db,
) -> None:
    """Three conversations end answered by the AI, one by a human, one unanswered; one does not."""
    one, number = await db.session(), await db.number()
    owner = await db.person(number)
    for fate in ("ai", "ai", "ai", "human", "unanswered", "waits"):
        stored = await one.ingest(number, new_contact())
        if fate == "ai":
            await one.finish(await one.answer(await one.claim()))
        elif fate == "human":
            sent = await owner.write(stored["conversation_id"])
            job = await one.claim()
            assert job["message_id"] == sent
            await one.finish(job)
        if fate != "waits":
            await owner.close(stored["conversation_id"])
    seen = await metrics(owner)
    assert (seen["conversations_ended"], seen["conversations_unanswered"]) == (5, 1)
    assert (seen["conversations_answered_by_ai"], seen["conversations_answered_by_human"]) == (3, 1)
    assert float(seen["share_answered_without_human"]) == 0.75


async def test_cost_has_its_currency_and_comes_with_the_day_of_its_message(db: Db) -> None:
    one, number = await db.session(), await db.number()
    owner, sid = await db.person(number), new_sid()
    await one.ingest(number, new_contact())
    await one.finish(await one.answer(await one.claim()), sid)
    assert ((await totals(owner))["cost"], (await totals(owner))["currency"]) == (0, None)
    for _ in range(2):  # told twice, charged once
        await one.call(
            "record_sms_statuses",
            messages=[{"sid": sid, "status": "delivered", "price": "-0.0079", "price_unit": "EUR"}],
        )
    assert (await totals(owner))["currency"] == "EUR"
    days = await owner.rows("select * from public.get_sms_daily()")
    assert [(float(day["cost"]), day["currency"]) for day in days] == [(0.0079, "EUR")]


# What is counted is what a recount finds, and is counted at once.


async def counted(db: Db) -> dict[str, list[str]]:
    """What is folded, as text, by table."""
    return {table: await _lines(db, f"table {table}") for table in data.COUNTERS}


async def recounted(db: Db) -> dict[str, list[str]]:
    return {table: await _lines(db, recount) for table, recount in data.COUNTERS.items()}


async def _lines(db: Db, query: str) -> list[str]:
    """Sorted, without rows of nothing."""
    rows = await db.admin.rows(f"select to_jsonb(s) as row from ({query}) as s")  # noqa: S608
    plain = [{name: it for name, it in row["row"].items() if it not in (0, None)} for row in rows]
    return sorted(json.dumps(row, sort_keys=True) for row in plain)


async def numbers_of(session: Session) -> list[dict[str, Any]]:
    """All that the statistics say to whoever asks."""
    return [
        *await session.rows("select * from public.get_sms_stats()"),
        *await session.rows("select * from public.get_sms_engagement_metrics(30)"),
        *await session.rows("select * from public.get_sms_daily()"),
    ]


async def test_counters_are_what_a_recount_finds(own_db: Db) -> None:
    number = await own_db.number()
    gateway, owner = await own_db.session(), await own_db.person(number)
    contacts = [new_contact() for _ in range(5)]
    for contact in [*contacts, *contacts[:2]]:
        stored = await gateway.ingest(number, contact)
        sent = await gateway.answer(await gateway.claim())
        sid = "SM" + uuid.uuid4().hex
        await gateway.finish(sent, sid)
        await gateway.callback(sent, sid, "failed" if contact == contacts[0] else "delivered")
    await owner.write(stored["conversation_id"])
    await owner.write(stored["conversation_id"])
    await owner.close(stored["conversation_id"])
    await gateway.ingest(number, contacts[1], "¿Sigue ahí?")
    before = await numbers_of(owner)
    assert (before[0]["total_contacts"], before[0]["active_users_24h"]) == (5, 5)
    assert (before[1]["conversations_ended"], before[1]["conversations_reopened"]) == (1, 1)
    # Nothing is late, and folding changes no number.
    await gateway.rows("select sms.fold_counters(7)")
    assert await numbers_of(owner) == before
    await gateway.rows("select sms.fold_counters()")
    assert await numbers_of(owner) == before
    seen = await counted(own_db)
    assert seen == await recounted(own_db)
    # What happened stays counted when its conversation is erased.
    await own_db.admin.rows(
        "update public.sms_conversations set last_message_at = last_message_at - interval '2 days'"
    )
    assert await gateway.call("cleanup_old_sms_conversations", days=1) == 1
    await gateway.rows("select sms.fold_counters()")
    assert await counted(own_db) == seen != await recounted(own_db)


async def test_twenty_thousand_contacts_of_a_week_are_counted_at_once(
    own_db: Db, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each wrote in the last seven days, half of them to two numbers, a hundred a moment ago."""
    one = await own_db.number()
    other = await own_db.number(one)
    await own_db.admin.rows(
        "insert into public.sms_contacts (user_id, contact_number)"
        " select %s, '+1555' || lpad(n::text, 7, '0') from generate_series(1, 20000) as n",
        one.user_id,
    )
    await own_db.admin.rows(
        "insert into sms.counted (at, user_id, config_id, contact_number, messages_in)"
        " select now() - n %% 160 * interval '1 hour', f.user_id, f.id,"
        " '+1555' || lpad(n::text, 7, '0'), 1"
        " from generate_series(1, 20000) as n, public.sms_configs as f"
        " where f.id = %s or n %% 2 = 0",
        one.id,
    )
    await own_db.admin.rows("select sms.fold_counters(100000)")
    await own_db.admin.rows(
        "insert into sms.counted (at, user_id, config_id, contact_number, messages_in)"
        " select now(), user_id, id, '+1555' || lpad(n::text, 7, '0'), 1"
        " from public.sms_configs, generate_series(1, 100) as n where id = %s",
        other.id,
    )
    await own_db.admin.rows("analyze")
    owner = await own_db.person(one)
    row = (await owner.rows("select * from public.get_sms_stats()"))[0]
    assert row["active_users_7d"] == 20000
    taken = []
    for _ in range(9):
        plan = await owner.value("explain (analyze, format json) select * from get_sms_stats()")
        taken.append(plan[0]["Execution Time"])
    with capsys.disabled():
        print(f"\nget_sms_stats, 20,000 contacts in seven days: {min(taken):.1f} ms")
    assert min(taken) < 20
