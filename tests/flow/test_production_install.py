"""The Procfile under honcho, in a virtual environment that holds requirements.txt alone."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.local.processes import Child, run, spawn
from gateway.local.stack import REPOSITORY, Stack
from tests.flow.world import World, eventually


@pytest.fixture
async def production(tmp_path: Path) -> Path:
    """The folder of programs of a production install."""
    environment = tmp_path / "venv"
    await _must("uv", "venv", "--quiet", "--python", sys.executable, str(environment))
    await _must(
        *("uv", "pip", "install", "--quiet", "--python", str(environment / "bin/python")),
        *("--require-hashes", "-r", str(REPOSITORY / "requirements.txt")),
    )
    return environment / "bin"


async def _must(*command: str) -> None:
    code, output = await run(*command, folder=REPOSITORY)
    assert code == 0, output


@pytest.fixture
async def honcho(
    production: Path, stack: Stack, world: World, tmp_path: Path
) -> AsyncIterator[Child]:
    """Two web processes on one port, and a worker."""
    port = world.own_port()
    child = await spawn(
        "honcho",
        *(Path(sys.executable).parent / "honcho", "start"),
        log=tmp_path / "honcho.log",
        folder=REPOSITORY,
        environ={
            **stack.environ,
            "PATH": f"{production}:/usr/bin:/bin",
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONUNBUFFERED": "1",
            "PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "WEB_CONCURRENCY": "2",
        },
    )

    async def listens() -> bool:
        assert child.runs, child.last_words()
        return child.log.read_text().count("ASGI server listening") == 2

    await eventually(listens)
    yield child
    await child.stop()


async def test_the_procfile_serves_a_production_install(
    honcho: Child, world: World, stack: Stack
) -> None:
    contact = world.contact()
    first = await world.texts_from(contact, "Hola")
    again = await stack.twilio.repost(first.sid)
    assert (first.status, again.status) == (200, 200)
    incoming = [row for row in await world.messages(contact) if row["direction"] == "incoming"]
    assert len(incoming) == 1

    url = stack.twilio.numbers[world.number].sms_url.partition("#")[0]
    forged = dict(stack.twilio.inbound_form(stack.twilio.messages[first.sid]))
    forged["MessageSid"] = "SM" + "f" * 32
    async with httpx.AsyncClient() as http:
        refused = await http.post(url, data=forged, headers={"X-Twilio-Signature": "bm8="})
    assert refused.status_code == 403
    assert (
        len(await world.rows("select 1 from sms_messages where message_sid = %s", "SM" + "f" * 32))
        == 0
    )

    burst = world.contact()
    await asyncio.gather(*(world.texts_from(burst, f"texto {n}") for n in range(30)))

    async def answered() -> bool:
        return len(world.sent_to(burst)) == 1 and len(await world.outgoing(burst)) == 1

    await eventually(answered)
    assert len({row["conversation_id"] for row in await world.messages(burst)}) == 1
