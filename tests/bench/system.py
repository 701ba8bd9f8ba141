"""Texts in, answers out, on the whole stack: how long, how many, how many calls, how much CPU."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.local.stack import Stack
from tests.bench.load import Post, open_loop, percentile, send
from tests.bench.report import Figure, Plot, Report
from tests.bench.world import Bench, Spent, processes
from tests.flow.world import World, eventually

SECTION = "2 whole system"
TWILIO_SECONDS = 0.15
SLOTS = 32
WORKING_CALLS = ("ingest_sms", "claim_sms_work", "queue_sms_reply", "finish_sms_send")

BACKLOG = """
select ingest_sms(jsonb_build_object(
  'sid', 'SM' || replace(gen_random_uuid()::text, '-', ''),
  'from', '+1558' || lpad(n::text, 7, '0'), 'to', %s::text,
  'body', 'Hola, soy ' || n, 'media', '[]'::jsonb, 'form', null
)) from generate_series(1, %s) as n
"""


async def measure(bench: Bench, report: Report) -> None:
    await measure_latency(bench, report)
    await measure_drain(bench, report)
    await measure_conversations(bench, report)


# Added latency, calls and CPU of single texts


async def measure_latency(bench: Bench, report: Report) -> None:
    stack = await bench.stack()
    added = list[list[float]]()
    for _ in range(bench.size.rounds):
        async with processes(stack) as (webs, workers):
            world = await bench.number()
            set_speeds(stack, model=0.6)
            await asyncio.sleep(bench.size.of(3, 1))  # the worker joins Realtime
            stack.proxy.heal()
            spent = Spent(stack, webs, workers)
            added.append(await texts_one_by_one(bench, world))
            report_calls(report, stack.proxy.calls, len(added[-1]))
            report_cpu(report, spent.so_far(), len(added[-1]))
        await forget(world)
    for percent, most in ((50, 60), (95, 250)):
        times = tuple(percentile(run, percent) * 1000 for run in added)
        what = f"added latency at 5 texts/s, p{percent}"
        report.add(Figure(SECTION, what, times, "ms", at_most=most))


async def texts_one_by_one(bench: Bench, world: World) -> list[float]:
    """Seconds from each post to Twilio's acceptance of its answer, without model and Twilio."""
    posted = dict[str, float]()

    def note(post: Post) -> None:
        posted[post.contact] = time.monotonic()

    port, seconds = int(world.stack.environ["PORT"]), bench.size.of(20, 3)
    await open_loop(port, bench.posts(world), 5, seconds, note)
    answered = await all_answered(world.stack, posted)
    return [at - posted[contact] - 0.6 - TWILIO_SECONDS for contact, at in answered.items()]


async def all_answered(stack: Stack, posted: dict[str, float]) -> dict[str, float]:
    """When Twilio accepted the answer to each contact; waits for the last."""

    async def complete() -> dict[str, float] | None:
        accepted = {text.to: text.logged_at for text in stack.twilio.sent if text.to in posted}
        return accepted if len(accepted) == len(posted) else None

    return await eventually(complete, 120)


def report_calls(report: Report, calls: Counter[str], texts: int) -> None:
    working = sum(calls[name] for name in WORKING_CALLS) / texts
    rest = sum(calls[name] for name in WORKING_CALLS if name != "claim_sms_work") / texts
    report.add(Figure(SECTION, "calls per text, but for claims", (rest,), at_most=3.0))
    report.add(Figure(SECTION, "calls per text with all claims", (working,), at_most=6.0))
    callbacks = calls["record_sms_delivery"] / texts
    report.add(Figure(SECTION, "status callbacks per text", (callbacks,)))


def report_cpu(report: Report, spent: dict[str, float], texts: int) -> None:
    for name, seconds in spent.items():
        what = f"CPU per text with callbacks: {name}"
        report.add(Figure(SECTION, what, (seconds / texts * 1000,), "ms"))


# A backlog


@dataclass(frozen=True)
class Drain:
    """Answers a second between a tenth and nine tenths of a backlog, and its CPU."""

    per_second: float
    spent: dict[str, float]


