import json
import random
import re
import time
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any
from unicodedata import category, normalize

import pytest
import smsutil  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from gateway.segments import GSM_7, MAX_CHARACTERS, count, fit, fold, room, split, whole

VECTORS = json.loads((Path(__file__).parent.parent / "data" / "sms_vectors.json").read_text())

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
FLAG_OF_PERU = "\U0001f1f5\U0001f1ea"
FLAG_OF_SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
THUMB = "\U0001f44d\U0001f3fd"
HEART = "\u2764\ufe0f"
KEYCAP = "1\ufe0f\u20e3"
CZECH_R = "r\u030c\u0323"  # two marks on one letter
HINDI = "\u0928\u093f"
GRAPHEMES = [FAMILY, FLAG_OF_PERU, FLAG_OF_SCOTLAND, THUMB, HEART, KEYCAP, CZECH_R, HINDI, "a", "ж"]

messages = st.text(
    st.sampled_from([*GSM_7, *"áíóúçœñ“”…—\u00a0\t\u200b\u200d\ufe0f\u0301😀🇵🇪ж水。", "\ud83d"])
    | st.characters(),
    max_size=400,
)
segments = st.integers(1, 10)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_known_messages_are_counted_as_the_standard_says(vector: dict[str, Any]) -> None:
    counted = count(vector["text"])

    assert counted.encoding == vector["encoding"]
    assert counted.count == vector["segments"]
    assert [len(part) for part in split(vector["text"])] == vector["lengths"]


@given(messages)
def test_parts_joined_are_the_message_and_each_has_room(text: str) -> None:
    counted = count(text)

    assert "".join(split(text)) == text
    assert counted.count == len(split(text))
    limit = room(counted.encoding, 1) if counted.count == 1 else room(counted.encoding, 2) // 2
    assert all(cost(part, counted.encoding) <= limit for part in split(text))


def test_another_implementation_counts_the_same() -> None:
    """smsutil says one segment for "" and takes a bare escape for a letter; neither occurs here."""
    dice = random.Random(20261122)
    plain = "".join(GSM_7)
    for _ in range(10_000):
        alphabet = plain if dice.random() < 0.6 else plain + "áíóúç😀👍水"
        text = "".join(dice.choices(alphabet, k=dice.choice((1, 60, 70, 71, 135, 160, 161, 320))))
        parts = tuple(part.content for part in smsutil.split(text).parts)
        assert split(text) == parts


def cost(text: str, encoding: str) -> int:
    if encoding == "UCS-2":
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
    return len(text) + sum(text.count(character) for character in "\f^{}\\[~]|€")


# Folding


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("\u201cHello\u201d, \u2018you\u2019", "\"Hello\", 'you'"),
        ("9\u20135 \u2014 or later\u2026", "9-5 - or later..."),
        ("• one\r\n• two", "- one\n- two"),
        ("10\u00a0am\tsharp", "10 am sharp"),
        ("well\u2011known\u202fcase", "well-known case"),
        ("soft\u00adhyphen, zero\u200bwidth, \ufeffmark", "softhyphen, zerowidth, mark"),
        ("null\x00 and half a pair \ud83d.", "null and half a pair ."),
        ("e\u0301", "é"),
    ],
)
def test_typography_is_folded_even_where_accents_stay(typed: str, folded: str) -> None:
    assert fold(typed, fold_accents=False) == folded


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("¿Cómo está? Aquí, mañana. ÁÍÓÚ", "¿Como esta? Aqui, mañana. AIOU"),
        ("ação é às três", "acao é às tres"),
        ("Łódź, şimdi, őr, cœur", "Lodz, simdi, or, coeur"),
        ("1º piso, 20 m² a 25 °C", "1.o piso, 20 m2 a 25 C"),
    ],
)
def test_accents_are_folded_where_that_makes_the_text_gsm_7(typed: str, folded: str) -> None:
    assert fold(typed, fold_accents=True) == folded
    assert count(folded).encoding == "GSM-7"


@pytest.mark.parametrize("text", ["Sí 😀", "Tiếng Việt có dấu", "está жаль", f"mamá {FAMILY}"])
def test_accents_stay_where_folding_saves_nothing(text: str) -> None:
    assert fold(text, fold_accents=True) == text


def test_accents_stay_when_the_setting_is_off() -> None:
    assert fold("¿Cómo está?", fold_accents=False) == "¿Cómo está?"


def test_a_stray_joiner_does_not_make_a_text_dear() -> None:
    assert fold("Hello\ufe0f \u200dthere", fold_accents=False) == "Hello there"


def test_joiners_inside_emoji_stay() -> None:
    assert fold(f"{FAMILY} {HEART}", fold_accents=True) == f"{FAMILY} {HEART}"


def test_all_of_gsm_7_survives_folding() -> None:
    kept = "".join(sorted(GSM_7 - {"\r"}))
    assert fold(kept, fold_accents=True) == kept


@given(messages, st.booleans())
def test_folding_twice_is_folding_once(text: str, fold_accents: bool) -> None:
    once = fold(text, fold_accents)
    assert fold(once, fold_accents) == once


