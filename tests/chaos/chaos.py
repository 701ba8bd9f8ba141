"""Breaks everything at once, on the real parts, and checks that nobody noticed.

Every text carries a serial, and the model stand-in answers with the serials of the texts that no
answer covers yet. So each serial must stand in exactly one text that Twilio accepted, in the
order in which the texts were stored, and nothing may be left open. What happens is seen from
outside: each process reaches Supabase, Twilio and OpenAI through a door of its own, where it is
killed or frozen the moment it asks, or the moment before it would learn the answer.

Half of the numbers end their conversations after seconds; some contacts are blocked, for good or
now and then; humans write to some, often in vain; messages come over RCS and to groups; some ask
for a table, which a tool books, and which must be booked once. Replays
run whenever nothing is due, and somebody is told of every message and every ending.

    python -m tests.chaos --minutes 20 --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import signal
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count, cycle, pairwise
from pathlib import Path
from typing import Any, Literal

import psycopg

from gateway.local.processes import Child, StackError, free_port
from gateway.local.proxy import Cut, Head, Proxy
from gateway.local.stack import Stack
from gateway.local.standins.openai import Calls, commands, quote, serials, unanswered
from gateway.local.standins.twilio import Message
from tests.flow.world import Row, World, eventually
from tests.sql import INVARIANTS

# The checker

Answered = Literal["once", "at most once", "never"]


@dataclass(frozen=True)
class Text:
    """One text of a contact, as it was stored; `id` is None when it is not. Blocked contacts are
    never answered; who is blocked or met by a human meanwhile, or writes to a group, at most once.
    """

    serial: int
    contact: str
    id: int | None
    answered: Answered = "once"


@dataclass(frozen=True)
class Sent:
    """One text that Twilio accepted, with the id of our row in its callback URL."""

    sid: str
    contact: str
    body: str
    row: int | None = None

    @property
    def serials(self) -> list[int]:
        return [int(found) for found in re.findall(r"#(\d+)", self.body)]

    @property
    def human_serials(self) -> list[str]:
        """Of what a human wrote."""
        return re.findall(r"§\d+", self.body)


@dataclass
class Record:
    """What a run left behind: `sent` in Twilio's order, the rest as the database has it."""

    texts: list[Text]
    sent: list[Sent]
    sids: set[str]  # of our outgoing rows
    left_open: list[str] = field(default_factory=list)
    stored_twice: int = 0
    miscounted: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # invariants of the database
    wanted: set[int] = field(default_factory=set)  # serials that ask for a table
    booked: Counter[int] = field(default_factory=Counter)  # tables by serial

    def violations(self) -> list[str]:
        """What no run may show, each with its name; empty: every guarantee held."""
        parts = self._counted(), self._in_order(), self._recorded(), self._booked(), self._ended()
        return [problem for part in parts for problem in part]

    def _counted(self) -> Iterator[str]:
        told = Counter((sent.contact, serial) for sent in self.sent for serial in sent.serials)
        for text in self.texts:
            count = told.pop((text.contact, text.serial), 0)
            if text.id is None:
                yield f"never stored: #{text.serial}"
            if count == 0 and text.answered == "once":
                yield f"lost: #{text.serial} stands in no text that Twilio accepted"
            if count and text.answered == "never":
                yield f"not silent: #{text.serial} of a blocked contact was answered"
            elif count > 1:
                yield f"doubled: #{text.serial} stands in {count} texts that Twilio accepted"
        for human, count in Counter(n for sent in self.sent for n in sent.human_serials).items():
            if count > 1:
                yield f"doubled: {human} stands in {count} texts that Twilio accepted"
        for _, serial in told:
            yield f"misdirected: #{serial} went to somebody who did not write it"
        if self.stored_twice:
            yield f"stored twice: {self.stored_twice} texts"

    def _in_order(self) -> Iterator[str]:
        ids = {text.serial: text.id or 0 for text in self.texts}
        told: dict[str, list[int]] = defaultdict(list)
        for sent in self.sent:
            told[sent.contact] += [serial for serial in sent.serials if serial in ids]
        for heard in told.values():
            for one, other in pairwise(heard):
                if ids[one] > ids[other]:
                    yield f"swapped: #{one} was answered before #{other}"

    def _recorded(self) -> Iterator[str]:
        for sent in self.sent:
            if sent.sid not in self.sids:
                yield f"unrecorded: Twilio accepted row {sent.row} under a SID nobody knows"

    def _booked(self) -> Iterator[str]:
        for serial in self.wanted | self.booked.keys():
            if (count := self.booked[serial]) != 1:
                yield f"booked {count} times: #{serial}"

    def _ended(self) -> Iterator[str]:
        for what in self.left_open:
            yield f"left open: {what}"
        for what in self.miscounted:
            yield f"miscounted: {what}"
        for what in self.broken:
            yield f"broken: {what}"


# What is broken, and when


@dataclass(frozen=True)
class Point:
    """A moment in the life of a process, as its door sees it."""

    process: str  # of the Procfile
    moment: str  # 'asked': the request is on its way; 'answered': the answer is
    path: str  # how the request's path ends
    method: str = "POST"
    longer_than: int = 0  # the answer's length: a job is longer than a wait


