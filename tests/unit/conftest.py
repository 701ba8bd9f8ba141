"""The web process over real sockets, in front of a Data API that records what is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.local.testserver import serve
from gateway.settings import Settings
from gateway.web import create_app
from tests.fakes import DataApi, settings
from tests.posts import STORED, Web, serve_web


@pytest.fixture(scope="session")
def stack() -> None:
    pytest.fail("tests/unit starts no stack: a test that wants one stands in another folder")


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[tuple[DataApi, Web, Settings]]:
    api = DataApi(default=STORED)
    async with serve(api.app()) as url:
        given = settings(supabase_url=url)
        async with serve_web(create_app(given)) as web:
            yield api, web, given


@pytest.fixture
def api(served: tuple[DataApi, Web, Settings]) -> DataApi:
    served[0].calls.clear()
    served[0].answers.clear()
    return served[0]


@pytest.fixture
def web(served: tuple[DataApi, Web, Settings]) -> Web:
    return served[1]


@pytest.fixture
def given(served: tuple[DataApi, Web, Settings]) -> Settings:
    """The settings that `web` was created with, for another one before the same Data API."""
    return served[2]
