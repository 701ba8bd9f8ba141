"""What is installed is what was locked: npm's lock files, and Python's under the tests."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
NPM_LOCKS = [
    *(REPOSITORY / "gateway").rglob("package-lock.json"),
    *(REPOSITORY / "tests").rglob("package-lock.json"),
]
OURS = [path for path in NPM_LOCKS if "node_modules" not in path.parts]
PINNED = re.compile(r"^(\S+==[^\\]+?) *\\?$", re.MULTILINE)


def pins() -> list[Requirement]:
    return [
        Requirement(pin) for pin in PINNED.findall((REPOSITORY / "requirements.txt").read_text())
    ]


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_npm_package_is_checked_on_arrival_and_comes_from_whichever_registry(
    path: Path,
) -> None:
    packages = json.loads(path.read_text())["packages"]
    installed = {name: entry for name, entry in packages.items() if name and "link" not in entry}
    assert installed
    assert [name for name, entry in installed.items() if "integrity" not in entry] == []
    assert [name for name, entry in installed.items() if "resolved" in entry] == []


def test_the_tests_run_the_versions_that_are_deployed() -> None:
    running = {_same(found.name): found.version for found in distributions()}
    here = [pin for pin in pins() if pin.marker is None or pin.marker.evaluate()]
    assert len(here) > 50
    others = {
        pin.name: running[_same(pin.name)]
        for pin in here
        if _same(pin.name) in running and not pin.specifier.contains(running[_same(pin.name)])
    }
    assert others == {}


def test_a_fresh_resolution_is_held_to_the_deployed_versions() -> None:
    """`uv run` resolves anew where there is no uv.lock, on a stranger's machine for one."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    held = [Requirement(line) for line in project["tool"]["uv"]["constraint-dependencies"]]
    assert sorted(map(str, held)) == sorted(map(str, pins())), (
        "requirements.txt has changed: copy its pins"
    )


def _same(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
