"""What the gateway needs of a Supabase, asked of the local stack in every test run.

`uv run pytest -m hosted` asks the same of a real project that has the migrations, with its
settings in the environment: SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY, SUPABASE_SECRET_KEY and
SUPABASE_DB_URL (role postgres). It makes two tables and three functions named sms_contract_… and
drops them.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from gateway.local.stack import Stack

pytestmark = pytest.mark.hosted

NAMES = ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY", "SUPABASE_DB_URL")

OBJECTS = """
create table public.sms_contract_rows (
  id int primary key, text text, number numeric, at timestamptz, flag boolean);
alter table public.sms_contract_rows enable row level security;
insert into public.sms_contract_rows values
  (1, '+34600111222', 1.5, '2026-01-01 00:00:00+00', true),
  (2, '34600111222', 34600111222, null, false), (3, 'null', null, null, null);
grant select, insert on public.sms_contract_rows to service_role;
revoke all on public.sms_contract_rows from anon;
create function public.sms_contract_sleep(seconds float) returns text
language sql set search_path = '' as
$$ select pg_catalog.pg_sleep(seconds)::text || current_user $$;
grant execute on function public.sms_contract_sleep to anon, service_role;
create function public.sms_contract_refuse(code text) returns void
language plpgsql set search_path = '' as
$$ begin raise exception using errcode = code, message = 'no', hint = 'so'; end $$;
grant execute on function public.sms_contract_refuse to service_role;
create function public.sms_contract_echo(value jsonb) returns jsonb
language sql set search_path = '' as $$ select value $$;
grant execute on function public.sms_contract_echo to service_role;
notify pgrst, 'reload schema';
"""
UNDO = """
drop table if exists public.sms_contract_rows, public.sms_contract_later;
drop function if exists public.sms_contract_sleep, public.sms_contract_refuse,
  public.sms_contract_echo;
"""


@dataclass(frozen=True)
class Project:
    url: str
    publishable_key: str
    secret_key: str
    database_url: str

    @asynccontextmanager
    async def database(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Without prepared statements, which a pooler in transaction mode does not keep."""
        async with await psycopg.AsyncConnection.connect(
            self.database_url, autocommit=True, prepare_threshold=None
        ) as database:
            yield database

    def client(self, key: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"{self.url}/rest/v1", headers={"apikey": key}, timeout=30
        )

    @asynccontextmanager
    async def socket(self, key: str) -> AsyncIterator[ClientConnection]:
        url = self.url.replace("http", "ws", 1)
        async with connect(f"{url}/realtime/v1/websocket?apikey={key}&vsn=1.0.0") as socket:
            yield socket


@pytest.fixture(scope="module")
def named(request: pytest.FixtureRequest) -> Project:
    """The project of the environment, when these tests were chosen; else the local stack."""
    if request.config.option.markexpr == "hosted":
        if missing := [name for name in NAMES if not os.environ.get(name)]:
            pytest.skip(f"no project to ask: set {', '.join(missing)}")
        url, *others = (os.environ[name] for name in NAMES)
        return Project(url.rstrip("/"), *others)
    stack: Stack = request.getfixturevalue("stack")
    url, publishable_key, secret_key = (stack.environ[name] for name in NAMES[:3])
    return Project(url, publishable_key, secret_key, stack.postgres.url("postgres"))


@pytest.fixture(scope="module")
async def project(named: Project) -> AsyncIterator[Project]:
    async with named.database() as database:
        await database.execute(UNDO)
        await database.execute(OBJECTS)
    async with named.client(named.secret_key) as client:
        await _eventually(client, "/sms_contract_rows")
    yield named
    async with named.database() as database:
        await database.execute(UNDO)


async def _eventually(client: httpx.AsyncClient, path: str, seconds: float = 20) -> None:
    """The schema's cache is loaded anew some time after a change."""
    async with asyncio.timeout(seconds):
        while not (await client.get(path)).is_success:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


# Keys and rights


async def test_keys_stand_for_roles(project: Project) -> None:
    for key, role in ((project.publishable_key, "anon"), (project.secret_key, "service_role")):
        async with project.client(key) as client:
            answer = await client.post("/rpc/sms_contract_sleep", json={"seconds": 0})
        assert (answer.status_code, answer.json()) == (200, role)


async def test_a_key_that_nobody_gave_is_refused(project: Project) -> None:
    async with project.client("sb_secret_nobodys") as client:
        assert (await client.get("/sms_contract_rows")).status_code == 401


@pytest.mark.parametrize("path", ["/sms_contract_rows", "/sms_messages", "/sms_configs"])
async def test_strangers_read_nothing(project: Project, path: str) -> None:
    async with project.client(project.publishable_key) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "42501")


async def test_the_gateway_reads_its_tables(project: Project) -> None:
    async with project.client(project.secret_key) as client:
        for table in ("sms_configs", "sms_messages", "sms_conversations"):
            assert (await client.get(f"/{table}", params={"limit": "1"})).status_code == 200


