"""What the tests of the web process and of the database share: settings and a Data API."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.settings import Settings

ACCOUNT = "AC" + "0" * 32
TOKEN = "auth_token_of_nobody"
PUBLIC_URL = "https://sms.example.com"
OURS, CONTACT = "+15550001111", "+15557654321"

SETTINGS = Settings(
    supabase_url="http://127.0.0.1:1",
    supabase_secret_key="sb_secret_of_nobody",
    supabase_publishable_key="sb_publishable_of_nobody",
    twilio_account_sid=ACCOUNT,
    twilio_auth_tokens=(TOKEN,),
    openai_api_key="sk-of-nobody",
    public_url=PUBLIC_URL,
)


def settings(**changes: Any) -> Settings:
    return replace(SETTINGS, **changes)


def sign(
    url: str, pairs: list[tuple[str, str]], secret: str = TOKEN, algorithm: str = "sha1"
) -> str:
    """X-Twilio-Signature of a form, written down from Twilio's description, not from its code.

    https://www.twilio.com/docs/usage/security#validating-requests
    """
    signed = url + "".join(name + value for name, value in sorted(set(pairs)))
    return base64.b64encode(hmac.digest(secret.encode(), signed.encode(), algorithm)).decode()


@dataclass(frozen=True)
class Call:
    """One call of a SQL function over the Data API."""

    name: str
    params: Any
    headers: dict[str, str]


Answer = Callable[[Request], Awaitable[Response]]


@dataclass
class DataApi:
    """PostgREST's wire format: records what is called; `answers` are used up, `default` stays."""

    default: Any = None
    calls: list[Call] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/rest/v1/rpc/{name}", self.respond, methods=["POST"])])

    async def respond(self, request: Request) -> Response:
        params, headers = await request.json(), dict(request.headers)
        self.calls.append(Call(request.path_params["name"], params, headers))
        if self.answers:
            return await self.answers.pop(0)(request)
        return JSONResponse(self.default)

    def answer(self, content: Any, status: int = 200) -> None:
        """What the next call gets: JSON, or a text as it is."""

        async def respond(request: Request) -> Response:
            if isinstance(content, str):
                return Response(content, status, media_type="text/html")
            return JSONResponse(content, status)

        self.answers.append(respond)

    def fail(self, code: str, status: int = 500, message: str = "no") -> None:
        self.answer({"code": code, "message": message, "details": None, "hint": None}, status)

    def payloads(self, name: str) -> list[dict[str, Any]]:
        return [call.params["p_payload"] for call in self.calls if call.name == name]
