"""Who is told of what, in which order, how often, and what it costs who wants to know nothing."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.scenario import Scenario, minutes_ago
from tests.sql import Db, Job, Number, Session, new_contact, new_sid

EVERYTHING = [
    *("message.received", "reply.sent", "reply.failed", "human.requested", "conversation.opened"),
    *("conversation.closed", "contact.opted_out", "contact.opted_in", "number.suspended"),
    *("number.resumed", "question.unanswered", "tool.failed"),
]


async def target(
    db: Db, number: Number, *types: str, address: str | None = None, **more: Any
) -> dict[str, Any]:
    """A webhook of the number's account; {id, secret}."""
    made: dict[str, Any] = await (await db.person(number)).call(
        "create_sms_event_target",
        **{"kind": "webhook", "address": address or f"https://example.com/{uuid.uuid4()}"} | more,
        event_types="{" + ",".join(types or EVERYTHING) + "}",
    )
    return made


async def events(db: Db) -> list[str]:
    rows = await db.admin.rows("select type from public.sms_events order by occurred_at, type")
    return [row["type"] for row in rows]


async def claim(session: Session, limit: int = 8) -> list[Job]:
    """Each delivery with its "lease"."""
    lease = str(uuid.uuid4())
    found = await session.call("claim_sms_event_deliveries", lease_id=lease, limit=limit)
    return [job | {"lease": lease} for job in found["deliveries"]]


async def end(session: Session, job: Job, status: int | None = 200, **more: Any) -> str:
    ended = await session.call(
        "finish_sms_event_delivery",
        delivery_id=job["delivery_id"],
        lease_id=job["lease"],
        response_status=status,
        **{"error": None if status == 200 else "refused"} | more,
    )
    return str(ended["outcome"])


async def later(db: Db, **delta: float) -> None:
    """Let time pass for what waits to be delivered."""
    passed = timedelta(**delta)
    await db.admin.rows(
        "update public.sms_event_deliveries set due_at = due_at - %s, retry_until ="
        " retry_until - %s, created_at = created_at - %s",
        *(passed, passed, passed),
    )
    await db.admin.rows(
        "update public.sms_event_targets set rests_until = rests_until - %s", passed
    )


async def received(db: Db, number: Number, contact: str, count: int = 1) -> str:
    """So many messages; the conversation's id."""
    one = await db.session()
    stored = [await one.ingest(number, contact, f"m{n}") for n in range(count)]
    return str(stored[-1]["conversation_id"])


# What comes about


async def test_a_message_and_its_reply_are_told_in_the_transactions_that_make_them_true(
    scenario: Scenario,
) -> None:
    await target(scenario.db, scenario.number)
    stored = await scenario.texts("Hola")
    assert await events(scenario.db) == ["conversation.opened", "message.received"]
    sms = await scenario.one.answer(await scenario.one.claim())
    assert len(await events(scenario.db)) == 2, "it has not reached Twilio yet"
    await scenario.one.finish(sms)
    jobs = await claim(scenario.one)
    assert [job["payload"]["type"] for job in jobs] == ["conversation.opened"]
    told = await scenario.db.admin.rows(
        "select type, message_id, direction, author, status, contact_number, conversation_id::text"
        " from public.sms_events order by occurred_at"
    )
    whose = scenario.contact, stored["conversation_id"]
    assert [tuple(row.values()) for row in told[1:]] == [
        ("message.received", stored["message_id"], "incoming", "contact", "received", *whose),
        ("reply.sent", sms["message_id"], "outgoing", "ai", "accepted", *whose),
    ]


async def test_a_message_posted_twice_is_told_once(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number, "message.received")
    sid = new_sid()
    for _ in range(3):
        await scenario.texts("Hola", sid=sid)
    assert await events(scenario.db) == ["message.received"]


