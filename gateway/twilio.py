"""The only module that calls Twilio's REST API: send, list, look up. For worker and commands.

connect() imports twilio.rest, which costs 0.7 s and 30 MB: none of it in the web process.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal

from gateway.messages import InboundSms, Media, OutgoingSms, SendFailed, SentSms
from gateway.settings import Settings
from gateway.telemetry import mask_numbers
from gateway.twilio_post import bare_number, channel_of, positive, sanitize

if TYPE_CHECKING:
    import httpx2
    from twilio.rest import Client  # type: ignore[import-untyped]

CALL_SECONDS = 8.0  # all of one request to Twilio
PAGE_SIZE = 1000  # the most Twilio lists in one answer
SERVICES_AT_ONCE = 10  # whose members are listed; Twilio answers 429 to many more
SERVICES_SECONDS = 60.0  # for how long what messaging services say is not asked again
VALIDITY_SECONDS = 600  # a reply that waits longer at Twilio is worse than none

# Connection overrides of the number's URL: without them Twilio retries no 5xx and no timeout.
# Five retries, after any failure, 3 s to connect, 4 s to answer. They are not sent or signed.
# https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
WEBHOOK_OVERRIDES = "#rc=5&rp=all&ct=3000&rt=4000"

Outcome = Literal["refused", "suspended", "failed", "unknown"]

# What Twilio's code for a refused create call means, https://www.twilio.com/docs/api/errors.
# About this contact or this body: it can never be sent.
_FAILS = frozenset(
    {
        *(21211, 21214, 21217, 21265, 21266, 21268, 21604, 21614, 21635),  # To: no phone, no mobile
        *(21408, 21608, 21612, 21910),  # To: a country, trial or sender that does not reach it
        21610,  # the contact opted out
        *(21602, 21605, 21617, 21618, 21619, 21620),  # Body, media
        *(63003, 63016, 63024),  # To, on a channel that is not SMS
    }
)
# Not now: it may be sent again later.
_REFUSES = frozenset({14107, 20429, 21611, 21730, 30001, 63018})
# Account, number or deployment: nothing of this number can be sent until somebody does this. Codes
# that stand nowhere here suspend as well: that loses no message, and says the code to people.
_ACCOUNT = "check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN or TWILIO_API_KEY"
_INACTIVE = "the account is not active: see the Twilio console"
_SENDER = "check the number with sms-gateway doctor: it must be this account's and able to send SMS"
_SERVICE = "check the number's messaging_service_sid and that service's senders at Twilio"
_LIMIT = "the account's daily limit is reached: upgrade it, or wait; it is tried again by itself"
SUSPENDS = {
    10001: _INACTIVE,
    20003: _ACCOUNT,
    20005: _INACTIVE,
    20404: _ACCOUNT,
    21472: _INACTIVE,
    **dict.fromkeys((21212, 21267, 21601, 21603, 21606, 21607, 21659, 21660, 21661), _SENDER),
    21609: "Twilio cannot use PUBLIC_URL for delivery states: set it to a public address of https",
    **dict.fromkeys((21701, 21703, 21704, 21705, 21712), _SERVICE),
    30454: _LIMIT,
    63038: _LIMIT,
}
_NOT_TWILIO = (
    "that is no answer of Twilio's API: look at what stands between, such as a proxy or firewall"
    " (HTTPS_PROXY, TWILIO_BASE_URL)"
)


class TwilioFailed(Exception):
    """A call without the answer it asked for. Its message holds no phone number.

    `reached` is False when nothing of the request can have arrived at Twilio.
    """

    def __init__(
        self,
        message: str,
        *,
        reached: bool = True,
        status: int | None = None,
        code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reached = reached
        self.status = status
        self.code = code
        self.retry_after = retry_after


def redact_query(text: str) -> str:
    """Every URL in it without its query, which may hold our token."""
    return re.sub(r"\?[^#\s]+", "?…", text)


@dataclass(frozen=True, slots=True)
class ListedSms:
    """A message received, as listed: when (ISO 8601), and its pictures not yet looked up."""

    sms: InboundSms
    occurred_at: str
    has_media: bool


@dataclass(frozen=True, slots=True)
class Service:
    """A messaging service that takes its numbers' incoming messages itself.

    With a blank `url` Twilio drops them, and does not even log them.
    https://www.twilio.com/docs/messaging/api/service-resource
    """

    sid: str
    name: str
    url: str
    method: str


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number of the account and where its incoming messages go."""

    sid: str
    phone_number: str
    sms_url: str
    sms_method: str
    sms_application_sid: str  # not blank: the application's URL is used instead of sms_url
    service: Service | None  # used instead of both

    @property
    def webhook(self) -> tuple[str, str]:
        """URL and method that Twilio uses; blank for an application, which is not looked up."""
        if self.service:
            return self.service.url, self.service.method
        return "" if self.sms_application_sid else self.sms_url, self.sms_method

    @property
    def destination(self) -> str:
        """Its webhook for people to read: a query may hold a token."""
        if self.service:
            url = redact_query(self.service.url) or "nobody"
            return f"{url}, as the messaging service {self.service.name} says"
        if self.sms_application_sid:
            return f"the application {self.sms_application_sid}"
        return redact_query(self.sms_url) or "nothing"

    @property
    def how_to_defer(self) -> str:
        """What lets the number's own webhook count again; blank when it does."""
        if not self.service:
            return ""
        return (
            f"Twilio console, Messaging > Services > {self.service.name} ({self.service.sid}) > "
            "Integration: choose Defer to sender's webhook"
        )


