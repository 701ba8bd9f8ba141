"""Who may do what over the Data API, with real sessions: what tests/data/access.sql says."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from gateway.local.stack import Stack
from tests.sql import new_contact, new_sid

WHO = ("owner", "admin", "agent", "both", "removed", "stranger", "nobody", "gateway")

# The signs are told of in tests/data/access.sql.
ACCESS = (Path(__file__).parents[1] / "data/access.sql").read_text()


def signs_of(table: str) -> dict[str, list[str]]:
    """Of may_use or may_call: what each name's row says."""
    rows = ACCESS.partition(f"insert into {table} values")[2].partition(";")[0]
    found = re.findall(r"^  \('(\w+)', *(.*)\)", rows, re.MULTILINE)
    return {name: re.findall("'([^']+)'", cells) for name, cells in found}


TABLES, FUNCTIONS = signs_of("may_use"), signs_of("may_call")
NOBODYS = "eeeeeeee-0000-4000-8000-00000000000e"
METHODS = ("GET", "POST", "PATCH", "DELETE")
WHOSE = "the caller's name"

SIGNS = {"42501": "-", "PT403": "3", "PT404": "4", "55000": "v"}

Params = list[tuple[str, str | int | float | bool | None]]


@dataclass
class Play:
    """`ids`: of each of WHO; `things`: of the owner, for ARGUMENTS; `bodies`: of each table what
    identifies the owner's row, a new row, and a change.
    """

    base_url: str
    headers: dict[str, dict[str, str]]
    ids: dict[str, str]
    bodies: dict[str, tuple[dict[str, object], dict[str, object], dict[str, object]]]
    things: dict[str, str]

    async def verdict(
        self, who: str, method: str, path: str, body: object, where: Params | None = None
    ) -> str:
        headers = self.headers[who] | {"prefer": "return=representation"}
        async with httpx.AsyncClient(base_url=self.base_url, headers=headers) as client:
            answer = await client.request(method, path, params=where, json=body)
        found = answer.json() if answer.content else {}
        if answer.is_error:
            return SIGNS.get(found["code"], str(found["code"]))
        return "0" if found == [] else "1"

    async def rows(self, who: str, path: str) -> list[dict[str, object]]:
        async with httpx.AsyncClient(headers=self.headers[who]) as client:
            answer = await client.get(f"{self.base_url}/{path}")
        found: list[dict[str, object]] = answer.raise_for_status().json()
        return found

    async def of_table(self, who: str, table: str, method: str) -> str:
        known, new, change = self.bodies[table]
        where: Params = [(name, f"eq.{value}") for name, value in known.items()]
        if method == "POST":
            new = {name: who if value == WHOSE else value for name, value in new.items()}
            return await self.verdict(who, method, f"/{table}", new)
        if method == "DELETE":
            where.append((where[0][0], "is.null"))  # as well: that is nothing
        return await self.verdict(who, method, f"/{table}", change, where)