async def test_who_asks_for_a_human_is_told_once_until_one_writes(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number, "human.requested")
    stored = await scenario.texts("quiero hablar con una persona")
    await scenario.texts("una persona por favor")
    assert await events(scenario.db) == ["human.requested"]
    person = await scenario.db.person(scenario.number)
    await person.write(stored["conversation_id"])
    await scenario.texts("quiero hablar con una persona")
    assert await events(scenario.db) == ["human.requested"] * 2


async def test_a_message_that_failed_is_told_with_the_reason(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number, "reply.failed")
    await scenario.texts("Hola")
    sms = await scenario.one.answer(await scenario.one.claim())
    await scenario.one.fail(sms, "failed", 21614)
    [row] = await scenario.db.admin.rows("select type, status, reason from public.sms_events")
    assert tuple(row.values()) == ("reply.failed", "failed", "Twilio says failed")


async def test_a_reply_that_no_model_gave_is_told(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number, "reply.failed")
    await scenario.db.timing(reply_attempts_max=1)
    await scenario.texts("Hola")
    await scenario.one.fail_sms_reply(await scenario.one.claim())
    await scenario.one.answer(await scenario.one.claim(), "later")
    [row] = await scenario.db.admin.rows("select type, reason from public.sms_events")
    assert tuple(row.values()) == ("reply.failed", "no usable text")


async def test_what_a_carrier_refuses_later_is_told(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number, "reply.sent", "reply.failed")
    await scenario.texts("Hola")
    sms, sid = await scenario.one.answer(await scenario.one.claim()), new_sid()
    await scenario.one.finish(sms, sid)
    await scenario.one.callback(sms, sid, "undelivered", error_code=30003)
    await scenario.one.callback(sms, sid, "undelivered", error_code=30003)
    assert await events(scenario.db) == ["reply.sent", "reply.failed"]


async def test_what_the_assistant_did_not_know_and_a_tool_that_failed_are_told(
    scenario: Scenario,
) -> None:
    await target(scenario.db, scenario.number, "question.unanswered", "tool.failed")
    stored = await scenario.texts("Hola")
    conversation_id = stored["conversation_id"]
    for _ in range(2):
        await scenario.db.admin.rows(
            "select sms.note_question(c, %s, 'Hay wifi?') from sms_conversations as c"
            " where c.id = %s",
            *(stored["message_id"], conversation_id),
        )
    await scenario.db.admin.rows(
        """insert into sms_tool_calls
             (user_id, conversation_id, waiting_since, message_id, name, arguments, acts, error)
           values (%s, %s, now(), %s, 'book_table', '{}', false, 'no')""",
        *(scenario.number.user_id, conversation_id, stored["message_id"]),
    )
    told = await scenario.db.admin.rows("select type, reason from sms_events order by occurred_at")
    assert [tuple(row.values()) for row in told] == [
        ("question.unanswered", None),
        ("tool.failed", "book_table"),
    ]


async def test_the_end_of_a_conversation_is_told(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number, "conversation.closed")
    stored = await scenario.texts("Hola")
    await (await scenario.db.person(scenario.number)).close(stored["conversation_id"])
    [row] = await scenario.db.admin.rows("select type, reason from public.sms_events")
    assert tuple(row.values()) == ("conversation.closed", "unanswered")


async def test_only_a_change_of_an_opt_out_is_told(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number, "contact.opted_out", "contact.opted_in")
    for minutes, word in enumerate(("START", "STOP", "STOP", "START", "START", "STOP")):
        await scenario.texts(word, at=minutes_ago(10 - minutes))
    assert await events(scenario.db) == [
        *("contact.opted_out", "contact.opted_in", "contact.opted_out")
    ]
    await scenario.texts("START", at=minutes_ago(30))
    assert len(await events(scenario.db)) == 3, "an older wish changes nothing"


