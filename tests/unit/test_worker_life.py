"""The worker as a process: how it ends, whatever is down, and what it says when it cannot work."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.local.processes import Child, free_port, spawn
from gateway.local.testserver import serve
from tests.fakes import ACCOUNT, PUBLIC_URL, TOKEN, Call, DataApi

ROOT = Path(__file__).parents[2]
SECRET_KEY = "sb_secret_of_nobody"
PATIENCE = 30.0  # a platform kills then

IDLE: dict[str, Any] = {
    "claim_sms_work": {"kind": "wait", "seconds": None},
    "claim_sms_backfill": {"config_id": None, "seconds": 300},
    "maintain_sms": {"outcome": "not due"},
    "claim_sms_event_deliveries": {"deliveries": [], "seconds": None},
}


class IdleApi(DataApi):
    """A Data API without work."""

    async def respond(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.calls.append(Call(name, await request.json(), dict(request.headers)))
        return JSONResponse(IDLE.get(name))

    def called(self, name: str) -> int:
        return sum(call.name == name for call in self.calls)


class ClosedApi(IdleApi):
    """Refuses every key, as the gateway before a hosted project's PostgREST does."""

    async def respond(self, request: Request) -> Response:
        await super().respond(request)
        return JSONResponse({"message": "Invalid API key", "hint": "Double check it."}, 401)


class SilentApi(IdleApi):
    """Takes every call and answers none."""

    async def respond(self, request: Request) -> Response:
        await super().respond(request)
        await asyncio.Event().wait()
        raise AssertionError


