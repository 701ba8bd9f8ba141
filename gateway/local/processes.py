"""Child processes of the local stack: started with a log file, ended with their whole group.

On Linux the kernel ends them as well when this process dies without saying good-bye.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Say = Callable[[str], None]

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class StackError(RuntimeError):
    """The local stack cannot run; the message says what to do."""


@dataclass(slots=True)
class Child:
    """A running program in a session of its own, so that Ctrl-C reaches this process alone."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    is_over: bool = False  # its number may be somebody else's by now

    @property
    def runs(self) -> bool:
        return self.process.returncode is None

    async def stop(self, how: int = signal.SIGTERM, patience: float = 35) -> None:
        """Signal the program, wait, and kill what is left of its group after `patience` seconds."""
        if self.is_over:
            return
        if self.runs:
            self.process.send_signal(how)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), patience)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.is_over = True
        await self.process.wait()

    def last_words(self) -> str:
        """The end of the log, for an error message."""
        return self.log.read_text(errors="replace")[-1000:].strip()


async def spawn(
    name: str,
    *command: str | Path,
    log: Path,
    folder: Path,
    environ: Mapping[str, str],
    dies_by: int = signal.SIGTERM,
) -> Child:
    """Start a program; its output goes to `log`. `dies_by` is its signal when we die first."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_bound_to_parent(dies_by),
        )
    return Child(name, process, log)


def _bound_to_parent(dies_by: int) -> Callable[[], None] | None:
    """prctl(2), which outlives exec: nothing is left behind when the parent is killed hard."""
    if LIBC is None:
        return None
    prctl = LIBC.prctl

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, dies_by)

    return bind


async def run(
    *command: str | Path, folder: Path, environ: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a program to its end: exit code and output. It does not outlive a cancelled caller."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode(errors="replace")


class Ports:
    """The ports of one data folder, kept between its starts in `ports.json`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ports.json"
        self.known: dict[str, int] = json.loads(self.path.read_text()) if self.path.exists() else {}

    def take(self, name: str, default: int) -> int:
        """The port it had, or else the usual one; another one where that is in use."""
        return self.keep(name, free_port(self.known.get(name, default)))

    def keep(self, name: str, port: int) -> int:
        if self.known.get(name) != port:
            self.known[name] = port
            self.path.write_text(json.dumps(self.known, indent=2))
        return port


def free_port(wanted: int = 0) -> int:
    """`wanted` when nobody listens there, else a port that is free now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