async def test_a_suspension_is_told_once_and_its_end_with_the_next_message(
    scenario: Scenario,
) -> None:
    await target(scenario.db, scenario.number, "number.suspended", "number.resumed")
    await scenario.texts("Hola")
    for _ in range(2):
        sms = await scenario.one.answer(await scenario.one.claim())
        sms = sms if sms.get("to") else await scenario.one.claim()
        await scenario.one.fail(sms, "suspended", 20003)
        await scenario.db.later(minutes=6)
        assert await events(scenario.db) == ["number.suspended"]
    await scenario.work()
    assert await events(scenario.db) == ["number.suspended", "number.resumed"]


async def test_a_target_gets_what_it_named_and_no_more(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number, "reply.sent")
    other = await target(scenario.db, scenario.number, "message.received")
    await scenario.texts("Hola")
    [job] = await claim(scenario.one)
    assert job["secret"] == other["secret"] and job["secret"].startswith("whsec_")
    assert job["payload"]["type"] == "message.received"


async def test_the_message_itself_goes_only_to_who_asked_for_it(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number, "message.received")
    told = await target(scenario.db, scenario.number, "message.received", with_content=True)
    await scenario.texts("un secreto")
    said = {
        job["secret"] == told["secret"]: job["payload"]["data"].get("message_content")
        for job in await claim(scenario.one)
    }
    assert said == {True: "un secreto", False: None}


async def test_a_forgotten_contact_is_in_no_event(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number, with_content=True)
    await scenario.texts("STOP")
    await scenario.texts("un secreto")
    await scenario.one.call(
        "forget_sms_contact", user_id=scenario.number.user_id, contact_number=scenario.contact
    )
    for table in ("sms_events", "sms_event_deliveries"):
        dump = str(await scenario.db.admin.rows(f"select * from public.{table}"))  # noqa: S608
        assert scenario.contact not in dump and "secreto" not in dump
    assert all("secreto" not in str(job["payload"]) for job in await claim(scenario.one))


# Who wants nothing


async def test_without_a_target_nothing_is_written_or_asked(scenario: Scenario) -> None:
    """The functions of this chapter that a message calls are not called at all."""
    calls = """
        select coalesce(sum(calls), 0) from pg_stat_xact_user_functions
        where schemaname = 'sms' and funcname ~ '^(emit_|take_staff|wanted_|announce_event)'"""

    async def chapters_calls(session: Session) -> int:
        async with session.transaction():
            await session.rows("set local track_functions = 'all'")
            await session.ingest(scenario.number, scenario.contact, "Hola")
            job = await session.claim()
            await session.finish(await session.answer(job))
            return int(await session.value(calls))

    await scenario.db.admin.rows("grant set on parameter track_functions to service_role")
    assert await chapters_calls(scenario.one) == 0
    assert await events(scenario.db) == []
    await target(scenario.db, scenario.number)
    assert await chapters_calls(scenario.one) > 0, "the count counts"


async def test_the_flag_follows_the_targets(scenario: Scenario) -> None:
    wanted = "select event_types from public.sms_configs where id = %s"
    made = await target(scenario.db, scenario.number, "reply.sent", "message.received")
    await target(scenario.db, scenario.number, "reply.sent")
    second = await scenario.db.number(scenario.number)
    for number in (scenario.number, second):
        assert await scenario.one.value(wanted, number.id) == ["message.received", "reply.sent"]
    person = await scenario.db.person(scenario.number)
    await person.rows(
        "update sms_event_targets set event_types = '{tool.failed}' where id = %s", made["id"]
    )
    assert await scenario.one.value(wanted, second.id) == ["reply.sent", "tool.failed"]
    await person.rows("update sms_event_targets set is_enabled = false where id = %s", made["id"])
    assert await scenario.one.value(wanted, second.id) == ["reply.sent"]
    await person.rows("delete from sms_event_targets")
    assert await scenario.one.value(wanted, second.id) == []


