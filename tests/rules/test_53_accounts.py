"""Who works in an account: roles, invitations, assignment, versions of the settings."""

from __future__ import annotations

import json
import uuid
from typing import Any

import psycopg
import pytest

from tests.sql import Db, Number, Session, new_contact


class Person:
    """A user with a session of their own."""

    def __init__(self, session: Session, user_id: uuid.UUID, email: str) -> None:
        self.session = session
        self.id = user_id
        self.email = email


async def person(db: Db, name: str, *, confirmed: bool = True) -> Person:
    user_id, email = uuid.uuid4(), f"{name}.{uuid.uuid4().hex[:8]}@example.com"
    await db.admin.rows(
        "insert into auth.users (id, email, email_confirmed_at)"
        " values (%s, %s, case when %s then now() end)",
        *(user_id, email, confirmed),
    )
    session = await db.person(Number(uuid.uuid4(), user_id, ""))
    return Person(session, user_id, email)


async def account(db: Db) -> tuple[Person, Number, str]:
    """An owner, their number and a conversation with it."""
    owner, one = await person(db, "owner"), await db.session()
    number = await db.number(Number(uuid.uuid4(), owner.id, ""), auto_reply=False)
    text = await one.ingest(number, new_contact(), "hola")
    return owner, number, text["conversation_id"]


async def join(db: Db, owner: Person, role: str) -> Person:
    member = await person(db, role)
    [invitation] = await owner.session.rows(
        "select * from public.invite_sms_member(%s, %s)", member.email.upper(), role
    )
    await member.session.rows("select public.accept_sms_invitation(%s)", invitation["id"])
    return member


async def refused(session: Session, query: str, *values: Any) -> str | None:
    """The SQLSTATE that a statement ends with; None: it ran."""
    try:
        await session.rows(query, *values)
    except psycopg.Error as error:
        return error.sqlstate
    return None


MAY = {
    # What each role may do: agent, admin, owner; "no" of a change of rows is no row changed.
    "read": "yes yes yes",
    "write": "yes yes yes",
    "close": "yes yes yes",
    "assign": "yes yes yes",
    "change settings": "no yes yes",
    "add a keyword": "PT403 yes yes",
    "invite": "PT403 yes yes",
    "see invitations": "no yes yes",
    "restore a version": "PT403 yes yes",
    "search": "yes yes yes",
    "see the team": "yes yes yes",
}


def deeds(number: Number, conversation_id: str, owner: Person) -> dict[str, tuple[str, list[Any]]]:
    return {
        "read": ("select id from sms_messages where user_id = %s", [owner.id]),
        "write": (
            "insert into sms_messages (conversation_id, message_content) values (%s, 'hola')"
            " returning id",
            [conversation_id],
        ),
        "close": (
            "update sms_conversations set status = 'closed' where id = %s returning id",
            [conversation_id],
        ),
        "assign": ("select assign_sms_conversation(%s, %s)", [conversation_id, owner.id]),
        "change settings": (
            "update sms_configs set max_segments = 3 where id = %s returning id",
            [number.id],
        ),
        "add a keyword": (
            "insert into sms_keyword_replies (config_id, keyword, answer)"
            " values (%s, 'horario', '9 a 5') returning id",
            [number.id],
        ),
        "invite": ("select invite_sms_member('x@example.com', 'agent', %s)", [owner.id]),
        "see invitations": ("select id from sms_invitations where user_id = %s", [owner.id]),
        "restore a version": ("select restore_sms_config_version(%s, 1)", [number.id]),
        "search": ("select search_sms('hola', 20, null, %s)", [owner.id]),
        "see the team": ("select get_sms_team(%s)", [owner.id]),
    }


@pytest.mark.parametrize("deed", MAY)
async def test_each_role_does_what_it_may(db: Db, deed: str) -> None:
    found = []
    for role in ("agent", "admin", "owner"):
        owner, number, conversation_id = await account(db)
        await owner.session.rows("select invite_sms_member('other@example.com')")
        who = owner if role == "owner" else await join(db, owner, role)
        query, values = deeds(number, conversation_id, owner)[deed]
        try:
            found.append("yes" if await who.session.rows(query, *values) else "no")
        except psycopg.Error as error:
            found.append(str(error.sqlstate))
    assert " ".join(found) == MAY[deed]


@pytest.mark.parametrize("deed", MAY)
async def test_a_stranger_and_a_removed_member_find_nothing(db: Db, deed: str) -> None:
    owner, number, conversation_id = await account(db)
    removed = await join(db, owner, "admin")
    await owner.session.rows("select remove_sms_member(%s)", removed.id)
    for who in (await person(db, "stranger"), removed):
        query, values = deeds(number, conversation_id, owner)[deed]
        try:
            assert await who.session.rows(query, *values) == []
        except psycopg.Error as error:
            assert error.sqlstate == "PT404"


