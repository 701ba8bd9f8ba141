"""Chapter 31: a tool acts once for a pending reply, as the contact, while the lease lasts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.prompt import NO_REPLY_NEEDED, NOT_KNOWN, REQUEST_HUMAN, STOP_MESSAGES
from tests.scenario import Scenario
from tests.sql import Db, Job, Session, new_contact

EXAMPLES = Path(__file__).parents[1] / "examples/tools"
FRIDAY = {"p_day": "2027-12-03", "p_people": 4, "p_meal": "dinner"}
BOOKS = "Mesa para 4 el viernes"

# What somebody else's tools may do; each is offered by the number of these tests.
ODD = """
create function sms_tools.raises() returns text language plpgsql as $$
begin
  insert into public.bookings (phone, day, meal, people)
  values (sms_tools.contact_number(), '2027-01-01', 'lunch', 1);
  raise exception 'no such luck';
end $$;
comment on function sms_tools.raises() is 'Raises.';
create function sms_tools.returns_much() returns text language sql stable as $$
  select repeat('x', 1000000) $$;
comment on function sms_tools.returns_much() is 'Returns 1 MB.';
create function sms_tools.returns_nothing() returns void language sql as $$ select $$;
comment on function sms_tools.returns_nothing() is 'Returns nothing.';
create function sms_tools.sleeps() returns text language plpgsql as $$
begin
  insert into public.bookings (phone, day, meal, people)
  values (sms_tools.contact_number(), '2027-02-02', 'lunch', 1);
  perform pg_sleep(20);
  return 'slept';
end $$;
comment on function sms_tools.sleeps() is 'Sleeps.';
create function sms_tools.waits() returns text language plpgsql as $$
begin
  insert into public.bookings (phone, day, meal, people)
  values (sms_tools.contact_number(), '2027-03-03', 'lunch', 1);
  perform pg_advisory_xact_lock(31);
  return 'waited';
end $$;
comment on function sms_tools.waits() is 'Waits for whoever holds lock 31.';
create function sms_tools.echo(
  p_text text, p_number numeric default null, p_days date[] default '{}', p_data jsonb default null,
  p_when timestamptz default null, p_id uuid default null, p_yes boolean default null
) returns jsonb language sql stable as $$
  select jsonb_build_array(p_text, p_number, p_days, p_data, p_when, p_id, p_yes) $$;
comment on function sms_tools.echo is 'Says back.';
create table public.promises (
  id int primary key, of int references public.promises deferrable initially deferred
);
alter table public.promises enable row level security;
grant insert on public.promises to sms_contact;
create policy "Contacts promise" on public.promises for insert to sms_contact with check (true);
create function sms_tools.promises() returns void language sql as $$
  insert into public.promises values (1, 2) $$;
