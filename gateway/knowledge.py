"""Files of a folder as documents: Markdown and text as they are, HTML without its markup.

Nothing is fetched: a page that is to be known is saved as a file first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bs4 import BeautifulSoup

ENDINGS = (".md", ".markdown", ".txt", ".html", ".htm")
MAX_CHARACTERS = 100_000  # sms_documents_content_check
UNSEEN = ("script", "style", "noscript", "template", "nav", "form", "svg", "iframe")


class UnreadableFile(Exception):
    """A file that is no document; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """`source` is the file's path within the folder: imported again it replaces what was."""

    source: str
    title: str
    content: str


def find_files(folder: Path) -> list[Path]:
    """What can be imported from a folder and those below it, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)


def read_document(path: Path, folder: Path) -> Document:
    """Raises UnreadableFile."""
    source = str(path.relative_to(folder))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{source} cannot be read as UTF-8 text: {error}") from None
    if path.suffix.lower() in (".html", ".htm"):
        text = text_of_html(text)
    if not text.strip():
        raise UnreadableFile(f"{source} is empty")
    if len(text) > MAX_CHARACTERS:
        raise UnreadableFile(
            f"{source} has {len(text):,} characters, a document at most {MAX_CHARACTERS:,}: "
            "split it into several files"
        )
    return Document(source[:200], _title(path, text), text)


def text_of_html(html: str) -> str:
    """What a reader of the page sees: paragraphs with a blank line between, headings with #."""
    page = BeautifulSoup(html, "html.parser")
    for unseen in page(UNSEEN):
        unseen.decompose()
    return "\n\n".join(_blocks(page))


def _blocks(page: BeautifulSoup) -> Iterator[str]:
    for element in page(["h1", "h2", "h3", "h4", "h5", "h6", "p", "li", "tr", "pre", "dt", "dd"]):
        words = " ".join(element.get_text(" ").split())
        if not words or element.find_parent(["p", "li", "tr", "pre"]):
            continue
        level = int(element.name[1]) if element.name[0] == "h" and element.name[1:].isdigit() else 0
        yield f"{'#' * level} {words}" if level else words


def _title(path: Path, text: str) -> str:
    """The first heading, else the file's name as words."""
    first = text.lstrip().partition("\n")[0]
    if first.startswith("# ") and first[2:].strip():
        return first[2:].strip()[:200]
    return path.stem.replace("_", " ").replace("-", " ")[:200]
