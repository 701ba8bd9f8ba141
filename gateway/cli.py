"""sms-gateway, or python -m gateway: the operator's commands, and the worker.

Settings come from the environment and from `.env` in the working directory, which the
environment overrules.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from dotenv import dotenv_values

from gateway import telemetry
from gateway.settings import Settings, SettingsError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; ends the process with 1 and one sentence when it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except SettingsError as error:
        sys.exit(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sms-gateway", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    local = commands.add_parser("local", help="a whole gateway on this machine, without accounts")
    local.add_argument("--say", metavar="TEXT", help="send one text, print the answer, end")
    local.add_argument(
        "--data", type=Path, default=Path(".local"), metavar="FOLDER", help="default: .local"
    )
    local.set_defaults(run=_run_local)

    worker = commands.add_parser("worker", help="answer and send texts until SIGTERM")
    worker.set_defaults(run=_run_worker)
    return parser


def _environ() -> dict[str, str]:
    from_file = {name: value for name, value in dotenv_values(".env").items() if value}
    return {**from_file, **os.environ}


def _settings() -> Settings:
    settings = Settings.from_environ(_environ())
    telemetry.configure(settings)
    return settings


def _run_local(options: argparse.Namespace) -> None:
    try:
        from gateway.local.command import run_local
    except ModuleNotFoundError as error:
        sys.exit(f"{error}: the local run needs the dependency group 'local' (uv run installs it)")
    run_local(options.data, options.say, _environ().get("OPENAI_API_KEY"))


def _run_worker(options: argparse.Namespace) -> None:
    from gateway import subscriber

    subscriber.run(_settings())
