"""2,000 texts, six sessions, a Twilio that fails, and workers that die at the worst moments.

Each session posts texts and works, as chance has it. Chance is seeded: the same seed makes the
same decisions, though not the same interleaving. What must come out is the same for all of them:
nothing doubled, nothing unanswered, nothing open.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count

from tests.sql import Db, Job, Number, Session, new_contact, new_sid

TEXTS = 2_000
SESSIONS = 6
LEASE_SECONDS = 0.3
# The last line before the request: with less of the lease left nothing is posted.
SEND_SECONDS = 0.15
SEED = 20261122


class Died(Exception):
    """The worker is gone, and with it all it knew of its job."""


@dataclass
class FakeTwilio:
    """Takes texts and lists them; no request is lost by it, only answers are."""

    accepted: list[Job] = field(default_factory=list)

    def create(self, job: Job) -> Job:
        text = {"sid": new_sid(), "body": job["content"], "status": "queued", "to": job["to"]}
        text |= {"created_at": datetime.now(UTC).isoformat(), "message_id": job["message_id"]}
        self.accepted.append(text)
        return text

    def list(self, job: Job) -> list[Job]:
        return [
            text
            for text in self.accepted
            if text["to"] == job["to"] and text["created_at"] >= job["sent_after"]
        ]


class Simulation:
    """What the sessions share. `happened` counts what they went through."""

    def __init__(self, numbers: list[Number]) -> None:
        contacts = [(random.choice(numbers), new_contact()) for _ in range(60)]
        self.texts = deque((*random.choice(contacts), f"text {i}") for i in range(TEXTS))
        self.twilio = FakeTwilio()
        self.happened: Counter[str] = Counter()
        self.answers = count(1)

    async def take_part(self, session: Session, chance: random.Random) -> None:
        """Post and work until there is nothing left to post, nor any work."""
        while True:
            if self.texts and chance.random() < 0.4:
                await self.post(session, chance)
                continue
            asked_at = time.monotonic()
            job = await session.claim()
            if job["kind"] == "wait":
                if job["seconds"] is None and not self.texts:
                    return
                await asyncio.sleep(min(job["seconds"] or 0.005, 0.02))
                continue
            with suppress(Died):
                await self.work(session, chance, job, asked_at)

    async def post(self, session: Session, chance: random.Random) -> None:
        """One text, sometimes posted again by Twilio, at once or later, to whoever answers."""
        number, contact, body = self.texts.popleft()
        sid = new_sid()
        await session.ingest(number, contact, body, sid)
        self.happened["texts"] += 1
        if chance.random() < 0.05:
            again = await session.ingest(number, contact, body, sid)
            assert again["outcome"] == "duplicate"
            self.happened["posted twice"] += 1

    async def work(
        self, session: Session, chance: random.Random, job: Job, asked_at: float
    ) -> None:
        self.happened[job["kind"]] += 1
        self.may_die(chance, "after claim")
        if job["kind"] == "reconcile":
            outcome = await session.settle(job, self.twilio.list(job))
            self.happened[f"settled: {outcome}"] += 1
            return
        if job["kind"] == "reply":
            await asyncio.sleep(chance.random() * 0.02)  # the model
            if chance.random() < 0.02:
                await session.fail_sms_reply(job)
                return
            answer = await session.answer(job, f"answer {next(self.answers)}")
            self.happened[f"answer: {answer['outcome']}"] += 1
            if answer["outcome"] != "send":
                return
            job = answer
        self.may_die(chance, "after queue_sms_reply")
        if time.monotonic() > asked_at + SEND_SECONDS:
            await session.call("release_sms_work", lease_id=job["lease_id"])
            self.happened["released"] += 1
            return
        await self.send(session, chance, job)

    async def send(self, session: Session, chance: random.Random, job: Job) -> None:
        luck = chance.random()
        if luck < 0.03:
            await session.fail(job, "refused", retry_after="0.02")
            return
        if luck < 0.05:
            await session.fail(job, "unknown")  # the request was lost
            return
        text = self.twilio.create(job)
        if luck < 0.07:
            await session.fail(job, "unknown")  # the response was lost
            return
        if chance.random() < 0.3:
            await session.callback(job, text["sid"], chance.choice(["sent", "delivered"]))
        self.may_die(chance, "after Twilio accepted")
        asked_at, brought = time.monotonic(), None
        if chance.random() < 0.5:
            assert await session.finish(job, text["sid"]) == "recorded"
        else:
            brought = await session.finish_and_claim(job, sid=text["sid"])
        if chance.random() < 0.3:
            await session.callback(job, text["sid"], "delivered")
        if brought and brought["kind"] != "wait":
            self.happened["brought"] += 1
            await self.work(session, chance, brought, asked_at)

    def may_die(self, chance: random.Random, where: str) -> None:
        if chance.random() > 0.03:
            return
        self.happened[f"died {where}"] += 1
        raise Died


UNANSWERED = """
select c.id, c.reply_error from public.sms_conversations as c
where not exists (
  select from public.sms_messages as m
  where m.conversation_id = c.id and m.in_reply_to = c.last_incoming_id
    and m.message_sid is not null
)"""
OPEN = """
select count(*) from public.sms_messages as m where m.is_open
union all
select count(*) from public.sms_conversations as c
where least(c.reply_due_at, c.send_due_at) is not null"""


def overtaking(accepted: list[Job]) -> list[int]:
    """Texts that Twilio got after a later one to the same contact."""
    newest: dict[str, int] = {}
    late = []
    for text in accepted:
        if text["message_id"] < newest.get(text["to"], 0):
            late.append(text["message_id"])
        newest[text["to"]] = text["message_id"]
    return late


async def test_two_thousand_texts_are_answered_once_whoever_dies(own_db: Db) -> None:
    await own_db.timing(
        reply_wait_max=timedelta(milliseconds=100),
        lease=timedelta(seconds=LEASE_SECONDS),
        retry_after=timedelta(milliseconds=20),
        reconcile_after=timedelta(milliseconds=100),
        reply_attempts_max=1000,  # the fallback has a test of its own
    )
    random.seed(SEED)
    began = time.monotonic()
    numbers = [
        await own_db.number(
            reply_delay=timedelta(milliseconds=10),
            replies_per_hour=10**6,
            replies_per_day=10**6,
            number_replies_per_day=100_000,
        )
        for _ in range(3)
    ]
    simulation = Simulation(numbers)
    sessions = [await own_db.session() for _ in range(SESSIONS)]
    async with asyncio.TaskGroup() as group:
        for i, session in enumerate(sessions):
            group.create_task(simulation.take_part(session, random.Random(SEED + i)))

    sent = Counter(text["message_id"] for text in simulation.twilio.accepted)
    doubled = [message_id for message_id, times in sent.items() if times > 1]
    unanswered = await own_db.admin.rows(UNANSWERED)
    still_open = [next(iter(row.values())) for row in await own_db.admin.rows(OPEN)]
    out_of_order = overtaking(simulation.twilio.accepted)
    told = dict(sorted(simulation.happened.items()))
    print(
        f"\n{told}\n{len(sent)} sent in {time.monotonic() - began:.1f} s: {len(doubled)} doubled,"
    )
    print(f"{len(unanswered)} unanswered, {sum(still_open)} open")

    assert (doubled, unanswered, still_open, out_of_order) == ([], [], [0, 0], [])
    assert (await sessions[0].call("get_sms_health"))["doubled"] == 0
    assert await own_db.broken_invariants() == {}
    assert simulation.happened["texts"] == TEXTS
    for where in ("after claim", "after queue_sms_reply", "after Twilio accepted"):
        assert simulation.happened[f"died {where}"] > 5
    assert simulation.happened["brought"] > 100
    for outcome in ("recorded", "queued", "unknown"):
        assert simulation.happened[f"settled: {outcome}"] > 5
