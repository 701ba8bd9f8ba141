"""Pictures of every screen, left in tests/browser/pictures for somebody to look at.

Each is taken only when nothing is wider than the window, moved by itself or shows a raw name, and
axe finds nothing wrong.
"""

from __future__ import annotations

import uuid

import pytest
from playwright.async_api import FilePayload, Route, expect

from tests.browser.data import fill
from tests.browser.screen import DESKTOP, PHONE, Screen, Screens
from tests.browser.signing_in import follow_link_of_reset, sign_up
from tests.browser.test_knowledge import ask, forget
from tests.flow.world import World

pytestmark = [pytest.mark.browser]

LOOKS = {
    f"{size[0]}-{scheme}-{language}": (size, scheme, language)
    for size in (DESKTOP, PHONE)
    for scheme in ("light", "dark")
    for language in ("en", "es")
}


@pytest.fixture(params=["1280-light-en", "360-dark-es"])
async def looker(request: pytest.FixtureRequest, screens: Screens) -> Screen:
    screen = await screens.turn_on(*LOOKS[request.param])
    screen.is_steady = True
    return screen


async def test_signing_in(looker: Screen) -> None:
    await looker.page.goto(looker.url)
    await expect(looker.page.locator("input[name=password]")).to_be_visible()
    await looker.take_picture("sign-in")
    await looker.page.locator("input[name=email]").fill("you@example.com")
    await looker.page.locator("input[name=password]").fill("wrong")
    await looker.page.locator("button.primary").click()
    await expect(looker.page.get_by_role("alert")).to_be_visible()
    await looker.take_picture("sign-in-wrong")
    await looker.page.locator(".sign-in-ways button").first.click()
    await looker.page.locator("button.primary").click()
    await expect(looker.page.get_by_role("status")).to_be_visible()
    await looker.take_picture("sign-in-link")
    await looker.page.locator(".sign-in-ways button").first.click()
    await looker.page.locator(".sign-in-ways button").last.click()
    await looker.take_picture("sign-in-reset")
    await looker.page.goto(f"{looker.url}?invitation={uuid.uuid4()}")
    await looker.page.locator(".sign-in-ways button").first.click()
    await expect(looker.page.locator("input[autocomplete=new-password]")).to_be_visible()
    await looker.take_picture("sign-in-invited")
    looker.forgive("status of 400")


async def test_a_new_password_and_nobody_s_number_yet(looker: Screen, world: World) -> None:
    email = f"ana.{uuid.uuid4().hex[:6]}@example.com"
    await sign_up(world.stack, email, "first-password")
    await follow_link_of_reset(looker, world.stack, email)
    await looker.take_picture("new-password")
    await looker.page.locator("input[name=password]").fill("another-password")
    await looker.page.locator("button.primary").click()
    await expect(looker.page.locator("code")).to_be_visible()
    await looker.take_picture("no-number")
    await world.rows("delete from auth.users where email = %s", email)


@pytest.mark.parametrize("look", LOOKS)
async def test_the_list_a_thread_and_the_statistics_in_every_look(
    screens: Screens, world: World, look: str
) -> None:
    await fill(world)
    screen = await screens.turn_on(*LOOKS[look])
    screen.is_steady = True
    await screen.sign_in()
    await expect(screen.row("+525511223344")).to_be_visible()
    await screen.take_picture("list")
    await screen.open_named("Lucía Fernández")
    await screen.shows("Ana")
    await screen.take_picture("thread")
    await screen.page.goto(f"{screen.url}statistics")
    await expect(screen.page.locator(".chart canvas")).to_have_count(3)
    await expect(screen.page.locator(".figure .quiet-words")).to_be_visible()
    await screen.take_whole_picture("statistics")


