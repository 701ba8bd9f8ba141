"""Chapters 22 to 24: what Twilio tells of a message, and of which moment it speaks."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.rules.mutants import mutant
from tests.scenario import Scenario, sending, talk, unknown
from tests.sql import Db, Job, new_contact, new_sid

OPTED_OUT = 21610


async def sent(scenario: Scenario) -> Job:
    await scenario.texts("Hola")
    return await scenario.one.answer(await scenario.one.claim())


async def refused_by_twilio(scenario: Scenario, job: Job, sid: str) -> str:
    return await scenario.one.callback(job, sid, "failed", error_code=OPTED_OUT)


async def test_21610_reported_after_a_start_speaks_of_the_time_before_it(
    scenario: Scenario,
) -> None:
    job, sid = await sent(scenario), new_sid()
    await scenario.one.finish(job, sid)
    await scenario.db.later(minutes=1)
    await scenario.texts("START")
    await refused_by_twilio(scenario, job, sid)
    assert not await scenario.is_opted_out()


async def test_the_same_21610_after_a_start_opts_nobody_out_again(scenario: Scenario) -> None:
    job, sid = await sent(scenario), new_sid()
    await scenario.one.finish(job, sid)
    await refused_by_twilio(scenario, job, sid)
    assert await scenario.is_opted_out()
    await scenario.db.later(minutes=1)
    await scenario.texts("START")
    assert await refused_by_twilio(scenario, job, sid) == "stale"
    assert not await scenario.is_opted_out()


async def test_a_send_refused_with_21610_after_a_start_opts_nobody_out(
    scenario: Scenario,
) -> None:
    job = await sent(scenario)
    await scenario.texts("START")
    assert await scenario.one.fail(job, "failed", OPTED_OUT) == "failed"
    assert not await scenario.is_opted_out()


async def test_21610_opts_the_contact_out_of_this_number(scenario: Scenario) -> None:
    other = await scenario.db.number(owner=scenario.number)
    await scenario.texts("START")
    job = await sent(scenario)
    assert await scenario.one.fail(job, "failed", OPTED_OUT) == "failed"
    assert await scenario.is_opted_out()
    assert not await scenario.is_opted_out(other)


# A second MessageSid.


async def test_a_second_sid_for_a_message_of_today_is_told(scenario: Scenario) -> None:
    job = await sent(scenario)
    await scenario.one.finish(job)
    assert await scenario.one.callback(job, new_sid(), "sent") == "doubled"
    assert (await scenario.one.call("get_sms_health"))["doubled"] == 1


async def test_a_second_sid_for_an_old_message_is_a_restored_database(scenario: Scenario) -> None:
    job, sid = await sent(scenario), new_sid()
    await scenario.one.finish(job, sid)
    await scenario.db.later(hours=25)
    assert await scenario.one.callback(job, new_sid(), "delivered") == "stale"
    assert (await scenario.one.call("get_sms_health"))["doubled"] == 0
    message = await scenario.db.message(job["message_id"])
    assert (message["message_sid"], message["status"]) == (sid, "accepted")


# States only move forward.


TWILIOS_QUEUED_AS_OURS = """
alter table public.sms_messages
  drop constraint sms_messages_sid_check, drop constraint sms_messages_send_at_check;
create or replace function sms.attach_sid(
  p_message public.sms_messages, p_message_sid text, p_status text
)
returns text language plpgsql volatile set search_path = '' as $$
begin
  update public.sms_messages as m set message_sid = p_message_sid, status = p_status
  where m.id = p_message.id;
  return 'recorded';
end;
$$;
create or replace function sms.status_of(p_twilio_status text)
returns text language sql immutable set search_path = '' as 'select p_twilio_status'
"""


@mutant("Twilio's queued as ours", TWILIOS_QUEUED_AS_OURS, fails="is sent again")
async def test_what_twilio_has_queued_is_not_sent_again(db: Db) -> None:
    """create() itself answers "queued": Twilio's queue, not ours."""
    one, *_, job = await sending(db)
    await one.finish(job, status="queued")
    await db.later(minutes=5)
    assert (await one.claim())["kind"] == "wait", "Twilio's queued text is sent again"