async def test_a_change_of_targets_is_no_version_of_the_settings(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number)
    version = "select version from public.sms_configs where id = %s"
    assert await scenario.one.value(version, scenario.number.id) == 1


# Delivery


async def test_one_conversation_is_told_in_order_and_none_waits_for_another(db: Db) -> None:
    number, one = await db.number(auto_reply=False), await db.session()
    await target(db, number, "message.received")
    first, second = new_contact(), new_contact()
    await received(db, number, first, 3)
    await received(db, number, second, 2)
    done: list[tuple[str, int]] = []
    stuck = [job for job in await claim(one) if job["payload"]["data"]["contact_number"] == first]
    assert len(stuck) == 1
    assert await end(one, stuck[0], 500) == "retry"
    await later(db, seconds=31)  # the other one's lease ended as well
    while jobs := await claim(one, 1):
        data = jobs[0]["payload"]["data"]
        done.append((data["contact_number"], data["message_id"]))
        assert await end(one, jobs[0]) == "delivered"
    for contact in (first, second):
        order = [message_id for who, message_id in done if who == contact]
        assert order == sorted(order) and len(order) == (3 if contact == first else 2)


async def test_a_failed_delivery_holds_up_its_own_conversation_alone(db: Db) -> None:
    number, one = await db.number(auto_reply=False), await db.session()
    await target(db, number, "message.received")
    first, second = new_contact(), new_contact()
    await received(db, number, first, 2)
    [job] = await claim(one)
    assert await end(one, job, 500) == "retry"
    await received(db, number, second)
    [job] = await claim(one)
    assert job["payload"]["data"]["contact_number"] == second
    assert await claim(one) == []


async def test_two_workers_never_hold_one_delivery(db: Db) -> None:
    number = await db.number(auto_reply=False)
    await target(db, number, "message.received")
    for _ in range(6):
        await received(db, number, new_contact())
    one, two = await db.session(), await db.session()
    async with one.transaction():
        mine = await claim(one, 2)
        assert await claim(two) == [], "the target is being claimed from"
    others = await claim(two, 8)
    held = [job["delivery_id"] for job in mine + others]
    assert len(held) == len(set(held)) == 4, "of one target so many at once"


async def test_a_worker_that_died_loses_its_lease_and_not_the_event(db: Db) -> None:
    number, one = await db.number(auto_reply=False), await db.session()
    await target(db, number, "message.received")
    await received(db, number, new_contact())
    [lost] = await claim(one)
    assert await claim(one) == []
    await later(db, seconds=31)
    [again] = await claim(one)
    assert again["event_id"] == lost["event_id"]
    assert await end(one, lost, 500) == "gone", "it is another worker's"
    assert await end(one, lost) == "delivered", "a fact counts, whoever reports it"
    assert await end(one, again) == "delivered"


async def test_attempts_go_on_for_a_day_and_then_it_is_dead(db: Db) -> None:
    number, one = await db.number(auto_reply=False), await db.session()
    await target(db, number, "message.received")
    await received(db, number, new_contact())
    hours = attempts = 0.0
    outcome = "retry"
    while outcome == "retry":
        [job] = await claim(one)
        outcome = await end(one, job, 500)
        attempts += 1
        pause = await db.admin.value(
            "select extract(epoch from due_at - now())::float from public.sms_event_deliveries"
        )
        if pause is not None:
            assert 3.2 < pause <= 3600
            hours += pause / 3600
            await later(db, seconds=pause + 1)
    assert outcome == "dead" and 23.5 < hours < 24.5 and 30 < attempts < 50
    health = (await one.call("get_sms_health"))["events"]
    assert (health["dead_24h"], health["oldest_waiting_seconds"]) == (1, None)


