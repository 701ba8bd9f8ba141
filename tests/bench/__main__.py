"""Measure: uv run python -m tests.bench [--quick] [--keep FOLDER] [section …]

Prints each figure as it is known and at the end the whole table; keeps figures as JSON and plots
as SVG in .local/bench, or in FOLDER. Sections that do not run keep their figures of last time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from gateway.local.stack import REPOSITORY
from tests.bench import (
    announcements,
    chapters,
    cleanup,
    data_api,
    database_load,
    events,
    inbox,
    monday,
    recovery,
    replay,
    report,
    snapshot,
    startup,
    system,
    tools,
    usual,
    webhook,
)
from tests.bench.world import Bench, Size

SECTIONS = {
    "webhook": webhook,
    "system": system,
    "sql": database_load,
    "data_api": data_api,
    "usual": usual,
    "recovery": recovery,
    "startup": startup,
    "announcements": announcements,
    "cleanup": cleanup,
    "snapshot": snapshot,
    "monday": monday,
    "tools": tools,
    "chapters": chapters,
    "events": events,
    "inbox": inbox,
    "replay": replay,
}
FOLDER = REPOSITORY / ".local/bench"


async def run(names: list[str], size: Size, keep: Path) -> None:
    found = report.Report()
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with Bench(FOLDER, size) as bench:
        for name in names:
            print(f"{name}, load of this machine {os.getloadavg()[0]:.1f}", flush=True)
            await SECTIONS[name].measure(bench, found)
            found.save(keep)
    print(report.table(report.load(keep)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], metavar="section")
    parser.add_argument("--quick", action="store_true", help="seconds, to see that it works")
    parser.add_argument("--keep", type=Path, default=FOLDER, metavar="FOLDER")
    given = parser.parse_args()
    asyncio.run(run(given.sections or list(SECTIONS), Size(given.quick), given.keep))


if __name__ == "__main__":
    main()