@pytest.fixture(scope="module")
async def play(stack: Stack) -> AsyncIterator[Play]:
    environ = stack.environ
    publishable, secret = environ["SUPABASE_PUBLISHABLE_KEY"], environ["SUPABASE_SECRET_KEY"]
    headers = {"nobody": {"apikey": publishable}, "gateway": {"apikey": secret}}
    ids = {}
    async with httpx.AsyncClient(headers=headers["nobody"]) as client:
        for who in (*WHO[:6], "other", "newcomer", "uninvited"):
            email = f"{who}.{uuid.uuid4().hex}@example.com"
            answer = await client.post(
                f"{stack.proxy.url}/auth/v1/signup",
                json={"email": email, "password": "a-password-of-the-tests"},
            )
            session = answer.json()
            ids[who] = session["user"]["id"]
            bearer = f"Bearer {session['access_token']}"
            headers[who] = {"apikey": publishable, "authorization": bearer}
    bodies = await furnish(stack, ids["owner"], [ids["newcomer"], ids["uninvited"]])
    async with stack.postgres.connect() as database:
        await hire(database, ids)
        things = await things_of(database, ids["owner"])
    play = Play(f"{stack.proxy.url}/rest/v1", headers, ids, bodies, things)
    assert await play.verdict("removed", "GET", "/sms_invitations", None) == "1"
    fired = {"p_member_id": ids["removed"], "p_user_id": ids["owner"]}
    assert await play.verdict("owner", "POST", "/rpc/remove_sms_member", fired) == "1"
    yield play
    async with stack.postgres.connect() as database:
        await database.execute("delete from auth.users where id = any(%s)", (list(ids.values()),))
        await database.execute("delete from sms_error_codes where meaning = 'matrix'")
        await database.execute("delete from sms_canned_replies where name = 'matrix'")
        await database.execute("delete from sms_phrases where phrase = 'matrix'")
        await database.execute("delete from sms_synonyms where word = 'matrix'")
        await database.execute("delete from sms_workers where name ~ '^matrix'")
        await database.execute("delete from sms_models where model ~ '^matrix'")


async def hire(database: psycopg.AsyncConnection[Any], ids: dict[str, str]) -> None:
    """Make everybody what their name says, and give the stranger and the other a conversation."""
    for account, member, role in (
        ("owner", "admin", "admin"),
        ("owner", "agent", "agent"),
        ("owner", "both", "agent"),
        ("owner", "removed", "admin"),
        ("other", "both", "admin"),
    ):
        await database.execute(
            "insert into sms_members (user_id, member_id, role, email) values (%s, %s, %s, %s)",
            (ids[account], ids[member], role, f"{member}@example.com"),
        )
    for account in ("other", "stranger"):
        await database.execute(
            "with made as (insert into sms_configs (user_id, phone_number) values (%s, %s)"
            " returning id, user_id)"
            " insert into sms_conversations (user_id, config_id, contact_number)"
            " select user_id, id, %s from made",
            (ids[account], new_contact(), new_contact()),
        )


async def things_of(database: psycopg.AsyncConnection[Any], owner: str) -> dict[str, str]:
    """What ARGUMENTS name; the conversation is one that only functions change."""
    found = await database.execute(
        "with one as (insert into sms_conversations (user_id, config_id, contact_number)"
        " select user_id, id, %s from sms_configs where user_id = %s returning *),"
        " text as (insert into sms_messages (conversation_id, direction, author, status,"
        " message_content, message_sid)"
        " select id, 'incoming', 'contact', 'received', 'Hola', %s from one)"
        " select one.id, one.config_id, q.id, i.id, d.target_id, d.id, r.id from one"
        " join sms_questions q using (user_id) join sms_invitations i using (user_id)"
        " join sms_event_deliveries d using (user_id) join sms_replays r using (user_id)",
        (new_contact(), owner, new_sid()),
    )
    names = (
        *("a conversation", "a number", "a question", "an invitation"),
        *("a target", "a delivery", "a replay"),
    )
    [row] = await found.fetchall()
    return {"the owner": owner, **dict(zip(names, map(str, row), strict=True))}


