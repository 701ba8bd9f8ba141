"""200 conversations book a table while workers die at random: 200 bookings, one reply for each.

The model is the worst one: at each attempt it calls with another id, another order of arguments
and another time. What makes it stop is the record alone. `tests/flow/test_bookings.py` does the
same with processes and kill -9.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.rules.mutants import Change, make
from tests.sql import Db, Job, Number, Session, new_sid

TOOL = """
create table public.drift_bookings (phone text not null, at time not null);
alter table public.drift_bookings enable row level security;
grant insert on public.drift_bookings to sms_contact;
create policy "Contacts book" on public.drift_bookings for insert to sms_contact
  with check (phone = sms_tools.contact_number());
create function sms_tools.book(p_at time, p_people integer) returns text
language sql set search_path = '' as $$
  insert into public.drift_bookings values (sms_tools.contact_number(), p_at) returning 'booked';
$$;
comment on function sms_tools.book is 'Books a table.';
"""
WANTS, ASIDE = "Mesa para 4", "¿Tienen aparcamiento?"
DEATHS = ("claimed", "undone", "called", "answer lost", "queued", "sent")

NO_UNIQUE_KEY: list[Change] = [
    "drop index public.sms_tool_calls_acts_once_key",
    (
        "sms.call_tool",
        "on conflict (conversation_id, waiting_since, name, md5(arguments::text)) where acts"
        " do nothing",
        "on conflict do nothing",
    ),
]
NO_RESUMPTION: list[Change] = [
    ("sms.recorded_calls", "where k.conversation_id =", "where false and k.conversation_id =")
]


class Died(Exception):
    """A worker, at this point; what it asked of the database goes on without it."""


@dataclass
class Town:
    """Contacts who book, workers who die, a carrier that remembers."""

    db: Db
    number: Number
    chance: random.Random
    records_apart: bool = False  # a worker that runs the tool and records it afterwards
    asked: Counter[str] = field(default_factory=Counter)  # how often the model booked, by contact
    sent: list[tuple[str, str, str, int]] = field(default_factory=list)  # to, body, sid, row
    deaths: Counter[str] = field(default_factory=Counter)
    orphans: set[asyncio.Future[Any]] = field(default_factory=set)
    sessions: list[Session] = field(default_factory=list)

    def may_die(self, point: str, often: float = 0.12) -> None:
        if self.chance.random() < often:
            self.deaths[point] += 1
            raise Died

    async def work(self, session: Session, until: float) -> None:
        while time.monotonic() < until and not await self.is_quiet(session):
            with contextlib.suppress(Died):
                await self.one_job(session)

    async def is_quiet(self, session: Session) -> bool:
        return not await session.value(
            "select exists (select from public.sms_conversations where config_id = %s"
            " and least(reply_due_at, send_due_at) is not null)",
            self.number.id,
        )

    async def one_job(self, session: Session) -> None:
        job = await session.claim(seconds=1)
        if job["kind"] == "wait":
            await asyncio.sleep(min(float(job["seconds"] or 0.05), 0.05))
        elif job["kind"] == "reply":
            await self.reply(session, job)
        elif job["kind"] == "send":
            await self.send(session, job)
        elif job["kind"] == "reconcile":
            found = [
                {"sid": sid, "status": "sent", "body": body, "to": to}
                for to, body, sid, row in self.sent
                if row == job["message_id"]
            ]
            await session.settle(job, found)
        else:
            raise AssertionError(job)

    async def reply(self, session: Session, job: Job) -> None:
        self.may_die("claimed")
        texts = " ".join(t["content"] for t in job["history"] if t["role"] == "user")
        answered = any(t["role"] == "assistant" for t in job["history"])
        content = "Sí."
        if WANTS in texts and not answered:
            if not job["tool_calls"]:
                called = await self.book(session, job)
                if called["outcome"] == "gone":
                    return
                assert called["outcome"] == "done", called
            content = "Reservado."
        self.may_die("called")
        queued = await session.answer(job, content)
        self.may_die("queued")
        if queued["outcome"] == "send":
            await self.send(session, queued)

    async def book(self, session: Session, job: Job) -> Job:
        """The answer may be lost: then the same is asked again, perhaps while the first still runs,
        or the worker is dead."""
        contact = job["contact_number"]
        self.asked[contact] += 1
        arguments = {"p_at": f"{self.asked[contact] % 24:02}:30", "p_people": 4}
        if self.asked[contact] % 2:
            arguments = dict(reversed(arguments.items()))
        if self.chance.random() < 0.1:
            await self.call_and_roll_back(job, arguments)
        first = asyncio.ensure_future(self.call(job, arguments))
        self.orphans.add(first)
        if self.chance.random() < 0.3:
            await asyncio.sleep(self.chance.random() * 0.01)
            self.may_die("answer lost", 0.5)
            return await self.call(job, arguments)
        return await first

    async def call(self, job: Job, arguments: dict[str, Any]) -> Job:
        session = self.sessions.pop() if self.sessions else await self.db.session()
        try:
            if self.records_apart:
                return await self.call_and_record(session, job, arguments)
            called: Job = await session.call(
                "call_sms_tool",
                lease_id=job["lease_id"],
                message_id=job["message_id"],
                name="book",
                arguments=arguments,
            )
            return called
        finally:
            self.sessions.append(session)

    async def call_and_roll_back(self, job: Job, arguments: dict[str, Any]) -> None:
        """The server died with the call, and so did its worker."""
        session = await self.db.session()
        await session.rows("begin")
        await session.call(
            "call_sms_tool",
            lease_id=job["lease_id"],
            message_id=job["message_id"],
            name="book",
            arguments=arguments,
        )
        await session.connection.close()
        self.may_die("undone", 1)

    async def call_and_record(self, session: Session, job: Job, arguments: dict[str, Any]) -> Job:
        called: Job = await session.call(
            "try_sms_tool",
            contact_number=job["contact_number"],
            name="book",
            arguments=arguments,
            undo=False,
        )
        self.may_die("called")
        await session.call(
            "call_sms_tool",
            lease_id=job["lease_id"],
            message_id=job["message_id"],
            name="note",
            arguments=arguments,
        )
        return called

    async def send(self, session: Session, sms: Job) -> None:
        sid = new_sid()
        self.sent.append((sms["to"], sms["content"], sid, sms["message_id"]))
        self.may_die("sent")
        await session.finish(sms, sid, "sent")

    async def interrupt(self, contacts: list[str]) -> None:
        """Messages in between, which ask for no booking."""
        session = await self.db.session()
        for contact in contacts:
            await asyncio.sleep(self.chance.random() * 0.04)
            await session.ingest(self.number, contact, ASIDE)


async def run(db: Db, conversations: int, seed: int, **options: Any) -> Town:
    async with db.admin.transaction():
        await db.admin.rows("set local role postgres")
        await db.admin.rows(TOOL)
    await db.timing(
        reconcile_after="10 ms",
        retry_after="10 ms",
        reply_attempts_max=1000,
        superseded_max=1000,
    )
    number = await db.number(
        tools=["book"], replies_per_hour=10**6, replies_per_day=10**6, number_replies_per_day=10**5
    )
    town = Town(db, number, random.Random(seed), **options)
    session = await db.session()
    contacts = [f"+1557{n:07}" for n in range(conversations)]
    for contact in contacts:
        await session.ingest(number, contact, WANTS)
    until = time.monotonic() + 120
    workers = [town.work(await db.session(), until) for _ in range(6)]
    await asyncio.gather(town.interrupt(town.chance.sample(contacts, conversations // 2)), *workers)
    await asyncio.gather(*town.orphans, return_exceptions=True)
    return town


async def violations(town: Town, conversations: int) -> list[str]:
    """What is not once."""
    rows = await town.db.admin.rows(
        "select phone, count(*) as n from public.drift_bookings group by phone"
    )
    booked = {row["phone"]: row["n"] for row in rows}
    told = Counter(to for to, body, _, _ in town.sent if body == "Reservado.")
    found = [f"{n} bookings of one contact" for n in booked.values() if n != 1]
    found += [f"{n} replies that tell of it" for n in told.values() if n != 1]
    if len(booked) != conversations or len(told) != conversations:
        found.append(f"{len(booked)} of {conversations} booked, {len(told)} told")
    return found


async def test_200_bookings_are_made_once_each_whoever_dies(own_db: Db) -> None:
    town = await run(own_db, 200, seed=1)
    assert await violations(town, 200) == []
    assert set(town.deaths) == set(DEATHS), "each death was met"
    assert max(town.asked.values()) > 1, "the model was asked to book again"
    assert await own_db.broken_invariants() == {}


@pytest.mark.parametrize(
    "naive", [NO_UNIQUE_KEY, NO_RESUMPTION], ids=["no unique key", "no resumption"]
)
async def test_a_mutant_books_twice(own_db: Db, naive: list[Change]) -> None:
    for form in naive:
        await make(own_db, form)
    town = await run(own_db, 60, seed=1)
    assert "2 bookings of one contact" in await violations(town, 60)


async def test_a_record_in_another_transaction_books_twice(own_db: Db) -> None:
    town = await run(own_db, 60, seed=1, records_apart=True)
    assert [found for found in await violations(town, 60) if "bookings of one" in found]
