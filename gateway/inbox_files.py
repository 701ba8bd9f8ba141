"""The built React inbox (inbox/dist, see inbox/README.md) below /inbox/.

Looked for at each request, not at the start: `sms-gateway local` builds it beside the processes
that serve it. While it is not there, everything below /inbox/ is 404.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from gateway.settings import Settings

DIST = Path(__file__).parent / "inbox" / "dist"
A_YEAR = 365 * 24 * 3600


def inbox_routes(settings: Settings, dist: Path = DIST) -> list[BaseRoute]:
    """Routes for a Starlette application."""

    async def redirect(request: Request) -> Response:
        """To the same host, whatever the client called it."""
        return RedirectResponse("inbox/", 308)

    async def get_config(request: Request) -> Response:
        """Which project the page belongs to. Both values are public by nature."""
        if not is_built(dist):
            raise HTTPException(404)
        config = {"url": settings.supabase_url, "publishableKey": settings.supabase_publishable_key}
        return JSONResponse(config, headers={"cache-control": "no-cache"})

    return [
        Route("/inbox", redirect),
        Route("/inbox/config.json", get_config),
        Mount("/inbox", InboxFiles(dist, content_security_policy(settings.supabase_url))),
    ]


def is_built(dist: Path = DIST) -> bool:
    return (dist / "index.html").is_file()


def content_security_policy(supabase_url: str) -> str:
    """Only the page's own files, and one Supabase project over HTTP and WebSocket."""
    parts = urlsplit(supabase_url)
    socket = "wss" if parts.scheme == "https" else "ws"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "manifest-src 'self'",
            f"connect-src 'self' {parts.scheme}://{parts.netloc} {socket}://{parts.netloc}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


class InboxFiles(StaticFiles):
    """Files of the build; any other path is the page itself, whose router reads the address."""

    def __init__(self, dist: Path, policy: str) -> None:
        super().__init__(directory=dist, check_dir=False)
        self._headers = {
            "content-security-policy": policy,
            "cross-origin-opener-policy": "same-origin",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }

    async def check_config(self) -> None:
        """Starlette's refuses every request with 500 while there is no folder; here that is 404."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        is_asset = path.startswith("assets/")  # their names change with their contents
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or is_asset:
                raise
            response = await super().get_response("index.html", scope)
        caching = f"public, max-age={A_YEAR}, immutable" if is_asset else "no-cache"
        response.headers.update({**self._headers, "cache-control": caching})
        return response
