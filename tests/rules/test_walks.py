"""Whatever texts, workers, people and Twilio do, in whatever order: the invariants hold after
every step, nothing is sent twice, and in the end nothing is open.

Walks of chance, each by its seed. A state machine of hypothesis found less: it repeats small
examples, and what a database does is not repeatable to the step.
"""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.rules.mutants import Change, make
from tests.rules.test_12_opt_outs import NO_GATE
from tests.rules.test_21_reply import NO_LEASE_CHECK
from tests.rules.test_23_reconcile import A_BLIND_RESEND
from tests.rules.test_24_delivery import TWILIOS_QUEUED_AS_OURS
from tests.sql import Db, Job, Number, Session, new_sid

CONTACTS = ["+15550000001", "+15550000002"]
TWILIOS_WORDS = ["queued", "sending", "sent", "failed", "undelivered", "delivered", "read"]
LEASE_SECONDS, SEND_SECONDS = 60, 13
WALKS, STEPS = 20, 40

# How often, and what happens to a worker with its job.
FATES = {
    "works": 30,
    "is slow": 8,
    "is slow to send": 8,
    "stops": 3,
    "dies": 5,
    "dies late": 5,
    "dies when Twilio has it": 8,
    "the model fails": 5,
    "the model suspends": 1,
    "refused": 4,
    "suspended": 1,
    "failed": 2,
    "unknown": 5,
    "unknown, but taken": 8,
}
EVENTS = {
    "worker_claims": 50,
    "slow_worker_goes_on": 15,
    "text_comes": 15,
    "person_acts": 6,
    "time_passes": 12,
    "callback_comes": 4,
    "counters_are_folded": 5,
}