async def test_a_receiver_back_after_an_hour_gets_everything_in_order(db: Db) -> None:
    number, one = await db.number(auto_reply=False), await db.session()
    await target(db, number, "message.received")
    contacts = [new_contact() for _ in range(5)]
    ids: set[str] = set()
    for contact in contacts:
        await received(db, number, contact, 3)
    for _ in range(15):  # an hour in which nothing is answered
        for job in await claim(one):
            ids.add(job["event_id"])
            await end(one, job, None, error="no answer")
        await later(db, minutes=4)
    done: list[tuple[str, int, str]] = []
    for _ in range(100):
        jobs = await claim(one)
        for job in jobs:
            data = job["payload"]["data"]
            done.append((data["contact_number"], data["message_id"], job["event_id"]))
            await end(one, job)
        if not jobs:
            break
    assert len(done) == len({event for *_, event in done}) == 15
    assert ids <= {event for *_, event in done}, "the same ids as before"
    for contact in contacts:
        order = [message for who, message, _ in done if who == contact]
        assert order == sorted(order)


async def test_a_dead_target_is_tried_by_one_delivery_at_a_time(db: Db) -> None:
    number, one = await db.number(auto_reply=False), await db.session()
    await target(db, number, "message.received", address="https://dead.example/")
    for _ in range(10):
        await received(db, number, new_contact())
    for job in await claim(one):
        await end(one, job, None, error="no answer")
    assert await claim(one) == [], "it rests"
    await later(db, minutes=6)
    assert len(await claim(one)) == 1


async def test_a_busy_dead_target_takes_no_slot_of_another_one(db: Db) -> None:
    number, one = await db.number(auto_reply=False), await db.session()
    other = await db.number(auto_reply=False)
    await target(db, number, "message.received")
    await target(db, other, "message.received")
    for _ in range(20):
        await received(db, number, new_contact())
    await received(db, other, new_contact())
    held = await claim(one)
    assert len(held) == 5
    assert {job["payload"]["data"]["account_id"] for job in held} == {
        *(str(number.user_id), str(other.user_id))
    }


async def test_gone_turns_the_target_off(db: Db) -> None:
    number, one = await db.number(auto_reply=False), await db.session()
    made = await target(db, number, "message.received")
    for _ in range(2):
        await received(db, number, new_contact())
    first, second = await claim(one)
    assert await end(one, first, 410, error=None) == "dead"
    assert await end(one, second) == "dead"
    [row] = await db.admin.rows("select is_enabled, disabled_reason from sms_event_targets")
    assert tuple(row.values()) == (False, "It answered 410 Gone.")
    assert await one.value("select event_types from sms_configs where id = %s", number.id) == []
    await received(db, number, new_contact())
    assert await claim(one) == []
    person = await db.person(number)
    await person.rows("update sms_event_targets set is_enabled = true where id = %s", made["id"])
    await received(db, number, new_contact())
    assert len(await claim(one)) == 1


async def test_what_is_dead_is_replayed_with_its_id(db: Db) -> None:
    number, one = await db.number(auto_reply=False), await db.session()
    await target(db, number, "message.received")
    await received(db, number, new_contact())
    [job] = await claim(one)
    person = await db.person(number)
    with pytest.raises(psycopg.Error, match="on its way"):
        await person.call("replay_sms_event_delivery", delivery_id=job["delivery_id"])
    await db.admin.rows("update sms_event_deliveries set retry_until = now()")
    assert await end(one, job, 500) == "dead"
    await person.rows("select replay_sms_event_delivery(%s)", job["delivery_id"])
    await later(db, minutes=6)
    [again] = await claim(one)
    assert again["event_id"] == job["event_id"]
    assert await end(one, again) == "delivered"


