"""Past replies asked for again: started on the Numbers page, judged side by side."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.data import fill
from tests.browser.screen import Screen
from tests.browser.test_try import looker, nobody_answers, open_number  # noqa: F401  # fixtures
from tests.flow.world import World, eventually

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker")]


async def replied(world: World, *messages: str) -> None:
    """Each of a contact of its own, answered and delivered."""
    for message in messages:
        contact = world.contact()
        await world.texts_from(contact, message)
        await world.answered(contact)


async def start(screen: Screen, world: World, model: str) -> None:
    await open_number(screen, world)
    await screen.press("Ask again")
    dialog = screen.page.get_by_role("dialog")
    await dialog.get_by_label("Model").fill(model)
    await expect(dialog).to_contain_text(f"Model {model}")
    await dialog.get_by_role("button", name="Start").click()


async def test_old_and_new_stand_side_by_side_and_are_judged(screen: Screen, world: World) -> None:
    await replied(world, "¿Abren el domingo?", "¿Cuánto cuesta el pan?")
    before = len(world.stack.twilio.sent)
    await start(screen, world, "gpt-6-luna")
    pair = screen.page.locator(".pair").filter(has_text="domingo")
    await expect(pair.locator(".side-of-pair").nth(0)).to_contain_text("gpt-4o-mini")
    await expect(pair.locator(".side-of-pair").nth(1)).to_contain_text("gpt-6-luna")
    await expect(screen.page.locator(".replay-progress")).to_have_count(0)
    await expect(screen.page.locator(".replay-figures")).to_contain_text("2 of 2")
    assert len(world.stack.twilio.sent) == before

    await pair.get_by_role("button", name="Worse").click()
    await pair.get_by_label("Why").fill("Menos amable")
    await pair.get_by_label("Why").press("Enter")
    await expect(screen.page.locator(".replay-figures")).to_contain_text("0 / 0 / 1")
    rows = "select mark, comment from sms_replay_answers where mark is not null"

    async def is_stored() -> bool:
        return await world.rows(rows) == [{"mark": "worse", "comment": "Menos amable"}]

    await eventually(is_stored)
    await screen.page.reload()
    await screen.page.get_by_label("Filter").select_option("worse")
    await expect(screen.page.locator(".pair")).to_have_count(1)
    await expect(screen.page.get_by_label("Why")).to_have_value("Menos amable")
    await screen.page.get_by_role("button", name="Worse").click()
    await expect(screen.page.get_by_text("No answer is like this.")).to_be_visible()

    await screen.page.get_by_role("link", name="Numbers").last.click()
    await screen.page.locator(".page-head select").select_option(str(world.config_id))
    await expect(screen.page.locator(".replays li")).to_contain_text("Model gpt-6-luna")


@pytest.mark.usefixtures("nobody_answers")
async def test_a_replay_shows_how_far_it_is_and_is_stopped(screen: Screen, world: World) -> None:
    await replied(world, "¿Abren el lunes?")
    await start(screen, world, "gpt-6-luna")
    progress = screen.page.locator(".replay-progress")
    await expect(progress).to_contain_text("0 of 1")
    await progress.get_by_role("button", name="Stop").click()
    await expect(progress).to_have_count(0)
    await expect(screen.page.get_by_text("It was stopped")).to_be_visible()
    await expect(screen.page.locator(".pair")).to_contain_text("Stopped before it was asked for")


async def test_a_number_without_replies_says_so(screen: Screen, world: World) -> None:
    await start(screen, world, "gpt-6-luna")
    alert = screen.page.get_by_role("dialog").get_by_role("alert")
    await expect(alert).to_contain_text("no reply of the assistant in that time. Choose more days")
    screen.forgive("status of 422")


async def test_another_accounts_replay_is_not_there(screen: Screen, world: World) -> None:
    await screen.page.goto(f"{screen.url}numbers/replays/00000000-0000-4000-8000-000000000000")
    await expect(screen.page.get_by_role("alert")).to_contain_text("There is no such replay.")
    screen.forgive("status of 404")


# Pictures

ANSWERS: list[dict[str, Any]] = [
    {
        "content": "Claro. Abrimos los domingos de 9 a 15 h. ¿Quiere que le reserve una hogaza?",
        "segments": 2,
        "is_over_budget": True,
        "mark": "worse",
        "comment": "Más larga y no responde mejor.",
    },
    {"content": "Yes, we open on Sundays. A colleague will confirm.", "same_language": False},
    {"content": "El pan de masa madre cuesta 4,20 €.", "mark": "better"},
    {"state": "diverged", "diverged_call": json.dumps({"name": "book_cake", "arguments": {}})},
    {"state": "failed", "error": "OpenAI has no model gpt-7 for this key"},
    {"content": "4,20 €.", "is_approximate": True},
]


async def write_replay(world: World) -> str:
    """Of the replies of STORY, as a worker would have left it; its id."""
    await fill(world)
    await world.rows(
        "update sms_messages m set in_reply_to = (select max(q.id) from sms_messages q"
        " where q.conversation_id = m.conversation_id and q.id < m.id and q.author = 'contact')"
        " from sms_conversations c where c.id = m.conversation_id and c.config_id = %s"
        " and m.author = 'ai'",
        world.config_id,
    )
    [replay] = await world.rows(
        "insert into sms_replays (user_id, config_id, config_version, changes, status, finished_at)"
        " select user_id, id, version,"
        """ '{"openai_model": "gpt-6-luna", "system_prompt": "Sé breve."}',"""
        " 'done', now() from sms_configs where id = %s returning id",
        world.config_id,
    )
    replies = await world.rows(
        "select m.id, m.user_id from sms_messages m"
        " join sms_conversations c on c.id = m.conversation_id"
        " where c.config_id = %s and m.author = 'ai' order by m.id limit %s",
        *(world.config_id, len(ANSWERS)),
    )
    for place, (reply, answer) in enumerate(zip(replies, ANSWERS, strict=True), 1):
        usage = {
            "model": "gpt-6-luna",
            "segments": 1,
            "prompt_tokens": 1790,
            "completion_tokens": 31,
        }
        row = {
            "replay_id": replay["id"],
            "place": place,
            "user_id": reply["user_id"],
            "message_id": reply["id"],
            "state": "answered",
            **(usage if "content" in answer else {}),
            **answer,
        }
        await world.rows(
            f"insert into sms_replay_answers ({', '.join(row)})"  # noqa: S608
            f" values ({', '.join(['%s'] * len(row))})",
            *row.values(),
        )
    return str(replay["id"])


async def test_a_replay_is_looked_at(looker: Screen, world: World) -> None:  # noqa: F811
    replay = await write_replay(world)
    await open_number(looker, world)
    block = looker.page.locator("section[aria-labelledby=replays]")
    await expect(block.locator("li")).to_have_count(1)
    await block.scroll_into_view_if_needed()
    await looker.take_picture("replays")
    await block.locator("button").click()
    await expect(looker.page.get_by_role("dialog")).to_be_visible()
    await looker.take_picture("replay-new")
    await looker.page.goto(f"{looker.url}numbers/replays/{replay}")
    await expect(looker.page.locator(".pair")).to_have_count(len(ANSWERS))
    await looker.take_picture("replay")
    await looker.page.locator(".pair").nth(0).evaluate("it => it.scrollIntoView()")
    await looker.take_picture("replay-pairs")
    await looker.page.locator(".pair").nth(3).evaluate("it => it.scrollIntoView()")
    await looker.take_picture("replay-without")


@pytest.mark.usefixtures("nobody_answers")
async def test_a_running_and_a_refused_replay_are_looked_at(
    looker: Screen,  # noqa: F811
    world: World,
) -> None:
    await open_number(looker, world)
    block = looker.page.locator("section[aria-labelledby=replays]")
    await block.locator("button").click()
    await looker.page.get_by_role("dialog").locator(".primary").click()
    await expect(looker.page.get_by_role("alert")).to_be_visible()
    await looker.take_picture("replay-refused")
    looker.forgive("status of 422")
    replay = await write_replay(world)
    await world.rows(
        "update sms_replays set status = 'running', finished_at = null,"
        " suspended_until = now() + interval '1 hour', suspended_reason = 'x' where id = %s",
        replay,
    )
    await world.rows("update sms_replay_answers set state = 'pending' where place > 2")
    await looker.page.goto(f"{looker.url}numbers/replays/{replay}")
    await expect(looker.page.locator(".replay-progress")).to_be_visible()
    await looker.take_picture("replay-running")
    await looker.page.goto(f"{looker.url}numbers/replays/00000000-0000-4000-8000-000000000000")
    await expect(looker.page.locator(".empty-title")).to_be_visible()
    await looker.take_picture("replay-missing")
    looker.forgive("status of 404")
