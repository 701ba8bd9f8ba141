"""Who writes: names, notes, blocking, import."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.sql import Db, Number, Session, new_contact


async def contact_row(db: Db, contact: str) -> dict[str, Any]:
    [row] = await db.admin.rows("select * from sms_contacts where contact_number = %s", contact)
    return row


async def state(session: Session, query: str, *values: Any) -> str | None:
    try:
        await session.rows(query, *values)
    except psycopg.Error as error:
        return error.sqlstate
    return None


async def block(owner: Session, contact: str, blocked: bool = True) -> None:
    await owner.rows(
        "update sms_contacts set blocked_at = case when %s then now() end"
        " where contact_number = %s",
        blocked,
        contact,
    )


async def test_a_conversation_brings_its_contact(db: Db) -> None:
    one, number, contact = await db.session(), await db.number(), new_contact()
    await one.ingest(number, contact)
    assert (await contact_row(db, contact))["user_id"] == number.user_id


async def test_a_blocked_contact_is_stored_readable_and_not_answered(db: Db) -> None:
    one, number, contact = await db.session(), await db.number(), new_contact()
    await one.ingest(number, contact, "hola")
    owner = await db.person(number)
    await block(owner, contact)
    assert (await one.claim())["kind"] == "wait"
    for body in ("hay mesa?", "STOP it now please", "quiero hablar con una persona", "STOP"):
        text = await one.ingest(number, contact, body)
        assert (await one.claim())["kind"] == "wait", body
        row = await db.message(text["message_id"])
        assert row["no_reply_reason"] in ("blocked", "opt_word")
    assert len(await owner.rows("select id from sms_inbox where is_blocked")) == 1
    assert (
        await db.admin.value("select count(*) from sms_messages where direction = 'outgoing'") == 0
    )


async def test_an_unblocked_contact_is_answered(db: Db) -> None:
    one, number, contact = await db.session(), await db.number(), new_contact()
    await one.ingest(number, contact, "hola")
    owner = await db.person(number)
    await block(owner, contact)
    await one.ingest(number, contact, "sigo aquí")
    await block(owner, contact, False)
    assert (await one.claim())["kind"] == "wait"
    await one.ingest(number, contact, "y ahora?")
    assert (await one.claim())["kind"] == "reply"


async def test_a_new_conversation_of_a_blocked_contact_is_blocked(db: Db) -> None:
    one, number, contact = await db.session(), await db.number(), new_contact()
    text = await one.ingest(number, contact, "hola")
    owner = await db.person(number)
    await owner.close(text["conversation_id"])
    await block(owner, contact)
    again = await one.ingest(number, contact, "otra vez")
    assert again["no_reply_reason"] == "blocked"
    assert again["conversation_id"] != text["conversation_id"]


async def test_blocking_while_a_conversation_opens_misses_nothing(db: Db) -> None:
    """Whoever blocks waits for the transaction that opens the conversation, and then sees it."""
    one, number, contact = await db.session(), await db.number(), new_contact()
    owner = await db.person(number)
    await owner.rows(
        "select upsert_sms_contacts(%s)", Jsonb([{"contact_number": contact, "name": "Ana"}])
    )
    async with one.transaction():
        text = await one.ingest(number, contact, "hola")
        blocking = asyncio.ensure_future(block(owner, contact))
        await db.waits_for_lock(owner)
    await blocking
    assert (await db.conversation(text["conversation_id"]))["is_blocked"]
    assert (await one.claim())["kind"] == "wait"


async def test_the_model_is_shown_the_name_and_what_the_number_names(db: Db) -> None:
    one = await db.session()
    number, contact = await db.number(context_attributes=["plan", "none"]), new_contact()
    owner = await db.person(number)
    entry = {"contact_number": contact, "name": "Ana", "attributes": {"plan": "gold", "debt": 10}}
    await owner.rows("select upsert_sms_contacts(%s)", Jsonb([entry]))
    await one.ingest(number, contact, "hola")
    assert (await one.claim())["contact"] == {"name": "Ana", "plan": "gold"}
    await one.ingest(number, new_contact(), "hola")
    assert (await one.claim())["contact"] == {}


ENTRY = {"contact_number": "+34 600-111 222", "name": "Ana", "tags": ["vip"], "language": "es"}


async def test_an_import_is_idempotent_and_keeps_what_it_leaves_out(db: Db) -> None:
    owner = await db.person(await db.number())
    for _ in range(2):
        await owner.rows("select upsert_sms_contacts(%s)", Jsonb([ENTRY]))
    await owner.rows(
        "select upsert_sms_contacts(%s)",
        Jsonb([{"contact_number": "+34600111222", "attributes": {"plan": "gold"}}]),
    )
    row = await contact_row(db, "+34600111222")
    assert (row["name"], row["tags"], row["attributes"]) == ("Ana", ["vip"], {"plan": "gold"})


@pytest.mark.parametrize(
    "entry",
    [
        {"contact_number": "Ana"},
        {"contact_number": ""},
        {"name": "Ana"},
        "Ana",
        ENTRY | {"tags": "vip"},
        ENTRY | {"tags": ["x" * 200]},
        ENTRY | {"name": "x" * 101},
        ENTRY | {"attributes": {"a": {"b": 1}}},
        ENTRY | {"attributes": {f"a{n}": 1 for n in range(51)}},
        ENTRY | {"attributes": {"a": "x" * 5000}},
        ENTRY | {"language": "nobody knows"},
    ],
)
async def test_an_import_with_a_bad_entry_stores_nothing(db: Db, entry: Any) -> None:
    owner = await db.person(await db.number())
    good = {"contact_number": "+34600111223", "name": "Luis"}
    query = "select upsert_sms_contacts(%s)"
    assert await state(owner, query, Jsonb([good, entry])) == "PT422"
    assert await owner.rows("select name from sms_contacts") == []
    assert await state(owner, query, Jsonb([good])) is None


async def test_an_import_has_a_thousand_entries_at_most(db: Db) -> None:
    owner = await db.person(await db.number())
    entries = [{"contact_number": f"+3460011{n:04}"} for n in range(1001)]
    assert await state(owner, "select upsert_sms_contacts(%s)", Jsonb(entries)) == "PT422"
    assert await state(owner, "select upsert_sms_contacts(%s)", Jsonb(entries[:1000])) is None


async def test_a_contact_is_found_by_name_notes_tags_and_number(db: Db) -> None:
    one, number, contact = await db.session(), await db.number(), "+15554443322"
    text = await one.ingest(number, contact, "hola")
    owner = await db.person(number)
    await owner.rows(
        "update sms_contacts set name = 'Ana Pérez', notes = 'alergia al gluten', tags = '{vip}'"
    )
    for query in ("perez", "gluten", "VIP", "ana pér", "(555) 444-33"):
        found = await owner.rows("select conversation_id from search_sms(%s)", query)
        assert [str(row["conversation_id"]) for row in found] == [text["conversation_id"]], query
    assert await owner.rows("select id from search_sms('luisa')") == []


async def test_a_stranger_reaches_no_contact(db: Db) -> None:
    one, number, contact = await db.session(), await db.number(), new_contact()
    await one.ingest(number, contact)
    stranger = await db.person(await db.number())
    assert await stranger.rows("select * from sms_contacts") == []
    query = "update sms_contacts set name = 'x' where contact_number = %s returning name"
    assert await stranger.rows(query, contact) == []
    call = "select upsert_sms_contacts(%s, %s)"
    assert await state(stranger, call, Jsonb([ENTRY]), number.user_id) == "PT404"


async def test_an_erased_contact_is_gone(db: Db) -> None:
    one, number, contact = await db.session(), await db.number(), new_contact()
    await one.ingest(number, contact, "mi dirección es …")
    owner = await db.person(number)
    await owner.rows("update sms_contacts set name = 'Ana', notes = 'x'")
    await owner.rows("select erase_sms_contact(%s)", contact)
    assert await db.admin.rows("select * from sms_contacts") == []
    assert contact not in json.dumps(await db.admin.rows("select * from sms_messages"), default=str)


async def test_each_attribute_is_shown_of_its_own_contact_alone(db: Db) -> None:
    """Many contacts of many numbers and accounts: a prompt holds what is noted of its own."""
    one = await db.session()
    people: dict[str, Number] = {}
    for _ in range(3):
        number = await db.number(context_attributes=["secret"])
        owner = await db.person(number)
        for _ in range(4):
            contact = new_contact()
            people[contact] = number
            entry = {"contact_number": contact, "name": f"N{contact}"}
            entry["attributes"] = {"secret": contact}  # type: ignore[assignment]
            await owner.rows("select upsert_sms_contacts(%s)", Jsonb([entry]))
    for contact, number in people.items():
        await one.ingest(number, contact, "hola")
    seen = 0
    while (job := await one.claim())["kind"] == "reply":
        contact = job["contact_number"]
        assert job["contact"] == {"name": f"N{contact}", "secret": contact}
        seen += 1
    assert seen == len(people)
