"""An application that mounts ours and checks its types as strictly as we do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HOST = """
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from gateway.settings import Settings, SettingsError
from gateway.web import create_app

sms = create_app(Settings.from_environ(os.environ))


@asynccontextmanager
async def lifespan(host: FastAPI) -> AsyncIterator[None]:
    async with sms.router.lifespan_context(sms):
        yield


host = FastAPI(lifespan=lifespan)
host.mount("/", sms)
problems: list[str] = SettingsError(["none"]).problems
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for both tests: what the first has looked through, mypy remembers for the second."""
    return tmp_path_factory.mktemp("host")


def test_a_host_sees_our_types(folder: Path) -> None:
    """py.typed says that they are there; without it everything imported would be Any."""
    assert check(folder, HOST) == (0, "Success: no issues found in 1 source file")


def test_a_host_is_told_of_a_wrong_type(folder: Path) -> None:
    code, told = check(folder, HOST + "create_app('sms')\n")
    assert code == 1 and 'expected "Settings"' in told


def check(folder: Path, source: str) -> tuple[int, str]:
    (folder / "host.py").write_text(source)
    command = [sys.executable, "-m", "mypy", "--strict", "host.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout.strip()
