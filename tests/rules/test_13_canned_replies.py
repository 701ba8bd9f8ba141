"""Chapter 13: canned replies keep the quiet hours and the number's day, and fold like any other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from gateway.segments import count, fold
from tests.scenario import STOP_ES, Scenario
from tests.sql import Db, Session, new_contact

LIMIT = "Basta por hoy."


async def begin_quiet_hours(scenario: Scenario) -> None:
    """They began an hour ago and last two more."""
    now = datetime.now(UTC)
    await scenario.configure(
        quiet_from=(now - timedelta(hours=1)).time(), quiet_until=(now + timedelta(hours=2)).time()
    )


async def end_quiet_hours(scenario: Scenario) -> None:
    """Their end has come."""
    await scenario.db.later(hours=2)
    await scenario.configure(quiet_from=None, quiet_until=None)


async def at_the_limit(scenario: Scenario) -> None:
    """The contact has had its one reply of the hour."""
    await scenario.configure(replies_per_hour=1, rate_limit_reply=LIMIT)
    await scenario.texts("uno")
    assert await scenario.work() == ["model"]


async def test_at_the_limit_nothing_is_said_in_quiet_hours(scenario: Scenario) -> None:
    await at_the_limit(scenario)
    await begin_quiet_hours(scenario)
    await scenario.texts("dos")
    assert await scenario.work() == []
    assert 7000 < (await scenario.one.claim())["seconds"] <= 7200


async def test_at_their_end_the_gate_is_asked_anew(scenario: Scenario) -> None:
    await at_the_limit(scenario)
    await begin_quiet_hours(scenario)
    await scenario.texts("dos")
    await scenario.work()
    await end_quiet_hours(scenario)
    assert await scenario.work() == ["model"], "the hour of the limit is over as well"


async def test_at_their_end_a_limit_that_still_holds_is_told(scenario: Scenario) -> None:
    await scenario.configure(replies_per_day=1, rate_limit_reply=LIMIT)
    await scenario.texts("uno")
    await scenario.work()
    await begin_quiet_hours(scenario)
    await scenario.texts("dos")
    assert await scenario.work() == []
    await end_quiet_hours(scenario)
    assert await scenario.work() == [LIMIT]


@pytest.mark.parametrize("body", ["are you a bot?", "quiero un humano", "alta"])
async def test_a_canned_reply_waits_for_their_end(scenario: Scenario, body: str) -> None:
    if body == "alta":
        await scenario.texts("STOP")
    await begin_quiet_hours(scenario)
    await scenario.texts(body)
    assert await scenario.work() == []
    await end_quiet_hours(scenario)
    [sent] = await scenario.work()
    assert sent != "model"


async def test_an_opt_out_is_confirmed_and_help_answered_at_any_hour(scenario: Scenario) -> None:
    await scenario.configure(own_opt_out=True, opt_out_reply="Adiós.", help_reply="Ayuda.")
    await begin_quiet_hours(scenario)
    await scenario.texts("HELP")
    await scenario.texts("STOP")
    assert await scenario.work() == ["Ayuda.", "Adios."]


async def test_a_message_begun_before_them_is_finished(scenario: Scenario) -> None:
    await scenario.texts("baja")
    await scenario.texts("alta")
    for _ in range(2):
        job = await scenario.one.claim()
        if job["content"] != STOP_ES:
            break
        await scenario.one.finish(job)
    assert await scenario.one.fail(job, "refused", retry_after="0") == "refused"
    await begin_quiet_hours(scenario)
    assert await scenario.work() == [job["content"]]


async def test_a_notice_queued_before_them_and_not_begun_waits(scenario: Scenario) -> None:
    await scenario.texts("are you a bot?")
    await begin_quiet_hours(scenario)
    assert await scenario.work() == []
    held = await scenario.db.admin.value(
        "select error_message from public.sms_messages where status = 'queued'"
    )
    assert held == "quiet", "it says why it waits"


async def test_a_human_writes_at_any_hour_and_need_not_wait_for_what_is_held(
    scenario: Scenario,
) -> None:
    await begin_quiet_hours(scenario)
    stored = await scenario.texts("are you a bot?")
    assert await scenario.work() == []
    owner = await scenario.db.person(scenario.number)
    await owner.write(stored["conversation_id"])
    assert await scenario.work() == ["Le atiendo yo."]
    await end_quiet_hours(scenario)
    assert await scenario.work() == []


# The number's day.


async def test_a_number_without_replies_sends_no_notices_either(scenario: Scenario) -> None:
    await scenario.configure(number_replies_per_day=0)
    for _ in range(15):
        await scenario.one.ingest(scenario.number, new_contact(), "Hola")
    assert await scenario.work() == []
    assert await scenario.db.admin.value("select count(*) from public.sms_opt_outs") == 0
    reasons = await scenario.db.admin.rows(
        "select distinct no_reply_reason from public.sms_messages"
    )
    assert reasons == [{"no_reply_reason": "rate_limit"}]
    assert (await scenario.one.call("get_sms_health"))["rate_limited_24h"] == 15


async def test_replies_notices_and_fallbacks_share_the_numbers_day(scenario: Scenario) -> None:
    await scenario.configure(number_replies_per_day=3)
    for body in ("Hola", "are you a bot?", "baja", "Hola", "are you a bot?", "baja"):
        await scenario.one.ingest(scenario.number, new_contact(), body)
        await scenario.work()
    sent = "select count(*) from public.sms_messages where message_sid is not null"
    assert await scenario.db.admin.value(f"{sent} and direction = 'outgoing'") == 3


async def test_another_day_has_room_again(scenario: Scenario) -> None:
    await scenario.configure(number_replies_per_day=1)
    for expected in (["model"], []):
        await scenario.one.ingest(scenario.number, new_contact(), "Hola")
        assert await scenario.work() == expected
    await scenario.db.admin.rows("update sms.automatic_messages set day = day - 1")
    await scenario.one.ingest(scenario.number, new_contact(), "Hola")
    assert await scenario.work() == ["model"]


async def test_two_workers_at_once_do_not_pass_the_numbers_day(db: Db) -> None:
    number = await db.number(number_replies_per_day=1)
    one, two = await db.session(), await db.session()
    jobs = []
    for session in (one, two):
        await session.ingest(number, new_contact())
        jobs.append(await session.claim())
    await one.rows("begin")
    assert (await one.answer(jobs[0]))["outcome"] == "send"
    second = asyncio.ensure_future(two.answer(jobs[1]))
    await db.waits_for_lock(two)
    await one.rows("commit")
    assert (await second)["reason"] == "rate_limit"


async def test_a_refused_notice_tried_again_is_counted_once(scenario: Scenario) -> None:
    await scenario.configure(number_replies_per_day=1)
    await scenario.texts("baja")
    job = await scenario.one.claim()
    assert await scenario.one.fail(job, "refused", retry_after="1") == "refused"
    await scenario.db.later(seconds=2)
    again = await scenario.one.claim()
    assert (again["kind"], again["message_id"]) == ("send", job["message_id"])


# How they are written, and how they leave.

LETTERS = [chr(code) for code in (*range(0xC0, 0x180), *range(0x218, 0x21C))]
TYPED = [
    "\u201cHola\u201d, \u00absí\u00bb \u2018y\u2019 más\u2026",
    "Abierto de 9\u201317 \u2014 mañana\u00a0no",
    "Será un placer \U0001f600",
    "plain",
]


async def folded(db: Db, text: str) -> str:
    found: str = await db.admin.value("select sms.fold_accents(%s)", text)
    return found


async def test_the_database_folds_as_the_worker_does(db: Db) -> None:
    """But for letters that become two, which the replies' languages have hardly any of."""
    letters = [letter for letter in LETTERS if letter.isalpha() and letter not in "þÞœŒ"]
    for text in [*letters, *TYPED]:
        assert await folded(db, text) == fold(text, fold_accents=True), text