async def test_ten_thousand_events_behind_a_dead_target_delay_no_message(db: Db) -> None:
    number, one = await db.number(auto_reply=True), await db.session()
    await target(db, number, "message.received")
    before = [await pages_of_a_message(one, number) for _ in range(8)]
    await db.admin.rows(
        """insert into sms_event_deliveries
             (user_id, event_id, target_id, conversation_id, retry_until)
           select d.user_id, d.event_id, d.target_id, 
             case when n %% 2 = 0 then d.conversation_id end, d.retry_until
           from (select * from sms_event_deliveries order by id limit 1) as d,
             generate_series(1, %s) as n""",
        10_000,
    )
    await db.admin.rows("analyze sms_event_deliveries")
    for _ in range(30):
        for job in await claim(one):
            await end(one, job, None, error="no answer")
        await later(db, minutes=6)
    await db.admin.rows("vacuum")  # `later` moves every row of every table, 30 times
    after = [await pages_of_a_message(one, number) for _ in range(8)]
    assert min(after) <= min(before) * 1.1, (before, after)
    claiming = await pages(one, "claim_sms_event_deliveries(gen_random_uuid())")
    assert claiming < 1500, "the dead target itself costs a claim little"


async def pages(session: Session, call: str, *values: Any) -> int:
    """Of 8 kB that a call of a function reads, hits of the cache included."""
    told = await session.value(
        f"explain (analyze, buffers, format json) select public.{call}", *values
    )
    return int(told[0]["Plan"]["Shared Hit Blocks"] + told[0]["Plan"]["Shared Read Blocks"])


async def pages_of_a_message(session: Session, number: Number) -> int:
    """Stored, claimed, answered and sent."""
    payload = Jsonb({"sid": new_sid(), "from": new_contact(), "to": number.phone, "body": "Hola"})
    read, lease = await pages(session, "ingest_sms(%s)", payload), str(uuid.uuid4())
    read += await pages(session, "claim_sms_work('test', %s)", lease)
    job = await session.claim(lease)
    assert job["kind"] == "reply"
    answer = (lease, job["message_id"], "Claro.")
    read += await pages(session, "queue_sms_reply(%s, %s, %s, 'GSM-7', 1)", *answer)
    sent = (lease, (await session.answer(job))["message_id"], new_sid())
    return read + await pages(session, "finish_sms_send(%s, %s, %s, 'queued')", *sent)


async def test_a_message_does_not_wait_for_a_claim_or_an_end_of_deliveries(db: Db) -> None:
    number, one, two = await db.number(auto_reply=False), await db.session(), await db.session()
    await target(db, number, "message.received")
    contact = new_contact()
    await received(db, number, contact)
    await one.rows("set lock_timeout = '500ms'")
    for status in (200, 500):
        async with two.transaction():
            [job] = await claim(two)
            await end(two, job, status)
            assert (await one.ingest(number, contact))["outcome"] == "stored"


# Numbers of the staff


async def staff(scenario: Scenario, *types: str) -> str:
    """A confirmed number of the staff that is told of human.requested."""
    phone = new_contact()
    await target(
        scenario.db,
        scenario.number,
        *(types or ("human.requested",)),
        kind="sms",
        address=phone,
        config_id=scenario.number.id,
    )
    [job] = await claim(scenario.one)
    assert (job["from"], job["address"]) == (scenario.number.phone, phone)
    await end(scenario.one, job)
    code = job["content"].split()[1]
    answered = await scenario.one.ingest(scenario.number, phone, f"the code is {code}")
    assert answered["outcome"] == "staff"
    return phone


async def test_a_number_of_the_staff_is_told_who_wants_a_human_and_what_was_said(
    scenario: Scenario,
) -> None:
    await staff(scenario)
    await scenario.texts("quiero hablar con una persona")
    [job] = await claim(scenario.one)
    assert job["content"] == (
        f"{scenario.contact} wants a human at {scenario.number.phone}:"
        " quiero hablar con una persona"
    )
    assert job["secret"] is None


