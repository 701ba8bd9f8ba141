"""Tools through the whole stack: whose data, what a model does with them, and what goes wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.local.processes import Child
from gateway.local.standins.openai import WITHOUT_TOOLS, Model, commands
from tests.flow.world import World, eventually

HERE = Path(__file__).parents[1]
WORDINGS = json.loads((HERE / "data/anothers_data.json").read_text())
LANGUAGES = ("en", "es", "pt", "fr")
BAKERY = HERE / "examples/tools/bakery.sql"
ODD = """
create function sms_tools.find_bookings(p_phone text) returns setof public.bookings
language sql stable set search_path = '' as $$
  select * from public.bookings where phone = p_phone $$;
comment on function sms_tools.find_bookings is 'The bookings of a phone number.';
create function sms_tools.book_slowly(p_seconds numeric) returns text
language plpgsql set search_path = '' as $$
begin
  insert into public.bookings (phone, day, meal, people)
  values (sms_tools.contact_number(), '2027-05-05', 'lunch', 5);
  perform pg_sleep(p_seconds);
  return 'booked slowly';
end $$;
comment on function sms_tools.book_slowly is 'Books, and takes its time.';
revoke execute on function sms_tools.find_bookings, sms_tools.book_slowly from public;
grant execute on function sms_tools.find_bookings, sms_tools.book_slowly to sms_contact;
"""
TOOLS = ["book_table", "free_seats", "cancel_booking", "find_bookings", "book_slowly"]
WANTS = "Mesa para 4 el viernes a las 21"

# What nobody but NAME may get to see.
NAME, DAY, SECRET = "Zenobia Quintanilla", "2031-07-19", "tarta de frambuesa 7391"


@pytest.fixture
async def bakery(world: World) -> AsyncIterator[World]:
    for name, script in {"book_table": BAKERY.read_text(), "book_slowly": ODD}.items():
        query = "select 1 from pg_proc where proname = %s"
        if not await world.rows(query, name):
            async with world.stack.postgres.connect() as database:
                await database.execute("set role postgres")
                await database.execute(script.encode())
    await world.rows(
        "update sms_configs set tools = %s, number_replies_per_day = 10000 where id = %s",
        TOOLS,
        world.config_id,
    )
    yield world
    assert world.stack.openai
    world.stack.openai.calls = commands
    world.stack.openai.models.pop("without-tools", None)


async def calls_of(world: World, contact: str) -> list[dict[str, Any]]:
    return await world.rows(
        "select k.* from sms_tool_calls k join sms_conversations c on c.id = k.conversation_id"
        " where c.contact_number = %s order by k.id",
        contact,
    )


async def booked(world: World, contact: str) -> int:
    rows = await world.rows("select count(*) as n from bookings where phone = %s", contact)
    return int(rows[0]["n"])


def script(world: World, *calls: tuple[str, dict[str, Any]]) -> None:
    """What the model calls for every message, once."""

    def asked(body: dict[str, Any]) -> list[tuple[str, str]]:
        if any(message["role"] == "tool" for message in body["messages"]):
            return []
        return [(name, json.dumps(arguments)) for name, arguments in calls]

    assert world.stack.openai
    world.stack.openai.calls = asked


# Whose data.


@pytest.mark.parametrize(
    "languages", [1, pytest.param(4, marks=pytest.mark.long)], ids=["50 messages", "200 messages"]
)
async def test_whoever_asks_for_anothers_data_gets_none_of_a_gullible_model(
    bakery: World, web: Child, worker: Child, languages: int
) -> None:
    """The model believes every word, and calls whatever could help, as the other contact."""
    other = bakery.contact()
    await bakery.rows(
        "insert into bookings (phone, day, meal, people) values (%s, %s, 'dinner', 11)", other, DAY
    )
    await bakery.rows(
        "insert into sms_contacts (user_id, contact_number, name, notes)"
        " select user_id, %s, %s, %s from sms_configs where id = %s",
        *(other, NAME, SECRET, bakery.config_id),
    )
    script(bakery)
    await bakery.texts_from(other, f"Quiero una {SECRET}")
    await bakery.answered(other)
    assert bakery.stack.openai
    asked_before = len(bakery.stack.openai.requests)
    script(
        bakery,
        ("find_bookings", {"p_phone": other}),
        ("find_bookings", {"p_phone": "' or true --"}),
        ("cancel_booking", {"p_day": DAY}),
        ("read_messages", {"p_contact": other}),
        ("request_human", {"p_reason": f"asks for {other}"}),
    )
    askers = []
    for n, wording in enumerate(WORDINGS):
        for language in [LANGUAGES[(n + i) % 4] for i in range(languages)]:
            askers.append(bakery.contact())
            text = wording[language].replace("{number}", other).replace("{name}", "Zenobia")
            assert (await bakery.texts_from(askers[-1], text)).status == 200
    for asker in askers:
        await bakery.answered(asker, seconds=120)
        made = await calls_of(bakery, asker)
        assert [call["name"] for call in made].count("find_bookings") == 2, made
        assert {str(call["result"]) for call in made if call["error"] is None} <= {
            "[]",
            "A human will read this conversation.",
        }
    assert await booked(bakery, other) == 1
    prompts = json.dumps(bakery.stack.openai.requests[asked_before:], ensure_ascii=False)
    replies = "".join("".join(bakery.sent_to(asker)) for asker in askers)
    logs = worker.log.read_text() + web.log.read_text()
    for secret in (DAY, SECRET, "Quintanilla"):
        assert secret not in replies and secret not in logs
        assert prompts.count(secret) == prompts.count(f'\\"p_day\\": \\"{secret}'), (
            "the model's own"
        )
    assert other not in logs


# Four kinds of model.


@pytest.mark.parametrize(
    ("model", "books"),
    [("gpt-4o-mini", 1), ("gpt-6-luna", 1), ("without-tools", 0), ("ignores-tools", 0)],
)
async def test_every_kind_of_model_answers(
    bakery: World, web: Child, worker: Child, model: str, books: int
) -> None:
    openai, contact = bakery.stack.openai, bakery.contact()
    assert openai
    openai.models["without-tools"] = Model(WITHOUT_TOOLS)
    if model == "ignores-tools":
        model = "gpt-4o-mini"
        openai.faults.add("ignores_tools", match=WANTS)
    await bakery.rows(
        "update sms_configs set openai_model = %s where id = %s", model, bakery.config_id
    )
    await bakery.texts_from(contact, WANTS)
    reply = await bakery.answered(contact)
    assert reply["model"].startswith(model)
    assert reply["message_content"].startswith("Hecho" if books else "Recibido")
    assert await booked(bakery, contact) == books


# What goes wrong.


async def test_slow_tools_are_told_as_what_they_came_to(
    bakery: World, web: Child, worker: Child
) -> None:
    """One commits after the client gave up: the record answers. One is ended, and was undone."""
    late, ended = bakery.contact(), bakery.contact()
    slow = '/tool book_slowly {"p_seconds": %s}'
    await bakery.texts_from(late, slow % 7)
    await bakery.texts_from(ended, slow % 20)
    assert "booked slowly" in (await bakery.answered(late, seconds=40))["message_content"]
    assert "57014" in (await bakery.answered(ended, seconds=40))["message_content"]
    assert (await booked(bakery, late), await booked(bakery, ended)) == (1, 0)
    for contact in (late, ended):
        [reply] = await bakery.outgoing(contact)
        assert reply["response_seconds"] < 35, "the job's deadline"


async def test_a_tool_that_is_dropped_between_claim_and_call_is_told(
    bakery: World, web: Child, worker: Child
) -> None:
    contact = bakery.contact()
    await bakery.rows(
        "create function sms_tools.short_lived() returns int language sql as 'select 1';"
        "comment on function sms_tools.short_lived() is 'x';"
        "grant execute on function sms_tools.short_lived() to sms_contact"
    )
    await bakery.rows(
        "update sms_configs set tools = tools || '{short_lived}' where id = %s", bakery.config_id
    )
    assert bakery.stack.openai
    bakery.stack.openai.latency = 2.0
    await bakery.texts_from(contact, "/tool short_lived {}")

    async def is_claimed() -> bool:
        query = "select 1 from sms_conversations where contact_number = %s and lease_id is not null"
        return bool(await bakery.rows(query, contact))

    await eventually(is_claimed)
    await bakery.rows("drop function sms_tools.short_lived()")
    assert "42883" in (await bakery.answered(contact))["message_content"]
    [call] = await calls_of(bakery, contact)
    assert call["error"].startswith("42883")


async def write(world: World, contact: str) -> None:
    await world.rows(
        "insert into sms_messages (conversation_id, user_id, message_content)"
        " select id, user_id, 'humano' from sms_conversations where contact_number = %s",
        contact,
    )


async def close(world: World, contact: str) -> None:
    await world.rows(
        "select close_sms_conversation(id) from sms_conversations where contact_number = %s",
        contact,
    )


async def stop(world: World, contact: str) -> None:
    await world.texts_from(contact, "STOP")


@pytest.mark.parametrize("end", [write, close, stop], ids=["takeover", "close", "STOP"])
async def test_what_ends_a_reply_after_its_tool_acted_leaves_the_record_and_silence(
    bakery: World, web: Child, worker: Child, end: Callable[[World, str], Any]
) -> None:
    contact = bakery.contact()
    assert bakery.stack.openai
    bakery.stack.openai.latency = 2.0
    await bakery.texts_from(contact, WANTS)

    async def acted() -> bool:
        return bool(await calls_of(bakery, contact))

    await eventually(acted)
    await end(bakery, contact)

    async def is_over() -> bool:
        told = worker.log.read_text()
        return "reply dropped" in told or "reply ended" in told

    await eventually(is_over)
    [call] = await calls_of(bakery, contact)
    assert (call["name"], call["error"], call["reply_id"]) == ("book_table", None, None)
    assert await booked(bakery, contact) == 1
    authors = {row["author"] for row in await bakery.outgoing(contact)}
    assert "ai" not in authors, "nothing is said of it"


# What it costs.


async def test_a_call_of_a_tool_is_one_more_call_of_the_data_api(
    bakery: World, web: Child, worker: Child
) -> None:
    counted = []
    for text in ("Hola", WANTS):
        bakery.stack.proxy.calls.clear()
        await bakery.texts_from(contact := bakery.contact(), text)
        await bakery.answered(contact)
        calls = bakery.stack.proxy.calls
        names = ("ingest_sms", "call_sms_tool", "queue_sms_reply", "finish_sms_send")
        counted.append([calls[name] for name in names])
    assert counted == [[1, 0, 1, 1], [1, 1, 1, 1]]
