"""Who may do what over the Data API, with real sessions: typed by hand, printed by `pytest -s`.

Ada owns a number, a conversation and a text; Bob owns nothing; nobody has the publishable key and
no session; the gateway has the secret key.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from gateway.local.stack import Stack
from tests.sql import new_contact, new_sid

WHO = ("Ada", "Bob", "nobody", "gateway")

# On what is Ada's, for each of WHO: 1 if there is a row to get or change, 0 if there is none, the
# error, '-' for "permission denied". A deletion is asked for where nothing is: 0 is "allowed".
TABLES = """
                      GET      POST           PATCH                     DELETE
sms_configs           1 0 - 1  - - - 1        1 0 - 1                   - - - 0
sms_conversations     1 0 - 1  - - - 1        1 0 - 1                   - - - 0
sms_daily_stats       1 0 - 1  - - - 1        - - - 1                   - - - 0
sms_delivery_events   - - - 1  - - - 1        - - - 1                   - - - 0
sms_documents         1 0 - 1  1 PT404 - 1    1 0 - 1                   0 0 - 0
sms_error_codes       1 1 - 1  - - - 1        - - - 1                   - - - 0
sms_canned_replies       1 1 - 1  - - - 1        - - - 1                   - - - 0
sms_export            1 0 - 1  55000 all       55000 all                  55000 all
sms_event_targets     1 0 - 1  - - - 1        1 0 - 1                   0 0 - 0
sms_events            1 0 - 1  - - - 1        - - - 1                   - - - 0
sms_event_deliveries  1 0 - 1  - - - 1        - - - 1                   - - - 0
sms_inbox             1 0 - 1  55000 all       55000 all                  55000 all
sms_keyword_replies   1 0 - 1  1 PT404 - 1   1 0 - 1                   0 0 - 0
sms_config_versions   1 0 - 1  - - - 1        - - - 1                   - - - 0
sms_contacts          1 0 - 1  - - - 1        1 0 - 1                   - - - 0
sms_invitations       1 0 - 1  - - - 1        - - - 1                   0 0 - 0
sms_members           1 0 - 1  - - - 1        1 0 - 1                   - - - 0
sms_messages          1 0 - 1  1 PT404 - 1    - - - 1                   - - - 0
sms_passages          1 0 - 1  - - - 1        - - - 1                   - - - 0
sms_questions         1 0 - 1  - - - 1        1 0 - 1                   - - - 0
sms_tool_calls        1 0 - 1  - - - 1        - - - 1                   - - - 0
sms_replays           1 0 - 1  - - - 1        - - - 1                   - - - 0
sms_replay_answers    1 0 - 1  - - - 1        - - - 1                   - - - 0
sms_model_prices      1 1 - 1  - - - 1        - - - 1                   - - - 0
sms_synonyms  1 1 - 1  - - - 1        - - - 1                   - - - 0
sms_phrases     1 1 - 1  - - - 1        - - - 1                   - - - 0
sms_opt_outs          1 0 - 1  - - - 1        - - - 1                   - - - 0
sms_webhook_logs      - - - 1  - - - 1        - - - 1                   - - - 0
sms_workers           - - - 1  - - - 1        - - - 1                   - - - 0
"""

# yes: it runs, or refuses its arguments.
FUNCTIONS = """
accept_sms_invitation          yes yes -   -
add_sms_number                 -   -   -   yes
answer_sms_question            yes yes -   yes
ask_sms_knowledge              yes yes -   yes
assign_sms_conversation        yes yes -   yes
call_sms_tool                  -   -   -   yes
claim_sms_backfill             -   -   -   yes
claim_sms_work                 -   -   -   yes
claim_sms_event_deliveries     -   -   -   yes
finish_sms_event_delivery      -   -   -   yes
list_sms_event_deliveries      -   -   -   yes
list_sms_event_targets         -   -   -   yes
create_sms_event_target        yes yes -   yes
test_sms_event_target          yes yes -   yes
replay_sms_event_delivery      yes yes -   yes
cleanup_old_sms_conversations  -   -   -   yes
close_sms_conversation         yes yes -   yes
drop_sms_backlog               -   -   -   yes
erase_sms_contact              yes yes -   yes
fail_sms_reply                     -   -   -   yes
fail_sms_send                      -   -   -   yes
finish_sms_send                    -   -   -   yes
finish_sms_backfill            -   -   -   yes
forget_sms_contact             -   -   -   yes
get_sms_accounts               yes yes -   yes
get_sms_conversation_history   yes yes -   yes
get_sms_daily                  yes yes -   yes
get_sms_engagement_metrics     yes yes -   yes
get_sms_health                 -   -   -   yes
get_sms_message                -   -   -   yes
get_sms_setup                  -   -   -   yes
get_sms_stats                  yes yes -   yes
get_sms_team                   yes yes -   yes
get_user_sms_stats             yes yes -   yes
import_sms_document            -   -   -   yes
ingest_sms                     -   -   -   yes
invite_sms_member              yes yes -   yes
leave_sms_account              yes yes -   -
list_sms_numbers               -   -   -   yes
list_sms_tools                 -   -   -   yes
mark_sms_read                  yes yes -   yes
missing_sms                    -   -   -   yes
note_sms_refused               -   -   -   yes
note_sms_worker                -   -   -   yes
queue_sms_reply                    -   -   -   yes
record_sms_delivery                -   -   -   yes
record_sms_replay_answer       -   -   -   yes
start_sms_replay               yes yes -   yes
start_sms_preview              yes yes -   yes
get_sms_replay                 yes yes -   yes
cancel_sms_replay              yes yes -   yes
mark_sms_replay_answer         yes yes -   yes
record_sms_statuses               -   -   -   yes
release_sms_work               -   -   -   yes
remove_sms_member              yes yes -   yes
remove_sms_worker              -   -   -   yes
resend_sms                     -   -   -   yes
restore_sms_config_version     yes yes -   yes
search_sms                     yes yes -   yes
send_sms                       yes yes -   yes
set_sms_opt_out                -   -   -   yes
try_sms_tool                   -   -   -   yes
reconcile_sms                     -   -   -   yes
maintain_sms                       -   -   -   yes
upsert_sms_contacts            yes yes -   yes
"""

NOBODYS = "eeeeeeee-0000-4000-8000-00000000000e"
WHOSE = "the caller's name"

Params = list[tuple[str, str | int | float | bool | None]]


@dataclass
class Play:
    """`bodies`: of each table what identifies Ada's row, a new row, and a change."""

    base_url: str
    headers: dict[str, dict[str, str]]
    bodies: dict[str, tuple[dict[str, object], dict[str, object], dict[str, object]]]

    async def verdict(
        self, who: str, method: str, path: str, body: object, where: Params | None = None
    ) -> str:
        headers = self.headers[who] | {"prefer": "return=representation"}
        async with httpx.AsyncClient(base_url=self.base_url, headers=headers) as client:
            answer = await client.request(method, path, params=where, json=body)
        found = answer.json() if answer.content else {}
        if answer.is_error:
            return "-" if found["code"] == "42501" else str(found["code"])
        return "0" if found == [] else "1"

    async def of_table(self, who: str, table: str, method: str) -> str:
        known, new, change = self.bodies[table]
        where: Params = [(name, f"eq.{value}") for name, value in known.items()]
        if method == "POST":
            new = {name: who if value == WHOSE else value for name, value in new.items()}
            return await self.verdict(who, method, f"/{table}", new)
        if method == "DELETE":
            where.append((where[0][0], "is.null"))  # as well: that is nothing
        return await self.verdict(who, method, f"/{table}", change, where)


