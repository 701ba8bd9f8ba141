"""gunicorn's settings: gunicorn -k asgi -c python:gateway.gunicorn_conf 'gateway.web:app()'.

The names are gunicorn's, https://gunicorn.org/reference/settings/
"""

import os
from asyncio import Transport
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol  # type: ignore[import-untyped]
from gunicorn.workers import gasgi  # type: ignore[import-untyped]

bind = f"0.0.0.0:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 1)
worker_class = "asgi"
http_parser = "python"  # "auto" would take a compiled parser of any version it happens to find
asgi_lifespan = "on"

# An idle connection delays the end of a worker by all of graceful_timeout (gunicorn 27.0.1), and
# a router that keeps connections longer than we do would post into closed ones.
keepalive = 0

timeout = 20  # a worker whose event loop stands still for so long is replaced; see Connection
graceful_timeout = 20  # platforms end a process 30 s after SIGTERM
asgi_disconnect_grace_period = 15  # a post whose client has left is finished all the same
control_socket_disable = True


class Connection(ASGIProtocol):  # type: ignore[misc]
    """A connection that is cut after `timeout` seconds, whatever it waits for.

    gunicorn's own waits for ever for the rest of a request's head, and for a client that does
    not read its answer. With keepalive 0 a connection serves one request, and none takes so long.
    """

    def connection_made(self, transport: Transport) -> None:
        super().connection_made(transport)
        self._cut = self.worker.loop.call_later(self.cfg.timeout or timeout, transport.abort)

    def connection_lost(self, error: Exception | None) -> None:
        self._cut.cancel()
        super().connection_lost(error)


def post_worker_init(worker: Any) -> None:
    """gunicorn's hook; no setting names the protocol of its ASGI worker."""
    gasgi.ASGIProtocol = Connection