@dataclass(frozen=True, slots=True)
class Account:
    """`status` is active, suspended or closed; `kind` Trial or Full."""

    sid: str
    name: str
    status: str
    kind: str


class TwilioSms:
    """The account's REST API. Every method but send() raises TwilioFailed."""

    def __init__(self, settings: Settings, client: Client, owner: Client) -> None:
        """`owner` signs in with the auth token: a standard API key may not read the account."""
        self._settings = settings
        self._client = client
        self._owner = owner
        self._services: dict[str, Service] = {}
        self._services_known_until = 0.0

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: Settings) -> AsyncIterator[TwilioSms]:
        """Calls go out with the API key when there is one, else with the first auth token."""
        import httpx2
        from twilio.rest import Client

        timeout = httpx2.Timeout(CALL_SECONDS, connect=3, pool=3)
        async with httpx2.AsyncClient(timeout=timeout) as http:
            account = settings.twilio_account_sid, settings.twilio_auth_tokens[0]
            user, password = settings.twilio_api_key, settings.twilio_api_key_secret
            if not user or not password:
                user, password = account
            wire = _Wire(http)
            client = Client(user, password, settings.twilio_account_sid, http_client=wire)
            owner = Client(*account, http_client=wire)
            if settings.twilio_base_url:
                client.api.base_url = owner.api.base_url = settings.twilio_base_url
                client.messaging.base_url = settings.twilio_base_url
            _ = client.messages  # 0.4 s of imports now and not in the first call
            yield cls(settings, client, owner)

    async def send(
        self, sms: OutgoingSms, is_too_late: Callable[[], bool] = lambda: False
    ) -> SentSms:
        """Create the message at Twilio, once: creating is not idempotent. Raises SendFailed.

        `is_too_late` is asked when the connection stands and nothing but the body is missing: a
        process may have stood still since it was decided to send.
        """
        asked = _is_too_late.set(is_too_late)
        try:
            return await self._create(
                to=sms.to_number,
                from_=sms.from_number,
                body=sms.body,
                status_callback=self._status_url(sms.message_id),
                service_sid=sms.service_sid,
            )
        finally:
            _is_too_late.reset(asked)

    async def send_notice(
        self, *, from_number: str, to_number: str, body: str, service_sid: str | None
    ) -> SentSms:
        """A message to the staff, which is no row and whose delivery nobody follows: as send()."""
        return await self._create(
            to=to_number, from_=from_number, body=body, service_sid=service_sid
        )

    async def _create(self, *, service_sid: str | None, **fields: str) -> SentSms:
        try:
            message = await self._client.messages.create_async(
                **fields,
                validity_period=VALIDITY_SECONDS,
                **({"messaging_service_sid": service_sid} if service_sid else {}),
            )
            sent = _sent(message)
        except TwilioFailed as failure:
            raise _send_failed(failure) from failure
        except Exception as error:
            # Whatever went wrong after the request may have left, Twilio may have the message.
            raise SendFailed("unknown", f"unreadable answer: {type(error).__name__}") from error
        if not sent.sid:
            raise SendFailed("unknown", "the answer holds no SID")
        return sent

    async def list_sent(self, from_number: str, to_number: str, sent_after: str) -> list[SentSms]:
        """All our messages to a contact created since `sent_after` (ISO 8601), newest first.

        Messages without a sender are included: one that waits in a messaging service has none yet.
        Twilio's filter is not used, it compares date_sent, which a waiting one lacks as well.
        """
        since = _moment(sent_after)
        found = []
        async for message in await self._client.messages.stream_async(to=to_number, page_size=100):
            created = message.date_created
            # Listed newest first, but by which of its dates is not documented: a day of slack.
            if created and created < since - timedelta(days=1):
                break
            ours = message.from_ in (from_number, None) and message.direction != "inbound"
            if ours and (created is None or created >= since):
                found.append(_sent(message))
        return found

    async def list_inbound(self, to_number: str, since: str) -> AsyncIterator[ListedSms]:
        """Messages received since then (ISO 8601), newest first, a request per 1,000."""
        async for message in await self._client.messages.stream_async(
            to=to_number, date_sent_after=_moment(since), page_size=PAGE_SIZE
        ):
            if message.direction == "inbound":
                received = message.date_sent or message.date_created
                yield ListedSms(
                    _inbound(message), _iso(received) or since, bool(positive(message.num_media))
                )

    async def with_media(self, listed: ListedSms) -> InboundSms:
        """The message with its pictures, which a listing only counts: a request of its own."""
        if not listed.has_media:
            return listed.sms
        return replace(listed.sms, media=await self._media_of(listed.sms.sid))

    async def list_outbound(self, from_number: str, since: str) -> AsyncIterator[SentSms]:
        """Messages of a number since then (ISO 8601), with status and price, newest first."""
        async for message in await self._client.messages.stream_async(
            from_=from_number, date_sent_after=_moment(since), page_size=PAGE_SIZE
        ):
            if message.direction != "inbound":
                yield _sent(message)

    async def find_number(self, phone_number: str) -> PhoneNumber | None:
        found = await self._client.incoming_phone_numbers.list_async(phone_number=phone_number)
        # Twilio's filter matches parts of numbers.
        number = next((n for n in found if n.phone_number == phone_number), None)
        return _number(number, await self._receiving_services()) if number else None

    async def list_numbers(self) -> dict[str, PhoneNumber]:
        """All numbers of the account, a request per 1,000."""
        services = await self._receiving_services()
        numbers = await self._client.incoming_phone_numbers.stream_async(page_size=PAGE_SIZE)
        return {number.phone_number: _number(number, services) async for number in numbers}

    async def point_number(self, number: PhoneNumber) -> PhoneNumber:
        """Send the number's incoming messages to our webhook, which its service may overrule."""
        updated = await self._client.incoming_phone_numbers(number.sid).update_async(
            sms_url=self._settings.webhook_url + WEBHOOK_OVERRIDES,
            sms_method="POST",
            sms_application_sid="",
        )
        return _number(updated, await self._receiving_services())

    def points_here(self, number: PhoneNumber) -> bool:
        """Whether the number's incoming messages go to our webhook, with whatever overrides."""
        return number.webhook[0].partition("#")[0] == self._settings.webhook_url

    async def list_services(self) -> dict[str, Service]:
        """By its members' SIDs, each messaging service that does not defer to their webhooks."""
        services = self._client.messaging.v1.services
        slots = asyncio.Semaphore(SERVICES_AT_ONCE)

        async def members(service: Any) -> dict[str, Service]:
            async with slots:
                listed = services(service.sid).phone_numbers
                found = await listed.list_async(page_size=PAGE_SIZE)
            return {member.sid: _service(service) for member in found}

        receiving = [
            service
            async for service in await services.stream_async(page_size=PAGE_SIZE)
            if not service.use_inbound_webhook_on_number
        ]
        found = await asyncio.gather(*(members(service) for service in receiving))
        return {sid: service for numbers in found for sid, service in numbers.items()}

    async def _receiving_services(self) -> dict[str, Service]:
        """list_services() as of a minute ago; none for a key that may not read them."""
        if time.monotonic() < self._services_known_until:
            return self._services
        try:
            self._services = await self.list_services()
        except TwilioFailed as failure:
            if failure.status not in (401, 403):
                raise
            self._services = {}
        self._services_known_until = time.monotonic() + SERVICES_SECONDS
        return self._services

    async def fetch_account(self) -> Account:
        account = await self._owner.api.accounts(self._settings.twilio_account_sid).fetch_async()
        return Account(
            sid=account.sid or "",
            name=account.friendly_name or "",
            status=str(account.status or ""),
            kind=str(account.type or ""),
        )

    def _status_url(self, message_id: int) -> str:
        """Our row's id travels in the URL: the callback names the SID if the answer is lost."""
        url = self._settings.status_url
        return f"{url}{'&' if '?' in url else '?'}m={message_id}"

    async def _media_of(self, sid: str) -> tuple[Media, ...]:
        try:
            found = await self._client.messages(sid).media.list_async()
        except TwilioFailed as failure:
            if failure.status == 404:  # deleted meanwhile; the message itself still counts
                return ()
            raise
        base = self._client.api.base_url
        return tuple(
            Media(base + (m.uri or "").removesuffix(".json"), m.content_type or "") for m in found
        )