async def furnish(
    stack: Stack, owner: str, members: list[str]
) -> dict[str, tuple[dict[str, object], dict[str, object], dict[str, object]]]:
    """Give the owner one row of each table; what names it, another one, and a change."""
    phone, contact, sid = new_contact(), new_contact(), new_sid()
    config, conversation, target, document, replay = (str(uuid.uuid4()) for _ in range(5))
    async with stack.postgres.connect() as database:
        for query, values in (
            ("sms_configs (id, user_id, phone_number)", (config, owner, phone)),
            (
                "sms_conversations (id, user_id, config_id, contact_number)",
                (conversation, owner, config, contact),
            ),
            (
                "sms_messages (conversation_id, direction, author, status, message_content,"
                " message_sid)",
                (conversation, "incoming", "contact", "received", "Hola", sid),
            ),
            (
                "sms_opt_outs (user_id, contact_number, source, changed_at)",
                (owner, contact, "text", "2026-01-01"),
            ),
            (
                "sms_keyword_replies (user_id, config_id, keyword, answer)",
                (owner, config, "horario", "9 a 18"),
            ),
            ("sms_documents (id, user_id, title, content)", (document, owner, "Matrix", "uno")),
            (
                "sms_questions (user_id, config_id, question, plain)",
                (owner, config, "Matrix?", "matrix"),
            ),
            ("sms_contacts (user_id, contact_number, name)", (owner, contact, "Matrix")),
            (
                "sms_replays (id, user_id, config_id, config_version, changes)",
                (replay, owner, config, 1, "{}"),
            ),
            ("sms_replay_answers (replay_id, place, user_id)", (replay, 1, owner)),
            ("sms_members (user_id, member_id, email)", (owner, members[0], "eve@example.com")),
            (
                "sms_invitations (user_id, email, invited_by)",
                (owner, "matrix@example.com", owner),
            ),
            (
                "sms_tool_calls (user_id, conversation_id, waiting_since, message_id, name,"
                " arguments, acts)",
                (owner, conversation, "2026-01-01", 1, "matrix", "{}", False),
            ),
            (
                "sms_event_targets (id, user_id, kind, address, event_types)",
                (target, owner, "webhook", "https://example.com/", ["tool.failed"]),
            ),
            (
                "sms_events (id, user_id, config_id, type, occurred_at)",
                (target, owner, config, "tool.failed", datetime.now(UTC)),
            ),
            (
                "sms_event_deliveries (user_id, event_id, target_id, status, due_at, retry_until)",
                (owner, target, target, "dead", None, "2026-01-01"),
            ),
            ("sms_webhook_logs (message_sid, payload, outcome)", (sid, "{}", "stored")),
            ("sms_delivery_events (message_sid, status)", (sid, "sent")),
            ("sms_workers (name, version, seen_at)", ("matrix", "1", datetime.now(UTC))),
        ):
            places = ", ".join(["%s"] * len(values))
            statement = f"insert into {query} values ({places})"  # noqa: S608  # names are ours
            await database.execute(statement.encode(), values)
        await database.execute(b"select sms.fold_counters()")
    other, today = new_contact(), "2026-01-01"
    return {
        "sms_configs": (
            {"id": config},
            {"user_id": owner, "phone_number": other},
            {"system_prompt": "x"},
        ),
        "sms_conversations": (
            {"id": conversation},
            {"user_id": owner, "config_id": config, "contact_number": other},
            {"auto_reply": True},
        ),
        "sms_daily_stats": (
            {"user_id": owner},
            {"user_id": owner, "config_id": config, "day": today},
            {"messages_in": 1},
        ),
        "sms_delivery_events": (
            {"message_sid": sid, "status": "sent"},
            {"message_sid": sid, "status": "delivered"},
            {"status": "sent"},
        ),
        "sms_error_codes": (
            {"code": 30007},
            {"code": 1, "meaning": "matrix", "action": "operator", "hint": "x"},
            {"code": 30007},
        ),
        "sms_canned_replies": (
            {"name": "stop", "language": "en"},
            {"name": "matrix", "language": "en", "content": "x"},
            {"language": "en"},
        ),
        "sms_export": ({"conversation_id": conversation}, {"id": 1}, {"status": "sent"}),
        "sms_inbox": ({"id": conversation}, {"id": conversation}, {"auto_reply": True}),
        "sms_keyword_replies": (
            {"keyword": "horario"},
            {"config_id": config, "keyword": WHOSE, "answer": "10"},
            {"answer": "10 a 18"},
        ),
        "sms_config_versions": (
            {"config_id": config, "version": 1},
            {"config_id": config, "user_id": owner, "version": 9, "settings": {}},
            {"version": 1},
        ),
        "sms_event_targets": (
            {"id": target},
            {"user_id": owner, "kind": "webhook", "address": f"https://{other[1:]}.example/"}
            | {"event_types": ["tool.failed"]},
            {"with_content": True},
        ),
        "sms_events": (
            {"id": target},
            {"user_id": owner, "config_id": config, "type": "tool.failed", "occurred_at": today},
            {"status": "x"},
        ),
        "sms_event_deliveries": (
            {"target_id": target},
            {"user_id": owner, "event_id": target, "target_id": target, "status": "dead"}
            | {"due_at": None, "retry_until": today},
            {"attempts": 1},
        ),
        "sms_contacts": (
            {"name": "Matrix"},
            {"user_id": owner, "contact_number": other},
            {"notes": "x"},
        ),
        "sms_documents": (
            {"id": document},
            {"user_id": owner, "title": "Matrix 2", "content": "dos"},
            {"title": "Matrix"},
        ),
        "sms_passages": (
            {"document_id": document},
            {
                "document_id": document,
                "user_id": owner,
                "place": 9,
                "title": "t",
                "content": "c",
                "tokens": 1,
                "words": "a",
            },
            {"place": 1},
        ),
        "sms_replays": (
            {"id": replay},
            {"user_id": owner, "config_id": config, "config_version": 1, "changes": {}},
            {"changes": {}},
        ),
        "sms_replay_answers": (
            {"replay_id": replay, "place": 1},
            {"replay_id": replay, "place": 2, "user_id": owner},
            {"mark": "same"},
        ),
        "sms_models": (
            {"model": "gpt-4o-mini"},
            {
                "model": "matrix",
                "input_price": 1,
                "output_price": 1,
                "read_on": today,
                "source": "x",
            },
            {"model": "gpt-4o-mini"},
        ),
        "sms_questions": (
            {"question": "Matrix?"},
            {"user_id": owner, "config_id": config, "question": "Matrix 2?", "plain": "x"},
            {"status": "open"},
        ),
        "sms_invitations": (
            {"email": "matrix@example.com"},
            {"user_id": owner, "email": "matrix.2@example.com", "invited_by": owner},
            {"role": "admin"},
        ),
        "sms_members": (
            {"member_id": members[0]},
            {"user_id": owner, "member_id": members[1], "email": "fay@example.com"},
            {"role": "admin"},
        ),
        "sms_messages": (
            {"message_sid": sid},
            {"conversation_id": conversation, "message_content": "Hi"},
            {"price": 0.01},
        ),
        "sms_synonyms": (
            {"word": "anymore", "language": "en"},
            {"language": "en", "word": "matrix", "stands_for": "x"},
            {"language": "en"},
        ),
        "sms_phrases": (
            {"phrase": "stop", "language": "en"},
            {"language": "en", "phrase": "matrix", "meaning": "stop"},
            {"language": "en"},
        ),
        "sms_opt_outs": (
            {"source": "text"},
            {"user_id": owner, "contact_number": other, "source": "text", "changed_at": today},
            {"source": "text"},
        ),
        "sms_tool_calls": (
            {"conversation_id": conversation},
            {
                "user_id": owner,
                "conversation_id": conversation,
                "waiting_since": today,
                "message_id": 1,
                "name": "matrix",
                "arguments": {},
                "acts": False,
            },
            {"duration_ms": 1},
        ),
        "sms_webhook_logs": (
            {"message_sid": sid},
            {"message_sid": sid, "payload": {}, "outcome": "stored"},
            {"outcome": "stored"},
        ),
        "sms_workers": (
            {"name": "matrix"},
            {"name": "matrix 2", "version": "1", "seen_at": today},
            {"version": "2"},
        ),
    }


