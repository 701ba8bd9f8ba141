"""Which texts opt out: measured on texts that the list was not made with.

tests/data/opt_out_phrases.json was written before the list and not changed since. The list was
made with the texts at even places; those at odd places are held out and measure it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypedDict

import pytest

from gateway.local.stack import Stack
from tests.sql import Db, scratch_database


class Text(TypedDict):
    language: str
    text: str


PHRASES: dict[str, list[Text]] = json.loads(
    (Path(__file__).parent / "data/opt_out_phrases.json").read_text()
)
HALVES = {"made with": 0, "held out": 1}

TYPOS = ("Unsuscribe", "unsubcribe", "UNSUBSCIRBE", "unsubscribee", "stpo", "sotp", "Stopp")
LOUD = (
    "STOP!!!",
    "stop.",
    "  stop\n",
    "¡ALTO!",
    "S T O P",
    "s.t.o.p",
    "\uff33\uff34\uff2f\uff30",  # full-width letters
    "stooooop",
    "🛑stop🛑",
)
ORDINARY_AND_SHORT = (
    *("the stop", "my stop", "shop", "El Alto", "La Baja", "ya baja", "end of May", "the end"),
    *(
        "don't stop",
        "non stop",
        "please cancel",
        "cancel Friday",
        "no",
        "No messages?",
        "baja calle 5",
    ),
    *("can you stop here", "don't bother", "Stop by!", "arrêt de bus", "pare na esquina", "shops"),
)


@pytest.fixture(scope="module")
async def db(stack: Stack) -> AsyncIterator[Db]:
    async with scratch_database(stack.postgres_url) as url, Db.connect(url) as db:
        yield db


async def meaning_of(db: Db, text: str) -> str | None:
    found: str | None = await db.admin.value("select (sms.classify(%s)).meaning", text)
    return found


@pytest.mark.parametrize("half", HALVES)
async def test_opt_outs_are_recognised_and_ordinary_sentences_are_not(
    db: Db, half: str, capsys: pytest.CaptureFixture[str]
) -> None:
    opt_outs = [phrase["text"] for phrase in PHRASES["opt_out"][HALVES[half] :: 2]]
    ordinary = [phrase["text"] for phrase in PHRASES["ordinary"][HALVES[half] :: 2]]
    missed = [text for text in opt_outs if await meaning_of(db, text) != "stop"]
    wrong = [text for text in ordinary if await meaning_of(db, text) == "stop"]
    recall = 1 - len(missed) / len(opt_outs)
    with capsys.disabled():
        print(f"\n{half}: recall {recall:.1%} of {len(opt_outs)} opt-outs,", end=" ")
        print(f"{len(wrong)} of {len(ordinary)} ordinary sentences taken for one")
    assert recall >= 0.95
    assert [text for text in wrong if len(text.split()) >= 6] == []


def test_the_data_has_four_hundred_of_each_in_four_languages() -> None:
    assert {kind: len(phrases) for kind, phrases in PHRASES.items()} == {
        "opt_out": 400,
        "ordinary": 400,
    }
    for phrases in PHRASES.values():
        assert {phrase["language"] for phrase in phrases} == {"en", "es", "fr", "pt"}


@pytest.mark.parametrize("text", [*TYPOS, *LOUD])
async def test_typos_and_shouting_do_not_hide_an_opt_out(db: Db, text: str) -> None:
    assert await meaning_of(db, text) == "stop"


@pytest.mark.parametrize("text", ORDINARY_AND_SHORT)
async def test_one_more_word_makes_it_an_ordinary_text(db: Db, text: str) -> None:
    assert await meaning_of(db, text) != "stop"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("are you a bot? stop texting me", "stop"),
        ("stop, I want to talk to a person", None),
        ("quiero hablar con una persona por favor", "human"),
        ("Agent", "human"),
        ("¿Eres un robot o una persona?", "bot"),
        ("Is this a real person?", "bot"),
        ("vous êtes un robot ?", "bot"),
        ("você é um robô?", "bot"),
        ("falar com atendente", "human"),
        ("un conseiller", "human"),
        ("Hola, necesito ayuda", None),
        ("are you a bot? I need 3 pizzas", None),
        ("gracias", "filler"),
        ("", None),
    ],
)
async def test_wishes_are_told_apart(db: Db, text: str, meaning: str | None) -> None:
    assert await meaning_of(db, text) == meaning


async def test_a_long_text_is_not_even_read(db: Db) -> None:
    assert await meaning_of(db, "stop " * 500) is None


async def test_an_operator_adds_a_phrase(db: Db) -> None:
    session = await db.session()
    await session.rows("select sms.add_phrases('en', 'stop', 'enough of', 'your|these', 'jokes')")
    assert await meaning_of(db, "Enough of these jokes, please!") == "stop"
