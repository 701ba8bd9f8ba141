"""One walk through two databases of one server."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

from tests.rules.differential.databases import database
from tests.rules.differential.pair import Pair
from tests.rules.differential.walker import Walker


def differential_walk(
    server: str, old: str, new: str, steps: int, seed: int, mutant: str = ""
) -> Counter[str]:
    """What happened, how often; raises Difference. `mutant` is applied to the new one."""
    names = (f"walk_{uuid4().hex[:8]}_{which}" for which in ("old", "new"))
    with (
        database(server, next(names), old) as before,
        database(server, next(names), new, mutant) as after,
    ):
        pair = Pair(before, after, seed)
        Walker(pair, seed).walk(steps)
        return pair.happened
