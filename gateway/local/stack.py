"""The whole local stack: a Supabase project, Twilio, OpenAI and the product's own processes.

`async with Stack(folder) as stack:` starts the parts one after the other and stops them in reverse.
`stack.environ` is the environment the product needs; the parts are attributes, for who wants to
break them.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TextIO

from gateway.local import binaries, inbox
from gateway.local.binaries import Binaries
from gateway.local.keys import Keys
from gateway.local.postgres import WANTED_PORT, Postgres
from gateway.local.processes import Child, Ports, Say, StackError, free_port, spawn
from gateway.local.proxy import Proxy
from gateway.local.realtime.server import RealtimeServer
from gateway.local.standins.openai import OpenAI, create_openai
from gateway.local.standins.phone import create_phone, read_from
from gateway.local.standins.twilio import Twilio, create_twilio
from gateway.local.supabase import Lite, Project, ensure_user
from gateway.local.testserver import serve
from gateway.schema import supabase_folder

REPOSITORY = Path(__file__).parents[2]
EMAIL, PASSWORD = "you@example.com", "local-password"
PHONE_NUMBER = "+15005550006"
# Taken at a data folder's first start when they are free.
PROXY_PORT, WEB_PORT, PHONE_PORT, TWILIO_PORT, OPENAI_PORT = (
    54321,
    8000,
    8001,
    54325,
    54326,
)

# Of Twilio's webhooks: retry everything, soon. As `sms-gateway number` sets them.
OVERRIDES = "#rc=5&rp=all&ct=3000&rt=4000"

# Settings that a shell or an .env file made for a real account must not bring in.
UNWANTED = (
    "TWILIO_API_KEY",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_WEBHOOK_KEYS",
    "SMS_WEBHOOK_SECRET",
    "SENTRY_DSN",
    "OPENAI_BASE_URL",
)


class Stack:
    """One running stack. `web` and `worker` are how many of the Procfile's processes to start.

    A given `openai_api_key` means OpenAI itself instead of the stand-in.
    """

    postgres: Postgres
    lite: Lite
    realtime: RealtimeServer
    proxy: Proxy
    twilio: Twilio
    openai: OpenAI | None
    environ: dict[str, str]
    twilio_url: str

    def __init__(
        self,
        folder: Path,
        *,
        web: int = 1,
        worker: int = 1,
        openai_api_key: str | None = None,
        exposes_new_tables: bool = True,
        builds_inbox: bool = False,
        say: Say = lambda line: None,
    ) -> None:
        self.folder = folder.absolute()
        self.counts = {"web": web, "worker": worker}
        self.openai_api_key = openai_api_key
        self.exposes_new_tables = exposes_new_tables
        self.builds_inbox = builds_inbox
        self.say = say
        self.logs = self.folder / "logs"
        self.home = self.folder / "home"  # of programs that would write into the user's
        self.processes: list[Child] = []
        self._opened = AsyncExitStack()

    @property
    def postgres_url(self) -> str:
        """The superuser's."""
        return self.postgres.url()

    async def __aenter__(self) -> Stack:
        try:
            await self._start()
        except BaseException:
            await self._opened.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def watch(self) -> None:
        """Wait for ever; raises StackError when a child ends by itself."""
        watched = [self.postgres.child, *self.processes]
        running = {asyncio.create_task(child.process.wait()): child for child in watched if child}
        try:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in running:
                task.cancel()
        child = running[done.pop()]
        raise StackError(f"{child.name} ended, see {child.log}:\n{child.last_words()}")

    async def start_process(
        self, name: str, environ: Mapping[str, str] | None = None, log: str | None = None
    ) -> Child:
        """Run one line of the Procfile, with the virtual environment's programs first."""
        child = await spawn(
            log or name,
            *("/bin/sh", "-c", f"exec {_procfile()[name]}"),
            log=self.logs / f"{log or name}.log",
            folder=REPOSITORY,
            environ={**_own_environ(), **_on_loopback({**self.environ, **(environ or {})})},
        )
        self.processes.append(child)
        return child

    async def _start(self) -> None:
        for folder in (self.folder, self.logs, self.home):
            folder.mkdir(parents=True, exist_ok=True)
        self._opened.enter_context(_lock(self.folder))
        self.ports = Ports(self.folder)
        installed = await binaries.install(binaries.shared_folder(), self.say)
        keys = Keys.of(self.folder)
        await self._start_project(installed, keys)
        await self._start_realtime(keys)
        await self._start_proxy()
        await self._start_stand_ins(keys)
        self._write_settings()
        await self._attach_user()
        await self._start_processes()
        await self._start_phone()
        if self.builds_inbox:
            self._start_inbox()

    async def _start_project(self, installed: Binaries, keys: Keys) -> None:
        self.postgres = Postgres(
            installed.postgres_bin, self.folder / "postgres", keys.postgres_password, self.logs
        )
        project = Project(
            self.postgres,
            supabase_folder() / "migrations",
            self.folder / "applied",
            exposes_new_tables=self.exposes_new_tables,
        )
        self._opened.push_async_callback(self.postgres.stop)
        self.postgres.port = self.ports.take("postgres", WANTED_PORT)
        await project.prepare(self.say)
        self.ports.keep("postgres", self.postgres.port)
        self.say(
            f"postgres      127.0.0.1:{self.postgres.port}, passwords in {self.folder}/secrets.json"
        )
        self.lite = Lite(installed, self.postgres, keys, self.home, self.logs)
        self._opened.push_async_callback(self.lite.stop)
        await self.lite.start()
        await project.migrate(installed, self.home, self.say)

    async def _start_realtime(self, keys: Keys) -> None:
        self.realtime = await self._opened.enter_async_context(
            RealtimeServer(
                self.postgres_url,
                jwt_secret=keys.jwt_secret,
                publishable_key=keys.publishable_key,
                secret_key=keys.secret_key,
            )
        )

    async def _start_proxy(self) -> None:
        self.proxy = Proxy(
            {
                "/rest/v1": self.lite.port,
                "/auth/v1": self.lite.port,
                "/realtime/v1": self.realtime.port,
            }
        )
        self._opened.push_async_callback(self.proxy.stop)
        await self.proxy.start(self.ports.take("supabase", PROXY_PORT))
        self.say(f"supabase      {self.proxy.url}")

    async def _start_stand_ins(self, keys: Keys) -> None:
        """Twilio, and OpenAI when nobody brought a key; then all addresses are known."""
        # Not kept for a process that may be started later: another stack may want it before.
        web_port = self.ports.take("web", WEB_PORT) if self.counts["web"] else free_port()
        public_url = f"http://127.0.0.1:{web_port}"
        self.twilio = create_twilio(
            keys.twilio_account_sid, keys.twilio_auth_token, numbers=[PHONE_NUMBER]
        )
        self.twilio.numbers[PHONE_NUMBER].sms_url = f"{public_url}/webhook/sms{OVERRIDES}"
        self.twilio_url = await self._opened.enter_async_context(
            serve(self.twilio, port=self.ports.take("twilio", TWILIO_PORT))
        )
        self.say(f"twilio        {self.twilio_url} (a stand-in)")
        self.environ = {
            **dict.fromkeys(UNWANTED, ""),
            "SUPABASE_URL": self.proxy.url,
            "SUPABASE_SECRET_KEY": keys.secret_key,
            "SUPABASE_PUBLISHABLE_KEY": keys.publishable_key,
            "TWILIO_ACCOUNT_SID": keys.twilio_account_sid,
            "TWILIO_AUTH_TOKEN": keys.twilio_auth_token,
            "TWILIO_BASE_URL": self.twilio_url,
            "TWILIO_PHONE_NUMBER": PHONE_NUMBER,
            "PUBLIC_URL": public_url,
            "PORT": str(web_port),
            **await self._start_openai(),
        }

    async def _start_openai(self) -> dict[str, str]:
        if self.openai_api_key:
            self.openai = None
            self.say("openai        api.openai.com, with the key of this environment")
            return {"OPENAI_API_KEY": self.openai_api_key}
        self.openai = create_openai("sk-local")
        url = await self._opened.enter_async_context(
            serve(self.openai, port=self.ports.take("openai", OPENAI_PORT))
        )
        self.say(f"openai        {url} (a stand-in)")
        return {"OPENAI_API_KEY": self.openai.api_key, "OPENAI_BASE_URL": f"{url}/v1"}

    def _write_settings(self) -> None:
        """For commands in another terminal: all that a `.env` of this stack would hold."""
        path = self.folder / "env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={it}\n" for name, it in self.environ.items() if it))
        self.say(f"settings      {path}")

    async def _attach_user(self) -> None:
        """A user to sign in as, who owns the local phone number: seed.sql attaches it by e-mail."""
        await ensure_user(self.lite, EMAIL, PASSWORD)
        seed = supabase_folder() / "seed.sql"
        if seed.exists():
            async with self.postgres.connect("postgres") as database, database.transaction():
                await database.execute(seed.read_text())
        self.say(f"user          {EMAIL}, password {PASSWORD}, number {PHONE_NUMBER}")

    async def _start_processes(self) -> None:
        self._opened.push_async_callback(self._stop_processes)
        for name, count in self.counts.items():
            for number in range(count):
                child = await self.start_process(name, *self._numbered(name, number))
                self.say(f"{child.name:<13} {self._whereabouts(name, number)}, log {child.log}")
                if (name, number) == ("web", 0):
                    await self.wait_for_web(child)

    async def _start_phone(self) -> None:
        """A page with a phone to write from."""
        phone = create_phone(self.twilio_url, read_from(self.postgres_url))
        url = await self._opened.enter_async_context(
            serve(phone, port=self.ports.take("phone", PHONE_PORT))
        )
        self.say(f"phone         {url} (open it and write a message)")

    def _start_inbox(self) -> None:
        """Nothing waits for the build; its address is printed when there is something at it."""
        self.say("inbox         is looked at, and built if need be; its address follows")
        building = asyncio.create_task(self._build_inbox())
        self._opened.push_async_callback(_cancelled, building)

    async def _build_inbox(self) -> None:
        try:
            await inbox.build(self.say)
        except StackError as error:
            self.say(f"inbox         not there: {error}")
        else:
            self.say(f"inbox         {self.environ['PUBLIC_URL']}/inbox/ (sign in as {EMAIL})")

    def _numbered(self, name: str, number: int) -> tuple[dict[str, str], str]:
        """Environment and log name of one of several; each web process has a port of its own."""
        if number == 0:
            return {}, name
        return ({"PORT": str(free_port())} if name == "web" else {}), f"{name}.{number + 1}"

    def _whereabouts(self, name: str, number: int) -> str:
        return self.environ["PUBLIC_URL"] if (name, number) == ("web", 0) else "started"

    async def wait_for_web(self, child: Child) -> None:
        """Wait until a web process listens itself; raises StackError, such as for a port in use."""
        says_so = re.compile(rf"Listening at: \S+ \({child.process.pid}\)")
        give_up = time.monotonic() + 30
        while child.runs and time.monotonic() < give_up:
            if says_so.search(child.log.read_text()):
                return
            await asyncio.sleep(0.05)
        raise StackError(f"web did not start, see {child.log}:\n{child.last_words()}")

    async def _stop_processes(self) -> None:
        await asyncio.gather(*(child.stop() for child in self.processes))