async def measure_drain(bench: Bench, report: Report) -> None:
    """The cases take turns; those without an aim have one."""
    cases = [(1, 0.0), (1, 0.6), (2, 0.0), (2, 0.6), (4, 0.0), (4, 0.6)]
    cases = cases if not bench.size.quick else [(1, 0.0)]
    drains: dict[tuple[int, float], list[Drain]] = {case: [] for case in cases}
    for turn in range(bench.size.rounds):
        for workers, model in cases:
            if turn == 0 or workers == 1:
                drains[workers, model].append(await drain(bench, workers, model))
    for (workers, model), runs in drains.items():
        least = None
        if workers == 1:
            least = 100.0 if model == 0 else 0.8 * SLOTS / (model + TWILIO_SECONDS)
        what = f"backlog drained by {workers} worker, model {model:g} s"
        speeds = tuple(run.per_second for run in runs)
        report.add(Figure(SECTION, what, speeds, "answers/s", at_least=least))
    for name, seconds in drains[1, 0.0][-1].spent.items():
        report.add(Figure(SECTION, f"CPU per answer of a backlog: {name}", (seconds,), "ms"))
    plot_drains(report, drains)


async def drain(bench: Bench, workers: int, model: float) -> Drain:
    stack, size = await bench.stack(), bench.size.of(2000, 100)
    world = await bench.number()
    await world.rows(BACKLOG, world.number, size)
    set_speeds(stack, model)
    stack.twilio.deliver_as("never")  # status callbacks are load of another kind
    first = len(stack.twilio.sent)
    async with processes(stack, web=0, workers=workers) as (_, started):
        await until(lambda: len(stack.twilio.sent) - first > size * 0.1)
        spent = Spent(stack, [], started)
        await until(lambda: len(stack.twilio.sent) - first >= size * 0.9)
        seconds = spent.so_far()
        await until(lambda: len(stack.twilio.sent) - first >= size)
    stack.twilio.scripts.clear()
    times = sorted(text.logged_at for text in stack.twilio.sent[first:])
    per_second = 0.8 * size / (times[int(size * 0.9) - 1] - times[int(size * 0.1)])
    await forget(world)
    return Drain(per_second, {name: s / (0.8 * size) * 1000 for name, s in seconds.items()})


def plot_drains(report: Report, drains: dict[tuple[int, float], list[Drain]]) -> None:
    lines: dict[str, list[tuple[float, float]]] = {}
    for (workers, model), runs in drains.items():
        median = statistics.median(run.per_second for run in runs)
        lines.setdefault(f"model {model:g} s", []).append((workers, median))
    title = "Backlog of 2,000: answers a second by workers"
    report.plots.append(Plot("drain", title, "workers", "answers/s", lines, bars=True))


# People who write again as soon as they were answered


async def measure_conversations(bench: Bench, report: Report) -> None:
    runs = []
    for _ in range(bench.size.rounds):
        stack = await bench.stack()
        set_speeds(stack, model=0.6)
        async with processes(stack, SMS_WORKER_CONCURRENCY="100"):
            world = await bench.number()
            runs.append(await converse(bench, world, bench.size.of(100, 10)))
        await forget(world)
    what = "100 people in conversation, 100 slots, model 0.6 s"
    report.add(Figure(SECTION, what, tuple(runs), "answers/s"))


async def converse(bench: Bench, world: World, people: int, url: str = "") -> float:
    """Answers a second while so many people each wait for an answer before they write again."""
    stack, port = world.stack, int(world.stack.environ["PORT"])
    seconds, first = bench.size.of(15, 3), len(stack.twilio.sent)
    give_up = time.monotonic() + seconds
    posts = bench.posts(world)

    async def one() -> None:
        while time.monotonic() < give_up:
            post = next(posts)
            if await send(port, post.raw) == 200:
                await answer_to(stack, post.contact, give_up)

    async with asyncio.TaskGroup() as group:
        for _ in range(people):
            group.create_task(one())
    return (len(stack.twilio.sent) - first) / seconds


async def answer_to(stack: Stack, contact: str, give_up: float) -> None:
    while time.monotonic() < give_up:
        if stack.twilio.sent and any(text.to == contact for text in stack.twilio.sent[-300:]):
            return
        await asyncio.sleep(0.05)


# Shared


def set_speeds(stack: Stack, model: float) -> None:
    assert stack.openai
    stack.openai.latency, stack.twilio.latency = model, TWILIO_SECONDS
    stack.openai.requests.clear()


async def forget(world: World) -> None:
    """The number and all its rows; the stand-ins' memory as well."""
    await world.rows("delete from sms_configs where id = %s", world.config_id)
    world.stack.twilio.reset()


async def until(condition: Callable[[], bool], seconds: float = 300) -> None:
    async def holds() -> bool:
        return condition()

    found: Callable[[], Awaitable[bool | None]] = holds
    await eventually(found, seconds)
