"""What makes a plain Postgres a Supabase project: its roles, Data API, Auth and migrations.

Data API and Auth are Supabase Lite, embedded by lite.mjs. Migrations are applied by the official
CLI as role postgres, which is no superuser on hosted projects either.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from psycopg import sql

from gateway.local.binaries import Binaries
from gateway.local.keys import Keys
from gateway.local.postgres import Connection, Postgres
from gateway.local.processes import Child, Say, StackError, free_port, run, spawn

HERE = Path(__file__).parent
LOGINS = ("postgres", "authenticator", "supabase_auth_admin")
START_SECONDS = 60.0
RESTART_SECONDS = 0.2

# What a project created with "automatically expose new tables" off runs, after the default grants:
# https://supabase.com/docs/guides/api/securing-your-api
HIDE_NEW_OBJECTS = """
alter default privileges for role postgres in schema public
  revoke select, insert, update, delete on tables from anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  revoke usage, select on sequences from anon, authenticated, service_role;
alter default privileges for role postgres in schema public
  revoke execute on functions from anon, authenticated, service_role;
"""


class Project:
    """The database side. `record` keeps a copy of every SQL file that was applied."""

    def __init__(
        self, postgres: Postgres, migrations: Path, record: Path, *, exposes_new_tables: bool
    ) -> None:
        self.postgres = postgres
        self.migrations = migrations
        self.record = record
        self.exposes_new_tables = exposes_new_tables

    async def prepare(self, say: Say) -> None:
        """Start Postgres and make it a project; anew when applied SQL was edited since."""
        if self.postgres.is_new:
            shutil.rmtree(self.record, ignore_errors=True)
        await self.postgres.start()
        if edited := await self._edited():
            say(f"{edited} changed after it was applied: the local database is made anew")
            await self.postgres.erase()
            shutil.rmtree(self.record, ignore_errors=True)
            await self.postgres.start()
        async with self.postgres.connect() as database:
            if not await _has_roles(database):
                await self._bootstrap(database)

    async def migrate(self, binaries: Binaries, home: Path, say: Say) -> None:
        """Apply what the database does not have yet; raises StackError."""
        applied = await self._applied()
        pending = [
            path for path in sorted(self.migrations.glob("*.sql")) if _version(path) not in applied
        ]
        if not pending:
            return
        say(f"applying migrations: {len(pending)}")
        target = self.record / "supabase/migrations"
        target.mkdir(parents=True, exist_ok=True)
        for path in pending:
            shutil.copy(path, target / path.name)
        (self.record / "supabase/config.toml").write_text('project_id = "local"\n')
        await _push(binaries, self.postgres.url("postgres"), self.record, home)

    async def _bootstrap(self, database: Connection) -> None:
        async with database.transaction():
            for script in _scripts():
                await database.execute(script.read_text())
            if not self.exposes_new_tables:
                await database.execute(HIDE_NEW_OBJECTS)
            for role in LOGINS:
                statement = sql.SQL("alter role {} password {}").format(
                    sql.Identifier(role), sql.Literal(self.postgres.password)
                )
                await database.execute(statement)
        self.record.mkdir(parents=True, exist_ok=True)
        for script in _scripts():
            shutil.copy(script, self.record / script.name)

    async def _edited(self) -> str | None:
        """The name of an applied file that is not what it was."""
        applied = await self._applied()
        files = {script: self.record / script.name for script in _scripts()}
        for copy in (self.record / "supabase/migrations").glob("*.sql"):
            if _version(copy) in applied:
                files[self.migrations / copy.name] = copy
        return next((now.name for now, then in files.items() if _differ(now, then)), None)

    async def _applied(self) -> set[str]:
        """The versions in the CLI's own table."""
        async with self.postgres.connect() as database:
            table = "supabase_migrations.schema_migrations"
            row = await (await database.execute("select to_regclass(%s)", (table,))).fetchone()
            if row is None or row[0] is None:
                return set()
            rows = await database.execute(
                "select version from supabase_migrations.schema_migrations"
            )
            return {version async for (version,) in rows}


