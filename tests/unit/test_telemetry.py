"""What a log line looks like, and what is never in one."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.telemetry import configure, log_event, mask, mask_numbers
from tests.fakes import settings

logger = logging.getLogger("gateway.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root, gateway = logging.getLogger(), logging.getLogger("gateway")
    before = root.handlers[:], root.level, gateway.level
    yield
    root.handlers[:], level, gateway_level = before
    root.setLevel(level)
    gateway.setLevel(gateway_level)


def json_lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_object_a_line() -> None:
    stream = io.StringIO()
    configure(settings(), stream)
    log_event(logger, "sms received", sid="SM1", from_="…1234", seconds=0.01234, note=None)
    (line,) = json_lines(stream)
    time = line.pop("time")
    assert len(time) == 24 and time.endswith("Z")
    assert line == {
        "level": "info",
        "logger": "gateway.test",
        "event": "sms received",
        "sid": "SM1",
        "from": "…1234",
        "seconds": 0.012,
    }


def test_on_a_terminal_an_event_is_key_value() -> None:
    stream = Terminal()
    configure(settings(), stream)
    log_event(logger, "reply sent", message_id=7, reason="it took long", ready=True)
    line = stream.getvalue()
    assert line[8:] == ' info    reply sent message_id=7 reason="it took long" ready=true\n'


def test_a_plain_log_call_is_a_line_too() -> None:
    stream = io.StringIO()
    configure(settings(), stream)
    logger.info("worker started slots=%d", 32)
    assert json_lines(stream)[0]["event"] == "worker started slots=32"


def test_only_our_own_logger_gets_the_level() -> None:
    stream = io.StringIO()
    configure(settings(sms_log_level="debug"), stream)
    logging.getLogger("httpx").info("POST https://api.twilio.com/?To=+15557654321")
    logging.getLogger("asyncio").error("a task failed")
    log_event(logger, "claimed", level=logging.DEBUG)
    assert [line["event"] for line in json_lines(stream)] == ["a task failed", "claimed"]


def test_events_below_the_level_are_left_out() -> None:
    stream = io.StringIO()
    configure(settings(sms_log_level="warning"), stream)
    log_event(logger, "sms received")
    log_event(logger, "not ready", level=logging.WARNING)
    assert [line["event"] for line in json_lines(stream)] == ["not ready"]


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["json", "terminal"])
def test_secrets_are_taken_out_of_messages_fields_and_tracebacks(stream: io.StringIO) -> None:
    secret = "a-webhook-secret-1234"
    configure(settings(sms_webhook_secret=secret), stream)
    try:
        raise ValueError(f"bad url https://x/?token={secret}")
    except ValueError as error:
        log_event(logger, "failed", url=f"/?token={secret}", error=error)
    logger.error("header %s", secret)
    logged = stream.getvalue()
    assert "ValueError: bad url https://x/?token=[secret]" in logged
    assert logged.count("[secret]") == 3
    assert secret not in logged


def test_a_line_break_in_a_value_makes_no_second_line() -> None:
    stream = Terminal()
    configure(settings(), stream)
    log_event(logger, "failed", reason="first\nsecond")
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("number", "masked"),
    [("+15557654321", "…4321"), ("AMAZON", "…AZON"), ("1234", "…"), ("", "…"), (None, None)],
)
def test_a_number_is_masked_to_its_last_four_characters(
    number: str | None, masked: str | None
) -> None:
    assert mask(number) == masked


def test_numbers_in_a_sentence_are_masked_and_error_codes_are_not() -> None:
    said = "'To' +1 (555) 765-4321 is not valid, see errors/21211, from whatsapp:+15550001111"
    heard = "'To' …4321 is not valid, see errors/21211, from whatsapp:…1111"
    assert mask_numbers(said) == heard


FAKE_SENTRY = """
given = {}
def init(**options):
    given.update(options)
"""


def test_sentry_gets_errors_without_requests_variables_or_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sentry_sdk.py").write_text(FAKE_SENTRY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sentry_sdk", raising=False)
    dsn = "https://public@sentry.example/1"
    configure(settings(sentry_dsn=dsn), io.StringIO())

    given = sys.modules.pop("sentry_sdk").given
    assert given["dsn"] == dsn
    assert given["send_default_pii"] is False
    assert given["include_local_variables"] is False
    event = {
        "request": {"url": "https://sms.example.com/webhook/sms", "data": "Body=private"},
        "exception": {"values": [{"value": "sb_secret_of_nobody was refused"}]},
    }
    assert given["before_send"](event, {}) == {
        "exception": {"values": [{"value": "[secret] was refused"}]}
    }
