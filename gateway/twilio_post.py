"""What Twilio posts: verified and parsed, without I/O and without anything heavy.

The web process imports this and not twilio.py: twilio.rest with what it brings costs 0.7 s and
30 MB.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from itertools import count
from urllib.parse import parse_qsl

from twilio.request_validator import (  # type: ignore[import-untyped]
    HMAC_SHA1,
    HMAC_SHA256,
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
)

from gateway.messages import Channel, DeliveryStatus, InboundSms, Media
from gateway.settings import Settings

MAX_FIELDS = 200
MAX_NAME = 255  # characters of a SID, an address or a status; an index has no room for thousands
MAX_ID = 10**18 - 1  # a bigint


class PostRefused(Exception):
    """A post that is not stored: not Twilio's, or no message; `status` is the answer's (HTTP)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Form(dict[str, list[str]]):
    """All parameters of one post; Twilio may repeat one, and adds new ones without notice."""

    def getlist(self, name: str) -> list[str]:
        """RequestValidator asks for this to see repeated values."""
        return self[name]

    def first(self, name: str) -> str | None:
        """The parameter's first value; blank counts as missing."""
        return next((value for value in self.get(name, ()) if value), None)

    def required(self, name: str) -> str:
        value = self.first(name)
        if value is None:
            raise PostRefused(400, f"{name} is missing")
        if len(value) > MAX_NAME:
            raise PostRefused(400, f"{name} is too long")
        return value

    def as_json(self) -> dict[str, str | list[str]]:
        return {name: v[0] if len(v) == 1 else v for name, v in self.items()}


def read_form(
    settings: Settings, url: str, query: str, headers: Mapping[str, str], body: bytes
) -> Form:
    """The form of a post that Twilio made to `url`, a configured one; raises PostRefused.

    `query` is the request's own: Twilio signs it with the URL, and it holds our token.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/x-www-form-urlencoded":
        raise PostRefused(415, "not a form")
    form = parse_form(body)
    signed_url = url.partition("?")[0] + (f"?{query}" if query else "")
    if not signature_is_valid(settings, signed_url, form, headers):
        raise PostRefused(403, "the signature is missing or wrong")
    if not _token_is_valid(settings, query):
        raise PostRefused(403, "the token is missing or wrong")
    if form.required("AccountSid") != settings.twilio_account_sid:
        raise PostRefused(403, "another account")
    return form


def parse_form(raw_body: bytes) -> Form:
    """Decode a form as it was signed: blank values kept, broken UTF-8 as U+FFFD.

    Raises PostRefused.
    """
    text = raw_body.decode("utf-8", "replace")
    if text.count("&") >= MAX_FIELDS:
        raise PostRefused(413, f"more than {MAX_FIELDS} parameters")
    form = Form()
    for name, value in parse_qsl(text, keep_blank_values=True):
        form.setdefault(name, []).append(value)
    return form


def signature_is_valid(
    settings: Settings, url: str, form: Form, headers: Mapping[str, str]
) -> bool:
    """Whether Twilio signed this form for `url` with one of our secrets; never raises.

    `url` is the configured one, never the request's own: behind a proxy that would be another.
    https://www.twilio.com/docs/usage/security#validating-requests
    """
    signature = headers.get(SIGNATURE_HEADER)
    algorithm, secrets = _signing_secrets(settings, headers.get(SIGNATURE_SETTINGS_HEADER))
    if not signature:
        return False
    return any(
        RequestValidator(secret).validate(url, form, signature, algorithm) for secret in secrets
    )


def sign(settings: Settings, url: str, form: Mapping[str, str]) -> dict[str, str]:
    """The header with which Twilio would post this form to `url`, a configured one."""
    validator = RequestValidator(settings.twilio_auth_tokens[0])
    return {SIGNATURE_HEADER: validator.compute_signature(url, form)}


def _signing_secrets(settings: Settings, announced: str | None) -> tuple[str, tuple[str, ...]]:
    """The algorithm and the secrets that may have signed.

    A shared key announces itself as `key=<id>,algorithm=HMAC_SHA256`.
    https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys
    """
    if not announced:
        return HMAC_SHA1, settings.twilio_auth_tokens
    parts = [part.partition("=") for part in announced.split(",")]
    named = {name.strip(): value.strip() for name, _, value in parts}
    secret = settings.twilio_webhook_keys.get(named.get("key", ""))
    if secret is None or named.get("algorithm") != HMAC_SHA256:
        return HMAC_SHA256, ()
    return HMAC_SHA256, (secret,)


def _token_is_valid(settings: Settings, query: str) -> bool:
    secret = settings.sms_webhook_secret
    token = dict(parse_qsl(query)).get("token", "")
    return not secret or hmac.compare_digest(token.encode("utf-8", "replace"), secret.encode())


def parse_inbound(form: Form) -> InboundSms:
    """An incoming message; raises PostRefused. Only SID, sender and receiver are needed."""
    form = _sanitized(form)
    sid, sender, receiver = (form.required(name) for name in ("MessageSid", "From", "To"))
    media = tuple(_media_in(form))
    return InboundSms(
        sid=sid,
        from_number=bare_number(sender),
        to_number=bare_number(receiver),
        body=form.first("Body") or "",
        service_sid=form.first("MessagingServiceSid"),
        media=media,
        opt_out_type=form.first("OptOutType"),
        channel=channel_of(sid, sender, receiver, has_media=bool(media)),
        recipients=tuple(bare_number(other) for other in _numbered(form, "OtherRecipients")),
        form=form.as_json(),
    )


def parse_status(form: Form, query: Mapping[str, str]) -> DeliveryStatus:
    """A status callback; `m` of the query is our row's id. Raises PostRefused."""
    form = _sanitized(form)
    return DeliveryStatus(
        sid=form.required("MessageSid"),
        status=form.required("MessageStatus"),
        to_number=bare_number(form.required("To")),
        message_id=positive(query.get("m"), MAX_ID),
        error_code=positive(form.first("ErrorCode")),
        error_message=form.first("ErrorMessage"),
        form=form.as_json(),
    )


