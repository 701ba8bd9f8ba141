"""The command line: what it takes, and one sentence instead of a traceback."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import __version__, schema
from gateway.cli import _parser, main
from tests.unit.test_settings import COMPLETE

REPOSITORY = Path(__file__).parents[2]
MIGRATIONS = REPOSITORY / "supabase/migrations"
NAMED = re.compile(r"sms-gateway ((?:number|message|schema|inbox) [a-z]+|[a-z]+)")


@pytest.fixture(autouse=True)
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env of this folder, no settings of this shell."""
    monkeypatch.chdir(tmp_path)
    for name in COMPLETE:
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "COMMAND"),
        ("number", "COMMAND"),
        ("number add 5551234567 --owner a@example.com", "it must be E.164, such as +15551234567"),
        ("number add +15551234567", "--owner"),
        ("number add +15551234567 --owner a --service MG1", "MG and 32 hexadecimal digits"),
        ("message show one", "invalid int value"),
        ("backfill", "--since"),
        ("backfill --since yesterday", "a number with m, h or d, such as 24h"),
        ("backfill --since 0h", "a number with m, h or d, such as 24h"),
    ],
)
def test_what_cannot_be_meant_is_said(
    arguments: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    ["worker", "number list", "message show 1", "backfill --since 24h", "number add --owner a"],
)
def test_missing_settings_are_named(arguments: str) -> None:
    with pytest.raises(SystemExit, match="SUPABASE_URL is missing"):
        main(arguments.split())


def test_doctor_has_a_line_for_each_missing_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(COMPLETE)
    assert all(line.startswith("FAULT    settings ") for line in lines)


def test_settings_come_from_the_env_file_and_the_environment_overrules_it(tmp_path: Path) -> None:
    lines = [f"{name}={value}" for name, value in COMPLETE.items() if name != "PUBLIC_URL"]
    (tmp_path / ".env").write_text("\n".join(lines))
    missing = run("number", "list")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.splitlines()[1:] == [
        "PUBLIC_URL is missing: the https address Twilio reaches the web process at, "
        "without a path's last slash"
    ]


def test_a_number_must_be_named_somewhere() -> None:
    outcome = run("number", "add", "--owner", "a@example.com", **COMPLETE)
    assert outcome.returncode == 1
    assert outcome.stderr.strip() == "sms-gateway: name the number, or set TWILIO_PHONE_NUMBER"


@pytest.mark.parametrize("arguments", ["number list", "message show 1", "worker --no-backlog"])
def test_a_database_that_is_away_is_one_sentence(arguments: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        outcome = run(*arguments.split(), **{**COMPLETE, "SUPABASE_URL": url})
    assert outcome.returncode == 1
    (line,) = outcome.stderr.strip().splitlines()
    assert line == (
        "sms-gateway: the database cannot be used (no answer: ClientConnectorError): "
        "sms-gateway doctor says why"
    )


def test_the_newest_migration_is_the_version_that_database_and_gateway_name() -> None:
    newest = max(MIGRATIONS.glob("*.sql"))
    assert newest.name.partition("_")[0] == schema.VERSION
    assert f"'schema_version', '{schema.VERSION}'" in newest.read_text()


def test_the_version_is_told_without_settings() -> None:
    outcome = run("--version")
    assert (outcome.returncode, outcome.stdout) == (0, f"sms-gateway {__version__}\n")


@pytest.mark.parametrize("folder", ["file/below", "/proc/none"])
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    outcome = run("local", "--data", folder)
    assert outcome.returncode == 1
    (line,) = outcome.stderr.splitlines()
    assert line.startswith("sms-gateway: ") and folder in line and "cannot be used: " in line


def commands_in(text: str) -> set[str]:
    return set(NAMED.findall(text))


def test_every_command_that_an_error_or_a_handbook_names_is_one() -> None:
    """A hint in SQL once said `message reconcile` while the command was called otherwise."""
    paths = [*REPOSITORY.glob("supabase/schemas/*.sql"), *REPOSITORY.glob("gateway/*.py")]
    paths += [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("[gs]*/*.md"), REPOSITORY / "Procfile"]
    named = set().union(*(commands_in(path.read_text()) for path in paths))
    assert {"message reconcile", "number add", "doctor"} <= named
    assert sorted(command for command in named if not is_command(command)) == []


def test_a_command_that_is_none_is_seen() -> None:
    assert commands_in("try: sms-gateway message mend 7") == {"message mend"}
    assert not is_command("message mend") and not is_command("mend")


def is_command(words: str) -> bool:
    with pytest.raises(SystemExit) as end:
        _parser().parse_args([*words.split(), "--help"])
    return end.value.code == 0
