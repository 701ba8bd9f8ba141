"""What a rebuild changes on purpose, each with its reason. All empty: no behaviour may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

# (topic, event, payload)
Announced: TypeAlias = tuple[str, str, str]

# Each is given what a step announced and returns what of it has to be equal.
ANNOUNCED: list[Callable[[set[Announced]], set[Announced]]] = []
# Tables ("sms.counted"), columns ("sms.counted.at") that one version does not have.
COLUMNS: set[str] = set()
# Names in what a function answers that one version does not have.
ANSWERS: set[str] = set()