async def run_stack(stack: Stack) -> None:
    """Run until Ctrl-C or SIGTERM; raises StackError when a part cannot start or ends."""
    this = asyncio.current_task()
    loop, asked = asyncio.get_running_loop(), asyncio.Event()

    def ask() -> None:
        if not asked.is_set() and this:
            this.cancel()
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask)
    try:
        async with stack:
            stack.say("ready         stop with Ctrl-C")
            await stack.watch()
    except asyncio.CancelledError:
        if not asked.is_set():
            raise


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class _lock:
    """The data folder is one stack's; raises StackError when it is another one's already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> TextIO:
        self.file = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.file.close()
            raise StackError(
                f"another local stack runs in {self.folder}: stop it, or use another data folder"
            ) from None
        return self.file

    def __exit__(self, *_: object) -> None:
        self.file.close()


def _procfile() -> dict[str, str]:
    packaged = supabase_folder() / "Procfile"
    path = packaged if packaged.exists() else REPOSITORY / "Procfile"
    lines = path.read_text().splitlines()
    found = (re.fullmatch(r"(\w+):\s*(.+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def _on_loopback(environ: Mapping[str, str]) -> dict[str, str]:
    """gunicorn's configuration listens to the world, as platforms want it; here nobody else may."""
    return {**environ, "GUNICORN_CMD_ARGS": f"--bind=127.0.0.1:{environ['PORT']}"}


def _own_environ() -> dict[str, str]:
    """This process's, with the programs beside its Python first on PATH."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": programs, "PYTHONUNBUFFERED": "1"}
