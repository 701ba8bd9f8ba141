"""The only module that talks to Supabase: one method per SQL function of the Data API.

What a function decides is said in its SQL; here its JSON becomes nouns and its failures one of
two exceptions. Which HTTP client serves whom, and why:

supabase on our httpx   every call as the service role: its wire format, its errors. With a pool
                        of ours, since it opens one for each of its parts, with 120 s to answer
                        and connections closed after 5 idle seconds.
our httpx alone         calls as a user or with another key: PostgREST's status and JSON as is.
aiohttp below both      httpx's own transport costs 1 ms more a call and loses connections for ever
                        when calls are cancelled, https://github.com/encode/httpcore/issues/1093
realtime                the websocket of realtime.py.
httpx2                  Twilio's API in twilio.py: timeouts that hold, and a trace that tells
                        whether a request has left.
aiohttp below openai    as here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, TypedDict, cast

import aiohttp
import httpx
from httpx_aiohttp import HttpxAiohttpClient
from postgrest.exceptions import APIError
from supabase import AsyncClient, AsyncClientOptions

from gateway.messages import (
    Claimed,
    DeliveryStatus,
    FallbackJob,
    InboundSms,
    Job,
    OutgoingSms,
    Passage,
    Prompt,
    ReconcileJob,
    ReplayJob,
    Reply,
    ReplyEnded,
    ReplyFailed,
    ReplyJob,
    SendFailed,
    SendJob,
    SentSms,
    Shown,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Wait,
)
from gateway.settings import Settings
from gateway.telemetry import mask_numbers

# The newest migration this gateway knows; get_sms_setup says what the database has.

CONNECTIONS = 20  # and calls at once, of one Database; more than these wait for a slot
# No longer: whoever gets a slot must have time left to hear the answer. If not, all that is done
# after an outage is answers that come too late, and the posts they are for come again and again.
POOL_TIMEOUT = 1.0  # seconds
READ_SECONDS = 8.0
USER_READ_SECONDS = 10.0  # statements of signed-in users are ended by the database after 8 s

# "Try again" as PostgREST and Postgres say it; two characters stand for the whole class.
# https://docs.postgrest.org/en/stable/references/errors.html
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRY_AGAIN = {
    "PGRST000",  # PostgREST: no connection to the database
    "PGRST001",  # the same, internally
    "PGRST002",  # its schema cache is not loaded yet
    "PGRST003",  # no free connection in its pool
    "PGRST202",  # function not found: a migration is under way, or the cache is old
    "08",  # connection failures
    "25006",  # read only: a failover, or the disk is full
    "40001",  # serialization failure
    "40P01",  # deadlock
    "53",  # out of connections, memory or disk
    "55P03",  # lock timeout
    "57014",  # statement timeout
    "57P01",  # the server is being shut down
    "57P02",
    "57P03",  # the server is starting
}

NO_ANSWER = (httpx.HTTPError, aiohttp.ClientError, OSError)  # the transport lets some through


class Unavailable(Exception):
    """The database did not answer or asks to try again; nothing is known of the call's effect.

    `code` is PostgREST's or Postgres's; "" when the answer, if any, was neither's.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class KeyRefused(Unavailable):
    """HTTP 401 or 403 that is not about a table's rights: nothing works until a setting changes."""


class Refused(Exception):
    """The database said no and will again: a constraint, a missing grant, a rule (PT409 …)."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class QueuedReply:
    """`sms` is there when the outcome is 'send'; the row is 'sending' then."""

    outcome: Literal["send", "superseded", "gone", "blocked"]
    sms: OutgoingSms | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class BackfillJob:
    """A number to backfill from Twilio's lists; times are ISO 8601.

    Messages received from `since` on may be missing here; those sent from `sync_since` on lack a
    final state or a price (None: all have them).
    """

    config_id: str
    phone_number: str
    since: str
    sync_since: str | None


@dataclass(frozen=True, slots=True)
class Number:
    """One row of sms_configs, as its operator sees it; `owner` is an e-mail, or a user's id."""

    config_id: str
    phone_number: str
    owner: str
    messaging_service_sid: str | None
    openai_model: str
    backfilled_until: str  # ISO 8601


