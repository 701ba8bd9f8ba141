"""A bad Monday: many numbers, a worker and the database restarted under load, and a burst.

Twilio's part is played as Twilio does it: a post that is not stored comes again. What is counted:
contacts without a reply, contacts with two, how long the first reply took beside the model's time,
the worker's memory, and what 1,000 messages cost.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.local.processes import Child
from gateway.local.stack import Stack
from tests.bench import host
from tests.bench.load import Post, percentile
from tests.bench.recovery import as_twilio
from tests.bench.report import Figure, Report
from tests.bench.system import TWILIO_SECONDS, forget, set_speeds
from tests.bench.world import Bench, Spent, processes, start_worker
from tests.flow.world import World, eventually

SECTION = "11 a bad Monday"
MODEL_SECONDS = 0.6
KNOWLEDGE = "\n\n".join(f"Tarta {n}: {n + 20} euros, por encargo, con 48 horas." for n in range(60))
WAL = "select pg_current_wal_lsn() - '0/0'::pg_lsn as bytes"
ROWS = (
    "select sum(n_tup_ins)::bigint as rows from pg_stat_user_tables where schemaname <> 'realtime'"
)


async def measure(bench: Bench, report: Report) -> None:
    stack = await bench.stack()
    set_speeds(stack, MODEL_SECONDS)
    worlds = [await bench.number() for _ in range(bench.size.of(20, 3))]
    for world in worlds:
        await world.rows(
            "insert into sms_documents (user_id, config_id, title, content, language)"
            " select user_id, id, 'Precios', %s, 'spanish' from sms_configs where id = %s",
            KNOWLEDGE,
            world.config_id,
        )
    day = Monday(bench, stack, worlds)
    per_second = bench.size.of(12, 4)
    async with processes(stack, workers=2) as (webs, workers):
        before, spent = await used(stack, webs + workers), Spent(stack, webs, workers)
        await day.write(per_second, bench.size.of(300, 5))
        await day.is_over()
        after, cpu = await used(stack, webs + workers), spent.so_far()
        report_cost(report, len(day.posted), cpu, {n: after[n] - before[n] for n in after})
        incidents = asyncio.create_task(day.break_things(workers, bench.size.of(900, 30) / 5))
        await day.write(per_second, bench.size.of(900, 30))
        await day.write(bench.size.of(50, 10), bench.size.of(30, 3))
        await incidents
        await day.is_over()
    day.report(report)
    for world in worlds:
        await forget(world)


async def used(stack: Stack, children: list[Child]) -> dict[str, float]:
    """Bytes of WAL, rows inserted and bytes of log so far."""
    async with stack.postgres.connect() as database:
        (wal,) = await (await database.execute(WAL)).fetchone() or (0,)
        (rows,) = await (await database.execute(ROWS)).fetchone() or (0,)
    logs = sum(child.log.stat().st_size for child in children)
    return {"WAL": float(wal), "rows": float(rows), "log": float(logs)}


def report_cost(
    report: Report, messages: int, cpu: dict[str, float], more: dict[str, float]
) -> None:
    """Of the quiet part of the day: a process that was replaced takes its figures along."""
    for name, seconds in cpu.items():
        what = f"CPU per 1,000 messages: {name}"
        report.add(Figure(SECTION, what, (seconds / messages * 1000,), "s"))
    for name, unit in (("WAL", "MB"), ("log", "MB"), ("rows", "")):
        amount = more[name] / messages * 1000 / (10**6 if unit else 1)
        report.add(Figure(SECTION, f"{name} per 1,000 messages", (amount,), unit))


@dataclass
class Monday:
    """One day's contacts: each writes once, to one of the numbers in turn."""

    bench: Bench
    stack: Stack
    worlds: list[World]
    posted: dict[str, float] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first_sent = len(self.stack.twilio.sent)
        sources = [self.bench.posts(world) for world in self.worlds]
        self.posts: Iterator[Post] = (next(source) for source in itertools.cycle(sources))

    async def write(self, per_second: int, seconds: int) -> None:
        port, began = int(self.stack.environ["PORT"]), time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(per_second * seconds):
                await asyncio.sleep(began + number / per_second - time.monotonic())
                post = next(self.posts)
                self.posted[post.contact] = time.monotonic()
                group.create_task(as_twilio(port, post))

    async def break_things(self, workers: list[Child], pause: float) -> None:
        """Each worker is replaced, then the database restarted."""
        for place, worker in enumerate(workers):
            await asyncio.sleep(pause)
            self.memory.append(host.memory(worker.process.pid)[0])
            await worker.stop()
            self.stack.processes.remove(worker)
            workers[place] = await start_worker(self.stack)
        await asyncio.sleep(pause)
        await self.stack.postgres.stop()
        await self.stack.postgres.start()

    def replies(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {contact: [] for contact in self.posted}
        for message in self.stack.twilio.sent[self.first_sent :]:
            found.setdefault(message.to, []).append(message.logged_at)
        return found

    async def is_over(self) -> None:
        async def all_answered() -> bool:
            return all(self.replies().values())

        await eventually(all_answered, self.bench.size.of(900, 180), pause=0.5)

    def report(self, report: Report) -> None:
        replies = self.replies()
        counts = Counter(len(times) for times in replies.values())
        doubled = sum(count for times, count in counts.items() if times > 1)
        report.add(Figure(SECTION, "messages", (float(len(self.posted)),)))
        report.add(Figure(SECTION, "without a reply", (float(counts[0]),), at_most=0))
        report.add(Figure(SECTION, "with two replies", (float(doubled),), at_most=0))
        waits = [times[0] - self.posted[contact] for contact, times in replies.items() if times]
        for percent in (50, 95, 99):
            added = percentile(waits, percent) - MODEL_SECONDS - TWILIO_SECONDS
            report.add(Figure(SECTION, f"first reply beside the model, p{percent}", (added,), "s"))
        report.add(Figure(SECTION, "a worker's memory at its end", tuple(self.memory), "MiB"))
