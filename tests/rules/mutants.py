"""What somebody might write instead of the product's SQL, beside the test that must then fail.

    @mutant("no gate", ("sms.send_verdict", "return case", "return null; return case"), fails="…")
    async def test_nothing_leaves_for_who_opted_out(db: Db) -> None: ...

is two tests: the SQL as it is passes, and in a database of its own with that change the same test
must fail with these words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import pytest

from tests.sql import Db

# A script, or (function, words of its body, other words).
Change: TypeAlias = str | tuple[str, str, str]


@dataclass(frozen=True)
class Mutant:
    name: str
    change: Change
    fails: str


def mutant(name: str, change: Change, *, fails: str) -> pytest.MarkDecorator:
    """`fails` is a regular expression, found in the message of the test's AssertionError."""
    return pytest.mark.mutant(Mutant(name, change, fails))


async def make(db: Db, change: Change) -> None:
    """Change what the form changes, in this database."""
    if isinstance(change, str):
        await db.admin.rows(change)
    else:
        await db.patch(*change)
