r"""How many texts a message is billed as, and how to make it fit into fewer. Pure.

A message in the GSM-7 alphabet holds 160 characters, or 153 in each part of several; one character
outside of it turns the whole message to UCS-2: 70 and 67. ^ { } \ [ ~ ] | and the euro sign count
twice in GSM-7, as characters beyond U+FFFF do in UCS-2; neither pair is split between two parts.
https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from unicodedata import category, combining, normalize

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
    """`parts` joined are the message; `count` is their number, 0 for an empty message."""

    encoding: Encoding
    count: int
    parts: tuple[str, ...]


def count(text: str) -> Segments:
    """Split as Twilio bills."""
    encoding = _encoding(text)
    single, each = _ROOM[encoding]
    parts = _split(text, encoding, single)
    if len(parts) > 1:
        parts = _split(text, encoding, each)
    return Segments(encoding, len(parts), parts)


def room(encoding: Encoding, segments: int) -> int:
    """How many characters that count once go into so many segments, 1600 at most."""
    single, each = _ROOM[encoding]
    return min(single if segments == 1 else segments * each, MAX_CHARACTERS)


def fold(text: str, fold_accents: bool) -> str:
    """Replace what makes a text dearer without saying more. fold(fold(text)) is fold(text).

    Typographic punctuation and spaces always become plain ones, and what nobody sees goes: control
    characters, and halves of surrogate pairs, which no database stores. Accents and signs (á, ç, º)
    and joiners go only if that makes the whole text GSM-7, accents only with `fold_accents`.
    """
    text = normalize("NFC", text).replace("\r\n", "\n").translate(_PLAIN)
    text = normalize("NFC", text)
    bare = text.translate(_WITHOUT_ACCENTS if fold_accents else _WITHOUT_JOINERS)
    return bare if _encoding(bare) == "GSM-7" else text


def fit(text: str, max_segments: int, fold_accents: bool) -> str:
    """Fold, and cut to at most `max_segments` (1 or more) and 1600 characters.

    Cuts after a sentence, else after a word, unless that would leave less than a third. Never
    empty unless `text` is.
    """
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
    bare = text.translate(_WITHOUT_ACCENTS if fold_accents else _WITHOUT_JOINERS)
    head = bare[: _first_foreign(bare)]
    return _cut(bare, _fitting(head, max_segments))


def whole_sentences(text: str) -> str:
    """`text` up to its last sentence end; "" without one."""
    return text[: _last_sentence_end(text, len(text))]


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
    if (word := _last_word_end(text, end)) > least:
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
    spaces = (i for i in range(end, 0, -1) if text[i].isspace())
    return len(text[: next(spaces, 0)].rstrip().rstrip(",;:-(\u00bf\u00a1").rstrip())


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
        "\u2022\u2023\u2043\u2219\u25aa\u25cf\u25e6": "-",
        "\u2026": "...",
        "\u00f7\u2044\u2215": "/",
        "\u00bc": "1/4",
        "\u00bd": "1/2",
        "\u00be": "3/4",
        "\t\u00a0\u202f\u205f" + _between(0x2000, 0x200A): " ",
        "\v\r\u0085\u2028\u2029": "\n",
        _between(0x00, 0x08) + _between(0x0E, 0x1F) + _between(0x7F, 0x84): "",
        _between(0x86, 0x9F) + "\u00ad\u200b\ufeff" + _between(0x2060, 0x2064): "",
        _between(0xD800, 0xDFFF): "",
    }
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
    **_WITHOUT_JOINERS,
    **{
        ord(letter): normalize("NFD", letter)[0]
        for letter in _ACCENTED
        if letter not in GSM_7 and normalize("NFD", letter)[0].isascii()
    },
    **_table(
        {
            _between(0x0300, 0x036F): "",
            "\u00aa": "a",
            "\u00ba\u00b0": "o",
            "\u00f0\u0111": "d",
            "\u00d0\u0110": "D",
            "\u0131": "i",
            "\u0142": "l",
            "\u0141": "L",
            "\u00fe": "th",
            "\u00de": "Th",
            "\u0153": "oe",
            "\u0152": "OE",
            "\u00b2": "2",
            "\u00b3": "3",
            "\u00b9": "1",
            "\u00b5\u03bc": "u",
            "\u00b7": ".",
            "\u00d7": "x",
            "\u2190": "<-",
            "\u2192": "->",
            "\u2264": "<=",
            "\u2265": ">=",
            "\u00a9": "(c)",
            "\u00ae": "(R)",
            "\u2122": "TM",
        }
    ),
}
