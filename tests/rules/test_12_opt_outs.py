"""Chapter 12: an opt-out is always recorded; who confirms it, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.rules.mutants import mutant
from tests.scenario import STOP_EN, STOP_ES, Scenario, both, minutes_ago, sending, talk
from tests.sql import Db, Number, new_contact

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


# Which words opt out and in, and who confirms them.


@pytest.mark.parametrize("word", ["STOP", "stop", " Unsubscribe ", "QUIT", "OptOut", "cancel"])
async def test_a_word_of_twilios_is_confirmed_by_twilio_alone(
    scenario: Scenario, word: str
) -> None:
    stored = await scenario.texts(word)
    assert stored["no_reply_reason"] == "opt_word"
    assert await scenario.is_opted_out()
    assert await scenario.work() == []


@pytest.mark.parametrize(
    ("words", "confirmation"),
    [
        ("please stop texting me", STOP_EN),
        ("STOP!", STOP_EN),
        ("BAJA", STOP_ES),
        ("no más mensajes por favor", STOP_ES),
    ],
)
async def test_words_twilio_does_not_know_are_confirmed_once_in_their_language(
    scenario: Scenario, words: str, confirmation: str
) -> None:
    await scenario.texts(words)
    await scenario.texts(words)
    assert await scenario.work() == [confirmation]
    await scenario.texts("hola?")
    assert await scenario.work() == []
    assert (await scenario.conversation())["reply_error"] == "opted_out"


async def test_advanced_opt_out_confirms_itself(scenario: Scenario) -> None:
    await scenario.texts("BAJA", opt_out_type="STOP")
    assert await scenario.is_opted_out()
    await scenario.texts("ALTA", opt_out_type="START")
    assert not await scenario.is_opted_out()
    await scenario.texts("AYUDA", opt_out_type="HELP")
    assert await scenario.work() == []


async def test_a_short_code_has_to_confirm_by_itself(db: Db) -> None:
    number = await db.number()
    await db.admin.rows("update public.sms_configs set phone_number = '32665'")
    short = Number(number.id, number.user_id, "32665")
    scenario = Scenario(db, await db.session(), short, new_contact())
    await scenario.texts("STOP")
    assert await scenario.work() == [STOP_EN]


async def test_an_owners_own_words_confirm(scenario: Scenario) -> None:
    await scenario.configure(opt_out_reply="Entendido.")
    await scenario.texts("ya no me escriban")
    assert await scenario.work() == ["Entendido."]


async def test_only_the_confirmation_passes_to_who_opted_out(scenario: Scenario) -> None:
    conversation_id = (await scenario.texts("Hola"))["conversation_id"]
    generating = await scenario.one.claim()
    await scenario.texts("deja de mandarme mensajes")
    assert (await scenario.one.answer(generating))["outcome"] == "gone"
    person = await scenario.db.person(scenario.number)
    written = await scenario.db.message(await person.write(conversation_id))
    assert (written["status"], written["error_message"]) == ("blocked", "opted_out")
    assert await scenario.work() == [STOP_ES]


async def test_stop_silences_all_numbers_and_start_one(scenario: Scenario) -> None:
    other = await scenario.db.number(owner=scenario.number)
    stranger = await scenario.db.number()
    await scenario.texts("STOP")
    assert await scenario.is_opted_out(other)
    assert not await scenario.is_opted_out(stranger)
    await scenario.texts("START")
    assert (await scenario.is_opted_out(), await scenario.is_opted_out(other)) == (False, True)


async def test_yes_opts_in_only_who_opted_out(scenario: Scenario) -> None:
    await scenario.texts("sí")
    await scenario.texts("YES")
    assert await scenario.work() == ["model"]
    assert await scenario.db.admin.rows("select * from public.sms_opt_outs") == []
    await scenario.texts("STOP")
    await scenario.texts("Yes")
    assert not await scenario.is_opted_out()
    assert await scenario.work() == [], "Twilio knows this word and confirms it"
    await scenario.texts("BAJA")
    await scenario.texts("sí")
    assert not await scenario.is_opted_out()
    assert await scenario.work() == [
        STOP_ES,
        "Volvera a recibir nuestros mensajes. Responda STOP para no recibir mas.",
    ]


@pytest.mark.parametrize(
    "body",
    [
        "Hola, necesito ayuda",
        "AYUDA",
        "Help!",
        "please cancel",
        "stop by the shop at 5",
        "cancel my appointment on Friday",
        "alto riesgo",
        "la baja de maternidad",
    ],
)
async def test_ambiguous_and_ordinary_texts_are_answered(scenario: Scenario, body: str) -> None:
    assert (await scenario.texts(body))["no_reply_reason"] is None
    assert await scenario.work() == ["model"]
    assert not await scenario.is_opted_out()


async def test_what_twilio_answers_itself_is_not_answered_twice(scenario: Scenario) -> None:
    for word in ("HELP", "info", "START"):
        assert (await scenario.texts(word))["no_reply_reason"] == "opt_word"
    assert await scenario.work() == []


async def test_a_stop_found_after_a_later_start_changes_nothing(scenario: Scenario) -> None:
    await scenario.texts("START", at=minutes_ago(5))
    await scenario.texts("STOP", at=minutes_ago(10))
    assert not await scenario.is_opted_out()
    await scenario.texts("BAJA", at=minutes_ago(9))
    assert not await scenario.is_opted_out()
    assert await scenario.work() == []


async def test_an_opt_out_outlives_the_number_it_was_sent_to(scenario: Scenario) -> None:
    await scenario.texts("STOP")
    await scenario.db.admin.rows("delete from public.sms_configs where id = %s", scenario.number.id)
    again = await scenario.db.number(owner=scenario.number, phone_number=scenario.number.phone)
    await scenario.one.ingest(
        Number(again.id, again.user_id, scenario.number.phone), scenario.contact, "Hola"
    )
    assert await scenario.is_opted_out()
    assert await scenario.work() == []


async def test_who_calls_is_opted_out_by_hand_and_back_in(scenario: Scenario) -> None:
    await scenario.texts("Hola")
    await scenario.one.call(
        "set_sms_opt_out", user_id=scenario.number.user_id, contact_number=scenario.contact
    )
    assert await scenario.work() == []
    await scenario.one.call(
        "set_sms_opt_out",
        **{
            "user_id": scenario.number.user_id,
            "contact_number": scenario.contact,
            "opted_out": False,
        },
    )
    await scenario.texts("Hola otra vez")
    assert await scenario.work() == ["model"]


async def test_an_old_opt_out_counts_but_is_not_confirmed_late(scenario: Scenario) -> None:
    await scenario.texts("BAJA", at=minutes_ago(7 * 60))
    assert await scenario.is_opted_out()
    assert await scenario.work() == []


async def test_an_old_stop_does_not_silence_who_came_back(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db, "START", "¿Abren hoy?")
    await one.ingest(number, contact, "STOP", at=datetime.now(UTC) - timedelta(hours=1))
    assert (await db.conversation(conversation_id))["reply_due_at"]
    assert (await one.answer(await one.claim()))["outcome"] == "send"


# Nothing leaves for who opted out.


NO_GATE = ("sms.send_verdict", "return case", "return null; return case")


@mutant("no gate", NO_GATE, fails="leaves for a contact who opted out")
async def test_nothing_leaves_for_who_opted_out(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db)
    person = await db.person(number)
    waiting = await person.write(conversation_id, "Le llamo luego.")
    await one.call("set_sms_opt_out", user_id=number.user_id, contact_number=contact)
    assert (await one.claim())["kind"] == "wait", "a text leaves for a contact who opted out"
    message = await db.message(waiting)
    assert (message["status"], message["error_message"]) == ("blocked", "opted_out")
    later = await person.write(conversation_id, "¿Sigue ahí?")
    assert (await db.message(later))["status"] == "blocked"
    await one.ingest(number, contact, "START")
    assert (await one.claim())["kind"] == "wait"
    again = await person.write(conversation_id, "Bienvenida.")
    assert (await one.claim())["message_id"] == again


async def test_an_opt_out_waits_for_no_text_that_is_at_the_gate(db: Db) -> None:
    """It waits for the lock; the answer that passed before it is finished."""
    one, number, contact, _ = await talk(db)
    job, two = await one.claim(), await db.session()
    await one.rows("begin")
    answer = await one.answer(job)
    opt_out = two.call("set_sms_opt_out", user_id=number.user_id, contact_number=contact)
    await both(db, one, opt_out, two)
    assert await one.finish(answer) == "recorded"


async def test_stop_speaks_of_all_numbers_of_the_owner(db: Db) -> None:
    one, number, contact, _ = await talk(db)
    sibling, stranger = await db.number(owner=number), await db.number()
    jobs = [await one.claim()]
    for other in (sibling, stranger):
        await one.ingest(other, contact)
        jobs.append(await one.claim())
    await one.ingest(number, contact, "Stop!")
    outcomes = [(await one.answer(job)).get("reason", "sent") for job in jobs[1:]]
    assert outcomes == ["opted_out", "sent"]
    assert (await one.answer(jobs[0]))["outcome"] == "gone"


async def test_twilios_refusal_21610_is_an_opt_out_of_that_number(db: Db) -> None:
    one, number, contact, job = await sending(db)
    assert await one.fail(job, "failed", code=21610) == "failed"
    person = await db.person(number)
    blocked = await person.write(job["conversation_id"])
    assert (await db.message(blocked))["status"] == "blocked"
    sibling = await db.number(owner=number)
    await one.ingest(sibling, contact)
    assert (await one.answer(await one.claim()))["outcome"] == "send"
