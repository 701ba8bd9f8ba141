"""Our count against Twilio's own JavaScript and against smsutil, wherever those two agree."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import smsutil  # type: ignore[import-untyped]

from gateway.segments import GSM_7, count
from tests.npm import NODE, install

HERE = Path(__file__).parents[1] / "js"
PLAIN = sorted(GSM_7 - {"\x1b"})
OTHERS = "áíóú“”…—😀👍🏽水ж"
LENGTHS = (1, 60, 70, 71, 134, 135, 153, 160, 161, 306, 307, 459)


def test_ten_thousand_random_texts_are_counted_as_both_others_count_them(tmp_path: Path) -> None:
    dice = random.Random(20261122)
    texts = [_random_text(dice) for _ in range(10_000)]
    theirs = _count_with_twilios(texts, tmp_path)
    compared = 0
    for text, twilios in zip(texts, theirs, strict=True):
        second = len(smsutil.split(text).parts)
        if twilios["count"] == second:
            compared += 1
            assert count(text).count == second, text
            assert count(text).encoding == twilios["encoding"], text
    print(f"{compared} of {len(texts)} texts on which the two agree")
    assert compared > 9_000


def _random_text(dice: random.Random) -> str:
    """Plain more often than not, of lengths about the limits of one part and of several."""
    letters = PLAIN if dice.random() < 0.6 else [*PLAIN, *OTHERS]
    return "".join(dice.choices(letters, k=dice.choice(LENGTHS)))


def _count_with_twilios(texts: list[str], folder: Path) -> list[dict[str, object]]:
    environ = install(HERE, folder)
    counted = subprocess.run(
        [NODE, HERE / "segments.mjs", folder],
        input=json.dumps(texts),
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )
    answer: list[dict[str, object]] = json.loads(counted.stdout)
    return answer
