"""What people who text expect: opt-outs, fixed answers, caps, pictures, erasure, quiet hours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from gateway.local.stack import Stack
from tests.scenario import Scenario as Play
from tests.scenario import minutes_ago
from tests.sql import Db, Job, Number, Session, new_contact, new_sid, scratch_database


@pytest.fixture(scope="module")
async def database(stack: Stack) -> AsyncIterator[str]:
    async with scratch_database(stack.postgres_url) as url:
        yield url


@pytest.fixture
async def db(database: str) -> AsyncIterator[Db]:
    """An empty database, whose invariants hold when the test is over."""
    async with Db.connect(database) as db:
        await db.empty()
        yield db
        assert await db.broken_invariants() == {}


@pytest.fixture
async def play(db: Db) -> Play:
    return Play(db, await db.session(), await db.number(), new_contact())


# Opt-outs.

STOP_EN = "You will get no more messages from us. Reply START to get them again."
STOP_ES = "No recibira mas mensajes nuestros. Responda START para volver a recibirlos."


@pytest.mark.parametrize("word", ["STOP", "stop", " Unsubscribe ", "QUIT", "OptOut", "cancel"])
async def test_a_word_of_twilios_is_confirmed_by_twilio_alone(play: Play, word: str) -> None:
    stored = await play.texts(word)
    assert stored["no_reply_reason"] == "opt_word"
    assert await play.is_opted_out()
    assert await play.work() == []


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
    play: Play, words: str, confirmation: str
) -> None:
    await play.texts(words)
    await play.texts(words)
    assert await play.work() == [confirmation]
    await play.texts("hola?")
    assert await play.work() == []
    assert (await play.conversation())["reply_error"] == "opted_out"


async def test_advanced_opt_out_confirms_itself(play: Play) -> None:
    await play.texts("BAJA", opt_out_type="STOP")
    assert await play.is_opted_out()
    await play.texts("ALTA", opt_out_type="START")
    assert not await play.is_opted_out()
    await play.texts("AYUDA", opt_out_type="HELP")
    assert await play.work() == []


async def test_a_short_code_has_to_confirm_by_itself(db: Db) -> None:
    number = await db.number()
    await db.admin.rows("update public.sms_configs set phone_number = '32665'")
    short = Number(number.id, number.user_id, "32665")
    play = Play(db, await db.session(), short, new_contact())
    await play.texts("STOP")
    assert await play.work() == [STOP_EN]


async def test_an_owners_own_words_confirm(play: Play) -> None:
    await play.configure(opt_out_reply="Entendido.")
    await play.texts("ya no me escriban")
    assert await play.work() == ["Entendido."]


async def test_only_the_confirmation_passes_to_who_opted_out(play: Play) -> None:
    conversation_id = (await play.texts("Hola"))["conversation_id"]
    generating = await play.one.claim()
    await play.texts("deja de mandarme mensajes")
    assert (await play.one.answer(generating))["outcome"] == "gone"
    person = await play.db.person(play.number)
    written = await play.db.message(await person.write(conversation_id))
    assert (written["status"], written["error_message"]) == ("blocked", "opted_out")
    assert await play.work() == [STOP_ES]


async def test_stop_silences_all_numbers_and_start_one(play: Play) -> None:
    other = await play.db.number(owner=play.number)
    stranger = await play.db.number()
    await play.texts("STOP")
    assert await play.is_opted_out(other)
    assert not await play.is_opted_out(stranger)
    await play.texts("START")
    assert (await play.is_opted_out(), await play.is_opted_out(other)) == (False, True)


async def test_yes_opts_in_only_who_opted_out(play: Play) -> None:
    await play.texts("sí")
    await play.texts("YES")
    assert await play.work() == ["model"]
    assert await play.db.admin.rows("select * from public.sms_opt_outs") == []
    await play.texts("STOP")
    await play.texts("Yes")
    assert not await play.is_opted_out()
    assert await play.work() == [], "Twilio knows this word and confirms it"
    await play.texts("BAJA")
    await play.texts("sí")
    assert not await play.is_opted_out()
    assert await play.work() == [
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
async def test_ambiguous_and_ordinary_texts_are_answered(play: Play, body: str) -> None:
    assert (await play.texts(body))["no_reply_reason"] is None
    assert await play.work() == ["model"]
    assert not await play.is_opted_out()


async def test_what_twilio_answers_itself_is_not_answered_twice(play: Play) -> None:
    for word in ("HELP", "info", "START"):
        assert (await play.texts(word))["no_reply_reason"] == "opt_word"
    assert await play.work() == []


async def test_a_stop_found_after_a_later_start_changes_nothing(play: Play) -> None:
    await play.texts("START", at=minutes_ago(5))
    await play.texts("STOP", at=minutes_ago(10))
    assert not await play.is_opted_out()
    await play.texts("BAJA", at=minutes_ago(9))
    assert not await play.is_opted_out()
    assert await play.work() == []


async def test_an_opt_out_outlives_the_number_it_was_sent_to(play: Play) -> None:
    await play.texts("STOP")
    await play.db.admin.rows("delete from public.sms_configs where id = %s", play.number.id)
    again = await play.db.number(owner=play.number, phone_number=play.number.phone)
    await play.one.ingest(Number(again.id, again.user_id, play.number.phone), play.contact, "Hola")
    assert await play.is_opted_out()
    assert await play.work() == []


async def test_who_calls_is_opted_out_by_hand_and_back_in(play: Play) -> None:
    await play.texts("Hola")
    await play.one.call("set_sms_opt_out", user_id=play.number.user_id, contact_number=play.contact)
    assert await play.work() == []
    await play.one.call(
        "set_sms_opt_out",
        **{"user_id": play.number.user_id, "contact_number": play.contact, "opted_out": False},
    )
    await play.texts("Hola otra vez")
    assert await play.work() == ["model"]


async def test_an_old_opt_out_counts_but_is_not_confirmed_late(play: Play) -> None:
    await play.texts("BAJA", at=minutes_ago(7 * 60))
    assert await play.is_opted_out()
    assert await play.work() == []


# People and bots.


async def test_who_asks_for_a_person_is_told_once_and_flagged(play: Play) -> None:
    stored = await play.texts("Quiero hablar con una persona, por favor")
    assert stored["no_reply_reason"] == "human"
    assert (await play.conversation())["wants_human"]
    assert await play.work() == ["He tomado nota. Puede seguir preguntando."]
    await play.texts("agent")
    await play.texts("¿y el horario?")
    assert await play.work() == ["model"], "acknowledged once; until a person writes the AI goes on"
    person = await play.db.person(play.number)
    await person.write((await play.conversation())["id"])
    assert not (await play.conversation())["wants_human"]


async def test_asking_for_a_person_is_announced_to_the_owner(play: Play) -> None:
    await play.texts("Hola")
    await play.db.admin.rows("truncate realtime.messages")
    await play.texts("humano")
    topics = await play.db.admin.rows(
        "select topic from realtime.messages where event = 'conversation'"
    )
    assert topics == [{"topic": f"sms:user:{play.number.user_id}"}]


async def test_are_you_a_bot_gets_the_honest_answer_without_a_model(play: Play) -> None:
    await play.texts("Are you a bot?")
    await play.texts("¿eres un robot?")
    assert await play.work() == [
        "I am an automated assistant. Text PERSON if you want one.",
        "Soy un asistente automatico. Escriba PERSONA si prefiere que le atienda una.",
    ]
    rows = await play.db.admin.rows(
        "select author, model, in_reply_to is not null as answers from public.sms_messages"
        " where canned_reply = 'bot'"
    )
    assert rows == [{"author": "system", "model": None, "answers": True}] * 2


async def test_a_fixed_answer_does_not_take_the_first_reply_notice_away(play: Play) -> None:
    await play.configure(first_reply_notice="An AI answers here.")
    await play.texts("agent")
    await play.work()
    await play.texts("Do you have bread?")
    assert (await play.one.claim())["notice"] == "An AI answers here."


async def test_nothing_automatic_is_said_while_a_person_answers(play: Play) -> None:
    stored = await play.texts("Hola")
    await (await play.db.person(play.number)).write(stored["conversation_id"])
    assert await play.work() == ["Le atiendo yo."]
    await play.texts("are you a bot?")
    await play.texts("quiero un humano")
    assert await play.work() == []
    conversation = await play.conversation()
    assert (conversation["wants_human"], conversation["reply_error"]) == (True, "paused")


async def test_a_question_behind_an_owed_text_leaves_the_answer_owed(play: Play) -> None:
    """The fixed answer must not take the place of the model's: both may be in reply to it."""
    await play.texts("Hola")
    await play.texts("eres un robot?")
    sent = await play.work()
    assert sent == [
        "Soy un asistente automatico. Escriba PERSONA si prefiere que le atienda una.",
        "model",
    ]