def _scripts() -> Iterator[Path]:
    yield HERE / "bootstrap.sql"
    yield HERE / "realtime/realtime.sql"


def _version(migration: Path) -> str:
    return migration.name.split("_", 1)[0]


def _differ(now: Path, then: Path) -> bool:
    return then.exists() and not (now.exists() and now.read_bytes() == then.read_bytes())


async def _has_roles(database: Connection) -> bool:
    found = await database.execute("select 1 from pg_roles where rolname = 'service_role'")
    return await found.fetchone() is not None


async def _push(binaries: Binaries, url: str, folder: Path, home: Path) -> None:
    environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "DO_NOT_TRACK": "1"}
    code, output = await run(
        *(binaries.node, binaries.supabase_cli, "db", "push"),
        *(f"--db-url={url}?sslmode=disable", "--yes"),
        folder=folder,
        environ=environ,
    )
    if code:
        raise StackError(
            f"the migrations in supabase/migrations could not be applied:\n{output[-2000:].strip()}"
            "\nCorrect the file named above and start again: earlier ones stay applied."
        )


class Lite:
    """Supabase Lite as a child process, started again when it ends.

    Its driver (postgres.js 3.4.9) ends it when Postgres goes away inside a transaction.
    """

    def __init__(
        self, binaries: Binaries, postgres: Postgres, keys: Keys, home: Path, logs: Path
    ) -> None:
        self.binaries = binaries
        self.postgres = postgres
        self.keys = keys
        self.home = home
        self.log = logs / "lite.log"
        self.port = 0
        self.child: Child | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start, on the port it had before if it had one; raises StackError."""
        self.port = self.port or free_port()
        self.child = await self._spawn()
        await self._answers(self.child)
        self._keeper = asyncio.create_task(self._keep(self.child))

    async def stop(self) -> None:
        if self._keeper:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self.child:
            await self.child.stop(patience=5)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def _keep(self, child: Child) -> None:
        while True:
            await child.process.wait()
            await asyncio.sleep(RESTART_SECONDS)
            self.child = child = await self._spawn()

    async def _spawn(self) -> Child:
        return await spawn(
            "lite",
            *(self.binaries.node, HERE / "lite.mjs", self.binaries.folder, HERE / "auth.sql"),
            log=self.log,
            folder=self.home,
            environ={"HOME": str(self.home), "DO_NOT_TRACK": "1", "LITE_CONFIG": self._config()},
        )

    def _config(self) -> str:
        auth = {
            "enabled": True,
            "site_url": "http://127.0.0.1:3000",
            "jwt_secret": self.keys.jwt_secret,
            "jwt_expiry": 3600,
            "enable_signup": True,
            "publishable_key": self.keys.publishable_key,
            "secret_key": self.keys.secret_key,
            "email": {"enable_signup": True, "enable_confirmations": False},
        }
        url = self.postgres.url("supabase_auth_admin")
        return json.dumps({"url": url, "port": self.port, "auth": auth})

    async def _answers(self, child: Child) -> None:
        give_up = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient(trust_env=False) as client:
            while child.runs and time.monotonic() < give_up:
                try:
                    await client.get(f"http://127.0.0.1:{self.port}/auth/v1/health")
                    return
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        await child.stop(patience=1)
        raise StackError(f"Supabase Lite did not start:\n{child.last_words()}")


async def ensure_user(lite: Lite, email: str, password: str) -> None:
    """Sign a user up over the Auth API unless they are there."""
    async with lite.postgres.connect() as database:
        found = await database.execute("select 1 from auth.users where email = %s", (email,))
        if await found.fetchone():
            return
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"http://127.0.0.1:{lite.port}/auth/v1/signup",
            headers={"apikey": lite.keys.publishable_key},
            json={"email": email, "password": password},
        )
    if answer.is_error:
        raise StackError(f"the local user could not be made: HTTP {answer.status_code}")
