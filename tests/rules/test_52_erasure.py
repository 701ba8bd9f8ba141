"""Chapter 52: of a contact who is forgotten nothing is left but SIDs and the opt-out."""

from __future__ import annotations

from typing import Any

from tests.scenario import Scenario, minutes_ago
from tests.sql import Db, Number, new_sid


async def everything_stored(db: Db) -> str:
    """All rows of all our tables as one text."""
    tables = await db.admin.rows(
        "select oid::regclass::text as name from pg_class where relkind in ('r', 'p')"
        " and relnamespace in ('public'::regnamespace, 'sms'::regnamespace,"
        " 'realtime'::regnamespace) and relname not in ('sms_opt_outs')"
    )
    rows = [
        await db.admin.value(f"select coalesce(string_agg(t::text, ' '), '') from {t['name']} as t")  # noqa: S608
        for t in tables
    ]
    return " ".join(rows)


async def remembered(scenario: Scenario) -> tuple[str, Any]:
    """A conversation with words, a picture, an answer, callbacks and stray posts."""
    sid, form = (
        new_sid(),
        {"From": scenario.contact, "To": scenario.number.phone, "Body": "ábrete sésamo"},
    )
    payload: dict[str, Any] = {
        "sid": sid,
        "body": "ábrete sésamo",
        "media": [{"url": "https://api.twilio.com/geheim", "content_type": "image/png"}],
        "form": form,
    }
    await scenario.texts(**payload)
    await scenario.texts(**payload)
    job = await scenario.one.claim()
    answer = await scenario.one.answer(job, "sésamo abierto")
    answer_sid = new_sid()
    await scenario.one.finish(answer, answer_sid)
    await scenario.one.callback(answer, answer_sid, "delivered", form={"To": scenario.contact})
    nobodys = Number(scenario.number.id, scenario.number.user_id, "+15550009999")
    await scenario.one.ingest(
        nobodys, scenario.contact, "sésamo", form=form | {"To": nobodys.phone}
    )
    return sid, payload


async def forget(scenario: Scenario) -> int:
    forgotten: int = await scenario.one.call(
        "forget_sms_contact", user_id=scenario.number.user_id, contact_number=scenario.contact
    )
    return forgotten


async def test_of_a_forgotten_contact_nothing_is_left_but_sids_and_the_opt_out(
    scenario: Scenario,
) -> None:
    sid, _ = await remembered(scenario)
    await scenario.texts("BAJA")
    await scenario.work()
    assert "sésamo" in await everything_stored(scenario.db)
    assert await forget(scenario) == 4
    left = await everything_stored(scenario.db)
    for trace in ("sésamo", "geheim", scenario.contact, scenario.contact[1:]):
        assert trace not in left
    assert sid in left
    assert await scenario.is_opted_out()
    counted = await scenario.db.admin.value(
        "select sum(messages_in) from sms.counts(null, null, '-infinity')"
    )
    assert counted == 2


async def test_a_backfill_brings_nothing_back_of_a_forgotten_contact(scenario: Scenario) -> None:
    sid, payload = await remembered(scenario)
    await forget(scenario)
    assert await scenario.one.value("select public.missing_sms(%s)", [sid]) == []
    again = await scenario.texts(**payload, at=minutes_ago(5))
    assert again["outcome"] == "duplicate"
    left = await everything_stored(scenario.db)
    for trace in ("sésamo", "geheim", scenario.contact):
        assert trace not in left
    assert await scenario.work() == []


async def test_a_forgotten_contact_who_texts_again_is_a_new_one(scenario: Scenario) -> None:
    await remembered(scenario)
    await forget(scenario)
    await scenario.texts("Hola")
    job = await scenario.one.claim()
    assert [turn["content"] for turn in job["history"]] == ["Hola"]


async def test_what_is_being_sent_to_a_forgotten_contact_is_finished_and_not_sent_again(
    scenario: Scenario,
) -> None:
    await scenario.texts("Hola")
    job = await scenario.one.answer(await scenario.one.claim())
    await forget(scenario)
    sid = new_sid()
    assert await scenario.one.finish(job, sid) == "recorded"
    row = await scenario.db.message(job["message_id"])
    assert (row["message_sid"], row["message_content"]) == (sid, "")
    assert await scenario.work() == []


async def test_what_was_texted_to_somebody_elses_number_is_theirs(scenario: Scenario) -> None:
    other = await scenario.db.number()
    form = {"From": scenario.contact, "To": other.phone, "Body": "para otro"}
    await scenario.one.ingest(other, scenario.contact, "para otro", form=form)
    await remembered(scenario)
    await forget(scenario)
    assert "para otro" in await everything_stored(scenario.db)
