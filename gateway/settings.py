"""The environment, read once into one frozen Settings.

Nothing here is read at import. A missing or malformed value raises SettingsError, which names
every bad variable at once and says where its value is found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

LOG_LEVELS = ("debug", "info", "warning", "error")

T = TypeVar("T")


class SettingsError(ValueError):
    """Every variable that is missing or malformed, one a line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("the environment is not complete:\n" + "\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of both processes. Secrets are left out of repr()."""

    supabase_url: str
    supabase_secret_key: str = field(repr=False)
    supabase_publishable_key: str = field(repr=False)
    twilio_account_sid: str
    twilio_auth_tokens: tuple[str, ...] = field(repr=False)  # the first signs, all verify
    openai_api_key: str = field(repr=False)
    public_url: str
    twilio_api_key: str | None = None
    twilio_api_key_secret: str | None = field(default=None, repr=False)
    twilio_webhook_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    twilio_base_url: str | None = None
    twilio_phone_number: str | None = None
    openai_base_url: str | None = None
    openai_fallback_model: str = "gpt-6-luna"
    sms_webhook_secret: str | None = field(default=None, repr=False)
    sms_cors_origins: tuple[str, ...] = ()
    sms_worker_concurrency: int = 32
    sms_log_level: str = "info"
    sentry_dsn: str | None = field(default=None, repr=False)
    port: int = 8000
    web_concurrency: int = 1

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must not be seen in a log."""
        single = (
            self.supabase_secret_key,
            self.openai_api_key,
            self.twilio_api_key_secret,
            self.sms_webhook_secret,
            self.sentry_dsn,
        )
        several = (*self.twilio_auth_tokens, *self.twilio_webhook_keys.values())
        return tuple(secret for secret in (*single, *several) if secret)

    @property
    def webhook_url(self) -> str:
        """The URL Twilio posts incoming messages to, without the connection overrides."""
        return self._with_token(f"{self.public_url}/webhook/sms")

    @property
    def status_url(self) -> str:
        """The URL Twilio posts delivery states to; twilio.py adds the message's id."""
        return self._with_token(f"{self.public_url}/webhook/sms/status")

    def _with_token(self, url: str) -> str:
        return f"{url}?token={self.sms_webhook_secret}" if self.sms_webhook_secret else url

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read every setting; raises SettingsError, which names all bad variables at once."""
        read = _Reader(environ)
        settings = cls(
            supabase_url=read.required(
                "SUPABASE_URL",
                "Supabase dashboard, Project Settings > Data API > Project URL",
                _url,
                older=("NEXT_PUBLIC_SUPABASE_URL",),
            ),
            supabase_secret_key=read.required(
                "SUPABASE_SECRET_KEY",
                "Supabase dashboard, Project Settings > API Keys > Secret keys",
                _secret_key,
                older=("SUPABASE_SERVICE_ROLE_KEY",),
            ),
            supabase_publishable_key=read.required(
                "SUPABASE_PUBLISHABLE_KEY",
                "Supabase dashboard, Project Settings > API Keys > Publishable key",
                _publishable_key,
                older=("NEXT_PUBLIC_SUPABASE_ANON_KEY", "SUPABASE_ANON_KEY"),
            ),
            twilio_account_sid=read.required(
                "TWILIO_ACCOUNT_SID", "Twilio console, Account Info", _account_sid
            ),
            twilio_auth_tokens=read.required(
                "TWILIO_AUTH_TOKEN",
                "Twilio console, Account Info; while rotating: new,old",
                _comma_list,
            ),
            openai_api_key=read.required("OPENAI_API_KEY", "platform.openai.com, API keys", _text),
            public_url=read.required(
                "PUBLIC_URL",
                "the https address Twilio reaches the web process at, without a path's last slash",
                _public_url,
            ),
            twilio_api_key=read.optional("TWILIO_API_KEY", _api_key_sid),
            twilio_api_key_secret=read.optional("TWILIO_API_KEY_SECRET", _text),
            twilio_webhook_keys=read.optional("TWILIO_WEBHOOK_KEYS", _key_pairs) or {},
            twilio_base_url=read.optional("TWILIO_BASE_URL", _url),
            twilio_phone_number=read.optional("TWILIO_PHONE_NUMBER", _phone_number),
            openai_base_url=read.optional("OPENAI_BASE_URL", _url),
            openai_fallback_model=read.optional("OPENAI_FALLBACK_MODEL", _text) or "gpt-6-luna",
            sms_webhook_secret=read.optional("SMS_WEBHOOK_SECRET", _url_safe),
            sms_cors_origins=read.optional("SMS_CORS_ORIGINS", _comma_list) or (),
            sms_worker_concurrency=read.optional(
                "SMS_WORKER_CONCURRENCY", _between(1, 256), older=("SMS_WORKER_LANES",)
            )
            or 32,
            sms_log_level=read.log_level(),
            sentry_dsn=read.optional("SENTRY_DSN", _url),
            port=read.optional("PORT", _between(1, 65535)) or 8000,
            web_concurrency=read.optional("WEB_CONCURRENCY", _between(1, 64)) or 1,
        )
        if bool(settings.twilio_api_key) != bool(settings.twilio_api_key_secret):
            read.problems.append(
                "TWILIO_API_KEY and TWILIO_API_KEY_SECRET: set both or none "
                "(Twilio console, Account > API keys)"
            )
        if read.problems:
            raise SettingsError(read.problems)
        return settings


class _Reader:
    """Looks names up and collects what is wrong, so that one error can name it all."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []

    def required(
        self, name: str, where: str, parse: Callable[[str], T], older: tuple[str, ...] = ()
    ) -> T:
        value = self._first(name, *older)
        if value is None:
            self.problems.append(f"{name} is missing: {where}")
            return None  # type: ignore[return-value]  # from_environ raises before it is used
        return self._parse(name, value, parse, where)

    def optional(
        self, name: str, parse: Callable[[str], T], older: tuple[str, ...] = ()
    ) -> T | None:
        value = self._first(name, *older)
        return None if value is None else self._parse(name, value, parse, "may be left out")

    def log_level(self) -> str:
        """SMS_ENABLE_DEBUG is SMS_LOG_LEVEL=debug and nothing else."""
        if (self._first("SMS_ENABLE_DEBUG") or "").lower() in ("1", "true", "yes", "on"):
            return "debug"
        return self.optional("SMS_LOG_LEVEL", _log_level) or "info"

    def _first(self, *names: str) -> str | None:
        values = (self.environ.get(name, "").strip() for name in names)
        return next((value for value in values if value), None)

    def _parse(self, name: str, value: str, parse: Callable[[str], T], where: str) -> T:
        try:
            return parse(value)
        except ValueError as error:
            # The value itself stays out of the message: it may be a secret in the wrong place.
            self.problems.append(f"{name} is not valid: {error} ({where})")
            return None  # type: ignore[return-value]  # from_environ raises before it is used


def _text(value: str) -> str:
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("it must be a URL that starts with https://")
    return value.rstrip("/")


def _public_url(value: str) -> str:
    parts = urlsplit(_url(value))
    if "?" in value or "#" in value:
        raise ValueError("it must be an address alone, without ? or #")
    if "_" in (parts.hostname or ""):
        raise ValueError("its host must have no underscore: Twilio refuses such addresses")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("it must start with https://; only this machine may be http://")
    return value.rstrip("/")


def _secret_key(value: str) -> str:
    if value.startswith("sb_publishable_"):
        raise ValueError("this is the publishable key; the secret one starts with sb_secret_")
    return value


def _publishable_key(value: str) -> str:
    if value.startswith("sb_secret_"):
        raise ValueError("this is a secret key, which browsers would see; use sb_publishable_")
    return value


def _matching(pattern: str, description: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"it must be {description}")
        return value

    return parse


_account_sid = _matching(r"AC[0-9a-f]{32}", "AC and 32 hexadecimal digits")
_api_key_sid = _matching(r"SK[0-9a-f]{32}", "SK and 32 hexadecimal digits")
_phone_number = _matching(r"\+[1-9][0-9]{6,14}", "E.164, such as +15550001111")
_url_safe = _matching(r"[A-Za-z0-9_-]{16,}", "16 or more letters, digits, - or _")
_log_level = _matching("|".join(LOG_LEVELS), "one of " + ", ".join(LOG_LEVELS))


def _comma_list(value: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in value.split(",") if part.strip())
    if not parts:
        raise ValueError("it must name at least one value")
    return parts


def _key_pairs(value: str) -> dict[str, str]:
    """`id=secret,id=secret`, the webhook shared keys of Twilio."""
    pairs = [part.partition("=") for part in _comma_list(value)]
    if not all(key and secret for key, _, secret in pairs):
        raise ValueError("it must be id=secret, several with commas between them")
    return {key: secret for key, _, secret in pairs}


def _between(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.isdecimal() or not low <= int(value) <= high:
            raise ValueError(f"it must be a whole number from {low} to {high}")
        return int(value)

    return parse
