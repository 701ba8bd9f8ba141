"""Process 1: Twilio's posts become rows, and a small REST facade for signed-in users.

The routes at the end are the map. Every post is answered after its one transactional call;
nothing runs in the background, so an answer of 200 means that the text is stored.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import UUID

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_before_delay,
    wait_random_exponential,
)

from gateway import telemetry
from gateway.database import Database, Refused, Unavailable
from gateway.settings import Settings
from gateway.sms import (
    Form,
    FormIncomplete,
    FormTooLarge,
    account_is_ours,
    parse_form,
    parse_inbound,
    parse_status,
    signature_is_valid,
)
from gateway.telemetry import log_event, mask

MAX_BODY = 64 * 1024  # what Twilio sends at most
BODY_SECONDS = 3.0
# Twilio waits 4 s for the answer, as the webhook URL asks it to; 503 must arrive before that.
ANSWER_SECONDS = 3.3
# One try ends early enough for a second on a fresh connection, should the first one be dead.
READ_SECONDS = 2.0
LATE_SECONDS = 90  # three heartbeats of a worker, and more than a lease

# Nothing to send back. A plain text would be sent to the contact as an answer.
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/=-]+)", re.IGNORECASE)  # RFC 6750, 2.1

logger = logging.getLogger("gateway.web")
T = TypeVar("T")


def app() -> Starlette:
    """For gunicorn: reads the environment. SettingsError is raised and stops the server."""
    settings = Settings.from_environ(os.environ)
    telemetry.configure(settings)
    return create_app(settings)


def create_app(settings: Settings) -> Starlette:
    """The web process as an ASGI application, alone or mounted in another one.

    In a Starlette or FastAPI application: `host.mount("/", create_app(settings))`; under another
    path PUBLIC_URL ends in it. A host does not run our lifespan and need not: the connections are
    opened with the first request. One that wants them closed in its own lifespan writes
    `async with sms.router.lifespan_context(sms):` around its `yield`.
    """
    gateway = Gateway(settings)
    conversation = "/api/sms/conversations/{conversation_id}"
    asgi = Starlette(
        routes=[
            Route("/webhook/sms", gateway.receive_sms, methods=["POST"]),
            Route("/webhook/sms/status", gateway.receive_status, methods=["POST"]),
            Route("/api/sms/stats", gateway.get_stats),
            Route(f"{conversation}/history", gateway.get_history),
            Route(f"{conversation}/close", gateway.close_conversation, methods=["POST"]),
            Route("/healthz", say_up),
            Route("/readyz", gateway.say_ready),
        ],
        middleware=[*_cors(settings.sms_cors_origins), Middleware(LastResort)],
        exception_handlers={ApiError: answer_api_error},
        lifespan=gateway.live,
    )
    # Else a path with a slash too many is redirected, to whatever Host the client sent and, behind
    # a proxy, to http://, where the text would be posted once more, in the clear.
    asgi.router.redirect_slashes = False
    return asgi


class ApiError(HTTPException):
    """An error of the REST facade, in the shape of PostgREST's own."""


async def answer_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)  # noqa: S101  # the only one it is registered for
    content = {
        "code": f"PT{error.status_code}",
        "message": error.detail,
        "details": None,
        "hint": None,
    }
    return JSONResponse(content, error.status_code)


class LastResort:
    """What nobody expected is logged, once, and the client learns nothing of it.

    A handler for Exception would not do: Starlette raises it again after the answer, and the
    server logs it a second time, with the error's own words.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        is_answered = False

        async def send_on(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self._app(scope, receive, send_on)
        except Exception as error:
            _log_failure(scope, error)
            if not is_answered:
                answer = PlainTextResponse("Internal Server Error", 500)
                await answer(scope, receive, send)


def _log_failure(scope: Scope, error: Exception) -> None:
    log_event(
        logger,
        "request failed",
        level=logging.ERROR,
        method=scope["method"],
        path=scope["path"],
        reason=type(error).__name__,
        error=_wordless(error),
    )


def _wordless(error: BaseException) -> Exception:
    """The error's kind and traceback without its words, which may quote a text or a number."""
    told = Exception(type(error).__name__).with_traceback(error.__traceback__)
    told.__cause__ = error.__cause__ and _wordless(error.__cause__)
    return told


