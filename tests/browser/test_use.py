"""By keyboard alone, with hostile contents, and with very many conversations."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Request, expect

from tests.browser.data import fill
from tests.browser.screen import Screen, Screens
from tests.flow.world import World, eventually

HOSTILE_NAME = "\u202eevil\u202c <b>=1+1</b> Z" + "\u0301\u0310\u0321" * 20

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker")]


async def test_the_main_flow_by_keyboard_alone(screen: Screen, world: World) -> None:
    contact = world.contact()
    await world.texts_from(contact, "Hola")
    await world.answered(contact)
    keys = screen.page.keyboard
    await expect(screen.row(contact)).to_be_visible()
    await keys.press("j")
    await screen.shows("Hola")
    await keys.press("r")
    await keys.type("escrito sin ratón")
    await keys.press("Enter")
    await expect(screen.thread.get_by_text("Delivered")).to_have_count(2)
    assert world.sent_to(contact)[-1] == "escrito sin ratón"
    await keys.press("Escape")
    await keys.press("p")
    await expect(screen.row(contact)).not_to_contain_text("Paused")
    await keys.press("z")
    await expect(screen.row(contact)).to_contain_text("Paused")
    await keys.press("i")
    await expect(screen.page.get_by_role("region", name="Contact")).to_be_visible()
    await keys.press("?")
    await expect(screen.page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await keys.press("Escape")
    await expect(screen.page.get_by_role("dialog")).to_have_count(0)
    await keys.press("/")
    await keys.type("ratón")
    await expect(screen.page.locator("mark")).to_have_text("ratón")
    await keys.press("Escape")
    await keys.press("g")
    await keys.press("s")
    await expect(screen.page.get_by_role("heading", name="Statistics")).to_be_visible()
    await keys.press("g")
    await keys.press("c")
    await expect(screen.row(contact)).to_be_visible()


async def test_hostile_contents_change_nothing_but_their_bubble(
    screen: Screen, world: World
) -> None:
    await fill(world)
    await screen.page.reload()
    await screen.open("+442079460123")
    bubble = screen.thread.locator(".bubble").first
    await expect(bubble).to_contain_text("<script>window.hacked=2</script>")
    assert await screen.page.evaluate("window.hacked") is None
    assert (
        await screen.page.locator("script:not([src]), .log img, a[href^=javascript]").count() == 0
    )
    # What is painted of 1,600 combining marks stays inside: paint containment clips at the box.
    for place in (bubble, screen.row("+442079460123").locator(".row-line")):
        assert await place.evaluate("e => getComputedStyle(e).contain") == "paint"
    heights = await screen.rows.evaluate_all("rows => rows.map(row => row.offsetHeight)")
    assert len(set(heights)) == 1
    head = await screen.page.locator(".thread-head").evaluate("e => getComputedStyle(e).direction")
    assert head == "ltr"


async def test_hostile_names_and_words_change_nothing_of_the_list_and_the_search(
    screen: Screen, world: World
) -> None:
    await fill(world)
    await call_hostile(world)
    await screen.page.reload()
    for query in ("HYPERLINK", "evil"):
        await screen.page.get_by_role("searchbox").fill(query)
        await expect(screen.page.locator("mark").first).to_have_text(query)
        row = screen.rows.filter(has=screen.page.locator("mark")).first
        for part in (".row-name", ".row-line"):
            how = await row.locator(part).evaluate(
                "e => [getComputedStyle(e).contain, e.scrollWidth > 0, e.offsetHeight < 60]"
            )
            assert how == ["paint", True, True]
        assert await row.locator("bdi").count() == 2
    assert await screen.page.evaluate("window.hacked") is None
    assert (
        await screen.page.locator(".list img, .list script, .list a[href^=javascript]").count() == 0
    )
    await world.rows("delete from sms_contacts where name = %s", HOSTILE_NAME)


LOOK_ELSEWHERE = """
window.told = []
window.Notification = class {
  static permission = 'granted'
  constructor(title, { body }) { window.told.push([title, body]) }
}
const state = () => window.away ? 'hidden' : 'visible'
Object.defineProperty(document, 'visibilityState', { get: state })
"""


async def test_who_looks_elsewhere_is_notified_with_the_name_and_no_word_of_the_contact(
    screens: Screens, world: World
) -> None:
    await fill(world)
    await call_hostile(world)
    screen = await screens.turn_on()
    await screen.page.add_init_script(LOOK_ELSEWHERE)
    await screen.sign_in()
    await expect(screen.rows.first).to_be_visible()
    await screen.page.evaluate("window.away = true")
    await world.rows(
        "update sms_conversations set wants_human = true"
        " where contact_number = '+442079460123' and config_id = %s",
        world.config_id,
    )

    async def told() -> list[list[str]]:
        found: list[list[str]] = await screen.page.evaluate("window.told")
        return found

    assert await eventually(told) == [
        [f"\u2068{HOSTILE_NAME}\u2069 needs a human", "Open the inbox to answer."]
    ]
    await expect(screen.page).to_have_title(re.compile(r"^\(\d+\) Inbox$"))
    await world.rows("delete from sms_contacts where name = %s", HOSTILE_NAME)


async def call_hostile(world: World) -> None:
    await world.rows(
        "insert into sms_contacts (user_id, contact_number, name)"
        " select user_id, '+442079460123', %s from sms_configs where id = %s"
        " on conflict (user_id, contact_number) do update set name = excluded.name",
        HOSTILE_NAME,
        world.config_id,
    )


async def test_a_csv_of_statistics_holds_no_formula(screen: Screen, world: World) -> None:
    await fill(world)
    await screen.page.goto(f"{screen.url}statistics")
    async with screen.page.expect_download() as started:
        await screen.press("Download CSV")
    lines = (await (await started.value).path()).read_text("utf-8-sig").splitlines()
    assert lines[0] == "Day,From contacts,Assistant,Humans,Not delivered,Segments,Cost,Currency"
    assert len(lines) == 13
    assert all(line[0].isalnum() for line in lines)


async def test_a_hundred_thousand_conversations_are_a_few_requests_and_rows(
    screen: Screen, world: World
) -> None:
    async with world.stack.postgres.connect() as database, database.transaction():
        await database.execute("set local session_replication_role = replica")
        await database.execute(
            "insert into sms_conversations (user_id, config_id, contact_number, last_message_at)"
            " select user_id, id, '+1999' || lpad(n::text, 7, '0'), now() - n * interval '1 minute'"
            " from sms_configs, generate_series(1, 100000) n where id = %s",
            (world.config_id,),
        )
    await world.rows("analyze sms_conversations")
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/rest/v1/" in request.url:
            asked.append(request.url)

    await screen.page.reload()
    screen.page.on("request", note)
    await expect(screen.rows.first).to_contain_text("0001")
    assert len(asked) <= 10
    scroll = "document.querySelector('.rows').scrollTo(0, 1e9)"
    rows = "document.querySelectorAll('.row').length"

    async def has_come_far() -> bool:
        await screen.page.evaluate(scroll)
        assert await screen.page.evaluate(rows) < 40
        height: int = await screen.page.evaluate("document.querySelector('.rows').scrollHeight")
        return height > 60_000

    await eventually(has_come_far, 60)
    assert len(asked) < 40
    assert await screen.page.evaluate("document.querySelectorAll('*').length") < 1500


async def test_five_thousand_messages_of_one_thread_are_not_all_in_the_page(
    screen: Screen, world: World
) -> None:
    contact = world.contact()
    await world.rows("update sms_configs set auto_reply = false where id = %s", world.config_id)
    await world.texts_from(contact, "mensaje 0")
    async with world.stack.postgres.connect() as database, database.transaction():
        await database.execute("set local session_replication_role = replica")
        await database.execute(
            "insert into sms_messages (conversation_id, user_id, direction, author, status,"
            " message_content) select c.id, c.user_id, 'incoming', 'contact', 'received',"
            " 'mensaje ' || n from sms_conversations c, generate_series(1, 4999) n"
            " where c.contact_number = %s",
            (contact,),
        )
    await screen.open(contact)

    async def is_at_the_start() -> bool:
        await screen.page.evaluate("document.querySelector('.log').scrollTo(0, -1e9)")
        assert await screen.page.evaluate("document.querySelectorAll('.bubble').length") < 400
        return await screen.page.get_by_text("The conversation began here").count() == 1

    await eventually(is_at_the_start, 60)
    await screen.shows("mensaje 0")
    assert await screen.page.evaluate("document.querySelectorAll('*').length") < 3000
