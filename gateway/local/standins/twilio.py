"""A stand-in that speaks Twilio's messaging API and posts Twilio's signed webhooks.

Everything is kept in memory. `create_twilio()` gives an ASGI application that is also the object
a script drives: `await twilio.receive(...)`, `twilio.faults.add(...)`, `twilio.sent`.
What it answers follows Twilio's OpenAPI description (github.com/twilio/twilio-oai) and
https://www.twilio.com/docs/messaging/api/message-resource,
https://www.twilio.com/docs/messaging/guides/webhook-request,
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides,
https://www.twilio.com/docs/iam/test-credentials.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import re
import secrets
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway import segments
from gateway.local.standins.webhooks import Form, Receipt, Webhooks, read_answer
from gateway.local.testserver import Events, Fault, Faults, LoopbackOnly, drop, hang, read_json

Handler = Callable[[Request], Awaitable[Response]]

TRIAL_PREFIX = "Sent from your Twilio trial account - "
BODY_LIMIT = 1600
PRICE_PER_SEGMENT = 0.0083

# One word alone, in any case: https://help.twilio.com/articles/223134027
OPT_WORDS = {
    "STOP": ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
    "START": ("START", "YES", "UNSTOP"),
    "HELP": ("HELP", "INFO"),
}
OWN_REPLIES = {
    "STOP": "You have successfully been unsubscribed. You will not receive any more messages "
    "from this number. Reply START to resubscribe.",
    "START": "You have successfully been re-subscribed to messages from this number. "
    "Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
    "HELP": "Reply STOP to unsubscribe. Msg&Data Rates May Apply.",
}

# The recipients and senders with which Twilio's test credentials show an error.
MAGIC_RECIPIENTS = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MAGIC_SENDERS = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
MAGIC_SENDER = "+15005550006"  # the one that may send

# code: (HTTP status, message); {to}, {sender} and {path} are filled in.
ERRORS = {
    20003: (401, "Authenticate"),
    20007: (400, "Page size must be less than or equal to 1000"),
    20404: (404, "The requested resource {path} was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal Server Error"),
    20503: (503, "Service Unavailable"),
    21211: (400, "The 'To' number {to} is not a valid phone number."),
    21212: (400, "The 'From' number {sender} is not a valid phone number, shortcode, or "
            "alphanumeric sender ID."),
    21266: (400, "'To' and 'From' number cannot be the same: {to}"),
    21408: (400, "Permission to send an SMS has not been enabled for the region indicated by "
            "the 'To' number: {to}."),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The From phone number {sender} is not a valid, SMS-capable inbound phone "
            "number or short code for your account."),
    21608: (400, "The number {to} is unverified. Trial accounts cannot send messages to "
            "unverified numbers."),
    21609: (400, "The 'StatusCallback' URL is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (400, "The 'To' phone number: {to}, is not currently reachable using the 'From' "
            "phone number: {sender} via SMS."),
    21614: (400, "'To' number is not a valid mobile number: {to}"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit."),
    21701: (404, "The Messaging Service does not exist"),
    21703: (400, "The Messaging Service does not have a phone number available"),
}  # fmt: skip

# What a script may change through the control endpoint.
SETTINGS = frozenset(
    {
        "latency",
        "delivery_delay",
        "is_trial",
        "replies_to_opt_words",
        "listing_delay",
        "lists_bodies",
    }
)

# What a fault of create does before the message is accepted, and after.
FAULTS_BEFORE = frozenset({"rate_limited", "error", "refuse", "hang", "drop"})
FAULTS_AFTER = frozenset({"error_after", "hang_after", "drop_after", "junk_body", "slow"})


@dataclass
class Message:
    """One message in the account's log, either direction."""

    sid: str
    from_: str | None
    to: str
    body: str
    direction: str
    status: str
    created: datetime
    updated: datetime
    num_segments: int
    service_sid: str | None = None
    sent_at: datetime | None = None
    error_code: int | None = None
    price: str | None = None
    media: Sequence[tuple[str, str]] = ()  # (url, content type)
    recipients: Sequence[str] = ()  # the others of a group; no listing shows them
    opt_out_type: str | None = None
    params: Form = field(default_factory=dict)  # what create was given
    logged_at: float = field(default_factory=time.monotonic)


