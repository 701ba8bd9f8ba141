"""200 conversations book a table while workers die by kill -9: 200 tables, one reply for each.

Workers die at every moment between the model's answer and Twilio's, their calls' answers are lost,
two of them race for one call, and messages in between ask for no booking. The model asks for
another time with another id at each attempt, so that only the record of what was done can stop it.

    python -m tests.chaos.bookings --conversations 200 --seed 7
    python -m tests.chaos.bookings --conversations 60 --mutant no-resumption    (must fail)
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from gateway.local.stack import Stack
from tests.chaos.chaos import Chaos, Plan, Record
from tests.rules.mutants import Change, make
from tests.rules.test_31_exactly_once import NO_RESUMPTION, NO_UNIQUE_KEY
from tests.sql import Db

DEATHS = (
    "after the model answered",
    "before a tool runs",
    "after a tool committed",
    "before queue_sms_reply",
    "after queue_sms_reply",
    "before Twilio accepts",
    "after Twilio accepted",
)
MUTANTS: dict[str, list[Change]] = {"no-unique-key": NO_UNIQUE_KEY, "no-resumption": NO_RESUMPTION}


class Bookings(Chaos):
    """The first message of every contact asks for a table; nobody is blocked or met by a human."""

    groups = 0.0

    def __init__(self, stack: Stack, plan: Plan) -> None:
        super().__init__(stack, plan)
        self._kind_of = dict.fromkeys(self._kind_of, "plain")
        self._asked: set[str] = set()

    def _wants_table(self, contact: str, serial: int) -> bool:
        is_first = contact not in self._asked
        self._asked.add(contact)
        return is_first

    def _traps(self) -> list[str]:
        return [f"killed {name}" for name in DEATHS]

    def missed(self) -> list[str]:
        wanted = [*self._traps(), "lost answer of call_sms_tool"]
        return [f"{name}: only {self.hits[name]} times" for name in wanted if self._lacks(name)]

    async def _disturb(self) -> None:
        """Answers of calls are lost, all of them of one process at a time, and the next one's."""
        while self._is_time:
            for process in self.workers:
                for rpc in ("call_sms_tool", "call_sms_tool", "queue_sms_reply"):
                    process.door.drop(rpc)
            await asyncio.sleep(self.chance.uniform(1, 4))

    async def _write_as_humans(self) -> None: ...

    async def _block_now_and_then(self) -> None: ...


def plan_of(conversations: int, seed: int) -> Plan:
    return Plan(
        seed=seed,
        conversations=conversations,
        texts=2 * conversations,
        seconds=max(conversations * 1.2, 60),
        at_least=2,
    )


async def run(stack: Stack, plan: Plan) -> tuple[Bookings, Record]:
    async with Bookings.on(stack, plan) as bookings:
        record = await bookings.run()
    assert isinstance(bookings, Bookings)
    return bookings, record


async def _main(conversations: int, seed: int, mutant: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder), web=0, worker=0) as stack:
            if mutant:
                async with Db.connect(stack.postgres_url) as db:
                    for form in MUTANTS[mutant]:
                        await make(db, form)
            bookings, record = await run(stack, plan_of(conversations, seed))
    bookings.report(record)
    print(f"{len(record.wanted)} asked for a table, {sum(record.booked.values())} were booked")
    if record.violations() or bookings.missed():
        raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=MUTANTS, default="")
    given = parser.parse_args()
    asyncio.run(_main(given.conversations, given.seed, given.mutant))
