"""Chapter 5: what is stored of a message, in which order."""

from __future__ import annotations

import asyncio

from tests.rules.mutants import mutant
from tests.scenario import talk
from tests.sql import Db


@mutant(
    "an id from the default",
    (
        "sms.before_message",
        "new.id := nextval('public.sms_messages_id_seq');",
        "",
    ),
    fails="taken before the lock",
)
async def test_ids_are_in_commit_order(db: Db) -> None:
    """Who asks for "id > last seen" misses nothing: a later commit has the higher id."""
    one, number, _, conversation_id = await talk(db)
    person = await db.person(number)
    await one.rows("begin")
    await one.rows(
        "select 1 from public.sms_conversations where id = %s for no key update", conversation_id
    )
    later = asyncio.ensure_future(person.write(conversation_id, "second"))
    await db.waits_for_lock(person)
    earlier = await one.write(conversation_id, "first")
    await one.rows("commit")
    assert earlier < await later, "the id was taken before the lock"
