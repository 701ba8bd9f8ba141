"""The local Data API filters as Postgres does: each answer is compared with plain SQL's.

PostgREST hands a filter's value to Postgres as text, so the column's type decides what it means.
https://docs.postgrest.org/en/stable/references/api/tables_views.html
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from psycopg import sql

from gateway.local.stack import Stack
from tests.standins.test_stack import eventually

TABLES = """
create table public.local_values (
  id int primary key,
  text text, number numeric, big bigint, uuid uuid, at timestamptz, flag boolean, data jsonb
);
create table public.local_values_of (
  id int primary key, values_id int references public.local_values, text text
);
insert into public.local_values values
  (1, '+34600111222', 34600111222, 34600111222, '00000000-0000-4000-8000-000000000001',
   '2026-01-01 00:00:00+00', true, '{"a": "+34600111222"}'),
  (2, '34600111222', 1.50, 9007199254740993, '10000000-0000-4000-8000-000000000002',
   '2026-01-02 00:00:00+00', false, '{"a": 5}'),
  (3, 'true', 0, 0, null, null, null, null),
  (4, 'null', -1, -1, '1e100000-0000-4000-8000-000000000003', '2026-06-01 12:00:00+02', true, '5'),
  (5, '1e3', 1000, 1000, null, '1999-12-31 23:59:59+00', false, '"5"'),
  (6, '', null, null, null, null, null, '{}'),
  (7, '007', 7, 7, null, null, null, '[]'),
  (8, '{"a":1}', null, null, null, null, null, '{"a": 1}'),
  (9, '"quoted"', null, null, null, null, null, null),
  (10, ' spaced ', null, null, null, null, null, null),
  (11, 'a,b', null, null, null, null, null, null),
  (12, '0x10', 16, 16, null, null, null, null),
  (13, 'Infinity', 'NaN', null, null, null, null, null),
  (14, '2026-01-01', null, null, null, 'infinity', null, null),
  (15, '00000000-0000-4000-8000-000000000001', 5, 5, null, null, null, null),
  (16, null, null, null, null, null, null, null);
insert into public.local_values_of select id, id, text from public.local_values;
grant select, insert on public.local_values, public.local_values_of to service_role;
create table public.local_defaults (
  id bigint generated always as identity primary key, note text default 'by default');
create table public.local_needs (id bigint generated always as identity, note text not null);
grant select, insert on public.local_defaults, public.local_needs to service_role;
"""
UNDO_TABLES = """
drop table public.local_values_of, public.local_values, public.local_defaults, public.local_needs
"""

# Values that look like another type than the column's.
VALUES = {
    "text": [
        *("+34600111222", "34600111222", "true", "null", "not_null", "unknown", "1e3", "1000", ""),
        *("007", "7", '{"a":1}', '"quoted"', "quoted", " spaced ", "spaced", "0x10", "Infinity"),
        *("2026-01-01", "00000000-0000-4000-8000-000000000001", "{a}", "(a)"),
    ],
    "number": ["34600111222", "+34600111222", "1.5", "1.50", "0", "-1", "1e3", "007", "NaN", " 7 "],
    "big": ["9007199254740993", "9007199254740992", "+34600111222", "007", "-1"],
    "uuid": [
        "00000000-0000-4000-8000-000000000001",
        "1E100000-0000-4000-8000-000000000003",
        "{10000000-0000-4000-8000-000000000002}",
    ],
    "at": ["2026-01-01", "2026-01-01T00:00:00Z", "2026-06-01 10:00:00+00", "infinity"],
    "flag": ["true", "false", "t", "1", "no"],
}
COMPARISONS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@pytest.fixture(scope="module")
async def api(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"apikey": stack.environ["SUPABASE_SECRET_KEY"]}
    async with stack.postgres.connect("postgres") as database:
        await database.execute(TABLES)
    async with httpx.AsyncClient(base_url=f"{stack.proxy.url}/rest/v1", headers=headers) as client:

        async def known() -> bool:
            return (await client.get("/local_needs")).is_success

        await eventually(known)
        yield client
    async with stack.postgres.connect("postgres") as database:
        await database.execute(UNDO_TABLES)


async def ids(client: httpx.AsyncClient, **params: str) -> list[int] | str:
    """The ids found, or the error's code."""
    answer = await client.get("/local_values", params={"select": "id", "order": "id", **params})
    found = answer.json()
    return found["code"] if answer.is_error else [row["id"] for row in found]


async def expected(stack: Stack, condition: str, *values: Any) -> list[int]:
    async with stack.postgres.connect("postgres") as database:
        query = sql.SQL("select id from public.local_values where " + condition + " order by id")  # noqa: S608
        return [row[0] for row in await (await database.execute(query, values)).fetchall()]


def cases() -> Iterator[tuple[str, str]]:
    return ((column, value) for column, values in VALUES.items() for value in values)


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize("operator", COMPARISONS)
async def test_comparisons_find_what_sql_finds(
    stack: Stack, api: httpx.AsyncClient, operator: str
) -> None:
    for column, value in cases():
        wanted = await expected(stack, f'"{column}" {COMPARISONS[operator]} %s', value)
        assert (column, value, await ids(api, **{column: f"{operator}.{value}"})) == (
            column,
            value,
            wanted,
        )


