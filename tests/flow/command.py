"""The operator's commands as their user runs them: a process, its output and its exit status."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.local.stack import REPOSITORY, Stack

SECRETS = (
    "SUPABASE_SECRET_KEY",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_API_KEY_SECRET",
    "OPENAI_API_KEY",
    "SMS_WEBHOOK_SECRET",
)


@dataclass(frozen=True)
class Outcome:
    status: int
    output: str
    errors: str


async def gateway(stack: Stack, *arguments: str, **environ: str) -> Outcome:
    """Run `python -m gateway` with the stack's environment, changed by `environ`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *arguments),
        cwd=REPOSITORY,
        env={**os.environ, **stack.environ, **environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = (text.decode() for text in await process.communicate())
    assert process.returncode is not None
    outcome = Outcome(process.returncode, output, errors)
    assert_no_secret(outcome, stack.environ, environ)
    assert "Traceback" not in errors
    return outcome


def assert_no_secret(outcome: Outcome, *environs: Mapping[str, str]) -> None:
    for name in SECRETS:
        for environ in environs:
            value = environ.get(name)
            assert not value or value not in outcome.output + outcome.errors, f"{name} was printed"
