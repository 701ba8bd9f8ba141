"""What happens, by chance: contacts, workers, Twilio, humans, operators and time.

Every few hundred steps a new episode begins in empty databases, so that both stay small.
"""

from __future__ import annotations

import random
from datetime import time, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from psycopg.types.json import Jsonb

from tests.rules.differential.databases import Row
from tests.rules.differential.pair import Pair, Step

Job: TypeAlias = dict[str, Any]

STEPS_OF_AN_EPISODE = 300
CONTACTS = [f"+1555000000{n}" for n in range(1, 7)]
OTHER_SENDERS = ["72975", "ACME", "+266696687", "+99012345678", "rcs_sender"]
STAFF = "+15559990001"
BODIES = {
    "usual": [
        "Hola", "¿Tienen mesa para hoy?", "Gracias", "ok", "Bien", "When are you open?", "👍",
        "¿Cuánto cuesta el menú?", "I will come with six people on Friday", "", "a" * 1700,
    ],
    "the same": ["¿Sigue ahí?"],
    "keyword": ["horario", "PRECIOS!", "Horario."],
    "opt word": ["STOP", "stop", "BAJA", "START", "start", "HELP", "ayuda",
        "Stop sending me messages"],
    "smells": ["You keep sending me this and I do not like it", "no more for today thanks"],
    "human": ["Quiero hablar con una persona", "HUMAN", "can I talk to a person please"],
    "bot": ["are you a robot?", "¿Eres un bot?"],
    "reaction": ["Liked “Bien”", "👍 to “ Hola ”", "Le gustó “Bien”"],
    "machine": [
        "I'm driving right now. I'll get back to you later.",
        "Estoy fuera de la oficina hasta el lunes.",
        "This is an automated message. Please do not reply.",
    ],
}  # fmt: skip
KINDS_OF_BODIES = dict(zip(BODIES, [40, 8, 4, 8, 3, 3, 2, 4, 4], strict=True))
TWILIOS_WORDS = [
    "accepted", "queued", "sending", "sent", "failed", "undelivered", "delivered", "read",
    "canceled", "partially_delivered", "new_word",
]  # fmt: skip
CODES = [None, 30003, 30007, 30034, 21610, 21211, 21408, 20003, 63038, 99999]
ACTIONS = {
    "message_arrives": 26,
    "message_is_posted_again": 4,
    "worker_claims": 26,
    "workers_claim_many": 1,
    "worker_goes_on": 16,
    "twilio_tells": 8,
    "twilio_lists": 2,
    "human_writes": 4,
    "human_sends_by_function": 2,
    "human_changes_conversation": 5,
    "human_closes": 2,
    "human_reads": 3,
    "contact_is_changed": 3,
    "operator_acts": 2,
    "number_is_changed": 4,
    "keywords_change": 1,
    "maintenance": 3,
    "backfill": 2,
    "events_are_delivered": 5,
    "targets_change": 1,
    "knowledge": 2,
    "replays": 2,
    "something_is_read": 4,
    "time_passes": 9,
}