async def test_negations_find_what_sql_finds(stack: Stack, api: httpx.AsyncClient) -> None:
    for column, value in cases():
        wanted = await expected(stack, f'not "{column}" = %s', value)
        assert (value, await ids(api, **{column: f"not.eq.{value}"})) == (value, wanted)


async def test_lists_find_what_sql_finds(stack: Stack, api: httpx.AsyncClient) -> None:
    for column, values in VALUES.items():
        wanted = await expected(
            stack, f'"{column}" in ({", ".join(["%s"] * len(values))})', *values
        )
        listed = f"({','.join(map(quoted, values))})"
        assert (column, await ids(api, **{column: f"in.{listed}"})) == (column, wanted)
    for value in ("+34600111222", "34600111222", "true", "null", "1e3", "007"):
        wanted = await expected(stack, "text in (%s, 'b')", value)
        assert (value, await ids(api, text=f"in.({value},b)")) == (value, wanted)


async def test_logic_trees_find_what_sql_finds(stack: Stack, api: httpx.AsyncClient) -> None:
    for column, value in cases():
        wanted = await expected(stack, f"\"{column}\" = %s or text = 'a,b'", value)
        tree = f'({column}.eq.{quoted(value)},text.eq."a,b")'
        assert (column, value, await ids(api, **{"or": tree})) == (column, value, wanted)
    wanted = await expected(stack, "text = '+34600111222' or text = '007'")
    assert await ids(api, **{"or": "(text.eq.+34600111222,text.eq.007)"}) == wanted
    wanted = await expected(stack, "not (number > 5 and flag = true)")
    assert await ids(api, **{"not.and": "(number.gt.5,flag.eq.true)"}) == wanted


@pytest.mark.parametrize(
    "pattern", ["+346*", "346*", "*1*", "true", "null", "00_", "*,*", '"*', "TRUE", "1e3", " *"]
)
async def test_patterns_find_what_sql_finds(
    stack: Stack, api: httpx.AsyncClient, pattern: str
) -> None:
    for operator in ("like", "ilike"):
        wanted = await expected(stack, f"text {operator} %s", pattern.replace("*", "%"))
        assert await ids(api, text=f"{operator}.{pattern}") == wanted


@pytest.mark.parametrize("value", ["null", "true", "false", "unknown"])
async def test_is_finds_what_sql_finds(stack: Stack, api: httpx.AsyncClient, value: str) -> None:
    assert await ids(api, flag=f"is.{value}") == await expected(stack, f"flag is {value}")
    assert await ids(api, flag=f"not.is.{value}") == await expected(stack, f"flag is not {value}")


async def test_json_paths_find_what_sql_finds(stack: Stack, api: httpx.AsyncClient) -> None:
    for value in ("+34600111222", "5", "1"):
        wanted = await expected(stack, "data ->> 'a' = %s", value)
        assert await ids(api, **{"data->>a": f"eq.{value}"}) == wanted
    assert await ids(api, **{"data->a": "eq.5"}) == await expected(stack, "data -> 'a' = '5'")


@pytest.mark.parametrize(
    ("column", "value"),
    [("number", "a"), ("big", "1.5"), ("uuid", "7"), ("at", "7x"), ("flag", "5")],
)
async def test_a_value_that_is_none_of_the_columns_type_is_refused(
    api: httpx.AsyncClient, column: str, value: str
) -> None:
    assert await ids(api, **{column: f"eq.{value}"}) in ("22P02", "22007")


@pytest.mark.parametrize(
    "order", ["text", "text.desc", "number.desc.nullslast", "flag.asc,id.desc"]
)
async def test_order_and_range_are_sqls(stack: Stack, api: httpx.AsyncClient, order: str) -> None:
    terms = order.replace(".", " ").replace("nullslast", "nulls last")
    async with stack.postgres.connect("postgres") as database:
        query = f"select id from public.local_values order by {terms}, id limit 5 offset 3"  # noqa: S608
        wanted = [row[0] for row in await (await database.execute(query)).fetchall()]
    assert await ids(api, order=f"{order},id", limit="5", offset="3") == wanted


async def test_embedded_rows_are_filtered_alike(stack: Stack, api: httpx.AsyncClient) -> None:
    for value in VALUES["text"]:
        params = {"select": "id,local_values!inner(text)", "local_values.text": f"eq.{value}"}
        answer = await api.get("/local_values_of", params={**params, "order": "id"})
        wanted = await expected(stack, "text = %s", value)
        assert (value, [row["id"] for row in answer.json()]) == (value, wanted)


async def test_an_empty_object_is_a_row_of_defaults(api: httpx.AsyncClient) -> None:
    headers = {"prefer": "return=representation"}
    empty: dict[str, str] = {}
    for body in (empty, [empty]):
        answer = await api.post("/local_defaults", json=body, headers=headers)
        assert (answer.status_code, answer.json()[0]["note"]) == (201, "by default")
    answer = await api.post("/local_needs", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "23502")
