"""Lives of texts while a transaction stays open that sees the beginning: dead rows are kept."""

from __future__ import annotations

import time

import psycopg

from tests.bench import pgbench
from tests.bench.databases import database
from tests.bench.report import Figure, Plot, Report
from tests.bench.world import Bench

SECTION = "10 open snapshot"


async def measure(bench: Bench, report: Report) -> None:
    stack, windows = await bench.stack(), bench.size.of(20, 3)
    seconds, speeds = bench.size.of(30, 3), list[pgbench.Run]()
    async with (
        database(stack.postgres_url, 0) as url,
        await psycopg.AsyncConnection.connect(url) as holder,
    ):
        await holder.execute("set transaction isolation level repeatable read")
        await holder.execute("select count(*) from public.sms_conversations")
        began = time.monotonic()
        for _ in range(windows):
            speeds.append(await pgbench.run(url, "life", 4, seconds))
        held = time.monotonic() - began
        await holder.rollback()
        after = await pgbench.run(url, "life", 4, seconds)
    first, last = speeds[0], speeds[-1]
    what = f"cost of a life after {held / 60:.0f} min of an open snapshot / at its start"
    report.add(Figure(SECTION, what, (first.per_second / last.per_second,)))
    what = "claim at the end of the open snapshot / at its start"
    report.add(Figure(SECTION, what, (last.latencies[1] / first.latencies[1],)))
    what = "cost of a life right after the snapshot / at its start"
    report.add(Figure(SECTION, what, (first.per_second / after.per_second,)))
    minutes = [(number * seconds / 60, run.per_second) for number, run in enumerate(speeds)]
    title = "Lives a second while a snapshot stays open"
    report.plots.append(Plot("snapshot", title, "minutes", "lives/s", {"4 connections": minutes}))