async def test_a_member_of_two_accounts_sees_both_and_each_row_is_of_one(db: Db) -> None:
    (one, _, _), (two, _, conversation_id) = await account(db), await account(db)
    member = await join(db, one, "agent")
    [invitation] = await two.session.rows("select * from invite_sms_member(%s)", member.email)
    await member.session.rows("select accept_sms_invitation(%s)", invitation["id"])
    accounts = await member.session.rows("select user_id, role from get_sms_accounts()")
    assert {row["user_id"]: row["role"] for row in accounts} == {
        member.id: "owner",
        one.id: "agent",
        two.id: "agent",
    }
    rows = await member.session.rows("select id from sms_inbox where user_id = %s", two.id)
    assert [str(row["id"]) for row in rows] == [str(conversation_id)]
    assert len(await member.session.rows("select id from sms_inbox")) == 2


async def test_the_first_human_takes_an_unassigned_conversation(db: Db) -> None:
    owner, _, conversation_id = await account(db)
    first, second = await join(db, owner, "agent"), await join(db, owner, "agent")
    await first.session.write(conversation_id)
    await second.session.write(conversation_id)
    assert (await db.conversation(conversation_id))["assigned_to"] == first.id
    rows = await owner.session.rows(
        "select sent_by from sms_messages where author = 'human' order by id"
    )
    assert [row["sent_by"] for row in rows] == [first.id, second.id]


async def test_what_was_a_removed_members_is_nobodys(db: Db) -> None:
    owner, _, conversation_id = await account(db)
    member = await join(db, owner, "agent")
    await member.session.write(conversation_id)
    await owner.session.rows("select remove_sms_member(%s)", member.id)
    assert (await db.conversation(conversation_id))["assigned_to"] is None


async def test_a_conversation_is_assigned_to_members_alone(db: Db) -> None:
    owner, _, conversation_id = await account(db)
    stranger = await person(db, "stranger")
    query = "select assign_sms_conversation(%s, %s)"
    assert await refused(owner.session, query, conversation_id, stranger.id) == "PT422"
    assert await refused(owner.session, query, uuid.uuid4(), owner.id) == "PT404"
    assert await refused(owner.session, query, conversation_id, owner.id) is None
    assert await refused(owner.session, query, conversation_id, None) is None
    assert (await db.conversation(conversation_id))["assigned_to"] is None


@pytest.mark.parametrize(
    ("email", "role", "state"),
    [
        ("ana", "agent", "PT422"),
        ("ana@example", "agent", "PT422"),
        ("a" * 250 + "@example.com", "agent", "PT422"),
        ("ana@example.com", "king", "PT422"),
        ("OWNER", "agent", "PT422"),
        ("ana@example.com", "agent", None),
    ],
)
async def test_an_invitation_names_an_address_and_a_role(
    db: Db, email: str, role: str, state: str | None
) -> None:
    owner, _, _ = await account(db)
    address = owner.email if email == "OWNER" else email
    query = "select invite_sms_member(%s, %s)"
    assert await refused(owner.session, query, address, role) == state
    rows = await owner.session.rows("select id from sms_invitations")
    assert len(rows) == (state is None)


async def test_an_invitation_is_for_one_confirmed_address_once_and_for_a_week(db: Db) -> None:
    owner, _, _ = await account(db)
    invited, other = await person(db, "invited"), await person(db, "other")
    accept = "select accept_sms_invitation(%s)"
    [first] = await owner.session.rows("select * from invite_sms_member(%s)", invited.email)
    assert await refused(other.session, accept, first["id"]) == "PT403"
    [second] = await owner.session.rows("select * from invite_sms_member(%s)", invited.email)
    assert await refused(invited.session, accept, first["id"]) == "PT404"
    await db.admin.rows("update sms_invitations set expires_at = now() - interval '1 minute'")
    assert await refused(invited.session, accept, second["id"]) == "PT409"
    [third] = await owner.session.rows("select * from invite_sms_member(%s)", invited.email)
    await db.admin.rows("update auth.users set email_confirmed_at = null where id = %s", invited.id)
    assert await refused(invited.session, accept, third["id"]) == "PT403"
    await db.admin.rows(
        "update auth.users set email_confirmed_at = now() where id = %s", invited.id
    )
    assert await refused(invited.session, accept, third["id"]) is None
    assert await refused(invited.session, accept, third["id"]) == "PT409"
    assert await refused(owner.session, "select invite_sms_member(%s)", invited.email) == "PT409"


