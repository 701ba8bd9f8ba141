"""What is loaded before the first picture, and the words of each language."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from gateway.local import inbox
from gateway.local.inbox import INBOX

WORDS = sorted((INBOX / "src/words").glob("*.json"))
MOST_BYTES = 250_000


@pytest.mark.browser
async def test_initial_javascript_is_small() -> None:
    await inbox.build(print)
    manifest = json.loads((INBOX / "dist/.vite/manifest.json").read_text())
    entry = next(name for name, chunk in manifest.items() if chunk.get("isEntry"))
    loaded: set[str] = set()

    def load(name: str) -> None:
        if name not in loaded:
            loaded.add(name)
            for other in manifest[name].get("imports", []):
                load(other)

    load(entry)
    files = [INBOX / "dist" / manifest[name]["file"] for name in loaded]
    sizes = {file.name: len(gzip.compress(file.read_bytes())) for file in files}
    assert sum(sizes.values()) < MOST_BYTES, sizes


def leaves(words: object, path: str = "") -> dict[str, str]:
    if isinstance(words, dict):
        return {k: v for name, it in words.items() for k, v in leaves(it, f"{path}.{name}").items()}
    return {path: str(words)}


@pytest.mark.parametrize("file", WORDS, ids=lambda file: file.stem)
def test_every_language_says_everything(file: Path) -> None:
    english = leaves(json.loads((INBOX / "src/words/en.json").read_text()))
    words = leaves(json.loads(file.read_text()))
    server = {key for key in {*english, *words} if key.startswith(".server.")}
    assert words.keys() - server == english.keys() - server
    holes = re.compile(r"\{\{\w+\}\}")
    for key, text in english.items():
        if key not in server:
            assert sorted(holes.findall(words[key])) == sorted(holes.findall(text)), key
            assert words[key], key
