"""What is stored of a replayed reply, and how a replay is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway import replays
from gateway.messages import Prompt, ReplayJob, Reply, ReplyEnded, ReplyFailed, ToolCall, Turn
from gateway.prompt import prompt_hash

PROMPT = Prompt(
    contact_number="+15550000001",
    system_prompt="Sé breve.",
    openai_model="gpt-6-luna",
    max_tokens=150,
    temperature=None,
    max_segments=1,
    fold_accents=True,
    history=(Turn("user", "¿Abren hoy?"),),
)
JOB = ReplayJob(
    replay_id="r",
    place=1,
    conversation_id="c",
    message_id=7,
    prompt=PROMPT,
    original=PROMPT,
    prompt_hash=prompt_hash(PROMPT),
    recorded_calls=(ToolCall(1, "book", {"p_day": "2026-12-01"}, {"result": "ok"}),),
    old_content="Sí, hoy abrimos y la tienda está con usted.",
    notice=None,
    opt_out_hint=None,
)


def said(text: str) -> Reply:
    return Reply(text, "gpt-6-luna", 20, 5, 800)


def test_a_reply_is_stored_as_it_would_be_sent() -> None:
    answer = replays.answer_of(replace(JOB, notice="Soy un asistente."), said("Hoy abrimos."))
    assert answer["content"] == "Soy un asistente.\nHoy abrimos."
    assert (answer["segments"], answer["encoding"]) == (1, "GSM-7")
    assert (answer["is_over_budget"], answer["is_approximate"]) == (False, False)


def test_a_reply_that_was_cut_is_over_budget() -> None:
    answer = replays.answer_of(JOB, said("Abrimos de nueve a seis. " * 20))
    assert answer["segments"] == 1 and answer["is_over_budget"]


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, original=replace(PROMPT, system_prompt="Sé largo.")),
        replace(JOB, original=None),
        replace(JOB, prompt_hash=None),
    ],
    ids=["another prompt", "settings not kept", "before hashes were kept"],
)
def test_a_prompt_that_cannot_be_built_again_is_approximate(job: ReplayJob) -> None:
    assert replays.is_approximate(job)


def test_a_preview_has_no_old_prompt() -> None:
    assert replays.is_approximate(replace(JOB, message_id=None)) is None


def test_calls_of_an_attempt_before_do_not_change_the_hash() -> None:
    assert prompt_hash(replace(PROMPT, tool_calls=JOB.recorded_calls)) == JOB.prompt_hash


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("We are open and you can come to the shop", "en"),
        ("Hoy la tienda está con usted para su pedido", "es"),
        ("Nous sommes avec vous dans la boutique", "fr"),
        ("Wir sind für Sie da und haben nicht zu", "de"),
        ("Não temos a loja do seu bairro com você", "pt"),
        ("Мы открыты сегодня", "CYRILLIC"),
        ("OK 9:00", None),
        ("", None),
    ],
)
def test_a_language_is_told_by_its_frequent_words(text: str, language: str | None) -> None:
    assert replays.language_of(text) == language


def test_languages_are_compared_where_both_are_known() -> None:
    spanish, english = "Hoy la tienda está con usted", "We are here for you"
    assert replays.same_language(spanish, spanish) is True
    assert replays.same_language(spanish, english) is False
    assert replays.same_language(spanish, "OK") is None
    assert replays.same_language(None, english) is None


async def test_a_tool_is_answered_from_the_record_and_never_runs() -> None:
    call_tool = replays.tool_of_record(JOB)
    given = {"p_day": "2026-12-01", "p_note": None}
    assert (await call_tool("book", given)).content == {"result": "ok"}
    for name, arguments in (("book", {"p_day": "2026-12-02"}), ("cancel", given)):
        with pytest.raises(ReplyEnded, match=name) as ended:
            await call_tool(name, arguments)
        answer = replays.divergence_of(JOB, ended.value)
        assert (answer["state"], answer["diverged_call"]) == (
            "diverged",
            {"name": name, "arguments": arguments},
        )


def test_a_failure_is_empty_failed_or_a_reason_to_wait() -> None:
    empty = replays.failure_of(JOB, ReplyFailed("no text", kind="empty"))
    assert empty["state"] == "empty" and "retry_after" not in empty
    broken = replays.failure_of(JOB, ReplyFailed("out of order", retry_after=5))
    assert broken["state"] == "failed" and "retry_after" not in broken
    limited = replays.failure_of(JOB, ReplyFailed("limit", retry_after=5, kind="rate_limit"))
    assert limited["retry_after"] == 5
    unpaid = replays.failure_of(JOB, ReplyFailed("no credit", suspends=True))
    assert unpaid["retry_after"] is None


def side(content: str, segments: int, price: float | None) -> dict[str, Any]:
    return {"content": content, "segments": segments, "price": price, "mentions_human": False}


def test_a_table_for_a_review_keeps_its_cells() -> None:
    total = {"segments": 1, "prompt_tokens": 9, "completion_tokens": 2, "mentions_human": 0}
    found = {
        "message": None,
        "answers": [
            {
                "message_id": 7,
                "question": "a | b\nc",
                "old": side("uno", 1, None),
                "new": side("dos", 2, 0.1),
                "state": "answered",
                "error": None,
                "is_over_budget": True,
                "same_language": False,
                "is_approximate": True,
            }
        ],
        "totals": {
            **{name: 0 for name in ("empty", "failed", "diverged", "approximate")},
            **{name: 1 for name in ("answers", "answered", "longer", "over_budget")},
            "other_language": 1,
            "old": {**total, "price": None},
            "new": {**total, "price": 0.1},
        },
    }
    lines = replays.as_markdown(found).splitlines()
    assert lines[2] == (
        "| 7 | a \\| b c | uno | dos | 1 → 2 | over budget, other language, approximate |"
    )
    assert "price unknown" in lines[5] and "price $0.100000" in lines[6]
    assert replays.faults(found, ("longer", "language", "empty")) == ["1 longer", "1 language"]