def _send_failed(failure: TwilioFailed) -> SendFailed:
    """Its Retry-After is never shortened, and lengthened so that not all come back at once."""
    outcome, reason = _outcome(failure), str(failure)
    if outcome == "suspended":
        reason = f"{reason}; {_advice(failure.code)}"
    delay = failure.retry_after
    if delay is not None:
        delay *= random.uniform(1, 1.25)  # noqa: S311
    return SendFailed(outcome, reason, failure.code, delay)


def _outcome(failure: TwilioFailed) -> Outcome:
    """What became of the message of a failed create call."""
    if not failure.reached:
        return "refused"
    if failure.status is None or failure.status == 408 or not 400 <= failure.status < 500:
        return "unknown"
    if failure.code in _FAILS:
        return "failed"
    if failure.code in _REFUSES or (failure.status == 429 and failure.code not in SUSPENDS):
        return "refused"
    return "suspended"


def _advice(code: int | None) -> str:
    """What to do before anything of this number can be sent."""
    if code is None:
        return _NOT_TWILIO
    return SUSPENDS.get(code, f"see https://www.twilio.com/docs/api/errors/{code}")


def _inbound(message: Any) -> InboundSms:
    """A listed MessageInstance as our noun, without its media. A listing names no recipients."""
    sender, receiver = sanitize(message.from_ or ""), message.to or ""
    has_media = bool(positive(message.num_media))
    return InboundSms(
        sid=message.sid,
        from_number=bare_number(sender),
        to_number=bare_number(receiver),
        body=sanitize(message.body or ""),
        service_sid=message.messaging_service_sid,
        channel=channel_of(message.sid, sender, receiver, has_media),
    )


