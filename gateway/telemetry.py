"""Logging for both processes, and Sentry when SENTRY_DSN is set.

One line per event, `event words key=value key=value`, or the same as JSON when nobody watches.
Neither words of messages nor whole phone numbers are logged; known secrets leave every line.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
import sys
import time
from collections.abc import Iterable
from typing import Any, Protocol, TextIO

_LONG_NUMBER = re.compile(r"\+?\d[\d ().-]{5,}\d")
_NEEDS_QUOTES = re.compile(r'[\s"=\x00-\x1f]|^$')
_SHORTEST_SECRET = 8  # a shorter one would be found everywhere


class LogSettings(Protocol):
    """What configure() reads of the Settings."""

    @property
    def sms_log_level(self) -> str: ...

    @property
    def sentry_dsn(self) -> str | None: ...

    @property
    def secrets(self) -> tuple[str, ...]: ...


def configure(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send all logging of this process to `stream`, by default standard error.

    Lines are readable on a terminal and JSON elsewhere.

    Only the "gateway" logger gets the configured level: httpx and twilio print every request,
    with phone numbers, at INFO. Raises ModuleNotFoundError when SENTRY_DSN is set and the
    optional sentry-sdk is not installed.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    lines = _ReadableLines if stream.isatty() else _JsonLines
    handler.setFormatter(lines(settings.secrets))

    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("gateway").setLevel(settings.sms_log_level.upper())

    if settings.sentry_dsn:
        _report_to_sentry(settings.sentry_dsn, settings.secrets)


def log_event(
    logger: logging.Logger,
    event: str,
    *,
    level: int = logging.INFO,
    error: BaseException | None = None,
    **fields: object,
) -> None:
    """Log one event: `event` in plain words, then the fields; those that are None are left out.

    A field named as a word of Python gets an underscore, `from_`. With `error` its traceback
    follows.
    """
    if not logger.isEnabledFor(level):
        return
    known = {k.rstrip("_"): _plain(v) for k, v in fields.items() if v is not None}
    text = " ".join([event, *(f"{name}={_quoted(value)}" for name, value in known.items())])
    logger.log(level, "%s", text, exc_info=error, extra={"event": event, "fields": known})


def mask(number: str | None) -> str | None:
    """The last four characters of a phone number, the only part that may be logged."""
    if number is None:
        return None
    return "…" + (number[-4:] if len(number) > 4 else "")


def mask_numbers(text: str) -> str:
    """A sentence of somebody else, such as an error of Twilio, with its phone numbers masked."""
    return _LONG_NUMBER.sub(lambda found: f"…{found[0][-4:]}", text)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    return value if isinstance(value, bool | int | str) else str(value)


def _quoted(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return json.dumps(text, ensure_ascii=False) if _NEEDS_QUOTES.search(text) else text


class _JsonLines(logging.Formatter):
    """{"time", "level", "logger", "event", its fields, "exception"} on one line."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _utc(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", None) or record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # Scrubbed before it is encoded: a quote in a secret would be written as \".
        return json.dumps(_scrubbed(line, self._secrets))


class _ReadableLines(logging.Formatter):
    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__("%(message)s")
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_utc(record)[11:19]} {record.levelname.lower():7} {super().format(record)}"
        return _without_secrets(line, self._secrets)


def _utc(record: logging.LogRecord) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{whole}.{int(record.msecs):03}Z"


def _without_secrets(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "[secret]")
    return text


def _scrubbed(value: Any, secrets: tuple[str, ...]) -> Any:
    """The same structure with the secrets taken out of every string in it."""
    if isinstance(value, str):
        return _without_secrets(value, secrets)
    if isinstance(value, dict):
        return {key: _scrubbed(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(item, secrets) for item in value]
    return value


def _report_to_sentry(dsn: str, secrets: tuple[str, ...]) -> None:
    """Errors only: no request, no local variables, no trail, all of which hold messages."""
    # Optional: pip install 'supabase-sms-gateway[sentry]'
    sentry_sdk = importlib.import_module("sentry_sdk")

    def before_send(event: Any, hint: Any) -> Any:
        event.pop("request", None)
        return _scrubbed(event, secrets)

    sentry_sdk.init(
        dsn=dsn,
        before_send=before_send,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
    )
