"""How conversations end: by a human or by themselves, and that no message is lost to an ending."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.scenario import sending, talk
from tests.sql import Db, Number, Session, new_contact, new_sid


async def close_idle(session: Session) -> int:
    return int(await session.value("select sms.close_idle_conversations()"))


async def answered(db: Db, **columns: Any) -> tuple[Session, Number, str, str]:
    """A conversation whose message was answered: session, number, contact, conversation."""
    one, number, contact = await db.session(), await db.number(**columns), new_contact()
    text = await one.ingest(number, contact, "hola")
    await one.finish(await one.answer(await one.claim()))
    return one, number, contact, text["conversation_id"]


async def test_an_idle_conversation_ends_by_itself(db: Db) -> None:
    one, _, _, conversation_id = await answered(db)
    await db.later(days=2, hours=23)
    assert await close_idle(one) == 0
    await db.later(hours=2)
    assert await close_idle(one) == 1
    row = await db.conversation(conversation_id)
    assert (row["status"], row["closed_by"], row["outcome"]) == ("closed", "idle", "answered_by_ai")


async def test_a_number_may_keep_its_conversations_open(db: Db) -> None:
    one, _, _, _ = await answered(db, close_after=None)
    await db.later(days=300)
    assert await close_idle(one) == 0


async def test_what_waits_is_not_idle(db: Db) -> None:
    one, number, contact, conversation_id = await answered(db)
    await one.ingest(number, contact, "quiero hablar con una persona")
    await db.admin.rows("update sms_conversations set wants_human = true")
    while (job := await one.claim())["kind"] == "send":
        await one.finish(job)
    await db.later(days=4)
    assert await close_idle(one) == 0
    await db.admin.rows("update sms_conversations set wants_human = false")
    assert await close_idle(one) == 1
    assert (await db.conversation(conversation_id))["closed_by"] == "idle"


async def test_a_pending_reply_is_not_idle(db: Db) -> None:
    one, number = await db.session(), await db.number(answer_within="7 days")
    await one.ingest(number, new_contact(), "hola")
    await db.later(days=4)
    assert await close_idle(one) == 0


async def test_one_that_could_not_be_closed_is_looked_at_again_after_a_day(db: Db) -> None:
    one, _, _, _ = await answered(db)
    await db.admin.rows("update sms_conversations set wants_human = true")
    await db.later(days=30)
    assert await close_idle(one) == 0
    await db.admin.rows("update sms_conversations set wants_human = false")
    await db.admin.rows("update sms.maintenance set idle_checked_at = now() - interval '25 hours'")
    assert await close_idle(one) == 1


async def test_a_message_held_before_the_lock_while_it_closes_is_answered(db: Db) -> None:
    one, number, contact, conversation_id = await answered(db, close_after="1 second")
    await db.later(seconds=5)
    two = await db.session()
    async with two.transaction():
        assert await close_idle(two) == 1
        arriving = asyncio.ensure_future(one.ingest(number, contact, "¿siguen ahí?"))
        await db.waits_for_lock(one)
    text = await arriving
    assert text["conversation_id"] != conversation_id
    job = await two.claim()
    assert (job["kind"], job["message_id"]) == ("reply", text["message_id"])


async def test_what_the_backfill_brings_from_before_the_ending_is_answered(db: Db) -> None:
    one, number, contact, conversation_id = await answered(db, close_after="1 second")
    await db.later(seconds=60)
    assert await close_idle(one) == 1
    before = datetime.now(UTC) - timedelta(seconds=70)
    text = await one.ingest(number, contact, "se perdió", at=before)
    assert text["conversation_id"] != conversation_id
    assert (await one.claim())["kind"] == "reply"


async def test_a_human_s_closing_still_takes_what_came_before_it(db: Db) -> None:
    one, number, contact, conversation_id = await answered(db)
    await (await db.person(number)).close(conversation_id)
    before = datetime.now(UTC) - timedelta(seconds=30)
    text = await one.ingest(number, contact, "se perdió", at=before)
    assert (text["conversation_id"], text["no_reply_reason"]) == (conversation_id, "closed")


async def test_a_message_posted_again_after_the_ending_opens_nothing(db: Db) -> None:
    one, number, contact = (
        await db.session(),
        await db.number(close_after="1 second"),
        new_contact(),
    )
    sid = new_sid()
    text = await one.ingest(number, contact, "hola", sid=sid)
    await one.finish(await one.answer(await one.claim()))
    await db.later(seconds=5)
    assert await close_idle(one) == 1
    again = await one.ingest(number, contact, "hola", sid=sid)
    assert (again["outcome"], again["message_id"]) == ("duplicate", text["message_id"])
    assert (await one.claim())["kind"] == "wait"


class Races:
    """A contact's message against the end of their idle conversation, at a random instant.

    Each race stores one message and answers it, but for one that is only posted again.
    """

    def __init__(self, db: Db, number: Number, sessions: list[Session], seed: int) -> None:
        self.db = db
        self.number = number
        self.one, self.two, self.three = sessions
        self.chance = random.Random(seed)
        self.contacts = [new_contact() for _ in range(5)]
        self.posted: list[str] = []

    async def run(self, kind: str) -> None:
        contact = self.chance.choice(self.contacts)
        if not await self.db.admin.rows(
            "select from sms_conversations where contact_number = %s and status = 'active'", contact
        ):
            await self.post(self.one, contact)
            await self.answer()
        await self.db.later(seconds=2)
        await getattr(self, kind)(contact)
        await self.answer()

    async def held(self, contact: str) -> None:
        """Before the conversation's lock, while maintenance closes it; or the other way round."""
        how = self.chance.choice(["closing first", "arrival first", "at once"])
        if how == "closing first":
            async with self.two.transaction():
                await close_idle(self.two)
                arriving = asyncio.ensure_future(self.post(self.one, contact))
                await self.db.waits_for_lock(self.one)
            await arriving
        elif how == "arrival first":
            async with self.one.transaction():
                await self.post(self.one, contact)
                await close_idle(self.two)
        else:
            await asyncio.gather(self.post(self.one, contact), close_idle(self.two))

    async def backfilled(self, contact: str) -> None:
        """Twilio had it before the end; the backfill brings it, at times with the late post."""
        at = datetime.now(UTC) - timedelta(seconds=self.chance.uniform(1, 20))
        sid, closing = self.new(contact), [close_idle(self.three)]
        if self.chance.random() < 0.5:
            await closing.pop()
        late = [self.post(self.two, contact, sid)] if self.chance.random() < 0.5 else []
        await asyncio.gather(self.post(self.one, contact, sid, at), *late, *closing)

    async def posted_again(self, contact: str) -> None:
        """After the end, or while it ends: it opens nothing, and is answered no second time."""
        sid = self.chance.choice([sid for sid in self.posted if sid.startswith(contact)])
        closing = [close_idle(self.two)]
        if self.chance.random() < 0.5:
            await closing.pop()
        await asyncio.gather(self.post(self.one, contact, sid), *closing)

    def new(self, contact: str) -> str:
        self.posted.append(f"{contact}:{new_sid()}")
        return self.posted[-1]

    async def post(
        self, by: Session, contact: str, sid: str = "", at: datetime | None = None
    ) -> None:
        sid = sid or self.new(contact)
        await by.ingest(self.number, contact, f"hola {sid}", sid=sid.partition(":")[2], at=at)

    async def answer(self) -> None:
        while (job := await self.one.claim())["kind"] == "reply":
            await self.one.finish(await self.one.answer(job))


