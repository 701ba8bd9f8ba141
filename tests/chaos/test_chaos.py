"""Everything breaks at once, and each text is answered once; `tests/chaos/chaos.py` says how."""

from __future__ import annotations

import pytest

from gateway.local.stack import Stack
from tests.chaos.chaos import Chaos, Plan

SHORT = Plan(seed=1, conversations=40, texts=100, seconds=25, at_least=1)


async def test_each_text_is_answered_once_whatever_breaks(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Chaos.on(stack, SHORT) as chaos:
        record = await chaos.run()
    with capsys.disabled():
        chaos.report(record)
    assert record.violations() == []
    assert chaos.missed() == []
