"""A Data API that answers every call at once: python -m tests.bench.stub PORT"""

from __future__ import annotations

import asyncio
import re
import sys

BODY = b'{"outcome": "stored", "message_id": 1, "conversation_id": "c", "no_reply_reason": null}'
ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY)
) + BODY
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, OSError):
        writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