async def test_canned_replies_are_written_with_their_accents_and_fold_to_gsm_7(db: Db) -> None:
    rows = await db.admin.rows("select language, content from public.sms_canned_replies")
    assert any("á" in row["content"] for row in rows if row["language"] == "es")
    for row in rows:
        text = await folded(db, row["content"])
        assert text == fold(row["content"], fold_accents=True)
        assert count(text).encoding == "GSM-7"


@pytest.mark.parametrize(
    ("folds", "sent"),
    [
        (True, "Una persona le respondera por aqui. Mientras tanto puede seguir preguntando."),
        (False, "Una persona le responderá por aquí. Mientras tanto puede seguir preguntando."),
    ],
)
async def test_a_canned_reply_has_its_accents_where_the_number_keeps_them(
    scenario: Scenario, folds: bool, sent: str
) -> None:
    await scenario.configure(fold_accents=folds, promise_human=True)
    await scenario.texts("quiero hablar con una persona")
    assert (await scenario.work())[0] == sent


@pytest.mark.parametrize(("folds", "sent"), [(True, "¡Ahi vamos!"), (False, "¡Ahí vamos!")])
async def test_the_owners_words_fold_like_any_other(
    scenario: Scenario, folds: bool, sent: str
) -> None:
    await scenario.configure(fold_accents=folds, handoff_reply="¡Ahí vamos!")
    await scenario.texts("quiero hablar con una persona")
    assert (await scenario.work())[0] == sent


