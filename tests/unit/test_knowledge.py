"""Files of a folder as documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.knowledge import UnreadableFile, find_files, read_document, text_of_html

PAGE = """<html><head><title>x</title><style>p { color: red }</style></head><body>
<nav><p>Home</p></nav><h1>Precios</h1><p>Pan: <b>2&nbsp;€</b></p>
<script>alert('hola')</script><ul><li>Lunes</li><li>Martes</li></ul>
<table><tr><td>Gato</td><td>85</td></tr></table></body></html>"""


def test_html_is_what_its_reader_sees() -> None:
    assert text_of_html(PAGE) == "# Precios\n\nPan: 2 €\n\nLunes\n\nMartes\n\nGato 85"


def test_a_folder_holds_documents_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "opening-hours.TXT").write_text("9 a 5")
    (tmp_path / "a.md").write_text("# Precios\n\nPan: 2 €")
    (tmp_path / "photo.png").write_bytes(b"\x89PNG")
    files = find_files(tmp_path)
    documents = [read_document(path, tmp_path) for path in files]
    assert [(d.source, d.title) for d in documents] == [
        ("a.md", "Precios"),
        ("b/opening-hours.TXT", "opening hours"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xff\xfe\x00binary", "cannot be read as UTF-8"),
        (b"a" * 100_001, "has 100,001 characters"),
    ],
)
def test_what_is_no_document_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "menu.md"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=f"menu.md {reason}"):
        read_document(path, tmp_path)
