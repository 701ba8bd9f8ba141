"""Rules that the inbox shares with the gateway or owes to spreadsheets, run by Node.js."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway import segments
from tests.npm import NODE

TESTS = Path(__file__).parents[1]
VECTORS = json.loads((TESTS / "data/sms_vectors.json").read_text())
FORMULAS = ['=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "=1"]
HARMLESS = ["Hola", "a=b", "3-1", "x@example.com", 'say "hi", twice', "two\nlines", ""]


def run(texts: list[str], cells: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        [NODE, TESTS / "js/inbox.mjs"],
        input=json.dumps({"texts": texts, "cells": cells}),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def test_the_composer_counts_as_the_gateway_does() -> None:
    texts = [vector["text"] for vector in VECTORS]
    for vector, counted in zip(VECTORS, run(texts, [])["segments"], strict=True):
        expected = segments.count(vector["text"])
        assert (counted["encoding"], counted["count"]) == (expected.encoding, expected.count)
        assert counted["count"] == vector["segments"]
        assert [len(part) for part in counted["parts"]] == vector["lengths"]


@pytest.mark.parametrize("kind", ["formulas", "harmless"])
def test_a_cell_is_read_as_text_by_a_spreadsheet(kind: str) -> None:
    cells = FORMULAS if kind == "formulas" else HARMLESS
    for cell, line in zip(cells, run([], cells)["cells"], strict=True):
        rows = list(csv.reader(io.StringIO(line, newline="")))
        assert rows in ([[("'" if kind == "formulas" else "") + cell]], [[]] if not cell else [])