ARGUMENTS: dict[str, dict[str, object]] = {
    "accept_sms_invitation": {"p_invitation_id": "an invitation"},
    "answer_sms_question": {"p_question_id": "a question", "p_answer": " "},
    "ask_sms_knowledge": {"p_config_id": "a number", "p_question": "x"},
    "assign_sms_conversation": {"p_conversation_id": "a conversation", "p_member_id": None},
    "erase_sms_contact": {"p_contact_number": "+15550000000", "p_user_id": "the owner"},
    "upsert_sms_contacts": {"p_contacts": [], "p_user_id": "the owner"},
    "import_sms_document": {
        "p_config_id": NOBODYS,
        "p_source": "x",
        "p_title": "x",
        "p_content": "x",
    },
    "start_sms_replay": {"p_config_id": "a number", "p_changes": {}},
    "start_sms_preview": {"p_config_id": "a number", "p_changes": {}, "p_message": "x"},
    "get_sms_replay": {"p_replay_id": "a replay"},
    "cancel_sms_replay": {"p_replay_id": "a replay"},
    "mark_sms_replay_answer": {"p_replay_id": "a replay", "p_place": 1, "p_mark": "same"},
    "record_sms_replay_answer": {"p_lease_id": NOBODYS, "p_answer": {}},
    "get_sms_team": {"p_user_id": "the owner"},
    "invite_sms_member": {"p_email": "x", "p_role": "agent", "p_user_id": "the owner"},
    "leave_sms_account": {"p_user_id": NOBODYS},
    "remove_sms_member": {"p_member_id": "the owner", "p_user_id": "the owner"},
    "restore_sms_config_version": {"p_config_id": "a number", "p_version": 1},
    "get_user_sms_stats": {"p_user_id": "the owner"},
    "get_sms_daily": {"p_user_id": "the owner"},
    "get_sms_engagement_metrics": {"p_user_id": "the owner"},
    "add_sms_number": {"p_owner": "nobody@example.com", "p_phone_number": "+15550000000"},
    "call_sms_tool": {"p_lease_id": NOBODYS, "p_message_id": 0, "p_name": "x", "p_arguments": {}},
    "try_sms_tool": {"p_contact_number": "+15550000000", "p_name": "x", "p_arguments": {}},
    "claim_sms_backfill": {"p_lease": "1 second"},
    "claim_sms_work": {"p_worker": "matrix", "p_lease_id": NOBODYS, "p_lease": "1 second"},
    "create_sms_event_target": {
        "p_kind": "webhook",
        "p_address": "x",
        "p_event_types": [],
        "p_user_id": "the owner",
    },
    "test_sms_event_target": {"p_target_id": "a target"},
    "replay_sms_event_delivery": {"p_delivery_id": "a delivery"},
    "claim_sms_event_deliveries": {"p_lease_id": NOBODYS, "p_limit": 0},
    "finish_sms_event_delivery": {
        "p_delivery_id": 0,
        "p_lease_id": NOBODYS,
        "p_response_status": 200,
    },
    "close_sms_conversation": {"p_conversation_id": "a conversation"},
    "fail_sms_reply": {"p_lease_id": NOBODYS, "p_error": "x"},
    "fail_sms_send": {
        "p_lease_id": NOBODYS,
        "p_message_id": 0,
        "p_outcome": "failed",
        "p_error_message": "x",
    },
    "finish_sms_send": {
        "p_lease_id": NOBODYS,
        "p_message_id": 0,
        "p_message_sid": "SM0",
        "p_status": "queued",
    },
    "finish_sms_backfill": {"p_config_id": NOBODYS},
    "forget_sms_contact": {"p_user_id": NOBODYS, "p_contact_number": "+15550000000"},
    "get_sms_conversation_history": {"p_conversation_id": "a conversation"},
    "get_sms_message": {"p_message_id": 0},
    "ingest_sms": {"p_payload": {}},
    "mark_sms_read": {"p_conversation_id": "a conversation"},
    "missing_sms": {"p_sids": []},
    "note_sms_refused": {"p_sid": "SM0", "p_reason": "x"},
    "note_sms_worker": {"p_name": "matrix", "p_version": "1"},
    "note_sms_models": {"p_shutdown_dates": {"matrix 2": "2030-01-01"}},
    "remove_sms_worker": {"p_name": "matrix of nobody"},
    "queue_sms_reply": {
        "p_lease_id": NOBODYS,
        "p_message_id": 0,
        "p_content": "x",
        "p_encoding": "GSM-7",
        "p_segments": 1,
    },
    "record_sms_delivery": {"p_payload": {}},
    "record_sms_statuses": {"p_messages": []},
    "release_sms_work": {"p_lease_id": NOBODYS},
    "resend_sms": {"p_message_id": 0},
    "search_sms": {"p_query": "Hola", "p_user_id": "the owner"},
    "send_sms": {"p_conversation_id": "a conversation", "p_content": "x"},
    "set_sms_opt_out": {"p_user_id": NOBODYS, "p_contact_number": "+15550000000"},
    "reconcile_sms": {"p_message_id": 0, "p_found": []},
}


