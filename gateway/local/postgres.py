"""A Postgres 17 of one's own: initdb, start, stop, and start again after a crash.

As root every Postgres program runs in a user namespace where it is user 1000: Postgres refuses
root, and files in a folder that only root can enter stay root's that way.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg

from gateway.local.processes import Child, StackError, free_port, run, spawn

SUPERUSER = "supabase_admin"
DATABASE = "postgres"
WANTED_PORT = 54322  # the Supabase CLI's default; another one is taken if it is not free
START_SECONDS = 60.0

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class Postgres:
    """One server and its data folder; `restart` and `crash` keep the port."""

    def __init__(self, programs: Path, folder: Path, password: str, logs: Path) -> None:
        self.programs = programs
        self.folder = folder
        self.password = password
        self.log = logs / "postgres.log"
        self.port = 0
        self.child: Child | None = None

    def url(self, role: str = SUPERUSER) -> str:
        return f"postgresql://{role}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    @asynccontextmanager
    async def connect(self, role: str = SUPERUSER) -> AsyncIterator[Connection]:
        """One connection that commits each statement."""
        async with await psycopg.AsyncConnection.connect(self.url(role), autocommit=True) as opened:
            yield opened

    @property
    def is_new(self) -> bool:
        return not (self.folder / "PG_VERSION").exists()

    async def start(self) -> None:
        """Start the server, on the port it had before if it had one; raises StackError."""
        if self.is_new:
            await self._initdb()
        await asyncio.to_thread(_stop_orphan, self.folder)
        try:
            await self._start_on(self.port or free_port(WANTED_PORT))
        except StackError as error:  # another stack may have taken the port in between
            if "could not create any TCP/IP sockets" not in str(error):
                raise
            await self._start_on(free_port())

    async def _start_on(self, port: int) -> None:
        self.port = port
        self.child = await spawn(
            "postgres",
            *_as_somebody(),
            self.programs / "postgres",
            *("-D", self.folder, "-p", str(self.port)),
            *_settings(),
            log=self.log,
            folder=self.folder,
            environ=dict(os.environ),
            dies_by=signal.SIGINT,
        )
        await self._answers(self.child)

    async def stop(self) -> None:
        """Fast shutdown: connections are cut, everything committed is checkpointed."""
        if self.child:
            await self.child.stop(signal.SIGINT)

    async def crash(self) -> None:
        """Immediate shutdown: the next start has to recover, as after a power cut."""
        if self.child:
            await self.child.stop(signal.SIGQUIT)

    async def erase(self) -> None:
        """Stop and delete all data."""
        await self.stop()
        shutil.rmtree(self.folder)

    async def _initdb(self) -> None:
        """Make the data folder in one step: a broken first run leaves none."""
        unfinished = self.folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True, mode=0o700)
        password = self.folder.with_suffix(".password")
        password.write_text(self.password)
        code, output = await run(
            *_as_somebody(),
            self.programs / "initdb",
            *("-D", unfinished, "-U", SUPERUSER, f"--pwfile={password}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin"),
            "--builtin-locale=C.UTF-8",
            folder=unfinished,
        )
        password.unlink()
        if code:
            raise StackError(f"initdb of the local Postgres failed:\n{_advice(output)}")
        unfinished.rename(self.folder)

    async def _answers(self, child: Child) -> None:
        give_up = time.monotonic() + START_SECONDS
        while child.runs and time.monotonic() < give_up:
            try:
                async with self.connect():
                    return
            except psycopg.OperationalError:
                await asyncio.sleep(0.05)
        await child.stop(signal.SIGQUIT)
        raise StackError(f"the local Postgres did not start:\n{_advice(child.last_words())}")


def _settings() -> list[str]:
    """As hosted where it matters (jit, UTC); no Unix socket, whose path has a short limit."""
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "jit": "off",
    }
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def _as_somebody() -> list[str]:
    """The prefix that makes root somebody else; nothing for a normal user."""
    if os.geteuid() != 0:
        return []
    if sys.platform != "linux" or not shutil.which("unshare"):
        raise StackError("Postgres refuses to run as root: run this command as a normal user")
    return ["unshare", "--user", "--map-user=1000"]


def _advice(output: str) -> str:
    if "unshare failed" in output:
        return f"{output}\nPostgres refuses to run as root: run this command as a normal user."
    if "No space left" in output:
        return f"{output}\nThe disk is full."
    return output[-1500:]


def _stop_orphan(folder: Path) -> None:
    """Stop the server a killed stack left behind, and remove its stale pid file.

    The caller holds the data folder's lock, so nobody else's server is meant.
    """
    pid_file = folder / "postmaster.pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text().split("\n", 1)[0])
    for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if not _is_postgres(pid):
            break
        os.kill(pid, how)
        _wait_until_gone(pid, 10)
    pid_file.unlink(missing_ok=True)


def _wait_until_gone(pid: int, patience: float) -> None:
    give_up = time.monotonic() + patience
    while time.monotonic() < give_up and _is_postgres(pid):
        time.sleep(0.05)


def _is_postgres(pid: int) -> bool:
    """False for a stranger that took the number, and for a zombie nobody collects."""
    if sys.platform == "linux":
        try:
            return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except FileNotFoundError:
            return False
    found = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, check=False)
    return b"postgres" in found.stdout
