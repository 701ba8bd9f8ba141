r"""How many segments a message is billed as, and how to make it fit into fewer. Pure.

A message in the GSM-7 alphabet holds 160 characters, or 153 in each part of several; one character
outside of it turns the whole message to UCS-2: 70 and 67. ^ { } \ [ ~ ] | and the euro sign count
twice in GSM-7, as characters beyond U+FFFF do in UCS-2; neither pair is split between two parts.
https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal
from unicodedata import category, combining, decomposition, normalize

Encoding = Literal["GSM-7", "UCS-2"]

MAX_CHARACTERS = 1600  # a longer body is refused: https://www.twilio.com/docs/api/errors/21617

GSM_EXTENSION = frozenset("\f^{}\\[~]|€")
GSM_7 = GSM_EXTENSION | frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ROOM: dict[Encoding, tuple[int, int]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}


@dataclass(frozen=True, slots=True)
class Segments:
    """What a message is billed as; `count` is 0 for an empty one."""

    encoding: Encoding
    count: int


def count(text: str) -> Segments:
    return Segments(_encoding(text), len(split(text)))


def split(text: str) -> tuple[str, ...]:
    """The parts that Twilio bills; joined they are the text."""
    encoding = _encoding(text)
    single, each = _ROOM[encoding]
    parts = _split(text, encoding, single)
    return parts if len(parts) < 2 else _split(text, encoding, each)


def room(encoding: Encoding, segments: int) -> int:
    """How many characters that count once go into so many segments, 1600 at most."""
    single, each = _ROOM[encoding]
    return min(single if segments == 1 else segments * each, MAX_CHARACTERS)


def fold(text: str, fold_accents: bool) -> str:
    """Replace what makes a text dearer without saying more. fold(fold(text)) is fold(text).

    Typographic punctuation and spaces always become plain ones, and what nobody sees goes: control
    characters, and halves of surrogate pairs, which no database stores. Accents, signs (á, ©, ½)
    and joiners go only if that makes the whole text GSM-7, accents only with `fold_accents`.
    No number changes: its digits stay in order, and a space or sign keeps it from the next one.
    """
    text = _BULLET_OF_A_NUMBER.sub("- ", normalize("NFC", text).replace("\r\n", "\n"))
    text = normalize("NFC", text.translate(_PLAIN))
    bare = _bare(text, fold_accents)
    return bare if _encoding(bare) == "GSM-7" else text


def fit(text: str, max_segments: int, fold_accents: bool, last_line: str = "") -> str:
    """Fold, and cut to at most `max_segments` (1 or more) and 1600 characters.

    Cuts after a sentence, else after a word, unless that would leave less than a third. Never
    empty unless `text` is. `last_line` stands whole below what is left of the text, unless less
    than a third of the room would be.
    """
    if last_line and text:
        return _fit_above(last_line, text, max_segments, fold_accents)
    if not text:
        return ""
    text = fold(text, fold_accents).strip() or "?"
    end = _fitting(text, max_segments)
    if end == len(text):
        return text
    cut = _cut(text, end)
    if _encoding(fold(cut, fold_accents)) == "UCS-2":
        return cut
    # Only what was cut off needs UCS-2, an emoji at the end: as GSM-7 twice as much stays.
    bare = _bare(text, fold_accents)
    head = bare[: _first_foreign(bare)]
    return _cut(bare, _fitting(head, max_segments))


def _fit_above(last_line: str, text: str, max_segments: int, fold_accents: bool) -> str:
    alone = fit(text, max_segments, fold_accents)
    for end in range(len(alone), len(alone) // 3, -4):
        head = alone if end == len(alone) else _cut(alone, end)
        both = fold(f"{head.rstrip()}\n{last_line}", fold_accents)
        if _fitting(both, max_segments) == len(both):
            return both
    return alone


def whole(text: str) -> str:
    """What is whole of a text that broke off at its end; cut as `fit` cuts."""
    if _last_sentence_end(text, len(text)) == len(text):
        return text
    return _cut(text + "x", len(text)).rstrip()  # whatever would have come next


def _encoding(text: str) -> Encoding:
    return "GSM-7" if GSM_7.issuperset(text) else "UCS-2"


def _first_foreign(text: str) -> int:
    """The index of the first character outside GSM-7."""
    return next((i for i, character in enumerate(text) if character not in GSM_7), len(text))


def _split(text: str, encoding: Encoding, size: int) -> tuple[str, ...]:
    """Parts of at most `size` septets or UTF-16 units."""
    parts, start, used = [], 0, 0
    for i, character in enumerate(text):
        cost = 1 + (character in GSM_EXTENSION if encoding == "GSM-7" else character > "\uffff")
        if used + cost > size:
            parts.append(text[start:i])
            start, used = i, 0
        used += cost
    return (*parts, text[start:]) if text else ()


def _fitting(text: str, max_segments: int) -> int:
    """How many characters from the start fit."""
    head = text[: MAX_CHARACTERS + 1]
    encoding = _encoding(head)
    single, each = _ROOM[encoding]
    parts = _split(head, encoding, single if max_segments == 1 else each)
    units = head.encode("utf-16-le")[: 2 * MAX_CHARACTERS]
    within_limit = len(units.decode("utf-16-le", "ignore"))  # half a pair at the end is ignored
    return min(sum(map(len, parts[:max_segments])), within_limit)


def _cut(text: str, end: int) -> str:
    """At most `end` characters, fewer than `text` has."""
    least = end // 3
    if (sentence := _last_sentence_end(text, end)) > least:
        return text[:sentence]
    word = _last_word_end(text, end)
    if word > least or (word and text[end - 1].isdecimal()):  # half a number is another number
        return text[:word]
    return text[: _last_grapheme_end(text, end)]


# A stop with its closing quotes and brackets before a space; a full-width one alone; a line's end.
# Not the stop of "1." at the start of a line, nor one after a digit where the text breaks off.
_SENTENCE_END = re.compile(
    r"""(?: (?<! ^\d ) (?<! ^\d\d ) [.!?\u2026\u061f\u0964] ["')\]]{0,3} (?= \s )
          | (?: (?<! \d ) \. | [!?\u2026\u061f\u0964] ) ["')\]]{0,3} \Z
          | [\u3002\uff01\uff1f]
          | (?<= [^\s:,;] ) (?= \n ) )""",
    re.VERBOSE | re.MULTILINE,
)


def _last_sentence_end(text: str, end: int) -> int:
    window = text[: end + 1]  # the character after `end` tells whether a sentence ends there
    ends = (found.end() for found in _SENTENCE_END.finditer(window))
    return max((position for position in ends if position <= end), default=0)


def _last_word_end(text: str, end: int) -> int:
    spaces = (i for i in range(end, 0, -1) if text[i].isspace() and not _is_in_number(text, i))
    head = text[: next(spaces, 0)].rstrip().rstrip(_DANGLING).rstrip()
    if number := _LIST_NUMBER.search(head[-6:]):
        head = head[: -len(number[0])].rstrip(_DANGLING)
    return len(head)


_DANGLING = " \n\t,;:-(\u00bf\u00a1"
_LIST_NUMBER = re.compile(r"\n *\d{1,2}[.)]$")


def _is_in_number(text: str, i: int) -> bool:
    """The space of 1 1/2 or +34 600 111 222."""
    return text[i] == " " and text[i - 1].isdecimal() and text[i + 1 : i + 2].isdecimal()


def _last_grapheme_end(text: str, end: int) -> int:
    ends = (i for i in range(end, 0, -1) if not _is_one_grapheme(text, i))
    return next(ends, end)  # one grapheme larger than all the room is cut after all


def _is_one_grapheme(text: str, i: int) -> bool:
    """text[i - 1] and text[i] are drawn as one: https://www.unicode.org/reports/tr29/"""
    before, after = text[i - 1], text[i]
    if _is_flag_letter(before) and _is_flag_letter(after):
        letters = next((n for n in range(i) if not _is_flag_letter(text[i - 1 - n])), i)
        return letters % 2 == 1
    return (
        category(after) in ("Mn", "Mc", "Me")  # accents, vowel signs, variation selectors
        or after in "\u200c\u200d\u0e33\u0eb3"  # joiners; Thai and Lao am
        or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= after <= "\U000e007f"  # tags, in the flags of England and Scotland
        or before == "\u200d"
        or combining(before) == 9  # a virama joins two consonants
        or (before == "\r" and after == "\n")
    )


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _table(replacements: dict[str, str]) -> dict[int, str]:
    """For str.translate; each key is replaced by its value, character for character."""
    return {ord(old): new for olds, new in replacements.items() for old in olds}


def _between(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


# Twilio's Smart Encoding replaces much the same; here it happens before the text is stored, so that
# the stored text is the sent one. Full-width punctuation stays: texts with it are UCS-2 anyway.
_PLAIN = _table(
    {
        "\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033\u2036\u275d\u275e\u02ba\u02ee": '"',
        "\u0060\u00b4\u1fef\u2018\u2019\u201a\u201b\u2032\u2035\u2039\u203a": "'",
        "\u02b9\u02bb\u02bc\u02bd\u02c8\u02ca\u02cb\u275b\u275c": "'",
        "\u2010\u2011\u2012\u2013\u2014\u2015\u2212": "-",
        "\u2022\u2023\u2043\u25aa\u25cf\u25e6": "-",
        "\u2026": "...",
        "\u00f7\u2044\u2215": "/",
        "\t\u00a0\u202f\u205f" + _between(0x2000, 0x200A): " ",
        "\v\r\u0085\u2028\u2029": "\n",
        _between(0x00, 0x08) + _between(0x0E, 0x1F) + _between(0x7F, 0x84): "",
        _between(0x86, 0x9F) + "\u00ad\u200b\ufeff" + _between(0x2060, 0x2064): "",
        _between(0xD800, 0xDFFF): "",
    }
)

# A dash that stands for a bullet, or between two clauses, is no minus.
_BULLET_OF_A_NUMBER = re.compile(
    r"[\u2022\u2023\u2043\u25aa\u25cf\u25e6](?=\d)|(?<!\d)[\u2014\u2015](?=\d)"
)

# They shape emoji and Arabic or Indic letters; in a text without those they say nothing.
_WITHOUT_JOINERS = _table(
    {
        _between(0x200C, 0x200F) + _between(0x202A, 0x202E): "",
        _between(0x2066, 0x2069) + _between(0xFE00, 0xFE0F): "",
    }
)

# Latin letters that texts are commonly written without (á, ç, š, ş, ő). Vietnamese is not among
# them: without its marks it becomes another text.
_ACCENTED = [chr(code) for code in (*range(0xC0, 0x180), *range(0x218, 0x21C))]
_WITHOUT_ACCENTS = {
    **{
        ord(letter): normalize("NFD", letter)[0]
        for letter in _ACCENTED
        if letter not in GSM_7 and normalize("NFD", letter)[0].isascii()
    },
    **_table(
        {
            _between(0x0300, 0x036F): "",
            "\u00f0\u0111": "d",
            "\u00d0\u0110": "D",
            "\u0131": "i",
            "\u0142": "l",
            "\u0141": "L",
            "\u00fe": "th",
            "\u00de": "Th",
            "\u0153": "oe",
            "\u0152": "OE",
        }
    ),
}
_SIGNS = {
    **_WITHOUT_JOINERS,
    **_table(
        {
            "\u00b5\u03bc": "u",
            "\u00d7": "x",
            "\u2190": "<-",
            "\u2192": "->",
            "\u2264": "<=",
            "\u2265": ">=",
            "\u00a9": "(c)",
            "\u00ae": "(R)",
            "\u2103": "\u00b0C",
            "\u2109": "\u00b0F",
            "\u2116": "No.",
            "\u2122": "TM",
        }
    ),
}


def _bare(text: str, fold_accents: bool) -> str:
    """Without signs and accents, as far as that changes no number."""
    if _encoding(text) == "GSM-7":
        return text
    text = text.translate(_SIGNS)
    for sign, plain in _NUMBER_SIGNS:
        text = sign.sub(plain, text)
    text = text.translate(_WITHOUT_ACCENTS) if fold_accents else text
    return _SIGN.sub(_spelled, text)


# 180\u00b0 stays: every language has a word of its own for it. 25\u00ba means degrees as often as
# an ordinal, so only 1 to 9 are taken for one.
_NUMBER_SIGNS = (
    (re.compile(r"(?<=\d)[ ]?[\u00b0\u00ba] ?(?=[CF]\b)"), " "),
    (re.compile(r"[\u00b0\u00ba] ?(?=[CF]\b)"), ""),
    (re.compile(r"(?<=[Nn])\u00ba(?!\.)"), "o."),
    (re.compile(r"(?<!\d)(\d)\.?\u00ba(?=\w)"), r"\1.o "),
    (re.compile(r"(?<!\d)(\d)\.?\u00ba"), r"\1.o"),
    (re.compile(r"(?<=\d)\.?\u00aa(?=\w)"), ".a "),
    (re.compile(r"(?<=\d)\.?\u00aa"), ".a"),
    (re.compile(r"(?<![\d\u00b2\u00b3\u00b9])\u00ba"), "o"),
    (re.compile(r"\u00aa"), "a"),
    (re.compile(r"(?<!\d)\u00b7|\u00b7(?!\d)"), "."),  # 3\u00b75 is 15 or 3.5
    (re.compile(r"(?<!\d)\u2219|\u2219(?!\d)"), "-"),
)
_SIGN = re.compile(r"[^\x00-\x7f\u00b0\u00ba]")
_UNITS = frozenset({"m", "mm", "cm", "dm", "km", "ft", "in", "yd", "mi"})


def _spelled(found: re.Match[str]) -> str:
    """One sign in the letters and digits it stands for: ½, ², №, Ⅳ, ①; else as it is."""
    sign = found[0]
    kind, plain = _compatible(sign)
    if not kind:
        return sign
    before = found.string[max(found.start() - 3, 0) : found.start()]
    after = found.string[found.end() : found.end() + 1]
    if kind in ("wide", "font"):
        return plain
    if kind == "circle" and plain.isdecimal():
        plain = f"({plain})"
    elif kind == "super":
        plain = _raised(plain, before)
    elif plain[0].isdecimal() and before[-1:].isnumeric() and not _continues(sign, before):
        plain = ("_" if kind == "sub" else " ") + plain
    return plain + " " if after.isdecimal() and plain[-1] in "0123456789." else plain


def _raised(plain: str, before: str) -> str:
    """10^2, but m2 as people type it, and 1er."""
    word = re.sub(r".*[\W\d_]", "", before, flags=re.DOTALL)
    is_power = not plain.isalpha() or (plain == "n" and before != "")
    goes_on = before and _compatible(before[-1])[0] == "super"
    return f"^{plain}" if is_power and not goes_on and word not in _UNITS else plain


def _continues(sign: str, before: str) -> bool:
    """Both are digits set low: one number."""
    return _compatible(sign)[0] == _compatible(before[-1])[0] == "sub"


@cache
def _compatible(sign: str) -> tuple[str, str]:
    """How Unicode derives a sign from plain ones ("super", "fraction") and those; "" if it cannot.

    https://www.unicode.org/reports/tr44/#Character_Decomposition_Mappings
    """
    plain = normalize("NFKC", sign).replace("\u2044", "/").replace("\u2212", "-")
    if sign in GSM_7 or not GSM_7.issuperset(plain):
        return "", sign
    return decomposition(sign).partition(">")[0].removeprefix("<"), plain
