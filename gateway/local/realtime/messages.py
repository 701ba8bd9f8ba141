"""realtime.messages, as the local Realtime server asks it. The table is made by realtime.sql.

Sources: supabase/realtime lib/realtime/tenants/authorization.ex, docs "Realtime Authorization".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg

DAYS_BEHIND, DAYS_AHEAD = 1, 3


class Messages:
    """One connection to ask, one to listen. Methods raise psycopg.Error."""

    def __init__(self, postgres_url: str) -> None:
        self._url = postgres_url
        self._lock = asyncio.Lock()
        self.connection: psycopg.AsyncConnection | None = None
        self._partitioned_on: date | None = None

    async def close(self) -> None:
        if self.connection:
            await self.connection.close()

    async def committed(self, listening: asyncio.Event) -> AsyncIterator[tuple[str, str]]:
        """(id, topic) of every row in commit order; `listening` is set when none is missed."""
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute("listen realtime_messages")
            listening.set()
            async for notice in connection.notifies():
                message_id, _, topic = notice.payload.partition(" ")
                yield message_id, topic

    async def read(self, message_id: str) -> tuple[str, str, Any, bool] | None:
        """(topic, event, payload, private), or None if it is no longer there."""
        async with self._connected() as connection:
            found = await connection.execute(
                "select topic, event, payload, coalesce(private, false) from realtime.messages"
                " where id = %s and extension = 'broadcast' and payload is not null",
                [message_id],
            )
            row = await found.fetchone()
        return (row[0], row[1] or "", row[2], row[3]) if row else None

    async def readable(self, topic: str, claims: dict[str, Any]) -> bool:
        """Whether a row inserted for the probe is seen under row level security with the claims."""
        async with self._transaction() as connection:
            probe = await connection.execute(
                "insert into realtime.messages (topic, extension) values (%s, 'broadcast')"
                " returning id",
                [topic],
            )
            row = await probe.fetchone()
            try:
                await _become(connection, topic, claims)
                seen = await connection.execute(
                    "select from realtime.messages"
                    " where topic = %s and extension = 'broadcast' and id = %s",
                    [topic, row and row[0]],
                )
            except (psycopg.ProgrammingError, psycopg.DataError):
                return False  # an error in a policy, or a role that does not exist
            return seen.rowcount == 1

    async def writable(self, topic: str, claims: dict[str, Any]) -> bool:
        async with self._transaction() as connection:
            try:
                await _become(connection, topic, claims)
                await connection.execute(
                    "insert into realtime.messages (topic, extension) values (%s, 'broadcast')",
                    [topic],
                )
            except (psycopg.ProgrammingError, psycopg.DataError):
                return False
            return True

    async def ensure_partitions(self) -> None:
        """Yesterday to three days ahead, at each first join of a day. Without its day's partition
        realtime.send() drops the message with a warning, here as on a hosted project."""
        today = datetime.now(UTC).date()
        if self._partitioned_on == today:
            return
        async with self._transaction(keeps=True) as connection:
            for ahead in range(-DAYS_BEHIND, DAYS_AHEAD + 1):
                day = today + timedelta(days=ahead)
                await connection.execute(
                    f"create table if not exists realtime.messages_{day:%Y_%m_%d}"
                    " partition of realtime.messages"
                    f" for values from ('{day}') to ('{day + timedelta(days=1)}')"
                )
        self._partitioned_on = today

    @asynccontextmanager
    async def _transaction(self, *, keeps: bool = False) -> AsyncIterator[psycopg.AsyncConnection]:
        """Rolled back at the end unless it keeps what it did."""
        async with (
            self._connected() as connection,
            connection.transaction(force_rollback=not keeps),
        ):
            yield connection

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[psycopg.AsyncConnection]:
        """The one connection to ask, for one at a time."""
        async with self._lock:
            if self.connection is None or not await _answers(self.connection):
                self.connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
            yield self.connection


async def _answers(connection: psycopg.AsyncConnection) -> bool:
    """Not after a restart of Postgres: that a connection ended is only seen when it is used."""
    try:
        await connection.execute("select 1")
    except psycopg.OperationalError:
        return False
    return True


async def _become(connection: psycopg.AsyncConnection, topic: str, claims: dict[str, Any]) -> None:
    await connection.execute(
        "select set_config('role', %s, true), set_config('realtime.topic', %s, true),"
        " set_config('request.jwt.claims', %s, true),"
        " set_config('request.jwt.claim.sub', %s, true),"
        " set_config('request.jwt.claim.role', %s, true),"
        " set_config('request.headers', '{}', true)",
        [
            claims["role"],
            topic,
            json.dumps(claims),
            claims.get("sub") or "",
            claims["role"],
        ],
    )