def cells(table: str) -> Iterator[tuple[str, str, list[str]]]:
    """Of TABLES: (table, method, what each of WHO gets)."""
    for line in table.strip().splitlines()[1:]:
        name, *words = line.split()
        for method in ("GET", "POST", "PATCH", "DELETE"):
            if words[1] == "all":
                verdicts, words = words[:1] * 4, words[2:]
            else:
                verdicts, words = words[:4], words[4:]
            yield name, method, verdicts


@pytest.fixture(scope="module")
async def play(stack: Stack) -> AsyncIterator[Play]:
    environ = stack.environ
    publishable, secret = environ["SUPABASE_PUBLISHABLE_KEY"], environ["SUPABASE_SECRET_KEY"]
    headers = {"nobody": {"apikey": publishable}, "gateway": {"apikey": secret}}
    ids = {}
    async with httpx.AsyncClient(headers=headers["nobody"]) as client:
        for who in ("Ada", "Bob", "Eve", "Fay"):
            email = f"{who}.{uuid.uuid4().hex}@example.com"
            answer = await client.post(
                f"{stack.proxy.url}/auth/v1/signup",
                json={"email": email, "password": "a-password-of-the-tests"},
            )
            session = answer.json()
            ids[who] = session["user"]["id"]
            bearer = f"Bearer {session['access_token']}"
            headers[who] = {"apikey": publishable, "authorization": bearer}
    bodies = await furnish(stack, ids["Ada"], [ids["Eve"], ids["Fay"]])
    yield Play(f"{stack.proxy.url}/rest/v1", headers, bodies)
    async with stack.postgres.connect() as database:
        await database.execute("delete from auth.users where id = any(%s)", (list(ids.values()),))
        await database.execute("delete from sms_error_codes where meaning = 'matrix'")
        await database.execute("delete from sms_canned_replies where name = 'matrix'")
        await database.execute("delete from sms_phrases where phrase = 'matrix'")
        await database.execute("delete from sms_synonyms where word = 'matrix'")
        await database.execute("delete from sms_workers where name ~ '^matrix'")
        await database.execute("delete from sms_model_prices where model = 'matrix'")


