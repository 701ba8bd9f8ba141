"""What React asks for, as a signed-in owner of a fifth of all texts, at three sizes."""

# ruff: noqa: S608  # SQL of constants
from __future__ import annotations

import json
import time

import psycopg

from tests.bench import data
from tests.bench.databases import database
from tests.bench.report import Figure, Plot, Report
from tests.bench.world import Bench

SECTION = "4 Data API"
LATEST = "(select id from sms_conversations order by last_message_at desc limit 1)"
CALLS = {
    "get_sms_stats": "select * from get_sms_stats()",
    "get_user_sms_stats": "select * from get_user_sms_stats()",
    "get_sms_engagement_metrics": "select * from get_sms_engagement_metrics(30)",
    "history": f"select * from get_sms_conversation_history({LATEST})",
    "inbox": "select * from sms_conversations order by last_message_at desc, id desc limit 50",
    "search, often said": f"select * from search_sms('{data.OFTEN}')",
    "search, 1 in 1,000": f"select * from search_sms('{data.SELDOM}')",
    "search, hardly ever": f"select * from search_sms('{data.HARDLY_EVER}')",
    "search, two words": f"select * from search_sms('{data.OFTEN} {data.SOMETIMES}')",
    "search, nobody said": "select * from search_sms('xylophone')",
}

PLOTTED = ("get_sms_stats", "get_sms_engagement_metrics", "history", "inbox", "search, two words")


async def measure(bench: Bench, report: Report) -> None:
    stack = await bench.stack()
    sizes = (2_000, 20_000) if bench.size.quick else (50_000, 500_000, 5_000_000)
    medians: dict[str, dict[int, float]] = {name: {} for name in CALLS}
    for size in sizes:
        async with database(stack.postgres_url, size) as url:
            for name, times in (await measure_calls(url, bench.size.of(7, 2))).items():
                figure = Figure(SECTION, f"{name}, {size:,} texts", times, "ms")
                report.add(figure)
                medians[name][size] = figure.value
    for name, found in medians.items():
        ratio = found[sizes[-1]] / max(found[sizes[0]], 0.5)
        report.add(Figure(SECTION, f"{name}, {sizes[-1]:,} / {sizes[0]:,} texts", (ratio,)))
    lines = {
        name: [(float(n), found[size]) for n, size in enumerate(sizes)]
        for name, found in medians.items()
        if name in PLOTTED
    }
    title = "Calls of a client at " + ", ".join(f"{size:,}" for size in sizes) + " texts"
    report.plots.append(Plot("data-api", title, "size", "ms", lines, bars=True))


async def measure_calls(url: str, repeats: int) -> dict[str, tuple[float, ...]]:
    """Milliseconds of each call; the calls take turns, the first turn only warms the caches."""
    times: dict[str, list[float]] = {name: [] for name in CALLS}
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as owner:
        claims = json.dumps({"sub": data.OWNER, "role": "authenticated"})
        await owner.execute("select set_config('request.jwt.claims', %s, false)", (claims,))
        await owner.execute("set role authenticated")
        for turn in range(repeats + 1):
            for name, call in CALLS.items():
                began = time.monotonic()
                await (await owner.execute(call.encode())).fetchall()
                if turn:
                    times[name].append((time.monotonic() - began) * 1000)
    return {name: tuple(found) for name, found in times.items()}
