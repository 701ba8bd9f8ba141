"""What follows from a message's meaning: an opt-out, a reply, a line that says how to stop."""

from __future__ import annotations

import pytest

from tests.scenario import Scenario
from tests.sql import Number


@pytest.mark.parametrize(
    "body",
    [
        "stop " * 21,
        "STOP" + "!" * 250,
        "Please stop sending me reminders",
        "Do NOT ever contact me again",
        "Please remove me, I asked once already",
        "How often do I have to say stop texting me",
        "Stop\nSent from my iPhone",
        "quero parar de receber",
        "não quero receber mais nada de vocês",
        "No más",
        "stop ya no quiero mas mensajes de esto",
        "Stop ya no me interesa",
        "Stop no quiero recibir más mensajes",
        "stop i no longer want these",
    ],
)
async def test_an_opt_out_in_ones_own_words_is_heard(scenario: Scenario, body: str) -> None:
    text = await scenario.texts(body)
    assert text["no_reply_reason"] == "opt_word"
    assert await scenario.is_opted_out()


@pytest.mark.parametrize(
    "body",
    [
        "No más, gracias",
        "Para ya",
        "no me manden más cobros duplicados",
        "Stop by at noon",
        "stop ya no quiero el pedido",
        "stop no quiero más azúcar",
        "Stop no me llegó el pedido",
        "Please cancel my booking!",
        "I'm out of the office today, please reply with the invoice amount",
        "Hi, I'm not receiving notifications from your app",
        'Me gusta "Premium"',
    ],
)
async def test_a_person_is_answered(scenario: Scenario, body: str) -> None:
    text = await scenario.texts(body)
    assert text["no_reply_reason"] is None
    assert not await scenario.is_opted_out()
    assert (await scenario.one.claim())["kind"] == "reply"


@pytest.mark.parametrize("area", ["800", "833", "844", "855", "866", "877", "888"])
async def test_a_toll_free_number_is_opened_again_by_start_and_unstop_alone(
    scenario: Scenario, area: str
) -> None:
    await scenario.configure(phone_number=f"+1{area}5550123")
    number = Number(scenario.number.id, scenario.number.user_id, f"+1{area}5550123")
    for word, is_out in {
        "STOP": True, "YES": True, "Sí": True, "alta": True, "UNSTOP": False
    }.items():  # fmt: skip
        await scenario.one.ingest(number, scenario.contact, word)
        assert await scenario.is_opted_out(number) is is_out, word


async def test_another_number_is_opened_again_by_yes(scenario: Scenario) -> None:
    await scenario.texts("STOP")
    await scenario.texts("YES")
    assert not await scenario.is_opted_out()


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("don't send me texts in Spanish", "To get no more messages from us, reply STOP."),
        (
            "no me manden más avisos de pago, ya pagué",
            "Para no recibir mas mensajes nuestros, responda STOP.",
        ),
        (
            "ne m'envoyez pas de sms la nuit",
            "Pour ne plus recevoir nos messages, répondez STOP.",
        ),
        (
            "não me mande mensagem, me liga",
            "Para nao receber mais mensagens nossas, responda STOP.",
        ),
    ],
)
async def test_what_smells_of_an_opt_out_is_answered_with_the_way_to_stop(
    scenario: Scenario, body: str, line: str
) -> None:
    await scenario.texts(body)
    assert not await scenario.is_opted_out()
    assert (await scenario.one.claim())["opt_out_hint"] == line


async def test_the_way_to_stop_is_said_once(scenario: Scenario) -> None:
    await scenario.texts("don't send me texts in Spanish")
    await scenario.texts("Are you open?")
    first = await scenario.one.claim()
    assert first["opt_out_hint"] is not None
    text = await scenario.one.answer(first, "Yes")
    await scenario.one.finish(text)
    await scenario.texts("Until when?")
    second = await scenario.one.claim()
    assert (second["kind"], second["opt_out_hint"]) == ("reply", None)