async def test_an_unconfirmed_number_is_sent_its_code_and_nothing_else(scenario: Scenario) -> None:
    phone = new_contact()
    await target(
        scenario.db,
        scenario.number,
        *("human.requested", "message.received"),
        kind="sms",
        address=phone,
        config_id=scenario.number.id,
    )
    await scenario.texts("quiero hablar con una persona")
    assert [job["payload"]["type"] for job in await claim(scenario.one)] == ["target.confirm"]
    wrong = await scenario.one.ingest(scenario.number, phone, "000000 no se")
    assert wrong["outcome"] == "stored", "until it has confirmed it may be anybody's"
    assert await scenario.one.value("select confirmed_at from sms_event_targets") is None


async def test_what_the_staff_writes_is_never_answered_and_no_conversation(
    scenario: Scenario,
) -> None:
    phone = await staff(scenario)
    second = await scenario.db.number(scenario.number)
    for number in (scenario.number, second):
        assert (await scenario.one.ingest(number, phone, "hola"))["outcome"] == "staff"
    assert await scenario.one.rows("select * from sms_conversations") == []
    assert await scenario.work() == []
    sid = new_sid()
    await scenario.one.ingest(scenario.number, phone, "hola", sid=sid)
    assert await scenario.one.call("missing_sms", sids="{" + sid + "}") == []


async def test_the_staffs_number_is_a_contact_of_other_accounts(scenario: Scenario) -> None:
    phone = await staff(scenario)
    other = await scenario.db.number()
    assert (await scenario.one.ingest(other, phone, "hola"))["outcome"] == "stored"


async def test_stop_of_the_staff_turns_its_target_off(scenario: Scenario) -> None:
    phone = await staff(scenario)
    assert (await scenario.one.ingest(scenario.number, phone, "STOP"))["outcome"] == "staff"
    await scenario.texts("quiero hablar con una persona")
    assert await claim(scenario.one) == []
    assert await scenario.one.rows("select * from sms_opt_outs") == []


async def test_a_number_of_the_staff_gets_twenty_messages_a_day(scenario: Scenario) -> None:
    await staff(scenario, "message.received")
    await scenario.db.admin.rows("update sms_configs set auto_reply = false")
    for _ in range(25):
        await scenario.one.ingest(scenario.number, new_contact(), "hola")
    sent = 1  # the code
    while jobs := await claim(scenario.one):
        sent += len(jobs)
        for job in jobs:
            await end(scenario.one, job)
    assert sent == 20
    [dead] = await scenario.one.rows(
        "select count(*)::integer, min(error) from sms_event_deliveries where status = 'dead'"
    )
    assert tuple(dead.values()) == (6, "at most 20 messages a day go to one number")


# A human is promised only where one is told

TOLD = "Una persona le respondera por aqui. Mientras tanto puede seguir preguntando."
NOTED = "He tomado nota. Puede seguir preguntando."


async def test_nobody_is_promised_a_human_whom_nobody_tells(scenario: Scenario) -> None:
    await scenario.texts("quiero hablar con una persona")
    assert await scenario.work() == [NOTED]


@pytest.mark.parametrize("how", ["target", "staff", "member", "setting"])
async def test_who_is_told_of_is_promised_a_human(scenario: Scenario, how: str) -> None:
    number, db = scenario.number, scenario.db
    if how == "target":
        await target(db, number, "human.requested")
    elif how == "staff":
        await staff(scenario)
    elif how == "member":
        other = await db.number()
        await db.admin.rows(
            "insert into sms_members (user_id, member_id, email) values (%s, %s, 'a@example.com')",
            *(number.user_id, other.user_id),
        )
    else:
        person = await db.person(number)
        await person.rows("update sms_configs set promise_human = true")
    await scenario.texts("quiero hablar con una persona")
    assert await scenario.work() == [TOLD]


async def test_a_target_of_other_events_promises_nothing(scenario: Scenario) -> None:
    await target(scenario.db, scenario.number, "reply.sent")
    await scenario.texts("quiero hablar con una persona")
    assert await scenario.work() == [NOTED]