@given(messages, st.booleans())
def test_folding_never_makes_a_dearer_encoding(text: str, fold_accents: bool) -> None:
    if count(text).encoding == "GSM-7":
        assert count(fold(text, fold_accents)).encoding == "GSM-7"


# Numbers


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("Take 1½ tablets, then ½, then 2¼", "Take 1 1/2 tablets, then 1/2, then 2 1/4"),
        ("½ and 1/2, 5⅞ in", "1/2 and 1/2, 5 7/8 in"),
        ("Area 10² m, x³, 10⁻³, 10²³, 2ⁿ", "Area 10^2 m, x^3, 10^-3, 10^23, 2^n"),
        ("20 m², 20㎡, 5 km²", "20 m2, 20m2, 5 km2"),
        ("H₂O and 10₂", "H2O and 10_2"),
        ("2º piso, 2.º, 3ºB, 1ª y 10ª", "2.o piso, 2.o, 3.o B, 1.a y 10.a"),
        ("Nº 5, nº9, № 7, Mª", "No. 5, no.9, No. 7, Ma"),
        ("25 °C, 25°C, 77 ºF, 25℃", "25 C, 25 C, 77 F, 25 C"),
        ("Capítulo Ⅳ", "Capitulo IV"),
        ("Call \uff10\uff11\uff12 or \U0001d7d2\U0001d7d3", "Call 012 or 45"),
        ("① one ② two ⒊ three 4①", "(1) one (2) two 3. three 4(1)"),
        ("1ᵉʳ, Mᵐᵉ", "1er, Mme"),
        ("•5 kg, a —50, 9—5", "- 5 kg, a - 50, 9-5"),
    ],
)
def test_a_number_is_the_same_number_after_folding(typed: str, folded: str) -> None:
    assert fold(typed, fold_accents=True) == folded
    assert count(folded).encoding == "GSM-7"


@pytest.mark.parametrize("text", ["Horno a 180° por 20 min", "180º", "3·5 = 15", "1½ 😀", "2² ж"])
def test_a_sign_that_no_other_letter_can_say_stays(text: str) -> None:
    """Every language has its own word for a degree, and 3·5 is 15 here and 3.5 there."""
    assert fold(text, fold_accents=True) == text


NUMBERS = [
    *"0123456789 aomNCx.,/^-+()\n½¼⅞²³¹⁴⁻ⁿ₂º°ª№ⅣⅫ①⑳⒊\uff11\uff12\U0001d7d3㎡℃·•—\u2013\u00d7÷√٣३"
]


def digits(text: str) -> str:
    """In order, whatever they are written with; a fraction has two numbers."""
    return "".join(filter(str.isdecimal, normalize("NFKC", text)))


@given(st.text(st.sampled_from(NUMBERS)) | messages, st.booleans())
def test_the_digits_of_a_text_stay_in_order_when_it_is_folded(
    text: str, fold_accents: bool
) -> None:
    assert digits(fold(text, fold_accents)) == digits(text)


@given(st.lists(st.sampled_from(["7", "12", "½", "¾", "²", "²³", "₂", "①", "⒊"]), max_size=6))
def test_two_numbers_never_become_one(numbers: list[str]) -> None:
    """A raised number is one number as long as it goes on, and so are digits side by side."""
    folded = fold("".join(numbers), fold_accents=False)

    joined = groupby(
        numbers, key=lambda number: (number[0].isascii(), number[0] in "²³", number[0] == "₂")
    )
    expected: list[str] = []
    for (plain, raised, lowered), group in joined:
        found = [
            found for number in group for found in re.findall(r"\d+", normalize("NFKC", number))
        ]
        expected += ["".join(found)] if plain or raised or lowered else found
    assert re.findall(r"\d+", folded) == expected


# Fitting


@given(messages, segments, st.booleans())
def test_a_fitted_text_never_exceeds_its_segments(
    text: str, max_segments: int, fold_accents: bool
) -> None:
    fitted = fit(text, max_segments, fold_accents)

    assert count(fitted).count <= max_segments
    assert cost(fitted, "UCS-2") <= MAX_CHARACTERS
    assert bool(fitted) == bool(text)
    assert fit(fitted, max_segments, fold_accents) == fitted


@given(messages, segments)
def test_a_text_that_fits_is_only_folded(text: str, max_segments: int) -> None:
    folded = fold(text, fold_accents=False).strip()
    if folded and count(folded).count <= max_segments:
        assert fit(text, max_segments, fold_accents=False) == folded


@given(st.lists(st.sampled_from(GRAPHEMES), min_size=100, max_size=300), segments)
def test_a_cut_never_falls_inside_what_is_seen_as_one_character(
    graphemes: list[str], max_segments: int
) -> None:
    text = fold("".join(graphemes), fold_accents=False)
    fitted = fit(text, max_segments, fold_accents=False)

    normalized = [fold(grapheme, fold_accents=False) for grapheme in graphemes]
    assert fitted in accumulate(normalized)