@pytest.mark.parametrize("races", [60, pytest.param(1000, marks=pytest.mark.long)])
async def test_races_of_arrival_and_ending_store_and_answer_each_message_once(
    db: Db, races: int
) -> None:
    unlimited = {"replies_per_hour": 10**6, "replies_per_day": 10**6}
    number = await db.number(
        None, **unlimited, number_replies_per_day=10**5, close_after="1 second"
    )
    running = Races(db, number, [await db.session() for _ in range(3)], seed=races)
    for race in range(races):
        await running.run(("held", "backfilled", "posted_again")[race % 3])
    rows = await db.admin.rows("""
        select i.message_sid, count(*) as stored, count(r.id) as replies
        from sms_messages as i left join sms_messages as r on r.in_reply_to = i.id
        where i.direction = 'incoming' group by i.message_sid""")
    assert {row["message_sid"] for row in rows} == {sid.partition(":")[2] for sid in running.posted}
    assert [row for row in rows if (row["stored"], row["replies"]) != (1, 1)] == []
    ended = await db.admin.value("select count(*) from sms_conversations where closed_by = 'idle'")
    assert ended > races / 2, "it was a race"


async def test_the_prompt_holds_the_earlier_conversation_s_end(db: Db) -> None:
    one, number, contact, conversation_id = await answered(db, history_limit=3)
    await (await db.person(number)).close(conversation_id)
    await one.ingest(number, contact, "otra vez yo")
    job = await one.claim()
    assert [turn["content"] for turn in job["history"]] == ["hola", "Claro.", "otra vez yo"]


