"""A bad Monday: many numbers, both workers and the database restarted under load, and a burst.

Three accounts with documents in the prompt, tools that book, and a system of theirs that is told of
each message and reply. Twilio's part is played as Twilio does it: a post that is not stored comes
again. Counted: contacts without a reply, with two, without the table they asked for; events
that did not arrive; how long a first reply took beside the model's time; the workers' memory; what
1,000 messages cost. Then the usual way has the same numbers a second, and one restart.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.local.processes import Child
from gateway.local.stack import REPOSITORY, Stack
from gateway.local.testserver import serve
from tests.bench import host
from tests.bench.load import Post, percentile, send, signed_post
from tests.bench.recovery import as_twilio
from tests.bench.report import Figure, Report
from tests.bench.system import TWILIO_SECONDS, forget, set_speeds
from tests.bench.usual import TABLES, side
from tests.bench.world import Bench, Spent, processes, start_worker
from tests.flow.world import World, eventually

SECTION = "11 a bad Monday"
MODEL_SECONDS = 0.6
ACCOUNTS = [f"monday{n}@example.com" for n in range(3)]
KNOWLEDGE = "\n\n".join(f"Tarta {n}: {n + 20} euros, por encargo, con 48 horas." for n in range(60))
EXAMPLE = REPOSITORY / "tests/examples/tools/bakery.sql"
TOOLS = "{free_seats,book_table,cancel_booking}"
BOOKS_EVERY = 4  # one contact in so many asks for a table
TOLD = "{message.received,reply.sent}"
WAL = "select pg_current_wal_lsn() - '0/0'::pg_lsn as bytes"
ROWS = (
    "select sum(n_tup_ins)::bigint as rows from pg_stat_user_tables where schemaname <> 'realtime'"
)
UNDO = """
delete from auth.users where email like 'monday%';
drop function if exists sms_tools.free_seats, sms_tools.book_table, sms_tools.cancel_booking;
drop table if exists public.bookings;
drop type if exists sms_tools.meal;
"""


async def measure(bench: Bench, report: Report) -> None:
    stack, receiver = await bench.stack(), Receiver()
    set_speeds(stack, MODEL_SECONDS)
    async with receiver.listens() as url, shops(bench, stack, url) as worlds:
        day = Monday(bench, stack, worlds)
        await day.happens(report)
        await day.report(report, receiver)
    await measure_usual(bench, report)


@asynccontextmanager
async def shops(bench: Bench, stack: Stack, events_url: str) -> AsyncIterator[list[World]]:
    """Numbers of the accounts in turn, with documents and tools; each account has a target."""
    async with stack.postgres.connect() as database:
        await database.execute(UNDO.encode())
        await database.execute("set role postgres")
        await database.execute(EXAMPLE.read_bytes())
        await database.execute("reset role")
        for email in ACCOUNTS:
            await database.execute(
                "insert into auth.users (id, email) values (gen_random_uuid(), %s)", (email,)
            )
    owners = itertools.islice(itertools.cycle(ACCOUNTS), bench.size.of(20, 3))
    worlds = [await bench.number(owner, tools=TOOLS) for owner in owners]
    for world in worlds:
        await world.rows(
            "insert into sms_documents (user_id, config_id, title, content, language)"
            " select user_id, id, 'Precios', %s, 'spanish' from sms_configs where id = %s",
            *(KNOWLEDGE, world.config_id),
        )
    for email in ACCOUNTS:
        await worlds[0].rows(
            "select create_sms_event_target('webhook', %s, %s::text[], p_user_id => u.id)"
            " from auth.users as u where u.email = %s",
            *(events_url, TOLD, email),
        )
    yield worlds
    for world in worlds:
        await forget(world)
    async with stack.postgres.connect() as database:
        await database.execute(UNDO.encode())


class Receiver:
    """An account's own system, told of events: how often each id came."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    async def take(self, request: Request) -> Response:
        self.seen[request.headers["webhook-id"]] += 1
        return Response(status_code=204)

    @asynccontextmanager
    async def listens(self) -> AsyncIterator[str]:
        app = Starlette(routes=[Route("/", self.take, methods=["POST"])])
        async with serve(app) as url:
            yield f"{url}/"


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
class Crowd:
    """Contacts who each write once, and what they got."""

    stack: Stack
    posted: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.first_sent = len(self.stack.twilio.sent)

    async def write(self, posts: Iterator[Post], port: int, per_second: int, seconds: int) -> None:
        """As Twilio does it when it is asked for retries."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(per_second * seconds):
                await asyncio.sleep(began + number / per_second - time.monotonic())
                post = next(posts)
                self.posted[post.contact] = time.monotonic()
                group.create_task(self.deliver(port, post))

    async def deliver(self, port: int, post: Post) -> None:
        await as_twilio(port, post)

    def replies(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {contact: [] for contact in self.posted}
        for message in self.stack.twilio.sent[self.first_sent :]:
            if message.to in found:
                found[message.to].append(message.logged_at)
        return found

    async def is_over(self, seconds: float) -> None:
        async def all_answered() -> bool:
            return all(self.replies().values())

        await eventually(all_answered, seconds, pause=0.5)

    def report_replies(self, report: Report, name: str, at_most: float | None) -> None:
        replies = self.replies()
        counts = Counter(len(times) for times in replies.values())
        doubled = sum(count for times, count in counts.items() if times > 1)
        report.add(Figure(SECTION, f"{name}: messages", (float(len(self.posted)),)))
        report.add(Figure(SECTION, f"{name}: without a reply", (float(counts[0]),), "", at_most))
        report.add(Figure(SECTION, f"{name}: with two replies", (float(doubled),), "", at_most))
        waits = [times[0] - self.posted[contact] for contact, times in replies.items() if times]
        for percent in (50, 95, 99):
            added = percentile(waits, percent) - MODEL_SECONDS - TWILIO_SECONDS
            what = f"{name}: first reply beside the model, p{percent}"
            report.add(Figure(SECTION, what, (added,), "s"))


class Monday:
    """The day of the product: a quiet quarter whose cost is counted, incidents, and a burst."""

    def __init__(self, bench: Bench, stack: Stack, worlds: list[World]) -> None:
        self.bench = bench
        self.stack = stack
        self.worlds = worlds
        self.crowd = Crowd(stack)
        self.posts = self._posts()
        self.bookers: set[str] = set()
        self.memory: list[float] = []

    def _posts(self) -> Iterator[Post]:
        worlds = itertools.cycle(self.worlds)
        for number, contact in enumerate(self.bench.contacts()):
            body = f"Hola, soy {contact[-6:]}"
            if number % BOOKS_EVERY == 0:
                self.bookers.add(contact)
                body = "Mesa para 2 el viernes"
            yield signed_post(self.stack.twilio, next(worlds).number, contact, body)

    async def happens(self, report: Report) -> None:
        size, stack, port = self.bench.size, self.stack, int(self.stack.environ["PORT"])
        patience = size.of(900, 180)
        async with processes(stack, workers=2) as (webs, workers):
            before, spent = await used(stack, webs + workers), Spent(stack, webs, workers)
            await self.crowd.write(self.posts, port, size.of(12, 4), size.of(300, 5))
            await self.crowd.is_over(patience)
            after, cpu = await used(stack, webs + workers), spent.so_far()
            messages = len(self.crowd.posted)
            report_cost(report, messages, cpu, {name: after[name] - before[name] for name in after})
            hour = size.of(900, 30)
            incidents = asyncio.create_task(self.break_things(workers, hour / 5))
            await self.crowd.write(self.posts, port, size.of(12, 4), hour)
            await self.crowd.write(self.posts, port, size.of(50, 10), size.of(30, 3))
            await incidents
            await self.crowd.is_over(patience)
            await self.told(patience)
            self.memory += [host.memory(worker.process.pid)[0] for worker in workers]

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

    async def told(self, seconds: float) -> None:
        async def nothing_waits() -> bool:
            [row] = await self.worlds[0].rows(
                "select count(*) as n from sms_event_deliveries where status = 'pending'"
            )
            return not row["n"]

        await eventually(nothing_waits, seconds, pause=0.5)

    async def report(self, report: Report, receiver: Receiver) -> None:
        self.crowd.report_replies(report, "ours", at_most=0)
        rows = await self.worlds[0].rows("select phone, count(*) as n from bookings group by phone")
        booked = {row["phone"]: row["n"] for row in rows}
        wanted = self.bookers & self.crowd.posted.keys()
        unbooked = sum(booked.get(contact) != 1 for contact in wanted)
        what = f"ours: of {len(wanted)} who asked for a table, without exactly one"
        report.add(Figure(SECTION, what, (float(unbooked),), at_most=0))
        rows = await self.worlds[0].rows("select id from sms_events")
        missing = {str(row["id"]) for row in rows} - receiver.seen.keys()
        what = f"ours: of {len(rows)} events, not told"
        report.add(Figure(SECTION, what, (float(len(missing)),), at_most=0))
        report.add(
            Figure(SECTION, "ours: a worker's memory, at its end", tuple(self.memory), "MiB")
        )


class Unrepeated(Crowd):
    """Twilio, when nobody asked it to retry: a post that failed does not come again."""

    async def deliver(self, port: int, post: Post) -> None:
        await send(port, post.raw)


async def measure_usual(bench: Bench, report: Report) -> None:
    """Two minutes of the same load, with one restart of the database; no tools, no events."""
    stack, seconds = await bench.stack(), bench.size.of(120, 10)
    async with stack.postgres.connect() as database:
        await database.execute(TABLES.read_bytes())
    async with side(bench, "usual") as running:
        first, crowd, posts = Crowd(stack), Unrepeated(stack), bench.posts(running.world)
        await first.write(posts, running.port, 1, 1)
        await first.is_over(60)  # the Data API has read the schema anew
        writing = asyncio.create_task(
            crowd.write(posts, running.port, bench.size.of(12, 4), seconds)
        )
        await asyncio.sleep(seconds / 2)
        await stack.postgres.stop()
        await stack.postgres.start()
        await writing
        with suppress(TimeoutError):  # those that failed never come
            await crowd.is_over(30)
        crowd.report_replies(report, "the usual way, 2 min", at_most=None)
