"""CPU time and memory of running processes, from /proc (Linux)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for known in _pids():
        if stat := _stat(known):
            children.setdefault(int(stat[1]), []).append(known)
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children.get(found[-1], [])
    return found


def cpu_seconds(pid: int) -> float:
    """Spent so far by a process tree, those included that ended and were waited for."""
    stats = filter(None, map(_stat, tree(pid)))
    return sum(sum(map(int, stat[11:15])) for stat in stats) / TICKS


def own_cpu_seconds() -> float:
    """Of this process alone, without its children."""
    times = os.times()
    return times.user + times.system


def memory(pid: int) -> tuple[float, float]:
    """Resident MiB of one process: all of it, and what it shares with nobody."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        found[name] = float(value.split()[0]) / 1024
    return found["Rss"], found["Private_Clean"] + found["Private_Dirty"]


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _stat(pid: int) -> list[str] | None:
    """The fields after the name, which may hold blanks: state, parent, …; proc(5)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
