"""Markdown as a person would type it into a phone."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.markdown import plain_text


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
    ],
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert plain_text(text) == text


@given(st.text(st.sampled_from("ab1 \n*_`#[]()<>!-+.~=\u2022")))
def test_no_letter_is_lost_with_the_markdown(text: str) -> None:
    kept = [letter for letter in plain_text(text) if letter in "ab"]

    if "[" not in text and "`" not in text:
        assert kept == [letter for letter in text if letter in "ab"]


@pytest.mark.parametrize("unit", ["*", "**a ", "_", "`", "[", "[a](", "<https://", " ", "\n", "> "])
def test_a_hundred_kilobytes_of_markdown_take_no_longer_than_their_share(unit: str) -> None:
    started = time.process_time()

    plain_text(unit * (100_000 // len(unit)))

    assert time.process_time() - started < 3  # seconds; quadratic would be minutes