class Gateway:
    """The handlers, and the connection to the database they share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._databases: dict[asyncio.AbstractEventLoop, Database] = {}

    @asynccontextmanager
    async def live(self, app: Starlette) -> AsyncIterator[None]:
        self._database()
        yield
        if database := self._databases.pop(asyncio.get_running_loop(), None):
            await database.close()

    # Twilio's posts

    async def receive_sms(self, request: Request) -> Response:
        started = time.monotonic()
        sms = _parsed(parse_inbound, await self._signed_form(request, self._settings.webhook_url))
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

    async def receive_status(self, request: Request) -> Response:
        started = time.monotonic()
        form = await self._signed_form(request, self._settings.status_url)
        status = _parsed(lambda form: parse_status(form, request.query_params), form)
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

    async def _signed_form(self, request: Request, url: str) -> Form:
        """The post's form if Twilio signed it for `url`, a configured one; else HTTPException."""
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/x-www-form-urlencoded":
            raise _refusal(415, "not a form")
        form = _parsed(parse_form, await _read_body(request))

        query = request.scope["query_string"].decode("latin-1")
        signed_url = url.partition("?")[0] + (f"?{query}" if query else "")
        if not signature_is_valid(self._settings, signed_url, form, request.headers):
            raise _refusal(403, "the signature is missing or wrong")
        if not self._token_is_valid(request.query_params.get("token", "")):
            raise _refusal(403, "the token is missing or wrong")
        if not _parsed(lambda form: account_is_ours(self._settings, form), form):
            raise _refusal(403, "another account")
        return form

    def _token_is_valid(self, token: str) -> bool:
        secret = self._settings.sms_webhook_secret
        return not secret or hmac.compare_digest(token.encode("utf-8", "replace"), secret.encode())

    async def _store(self, what: str, sid: str, call: Callable[[Database], Awaitable[T]]) -> T:
        """Make the call, again while the database asks for that, and answer 503 in time.

        All of these calls may be repeated: they do nothing the second time.
        """

        async def call_once() -> T:
            return await call(self._database())

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
            reason = str(error) or "no answer in time"
        except Refused as error:
            # Not lost: Twilio posts it again, and the backfill finds it in Twilio's list.
            reason = f"refused with {error.code}"
        log_event(logger, f"{what} not stored", level=logging.ERROR, sid=sid, reason=reason)
        raise HTTPException(503, "not stored, try again")

    # Signed-in users: the database checks the token and decides who sees what

    async def get_stats(self, request: Request) -> Response:
        return await self._call_as_user(request, "get_sms_stats", {})

    async def get_history(self, request: Request) -> Response:
        """?limit=50&before_id=…: the newest first, older ones by the last id seen."""
        params: dict[str, Any] = {"p_conversation_id": _conversation_id(request)}
        for name in ("limit", "before_id"):
            if text := request.query_params.get(name):
                params[f"p_{name}"] = _whole_number(name, text)
        return await self._call_as_user(request, "get_sms_conversation_history", params)

    async def close_conversation(self, request: Request) -> Response:
        params = {"p_conversation_id": _conversation_id(request)}
        return await self._call_as_user(request, "close_sms_conversation", params)

    async def _call_as_user(self, request: Request, name: str, params: dict[str, Any]) -> Response:
        bearer = _BEARER.fullmatch(request.headers.get("authorization", ""))
        if bearer is None:
            raise ApiError(401, "sign in: the header Authorization: Bearer <JWT> is needed")
        started = time.monotonic()
        try:
            status, answer = await self._database().call_as_user(name, params, bearer[1])
        except Unavailable as error:
            log_event(logger, "api failed", level=logging.ERROR, function=name, reason=str(error))
            raise ApiError(503, "the database does not answer, try again") from error
        seconds = time.monotonic() - started
        log_event(logger, "api called", function=name, status=status, seconds=seconds)
        return JSONResponse(answer, 200 if status == 204 else status)

    # Health

    async def say_ready(self, request: Request) -> Response:
        """503 with the reasons while texts cannot be stored.

        A missing worker is only a warning: to take this process out of a router for it would
        turn late answers into lost texts.
        """
        try:
            health = await self._database().get_sms_health()
        except (Unavailable, Refused) as error:
            log_event(logger, "not ready", level=logging.WARNING, reason=str(error))
            reasons = ["the database does not answer as expected"]
            return JSONResponse({"ready": False, "reasons": reasons, "warnings": []}, 503)
        return JSONResponse({"ready": True, "reasons": [], "warnings": _warnings(health)})

    def _database(self) -> Database:
        """The connections of the running event loop, opened with its first request.

        A host application need not run our lifespan, and its tests may use a loop a request.
        """
        loop = asyncio.get_running_loop()
        if loop not in self._databases:
            for ended in [known for known in self._databases if known.is_closed()]:
                del self._databases[ended]
            self._databases[loop] = Database(self._settings, READ_SECONDS)
        return self._databases[loop]


async def say_up(request: Request) -> Response:
    """The process runs; nothing else is asked."""
    return JSONResponse({"status": "up"})


def _warnings(health: dict[str, Any]) -> list[str]:
    """Why texts that are stored may not be answered, for whoever may read a public page."""
    warnings = []
    seen = [worker["seen_seconds_ago"] for worker in health.get("workers", [])]
    if not any(seconds < LATE_SECONDS for seconds in seen):
        warnings.append(f"no worker was seen for {LATE_SECONDS} s")
    if (late := health.get("oldest_due_seconds") or 0) > LATE_SECONDS:
        warnings.append(f"work has been due for {late:.0f} s")
    suspended = [number for number in health.get("numbers", []) if number["suspended_until"]]
    return warnings + [f"the number {number['number']} is suspended" for number in suspended]


async def _read_body(request: Request) -> bytes:
    """At most MAX_BODY bytes in BODY_SECONDS; else HTTPException."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise _refusal(413, "too large")
    except TimeoutError:
        raise _refusal(408, "the body came too slowly") from None
    except ClientDisconnect:
        raise _refusal(400, "the body ended early") from None
    return bytes(body)


def _parsed(parse: Callable[[Any], T], post: Any) -> T:
    try:
        return parse(post)
    except FormTooLarge as error:
        raise _refusal(413, str(error)) from None
    except FormIncomplete as error:
        raise _refusal(400, str(error)) from None


def _refusal(status: int, reason: str) -> HTTPException:
    """For a post that is not stored: logged alone, since strangers must not fill a table."""
    log_event(logger, "post refused", level=logging.WARNING, status=status, reason=reason)
    return HTTPException(status, reason)


def _conversation_id(request: Request) -> str:
    try:
        return str(UUID(request.path_params["conversation_id"]))
    except ValueError:
        raise ApiError(422, "the conversation's id must be a UUID") from None


def _whole_number(name: str, text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ApiError(422, f"{name} must be a whole number")
    return int(text)


def _cors(origins: tuple[str, ...]) -> list[Middleware]:
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
        )
    ]
