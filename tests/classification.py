"""What messages are taken for, measured over all files of cases: `python -m tests.classification`.

Two errors count: people silenced or opted out who wished nothing, and machines, reactions and
opt-outs that are answered as if a person had asked something.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.local.stack import Stack
from tests.sql import Db, scratch_database

DATA = Path(__file__).parent / "data"
KINDS = {"stop": "opt-outs", "auto_reply": "machines", "reaction": "reactions"}


@dataclass(frozen=True)
class Case:
    """`expected`: text (a person, answered), stop, auto_reply or reaction."""

    source: str
    language: str
    expected: str
    body: str


def load_cases() -> list[Case]:
    return [*_everyday(), *_meanings(), *_own(), *_phrases()]


def _everyday() -> Iterator[Case]:
    for case in json.loads((DATA / "everyday_cases.json").read_text()):
        yield Case("everyday", case["language"], case["expected"], case["input"])


def _meanings() -> Iterator[Case]:
    for case in json.loads((DATA / "meaning_cases.json").read_text()):
        if case["expected"] in ("text", *KINDS) and isinstance(case["input"], str):
            yield Case("meaning", "mixed", case["expected"], case["input"])


def _own() -> Iterator[Case]:
    for case in json.loads((DATA / "classification_cases.json").read_text()):
        yield Case(case["half"], case["language"], case["expected"], case["input"])


def _phrases() -> Iterator[Case]:
    phrases = json.loads((DATA / "opt_out_phrases.json").read_text())
    for kind, expected in (("opt_out", "stop"), ("ordinary", "text")):
        for phrase in phrases[kind]:
            yield Case("phrases", phrase["language"], expected, phrase["text"])


async def classified(db: Db, body: str) -> str:
    """What the database takes a message for: text, maybe_stop or one of the kinds."""
    (row,) = await db.admin.rows("select * from sms.classify(%s)", body)
    if row["kind"] or row["intent"] in ("stop", "start"):
        return str(row["kind"] or row["intent"])
    return "maybe_stop" if row["maybe_stop"] else "text"


@dataclass(frozen=True)
class Outcome:
    case: Case
    found: str

    @property
    def is_silenced(self) -> bool:
        """Somebody who wished nothing gets no reply."""
        return self.case.expected == "text" and self.found in ("start", *KINDS)

    @property
    def is_recognised(self) -> bool:
        return self.case.expected == self.found


async def measure(db: Db) -> list[Outcome]:
    return [Outcome(case, await classified(db, case.body)) for case in load_cases()]


def report(outcomes: list[Outcome]) -> str:
    """One line per file and language, and every miss of a person by name."""
    rows: dict[tuple[str, str], Counter[str]] = {}
    for outcome in outcomes:
        row = rows.setdefault((outcome.case.source, outcome.case.language), Counter())
        kind = outcome.case.expected
        row[kind] += 1
        row[f"{kind} found"] += outcome.is_recognised
        row["silenced"] += outcome.is_silenced
        row["hinted"] += kind == "text" and outcome.found == "maybe_stop"
    lines = [
        _line("file", "language", "people", "silenced", "with the way to stop", *KINDS.values())
    ]
    for (source, language), row in sorted(rows.items()):
        found = [f"{row[f'{kind} found']} of {row[kind]}" for kind in KINDS]
        lines.append(_line(source, language, row["text"], row["silenced"], row["hinted"], *found))
    for outcome in outcomes:
        if outcome.is_silenced:
            lines.append(f"silenced as {outcome.found}: {outcome.case.body}")
    return "\n".join(lines)


def _line(*cells: object) -> str:
    return "  ".join(f"{cell!s:>{20 if place == 4 else 12}}" for place, cell in enumerate(cells))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            Stack(Path(folder), web=0, worker=0) as stack,
            scratch_database(stack.postgres_url) as url,
            Db.connect(url) as db,
        ):
            print(report(await measure(db)))


if __name__ == "__main__":
    asyncio.run(main())