# Keyword answers.


async def add_keyword(play: Play, keyword: str, answer: str) -> Session:
    person = await play.db.person(play.number)
    await person.rows(
        "insert into public.sms_keyword_replies (config_id, keyword, answer) values (%s, %s, %s)",
        *(play.number.id, keyword, answer),
    )
    return person


@pytest.mark.parametrize("body", ["horario", "¿HORÁRIO?", "  Horario!! 🕗 "])
async def test_a_keyword_is_answered_in_the_owners_words(play: Play, body: str) -> None:
    await add_keyword(play, "Horario", "De 7 a 19 h, lunes cerrado.")
    assert (await play.texts(body))["no_reply_reason"] == "keyword"
    assert await play.work() == ["De 7 a 19 h, lunes cerrado."]


async def test_a_keyword_within_a_text_is_answered_by_the_model(play: Play) -> None:
    await add_keyword(play, "horario", "De 7 a 19 h.")
    await play.texts("el horario de los lunes")
    assert await play.work() == ["model"]
    await play.texts("Hola")
    await play.texts("horario")
    assert await play.work() == ["model"], "one answer to all texts of a burst"


async def test_a_keyword_overtaken_by_a_text_is_answered_with_it(play: Play) -> None:
    await add_keyword(play, "horario", "De 7 a 19 h.")
    await play.texts("horario")
    await play.texts("y la dirección?")
    assert await play.work() == ["model"]


