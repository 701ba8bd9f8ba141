"""Two databases that play the same steps: both return, store and announce the same."""

from __future__ import annotations

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.rules.differential import intended
from tests.rules.differential.databases import Database, Role, Row

BEGINNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
# Read from the server's real clock.
REAL_TIME = {"oldest_transaction_seconds"}

TABLES = """
select c.oid::regclass::text as name, coalesce((
  select string_agg(format('t.%I', a.attname), ', ' order by a.attnum)
  from pg_index as i join pg_attribute as a on a.attrelid = c.oid and a.attnum = any (i.indkey)
  where i.indrelid = c.oid and i.indisprimary
), 't') as key, (
  select array_agg(a.attname::text) from pg_attribute as a
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
) as columns
from pg_class as c
where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'sms'::regnamespace)
order by 1"""

# Of each table: which rows there are, and those that were written since.
CHANGED = """
select '{name}' as name, sum(hashtextextended(row({key})::text, 0)) as rows,
  jsonb_agg(to_jsonb(t) - array[{ignored}]::text[] order by {key})
    filter (where t.xmin::text::bigint >= $1)::text as written
from {name} as t"""
ANNOUNCED = """
select 'announced', null, jsonb_agg(jsonb_build_array(
    m.topic,
    m.event || case when m.private and m.extension = 'broadcast' then '' else ', in the open' end,
    (case when m.payload ->> 'id' = m.id::text then m.payload - 'id' else m.payload end)::text
  )) filter (where m.xmin::text::bigint >= $1)::text
from realtime.messages as m
union all
select 'now', pg_snapshot_xmax(pg_current_snapshot())::text::numeric, null"""
FILLED = "select '{name}' as name from {name} limit 1"
WHOLE = "select to_jsonb(t) - %s::text[] as row from {name} as t order by {key}, t::text"


class Difference(AssertionError):
    """The two databases differ; the notes say after which step, and where."""


@dataclass(frozen=True)
class Step:
    statement: str
    values: tuple[Any, ...] = ()
    role: Role = "service"
    user_id: UUID | None = None

    def __str__(self) -> str:
        told = " ".join(self.statement.split())
        return f"{told} {list(map(str, self.values))} as {self.user_id or self.role}"


