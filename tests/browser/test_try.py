"""Trying a number: what it would answer to a message typed by an admin, as its form stands."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Locator, expect

from gateway.local.standins.openai import OpenAI
from tests.browser.screen import DESKTOP, PHONE, Screen, Screens
from tests.flow.world import World, eventually

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker")]

LOOKS = {"1280-light-en": (DESKTOP, "light", "en"), "360-dark-es": (PHONE, "dark", "es")}


@pytest.fixture(params=LOOKS)
async def looker(request: pytest.FixtureRequest, screens: Screens) -> Screen:
    screen = await screens.turn_on(*LOOKS[request.param])
    await screen.sign_in()
    return screen


@pytest.fixture
async def nobody_answers(world: World) -> AsyncIterator[None]:
    """As without a worker: no answer is handed out."""
    await world.rows("update sms.policy set replay_leases_max = 0")
    yield
    await world.rows("update sms.policy set replay_leases_max = 2")


async def open_number(screen: Screen, world: World) -> Locator:
    """The part of the page where a message is tried."""
    await screen.page.goto(f"{screen.url}numbers")
    await screen.page.locator(".page-head select").select_option(str(world.config_id))
    part = screen.page.locator(".try")
    await expect(part).to_be_visible()
    return part


async def ask(part: Locator, message: str) -> None:
    await part.locator("textarea").fill(message)
    await part.locator(".primary").click()


def model_of(world: World) -> OpenAI:
    assert world.stack.openai, "the stack has its own"
    return world.stack.openai


def answer_in(part: Locator) -> Locator:
    return part.locator(".outgoing .bubble")


async def test_a_message_is_answered_with_the_settings_as_typed_and_nothing_is_sent(
    screen: Screen, world: World
) -> None:
    part = await open_number(screen, world)
    before = len(world.stack.twilio.sent)
    await screen.page.get_by_label("Instructions").fill("Eres Bruno, de la panadería.")
    await screen.page.get_by_label("Model", exact=True).fill("gpt-5.4-mini")
    await ask(part, "¿Abren el domingo?")
    await expect(answer_in(part)).to_have_text('Recibido: "¿Abren el domingo?"')
    await expect(part).to_contain_text("gpt-5.4-mini")
    await expect(part).to_contain_text("1 segment")
    await expect(part).to_contain_text("With 2 changes that are not saved")
    asked = model_of(world).requests[-1]
    assert "Bruno" in str(asked["messages"]), "it is shown what is typed, not what is saved"
    [saved] = await world.rows("select * from sms_configs where id = %s", world.config_id)
    assert "Bruno" not in saved["system_prompt"]
    stored = "select 1 from sms_conversations where config_id = %s"
    assert await world.rows(stored, world.config_id) == []
    assert len(world.stack.twilio.sent) == before


async def test_saving_keeps_what_was_tried(screen: Screen, world: World) -> None:
    part = await open_number(screen, world)
    await screen.page.get_by_label("Instructions").fill("Eres Bruno.")
    await ask(part, "¿Hola?")
    await expect(answer_in(part)).to_be_visible()
    await screen.press("Save")
    await expect(screen.page.locator(".save-bar")).to_have_count(0)
    await expect(screen.page.get_by_label("Instructions")).to_have_value("Eres Bruno.")
    await expect(answer_in(part)).to_be_visible()


async def test_it_says_which_tool_would_be_called_and_calls_none(
    screen: Screen, world: World
) -> None:
    part = await open_number(screen, world)
    await ask(part, '/tool request_human {"p_reason": "quiere un reembolso"}')
    await expect(part.locator(".call")).to_contain_text("Ask for a human")
    await expect(part.locator(".call")).to_contain_text("quiere un reembolso")
    await expect(answer_in(part)).to_have_count(0)
    assert await world.rows("select 1 from sms_tool_calls where name = 'request_human'") == []


async def test_what_the_model_cannot_answer_shows_what_a_contact_would_get(
    screen: Screen, world: World
) -> None:
    part = await open_number(screen, world)
    model_of(world).faults.add("empty_content", times=20)
    await ask(part, "¿Hola?")
    await expect(part).to_contain_text("The model answered without a word.")
    model_of(world).faults.clear()
    await expect(part).to_contain_text("A contact would get the standard words instead.")
    await world.rows(
        "update sms_configs set fallback_reply = 'Disculpe.' where id = %s", world.config_id
    )
    await screen.page.reload()
    await open_number(screen, world)
    model_of(world).faults.add("empty_content", times=20)
    await ask(part, "¿Hola?")
    await expect(part.locator(".system .bubble")).to_have_text("Disculpe.")
    model_of(world).faults.clear()


async def test_a_value_that_does_not_fit_is_refused_in_words(screen: Screen, world: World) -> None:
    part = await open_number(screen, world)
    await screen.page.get_by_label("Longest message").fill("99")
    await ask(part, "¿Hola?")
    await expect(part.get_by_role("alert")).to_contain_text("has 1 to 10 segments")
    await expect(part.get_by_role("alert")).to_contain_text("Change it, then try again")
    await screen.page.get_by_label("Longest message").fill("2")
    await world.rows("update sms.policy set replay_answers_per_day = 0")
    await ask(part, "¿Hola?")
    await expect(part.get_by_role("alert")).to_contain_text("used up")
    await world.rows("update sms.policy set replay_answers_per_day = 2000")
    screen.forgive("status of 422", "status of 429")


@pytest.mark.usefixtures("nobody_answers")
async def test_no_worker_is_said_after_half_a_minute_and_the_try_is_stopped(
    screen: Screen, world: World
) -> None:
    await screen.page.clock.install()
    part = await open_number(screen, world)
    await ask(part, "¿Hay alguien?")
    await expect(part.locator(".dots")).to_be_visible()
    await expect(part).not_to_contain_text("sms-gateway doctor")
    await screen.page.clock.run_for(31_000)
    await expect(part.get_by_role("status")).to_contain_text("sms-gateway doctor")
    await part.get_by_role("button", name="Stop").click()
    await expect(part.locator(".dots")).to_have_count(0)
    [row] = await world.rows("select status from sms_replays where config_id = %s", world.config_id)
    assert row["status"] == "canceled"


async def test_it_is_used_by_the_keyboard_alone(screen: Screen, world: World) -> None:
    part = await open_number(screen, world)
    await screen.page.locator(".page-head select").focus()
    await screen.page.keyboard.press("Tab")
    await screen.page.keyboard.type("¿Abren hoy?")
    await screen.page.keyboard.press("Shift+Enter")
    await screen.page.keyboard.type("Gracias")
    await screen.page.keyboard.press("Enter")
    await expect(answer_in(part)).to_have_text('Recibido: "¿Abren hoy?\nGracias"')


async def test_the_end_of_a_model_is_the_day_that_openai_announced(
    screen: Screen, world: World
) -> None:
    async def noted() -> bool:
        return bool(
            await world.rows("select 1 from sms_models where shuts_down_on = date '2027-01-14'")
        )

    await eventually(noted, 30)  # with the second heartbeat
    await open_number(screen, world)
    model = screen.page.get_by_label("Model", exact=True)
    ends = screen.page.locator(".model-end")
    await model.fill("gpt-4o-mini")
    await expect(ends).to_contain_text("January 14, 2027")
    await model.fill("gpt-6-luna")
    await expect(ends).to_have_count(0)


# Pictures


async def test_a_try_is_looked_at(looker: Screen, world: World) -> None:
    await world.rows(
        "insert into sms_documents (user_id, config_id, title, content, language)"
        " select user_id, id, 'Horario y precios', 'Los domingos abrimos de 9 a 15 h.', 'spanish'"
        " from sms_configs where id = %s",
        world.config_id,
    )
    part = await open_number(looker, world)
    await looker.take_picture("try-empty")
    await looker.page.locator("textarea[id]").first.fill("Eres Bruno, de la panadería.")
    await ask(part, "Hola, ¿abren el domingo? ¿Y cuánto cuesta el pan de masa madre?")
    await expect(answer_in(part)).to_be_visible()
    await part.locator("summary").click()
    await expect(part.locator(".passages")).to_be_visible()
    await part.scroll_into_view_if_needed()
    await looker.take_picture("try-answered")
    await ask(part, '/tool request_human {"p_reason": "quiere un reembolso"}')
    await expect(part.locator(".call")).to_be_visible()
    await looker.take_picture("try-tool")
    await looker.page.locator("input[type=number]").nth(2).fill("99")
    await ask(part, "¿Hola?")
    await expect(part.get_by_role("alert")).to_be_visible()
    await looker.take_picture("try-refused")
    looker.forgive("status of 422")
    await world.rows("delete from sms_documents")


@pytest.mark.usefixtures("nobody_answers")
async def test_a_try_without_a_worker_is_looked_at(looker: Screen, world: World) -> None:
    await looker.page.clock.install()
    part = await open_number(looker, world)
    await ask(part, "Hola, ¿hay alguien?")
    await expect(part.locator(".dots")).to_be_visible()
    await looker.page.clock.run_for(31_000)
    await expect(part.locator(".try-note")).to_be_visible()
    await looker.take_picture("try-late")
    await part.locator(".quiet").click()
    await expect(part.locator(".dots")).to_have_count(0)


async def test_the_end_of_a_model_is_looked_at(looker: Screen, world: World) -> None:
    await open_number(looker, world)
    model = looker.page.locator(".setting.is-text input").first
    await model.fill("gpt-5-mini")
    await expect(looker.page.locator(".model-end")).to_be_visible()
    await looker.page.locator(".model-end").scroll_into_view_if_needed()
    await looker.take_picture("numbers-model")