@asynccontextmanager
async def worker(folder: Path, url: str, *program: str) -> AsyncIterator[Child]:
    """`python -m gateway worker` before this Data API, or another program; all else is down."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    environ = {
        "SUPABASE_URL": url,
        "SUPABASE_SECRET_KEY": SECRET_KEY,
        "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_of_nobody",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_BASE_URL": nowhere,
        "OPENAI_API_KEY": "sk-of-nobody",
        "OPENAI_BASE_URL": nowhere,
        "PUBLIC_URL": PUBLIC_URL,
        "PYTHONPATH": str(ROOT),
    }
    command = (sys.executable, *(program or ("-m", "gateway", "worker")))
    child = await spawn(
        "worker", *command, log=folder / "worker.log", folder=folder, environ=environ
    )
    try:
        await says(child, "worker started")
        yield child
    finally:
        await child.stop(signal.SIGKILL)


async def says(child: Child, text: str, seconds: float = 15) -> str:
    """The log, once `text` is in it."""
    give_up = time.monotonic() + seconds
    while text not in child.log.read_text():
        assert time.monotonic() < give_up, f"{text!r} not in {child.log.read_text()}"
        await asyncio.sleep(0.02)
    return child.log.read_text()


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.02)


async def ends(child: Child, how: int = signal.SIGTERM) -> tuple[int | None, float]:
    """Its exit status, and after how many seconds."""
    asked_at = time.monotonic()
    await child.stop(how, patience=PATIENCE)
    return child.process.returncode, time.monotonic() - asked_at


async def test_a_worker_without_work_ends_at_once_and_takes_its_row_along(tmp_path: Path) -> None:
    api = IdleApi()
    async with serve(api.app()) as url, worker(tmp_path, url) as child:
        await until(lambda: api.called("claim_sms_work") > 0)
        status, seconds = await ends(child)
    assert (status, seconds < 5) == (0, True)
    started = next(call for call in api.calls if call.name == "note_sms_worker")
    removed = [call for call in api.calls if call.name == "remove_sms_worker"]
    assert [call.params["p_name"] for call in removed] == [started.params["p_name"]]
    assert api.calls[-1] is removed[0], "nothing writes the row anew"
    assert '"level": "error"' not in child.log.read_text()


class FullApi(IdleApi):
    """More is to be maintained than one call does: it takes four."""

    async def respond(self, request: Request) -> Response:
        response = await super().respond(request)
        if request.path_params["name"] == "maintain_sms" and self.called("maintain_sms") < 4:
            return JSONResponse({"outcome": "done", "again": True, "logs_expired": 5000})
        return response


async def test_maintenance_goes_on_while_batches_are_full_and_no_longer(tmp_path: Path) -> None:
    api = FullApi()
    async with serve(api.app()) as url, worker(tmp_path, url) as child:
        await until(lambda: api.called("maintain_sms") == 4, seconds=8)
        await asyncio.sleep(2)
        assert api.called("maintain_sms") == 4
        assert (await ends(child))[0] == 0
    assert child.log.read_text().count("maintenance done") == 3


async def test_a_claim_is_not_insisted_on_after_sigterm(tmp_path: Path) -> None:
    """The database is away: what would claim on for two minutes ends with its first try."""
    async with worker(tmp_path, f"http://127.0.0.1:{free_port()}") as child:
        await says(child, "heartbeat failed")
        status, seconds = await ends(child)
    assert (status, seconds < 5) == (0, True)


async def test_a_database_that_never_answers_does_not_hold_a_stopping_worker(
    tmp_path: Path,
) -> None:
    api = SilentApi()
    async with serve(api.app()) as url, worker(tmp_path, url) as child:
        await until(lambda: api.called("claim_sms_work") > 0)
        status, seconds = await ends(child)
        claims = api.called("claim_sms_work")
    assert (status, seconds < 15, claims) == (0, True, 1)


async def test_a_second_signal_ends_the_worker_at_once(tmp_path: Path) -> None:
    api = SilentApi()
    async with serve(api.app()) as url, worker(tmp_path, url) as child:
        await until(lambda: api.called("claim_sms_work") > 0)
        child.process.send_signal(signal.SIGTERM)
        await says(child, "worker stopping")
        await asyncio.sleep(0.5)
        assert child.runs
        status, seconds = await ends(child)
    assert (status, seconds < 1) == (-signal.SIGTERM, True)


async def test_one_stop_that_is_sent_twice_is_not_a_second_signal(tmp_path: Path) -> None:
    """As platforms do that signal a process and its group: the worker still ends by itself."""
    async with serve(IdleApi().app()) as url, worker(tmp_path, url) as child:
        child.process.send_signal(signal.SIGTERM)
        child.process.send_signal(signal.SIGINT)
        status, _ = await ends(child, how=0)
    assert status == 0


async def test_a_refused_key_is_an_error_at_once_that_names_the_setting(tmp_path: Path) -> None:
    api = ClosedApi()
    async with serve(api.app()) as url, worker(tmp_path, url) as child:
        log = await says(child, "claim failed", seconds=3)
        status, seconds = await ends(child)
    line = next(line for line in log.splitlines() if "claim failed" in line)
    assert '"error"' in line
    assert "HTTP 401" in line
    assert "SUPABASE_SECRET_KEY" in line
    assert SECRET_KEY not in log
    assert (status, seconds < 5) == (0, True)


BROKEN = """
import asyncio, sys
from gateway import realtime
async def listen(*args):
    await asyncio.sleep(0.2)
    {what}
realtime.listen = listen
from gateway.cli import main
main(["worker"])
"""


@pytest.mark.parametrize("what", ["return", "raise LookupError('nobody thought of it')"])
async def test_a_background_task_that_ends_is_logged_and_ends_the_worker(
    tmp_path: Path, what: str
) -> None:
    api = IdleApi()
    async with (
        serve(api.app()) as url,
        worker(tmp_path, url, "-c", BROKEN.format(what=what)) as child,
    ):
        status = await asyncio.wait_for(child.process.wait(), 10)
        log = child.log.read_text()
    assert status == 1
    line = next(line for line in log.splitlines() if "task ended" in line)
    assert '"task": "realtime"' in line
    assert ("nobody thought of it" in line) == what.startswith("raise")
    assert api.called("remove_sms_worker") == 1
