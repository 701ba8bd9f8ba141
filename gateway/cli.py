"""sms-gateway, or python -m gateway: the operator's commands, and the worker.

Settings come from the environment and from `.env` in the working directory, which the
environment overrules. What a command does is in commands.py; each is imported when it runs.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from dotenv import dotenv_values

from gateway import __version__, telemetry
from gateway.settings import Settings, SettingsError

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
INTERRUPTED = 130  # as shells count a process that SIGINT ended


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; ends the process with 1 and one sentence when it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except SettingsError as error:
        sys.exit(str(error))
    except OSError as error:
        if error.filename is None:  # not about a file: a fault of ours
            raise
        sys.exit(f"sms-gateway: {error.filename} cannot be used: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sms-gateway", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, told, add in (
        ("local", "a whole gateway on this machine, without accounts", _add_local_options),
        ("inbox", "the React inbox", _add_inbox_commands),
        ("worker", "answer and send messages until SIGTERM", _add_worker_options),
        ("schema", "the database's SQL", _add_schema_commands),
        ("doctor", "look at every part and say what to do", _add_doctor_options),
        ("tools", "the functions that the model may call", _add_tool_commands),
        ("number", "Twilio numbers and their owners", _add_number_commands),
        ("message", "one message by its id", _add_message_commands),
        ("events", "what targets were told", _add_event_commands),
        ("replay", "what another model or prompt would have answered", _add_replay_options),
        ("backfill", "fetch from Twilio what never arrived", _add_backfill_options),
        ("knowledge", "documents that the assistant answers from", _add_knowledge_commands),
    ):
        add(commands.add_parser(name, help=told))
    return parser


def _add_local_options(local: argparse.ArgumentParser) -> None:
    local.add_argument("--say", metavar="TEXT", help="send one message, print the answer, end")
    local.add_argument(
        "--data", type=Path, default=Path(".local"), metavar="FOLDER", help="default: .local"
    )
    local.set_defaults(run=_run_local)


def _add_worker_options(worker: argparse.ArgumentParser) -> None:
    worker.add_argument(
        "--no-backlog",
        action="store_true",
        help="first drop what is pending, queued or missed: for a database restored from a dump",
    )
    worker.set_defaults(run=_run_worker)


def _add_doctor_options(examine: argparse.ArgumentParser) -> None:
    examine.add_argument(
        "--deep",
        action="store_true",
        help="also whether the project answers as the gateway relies on; nothing is written",
    )
    examine.set_defaults(run=_run_doctor)


def _add_backfill_options(backfill: argparse.ArgumentParser) -> None:
    backfill.add_argument(
        "--since",
        type=_duration,
        required=True,
        metavar="AGE",
        help="how far back, such as 90m, 24h or 7d",
    )
    backfill.add_argument(
        "--number", type=_phone_number, metavar="+15551234567", help="default: all numbers"
    )
    backfill.set_defaults(run=_run_backfill)


def _add_replay_options(replay: argparse.ArgumentParser) -> None:
    replay.add_argument("number", type=_phone_number, metavar="+15551234567")
    replay.add_argument("--model", metavar="NAME", help="default: the number's own")
    replay.add_argument("--prompt", type=Path, metavar="FILE", help="default: the number's own")
    replay.add_argument(
        "--since", type=_duration, default="7d", metavar="AGE", help="default: 7d, such as 24h"
    )
    replay.add_argument(
        "--limit", type=int, choices=range(1, 201), default=200, metavar="N", help="at most 200"
    )
    replay.add_argument(
        "--fail-on",
        type=_faults,
        default=(),
        metavar="WHAT",
        help="end with 1 if a new reply is one of: longer, budget, empty, language, failed, "
        "diverged; several with commas",
    )
    replay.add_argument("--format", choices=("table", "markdown", "json"), default="table")
    replay.set_defaults(run=_run_replay)


def _faults(text: str) -> tuple[str, ...]:
    known = ("longer", "budget", "empty", "language", "failed", "diverged")
    if unknown := [name for name in text.split(",") if name not in known]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
    return tuple(text.split(","))


def _add_knowledge_commands(knowledge: argparse.ArgumentParser) -> None:
    commands = knowledge.add_subparsers(required=True, metavar="COMMAND")
    bring = commands.add_parser("import", help="import Markdown, text and HTML files of a folder")
    bring.add_argument("folder", type=Path, metavar="FOLDER")
    bring.add_argument("--number", type=_phone_number, required=True, metavar="+15551234567")
    bring.add_argument(
        "--language",
        default="spanish",
        help="whose words are reduced to stems: english, french, simple …; default: spanish",
    )
    bring.set_defaults(run=_run_knowledge_import)
    ask = commands.add_parser("ask", help="print the passages that a message would get")
    ask.add_argument("question", metavar="QUESTION")
    ask.add_argument("--number", type=_phone_number, required=True, metavar="+15551234567")
    ask.set_defaults(run=_run_knowledge_ask)


def _add_schema_commands(schema: argparse.ArgumentParser) -> None:
    commands = schema.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("print", help="print what a new project needs: `… | psql`")
    show.set_defaults(run=_run_schema_print)
    build = commands.add_parser("build", help="write the migration from supabase/schemas")
    build.set_defaults(run=_run_schema_build)


def _add_inbox_commands(inbox: argparse.ArgumentParser) -> None:
    commands = inbox.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="build it; the web process serves it at /inbox/")
    build.add_argument(
        "--base",
        type=_matching(r"/([\w.-]+/)*", "a path with a slash at both ends, such as /inbox/"),
        default="/inbox/",
        metavar="PATH",
        help="where it will be served, default: /inbox/",
    )
    build.set_defaults(run=_run_inbox_build)


def _add_tool_commands(tools: argparse.ArgumentParser) -> None:
    commands = tools.add_subparsers(metavar="COMMAND")
    tools.set_defaults(run=_run_tools, number=None)
    listing = commands.add_parser("list", help="what the model of a number is shown, exactly")
    listing.add_argument(
        "number",
        nargs="?",
        type=_phone_number,
        metavar="+15551234567",
        help="default: all there are",
    )
    listing.set_defaults(run=_run_tools)
    call = commands.add_parser("call", help="call one as a contact")
    call.add_argument("name", metavar="NAME", help="a function of schema sms_tools")
    call.add_argument("arguments", metavar="JSON", help="such as '{\"p_people\": 4}'")
    call.add_argument(
        "--as", dest="contact", type=_phone_number, required=True, metavar="+15551234567"
    )
    call.add_argument("--number", type=_phone_number, metavar="+15551234567", help="default: any")
    call.add_argument("--rollback", action="store_true", help="undo what it did")
    call.set_defaults(run=_run_tools_call)


def _add_number_commands(number: argparse.ArgumentParser) -> None:
    commands = number.add_subparsers(required=True, metavar="COMMAND")
    add = commands.add_parser("add", help="give a number to a user and point it here at Twilio")
    add.add_argument(
        "number",
        nargs="?",
        type=_phone_number,
        metavar="+15551234567",
        help="default: TWILIO_PHONE_NUMBER",
    )
    add.add_argument("--owner", required=True, metavar="E-MAIL|ID", help="who signed up already")
    add.add_argument(
        "--service", type=_service_sid, metavar="MG…", help="messaging service that answers"
    )
    add.add_argument("--yes", action="store_true", help="do it without asking")
    add.set_defaults(run=_run_number_add)
    listing = commands.add_parser(
        "list", help="all numbers, and whether their messages arrive here"
    )
    listing.set_defaults(run=_run_number_list)


def _add_message_commands(message: argparse.ArgumentParser) -> None:
    commands = message.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="its state and what Twilio said of it")
    show.add_argument("--text", action="store_true", help="show the words and the contact as well")
    resend = commands.add_parser("resend", help="send a message that failed again")
    reconcile = commands.add_parser(
        "reconcile", help="look at Twilio what became of an unknown message"
    )
    for command, run in (
        (show, _run_message_show),
        (resend, _run_message_resend),
        (reconcile, _run_message_reconcile),
    ):
        command.add_argument("id", type=int, metavar="ID", help="sms_messages.id")
        command.set_defaults(run=run)


def _add_event_commands(events: argparse.ArgumentParser) -> None:
    commands = events.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="the newest deliveries and what came of them")
    show.add_argument("--status", choices=("pending", "delivered", "dead"), help="default: all")
    show.set_defaults(run=_run_events_show)
    replay = commands.add_parser("replay", help="deliver one again, with the same webhook-id")
    replay.add_argument("id", type=int, metavar="ID", help="sms_event_deliveries.id")
    replay.set_defaults(run=_run_events_replay)


def _matching(pattern: str, description: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"it must be {description}")
        return text

    return parse


_phone_number = _matching(r"\+[1-9][0-9]{6,14}", "E.164, such as +15551234567")
_service_sid = _matching(r"MG[0-9a-f]{32}", "MG and 32 hexadecimal digits")


def _duration(text: str) -> timedelta:
    if not (found := re.fullmatch(r"([1-9][0-9]{0,3})([mhd])", text)):
        raise argparse.ArgumentTypeError("it must be a number with m, h or d, such as 24h")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def _environ() -> dict[str, str]:
    from_file = {name: value for name, value in dotenv_values(".env").items() if value}
    return {**from_file, **os.environ}


def _settings() -> Settings:
    settings = Settings.from_environ(_environ())
    telemetry.configure(settings)
    return settings


def _quiet_settings() -> Settings:
    """For commands that print what they find: their log would say it a second time."""
    settings = Settings.from_environ(_environ())
    telemetry.configure(replace(settings, sms_log_level="error", sentry_dsn=None))
    return settings


def _run_local(options: argparse.Namespace) -> None:
    try:
        from gateway.local.command import run_local
    except ModuleNotFoundError as error:
        sys.exit(f"{error}: the local run needs the dependency group 'local' (uv run installs it)")
    run_local(options.data, options.say, _environ().get("OPENAI_API_KEY"))


def _run_inbox_build(options: argparse.Namespace) -> None:
    try:
        from gateway.local.command import build_inbox
    except ModuleNotFoundError as error:
        sys.exit(f"{error}: the build needs the dependency group 'local' (uv run installs it)")
    build_inbox(options.base)


def _run_worker(options: argparse.Namespace) -> None:
    settings = _settings()
    if options.no_backlog:
        from gateway import commands

        commands.run(commands.drop_backlog(settings))
    from gateway import subscriber

    subscriber.run(settings)


def _run_schema_print(options: argparse.Namespace) -> None:
    from gateway import schema

    sys.stdout.write(schema.printed())


def _run_schema_build(options: argparse.Namespace) -> None:
    from gateway import schema

    print(schema.build())


def _run_doctor(options: argparse.Namespace) -> None:
    try:
        settings = _quiet_settings()
    except SettingsError as error:
        for problem in error.problems:
            print(f"FAULT    settings              {problem}")
        sys.exit(1)
    from gateway import commands

    commands.run(commands.examine(settings, options.deep))


def _run_tools(options: argparse.Namespace) -> None:
    from gateway import commands

    commands.run(commands.list_tools(_quiet_settings(), options.number))


def _run_tools_call(options: argparse.Namespace) -> None:
    from gateway import commands

    commands.run(
        commands.call_tool(
            _quiet_settings(),
            *(options.name, options.arguments, options.contact, options.number, options.rollback),
        )
    )


def _run_number_add(options: argparse.Namespace) -> None:
    settings = _quiet_settings()
    number = options.number or settings.twilio_phone_number
    if number is None:
        sys.exit("sms-gateway: name the number, or set TWILIO_PHONE_NUMBER")
    from gateway import commands

    commands.run(commands.add_number(settings, number, options.owner, options.service, options.yes))


def _run_number_list(options: argparse.Namespace) -> None:
    from gateway import commands

    commands.run(commands.list_numbers(_quiet_settings()))


def _run_message_show(options: argparse.Namespace) -> None:
    from gateway import commands

    commands.run(commands.show_message(_quiet_settings(), options.id, options.text))


def _run_message_resend(options: argparse.Namespace) -> None:
    from gateway import commands

    commands.run(commands.resend_message(_quiet_settings(), options.id))


def _run_message_reconcile(options: argparse.Namespace) -> None:
    from gateway import commands

    commands.run(commands.reconcile_message(_quiet_settings(), options.id))


def _run_knowledge_import(options: argparse.Namespace) -> None:
    from gateway import commands

    commands.run(
        commands.import_knowledge(
            _quiet_settings(), options.number, options.folder, options.language
        )
    )


def _run_knowledge_ask(options: argparse.Namespace) -> None:
    from gateway import commands

    commands.run(commands.ask_knowledge(_quiet_settings(), options.number, options.question))


def _run_events_show(options: argparse.Namespace) -> None:
    from gateway import commands

    commands.run(commands.show_events(_quiet_settings(), options.status))


def _run_events_replay(options: argparse.Namespace) -> None:
    from gateway import commands

    commands.run(commands.replay_event(_quiet_settings(), options.id))


def _run_backfill(options: argparse.Namespace) -> None:
    from gateway import commands

    commands.run(commands.backfill(_quiet_settings(), options.since, options.number))


def _run_replay(options: argparse.Namespace) -> None:
    from gateway import commands

    changes = {"openai_model": options.model} if options.model else {}
    if options.prompt:
        changes["system_prompt"] = options.prompt.read_text(encoding="utf-8").strip()
    if not changes:
        sys.exit("sms-gateway: name what to change: --model, --prompt or both")
    commands.run(
        commands.replay(
            _quiet_settings(),
            options.number,
            changes,
            options.since,
            options.limit,
            options.fail_on,
            options.format,
        )
    )
