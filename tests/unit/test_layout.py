"""Who may import whom: the reading order of the package, kept by looking at the sources."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "gateway"

# Each column may use those left of it; modules of one column never know each other.
COLUMNS = [
    {"settings", "messages", "segments", "telemetry", "schema", "knowledge", "openapi"},
    {"markdown", "prompt", "twilio_post"},
    {"replays"},
    {"supabase", "realtime", "twilio", "openai"},
    {"claims", "backfill", "events", "webhooks", "api", "inbox_files", "contract"},
    {"jobs"},
    {"web", "subscriber", "doctor"},
    {"commands"},
    {"cli"},
]
ALLOWED = {
    "__init__": set(),
    "__main__": {"cli"},
    "gunicorn_conf": set(),
    "local": {"local", *COLUMNS[0]},
} | {
    module: set().union(*COLUMNS[:i]) | ({"local"} if module == "cli" else set())
    for i, column in enumerate(COLUMNS)
    for module in column
}


def imports(path: Path) -> Iterator[str]:
    """Every module of ours that a source names anywhere: at its top, in a function, for types."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            pytest.fail(f"{path.name} has a relative import, which hides where it leads")
        elif isinstance(node, ast.ImportFrom) and node.module == "gateway":
            names = [f"gateway.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        parts = [name.split(".")[1] for name in names if name.startswith("gateway.")]
        yield from (part for part in parts if part != "__version__")


def part(path: Path) -> str:
    """`twilio` for gateway/twilio.py, `local` for all of gateway/local/."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    assert part(path) in ALLOWED, "a new module needs a column"
    assert set(imports(path)) <= ALLOWED[part(path)]


def test_the_walk_sees_every_kind_of_import(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text(
        "import gateway.web\nfrom gateway import cli\n"
        "def f():\n    from gateway.twilio import TwilioSms\n    import gateway.local.stack\n"
    )
    assert set(imports(source)) == {"web", "cli", "twilio", "local"}


def test_supabase_folder_is_no_package() -> None:
    """An __init__.py there would hide the client library of that name."""
    assert not (PACKAGE.parent / "supabase" / "__init__.py").exists()


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("gateway.web", ["twilio.rest", "twilio.http", "openai", "httpx2", "requests"]),
        ("gateway.twilio_post", ["twilio.rest", "twilio.http", "httpx2", "supabase", "starlette"]),
        ("gateway.gunicorn_conf", ["gateway.settings", "starlette"]),
        ("gateway.cli", ["gateway.supabase", "openai", "supabase", "starlette", "rich"]),
    ],
)
def test_a_process_loads_only_what_it_uses(module: str, unwanted: list[str]) -> None:
    code = f"import sys, {module}; print(*set({unwanted}) & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (loaded.stdout.strip(), loaded.stderr) == ("", "")
