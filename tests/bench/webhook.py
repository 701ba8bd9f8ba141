"""The webhook: what each part of it costs, and how fast it answers on the whole stack."""

from __future__ import annotations

import itertools
import statistics
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from gateway.local.processes import Child, free_port, spawn
from gateway.local.stack import REPOSITORY
from gateway.local.standins.twilio import create_twilio
from tests.bench import host
from tests.bench.load import Load, Post, closed_loop, open_loop, signed_post
from tests.bench.report import Figure, Plot, Report
from tests.bench.world import Bench, listens, processes, serve_app

SECTION = "1 webhook"
NUMBER = "+15005550006"
PUBLIC_URL = "http://127.0.0.1:8000"
ACCOUNT, TOKEN = "AC" + "0" * 32, "t" * 32
CONNECTIONS = (1, 8, 32)
APPS = {
    "a constant": "tests.bench.apps:constant()",
    "signature, no call": "tests.bench.apps:signed()",
    "one call, stub": "gateway.web:app()",
}
PER_SECOND = 50
Loads = defaultdict[tuple[str, int], list[Load]]


async def measure(bench: Bench, report: Report) -> None:
    await measure_parts(bench, report)
    await measure_answers(bench, report)


async def measure_parts(bench: Bench, report: Report) -> None:
    """Three servers side by side, a few seconds each in turn."""
    cpu, loads = defaultdict[str, list[float]](list), Loads(list)
    logs = bench.folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as opened:
        servers = {
            name: await opened.enter_async_context(served(app, logs)) for name, app in APPS.items()
        }
        for _, count in itertools.product(range(bench.size.rounds), CONNECTIONS):
            for name, (child, port) in servers.items():
                posts, before = endless_posts(), host.cpu_seconds(child.process.pid)
                load = await closed_loop(port, posts.__next__, count, bench.size.of(3, 1))
                assert not load.failed, f"{name}: {load.failed} posts failed"
                spent = host.cpu_seconds(child.process.pid) - before
                cpu[name].append(spent / len(load.seconds) * 1000)
                loads[name, count].append(load)
    report_parts(report, cpu, loads)


def report_parts(report: Report, cpu: dict[str, list[float]], loads: Loads) -> None:
    for name, spent in cpu.items():
        most = 0.4 if name == "signature, no call" else None
        report.add(Figure(SECTION, f"{name}: CPU per post", tuple(spent), "ms", at_most=most))
    for (name, count), runs in loads.items():
        speeds = tuple(run.per_second for run in runs)
        report.add(Figure(SECTION, f"{name}: {count} connections", speeds, "posts/s"))
        for percent in (50, 99):
            times = tuple(run.milliseconds(percent) for run in runs)
            report.add(Figure(SECTION, f"{name}: {count} connections, p{percent}", times, "ms"))
    bars = {
        name: [
            (float(count), statistics.median(run.per_second for run in loads[name, count]))
            for count in CONNECTIONS
        ]
        for name in APPS
    }
    title = "Webhook: posts a second by connections"
    report.plots.append(Plot("webhook", title, "connections", "posts/s", bars, bars=True))


@asynccontextmanager
async def served(app: str, logs: Path) -> AsyncIterator[tuple[Child, int]]:
    """One application and a stub of the Data API for it."""
    stub_port = free_port()
    stub = await spawn(
        "stub",
        *(sys.executable, "-m", "tests.bench.stub", str(stub_port)),
        log=logs / "stub.log",
        folder=REPOSITORY,
        environ={},
    )
    await listens(stub, stub_port)
    child, port = await serve_app("webhook", app, environ(stub_port), logs)
    try:
        yield child, port
    finally:
        await child.stop()
        await stub.stop()


def environ(stub_port: int) -> dict[str, str]:
    return {
        "SUPABASE_URL": f"http://127.0.0.1:{stub_port}",
        "SUPABASE_SECRET_KEY": "sb_secret_bench",
        "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_bench",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "OPENAI_API_KEY": "sk-bench",
        "PUBLIC_URL": PUBLIC_URL,
    }


def endless_posts() -> Iterator[Post]:
    twilio = create_twilio(ACCOUNT, TOKEN, numbers=[NUMBER])
    for count in itertools.count():
        contact = f"+1557{count:07}"
        yield signed_post(twilio, NUMBER, contact, "Hola", f"{PUBLIC_URL}/webhook/sms")


async def measure_answers(bench: Bench, report: Report) -> None:
    """On the stack with a worker; a slow model holds all slots and must not show here."""
    stack = await bench.stack()
    assert stack.openai
    stack.twilio.latency = 0.15
    fast, slow = list[Load](), list[Load]()
    for _ in range(bench.size.rounds):
        for loads, seconds in ((fast, 0.6), (slow, 16.0)):
            stack.openai.latency = seconds
            world = await bench.number()
            async with processes(stack):
                posts, length = bench.posts(world), bench.size.of(15, 3)
                port = int(stack.environ["PORT"])
                loads.append(await open_loop(port, posts, PER_SECOND, length))
            await world.rows("delete from sms_configs where id = %s", world.config_id)
    failed = tuple(float(load.failed) for load in fast + slow)
    report.add(Figure(SECTION, f"{PER_SECOND}/s: not stored", failed, at_most=0))
    for name, loads in (("model 0.6 s", fast), ("model 16 s", slow)):
        for percent, most in ((50, 25), (99, 150)):
            times = tuple(load.milliseconds(percent) for load in loads)
            what = f"{PER_SECOND}/s, {name}: answered, p{percent}"
            report.add(Figure(SECTION, what, times, "ms", at_most=most))
    pairs = zip(fast, slow, strict=True)
    ratios = tuple(b.milliseconds(50) / a.milliseconds(50) for a, b in pairs)
    report.add(Figure(SECTION, "p50 with a model of 16 s, ratio", ratios, at_most=1.2))
