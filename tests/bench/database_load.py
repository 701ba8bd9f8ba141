"""The SQL functions by pgbench, beside a plain insert and a plain claim on the same server."""

from __future__ import annotations

from collections import defaultdict
from contextlib import AsyncExitStack
from typing import NamedTuple

from tests.bench import host, pgbench
from tests.bench.databases import database
from tests.bench.report import Figure, Report
from tests.bench.world import Bench

SECTION = "3 SQL"
CLIENTS = (1, 8, 32)
STATEMENTS = ("ingest_sms", "claim_sms_work", "queue_sms_reply", "finish_sms_send")


class State(NamedTuple):
    """A database; `aim` is how slow it may be compared with the first."""

    name: str
    old: int
    waiting: int = 0
    due: str = ""
    aim: float | None = None


def states(bench: Bench) -> list[State]:
    old, waiting = bench.size.of(5_000_000, 20_000), bench.size.of(100_000, 1000)
    return [
        State("empty", 0),
        State(f"{old:,} old texts", old, aim=1.3),
        State(f"and {waiting:,} waiting", old, waiting, "-1 minute", aim=2.0),
        State(f"and {waiting:,} due in 6 h", old, waiting, "6 hours", aim=1.3),
    ]


async def measure(bench: Bench, report: Report) -> None:
    await measure_functions(bench, report)
    await measure_growth(bench, report)


async def measure_functions(bench: Bench, report: Report) -> None:
    """Every load in turn, on one small database."""
    stack = await bench.stack()
    assert stack.postgres.child
    speed = defaultdict[tuple[str, int], list[float]](list)
    cpu = defaultdict[str, list[float]](list)
    async with database(stack.postgres_url, 0) as url:
        for _ in range(bench.size.rounds):
            for clients in CLIENTS:
                for script in pgbench.SCRIPTS:
                    before = host.cpu_seconds(stack.postgres.child.process.pid)
                    seconds = bench.size.of(10, 3)
                    run = await pgbench.run(url, script, clients, seconds)
                    spent = host.cpu_seconds(stack.postgres.child.process.pid) - before
                    speed[script, clients].append(run.per_second)
                    cpu[script].append(spent / (run.per_second * seconds) * 1000)
    for (script, clients), runs in speed.items():
        report.add(Figure(SECTION, f"{script}, {clients} connections", tuple(runs), "/s"))
    for script, runs in cpu.items():
        report.add(Figure(SECTION, f"{script}: CPU of Postgres", tuple(runs), "ms"))
    report_shares(report, speed)


def report_shares(report: Report, speed: dict[tuple[str, int], list[float]]) -> None:
    """A life has four commits; a plain insert one."""
    for clients in CLIENTS:
        pairs = zip(speed["life", clients], speed["plain insert", clients], strict=True)
        shares = tuple(life / plain for life, plain in pairs)
        what = f"life / plain insert, {clients} connections"
        report.add(Figure(SECTION, what, shares, at_least=0.2))


async def measure_growth(bench: Bench, report: Report) -> None:
    """A whole life of a text, in turns on databases of different sizes."""
    stack = await bench.stack()
    runs = defaultdict[tuple[str, str], list[pgbench.Run]](list)
    async with AsyncExitStack() as opened:
        urls = {
            state: await opened.enter_async_context(
                database(stack.postgres_url, state.old, state.waiting, state.due)
            )
            for state in states(bench)
        }
        for turn in range(bench.size.rounds + 1):
            for state, url in urls.items():
                for load in ("all", "one"):
                    run = await pgbench.run(url, "life", 8, bench.size.of(8, 3), load)
                    if turn:  # the first only warms the caches
                        runs[state.name, load].append(run)
    report_growth(bench, report, runs)


def report_growth(
    bench: Bench, report: Report, runs: dict[tuple[str, str], list[pgbench.Run]]
) -> None:
    for (name, load), found in runs.items():
        what = f"life, 8 connections, {name}, {owner(load)}"
        report.add(Figure(SECTION, what, tuple(run.per_second for run in found), "/s"))
    for number, statement in enumerate(STATEMENTS):
        for state in states(bench):
            times = tuple(run.latencies[number] for run in runs[state.name, "all"])
            report.add(Figure(SECTION, f"{statement}, {state.name}", times, "ms"))
    for state in states(bench)[1:]:
        pairs = zip(runs["empty", "all"], runs[state.name, "all"], strict=True)
        ratios = tuple(small.per_second / large.per_second for small, large in pairs)
        what = f"cost of a life, {state.name} / empty"
        report.add(Figure(SECTION, what, ratios, at_most=state.aim))
    pairs = zip(runs["empty", "all"], runs["empty", "one"], strict=True)
    ratios = tuple(spread.per_second / one.per_second for spread, one in pairs)
    report.add(Figure(SECTION, "cost of a life, one owner / 1,000 owners", ratios))


def owner(load: str) -> str:
    return "one owner" if load == "one" else "1,000 owners"
