"""Databases whose clock, ids and chance are those of the step that is played.

The SQL is changed before it is applied: what Postgres tells of the time, uuids and chance becomes a
function of schema `walk`, and so does the next id of a table. Whatever two versions of the SQL do
in a step, and in what order, equal things then have equal ids and times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from tests.sql import GROUND, REPOSITORY

Row: TypeAlias = dict[str, Any]
Role = Literal["service", "person", "admin"]
ROLES = {"service": "service_role", "person": "authenticated", "admin": "none"}
Opened: TypeAlias = psycopg.Connection[Row]

BOOTSTRAP = REPOSITORY / "gateway/local/bootstrap.sql"
REALTIME = REPOSITORY / "gateway/local/realtime/realtime.sql"
TOOLS = REPOSITORY / "tests/examples/tools/bakery.sql"

WALK = """
create schema walk;
grant usage on schema walk to public;
create function walk.now() returns timestamptz language sql stable as $$
  select current_setting('walk.now')::timestamptz
$$;
create function walk.clock() returns timestamptz language sql volatile as $$
  select current_setting('walk.now')::timestamptz
$$;
create function walk.chance() returns double precision language sql volatile as $$
  select current_setting('walk.chance')::double precision
$$;
-- A look at the server's own takes 80 ms.
create table walk.time_zones as select name from pg_catalog.pg_timezone_names;
-- The first, second … uuid that this place made up in this step.
create function walk.uuid(p_place text) returns uuid language plpgsql volatile as $$
declare
  v_name text := 'walk.uuids_' || replace(p_place, '-', '_');
  v_step text := current_setting('walk.step');
  v_before text[] := string_to_array(current_setting(v_name, true), ' ');
  v_number integer := case when v_before[1] = v_step then v_before[2]::integer + 1 else 1 end;
begin
  perform set_config(v_name, v_step || ' ' || v_number, false);
  return md5(v_step || p_place || v_number)::uuid;
end;
$$;
-- The next id of a table: asked for twice before the row is there it is the same.
create function walk.next_id(p_table regclass)
returns bigint language plpgsql volatile security definer set search_path = '' as $$
declare
  v_id bigint;
begin
  execute format('select greatest(max(t.id), %s) + 1 from %s as t',
    current_setting('walk.step')::bigint * 1000, p_table) into v_id;
  return v_id;
end;
$$;
"""

# For mutants.
PATCH = """
create function walk.patch(p_function regproc, p_old text, p_new text)
returns void language plpgsql as $$
declare
  v_body text := pg_get_functiondef(p_function);
begin
  if cardinality(string_to_array(v_body, p_old)) <> 2 then
    raise exception '% does not have once: %', p_function, p_old;
  end if;
  execute replace(v_body, p_old, p_new);
end;
$$;
"""

# Several conversations that end in one statement do so in any order, and several targets are told
# in any order: their deliveries are numbered by both.
EVENTS = """
create function walk.number_delivery() returns trigger language plpgsql as $$
declare
  v_from bigint := current_setting('walk.step')::bigint * 1000000
    + abs(hashtext(concat(new.conversation_id, new.target_id)) % 1000) * 1000;
begin
  select coalesce(max(d.id), v_from) + 1 into new.id from public.sms_event_deliveries as d
  where d.id between v_from and v_from + 999;
  return new;
end;
$$;
create trigger walk_number before insert on public.sms_event_deliveries
  for each row execute function walk.number_delivery();
"""

IDENTITIES = """
do $$
declare
  v_column record;
begin
  for v_column in
    select a.attrelid::regclass as of_table, a.attname
    from pg_attribute as a
    join pg_class as c on c.oid = a.attrelid
    where a.attidentity <> '' and a.atttypid = 'bigint'::regtype
      and c.relnamespace in ('public'::regnamespace, 'sms'::regnamespace)
  loop
    execute format('alter table %s alter %I drop identity', v_column.of_table, v_column.attname);
    execute format('alter table %s alter %I set default walk.next_id(%L)',
      v_column.of_table, v_column.attname, v_column.of_table);
  end loop;
