"""The checker of the chaos run rejects what it must: a check that nothing fails proves nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.chaos.chaos import POINTS, Plan, Record, Sent, Text, arrivals

ANA, BEN = "+15570000001", "+15570000002"


def record() -> Record:
    """Ana wrote #1, #2 and #4, answered together and alone; Ben wrote #3."""
    return Record(
        texts=[Text(1, ANA, 11), Text(2, ANA, 12), Text(3, BEN, 13), Text(4, ANA, 14)],
        sent=[
            Sent("SM1", ANA, "#1 #2", row=21),
            Sent("SM2", BEN, "Sent from your Twilio trial account - #3", row=22),
            Sent("SM3", ANA, "#4", row=23),
        ],
        sids={"SM1", "SM2", "SM3"},
    )


def names(record: Record) -> list[str]:
    return [violation.partition(":")[0] for violation in record.violations()]


def test_a_record_in_which_each_text_is_answered_once_passes() -> None:
    assert record().violations() == []


def test_a_text_in_no_accepted_answer_is_lost() -> None:
    broken = record()
    broken.sent[0] = replace(broken.sent[0], body="#1")
    assert broken.violations() == ["lost: #2 stands in no text that Twilio accepted"]


def test_a_text_that_was_never_stored_is_named() -> None:
    broken = record()
    broken.texts[2] = replace(broken.texts[2], id=None)
    assert names(broken) == ["never stored"]


@pytest.mark.parametrize(
    ("tables", "told"), [(1, []), (0, ["booked 0 times"]), (2, ["booked 2 times"])]
)
def test_a_table_is_booked_once(tables: int, told: list[str]) -> None:
    asked = record()
    asked.wanted, asked.booked = {3}, Counter({3: tables})
    assert names(asked) == told


def test_a_table_that_nobody_asked_for_is_named() -> None:
    asked = record()
    asked.booked = Counter({1: 2})
    assert names(asked) == ["booked 2 times"]


def test_a_text_in_two_accepted_answers_is_doubled() -> None:
    broken = record()
    broken.sent[2] = replace(broken.sent[2], body="#2 #4")
    assert broken.violations() == ["doubled: #2 stands in 2 texts that Twilio accepted"]


def test_an_answer_accepted_twice_is_doubled_and_its_second_sid_unrecorded() -> None:
    broken = record()
    broken.sent.append(Sent("SM4", ANA, "#4", row=23))
    assert names(broken) == ["doubled", "unrecorded"]


def test_a_counter_that_a_recount_contradicts_is_named() -> None:
    broken = record()
    broken.miscounted.append("{'messages_in': 4}")
    assert names(broken) == ["miscounted"]


def test_answers_that_left_in_the_wrong_order_are_swapped() -> None:
    broken = record()
    broken.sent[0], broken.sent[2] = broken.sent[2], broken.sent[0]
    assert broken.violations() == ["swapped: #4 was answered before #1"]


def test_texts_swapped_within_one_answer_are_seen_too() -> None:
    broken = record()
    broken.sent[0] = replace(broken.sent[0], body="#2 #1")
    assert broken.violations() == ["swapped: #2 was answered before #1"]


def test_order_is_that_of_storing_not_of_writing() -> None:
    """A text that only the backfill found is stored, and answered, after newer ones."""
    late = record()
    late.texts[0] = replace(late.texts[0], id=15)
    late.sent = [
        Sent("SM1", ANA, "#2"),
        Sent("SM2", BEN, "#3"),
        Sent("SM3", ANA, "#4 #1"),
    ]
    assert late.violations() == []


def test_an_answer_to_somebody_else_is_misdirected() -> None:
    broken = record()
    broken.sent[1] = replace(broken.sent[1], contact=ANA)
    assert set(names(broken)) == {"lost", "misdirected"}


def test_what_is_left_open_or_stored_twice_is_named() -> None:
    broken = record()
    broken.left_open, broken.stored_twice = ["row 23 is unknown"], 1
    assert names(broken) == ["stored twice", "left open"]


def test_who_is_blocked_is_never_answered() -> None:
    silent = record()
    silent.texts.append(Text(5, BEN, 15, answered="never"))
    assert silent.violations() == []
    silent.sent.append(Sent("SM4", BEN, "#5", row=24))
    silent.sids.add("SM4")
    assert silent.violations() == ["not silent: #5 of a blocked contact was answered"]


def test_what_may_stay_unanswered_is_answered_at_most_once() -> None:
    silent = record()
    silent.texts.append(Text(5, BEN, 15, answered="at most once"))
    assert silent.violations() == []
    silent.sent += [Sent("SM4", BEN, "#5", row=24), Sent("SM5", BEN, "#5", row=25)]
    silent.sids |= {"SM4", "SM5"}
    assert names(silent) == ["doubled"]


def test_a_human_message_accepted_twice_is_doubled() -> None:
    broken = record()
    broken.sent.append(Sent("SM4", ANA, "humano §1", row=24))
    broken.sids |= {"SM4", "SM5"}
    assert broken.violations() == []
    broken.sent.append(Sent("SM5", ANA, "humano §1", row=24))
    assert broken.violations() == ["doubled: §1 stands in 2 texts that Twilio accepted"]


def test_a_broken_invariant_of_the_database_is_named() -> None:
    broken = record()
    broken.broken.append("one active conversation per contact: {}")
    assert names(broken) == ["broken"]


def test_a_plan_repeats_with_its_seed() -> None:
    plan = Plan(seed=7, conversations=30, texts=90, seconds=20, at_least=1)
    assert arrivals(plan) == arrivals(plan)
    assert arrivals(plan) != arrivals(replace(plan, seed=8))


@pytest.mark.parametrize("seed", range(20))
def test_every_plan_has_all_its_texts_and_conversations(seed: int) -> None:
    plan = Plan(seed=seed, conversations=30, texts=90, seconds=20, at_least=1)
    planned = arrivals(plan)
    assert sum(arrival.count for arrival in planned) == 90
    assert {arrival.contact for arrival in planned} == set(range(30))
    assert any(arrival.count > 1 for arrival in planned)


def test_every_kind_of_process_has_its_points() -> None:
    assert {point.process for point in POINTS.values()} == {"worker", "web"}
