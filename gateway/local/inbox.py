"""`sms-gateway inbox build`: gateway/inbox becomes gateway/inbox/dist, with the Node.js of PyPI."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.local.binaries import NODE_FOLDER, NPM_FLAGS, lock_of
from gateway.local.processes import Say, StackError, run

INBOX = Path(__file__).parents[1] / "inbox"
TYPES = INBOX.parents[1] / "supabase/types/database.ts"
DEFAULT_BASE = "/inbox/"


async def build(say: Say, base: str = DEFAULT_BASE) -> None:
    """Install what it needs and build it, unless these very sources are built. Raises StackError.

    `base` is the path it will be served at, with a slash at both ends. Safe for two processes at
    once.
    """
    if not TYPES.exists():
        raise StackError("the inbox is built in a clone of the repository; this is an installation")
    async with lock_of(INBOX / ".lock", say):
        stamp, edition = INBOX / "dist/edition", _edition(base)
        if stamp.exists() and stamp.read_text() == edition:
            return
        began = time.monotonic()
        await _install(say)
        await _node("node_modules/typescript/bin/tsc")
        await _node("node_modules/vite/bin/vite.js", "build", f"--base={base}")
        stamp.write_text(edition)
        say(f"built the inbox in {time.monotonic() - began:.0f} s")


def _edition(base: str) -> str:
    """Another one for other sources, libraries, types or base."""
    digest = hashlib.sha256(base.encode())
    for path in _sources():
        digest.update(path.relative_to(INBOX.parents[1]).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    yield TYPES
    yield from sorted(path for path in INBOX.iterdir() if path.suffix in (".json", ".ts", ".html"))
    for folder in ("src", "public"):
        yield from sorted(path for path in (INBOX / folder).rglob("*") if path.is_file())


async def _install(say: Say) -> None:
    """Unless this lock file's packages are there, by npm's own note of what it installed."""
    installed, lock = INBOX / "node_modules/.package-lock.json", INBOX / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    say("installing what the inbox is built with, about 10 s, once")
    npm = NODE_FOLDER / "lib/node_modules/npm/bin/npm-cli.js"
    await _node(str(npm), "ci", *NPM_FLAGS)


async def _node(*arguments: str) -> None:
    """Node.js trusts its own list of authorities; a company's proxy is in the system's."""
    environ = {"NODE_USE_SYSTEM_CA": "1", **os.environ}
    code, output = await run(NODE_FOLDER / "bin/node", *arguments, folder=INBOX, environ=environ)
    if code:
        raise StackError(
            f"the inbox could not be built:\n{output[-1500:]}\nThe first build needs the npm "
            "registry: check the network, or set HTTPS_PROXY or npm_config_registry."
        )