async def test_a_second_sid_is_doubled_and_counted(db: Db) -> None:
    one, *_, job = await sending(db)
    await one.finish(job)
    assert await one.finish(job) == "doubled"
    assert await one.callback(job, new_sid(), "delivered") == "doubled"
    assert (await one.call("get_sms_health"))["doubled"] == 2


async def test_a_callback_before_its_finish_attaches_the_sid(db: Db) -> None:
    one, *_, job = await sending(db)
    sid = new_sid()
    assert await one.callback(job, sid, "delivered") == "recorded"
    assert await one.finish(job, sid, "queued") == "recorded"
    assert (await db.message(job["message_id"]))["status"] == "delivered"
    assert (await one.claim())["seconds"] is None, "the lease ended"


async def test_a_callback_for_another_contact_is_ignored(db: Db) -> None:
    one, *_, job = await sending(db)
    assert await one.callback(job, new_sid(), "delivered", to=new_contact()) == "gone"
    assert (await db.message(job["message_id"]))["status"] == "sending"


async def test_a_callback_to_a_text_that_was_never_sent_is_ignored(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db)
    written = await (await db.person(number)).write(conversation_id)
    job = {"to": contact, "message_id": written}
    assert await one.callback(job, new_sid(), "delivered") == "gone"


async def test_a_callback_stops_a_text_that_waits_to_be_sent_once_more(db: Db) -> None:
    one, *_, job = await unknown(db)
    await one.settle(await one.claim(), [])
    await db.later(seconds=61)
    assert await one.settle(await one.claim(), []) == "queued"
    assert await one.callback(job, new_sid(), "sent") == "recorded"
    assert (await one.claim())["kind"] == "wait"


@pytest.mark.parametrize("has_sid", [True, False])
async def test_a_late_delivered_beats_our_failed(db: Db, has_sid: bool) -> None:
    one, *_, job = await sending(db)
    sid = new_sid()
    if has_sid:
        await one.finish(job, sid, "failed")
    else:
        await one.fail(job, "failed")
    assert (await db.message(job["message_id"]))["status"] == "failed"
    assert await one.callback(job, sid, "delivered") == "recorded"
    message = await db.message(job["message_id"])
    assert (message["status"], message["error_message"]) == ("delivered", None)
    assert message["delivered_at"]


TWILIOS_WORDS = {
    "accepted": "accepted",
    "scheduled": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "sent",
    "canceled": "canceled",
    "failed": "failed",
    "undelivered": "undelivered",
    "partially_delivered": "partially_delivered",
    "delivered": "delivered",
    "read": "read",
}


async def test_every_four_of_twilios_words_leave_the_highest_in_any_order(db: Db) -> None:
    """One text for each order, told of four states by four callbacks.

    Words that mean one state to us stand for each other.
    """
    *_, conversation_id = await talk(db)
    states = list(dict.fromkeys(TWILIOS_WORDS.values()))
    told = {
        tuple(TWILIOS_WORDS[word] for word in order): order
        for order in permutations(TWILIOS_WORDS, 4)
    }
    await db.admin.rows("begin")
    await db.admin.rows(
        "insert into public.sms_messages"
        " (conversation_id, direction, author, status, message_content, message_sid)"
        " select %s, 'outgoing', 'ai', 'accepted', 'hi', 'SM' || n"
        " from generate_series(1, %s) as n",
        *(conversation_id, len(told)),
    )
    await db.admin.rows("set local session_replication_role = replica")  # no announcements
    await db.admin.rows(
        "select public.record_sms_delivery(jsonb_build_object('sid', 'SM' || n, 'status', word))"
        " from unnest(%s::text[]) with ordinality as o (words, n),"
        " string_to_table(o.words, ' ') as word",
        [" ".join(order) for order in told.values()],
    )
    left = await db.admin.rows(
        "select message_sid as sid, status from public.sms_messages where direction = 'outgoing'"
    )
    await db.admin.rows("rollback")
    highest = {f"SM{n}": max(order, key=states.index) for n, order in enumerate(told, 1)}
    assert {row["sid"]: row["status"] for row in left} == highest