async def test_who_has_no_confirmed_address_is_named_for_the_doctor(db: Db) -> None:
    one = await db.session()

    async def unconfirmed() -> list[tuple[str, bool]]:
        team = (await one.call("get_sms_setup"))["unconfirmed_team"]
        return [(person["email"], person["is_member"]) for person in team]

    owner, _, _ = await account(db)
    member = await join(db, owner, "agent")
    invited, late = [await person(db, name, confirmed=False) for name in ("invited", "late")]
    for who in (late, invited, await person(db, "confirmed")):
        await owner.session.rows("select invite_sms_member(%s)", who.email)
    await owner.session.rows("select invite_sms_member('not.signed.up@example.com')")
    await db.admin.rows(
        "update sms_invitations set expires_at = now() - interval '1 minute' where email = %s",
        late.email,
    )
    assert await unconfirmed() == [(invited.email, False)]
    confirm = "update auth.users set email_confirmed_at = %s where id = %s"
    await db.admin.rows(confirm, None, member.id)
    assert await unconfirmed() == [(member.email, True), (invited.email, False)]
    for who in (member, invited):
        await db.admin.rows(confirm, "now", who.id)
    assert await unconfirmed() == []


async def test_the_owner_stays(db: Db) -> None:
    owner, _, _ = await account(db)
    admin = await join(db, owner, "admin")
    remove = "select remove_sms_member(%s, %s)"
    assert await refused(admin.session, remove, owner.id, owner.id) == "PT422"
    assert await refused(owner.session, "select leave_sms_account(%s)", owner.id) == "PT422"
    assert await refused(admin.session, "select leave_sms_account(%s)", owner.id) is None
    assert await refused(admin.session, "select leave_sms_account(%s)", owner.id) == "PT404"


async def test_an_agent_makes_nobody_an_admin(db: Db) -> None:
    owner, _, _ = await account(db)
    agent = await join(db, owner, "agent")
    query = "update sms_members set role = 'admin' where member_id = %s returning role"
    assert await agent.session.rows(query, agent.id) == []
    assert await owner.session.rows(query, agent.id) == [{"role": "admin"}]


async def test_each_change_of_behaviour_is_a_version_that_can_be_restored(db: Db) -> None:
    owner, number, _ = await account(db)
    update = "update sms_configs set system_prompt = %s where id = %s"
    for prompt in ("one", "two", "two"):
        await owner.session.rows(update, prompt, number.id)
    await db.admin.rows("update sms_configs set suspended_reason = 'x' where id = %s", number.id)
    query = "select version, settings, changed_by from sms_config_versions order by version"
    versions = await owner.session.rows(query)
    assert [row["version"] for row in versions] == [1, 2, 3]
    assert [row["changed_by"] for row in versions] == [None, owner.id, owner.id]
    await owner.session.rows("select restore_sms_config_version(%s, 2)", number.id)
    [now] = await owner.session.rows("select system_prompt, version from sms_configs")
    assert now == {"system_prompt": "one", "version": 4}


async def test_what_is_kept_of_a_version_is_what_its_admins_may_change(db: Db) -> None:
    owner, _, _ = await account(db)
    [row] = await owner.session.rows("select settings from sms_config_versions limit 1")
    changeable = await db.admin.rows("""
        select attname::text as name from pg_attribute
        where attrelid = 'sms_configs'::regclass and attnum > 0
          and has_column_privilege('authenticated', attrelid, attnum, 'update')""")
    kept = row["settings"] if isinstance(row["settings"], dict) else json.loads(row["settings"])
    assert set(kept) == {row["name"] for row in changeable}


async def test_a_reply_keeps_the_version_it_was_made_with(db: Db) -> None:
    one, number = await db.session(), await db.number()
    text = await one.ingest(number, new_contact(), "hola")
    job = await one.claim()
    await db.admin.rows("update sms_configs set max_segments = 3 where id = %s", number.id)
    sent = await one.answer(job)
    row = await db.message(sent["message_id"])
    assert (row["in_reply_to"], row["config_version"]) == (text["message_id"], 1)


async def test_policies_compare_the_account_in_the_index(db: Db) -> None:
    """An InitPlan with user_id in the index condition: no scan of other accounts' rows."""
    owner, _, _ = await account(db)
    await db.admin.rows("set enable_seqscan = off")
    await owner.session.rows("set enable_seqscan = off")
    for query in (
        "select id from sms_messages order by id desc limit 10",
        "select id from sms_conversations",
        "select day from sms_daily_stats",
    ):
        plan = await owner.session.rows("explain " + query)
        text = "\n".join(row["QUERY PLAN"] for row in plan)
        assert "InitPlan" in text, text
        assert "user_id = ANY ($0)" in text or "user_id = ANY ((InitPlan 1).col1)" in text, text
