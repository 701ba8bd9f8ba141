"""What people do all day: read, answer, take over, find."""

from __future__ import annotations

import uuid

import pytest
from playwright.async_api import Route, expect

from tests.browser.conftest import settled
from tests.browser.data import fill
from tests.browser.screen import Screen, Screens, as_written
from tests.browser.signing_in import follow_link_of_reset, follow_link_to_sign_in, sign_up
from tests.flow.world import World

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker")]


async def test_a_message_appears_by_itself_and_a_typed_reply_is_sent(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola, ¿abren hoy?")
    await expect(screen.row(contact)).to_contain_text("1 unread message")
    await expect(screen.page).to_have_title("(1) Inbox")

    await screen.open(contact)
    await screen.shows('Recibido: "Hola, ¿abren hoy?"')
    await screen.shows("Delivered")
    await expect(screen.row(contact)).not_to_contain_text("unread")
    await expect(screen.page).to_have_title("Inbox")

    await screen.write("Soy Ana, abrimos a las 7")
    await expect(screen.thread.get_by_text("Delivered")).to_have_count(2)
    assert world.sent_to(contact)[-1] == "Soy Ana, abrimos a las 7"
    await expect(screen.page.locator(".thread-head")).to_contain_text("Assistant paused until")

    await world.texts_from(contact, "Gracias, Ana")
    await screen.shows("Gracias, Ana")


async def test_the_assistant_is_paused_resumed_and_the_last_step_undone(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "uno")
    await world.answered(contact)
    await screen.open(contact)
    await screen.press("Pause the assistant")
    await expect(screen.row(contact)).to_contain_text("Paused")
    await world.texts_from(contact, "dos")
    await screen.shows("dos")

    await screen.press("Resume the assistant")
    await expect(screen.row(contact)).not_to_contain_text("Paused")
    await screen.press("Undo")
    await expect(screen.row(contact)).to_contain_text("Paused")
    await screen.press("Resume the assistant")
    await expect(screen.row(contact)).not_to_contain_text("Paused")
    await world.texts_from(contact, "tres")
    await screen.shows('Recibido: "dos / tres"')
    assert len(world.sent_to(contact)) == 2


async def test_who_needs_a_human_stands_first_with_the_time_waited(
    screen: Screen, world: World
) -> None:
    contact, later = world.contact(), world.contact()
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    await world.texts_from(later, "Hola")
    await world.answered(later)
    await expect(screen.rows.first).to_contain_text(as_written(later))
    await world.rows(
        "update sms_conversations set wants_human = true where contact_number = %s", contact
    )
    await expect(screen.rows.first).to_contain_text(as_written(contact))
    await expect(screen.rows.first).to_contain_text("Needs a human: waiting 1 min")


async def test_what_became_of_a_message_is_told_with_what_to_do(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    world.stack.twilio.deliver_as("undelivered", match=contact, times=1)
    await world.texts_from(contact, "Hola")
    await screen.open(contact)
    await screen.shows("Not delivered")
    await screen.shows("Try again later.")
    await expect(screen.row(contact)).to_contain_text("Not delivered")

    await world.texts_from(contact, "STOP")
    await expect(
        screen.page.get_by_text("nothing can be sent until they text START")
    ).to_be_visible()
    await expect(screen.composer).to_have_count(0)
    await screen.shows("Not answered: it is a word such as STOP or HELP.")
    await world.texts_from(contact, "START")
    await expect(screen.composer).to_be_visible()


async def test_details_of_a_reply_are_shown_on_demand(screen: Screen, world: World) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    await screen.open(contact)
    reply = screen.thread.get_by_role("article").last
    await reply.hover()
    await reply.get_by_role("button", name="Details").click()
    for words in ("1 segment, GSM-7", "Model", "Answered after"):
        await expect(reply).to_contain_text(words)


async def test_tools_that_a_reply_called_stand_under_it(screen: Screen, world: World) -> None:
    await fill(world)
    await screen.page.reload()
    await screen.open_named("Lucía Fernández")
    reply = screen.thread.get_by_role("article").filter(has_text="38 €")
    await reply.hover()
    await reply.get_by_role("button", name="Details").click()
    for words in ("book cake", "flavour", "chocolate", "booked for: Nov 29, 2026", "price: 38 €"):
        await expect(reply).to_contain_text(words)


async def test_a_message_into_a_conversation_closed_elsewhere_is_refused_in_a_sentence(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await screen.open(contact)
    world.stack.proxy.delay("send_sms", 1)
    await screen.write("¿Hola?")
    await world.rows(
        "update sms_conversations set status = 'closed' where contact_number = %s", contact
    )
    await screen.shows("The conversation is closed. The contact's next message opens a new one.")
    screen.forgive("status of 409")


async def test_closing_waits_five_seconds_and_can_be_undone(screen: Screen, world: World) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    await screen.open(contact)
    await screen.choose("Close the conversation")
    await screen.press("Undo")
    await screen.open(contact)
    await expect(screen.composer).to_be_visible()

    await screen.choose("Close the conversation")
    await expect(screen.row(contact)).to_contain_text("Closed")
    await screen.open(contact)
    await expect(screen.composer).to_have_count(0)
    await expect(screen.page.get_by_text("next message opens a new one")).to_be_visible()
    await world.texts_from(contact, "Otra vez")
    await expect(screen.row(contact)).to_have_count(2)
    await screen.page.get_by_role("link", name="Open the newest conversation").click()
    await screen.shows("Otra vez")
    await expect(screen.composer).to_be_visible()


async def test_a_conversation_that_is_closed_when_the_page_is_left_is_closed(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    await screen.open(contact)
    await screen.choose("Close the conversation")
    await screen.page.goto("about:blank")
    await screen.page.goto(screen.url)
    await expect(screen.row(contact)).to_contain_text("Closed")


async def test_a_message_sent_again_after_its_answer_was_lost_is_one_message(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await screen.open(contact)
    await screen.shows("Delivered")

    await screen.page.route("**/rpc/send_sms", _lose_answer, times=1)
    await screen.page.route("**/sms_messages?*", _lose_answer)
    await screen.write("una vez")
    await expect(screen.page.get_by_role("button", name="Send again")).to_be_visible()
    await screen.page.unroute_all(behavior="wait")
    await screen.press("Send again")
    await expect(screen.thread.get_by_text("Delivered")).to_have_count(2)
    assert world.sent_to(contact)[1:] == ["una vez"]
    screen.complaints.clear()  # of the answers that were lost


async def _lose_answer(route: Route) -> None:
    await route.fetch()
    await route.abort()


async def test_too_many_messages_are_refused_in_a_sentence(screen: Screen, world: World) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    await screen.open(contact)
    await world.rows("update sms.policy set human_messages_per_day = 0")
    await screen.write("¿Otra?")
    await screen.shows("Too many messages today.")
    await expect(screen.page.get_by_role("button", name="Send again")).to_be_visible()
    await world.rows("update sms.policy set human_messages_per_day = 1000")
    await screen.press("Send again")
    await expect(screen.thread.get_by_text("Delivered")).to_have_count(2)
    screen.forgive("status of 429")


async def test_what_was_typed_is_kept_for_each_conversation(screen: Screen, world: World) -> None:
    one, other = world.contact(), world.contact()
    for contact in (one, other):
        await world.texts_from(contact, "Hola")
        await world.answered(contact)
    await screen.open(one)
    await screen.composer.fill("para el primero")
    await screen.open(other)
    await expect(screen.composer).to_have_value("")
    await screen.page.reload()
    await screen.open(one)
    await expect(screen.composer).to_have_value("para el primero")
    await screen.write("para el primero")
    await expect(screen.composer).to_have_value("")


async def test_segments_are_counted_while_typing(screen: Screen, world: World) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await screen.open(contact)
    foot = screen.page.locator(".composer-foot")
    await screen.composer.fill("a" * 160)
    await expect(foot).to_contain_text("1 segment")
    await expect(foot).to_contain_text("0 characters left")
    await screen.composer.fill("a" * 161)
    await expect(foot).to_contain_text("2 segments")
    await screen.composer.fill("a" * 1601)
    await expect(foot).to_contain_text("Too long by 1 character")
    await expect(screen.page.get_by_role("button", name="Send", exact=True)).to_be_disabled()


async def test_search_finds_messages_and_numbers_and_marks_the_words(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.rows("update sms_configs set auto_reply = false where id = %s", world.config_id)
    await world.texts_from(contact, "Necesito una tarta de limón")
    await world.texts_from(world.contact(), "Hola")
    search = screen.page.get_by_role("searchbox")
    for query, marked in (("TARTA limon", ["tarta", "limón"]), (contact[5:], None)):
        await search.fill(query)
        await expect(screen.rows).to_have_count(1)
        await expect(screen.rows).to_contain_text(as_written(contact))
        marks = await screen.rows.locator("mark").all_inner_texts()
        assert marked is None or marks == marked
        assert marks
    await search.fill("bicicleta")
    await screen.lists("Nothing found")


async def test_filters_narrow_the_list(screen: Screen, world: World) -> None:
    failed, human, closed = (world.contact() for _ in range(3))
    world.stack.twilio.deliver_as("undelivered", match=failed, times=1)
    for contact in (failed, human, closed):
        await world.texts_from(contact, "Hola")
        await world.answered(contact) if contact != failed else None
    await world.rows(
        "update sms_conversations set wants_human = true where contact_number = %s", human
    )
    await world.rows(
        "update sms_conversations set status = 'closed' where contact_number = %s", closed
    )
    await screen.open(closed)
    choice = screen.page.get_by_label("Filter")
    for view, shown in (
        ("Not delivered", {failed}),
        ("Needs a human", {human}),
        ("Closed", {closed}),
        ("Unread", {failed, human}),
        ("All", {failed, human, closed}),
    ):
        await choice.select_option(view)
        await expect(screen.rows).to_have_count(len(shown))
        for contact in shown:
            await expect(screen.row(contact)).to_have_count(1)


async def test_another_user_sees_nothing_of_it_and_has_an_inbox_of_their_own(
    screen: Screen, screens: Screens, world: World
) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    other = await screens.turn_on()
    await sign_up(world.stack, email, "another-password")
    await other.sign_in(email, "another-password")
    await expect(other.page.get_by_text("No number yet")).to_be_visible()
    await expect(other.page.locator("code")).to_contain_text(f"--owner {email}")
    contact = world.contact()
    await world.texts_from(contact, "para Ana")
    await screen.lists("para Ana")
    mine = await screen.row(contact).get_attribute("href")

    theirs = World(world.stack)
    await theirs.settle_in()
    await theirs.rows("delete from sms_config_versions where config_id = %s", theirs.config_id)
    await theirs.rows(
        "update sms_configs set user_id = (select id from auth.users where email = %s)"
        " where id = %s",
        email,
        theirs.config_id,
    )
    await other.page.reload()
    await theirs.texts_from("+15567654321", "para Luis")
    await other.lists("para Luis")
    await other.page.goto(f"{other.url.removesuffix('/inbox/')}{mine}")
    await expect(other.page.get_by_text("There is no such conversation")).to_be_visible()
    await expect(other.page.get_by_text("para Ana")).to_have_count(0)
    await expect(screen.page.get_by_text("para Luis")).to_have_count(0)
    await settled(theirs)
    await theirs.rows("delete from auth.users where email = %s", email)


async def test_a_link_signs_in_and_another_sets_a_new_password(
    screens: Screens, world: World
) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    await sign_up(world.stack, email, "first-password")
    by_link = await screens.turn_on()
    await follow_link_to_sign_in(by_link, world.stack, email)
    await expect(by_link.page.get_by_text("No number yet")).to_be_visible()

    by_reset = await screens.turn_on()
    await follow_link_of_reset(by_reset, world.stack, email)
    await by_reset.page.get_by_label("New password").fill("another-password")
    await by_reset.press("Save the password")
    await expect(by_reset.page.get_by_text("No number yet")).to_be_visible()
    again = await screens.turn_on()
    await again.sign_in(email, "another-password")
    await world.rows("delete from auth.users where email = %s", email)
