"""The inbox in Chromium: how long a person waits with a hundred conversations and with 100,000."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

from playwright.async_api import Page, async_playwright

from gateway.local import inbox
from tests.bench.report import Figure, Report
from tests.bench.world import Bench, processes
from tests.browser.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.browser.screen import Screen, Screens
from tests.browser.signing_in import sign_up
from tests.flow.world import World, eventually

SECTION = "12 inbox"
PASSWORD = "a-password-of-the-bench"  # of a user of the local stack
SIZES = {"few": 100, "many": 100_000}
# From the event a person causes to the first picture that shows what they wait for.
WATCH = """() => {
  window.began = undefined
  window.ended = undefined
  const isDone = () => DONE
  const begin = (event) => (window.began ??= event.timeStamp)
  for (const name of ['click', 'change', 'input', 'keydown'])
    document.addEventListener(name, begin, { capture: true, once: true })
  const look = () => {
    if (window.began !== undefined && isDone()) window.ended ??= performance.now()
    else requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
}"""
FIRST_ROW = "document.querySelector('.list .row .row-name')"
FILL = """
insert into sms_conversations (user_id, config_id, contact_number, last_message_at)
select user_id, id, '+1999' || lpad(n::text, 7, '0'), now() - n * interval '1 minute'
from sms_configs, generate_series(1, %(size)s) n where id = %(number)s;
insert into sms_messages (conversation_id, user_id, direction, author, status, message_content,
  occurred_at, created_at)
select id, user_id, 'incoming', 'contact', 'received',
  case when right(contact_number, 2) = '00' then 'una tarta' else 'el pedido' end
    || ' número ' || contact_number, last_message_at, last_message_at
from sms_conversations where config_id = %(number)s order by last_message_at;
update sms_conversations c set last_incoming_id = m.id, read_up_to_id = case
  when right(contact_number, 1) = '3' then 0 else m.id end
from sms_messages m where m.conversation_id = c.id and c.config_id = %(number)s
"""


@dataclass
class Side:
    """Somebody's inbox with so many conversations, in a window of their own."""

    size: int
    screen: Screen

    @property
    def page(self) -> Page:
        return self.screen.page


async def measure(bench: Bench, report: Report) -> None:
    stack = await bench.stack()
    await inbox.build(print)
    async with processes(stack, web=1, workers=0), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        screens = Screens(browser, f"{stack.environ['PUBLIC_URL']}/inbox/")
        sides = {
            name: await _side(bench, screens, bench.size.of(size, max(100, size // 20)))
            for name, size in SIZES.items()
        }
        await _measure(bench, report, sides)
        await browser.close()


async def _side(bench: Bench, screens: Screens, size: int) -> Side:
    world = await bench.number(auto_reply=False)
    email = f"{uuid.uuid4().hex}@example.com"
    await sign_up(world.stack, email, PASSWORD)
    await world.rows("delete from sms_config_versions where config_id = %s", world.config_id)
    await world.rows(
        "update sms_configs set user_id = (select id from auth.users where email = %s)"
        " where id = %s",
        email,
        world.config_id,
    )
    await _fill(world, size)
    screen = await screens.turn_on()
    await screen.sign_in(email, PASSWORD)
    return Side(size, screen)


async def _fill(world: World, size: int) -> None:
    async with world.stack.postgres.connect() as database, database.transaction():
        await database.execute("set local session_replication_role = replica")
        for statement in FILL.split(";"):
            await database.execute(statement, {"size": size, "number": world.config_id})
    await world.rows("analyze")


async def _measure(bench: Bench, report: Report, sides: dict[str, Side]) -> None:
    for what, step in STEPS.items():
        times: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(bench.size.of(10, 3)):
            for name, side in sides.items():
                times[name].append(await step(side))
        for name, found in times.items():
            found.pop(0)  # warms the database and the browser up
            figure = f"{what}, {sides[name].size:,} conversations"
            report.add(Figure(SECTION, figure, tuple(found), "ms"))
        ratio = median(times["many"]) / median(times["few"])
        report.add(Figure(SECTION, f"{what}: many / few", (ratio,), at_most=2))


async def list_shown(side: Side) -> float:
    """From the address, with the scripts in the browser's cache, to the first row. Every other wait
    but the last begins with it, so that nothing it shows was asked before."""
    await side.page.goto(side.screen.url)
    await _until(side, FIRST_ROW)
    return float(await side.page.evaluate("performance.now()"))


async def conversation_opened(side: Side) -> float:
    await list_shown(side)
    row = side.screen.rows.nth(1)
    taken = await _timed(side, row.click, "document.querySelector('.log .bubble')")
    await side.page.keyboard.press("Escape")
    await _until(side, "!document.querySelector('.log')")
    return taken


async def list_filtered(side: Side) -> float:
    await list_shown(side)
    choice = side.page.locator(".list-head select").first
    # The first of the unread ones; the list it replaces begins with another.
    done = f"{FIRST_ROW}?.textContent.endsWith('003')"
    taken = await _timed(side, lambda: choice.select_option("unread"), done)
    await choice.select_option("all")
    await _until(side, f"!({done}) && {FIRST_ROW}")
    return taken


async def words_found(side: Side) -> float:
    await list_shown(side)
    search = side.page.get_by_role("searchbox")
    taken = await _timed(side, lambda: search.fill("tarta"), "document.querySelector('mark')")
    await search.fill("")
    await _until(side, "!document.querySelector('mark')")
    return taken


async def message_stored(side: Side) -> float:
    """From Enter to the bubble that the database's row stands behind."""
    if not await side.page.locator(".composer").count():
        await side.screen.rows.nth(1).click()
    words = f"hasta luego {uuid.uuid4().hex}"
    await side.screen.composer.fill(words)
    done = (
        "[...document.querySelectorAll('.message:not(.unsaved) .bubble')]"
        f".some((it) => it.textContent === {json.dumps(words)})"
    )
    return await _timed(side, lambda: side.screen.composer.press("Enter"), done)


STEPS: dict[str, Callable[[Side], Awaitable[float]]] = {
    "list shown": list_shown,
    "conversation opened": conversation_opened,
    "list filtered": list_filtered,
    "words found": words_found,
    "message stored": message_stored,
}


async def _timed(side: Side, act: Callable[[], Awaitable[object]], done: str) -> float:
    await side.page.evaluate(WATCH.replace("DONE", done))
    await act()
    await _until(side, "window.ended !== undefined")
    return float(await side.page.evaluate("window.ended - window.began"))


async def _until(side: Side, what: str) -> None:
    """By the debugger: the page's policy evaluates no strings."""

    async def holds() -> bool:
        return bool(await side.page.evaluate(what))

    await eventually(holds, 60)