async def test_an_opt_word_is_no_keyword(play: Play) -> None:
    await add_keyword(play, "baja", "Rebajas todo el mes")
    await play.texts("baja")
    assert await play.work() == [STOP_ES]


async def test_keyword_answers_count_as_answers_at_the_cap(play: Play) -> None:
    await add_keyword(play, "horario", "De 7 a 19 h.")
    await play.configure(replies_per_hour=2)
    for body in ("horario", "Horario", "HORARIO"):
        await play.texts(body)
        await play.work()
    assert (await play.conversation())["reply_error"] == "rate_limit"


async def test_an_owner_keeps_the_keywords_of_own_numbers_alone(play: Play) -> None:
    person = await add_keyword(play, "precio", "5 EUR")
    with pytest.raises(psycopg.errors.UniqueViolation):
        await add_keyword(play, "¡Precio!", "6 EUR")
    with pytest.raises(psycopg.errors.CheckViolation):
        await add_keyword(play, "?!", "nothing is left of it")
    stranger = await play.db.person(await play.db.number())
    assert await stranger.rows("select * from public.sms_keyword_replies") == []
    with pytest.raises(psycopg.Error, match="There is no such number"):
        await stranger.rows(
            "insert into public.sms_keyword_replies (config_id, keyword, answer)"
            " values (%s, 'x', 'y')",
            play.number.id,
        )
    await person.rows("update public.sms_keyword_replies set answer = '7 EUR'")
    await play.texts("precio")
    assert await play.work() == ["7 EUR"]
    await person.rows("delete from public.sms_keyword_replies")
    await play.texts("PRECIO")
    assert await play.work() == ["model"]


# Loops and caps.


@pytest.mark.parametrize(
    "body",
    [
        "[Auto-reply] I am out until Monday.",
        "I'm driving right now and I'll get back to you later.",
        "I'm driving",
        "Estoy manejando, te llamo luego",
        "This is an automated message. Please do not reply to this message.",
        "Respuesta automática: estoy fuera de la oficina",
        "I'm out of the office and will respond when I return",
        "I am an automated assistant. Text PERSON if you want one.",
        "Soy un asistente automatico. Escriba PERSONA si prefiere que le atienda una.",
        "I\u2019m not receiving notifications. If this is urgent, reply “urgent”.",
    ],
)
async def test_another_machine_is_not_answered(play: Play, body: str) -> None:
    assert (await play.texts(body))["no_reply_reason"] == "auto_reply"
    assert await play.work() == []
    assert (await play.conversation())["reply_error"] == "auto_reply"


@pytest.mark.parametrize(
    "body",
    [
        "I'm driving, can I come at 6?",
        "I'm driving there now with the kids",
        "I am out of the office until Monday, deliver on Tuesday",
        "Estoy manejando hacia allá",
        "My auto reply does not work",
    ],
)
async def test_a_person_on_the_way_is_answered(play: Play, body: str) -> None:
    await play.texts(body)
    assert await play.work() == ["model"]


async def test_three_short_answers_are_no_loop(play: Play) -> None:
    for _ in range(4):
        await play.texts("ok")
        assert await play.work() == ["model"]


