"""Postgres and the Data API restarted under load: when are answers as frequent again?"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from gateway.local.stack import Stack
from tests.bench.load import Post, send
from tests.bench.report import Figure, Plot, Report
from tests.bench.system import forget, set_speeds
from tests.bench.world import Bench, processes

SECTION = "6 recovery"
PER_SECOND = 20
WINDOW = 2  # seconds


async def measure(bench: Bench, report: Report) -> None:
    stack = await bench.stack()

    async def restart_postgres() -> None:
        await stack.postgres.stop()
        await stack.postgres.start()

    async def restart_data_api() -> None:
        await stack.lite.restart()

    restarts = {"Postgres": restart_postgres, "Data API": restart_data_api}
    for name, restart in restarts.items():
        waits, lines = list[float](), list[tuple[float, float]]()
        for _ in range(bench.size.rounds):
            seconds, lines = await interrupt(bench, stack, restart)
            waits.append(seconds)
        what = f"{name} restarted at {PER_SECOND} texts/s: back to 95 %"
        report.add(Figure(SECTION, what, tuple(waits), "s", at_most=10))
        title = f"Answers a second, {name} restarted at second {interval(bench)}"
        slug = f"recovery-{name.lower().replace(' ', '-')}"
        report.plots.append(Plot(slug, title, "seconds", "answers/s", {"answers": lines}))


def interval(bench: Bench) -> int:
    return bench.size.of(10, 4)


async def interrupt(
    bench: Bench, stack: Stack, restart: Callable[[], Awaitable[None]]
) -> tuple[float, list[tuple[float, float]]]:
    """Seconds from the end of the restart until 95 % of the texts' rate, and answers by second."""
    set_speeds(stack, model=0.6)
    before, after = interval(bench), bench.size.of(25, 10)
    posted, sending = dict[str, float](), list[asyncio.Task[None]]()
    async with processes(stack):
        world = await bench.number()
        began, posts, port = time.monotonic(), bench.posts(world), int(stack.environ["PORT"])

        async def keep_writing() -> None:
            for number in range(PER_SECOND * (before + after)):
                await asyncio.sleep(began + number / PER_SECOND - time.monotonic())
                post = next(posts)
                posted[post.contact] = time.monotonic()
                sending.append(asyncio.create_task(as_twilio(port, post)))

        writing = asyncio.create_task(keep_writing())
        await asyncio.sleep(before)
        await restart()
        restarted = time.monotonic()
        await writing
        await asyncio.gather(*sending)
        await rest(stack)
        accepted = [text.logged_at for text in stack.twilio.sent if text.to in posted]
    await forget(world)
    return measure_wait(accepted, began, restarted)


async def as_twilio(port: int, post: Post) -> None:
    """Again until it is stored."""
    while await send(port, post.raw) != 200:  # noqa: ASYNC110  # the pause of the sender
        await asyncio.sleep(0.5)


async def rest(stack: Stack) -> None:
    """Until Twilio has had no text for 3 s; one that may have been sent is settled much later."""
    while time.monotonic() < stack.twilio.sent[-1].logged_at + 3:  # noqa: ASYNC110  # no event
        await asyncio.sleep(0.2)


def measure_wait(
    accepted: list[float], began: float, restarted: float
) -> tuple[float, list[tuple[float, float]]]:
    by_second = Counter(int(at - began) for at in accepted)
    line = [(float(n), float(by_second[n])) for n in range(int(max(accepted) - began))]
    starts = (restarted + step / 10 for step in range(600))
    for start in starts:
        within = sum(start <= at < start + WINDOW for at in accepted)
        if within >= 0.95 * PER_SECOND * WINDOW:
            return start - restarted, line
    return 60.0, line