# Who asks for a human, and who asks for a bot.


async def test_who_asks_for_a_person_is_told_once_and_flagged(scenario: Scenario) -> None:
    stored = await scenario.texts("Quiero hablar con una persona, por favor")
    assert stored["no_reply_reason"] == "human"
    assert (await scenario.conversation())["wants_human"]
    assert await scenario.work() == ["He tomado nota. Puede seguir preguntando."]
    await scenario.texts("agent")
    await scenario.texts("¿y el horario?")
    assert await scenario.work() == ["model"], (
        "acknowledged once; until a person writes the AI goes on"
    )
    person = await scenario.db.person(scenario.number)
    await person.write((await scenario.conversation())["id"])
    assert not (await scenario.conversation())["wants_human"]


async def test_are_you_a_bot_gets_the_honest_answer_without_a_model(scenario: Scenario) -> None:
    await scenario.texts("Are you a bot?")
    await scenario.texts("¿eres un robot?")
    assert await scenario.work() == [
        "I am an automated assistant. Text PERSON if you want one.",
        "Soy un asistente automatico. Escriba PERSONA si prefiere que le atienda una.",
    ]
    rows = await scenario.db.admin.rows(
        "select author, model, in_reply_to is not null as answers from public.sms_messages"
        " where canned_reply = 'bot'"
    )
    assert rows == [{"author": "system", "model": None, "answers": True}] * 2


async def test_a_fixed_answer_does_not_take_the_first_reply_notice_away(scenario: Scenario) -> None:
    await scenario.configure(first_reply_notice="An AI answers here.")
    await scenario.texts("agent")
    await scenario.work()
    await scenario.texts("Do you have bread?")
    assert (await scenario.one.claim())["notice"] == "An AI answers here."


async def test_nothing_automatic_is_said_while_a_person_answers(scenario: Scenario) -> None:
    stored = await scenario.texts("Hola")
    await (await scenario.db.person(scenario.number)).write(stored["conversation_id"])
    assert await scenario.work() == ["Le atiendo yo."]
    await scenario.texts("are you a bot?")
    await scenario.texts("quiero un humano")
    assert await scenario.work() == []
    conversation = await scenario.conversation()
    assert (conversation["wants_human"], conversation["reply_error"]) == (True, "paused")


async def test_a_question_behind_an_owed_text_leaves_the_answer_owed(scenario: Scenario) -> None:
    """The fixed answer must not take the place of the model's: both may be in reply to it."""
    await scenario.texts("Hola")
    await scenario.texts("eres un robot?")
    sent = await scenario.work()
    assert sent == [
        "Soy un asistente automatico. Escriba PERSONA si prefiere que le atienda una.",
        "model",
    ]


# Keyword replies.


async def add_keyword(scenario: Scenario, keyword: str, answer: str) -> Session:
    person = await scenario.db.person(scenario.number)
    await person.rows(
        "insert into public.sms_keyword_replies (config_id, keyword, answer) values (%s, %s, %s)",
        *(scenario.number.id, keyword, answer),
    )
    return person


@pytest.mark.parametrize("body", ["horario", "¿HORÁRIO?", "  Horario!! 🕗 "])
async def test_a_keyword_is_answered_in_the_owners_words(scenario: Scenario, body: str) -> None:
    await add_keyword(scenario, "Horario", "De 7 a 19 h, lunes cerrado.")
    assert (await scenario.texts(body))["no_reply_reason"] == "keyword"
    assert await scenario.work() == ["De 7 a 19 h, lunes cerrado."]


async def test_a_keyword_within_a_text_is_answered_by_the_model(scenario: Scenario) -> None:
    await add_keyword(scenario, "horario", "De 7 a 19 h.")
    await scenario.texts("el horario de los lunes")
    assert await scenario.work() == ["model"]
    await scenario.texts("Hola")
    await scenario.texts("horario")
    assert await scenario.work() == ["model"], "one answer to all texts of a burst"


