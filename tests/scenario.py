"""One number, one contact and what passes between them, for the tests of the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.sql import Db, Job, Number, Session, new_contact

STOP_EN = "You will get no more messages from us. Reply START to get them again."
STOP_ES = "No recibira mas mensajes nuestros. Responda START para volver a recibirlos."


def minutes_ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


def is_due(wait: Job) -> bool:
    """Work that the claim itself brought about, a moment after it began."""
    return wait["seconds"] is not None and wait["seconds"] < 0.1


class Scenario:
    """One number, one contact and what passes between them."""

    def __init__(self, db: Db, one: Session, number: Number, contact: str) -> None:
        self.db = db
        self.one = one
        self.number = number
        self.contact = contact

    @classmethod
    async def begin(cls, db: Db) -> Scenario:
        return cls(db, await db.session(), await db.number(), new_contact())

    async def texts(self, body: str, **more: Any) -> dict[str, Any]:
        return await self.one.ingest(self.number, self.contact, body, **more)

    async def work(self) -> list[str]:
        """Do whatever is due now, the model saying "model"; returns what was sent."""
        sent = []
        while (job := await self.one.claim())["kind"] != "wait" or is_due(job):
            if job["kind"] == "wait":
                continue
            text = await self.one.answer(job, "model") if job["kind"] == "reply" else job
            if text.get("content"):
                sent.append(text["content"])
                await self.one.finish(text)
        return sent

    async def conversation(self) -> dict[str, Any]:
        return (
            await self.db.admin.rows(
                "select * from public.sms_conversations where config_id = %s"
                " and contact_number = %s order by created_at desc",
                *(self.number.id, self.contact),
            )
        )[0]

    async def is_opted_out(self, number: Number | None = None) -> bool:
        number = number or self.number
        out: bool = await self.db.admin.value(
            "select sms.is_opted_out(%s, %s, %s)",
            *(number.user_id, self.contact, number.phone),
        )
        return out

    async def configure(self, **columns: Any) -> None:
        changes = ", ".join(f"{name} = %s" for name in columns)
        await self.db.admin.rows(
            f"update public.sms_configs set {changes} where id = %s",  # noqa: S608
            *(*columns.values(), self.number.id),
        )


async def talk(db: Db, *texts: str, **columns: Any) -> tuple[Session, Number, str, str]:
    """A session, a number, a contact and the conversation of the contact's texts."""
    session, number, contact = await db.session(), await db.number(**columns), new_contact()
    for text in texts or ("Hola",):
        stored = await session.ingest(number, contact, text)
    return session, number, contact, stored["conversation_id"]


async def sending(db: Db, **columns: Any) -> tuple[Session, Number, str, Job]:
    """An answer that is being handed to Twilio."""
    session, number, contact, _ = await talk(db, **columns)
    return session, number, contact, await session.answer(await session.claim())


async def unknown(db: Db) -> tuple[Session, Number, str, Job]:
    """A text whose worker died, a minute after its lease ended."""
    session, number, contact, job = await sending(db)
    await db.later(seconds=61)
    assert (await session.claim())["kind"] == "wait", "nothing is looked up before its time"
    await db.later(seconds=60)
    return session, number, contact, job


async def both(db: Db, first: Session, second: Awaitable[Any], waiting: Session) -> Any:
    """Let `second` wait for what `first` has locked in a transaction that then ends."""
    task = asyncio.ensure_future(second)
    await db.waits_for_lock(waiting)
    await first.connection.commit()
    return await task