class Walker:
    """`jobs` are those of workers, dead ones included; `sent` is what Twilio took."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair = pair
        self.chance = random.Random(seed)
        self.empty = "truncate auth.users, realtime.messages_all, {} cascade".format(
            ", ".join(pair.changing)
        ) + "".join(
            f"; insert into sms.{name} default values" for name in ("policy", "maintenance")
        )
        self.begin_episode()

    def walk(self, steps: int) -> None:
        """So many steps at least. Raises Difference."""
        begun = 0
        while self.pair.steps < steps:
            if self.pair.steps - begun > STEPS_OF_AN_EPISODE:
                self.end_episode()
                self.begin_episode()
                begun = self.pair.steps
            getattr(self, self.choose(ACTIONS))()
        self.pair.compare_everything()

    # Choices

    def choose(self, among: dict[str, int]) -> str:
        return self.chance.choices(list(among), list(among.values()))[0]

    def one_of(self, among: Any) -> Any:
        return self.chance.choice(among)

    def happens(self, share: float) -> bool:
        return self.chance.random() < share

    def uuid(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)

    def sid(self) -> str:
        return f"SM{self.chance.getrandbits(128):032x}"

    def known(self, query: str, *values: Any) -> list[Row]:
        """What stands in the old database, which is the same as the new one."""
        return self.pair.both[0].rows(query, *values)

    # Steps

    def call(self, name: str, user_id: UUID | None = None, /, **params: Any) -> Any:
        """A function of the API, as a signed-in user or the gateway; its rows, or its error."""
        given = {k: Jsonb(v) if isinstance(v, (dict, list)) else v for k, v in params.items()}
        return self.call_plain(name, user_id, **given)

    def call_plain(self, name: str, user_id: UUID | None = None, /, **params: Any) -> Any:
        """As call, with lists as arrays."""
        named = ", ".join(f"p_{each} => %s" for each in params)
        return self.run(
            f"select * from public.{name}({named})",  # noqa: S608
            *params.values(),
            role="person" if user_id else "service",
            user_id=user_id,
        )

    def run(self, statement: str, *values: Any, **more: Any) -> Any:
        return self.pair.play(Step(statement, values, **more))

    def admin(self, statement: str, *values: Any) -> Any:
        return self.run(statement, *values, role="admin")

    def as_user(self, user_id: UUID, statement: str, *values: Any) -> Any:
        return self.run(statement, *values, role="person", user_id=user_id)

    def value(self, name: str, /, **params: Any) -> Job:
        """What a function returned; empty for an error."""
        rows = self.call(name, **params)
        value = rows[0][name] if isinstance(rows, list) and rows else None
        return value if isinstance(value, dict) else {}

    # Episodes

    def begin_episode(self) -> None:
        self.pair.forget(self.empty)
        self.jobs: list[Job] = []
        self.sent: list[Job] = []
        self.posts: list[Job] = []
        self.targets: list[UUID] = []
        self.deliveries: list[tuple[int, UUID]] = []
        self.owner, self.agent, self.stranger = self.uuid(), self.uuid(), self.uuid()
        for user_id in (self.owner, self.agent, self.stranger):
            self.admin(
                "insert into auth.users (id, email, email_confirmed_at) values (%s, %s, now())",
                *(user_id, f"{user_id.hex[:8]}@example.com"),
            )
        self.numbers = [
            self.new_number(self.owner, "+17770000001"),
            self.new_number(self.owner, "+17770000002", service="MG" + "a" * 32),
            self.new_number(self.stranger, "+17770000003"),
        ]
        if self.happens(0.3):
            self.change_policy()
        self.call("invite_sms_member", self.owner, email=f"{self.agent.hex[:8]}@example.com")
        for row in self.known("select id from public.sms_invitations"):
            self.call("accept_sms_invitation", self.agent, invitation_id=row["id"])
        for keyword in ("horario", "precios"):
            self.as_user(
                self.owner,
                "insert into public.sms_keyword_replies (config_id, keyword, answer)"
                " values (%s, %s, %s)",
                *(self.numbers[0]["id"], keyword, f"El {keyword} está en la web."),
            )
        if self.happens(0.5):
            self.new_target("webhook", "https://example.com/hook")
        if self.happens(0.3):
            self.import_document()

    def end_episode(self) -> None:
        """Now and then an account goes, with all that is in it."""
        self.pair.compare_everything()
        if self.happens(0.3):
            self.admin("delete from public.sms_configs where id = %s", self.numbers[0]["id"])
        if self.happens(0.3):
            self.admin("delete from auth.users where id = %s", self.owner)

    def new_number(self, user_id: UUID, phone: str, service: str | None = None) -> Row:
        quiet = self.happens(0.3)
        columns: Row = {
            "user_id": user_id,
            "phone_number": phone,
            "messaging_service_sid": service,
            "addresses": [f"rcs:agent{phone[-1]}"],
            "reply_delay": timedelta(seconds=self.one_of([0, 0, 1, 30])),
            "takeover_pause": timedelta(seconds=self.one_of([0, 0, 3600, 43200])),
            "replies_per_hour": self.one_of([2, 10, 100, 100]),
            "replies_per_day": self.one_of([4, 100, 100]),
            "number_replies_per_day": self.one_of([0, 5, 1000, 1000, 1000]),
            "close_after": self.one_of([None, timedelta(hours=2), timedelta(days=3)]),
            "answer_groups": self.happens(0.3),
            "own_opt_out": self.happens(0.3),
            "fold_accents": self.happens(0.5),
            "history_limit": self.one_of([1, 4, 10]),
            "first_reply_notice": self.one_of([None, None, "Soy un asistente."]),
            "promise_human": self.one_of([None, True, False]),
            "tools": self.one_of(
                [None, ["book_table"], ["free_seats", "book_table", "cancel_booking"]]
            ),
            "context_attributes": ["plan"],
            "quiet_from": time(20) if quiet else None,
            "quiet_until": time(8) if quiet else None,
            "time_zone": self.one_of(["UTC", "Europe/Madrid", "America/Mexico_City"]),
            "created_at": self.pair.clock - timedelta(days=self.one_of([0, 7, 7, 7])),
        }
        names, places = ", ".join(columns), ", ".join("%s" for _ in columns)
        rows = self.admin(
            f"insert into public.sms_configs ({names}) values ({places})"  # noqa: S608
            " returning id, user_id, phone_number",
            *columns.values(),
        )
        row: Row = rows[0]
        return row

    # Contacts

    def message_arrives(self) -> None:
        number = self.one_of([*self.numbers, self.numbers[0]])
        sender = {"from": self.one_of(CONTACTS[:2] + CONTACTS), "to": number["phone_number"]}
        unusual = self.unusual_post(number) if self.happens(0.2) else {}
        self.arrives(self.post(sender | unusual))

    def post(self, parts: Job) -> Job:
        body = self.one_of(BODIES[self.choose(KINDS_OF_BODIES)])
        return {"sid": self.sid(), "body": body, "media": [], "form": None} | parts

    def arrives(self, post: Job) -> None:
        """Now or, by the backfill, late; now and then posted twice at once."""
        age = self.one_of([None] * 8 + [0, 30, 90, 3600, 7 * 3600, 8 * 86400])
        at = None if age is None else self.pair.clock - timedelta(seconds=age)
        self.posts.append(post)
        for _ in range(self.one_of([1, 1, 1, 1, 2])):
            self.call("ingest_sms", payload=post, occurred_at=at)

    def during(self, job: Job) -> Job:
        """From the contact for whom a reply is being generated."""
        rows = self.known(
            "select c.contact_number, f.phone_number from public.sms_conversations as c"
            " join public.sms_configs as f on f.id = c.config_id where c.id = %s",
            job["conversation_id"],
        )
        return (
            {"from": row["contact_number"], "to": row["phone_number"]}
            if (row := next(iter(rows), None))
            else {"from": CONTACTS[0], "to": "+17770000001"}
        )

    def unusual_post(self, number: Row) -> Job:
        post: Job = self.one_of([
            {"from": self.one_of(OTHER_SENDERS)},
            {"from": STAFF, "body": self.one_of(["STOP", "Hola", self.code()])},
            {"to": "+17779999999"},
            {"to": f"rcs:agent{number['phone_number'][-1]}", "channel": "rcs"},
            {"to": "rcs:other", "channel": "rcs", "service_sid": "MG" + "a" * 32},
            {"media": [{"url": "https://example.com/1", "content_type": "image/jpeg"}]},
            {"recipients": ["+15550000099"], "channel": "mms"},
            {"opt_out_type": self.one_of(["STOP", "START", "HELP"])},
            {"form": {"From": CONTACTS[0], "To": number["phone_number"], "Body": "as posted"}},
        ])  # fmt: skip
        return post

    def code(self) -> str:
        rows = self.known("select code from sms.event_secrets where code is not null")
        return str(rows[0]["code"]) if rows else "000000"

    def message_is_posted_again(self) -> None:
        if not self.posts:
            return
        post = dict(self.one_of(self.posts[-10:]))
        if self.happens(0.3):
            post["media"] = [{"url": "https://example.com/2", "content_type": "image/png"}]
        self.call("ingest_sms", payload=post)

    def contact_is_changed(self) -> None:
        contact = self.one_of(CONTACTS[:3])
        change = self.one_of(["blocked", "unblocked", "unblocked", "card", "many", "opted out"])
        if change in ("blocked", "unblocked"):
            self.as_user(
                self.one_of([self.owner, self.agent]),
                "update public.sms_contacts set blocked_at = %s where contact_number = %s",
                *(self.pair.clock if change == "blocked" else None, contact),
            )
        elif change == "card":
            self.as_user(
                self.owner,
                "update public.sms_contacts set name = %s, language = %s, attributes = %s"
                " where contact_number = %s",
                *("Ana", self.one_of(["es", "fr", "en", None]), Jsonb({"plan": "gold"}), contact),
            )
        elif change == "many":
            entries = [{"contact_number": c, "name": "Bo", "tags": ["vip"]} for c in CONTACTS[3:]]
            self.call("upsert_sms_contacts", self.owner, contacts=entries, user_id=self.owner)
        else:
            self.call(
                "set_sms_opt_out",
                user_id=self.owner,
                contact_number=contact,
                opted_out=self.happens(0.4),
                phone_number=self.one_of(["*", self.numbers[0]["phone_number"]]),
            )

    # Workers

    def worker_claims(self, at_once: bool = True) -> None:
        """And goes on at once, or is slow. Now and then under a lease that is or was known."""
        known = [job["lease_id"] for job in self.jobs[-6:] if job.get("lease_id")]
        again = bool(known) and self.happens(0.1)
        lease = self.one_of(known) if again else str(self.uuid())
        job = self.value(
            "claim_sms_work",
            worker=self.one_of(["w1", "w2"]),
            lease_id=lease,
            lease=self.one_of([None, None, timedelta(seconds=5)]),
        )
        self.take(job, lease)
        if job.get("kind") not in (None, "wait") and at_once and self.happens(0.6):
            self.work(self.jobs.pop())
        elif job.get("kind") == "wait" and job["seconds"] is not None and self.happens(0.6):
            self.pair.let_pass(float(job["seconds"]) + 0.01)

    def workers_claim_many(self) -> None:
        """So many that one number holds half of the leases."""
        for contact in CONTACTS:
            for number in self.numbers[: self.one_of([1, 2])]:
                post = self.post({"from": contact, "to": number["phone_number"], "body": "Hola"})
                self.call("ingest_sms", payload=post)
        self.pair.let_pass(31)
        for _ in range(14):
            self.worker_claims(at_once=False)

    def take(self, job: Job | None, lease: str) -> None:
        if job and job.get("kind") != "wait":
            self.jobs = [*self.jobs[-20:], job | {"lease_id": lease}]

    def worker_goes_on(self) -> None:
        if not self.jobs:
            return
        self.work(self.jobs.pop(self.one_of([-1, -1, self.chance.randrange(len(self.jobs))])))

    def work(self, job: Job) -> None:
        if self.happens(0.05):
            self.call("release_sms_work", lease_id=job["lease_id"])
        elif self.happens(0.05):
            pass  # it dies
        elif job["kind"] == "replay":
            self.answer_replay(job)
        elif job["kind"] == "reconcile":
            self.reconcile(job)
        elif job["kind"] == "send":
            self.send(job)
        else:
            self.answer(job)

    def answer(self, job: Job) -> None:
        if job["kind"] == "reply" and self.happens(0.3):
            for _ in range(self.one_of([1, 1, 2, 9])):
                self.call_tool(job)
        if self.happens(0.12):
            self.call(
                "fail_sms_reply",
                lease_id=job["lease_id"],
                error=self.one_of(["no usable text", "too many requests"]),
                suspends=self.happens(0.1),
                retry_after=self.one_of([None, None, 3, 9000]),
            )
            return
        if self.happens(0.2):
            self.arrives(self.post(self.during(job)))
        queued: Job = {}
        for _ in range(self.one_of([1, 1, 1, 2])):
            queued = self.queue(job)
        if queued.get("outcome") == "send":
            job = queued | {"lease_id": job["lease_id"], "kind": "send"}
            if self.happens(0.7):
                self.send(job)
            else:
                self.jobs.append(job)

    def queue(self, job: Job) -> Job:
        content = job.get("content") or f"Respuesta a {job['message_id']}"
        return self.value(
            "queue_sms_reply",
            lease_id=job["lease_id"],
            message_id=job["message_id"],
            content=content,
            encoding=self.one_of(["GSM-7", "UCS-2"]),
            segments=self.one_of([1, 1, 2]),
            model="gpt-4o-mini",
            prompt_tokens=self.one_of([None, 100]),
            completion_tokens=10,
            generation_ms=500,
            shown_first_id=job["message_id"],
            shown_last_id=job["message_id"],
            prompt_hash="00" * 32,
        )

    def call_tool(self, job: Job) -> None:
        name, arguments = self.one_of([
            ("request_human", {"p_reason": "upset"}),
            ("not_known", {"p_question": self.one_of(["Is there parking?", "Do you deliver?"])}),
            ("stop_messages", {"p_language": self.one_of(["es", None])}),
            ("no_reply_needed", {"p_kind": "automatic_message"}),
            ("no_reply_needed", {"p_kind": self.one_of(["reaction", "goodbye"])}),
            ("book_table", {"p_day": "2026-12-1", "p_people": self.one_of([2, 2, 4])}),
            ("book_table", {"p_day": "2026-12-01", "p_people": 40}),
            ("free_seats", {"p_day": "2026-12-01"}),
            ("cancel_booking", {"p_day": "2026-12-01"}),
            ("no_tool", {}),
            ("request_human", {"wrong": 1}),
            ("book_table", {"day": "2026-12-1", "people": 2}),
        ])  # fmt: skip
        self.call(
            "call_sms_tool",
            lease_id=job["lease_id"],
            message_id=job["message_id"],
            name=name,
            arguments=arguments,
            asked_again=self.happens(0.1),
        )

    def send(self, job: Job) -> None:
        fate = self.choose(
            {
                "works": 60,
                "refused": 6,
                "suspended": 2,
                "failed": 4,
                "unknown": 8,
                "taken": 8,
                "dies": 6,
            }
        )
        if fate in ("works", "taken"):
            self.sent.append(job | {"sid": self.sid()})
        if fate == "works":
            self.finish(self.sent[-1])
        elif fate != "dies":
            self.call(
                "fail_sms_send",
                lease_id=job["lease_id"],
                message_id=job["message_id"],
                outcome="unknown" if fate == "taken" else fate,
                error_message="Twilio says no",
                error_code=self.one_of(CODES),
                retry_after=self.one_of([None, None, 2, 7200]),
            )

    def finish(self, sent: Job) -> None:
        params: Job = {
            "lease_id": sent["lease_id"],
            "message_id": sent["message_id"],
            "message_sid": sent["sid"],
            "status": self.one_of(TWILIOS_WORDS),
            "segments": self.one_of([None, 1, 2]),
            "encoding": self.one_of([None, "GSM-7"]),
        }
        lease = str(self.uuid())
        if self.happens(0.3):
            params |= {"next_lease_id": lease, "worker": "w1"}
        for _ in range(self.one_of([1, 1, 1, 2])):
            finished = self.value("finish_sms_send", **params)
            self.take(finished.get("next"), lease)

    def reconcile(self, job: Job) -> None:
        listed = [
            {"sid": sent["sid"], "body": sent["content"], "created_at": f"{i:09}", "status": "sent"}
            for i, sent in enumerate(self.sent)
            if (sent["from"], sent["to"]) == (job["from"], job["to"])
        ]
        found = self.one_of([listed, listed, listed, [], [], None])
        if found is not None and self.happens(0.1):
            found = [*found, {"sid": self.sid(), "body": "by hand", "created_at": "1"}]
        self.call(
            "reconcile_sms",
            message_id=job["message_id"],
            found=found,
            lease_id=self.one_of([job["lease_id"]] * 5 + [None]),
        )

    # Twilio

    def twilio_tells(self) -> None:
        if not self.sent:
            return
        sent = self.one_of(self.sent[-15:])
        word = self.one_of(TWILIOS_WORDS)
        code = self.one_of(CODES) if word in ("failed", "undelivered") else None
        for _ in range(self.one_of([1, 1, 1, 2])):
            self.call(
                "record_sms_delivery",
                payload={
                    "sid": self.sid() if self.happens(0.05) else sent["sid"],
                    "status": word,
                    "to": CONTACTS[0] if self.happens(0.05) else sent["to"],
                    "message_id": sent["message_id"],
                    "error_code": code,
                    "form": self.one_of([None, {"MessageStatus": word}]),
                },
            )

    def twilio_lists(self) -> None:
        listed = [
            {
                "sid": sent["sid"],
                "status": self.one_of(TWILIOS_WORDS),
                "error_code": self.one_of(CODES),
                "price": self.one_of([None, "-0.0075"]),
                "price_unit": "USD",
                "segments": self.one_of([0, 1, 3]),
            }
            for sent in self.sent[-5:]
        ]
        self.call("record_sms_statuses", messages=listed)

    # Humans

    def conversation(self) -> Row | None:
        rows = self.known("select * from public.sms_conversations order by created_at, id")
        active = [row for row in rows if row["status"] == "active"]
        among = active if active and self.happens(0.85) else rows
        return self.one_of(among) if among else None

    def human(self) -> UUID:
        human: UUID = self.one_of([self.owner, self.owner, self.agent, self.stranger])
        return human

    def human_writes(self) -> None:
        if row := self.conversation():
            self.as_user(
                self.human(),
                "insert into public.sms_messages (conversation_id, message_content, client_ref)"
                " values (%s, %s, %s) returning *",
                *(row["id"], self.one_of(["Le atiendo yo.", "Ya voy.", "  "]), None),
            )

    def human_sends_by_function(self) -> None:
        if row := self.conversation():
            human, ref = self.human(), self.uuid()
            for _ in range(self.one_of([1, 2])):
                self.call(
                    "send_sms", human, conversation_id=row["id"], content="Sí.", client_ref=ref
                )
            failed = self.known(
                "select id from public.sms_messages where status in ('failed', 'undelivered',"
                " 'canceled', 'blocked') order by id desc limit 5"
            )
            if failed and self.happens(0.3):
                self.call("resend_sms", message_id=self.one_of(failed)["id"])

    def human_changes_conversation(self) -> None:
        row = self.conversation()
        if not row:
            return
        change = self.one_of([
            {"auto_reply": False}, {"auto_reply": True}, {"auto_reply": True, "paused_until": None},
            {"paused_until": self.pair.clock + timedelta(hours=1)}, {"wants_human": False},
            {"wants_human": True}, {"read_up_to_id": row["last_incoming_id"] or 0},
        ])  # fmt: skip
        names = ", ".join(f"{name} = %s" for name in change)
        self.as_user(
            self.human(),
            f"update public.sms_conversations set {names} where id = %s",  # noqa: S608
            *(*change.values(), row["id"]),
        )

    def human_closes(self) -> None:
        if row := self.conversation():
            if self.happens(0.5):
                self.call("close_sms_conversation", self.human(), conversation_id=row["id"])
            else:
                self.as_user(
                    self.human(),
                    "update public.sms_conversations set status = 'closed' where id = %s",
                    row["id"],
                )

    def human_reads(self) -> None:
        if row := self.conversation():
            act = self.one_of(["mark", "assign", "history", "inbox"])
            if act == "mark":
                self.call("mark_sms_read", self.human(), conversation_id=row["id"])
            elif act == "assign":
                member = self.one_of([self.owner, self.agent, self.stranger, None])
                self.call(
                    "assign_sms_conversation",
                    self.human(),
                    conversation_id=row["id"],
                    member_id=member,
                )
            elif act == "history":
                self.call("get_sms_conversation_history", self.human(), conversation_id=row["id"])
            else:
                self.as_user(self.human(), "select * from public.sms_inbox order by id")

    # Numbers and operators

    def number_is_changed(self) -> None:
        number = self.numbers[self.one_of([0, 1])]
        change = self.one_of(CHANGES_OF_NUMBERS)
        self.as_user(
            self.one_of([self.owner, self.owner, self.agent]),
            f"update public.sms_configs set {change} where id = %s",  # noqa: S608
            number["id"],
        )
        if self.happens(0.2):
            self.call(
                "restore_sms_config_version",
                self.owner,
                config_id=number["id"],
                version=self.one_of([1, 2, 99]),
            )

    def keywords_change(self) -> None:
        self.as_user(
            self.owner,
            "insert into public.sms_keyword_replies (config_id, keyword, answer)"
            " values (%s, %s, %s)",
            *(self.numbers[1]["id"], self.one_of(["hola", "Menú", "¡!"]), "Claro."),
        )

    def operator_acts(self) -> None:
        act = self.one_of(["forget", "erase", "cleanup", "backlog", "number", "worker", "policy"])
        contact = self.one_of(CONTACTS[3:])
        if act == "forget":
            self.call("forget_sms_contact", user_id=self.owner, contact_number=contact)
        elif act == "erase":
            self.call("erase_sms_contact", self.owner, contact_number=contact, user_id=self.owner)
        elif act == "cleanup":
            self.call("cleanup_old_sms_conversations", days=self.one_of([0, 1, 30]))
        elif act == "backlog":
            if self.happens(0.3):
                self.call("drop_sms_backlog")
        elif act == "number":
            self.call("add_sms_number", owner=str(self.owner), phone_number="+17770000004")
        elif act == "worker":
            self.call("note_sms_worker", name=self.one_of(["w1", "w2"]), version="1")
        else:
            self.change_policy()

    def change_policy(self) -> None:
        self.admin(f"update sms.policy set {self.one_of(CHANGES_OF_POLICY)}")  # noqa: S608

    def maintenance(self) -> None:
        self.call("maintain_sms", every=timedelta(seconds=self.one_of([0, 60, 3600])))

    def backfill(self) -> None:
        claimed = self.value("claim_sms_backfill")
        if claimed.get("config_id") and self.happens(0.8):
            self.call(
                "finish_sms_backfill",
                config_id=claimed["config_id"],
                until=self.one_of([None, self.pair.clock]),
            )
        sids = [post["sid"] for post in self.posts[-3:]] + [self.sid()]
        self.call_plain("missing_sms", sids=sids)
        if self.happens(0.1):
            self.call("note_sms_refused", sid=sids[-1], reason="no storable text")

    # Events, knowledge, replays

    def new_target(self, kind: str, address: str) -> None:
        self.call_plain(
            "create_sms_event_target",
            self.owner,
            kind=kind,
            address=address,
            event_types=self.one_of([EVENT_TYPES, EVENT_TYPES[:3], EVENT_TYPES[3:]]),
            config_id=self.numbers[0]["id"] if kind == "sms" else None,
            with_content=self.happens(0.5),
            user_id=self.owner,
        )
        rows = self.known("select id from public.sms_event_targets order by id")
        self.targets = [row["id"] for row in rows]

    def events_are_delivered(self) -> None:
        lease = self.uuid()
        claimed = self.value(
            "claim_sms_event_deliveries", lease_id=lease, limit=self.one_of([1, 8])
        )
        self.deliveries += [(job["delivery_id"], lease) for job in claimed.get("deliveries", [])]
        for _ in range(min(len(self.deliveries), 3)):
            delivery, held = self.deliveries.pop(0)
            self.call(
                "finish_sms_event_delivery",
                delivery_id=delivery,
                lease_id=held,
                response_status=self.one_of([200, 200, 200, 204, 500, 429, None, 410]),
                error=None,
                retry_after=self.one_of([None, 30]),
            )

    def targets_change(self) -> None:
        act = self.one_of(["webhook", "sms", "test", "off", "on", "replay"])
        if act in ("webhook", "sms") or not self.targets:
            kind = act if act in ("webhook", "sms") else "webhook"
            self.new_target(kind, STAFF if kind == "sms" else "https://example.com/other")
        elif act == "test":
            self.call("test_sms_event_target", self.owner, target_id=self.one_of(self.targets))
        elif act == "replay":
            rows = self.known("select id from public.sms_event_deliveries order by id")
            if rows:
                self.call(
                    "replay_sms_event_delivery", self.owner, delivery_id=self.one_of(rows)["id"]
                )
        else:
            self.as_user(
                self.owner,
                "update public.sms_event_targets set is_enabled = %s where id = %s",
                *(act == "on", self.one_of(self.targets)),
            )

    def import_document(self) -> None:
        title, content = self.one_of(DOCUMENTS)
        self.call(
            "import_sms_document",
            config_id=self.numbers[0]["id"],
            source=self.one_of(["a.md", "b.md"]),
            title=title,
            content=content,
            language=self.one_of(["spanish", "english", "simple"]),
        )

    def knowledge(self) -> None:
        if self.happens(0.3):
            self.import_document()
        self.call(
            "ask_sms_knowledge",
            self.owner,
            config_id=self.numbers[0]["id"],
            question=self.one_of(["¿Cuándo abren?", "How much is the menu?", "parking"]),
        )
        questions = self.known(
            "select id from public.sms_questions where status = 'open' order by id"
        )
        if questions and self.happens(0.3):
            self.call(
                "answer_sms_question",
                self.owner,
                question_id=self.one_of(questions)["id"],
                answer=self.one_of(["Behind the house.", " "]),
            )

    def replays(self) -> None:
        number = self.numbers[0]["id"]
        started = self.known("select id, status from public.sms_replays order by created_at, id")
        act = self.one_of(["start", "preview", "cancel", "look"])
        if act == "start":
            changes = {"system_prompt": "Be short.", "temperature": 0.2}
            self.call("start_sms_replay", self.owner, config_id=number, changes=changes, limit=3)
        elif act == "preview" or not started:
            self.call(
                "start_sms_preview",
                self.owner,
                config_id=number,
                changes=self.one_of([{}, {"max_tokens": 1}]),
                message="Hola",
            )
        elif act == "cancel":
            self.call("cancel_sms_replay", self.owner, replay_id=self.one_of(started)["id"])
        else:
            self.call("get_sms_replay", self.owner, replay_id=self.one_of(started)["id"])

    def answer_replay(self, job: Job) -> None:
        given = self.one_of([
            {"state": "answered", "content": "Hola", "encoding": "GSM-7", "segments": 1},
            {"state": "failed", "error": "refused", "retry_after": 20},
            {"state": "diverged", "error": "book_table"},
        ])  # fmt: skip
        self.call("record_sms_replay_answer", lease_id=job["lease_id"], answer=given)

    def something_is_read(self) -> None:
        name = self.one_of(READ)
        if name in (
            "get_sms_health",
            "list_sms_numbers",
            "get_sms_setup",
            "list_sms_event_deliveries",
        ):
            self.call(name)
        elif name == "search_sms":
            self.call(name, self.owner, query=self.one_of(["hola", "mesa", "5550"]))
        elif name == "get_sms_message":
            rows = self.known("select id from public.sms_messages order by id desc limit 9")
            self.call(name, message_id=self.one_of(rows)["id"] if rows else 1)
        elif name == "sms_export":
            self.as_user(self.agent, "select * from public.sms_export order by id")
        else:
            self.call(name, self.human())

    def time_passes(self) -> None:
        self.pair.let_pass(
            self.one_of([1, 1, 7, 7, 31, 31, 61, 61, 61, 121, 121, 700, 3700, 30000, 90000, 280000])
        )


EVENT_TYPES = [
    "message.received", "reply.sent", "reply.failed", "human.requested", "conversation.opened",
    "conversation.closed", "contact.opted_out", "contact.opted_in", "number.suspended",
    "number.resumed", "question.unanswered", "tool.failed",
]  # fmt: skip
READ = [
    "get_sms_health", "list_sms_numbers", "get_sms_setup", "list_sms_event_deliveries",
    "search_sms", "get_sms_message", "sms_export", "get_sms_stats", "get_sms_daily",
    "get_sms_engagement_metrics", "get_user_sms_stats", "get_sms_team", "get_sms_accounts",
]  # fmt: skip
CHANGES_OF_NUMBERS = [
    "auto_reply = false", "auto_reply = true", "auto_reply = true", "reply_delay = '2 seconds'",
    "replies_per_hour = 1", "replies_per_hour = 50", "number_replies_per_day = 3",
    "number_replies_per_day = 500", "takeover_pause = '10 minutes'", "max_tokens = 1",
    "quiet_from = '00:00', quiet_until = '06:00'", "quiet_from = null, quiet_until = null",
    "quiet_from = null, quiet_until = null", "answer_within = '1 hour'", "close_after = '1 hour'",
    "stay_silent_for = '{automatic_message,reaction,goodbye}'", "history_limit = 3",
    "system_prompt = 'Be brief.'", "handoff_reply = 'Ya le llamamos.'", "time_zone = 'Nowhere'",
    "fallback_reply = 'Luego.'", "knowledge_tokens = 50", "tools = '{none}'",
    "promise_human = true",
]  # fmt: skip
CHANGES_OF_POLICY = [
    "human_messages_per_day = 4", "reply_attempts_max = 1", "reply_attempts_max = 2",
    "tool_calls_max = 3", "superseded_max = 1", "retry_for = '1 minute'",
    "unknown_for = '5 minutes'",
    "conversations_kept = '1 day'", "loop_rounds = 2", "fallback_every = '1 minute'",
    "notice_every = '1 hour'", "logs_kept = '1 hour'", "history_characters = 60",
    "staff_messages_per_day = 2", "doubled_within = '1 minute'", "resend_within = '2 minutes'",
]  # fmt: skip
DOCUMENTS = [
    ("Horario", "Abrimos de martes a domingo, de 9 a 17.\n\nLos lunes cerramos."),
    ("Menu", "# Lunch\n\nThe menu of the day costs 14 euros.\n\n# Dinner\n\nDinner is 28 euros."),
    ("Parking", "There is a car park behind the house. It is free for guests."),
]