async def test_a_thread_with_details_contact_and_what_is_typed(
    looker: Screen, world: World
) -> None:
    await fill(world)
    await looker.sign_in()
    await looker.open_named("Lucía Fernández")
    await (
        looker.thread.get_by_role("article")
        .filter(has_text="38 €")
        .get_by_role("button", include_hidden=True)
        .click()
    )
    await looker.composer.fill("Gracias a usted, ¡hasta el domingo! Le guardamos la tarta en caja.")
    await looker.take_picture("thread-details")
    await looker.page.locator(".thread-actions [aria-pressed]").click()
    await expect(looker.page.locator(".contact-facts")).to_be_visible()
    await looker.take_picture("contact")
    await looker.take_whole_picture("contact-whole")


KINDS = {
    "+525511223344": "needs-human",
    "+15125550143": "failed",
    "+442079460123": "hostile",
    "+33612349876": "opted-out",
    "+4915112349870": "blocked",
    "+541123456789": "closed",
}


@pytest.mark.parametrize("contact", KINDS)
async def test_threads_of_every_kind(looker: Screen, world: World, contact: str) -> None:
    await fill(world)
    await looker.sign_in()
    await looker.row(contact).click()
    await expect(looker.thread.get_by_role("article").first).to_be_visible()
    await looker.take_picture(f"thread-{KINDS[contact]}")


async def test_messages_that_are_written_too_long_or_not_sent(looker: Screen, world: World) -> None:
    await fill(world)
    await looker.sign_in()
    await looker.open_named("Lucía Fernández")
    conversation = looker.page.url.rsplit("/", 1)[1]
    due = (
        "update sms_conversations set reply_due_at = now() + %s::interval,"
        " waiting_since = now() + %s::interval, last_pending_id = last_incoming_id where id = %s"
    )
    await world.rows(due, "1 hour", "1 second", conversation)
    await expect(looker.thread.get_by_role("status")).to_be_visible()
    await looker.composer.fill("Le guardamos la tarta. " * 80)
    await looker.forget_shifts()  # the composer grows with what is typed
    await looker.take_picture("thread-too-long")
    await looker.page.route("**/rpc/send_sms", away)
    await looker.composer.fill("Le guardamos la tarta hasta el domingo.")
    await looker.page.locator(".send").click()
    await expect(looker.thread.get_by_role("alert")).to_be_visible()
    await looker.page.locator(".thread-actions .quiet").click()
    await expect(looker.page.locator(".notice")).to_be_visible()
    await looker.forget_shifts()
    await looker.take_picture("thread-not-sent")
    await world.rows(due, None, None, conversation)
    looker.forgive("status of 503")


async def test_menus_and_dialogs(looker: Screen, world: World) -> None:
    await fill(world)
    await looker.sign_in()
    await expect(looker.row("+525511223344")).to_be_visible()
    high = await looker.page.locator(".list").evaluate("it => it.offsetHeight")
    await looker.page.locator(".rail .rail-link").last.click()
    await expect(looker.page.get_by_role("menu")).to_be_visible()
    assert await looker.page.locator(".list").evaluate("it => it.offsetHeight") == high
    await looker.take_picture("menu")
    await looker.page.keyboard.press("Escape")
    await expect(looker.page.get_by_role("menu")).to_have_count(0)
    await looker.page.keyboard.press("?")
    await expect(looker.page.get_by_role("dialog")).to_be_visible()
    await looker.take_picture("shortcuts")


async def test_a_contact_is_asked_about_before_it_is_erased(looker: Screen, world: World) -> None:
    await fill(world)
    await looker.sign_in()
    await looker.open_named("Lucía Fernández")
    await looker.page.locator(".thread-actions button").last.click()
    await expect(looker.page.get_by_role("menu")).to_be_visible()
    await looker.take_picture("thread-menu")
    await looker.page.keyboard.press("Escape")
    await looker.page.locator(".thread-actions [aria-pressed]").click()
    await looker.page.locator(".contact-facts .danger").click()
    await expect(looker.page.get_by_role("dialog").last).to_be_visible()
    await looker.take_picture("contact-erase")