@dataclass(frozen=True, slots=True)
class EventDelivery:
    """An event on its way to one target; `kind` sms has the last three instead of a secret."""

    id: int
    kind: Literal["webhook", "sms"]
    address: str
    secret: str | None = field(repr=False)
    event_id: str
    payload: Mapping[str, Any] = field(repr=False)
    from_number: str | None = None
    service_sid: str | None = None
    content: str | None = field(default=None, repr=False)


class EventTarget(TypedDict):
    """One of list_sms_event_targets."""

    target_id: str
    kind: Literal["webhook", "sms"]
    address: str
    secret: str | None
    is_enabled: bool
    disabled_reason: str | None


class EventHealth(TypedDict):
    """Deliveries that were given up or wait, and targets that turned themselves off."""

    dead_24h: int
    oldest_waiting_seconds: float | None
    disabled_targets: int


class WorkerHealth(TypedDict):
    """One that was seen within ten minutes; `notices` are {"subject": "reason"}.

    `leases`: how many conversations it holds.
    """

    name: str
    version: str
    seen_seconds_ago: float
    realtime_ready_at: str | None  # ISO 8601
    notices: dict[str, str]
    leases: int


class NumberHealth(TypedDict):
    """`number` is its last four digits; suspended_until is ISO 8601 and None when it is not."""

    config_id: str
    number: str
    suspended_until: str | None
    suspended_reason: str | None
    backfill_seconds_ago: float


class Health(TypedDict):
    """get_sms_health: counts are of conversations (pending, overdue) and of messages."""

    late_after_seconds: int
    in_work: int
    overdue: int
    oldest_due_seconds: float | None
    unknown: int
    failed_24h: int
    doubled: int
    unconfigured_24h: int
    refused_24h: int
    rate_limited_24h: int
    looping_24h: int
    repaired: int
    oldest_webhook_log: str | None  # ISO 8601
    oldest_delivery_event: str | None
    oldest_transaction_seconds: float | None
    events: EventHealth
    numbers: list[NumberHealth]
    workers: list[WorkerHealth]


class TeamAddress(TypedDict):
    """Somebody who works in an account, or is invited to."""

    email: str
    is_member: bool


class Setup(TypedDict):
    """get_sms_setup: what the database is and what the key may not do there."""

    schema_version: str
    postgres_version: str
    max_connections: int
    missing_grants: list[str]
    realtime: bool
    unregistered_24h: int
    unconfigured_to: list[str]
    unconfirmed_team: list[TeamAddress]


class ToolProblem(TypedDict):
    """What is wrong with a function, a number's tools or a grant."""

    subject: str
    reason: str
    is_fault: bool


class ToolListing(TypedDict):
    """list_sms_tools: each tool has name, description, parameters, acts, is_built_in, fault."""

    tools: list[dict[str, Any]]
    problems: list[ToolProblem]


