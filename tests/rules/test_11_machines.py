"""Chapter 11: another machine and a phone's reaction are not answered; whoever sounds alike is."""

from __future__ import annotations

import pytest

from tests.scenario import Scenario


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
async def test_another_machine_is_not_answered(scenario: Scenario, body: str) -> None:
    assert (await scenario.texts(body))["no_reply_reason"] == "auto_reply"
    assert await scenario.work() == []
    assert (await scenario.conversation())["reply_error"] == "auto_reply"


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
async def test_a_person_on_the_way_is_answered(scenario: Scenario, body: str) -> None:
    await scenario.texts(body)
    assert await scenario.work() == ["model"]


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
async def test_a_reaction_is_stored_and_not_answered(scenario: Scenario, body: str) -> None:
    stored = await scenario.texts(body)
    assert stored["no_reply_reason"] == "reaction"
    assert (await scenario.db.message(stored["message_id"]))["message_content"] == body
    assert await scenario.work() == []


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
async def test_words_of_praise_are_answered(scenario: Scenario, body: str) -> None:
    await scenario.texts(body)
    assert await scenario.work() == ["model"]
