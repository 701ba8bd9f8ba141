"""The built inbox below /inbox/: what is served, with which headers, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from gateway.inbox_files import inbox_routes
from gateway.settings import Settings
from tests.fakes import settings

CONFIG = {"url": "https://abc.supabase.co", "publishableKey": "sb_publishable_x"}


def given() -> Settings:
    return settings(supabase_url=CONFIG["url"], supabase_publishable_key=CONFIG["publishableKey"])


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """As a build leaves it."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>Inbox</title>")
    (tmp_path / "assets/index-1a2b.js").write_text("1")
    return tmp_path


def client(dist: Path) -> TestClient:
    return TestClient(Starlette(routes=inbox_routes(given(), dist)), follow_redirects=False)


def test_the_page_answers_every_address_of_its_own(dist: Path) -> None:
    for path in ("/inbox/", "/inbox/statistics", "/inbox/fe1e0000-0000-4000-8000-000000000000"):
        answer = client(dist).get(path)
        assert (answer.status_code, answer.text) == (200, "<title>Inbox</title>")
        assert answer.headers["cache-control"] == "no-cache"


def test_assets_are_cached_for_ever_and_missing_ones_are_missing(dist: Path) -> None:
    found = client(dist).get("/inbox/assets/index-1a2b.js")
    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert client(dist).get("/inbox/assets/index-old.js").status_code == 404


def test_the_policy_names_one_project_and_allows_nothing_inline(dist: Path) -> None:
    policy = client(dist).get("/inbox/").headers["content-security-policy"]
    assert "connect-src 'self' https://abc.supabase.co wss://abc.supabase.co;" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_the_configuration_holds_the_two_public_values_and_no_other(dist: Path) -> None:
    assert client(dist).get("/inbox/config.json").json() == CONFIG


@pytest.mark.parametrize("name", ["", "missing"])
def test_without_a_build_there_is_nothing(tmp_path: Path, name: str) -> None:
    for path in ("/inbox/", "/inbox/config.json", "/inbox/assets/x.js"):
        assert client(tmp_path / name).get(path).status_code == 404


def test_a_build_that_ends_while_the_process_runs_is_served(tmp_path: Path) -> None:
    browser = client(tmp_path / "dist")
    assert browser.get("/inbox/").status_code == 404
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/index.html").write_text("now")
    assert browser.get("/inbox/").text == "now"


def test_nothing_outside_of_the_folder_is_served(dist: Path) -> None:
    (dist.parent / "secret").write_text("x")
    for path in ("/inbox/../secret", "/inbox/%2e%2e/secret", "/inbox/assets/..%2f..%2fsecret"):
        assert client(dist).get(path).text != "x"


def test_the_address_without_its_last_slash_leads_to_it_on_any_host(dist: Path) -> None:
    assert client(dist).get("/inbox").headers["location"] == "inbox/"
