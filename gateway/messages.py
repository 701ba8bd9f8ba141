"""The nouns that travel between the modules. No I/O, no rules: rules are SQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Channel = Literal["sms", "mms", "rcs", "whatsapp"]


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or file of an MMS, kept where Twilio stores it and never fetched."""

    url: str
    content_type: str


@dataclass(frozen=True, slots=True)
class InboundSms:
    """One message as Twilio posted or listed it; `form` is everything Twilio sent.

    `from_number` is the bare number whatever the channel; `recipients` are those of a group
    message beside us. https://www.twilio.com/docs/messaging/guides/webhook-request
    """

    sid: str
    from_number: str
    to_number: str
    body: str
    service_sid: str | None = None
    media: tuple[Media, ...] = ()
    opt_out_type: str | None = None
    channel: Channel = "sms"
    recipients: tuple[str, ...] = ()
    form: Mapping[str, str | list[str]] | None = None

    def as_payload(self) -> dict[str, Any]:
        """p_payload of ingest_sms."""
        return {
            "sid": self.sid,
            "from": self.from_number,
            "to": self.to_number,
            "service_sid": self.service_sid,
            "body": self.body,
            "media": [{"url": m.url, "content_type": m.content_type} for m in self.media],
            "opt_out_type": self.opt_out_type,
            "channel": self.channel,
            "recipients": list(self.recipients),
            "form": self.form,
        }


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """One status callback of Twilio for a message of ours.

    `message_id` is our row's id, which twilio.py put into the callback URL.
    https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
    """

    sid: str
    status: str
    to_number: str
    message_id: int | None = None
    error_code: int | None = None
    error_message: str | None = None
    form: Mapping[str, str | list[str]] | None = None

    def as_payload(self) -> dict[str, Any]:
        """p_payload of record_sms_delivery."""
        return {
            "sid": self.sid,
            "status": self.status,
            "to": self.to_number,
            "message_id": self.message_id,
            "error_code": self.error_code,
            "error_message": self.error_message,
            "form": self.form,
        }


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the history, as the model sees it."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document that the model is shown."""

    title: str
    content: str


@dataclass(frozen=True, slots=True)
class Tool:
    """What the model may call; `parameters` is a strict JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One that was made for this reply by an attempt before; `result` is what the model is told."""

    id: int
    name: str
    arguments: Mapping[str, Any]
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What the model is told of a call: {"result": …} or {"error": "SQLSTATE: message"}."""

    content: Mapping[str, Any]

    @property
    def error(self) -> str:
        return str(self.content.get("error", ""))


# Raises ReplyEnded when the call ended the reply, or the lease is lost.
CallTool = Callable[[str, Mapping[str, Any]], Awaitable[ToolResult]]


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a model call depends on."""

    contact_number: str  # only its hash leaves, as safety_identifier
    system_prompt: str
    openai_model: str
    max_tokens: int
    temperature: float | None  # None: not sent
    max_segments: int
    fold_accents: bool
    history: tuple[Turn, ...]  # oldest first; the last one is the message to answer
    contact: Mapping[str, str | int | float] = field(default_factory=dict)  # as the business noted
    knowledge: tuple[Passage, ...] = ()  # what the business wrote down, in a stable order
    tools: tuple[Tool, ...] = ()  # the number's own
    tool_calls: tuple[ToolCall, ...] = ()  # oldest first
    stay_silent_for: tuple[str, ...] = ()  # kinds that no_reply_needed is offered for


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model answered, before it is fitted into segments."""

    text: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    generation_ms: int
    cached_tokens: int | None = None  # of prompt_tokens: served by the provider's cache, at less


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """One message to hand to Twilio. `message_id` is our row's id."""

    message_id: int
    from_number: str
    to_number: str
    body: str
    service_sid: str | None