@pytest.mark.parametrize(
    ("text", "max_segments", "fitted"),
    [
        ("We open at nine. " * 10, 1, ("We open at nine. " * 9).strip()),
        ("Is it open? " + "yes " * 60, 1, "Is it open? " + ("yes " * 37).strip()),
        ("word " * 100, 1, ("word " * 32).strip()),
        ("a" * 161, 1, "a" * 160),
        ("a" * 400, 2, "a" * 306),
        ("á" * 71, 1, "á" * 70),
        ("水" * 300, 2, "水" * 134),
        ("[" * 161, 1, "[" * 80),
        ("a" * 159 + "€", 1, "a" * 159),
        ("x" * 2000, 99, "x" * 1600),
        ("😀" * 900, 99, "😀" * 800),
        ("今日は開いています。" * 10, 1, "今日は開いています。" * 7),
    ],
)
def test_a_long_text_is_cut_at_the_best_place(text: str, max_segments: int, fitted: str) -> None:
    assert fit(text, max_segments, fold_accents=False) == fitted


def test_a_list_is_cut_after_an_item_not_after_its_number() -> None:
    items = [f"{n}. Item number {n} of the list" for n in range(1, 12)]

    fitted = fit("\n".join(items), 1, fold_accents=False)

    assert fitted == "\n".join(items[:5])


def test_an_emoji_at_the_end_of_a_long_answer_goes_rather_than_half_of_the_answer() -> None:
    answer = "Mañana abrimos a las nueve. " * 10 + "¡Hasta pronto, María! 😀"

    assert fit(answer, 2, fold_accents=True) == answer.replace("í", "i")[:-2]


def test_an_emoji_that_fits_stays() -> None:
    assert fit("Está abierto 😀", 1, fold_accents=True) == "Está abierto 😀"


def test_one_grapheme_larger_than_all_the_room_is_cut_after_all() -> None:
    fitted = fit("水" + "\u0301" * 500, 1, fold_accents=False)

    assert len(fitted) == 70
    assert category(fitted[-1]) == "Mn"


@pytest.mark.parametrize("text", ["\u200b", " \n ", "\ud83d", "\x00"])
def test_a_text_nobody_could_see_still_gives_a_text(text: str) -> None:
    assert fit(text, 1, fold_accents=True) == "?"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("One is whole. Two is cut o", "One is whole."),
        ("Only one.", "Only one."),
        ('He said "no." And the', 'He said "no."'),
        ("It costs 3.", "It costs"),
        ("Is it? 1.", "Is it?"),
        ("Dates:\n1. Mon", "Dates"),
        ("no end at all", "no end at"),
        (
            "OK. We open at nine every day of the week except for",
            "OK. We open at nine every day of the week except",
        ),
        ("Milk, bread,\n- eggs and butter,\n- flo", "Milk, bread,\n- eggs and butter"),
        ("We are at 12 Long Street, call +34 600 111", "We are at 12 Long Street, call"),
        ("Take 1 1", "Take"),
        ("\u0e40\u0e1b\u0e34\u0e14\u0e40\u0e01\u0e49\u0e32\u0e42\u0e21\u0e07",) * 2,
        ("word", "word"),
        ("", ""),
    ],
)
def test_what_broke_off_ends_after_a_sentence_or_a_word(text: str, kept: str) -> None:
    assert whole(text) == kept


@given(messages)
def test_what_broke_off_says_something_if_it_said_anything(text: str) -> None:
    assert text.startswith(whole(text))
    assert bool(whole(text).strip()) == bool(text.strip())


STOP_LINE = "To get no more messages from us, reply STOP."


def test_a_last_line_stands_below_the_text() -> None:
    fitted = fit("We open at 9.", 2, True, STOP_LINE)
    assert fitted == f"We open at 9.\n{STOP_LINE}"


@given(messages.filter(str.strip), st.integers(1, 4), st.booleans())
def test_a_last_line_stays_whole_within_the_segments(
    text: str, max_segments: int, fold_accents: bool
) -> None:
    fitted = fit(text, max_segments, fold_accents, STOP_LINE)
    assert count(fitted).count <= max_segments
    alone = fit(text, max_segments, fold_accents)
    assert fitted.endswith(f"\n{STOP_LINE}") or fitted == alone
    if max_segments > 1:
        assert fitted.endswith(STOP_LINE)


def test_a_last_line_that_would_leave_no_answer_is_left_out() -> None:
    text = "日本語のメッセージです。" * 5
    assert fit(text, 1, True, STOP_LINE * 2) == fit(text, 1, True)


@pytest.mark.parametrize("unit", ["a", "á", "😀", ".", "!\n", "\n ", "[", "\u0301", "🇵", "“", "1."])
def test_a_hundred_kilobytes_take_no_longer_than_their_share(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    started = time.process_time()

    count(text)
    fit(text, 3, fold_accents=True)
    whole(text)

    assert time.process_time() - started < 3  # seconds; quadratic would be minutes
