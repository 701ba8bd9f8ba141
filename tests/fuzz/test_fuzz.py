"""Whatever is posted, the web process answers and stands; `tests/fuzz/fuzz.py` says how."""

from __future__ import annotations

import pytest

from gateway.local.stack import Stack
from tests.fuzz.fuzz import Fuzz, Plan

SHORT = Plan(requests=2000, chance=1)


async def test_no_request_breaks_the_web_process(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Fuzz.on(stack, SHORT) as fuzz:
        record = await fuzz.run()
    with capsys.disabled():
        fuzz.report()
    assert record.violations == []