class Database:
    """The Data API as the service role. Needs a running event loop, and belongs to it."""

    def __init__(
        self,
        settings: Settings,
        read_seconds: float = READ_SECONDS,
        connections: int = CONNECTIONS,
    ) -> None:
        """No I/O. `read_seconds`: how long an answer may take; all of one call 3 s more."""
        self._settings = settings
        self._call_seconds = read_seconds + 3
        self._http = HttpxAiohttpClient(
            timeout=httpx.Timeout(read_seconds, connect=3, pool=3),
            limits=httpx.Limits(max_connections=connections, keepalive_expiry=120),
            event_hooks={"response": [_note_status]},
        )
        self._slots = asyncio.Semaphore(connections)
        self._supabase = AsyncClient(
            settings.supabase_url,
            settings.supabase_secret_key,
            AsyncClientOptions(
                httpx_client=self._http,
                auto_refresh_token=False,
                persist_session=False,
                postgrest_client_retry=False,
            ),
        )
        _ = self._supabase.postgrest  # 20 ms of construction now and not in the first call

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, settings: Settings, read_seconds: float = READ_SECONDS
    ) -> AsyncIterator[Database]:
        database = cls(settings, read_seconds)
        try:
            yield database
        finally:
            await database.close()

    async def close(self) -> None:
        await self._http.aclose()

    # Incoming posts

    async def ingest_sms(self, sms: InboundSms, occurred_at: str | None = None) -> dict[str, Any]:
        """{"outcome", "message_id", "conversation_id", "no_reply_reason"}.

        `occurred_at` is ISO 8601; None: now. p_payload, see InboundSms.as_payload:
        sid          text, Twilio's MessageSid, SM… or MM…
        from         text, the contact: a bare number whatever the channel; whatsapp:+1… and the
                     like, short codes and alphanumeric senders stay as Twilio sent them
        to           text, our number, or an RCS sender's id as rcs:agent
        service_sid  text or null: names the config when `to` is no number of ours
        channel      'sms', 'mms', 'rcs' or 'whatsapp'
        recipients   text[], the others in a group message; empty: none, or not known since
                     Twilio's listings do not name them
        body         text, "" when there is none
        media        [{"url", "content_type"}]
        opt_out_type 'STOP', 'START', 'HELP' or null: Twilio acted on it already
        form         everything posted, {name: text or text[]}; null from a listing
        """
        return await self._object(
            "ingest_sms", {"p_payload": sms.as_payload(), "p_occurred_at": occurred_at}
        )

    async def record_sms_delivery(self, status: DeliveryStatus) -> str:
        """'recorded', 'stale', 'gone' or 'doubled'."""
        return await self._outcome("record_sms_delivery", {"p_payload": status.as_payload()})

    # Work

    async def claim_sms_work(self, worker: str, lease_id: str) -> Claimed | Wait:
        """Asked again with one lease id: the job held."""
        found = await self._object("claim_sms_work", {"p_worker": worker, "p_lease_id": lease_id})
        return _claimed(found)

    async def release_sms_work(self, lease_id: str) -> bool:
        return bool(await self._call("release_sms_work", {"p_lease_id": lease_id}))

    async def queue_sms_reply(
        self,
        lease_id: str,
        message_id: int,
        content: str,
        encoding: str,
        segments: int,
        reply: Reply | None = None,
        shown: Shown | None = None,
    ) -> QueuedReply:
        """Store the reply to `message_id` and move it to 'sending'; no `reply`: the fallback."""
        found = await self._object(
            "queue_sms_reply",
            {
                "p_lease_id": lease_id,
                "p_message_id": message_id,
                "p_content": content,
                "p_encoding": encoding,
                "p_segments": segments,
                "p_model": reply and reply.model,
                "p_prompt_tokens": reply and reply.prompt_tokens,
                "p_completion_tokens": reply and reply.completion_tokens,
                "p_generation_ms": reply and reply.generation_ms,
                "p_shown_first_id": shown and shown.first_id,
                "p_shown_last_id": shown and shown.last_id,
                "p_prompt_hash": shown and shown.prompt_hash,
            },
        )
        sms = _outgoing(found) if found["outcome"] == "send" else None
        return QueuedReply(found["outcome"], sms, found.get("reason"))

    async def finish_sms_send(
        self,
        lease_id: str,
        message_id: int,
        sent: SentSms,
        encoding: str,
        segments: int,
        next_lease_id: str | None = None,
        worker: str | None = None,
    ) -> tuple[str, Claimed | Wait | None]:
        """'recorded', 'doubled', 'stale' or 'gone'; and with `next_lease_id` what claim_sms_work
        would return to `worker`, or None when the database cannot say."""
        found = await self._object(
            "finish_sms_send",
            {
                "p_lease_id": lease_id,
                "p_message_id": message_id,
                "p_message_sid": sent.sid,
                "p_status": sent.status,
                "p_segments": segments,
                "p_encoding": encoding,
                "p_next_lease_id": next_lease_id,
                "p_worker": worker,
            },
        )
        return found["outcome"], found["next"] and _claimed(found["next"])

    async def fail_sms_send(self, lease_id: str, message_id: int, failure: SendFailed) -> str:
        return await self._outcome(
            "fail_sms_send",
            {
                "p_lease_id": lease_id,
                "p_message_id": message_id,
                "p_outcome": failure.outcome,
                "p_error_message": str(failure),
                "p_error_code": failure.error_code,
                "p_retry_after": failure.retry_after,
            },
        )

    async def call_sms_tool(
        self,
        lease_id: str,
        message_id: int,
        name: str,
        arguments: Mapping[str, Any],
        asked_again: bool,
    ) -> ToolResult:
        """Run a function of schema sms_tools as the contact, once. Raises ReplyEnded.

        `asked_again`: the answer of an equal call was lost; nothing is run that was not.
        """
        found = await self._object(
            "call_sms_tool",
            {
                "p_lease_id": lease_id,
                "p_message_id": message_id,
                "p_name": name,
                "p_arguments": dict(arguments),
                "p_asked_again": asked_again,
            },
        )
        if found["outcome"] in ("gone", "ended"):
            raise ReplyEnded(found.get("reason", "gone"))
        told = {key: found[key] for key in ("result", "error") if key in found}
        return ToolResult(told)

    async def fail_sms_reply(self, lease_id: str, failure: ReplyFailed) -> str:
        """'retry', 'fallback', 'suspended', 'gone' or 'refused'."""
        return await self._outcome(
            "fail_sms_reply",
            {
                "p_lease_id": lease_id,
                "p_error": str(failure),
                "p_suspends": failure.suspends,
                "p_retry_after": failure.retry_after,
            },
        )

    async def reconcile_sms(
        self, message_id: int, found: list[SentSms] | None, lease_id: str | None = None
    ) -> str:
        """'recorded' (adopted), 'unknown', 'queued', 'failed' or 'gone'.

        `found` is the complete listing at Twilio; None: it could not be had.
        """
        return await self._outcome(
            "reconcile_sms",
            {
                "p_message_id": message_id,
                "p_found": None if found is None else [sms.as_payload() for sms in found],
                "p_lease_id": lease_id,
            },
        )

    async def record_sms_replay_answer(self, lease_id: str, answer: Mapping[str, Any]) -> str:
        """'recorded', 'suspended' or 'gone'; `answer`: see gateway.replays."""
        return await self._outcome(
            "record_sms_replay_answer", {"p_lease_id": lease_id, "p_answer": dict(answer)}
        )

    async def start_sms_replay(
        self, config_id: str, changes: Mapping[str, Any], since: datetime, limit: int
    ) -> str:
        """The id of a replay of the newest AI replies; `changes` are columns of sms_configs."""
        params = {
            "p_config_id": config_id,
            "p_changes": dict(changes),
            "p_since": since.isoformat(),
            "p_limit": limit,
        }
        return str(await self._call("start_sms_replay", params))

    async def get_sms_replay(self, replay_id: str) -> dict[str, Any]:
        """{"status", "answers": [{"old", "new", …}], "totals", …}: see its comment in SQL."""
        return await self._object("get_sms_replay", {"p_replay_id": replay_id})

    async def cancel_sms_replay(self, replay_id: str) -> None:
        await self._call("cancel_sms_replay", {"p_replay_id": replay_id})

    # What the webhook missed

    async def claim_sms_backfill(self) -> BackfillJob | Wait:
        found = await self._object("claim_sms_backfill", {})
        if found["config_id"] is None:
            return Wait(found["seconds"])
        return BackfillJob(
            config_id=found["config_id"],
            phone_number=found["phone_number"],
            since=found["since"],
            sync_since=found["sync_since"],
        )

    async def missing_sms(self, sids: list[str]) -> list[str]:
        """Those that are neither stored nor recorded as refused."""
        found: list[str] = await self._call("missing_sms", {"p_sids": sids})
        return found

    async def note_sms_refused(self, sid: str, reason: str) -> None:
        await self._call("note_sms_refused", {"p_sid": sid, "p_reason": reason})

    async def finish_sms_backfill(self, config_id: str, until: str | None) -> None:
        """All messages up to `until` (ISO 8601) are stored or refused; None: no progress."""
        await self._call("finish_sms_backfill", {"p_config_id": config_id, "p_until": until})

    async def record_sms_statuses(self, page: list[SentSms]) -> int:
        """Take over later states and prices; returns how many states changed."""
        messages = [sms.as_payload() for sms in page]
        return int(await self._call("record_sms_statuses", {"p_messages": messages}))

    async def drop_sms_backlog(self) -> int:
        """Answer and send nothing that waits or was missed by now; number of conversations."""
        return int(await self._call("drop_sms_backlog", {}))

    # Events

    async def claim_sms_event_deliveries(
        self, lease_id: str, limit: int
    ) -> tuple[list[EventDelivery], float | None]:
        """Up to `limit` that are due, and the seconds until more are (None: nobody is told)."""
        params = {"p_lease_id": lease_id, "p_limit": limit}
        found = await self._object("claim_sms_event_deliveries", params)
        deliveries = [
            EventDelivery(
                id=job["delivery_id"],
                kind=job["kind"],
                address=job["address"],
                secret=job["secret"],
                event_id=job["event_id"],
                payload=job["payload"],
                from_number=job["from"],
                service_sid=job["service_sid"],
                content=job["content"],
            )
            for job in found["deliveries"]
        ]
        return deliveries, found["seconds"]

    async def finish_sms_event_delivery(
        self,
        delivery_id: int,
        lease_id: str,
        status: int | None,
        error: str | None,
        retry_after: float | None,
    ) -> str:
        """'delivered', 'retry', 'dead' or 'gone'."""
        return await self._outcome(
            "finish_sms_event_delivery",
            {
                "p_delivery_id": delivery_id,
                "p_lease_id": lease_id,
                "p_response_status": status,
                "p_error": error,
                "p_retry_after": retry_after,
            },
        )

    async def list_sms_event_targets(self) -> list[EventTarget]:
        return cast(list[EventTarget], await self._call("list_sms_event_targets", {}))

    async def list_sms_event_deliveries(self, status: str | None, limit: int) -> list[Any]:
        """The newest first, as rows of list_sms_event_deliveries."""
        params = {"p_status": status, "p_limit": limit}
        return cast(list[Any], await self._call("list_sms_event_deliveries", params))

    async def replay_sms_event_delivery(self, delivery_id: int) -> None:
        await self._call("replay_sms_event_delivery", {"p_delivery_id": delivery_id})

    # Upkeep

    async def note_sms_worker(
        self,
        name: str,
        version: str,
        realtime_ready_at: datetime | None = None,
        notices: Mapping[str, str] | None = None,
    ) -> None:
        """A heartbeat; `notices` are what an operator should know, {"subject": "reason"}."""
        await self._call(
            "note_sms_worker",
            {
                "p_name": name,
                "p_version": version,
                "p_realtime_ready_at": realtime_ready_at and realtime_ready_at.isoformat(),
                "p_notices": dict(notices or {}),
            },
        )

    async def note_sms_models(self, shutdown_dates: Mapping[str, date]) -> None:
        """The models that end, as OpenAI's list says now."""
        dates = {model: ends.isoformat() for model, ends in shutdown_dates.items()}
        await self._call("note_sms_models", {"p_shutdown_dates": dates})

    async def remove_sms_worker(self, name: str) -> None:
        """It stops: what an operator sees counts it no longer."""
        await self._call("remove_sms_worker", {"p_name": name})

    async def maintain_sms(self) -> dict[str, Any]:
        """{"outcome": "done", "again", …counts} or "not due"; `again`: more is left."""
        return await self._object("maintain_sms", {})

    async def get_sms_health(self) -> Health:
        return cast(Health, await self._object("get_sms_health", {}))

    async def get_sms_setup(self) -> Setup:
        return cast(Setup, await self._object("get_sms_setup", {}))

    # The operator

    async def add_sms_number(
        self, owner: str, phone_number: str, service_sid: str | None, *, dry_run: bool = False
    ) -> Literal["insert", "update", "none"]:
        """What it does to the number's row; `owner` is an e-mail or a user's id."""
        params = {
            "p_owner": owner,
            "p_phone_number": phone_number,
            "p_messaging_service_sid": service_sid,
            "p_dry_run": dry_run,
        }
        answer = await self._object("add_sms_number", params)
        return cast(Literal["insert", "update", "none"], answer["change"])

    async def list_sms_numbers(self) -> list[Number]:
        return [Number(**found) for found in await self._call("list_sms_numbers", {})]

    async def list_sms_tools(self, phone_number: str | None = None) -> ToolListing:
        return cast(
            ToolListing, await self._object("list_sms_tools", {"p_phone_number": phone_number})
        )

    async def try_sms_tool(
        self,
        contact_number: str,
        name: str,
        arguments: Mapping[str, Any],
        phone_number: str | None,
        undo: bool,
    ) -> dict[str, Any]:
        """{"outcome", "result" or "error"}: as call_sms_tool, and not recorded."""
        return await self._object(
            "try_sms_tool",
            {
                "p_contact_number": contact_number,
                "p_name": name,
                "p_arguments": dict(arguments),
                "p_phone_number": phone_number,
                "p_undo": undo,
            },
        )

    async def import_sms_document(
        self, config_id: str, source: str, title: str, content: str, language: str
    ) -> str:
        """'inserted', 'updated' or 'unchanged'. Raises Refused with what is wrong with it."""
        given = {"p_config_id": config_id, "p_source": source, "p_title": title}
        given |= {"p_content": content, "p_language": language}
        return str(await self._call("import_sms_document", given))

    async def ask_sms_knowledge(self, config_id: str, question: str) -> list[dict[str, Any]]:
        """[{passage_id, title, content}], best first."""
        given = {"p_config_id": config_id, "p_question": question}
        found: list[dict[str, Any]] = await self._call("ask_sms_knowledge", given)
        return found

    async def get_sms_message(self, message_id: int) -> dict[str, Any]:
        """The row's columns, and "phone_number", "contact_number", "sent_after", "events"."""
        return await self._object("get_sms_message", {"p_message_id": message_id})

    async def resend_sms(self, message_id: int) -> int:
        """The id of the copy that is sent."""
        return int(await self._call("resend_sms", {"p_message_id": message_id}))

    async def call_with_key(self, name: str, key: str) -> tuple[int, Any]:
        """Call a function without parameters as whoever has this API key."""
        return await self._post(name, {}, key, key)

    # Signed-in users

    async def call_as_user(self, name: str, params: Mapping[str, Any], jwt: str) -> tuple[int, Any]:
        """Call a function as the owner of `jwt`, whom row level security judges."""
        return await self._post(name, params, self._settings.supabase_publishable_key, jwt)

    async def _post(
        self, name: str, params: Mapping[str, Any], key: str, jwt: str
    ) -> tuple[int, Any]:
        """PostgREST's status and JSON, errors too. Raises Unavailable without such an answer."""
        url = f"{self._settings.supabase_url}/rest/v1/rpc/{name}"
        headers = {"apikey": key, "authorization": f"Bearer {jwt}"}
        async with self._calling(USER_READ_SECONDS + 3):
            response = await self._http.post(
                url, json=params, headers=headers, timeout=USER_READ_SECONDS
            )
        try:
            return response.status_code, response.json() if response.content else None
        except ValueError as error:
            raise Unavailable(f"HTTP {response.status_code}, not of the Data API") from error

    async def _outcome(self, name: str, params: dict[str, Any]) -> str:
        return str((await self._object(name, params))["outcome"])

    async def _object(self, name: str, params: dict[str, Any]) -> dict[str, Any]:
        found = await self._call(name, params)
        if not isinstance(found, dict):
            raise Unavailable(f"{name}: not an answer of the Data API")
        return found

    async def _call(self, name: str, params: dict[str, Any]) -> Any:
        try:
            async with self._calling(self._call_seconds):
                return (await self._supabase.rpc(name, params).execute()).data
        except APIError as error:
            raise _failure(error, _last_status.get()) from error

    @asynccontextmanager
    async def _calling(self, seconds: float) -> AsyncIterator[None]:
        """A connection slot for one call, all of which ends in time; else raises Unavailable."""
        try:
            async with asyncio.timeout(seconds):
                async with asyncio.timeout(POOL_TIMEOUT):
                    await self._slots.acquire()
                try:
                    yield
                finally:
                    self._slots.release()
        except NO_ANSWER as error:
            raise _unanswered(error) from error


