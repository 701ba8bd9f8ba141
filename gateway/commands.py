"""What the operator's commands do: doctor, number, message, events, knowledge, backfill, replay.

Each ends with one sentence when it cannot be done. Tables and progress bars are for terminals;
elsewhere the same is plain lines with tabs. What loads OpenAI's client, 1.5 s, is imported where
it is used.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, track
from rich.table import Table

from gateway.settings import Settings
from gateway.supabase import BackfillJob, Database, Number, Refused, Unavailable
from gateway.telemetry import mask
from gateway.twilio import WEBHOOK_OVERRIDES, PhoneNumber, TwilioFailed, TwilioSms, redact_query

if TYPE_CHECKING:
    from gateway.backfill import BackfillReport
    from gateway.doctor import Finding

LEVEL_STYLES = {"ok": "green", "warning": "yellow", "FAULT": "bold red"}
SYNC_DAYS = 1  # older messages without a final state never get one

# What add_sms_number does to the number's row, for people.
ROW_CHANGES = {
    "insert": "is added",
    "update": "gets another messaging service",
    "none": "stays as it is",
}

# What reconcile_sms says, for people.
VERDICTS = {
    "recorded": "Twilio has it: its MessageSid is recorded.",
    "queued": "Twilio does not have it: it is sent again.",
    "failed": "Twilio does not have it, and it is too late to send it again: it failed.",
    "unknown": "Not decided: that takes two complete lists a minute apart. Settle it again later.",
    "gone": "It was erased meanwhile.",
}

# Columns of sms_messages in the order they are shown; those that are null are left out.
SHOWN = (
    *("direction", "author", "status", "phone_number", "contact_number", "conversation_id"),
    *("message_content", "message_sid", "in_reply_to", "encoding", "segments", "price"),
    *("model", "prompt_tokens", "completion_tokens", "generation_ms", "response_seconds"),
    *("attempts", "send_at", "sending_at", "listed_empty_at", "resent_at", "error_code"),
    *("error_message", "occurred_at", "created_at", "delivered_at", "leased_by", "leased_until"),
)


class Impossible(Exception):
    """The command cannot be done; the message says why and what to do."""


def run(command: Coroutine[Any, Any, None]) -> None:
    """Run one command; ends the process with 1 and one sentence when it cannot be done."""
    try:
        asyncio.run(command)
    except Refused as error:
        _fail(f"{error.message}. {error.hint or ''}")
    except Unavailable as error:
        _fail(f"the database cannot be used ({error}): sms-gateway doctor says why")
    except TwilioFailed as error:
        _fail(f"Twilio did not do it ({error}): sms-gateway doctor says why")
    except Impossible as error:
        _fail(str(error))


def _fail(sentence: str) -> NoReturn:
    sys.exit(f"sms-gateway: {sentence.strip()}")


@asynccontextmanager
async def _connect(settings: Settings) -> AsyncIterator[tuple[Database, TwilioSms]]:
    async with Database.connect(settings) as database, TwilioSms.connect(settings) as twilio:
        yield database, twilio


# doctor


async def examine(settings: Settings, is_deep: bool = False) -> None:
    """Prints a line for each finding; ends with 1 when one of them is a fault."""
    from gateway import doctor

    findings = await doctor.examine(settings, is_deep)
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        console.print(_line(finding))
    if any(finding.level == "FAULT" for finding in findings):
        sys.exit(1)


def _line(finding: Finding) -> str:
    style = LEVEL_STYLES[finding.level]
    fix = f" — {finding.fix}" if finding.fix else ""
    text = escape(f"{finding.name:<20}  {finding.detail}{fix}")
    return f"[{style}]{finding.level:<7}[/]  {text}"


# number


async def add_number(
    settings: Settings, phone_number: str, owner: str, service_sid: str | None, agreed: bool
) -> None:
    """Say what there is to do, and do it when that was agreed to."""
    async with _connect(settings) as (database, twilio):
        at_twilio = await twilio.find_number(phone_number)
        if at_twilio is None:
            raise Impossible(
                f"the Twilio account {settings.twilio_account_sid} does not have {phone_number}: "
                "buy it there, or set TWILIO_ACCOUNT_SID to the account that has it"
            )
        if at_twilio.service and not twilio.points_here(at_twilio):
            raise Impossible(
                f"the messages of {phone_number} go to {at_twilio.destination}, whatever its own "
                f"webhook is. {at_twilio.how_to_defer}; then run this again"
            )
        change = await database.add_sms_number(owner, phone_number, service_sid, dry_run=True)
        points = not (at_twilio.service or _is_pointed(settings, at_twilio))
        if change == "none" and not points:
            print(f"Nothing to do: {phone_number} is {owner}'s, and its messages arrive here.")
            return
        _print_plan(settings, at_twilio, owner, change, points, service_sid)
        if not (agreed or _agrees()):
            print("Nothing was done; --yes does it.")
            return
        # The row first: a message that is posted at once finds it.
        await database.add_sms_number(owner, phone_number, service_sid)
        if points:
            await twilio.point_number(at_twilio)
        print(f"Done: messages to {phone_number} arrive here and are answered.")


def _is_pointed(settings: Settings, number: PhoneNumber) -> bool:
    return number.webhook == (settings.webhook_url + WEBHOOK_OVERRIDES, "POST")


def _print_plan(
    settings: Settings,
    at_twilio: PhoneNumber,
    owner: str,
    change: str,
    points: bool,
    service_sid: str | None,
) -> None:
    print(f"{at_twilio.phone_number} for {owner}")
    print(f"  database   its row of sms_configs {ROW_CHANGES[change]}")
    if points:
        url = redact_query(settings.webhook_url) + WEBHOOK_OVERRIDES
        print(f"  Twilio     incoming messages go to {at_twilio.destination}", end="")
        print(f" ({at_twilio.webhook[1]})")
        print(f"             and will go to {url} (POST)")
    else:
        print("  Twilio     incoming messages arrive here already")
    print(f"             delivery states go to {redact_query(settings.status_url)},")
    print("             which each message names itself: nothing is to be set for them")
    if service_sid:
        print(f"  service    answers leave through {service_sid}")


def _agrees() -> bool:
    """Asked on a terminal; elsewhere nobody could answer."""
    return sys.stdin.isatty() and input("Do this? [y/N] ").strip().lower() in ("y", "yes")


async def list_numbers(settings: Settings) -> None:
    async with _connect(settings) as (database, twilio):
        numbers = await database.list_sms_numbers()
        at_twilio = await twilio.list_numbers()
    rows = [
        (n.phone_number, n.owner, n.openai_model, _whereto(twilio, at_twilio.get(n.phone_number)))
        for n in numbers
    ]
    _print_table(("number", "owner", "model", "its messages"), rows)


def _whereto(twilio: TwilioSms, number: PhoneNumber | None) -> str:
    if number is None:
        return "the Twilio account does not have it"
    return "arrive here" if twilio.points_here(number) else f"go to {number.destination}"


def _print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        for row in (headers, *rows):
            print("\t".join(row))
        return
    table = Table(*headers)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


# tools


async def list_tools(settings: Settings, number: str | None) -> None:
    """As the model is shown them: JSON, and what keeps a function from being one."""
    async with _connect(settings) as (database, _):
        listing = await database.list_sms_tools(number)
    shown = [tool for tool in listing["tools"] if tool["fault"] is None]
    print(
        json.dumps(
            [{key: tool[key] for key in ("name", "description", "parameters")} for tool in shown],
            indent=2,
            ensure_ascii=False,
        )
    )
    for problem in listing["problems"]:
        print(f"{problem['subject']}: {problem['reason']}", file=sys.stderr)


async def call_tool(
    settings: Settings, name: str, arguments: str, contact: str, number: str | None, undo: bool
) -> None:
    try:
        given = json.loads(arguments)
    except ValueError as error:
        raise Impossible(f"the arguments are no JSON: {error}") from None
    async with _connect(settings) as (database, _):
        called = await database.try_sms_tool(contact, name, given, number, undo)
    if "error" in called:
        raise Impossible(f"{name} said {called['error']}")
    print(json.dumps(called.get("result"), indent=2, ensure_ascii=False))


# message


async def show_message(settings: Settings, message_id: int, with_text: bool) -> None:
    """Without `with_text` neither words nor the contact's number are shown."""
    async with Database.connect(settings) as database:
        message = await database.get_sms_message(message_id)
    if not with_text:
        message["contact_number"] = mask(message["contact_number"])
        message["message_content"] = (
            f"({len(message['message_content'])} characters; --text shows them)"
        )
    print(f"{'id':<18}{message_id}")
    for name in SHOWN:
        if message[name] is not None:
            print(f"{name:<18}{message[name]}")
    for event in message["events"]:
        code = f" error {event['error_code']}" if event["error_code"] else ""
        print(f"{'event':<18}{event['at']} {event['status']}{code} {event['message_sid']}")


