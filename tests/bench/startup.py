"""How long both processes take to start, what they weigh, and what imports cost."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time

import httpx

from gateway.local.processes import free_port
from tests.bench import host
from tests.bench.load import open_loop
from tests.bench.report import Figure, Report
from tests.bench.system import forget, set_speeds
from tests.bench.world import Bench, listens, processes, start_worker

SECTION = "7 start and memory"
SHOWN = 6  # modules, the dearest first


async def measure(bench: Bench, report: Report) -> None:
    await measure_start(bench, report)
    await measure_memory(bench, report)
    for module in ("gateway.web", "gateway.subscriber"):
        measure_imports(bench, report, module)


async def measure_start(bench: Bench, report: Report) -> None:
    stack = await bench.stack()
    web, worker = list[float](), list[float]()
    for _ in range(bench.size.of(5, 1)):
        began, port = time.monotonic(), free_port()
        child = await stack.start_process("web", {"PORT": str(port)}, log="web.start")
        await listens(child, port)  # gunicorn does so before its worker has imported the app
        async with httpx.AsyncClient() as client:
            await client.get(f"http://127.0.0.1:{port}/healthz")
        web.append(time.monotonic() - began)
        began = time.monotonic()
        second = await start_worker(stack)
        worker.append(time.monotonic() - began)
        await asyncio.gather(child.stop(), second.stop())
    report.add(Figure(SECTION, "web process answers after", tuple(web), "s", at_most=1.2))
    report.add(Figure(SECTION, "worker claims after", tuple(worker), "s"))


async def measure_memory(bench: Bench, report: Report) -> None:
    """After some hundred texts."""
    stack = await bench.stack()
    set_speeds(stack, model=0.0)
    async with processes(stack) as (webs, workers):
        world = await bench.number()
        port, seconds = int(stack.environ["PORT"]), bench.size.of(15, 3)
        await open_loop(port, bench.posts(world), 20, seconds)
        server = [pid for pid in host.tree(webs[0].process.pid) if pid != webs[0].process.pid]
        report_memory(report, "web, one gunicorn worker", max(server), 80)
        report_memory(report, "worker", workers[0].process.pid, 130)
    await forget(world)


def report_memory(report: Report, name: str, pid: int, most: float) -> None:
    resident, own = host.memory(pid)
    report.add(Figure(SECTION, f"{name}: resident", (resident,), "MiB", at_most=most))
    report.add(Figure(SECTION, f"{name}: of it shared with nobody", (own,), "MiB"))


def measure_imports(bench: Bench, report: Report, module: str) -> None:
    """The whole import in fresh processes; then single packages, with what they bring."""
    times = []
    for _ in range(bench.size.of(5, 1)):
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
        times.append((time.monotonic() - began) * 1000)
    report.add(Figure(SECTION, f"python -c 'import {module}'", tuple(times), "ms"))
    for name, cumulated in dearest(module):
        report.add(Figure(SECTION, f"import {module}: {name}", (cumulated,), "ms"))


def dearest(module: str) -> list[tuple[str, float]]:
    """Packages outside the standard library by their time, from -X importtime."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = re.findall(r"\| +(\d+) \| +([\w.]+)$", told, re.MULTILINE)
    ours = {
        name: int(microseconds) / 1000
        for microseconds, name in found
        if "." not in name and name not in sys.stdlib_module_names and name != "gateway"
    }
    return sorted(ours.items(), key=lambda item: -item[1])[:SHOWN]
