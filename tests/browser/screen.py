"""One person's browser window, in the words of who looks at it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, ViewportSize, expect

from gateway.local.inbox import INBOX
from gateway.local.stack import EMAIL, PASSWORD

PHONE, DESKTOP = (360, 720), (1280, 800)
PICTURES = Path(__file__).parent / "pictures"
MOST_MOVED = 0.02  # of the window; 0.1 is what is called good
# Written for people, whose words may end where a line ends.
AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


# What moved by itself after it was drawn: https://web.dev/articles/cls
WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => list.getEntries().filter((it) => !it.hadRecentInput)
  .forEach((it) => window.shifts.push(
    [it.value, ...it.sources.map(({ node }) => node?.outerHTML?.slice(0, 80))],
  ))).observe({ type: 'layout-shift', buffered: true })
"""
# A column's or a key's name, or what a program shows by mistake. sms_tools is where people put
# theirs: the hint of that setting has to say it.
RAW = re.compile(
    r"(?!sms_tools)\b[a-z]+_[a-z_]+\b|\b(?:undefined|null|NaN)\b|\{\{|\[object|Invalid Date"
)
STORED_KEY = "Object.keys(localStorage).find((key) => key.endsWith('-auth-token'))"
STORED = f"JSON.parse(localStorage[{STORED_KEY}])"
TALLER = """() => Math.max(0, ...[...document.querySelectorAll(
  '.page, .dialog-body, .contact-pane')].map((it) => it.scrollHeight - it.clientHeight))"""


def as_written(contact: str) -> re.Pattern[str]:
    """The last digits of a number, with whatever stands between them in its country."""
    return re.compile(r"[ -]?".join(contact[-5:]))


class Screen:
    """`complaints` are the console's errors and warnings. With `is_steady` nothing may have moved
    by itself, and no raw name be shown, when a picture is taken."""

    is_steady = False

    def __init__(self, page: Page, url: str, name: str) -> None:
        self.page = page
        self.url = url
        self.name = name
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    def forgive(self, *words: str) -> None:
        """Forget complaints that a test brought about."""
        self.complaints = [it for it in self.complaints if not any(word in it for word in words)]

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        await self.page.goto(self.url)
        await self.page.locator("input[name=email]").fill(email)
        await self.page.locator("input[name=password]").fill(password)
        await self.page.locator("button.primary").click()
        await expect(self.page.get_by_role("navigation")).to_be_visible()

    @property
    def rows(self) -> Locator:
        return self.page.locator(".list .row")

    @property
    def thread(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def composer(self) -> Locator:
        return self.page.locator(".composer textarea")

    def row(self, contact: str) -> Locator:
        return self.rows.filter(has_text=as_written(contact))

    async def open(self, contact: str) -> None:
        await self.row(contact).first.click()
        await expect(self.page.locator("#contact-name")).to_contain_text(as_written(contact))

    async def open_named(self, name: str) -> None:
        await self.rows.filter(has_text=name).first.click()
        await expect(self.page.locator("#contact-name")).to_have_text(name)

    async def write(self, content: str) -> None:
        await self.composer.fill(content)
        await self.composer.press("Enter")

    async def press(self, button: str) -> None:
        await self.page.get_by_role("button", name=button, exact=True).click()

    async def choose(self, item: str) -> None:
        """From the menu of the open conversation."""
        await self.page.locator(".thread-actions").get_by_role("button", name="More").click()
        await self.page.get_by_role("menuitem", name=item).click()

    async def shows(self, words: str) -> None:
        """In the thread that is open."""
        await expect(self.thread).to_contain_text(words)

    async def lists(self, words: str) -> None:
        await expect(self.page.locator(".list")).to_contain_text(words)

    async def session_id(self) -> str:
        """Of Auth's, as the token in the page's storage names it."""
        claims: str = await self.page.evaluate(f"atob({STORED}.access_token.split('.')[1])")
        return str(json.loads(claims)["session_id"])

    async def expire_session(self) -> None:
        """As if the token's hour had passed: whoever asks next has to refresh it."""
        await self.page.evaluate(
            "([key]) => { const it = JSON.parse(localStorage[key]); it.expires_at = 1;"
            " localStorage[key] = JSON.stringify(it) }",
            [await self.page.evaluate(STORED_KEY)],
        )

    async def take_picture(self, name: str) -> None:
        """Nothing is wider than the window, and axe finds nothing wrong with it."""
        await self.page.evaluate("document.fonts.ready")
        await self.is_accessible()
        too_wide = "document.documentElement.scrollWidth - window.innerWidth"
        assert await self.page.evaluate(too_wide) <= 0, f"{name} is wider than the window"
        if self.is_steady:
            await self._is_as_it_was_drawn(name)
        PICTURES.mkdir(exist_ok=True)
        path = PICTURES / f"{name}-{self.name}.png"
        await self.page.screenshot(path=path, animations="disabled")

    async def _is_as_it_was_drawn(self, name: str) -> None:
        moved = await self.page.evaluate("window.shifts")
        assert sum(it[0] for it in moved) < MOST_MOVED, (name, moved)
        raw = RAW.findall(await self.page.locator("body").inner_text())
        assert raw == [], (name, raw)

    async def forget_shifts(self) -> None:
        """Before what takes its room on purpose, such as the banner of a cut connection."""
        await self.page.evaluate("window.shifts = []")

    async def take_whole_picture(self, name: str) -> None:
        """In a window so high that nothing of it has to be scrolled."""
        size = self.page.viewport_size
        assert size
        taller = await self.page.evaluate(TALLER)
        high: ViewportSize = {"width": size["width"], "height": size["height"] + taller}
        await self.page.set_viewport_size(high)
        await self.take_picture(name)
        await self.page.set_viewport_size(size)

    async def is_accessible(self) -> None:
        axe = (INBOX / "node_modules/axe-core/axe.min.js").read_text()
        # Evaluated by the debugger: the page's policy lets it load no such script.
        found: list[dict[str, Any]] = await self.page.evaluate(
            f"async () => {{ {axe}; return (await axe.run(document, {json.dumps(AXE_RULES)}))"
            ".violations.map(v => ({rule: v.id, where: v.nodes.map(n => n.html.slice(0, 200)"
            " + ' ' + (n.any[0]?.message ?? ''))})) }"
        )
        assert found == [], found


class Screens:
    """Windows of people on one page."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.url = url
        self.all: list[Screen] = []

    async def turn_on(
        self, size: tuple[int, int] = DESKTOP, scheme: str = "light", language: str = "en"
    ) -> Screen:
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            locale={"en": "en-US", "es": "es-MX"}[language],
            reduced_motion="reduce",
            is_mobile=size == PHONE,
            has_touch=size == PHONE,
        )
        await context.add_init_script(WATCH_SHIFTS)
        context.set_default_timeout(20_000)
        name = f"{size[0]}-{scheme}-{language}"
        screen = Screen(await context.new_page(), self.url, name)
        self.all.append(screen)
        return screen
