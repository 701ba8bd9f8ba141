"""Nothing missed and nothing doubled, whatever happens to the connection."""

from __future__ import annotations

import asyncio
import time

import jwt
import pytest
from playwright.async_api import Route, WebSocket, expect

from gateway.local.stack import EMAIL, PASSWORD, Stack
from tests.browser.screen import Screen, Screens
from tests.flow.world import World, eventually

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker")]

NETWORK = ("Failed to load resource", "WebSocket", "ERR_", "Fetch API", "CORS")


async def say(world: World, contact: str, first: int, last: int) -> None:
    """That many messages of a contact, as ingest_sms writes them, so that no reply is due."""
    await world.rows(
        "insert into sms_messages (conversation_id, direction, author, status, message_content)"
        " select c.id, 'incoming', 'contact', 'received', 'mensaje ' || n"
        " from sms_conversations c, generate_series(%s::int, %s::int) n"
        " where c.contact_number = %s",
        first,
        last,
        contact,
    )
    await world.rows(
        "update sms_conversations as c set last_message_at = now(), last_incoming_id ="
        " (select max(m.id) from sms_messages as m where m.conversation_id = c.id)"
        " where c.contact_number = %s",
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


async def test_a_laptop_that_slept_for_a_night_has_all_of_it_once_and_in_order(
    screens: Screens, world: World
) -> None:
    """Its clock jumps, its network was cut, its token ended, and no timer ran meanwhile."""
    contact = await quiet_conversation(world)
    screen = await screens.turn_on()
    await screen.page.clock.install()
    await screen.sign_in()
    await screen.open(contact)
    await screen.shows("mensaje 0")
    await screen.page.context.set_offline(True)
    await say(world, contact, 1, 50)
    await screen.page.clock.fast_forward("09:00:00")
    await screen.page.context.set_offline(False)
    await screen.shows("mensaje 50")
    said = await screen.thread.locator(".bubble").all_inner_texts()
    assert said == [f"mensaje {n}" for n in range(51)]
    await say(world, contact, 51, 51)
    await screen.shows("mensaje 51")
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


async def test_live_goes_on_after_the_end_of_its_token(
    screens: Screens, screen: Screen, world: World
) -> None:
    """The server closes a channel whose token ended; the client library never joins it again."""
    contact = await quiet_conversation(world)
    other = await screens.turn_on()
    await shorten_tokens(other, world.stack, 4)
    closed, joined_again = asyncio.Event(), asyncio.Event()
    other.page.on("websocket", lambda socket: note_joins(socket, closed, joined_again))
    await other.sign_in()
    await other.open(contact)
    await other.shows("mensaje 0")
    await asyncio.wait_for(closed.wait(), 20)
    await asyncio.wait_for(joined_again.wait(), 20)
    for n in (1, 2):
        await say(world, contact, n, n)
        await other.shows(f"mensaje {n}")
    await other.write("escrito después")
    await expect(other.thread.get_by_text("Delivered")).to_have_count(1)
    assert world.sent_to(contact)[-1] == "escrito después"
    await other.page.unroute_all(behavior="ignoreErrors")
    other.forgive(*NETWORK)


async def test_a_session_that_ended_for_good_asks_to_sign_in_and_keeps_what_was_typed(
    screens: Screens, screen: Screen, world: World
) -> None:
    contact = await quiet_conversation(world)
    other = await screens.turn_on()
    await other.sign_in()
    await other.open(contact)
    await other.composer.fill("a medio escribir")
    await world.rows("delete from auth.sessions where id = %s", await other.session_id())
    await other.expire_session()
    await other.page.reload()
    await expect(other.page.locator("input[name=password]")).to_be_visible()
    await other.page.locator("input[name=email]").fill(EMAIL)
    await other.page.locator("input[name=password]").fill(PASSWORD)
    await other.page.locator("button.primary").click()
    await expect(other.composer).to_have_value("a medio escribir")
    other.forgive(*NETWORK, "Refresh Token")


async def shorten_tokens(screen: Screen, stack: Stack, seconds: int) -> None:
    """Auth's tokens end so soon, as those of an hour do after an hour of work."""

    async def shorten(route: Route) -> None:
        answer = await route.fetch()
        session = await answer.json()
        if "access_token" not in session:
            return await route.fulfill(response=answer)
        secret = stack.lite.keys.jwt_secret
        claims = jwt.decode(session["access_token"], secret, ["HS256"], audience="authenticated")
        ends = int(time.time()) + seconds
        session["access_token"] = jwt.encode({**claims, "exp": ends}, secret)
        session |= {"expires_in": seconds, "expires_at": ends}
        return await route.fulfill(response=answer, json=session)

    await screen.page.route("**/auth/v1/token?*", shorten)


def note_joins(socket: WebSocket, closed: asyncio.Event, joined_again: asyncio.Event) -> None:
    def received(frame: str | bytes) -> None:
        if "phx_close" in str(frame):
            closed.set()

    def sent(frame: str | bytes) -> None:
        if "phx_join" in str(frame) and closed.is_set():
            joined_again.set()

    socket.on("framereceived", received)
    socket.on("framesent", sent)


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