@dataclass
class Service:
    """One messaging service. One that does not defer takes its numbers' messages itself; with no
    URL they are dropped and not even logged."""

    sid: str
    friendly_name: str
    created: datetime
    use_inbound_webhook_on_number: bool = True  # "defer to sender's webhook"
    inbound_request_url: str = ""
    inbound_method: str = "POST"


@dataclass
class Number:
    """One phone number of the account."""

    sid: str
    phone_number: str
    created: datetime
    sms_url: str = ""
    sms_method: str = "POST"
    status_callback: str = ""
    service_sid: str | None = None


class Step(NamedTuple):
    """One step of a delivery: the status is stored unless `stores` is off, and posted."""

    status: str
    error_code: int | None = None
    stores: bool = True
    posts: int = 1


# What becomes of an accepted message, by name.
DELIVERIES: dict[str, tuple[Step, ...]] = {
    "delivered": (Step("sent"), Step("delivered")),
    "sent": (Step("sent"),),  # a network without delivery receipts
    "out_of_order": (Step("delivered"), Step("sent", stores=False)),
    "duplicated": (Step("sent", posts=2), Step("delivered", posts=3)),
    "contradictory": (
        Step("sent"),
        Step("delivered"),
        Step("undelivered", 30005, stores=False),
        Step("failed", 30008, stores=False),
    ),
    "undelivered": (Step("sent"), Step("undelivered", 30003)),
    "failed": (Step("failed", 30008),),
    "lost": (Step("sent", posts=0), Step("delivered", posts=0)),  # no callback arrives
    "never": (),  # stays as create answered
}


@dataclass
class Script:
    """`steps` for the next `times` messages (None: all) to a number that contains `match`."""

    steps: tuple[Step, ...]
    match: str = ""
    times: int | None = None


