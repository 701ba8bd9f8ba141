"""The two serializers of Supabase Realtime: bytes and text to Frame and back, no I/O.

Sources: supabase/realtime lib/realtime_web/socket/v2_serializer.ex, Phoenix's V1 serializer,
@supabase/realtime-js src/lib/serializer.ts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

BINARY_ENCODING, JSON_ENCODING = 0, 1
BROADCAST_FROM_CLIENT, BROADCAST_TO_CLIENT = 3, 4


@dataclass(frozen=True, slots=True)
class Frame:
    topic: str
    event: str
    payload: Any
    ref: str | None = None
    join_ref: str | None = None


class V1:
    """vsn 1.0.0: one JSON object per text frame; the server never sends join_ref."""

    def decode(self, raw: str | bytes) -> Frame:
        """Raises ValueError for what is not a frame of this version."""
        message = _json(raw)
        if not isinstance(message, dict):
            raise ValueError("not an object")
        try:
            topic, event, ref = message["topic"], message["event"], message["ref"]
            return _frame(topic, event, message["payload"], ref, message.get("join_ref"))
        except KeyError as missing:
            raise ValueError(f"without {missing}") from missing

    def encode(self, frame: Frame) -> str:
        return _dump(
            {
                "event": frame.event,
                "payload": frame.payload,
                "ref": frame.ref,
                "topic": frame.topic,
            }
        )

    def encode_broadcast(self, topic: str, event: str, payload: Any, meta: dict[str, Any]) -> str:
        return self.encode(Frame(topic, "broadcast", _broadcast(event, payload, meta)))


class V2:
    """vsn 2.0.0: a JSON array per text frame; broadcasts are binary, with sizes of one byte."""

    def decode(self, raw: str | bytes) -> Frame:
        """Raises ValueError for what is not a frame of this version."""
        if isinstance(raw, bytes):
            return self._decode_broadcast(raw)
        message = _json(raw)
        if not isinstance(message, list) or len(message) != 5:
            raise ValueError("not an array of five")
        join_ref, ref, topic, event, payload = message
        return _frame(topic, event, payload, ref, join_ref)

    def encode(self, frame: Frame) -> str:
        return _dump([frame.join_ref, frame.ref, frame.topic, frame.event, frame.payload])

    def encode_broadcast(self, topic: str, event: str, payload: Any, meta: dict[str, Any]) -> bytes:
        """Raises ValueError if a part is longer than 255 bytes."""
        parts = [topic.encode(), event.encode(), _dump(meta).encode() if meta else b""]
        sizes = bytes(len(part) for part in parts)
        head = bytes([BROADCAST_TO_CLIENT]) + sizes + bytes([JSON_ENCODING])
        return head + b"".join(parts) + _dump(payload).encode()

    def _decode_broadcast(self, raw: bytes) -> Frame:
        if len(raw) < 7 or raw[0] != BROADCAST_FROM_CLIENT or raw[6] != JSON_ENCODING:
            raise ValueError("not a JSON broadcast of a client")
        parts, start = [], 7
        for size in raw[1:6]:
            parts.append(raw[start : start + size].decode())
            start += size
        join_ref, ref, topic, event, metadata = parts
        meta = _json(metadata) if metadata else {}
        payload = _broadcast(event, _json(raw[start:]), meta)
        return _frame(topic, "broadcast", payload, ref or None, join_ref or None)


def _frame(topic: Any, event: Any, payload: Any, ref: Any, join_ref: Any) -> Frame:
    if not isinstance(topic, str) or not isinstance(event, str):
        raise ValueError("topic and event must be text")
    return Frame(topic, event, payload, ref, join_ref)


def _broadcast(event: str, payload: Any, meta: dict[str, Any]) -> dict[str, Any]:
    message = {"event": event, "payload": payload, "type": "broadcast"}
    return {**message, "meta": meta} if meta else message


def _json(raw: str | bytes) -> Any:
    return json.loads(raw)  # JSONDecodeError and UnicodeDecodeError are ValueErrors


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
