"""Chapter 50: what workers and clients are told, and when."""

from __future__ import annotations

from datetime import timedelta

from tests.scenario import Scenario, sending, talk
from tests.sql import Db


async def hints(db: Db) -> list[float]:
    """In how many seconds the workers were told that there is work, and forget it."""
    told = await db.admin.rows(
        "delete from realtime.messages where topic = 'sms:worker' returning payload"
    )
    return [float(hint["payload"]["seconds"]) for hint in told]


async def test_a_hint_says_when_its_work_is_due(db: Db) -> None:
    await hints(db)
    one, *_ = await talk(db, reply_delay=timedelta(seconds=4))
    [seconds] = await hints(db)
    assert 3 < seconds <= 4
    await db.later(seconds=4)
    job = await one.answer(await one.claim())
    await one.finish(job)
    assert await hints(db) == [], "nothing came meanwhile"


async def test_what_came_while_a_text_was_sent_is_announced_when_that_ends(db: Db) -> None:
    one, number, contact, job = await sending(db)
    await one.ingest(number, contact, "Otra cosa")
    await hints(db)
    await one.finish(job)
    assert await hints(db) == [0]


async def test_asking_for_a_person_is_announced_to_the_owner(scenario: Scenario) -> None:
    await scenario.texts("Hola")
    await scenario.db.admin.rows("truncate realtime.messages")
    await scenario.texts("humano")
    topics = await scenario.db.admin.rows(
        "select topic from realtime.messages where event = 'conversation'"
    )
    assert topics == [{"topic": f"sms:user:{scenario.number.user_id}"}]
