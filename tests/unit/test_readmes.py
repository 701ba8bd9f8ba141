"""The handbooks beside the code name what is there: functions, states, chapters, invariants."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.sql import INVARIANTS

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = sorted((REPOSITORY / "supabase/schemas").glob("*.sql"))
SQL = "\n".join(path.read_text() for path in SCHEMAS)
DATABASE = (REPOSITORY / "supabase/README.md").read_text()
GATEWAY = (REPOSITORY / "gateway/README.md").read_text()
UNITS = dict(
    re.findall(r"^`/etc/systemd/system/([\w.-]+)`:\n\n```ini\n(.*?)```", GATEWAY, re.M | re.S)
)


def public_functions(sql: str) -> set[str]:
    return set(re.findall(r"^create (?:or replace )?function public\.(\w+)", sql, re.MULTILINE))


def states(check: str) -> set[str]:
    """The words that a check allows: of a table's constraint, or the function it asks."""
    check = re.sub(r"--.*", "", SQL).partition(check)[2]
    return set(re.findall(r"'(\w+)'", check.partition(" in (")[2].partition(")")[0]))


def in_code(text: str) -> set[str]:
    return set(re.findall(r"`([\w.]+)`", text))


def test_every_function_of_the_data_api_is_named_with_what_it_does() -> None:
    assert public_functions(SQL) - in_code(DATABASE) == set()


def test_every_function_in_the_tables_is_there() -> None:
    section = DATABASE.partition("## Functions")[2].partition("\n## ")[0]
    first_cells = "\n".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))
    assert in_code(first_cells) - public_functions(SQL) == set()


def test_a_function_that_nobody_wrote_down_is_seen() -> None:
    sql = "create function public.new_sms_function(p_id uuid)\n"
    assert public_functions(sql) - in_code(DATABASE) == {"new_sms_function"}


def test_every_state_of_a_message_is_told_and_drawn() -> None:
    found = states("create function sms.is_message_status(")
    assert {"received", "queued", "unknown", "partially_delivered", "blocked"} <= found
    assert found - in_code(DATABASE) == set()
    drawing = DATABASE.partition("stateDiagram-v2")[2].partition("```")[0]
    assert found - {"received"} - set(re.findall(r"\w+", drawing)) == set()


def test_every_state_and_lease_of_a_conversation_is_told_and_drawn() -> None:
    leased_for = states("create function sms.is_lease(")
    assert leased_for >= {"reply", "fallback", "send", "reconcile"}
    drawing = DATABASE.split("stateDiagram-v2")[2].partition("```")[0]
    for text in (in_code(DATABASE), set(re.findall(r"\w+", drawing))):
        assert ({"active", "closed"} | leased_for) - text == set()


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: str(path.name))
def test_every_chapter_stands_in_the_list(path: Path) -> None:
    assert f"schemas/{path.name})" in DATABASE or f"| {path.name[:2]} |" in DATABASE


def test_every_invariant_is_told() -> None:
    section = DATABASE.partition("## Invariants")[2].partition("\n## ")[0]
    assert [name for name in INVARIANTS if f"- {name}" not in section] == []


@pytest.mark.parametrize(
    "path", ["supabase/README.md", "gateway/README.md", "gateway/inbox/README.md"]
)
def test_every_linked_file_exists(path: str) -> None:
    readme = REPOSITORY / path
    links = re.findall(r"\]\((?!https?:)([^)#]+)", readme.read_text())
    assert [link for link in links if not (readme.parent / link).exists()] == []


# The gateway's


def test_every_module_stands_in_the_map() -> None:
    modules = {path.name for path in (REPOSITORY / "gateway").glob("*.py")}
    found = set(re.findall(r"\((\w+\.py)\)", GATEWAY))
    assert modules - found == {"__init__.py", "__main__.py"}


def test_every_name_of_sql_that_operations_mention_is_there() -> None:
    named = {
        word for word in in_code(GATEWAY) if re.fullmatch(r"(sms\.|sms_)\w+(\.\w+)?", word)
    } - {"sms_"}
    lacking = [word for word in named if not re.search(rf"\b{word.split('.')[-1]}\b", SQL)]
    assert sorted(lacking) == []


def test_the_units_run_the_procfiles_lines() -> None:
    procfile = dict(
        line.split(": ", 1) for line in (REPOSITORY / "Procfile").read_text().splitlines()
    )
    assert set(UNITS) == {"sms-gateway-web.service", "sms-gateway-worker.service"}
    for name, unit in UNITS.items():
        options = configparser.RawConfigParser()
        options.optionxform = str  # type: ignore[method-assign,assignment]
        options.read_string(unit)
        line = procfile[name.removesuffix(".service").rpartition("-")[2]]
        started = options["Service"]["ExecStart"].removeprefix("/opt/sms-gateway/.venv/bin/")
        assert shlex.split(line) == started.split()
        assert int(options["Service"]["TimeoutStopSec"]) >= 30


def verified(folder: Path, units: dict[str, str]) -> str:
    """What systemd says of units, or "" where there is no systemd."""
    if not (systemd_analyze := shutil.which("systemd-analyze")):
        return ""
    for name, unit in units.items():
        (folder / name).write_text(re.sub(r"/opt/sms-gateway/\.venv/bin/\w+", "/bin/sh", unit))
    paths = [str(folder / name) for name in units]
    done = subprocess.run([systemd_analyze, "verify", *paths], capture_output=True, text=True)
    return done.stderr


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    assert [line for line in verified(tmp_path, UNITS).splitlines() if str(tmp_path) in line] == []