async def resend_message(settings: Settings, message_id: int) -> None:
    async with Database.connect(settings) as database:
        copy = await database.resend_sms(message_id)
        status = (await database.get_sms_message(copy))["status"]
    print(f"Message {copy} repeats it; it is {status}.")


async def reconcile_message(settings: Settings, message_id: int) -> None:
    """Ask Twilio's list now what became of an unknown message; the database decides."""
    async with _connect(settings) as (database, twilio):
        message = await database.get_sms_message(message_id)
        if message["status"] != "unknown":
            raise Impossible(
                f"message {message_id} is {message['status']}: only unknown is reconciled"
            )
        found = await twilio.list_sent(
            message["phone_number"], message["contact_number"], message["sent_after"]
        )
        outcome = await database.reconcile_sms(message_id, found)
    print(VERDICTS.get(outcome, f"It is {outcome} by now."))


# events


async def show_events(settings: Settings, status: str | None) -> None:
    """The newest 50; no address is shown, since one may be a secret itself."""
    async with Database.connect(settings) as database:
        rows = await database.list_sms_event_deliveries(status, 50)
    headers = ("ID", "EVENT", "TARGET", "STATE", "ATTEMPTS", "NEXT", "ANSWER", "SINCE")
    _print_table(
        headers,
        [
            (
                *(str(row["id"]), row["type"], f"{row['kind']} {row['target_id'][:8]}"),
                *(row["status"], str(row["attempts"]), row["due_at"] or "-"),
                *(row["error"] or str(row["response_status"] or "-"), row["created_at"]),
            )
            for row in rows
        ],
    )