@pytest.mark.parametrize("name", ["human", "recorded", "fallback", "rate_limit"])
@pytest.mark.parametrize("language", ["en", "es", "fr", "pt"])
async def test_every_promise_has_its_other_words(
    scenario: Scenario, name: str, language: str
) -> None:
    words = {}
    for promised in (True, False):
        await scenario.db.admin.rows("update sms_configs set promise_human = %s", promised)
        words[promised] = await scenario.db.admin.value(
            "select sms.canned_content(f, %s, %s) from sms_configs as f where f.id = %s",
            *(name, language, scenario.number.id),
        )
    person = ("person", "humano", "personne", "pessoa")
    assert any(word in words[True] for word in person)
    assert not any(word in words[False] for word in person)


async def test_an_owners_own_words_are_said_as_they_are(scenario: Scenario) -> None:
    await scenario.db.admin.rows("update sms_configs set handoff_reply = 'Ana will call you'")
    await scenario.texts("quiero hablar con una persona")
    assert await scenario.work() == ["Ana will call you"]


# Whose


async def test_the_secret_is_shown_once(db: Db) -> None:
    number = await db.number()
    made = await target(db, number)
    person = await db.person(number)
    assert made["secret"] not in str(await person.rows("select * from sms_event_targets"))
    for query in ("select * from sms.event_secrets", "select list_sms_event_targets()"):
        with pytest.raises(psycopg.Error, match="permission denied"):
            await person.rows(query)


@pytest.mark.parametrize(
    "address",
    [
        *("http://example.com/", "https://", "ftp://example.com", "https://a:b@example.com/"),
        *("https://exa mple.com", "//example.com", "http://localhost.example.com/", ""),
    ],
)
async def test_an_address_that_is_none_is_refused_with_a_sentence(db: Db, address: str) -> None:
    number = await db.number()
    with pytest.raises(psycopg.Error, match="address is an address of https") as refused:
        await target(db, number, address=address or " ")
    assert refused.value.sqlstate == "PT422"


async def test_an_account_has_so_many_targets_and_tests_them_so_often(db: Db) -> None:
    number = await db.number()
    await db.timing(event_targets_ceiling=1)
    made = await target(db, number)
    with pytest.raises(psycopg.Error, match="at most 1 targets"):
        await target(db, number)
    person = await db.person(number)
    for _ in range(30):
        await person.call("test_sms_event_target", target_id=made["id"])
    with pytest.raises(psycopg.Error, match="At most 30 tests"):
        await person.call("test_sms_event_target", target_id=made["id"])
    await db.timing(event_targets_ceiling=20)
    assert len(await claim(await db.session())) == 4


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["message", "human", "stop", "claim"])),
        min_size=1,
        max_size=12,
    )
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_events_reach_targets_of_their_account_alone(
    db: Db, steps: list[tuple[int, str]]
) -> None:
    """Three accounts, one contact who texts all of them; whatever happens in whatever order."""
    await db.empty()
    one, contact = await db.session(), new_contact()
    numbers = [await db.number() for _ in range(3)]
    secrets = {(await target(db, number))["secret"]: number for number in numbers[:2]}
    words = {"message": "hola", "human": "quiero hablar con una persona", "stop": "STOP"}
    jobs: list[Job] = []
    for account, step in [*steps, (0, "claim"), (0, "claim")]:
        if step != "claim":
            await one.ingest(numbers[account], contact, words[step])
            continue
        for job in await claim(one, 50):
            jobs.append(job)
            await end(one, job)
    for job in jobs:
        owner = secrets[job["secret"]]
        data = job["payload"]["data"]
        assert (data["account_id"], data["number"]) == (str(owner.user_id), owner.phone)
    for number in numbers:
        person = await db.person(number)
        for table in ("sms_events", "sms_event_deliveries", "sms_event_targets"):
            owners = await person.rows(f"select distinct user_id from {table}")  # noqa: S608
            assert {row["user_id"] for row in owners} <= {number.user_id}
