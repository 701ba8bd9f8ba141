"""Webhooks posted as Twilio posts them: signed, with its time limits and retries.

https://www.twilio.com/docs/usage/webhooks/webhooks-security,
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag, urlencode
from xml.etree import ElementTree

import httpx2
from twilio.request_validator import (  # type: ignore[import-untyped]
    HMAC_SHA256,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
)

Form = Mapping[str, str]


@dataclass
class Receipt:
    """What became of an incoming message: the webhook's last answer, None when nothing answered."""

    sid: str
    status: int | None = None
    content_type: str = ""
    body: str = ""
    attempts: int = 0
    error: int | None = None  # as in Twilio's error log: 11200, 11205, 12100, 12300


@dataclass(frozen=True)
class Overrides:
    """The connection overrides of a webhook URL's fragment: times in seconds."""

    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})  # of ct, rt, 4xx, 5xx, all
    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0

    @classmethod
    def parse(cls, fragment: str) -> Overrides:
        given = dict(parse_qsl(fragment))
        return cls(
            retries=_clamp(given.get("rc"), 1, 0, 5),
            policy=frozenset(given.get("rp", "ct").split(",")),
            connect=_clamp(given.get("ct"), 5000, 100, 10000) / 1000,
            read=_clamp(given.get("rt"), 15000, 100, 15000) / 1000,
            total=_clamp(given.get("tt"), 15000, 100, 15000) / 1000,
        )

    def retry_on(self, failure: str) -> bool:
        return bool(failure) and not self.policy.isdisjoint({failure, "all"})


class Webhooks:
    """Signs with the account's token, or with `shared_key` (id, secret) when there is one."""

    def __init__(self, auth_token: str) -> None:
        self.auth_token = auth_token
        self.shared_key: tuple[str, str] | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        # A connection is kept shorter than any web server keeps it: a post that fails because
        # an idle connection was closed would count as the product's failure.
        limits = httpx2.Limits(max_connections=None, keepalive_expiry=1.0)
        async with httpx2.AsyncClient(limits=limits, trust_env=False) as self._http:
            yield

    def signed_form(self, url: str, form: Form) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a post to `url` as Twilio signs it, a fragment left out."""
        target = urldefrag(url).url
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
            "User-Agent": "TwilioProxy/1.1",
        }
        if self.shared_key is None:
            signature = RequestValidator(self.auth_token).compute_signature(target, form)
        else:
            key_id, secret = self.shared_key
            headers[SIGNATURE_SETTINGS_HEADER] = f"key={key_id},algorithm={HMAC_SHA256}"
            signature = RequestValidator(secret).compute_signature(target, form, HMAC_SHA256)
        headers["X-Twilio-Signature"] = signature
        return urlencode(form).encode(), headers

    async def post(self, url: str, form: Form) -> Receipt:
        """Post as the overrides in the URL's fragment say; every attempt is the same event."""
        target, overrides = urldefrag(url).url, Overrides.parse(urldefrag(url).fragment)
        content, headers = self.signed_form(url, form)
        receipt = Receipt(form["MessageSid"])
        deadline = time.monotonic() + overrides.total
        while time.monotonic() < deadline:
            failure = await self._try_post(target, content, headers, overrides, deadline, receipt)
            receipt.attempts += 1
            if receipt.attempts > overrides.retries or not overrides.retry_on(failure):
                break
        return receipt

    async def _try_post(
        self,
        url: str,
        content: bytes,
        headers: dict[str, str],
        overrides: Overrides,
        deadline: float,
        receipt: Receipt,
    ) -> str:
        """One attempt, noted in `receipt`; what failed in the words of `rp`, or ""."""
        timeout = httpx2.Timeout(overrides.read, connect=overrides.connect)
        receipt.status, receipt.error = None, 11200
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                answer = await self._http.post(
                    url, content=content, headers=headers, timeout=timeout
                )
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            receipt.error = 11205
            return "ct"
        except (httpx2.TransportError, TimeoutError):
            return "rt"
        receipt.status, receipt.body = answer.status_code, answer.text
        receipt.content_type = answer.headers.get("content-type", "").partition(";")[0]
        receipt.error = None if answer.is_success else 11200
        return "" if answer.is_success else f"{answer.status_code // 100}xx"


def read_answer(receipt: Receipt) -> tuple[int | None, list[str]]:
    """Twilio's error code for a webhook's answer, and the messages Twilio sends because of it.

    A plain answer such as "ok" is a message to the contact: https://www.twilio.com/docs/messaging/twiml
    """
    if receipt.status == 204:
        return None, []
    if receipt.content_type == "text/plain":
        return None, [receipt.body] if receipt.body else []
    if receipt.content_type not in ("text/xml", "application/xml"):
        return 12300, []
    try:
        root = ElementTree.fromstring(receipt.body)  # noqa: S314  # our own web process wrote it
    except ElementTree.ParseError:
        return 12100, []
    if root.tag != "Response":
        return 12100, []
    return None, ["".join(verb.itertext()).strip() for verb in root.findall("Message")]


def _clamp(value: str | None, default: int, low: int, high: int) -> int:
    return min(max(int(value), low), high) if value and value.isdigit() else default
