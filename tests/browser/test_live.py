"""Nothing missed and nothing doubled, whatever happens to the connection."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.screen import Screen, Screens
from tests.flow.world import World, eventually

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker")]

NETWORK = ("Failed to load resource", "WebSocket", "ERR_", "Fetch API", "CORS")


async def say(world: World, contact: str, first: int, last: int) -> None:
    """That many messages of a contact, as rows, so that no reply is due."""
    await world.rows(
        "insert into sms_messages (conversation_id, direction, author, status, message_content)"
        " select c.id, 'incoming', 'contact', 'received', 'mensaje ' || n"
        " from sms_conversations c, generate_series(%s::int, %s::int) n"
        " where c.contact_number = %s",
        first,
        last,
        contact,
    )


async def quiet_conversation(world: World) -> str:
    contact = world.contact()
    await world.rows("update sms_configs set auto_reply = false where id = %s", world.config_id)
    await world.texts_from(contact, "mensaje 0")
    return contact


async def test_two_people_see_the_same_at_once(
    screen: Screen, screens: Screens, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    other = await screens.turn_on()
    await other.sign_in()
    await screen.open(contact)
    await other.open(contact)
    await screen.write("de Ana")
    await other.shows("de Ana")
    await other.press("Resume the assistant")
    await expect(screen.page.get_by_role("button", name="Pause the assistant")).to_be_visible()


async def test_fifty_messages_of_a_sleep_are_there_once_and_in_order(
    screen: Screen, world: World
) -> None:
    contact = await quiet_conversation(world)
    await screen.open(contact)
    await screen.shows("mensaje 0")
    await screen.page.context.set_offline(True)
    await expect(screen.page.get_by_text("You are offline")).to_be_visible()
    await say(world, contact, 1, 50)
    await screen.page.context.set_offline(False)
    await expect(screen.page.get_by_text("You are offline")).to_have_count(0)
    await screen.shows("mensaje 50")
    said = await screen.thread.locator(".bubble").all_inner_texts()
    assert said == [f"mensaje {n}" for n in range(51)]
    screen.forgive(*NETWORK)


async def test_what_came_while_realtime_was_away_appears_and_live_goes_on(
    screen: Screen, world: World
) -> None:
    contact = await quiet_conversation(world)
    await screen.open(contact)
    world.stack.proxy.close("/realtime/v1")
    await say(world, contact, 1, 1)
    await expect(screen.page.get_by_text("Live updates are interrupted")).to_be_visible()
    world.stack.proxy.open("/realtime/v1")
    await screen.shows("mensaje 1")
    await expect(screen.page.get_by_text("Live updates are interrupted")).to_have_count(0)
    await say(world, contact, 2, 2)
    await screen.shows("mensaje 2")
    screen.forgive(*NETWORK)


async def test_the_channel_is_made_anew_when_its_token_ended(screen: Screen, world: World) -> None:
    """The server closes a channel whose token ended; the client library never joins it again."""
    contact = await quiet_conversation(world)
    await screen.open(contact)
    await screen.shows("mensaje 0")
    await say(world, contact, 1, 1)
    await screen.shows("mensaje 1")
    joined = screen.page.expect_websocket
    world.stack.proxy.close("/realtime/v1")
    world.stack.proxy.open("/realtime/v1")
    async with joined():
        pass
    await say(world, contact, 2, 2)
    await screen.shows("mensaje 2")
    screen.forgive(*NETWORK)


async def test_older_messages_come_without_a_jump(screen: Screen, world: World) -> None:
    contact = await quiet_conversation(world)
    await say(world, contact, 1, 199)
    await screen.open(contact)
    await screen.shows("mensaje 199")
    top = "document.querySelector('.log').scrollTo(0, -1e6)"
    place = (
        "() => [...document.querySelectorAll('.bubble')].map(b =>"
        " [b.textContent, b.getBoundingClientRect().top]).find(([, top]) => top > 100)"
    )

    async def has_all() -> bool:
        await screen.page.evaluate(top)
        return await screen.page.get_by_text("The conversation began here").count() == 1

    await screen.page.evaluate("document.querySelector('.log').scrollTo(0, -900)")
    seen = await screen.page.evaluate(place)
    await say(world, contact, 200, 200)
    await expect(screen.row(contact)).to_contain_text("mensaje 200")
    still = await screen.page.evaluate(place)
    assert still == [seen[0], pytest.approx(seen[1], abs=1)]  # in CSS pixels
    await eventually(has_all)
    await screen.shows("mensaje 0")
