"""What the flow tests share: a number of their own on the running stack, and its rows."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from psycopg.rows import dict_row

from gateway.local.processes import free_port
from gateway.local.stack import EMAIL, OVERRIDES, Stack
from gateway.local.standins.webhooks import Receipt

Row = dict[str, Any]
T = TypeVar("T")

# Times in which a dead worker's work is found again, instead of minutes.
SHORT_WAITS = {
    "lease": "16 seconds",
    "reconcile_after": "2 seconds",
    "retry_after": "300 milliseconds",
}


class World:
    """One Twilio number of the local user or another, and as many contacts as wanted."""

    def __init__(self, stack: Stack, owner: str = EMAIL) -> None:
        self.stack = stack
        self.owner = owner
        self.number = f"+1555{random.randrange(10**7):07}"
        self.config_id = ""

    def own_port(self) -> int:
        """Point the number at a web process of this world's own, still to be started."""
        port = free_port()
        url = f"http://127.0.0.1:{port}/webhook/sms{OVERRIDES}"
        self.stack.twilio.numbers[self.number].sms_url = url
        return port

    def contact(self) -> str:
        return f"+1556{random.randrange(10**7):07}"

    async def settle_in(self, **columns: object) -> None:
        """Buy the number at the stand-in, point it at the web process, make its config row."""
        bought = self.stack.twilio.add_number(self.number)
        bought.sms_url = f"{self.stack.environ['PUBLIC_URL']}/webhook/sms{OVERRIDES}"
        values = {"phone_number": self.number, "reply_delay": "100 milliseconds", **columns}
        names = ", ".join(values)
        places = ", ".join("%s" for _ in values)
        rows = await self.rows(
            f"insert into sms_configs (user_id, {names})"  # noqa: S608  # names are the tests' own
            f" select id, {places} from auth.users where email = %s returning id",
            *values.values(),
            self.owner,
        )
        self.config_id = rows[0]["id"]

    async def rows(self, query: str, *parameters: object) -> list[Row]:
        """Run one statement as the superuser; rows without a column would look like none."""
        assert not query.startswith("select from"), "say `select 1 from`"
        async with self.stack.postgres.connect() as database:
            cursor = database.cursor(row_factory=dict_row)
            await cursor.execute(query.encode(), parameters)
            return await cursor.fetchall() if cursor.description else []

    async def shorten_waits(self, **waits: str) -> None:
        for name, wait in {**SHORT_WAITS, **waits}.items():
            await self.rows(f"update sms.policy set {name} = %s", wait)  # noqa: S608

    async def texts_from(self, contact: str, body: str) -> Receipt:
        return await self.stack.twilio.receive(contact, self.number, body)

    async def messages(self, contact: str) -> list[Row]:
        return await self.rows(
            "select m.* from sms_messages m join sms_conversations c on c.id = m.conversation_id"
            " where c.config_id = %s and c.contact_number = %s order by m.id",
            self.config_id,
            contact,
        )

    async def outgoing(self, contact: str) -> list[Row]:
        return [row for row in await self.messages(contact) if row["direction"] == "outgoing"]

    def sent_to(self, contact: str) -> list[str]:
        """The bodies Twilio accepted for this contact, oldest first."""
        return [text.body for text in self.stack.twilio.sent if text.to == contact]

    async def answered(self, contact: str, seconds: float = 20) -> Row:
        """The contact's newest answer, once it is delivered."""

        async def last_delivered() -> Row | None:
            rows = await self.messages(contact)
            return rows[-1] if rows and rows[-1]["status"] == "delivered" else None

        return await eventually(last_delivered, seconds)


async def eventually(
    find: Callable[[], Awaitable[T | None]], seconds: float = 20, pause: float = 0.05
) -> T:
    """The first thing found that is neither None nor false; raises TimeoutError."""
    give_up = time.monotonic() + seconds
    while not (found := await find()):
        if time.monotonic() > give_up:
            raise TimeoutError(f"not found within {seconds:g} s")
        await asyncio.sleep(pause)
    return found
