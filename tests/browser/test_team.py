"""More than one person: invitations, who answers what, settings, and what is noted of a contact."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from playwright.async_api import expect

from gateway.local.stack import EMAIL
from tests.browser.screen import Screen, Screens
from tests.flow.world import World

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker")]


async def member(screen: Screen, screens: Screens, world: World) -> tuple[Screen, str]:
    """Somebody who was invited by the link and created an account with it; and the address."""
    email = f"{uuid.uuid4().hex}@example.com"
    await screen.page.goto(f"{screen.url}team")
    await screen.page.get_by_label("E-mail").fill(email)
    await screen.press("Invite")
    await expect(screen.page.get_by_text(email)).to_be_visible()
    [row] = await world.rows("select id from sms_invitations where email = %s", email)
    other = await screens.turn_on()
    await other.page.goto(f"{other.url}?invitation={row['id']}")
    await other.press("Create an account")
    await other.page.get_by_label("E-mail").fill(email)
    await other.page.get_by_label("Password").fill("another-password")
    await other.page.locator("button.primary").click()
    await expect(other.page.get_by_text("You are a member now")).to_be_visible()
    await screen.page.goto(screen.url)
    return other, email


async def test_two_people_who_take_a_conversation_at_once_see_who_has_it(
    screen: Screen, screens: Screens, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    other, email = await member(screen, screens, world)
    await screen.open(contact)
    await other.open(contact)
    await screen.write("de la dueña")
    await other.shows("de la dueña")
    await expect(other.page.locator(".thread-head")).to_contain_text("you")
    await other.write("de la compañera")
    await screen.shows("de la compañera")
    await expect(screen.thread.get_by_role("article").last).to_contain_text(email.split("@")[0])
    # The first message took it; the second changed nothing.
    await expect(screen.page.locator(".thread-head")).to_contain_text("You")

    await screen.page.get_by_role("button", name="More").click()
    await screen.page.get_by_role("menuitemradio", name=email.split("@")[0]).click()
    await expect(other.page.locator(".thread-head .mark").first).to_have_text("You")
    await screen.press("Undo")
    await expect(screen.page.locator(".thread-head .mark").first).to_have_text("You")
    await world.rows("delete from auth.users where email = %s", email)


async def test_of_two_who_answer_in_the_same_moment_one_has_it_and_both_see_who(
    screen: Screen, screens: Screens, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    other, email = await member(screen, screens, world)
    for one in (screen, other):
        await one.open(contact)
    await asyncio.gather(screen.write("de la dueña"), other.write("de la compañera"))
    for one in (screen, other):
        await one.shows("de la dueña")
        await one.shows("de la compañera")
    [row] = await world.rows(
        "select u.email from sms_conversations c join auth.users u on u.id = c.assigned_to"
        " where c.contact_number = %s",
        contact,
    )
    called = {True: "You", False: row["email"].split("@")[0]}
    for one, own in ((screen, EMAIL), (other, email)):
        holder = one.page.locator(".thread-head .mark").first
        await expect(holder).to_have_text(called[row["email"] == own])
    await expect(screen.thread.get_by_text("Delivered")).to_have_count(3)
    assert sorted(world.sent_to(contact)[1:]) == ["de la compañera", "de la dueña"]
    await world.rows("delete from auth.users where email = %s", email)


async def test_an_agent_sees_no_settings_and_a_removed_member_nothing(
    screen: Screen, screens: Screens, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    other, email = await member(screen, screens, world)
    await expect(other.row(contact)).to_be_visible()
    await expect(other.page.get_by_role("link", name="Numbers")).to_have_count(0)
    await screen.page.goto(f"{screen.url}team")
    await (
        screen.page.get_by_role("listitem")
        .filter(has_text=email)
        .get_by_role("button", name="Remove")
        .click()
    )
    await expect(screen.page.get_by_text(email)).to_have_count(0)
    await other.page.reload()
    await expect(other.page.get_by_text("No number yet")).to_be_visible()
    await world.rows("delete from auth.users where email = %s", email)


async def test_what_is_noted_of_a_contact_shows_at_once_and_is_found(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    await screen.open(contact)
    await screen.page.get_by_role("button", name="Contact").click()
    pane = screen.page.get_by_role("region", name="Contact")
    await pane.get_by_label("Name").fill("Óscar Núñez")
    await pane.get_by_label("Notes").fill("Prefiere las mañanas")
    await pane.get_by_label("Add a tag").first.fill("vip")
    await pane.get_by_label("Add a tag").first.press("Enter")
    await expect(pane.get_by_role("button", name="Remove the tag vip")).to_be_visible()
    await expect(screen.rows.first).to_contain_text("Óscar Núñez")
    await screen.page.get_by_role("searchbox").fill("oscar")
    await expect(screen.page.locator(".list mark")).to_have_text("Óscar")


async def test_a_blocked_contact_is_not_answered_until_unblocked(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "uno")
    await world.answered(contact)
    await screen.open(contact)
    await screen.choose("Block the contact")
    await expect(screen.row(contact)).to_contain_text("Blocked")
    await world.texts_from(contact, "dos")
    await screen.shows("Not answered: the contact is blocked.")
    await screen.choose("Unblock the contact")
    await expect(screen.row(contact)).not_to_contain_text("Blocked")
    await world.texts_from(contact, "tres")
    await screen.shows("tres")
    await expect(screen.thread.get_by_text("Recibido")).to_have_count(2)


async def test_an_erased_contact_leaves_nothing(screen: Screen, world: World) -> None:
    contact = world.contact()
    await world.texts_from(contact, "un secreto")
    await world.answered(contact)
    await screen.open(contact)
    await screen.page.get_by_role("button", name="Contact").click()
    await screen.press("Erase the contact")
    dialog = screen.page.get_by_role("dialog")
    erase = dialog.get_by_role("button", name="Erase the contact")
    await expect(erase).to_be_disabled()
    await dialog.get_by_role("textbox").fill(contact[-4:])
    await erase.click()
    await expect(screen.page.get_by_text("un secreto")).to_have_count(0)
    rows = await world.rows("select 1 from sms_messages where message_content like '%%secreto%%'")
    assert rows == []


async def test_settings_are_saved_refused_in_words_and_restored(
    screen: Screen, world: World
) -> None:
    await screen.page.goto(f"{screen.url}numbers")
    await screen.page.get_by_label("Number", exact=True).select_option(str(world.config_id))
    wait = screen.page.get_by_label("Wait before answering")
    await wait.fill("3600")
    await screen.press("Save")
    await expect(screen.page.get_by_role("alert")).to_have_text(
        "The wait before answering is 0 to 60 seconds. Nothing was saved."
    )
    await wait.fill("7")
    await screen.page.get_by_label("Close idle conversations after").fill("")
    await screen.press("Save")
    await expect(screen.page.get_by_text("Version 2")).to_be_visible()
    [row] = await world.rows(
        "select reply_delay::text, close_after from sms_configs where id = %s", world.config_id
    )
    assert row == {"reply_delay": "00:00:07", "close_after": None}

    first = screen.page.get_by_role("listitem").filter(has_text="Version 1")
    await first.get_by_role("button", name="Restore").click()
    await screen.page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    await expect(screen.page.get_by_text("Version 3")).to_be_visible()
    await expect(screen.page.get_by_label("Close idle conversations after")).to_have_value("3")
    screen.forgive("status of 422")