async def test_at_the_cap_the_contact_is_told_once_a_day(play: Play) -> None:
    await play.configure(replies_per_hour=1, rate_limit_reply="Basta por hoy.")
    sent = []
    for number in range(4):
        await play.texts(f"pregunta {number}")
        sent += await play.work()
    assert sent == ["model", "Basta por hoy."]
    conversation = await play.conversation()
    assert (conversation["reply_error"], conversation["reply_due_at"]) == ("rate_limit", None)
    assert (await play.one.call("get_sms_health"))["rate_limited_24h"] == 1
    await play.db.later(hours=25)
    sent = []
    for number in range(3):
        await play.texts(f"otra {number}")
        sent += await play.work()
    assert sent == ["model", "Basta por hoy."]


async def test_the_cap_notice_is_no_fallback(play: Play) -> None:
    """A contact who was told of the cap still gets the fallback when the model fails."""
    await play.configure(replies_per_hour=0)
    await play.texts("uno")
    await play.work()
    await play.configure(replies_per_hour=9)
    await play.db.timing(reply_attempts_max=1)
    await play.texts("dos")
    assert await play.one.fail_sms_reply(await play.one.claim()) == "fallback"
    assert (await play.one.claim())["kind"] == "fallback"


# Pictures and reactions.


async def test_a_picture_without_words_is_kept_and_mentioned_to_the_model(play: Play) -> None:
    media = [
        {"url": "https://api.twilio.com/m/0", "content_type": "image/jpeg"},
        {"url": "https://api.twilio.com/m/1", "content_type": "image/png"},
    ]
    stored = await play.texts("", media=media)
    assert (await play.db.message(stored["message_id"]))["media"] == media
    await play.texts("y esta", media=media[:1])
    job = await play.one.claim()
    assert [turn["content"] for turn in job["history"]] == [
        "[sent 2 attachments not shown here: image/jpeg, image/png]",
        "y esta [sent an attachment not shown here: image/jpeg]",
    ]


@pytest.mark.parametrize(
    "body",
    [
        "Liked “Nos vemos a las 5”",
        'Loved "See you"',
        "Laughed at “ja”",
        "Emphasised “now”",
        "Questioned “5 pm”",
        "Loved an image",
        "Reacted 🎉 to “See you at 5”",
        "Reacted 👍🏽 to “two\nlines”",
        "Removed a heart from “ok”",
        "Removed a question mark from “ok”",
        "Removed 🎉 from “ok”",
        "Le gustó “Nos vemos”",
        "Le encantó “Nos vemos”",
        "Le encantó una imagen",
        "No le gustó “eso”",
        "Se rio de “eso”",
        "Enfatizó “eso”",
        "Reaccionó con 🎉 a “Nos vemos a las 5”",
        "\u200a\u200b👍\u200b to “\u200aSee you\u200a”\u200a",
        "👍 a “Nos vemos”",
        "A aimé « À demain »",
        "Gostou de “Até logo”",
        "Reagiu com ❤️ a “Até logo”",
    ],
)
async def test_a_reaction_is_stored_and_not_answered(play: Play, body: str) -> None:
    stored = await play.texts(body)
    assert stored["no_reply_reason"] == "reaction"
    assert (await play.db.message(stored["message_id"]))["message_content"] == body
    assert await play.work() == []


@pytest.mark.parametrize(
    "body",
    [
        "Loved the cake",
        "Liked it, thanks",
        "Me gusta la de chocolate",
        "¿“Liked”?",
        "👍",
        "5 a “B”",
    ],
)
async def test_words_of_praise_are_answered(play: Play, body: str) -> None:
    await play.texts(body)
    assert await play.work() == ["model"]


# Erasure.


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


async def remembered(play: Play) -> tuple[str, Any]:
    """A conversation with words, a picture, an answer, callbacks and stray posts."""
    sid, form = new_sid(), {"From": play.contact, "To": play.number.phone, "Body": "ábrete sésamo"}
    payload: dict[str, Any] = {
        "sid": sid,
        "body": "ábrete sésamo",
        "media": [{"url": "https://api.twilio.com/geheim", "content_type": "image/png"}],
        "form": form,
    }
    await play.texts(**payload)
    await play.texts(**payload)
    job = await play.one.claim()
    answer = await play.one.answer(job, "sésamo abierto")
    answer_sid = new_sid()
    await play.one.finish(answer, answer_sid)
    await play.one.callback(answer, answer_sid, "delivered", form={"To": play.contact})
    nobodys = Number(play.number.id, play.number.user_id, "+15550009999")
    await play.one.ingest(nobodys, play.contact, "sésamo", form=form | {"To": nobodys.phone})
    return sid, payload


