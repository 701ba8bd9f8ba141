"""The example page of tests/react in a real browser, on the real parts."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Page,
    Playwright,
    Route,
    async_playwright,
    expect,
)
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from gateway.local.binaries import NODE_FOLDER, NPM_FLAGS
from gateway.local.processes import Child, run
from gateway.local.stack import EMAIL, PASSWORD, Stack
from gateway.local.testserver import serve
from tests.flow.conftest import start_worker
from tests.flow.world import World, eventually

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("web", "worker")]

REACT = Path(__file__).parents[1] / "react"
CHROMIUM = "/usr/bin/chromium"
# The first two: it runs as root and without a screen. The others: it calls nobody.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, DESKTOP = (375, 720), (1200, 760)

expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
async def worker(stack: Stack) -> AsyncIterator[Child]:
    """One for all tests of this file: each looks at a number of its own."""
    child = await start_worker(stack)
    yield child
    await child.stop()


@pytest.fixture(autouse=True)
async def rest(world: World) -> AsyncIterator[None]:
    """Before a number is deleted nothing of it is with the worker or on its way."""
    yield
    await settled(world)


async def settled(world: World) -> None:
    async def is_at_rest() -> bool:
        busy = await world.rows(
            "select from sms_conversations c left join sms_messages m on m.conversation_id = c.id"
            " where c.config_id = %s and (c.lease_id is not null or c.reply_due_at is not null"
            " or c.send_due_at is not null or m.status in ('accepted', 'sent'))",
            world.config_id,
        )
        return not busy

    await eventually(is_at_rest, 60)


@pytest.fixture(scope="session")
async def page_url(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The page, built for this stack by its own commands and served as files."""
    built = tmp_path_factory.mktemp("page")
    hidden = REACT / "node_modules/.package-lock.json"  # npm's note of what it installed
    if (
        not hidden.exists()
        or hidden.stat().st_mtime < (REACT / "package-lock.json").stat().st_mtime
    ):
        await npm(stack, "ci", *NPM_FLAGS)
    await npm(stack, "run", "build", "--", "--outDir", str(built), "--emptyOutDir")
    app = Starlette(routes=[Mount("/", StaticFiles(directory=built, html=True))])
    async with serve(app) as url:
        yield url


async def npm(stack: Stack, *arguments: str) -> None:
    environ = {
        **os.environ,
        "PATH": f"{NODE_FOLDER / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "VITE_SUPABASE_URL": stack.environ["SUPABASE_URL"],
        "VITE_SUPABASE_PUBLISHABLE_KEY": stack.environ["SUPABASE_PUBLISHABLE_KEY"],
    }
    cli = NODE_FOLDER / "lib/node_modules/npm/bin/npm-cli.js"
    code, output = await run(
        NODE_FOLDER / "bin/node", cli, *arguments, folder=REACT, environ=environ
    )
    assert code == 0, output


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as running:
        yield running


@pytest.fixture(scope="session")
async def browser(playwright: Playwright) -> AsyncIterator[Browser]:
    launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
    yield launched
    await launched.close()


class Screen:
    """One person's browser window. `complaints` are the console's errors and warnings."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        await self.page.goto(self.url)
        await self.page.get_by_label("E-mail").fill(email)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("navigation")).to_be_visible()

    async def open(self, contact: str) -> None:
        await self.page.get_by_role("navigation").get_by_text(contact).click()
        await expect(self.page.get_by_role("heading", name=contact)).to_be_visible()

    async def write(self, content: str) -> None:
        await self.page.get_by_label("Your text").fill(content)
        await self.page.get_by_label("Your text").press("Enter")

    async def press(self, button: str) -> None:
        await self.page.get_by_role("button", name=button).click()

    async def shows(self, words: str) -> None:
        """In the thread that is open."""
        await expect(self.page.get_by_role("main")).to_contain_text(words)

    async def lists(self, words: str) -> None:
        """In the inbox."""
        await expect(self.page.get_by_role("navigation")).to_contain_text(words)

    async def take_picture(self, path: Path) -> None:
        too_wide = "document.documentElement.scrollWidth - window.innerWidth"
        assert await self.page.evaluate(too_wide) <= 0
        await self.page.screenshot(path=path)


class Screens:
    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url
        self.all: list[Screen] = []

    async def turn_on(
        self, size: tuple[int, int] = DESKTOP, scheme: str = "light", locale: str = "es-MX"
    ) -> Screen:
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            locale=locale,
        )
        screen = Screen(await context.new_page(), self.url)
        self.all.append(screen)
        return screen


@pytest.fixture
async def screens(browser: Browser, page_url: str) -> AsyncIterator[Screens]:
    """Windows of people; at the end nothing was said to a console."""
    screens = Screens(browser, page_url)
    yield screens
    for screen in screens.all:
        await screen.page.context.close()
    assert [words for screen in screens.all for words in screen.complaints] == []


@pytest.fixture
async def screen(screens: Screens, world: World) -> Screen:
    """The local user's, signed in."""
    screen = await screens.turn_on()
    await screen.sign_in()
    return screen