end;
$$;
"""

# Where several rows come first any of them may: the walk says which.
TIES = {
    r"array_agg\(s\.sid\)": "array_agg(s.sid order by s.sid)",
    r"order by ((?:\w+\.config_id, )?least\((\w+)\.reply_due_at, \2\.send_due_at\))": (
        r"order by \1, \2.id"
    ),
    r"order by (l\.held desc)": r"order by \1, l.config_id",
    r"order by (r\.message is null, r\.claimed_at nulls first)": r"order by \1, r.id",
    r"order by (f\.backfill_due_at)": r"order by \1, f.id",
}


def deterministic(text: str) -> str:
    """The SQL with the functions of schema walk for what no run repeats."""
    for told in ("now", "statement_timestamp", "transaction_timestamp"):
        text = re.sub(rf"(?<![\w.]){told}\(\)", "walk.now()", text)
    text = re.sub(r"(?<![\w.])clock_timestamp\(\)", "walk.clock()", text)
    text = re.sub(r"(?<![\w.])current_timestamp\b", "walk.now()", text)
    text = re.sub(r"(?<![\w.])random\(\)", "walk.chance()", text)
    text = re.sub(r"nextval\('([\w.]+)_id_seq'\)", r"walk.next_id('\1')", text)
    text = text.replace("pg_catalog.pg_timezone_names", "walk.time_zones")
    for found, ordered in TIES.items():
        text = re.sub(found, ordered, text)
    return "".join(_with_named_uuids(text))


def _with_named_uuids(text: str) -> Iterator[str]:
    """Each uuid is named after the variable it is for, else the table or function it is made in."""
    place = ""
    for line in text.splitlines(keepends=True):
        if begun := re.match(r"create (?:or replace )?(?:function|table) ([\w.]+)", line):
            place = begun[1]
        variable = re.match(r"\s*(v_\w+)\b.*gen_random_uuid\(\)", line)
        name = f"""'{re.sub(r"[^a-z_]", "_", variable[1] if variable else place)}'"""
        if place == "sms.emit_event":
            name += " || coalesce(p_conversation_id::text, '')"
        yield re.sub(r"(?<![\w.])gen_random_uuid\(\)", f"walk.uuid({name})", line)


class Database:
    """One version of the SQL, on one connection, and what a step changed."""

    def __init__(self, name: str, connection: Opened) -> None:
        self.name = name
        self.connection = connection
        self.since = 0

    def rows(self, query: str, *values: Any) -> list[Row]:
        """As the superuser, outside of any step."""
        cursor = self.connection.execute(query.encode(), values or None)
        return cursor.fetchall() if cursor.description else []

    def watch(self, query: str) -> None:
        """Prepare what finds the changes since a transaction, $1; returns those until now."""
        self.connection.execute(f"prepare changes (bigint) as {query}".encode())
        self.changes()

    def changes(self) -> dict[str, Row]:
        return self._noted(self.rows(f"execute changes ({self.since})"))

    def play(
        self, role: Role, settings: dict[str, str], statement: str, values: tuple[Any, ...]
    ) -> tuple[Any, dict[str, Row]]:
        """What the statement returns, or its error (SQLSTATE, message and hint), and the changes.

        Each statement is a transaction of its own; all are sent at once.
        """
        names = ", ".join("set_config(%s, %s, false)" for _ in settings)
        told = [word for setting in settings.items() for word in setting]
        script = [
            (f"select {names}", told),
            (f"set role {ROLES[role]}", None),
            (statement, values or None),
            ("reset role", None),
            (f"execute changes ({self.since})", None),
        ]
        cursors = [self.connection.cursor() for _ in script]
        failed: list[psycopg.Error] = []
        with self.connection.pipeline() as pipeline:
            for cursor, (each, given) in zip(cursors, script, strict=True):
                try:
                    cursor.execute(each.encode(), given)
                    pipeline.sync()
                except psycopg.Error as error:  # of the statement: the rest is sent nevertheless
                    failed.append(error)
            try:
                returned = cursors[2].fetchall() if cursors[2].description else []
            except psycopg.Error as error:
                failed.append(error)
            changes = self._noted(cursors[4].fetchall())
        if failed:
            diag = failed[0].diag
            return (failed[0].sqlstate, diag.message_primary, diag.message_hint), changes
        return returned, changes

    def _noted(self, rows: list[Row]) -> dict[str, Row]:
        changes = {row["name"]: row for row in rows}
        self.since = int(changes["now"]["rows"])
        return changes


@contextmanager
def database(server: str, name: str, script: str, mutant: str = "") -> Iterator[Database]:
    """A database with this SQL, and with what `mutant` makes of it; `server`: a superuser's URL."""
    url = make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as admin:
        named = sql.Identifier(name)
        admin.execute(sql.SQL("drop database if exists {} with (force)").format(named))
        admin.execute(sql.SQL("create database {} template template0").format(named))
        try:
            _apply(url, name, script, mutant)
            with _open(url) as opened:
                opened.prepare_threshold = None  # a plan of one version may be another's
                yield Database(name, opened)
        finally:
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(named))


def prepare_server(server: str) -> None:
    """The roles of a project, where there are none yet."""
    with psycopg.connect(server, autocommit=True) as admin:
        if admin.execute("select 1 from pg_roles where rolname = 'service_role'").fetchone():
            return
        script = BOOTSTRAP.read_text()
        if admin.info.server_version < 160000:
            script = script.replace(" with inherit false", "")
        admin.execute(script.encode())


def _apply(url: str, name: str, script: str, mutant: str) -> None:
    with _open(url) as opened:
        opened.execute((GROUND + REALTIME.read_text() + WALK).encode())
        opened.execute(
            "create table realtime.messages_all partition of realtime.messages default;"
            "drop trigger notify_local_server on realtime.messages;"
            "grant create on schema public to postgres"
        )
        opened.execute(
            sql.SQL("grant create on database {} to postgres").format(sql.Identifier(name))
        )
        opened.execute("select set_config('walk.now', '2026-01-01 00:00:00Z', false)")
        opened.execute("select set_config('walk.step', '0', false)")
        opened.execute("set role postgres")
        opened.execute(deterministic(script + TOOLS.read_text()).encode())
        opened.execute("reset role")
        opened.execute((IDENTITIES + EVENTS).encode())
        if mutant:
            opened.execute((PATCH + mutant).encode())


@contextmanager
def _open(url: str) -> Iterator[Opened]:
    options = "-c timezone=UTC -c synchronous_commit=off -c client_min_messages=error"
    with psycopg.connect(url, autocommit=True, row_factory=dict_row, options=options) as opened:
        yield opened
