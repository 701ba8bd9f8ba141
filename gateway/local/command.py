"""`sms-gateway local`: the whole stack in the foreground, or one message through it."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from gateway.local import inbox
from gateway.local.processes import StackError
from gateway.local.stack import PHONE_NUMBER, Stack, run_stack

CONTACT = "+15557770001"
ANSWER_SECONDS = 60.0


def run_local(folder: Path, text: str | None, openai_api_key: str | None) -> None:
    """Until Ctrl-C, or with `text` until its answer is delivered; ends with 1 when it is not."""
    stack = Stack(folder, openai_api_key=openai_api_key, builds_inbox=text is None, say=_print)
    try:
        asyncio.run(run_stack(stack) if text is None else _say(stack, text))
    except StackError as error:
        sys.exit(f"sms-gateway local: {error}")


def build_inbox(base: str) -> None:
    """Ends with 1 and the reason when it cannot be built."""
    try:
        asyncio.run(inbox.build(_print, base))
    except StackError as error:
        sys.exit(f"sms-gateway inbox build: {error}")
    _print(f"the inbox is in {inbox.INBOX / 'dist'}")


def _print(line: str) -> None:
    print(line, flush=True)


async def _say(stack: Stack, text: str) -> None:
    async with stack:
        _print(f"{CONTACT}  {text}")
        receipt = await stack.twilio.receive(CONTACT, PHONE_NUMBER, text)
        row = await _answer_to(stack, receipt.sid)
        _print(f"{PHONE_NUMBER}  {row['message_content']}")
        _print(f"sms_messages  id={row['id']} status={row['status']} segments={row['segments']}")


async def _answer_to(stack: Stack, sid: str) -> dict[str, Any]:
    """The answer's row, read over the Data API, once it is delivered. Raises StackError."""
    key = stack.environ["SUPABASE_SECRET_KEY"]
    headers = {"apikey": key, "authorization": f"Bearer {key}"}
    base = f"{stack.environ['SUPABASE_URL']}/rest/v1/sms_messages"
    give_up = time.monotonic() + ANSWER_SECONDS
    async with httpx.AsyncClient(headers=headers) as http:
        while time.monotonic() < give_up:
            asked = (await http.get(base, params={"message_sid": f"eq.{sid}"})).json()
            if asked:
                answers = await http.get(base, params={"in_reply_to": f"gte.{asked[0]['id']}"})
                for row in answers.json():
                    if row["status"] == "delivered":
                        return dict(row)
            await asyncio.sleep(0.1)
    raise StackError(f"no answer within {ANSWER_SECONDS:g} s, see the logs in {stack.logs}")