class Walk:
    """`held` are the jobs of slow workers, `clock` counts what time_passes let pass."""

    def __init__(self, db: Db, session: Session, numbers: list[Number], seed: int) -> None:
        self.db = db
        self.session = session
        self.numbers = numbers
        self.chance = random.Random(seed)
        self.held: list[tuple[float, Job]] = []
        self.accepted: list[Job] = []
        self.clock = 0.0

    def choose(self, among: dict[str, int]) -> str:
        return self.chance.choices(list(among), list(among.values()))[0]

    async def run(self) -> None:
        for _ in range(STEPS):
            await getattr(self, self.choose(EVENTS))()
            await self.check()
        await self.finish_everything()

    async def check(self) -> None:
        assert await self.db.broken_invariants() == {}
        times = Counter(sent["message_id"] for sent in self.accepted)
        assert max(times.values(), default=1) == 1, "a text is sent twice"

    # Contacts and people

    async def text_comes(self) -> None:
        """Opt words come at once: a late one speaks of a time when nobody knew."""
        body = self.chance.choice(["Hola", "¿Y?", "Gracias", "Bien", "HELP", "Liked “Bien”"])
        age = self.chance.choice([0, 0, 0, 0, 90, 7 * 3600])
        if self.chance.random() < 0.1:
            body, age = self.chance.choice(["STOP", "START", "START"]), 0
        sid, at = new_sid(), datetime.now(UTC) - timedelta(seconds=age) if age else None
        number, contact = self.chance.choice(self.numbers), self.chance.choice(CONTACTS)
        for _ in range(self.chance.choice([1, 1, 2])):
            await self.session.ingest(number, contact, body, sid, at)

    async def person_acts(self) -> None:
        act = self.chance.choice(["writes", "writes", "closes", "closes", "wishes"])
        rows = await self.db.admin.rows("select id from public.sms_conversations")
        if act == "wishes":
            await self.session.call(
                "set_sms_opt_out",
                user_id=self.numbers[0].user_id,
                contact_number=self.chance.choice(CONTACTS),
                opted_out=self.chance.random() < 0.4,
            )
        elif rows:
            acts = self.session.write if act == "writes" else self.session.close
            try:
                await acts(self.chance.choice(rows)["id"])
            except psycopg.Error as refused:
                assert refused.sqlstate == "PT409"  # closed already

    async def time_passes(self, seconds: float | None = None) -> None:
        seconds = seconds or self.chance.choice([1, 7, 31, 61, 61, 121, 121, 700, 3700])
        self.clock += seconds
        await self.db.later(seconds=seconds)

    async def counters_are_folded(self) -> None:
        await self.session.rows("select sms.fold_counters(%s)", self.chance.choice([1, 3, 10000]))

    # Workers

    async def claim(self) -> Job | None:
        """None: nothing was due; then time has passed until something is, if it ever will be."""
        job = await self.session.claim(seconds=LEASE_SECONDS)
        if job["kind"] != "wait":
            return job
        if job["seconds"] is not None:
            await self.time_passes(float(job["seconds"]) + 0.5)
        return None

    async def worker_claims(self) -> None:
        if job := (await self.claim() or await self.claim()):
            await self.work(self.clock, job)
        else:
            await self.text_comes()

    async def slow_worker_goes_on(self) -> None:
        if self.held:
            await self.work(*self.held.pop(self.chance.randrange(len(self.held))))

    async def work(self, claimed_at: float, job: Job) -> None:
        """One step of a job or all of it; whoever dies just forgets it."""
        fate = self.choose(FATES)
        if fate == "is slow":
            self.held.append((claimed_at, job))
        elif fate == "stops":
            await self.session.call("release_sms_work", lease_id=job["lease_id"])
        elif fate == "dies":
            pass
        elif job["kind"] == "reconcile":
            await self.settle(job)
        elif job["kind"] == "send":
            await self.send(claimed_at, job, fate)
        elif fate in ("the model fails", "the model suspends"):
            await self.session.fail_sms_reply(job, suspends=fate.endswith("suspends"))
        else:
            answer = await self.session.answer(job, f"answer to {job['message_id']}")
            if answer["outcome"] == "send":
                await self.send(claimed_at, answer, fate)

    async def send(self, claimed_at: float, job: Job, fate: str) -> None:
        if fate == "is slow to send":
            self.held.append((claimed_at, job))
        elif fate == "dies late" or self.clock - claimed_at > LEASE_SECONDS - SEND_SECONDS:
            pass
        elif fate in ("refused", "suspended", "failed", "unknown"):
            await self.session.fail(job, fate)
        else:
            await self.hand_over(job, fate)

    async def hand_over(self, job: Job, fate: str = "works") -> None:
        sid = new_sid()
        self.accepted.append(job | {"sid": sid, "body": job["content"]})
        if fate == "unknown, but taken":
            await self.session.fail(job, "unknown")
        elif fate != "dies when Twilio has it":
            word = self.chance.choice(TWILIOS_WORDS)
            assert await self.session.finish(job, sid, word) == "recorded"

    async def settle(self, job: Job) -> None:
        found = [
            {"sid": sent["sid"], "body": sent["body"], "created_at": f"{i:09}"}
            for i, sent in enumerate(self.accepted)
            if (sent["from"], sent["to"]) == (job["from"], job["to"])
        ]
        await self.session.settle(job, found)

    async def callback_comes(self) -> None:
        if self.accepted:
            sent = self.chance.choice(self.accepted)
            word = self.chance.choice(TWILIOS_WORDS)
            assert await self.session.callback(sent, sent["sid"], word) in ("recorded", "stale")

    async def finish_everything(self) -> None:
        """Workers that do not die come to an end."""
        for _ in range(80):
            job = await self.session.claim(seconds=LEASE_SECONDS)
            if job["kind"] == "wait" and job["seconds"] is None:
                return
            await self.do_well(job)
            await self.check()
        raise AssertionError(f"there is always work: {job}")

    async def do_well(self, job: Job) -> None:
        if job["kind"] == "wait":
            await self.time_passes(float(job["seconds"]) + 0.5)
        elif job["kind"] == "reconcile":
            await self.settle(job)
        elif job["kind"] == "send":
            await self.hand_over(job)
        else:
            answer = await self.session.answer(job, f"answer to {job['message_id']}")
            if answer["outcome"] == "send":
                await self.hand_over(answer)


async def walk(db: Db, session: Session, seed: int) -> None:
    """One walk; two numbers of one owner, some with a long pause after a person, some capped."""
    random.seed(seed)
    await db.empty()
    chance = random.Random(seed)
    rules: dict[str, Any] = {
        "takeover_pause": timedelta(seconds=chance.choice([0, 0, 3600])),
        "replies_per_hour": chance.choice([2, 100, 100]),
    }
    first = await db.number(**rules)
    numbers = [first, await db.number(owner=first, **rules)]
    try:
        await Walk(db, session, numbers, seed).run()
    except AssertionError as error:
        error.add_note(f"in the walk of seed {seed}")
        raise


async def test_the_invariants_hold_after_every_step(own_db: Db) -> None:
    session = await own_db.session()
    for seed in range(WALKS):
        await walk(own_db, session, seed)


@pytest.mark.parametrize(
    "change", [NO_GATE, NO_LEASE_CHECK, A_BLIND_RESEND, TWILIOS_QUEUED_AS_OURS]
)
async def test_the_walks_find_naive_forms(own_db: Db, change: Change) -> None:
    await make(own_db, change)
    session = await own_db.session()
    with pytest.raises((AssertionError, psycopg.errors.IntegrityError)):
        for seed in range(10 * WALKS):
            await walk(own_db, session, seed)