class Databases:
    """A Database for each event loop, opened with its first call.

    A host application need not run our lifespan, and its tests may use a loop a request.
    """

    def __init__(
        self,
        settings: Settings,
        read_seconds: float = READ_SECONDS,
        connections: int = CONNECTIONS,
    ) -> None:
        self._settings = settings
        self._read_seconds = read_seconds
        self._connections = connections
        self._by_loop: dict[asyncio.AbstractEventLoop, Database] = {}

    def current(self) -> Database:
        """That of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._by_loop:
            for ended in [known for known in self._by_loop if known.is_closed()]:
                del self._by_loop[ended]
            self._by_loop[loop] = Database(self._settings, self._read_seconds, self._connections)
        return self._by_loop[loop]

    async def close(self) -> None:
        """Close that of the running event loop."""
        if database := self._by_loop.pop(asyncio.get_running_loop(), None):
            await database.close()


def _unanswered(error: Exception) -> Unavailable:
    """With aiohttp's name for it: the transport calls a refused connection a timeout."""
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) else None
    return Unavailable(f"no answer: {type(cause or error).__name__}")


# Of the last answer in this task: postgrest-py keeps it to itself when the error is JSON, and the
# gateway before PostgREST refuses a key in JSON without a code.
_last_status: ContextVar[int] = ContextVar("last_status", default=0)