@pytest.mark.parametrize(
    ("code", "status"),
    [("PT404", 404), ("PT422", 422), ("23505", 409), ("42501", 403), ("P0001", 400)],
)
async def test_an_error_keeps_its_code(project: Project, code: str, status: int) -> None:
    async with project.client(project.secret_key) as client:
        answer = await client.post("/rpc/sms_contract_refuse", json={"code": code})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("value", [{"a": [1, None, "é"]}, "text", 1.5, True, None, ["1"], "5"])
async def test_json_comes_back_as_it_went(project: Project, value: object) -> None:
    async with project.client(project.secret_key) as client:
        answer = await client.post("/rpc/sms_contract_echo", json={"value": value})
    assert answer.json() == value


# Filters, schema, time


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"text": "eq.+34600111222"}, [1]),
        ({"text": "neq.+34600111222"}, [2, 3]),
        ({"text": "in.(+34600111222,null)"}, [1, 3]),
        ({"text": "eq.null"}, [3]),
        ({"or": "(text.eq.+34600111222,number.gt.2)"}, [1, 2]),
        ({"text": "like.+346*"}, [1]),
        ({"number": "is.null"}, [3]),
        ({"number": "eq.1.50"}, [1]),
        ({"flag": "is.false"}, [2]),
        ({"flag": "eq.t"}, [1]),
        ({"at": "lte.2026-01-01"}, [1]),
        ({"limit": "1", "offset": "1"}, [2]),
    ],
)
async def test_filters_mean_what_the_columns_type_says(
    project: Project, where: dict[str, str], ids: list[int]
) -> None:
    async with project.client(project.secret_key) as client:
        params = {"select": "id", "order": "id", **where}
        answer = await client.get("/sms_contract_rows", params=params)
    assert [row["id"] for row in answer.json()] == ids


async def test_a_timestamp_is_json_with_an_offset(project: Project) -> None:
    async with project.client(project.secret_key) as client:
        answer = await client.get("/sms_contract_rows", params={"id": "eq.1"})
    assert answer.json()[0] == {
        **{"id": 1, "text": "+34600111222", "number": 1.5, "flag": True},
        "at": "2026-01-01T00:00:00+00:00",
    }


async def test_a_new_table_is_served_after_a_reload(project: Project) -> None:
    async with project.client(project.secret_key) as client, project.database() as database:
        assert (await client.get("/sms_contract_later")).status_code == 404
        await database.execute(
            "create table public.sms_contract_later (id int);"
            "alter table public.sms_contract_later enable row level security;"
            "grant select on public.sms_contract_later to service_role;"
            "notify pgrst, 'reload schema'"
        )
        await _eventually(client, "/sms_contract_later")


async def test_a_strangers_statement_ends_after_three_seconds(project: Project) -> None:
    began = time.monotonic()
    async with project.client(project.publishable_key) as client:
        answer = await client.post("/rpc/sms_contract_sleep", json={"seconds": 7})
    assert (answer.status_code, answer.json()["code"]) == (500, "57014")
    assert 2.5 < time.monotonic() - began < 6.5


async def test_functions_run_over_the_database_url(project: Project) -> None:
    async with project.database() as database:
        row = await (await database.execute("select public.sms_contract_echo('[1]')")).fetchone()
    assert row == ([1],)


# Realtime


async def _join(socket: ClientConnection, topic: str) -> dict[str, Any]:
    config = {"private": True, "broadcast": {"replication_ready": True}}
    frame = {"topic": topic, "event": "phx_join", "ref": "1", "payload": {"config": config}}
    await socket.send(json.dumps(frame))
    return dict((await _next(socket, "phx_reply"))["payload"])


async def _next(socket: ClientConnection, event: str, seconds: float = 70) -> dict[str, Any]:
    """The next frame of this event; others, such as presence_state, are passed over."""
    async with asyncio.timeout(seconds):
        while True:
            frame = json.loads(await socket.recv())
            if frame["event"] == event:
                return dict(frame)


async def test_the_worker_hears_broadcasts_in_the_order_of_their_commits(project: Project) -> None:
    mark = uuid4().hex
    async with project.socket(project.secret_key) as socket:
        assert (await _join(socket, "realtime:sms:worker"))["status"] == "ok"
        assert (await _next(socket, "system"))["payload"]["status"] == "ok"
        async with project.database() as database:
            for number in range(5):
                await database.execute(
                    "select realtime.send(jsonb_build_object('mark', %s::text, 'n', %s::int),"
                    " 'contract', 'sms:worker', true)",
                    (mark, number),
                )
        heard: list[int] = []
        while len(heard) < 5:
            broadcast = (await _next(socket, "broadcast"))["payload"]
            if broadcast["payload"].get("mark") == mark:
                heard.append(broadcast["payload"]["n"])
    assert heard == [0, 1, 2, 3, 4]


async def test_strangers_join_no_private_topic(project: Project) -> None:
    async with project.socket(project.publishable_key) as socket:
        reply = await _join(socket, "realtime:sms:worker")
    assert reply["status"] == "error"
    assert reply["response"]["reason"].startswith("Unauthorized: ")


async def test_a_handshake_without_a_known_key_is_refused(project: Project) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with project.socket("sb_secret_nobodys"):
            pass
    assert refused.value.response.status_code in (401, 403)