class Pair:
    """`old` and `new`; the walker decides by what `old` returns."""

    def __init__(self, old: Database, new: Database, seed: int) -> None:
        self.both = (old, new)
        self.chance = random.Random(f"the clock of {seed}")
        self.clock = BEGINNING
        self.steps = 0
        self.last: list[str] = []
        self.happened: Counter[str] = Counter()
        self.tables = self._tables()
        self.constant = self._constant_tables()
        for each in self.both:
            each.watch(self._query())
        self.threads = ThreadPoolExecutor(2)

    def let_pass(self, seconds: float) -> None:
        self.clock += timedelta(seconds=seconds)

    def play(self, step: Step) -> Any:
        """Play it in both; what it returns. Raises Difference."""
        self.steps += 1
        self.let_pass(self.chance.choice([0.002, 0.04, 0.2, 0.7]))
        self.last = [*self.last[-11:], f"{self.steps} at {self.clock:%d %H:%M:%S.%f}: {step}"]
        settings = {
            "walk.now": self.clock.isoformat(),
            "walk.step": str(self.steps),
            "walk.chance": str(self.chance.random()),
            "request.jwt.claims": json.dumps({"sub": str(step.user_id)}) if step.user_id else "",
        }

        def play(each: Database) -> tuple[Any, dict[str, Row]]:
            return each.play(step.role, settings, step.statement, step.values)

        (old, was), (new, became) = self.threads.map(play, self.both)
        if _comparable(old) != _comparable(new):
            self._differ("returned", [f"old {_cut(old)}", f"new {_cut(new)}"])
        self._compare_changes(was, became)
        self.happened[_told(step, old)] += 1
        return old

    def forget(self, query: str) -> None:
        """Empty both, outside of what is compared."""
        for each in self.both:
            each.rows(query)
            each.changes()

    def compare_everything(self) -> None:
        for name in self.changing:
            self._compare_table(name)

    def _compare_changes(self, was: dict[str, Row], became: dict[str, Row]) -> None:
        for name in was:
            if was[name] != became[name] and name not in ("announced", "now"):
                self._compare_table(name)
        self._compare_announced(was["announced"]["written"], became["announced"]["written"])

    def _compare_table(self, name: str) -> None:
        query = WHOLE.format(name=name, key=self.tables[name])
        was, became = (
            [row["row"] for row in each.rows(query, list(_ignored()))] for each in self.both
        )
        if was != became:
            self._differ(f"table {name}", list(_unequal_rows(was, became)))

    def _compare_announced(self, was: str | None, became: str | None) -> None:
        sets = [
            {(topic, event, payload) for topic, event, payload in json.loads(told or "[]")}
            for told in (was, became)
        ]
        for reduced in intended.ANNOUNCED:
            sets = [reduced(told) for told in sets]
        if sets[0] != sets[1]:
            only = [
                f"old alone {sorted(sets[0] - sets[1])}",
                f"new alone {sorted(sets[1] - sets[0])}",
            ]
            self._differ("announced", only)

    def _differ(self, where: str, what: list[str]) -> None:
        error = Difference(f"step {self.steps}: {where} differs")
        for line in [*what, "the last steps:", *self.last]:
            error.add_note(line)
        raise error

    def _tables(self) -> dict[str, str]:
        """The tables with their primary keys. Raises Difference for tables and columns of one."""
        found = [
            {row["name"]: (row["key"], set(row["columns"])) for row in each.rows(TABLES)}
            for each in self.both
        ]
        columns = [
            {f"{name}.{column}" for name, (_, columns) in tables.items() for column in columns}
            for tables in found
        ]
        unknown = {
            column
            for column in columns[0] ^ columns[1]
            if not {column, column.rsplit(".", 1)[0]} & intended.COLUMNS
        }
        if unknown:
            self._differ("schema", sorted(unknown))
        return {name: key for name, (key, _) in found[0].items() if name in found[1]}

    def _constant_tables(self) -> set[str]:
        """What the SQL itself brings: compared once, and no step writes it."""
        for name in self.tables:
            self._compare_table(name)
        filled = [
            row["name"]
            for name in self.tables
            for row in self.both[0].rows(FILLED.format(name=name))
        ]
        return set(filled) - {"sms.policy", "sms.maintenance"}

    def _query(self) -> str:
        """Reads what a step changed, in one statement."""
        changing = {n: key for n, key in self.tables.items() if n not in self.constant}
        ignored = ", ".join(f"'{name}'" for name in sorted(_ignored()))
        parts = [
            CHANGED.format(name=name, key=key, ignored=ignored) for name, key in changing.items()
        ]
        return " union all ".join([*parts, ANNOUNCED])

    @property
    def changing(self) -> list[str]:
        return [name for name in self.tables if name not in self.constant]


def _told(step: Step, value: Any) -> str:
    """What a step was and what came of it, in a few words."""
    words = step.statement.replace("(", " ").split()
    name = next((w for w in words if w.startswith(("public.", "sms.", "auth."))), words[0])
    if isinstance(value, tuple):
        return f"{name}: {value[0]}"
    first = next(iter(value[0].values())) if value else None
    if not isinstance(first, dict):
        return f"{name}: {len(value)} rows" if len(value) < 2 else f"{name}: rows"
    word = first.get("outcome") or first.get("kind") or "answered"
    reason = first.get("no_reply_reason") or first.get("reason")
    return f"{name}: {word}" + (f", {reason}" if reason else "")


def _ignored() -> set[str]:
    return {column.rsplit(".", 1)[1] for column in intended.COLUMNS}


def _comparable(value: Any) -> Any:
    """Without what tells of the real time, and what is meant to differ."""
    if isinstance(value, dict):
        left_out = REAL_TIME | intended.ANSWERS
        return {k: _comparable(v) for k, v in value.items() if k not in left_out}
    return [_comparable(v) for v in value] if isinstance(value, list) else value


def _unequal_rows(was: list[Row], became: list[Row]) -> list[str]:
    old, new = ([json.dumps(row, sort_keys=True) for row in rows] for rows in (was, became))
    lines = []
    for i, (before, after) in enumerate(zip(was, became, strict=False)):
        if old[i] != new[i] and set(before) == set(after) and len(was) == len(became):
            columns = [c for c in before if before[c] != after[c]]
            named = before.get("id") or before.get("contact_number") or i
            lines += [f"row {named}: {c}: old {before[c]!r}, new {after[c]!r}" for c in columns]
    if lines:
        return lines[:20]
    return [f"old alone {_cut(row)}" for row in old if row not in new][:5] + [
        f"new alone {_cut(row)}" for row in new if row not in old
    ][:5]


def _cut(value: Any) -> str:
    return str(value)[:1500]
