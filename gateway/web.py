"""Process 1, the map: Twilio's posts become rows, and a small REST facade for signed-in users."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import openapi, telemetry
from gateway.api import Api, ApiError, Readiness, answer_api_error, healthz
from gateway.inbox_files import inbox_routes
from gateway.settings import Settings
from gateway.supabase import Databases
from gateway.telemetry import log_event
from gateway.twilio_post import PostRefused
from gateway.webhooks import NotStored, Webhooks, answer_not_stored, answer_refused

# One try ends early enough for a second on a fresh connection, should the first one be dead.
READ_SECONDS = 2.0
# Users' calls may be slow, and PostgREST's own pool is 10 connections by default: some are left
# for Twilio's posts, which have slots of their own here.
USER_CONNECTIONS = 6

logger = logging.getLogger("gateway.web")


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
    for_posts = Databases(settings, READ_SECONDS)
    for_users = Databases(settings, READ_SECONDS, USER_CONNECTIONS)
    for_health = Databases(settings, READ_SECONDS, connections=1)
    webhooks, api, readiness = Webhooks(settings, for_posts), Api(for_users), Readiness(for_health)
    conversation = "/api/sms/conversations/{conversation_id}"
    description = openapi.describe(settings.public_url)

    async def describe_api(request: Request) -> JSONResponse:
        return JSONResponse(description)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        for_posts.current()
        yield
        for databases in (for_posts, for_users, for_health):
            await databases.close()

    asgi = Starlette(
        routes=[
            Route("/webhook/sms", webhooks.receive_sms, methods=["POST"]),
            Route("/webhook/sms/status", webhooks.receive_status, methods=["POST"]),
            Route("/api/sms/openapi.json", describe_api),
            Route("/api/sms/stats", api.get_stats),
            Route(f"{conversation}/history", api.get_history),
            Route(f"{conversation}/close", api.close_conversation, methods=["POST"]),
            Route("/healthz", healthz),
            Route("/readyz", readiness.readyz),
            *inbox_routes(settings),
        ],
        middleware=[*_cors(settings.sms_cors_origins), Middleware(ErrorMiddleware)],
        exception_handlers={
            PostRefused: answer_refused,
            NotStored: answer_not_stored,
            ApiError: answer_api_error,
        },
        lifespan=lifespan,
    )
    # Else a path with a slash too many is redirected, to whatever Host the client sent and, behind
    # a proxy, to http://, where the message would be posted once more, in the clear.
    asgi.router.redirect_slashes = False
    return asgi


class ErrorMiddleware:
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
        error=without_message(error),
    )


def without_message(error: BaseException) -> Exception:
    """The error's kind and traceback without its words, which may quote a message or a number."""
    told = Exception(type(error).__name__).with_traceback(error.__traceback__)
    told.__cause__ = error.__cause__ and without_message(error.__cause__)
    return told


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
