"""What the inbox says: complete in each language, and never the name of a column or function."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = REPOSITORY / "supabase/schemas"


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What is said twice in one file would be told by its last line alone."""
    assert len(dict(pairs)) == len(pairs), sorted(key for key, _ in pairs)
    return dict(pairs)


WORDS = {
    path.stem: json.loads(path.read_text(), object_pairs_hook=once)
    for path in (REPOSITORY / "gateway/inbox/src/words").glob("*.json")
}
# Chapters whose refusals only the worker, the web process or the command line meet.
NOT_OF_THE_INBOX = ("23", "31", "41", "52")
OF_THE_CALLER = re.compile(r"p_days|p_limit|p_contacts|p_changes|^1 \(today\)|next 1,000")
REFUSAL = re.compile(r"errcode = 'PT4\d\d'(.*?);", re.DOTALL)
# Each check's comment is what its refusal says: sms.broken_check of chapter 02.
CHECK = re.compile(r"comment on constraint \w+ on public\.\w+\s+is\s+((?:'(?:[^']|'')*'\s*)+);")
TEXT = re.compile(r"'((?:[^']|'')*)'")
SENTENCE = re.compile(r"(?:message|hint) = (?:format\()?'((?:[^']|'')*)'")
RAW = re.compile(r"\b[a-z]+_[a-z_]+\b|\w\(|\bnull\b")


def leaves(of: dict[str, Any], path: str = "") -> dict[str, str]:
    found = dict[str, str]()
    for key, value in of.items():
        inner = leaves(value, f"{path}{key}|") if isinstance(value, dict) else {path + key: value}
        found |= inner
    return found


def refusals() -> set[str]:
    """What the functions and checks a signed-in user meets may answer, without the full stop."""
    found = set[str]()
    for path in SCHEMAS.glob("*.sql"):
        if path.name.startswith(NOT_OF_THE_INBOX):
            continue
        text = path.read_text()
        found |= {it for refusal in REFUSAL.findall(text) for it in SENTENCE.findall(refusal)}
        found |= {"".join(TEXT.findall(comment)) for comment in CHECK.findall(text)}
    plain = {words.replace("''", "'").removesuffix(".") for words in found}
    return {words for words in plain if not OF_THE_CALLER.search(words)}


def test_the_languages_say_the_same_things() -> None:
    english = {key for key in leaves(WORDS["en"]) if not key.startswith("server|")}
    for words in WORDS.values():
        assert {key for key in leaves(words) if not key.startswith("server|")} == english


@pytest.mark.parametrize("language", WORDS)
def test_what_is_put_into_a_sentence_is_put_into_each_translation(language: str) -> None:
    english, other = leaves(WORDS["en"]), leaves(WORDS[language])
    for key in english.keys() & other.keys():
        places = [sorted(re.findall(r"\{\{\w+", words[key])) for words in (english, other)]
        assert places[0] == places[1], key


@pytest.mark.parametrize("language", sorted(WORDS.keys() - {"en"}))
def test_every_refusal_is_told_in_the_language_of_the_page(language: str) -> None:
    assert refusals() - WORDS[language]["server"].keys() == set()


def test_no_refusal_is_told_with_the_name_of_a_column_or_function() -> None:
    told = {words: WORDS["en"]["server"].get(words, words) for words in refusals()}
    assert {words: it for words, it in told.items() if RAW.search(it)} == {}
    for words in WORDS.values():
        assert {key: it for key, it in words["server"].items() if RAW.search(it)} == {}
