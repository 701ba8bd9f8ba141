"""What an owner may set, and how a value that may not be is refused."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.sql import Db, Number, Session

# A value that breaks each check of a table that owners may write.
BROKEN: dict[str, dict[str, Any]] = {
    "sms_configs_phone_number_check": {"phone_number": "555"[:2]},
    "sms_configs_messaging_service_sid_check": {"messaging_service_sid": "MG1"},
    "sms_configs_addresses_check": {"addresses": ["rcs:" + "x" * 1000]},
    "sms_configs_system_prompt_check": {"system_prompt": "x" * 20_001},
    "sms_configs_openai_model_check": {"openai_model": "x" * 101},
    "sms_configs_max_tokens_check": {"max_tokens": 15},
    "sms_configs_temperature_check": {"temperature": 2.5},
    "sms_configs_history_limit_check": {"history_limit": 0},
    "sms_configs_max_segments_check": {"max_segments": 11},
    "sms_configs_reply_delay_check": {"reply_delay": "2 minutes"},
    "sms_configs_takeover_pause_check": {"takeover_pause": "31 days"},
    "sms_configs_answer_within_check": {"answer_within": "8 days"},
    "sms_configs_close_after_check": {"close_after": "2 years"},
    "sms_configs_context_attributes_check": {"context_attributes": ["x" * 2001]},
    "sms_configs_knowledge_tokens_check": {"knowledge_tokens": -1},
    "sms_configs_rate_limits_check": {"replies_per_hour": -1},
    "sms_configs_fallback_reply_check": {"fallback_reply": ""},
    "sms_configs_first_reply_notice_check": {"first_reply_notice": "x" * 321},
    "sms_configs_canned_replies_check": {"bot_reply": "x" * 641},
    "sms_configs_tools_check": {"tools": ["x"] * 33},
    "sms_configs_stay_silent_for_check": {"stay_silent_for": ["x"]},
    "sms_configs_quiet_check": {"quiet_from": "22:00"},
}


async def change(session: Session, number: Number, **columns: Any) -> None:
    names = ", ".join(f"{name} = %s" for name in columns)
    query = f"update public.sms_configs set {names} where id = %s"  # noqa: S608
    await session.rows(query, *columns.values(), number.id)


@pytest.mark.parametrize("check", BROKEN)
async def test_a_broken_check_is_a_sentence(db: Db, check: str) -> None:
    number = await db.number()
    with pytest.raises(psycopg.Error) as refused:
        await change(db.admin, number, **BROKEN[check])
    assert refused.value.sqlstate == "PT422"
    assert refused.value.diag.message_detail == f"constraint {check}"
    assert next(iter(BROKEN[check])) in str(refused.value.diag.message_primary)


async def test_every_check_of_the_settings_has_its_sentence_and_its_test(db: Db) -> None:
    checks = await db.admin.rows(
        "select conname, obj_description(oid, 'pg_constraint') as sentence from pg_constraint"
        " where conrelid = 'public.sms_configs'::regclass and contype = 'c'"
    )
    assert {row["conname"] for row in checks} == set(BROKEN)
    assert [row["conname"] for row in checks if not row["sentence"]] == []


async def test_an_ordinary_change_is_stored(db: Db) -> None:
    number = await db.number()
    owner = await db.person(number)
    await change(owner, number, system_prompt="x" * 20_000, openai_model="gpt-6-luna")
    [row] = await owner.rows("select openai_model from public.sms_configs")
    assert row["openai_model"] == "gpt-6-luna"


async def test_every_text_that_a_user_may_write_has_a_bound(db: Db) -> None:
    """Each text, array or jsonb column of ours that `authenticated` may insert or update."""
    writable = await db.admin.rows("""
        select a.attrelid::regclass::text as relation, a.attname as column
        from pg_attribute as a
        join pg_class as c on c.oid = a.attrelid and c.relkind = 'r'
        join pg_type as t on t.oid = a.atttypid
        where c.relnamespace = 'public'::regnamespace and c.relname like 'sms%' and a.attnum > 0
          and (t.typname in ('text', 'jsonb') or t.typcategory = 'A')
          and (has_column_privilege('authenticated', a.attrelid, a.attnum, 'insert')
            or has_column_privilege('authenticated', a.attrelid, a.attnum, 'update'))""")
    bounded = await db.admin.rows("""
        select k.conrelid::regclass::text as relation, a.attname as column
        from pg_constraint as k
        join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
        where k.contype = 'c' and pg_get_constraintdef(k.oid) ~ '(length|cardinality|= ANY|IN) ?\\('
        """)
    listed = {(row["relation"], row["column"]) for row in writable}
    assert ("sms_configs", "system_prompt") in listed
    assert (
        listed - {(row["relation"], row["column"]) for row in bounded} - BOUNDED_ELSEWHERE == set()
    )


# status is one of two words by a case expression; a time zone is one that Postgres knows.
BOUNDED_ELSEWHERE = {("sms_conversations", "status"), ("sms_configs", "time_zone")}


@pytest.mark.parametrize("column", ["max_tokens", "history_limit", "number_replies_per_day"])
async def test_an_owner_stays_below_the_operators_ceiling(db: Db, column: str) -> None:
    number = await db.number()
    owner = await db.person(number)
    await db.timing(**{f"{column}_ceiling": 50})
    await change(owner, number, **{column: 50})
    with pytest.raises(psycopg.Error, match=f"50 {column}") as refused:
        await change(owner, number, **{column: 51})
    assert refused.value.sqlstate == "PT422"
