"""gunicorn's settings: gunicorn -k asgi -c python:gateway.server 'gateway.web:app()'.

The names are gunicorn's, https://gunicorn.org/reference/settings/
"""

import os

bind = f"0.0.0.0:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 1)
worker_class = "asgi"
http_parser = "python"  # "auto" would take a compiled parser of any version it happens to find
asgi_lifespan = "on"

# An idle connection delays the end of a worker by all of graceful_timeout (gunicorn 27.0.1), and
# a router that keeps connections longer than we do would post into closed ones.
keepalive = 0

timeout = 20  # a worker whose event loop stands still for so long is replaced
graceful_timeout = 20  # platforms end a process 30 s after SIGTERM
asgi_disconnect_grace_period = 15  # a post whose client has left is finished all the same
control_socket_disable = True
