"""Chapters 22 to 24: what Twilio tells of a message, and of which moment it speaks."""

from __future__ import annotations

from tests.scenario import Scenario
from tests.sql import Job, new_sid

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
