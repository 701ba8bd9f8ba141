"""What hosts and editors read says what .ci/run says, and names only what is there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gateway.local.stack import PHONE_PORT, PROXY_PORT, WEB_PORT

REPOSITORY = Path(__file__).parents[2]
RUN = (REPOSITORY / ".ci/run").read_text().splitlines()
FILES = [
    path for path in (REPOSITORY / ".github").rglob("*") if path.is_file() and path.suffix != ".png"
]


def words(name: str) -> str:
    return (REPOSITORY / name).read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_names_only_scripts_that_are_there(path: Path) -> None:
    named = re.findall(r"\.ci/\w+", path.read_text())
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_the_workflow_runs_what_a_developer_runs() -> None:
    assert re.findall(r"- run: (\.ci/\w+)", words(".github/workflows/ci.yml")) == [".ci/run"]


def test_a_commit_is_checked_with_what_ci_runs() -> None:
    entries = re.findall(r"entry: ([^,]+),", words(".pre-commit-config.yaml"))
    assert len(entries) == 3
    assert [entry for entry in entries if entry not in RUN] == []


def test_dependabot_looks_at_every_lock_file_of_npm() -> None:
    found = re.search(r"directories: \[(.*)\]", words(".github/dependabot.yml"))
    assert found
    locks = [*(REPOSITORY / "gateway").rglob("package-lock.json")]
    locks += (REPOSITORY / "tests").rglob("package-lock.json")
    ours = {path.parent for path in locks if "node_modules" not in path.parts}
    assert {f"/{path.relative_to(REPOSITORY)}" for path in ours} == set(found[1].split(", "))


def test_the_development_container_forwards_the_ports_of_the_local_stack() -> None:
    text = words(".devcontainer/devcontainer.json")
    container = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert container["forwardPorts"] == [WEB_PORT, PHONE_PORT, PROXY_PORT]
    assert set(container["portsAttributes"]) == {str(port) for port in container["forwardPorts"]}


def test_the_issue_form_asks_for_what_the_doctor_says() -> None:
    assert "`sms-gateway doctor` say?" in words(".github/ISSUE_TEMPLATE/defect.yml")