comment on function sms_tools.promises() is 'Is refused at commit.';
"""
TOOLS = [
    *("book_table", "free_seats", "cancel_booking", "raises", "returns_much", "returns_nothing"),
    *("sleeps", "waits", "echo", "promises"),
]


@pytest.fixture(scope="module")
def beside() -> str:
    """The bakery, and odd tools beside it."""
    return (EXAMPLES / "bakery.sql").read_text() + ODD


@pytest.fixture
async def tools(scenario: Scenario) -> Scenario:
    await scenario.db.admin.rows("truncate public.bookings, public.promises")
    await scenario.configure(tools=TOOLS)
    return scenario


async def pending(scenario: Scenario, body: str = BOOKS) -> Job:
    """A reply to this message, being generated."""
    await scenario.texts(body)
    job = await scenario.one.claim()
    assert job["kind"] == "reply"
    return job


async def call(
    session: Session, job: Job, name: str, arguments: dict[str, Any] | None = None, **more: Any
) -> Job:
    called: Job = await session.call(
        "call_sms_tool",
        lease_id=job["lease_id"],
        message_id=job["message_id"],
        name=name,
        arguments=arguments or {},
        **more,
    )
    return called


async def bookings(scenario: Scenario) -> list[dict[str, Any]]:
    return await scenario.db.admin.rows("select * from public.bookings order by id")


async def records(scenario: Scenario) -> list[dict[str, Any]]:
    return await scenario.db.admin.rows(
        "select k.* from public.sms_tool_calls as k join public.sms_conversations as c"
        " on c.id = k.conversation_id where c.config_id = %s order by k.id",
        scenario.number.id,
    )


# Once.


async def test_a_tool_acts_as_the_contact_and_is_recorded(tools: Scenario) -> None:
    job = await pending(tools)
    booked = await call(tools.one, job, "book_table", FRIDAY)
    assert booked["outcome"] == "done" and booked["result"]["people"] == 4
    [row] = await bookings(tools)
    assert (row["phone"], str(row["day"])) == (tools.contact, "2027-12-03")
    [record] = await records(tools)
    assert (record["name"], record["arguments"], record["acts"]) == ("book_table", FRIDAY, True)
    assert record["result"] == booked["result"] and record["error"] is None
    assert record["duration_ms"] is not None


@pytest.mark.parametrize(
    "again",
    [
        FRIDAY,
        dict(reversed(FRIDAY.items())),
        FRIDAY | {"p_day": "2027-12-3"},
        FRIDAY | {"p_people": "4"},
    ],
    ids=["equal", "another order", "another way to write a day", "a number as text"],
)
async def test_an_equal_call_returns_what_the_first_came_to(
    tools: Scenario, again: dict[str, Any]
) -> None:
    job = await pending(tools)
    first = await call(tools.one, job, "book_table", FRIDAY)
    assert await call(tools.one, job, "book_table", again) == first
    assert len(await bookings(tools)) == len(await records(tools)) == 1


async def test_another_booking_is_another_call(tools: Scenario) -> None:
    job = await pending(tools)
    await call(tools.one, job, "book_table", FRIDAY)
    await call(tools.one, job, "book_table", FRIDAY | {"p_people": 2})
    assert [row["people"] for row in await bookings(tools)] == [4, 2]


async def test_a_look_up_is_made_again_and_sees_what_was_done(tools: Scenario) -> None:
    job = await pending(tools)
    day = {"p_day": "2027-12-03"}
    assert (await call(tools.one, job, "free_seats", day))["result"] == 40
    await call(tools.one, job, "book_table", FRIDAY)
    assert (await call(tools.one, job, "free_seats", day))["result"] == 36


async def test_two_sessions_that_ask_at_once_book_once(tools: Scenario) -> None:
    job = await pending(tools)
    other = await tools.db.session()
    async with tools.one.transaction():
        first = await call(tools.one, job, "book_table", FRIDAY)
        racing = asyncio.ensure_future(call(other, job, "book_table", FRIDAY))
        await tools.db.waits_for_lock(other)
    assert await racing == first
    assert len(await bookings(tools)) == 1


# Resumed.


async def test_a_superseded_reply_is_resumed_from_the_calls(tools: Scenario) -> None:
    job = await pending(tools, "¿Hay mesa?")
    await call(tools.one, job, "free_seats", {"p_day": "2027-12-03"})
    await tools.texts("¿Tienen aparcamiento?")
    assert (await tools.one.answer(job))["outcome"] == "superseded"
    again = await tools.one.claim()
    [recorded] = again["tool_calls"]
    assert (recorded["name"], recorded["result"]) == ("free_seats", 40)
    assert recorded["arguments"] == {"p_day": "2027-12-03"}


async def test_a_reply_is_not_superseded_once_a_tool_has_acted(tools: Scenario) -> None:
    job = await pending(tools)
    await call(tools.one, job, "book_table", FRIDAY)
    await tools.texts("¿Tienen aparcamiento?")
    reply = await tools.one.answer(job, "Reservado.")
    assert reply["outcome"] == "send"
    await tools.one.finish(reply)
    later = await tools.one.claim()
    assert later["message_id"] > job["message_id"], "the newer message stays due"
    assert not later["tool_calls"], "with a list of its own"


async def test_a_queued_reply_that_tells_of_it_is_not_covered_by_the_next(tools: Scenario) -> None:
    job = await pending(tools)
    await call(tools.one, job, "book_table", FRIDAY)
    reply = await tools.one.answer(job, "Reservado.")
    await tools.one.fail(reply, "refused")
    await tools.texts("¿Tienen aparcamiento?")
    await tools.db.later(minutes=2)
    assert await tools.work() == ["Reservado.", "model"]


async def test_a_reply_that_failed_for_good_leaves_its_calls_to_the_next(tools: Scenario) -> None:
    job = await pending(tools)
    await call(tools.one, job, "book_table", FRIDAY)
    reply = await tools.one.answer(job, "Reservado.")
    await tools.one.fail(reply, "failed")
    next_one = await pending(tools, "¿Hola?")
    assert [made["name"] for made in next_one["tool_calls"]] == ["book_table"]
    told = await tools.one.answer(next_one, "Reservado.")
    await tools.one.finish(told)
    assert (await pending(tools, "Gracias, ¿y aparcamiento?"))["tool_calls"] == []


async def test_a_queued_reply_of_words_alone_is_covered_by_the_next(tools: Scenario) -> None:
    reply = await tools.one.answer(await pending(tools), "Hola.")
    await tools.one.fail(reply, "refused")
    await tools.texts("¿Tienen aparcamiento?")
    await tools.db.later(minutes=2)
    assert await tools.work() == ["model"]


async def test_a_failed_attempt_and_a_dead_worker_are_resumed(tools: Scenario) -> None:
    job = await pending(tools)
    await call(tools.one, job, "book_table", FRIDAY)
    await tools.one.fail_sms_reply(job)
    await tools.db.later(minutes=2)
    second = await tools.one.claim()
    await tools.db.later(minutes=2)  # its worker died
    third = await tools.one.claim()
    assert [len(job["tool_calls"]) for job in (second, third)] == [1, 1]
    assert await call(tools.one, third, "book_table", FRIDAY) == {
        "outcome": "done",
        "result": (await records(tools))[0]["result"],
    }
    assert len(await bookings(tools)) == 1


async def test_the_reply_ends_the_list(tools: Scenario) -> None:
    job = await pending(tools)
    await call(tools.one, job, "book_table", FRIDAY)
    reply = await tools.one.answer(job)
    await tools.one.finish(reply)
    assert [record["reply_id"] for record in await records(tools)] == [reply["message_id"]]
    again = await pending(tools, "Y otra igual")
    assert not again["tool_calls"]
    await call(tools.one, again, "book_table", FRIDAY)
    assert len(await bookings(tools)) == 2, "another reply, another booking"


async def test_attempts_that_are_used_up_after_a_tool_acted_say_what_was_recorded(
    tools: Scenario,
) -> None:
    await tools.db.timing(reply_attempts_max=1)
    job = await pending(tools)
    await call(tools.one, job, "book_table", FRIDAY)
    assert await tools.one.fail_sms_reply(job) == "fallback"
    [sent] = await tools.work()
    assert "book table" in sent and "recorded" in sent
    assert (await tools.conversation())["wants_human"]


async def test_without_a_tool_that_acted_the_fallback_is_the_numbers_own(tools: Scenario) -> None:
    await tools.db.timing(reply_attempts_max=1)
    job = await pending(tools)
    await call(tools.one, job, "free_seats", {"p_day": "2027-12-03"})
    await call(tools.one, job, "raises")
    await tools.one.fail_sms_reply(job)
    [sent] = await tools.work()
    assert "recorded" not in sent
    assert not (await tools.conversation())["wants_human"]


# While the lease lasts.

ENDINGS = {
    "a human writes": "write",
    "a human closes": "close",
    "the contact opts out": "stop",
    "the lease ends and another worker claims": "reclaim",
}


async def end(tools: Scenario, job: Job, how: str) -> None:
    one = await tools.db.session()
    if how == "write":
        await one.write(job["conversation_id"])
    elif how == "close":
        await one.close(job["conversation_id"])
    elif how == "stop":
        await one.ingest(tools.number, tools.contact, "STOP")
    else:
        await tools.db.later(minutes=2)
        assert (await one.claim())["kind"] == "reply"


@pytest.mark.parametrize("how", ENDINGS.values(), ids=ENDINGS)
async def test_what_a_tool_did_while_its_lease_was_lost_is_undone(
    tools: Scenario, how: str
) -> None:
    job = await pending(tools)
    session = await tools.db.session()
    await tools.db.admin.rows("select pg_advisory_lock(31)")
    try:
        running = asyncio.ensure_future(call(session, job, "waits"))
        await tools.db.waits_for_lock(session)
        await end(tools, job, how)
    finally:
        await tools.db.admin.rows("select pg_advisory_unlock(31)")
    assert await running == {"outcome": "gone"}
    assert (await bookings(tools), await records(tools)) == ([], [])


@pytest.mark.parametrize("how", ENDINGS.values(), ids=ENDINGS)
async def test_a_call_after_its_lease_does_nothing(tools: Scenario, how: str) -> None:
    job = await pending(tools)
    await end(tools, job, how)
    assert await call(tools.one, job, "book_table", FRIDAY) == {"outcome": "gone"}
    assert await bookings(tools) == []


async def test_messages_arrive_while_a_tool_runs(tools: Scenario) -> None:
    job = await pending(tools)
    session = await tools.db.session()
    await tools.db.admin.rows("select pg_advisory_lock(31)")
    running = asyncio.ensure_future(call(session, job, "waits"))
    await tools.db.waits_for_lock(session)
    assert (await tools.texts("¿Hola?"))["outcome"] == "stored"
    await tools.db.admin.rows("select pg_advisory_unlock(31)")
    assert await running == {"outcome": "done", "result": "waited"}


# A lost answer.


async def test_asked_again_the_record_answers(tools: Scenario) -> None:
    job = await pending(tools)
    first = await call(tools.one, job, "book_table", FRIDAY)
    assert await call(tools.one, job, "book_table", FRIDAY, asked_again=True) == first


async def test_asked_again_while_it_runs_it_waits_for_what_comes_of_it(tools: Scenario) -> None:
    job = await pending(tools)
    session, other = await tools.db.session(), await tools.db.session()
    await tools.db.admin.rows("select pg_advisory_lock(31)")
    running = asyncio.ensure_future(call(session, job, "waits"))
    await tools.db.waits_for_lock(session)
    again = asyncio.ensure_future(call(other, job, "waits", asked_again=True))
    await tools.db.waits_for_lock(other)
    await tools.db.admin.rows("select pg_advisory_unlock(31)")
    assert await running == await again == {"outcome": "done", "result": "waited"}
    assert len(await bookings(tools)) == 1


async def test_asked_again_after_it_was_undone_it_never_acts_any_more(tools: Scenario) -> None:
    job = await pending(tools)
    session = await tools.db.session()
    await session.rows("set statement_timeout = '50ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        await call(session, job, "sleeps")
    assert (await bookings(tools), await records(tools)) == ([], [])
    told = await call(tools.one, job, "sleeps", asked_again=True)
    assert told["outcome"] == "error" and told["error"].startswith("57014")
    late = await call(tools.one, job, "sleeps")  # the first request, which came late
    assert late == told
    assert await bookings(tools) == []


# What goes wrong is data for the model.

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("book_table", FRIDAY | {"p_day": "mañana"}, "22007"),
    ("book_table", FRIDAY | {"p_day": "2027-12-03'); drop table public.bookings; --"}, "22007"),
    ("book_table", FRIDAY | {"p_meal": "brunch"}, "22P02"),
    ("book_table", FRIDAY | {"p_people": 44}, "23514"),
    ("book_table", FRIDAY | {"p_people": int("9" * 400)}, "22003"),
    ("book_table", FRIDAY | {"p_people": None}, "22004"),
    ("book_table", {"p_day": "2027-12-03"}, "22004"),
    ("book_table", FRIDAY | {"p_phone": "+15550000000"}, "22023"),
    ("book_table", FRIDAY | {"p_people": [4]}, "22P02"),
    ("echo", {"p_text": "x" * 9000}, "54000"),
    ("raises", {}, "P0001: no such luck"),
    ("promises", {}, "23503"),
    ("no_such_tool", {}, "42883"),
    ("my_orders", {}, "42883"),
]


@pytest.mark.parametrize(("name", "arguments", "error"), WRONG, ids=range(len(WRONG)))
async def test_an_error_undoes_the_call_and_is_its_result(
    tools: Scenario, name: str, arguments: dict[str, Any], error: str
) -> None:
    job = await pending(tools)
    called = await call(tools.one, job, name, arguments)
    assert called["outcome"] == "error" and called["error"].startswith(error), called
    assert await bookings(tools) == []
    assert [record["error"] for record in await records(tools)] == [called["error"]]
    assert (await tools.one.answer(job))["outcome"] == "send", "and the contact gets a reply"


async def test_arguments_of_every_type_arrive(tools: Scenario) -> None:
    job = await pending(tools)
    arguments = {
        "p_text": "'; select 1; --",
        "p_number": 1.50,
        "p_days": ["2027-1-2", "2027-01-03"],
        "p_data": '{"a": [1, null]}',
        "p_when": "2027-01-02T03:04:05Z",
        "p_id": "AAAAAAAA-0000-4000-8000-00000000000A",
        "p_yes": True,
    }
    called = await call(tools.one, job, "echo", arguments)
    assert called["result"] == [
        "'; select 1; --",
        1.5,
        ["2027-01-02", "2027-01-03"],
        {"a": [1, None]},
        "2027-01-02T03:04:05+00:00",
        "aaaaaaaa-0000-4000-8000-00000000000a",
        True,
    ]
    empty = await call(tools.one, job, "echo", {"p_text": "", "p_days": [], "p_data": None})
    assert empty["result"] == ["", None, [], None, None, None, None]


async def test_nothing_and_too_much_are_results(tools: Scenario) -> None:
    job = await pending(tools)
    nothing = await call(tools.one, job, "returns_nothing")
    assert nothing == {"outcome": "done", "result": None}
    much = await call(tools.one, job, "returns_much")
    assert set(much["result"]) == {"cut", "beginning"}
    assert len(str(much["result"])) < 8192
    assert len(str((await records(tools))[1]["result"])) < 8192


async def test_fifty_calls_are_eight(tools: Scenario) -> None:
    job = await pending(tools)
    called = [
        await call(
            tools.one,
            job,
            "book_table",
            FRIDAY | {"p_people": 1 + n % 12, "p_day": f"2027-01-{1 + n % 28:02}"},
        )
        for n in range(50)
    ]
    assert [c["outcome"] for c in called[:9]] == ["done"] * 8 + ["error"]
    assert {c["error"][:5] for c in called[8:]} == {"54000"}
    assert len(await bookings(tools)) == 8


async def test_the_same_look_up_is_made_three_times(tools: Scenario) -> None:
    job = await pending(tools)
    day = {"p_day": "2027-12-03"}
    outcomes = [(await call(tools.one, job, "free_seats", day))["outcome"] for _ in range(4)]
    assert outcomes == ["done", "done", "done", "error"]


async def test_a_function_that_is_dropped_between_claim_and_call_is_an_error(
    tools: Scenario,
) -> None:
    async with tools.db.admin.transaction() as undone:
        job = await pending(tools)
        await tools.db.admin.rows("drop function sms_tools.returns_nothing()")
        await tools.db.admin.rows("set local role service_role")
        called = await call(tools.db.admin, job, "returns_nothing")
        assert called["error"].startswith("42883")
        raise psycopg.Rollback(undone)


# Whose rows.


async def test_another_contacts_rows_stay_unseen(tools: Scenario) -> None:
    await tools.db.admin.rows(
        "insert into public.bookings (phone, day, meal, people)"
        " values (%s, '2027-12-03', 'dinner', 6)",
        new_contact(),
    )
    job = await pending(tools)
    assert (await call(tools.one, job, "free_seats", {"p_day": "2027-12-03"}))["result"] == 34
    cancelled = await call(tools.one, job, "cancel_booking", {"p_day": "2027-12-03"})
    assert cancelled == {"outcome": "done", "result": []}
    assert len(await bookings(tools)) == 1


async def test_whose_call_it_is_is_forgotten_with_the_call(tools: Scenario) -> None:
    job = await pending(tools)
    async with tools.one.transaction():
        await call(tools.one, job, "book_table", FRIDAY)
        await call(tools.one, job, "raises")
        left = await tools.one.value("select current_setting('sms.contact_number', true)")
    assert left == ""


async def test_a_tool_that_the_number_does_not_offer_is_not_run(tools: Scenario) -> None:
    await tools.configure(tools=["free_seats"])
    job = await pending(tools)
    assert [tool["name"] for tool in job["tools"]] == ["free_seats"]
    assert (await call(tools.one, job, "book_table", FRIDAY))["error"].startswith("42883")


async def test_forgetting_a_contact_forgets_the_calls(tools: Scenario) -> None:
    job = await pending(tools)
    await call(tools.one, job, "book_table", FRIDAY)
    await tools.one.call(
        "forget_sms_contact", user_id=tools.number.user_id, contact_number=tools.contact
    )
    assert await records(tools) == []


# What a number offers.


async def test_null_is_no_tools_and_their_calls_are_none(scenario: Scenario) -> None:
    job = await pending(scenario)
    assert (job["tools"], job["tool_calls"]) == (None, None)


async def test_new_and_changed_functions_count_from_the_next_claim_on(tools: Scenario) -> None:
    async with tools.db.admin.transaction() as undone:
        await tools.db.admin.rows(
            "create or replace function sms_tools.opening_hours() returns text language sql stable"
            " as $$ select '9 to 18' $$;"
            "comment on function sms_tools.opening_hours() is 'When we are open.'"
        )
        await tools.configure(tools=["opening_hours"])
        await tools.db.admin.rows("set local role service_role")
        await tools.db.admin.ingest(tools.number, tools.contact)
        job = await tools.db.admin.claim()
        assert [t["description"] for t in job["tools"]] == ["When we are open."]
        raise psycopg.Rollback(undone)


REFUSED = {
    "no_such_function": "there is no such function in schema sms_tools",
    "request_human": "it is offered to every model already",
    "without_comment": "it has no comment",
    "overloaded": "there are several functions of that name",
    "of_bytes": "it has a parameter of type bytea",
    "with_out": "it has OUT, INOUT or VARIADIC parameters",
    "unnamed": "a parameter has no name",
    "of_record": "it returns record",
    "not_executable": "sms_contact may not execute it",
    "contact_number": "there is no such function",
}
NO_TOOLS = """
create function sms_tools.without_comment() returns int language sql as 'select 1';
create function sms_tools.overloaded() returns int language sql as 'select 1';
create function sms_tools.overloaded(p int) returns int language sql as 'select 1';
create function sms_tools.of_bytes(p bytea) returns int language sql as 'select 1';
comment on function sms_tools.of_bytes is 'x';
create function sms_tools.with_out(out p int) language sql as 'select 1';
comment on function sms_tools.with_out is 'x';
create function sms_tools.unnamed(int) returns int language sql as 'select 1';
comment on function sms_tools.unnamed is 'x';
create function sms_tools.of_record() returns record language sql as 'select 1, 2';
comment on function sms_tools.of_record is 'x';
create function sms_tools.not_executable() returns int language sql as 'select 1';
comment on function sms_tools.not_executable is 'x';
revoke execute on function sms_tools.not_executable from public;
"""


async def test_a_name_that_is_no_tool_is_refused_with_the_reason(scenario: Scenario) -> None:
    owner = await scenario.db.person(scenario.number)
    async with scenario.db.admin.transaction() as undone:
        await scenario.db.admin.rows(NO_TOOLS)
        for name, reason in REFUSED.items():
            with pytest.raises(psycopg.Error) as refused:
                async with scenario.db.admin.transaction():
                    await scenario.configure(tools=[name])
            assert refused.value.sqlstate == "PT422"
            assert reason in str(refused.value.diag.message_primary), name
        listed = await scenario.db.admin.value("select public.list_sms_tools()")
        told = {p["subject"]: p["reason"] for p in listed["problems"] if "cannot" in p["reason"]}
        names = set(REFUSED) - {"no_such_function", "request_human", "contact_number"}
        assert set(told) == names
        raise psycopg.Rollback(undone)
    await owner.rows("update public.sms_configs set tools = null, stay_silent_for = '{}'")
    with pytest.raises(psycopg.Error) as refused:
        await owner.rows("update public.sms_configs set tools = '{nothing}'")
    assert refused.value.sqlstate == "PT422"


async def test_the_schema_is_what_strict_mode_wants(tools: Scenario) -> None:
    listed = await tools.one.call("list_sms_tools")
    [echo] = [tool for tool in listed["tools"] if tool["name"] == "echo"]
    assert echo["parameters"] == {
        "type": "object",
        "additionalProperties": False,
        "required": ["p_text", "p_number", "p_days", "p_data", "p_when", "p_id", "p_yes"],
        "properties": {
            "p_text": {"type": "string"},
            "p_number": {"type": ["number", "null"]},
            "p_days": {
                "type": ["array", "null"],
                "items": {"type": "string", "description": "YYYY-MM-DD"},
            },
            "p_data": {"type": ["string", "null"], "description": "JSON"},
            "p_when": {"type": ["string", "null"], "description": "ISO 8601 with time zone"},
            "p_id": {"type": ["string", "null"], "description": "UUID"},
            "p_yes": {"type": ["boolean", "null"]},
        },
    }
    [book] = [tool for tool in listed["tools"] if tool["name"] == "book_table"]
    assert book["description"] == (
        "Books a table for the person who is texting. "
        "Ask for the day and for how many people first."
    )
    assert book["parameters"]["properties"]["p_meal"] == {
        "type": ["string", "null"],
        "enum": ["lunch", "dinner", None],
    }
    assert book["parameters"]["properties"]["p_people"] == {
        "type": "integer",
        "description": "1 to 12",
    }


# The built-in tools.


async def test_the_built_in_tools_that_travel_with_the_process_are_those_of_the_database(
    scenario: Scenario,
) -> None:
    listed = await scenario.one.call("list_sms_tools")
    built_in = {t["name"]: t["parameters"] for t in listed["tools"] if t["is_built_in"]}
    travelling = (REQUEST_HUMAN, NOT_KNOWN, STOP_MESSAGES, NO_REPLY_NEEDED)
    assert {tool.name: tool.parameters for tool in travelling} == built_in


async def test_a_question_nobody_could_answer_is_noted_once_and_told(scenario: Scenario) -> None:
    job = await pending(scenario, "¿tienen pan sin gluten?")
    asked = {"p_question": "¿Tienen pan sin gluten?"}
    assert (await call(scenario.one, job, "not_known", asked))["outcome"] == "done"
    assert (await call(scenario.one, job, "not_known", asked))["outcome"] == "done"
    [row] = await scenario.db.admin.rows("select question, asked, status from sms_questions")
    assert row == {"question": "¿Tienen pan sin gluten?", "asked": 1, "status": "open"}
    assert (await scenario.one.answer(job))["outcome"] == "send"


async def test_a_human_is_asked_for(scenario: Scenario) -> None:
    job = await pending(scenario)
    called = await call(scenario.one, job, "request_human", {"p_reason": "wants a cake for 80"})
    assert called["outcome"] == "done"
    assert (await scenario.conversation())["wants_human"]
    assert (await scenario.one.answer(job))["outcome"] == "send"


async def test_a_wish_for_no_more_messages_is_an_opt_out(scenario: Scenario) -> None:
    other = await scenario.db.number(owner=scenario.number)
    job = await pending(scenario, "olvídense de que este número existe")
    ended = await call(scenario.one, job, "stop_messages", {"p_language": "es"})
    assert ended == {"outcome": "ended", "reason": "opted_out"}
    assert await scenario.is_opted_out() and await scenario.is_opted_out(other)
    source = await scenario.db.admin.value(
        "select source from public.sms_opt_outs where contact_number = %s", scenario.contact
    )
    assert source == "model"
    assert await call(scenario.one, job, "stop_messages") == {"outcome": "gone"}
    assert await scenario.one.answer(job) == {"outcome": "gone"}
    [sent] = await scenario.work()
    assert "START" in sent and "recibir" in sent
    message = await scenario.db.message(job["message_id"])
    assert message["no_reply_reason"] == "opted_out"
    await scenario.texts("START")
    assert not await scenario.is_opted_out()


async def test_a_wish_that_a_later_start_took_back_is_none(scenario: Scenario) -> None:
    job = await pending(scenario, "no more of this please")
    await scenario.texts("START")
    called = await call(scenario.one, job, "stop_messages")
    assert called["error"].startswith("PT409")
    assert not await scenario.is_opted_out()


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("automatic_message", "Gracias por contactarnos.", "auto_reply"),
        ("reaction", "👍", "reaction"),
    ],
)
async def test_a_message_that_needs_no_reply_gets_none_and_says_why(
    scenario: Scenario, kind: str, body: str, reason: str
) -> None:
    await scenario.texts("¿Abren hoy?")
    assert await scenario.work() == ["model"]
    await scenario.db.later(minutes=1)
    job = await pending(scenario, body)
    ended = await call(scenario.one, job, "no_reply_needed", {"p_kind": kind})
    assert ended == {"outcome": "ended", "reason": reason}
    assert await scenario.work() == []
    assert (await scenario.db.message(job["message_id"]))["no_reply_reason"] == reason
    assert await call(scenario.one, job, "no_reply_needed", {"p_kind": kind}) == {"outcome": "gone"}


@pytest.mark.parametrize(
    ("kind", "body"),
    [("goodbye", "Adiós"), ("reaction", "👍?"), ("reaction", "¿Y"), ("reaction", "هل تفتحون؟")],
)
async def test_a_question_or_a_kind_the_number_answers_is_answered(
    scenario: Scenario, kind: str, body: str
) -> None:
    await scenario.texts("¿Abren hoy?")
    assert await scenario.work() == ["model"]
    await scenario.db.later(minutes=1)
    job = await pending(scenario, body)
    refused = await call(scenario.one, job, "no_reply_needed", {"p_kind": kind})
    assert refused["error"].startswith("PT409")
    assert (await scenario.one.answer(job))["outcome"] == "send"


async def test_a_goodbye_is_left_alone_where_the_number_allows_it(scenario: Scenario) -> None:
    await scenario.configure(stay_silent_for=["goodbye"])
    await scenario.texts("¿Abren hoy?")
    await scenario.work()
    await scenario.db.later(minutes=1)
    job = await pending(scenario, "Adiós")
    ended = await call(scenario.one, job, "no_reply_needed", {"p_kind": "goodbye"})
    assert ended == {"outcome": "ended", "reason": "goodbye"}


async def test_the_first_message_of_a_conversation_is_answered(scenario: Scenario) -> None:
    job = await pending(scenario, "👍")
    refused = await call(scenario.one, job, "no_reply_needed", {"p_kind": "reaction"})
    assert refused["error"].startswith("PT409")


async def test_a_newer_message_keeps_the_reply_due(scenario: Scenario) -> None:
    await scenario.texts("¿Abren hoy?")
    await scenario.work()
    await scenario.db.later(minutes=1)
    job = await pending(scenario, "👍")
    await scenario.texts("Otra cosa: quiero una tarta")
    ended = await call(scenario.one, job, "no_reply_needed", {"p_kind": "reaction"})
    assert ended == {"outcome": "ended", "reason": "superseded"}
    assert await scenario.work() == ["model"]


# For the operator.


async def test_a_tool_is_tried_as_a_contact_and_undone(tools: Scenario) -> None:
    tried = {"contact_number": tools.contact, "name": "book_table", "arguments": FRIDAY}
    called = await tools.one.call("try_sms_tool", **tried)
    assert called["outcome"] == "done" and called["result"]["phone"] == tools.contact
    assert (await bookings(tools), await records(tools)) == ([], [])
    await tools.one.call("try_sms_tool", **tried, undo=False)
    assert len(await bookings(tools)) == 1
    wrong = await tools.one.call("try_sms_tool", **(tried | {"arguments": {}}))
    assert wrong["error"].startswith("22004")


async def test_grants_that_leak_or_lack_are_problems(tools: Scenario) -> None:
    assert (await tools.one.call("list_sms_tools"))["problems"] == [
        {
            "subject": name,
            "reason": "everybody may execute it: revoke execute on function "
            f"{signature} from public",
            "is_fault": False,
        }
        for name, signature in await public_functions(tools)
    ]
    async with tools.db.admin.transaction() as undone:
        await tools.db.admin.rows(
            "alter table public.bookings disable row level security;"
            "create view public.all_bookings as select * from public.bookings;"
            "grant select on public.all_bookings to sms_contact;"
            "create table public.cakes (id int);"
            "create function sms_tools.cakes() returns bigint language sql"
            " as 'select count(*) from public.cakes'; comment on function sms_tools.cakes() is 'x'"
        )
        await tools.db.admin.rows("alter function sms_tools.free_seats rename to seats")
        listed = await tools.db.admin.value("select public.list_sms_tools()")
        faults = {p["subject"]: p["reason"] for p in listed["problems"] if p["is_fault"]}
        assert "enable row level security" in faults["public.bookings"]
        assert "security_invoker" in faults["public.all_bookings"]
        assert "cakes" in faults["cakes"]
        [number] = [s for s in faults if s.startswith("number")]
        assert "free_seats" in faults[number]
        raise psycopg.Rollback(undone)


async def public_functions(tools: Scenario) -> list[tuple[str, str]]:
    rows = await tools.db.admin.rows(
        "select proname, oid::regprocedure::text as signature from pg_proc"
        " where pronamespace = 'sms_tools'::regnamespace and proacl is null order by 1"
    )
    return [(row["proname"], row["signature"]) for row in rows]


# The other examples of tests/examples/tools.


async def test_an_order_is_found_however_the_shop_wrote_the_number(own_db: Db) -> None:
    scenario = await Scenario.begin(own_db)
    async with scenario.db.admin.transaction() as undone:
        await scenario.db.admin.rows((EXAMPLES / "orders.sql").read_text())
        digits = scenario.contact.removeprefix("+1")
        await scenario.db.admin.rows(
            "insert into public.orders (customer_phone, status, total) values (%s, 'sent', 12),"
            " ('+1 555 000 9999', 'lost', 99)",
            f"({digits[:3]}) {digits[3:6]}-{digits[6:]}",
        )
        tried = await scenario.db.admin.call(
            "try_sms_tool", contact_number=scenario.contact, name="my_orders", arguments={}
        )
        assert [row["status"] for row in tried["result"]] == ["sent"]
        raise psycopg.Rollback(undone)


async def test_what_is_private_waits_for_the_code(own_db: Db) -> None:
    scenario = await Scenario.begin(own_db)
    admin = scenario.db.admin

    async def tried(name: str, **arguments: str) -> Any:
        called = await admin.call(
            "try_sms_tool",
            contact_number=scenario.contact,
            name=name,
            arguments=arguments,
            undo=False,
        )
        return called["result"]

    async with admin.transaction() as undone:
        await admin.rows((EXAMPLES / "code.sql").read_text())
        unknown = await tried("send_code")
        await admin.rows(
            "insert into public.customers values (%s, 'ana@example.com', 40)", scenario.contact
        )
        assert await tried("send_code") == unknown, "who asks learns nothing"
        code = (await admin.value("select body from public.emails"))[-6:]
        wrong = f"{(int(code) + 1) % 10**6:06}"
        assert await tried("my_balance", p_code=wrong) is None
        assert await tried("my_balance", p_code=code) == 40
        for _ in range(5):
            await tried("my_balance", p_code=wrong)
        assert await tried("my_balance", p_code=code) is None, "five were tried"
        raise psycopg.Rollback(undone)
