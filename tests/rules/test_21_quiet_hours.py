"""Quiet hours: what waits for their end, by the number's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.scenario import Scenario, sending
from tests.sql import Db, Job


async def test_quiet_hours_hold_the_answer_but_not_a_finished_text(db: Db) -> None:
    now = datetime.now(UTC)
    one, number, contact, job = await sending(db)
    await db.admin.rows(
        "update public.sms_configs set quiet_from = %s, quiet_until = %s where id = %s",
        *((now - timedelta(hours=1)).time(), (now + timedelta(hours=2)).time(), number.id),
    )
    await one.fail(job, "refused", retry_after="0")
    finished = await one.claim()
    assert (finished["kind"], finished["message_id"]) == ("send", job["message_id"])
    await one.finish(finished)
    await one.ingest(number, contact, "¿Abren?")
    assert 7000 < (await one.claim())["seconds"] <= 7200
    await db.later(hours=2)
    assert (await one.claim())["kind"] == "wait", "that clock time has not come"
    await db.admin.rows("update public.sms_configs set quiet_from = null, quiet_until = null")
    assert (await one.claim())["kind"] == "wait"
    await db.later(hours=2)
    assert (await one.claim())["kind"] == "reply"


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # Clocks go forward at 02:00 EST on 14 March 2027: that night has an hour less.
        ("2027-03-14 01:30-05", "2027-03-14 08:00-04"),
        ("2027-03-13 22:00-05", "2027-03-14 08:00-04"),
        ("2027-03-14 07:59-04", "2027-03-14 08:00-04"),
        ("2027-03-14 08:00-04", None),
        ("2027-03-14 21:59-04", None),
        # And back at 02:00 EDT on 7 November: one hour more.
        ("2027-11-07 01:30-04", "2027-11-07 08:00-05"),
        ("2027-11-06 23:00-04", "2027-11-07 08:00-05"),
    ],
)
async def test_quiet_hours_follow_the_clocks(db: Db, now: str, until: str | None) -> None:
    number = await db.number(quiet_from="22:00", quiet_until="08:00", time_zone="America/New_York")
    found = await db.admin.value(
        "select sms.quiet_until(f, %s) from public.sms_configs as f where f.id = %s",
        *(now, number.id),
    )
    assert found == (until and datetime.fromisoformat(f"{until}:00"))


@pytest.mark.parametrize(
    ("now", "until"),
    [("2027-03-14 01:59-05", "2027-03-14 03:30-04"), ("2027-03-14 03:31-04", None)],
)
async def test_quiet_hours_may_end_in_the_hour_that_does_not_exist(
    db: Db, now: str, until: str | None
) -> None:
    number = await db.number(quiet_from="01:00", quiet_until="02:30", time_zone="America/New_York")
    found = await db.admin.value(
        "select sms.quiet_until(f, %s) from public.sms_configs as f where f.id = %s",
        *(now, number.id),
    )
    assert found == (until and datetime.fromisoformat(f"{until}:00"))


async def at_clock(db: Db, now: str) -> None:
    """From here on claims happen at that moment."""
    source: str = await db.admin.value("select pg_get_functiondef('sms.claim'::regproc)")
    head, _, tail = source.partition("v_now := ")
    await db.admin.rows(f"{head}v_now := '{now}';{tail.partition(';')[2]}")


@pytest.mark.parametrize(
    ("evening", "still_quiet", "opens", "hours"),
    [
        # Madrid's clocks go forward in the night to 28 March 2027: it has an hour less …
        ("2027-03-27 23:00+01", "2027-03-28 07:59:59+02", "2027-03-28 08:00+02", 8),
        # … and back in the night to 31 October: it has one more.
        ("2027-10-30 23:00+02", "2027-10-31 07:59:59+01", "2027-10-31 08:00+01", 10),
    ],
)
async def test_a_text_held_over_a_change_of_clocks_is_answered_once_with_what_came_later(
    own_db: Db, evening: str, still_quiet: str, opens: str, hours: int
) -> None:
    scenario = await Scenario.begin(own_db)
    await scenario.configure(quiet_from="22:00", quiet_until="08:00", time_zone="Europe/Madrid")
    await at_clock(own_db, evening)
    await scenario.texts("¿Abren mañana?")
    wait = await scenario.one.claim()
    assert (wait["kind"], wait["seconds"]) == ("wait", hours * 3600)
    await scenario.texts("¿Y el domingo?")
    await at_clock(own_db, still_quiet)
    assert (await scenario.one.claim())["kind"] == "wait"
    await at_clock(own_db, opens)
    job: Job = await scenario.one.claim()
    assert [turn["content"] for turn in job["history"]] == ["¿Abren mañana?", "¿Y el domingo?"]


async def test_an_unknown_time_zone_is_refused_when_configured(scenario: Scenario) -> None:
    with pytest.raises(psycopg.Error, match="not known"):
        await scenario.configure(time_zone="Europe/Madird")