async def test_a_text_appears_by_itself_and_a_typed_reply_is_sent(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await screen.lists("No conversations yet")
    await world.texts_from(contact, "Hola, ¿abren hoy?")
    await screen.lists(contact)
    await screen.lists("1 unread")

    await screen.open(contact)
    await screen.shows('Recibido: "Hola, ¿abren hoy?"')
    await screen.shows("✓ Delivered")
    await expect(screen.page.get_by_text("unread")).to_have_count(0)

    await screen.write("Soy Ana, abrimos a las 7")
    await expect(screen.page.get_by_text("✓ Delivered")).to_have_count(2)
    assert world.sent_to(contact)[-1] == "Soy Ana, abrimos a las 7"
    await screen.shows("Paused until")

    await world.texts_from(contact, "Gracias, Ana")
    await screen.shows("Gracias, Ana")


async def test_the_ai_is_paused_and_resumed(screen: Screen, world: World) -> None:
    contact = world.contact()
    await world.texts_from(contact, "uno")
    await world.answered(contact)
    await screen.open(contact)
    await screen.press("Pause AI")
    await screen.lists("AI paused")
    await world.texts_from(contact, "dos")
    await screen.shows("dos")

    await screen.press("Resume AI")
    await expect(screen.page.get_by_role("navigation").get_by_text("AI paused")).to_have_count(0)
    await world.texts_from(contact, "tres")
    await screen.shows('Recibido: "dos / tres"')
    assert len(world.sent_to(contact)) == 2


async def test_who_asks_for_a_person_is_marked(screen: Screen, world: World) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await world.rows(
        "update sms_conversations set wants_human = true where contact_number = %s", contact
    )
    await screen.lists("Wants a person")


async def test_what_became_of_a_text_is_told(screen: Screen, world: World) -> None:
    contact = world.contact()
    world.stack.twilio.deliver_as("undelivered", match=contact, times=1)
    await world.texts_from(contact, "Hola")
    await screen.lists(contact)
    await screen.open(contact)
    await screen.shows("Not delivered")
    await screen.shows("Try again later.")

    await world.texts_from(contact, "STOP")
    await screen.write("¿Sigues ahí?")
    await screen.shows("Not sent")
    await screen.shows("The contact opted out with STOP. Nothing is sent until they text START.")


async def test_a_text_into_a_conversation_closed_elsewhere_is_refused_in_a_sentence(
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
    await screen.shows("The conversation is closed. The contact's next text opens a new one.")
    assert [words for words in screen.complaints if "status of 409" not in words] == []
    screen.complaints.clear()


async def test_a_closed_conversation_takes_no_text_and_the_next_text_opens_another(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await screen.open(contact)
    await screen.press("Close")
    await screen.lists("Closed")
    await expect(screen.page.get_by_label("Your text")).to_have_count(0)
    await world.texts_from(contact, "Otra vez")
    await screen.lists("Otra vez")
    await expect(screen.page.get_by_role("navigation").get_by_text(contact)).to_have_count(2)


async def test_a_text_sent_again_after_its_answer_was_lost_is_one_text(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await screen.open(contact)
    await screen.shows("✓ Delivered")

    await screen.page.route("**/rpc/send_sms", _lose_answer, times=1)
    await screen.page.route("**/sms_messages?*", _lose_answer)
    await screen.write("una vez")
    await expect(screen.page.get_by_role("button", name="Try again")).to_be_visible()
    await screen.page.unroute_all()
    await screen.press("Try again")
    await expect(screen.page.get_by_text("✓ Delivered")).to_have_count(2)
    assert world.sent_to(contact)[1:] == ["una vez"]
    screen.complaints.clear()  # of the answers that were lost


async def _lose_answer(route: Route) -> None:
    await route.fetch()
    await route.abort()


async def test_what_came_while_realtime_was_away_appears_when_it_is_back(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.texts_from(contact, "antes")
    await screen.open(contact)
    world.stack.proxy.close("/realtime/v1")
    await world.texts_from(contact, "mientras")
    world.stack.proxy.open("/realtime/v1")
    await screen.shows("mientras")
    await world.texts_from(contact, "después")
    await screen.shows("después")
    screen.complaints.clear()  # of the connections that were cut


async def test_older_texts_come_page_by_page(screen: Screen, world: World) -> None:
    contact = world.contact()
    await world.rows("update sms_configs set auto_reply = false where id = %s", world.config_id)
    await world.texts_from(contact, "texto 0")
    await world.rows(
        "insert into sms_messages (conversation_id, direction, author, status, message_content)"
        " select c.id, 'incoming', 'contact', 'received', 'texto ' || n"
        " from sms_conversations c, generate_series(1, 119) n where c.contact_number = %s",
        contact,
    )
    await screen.open(contact)
    log = screen.page.get_by_role("log")
    await expect(log.get_by_text("texto")).to_have_count(50)
    await screen.press("Older texts")
    await expect(log.get_by_text("texto")).to_have_count(100)
    await screen.press("Older texts")
    await expect(log.get_by_text("texto")).to_have_count(120)
    await expect(screen.page.get_by_role("button", name="Older texts")).to_have_count(0)


async def test_search_finds_texts_and_numbers(screen: Screen, world: World) -> None:
    contact = world.contact()
    await world.rows("update sms_configs set auto_reply = false where id = %s", world.config_id)
    await world.texts_from(contact, "Necesito una tarta de limón")
    await world.texts_from(world.contact(), "Hola")
    search = screen.page.get_by_role("searchbox")
    found = screen.page.get_by_role("list", name="Found").get_by_role("link")
    for query in ("TARTA limon", contact[4:]):
        await search.fill(query)
        await expect(found).to_have_count(1)
        await expect(found).to_contain_text(contact)
    await search.fill("bicicleta")
    await screen.lists("Nothing found")


async def test_another_user_sees_nothing_of_it_and_has_a_page_of_his_own(
    screen: Screen, screens: Screens, world: World
) -> None:
    email = f"{uuid.uuid4().hex}@example.com"
    other = await screens.turn_on()
    await _sign_up(world.stack, email)
    await other.sign_in(email, "another-password")
    await other.lists("No conversations yet")
    contact = world.contact()
    await world.texts_from(contact, "para Ana")
    await screen.lists("para Ana")
    mine = await screen.page.get_by_role("link").filter(has_text=contact).get_attribute("href")
    await other.page.goto(f"{other.url}/{mine}")
    await other.shows("There is no such conversation")

    theirs = World(world.stack)
    await theirs.settle_in()
    await theirs.rows(
        "update sms_configs set user_id = (select id from auth.users where email = %s)"
        " where id = %s",
        email,
        theirs.config_id,
    )
    await theirs.texts_from("+15567654321", "para Luis")
    await other.lists("para Luis")
    await expect(other.page.get_by_text("para Ana")).to_have_count(0)
    await expect(screen.page.get_by_text("para Luis")).to_have_count(0)
    await settled(theirs)
    await theirs.rows("delete from auth.users where email = %s", email)


async def _sign_up(stack: Stack, email: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{stack.environ['SUPABASE_URL']}/auth/v1/signup",
            headers={"apikey": stack.environ["SUPABASE_PUBLISHABLE_KEY"]},
            json={"email": email, "password": "another-password"},
        )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_pages_fit_the_screen(
    screens: Screens, world: World, size: tuple[int, int], scheme: str, tmp_path: Path
) -> None:
    """Nothing is wider than the window; the pictures are left in pytest's temporary folder."""
    contact = world.contact()
    for text in ("Hola, ¿abren el domingo?", "¿Tienen tarta de chocolate sin lactosa?"):
        await world.texts_from(contact, text)
        await world.answered(contact)
    screen = await screens.turn_on(size, scheme)
    await screen.sign_in()
    await screen.lists(contact)
    await screen.take_picture(tmp_path / "inbox.png")
    await screen.open(contact)
    await screen.write("Soy Ana. Sí, la hacemos por encargo.")
    await expect(screen.page.get_by_text("✓ Delivered")).to_have_count(3)
    await screen.take_picture(tmp_path / "thread.png")
    await screen.page.goto(f"{screen.url}/#stats")
    await expect(screen.page.get_by_role("img", name="Texts by day")).to_be_visible()
    await screen.shows("AI replies 2")
    await screen.shows("Answered after")
    await screen.take_picture(tmp_path / "statistics.png")
