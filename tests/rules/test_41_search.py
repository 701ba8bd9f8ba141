"""Chapter 41: finding messages by their words, and contacts by their digits."""

# ruff: noqa: S608 - every value in these statements is a constant of this repository

from __future__ import annotations

import pytest

from tests.bench import data
from tests.sql import Db


async def found(db: Db, query: str, before: int | None = None) -> list[int]:
    rows = await db.admin.rows("select id from public.search_sms(%s, 20, %s)", query, before)
    return [row["id"] for row in rows]


@pytest.mark.parametrize(
    "word", [data.OFTEN, data.SOMETIMES, data.SELDOM, data.HARDLY_EVER, data.LONG_AGO, "e rs"]
)
async def test_paging_through_a_search_finds_every_text_once(filled: Db, word: str) -> None:
    conditions = " and ".join(rf"message_content ~* '\m{part}'" for part in word.split())
    rows = await filled.admin.rows(
        f"select id from public.sms_messages where user_id = '{data.OWNER}' and {conditions}"
        " order by id desc limit 300"
    )
    await filled.admin.sign_in(data.OWNER)
    pages: list[int] = []
    while len(pages) < 300 and (page := await found(filled, word, pages[-1] if pages else None)):
        pages += page
    assert pages[:300] == [row["id"] for row in rows]


async def test_searching_a_number_finds_its_conversations_newest_text(filled: Db) -> None:
    row = (
        await filled.admin.rows(
            "select id, contact_number from public.sms_conversations"
            f" where user_id = '{data.OWNER}' order by created_at limit 1"
        )
    )[0]
    newest = await filled.admin.value(
        "select max(id) from public.sms_messages where conversation_id = %s", row["id"]
    )
    await filled.admin.sign_in(data.OWNER)
    digits = row["contact_number"]
    assert newest in await found(filled, digits)
    assert newest in await found(filled, f"{digits[:5]} {digits[5:8]}-{digits[8:]}")
    assert newest in await found(filled, digits[-7:])


async def test_nobody_finds_the_texts_of_others(filled: Db) -> None:
    await filled.admin.sign_in(data.SOMEBODY)
    rows = await filled.admin.rows(f"select user_id from public.search_sms('{data.OFTEN}', 100)")
    assert {str(row["user_id"]) for row in rows} == {data.SOMEBODY}
