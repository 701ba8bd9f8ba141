"""What the model is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.messages import Prompt, Turn
from gateway.prompt import build_messages

PROMPT = Prompt(
    contact_number="+15550002222",
    system_prompt="You work for a bakery.",
    openai_model="gpt-4o-mini",
    max_tokens=150,
    temperature=0.7,
    max_segments=2,
    fold_accents=True,
    history=(
        Turn("user", "Hi"),
        Turn("assistant", "Hello!"),
        Turn("user", "When do you open?"),
    ),
)


def test_the_history_goes_as_real_turns_after_one_system_message() -> None:
    system, *turns = build_messages(PROMPT)

    assert system["role"] == "system"
    assert system["content"].startswith("You work for a bakery.\n\nYou answer text messages")
    assert turns == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "When do you open?"},
    ]


@pytest.mark.parametrize(
    ("text", "segments", "characters"),
    [
        ("When do you open?", 1, 160),
        ("¿Cuándo abren? 😀", 2, 306),
        ("Когда вы открываетесь?", 2, 134),
        ("何時に開きますか", 1, 70),
        ("", 1, 160),
        ("When?", 99, 1600),
    ],
)
def test_the_model_is_told_what_the_segments_hold(
    text: str, segments: int, characters: int
) -> None:
    prompt = replace(PROMPT, history=(Turn("user", text),), max_segments=segments)

    assert f"at most {characters} characters" in build_messages(prompt)[0]["content"]


def test_an_empty_system_prompt_leaves_our_rule_alone() -> None:
    system = build_messages(replace(PROMPT, system_prompt=" "))[0]["content"]

    assert system.startswith("You answer text messages")
