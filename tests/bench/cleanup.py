"""Texts that arrive while old conversations are erased, beside texts that arrive while none are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import psycopg
from psycopg.types.json import Jsonb

from tests.bench.databases import database
from tests.bench.load import percentile
from tests.bench.report import Figure, Report
from tests.bench.world import Bench
from tests.sql import new_sid

SECTION = "9 cleanup"
PER_SECOND = 50
CONNECTIONS = 8
OLDER_THAN_DAYS = 30


async def measure(bench: Bench, report: Report) -> None:
    stack, old = await bench.stack(), bench.size.of(5_000_000, 20_000)
    seconds, alone, beside = bench.size.of(20, 3), list[float](), list[float]()
    batches: list[float] = []
    async with database(stack.postgres_url, old) as url:
        for _ in range(bench.size.rounds):
            alone.append(percentile(await arrivals(url, seconds), 99))
            eraser = asyncio.create_task(erase(url, batches))
            beside.append(percentile(await arrivals(url, seconds), 99))
            eraser.cancel()
            with suppress(asyncio.CancelledError):
                await eraser
    pairs = tuple(busy / quiet for busy, quiet in zip(beside, alone, strict=True))
    report.add(Figure(SECTION, f"ingest_sms p99, {old:,} old texts", _ms(alone), "ms"))
    report.add(Figure(SECTION, "the same while conversations are erased", _ms(beside), "ms"))
    report.add(Figure(SECTION, "ratio", pairs))
    longest = f"{len(batches)} batches, the longest {max(batches) * 1000:.0f} ms"
    middle = _ms([percentile(batches, 50)])
    report.add(Figure(SECTION, "a batch of at most 500 conversations", middle, "ms", note=longest))


async def arrivals(url: str, seconds: float) -> list[float]:
    """Seconds of each ingest_sms, at PER_SECOND."""
    took: list[float] = []
    turns = asyncio.Queue[float]()
    began = time.monotonic()
    for n in range(int(seconds * PER_SECOND)):
        turns.put_nowait(began + n / PER_SECOND)

    async def take_turns(ingest: Callable[[], Awaitable[object]]) -> None:
        while not turns.empty():
            at = turns.get_nowait()
            await asyncio.sleep(at - time.monotonic())
            await ingest()
            took.append(time.monotonic() - at)

    async def connect_and_take_turns() -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as gateway:
            found = await gateway.execute("select contact, phone from bench_contacts")
            contacts = await found.fetchall()
            await gateway.execute("set role service_role")

            async def ingest() -> None:
                contact, phone = contacts[time.monotonic_ns() // 1000 % len(contacts)]
                text = {"sid": new_sid(), "from": contact, "to": phone, "body": "Hola", "form": {}}
                await gateway.execute("select public.ingest_sms(%s)", (Jsonb(text),))

            await take_turns(ingest)

    await asyncio.gather(*(connect_and_take_turns() for _ in range(CONNECTIONS)))
    return took


async def erase(url: str, batches: list[float]) -> None:
    """One batch after the other, for as long as there are any."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as worker:
        await worker.execute("set role service_role")
        erased = True
        while erased:
            began = time.monotonic()
            call = "select public.cleanup_old_sms_conversations(%s)"
            row = await (await worker.execute(call, (OLDER_THAN_DAYS,))).fetchone()
            batches.append(time.monotonic() - began)
            erased = row is not None and row[0] > 0


def _ms(seconds: list[float]) -> tuple[float, ...]:
    return tuple(one * 1000 for one in seconds)