async def test_tables_answer_each_role_as_the_matrix_says(play: Play) -> None:
    found = []
    asked = [(table, *one) for table, of in TABLES.items() for one in zip(METHODS, of, strict=True)]
    for table, method, signs in asked:
        got = "".join([await play.of_table(who, table, method) for who in WHO])
        print(f"{table:20} {method:6} {got}")
        if got != signs:
            found.append((table, method, got, signs))
    assert found == []


async def test_functions_answer_each_role_as_the_matrix_says(play: Play) -> None:
    found = []
    for name, [signs] in FUNCTIONS.items():
        arguments = {
            key: play.things.get(str(value), value)
            for key, value in ARGUMENTS.get(name, {}).items()
        }
        answers = [await play.verdict(who, "POST", f"/rpc/{name}", arguments) for who in WHO]
        assert "PGRST202" not in answers, f"{name} has other parameters"
        # What is left are refusals of the other arguments.
        got = "".join(answer if len(answer) == 1 else "1" for answer in answers)
        print(f"{name:30} {got}")
        if got != signs:
            found.append((name, got, signs))
    assert found == []


async def test_who_works_in_two_accounts_reads_both_and_no_third(play: Play) -> None:
    for who, accounts in (
        ("both", {"owner", "other"}),
        ("agent", {"owner"}),
        ("stranger", {"stranger"}),
        ("removed", set()),
    ):
        expected = {play.ids[account] for account in accounts}
        for table in ("sms_configs", "sms_conversations", "sms_inbox"):
            rows = await play.rows(who, table)
            assert {row["user_id"] for row in rows} == expected, (who, table)
    roles = {row["user_id"]: row["role"] for row in await play.rows("both", "rpc/get_sms_accounts")}
    assert roles == {
        play.ids["both"]: "owner",
        play.ids["owner"]: "agent",
        play.ids["other"]: "admin",
    }


