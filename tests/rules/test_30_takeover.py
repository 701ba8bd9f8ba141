"""What a human writes: bounds and blanks."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tests.sql import Db, Session, new_contact


async def conversation(db: Db) -> tuple[Session, str]:
    """The owner's session, and a conversation of theirs."""
    one, number = await db.session(), await db.number(auto_reply=False)
    text = await one.ingest(number, new_contact(), "hola")
    return await db.person(number), text["conversation_id"]


async def insert_many(owner: Session, conversation_id: str, count: int) -> str | None:
    """The SQLSTATE of one statement that inserts so many rows; null when it went well."""
    try:
        await owner.rows(
            "insert into public.sms_messages (conversation_id, message_content)"
            " select %s::uuid, 'hola ' || n from generate_series(1, %s) as n",
            conversation_id,
            count,
        )
    except psycopg.Error as error:
        return error.sqlstate
    return None


async def written(db: Db, conversation_id: str) -> int:
    query = (
        "select count(*) from public.sms_messages where author = 'human' and conversation_id = %s"
    )
    return int(await db.admin.value(query, conversation_id))


async def test_one_statement_stays_within_the_day(db: Db) -> None:
    owner, conversation_id = await conversation(db)
    assert await insert_many(owner, conversation_id, 1_500) == "PT429"
    assert await written(db, conversation_id) == 0
    assert await insert_many(owner, conversation_id, 1_000) is None
    assert await insert_many(owner, conversation_id, 1) == "PT429"


async def test_five_sessions_at_once_stay_within_the_day(db: Db) -> None:
    await db.timing(human_messages_per_day=50)
    owner, conversation_id = await conversation(db)
    claims = await owner.value("select current_setting('request.jwt.claims')")
    sessions = [owner]
    for _ in range(4):
        another = await db.session()
        await another.rows("set role authenticated")
        await another.rows("select set_config('request.jwt.claims', %s, false)", claims)
        sessions.append(another)
    results = await asyncio.gather(
        *(insert_many(session, conversation_id, 20) for session in sessions)
    )
    assert sorted(results, key=str) == [None, None, "PT429", "PT429", "PT429"]
    assert await written(db, conversation_id) == 40


async def test_another_day_counts_anew(db: Db) -> None:
    await db.timing(human_messages_per_day=2)
    owner, conversation_id = await conversation(db)
    assert await insert_many(owner, conversation_id, 2) is None
    assert await insert_many(owner, conversation_id, 1) == "PT429"
    await db.admin.rows("update sms.human_messages set day = day - 1")
    assert await insert_many(owner, conversation_id, 1) is None


@pytest.mark.parametrize(
    "blank", ["", " ", "\n", "\u00a0", "\u200b", "\u2060\ufeff", "\t\r\n", None]
)
async def test_a_blank_message_is_refused(db: Db, blank: str | None) -> None:
    owner, conversation_id = await conversation(db)
    with pytest.raises(psycopg.Error) as refused:
        await owner.rows(
            "insert into public.sms_messages (conversation_id, message_content) values (%s, %s)",
            conversation_id,
            blank,
        )
    assert refused.value.sqlstate == "PT422"


@pytest.mark.parametrize("visible", [".", "👍", "ñ", "1", "你好"])
async def test_one_visible_character_is_a_message(db: Db, visible: str) -> None:
    owner, conversation_id = await conversation(db)
    assert await owner.write(conversation_id, visible)
