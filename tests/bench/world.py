"""What the sections share: how long and how much, the running stack, and its processes."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.local.processes import Child, free_port, spawn
from gateway.local.stack import EMAIL, REPOSITORY, Stack
from tests.bench import host
from tests.bench.load import Post, signed_post
from tests.flow.world import World, eventually

# No limit stops a text, and nothing waits for a burst to end.
UNLIMITED: dict[str, object] = {
    "replies_per_hour": 10**6,
    "replies_per_day": 10**6,
    "number_replies_per_day": 100_000,
    "reply_delay": "0",
}


@dataclass(frozen=True)
class Size:
    """How much is measured. `quick` shows that everything works; its figures say little."""

    quick: bool

    def of(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    @property
    def rounds(self) -> int:
        return self.of(3, 1)


class Bench:
    """The stack that all sections share, started by the first that asks for it."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.folder = folder
        self.size = size
        self._opened = AsyncExitStack()
        self._stack: Stack | None = None
        self._contacts = itertools.count(1)

    async def __aenter__(self) -> Bench:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def stack(self) -> Stack:
        if self._stack is None:
            stack = Stack(self.folder / "stack", web=0, worker=0)
            self._stack = await self._opened.enter_async_context(stack)
            self._stack.twilio.delivery_delay = 0.05
        return self._stack

    async def number(self, owner: str = EMAIL, **columns: object) -> World:
        """A number without limits, of the local user or another."""
        world = World(await self.stack(), owner)
        await world.settle_in(**{**UNLIMITED, **columns})
        return world

    def contacts(self) -> Iterator[str]:
        """Numbers never used before in this run."""
        run = int(time.time()) % 10**4
        return (f"+1557{run:04}{next(self._contacts):06}" for _ in itertools.count())

    def posts(self, world: World) -> Iterator[Post]:
        """A text from somebody new each."""
        twilio = world.stack.twilio
        for contact in self.contacts():
            yield signed_post(twilio, world.number, contact, f"Hola, soy {contact[-6:]}")


@asynccontextmanager
async def processes(
    stack: Stack, web: int = 1, workers: int = 1, **environ: str
) -> AsyncIterator[tuple[list[Child], list[Child]]]:
    """The product's own, by the lines of the Procfile."""
    webs = [await start_web(stack, environ) for _ in range(web)]
    started = [await start_worker(stack, environ) for _ in range(workers)]
    try:
        yield webs, started
    finally:
        await asyncio.gather(*(child.stop() for child in (*webs, *started)))
        for child in (*webs, *started):
            stack.processes.remove(child)


async def start_web(stack: Stack, environ: Mapping[str, str] | None = None) -> Child:
    child = await stack.start_process("web", environ, log="web")
    await stack.wait_for_web(child)
    return child


async def start_worker(stack: Stack, environ: Mapping[str, str] | None = None) -> Child:
    """Returns once it claims."""
    child = await stack.start_process("worker", environ, log=f"worker.{time.monotonic_ns()}")

    async def says_so() -> bool:
        return "worker started" in child.log.read_text()

    await eventually(says_so, 60)
    return child


async def serve_app(
    name: str, app: str, environ: Mapping[str, str], logs: Path, port: int = 0
) -> tuple[Child, int]:
    """An application behind the Procfile's own gunicorn line, and its port."""
    port = port or free_port()
    child = await spawn(
        name,
        *(Path(sys.executable).parent / "gunicorn", "-k", "asgi"),
        *("-c", "python:gateway.gunicorn_conf", app),
        log=logs / f"{name}.log",
        folder=REPOSITORY,
        environ={**os.environ, **environ, "PORT": str(port)},
    )
    await listens(child, port)
    return child, port


async def listens(child: Child, port: int) -> None:
    async def connects() -> bool:
        assert child.runs, child.last_words()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    await eventually(connects, 60)


class Spent:
    """CPU seconds of the stack's parts since this was made."""

    def __init__(self, stack: Stack, web: list[Child], workers: list[Child]) -> None:
        assert stack.postgres.child and stack.lite.child
        self._parts = {
            "web": [child.process.pid for child in web],
            "worker": [child.process.pid for child in workers],
            "Data API": [stack.lite.child.process.pid],
            "Postgres": [stack.postgres.child.process.pid],
        }
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        spent = {name: sum(map(host.cpu_seconds, pids)) for name, pids in self._parts.items()}
        return {**spent, "stand-ins and load": host.own_cpu_seconds()}

    def so_far(self) -> dict[str, float]:
        return {name: now - self._before[name] for name, now in self._now().items()}