async def forget(play: Play) -> int:
    forgotten: int = await play.one.call(
        "forget_sms_contact", user_id=play.number.user_id, contact_number=play.contact
    )
    return forgotten


async def test_of_a_forgotten_contact_nothing_is_left_but_sids_and_the_opt_out(play: Play) -> None:
    sid, _ = await remembered(play)
    await play.texts("BAJA")
    await play.work()
    assert "sésamo" in await everything_stored(play.db)
    assert await forget(play) == 4
    left = await everything_stored(play.db)
    for trace in ("sésamo", "geheim", play.contact, play.contact[1:]):
        assert trace not in left
    assert sid in left
    assert await play.is_opted_out()
    counted = await play.db.admin.value(
        "select sum(messages_in) from sms.counts(null, null, '-infinity')"
    )
    assert counted == 2


async def test_a_backfill_brings_nothing_back_of_a_forgotten_contact(play: Play) -> None:
    sid, payload = await remembered(play)
    await forget(play)
    assert await play.one.value("select public.missing_sms(%s)", [sid]) == []
    again = await play.texts(**payload, at=minutes_ago(5))
    assert again["outcome"] == "duplicate"
    left = await everything_stored(play.db)
    for trace in ("sésamo", "geheim", play.contact):
        assert trace not in left
    assert await play.work() == []


async def test_a_forgotten_contact_who_texts_again_is_a_new_one(play: Play) -> None:
    await remembered(play)
    await forget(play)
    await play.texts("Hola")
    job = await play.one.claim()
    assert [turn["content"] for turn in job["history"]] == ["Hola"]


async def test_what_is_being_sent_to_a_forgotten_contact_is_finished_and_not_sent_again(
    play: Play,
) -> None:
    await play.texts("Hola")
    job = await play.one.answer(await play.one.claim())
    await forget(play)
    sid = new_sid()
    assert await play.one.finish(job, sid) == "recorded"
    row = await play.db.message(job["message_id"])
    assert (row["message_sid"], row["message_content"]) == (sid, "")
    assert await play.work() == []


async def test_what_was_texted_to_somebody_elses_number_is_theirs(play: Play) -> None:
    other = await play.db.number()
    form = {"From": play.contact, "To": other.phone, "Body": "para otro"}
    await play.one.ingest(other, play.contact, "para otro", form=form)
    await remembered(play)
    await forget(play)
    assert "para otro" in await everything_stored(play.db)


# Quiet hours.


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
    stack: Stack, evening: str, still_quiet: str, opens: str, hours: int
) -> None:
    async with scratch_database(stack.postgres_url) as url, Db.connect(url) as db:
        play = Play(db, await db.session(), await db.number(), new_contact())
        await play.configure(quiet_from="22:00", quiet_until="08:00", time_zone="Europe/Madrid")
        await at_clock(db, evening)
        await play.texts("¿Abren mañana?")
        wait = await play.one.claim()
        assert (wait["kind"], wait["seconds"]) == ("wait", hours * 3600)
        await play.texts("¿Y el domingo?")
        await at_clock(db, still_quiet)
        assert (await play.one.claim())["kind"] == "wait"
        await at_clock(db, opens)
        job: Job = await play.one.claim()
        assert [turn["content"] for turn in job["history"]] == ["¿Abren mañana?", "¿Y el domingo?"]


async def test_a_keyword_waits_for_the_window_but_an_opt_out_is_confirmed_at_once(
    play: Play,
) -> None:
    now = datetime.now(UTC)
    await add_keyword(play, "horario", "De 7 a 19 h.")
    await play.configure(
        quiet_from=(now - timedelta(hours=1)).time(), quiet_until=(now + timedelta(hours=2)).time()
    )
    await play.texts("horario")
    assert await play.work() == []
    assert 7000 < (await play.one.claim())["seconds"] <= 7200
    await play.db.later(hours=2)
    assert await play.work() == ["De 7 a 19 h."]
    await play.texts("BAJA")
    assert await play.work() == [STOP_ES]


async def test_an_unknown_time_zone_is_refused_when_configured(play: Play) -> None:
    with pytest.raises(psycopg.Error, match="not known"):
        await play.configure(time_zone="Europe/Madird")
