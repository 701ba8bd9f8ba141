"""One local stack per test run, shared by all tests that want a real database."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest

from gateway.local.stack import Stack


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The whole stack without the product's own processes: tests start those they want."""
    folder = tmp_path_factory.mktemp("stack")
    async with Stack(folder, web=0, worker=0) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)