async def test_a_keyword_overtaken_by_a_text_is_answered_with_it(scenario: Scenario) -> None:
    await add_keyword(scenario, "horario", "De 7 a 19 h.")
    await scenario.texts("horario")
    await scenario.texts("y la dirección?")
    assert await scenario.work() == ["model"]


async def test_an_opt_word_is_no_keyword(scenario: Scenario) -> None:
    await add_keyword(scenario, "baja", "Rebajas todo el mes")
    await scenario.texts("baja")
    assert await scenario.work() == [STOP_ES]


async def test_keyword_answers_count_as_answers_at_the_cap(scenario: Scenario) -> None:
    await add_keyword(scenario, "horario", "De 7 a 19 h.")
    await scenario.configure(replies_per_hour=2)
    for body in ("horario", "Horario", "HORARIO"):
        await scenario.texts(body)
        await scenario.work()
    assert (await scenario.conversation())["reply_error"] == "rate_limit"


async def test_an_owner_keeps_the_keywords_of_own_numbers_alone(scenario: Scenario) -> None:
    person = await add_keyword(scenario, "precio", "5 EUR")
    with pytest.raises(psycopg.errors.UniqueViolation):
        await add_keyword(scenario, "¡Precio!", "6 EUR")
    with pytest.raises(psycopg.errors.CheckViolation):
        await add_keyword(scenario, "?!", "nothing is left of it")
    stranger = await scenario.db.person(await scenario.db.number())
    assert await stranger.rows("select * from public.sms_keyword_replies") == []
    with pytest.raises(psycopg.Error, match="There is no such number"):
        await stranger.rows(
            "insert into public.sms_keyword_replies (config_id, keyword, answer)"
            " values (%s, 'x', 'y')",
            scenario.number.id,
        )
    await person.rows("update public.sms_keyword_replies set answer = '7 EUR'")
    await scenario.texts("precio")
    assert await scenario.work() == ["7 EUR"]
    await person.rows("delete from public.sms_keyword_replies")
    await scenario.texts("PRECIO")
    assert await scenario.work() == ["model"]


async def test_a_keyword_waits_for_the_window_but_an_opt_out_is_confirmed_at_once(
    scenario: Scenario,
) -> None:
    now = datetime.now(UTC)
    await add_keyword(scenario, "horario", "De 7 a 19 h.")
    await scenario.configure(
        quiet_from=(now - timedelta(hours=1)).time(), quiet_until=(now + timedelta(hours=2)).time()
    )
    await scenario.texts("horario")
    assert await scenario.work() == []
    assert 7000 < (await scenario.one.claim())["seconds"] <= 7200
    await scenario.db.later(hours=2)
    assert await scenario.work() == ["De 7 a 19 h."]
    await scenario.texts("BAJA")
    assert await scenario.work() == [STOP_ES]


# The contact's limit.


async def test_at_the_cap_the_contact_is_told_once_a_day(scenario: Scenario) -> None:
    await scenario.configure(replies_per_hour=1, rate_limit_reply="Basta por hoy.")
    sent = []
    for number in range(4):
        await scenario.texts(f"pregunta {number}")
        sent += await scenario.work()
    assert sent == ["model", "Basta por hoy."]
    conversation = await scenario.conversation()
    assert (conversation["reply_error"], conversation["reply_due_at"]) == ("rate_limit", None)
    assert (await scenario.one.call("get_sms_health"))["rate_limited_24h"] == 1
    await scenario.db.later(hours=25)
    sent = []
    for number in range(3):
        await scenario.texts(f"otra {number}")
        sent += await scenario.work()
    assert sent == ["model", "Basta por hoy."]


async def test_the_cap_notice_is_no_fallback(scenario: Scenario) -> None:
    """A contact who was told of the cap still gets the fallback when the model fails."""
    await scenario.configure(replies_per_hour=0)
    await scenario.texts("uno")
    await scenario.work()
    await scenario.configure(replies_per_hour=9)
    await scenario.db.timing(reply_attempts_max=1)
    await scenario.texts("dos")
    assert await scenario.one.fail_sms_reply(await scenario.one.claim()) == "fallback"
    assert (await scenario.one.claim())["kind"] == "fallback"