def _media_in(form: Form) -> Iterator[Media]:
    for index, url in enumerate(_numbered(form, "MediaUrl")):
        content_type = form.first(f"MediaContentType{index}")
        yield Media(url, content_type or "application/octet-stream")


def _numbered(form: Form, name: str) -> Iterator[str]:
    """The values of name0, name1 … up to the first that is missing."""
    for index in count():
        value = form.first(f"{name}{index}")
        if value is None:
            return
        yield value


def bare_number(address: str) -> str:
    """rcs:+1… and tel:+1… are the phone number +1…, whatever it was sent with.

    An RCS sender (rcs:agent) and the addresses of other channels stay as they are.
    """
    found = re.fullmatch(r"(?:rcs|tel):(\+[1-9][0-9]{6,14})", address, re.IGNORECASE)
    return found[1] if found else address


def channel_of(sid: str, sender: str, receiver: str, has_media: bool) -> Channel:
    """How a message came. Twilio's SID of one with media, or to a group, starts with MM."""
    prefixes = {address.partition(":")[0].lower() for address in (sender, receiver)}
    if "rcs" in prefixes:
        return "rcs"
    if "whatsapp" in prefixes:
        return "whatsapp"
    return "mms" if has_media or sid.startswith("MM") else "sms"


def _sanitized(form: Form) -> Form:
    return Form({sanitize(k): [sanitize(v) for v in values] for k, values in form.items()})


def sanitize(text: str) -> str:
    """Postgres refuses U+0000 in text, and lone surrogates cannot be sent as UTF-8."""
    return re.sub("[\x00\ud800-\udfff]", "\ufffd", text)


def positive(text: str | None, most: int = 2**31 - 1) -> int | None:
    """A whole number that a Postgres integer has room for, or None for anything else."""
    if text is None or not re.fullmatch("[0-9]{1,18}", text):
        return None
    number = int(text)
    return number if 0 < number <= most else None
