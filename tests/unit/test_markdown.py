"""Markdown as a person would type it into a phone."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.markdown import plain_text
from gateway.segments import fold

CASES = json.loads((Path(__file__).parent.parent / "data" / "meaning_cases.json").read_text())


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("**Open** from __nine__ to *five*, _daily_.", "Open from nine to five, daily."),
        ("***Really*** **open *now* too**", "Really open now too"),
        ("# Hours\n\n\n\n## Weekdays\nNine.", "Hours\n\nWeekdays\nNine."),
        ("* one\n+ two\n\u2022 three\n- four\n  * five", "- one\n- two\n- three\n- four\n  - five"),
        ("1. one\n2. **two**", "1. one\n2. two"),
        ("See [our site](https://a.example/b_c_d).", "See our site https://a.example/b_c_d."),
        ("[a.example](https://a.example)", "https://a.example"),
        ("[Wiki](https://a.example/Pan_(food))", "Wiki https://a.example/Pan_(food)"),
        ("Call [+1 555](tel:+1555) or <https://a.example>", "Call +1 555 or https://a.example"),
        ("![Logo](https://a.example/l.png 'x')", "Logo https://a.example/l.png"),
        ("Type `help`:\n```sh\nls *.py\n```", "Type help:\nls *.py"),
        ("> quoted\n---\nafter", "quoted\nafter"),
        ("这是**重点**内容", "这是重点内容"),
    ],
)
def test_markdown_becomes_what_a_person_would_type(markdown: str, plain: str) -> None:
    assert plain_text(markdown) == plain


@pytest.mark.parametrize(
    "text",
    [
        "2 * 3 * 4, 2*3*4, 2**3 and 4**5",
        "snake_case_name and 5_000_",
        "https://a.example/_next_/x?b=_c_&d=*e*",
        "#1 in town, dial *67*5551212 or *21*1#",
        "Rates: 5% [see below] (daily) < 7",
        "- one\n- two\n\n:-) ^_^ ¯\\_(ツ)_/¯",
        "c******ll@g****.com, c***l@g***.com, ab*@x.com, info@exa***.com",
        "****1234, ***-**-6789 and x**2 + y**2",
        "yes | no | maybe",
        "More than:\n> 5 kg\n+ 5 EUR",
        "【重要】 明日は休み",
    ],
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert plain_text(text) == text


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("[Call us](tel:+15550100)", "Call us +15550100"),
        ("[+1 555-0100](tel:+15550100)", "+1 555-0100"),
        ("[**Call**](tel:+1-555-0100;ext=12)", "Call +1-555-0100 ext. 12"),
        ("[Mail](mailto:ana@a.example?subject=Hi) us", "Mail ana@a.example us"),
        ("[ana@a.example](mailto:ana@a.example)", "ana@a.example"),
        ("[Text us](sms:+15550100?body=Hi).", "Text us +15550100."),
        ("<tel:+15550100>, <ana@a.example>", "+15550100, ana@a.example"),
        ("[site](www.a.example), [menu](/menu), [top](#top)", "site www.a.example, menu, top"),
        ("[[1]](https://a.example/1)", "[1] https://a.example/1"),
        ("```We open at 9 to 5.\nCall us.\n```", "We open at 9 to 5.\nCall us."),
        ("```Yes\nwe do```", "Yes\nwe do"),
        ("~~~\nls\n~~~\n```9 to 5``` daily", "ls\n9 to 5 daily"),
        ("Now ~~$50~~ $40.", "Now $40."),
        ("~~$50~~ $40", "$40"),
        (
            "The total is \\$40 \\*net\\* for snake\\_case.",
            "The total is $40 *net* for snake_case.",
        ),
        ("| Day | Hours |\n|:---|-----:|\n| Mon | 9-5 |", "Day: Hours\nMon: 9-5"),
        ("Day | Hours\n--- | ---\nMon | 9-5 | cash\n\nBye", "Day: Hours\nMon: 9-5, cash\n\nBye"),
        ("| **Mon:** | 9-5 |\n| | closed |", "Mon: 9-5\nclosed"),
        (
            "Open at 9\u30104\u2020source\u3011. Or \u30104:0\u2020a.pdf\u3011 10",
            "Open at 9. Or 10",
        ),
        ("Open 9am \ue200cite\ue202turn0search1\ue201. Bye \ue200cite", "Open 9am. Bye"),
        ("**Mail info@a.example**, *ana@a.example*", "Mail info@a.example, ana@a.example"),
    ],
)
def test_numbers_addresses_and_words_outlive_their_markdown(markdown: str, plain: str) -> None:
    assert plain_text(markdown) == plain


@pytest.mark.parametrize(
    ("thought", "said"),
    [
        ("<think>\nHours?\n</think>\n\nWe open at 9.", "We open at 9."),
        ("They ask for hours.\n</think>\nWe open at 9.", "We open at 9."),
        ("We open at 9.<think>Was that right?", "We open at 9."),
        ("<think>They ask for", ""),
        ("<THINKING>a</THINKING>Yes. <reasoning>b</reasoning>", "Yes."),
        ("<think>a <think>b</think> c</think> Yes.", "Yes."),
        ("I think <b>so", "I think <b>so"),
    ],
)
def test_what_a_model_thinks_aloud_is_not_said(thought: str, said: str) -> None:
    assert plain_text(thought) == said


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["kind"].startswith("markdown")], ids=lambda case: case["id"]
)
def test_the_cases_of_markdown(case: dict[str, str]) -> None:
    assert plain_text(case["input"]) == case["expected"]


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["kind"].startswith("folding")], ids=lambda case: case["id"]
)
def test_the_cases_of_folding(case: dict[str, str]) -> None:
    folded = fold(plain_text(case["input"]), fold_accents=True)

    assert folded == case["expected"] or folded == case["input"], "(or keep)"


def digits(text: str) -> str:
    return "".join(filter(str.isdecimal, normalize("NFKC", text)))


signs = st.text(st.sampled_from("a12 \n*_`#()<>!-+.=\u2022|\\½²①@/:&;$"), max_size=80)


@given(signs)
def test_the_digits_of_an_answer_stay_in_order(text: str) -> None:
    """What is struck out or a source's number goes, and a link may say its number twice."""
    assert digits(fold(plain_text(text), fold_accents=True)) == digits(text)


