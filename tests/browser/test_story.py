"""What the product is for, seen where people work: a booking by text, a question that is learnt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from gateway.local.standins.openai import commands, quote, unanswered
from tests.browser.screen import Screen, as_written
from tests.flow.world import World

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker")]

BAKERY = Path(__file__).parents[1] / "examples/tools/bakery.sql"
UNKNOWN = "No lo tengo a mano; lo pregunto y le digo."
QUESTION = "¿Tienen pan sin gluten?"
ANSWER = "De lunes a viernes, por encargo."


@pytest.fixture(autouse=True)
async def an_assistant_that_asks(world: World) -> AsyncIterator[None]:
    """Books what is asked of it, and says that it does not know what its prompt does not hold."""
    model = world.stack.openai
    assert model
    model.calls, model.answer = book_or_ask, answer
    yield
    model.calls, model.answer = commands, quote
    await world.rows("delete from sms_documents")
    await world.rows("delete from sms_questions")


def book_or_ask(body: dict[str, Any]) -> list[tuple[str, str]]:
    messages = body["messages"]
    if messages[-1]["role"] == "tool":
        return []
    if QUESTION in unanswered(messages) and ANSWER not in str(messages):
        return [("not_known", '{"p_question": "¿Tienen pan sin gluten?"}')]
    return commands(body)


def answer(messages: list[dict[str, Any]]) -> str:
    if QUESTION not in unanswered(messages):
        return quote(messages)
    return ANSWER if ANSWER in str(messages) else UNKNOWN


async def test_a_table_is_booked_by_text_and_a_person_takes_over(
    screen: Screen, world: World
) -> None:
    if not (await world.rows("select to_regclass('public.bookings') as found"))[0]["found"]:
        async with world.stack.postgres.connect() as database:
            await database.execute("set role postgres")
            await database.execute(BAKERY.read_bytes())
    await world.rows(
        "update sms_configs set tools = '{book_table,free_seats}' where id = %s", world.config_id
    )
    contact = world.contact()
    await world.texts_from(contact, "Mesa para 4 el viernes a las 21")
    await screen.open(contact)
    await screen.shows("Hecho:")
    reply = screen.thread.get_by_role("article").last
    await reply.hover()
    await reply.get_by_role("button", name="Details").click()
    for words in ("book table", "people", "4", as_written(contact)):
        await expect(reply.locator(".call")).to_contain_text(words)
    booked = await world.rows("select people from bookings where phone = %s", contact)
    assert booked == [{"people": 4}]

    await screen.write("Soy Ana. ¿Prefieren terraza?")
    await expect(screen.page.locator(".thread-head")).to_contain_text("Assistant paused until")
    await world.texts_from(contact, "Sí, por favor")
    await screen.shows("Sí, por favor")
    assert world.sent_to(contact)[-1] == "Soy Ana. ¿Prefieren terraza?"
    await screen.page.goto(f"{screen.url}statistics")
    await expect(screen.page.locator(".figures")).to_contain_text("From contacts")


async def test_what_the_assistant_did_not_know_is_answered_once_and_then_known(
    screen: Screen, world: World
) -> None:
    first, second = world.contact(), world.contact()
    await world.texts_from(first, QUESTION)
    await world.answered(first)
    assert world.sent_to(first) == [UNKNOWN]
    await screen.page.goto(f"{screen.url}knowledge")
    question = screen.page.get_by_role("listitem").filter(has_text="sin gluten")
    await expect(question).to_contain_text("asked once")
    await question.get_by_role("button", name="Answer").click()
    await question.get_by_label("Your answer").fill(ANSWER)
    await question.get_by_role("button", name="Save").click()
    await expect(screen.page.get_by_text("Every question could be answered.")).to_be_visible()

    await world.texts_from(second, QUESTION)
    await world.answered(second)
    assert world.sent_to(second) == [ANSWER]
    await screen.page.goto(screen.url)
    await screen.open(second)
    reply = screen.thread.get_by_role("article").last
    await reply.hover()
    await reply.get_by_role("button", name="Details").click()
    await expect(reply.locator(".passages")).to_contain_text(ANSWER)