async def furnish(
    stack: Stack, ada: str, members: list[str]
) -> dict[str, tuple[dict[str, object], dict[str, object], dict[str, object]]]:
    """Give Ada one row of each table; what names it, another one, and a change."""
    phone, contact, sid = new_contact(), new_contact(), new_sid()
    config, conversation, target, document, replay = (str(uuid.uuid4()) for _ in range(5))
    async with stack.postgres.connect() as database:
        for query, values in (
            ("sms_configs (id, user_id, phone_number)", (config, ada, phone)),
            (
                "sms_conversations (id, user_id, config_id, contact_number)",
                (conversation, ada, config, contact),
            ),
            (
                "sms_messages (conversation_id, direction, author, status, message_content,"
                " message_sid)",
                (conversation, "incoming", "contact", "received", "Hola", sid),
            ),
            (
                "sms_opt_outs (user_id, contact_number, source, changed_at)",
                (ada, contact, "text", "2026-01-01"),
            ),
            (
                "sms_keyword_replies (user_id, config_id, keyword, answer)",
                (ada, config, "horario", "9 a 18"),
            ),
            ("sms_documents (id, user_id, title, content)", (document, ada, "Matrix", "uno")),
            (
                "sms_questions (user_id, config_id, question, plain)",
                (ada, config, "Matrix?", "matrix"),
            ),
            ("sms_contacts (user_id, contact_number, name)", (ada, contact, "Matrix")),
            (
                "sms_replays (id, user_id, config_id, config_version, changes)",
                (replay, ada, config, 1, "{}"),
            ),
            ("sms_replay_answers (replay_id, place, user_id)", (replay, 1, ada)),
            ("sms_members (user_id, member_id, email)", (ada, members[0], "eve@example.com")),
            (
                "sms_invitations (user_id, email, invited_by)",
                (ada, "matrix@example.com", ada),
            ),
            (
                "sms_tool_calls (user_id, conversation_id, waiting_since, message_id, name,"
                " arguments, acts)",
                (ada, conversation, "2026-01-01", 1, "matrix", "{}", False),
            ),
            (
                "sms_event_targets (id, user_id, kind, address, event_types)",
                (target, ada, "webhook", "https://example.com/", ["tool.failed"]),
            ),
            (
                "sms_events (id, user_id, config_id, type, occurred_at)",
                (target, ada, config, "tool.failed", datetime.now(UTC)),
            ),
            (
                "sms_event_deliveries (user_id, event_id, target_id, status, due_at, retry_until)",
                (ada, target, target, "dead", None, "2026-01-01"),
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
            {"user_id": ada, "phone_number": other},
            {"system_prompt": "x"},
        ),
        "sms_conversations": (
            {"id": conversation},
            {"user_id": ada, "config_id": config, "contact_number": other},
            {"auto_reply": True},
        ),
        "sms_daily_stats": (
            {"user_id": ada},
            {"user_id": ada, "config_id": config, "day": today},
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
            {"config_id": config, "user_id": ada, "version": 9, "settings": {}},
            {"version": 1},
        ),
        "sms_event_targets": (
            {"id": target},
            {"user_id": ada, "kind": "webhook", "address": f"https://{other[1:]}.example/"}
            | {"event_types": ["tool.failed"]},
            {"with_content": True},
        ),
        "sms_events": (
            {"id": target},
            {"user_id": ada, "config_id": config, "type": "tool.failed", "occurred_at": today},
            {"status": "x"},
        ),
        "sms_event_deliveries": (
            {"target_id": target},
            {"user_id": ada, "event_id": target, "target_id": target, "status": "dead"}
            | {"due_at": None, "retry_until": today},
            {"attempts": 1},
        ),
        "sms_contacts": (
            {"name": "Matrix"},
            {"user_id": ada, "contact_number": other},
            {"notes": "x"},
        ),
        "sms_documents": (
            {"id": document},
            {"user_id": ada, "title": "Matrix 2", "content": "dos"},
            {"title": "Matrix"},
        ),
        "sms_passages": (
            {"document_id": document},
            {
                "document_id": document,
                "user_id": ada,
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
            {"user_id": ada, "config_id": config, "config_version": 1, "changes": {}},
            {"changes": {}},
        ),
        "sms_replay_answers": (
            {"replay_id": replay, "place": 1},
            {"replay_id": replay, "place": 2, "user_id": ada},
            {"mark": "same"},
        ),
        "sms_model_prices": (
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
            {"user_id": ada, "config_id": config, "question": "Matrix 2?", "plain": "x"},
            {"status": "open"},
        ),
        "sms_invitations": (
            {"email": "matrix@example.com"},
            {"user_id": ada, "email": "matrix.2@example.com", "invited_by": ada},
            {"role": "admin"},
        ),
        "sms_members": (
            {"member_id": members[0]},
            {"user_id": ada, "member_id": members[1], "email": "fay@example.com"},
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
            {"user_id": ada, "contact_number": other, "source": "text", "changed_at": today},
            {"source": "text"},
        ),
        "sms_tool_calls": (
            {"conversation_id": conversation},
            {
                "user_id": ada,
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
    "accept_sms_invitation": {"p_invitation_id": NOBODYS},
    "answer_sms_question": {"p_question_id": NOBODYS, "p_answer": "x"},
    "ask_sms_knowledge": {"p_config_id": NOBODYS, "p_question": "x"},
    "assign_sms_conversation": {"p_conversation_id": NOBODYS, "p_member_id": NOBODYS},
    "erase_sms_contact": {"p_contact_number": "+1", "p_user_id": NOBODYS},
    "upsert_sms_contacts": {"p_contacts": [], "p_user_id": NOBODYS},
    "start_sms_replay": {"p_config_id": NOBODYS, "p_changes": {}},
    "start_sms_preview": {"p_config_id": NOBODYS, "p_changes": {}, "p_message": "x"},
    "get_sms_replay": {"p_replay_id": NOBODYS},
    "cancel_sms_replay": {"p_replay_id": NOBODYS},
    "mark_sms_replay_answer": {"p_replay_id": NOBODYS, "p_place": 1, "p_mark": "same"},
    "record_sms_replay_answer": {"p_lease_id": NOBODYS, "p_answer": {}},
    "import_sms_document": {
        "p_config_id": NOBODYS,
        "p_source": "x",
        "p_title": "x",
        "p_content": "x",
    },
    "get_sms_team": {"p_user_id": NOBODYS},
    "invite_sms_member": {"p_email": "x", "p_role": "agent", "p_user_id": NOBODYS},
    "leave_sms_account": {"p_user_id": NOBODYS},
    "remove_sms_member": {"p_member_id": NOBODYS, "p_user_id": NOBODYS},
    "restore_sms_config_version": {"p_config_id": NOBODYS, "p_version": 1},
    "add_sms_number": {"p_owner": "nobody@example.com", "p_phone_number": "+15550000000"},
    "call_sms_tool": {"p_lease_id": NOBODYS, "p_message_id": 0, "p_name": "x", "p_arguments": {}},
    "try_sms_tool": {"p_contact_number": "+15550000000", "p_name": "x", "p_arguments": {}},
    "claim_sms_backfill": {"p_lease": "1 second"},
    "claim_sms_work": {"p_worker": "matrix", "p_lease_id": NOBODYS, "p_lease": "1 second"},
    "create_sms_event_target": {
        "p_kind": "webhook",
        "p_address": "x",
        "p_event_types": [],
        "p_user_id": NOBODYS,
    },
    "test_sms_event_target": {"p_target_id": NOBODYS},
    "replay_sms_event_delivery": {"p_delivery_id": 0},
    "claim_sms_event_deliveries": {"p_lease_id": NOBODYS, "p_limit": 0},
    "finish_sms_event_delivery": {
        "p_delivery_id": 0,
        "p_lease_id": NOBODYS,
        "p_response_status": 200,
    },
    "close_sms_conversation": {"p_conversation_id": NOBODYS},
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
    "get_sms_conversation_history": {"p_conversation_id": NOBODYS},
    "get_sms_message": {"p_message_id": 0},
    "ingest_sms": {"p_payload": {}},
    "mark_sms_read": {"p_conversation_id": NOBODYS},
    "missing_sms": {"p_sids": []},
    "note_sms_refused": {"p_sid": "SM0", "p_reason": "x"},
    "note_sms_worker": {"p_name": "matrix", "p_version": "1"},
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
    "search_sms": {"p_query": "x"},
    "send_sms": {"p_conversation_id": NOBODYS, "p_content": "x"},
    "set_sms_opt_out": {"p_user_id": NOBODYS, "p_contact_number": "+15550000000"},
    "reconcile_sms": {"p_message_id": 0, "p_found": []},
}


async def test_tables_answer_each_role_as_the_matrix_says(play: Play) -> None:
    found = []
    for table, method, verdicts in cells(TABLES):
        got = [await play.of_table(who, table, method) for who in WHO]
        print(f"{table:21} {method:6} " + " ".join(f"{verdict:5}" for verdict in got))
        if got != verdicts:
            found.append((table, method, got, verdicts))
    assert found == []


async def test_functions_answer_each_role_as_the_matrix_says(play: Play) -> None:
    found = []
    for line in FUNCTIONS.strip().splitlines():
        name, *verdicts = line.split()
        answers = [
            await play.verdict(who, "POST", f"/rpc/{name}", ARGUMENTS.get(name, {})) for who in WHO
        ]
        assert "PGRST202" not in answers, f"{name} has other parameters"
        got = ["-" if answer == "-" else "yes" for answer in answers]
        print(f"{name:30} " + " ".join(f"{verdict:3}" for verdict in got))
        if got != verdicts:
            found.append((name, got, verdicts))
    assert found == []


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
        assert {row[0] for row in await tables.fetchall()} == {row[0] for row in cells(TABLES)}
        listed = {line.split()[0] for line in FUNCTIONS.strip().splitlines()}
        assert {row[0] for row in await functions.fetchall()} == listed