@given(
    st.lists(st.sampled_from(["1", "2", "**", "*", "_", "__", "`", "~~", "```", " "]), max_size=30)
)
def test_markdown_never_joins_two_numbers(pieces: list[str]) -> None:
    text = "".join(pieces)
    numbers = re.findall(r"\d+", text)

    if "~~" not in text:
        assert re.findall(r"\d+", plain_text(text)) == numbers


@given(st.text(st.sampled_from("ab1 \n*_`#[]()<>!-+.~=\u2022")))
def test_no_letter_is_lost_with_the_markdown(text: str) -> None:
    kept = [letter for letter in plain_text(text) if letter in "ab"]

    if "[" not in text and "`" not in text and "~~" not in text:
        assert kept == [letter for letter in text if letter in "ab"]


@pytest.mark.parametrize(
    "unit",
    [
        "*",
        "**a ",
        "_",
        "`",
        "[",
        "[a](",
        "<https://",
        " ",
        "\n",
        "> ",
        "[x[]",
        "|",
        "| ",
        "a.",
        "a*",
        "~~a",
        "<think>",
        "</think>",
        "\ue200",
        "\\",
    ],
)
def test_a_hundred_kilobytes_of_markdown_take_no_longer_than_their_share(unit: str) -> None:
    started = time.process_time()

    plain_text(unit * (100_000 // len(unit)))

    assert time.process_time() - started < 3  # seconds; quadratic would be minutes
