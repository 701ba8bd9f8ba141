"""What it costs to announce every text: the same burst with and without, in turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg

from gateway.local.stack import Stack
from tests.bench import pgbench
from tests.bench.databases import database
from tests.bench.load import Load, Post, send
from tests.bench.report import Figure, Report
from tests.bench.system import forget
from tests.bench.world import Bench, processes

SECTION = "8 announcements"
TRIGGERS = """
select tgrelid::regclass::text, tgname from pg_trigger where tgname ~ '_announce_'
"""


async def measure(bench: Bench, report: Report) -> None:
    await measure_burst(bench, report)
    await measure_sql(bench, report)


@asynccontextmanager
async def silence(url: str) -> AsyncIterator[None]:
    """Without the announcing triggers."""
    await _switch(url, "disable")
    try:
        yield
    finally:
        await _switch(url, "enable")


async def _switch(url: str, how: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as admin:
        for table, trigger in await (await admin.execute(TRIGGERS)).fetchall():
            await admin.execute(f"alter table {table} {how} trigger {trigger}".encode())


async def measure_burst(bench: Bench, report: Report) -> None:
    """1,000 texts posted by 8 connections as fast as they are answered."""
    stack = await bench.stack()
    announced, silent = list[float](), list[float]()
    async with processes(stack, workers=0):
        for _ in range(bench.size.of(5, 1)):
            announced.append(await burst(bench, stack))
            async with silence(stack.postgres_url):
                silent.append(await burst(bench, stack))
    report.add(Figure(SECTION, "burst stored, announced", tuple(announced), "texts/s"))
    report.add(Figure(SECTION, "burst stored, not announced", tuple(silent), "texts/s"))
    ratios = tuple(b / a for a, b in zip(announced, silent, strict=True))
    what = "cost of announcing, by webhook"
    report.add(Figure(SECTION, what, ratios, at_most=1.2))


async def burst(bench: Bench, stack: Stack) -> float:
    world = await bench.number()
    size, port = bench.size.of(1000, 50), int(stack.environ["PORT"])
    posts = [post for post, _ in zip(bench.posts(world), range(size), strict=False)]
    loop, load = asyncio.get_running_loop(), Load()
    began = loop.time()

    async def send_some(some: list[Post]) -> None:
        for post in some:
            load.failed += await send(port, post.raw) != 200

    await asyncio.gather(*(send_some(posts[start::8]) for start in range(8)))
    assert not load.failed
    speed = size / (loop.time() - began)
    await forget(world)
    return speed


async def measure_sql(bench: Bench, report: Report) -> None:
    """ingest_sms alone."""
    stack = await bench.stack()
    ratios = []
    async with database(stack.postgres_url, 0) as url:
        for _ in range(bench.size.of(5, 1)):
            announced = await pgbench.run(url, "ingest", 8, bench.size.of(5, 1))
            async with silence(url):
                silent = await pgbench.run(url, "ingest", 8, bench.size.of(5, 1))
            ratios.append(silent.per_second / announced.per_second)
    report.add(Figure(SECTION, "cost of announcing, ingest_sms alone", tuple(ratios)))
