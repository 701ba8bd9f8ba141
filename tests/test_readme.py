"""The README's claims that can be checked by reading."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text()
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b|\bPORT\b")


def test_the_settings_table_has_every_variable_and_no_other() -> None:
    table = README.partition("| variable |")[2].partition("\n\n")[0]
    read = set(VARIABLE.findall((REPOSITORY / "gateway/settings.py").read_text()))
    assert set(VARIABLE.findall(table)) == read - {"LOG_LEVELS", "E_164"}


def test_the_example_of_an_environment_has_every_variable_but_the_older_names() -> None:
    example = set(VARIABLE.findall((REPOSITORY / ".env.example").read_text()))
    older = {"NEXT_PUBLIC_SUPABASE_URL", "SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_ANON_KEY"}
    older |= {"NEXT_PUBLIC_SUPABASE_ANON_KEY", "SMS_WORKER_LANES"}
    table = README.partition("| variable |")[2].partition("\n\n")[0]
    assert example == set(VARIABLE.findall(table)) - older


def test_every_linked_file_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


def test_the_first_command_of_each_block_is_one_line_without_accounts() -> None:
    assert 'pip install uv && uv run sms-gateway local --say "Hola, necesito ayuda"' in README
    assert "pip install uv && uv run pytest" in README
