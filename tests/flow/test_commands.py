"""sms-gateway message, backfill and worker --no-backlog on the running stack."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from gateway.local.processes import Child, spawn
from gateway.local.stack import REPOSITORY, Stack
from tests.flow.command import gateway
from tests.flow.world import World, eventually


async def unknown_text(world: World, contact: str, body: str) -> int:
    """A row that Twilio may or may not have, sent three minutes ago."""
    (row,) = await world.rows(
        "with c as (insert into sms_conversations (user_id, config_id, contact_number)"
        "  select user_id, id, %s from sms_configs where id = %s returning id)"
        " insert into sms_messages (conversation_id, author, status, message_content, send_at,"
        "  sending_at) select id, 'ai', 'unknown', %s, now(), now() - interval '3 minutes' from c"
        " returning id",
        contact,
        world.config_id,
        body,
    )
    return int(row["id"])


async def text_at_twilio(world: World, contact: str, body: str) -> str:
    """Twilio took the text and we never learned its MessageSid."""
    account = world.stack.environ["TWILIO_ACCOUNT_SID"]
    async with httpx.AsyncClient(auth=(account, world.stack.environ["TWILIO_AUTH_TOKEN"])) as http:
        created = await http.post(
            f"{world.stack.twilio_url}/2010-04-01/Accounts/{account}/Messages.json",
            data={"From": world.number, "To": contact, "Body": body},
        )
    return str(created.json()["sid"])


async def status_of(world: World, message_id: int) -> str:
    (row,) = await world.rows("select status from sms_messages where id = %s", message_id)
    return str(row["status"])


async def test_a_text_is_shown_without_its_words(world: World, web: Child) -> None:
    contact = world.contact()
    await world.texts_from(contact, "un secreto")
    (row,) = await world.messages(contact)
    outcome = await gateway(world.stack, "message", "show", str(row["id"]))
    assert outcome.status == 0
    assert re.search(r"^status +received$", outcome.output, re.MULTILINE)
    assert row["message_sid"] in outcome.output
    assert "un secreto" not in outcome.output and contact not in outcome.output

    outcome = await gateway(world.stack, "message", "show", str(row["id"]), "--text")
    assert "un secreto" in outcome.output and contact in outcome.output


async def test_what_twilio_said_of_a_text_is_shown(world: World) -> None:
    message_id = await unknown_text(world, world.contact(), "Hola")
    await world.rows(
        "insert into sms_delivery_events (message_id, message_sid, status, error_code)"
        " values (%s, 'SM9', 'undelivered', 30003)",
        message_id,
    )
    outcome = await gateway(world.stack, "message", "show", str(message_id))
    assert re.search(r"^event .+ undelivered error 30003 SM9$", outcome.output, re.MULTILINE)


async def test_a_text_that_is_not_there_is_one_sentence(stack: Stack) -> None:
    outcome = await gateway(stack, "message", "show", "999999999")
    assert (outcome.status, outcome.output) == (1, "")
    assert outcome.errors.strip() == "sms-gateway: There is no such message."


async def test_an_unknown_text_that_twilio_has_is_adopted(world: World) -> None:
    contact = world.contact()
    message_id = await unknown_text(world, contact, "Hola, abrimos a las 7")
    sid = await text_at_twilio(world, contact, "Hola, abrimos a las 7")
    outcome = await gateway(world.stack, "message", "reconcile", str(message_id))
    assert (outcome.status, outcome.output.split(":")[0]) == (0, "Twilio has it")
    (row,) = await world.messages(contact)
    assert row["message_sid"] == sid


async def test_an_unknown_text_that_twilio_lacks_waits_for_a_second_list(world: World) -> None:
    message_id = await unknown_text(world, world.contact(), "Hola")
    outcome = await gateway(world.stack, "message", "reconcile", str(message_id))
    assert outcome.status == 0 and outcome.output.startswith("Not decided")
    assert await status_of(world, message_id) == "unknown"


async def test_only_an_unknown_text_is_reconciled_and_only_a_failed_one_resent(
    world: World,
) -> None:
    contact = world.contact()
    message_id = await unknown_text(world, contact, "Hola")
    refused = await gateway(world.stack, "message", "resend", str(message_id))
    assert refused.status == 1 and "The message is unknown" in refused.errors

    await world.rows(
        "update sms_messages set status = 'failed', send_at = null where id = %s", message_id
    )
    refused = await gateway(world.stack, "message", "reconcile", str(message_id))
    assert refused.status == 1 and "only unknown is reconciled" in refused.errors
    outcome = await gateway(world.stack, "message", "resend", str(message_id))
    failed, copy = await world.messages(contact)
    assert outcome.output == f"Message {copy['id']} repeats it; it is queued.\n"
    assert (failed["status"], copy["message_content"]) == ("failed", "Hola")


async def test_a_backfill_stores_what_never_arrived(world: World) -> None:
    contact = world.contact()
    await world.stack.twilio.receive(contact, world.number, "nunca llegó", post=False)
    command = ("backfill", "--since", "24h", "--number", world.number)
    outcome = await gateway(world.stack, *command)
    assert (outcome.status, outcome.errors) == (0, "")
    headers, counts = (line.split("\t") for line in outcome.output.splitlines())
    assert dict(zip(headers, counts, strict=True)) == {
        "number": world.number,
        "listed": "1",
        "stored": "1",
        "refused": "0",
        "states": "0",
        "skipped": "",
    }
    (row,) = await world.messages(contact)
    assert (row["message_content"], row["status"]) == ("nunca llegó", "received")

    again = await gateway(world.stack, *command)
    assert again.output.splitlines()[1].split("\t")[1:3] == ["1", "0"]


async def test_a_short_backfill_leaves_no_gap_behind_it(world: World) -> None:
    """It says that all up to now is stored, so it must look as far back as was ever stored."""
    await world.rows(
        "update sms_configs set backfilled_until = now() - interval '5 hours' where id = %s",
        world.config_id,
    )
    contact, earlier = world.contact(), datetime.now(UTC) - timedelta(hours=3)
    await world.stack.twilio.receive(contact, world.number, "hace rato", post=False, at=earlier)
    command = ("backfill", "--since", "10m", "--number", world.number)
    assert (await gateway(world.stack, *command)).status == 0
    assert [row["message_content"] for row in await world.messages(contact)] == ["hace rato"]


async def test_a_backfill_of_a_number_that_points_elsewhere_is_skipped(world: World) -> None:
    world.stack.twilio.numbers[world.number].sms_url = "https://production.example.com/"
    await world.stack.twilio.receive(world.contact(), world.number, "no", post=False)
    outcome = await gateway(world.stack, "backfill", "--since", "24h", "--number", world.number)
    assert outcome.status == 0
    assert "its webhook at Twilio is not this gateway's" in outcome.output


async def test_a_worker_without_backlog_answers_nothing_old(world: World, web: Child) -> None:
    contact, later = world.contact(), world.contact()
    await world.texts_from(contact, "de antes")
    worker = await spawn(
        "worker",
        *(sys.executable, "-m", "gateway", "worker", "--no-backlog"),
        log=world.stack.logs / "no_backlog.log",
        folder=REPOSITORY,
        environ={**os.environ, **world.stack.environ},
    )

    async def started() -> bool:
        return worker.runs and "worker started" in worker.log.read_text()

    try:
        await eventually(started, seconds=60)
        await world.texts_from(later, "de ahora")
        await world.answered(later, seconds=60)
    finally:
        await worker.stop()
    assert world.sent_to(contact) == []


async def test_a_folder_becomes_what_the_number_knows(stack: Stack, world: World) -> None:
    folder = Path(stack.folder) / "knowledge"
    folder.mkdir(exist_ok=True)
    (folder / "prices.md").write_text("# Precios\n\nEl pan cuesta 2 €.")
    command = ("knowledge", "import", str(folder), "--number", world.number)
    assert (await gateway(stack, *command)).output == "prices.md\tinserted\n"
    assert (await gateway(stack, *command)).output == "prices.md\tunchanged\n"
    (folder / "prices.md").write_text("# Precios\n\nEl pan cuesta 3 €.")
    assert (await gateway(stack, *command)).output == "prices.md\tupdated\n"
    told = await gateway(stack, "knowledge", "ask", "cuánto vale el pan", "--number", world.number)
    assert "El pan cuesta 3 €." in told.output
    (folder / "empty.md").write_text("")
    told = await gateway(stack, *command)
    assert told.status == 1
    assert "empty.md\tnot imported: empty.md is empty" in told.output