TOOL_CALL = "/rpc/call_sms_tool"
POINTS = {
    "after a claim": Point("worker", "answered", "/rpc/claim_sms_work", longer_than=150),
    "while the model thinks": Point("worker", "asked", "/chat/completions"),
    "after the model answered": Point("worker", "answered", "/chat/completions"),
    "before a tool runs": Point("worker", "asked", TOOL_CALL),
    "after a tool committed": Point("worker", "answered", TOOL_CALL),
    "before queue_sms_reply": Point("worker", "asked", "/rpc/queue_sms_reply"),
    "after queue_sms_reply": Point("worker", "answered", "/rpc/queue_sms_reply"),
    "before Twilio accepts": Point("worker", "asked", "/Messages.json"),
    "after Twilio accepted": Point("worker", "answered", "/Messages.json"),
    "after finish_sms_send": Point("worker", "answered", "/rpc/finish_sms_send"),
    "before a text is stored": Point("web", "asked", "/rpc/ingest_sms"),
    "after a text was stored": Point("web", "answered", "/rpc/ingest_sms"),
    "after a status was recorded": Point("web", "answered", "/rpc/record_sms_delivery"),
}
FREEZING = ("after a claim", "after queue_sms_reply", "after Twilio accepted")
LOSABLE = (
    "claim_sms_work",
    "call_sms_tool",
    "queue_sms_reply",
    "finish_sms_send",
    "ingest_sms",
    "record_sms_delivery",
    "reconcile_sms",
)


@dataclass(frozen=True)
class Plan:
    """How much of everything. `seed` decides who texts what when, and what breaks in which order;
    seconds are the machine's own."""

    seed: int
    conversations: int
    texts: int
    seconds: float  # in which the texts arrive, and things break
    at_least: int  # hits of every point and fault
    lease: float = 16.0  # more than the 13 s that must be left when a text is handed to Twilio
    reconcile_after: float = 2.0
    listing_delay: float = 2.0
    pause: float = 1.0  # between two disturbances, at most

    @property
    def is_short(self) -> bool:
        return self.at_least == 1

    @property
    def freeze(self) -> float:
        """Longer than the lease and both listings: the text is somebody else's by then."""
        return self.lease + 3 * self.reconcile_after + 1


@dataclass(frozen=True)
class Arrival:
    """`count` texts of one contact, one right after the other."""

    at: float
    contact: int
    count: int
    is_posted_twice: bool
    is_posted: bool  # else only the backfill finds it


def arrivals(plan: Plan) -> list[Arrival]:
    """Who texts when: every contact once, then chance; a third of the texts come in bursts."""
    chance = random.Random(plan.seed)
    left, found = plan.texts, list[Arrival]()
    while left > 0:
        first = len(found) < plan.conversations
        count = 1 if first else min(left, chance.choice((1, 1, 1, 2, 3, 5)))
        found.append(
            Arrival(
                at=chance.uniform(0, plan.seconds),
                contact=len(found) if first else chance.randrange(plan.conversations),
                count=count,
                is_posted_twice=chance.random() < 0.15,
                is_posted=chance.random() > 0.03,
            )
        )
        left -= count
    return sorted(found, key=lambda arrival: arrival.at)


# The processes


@dataclass
class Trap:
    """What the next process of its kind meets at a point: it dies, or stands still."""

    name: str
    freezes: bool = False
    victim: str = ""  # who met it
    sprung: asyncio.Event = field(default_factory=asyncio.Event)


class Door(Proxy):
    """One process's way to Supabase, Twilio and OpenAI."""

    def __init__(self, routes: Mapping[str, int], see: Callable[..., None]) -> None:
        super().__init__(routes)
        self._see = see

    async def asked(self, request: Head) -> None:
        self._see("asked", request, 0)

    async def answered(self, request: Head, answer: Head) -> None:
        self._see("answered", request, int(answer.headers.get("content-length", 10_000)))


class Process:
    """One line of the Procfile behind a door of its own; it always comes back."""

    def __init__(self, chaos: Chaos, kind: str, number: int) -> None:
        self.chaos = chaos
        self.kind = kind
        self.name = f"{kind}.chaos{number}"
        self.port = free_port()
        self.child: Child | None = None
        self.is_frozen = False
        self.door = Door(chaos.routes, self._see)

    @property
    def is_dead(self) -> bool:
        """By itself: who is killed here comes back."""
        return self.child is not None and not self.child.runs

    @property
    def runs(self) -> bool:
        return self.child is not None and self.child.runs and not self.is_frozen

    async def start(self) -> None:
        if not self.door.port:
            await self.door.start(free_port())
        stack = self.chaos.stack
        environ = {
            "SUPABASE_URL": self.door.url,
            "TWILIO_BASE_URL": self.door.url,
            "OPENAI_BASE_URL": f"{self.door.url}/v1",
            "PUBLIC_URL": self.chaos.balancer.url,
            "PORT": str(self.port),
            "DYNO": self.name,  # its leases name it
        }
        self.child = child = await stack.start_process(self.kind, environ, log=self.name)
        if self.kind == "web":
            try:
                await stack.wait_for_web(child)
            except StackError:
                if self.child is child:  # else it was killed before it listened
                    raise

    def kill(self) -> None:
        """At once: nothing of it runs any more when this returns."""
        child, self.child = self.child, None
        if child:
            self._signal(child, signal.SIGKILL)
            self.chaos.background(self._come_back(child))

    async def _come_back(self, dead: Child) -> None:
        await dead.stop(signal.SIGKILL)
        if not self.chaos.is_over:
            await self.start()

    def freeze(self) -> None:
        if child := self.child:
            self._signal(child, signal.SIGSTOP)
            self.is_frozen = True
            self.chaos.background(self._thaw(child))

    async def _thaw(self, child: Child) -> None:
        await asyncio.sleep(self.chaos.plan.freeze)
        self._signal(child, signal.SIGCONT)
        self.is_frozen = False
        self.chaos.hits["thawed"] += 1

    async def end(self) -> None:
        if self.child:
            await self.child.stop()
        await self.door.stop()

    def _signal(self, child: Child, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, number)

    def _see(self, moment: str, request: Head, length: int) -> None:
        """Spring the trap set for this moment; raises Cut when nobody is left to answer."""
        self.chaos.note(self, moment, request)
        trap = self.chaos.trap
        if trap is None or not self.runs:
            return
        point, path = POINTS[trap.name], request.path.partition("?")[0]
        is_it = (point.process, point.moment, point.method) == (
            self.kind,
            moment,
            request.first[0],
        ) and path.endswith(point.path)
        if not is_it or (moment == "answered" and length <= point.longer_than):
            return
        self.chaos.trap = None
        self.chaos.hits[f"{'frozen' if trap.freezes else 'killed'} {trap.name}"] += 1
        trap.victim = self.name
        trap.sprung.set()
        if trap.freezes:
            self.freeze()
        else:
            self.kill()
            raise Cut


