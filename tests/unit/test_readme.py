"""The handbooks' claims that can be checked by reading, and their snippets by running them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import _parser
from gateway.local.binaries import install, shared_folder
from gateway.local.processes import run
from tests.unit.test_settings import COMPLETE

REPOSITORY = Path(__file__).parents[2]
README = (REPOSITORY / "README.md").read_text()
GATEWAY = (REPOSITORY / "gateway/README.md").read_text()
HANDBOOKS = "\n".join((README, GATEWAY, (REPOSITORY / "supabase/README.md").read_text()))
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b|\bPORT\b")


def test_the_settings_table_has_every_variable_and_no_other() -> None:
    table = GATEWAY.partition("| variable |")[2].partition("\n\n")[0]
    read = set(VARIABLE.findall((REPOSITORY / "gateway/settings.py").read_text()))
    assert set(VARIABLE.findall(table)) == read - {"LOG_LEVELS", "E_164"}


def test_the_example_of_an_environment_has_every_variable_but_the_older_names() -> None:
    example = set(VARIABLE.findall((REPOSITORY / ".env.example").read_text()))
    older = {"NEXT_PUBLIC_SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_ANON_KEY"}
    older |= {"NEXT_PUBLIC_SUPABASE_ANON_KEY", "SMS_WORKER_LANES"}
    table = GATEWAY.partition("| variable |")[2].partition("\n\n")[0]
    assert example == set(VARIABLE.findall(table)) - older


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


def test_the_first_command_of_each_block_is_one_line_without_accounts() -> None:
    assert 'pip install uv && uv run sms-gateway local --say "Hola, necesito ayuda"' in README
    assert "pip install uv && uv run pytest" in README


# Snippets


def snippets(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", HANDBOOKS, re.MULTILINE | re.DOTALL)


def test_every_snippet_is_of_a_language_that_is_tested_here() -> None:
    languages = set(re.findall(r"^```(\w+)$", HANDBOOKS, re.MULTILINE))
    assert languages <= {"sh", "text", "mermaid", "python", "js", "ts", "sql", "ini", "json"}
    for snippet in snippets("json"):
        json.loads(snippet)


@pytest.mark.parametrize("snippet", snippets("python"))
def test_a_python_snippet_runs(snippet: str, tmp_path: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet],
        cwd=tmp_path,
        env={**os.environ, **COMPLETE},
        capture_output=True,
        text=True,
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")


def test_a_python_snippet_that_does_not_run_is_seen() -> None:
    """The mounting snippet once lacked its `import os`."""
    (mounting,) = (snippet for snippet in snippets("python") if "create_app" in snippet)
    lacking = mounting.replace("import os\n", "")
    outcome = subprocess.run(
        [sys.executable, "-c", lacking], env={**os.environ, **COMPLETE}, capture_output=True
    )
    assert b"NameError: name 'os' is not defined" in outcome.stderr


@pytest.mark.parametrize("snippet", snippets("sh"))
def test_a_shell_snippet_is_shell_and_redirects_nothing(snippet: str) -> None:
    assert not re.search(r"<\w+>", snippet), "to a shell <app> is a redirection: write APP"
    assert subprocess.run(["bash", "-n"], input=snippet, text=True).returncode == 0


def commands() -> list[str]:
    """Every command of ours that the handbooks name, in blocks and between backticks."""
    named = re.findall(r"(?:(?<![/-])sms-gateway|python -m gateway) ([^`|#)\n&]*)", HANDBOOKS)
    return sorted({command.strip() for command in named if command.strip()})


@pytest.mark.parametrize("command", commands())
def test_a_command_of_ours_takes_what_a_handbook_gives_it(command: str) -> None:
    words = ["1" if word == "ID" else word for word in shlex.split(command)]
    if len(words) == 1:  # may be spoken of as a whole
        words.append("--help")
    if words == ["number", "add"]:  # what `outcome=unconfigured` asks for, said in short
        words += ["--owner", "ana@example.com"]
    try:
        _parser().parse_args(words)
    except SystemExit as end:
        assert end.code == 0, command


async def test_the_typescript_snippets_are_typed(tmp_path: Path) -> None:
    """Against supabase-js and the types of our migrations, in the scope they are written for."""
    binaries = await install(shared_folder(), print)
    modules = binaries.folder / "node_modules"
    (tmp_path / "node_modules").symlink_to(modules)
    shutil.copy(REPOSITORY / "supabase/types/database.ts", tmp_path)
    scope = (
        "import { createClient } from '@supabase/supabase-js'\n"
        "import type { Database } from './database'\n"
        "const supabase = createClient<Database>('https://x.supabase.co', 'sb_publishable_x')\n"
        "declare const id: string, user: { id: string }, refetch: () => void\n"
    )
    files = [f"{n}.ts" for n, _ in enumerate(snippets("ts"))]
    for file, snippet in zip(files, snippets("ts"), strict=True):
        (tmp_path / file).write_text(scope + snippet)
    options = ("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext")
    code, output = await run(
        *(binaries.node, modules / "typescript/bin/tsc", *options),
        *("--moduleResolution", "bundler", "--lib", "es2022,dom", *files),
        folder=tmp_path,
    )
    assert code == 0, output