def _sent(message: Any) -> SentSms:
    """A MessageInstance as our noun; its numbers are strings, "0" before they are known."""
    return SentSms(
        sid=message.sid,
        status=message.status or "",
        body=message.body or "",
        segments=positive(message.num_segments),
        error_code=message.error_code,
        price=None if message.price is None else str(message.price),
        price_unit=message.price_unit,
        to_number=message.to,
        created_at=_iso(message.date_created),
    )


def _number(number: Any, services: Mapping[str, Service]) -> PhoneNumber:
    return PhoneNumber(
        sid=number.sid,
        phone_number=number.phone_number,
        sms_url=number.sms_url or "",
        sms_method=number.sms_method or "POST",
        sms_application_sid=number.sms_application_sid or "",
        service=services.get(number.sid),
    )


def _service(service: Any) -> Service:
    return Service(
        sid=service.sid,
        name=service.friendly_name or service.sid,
        url=service.inbound_request_url or "",
        method=service.inbound_method or "POST",
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


# Of the message that is being sent by the current task: twilio.rest passes nothing of ours on.
_is_too_late: ContextVar[Callable[[], bool]] = ContextVar("is_too_late", default=lambda: False)


class _Departure:
    """Whether a request has left: without its body no server takes one for complete."""

    def __init__(self) -> None:
        self.has_left = False

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpcore's extension."""
        if not event.endswith(".send_request_body.started"):
            return
        if info["request"].method == b"CONNECT":  # to a proxy, which knows nothing of ours yet
            return
        if _is_too_late.get()():
            raise TwilioFailed("too late to send it: this worker stood still", reached=False)
        self.has_left = True


class _Wire:
    """The HTTP client we give to twilio.rest.

    Its own ignores its timeout, hides Retry-After and lets the errors of its library through.
    """

    is_async = True

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def request(
        self,
        method: str,
        uri: str,
        params: Any = None,
        data: Any = None,
        headers: Any = None,
        auth: Any = None,
        **_: object,
    ) -> httpx2.Response:
        """Raises TwilioFailed for anything but a JSON object with a 2xx status."""
        import httpx2

        departure = _Departure()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                response = await self._http.request(
                    method,
                    uri,
                    params=params,
                    data=data,
                    headers=headers,
                    auth=auth,
                    extensions={"trace": departure.trace},
                )
        except httpx2.ProxyError as error:
            reason = f"no connection: the proxy refused it: {error}"
            raise TwilioFailed(reason, reached=departure.has_left) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            what = "answer" if departure.has_left else "connection"
            reason = f"no {what}: {type(error).__name__}"
            raise TwilioFailed(reason, reached=departure.has_left) from error
        answer = _json_object(response.text)
        if not response.is_success or answer is None:
            raise _failure(response, answer or {})
        return response


def _failure(response: httpx2.Response, answer: dict[str, Any]) -> TwilioFailed:
    """Twilio's error body is {"code", "message", "status"}, or RFC 9457 with "title"."""
    code = positive(str(answer.get("code")))
    reason = str(answer.get("message") or answer.get("title") or "not an answer of Twilio's API")
    return TwilioFailed(
        f"HTTP {response.status_code}, code {code}: {redact_query(mask_numbers(reason))[:200]}",
        status=response.status_code,
        code=code,
        retry_after=_retry_after(response.headers.get("retry-after")),
    )


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _retry_after(value: str | None) -> float | None:
    """Seconds from Retry-After, which is a number of seconds or a date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", value):
        return float(value)
    try:
        then = parsedate_to_datetime(value)
    except ValueError:
        return None
    now = datetime.now(UTC)
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds())