class Balancer:
    """Spreads connections over the web processes that listen, as a platform's router does."""

    def __init__(self, processes: list[Process]) -> None:
        self.processes = processes
        self._turn = 0
        self._visits: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._visit, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self.server.close()
        for visit in list(self._visits):
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.current_task()
        assert visit is not None
        self._visits.add(visit)
        try:
            await self._pass_on(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._visits.discard(visit)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        for offset in range(len(self.processes)):
            process = self.processes[(self._turn + offset) % len(self.processes)]
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", process.port)
            except OSError:
                continue
            ways = [
                asyncio.ensure_future(_copy(reader, far_writer)),
                asyncio.ensure_future(_copy(far_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                far_writer.close()
            return


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()


# The driver

CONVERSATION = "select * from sms_conversations where contact_number = %s order by created_at"
MESSAGES = """
select m.id, m.author, m.status, m.canned_reply, m.attempts, m.in_reply_to, m.message_content,
  m.created_at, m.sending_at, m.resent_at, m.listed_empty_at, m.error_message
from sms_messages as m join sms_conversations as c on c.id = m.conversation_id
where c.contact_number = %s order by m.id"""
MISCOUNTED = """
select config_id, sum(messages_in), sum(messages_out), sum(ai_replies), sum(failed), sum(segments)
from sms.counts(null, null, '-infinity') where config_id = any(%s) group by config_id
except
select c.config_id, count(*) filter (where m.direction = 'incoming'),
  count(*) filter (where m.direction = 'outgoing'), count(*) filter (where m.author = 'ai'),
  count(*) filter (where m.status in ('failed', 'undelivered')),
  coalesce(sum(m.segments) filter (
    where m.direction = 'outgoing' and m.status not in ('failed', 'canceled', 'blocked')
  ), 0)
from sms_messages as m join sms_conversations as c on c.id = m.conversation_id
group by c.config_id"""


BOOKING = """
create table public.chaos_bookings (phone text not null, serial int not null, at time not null);
alter table public.chaos_bookings enable row level security;
grant insert on public.chaos_bookings to sms_contact;
create policy "Contacts book" on public.chaos_bookings for insert to sms_contact
  with check (phone = sms_tools.contact_number());
create function sms_tools.book(p_serial int, p_at time) returns text
language sql set search_path = '' as $$
  insert into public.chaos_bookings values (sms_tools.contact_number(), p_serial, p_at)
  returning 'booked';
$$;
comment on function sms_tools.book is 'Books a table.';
revoke execute on function sms_tools.book from public;
grant execute on function sms_tools.book to sms_contact;
"""
UNBOOKING = "drop function if exists sms_tools.book; drop table if exists public.chaos_bookings"


def drifting(chance: random.Random) -> Calls:
    """The worst model: a table for each text that asks for one and of which no call tells that it
    was booked, at another time and with the arguments in another order each time it is asked."""

    def calls(body: dict[str, Any]) -> list[tuple[str, str]]:
        made: dict[str, int] = {}  # by the call's id
        for message in body["messages"]:
            for call in message.get("tool_calls") or ():
                made[call["id"]] = json.loads(call["function"]["arguments"])["p_serial"]
            if message["role"] == "tool" and "error" in message["content"]:
                made.pop(message["tool_call_id"], None)
        texts = " ".join(unanswered(body["messages"]))
        asked = [int(n) for n in re.findall(r"mesa #(\d+)", texts)]
        wanted = [n for n in asked if n not in made.values()]
        return [("book", _booking(chance, serial)) for serial in wanted]

    return calls


def _booking(chance: random.Random, serial: int) -> str:
    arguments = [("p_serial", serial), ("p_at", f"{chance.randrange(24):02}:30")]
    chance.shuffle(arguments)
    return json.dumps(dict(arguments))


# Those that hold in a database from which other tests erase; of counters MISCOUNTED asks.
BROKEN = {
    name: query
    for name, query in INVARIANTS.items()
    if "count" not in name and name != "states only move forward"
} | {
    "a group message got a reply": """
select i.id from sms_messages i join sms_messages o on o.in_reply_to = i.id
where i.recipients is not null""",
    "a human message that failed silences": """
select c.contact_number from sms_conversations c join sms_configs f on f.id = c.config_id
where c.status = 'active' and c.paused_until > now() and f.takeover_pause > '0'
  and not exists (
    select from sms_messages m where m.conversation_id = c.id and m.author = 'human'
      and m.status not in ('blocked', 'canceled', 'failed', 'undelivered')
  )
  and exists (select from sms_messages m where m.conversation_id = c.id and m.author = 'human')""",
    "an idle conversation ended with something open": """
select c.id from sms_conversations c
where c.closed_by = 'idle' and (c.reply_due_at is not null or c.send_due_at is not null)""",
}
# What the target TOLD is told of what happened to contacts of a run.
TOLD = "http://127.0.0.1:9/chaos"
TOLD_OF = ["message.received", "reply.sent", "conversation.closed"]
BROKEN |= {
    "a message came, and TOLD was not told once": """
select m.id from sms_messages m join sms_conversations c on c.id = m.conversation_id
join sms_event_targets t on t.address = %s and t.created_at < m.created_at
where m.direction = 'incoming' and c.contact_number like '+1557%%' and 1 <> (
  select count(*) from sms_events e join sms_event_deliveries d on d.event_id = e.id
  where e.message_id = m.id and e.type = 'message.received' and d.target_id = t.id
)""",
    "a reply reached Twilio, and TOLD was not told once": """
select m.id from sms_messages m join sms_conversations c on c.id = m.conversation_id
join sms_event_targets t on t.address = %s and t.created_at < m.created_at
where m.author = 'ai' and m.message_sid is not null and c.contact_number like '+1557%%'
  and 1 <> (
    select count(*) from sms_events e join sms_event_deliveries d on d.event_id = e.id
    where e.message_id = m.id and e.type = 'reply.sent' and d.target_id = t.id
  )""",
    "a conversation ended, and TOLD was not told once": """
select c.id from sms_conversations c
join sms_event_targets t on t.address = %s and t.created_at < c.closed_at
where c.status = 'closed' and c.contact_number like '+1557%%' and 1 <> (
  select count(*) from sms_events e join sms_event_deliveries d on d.event_id = e.id
  where e.conversation_id = c.id and e.type = 'conversation.closed' and d.target_id = t.id
)""",
}
REPLAYS = "select id, status from sms_replays where config_id = any(%s)"
ENDED = """
select count(*) filter (where closed_by = 'idle') as "conversations ended",
  count(*) filter (where is_reopened) as "conversations reopened"
from sms_conversations where config_id = any(%s)"""
HAPPENED = """
select count(*) filter (where m.recipients is not null) as "group messages",
  count(*) filter (where m.channel = 'rcs') as "over RCS",
  count(*) filter (where m.no_reply_reason = 'blocked') as "from somebody blocked",
  count(*) filter (where m.author = 'human' and m.status = 'failed') as "human messages failed",
  count(*) filter (where m.author = 'human' and m.status = 'delivered') as "human messages sent"
from sms_messages m join sms_conversations c on c.id = m.conversation_id
where c.config_id = any(%s)"""
HELD_BY = """
select id, lease_id from sms_conversations
where leased_by like %s and leased_until > now() and leased_for = 'reply'"""
NEXT_HOLDER = """
select leased_by from sms_conversations where id = any(%s) and not lease_id = any(%s)
  and leased_until > now()"""
CLOSE_AFTER = 3.0
OTHER = "+15560000000"  # a further recipient of group messages
KINDS: dict[str, Answered] = {  # of contacts
    "plain": "once",
    "blocked": "never",
    "blocked at times": "at most once",
    "met by a human": "at most once",
}


class Chaos:
    """One run: `async with Chaos.on(stack, plan) as chaos: record = await chaos.run()`."""

    groups = 0.05  # messages of so many go to a group

    def __init__(self, stack: Stack, plan: Plan) -> None:
        self.stack = stack
        self.plan = plan
        self.chance = random.Random(plan.seed + 1)
        self.hits: Counter[str] = Counter()
        self.trap: Trap | None = None
        self.is_over = False
        self._is_broken_enough = asyncio.Event()
        self.worlds = [World(stack) for _ in range(4)]
        self.ending = self.worlds[:2]  # their conversations end by themselves
        self.contacts = [
            (self.worlds[n % 4], f"+1557{plan.seed % 100:02}{n:05}")
            for n in range(plan.conversations)
        ]
        kinds = ["plain"] * 7 + [kind for kind in KINDS if kind != "plain"]
        self._kind_of = {
            contact: kinds[n // 4 % len(kinds)] for n, (_, contact) in enumerate(self.contacts)
        }
        self.routes = {
            **stack.proxy.routes,
            "/2010-04-01": _port(stack.twilio_url),
            "/v1/Services": _port(stack.twilio_url),
            "/v1": _port(stack.environ["OPENAI_BASE_URL"]),
        }
        self.workers = [Process(self, "worker", number) for number in (1, 2, 3)]
        self.webs = [Process(self, "web", number) for number in (1, 2)]
        self._processes = self.workers + self.webs
        self.balancer = Balancer(self.webs)
        self._tasks: set[asyncio.Task[None]] = set()
        self._serial_of: dict[str, int] = {}  # by MessageSid
        self._contact_of: dict[str, str] = {}
        self._answered: dict[str, Answered] = {}
        self._wanted: set[int] = set()

    @classmethod
    @asynccontextmanager
    async def on(cls, stack: Stack, plan: Plan) -> AsyncIterator[Chaos]:
        chaos = cls(stack, plan)
        try:
            await chaos._set_up()
            yield chaos
        finally:
            await chaos._tear_down()

    async def run(self) -> Record:
        """Break things while texts arrive, heal everything, wait for quiet."""
        self._until = time.monotonic() + self.plan.seconds
        load = asyncio.create_task(self._text())
        people = [
            asyncio.create_task(work())
            for work in (
                *(self._maintain, self._block_now_and_then, self._write_as_humans),
                self._replay,
            )
        ]
        try:
            await asyncio.gather(self._spring_traps(), self._disturb())
            self._is_broken_enough.set()
            await load
        finally:
            for task in (load, *people[1:]):
                task.cancel()
            self.trap = None
            self._heal()
        try:
            await self._calm_down()
        finally:
            people[0].cancel()
        return await self.record()

    def missed(self) -> list[str]:
        """The points and faults that were not hit often enough."""
        wanted = [*self._traps(), "thawed", *DISTURBANCES]
        wanted += [f"lost answer of {name}" for name in self._losable]
        wanted += ["posted twice", "burst", "never posted", "contradictory callbacks"]
        wanted += ["conversations ended", "conversations reopened", "group messages", "over RCS"]
        wanted += ["from somebody blocked", "human messages failed", "human messages sent"]
        wanted += ["replays done", "somebody told"]
        return [f"{name}: only {self.hits[name]} times" for name in wanted if self._lacks(name)]

    def report(self, record: Record) -> None:
        contacts = {text.contact for text in record.texts}
        print(f"{len(record.texts)} texts of {len(contacts)} conversations,", end=" ")
        print(f"{len(record.sent)} answers accepted, seed {self.plan.seed}")
        for name, times in sorted(self.hits.items()):
            print(f"{times:5}  {name}")
        for problem in record.violations() + self.missed():
            print(f"FAILED {problem}")

    async def tell(self, record: Record) -> None:
        """What the database holds of each contact that a violation names."""
        told = " ".join(record.violations())
        named = {text.contact for text in record.texts if re.search(rf"#{text.serial}\b", told)}
        named |= {text.contact for text in record.texts if text.contact in told}
        for contact in sorted(named):
            for query in (CONVERSATION, MESSAGES):
                for row in await self.worlds[0].rows(query, contact):
                    print({name: str(value) for name, value in row.items() if value is not None})

    def _lacks(self, name: str) -> bool:
        return self.hits[name] < self.plan.at_least

    def _traps(self) -> list[str]:
        """A short run has time for one freeze, at one of the points."""
        freezing = FREEZING[self.plan.seed % 3 :][:1] if self.plan.is_short else FREEZING
        points = {n: p for n, p in POINTS.items() if not self.plan.is_short or p.path != TOOL_CALL}
        killed = [f"killed {name}" for name in points]
        twice = [] if self.plan.is_short else ["twice while the model thinks"]
        return [f"frozen {name}" for name in freezing] + killed + twice

    def background(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def note(self, process: Process, moment: str, request: Head) -> None:
        """Count what a fault needs to have met to count as hit."""
        if moment != "answered":
            return
        path, _, query = request.path.partition("?")
        rpc = path.rpartition("/")[2]
        if process.door.faults.dropped[rpc] > 0:
            self.hits[f"lost answer of {rpc}"] += 1
        twilio = self.stack.twilio
        if path.endswith("/Messages.json") and request.first[0] == "GET" and "To=" in query:
            self.hits["listing without bodies"] += not twilio.lists_bodies
            self.hits["listing late"] += twilio.listing_delay > 0
        if path.endswith("/Messages.json") and request.first[0] == "POST":
            self.hits["prefixed bodies"] += twilio.is_trial
            self.hits["late callbacks"] += twilio.delivery_delay > 1

    # Texts

    async def _text(self) -> None:
        started, serial = time.monotonic(), 0
        contacts = self.contacts
        for n, (_, contact) in enumerate(contacts):
            name = ("delivered", "contradictory", "lost", "duplicated", "out_of_order")[n % 5]
            self.stack.twilio.deliver_as(name, match=contact)
        plans = (replace(self.plan, seed=self.plan.seed + n) for n in count())
        for turn, plan in enumerate(plans):
            for arrival in arrivals(plan):
                at = turn * plan.seconds + arrival.at
                await asyncio.sleep(at - (time.monotonic() - started))
                if turn and self._is_broken_enough.is_set():
                    return
                world, contact = contacts[arrival.contact]
                first, serial = serial + 1, serial + arrival.count
                self.background(self._burst(world, contact, arrival, first))

    async def _burst(self, world: World, contact: str, arrival: Arrival, first: int) -> None:
        twilio = self.stack.twilio
        self.hits["burst"] += arrival.count > 1
        self.hits["never posted"] += not arrival.is_posted
        self.hits["posted twice"] += arrival.is_posted and arrival.is_posted_twice
        chance, kind = random.Random(self.plan.seed * 10**6 + first), self._kind_of[contact]
        for serial in range(first, first + arrival.count):
            others = [OTHER] if arrival.is_posted and chance.random() < self.groups else []
            sender = f"rcs:{contact}" if chance.random() < 0.1 else contact
            wants = kind == "plain" and not others and self._wants_table(contact, serial)
            text = f"mesa #{serial}" if wants else f"texto #{serial}"
            receipt = await twilio.receive(
                sender, world.number, text, recipients=others, post=False
            )
            self._wanted |= {serial} if wants else set()
            self._serial_of[receipt.sid], self._contact_of[receipt.sid] = serial, contact
            answered = KINDS[kind]
            self._answered[receipt.sid] = "at most once" if others and kind == "plain" else answered
            posts = arrival.is_posted * (1 + arrival.is_posted_twice)
            await asyncio.gather(*(twilio.repost(receipt.sid) for _ in range(posts)))
            if world in self.ending:
                await asyncio.sleep(chance.uniform(0, CLOSE_AFTER + 2))
                if arrival.is_posted_twice:  # now the conversation may have ended
                    await twilio.repost(receipt.sid)

    @property
    def _losable(self) -> list[str]:
        """A short run has no time for tables."""
        return [rpc for rpc in LOSABLE if not self.plan.is_short or not TOOL_CALL.endswith(rpc)]

    def _wants_table(self, contact: str, serial: int) -> bool:
        return not self.plan.is_short and serial % 4 == 1

    # Breaking

    @property
    def _is_time(self) -> bool:
        return time.monotonic() < self._until

    async def _spring_traps(self) -> None:
        """Every point in turn, in an order of chance, until the time is over."""
        wanted = self._traps()
        while wanted:
            if not self.plan.is_short:
                self.chance.shuffle(wanted)
            for name in wanted:
                what, _, point = name.partition(" ")
                trap = Trap(point, freezes=what == "frozen")
                await self._spring(trap)
                if what == "twice" and trap.victim:
                    await self._kill_the_next(trap.victim, name)
            wanted = self._traps() if self._is_time else [n for n in wanted if self._lacks(n)]

    async def _spring(self, trap: Trap) -> None:
        kind = POINTS[trap.name].process
        processes = self.webs if kind == "web" else self.workers

        async def one_can_be_spared() -> bool:
            return sum(process.runs for process in processes) > 1 or not self._is_time

        await eventually(one_can_be_spared, self.plan.freeze + 60)
        self.trap = trap
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(trap.sprung.wait(), 30)
        self.trap = None

    async def _kill_the_next(self, victim: str, name: str) -> None:
        """Whoever takes over a reply of the dead worker dies too, before it queues one."""
        held = await self._ask(HELD_BY, f"{victim}:%")
        conversations, leases = [row["id"] for row in held], [row["lease_id"] for row in held]
        if not held:
            return

        async def the_next() -> Process | None:
            found = {
                row["leased_by"].partition(":")[0]
                for row in await self._ask(NEXT_HOLDER, conversations, leases)
            }
            return next((one for one in self.workers if one.name in found and one.runs), None)

        with contextlib.suppress(TimeoutError):
            process = await eventually(the_next, self.plan.lease + 15)
            process.kill()
            self.hits[name] += 1

    async def _ask(self, query: str, *parameters: object) -> list[Row]:
        """Nothing, while Postgres is away."""
        try:
            return await self.worlds[0].rows(query, *parameters)
        except psycopg.Error:
            return []

    # People

    async def _maintain(self) -> None:
        """Much oftener than a worker asks for it."""
        while True:
            await self._ask("select public.maintain_sms('1 second')")
            await asyncio.sleep(1)

    def _of_kind(self, kind: str) -> list[tuple[World, str]]:
        return [(world, one) for world, one in self.contacts if self._kind_of[one] == kind]

    async def _block_now_and_then(self) -> None:
        contacts = [contact for _, contact in self._of_kind("blocked at times")]
        for blocked_at in cycle(("now()", "null")):
            await self._block(contacts, blocked_at)
            await asyncio.sleep(self.chance.uniform(1, 8))

    async def _block(self, contacts: list[str], blocked_at: str) -> None:
        await self._ask(
            "insert into sms_contacts (user_id, contact_number)"
            " select f.user_id, n from sms_configs f, unnest(%s::text[]) n where f.id = %s"
            " on conflict do nothing",
            contacts,
            self.worlds[0].config_id,
        )
        await self._ask(
            f"update sms_contacts set blocked_at = {blocked_at} where contact_number = any(%s)",  # noqa: S608
            contacts,
        )

    async def _write_as_humans(self) -> None:
        """Half of it is refused by Twilio: that number is a landline."""
        for serial in count(1):
            await asyncio.sleep(self.plan.seconds / 40)
            world, contact = self.chance.choice(self._of_kind("met by a human"))
            if serial % 2:
                self.stack.twilio.faults.add("refuse", code=21614, match=contact)
            await self._ask(
                "insert into sms_messages (conversation_id, user_id, message_content)"
                " select id, user_id, %s from sms_conversations"
                " where config_id = %s and contact_number = %s and status = 'active'",
                f"humano §{serial}",
                world.config_id,
                contact,
            )

    async def _replay(self) -> None:
        """Old replies again, with other settings; none of it may be sent."""
        for world in cycle(self.worlds):
            await asyncio.sleep(self.plan.seconds / 10)
            await self._ask(
                "select start_sms_replay(%s, '{\"temperature\": 0.1}', p_limit => 10)",
                world.config_id,
            )

    async def _disturb(self) -> None:
        wanted = list(DISTURBANCES)
        while wanted:
            self.chance.shuffle(wanted)
            for name in wanted:
                await DISTURBANCES[name](self, name)
                await asyncio.sleep(self.chance.uniform(0, self.plan.pause))
            known = [*DISTURBANCES, *(f"lost answer of {rpc}" for rpc in self._losable)]
            lacking = [name for name in known if self._lacks(name)]
            again = ["answers lost" if name.startswith("lost") else name for name in lacking]
            wanted = list(DISTURBANCES if self._is_time else dict.fromkeys(again))

    async def kill_one(self, name: str) -> None:
        """Whatever it is doing."""
        process = self.chance.choice(self.webs if "web" in name else self.workers)
        if process.runs:
            self.hits[name] += 1
            process.kill()

    async def stop_realtime(self, name: str) -> None:
        self.hits[name] += 1
        await self.stack.realtime.stop()
        await asyncio.sleep(1)
        await self.stack.realtime.start()

    async def stop_data_api(self, name: str) -> None:
        self.hits[name] += 1
        await self.stack.lite.stop()
        await asyncio.sleep(0.5)
        await self.stack.lite.start()

    async def stop_postgres(self, name: str) -> None:
        self.hits[name] += 1
        stop = self.stack.postgres.crash if "crash" in name else self.stack.postgres.stop
        await stop()
        await asyncio.sleep(0.5)
        await self.stack.postgres.start()

    async def lose_answers(self, name: str) -> None:
        """Of every function, at whichever process asks next."""
        self.hits[name] += 1
        for process in self._processes:
            for rpc in LOSABLE:
                process.door.drop(rpc)
        await asyncio.sleep(1)

    async def hide_in_listings(self, name: str) -> None:
        """Texts that Twilio does not show, or shows without their words, are looked up there."""
        twilio, hits = self.stack.twilio, self.hits[name]
        twilio.delivery_delay = min(4 * self.plan.reconcile_after, 30)
        if name == "listing late":
            twilio.listing_delay = self.plan.listing_delay
        else:
            twilio.lists_bodies = False
        for kind in ("error", "error_after", "drop_after", "error"):
            twilio.faults.add(kind, match="+1557")

        async def is_hit() -> bool:
            return self.hits[name] > hits

        with contextlib.suppress(TimeoutError):
            await eventually(is_hit, 4 * self.plan.reconcile_after + 5)
        twilio.listing_delay, twilio.lists_bodies, twilio.delivery_delay = 0.0, True, 0.1

    async def change_twilio(self, name: str) -> None:
        twilio, hits = self.stack.twilio, self.hits[name]
        if name == "prefixed bodies":
            twilio.is_trial = True
            twilio.faults.add("drop_after", match="+1557")
        else:
            twilio.delivery_delay = 3.0

        async def is_hit() -> bool:
            return self.hits[name] > hits

        with contextlib.suppress(TimeoutError):
            await eventually(is_hit, 8)
        await asyncio.sleep(0.5)
        twilio.is_trial, twilio.delivery_delay = False, 0.1

    # Healing

    def _heal(self) -> None:
        twilio = self.stack.twilio
        twilio.faults.clear()
        twilio.listing_delay, twilio.lists_bodies, twilio.is_trial = 0.0, True, False
        twilio.delivery_delay = 0.1
        for process in self._processes:
            process.door.heal()

    async def _calm_down(self) -> None:
        """Until every text is stored, answered and settled; what never ends shows in the record."""
        await self._all_back()
        await self._compare_now()
        await self._until_quiet()
        [contradicted] = await self.worlds[0].rows(
            "select count(*) from sms_delivery_events e join sms_messages m on m.id = e.message_id"
            " where e.status = 'failed' and m.status = 'delivered'"
        )
        self.hits["contradictory callbacks"] = contradicted["count"]
        ids = [world.config_id for world in self.worlds]
        for query in (ENDED, HAPPENED):
            [counted] = await self.worlds[0].rows(query, ids)
            self.hits.update(counted)
        [told] = await self.worlds[0].rows(
            "select count(*) from sms_event_deliveries d"
            " join sms_event_targets t on t.id = d.target_id where t.address = %s",
            TOLD,
        )
        self.hits["somebody told"] = told["count"]
        replays = await self.worlds[0].rows(REPLAYS, ids)
        self.hits["replays done"] = sum(replay["status"] == "done" for replay in replays)

    async def _all_back(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _until_quiet(self) -> None:
        """Gives up when for a long time nothing got better."""
        best, better_at = 10**9, time.monotonic()
        patience = 2 * self.plan.freeze + 60
        while best and time.monotonic() - better_at < patience:
            await asyncio.sleep(0.5)
            left = len((await self.record()).violations())
            if left < best:
                best, better_at = left, time.monotonic()

    async def _compare_now(self) -> None:
        """A worker compares with Twilio when it starts, and then every five minutes."""
        ids = [world.config_id for world in self.worlds]
        await self.worlds[0].rows(
            "update sms_configs set backfill_due_at = now() where id = any(%s)", ids
        )
        self.workers[0].kill()
        await self._all_back()

    async def record(self) -> Record:
        configs = [world.config_id for world in self.worlds]
        rows = await self.worlds[0].rows(
            "select m.*, c.contact_number from sms_messages m join sms_conversations c"
            " on c.id = m.conversation_id where c.config_id = any(%s) order by m.id",
            configs,
        )
        owed = await self.worlds[0].rows(
            "select contact_number from sms_conversations where config_id = any(%s)"
            " and (reply_due_at is not null or leased_until > now())",
            configs,
        )
        replays = await self.worlds[0].rows(f"{REPLAYS} and status <> 'done'", configs)
        booked = await self.worlds[0].rows("select serial from chaos_bookings")
        incoming = [row for row in rows if row["direction"] == "incoming"]
        stored = {row["message_sid"]: row["id"] for row in incoming}
        outgoing = [row for row in rows if row["direction"] == "outgoing"]
        return Record(
            texts=[
                Text(serial, self._contact_of[sid], stored.get(sid), self._answered[sid])
                for sid, serial in self._serial_of.items()
            ],
            sent=[_sent(message) for message in self.stack.twilio.sent if self._is_ours(message)],
            sids={row["message_sid"] for row in outgoing},
            left_open=[f"row {row['id']} is {row['status']}" for row in outgoing if row["is_open"]]
            + [f"{row['contact_number']} is owed an answer" for row in owed]
            + [f"replay {row['id']} is {row['status']}" for row in replays]
            + [f"{process.name} ended by itself" for process in self._processes if process.is_dead],
            stored_twice=len(stored) - len({row["message_content"] for row in incoming}),
            wanted=self._wanted,
            booked=Counter(row["serial"] for row in booked),
            miscounted=[str(row) for row in await self.worlds[0].rows(MISCOUNTED, configs)],
            broken=[
                f"{name}: {row}"
                for name, query in BROKEN.items()
                for row in await self.worlds[0].rows(query, *[TOLD] * query.count("%s"))
            ],
        )

    def _is_ours(self, message: Message) -> bool:
        return message.from_ in {world.number for world in self.worlds}

    async def _set_up(self) -> None:
        plan, stack = self.plan, self.stack
        await self.balancer.start()
        await self.worlds[0].rows(BOOKING)
        for world in self.worlds:
            await world.settle_in(
                max_segments=6,
                max_tokens=1000,
                replies_per_hour=1000,
                replies_per_day=1000,
                number_replies_per_day=100_000,
                close_after=f"{CLOSE_AFTER} s" if world in self.ending else None,
                tools=["book"],
            )
            number = stack.twilio.numbers[world.number]
            number.sms_url = f"{self.balancer.url}/webhook/sms#rc=5&rp=all&ct=3000&rt=4000"
        await self.worlds[0].rows(
            "update sms.policy set lease = %s, reconcile_after = %s, retry_after = '300 ms',"
            # A fixed text names no serial. Answers tried often enough never need it.
            " reply_attempts_max = 1000",
            f"{plan.lease} s",
            f"{plan.reconcile_after} s",
        )
        await self._block([contact for _, contact in self._of_kind("blocked")], "now()")
        await self.worlds[0].rows(
            "select create_sms_event_target('webhook', %s, %s, p_user_id => user_id)"
            " from sms_configs where id = %s",
            *(TOLD, TOLD_OF, self.worlds[0].config_id),
        )
        assert stack.openai
        stack.openai.answer, stack.openai.latency = serials, 0.3
        stack.openai.calls = drifting(self.chance)
        stack.twilio.delivery_delay = 0.1
        await asyncio.gather(*(process.start() for process in self._processes))

    async def _tear_down(self) -> None:
        self.is_over = True
        for process in self._processes:
            if process.is_frozen and process.child:
                process._signal(process.child, signal.SIGCONT)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(process.end() for process in self._processes))
        await self.balancer.stop()
        assert self.stack.openai
        self.stack.openai.answer, self.stack.twilio.scripts = quote, []
        self.stack.openai.calls = commands
        await self.worlds[0].rows("delete from sms_event_targets where address = %s", TOLD)
        await self.worlds[0].rows("delete from sms.policy")
        await self.worlds[0].rows("insert into sms.policy default values")
        ids = [world.config_id for world in self.worlds if world.config_id]
        await self.worlds[0].rows("delete from sms_configs where id = any(%s)", ids)
        await self.worlds[0].rows(UNBOOKING)


Disturbance = Callable[[Chaos, str], Awaitable[None]]
DISTURBANCES: dict[str, Disturbance] = {
    "listing late": Chaos.hide_in_listings,
    "listing without bodies": Chaos.hide_in_listings,
    "prefixed bodies": Chaos.change_twilio,
    "late callbacks": Chaos.change_twilio,
    "answers lost": Chaos.lose_answers,
    "realtime stopped": Chaos.stop_realtime,
    "data api stopped": Chaos.stop_data_api,
    "postgres stopped": Chaos.stop_postgres,
    "postgres crashed": Chaos.stop_postgres,
    "a worker killed": Chaos.kill_one,
    "a web process killed": Chaos.kill_one,
}


def _sent(message: Message) -> Sent:
    found = re.search(r"[?&]m=(\d+)", message.params.get("StatusCallback", ""))
    return Sent(message.sid, message.to, message.body, int(found[1]) if found else None)


def _port(url: str) -> int:
    return int(url.removesuffix("/v1").rpartition(":")[2])


async def _main(minutes: float, seed: int) -> None:
    plan = Plan(
        seed=seed,
        conversations=200,
        texts=int(minutes * 90),
        seconds=minutes * 60,
        at_least=5 if minutes >= 20 else 2,  # five freezes of each point take ten minutes
        lease=20,
        reconcile_after=20,
        listing_delay=30,
        pause=5,
    )
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder), web=0, worker=0) as stack:
            async with Chaos.on(stack, plan) as chaos:
                record = await chaos.run()
                chaos.report(record)
                await chaos.tell(record)
            if record.violations() or chaos.missed():
                raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(_main(given.minutes, given.seed))
