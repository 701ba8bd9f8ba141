"""The inbox in a real browser, served by the product's own web process, on the real parts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Playwright, async_playwright, expect

from gateway.local import inbox
from gateway.local.processes import Child
from gateway.local.stack import Stack
from tests.browser.screen import Screen, Screens
from tests.flow.conftest import start_worker, web, world  # noqa: F401  # fixtures
from tests.flow.world import World, eventually

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

expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
async def worker(stack: Stack) -> AsyncIterator[Child]:
    """One for all tests of a file: each looks at a number of its own."""
    child = await start_worker(stack)
    yield child
    await child.stop()


@pytest.fixture(scope="session")
async def page_url(stack: Stack, web: Child) -> str:  # noqa: F811
    await inbox.build(print)
    return f"{stack.environ['PUBLIC_URL']}/inbox/"


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as running:
        yield running


@pytest.fixture(scope="session")
async def browser(playwright: Playwright) -> AsyncIterator[Browser]:
    launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
    yield launched
    await launched.close()


@pytest.fixture
async def screens(browser: Browser, page_url: str, world: World) -> AsyncIterator[Screens]:  # noqa: F811
    """Windows of people; at the end nothing was said to a console, and nothing is at work."""
    screens = Screens(browser, page_url)
    yield screens
    for screen in screens.all:
        await screen.page.context.close()
    await settled(world)
    assert [words for screen in screens.all for words in screen.complaints] == []


@pytest.fixture
async def screen(screens: Screens) -> Screen:
    """The local user's, signed in."""
    screen = await screens.turn_on()
    await screen.sign_in()
    return screen


async def settled(world: World) -> None:  # noqa: F811
    """Before a number is deleted nothing of it is with the worker or on its way."""

    async def is_at_rest() -> bool:
        busy = await world.rows(
            "select 1 from sms_conversations c left join sms_messages m on m.conversation_id = c.id"
            " where c.config_id = %s and (c.lease_id is not null or c.reply_due_at is not null"
            " or c.send_due_at is not null or m.status in ('accepted', 'sent'))",
            world.config_id,
        )
        return not busy

    await eventually(is_at_rest, 60)