async def replay_event(settings: Settings, delivery_id: int) -> None:
    async with Database.connect(settings) as database:
        await database.replay_sms_event_delivery(delivery_id)
    print(f"Delivery {delivery_id} is tried again, for 24 hours.")


# knowledge


async def import_knowledge(
    settings: Settings, phone_number: str, folder: Path, language: str
) -> None:
    """Each file becomes a document of the number, by its name: imported again it is replaced."""
    from gateway.knowledge import UnreadableFile, find_files, read_document

    files = find_files(folder)
    if not files:
        raise Impossible(f"there is no .md, .txt or .html file in {folder}")
    async with _connect(settings) as (database, _):
        config_id = await _config_id(database, phone_number)
        failed = 0
        for path in track(files, "importing", console=Console(stderr=True), transient=True):
            try:
                document = read_document(path, folder)
                outcome = await database.import_sms_document(
                    config_id, document.source, document.title, document.content, language
                )
            except (UnreadableFile, Refused) as error:
                failed += 1
                outcome = f"not imported: {error}"
            print(f"{path.relative_to(folder)}\t{outcome}")
    if failed:
        raise Impossible(f"{failed} of {len(files)} files were not imported, see above")


async def ask_knowledge(settings: Settings, phone_number: str, question: str) -> None:
    """The passages that search would show the model for that message, best first."""
    async with _connect(settings) as (database, _):
        config_id = await _config_id(database, phone_number)
        passages = await database.ask_sms_knowledge(config_id, question)
    if not passages:
        raise Impossible("no passage has a word of that question, or one that looks like it")
    for passage in passages:
        print(f"{passage['title']}\n{passage['content']}\n")


async def _config_id(database: Database, phone_number: str) -> str:
    for number in await database.list_sms_numbers():
        if number.phone_number == phone_number:
            return number.config_id
    raise Impossible(f"{phone_number} is not configured: sms-gateway number add {phone_number}")