class ApiError(Exception):
    """A refusal in Twilio's error format."""

    def __init__(self, code: int, headers: Form | None = None, **words: object) -> None:
        self.code = code
        self.status, template = ERRORS.get(code, (400, f"Error {code}"))
        self.message = template.format_map({"to": "", "sender": "", "path": "", **words})
        self.headers = dict(headers or {})

    def respond(self) -> Response:
        content = {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        return JSONResponse(content, self.status, self.headers)


def create_twilio(
    account_sid: str,
    auth_token: str,
    *,
    numbers: Iterable[str] = (),
    services: Mapping[str, Sequence[str]] | None = None,
    api_keys: Form | None = None,
    latency: float = 0.03,
    delivery_delay: float = 0.3,
    seed: int = 0,
) -> Twilio:
    """An account with these numbers; services: numbers by MessagingServiceSid; api_keys: secret
    by key SID. Seconds: `latency` of each API call, `delivery_delay` of each status after it."""
    twilio = Twilio(account_sid, auth_token, dict(api_keys or {}), seed)
    twilio.latency, twilio.delivery_delay = latency, delivery_delay
    for number in numbers:
        twilio.add_number(number)
    for service_sid, members in (services or {}).items():
        for number in members:
            twilio.add_number(number, service_sid)
    return twilio


class Twilio:
    """The account, its log, and the application that serves it."""

    def __init__(
        self, account_sid: str, auth_token: str, api_keys: dict[str, str], seed: int
    ) -> None:
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.api_keys = api_keys
        self.webhooks = Webhooks(auth_token)
        self.latency = 0.0
        self.delivery_delay = 0.0
        self.is_trial = False
        self.replies_to_opt_words = True
        self.listing_delay = 0.0  # seconds until a message shows in listings
        self.lists_bodies = True  # of messages sent
        self.numbers: dict[str, Number] = {}
        self.services: dict[str, Service] = {}
        self.faults = Faults(FAULTS_BEFORE | FAULTS_AFTER, seed)
        self.events = Events()
        self._deliveries: set[asyncio.Task[None]] = set()
        self.reset()
        self.app = Starlette(
            routes=self._routes(), lifespan=self._live, middleware=[Middleware(LoopbackOnly)]
        )

    def reset(self) -> None:
        """Forget all messages, faults, scripts and opt-outs; numbers and settings stay."""
        for delivery in self._deliveries:
            delivery.cancel()
        self.messages: dict[str, Message] = {}
        self.sent: list[Message] = []
        self.opt_outs: set[tuple[str, str]] = set()  # (our number, contact)
        self.scripts: list[Script] = []
        self.faults.clear()
        self.events.entries.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _live(self, app: Starlette) -> AsyncIterator[None]:
        async with self.webhooks.open():
            yield
            for delivery in self._deliveries:
                delivery.cancel()
            await asyncio.gather(*self._deliveries, return_exceptions=True)

    def _routes(self) -> list[Route]:
        account = "/2010-04-01/Accounts/{account_sid}"
        messages = f"{account}/Messages"
        numbers = f"{account}/IncomingPhoneNumbers"
        private = self._private
        return [
            Route(f"{messages}.json", private(self.create_message), methods=["POST"]),
            Route(f"{messages}.json", private(self.list_messages)),
            Route(messages + "/{sid}.json", private(self.fetch_message)),
            Route(f"{numbers}.json", private(self.list_numbers)),
            Route(numbers + "/{sid}.json", private(self.fetch_number)),
            Route(numbers + "/{sid}.json", private(self.update_number), methods=["POST"]),
            Route(account + ".json", private(self.fetch_account)),
            Route("/v1/Services", private(self.list_services)),
            Route("/v1/Services/{sid}/PhoneNumbers", private(self.list_members)),
            *self._control_routes(),
        ]

    # The account

    def add_number(self, phone_number: str, service_sid: str | None = None) -> Number:
        """Buy a number, or put one that is there into a messaging service."""
        number = self.numbers.get(phone_number)
        if number is None:
            number = Number("PN" + secrets.token_hex(16), phone_number, datetime.now(UTC))
            self.numbers[phone_number] = number
        number.service_sid = service_sid or number.service_sid
        if service_sid and service_sid not in self.services:
            self.services[service_sid] = Service(service_sid, "Local service", datetime.now(UTC))
        return number

    def _private(self, handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            try:
                self._check_credentials(request)
                response = await handler(request)
            except ApiError as error:
                response = error.respond()
            response.headers["Twilio-Request-Id"] = "RQ" + secrets.token_hex(16)
            return response

        return checked

    def _check_credentials(self, request: Request) -> None:
        user, password = _basic_auth(request.headers.get("authorization", ""))
        secret = {self.account_sid: self.auth_token, **self.api_keys}.get(user)
        account_sid = request.path_params.get("account_sid", self.account_sid)
        if secret != password or account_sid != self.account_sid:
            raise ApiError(20003, {"WWW-Authenticate": 'Basic realm="Twilio API"'})

    async def fetch_account(self, request: Request) -> Response:
        user, _ = _basic_auth(request.headers["authorization"])
        if user in self.api_keys:  # a standard key may not read /Accounts
            raise ApiError(20003)
        created = format_datetime(datetime(2026, 1, 1, tzinfo=UTC))
        path = f"/2010-04-01/Accounts/{self.account_sid}"
        content = {
            "auth_token": self.auth_token,
            "date_created": created,
            "date_updated": created,
            "friendly_name": "Local account",
            "owner_account_sid": self.account_sid,
            "sid": self.account_sid,
            "status": "active",
            "subresource_uris": {"messages": f"{path}/Messages.json"},
            "type": "Trial" if self.is_trial else "Full",
            "uri": f"{path}.json",
        }
        return JSONResponse(content)

    async def list_numbers(self, request: Request) -> Response:
        wanted = request.query_params.get("PhoneNumber", "")
        found = [n for n in self.numbers.values() if wanted in n.phone_number]
        return JSONResponse(_page(request, "incoming_phone_numbers", found, self._number_resource))

    async def fetch_number(self, request: Request) -> Response:
        return JSONResponse(self._number_resource(self._number(request)))

    async def update_number(self, request: Request) -> Response:
        number, form = self._number(request), await _read_form(request)
        number.sms_url = form.get("SmsUrl", number.sms_url)
        number.sms_method = form.get("SmsMethod", number.sms_method)
        number.status_callback = form.get("StatusCallback", number.status_callback)
        return JSONResponse(self._number_resource(number))

    def _number(self, request: Request) -> Number:
        for number in self.numbers.values():
            if number.sid == request.path_params["sid"]:
                return number
        raise ApiError(20404, path=request.url.path)

    def _number_resource(self, number: Number) -> dict[str, object]:
        return {
            "account_sid": self.account_sid,
            "address_requirements": "none",
            "address_sid": None,
            "api_version": "2010-04-01",
            "beta": False,
            "bundle_sid": None,
            "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
            "date_created": format_datetime(number.created),
            "date_updated": format_datetime(number.created),
            "friendly_name": number.phone_number,
            "identity_sid": None,
            "origin": "twilio",
            "phone_number": number.phone_number,
            "sid": number.sid,
            "sms_application_sid": "",
            "sms_fallback_method": "POST",
            "sms_fallback_url": "",
            "sms_method": number.sms_method,
            "sms_url": number.sms_url,
            "status": "in-use",
            "status_callback": number.status_callback,
            "status_callback_method": "POST",
            "trunk_sid": None,
            "uri": f"/2010-04-01/Accounts/{self.account_sid}/IncomingPhoneNumbers/"
            f"{number.sid}.json",
            "voice_url": "",
        }

    async def list_services(self, request: Request) -> Response:
        found = list(self.services.values())
        return JSONResponse(_page_v1(request, "services", found, self._service_resource))

    async def list_members(self, request: Request) -> Response:
        if request.path_params["sid"] not in self.services:
            raise ApiError(20404, path=request.url.path)
        sid = request.path_params["sid"]
        found = [number for number in self.numbers.values() if number.service_sid == sid]
        return JSONResponse(_page_v1(request, "phone_numbers", found, self._member_resource))

    def _service_resource(self, service: Service) -> dict[str, object]:
        """https://www.twilio.com/docs/messaging/api/service-resource"""
        return {
            "account_sid": self.account_sid,
            "date_created": service.created.isoformat(),
            "date_updated": service.created.isoformat(),
            "friendly_name": service.friendly_name,
            "inbound_method": service.inbound_method,
            "inbound_request_url": service.inbound_request_url or None,
            "sid": service.sid,
            "status_callback": None,
            "use_inbound_webhook_on_number": service.use_inbound_webhook_on_number,
        }

    def _member_resource(self, number: Number) -> dict[str, object]:
        return {
            "account_sid": self.account_sid,
            "capabilities": ["SMS", "MMS"],
            "country_code": "US",
            "date_created": number.created.isoformat(),
            "date_updated": number.created.isoformat(),
            "phone_number": number.phone_number,
            "service_sid": number.service_sid,
            "sid": number.sid,
        }

    # Outgoing messages

    async def create_message(self, request: Request) -> Response:
        form = await _read_form(request)
        fault = self.faults.take("create", form.get("To", ""))
        await _pause(self.latency)
        if fault and fault.kind in FAULTS_BEFORE:
            return await self._fail(request, fault)

        message = self._accept(form)
        if fault:
            return await self._fail_after(request, fault, message)
        return JSONResponse(self._resource(message), 201)

    async def _fail(self, request: Request, fault: Fault) -> Response:
        if fault.kind == "hang":
            return await hang(request)
        if fault.kind == "drop":
            return await drop(request)
        if fault.kind == "rate_limited":
            raise ApiError(20429, {"Retry-After": f"{fault.seconds or 1:g}"})
        if fault.kind == "refuse":
            raise ApiError(fault.code or 21614)
        raise ApiError(20503 if fault.status == 503 else 20500)

    async def _fail_after(self, request: Request, fault: Fault, message: Message) -> Response:
        if fault.kind == "hang_after":
            return await hang(request)
        if fault.kind == "drop_after":
            return await drop(request)
        if fault.kind == "junk_body":
            return Response("<html>created</html>", 201, media_type="text/html")
        if fault.kind == "slow":
            await _pause(fault.seconds or 1.0)
            return JSONResponse(self._resource(message), 201)
        raise ApiError(20503 if fault.status == 503 else 20500)

    def _accept(self, form: Form) -> Message:
        """Log the message and start its delivery; raises ApiError for what Twilio refuses."""
        self._check_create(form)
        service_sid = form.get("MessagingServiceSid")
        body = (TRIAL_PREFIX if self.is_trial else "") + form.get("Body", "")
        now = datetime.now(UTC)
        message = Message(
            sid=("MM" if "MediaUrl" in form else "SM") + secrets.token_hex(16),
            from_=form.get("From"),
            to=form["To"],
            body=body,
            direction="outbound-api",
            status="accepted" if service_sid else "queued",
            created=now,
            updated=now,
            num_segments=0 if service_sid else segments.count(body).count,
            service_sid=service_sid,
            params=form,
        )
        self.sent.append(message)
        self._log(message, "accepted")
        delivery = asyncio.create_task(self._deliver(message, self._next_steps(message.to)))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)
        return message

    def _check_create(self, form: Form) -> None:
        to, sender = form.get("To", ""), form.get("From", "")
        body, callback = form.get("Body", ""), form.get("StatusCallback", "")
        code = (
            (not to and 21604)
            or (not re.fullmatch(r"\+[1-9]\d{6,14}", to) and 21211)
            or MAGIC_RECIPIENTS.get(to)
            or self._sender_error(sender, form.get("MessagingServiceSid"))
            or (to == sender and 21266)
            or (not body and "MediaUrl" not in form and 21602)
            or (len(body) > BODY_LIMIT and 21617)
            or (callback and not re.match(r"https?://[^/_]+", callback) and 21609)
            or (self._is_blocked(form) and 21610)
        )
        if code:
            raise ApiError(code, to=to, sender=sender)

    def _sender_error(self, sender: str, service_sid: str | None) -> int | None:
        if service_sid and not re.fullmatch(r"MG[0-9a-fA-F]{32}", service_sid):
            return 21701
        if service_sid and not self._members(service_sid):
            return 21703
        if not service_sid and not sender:
            return 21603
        if sender in MAGIC_SENDERS:
            return MAGIC_SENDERS[sender]
        known = not sender or sender in self.numbers or sender == MAGIC_SENDER
        return None if known else 21606

    def _members(self, service_sid: str | None) -> list[str]:
        return [n.phone_number for n in self.numbers.values() if n.service_sid == service_sid]

    def _is_blocked(self, form: Form) -> bool:
        sender = form.get("From") or self._members(form.get("MessagingServiceSid"))[0]
        return (sender, form["To"]) in self.opt_outs

    def deliver_as(
        self, name: str | Sequence[Step], match: str = "", times: int | None = None
    ) -> None:
        """Script the next `times` deliveries (None: all) to numbers that contain `match`."""
        steps = DELIVERIES[name] if isinstance(name, str) else tuple(name)
        self.scripts.append(Script(steps, match, times))

    def _next_steps(self, to: str) -> tuple[Step, ...]:
        for script in self.scripts:
            if script.match not in to or script.times == 0:
                continue
            if script.times is not None:
                script.times -= 1
            return script.steps
        return DELIVERIES["delivered"]

    async def _deliver(self, message: Message, steps: Sequence[Step]) -> None:
        for step in steps:
            await _pause(self.delivery_delay)
            if step.stores:
                self._advance(message, step)
            for _ in range(step.posts):
                await self._post_status(message, step)

    def _advance(self, message: Message, step: Step) -> None:
        now = datetime.now(UTC)
        message.status, message.updated = step.status, now
        message.error_code = step.error_code
        if message.from_ is None:  # a messaging service picks its sender late
            message.from_ = self._members(message.service_sid)[0]
        message.num_segments = segments.count(message.body).count
        if step.status != "failed":
            message.sent_at = message.sent_at or now
            message.price = f"{-PRICE_PER_SEGMENT * message.num_segments:.5f}"
        self.events.add(
            "status", sid=message.sid, to=message.to, status=step.status, code=step.error_code
        )

    async def _post_status(self, message: Message, step: Step) -> None:
        if url := message.params.get("StatusCallback"):
            await self.webhooks.post(url, self.status_form(message, step.status, step.error_code))

    def status_form(self, message: Message, status: str, error_code: int | None = None) -> Form:
        """https://www.twilio.com/docs/messaging/guides/track-outbound-message-status"""
        form = {
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "From": message.from_ or "",
            "MessageSid": message.sid,
            "MessageStatus": status,
            "SmsSid": message.sid,
            "SmsStatus": status,
            "To": message.to,
        }
        if message.service_sid:
            form["MessagingServiceSid"] = message.service_sid
        if error_code:
            form["ErrorCode"] = str(error_code)
        if status in ("delivered", "undelivered"):
            form["RawDlrDoneDate"] = datetime.now(UTC).strftime("%y%m%d%H%M")
        return form

    # The log

    def _log(self, message: Message, event: str) -> None:
        self.messages[message.sid] = message
        self.events.add(event, **_summary(message))

    async def list_messages(self, request: Request) -> Response:
        fault = self.faults.take("list", request.query_params.get("To", ""))
        await _pause(self.latency)
        if fault:
            return await self._fail(request, fault)

        newest_first = sorted(self.messages.values(), key=lambda m: m.created, reverse=True)
        shown_before = time.monotonic() - self.listing_delay
        found = [
            message
            for message in newest_first
            if message.logged_at <= shown_before and _matches(message, request.query_params)
        ]
        return JSONResponse(_page(request, "messages", found, self._listed_resource))

    async def fetch_message(self, request: Request) -> Response:
        await _pause(self.latency)
        message = self.messages.get(request.path_params["sid"])
        if message is None:
            raise ApiError(20404, path=request.url.path)
        return JSONResponse(self._resource(message))

    def _listed_resource(self, message: Message) -> dict[str, object]:
        resource = self._resource(message)
        hides = not self.lists_bodies and message.direction != "inbound"
        return {**resource, "body": ""} if hides else resource

    def _resource(self, message: Message) -> dict[str, object]:
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{message.sid}"
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": message.body,
            "date_created": format_datetime(message.created),
            "date_sent": message.sent_at and format_datetime(message.sent_at),
            "date_updated": format_datetime(message.updated),
            "direction": message.direction,
            "error_code": message.error_code,
            "error_message": f"Error {message.error_code}" if message.error_code else None,
            "from": message.from_,
            "messaging_service_sid": message.service_sid,
            "num_media": str(len(message.media)),
            "num_segments": str(message.num_segments),
            "price": message.price,
            "price_unit": "USD",
            "sid": message.sid,
            "status": message.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": message.to,
            "uri": f"{uri}.json",
        }

    # Incoming messages

    async def receive(
        self,
        from_: str,
        to: str,
        body: str,
        *,
        media: Sequence[tuple[str, str]] = (),
        recipients: Sequence[str] = (),
        opt_out_type: str | None = None,
        post: bool = True,
        at: datetime | None = None,
    ) -> Receipt:
        """A message from a phone: logged, then posted to the number's SmsUrl unless `post` is off.

        `at` backdates it (for a backfill); `opt_out_type` is what Advanced Opt-Out found;
        `recipients` are the others of a group.
        """
        number = self.numbers[to]
        when = at or datetime.now(UTC)
        message = Message(
            sid=("MM" if media or recipients else "SM") + secrets.token_hex(16),
            from_=from_,
            to=to,
            body=body,
            direction="inbound",
            status="received",
            created=when,
            updated=when,
            sent_at=when,
            num_segments=max(1, segments.count(body).count),
            service_sid=number.service_sid,
            media=tuple(media),
            recipients=tuple(recipients),
            opt_out_type=opt_out_type,
        )
        if number.service_sid and self._inbound_url(number) is None:
            return Receipt(message.sid)
        self._log(message, "received")
        self._heed_opt_word(message, number)
        return await self.repost(message.sid) if post else Receipt(message.sid)

    async def repost(self, sid: str) -> Receipt:
        """Post an incoming message, again if it was posted before."""
        message = self.messages[sid]
        if not (url := self._inbound_url(self.numbers[message.to])):
            return Receipt(sid)
        receipt = await self.webhooks.post(url, self.inbound_form(message))
        if receipt.error is None:
            receipt.error, replies = read_answer(receipt)
            for reply in replies:
                self._reply_itself(message, reply)
        self.events.add("webhook", **{**asdict(receipt), "body": ""})
        return receipt

    def _heed_opt_word(self, message: Message, number: Number) -> None:
        meaning = message.opt_out_type or _opt_word(message.body)
        if meaning is None:
            return
        contact = message.from_ or ""
        senders = self._members(number.service_sid) if number.service_sid else [message.to]
        pairs = {(sender, contact) for sender in senders}
        if meaning == "STOP":
            self.opt_outs |= pairs
        if meaning == "START":
            self.opt_outs -= pairs
        if self.replies_to_opt_words:
            self._reply_itself(message, OWN_REPLIES[meaning])

    def _reply_itself(self, message: Message, body: str) -> None:
        now = datetime.now(UTC)
        reply = Message(
            sid="SM" + secrets.token_hex(16),
            from_=message.to,
            to=message.from_ or "",
            body=body,
            direction="outbound-reply",
            status="delivered",
            created=now,
            updated=now,
            sent_at=now,
            num_segments=segments.count(body).count,
            service_sid=message.service_sid,
        )
        self._log(reply, "replied")

    def _inbound_url(self, number: Number) -> str | None:
        """Where its messages are posted; None: they are dropped."""
        service = self.services.get(number.service_sid or "")
        if service is None or service.use_inbound_webhook_on_number:
            return number.sms_url
        return service.inbound_request_url or None

    def inbound_form(self, message: Message) -> Form:
        """https://www.twilio.com/docs/messaging/guides/webhook-request"""
        form = {
            "ToCountry": "US",
            "ToState": "",
            "SmsMessageSid": message.sid,
            "NumMedia": str(len(message.media)),
            "ToCity": "",
            "FromZip": "",
            "SmsSid": message.sid,
            "FromState": "",
            "SmsStatus": "received",
            "FromCity": "",
            "Body": message.body,
            "FromCountry": "US",
            "To": message.to,
            "ToZip": "",
            "NumSegments": str(message.num_segments),
            "ReferralNumMedia": "0",
            "MessageSid": message.sid,
            "AccountSid": self.account_sid,
            "From": message.from_ or "",
            "ApiVersion": "2010-04-01",
        }
        if message.service_sid:
            form["MessagingServiceSid"] = message.service_sid
        if message.opt_out_type:
            form["OptOutType"] = message.opt_out_type
        form |= {f"OtherRecipients{i}": other for i, other in enumerate(message.recipients)}
        for i, (url, content_type) in enumerate(message.media):
            form |= {f"MediaUrl{i}": url, f"MediaContentType{i}": content_type}
        return form

    # The control endpoints: what a script or a page in another process can do

    def _control_routes(self) -> list[Route]:
        return [
            Route("/_control/receive", self.control_receive, methods=["POST"]),
            Route("/_control/repost", self.control_repost, methods=["POST"]),
            Route("/_control/messages", self.control_messages),
            Route("/_control/faults", self.control_faults, methods=["POST", "DELETE"]),
            Route("/_control/deliveries", self.control_deliveries, methods=["POST"]),
            Route("/_control/settings", self.control_settings, methods=["PATCH"]),
            Route("/_control/events", self.events.respond),
            Route("/_control/reset", self.control_reset, methods=["POST"]),
        ]

    async def control_receive(self, request: Request) -> Response:
        """{"from", "to", "body"} and receive()'s options, `at` in ISO 8601."""
        given = await read_json(request)
        if "at" in given:
            given["at"] = datetime.fromisoformat(given["at"])
        from_, to, body = given.pop("from"), given.pop("to"), given.pop("body")
        if to not in self.numbers:
            return JSONResponse({"error": "no such number in this account"}, 404)
        return JSONResponse(asdict(await self.receive(from_, to, body, **given)))

    async def control_repost(self, request: Request) -> Response:
        """{"sid"}"""
        return JSONResponse(asdict(await self.repost((await read_json(request))["sid"])))

    async def control_messages(self, request: Request) -> Response:
        """The log, oldest first, with the filters of a listing: resources, with `params` that
        create was given and `at`, the time of creation in ISO 8601."""
        found = [m for m in self.messages.values() if _matches(m, request.query_params)]
        log = [
            {**self._resource(m), "params": dict(m.params), "at": m.created.isoformat()}
            for m in found
        ]
        return JSONResponse({"messages": log})

    async def control_faults(self, request: Request) -> Response:
        """POST {"kind"} and the other fields of Fault; DELETE forgets all."""
        if request.method == "DELETE":
            self.faults.clear()
        else:
            self.faults.add(**await read_json(request))
        return JSONResponse({"faults": [asdict(fault) for fault in self.faults.queue]})

    async def control_deliveries(self, request: Request) -> Response:
        """{"name"} of DELIVERIES, and "match", "times"."""
        self.deliver_as(**await read_json(request))
        return JSONResponse({})

    async def control_settings(self, request: Request) -> Response:
        """Any of SETTINGS with its new value."""
        given = await read_json(request)
        if not SETTINGS.issuperset(given):
            return JSONResponse({"error": f"known settings: {sorted(SETTINGS)}"}, 400)
        for name, value in given.items():
            setattr(self, name, value)
        return JSONResponse({name: getattr(self, name) for name in sorted(SETTINGS)})

    async def control_reset(self, request: Request) -> Response:
        self.reset()
        return JSONResponse({})


