"""Twilio's two posts: guard, one transactional call, answer.

Every post is answered after its call; nothing runs in the background, so an answer of 200 means
that the message is stored.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_before_delay,
    wait_random_exponential,
)

from gateway.messages import DeliveryStatus, InboundSms
from gateway.settings import Settings
from gateway.supabase import Database, Databases, Refused, Unavailable
from gateway.telemetry import log_event, mask
from gateway.twilio_post import Form, PostRefused, parse_inbound, parse_status, read_form

MAX_BODY = 64 * 1024  # what Twilio sends at most
BODY_SECONDS = 3.0
# Twilio waits 4 s for the answer, as the webhook URL asks it to; 503 must arrive before that.
ANSWER_SECONDS = 3.3

# Nothing to send back. A plain text would be sent to the contact as an answer.
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

logger = logging.getLogger("gateway.webhooks")
T = TypeVar("T")


class NotStored(Exception):
    """Twilio posts it again, and the backfill finds it in Twilio's list."""

    def __init__(self, what: str, sid: str, reason: str) -> None:
        super().__init__(reason)
        self.what = what
        self.sid = sid


class Webhooks:
    """The handlers of both posts."""

    def __init__(self, settings: Settings, databases: Databases) -> None:
        self._settings = settings
        self._databases = databases

    async def receive_sms(self, request: Request) -> Response:
        form = await self._form(request, self._settings.webhook_url)
        return await self._store_sms(parse_inbound(form))

    async def receive_status(self, request: Request) -> Response:
        form = await self._form(request, self._settings.status_url)
        return await self._store_status(parse_status(form, request.query_params))

    async def _form(self, request: Request, url: str) -> Form:
        """The post's form if Twilio signed it for `url`, a configured one: the request's own
        would be another behind a proxy."""
        query = request.scope["query_string"].decode("latin-1")
        body = await _read_body(request)
        return read_form(self._settings, url, query, request.headers, body)

    async def _store_sms(self, sms: InboundSms) -> Response:
        started = time.monotonic()
        stored = await self._store("sms", sms.sid, lambda database: database.ingest_sms(sms))
        log_event(
            logger,
            "sms received",
            sid=sms.sid,
            from_=mask(sms.from_number),
            to=mask(sms.to_number),
            outcome=stored.get("outcome"),
            message_id=stored.get("message_id"),
            conversation_id=stored.get("conversation_id"),
            no_reply_reason=stored.get("no_reply_reason"),
            seconds=time.monotonic() - started,
        )
        return Response(EMPTY_TWIML, media_type="text/xml")

    async def _store_status(self, status: DeliveryStatus) -> Response:
        started = time.monotonic()
        outcome = await self._store(
            "status", status.sid, lambda database: database.record_sms_delivery(status)
        )
        log_event(
            logger,
            "status received",
            sid=status.sid,
            status=status.status,
            error_code=status.error_code,
            outcome=outcome,
            message_id=status.message_id,
            seconds=time.monotonic() - started,
        )
        return Response(EMPTY_TWIML, media_type="text/xml")

    async def _store(self, what: str, sid: str, call: Callable[[Database], Awaitable[T]]) -> T:
        """Make the call, again while the database asks for that; raises NotStored in time.

        All of these calls may be repeated: they do nothing the second time.
        """

        async def call_once() -> T:
            return await call(self._databases.current())

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_random_exponential(multiplier=0.1, max=1),
            stop=stop_before_delay(ANSWER_SECONDS),
            reraise=True,
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await retrying(call_once)
        except (Unavailable, TimeoutError) as error:
            raise NotStored(what, sid, str(error) or "no answer in time") from error
        except Refused as error:
            raise NotStored(what, sid, f"refused with {error.code}") from error


async def _read_body(request: Request) -> bytes:
    """At most MAX_BODY bytes in BODY_SECONDS; raises PostRefused."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise PostRefused(413, "too large")
    except TimeoutError:
        raise PostRefused(408, "the body came too slowly") from None
    except ClientDisconnect:
        raise PostRefused(400, "the body ended early") from None
    return bytes(body)


async def answer_refused(request: Request, error: Exception) -> Response:
    """Logged alone, since strangers must not fill a table.

    After a 408 the connection is closed, or uvicorn would wait for the rest of the body for ever:
    https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9
    """
    assert isinstance(error, PostRefused)  # noqa: S101  # the only one it is registered for
    reason = str(error)
    log_event(logger, "post refused", level=logging.WARNING, status=error.status, reason=reason)
    headers = {"connection": "close"} if error.status == 408 else None
    return PlainTextResponse(reason, error.status, headers)


async def answer_not_stored(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotStored)  # noqa: S101
    log_event(
        logger, f"{error.what} not stored", level=logging.ERROR, sid=error.sid, reason=str(error)
    )
    return PlainTextResponse("not stored, try again", 503)