@dataclass(frozen=True, slots=True)
class SentSms:
    """One of our messages as Twilio knows it, from create or from a listing."""

    sid: str
    status: str
    body: str
    segments: int | None = None
    error_code: int | None = None
    price: str | None = None  # decimal, negative, in the account's currency
    price_unit: str | None = None
    to_number: str | None = None
    created_at: str | None = None  # ISO 8601

    def as_payload(self) -> dict[str, Any]:
        """One element of reconcile_sms's p_found and record_sms_statuses's p_messages."""
        return {
            "sid": self.sid,
            "status": self.status,
            "body": self.body,
            "segments": self.segments,
            "error_code": self.error_code,
            "price": self.price,
            "price_unit": self.price_unit,
            "to": self.to_number,
            "created_at": self.created_at,
        }


@dataclass(frozen=True, slots=True)
class ReplyJob:
    """Generate a reply to `message_id`, the newest that one is due for, then queue_sms_reply."""

    conversation_id: str
    message_id: int
    prompt: Prompt
    notice: str | None  # put before the first answer of a conversation
    opt_out_hint: str | None  # the last line of an answer to what may be an opt-out
    attempt: int
    first_id: int  # of the oldest message in the prompt's history
    last_id: int  # of the newest


@dataclass(frozen=True, slots=True)
class Shown:
    """What the model was shown for a reply: the ids of the oldest and the newest message, and
    the hash of its whole prompt."""

    first_id: int
    last_id: int
    prompt_hash: str


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """Generate again, with other settings, the reply whose row is `message_id`; None: a preview.

    `original` is the prompt of then, as far as it is known, and `prompt_hash` what it was.
    """

    replay_id: str
    place: int
    conversation_id: str | None
    message_id: int | None
    prompt: Prompt
    original: Prompt | None
    prompt_hash: str | None
    recorded_calls: tuple[ToolCall, ...]  # of the old reply: what a tool is answered with
    old_content: str | None
    notice: str | None
    opt_out_hint: str | None


@dataclass(frozen=True, slots=True)
class FallbackJob:
    """The attempts are used up: queue_sms_reply with this text instead of the model's."""

    conversation_id: str
    message_id: int
    text: str
    fold_accents: bool
    max_segments: int


@dataclass(frozen=True, slots=True)
class SendJob:
    """A queued message; its row is 'sending' already."""

    conversation_id: str
    sms: OutgoingSms

    @property
    def message_id(self) -> int:
        return self.sms.message_id


@dataclass(frozen=True, slots=True)
class ReconcileJob:
    """Find out at Twilio what became of `sms`: list ours to that contact, then reconcile_sms."""

    conversation_id: str
    sms: OutgoingSms
    sent_after: str  # ISO 8601: sending_at less two minutes

    @property
    def message_id(self) -> int:
        return self.sms.message_id


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due. `seconds` until something will be; None: nothing at all."""

    seconds: float | None


Job = ReplyJob | FallbackJob | SendJob | ReconcileJob | ReplayJob


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job, how long its lease lasts, and in how many seconds there is more work; None: never."""

    job: Job
    lease_seconds: float
    next_seconds: float | None


class SendFailed(Exception):
    """A create call that gave no MessageSid.

    outcome: 'refused' never reached Twilio or was turned away, may be sent again later;
    'suspended' the account or number is at fault, nothing of this number can be sent;
    'failed' this message can never be sent; 'unknown' Twilio may have it.
    """

    def __init__(
        self,
        outcome: Literal["refused", "suspended", "failed", "unknown"],
        message: str,
        error_code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.error_code = error_code
        self.retry_after = retry_after


class ReplyEnded(Exception):
    """No reply is to be made any more: a tool said so (its reason), or the lease is 'gone'."""


class ReplyFailed(Exception):
    """The model gave no usable text.

    `suspends`: the account or key is at fault; `retry_after`: seconds that OpenAI asks for;
    `kind`: whether that is its rate limit, or the answer has no text.
    """

    def __init__(
        self,
        message: str,
        suspends: bool = False,
        retry_after: float | None = None,
        kind: Literal["rate_limit", "empty", "other"] = "other",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.suspends = suspends
        self.retry_after = retry_after