async def _note_status(response: httpx.Response) -> None:
    _last_status.set(response.status_code)


def _failure(error: APIError, status: int) -> Unavailable | Refused:
    """PostgREST's error codes are PGRSTnnn or five characters of Postgres.

    Any other answer, such as a gateway's page with the HTTP status as code, came from something
    in front of PostgREST. `details` stays out: it quotes the row, with text and number.
    """
    code = str(error.code or "")
    message = mask_numbers(error.message or "no reason given")[:200]
    ours = code.startswith("PGRST") or len(code) == 5
    if status in (401, 403) and len(code) != 5:
        return KeyRefused(
            f"the Data API refuses the key (HTTP {status}: {message}): set SUPABASE_SECRET_KEY to "
            "a secret key of the project at SUPABASE_URL",
            code if ours else "",
        )
    if not ours or code in _TRY_AGAIN or code[:2] in _TRY_AGAIN:
        return Unavailable(f"{code}: {message}" if code else message, code if ours else "")
    return Refused(code, message, error.hint)


def _claimed(found: dict[str, Any]) -> Claimed | Wait:
    if found["kind"] == "wait":
        return Wait(found["seconds"])
    return Claimed(_job(found), float(found["lease_seconds"]), found["seconds"])


def _job(found: dict[str, Any]) -> Job:
    match found["kind"]:
        case "reply":
            return _reply_job(found)
        case "fallback":
            return FallbackJob(
                conversation_id=found["conversation_id"],
                message_id=found["message_id"],
                text=found["content"],
                fold_accents=found["fold_accents"],
                max_segments=found["max_segments"],
            )
        case "send":
            return SendJob(found["conversation_id"], _outgoing(found))
        case "reconcile":
            return ReconcileJob(
                conversation_id=found["conversation_id"],
                sms=_outgoing(found),
                sent_after=found["sent_after"],
            )
        case "replay":
            return _replay_job(found)
    raise ValueError(f"a job of the unknown kind {found['kind']!r}: the database is newer")


