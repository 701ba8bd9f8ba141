"""Beside the usual way: the same texts for the product and for tests/bench/baseline."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.local.processes import Child
from tests.bench.load import Post, open_loop, send, signed_post
from tests.bench.report import Figure, Report
from tests.bench.system import converse, forget, set_speeds
from tests.bench.world import Bench, serve_app, start_web, start_worker
from tests.flow.world import World, eventually

SECTION = "5 the usual way"
TABLES = Path(__file__).parent / "baseline/tables.sql"
PEOPLE = 100
QUIET_SECONDS = 3.0


@dataclass
class Side:
    """One of the two, running: where it takes posts, and how it starts again after a kill."""

    name: str
    bench: Bench
    world: World
    port: int
    children: list[Child]

    async def kill_and_start_again(self) -> None:
        await asyncio.gather(*(child.stop(signal.SIGKILL) for child in self.children))
        self.children[:] = await _start(self)


async def measure(bench: Bench, report: Report) -> None:
    stack = await bench.stack()
    set_speeds(stack, model=0.6)
    stack.twilio.deliver_as("never")
    async with stack.postgres.connect() as database:
        await database.execute(TABLES.read_bytes())
    await asyncio.sleep(1)  # the Data API reads the schema anew
    for measured in (answers, speeds, repeats, bursts, kills):
        await measured(bench, report)
    stack.twilio.scripts.clear()


@asynccontextmanager
async def side(bench: Bench, name: str) -> AsyncIterator[Side]:
    """Ours runs with as many slots as there are people: the other has no limit either."""
    world = await bench.number()
    await world.rows(
        "insert into usual_configs values (%s, 'You answer text messages.', 'gpt-4o-mini')",
        world.number,
    )
    world.stack.twilio.deliver_as("never")
    running = Side(name, bench, world, int(world.stack.environ["PORT"]), [])
    running.children = await _start(running)
    try:
        yield running
    finally:
        await asyncio.gather(*(child.stop(patience=20) for child in running.children))
        await world.rows("truncate usual_conversations, usual_messages, usual_logs")
        await forget(world)


async def _start(running: Side) -> list[Child]:
    stack, slots = running.world.stack, {"SMS_WORKER_CONCURRENCY": str(PEOPLE)}
    if running.name == "ours":
        return [await start_web(stack), await start_worker(stack, slots)]
    child, _ = await serve_app(
        "usual", "tests.bench.baseline.app:app()", stack.environ, stack.logs, running.port
    )
    return [child]


async def answers(bench: Bench, report: Report) -> None:
    """Ten texts a second: when is the post answered?"""
    times: dict[str, list[float]] = {"ours": [], "usual": []}
    for _ in range(bench.size.rounds):
        for name, found in times.items():
            async with side(bench, name) as running:
                posts, seconds = bench.posts(running.world), bench.size.of(10, 2)
                load = await open_loop(running.port, posts, 10, seconds)
                found.append(load.milliseconds(50))
    for name, found in times.items():
        report.add(Figure(SECTION, f"{name}: post answered, p50 at 10/s", tuple(found), "ms"))
    ratios = tuple(b / a for a, b in zip(times["ours"], times["usual"], strict=True))
    report.add(Figure(SECTION, "post answered sooner, times", ratios, at_least=30))


async def speeds(bench: Bench, report: Report) -> None:
    """A hundred people who write again when they were answered."""
    found: dict[str, list[float]] = {"ours": [], "usual": []}
    for _ in range(bench.size.rounds):
        for name, runs in found.items():
            async with side(bench, name) as running:
                people = bench.size.of(PEOPLE, 10)
                runs.append(await converse(bench, running.world, people))
    for name, runs in found.items():
        what = f"{name}: {PEOPLE} people in conversation"
        report.add(Figure(SECTION, what, tuple(runs), "answers/s"))
    ratios = tuple(a / b for a, b in zip(found["ours"], found["usual"], strict=True))
    report.add(Figure(SECTION, "answers, ours / usual", ratios, at_least=1.0))


async def repeats(bench: Bench, report: Report) -> None:
    """Ten texts, each posted twice at once."""
    for name in ("ours", "usual"):
        async with side(bench, name) as running:
            posts = [next(bench.posts(running.world)) for _ in range(10)]
            await asyncio.gather(*(send(running.port, post.raw) for post in posts * 2))
            sent = await _settled(running)
            most = 10 if name == "ours" else None
            what = f"{name}: answers to 10 texts, each posted twice"
            report.add(Figure(SECTION, what, (float(sum(sent.values())),), at_most=most))


async def bursts(bench: Bench, report: Report) -> None:
    """Thirty texts of one new contact at once."""
    for name in ("ours", "usual"):
        async with side(bench, name) as running:
            posts = _burst(running, 30)
            await asyncio.gather(*(send(running.port, post.raw) for post in posts))
            await _settled(running)
            table = "sms_conversations" if name == "ours" else "usual_conversations"
            rows = await running.world.rows(
                f"select count(*) as n from {table} where contact_number = %s",  # noqa: S608
                posts[0].contact,
            )
            most = 1 if name == "ours" else None
            what = f"{name}: conversations after 30 first texts at once"
            report.add(Figure(SECTION, what, (float(rows[0]["n"]),), at_most=most))


def _burst(running: Side, count: int) -> list[Post]:
    contact = next(running.bench.contacts())
    twilio, number = running.world.stack.twilio, running.world.number
    return [signed_post(twilio, number, contact, f"Hola {n}") for n in range(count)]


async def kills(bench: Bench, report: Report) -> None:
    """All processes killed with 40 texts in flight, then started again."""
    for name in ("ours", "usual"):
        lost, doubled = list[float](), list[float]()
        for delay in (0.3, 0.7):
            async with side(bench, name) as running:
                await running.world.shorten_waits(lease="16 seconds")
                posts = [next(bench.posts(running.world)) for _ in range(40)]
                sending = [asyncio.create_task(_as_twilio(running, post)) for post in posts]
                await asyncio.sleep(delay)
                await running.kill_and_start_again()
                await asyncio.gather(*sending)
                sent = await _settled(running, quiet=25.0)
                lost.append(float(sum(sent[post.contact] == 0 for post in posts)))
                doubled.append(float(sum(sent[post.contact] > 1 for post in posts)))
                await running.world.rows("delete from sms.policy")
                await running.world.rows("insert into sms.policy default values")
        most = 0 if name == "ours" else None
        what = f"{name}: of 40 texts never answered after kill -9"
        report.add(Figure(SECTION, what, tuple(lost), at_most=most))
        what = f"{name}: of 40 texts answered twice after kill -9"
        report.add(Figure(SECTION, what, tuple(doubled), at_most=most))


async def _as_twilio(running: Side, post: Post) -> None:
    """Ours asks in its webhook URL for five retries; by default Twilio makes none after a reset."""
    for _ in range(6 if running.name == "ours" else 1):
        if await send(running.port, post.raw) == 200:
            return
        await asyncio.sleep(1)


async def _settled(running: Side, quiet: float = QUIET_SECONDS) -> Counter[str]:
    """Texts Twilio accepted, by contact, once there was no new one for `quiet` seconds."""
    twilio, seen, since = running.world.stack.twilio, -1, 0.0

    async def rests() -> bool:
        nonlocal seen, since
        now = asyncio.get_running_loop().time()
        if len(twilio.sent) != seen:
            seen, since = len(twilio.sent), now
        return now - since > quiet

    await eventually(rests, 120)
    return Counter(text.to for text in twilio.sent)
