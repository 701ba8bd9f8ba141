"""Chapter 12: an opt-out is always recorded; who confirms it, and how often."""

from __future__ import annotations

import pytest

from tests.rules.test_people_sql import STOP_EN, STOP_ES
from tests.scenario import Scenario

START_ES = "Volvera a recibir nuestros mensajes. Responda STOP para no recibir mas."


async def test_going_out_and_in_again_is_confirmed_once_a_day(scenario: Scenario) -> None:
    sent = []
    for _ in range(15):
        await scenario.texts("baja")
        assert await scenario.is_opted_out()
        sent += await scenario.work()
        await scenario.texts("alta")
        assert not await scenario.is_opted_out()
        sent += await scenario.work()
    assert sent.count(STOP_ES) == 1
    assert sent.count(START_ES) <= 10, "replies_per_hour is 10"
    await scenario.db.later(hours=25)
    await scenario.texts("baja")
    assert await scenario.work() == [STOP_ES]


async def test_another_contact_and_another_number_confirm_by_themselves(
    scenario: Scenario,
) -> None:
    other = await scenario.db.number(owner=scenario.number)
    for number in (scenario.number, other):
        await scenario.one.call(
            "set_sms_opt_out",
            **{"user_id": number.user_id, "contact_number": scenario.contact, "opted_out": False},
        )
        await scenario.one.ingest(number, scenario.contact, "baja")
    await scenario.one.ingest(scenario.number, "+15550001234", "baja")
    assert await scenario.work() == [STOP_ES] * 3


async def test_notices_count_in_the_numbers_day(scenario: Scenario) -> None:
    await scenario.configure(number_replies_per_day=2)
    for contact in range(4):
        await scenario.one.ingest(scenario.number, f"+1555000000{contact}", "baja")
    assert await scenario.work() == [STOP_ES] * 2
    out = await scenario.db.admin.value("select count(*) from public.sms_opt_outs where opted_out")
    assert out == 4, "recorded all the same"


# The account's own handling of STOP and HELP.


async def test_with_own_opt_out_stop_and_start_are_confirmed_by_us(scenario: Scenario) -> None:
    await scenario.configure(own_opt_out=True)
    await scenario.texts("STOP")
    assert await scenario.is_opted_out()
    await scenario.texts("STOP")
    assert await scenario.work() == [STOP_EN]
    await scenario.texts("START")
    assert not await scenario.is_opted_out()
    assert await scenario.work() == [
        "You will get our messages again. Reply STOP to get no more.",
    ]


@pytest.mark.parametrize("word", ["HELP", "help", " Info "])
async def test_with_own_opt_out_help_is_answered_in_the_owners_words(
    scenario: Scenario, word: str
) -> None:
    await scenario.configure(own_opt_out=True, help_reply="Cafe Luna, +34 600 111 222.")
    stored = await scenario.texts(word)
    assert stored["no_reply_reason"] == "opt_word"
    assert await scenario.work() == ["Cafe Luna, +34 600 111 222."]


async def test_with_own_opt_out_help_is_answered_to_who_opted_out(scenario: Scenario) -> None:
    await scenario.configure(own_opt_out=True, opt_out_reply="Vale.")
    await scenario.texts("STOP")
    await scenario.texts("HELP")
    sent = await scenario.work()
    assert sent[0] == "Vale."
    assert len(sent) == 2
    assert sent[1].endswith("Reply STOP to get no more messages.")


async def test_with_own_opt_out_help_is_bounded_per_contact(scenario: Scenario) -> None:
    await scenario.configure(own_opt_out=True, help_reply="Ayuda.", replies_per_hour=3)
    sent = []
    for _ in range(6):
        await scenario.texts("HELP")
        sent += await scenario.work()
    assert sent == ["Ayuda."] * 3


async def test_without_it_twilio_answers(scenario: Scenario) -> None:
    await scenario.configure(help_reply="Ayuda.")
    for word in ("HELP", "STOP"):
        await scenario.texts(word)
    assert await scenario.work() == []


async def test_what_twilio_says_it_handled_is_not_confirmed_again(scenario: Scenario) -> None:
    await scenario.configure(own_opt_out=True)
    await scenario.texts("STOP", opt_out_type="STOP")
    await scenario.texts("HELP", opt_out_type="HELP")
    assert await scenario.work() == []


async def test_an_owner_sets_it_and_the_words_have_a_bound(scenario: Scenario) -> None:
    owner = await scenario.db.person(scenario.number)
    await owner.rows("update public.sms_configs set own_opt_out = true, help_reply = 'Ayuda.'")
    rows = await owner.rows("select own_opt_out, help_reply from public.sms_configs")
    assert rows == [{"own_opt_out": True, "help_reply": "Ayuda."}]


async def test_help_has_words_in_each_language(scenario: Scenario) -> None:
    languages = await scenario.db.admin.value(
        "select array_agg(language order by language) from public.sms_canned_replies"
        " where name = 'help'"
    )
    assert languages == ["en", "es", "fr", "pt"]
