"""supabase/upgrade_from_old_tables.sql on a filled database of the first version."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from gateway import schema
from gateway.local.stack import Stack
from tests.sql import WATCH, Db, Number, scratch_database

REPOSITORY = Path(__file__).parents[2]
UPGRADE = (REPOSITORY / "supabase/upgrade_from_old_tables.sql").read_text()
OLD_TABLES = (REPOSITORY / "tests/data/old_tables.sql").read_text()
ANA, BEN = str(uuid.uuid4()), str(uuid.uuid4())

# Two owners, three numbers, 40 contacts each; every fourth contact has three conversations, two of
# them active, as two posts at once made them; every tenth post was stored twice; replies that went
# out as the webhook's answer have no MessageSid.
FILL = """
insert into public.sms_configs (user_id, system_prompt, max_tokens, temperature)
values (%(ana)s, 'You are Ana''s bakery.', 5, 0.2);
insert into public.sms_conversations
  (user_id, phone_number, twilio_number, status, last_message_at, created_at)
select case when n.n < 3 then %(ana)s::uuid else %(ben)s::uuid end, '+1555000' || (1000 + c),
  '+1777000000' || n.n, case k when 3 then 'closed' else 'active' end,
  now() - c * interval '1 hour' - k * interval '1 minute', now() - interval '90 days'
from generate_series(1, 3) as n (n), generate_series(1, 40) as c,
  generate_series(1, case when c %% 4 = 0 then 3 else 1 end) as k;
insert into public.sms_messages
  (conversation_id, phone_number, message_content, direction, twilio_message_sid, created_at)
select c.id, c.phone_number, 'Hola ' || m, case m %% 2 when 1 then 'incoming' else 'outgoing' end,
  case when m %% 2 = 1 then 'SM' || md5(c.id::text || m) end,
  c.last_message_at - (6 - m) * interval '1 minute'
from public.sms_conversations as c, generate_series(1, 6) as m;
insert into public.sms_messages
  (conversation_id, phone_number, message_content, direction, twilio_message_sid, created_at)
select m.conversation_id, m.phone_number, m.message_content, m.direction, m.twilio_message_sid,
  m.created_at + interval '1 second'
from public.sms_messages as m where m.twilio_message_sid like 'SM%%1';
insert into public.sms_webhook_logs (event_type) values ('incoming');
"""


@pytest.fixture
async def old(stack: Stack) -> AsyncIterator[Db]:
    """A project with the first version's tables, filled."""
    async with (
        scratch_database(stack.postgres.url("supabase_admin"), "nothing") as url,
        Db.connect(url) as db,
    ):
        await db.admin.rows("insert into auth.users (id) values (%s), (%s)", ANA, BEN)
        name = await db.admin.value("select current_database()")
        await db.admin.rows(f"grant create on database {name} to postgres")
        await db.admin.rows("set role postgres")
        await db.admin.rows(OLD_TABLES)
        given = FILL % {"ana": f"'{ANA}'", "ben": f"'{BEN}'"}
        await db.admin.rows(given)
        yield db


async def upgrade(db: Db) -> None:
    async with db.admin.transaction():
        for script in (UPGRADE, schema.printed(), UPGRADE):
            await db.admin.rows(script)
    await db.admin.rows("reset role")
    await db.admin.rows(WATCH)


async def test_everything_is_copied_once_and_counted(old: Db) -> None:
    sids = await old.admin.value("select count(distinct twilio_message_sid) from sms_messages")
    without = "select count(*) from sms_messages where twilio_message_sid is null"
    stored = sids + await old.admin.value(without)
    assert stored < await old.admin.value("select count(*) from sms_messages")
    await upgrade(old)
    admin = old.admin
    assert await admin.value("select count(*) from public.sms_messages") == stored
    assert await admin.value("select count(*) from public.sms_conversations") == 180
    assert await admin.value("select count(*) from public.sms_contacts") == 80
    assert await old.broken_invariants() == {}
    totals = "select * from public.get_user_sms_stats(%s)"
    (ana,), (ben,) = await admin.rows(totals, ANA), await admin.rows(totals, BEN)
    assert ana["total_messages"] + ben["total_messages"] == stored
    assert (ana["total_conversations"], ana["active_conversations"]) == (120, 80)
    assert (ben["total_conversations"], ben["active_conversations"]) == (60, 40)
    assert 0 < ben["active_users_24h"] < 40, "the day of a message is that of the old row"


async def test_what_is_copied_stays_in_order_and_is_not_answered_again(old: Db) -> None:
    await upgrade(old)
    admin = old.admin
    assert (await (await old.session()).claim())["kind"] == "wait"
    out_of_order = """
        select from public.sms_messages as a join public.sms_messages as b
          on b.conversation_id = a.conversation_id and b.id > a.id
        where b.created_at < a.created_at"""
    assert await admin.rows(out_of_order) == []
    settings = "select system_prompt, max_tokens, version from sms_configs where phone_number = %s"
    (bakery,) = await admin.rows(settings, "+17770000001")
    assert (bakery["system_prompt"], bakery["max_tokens"]) == ("You are Ana's bakery.", 16)
    assert await admin.value("select count(*) from realtime.messages") == 0


async def test_a_contact_goes_on_in_the_conversation_that_was_active(old: Db) -> None:
    await upgrade(old)
    session = await old.session()
    (row,) = await old.admin.rows(
        "select c.id, f.id as config_id from sms_conversations c join sms_configs f"
        " on f.id = c.config_id where f.phone_number = '+17770000001'"
        " and c.contact_number = '+15550001004' and c.status = 'active'"
    )
    number = Number(row["config_id"], uuid.UUID(ANA), "+17770000001")
    await old.admin.rows("update sms_configs set reply_delay = '0'")
    stored = await session.ingest(number, "+15550001004", "¿Y mañana?")
    assert (stored["outcome"], stored["conversation_id"]) == ("stored", str(row["id"]))
    history = [turn["content"] for turn in (await session.claim())["history"]]
    assert history[-7:] == [*(f"Hola {n}" for n in range(1, 7)), "¿Y mañana?"]


async def test_a_number_of_two_owners_is_refused_and_nothing_changes(old: Db) -> None:
    await old.admin.rows(
        "update sms_conversations set user_id = %s where phone_number = '+15550001001'", BEN
    )
    with pytest.raises(psycopg.Error, match="Whose the number …0001 is cannot be told") as refused:
        await upgrade(old)
    assert "777000" not in str(refused.value)
    columns = "select count(*) from information_schema.columns where column_name = %s"
    assert await old.admin.value(columns, "twilio_number") == 1
    assert await old.admin.value("select to_regnamespace('old_sms') is null")


async def test_a_conversation_without_owner_takes_the_only_one_there_is(old: Db) -> None:
    await old.admin.rows("update sms_conversations set user_id = null where user_id = %s", ANA)
    await upgrade(old)
    owners = "select distinct user_id from sms_configs where phone_number < '+17770000003'"
    assert [str(row["user_id"]) for row in await old.admin.rows(owners)] == [ANA]


async def test_without_old_tables_or_a_second_time_it_says_so(old: Db) -> None:
    await upgrade(old)
    with pytest.raises(psycopg.Error, match="it was copied already"):
        await old.admin.rows(UPGRADE)
    await old.admin.rows("drop schema sms cascade")
    await old.admin.rows("drop table public.sms_messages cascade")
    with pytest.raises(psycopg.Error, match="There are no old tables here"):
        await old.admin.rows(UPGRADE)