@pytest.mark.parametrize("columns", [{"history_across": False}, {"history_limit": 1}])
async def test_the_earlier_conversation_stays_out(db: Db, columns: dict[str, Any]) -> None:
    one, number, contact, conversation_id = await answered(db, **columns)
    await (await db.person(number)).close(conversation_id)
    await one.ingest(number, contact, "otra vez yo")
    assert [turn["content"] for turn in (await one.claim())["history"]] == ["otra vez yo"]


async def test_an_old_conversation_stays_out(db: Db) -> None:
    one, number, contact, conversation_id = await answered(db)
    await (await db.person(number)).close(conversation_id)
    await db.later(days=22)
    await one.ingest(number, contact, "otra vez yo")
    assert [turn["content"] for turn in (await one.claim())["history"]] == ["otra vez yo"]


async def test_another_account_s_conversation_stays_out(db: Db) -> None:
    one, number, contact, conversation_id = await answered(db)
    await (await db.person(number)).close(conversation_id)
    other = await db.number()
    await one.ingest(other, contact, "otra vez yo")
    assert [turn["content"] for turn in (await one.claim())["history"]] == ["otra vez yo"]


async def outcome(db: Db, number: Number, conversation_id: str) -> str:
    await (await db.person(number)).close(conversation_id)
    return str((await db.conversation(conversation_id))["outcome"])


async def test_the_outcome_comes_from_facts(db: Db) -> None:
    one, number, contact, conversation_id = await answered(db)
    assert await outcome(db, number, conversation_id) == "answered_by_ai"

    text = await one.ingest(number, contact, "otra vez")
    assert (await db.conversation(text["conversation_id"]))["is_reopened"]
    await (await db.person(number)).write(text["conversation_id"])
    await one.finish(await one.claim())
    assert await outcome(db, number, text["conversation_id"]) == "answered_by_human"

    text = await one.ingest(number, contact, "y ahora?")
    assert await outcome(db, number, text["conversation_id"]) == "unanswered"

    text = await one.ingest(number, contact, "STOP")
    assert await outcome(db, number, text["conversation_id"]) == "opted_out"


async def test_a_contact_who_still_waits_for_a_human_is_unanswered(db: Db) -> None:
    _, number, _, conversation_id = await answered(db)
    await db.admin.rows("update sms_conversations set wants_human = true")
    assert await outcome(db, number, conversation_id) == "unanswered"


# What an ending does to messages under way.


async def test_closing_cancels_what_waits_and_drops_what_is_owed(db: Db) -> None:
    one, number, contact, conversation_id = await talk(db)
    person = await db.person(number)
    written = await person.write(conversation_id)
    await one.ingest(number, contact, "gracias")
    await person.close(conversation_id)
    assert (await db.message(written))["status"] == "canceled"
    assert (await one.claim())["kind"] == "wait"
    with pytest.raises(psycopg.Error) as refused:
        await person.write(conversation_id)
    assert refused.value.sqlstate == "PT409"


async def test_a_text_being_sent_when_its_conversation_closes_is_finished(db: Db) -> None:
    one, number, _, job = await sending(db)
    await (await db.person(number)).close(job["conversation_id"])
    sid = new_sid()
    assert await one.finish(job, sid) == "recorded"
    assert (await db.message(job["message_id"]))["message_sid"] == sid
