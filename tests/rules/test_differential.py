"""Two versions of the SQL play the same steps: the short form of the walk (differential/).

Here both versions are this checkout's; what breaks one of them has to be found.
"""

from __future__ import annotations

import asyncio

import pytest

from gateway import schema
from gateway.local.stack import Stack
from tests.rules.differential.databases import deterministic
from tests.rules.differential.mutants import MUTANTS
from tests.rules.differential.pair import Difference
from tests.rules.differential.run import differential_walk

SQL = schema.compose(schema.supabase_folder() / "schemas")
STEPS, SEED = 400, 1


async def test_one_sql_twice_has_one_behaviour(stack: Stack) -> None:
    happened = await asyncio.to_thread(differential_walk, stack.postgres_url, SQL, SQL, STEPS, SEED)
    assert happened.total() >= STEPS
    for call in ("ingest_sms: stored", "claim_sms_work: reply", "queue_sms_reply: send"):
        assert happened[f"public.{call}"] > 5


@pytest.mark.parametrize(
    ("mutant", "where"),
    [
        ("a wrong state: closed as idle by a human", "table sms_conversations"),
        ("a lost update: media of a duplicate", "table sms_messages"),
        ("nobody hears that a conversation changed", "announced"),
    ],
)
async def test_what_breaks_one_of_them_is_found(stack: Stack, mutant: str, where: str) -> None:
    with pytest.raises(Difference, match=f"{where}.*differs"):
        await asyncio.to_thread(
            differential_walk, stack.postgres_url, SQL, SQL, STEPS, SEED, MUTANTS[mutant]
        )


def test_clock_ids_and_chance_are_the_steps() -> None:
    """No function is left that no run repeats."""
    text = deterministic(
        "create function sms.f() returns uuid language sql as $$\n"
        "  select gen_random_uuid(), random(), now(), clock_timestamp(), nextval('sms.a_id_seq')\n"
        "  from t order by least(c.reply_due_at, c.send_due_at)\n$$;"
    )
    assert (
        "walk.uuid('sms_f'), walk.chance(), walk.now(), walk.clock(), walk.next_id('sms.a')" in text
    )
    assert "order by least(c.reply_due_at, c.send_due_at), c.id" in text
    for word in ("gen_random_uuid()", " random()", " now()", "clock_timestamp()", "current_date"):
        assert word not in deterministic(SQL), word