async def backfill(settings: Settings, since: timedelta, phone_number: str | None) -> None:
    """Fetch what Twilio lists and nobody stored; what is stored already changes nothing."""
    began = datetime.now(UTC)
    async with _connect(settings) as (database, twilio):
        numbers = await database.list_sms_numbers()
        wanted = [n for n in numbers if phone_number in (None, n.phone_number)]
        if not wanted:
            which = f"{phone_number} is not" if phone_number else "no number is"
            raise Impossible(f"{which} configured: sms-gateway number add")
        found = await _backfill_all(database, twilio, [_job(n, began - since) for n in wanted])
    rows = [
        (
            n.phone_number,
            *(str(c) for c in (f.listed, f.stored, f.refused, f.synced)),
            f.skipped or "",
        )
        for n, f in zip(wanted, found, strict=True)
    ]
    _print_table(("number", "listed", "stored", "refused", "states", "skipped"), rows)


def _job(number: Number, since: datetime) -> BackfillJob:
    """At least since `since`: a backfill says afterwards that nothing before it is missing."""
    known_until = datetime.fromisoformat(number.backfilled_until) - timedelta(minutes=10)
    sync_since = max(since, datetime.now(UTC) - timedelta(days=SYNC_DAYS))
    return BackfillJob(
        config_id=number.config_id,
        phone_number=number.phone_number,
        since=min(since, known_until).isoformat(),
        sync_since=sync_since.isoformat(),
    )


async def _backfill_all(
    database: Database, twilio: TwilioSms, jobs: list[BackfillJob]
) -> list[BackfillReport]:
    """One number after the other, with a line each on a terminal that says how far it is."""
    from gateway.backfill import backfill_number

    console = Console(stderr=True)
    columns = (BarColumn(20), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        found = []
        for job in jobs:
            task = progress.add_task(job.phone_number, total=None)

            def note(
                so_far: BackfillReport, task: Any = task, number: str = job.phone_number
            ) -> None:
                counts = f"{so_far.listed} listed, {so_far.stored} stored, {so_far.synced} states"
                progress.update(task, description=f"{number}  {counts}")

            found.append(await backfill_number(database, twilio, job, note))
            progress.update(task, total=1, completed=1)
    return found


# replay


async def replay(
    settings: Settings,
    phone_number: str,
    changes: dict[str, str],
    since: timedelta,
    limit: int,
    fail_on: Sequence[str],
    output: str,
) -> None:
    """Ask again for past replies; ends with 1 when a new one is what `fail_on` names."""
    from gateway import replays

    async with Database.connect(settings) as database:
        replay_id = await database.start_sms_replay(
            await _config_id(database, phone_number), changes, datetime.now(UTC) - since, limit
        )
        try:
            found = await _follow_replay(database, replay_id)
        except asyncio.CancelledError:
            await database.cancel_sms_replay(replay_id)
            raise
    if output == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
    elif output == "markdown":
        print(replays.as_markdown(found))
    else:
        _print_table(replays.HEADERS, replays.rows(found))
        print(*replays.summary(found), sep="\n")
    if faults := replays.faults(found, fail_on):
        _fail(f"the replay has {', '.join(faults)}")


async def _follow_replay(database: Database, replay_id: str) -> dict[str, Any]:
    """The replay when it is done, with a bar until then."""
    console = Console(stderr=True)
    columns = (BarColumn(20), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("a worker answers them", total=None)
        while True:
            found = await database.get_sms_replay(replay_id)
            totals = found["totals"]
            done = totals["answers"] - totals["pending"]
            waits = f", waiting: {found['suspended_reason']}" if found["is_suspended"] else ""
            said = f"{done} of {totals['answers']} answered by the worker{waits}"
            progress.update(task, total=totals["answers"], completed=done, description=said)
            if found["status"] != "running":
                return found
            await asyncio.sleep(1)


# worker --no-backlog


async def drop_backlog(settings: Settings) -> None:
    async with Database.connect(settings) as database:
        dropped = await database.drop_sms_backlog()
    print(f"Dropped what was pending in {dropped} conversations.", flush=True)
