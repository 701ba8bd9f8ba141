"""Two versions of the SQL, one behaviour: the same steps are played in both and compared.

python -m tests.rules.differential OLD.sql --steps 50000 --seed 1 --server URL
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from gateway import schema
from tests.rules.differential.databases import prepare_server
from tests.rules.differential.pair import Difference
from tests.rules.differential.run import differential_walk


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.rules.differential", description=__doc__)
    parser.add_argument("old", type=Path, help="the SQL of before, one file")
    parser.add_argument("--new", type=Path, help="the SQL of now; by default this checkout's")
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", type=Path, help="SQL that breaks the new version")
    parser.add_argument(
        "--server", required=True, help="a superuser's URL of a Postgres 15 or later"
    )
    given = parser.parse_args()
    prepare_server(given.server)
    new = (
        given.new.read_text() if given.new else schema.compose(schema.supabase_folder() / "schemas")
    )
    mutant = given.mutant.read_text() if given.mutant else ""
    began = time.monotonic()
    try:
        happened = differential_walk(
            given.server, given.old.read_text(), new, given.steps, given.seed, mutant
        )
    except Difference as difference:
        told = "\n".join(["", str(difference), *difference.__notes__])
        raise SystemExit(
            f"{told}\nseed {given.seed}, after {time.monotonic() - began:.0f} s"
        ) from None
    print("\n".join(f"{times:6} {what}" for what, times in sorted(happened.items())))
    seconds = time.monotonic() - began
    print(f"\n{happened.total()} steps of seed {given.seed}: no difference, {seconds:.0f} s")


main()