async def test_numbers_with_a_change_refused_and_the_history(looker: Screen, world: World) -> None:
    await world.rows(
        "update sms_configs set system_prompt = 'Eres la recepcionista.' where id = %s",
        world.config_id,
    )
    await looker.sign_in()
    await looker.page.goto(f"{looker.url}numbers")
    await looker.page.locator(".page-head select").select_option(str(world.config_id))
    await expect(looker.page.locator(".setting textarea").first).to_have_value(
        "Eres la recepcionista."
    )
    await looker.take_picture("numbers")
    await looker.take_whole_picture("numbers-whole")
    await looker.page.locator(".is-duration input").first.fill("3600")
    await looker.page.locator(".save-bar .primary").click()
    await expect(looker.page.get_by_role("alert")).to_be_visible()
    await looker.take_picture("numbers-refused")
    await looker.page.locator(".versions .quiet").first.click()
    await expect(looker.page.get_by_role("dialog")).to_be_visible()
    await looker.take_picture("numbers-restore")
    looker.forgive("status of 422")


async def test_the_knowledge(looker: Screen, world: World) -> None:
    await looker.sign_in()
    await looker.page.goto(f"{looker.url}knowledge")
    await expect(looker.page.locator(".empty-title")).to_be_visible()
    await looker.take_picture("knowledge-empty")
    await ask(world, "¿Tienen pan sin gluten y cuánto cuesta la barra de medio kilo?")
    await world.rows(
        "insert into sms_documents (user_id, config_id, title, content, language)"
        " select user_id, id, 'Horario y precios', 'Los domingos abrimos de 9 a 15 h.', 'spanish'"
        " from sms_configs where id = %s",
        world.config_id,
    )
    await looker.page.reload()
    await looker.page.locator(".document").click()
    await expect(looker.page.locator("textarea[name=content]")).to_be_visible()
    await looker.take_picture("knowledge-document")
    await looker.page.keyboard.press("Escape")
    await expect(looker.page.get_by_role("dialog")).to_have_count(0)
    await looker.page.locator(".question .quiet").click()
    await expect(looker.page.locator("textarea[name=answer]")).to_be_visible()
    await looker.take_whole_picture("knowledge")
    photo: FilePayload = {"name": "foto.txt", "mimeType": "text/plain", "buffer": b"\x01"}
    await looker.page.locator("input[type=file]").set_input_files(photo)
    await expect(looker.page.locator(".notice")).to_be_visible()
    await looker.take_picture("knowledge-refused")
    looker.forgive("status of 422")
    await forget(world)


async def test_the_alerts(looker: Screen, world: World) -> None:
    await world.rows("delete from sms_event_targets")
    await looker.sign_in()
    await looker.page.goto(f"{looker.url}alerts")
    await expect(looker.page.locator(".empty-title")).to_be_visible()
    await looker.take_picture("alerts-empty")
    await looker.page.locator(".page-head button").click()
    await expect(looker.page.get_by_role("dialog")).to_be_visible()
    await looker.take_picture("alerts-new")
    await looker.page.get_by_role("dialog").locator("select").first.select_option("webhook")
    await looker.page.locator("input[name=address]").fill("http://tienda.example.com/avisos")
    await looker.page.get_by_role("dialog").locator(".primary").click()
    await expect(looker.page.get_by_role("alert")).to_be_visible()
    await looker.take_picture("alerts-refused")
    await looker.page.locator("input[name=address]").fill("https://tienda.example.com/avisos")
    await looker.page.get_by_role("dialog").locator(".primary").click()
    await expect(looker.page.get_by_role("dialog").locator("code")).to_be_visible()
    await looker.take_picture("alerts-secret")
    await looker.page.keyboard.press("Escape")
    await expect(looker.page.get_by_role("dialog")).to_have_count(0)
    await looker.page.locator(".page-head button").click()
    await looker.page.locator("input[name=address]").fill("+34 600 99 88 77")
    await looker.page.locator("select[name=number]").select_option(str(world.config_id))
    await looker.page.get_by_role("dialog").locator(".primary").click()
    await expect(looker.page.get_by_role("dialog")).to_have_count(0)
    await looker.page.locator(".target-actions [aria-expanded]").last.click()
    await expect(looker.page.locator(".card-block .people li")).to_have_count(1)
    await looker.take_whole_picture("alerts")
    looker.forgive("status of 422")
    await world.rows("delete from sms_event_targets")


