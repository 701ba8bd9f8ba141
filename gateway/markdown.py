"""Markdown as a person would type it into a phone, which shows its signs as they are. Pure.

Words and numbers stay; a sign that goes from between two digits leaves a space. What is struck out
goes, and what a model writes to itself: its thinking and the marks of its sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import punctuation
from urllib.parse import unquote

_THINKING = re.compile(r"(</?)(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_SOURCE = re.compile(
    "[ \t]?(?:\u3010[0-9][^\u3010\u3011\n]*\u2020[^\u3010\u3011\n]*\u3011"
    "|\ue200[^\ue200\ue201\n]*\ue201|\ue200\\S*|[\ue200-\ue2ff])"
)

# "\*" is a star and no markdown: meanwhile it is a character that no text has.
_ESCAPED = re.compile(r"(?<!\u00af)\\([!-/:-@\[-`{-~])")
_HIDDEN = {ord(sign): chr(0xF0000 + ord(sign)) for sign in punctuation}
_SHOWN = {0xF0000 + ord(sign): sign for sign in punctuation}

_RULE = re.compile(r"\s*(?:={3,}|(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})[ \t]*")
_LANGUAGES = (
    "|bash|c|cpp|css|csv|diff|go|html|http|java|javascript|js|json|markdown|md|php|plain|plaintext"
    "|powershell|python|py|rb|ruby|rust|sh|shell|sms|sql|swift|text|ts|txt|typescript|xml|yaml|yml|"
)
# "> 5 kg" is no quotation and "+ 5" no item.
_LINE_START = re.compile(r"^ {0,3}(?:#{1,6}[ \t]+|>[ \t]?(?!\s*\d))")
_BULLET = re.compile(r"^([ \t]*)(?:[*\u2022]|\+(?![ \t]+\d))[ \t]+")
_CODE = re.compile(r"(`{1,3})([^`]+)\1")
_FENCE_LEFT = re.compile("(?:```)+")
_LINK = re.compile(
    r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(((?:[^()\s]|\([^()\s]*\))*)(?:[ \t][^()]*)?\)"
)
_ANGLE_LINK = re.compile(r"<((?:https?://|mailto:|tel:|sms:)[^<>\s]+|[^<>\s@]+@[^<>\s@]+)>")
_STRUCK = re.compile(r"(?<!\S)~~(?=\S)[^~]+(?<=\S)~~[ \t]+|[ \t]?~~(?=\S)[^~]+(?<=\S)~~")
_MASKED_ADDRESS = re.compile(
    r"(?<![\w*])\w[\w.+-]{0,64}(?:\*[\w.+*-]{0,64}@[\w.*-]+|@[\w.-]{0,64}\*[\w*-]{0,64}\.\w)"
)
# Emphasis starts where a word does; snake_case, 2*3, a URL or ^_^ do not mean any.
_EMPHASIS = re.compile(
    r"(?<![^\s(\[{*\"'\u00a1\u00bf\u2013\u2014])([*_])(?=\S)([^*_]+)(?<=\S)\1(?![\w*/])"
)
# Nor do x**2 + y**2, ****1234 or ***-**-6789.
_STRONG = re.compile(
    r"(?<![\d*])(?!(?<=[A-Za-z)])\*+\d)(\*{2,3})(?=[^\s*])([^*]+)(?<=\S)\1"
    r"(?!\*|\.\w|(?<=[A-Za-z)]\*\*)\d)"
    r"|(?<!\w)__(?=\S)([^_]+)__(?!\w)"
)


def plain_text(markdown: str) -> str:
    """For the phone; "" if nothing is left. A text without any markdown stays as it is."""
    text = _SOURCE.sub(_unmarked, _spoken(markdown)).translate(dict.fromkeys(_SHOWN))
    text = _ESCAPED.sub(_hidden, text)
    lines = (_plain_line(line) for line in _without_tables(text.splitlines()))
    plain = "\n".join(line for line in lines if line is not None)
    return re.sub(r"\n{3,}", "\n\n", plain).translate(_SHOWN).strip()


def _spoken(text: str) -> str:
    """Without <think>…</think>; of a pair that lost one tag, the half that is thinking goes."""
    said, thinks = [], False
    before, *tagged = _THINKING.split(text)
    said.append(before)
    for tag, after in zip(tagged[::2], tagged[1::2], strict=True):
        if tag == "</" and not thinks:
            said.clear()
        thinks = tag == "<"
        if not thinks:
            said.append(after)
    return " ".join(said)


def _without_tables(lines: list[str]) -> Iterator[str]:
    """Each row of a table as "first cell: second, third"."""
    in_table = False
    for line, below in zip(lines, [*lines, ""][1:], strict=True):
        if _is_table_rule(line):
            in_table = True
            continue
        in_table = "|" in line and (in_table or _is_table_rule(below))
        yield _plain_row(line) if in_table or _is_table_row(line) else line


def _is_table_rule(line: str) -> bool:
    return "|" in line and "-" in line and set(line) <= set("|-: \t")


def _is_table_row(line: str) -> bool:
    row = line.strip()
    return row.count("|") > 2 and row[0] == row[-1] == "|"


def _plain_row(line: str) -> str:
    first, *others = (cell.strip() for cell in line.strip().strip("|").split("|"))
    rest = ", ".join(filter(None, others))
    if not first or not rest:
        return first or rest
    return f"{first} {rest}" if first.rstrip("*_").endswith(":") else f"{first}: {rest}"


def _plain_line(line: str) -> str | None:
    """None: the line is nothing but markdown."""
    if _RULE.match(line):
        return None
    if fence := _FENCE.match(line):
        line = line.rstrip()[fence.end() :].removesuffix(fence[1])
        if f"|{line.lower()}|" in _LANGUAGES or not line:
            return None
    line = _BULLET.sub(r"\1- ", _LINE_START.sub("", line.rstrip()))
    line = _FENCE_LEFT.sub(_unmarked, _CODE.sub(_last_group, line))
    line = _ANGLE_LINK.sub(_plain_angle_link, _LINK.sub(_plain_link, _STRUCK.sub(_unmarked, line)))
    line = _MASKED_ADDRESS.sub(lambda found: found[0].translate(_HIDDEN), line)
    return _STRONG.sub(_last_group, _EMPHASIS.sub(_last_group, line))


def _unmarked(found: re.Match[str], kept: str = "") -> str:
    """`kept` in the place of what was found, and never one number out of two."""
    text, start, end = found.string, found.start(), found.end()
    before = text[max(start - 1, 0) : start]
    after = text[end : end + 8].lstrip("*_`~")[:1]  # signs that go in their turn
    head = " " if before.isdecimal() and (kept or after)[:1].isdecimal() else ""
    tail = " " if kept[-1:].isdecimal() and after.isdecimal() else ""
    return head + kept + tail


def _last_group(found: re.Match[str]) -> str:
    return _unmarked(found, found[found.lastindex or 0])


def _hidden(found: re.Match[str]) -> str:
    return found[1].translate(_HIDDEN)


def _plain_link(found: re.Match[str]) -> str:
    """A phone makes a number or address in a text a link by itself."""
    label, target = found[1].strip(), found[2]
    address = _address(target)
    if address in ("", label) or (_is_number(address) and _digits(address) == _digits(label)):
        return _unmarked(found, label or address)
    if label in ("", address.partition("://")[2]):
        return _unmarked(found, address)
    return _unmarked(found, f"{label} {address}")


def _plain_angle_link(found: re.Match[str]) -> str:
    return _unmarked(found, _address(found[1]) or found[1])


def _address(target: str) -> str:
    """What of a link's target can be used outside of a page; "" if nothing."""
    scheme, _, rest = target.partition(":")
    if scheme.lower() in ("tel", "sms", "smsto", "mailto"):
        return unquote(re.split("[?&]", rest.lstrip("/"))[0]).replace(";ext=", " ext. ")
    is_place_on_a_page = target.startswith(("/", "#", ".")) or not re.search(r"[.@:\d]", target)
    return "" if is_place_on_a_page else target


def _is_number(address: str) -> bool:
    return not re.search(r"[^\d+()./ -]", address)


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))
