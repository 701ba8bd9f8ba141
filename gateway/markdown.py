"""Markdown as a person would type it into a phone, which shows its signs as they are. Pure."""

from __future__ import annotations

import re

_DROPPED_LINE = re.compile(r"\s*(?:```[^`]*|={3,}|(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$")
_LINE_START = re.compile(r"^ {0,3}(?:#{1,6}[ \t]+|>[ \t]?)")
_BULLET = re.compile(r"^([ \t]*)[*+\u2022][ \t]+")
_CODE = re.compile(r"(`{1,3})([^`]+)\1")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\(((?:[^()\s]|\([^()\s]*\))*)(?:[ \t][^()]*)?\)")
_ANGLE_LINK = re.compile(r"<(https?://[^<>\s]+)>")
# Emphasis starts where a word does; snake_case, 2*3, a URL or ^_^ do not mean any.
_EMPHASIS = re.compile(
    r"(?<![^\s(\[{*\"'\u00a1\u00bf\u2013\u2014])([*_])(?=\S)([^*_]+)(?<=\S)\1(?![\w*/])"
)
_STRONG = re.compile(r"(?<!\d)(\*{2,3})(?=[^\s*])([^*]+)(?<=\S)\1|(?<!\w)__(?=\S)([^_]+)__(?!\w)")


def plain_text(markdown: str) -> str:
    """Markdown as a person would type it into a phone; a text without any stays as it is."""
    lines = [_plain_line(line) for line in markdown.splitlines() if not _DROPPED_LINE.match(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _plain_line(line: str) -> str:
    line = _BULLET.sub(r"\1- ", _LINE_START.sub("", line.rstrip()))
    line = _ANGLE_LINK.sub(r"\1", _LINK.sub(_plain_link, _CODE.sub(r"\2", line)))
    return _STRONG.sub(r"\2\3", _EMPHASIS.sub(r"\2", line))


def _plain_link(link: re.Match[str]) -> str:
    label, url = link.groups()
    if not url.startswith(("https://", "http://")):
        return label or url
    return url if label in ("", url, url.partition("://")[2]) else f"{label} {url}"