async def test_a_role_of_one_account_is_none_of_another(play: Play) -> None:
    """`both` is an admin of the other's number, and only an agent at the owner's."""
    change = {"system_prompt": "x"}
    theirs, owners = (play.ids[who] for who in ("other", "owner"))
    for account, sign in ((theirs, "1"), (owners, "0")):
        where: Params = [("user_id", f"eq.{account}")]
        assert await play.verdict("both", "PATCH", "/sms_configs", change, where) == sign
    for account, sign in ((theirs, "PT422"), (owners, "3")):
        given = {"p_email": "x", "p_role": "owner", "p_user_id": account}
        assert await play.verdict("both", "POST", "/rpc/invite_sms_member", given) == sign


async def test_the_matrix_has_every_table_and_function(stack: Stack) -> None:
    async with stack.postgres.connect() as database:
        tables = await database.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace"
            " and relkind in ('r', 'v', 'm', 'p', 'f') and relname ~ '^sms_'"
        )
        functions = await database.execute(
            "select proname from pg_proc where pronamespace = 'public'::regnamespace"
            " and proname ~ 'sms|send|reply|delivery'"
        )
        assert {row[0] for row in await tables.fetchall()} == TABLES.keys()
        assert {row[0] for row in await functions.fetchall()} == FUNCTIONS.keys()