def _reply_job(found: dict[str, Any]) -> ReplyJob:
    ids = [turn["id"] for turn in found["history"]]
    return ReplyJob(
        conversation_id=found["conversation_id"],
        message_id=found["message_id"],
        prompt=_prompt(found, found["history"]),
        notice=found["notice"],
        opt_out_hint=found["opt_out_hint"],
        attempt=found["attempt"],
        first_id=min(ids),
        last_id=max(ids),
    )


def _replay_job(found: dict[str, Any]) -> ReplayJob:
    original = found["original"]
    return ReplayJob(
        replay_id=found["replay_id"],
        place=found["place"],
        conversation_id=found["conversation_id"],
        message_id=found["message_id"],
        prompt=_prompt(found["prompt"], found["history"]),
        original=_prompt(original, found["history"]) if original else None,
        prompt_hash=found["prompt_hash"],
        recorded_calls=tuple(_recorded_call(call) for call in found["recorded_calls"] or ()),
        old_content=found["old_content"],
        notice=found["notice"],
        opt_out_hint=found["opt_out_hint"],
    )


def _prompt(found: dict[str, Any], history: list[dict[str, Any]]) -> Prompt:
    return Prompt(
        contact_number=found["contact_number"],
        system_prompt=found["system_prompt"],
        openai_model=found["openai_model"],
        max_tokens=found["max_tokens"],
        temperature=found["temperature"],
        max_segments=found["max_segments"],
        fold_accents=found["fold_accents"],
        history=tuple(Turn(turn["role"], turn["content"]) for turn in history),
        contact=found["contact"] or {},
        knowledge=tuple(
            Passage(part["title"], part["content"]) for part in found["knowledge"] or ()
        ),
        tools=tuple(
            Tool(tool["name"], tool["description"], tool["parameters"])
            for tool in found["tools"] or ()
        ),
        tool_calls=tuple(_recorded_call(call) for call in found["tool_calls"] or ()),
        stay_silent_for=tuple(found["stay_silent_for"]),
    )


def _recorded_call(found: dict[str, Any]) -> ToolCall:
    told = {"error": found["error"]} if found["error"] else {"result": found["result"]}
    return ToolCall(found["id"], found["name"], found["arguments"], told)


def _outgoing(found: dict[str, Any]) -> OutgoingSms:
    return OutgoingSms(
        message_id=found["message_id"],
        from_number=found["from"],
        to_number=found["to"],
        body=found["content"],
        service_sid=found["service_sid"],
    )