async def _read_form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))


def _basic_auth(header: str) -> tuple[str, str]:
    """User and password; both empty when the header is not Basic authentication."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


async def _pause(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


def _opt_word(body: str) -> str | None:
    word = body.strip().upper()
    return next((meaning for meaning, words in OPT_WORDS.items() if word in words), None)


def _summary(message: Message) -> dict[str, object]:
    return {
        "sid": message.sid,
        "from": message.from_,
        "to": message.to,
        "body": message.body,
        "direction": message.direction,
        "status": message.status,
    }


def _matches(message: Message, query: Form) -> bool:
    """The filters of a listing; a message that was not sent yet matches no date."""
    if query.get("To", message.to) != message.to:
        return False
    if "From" in query and query["From"] != message.from_:
        return False
    ranges = [
        _date_range(comparison, query[name])
        for name, comparison in (("DateSent", "="), ("DateSent<", "<"), ("DateSent>", ">"))
        if name in query
    ]
    if not ranges:
        return True
    sent_at = message.sent_at
    return sent_at is not None and all(low <= sent_at < high for low, high in ranges)


def _date_range(comparison: str, value: str) -> tuple[datetime, datetime]:
    """From (inclusive) and to (exclusive) of `>=2026-11-22T10:00:00Z`, `<=2026-11-22` and so on;
    `=` always means the whole day."""
    start = datetime.fromisoformat(value)
    start = start if start.tzinfo else start.replace(tzinfo=UTC)
    if comparison == "=":
        start = start.replace(hour=0, minute=0, second=0)
    whole_day = comparison == "=" or "T" not in value
    end = start + (timedelta(days=1) if whole_day else timedelta(seconds=1))
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    return {"=": (start, end), "<": (first, end), ">": (start, last)}[comparison]


def _page(
    request: Request, key: str, items: Sequence[Any], render: Callable[[Any], dict[str, object]]
) -> dict[str, object]:
    """One page of `items`, which have a sid. The token of the next page holds the last sid of
    this one, so what is added meanwhile shifts nothing."""
    query = request.query_params
    size = int(query.get("PageSize") or 50)
    if size > 1000:
        raise ApiError(20007)
    number, token = int(query.get("Page") or 0), query.get("PageToken", "")
    sids = [item.sid for item in items]
    start = sids.index(token[2:]) + 1 if token[2:] in sids else number * size
    shown = items[start : start + size]

    filters = {k: v for k, v in query.items() if k not in ("PageSize", "Page", "PageToken")}
    filters["PageSize"] = str(size)

    def uri(**more: str) -> str:
        return f"{request.url.path}?{urlencode({**filters, **more})}"

    more_follow = start + size < len(items)
    following = more_follow and uri(Page=str(number + 1), PageToken=f"PA{shown[-1].sid}")
    return {
        "end": number * size + max(0, len(shown) - 1),
        "first_page_uri": uri(Page="0"),
        "next_page_uri": following or None,
        "page": number,
        "page_size": size,
        "previous_page_uri": uri(Page=str(number - 1)) if number else None,
        "start": number * size,
        "uri": uri(**{k: query[k] for k in ("Page", "PageToken") if k in query}),
        key: [render(item) for item in shown],
    }


def _page_v1(
    request: Request, key: str, items: Sequence[Any], render: Callable[[Any], dict[str, object]]
) -> dict[str, object]:
    """The same as the newer APIs say it: whole URLs, below "meta"."""
    page = _page(request, key, items, render)
    base = f"{request.url.scheme}://{request.url.netloc}"
    links = {
        name.replace("uri", "url"): value and f"{base}{value}"
        for name, value in page.items()
        if name.endswith("uri")
    }
    meta = {**links, "page": page["page"], "page_size": page["page_size"], "key": key}
    return {"meta": meta, key: page[key]}