async def test_the_team(looker: Screen, world: World) -> None:
    await looker.sign_in()
    await looker.page.goto(f"{looker.url}team")
    await looker.page.locator("input[name=email]").fill("marta@example.com")
    await looker.page.locator(".in-a-row .primary").click()
    await expect(looker.page.get_by_text("marta@example.com")).to_be_visible()
    await looker.take_picture("team")


async def test_search_found_and_not(looker: Screen, world: World) -> None:
    await fill(world)
    await looker.sign_in()
    await looker.page.get_by_role("searchbox").fill("tarta")
    await expect(looker.page.locator("mark").first).to_be_visible()
    await looker.take_picture("search")
    await looker.page.get_by_role("searchbox").fill("bicicleta")
    await expect(looker.page.locator(".found .empty-title")).to_be_visible()
    await looker.take_picture("search-nothing")


async def test_empty_screens(looker: Screen, world: World) -> None:
    await looker.sign_in()
    await expect(looker.page.locator(".list .empty-title")).to_be_visible()
    await looker.take_picture("list-empty")
    await looker.page.locator(".list-head select").first.select_option("failed")
    await expect(looker.page.locator(".list .empty-title")).to_be_visible()
    await looker.take_picture("list-empty-filter")
    await looker.page.goto(f"{looker.url}00000000-0000-4000-8000-000000000000")
    await expect(looker.page.locator(".thread-place .empty-title")).to_be_visible()
    await looker.take_picture("thread-missing")
    await looker.page.goto(f"{looker.url}statistics")
    await expect(looker.page.locator(".empty-title")).to_be_visible()
    await looker.take_picture("statistics-empty")


async def test_the_figures_as_tables(looker: Screen, world: World) -> None:
    await fill(world)
    await looker.sign_in()
    await looker.page.goto(f"{looker.url}statistics")
    await expect(looker.page.locator(".chart canvas")).to_have_count(3)
    for button in await looker.page.locator(".block-head button").all():
        await button.click()
    await expect(looker.page.locator(".table-place")).to_have_count(3)
    await looker.take_whole_picture("statistics-tables")


BROKEN = {
    "": "sms_inbox?*",
    "statistics": "rpc/get_sms_daily",
    "knowledge": "sms_documents?*",
    "numbers": "sms_configs?*",
    "alerts": "sms_event_targets?*",
    "team": "rpc/get_sms_team",
}


@pytest.mark.parametrize("section", BROKEN)
async def test_screens_whose_server_is_away(looker: Screen, world: World, section: str) -> None:
    await looker.sign_in()
    await looker.page.route(f"**/rest/v1/{BROKEN[section]}", away)
    await looker.page.goto(f"{looker.url}{section}")
    await expect(looker.page.get_by_role("alert").first).to_be_visible()
    await looker.take_picture(f"{section or 'list'}-broken")
    await looker.page.goto("about:blank")  # where nothing is asked again
    looker.forgive("status of 503")


async def test_a_thread_whose_server_is_away_or_that_is_offline(
    looker: Screen, world: World
) -> None:
    await fill(world)
    await looker.sign_in()
    await looker.page.route("**/rest/v1/sms_messages?*", away)
    await looker.open_named("Lucía Fernández")
    await expect(looker.page.get_by_role("alert")).to_be_visible()
    await looker.take_picture("thread-broken")
    await looker.page.unroute_all(behavior="wait")
    await looker.page.reload()
    await looker.shows("Ana")
    await looker.page.context.set_offline(True)
    await expect(looker.page.locator(".banner")).to_be_visible()
    await looker.forget_shifts()
    await looker.take_picture("thread-offline")
    await looker.page.context.set_offline(False)
    looker.forgive("status of 503", "ERR_INTERNET", "WebSocket")


async def away(route: Route) -> None:
    await route.fulfill(status=503, json={"code": "PGRST000", "message": "away"})
