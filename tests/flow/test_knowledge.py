"""What the assistant knows, through the whole stack."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.local.processes import Child
from gateway.local.stack import EMAIL, PASSWORD
from gateway.local.standins.openai import OpenAI, commands, quote
from tests.flow.world import World, eventually

MANUAL = (Path(__file__).parents[1] / "data/manual_es.md").read_text()
ASKS, FACT = "¿Tienen cargador para coches eléctricos?", "Hay dos en el patio de los coches."


@pytest.fixture
async def model(world: World) -> AsyncIterator[OpenAI]:
    """A model that answers from the facts, and says so when it does not know."""
    openai = world.stack.openai
    assert openai

    def answer(messages: list[dict[str, Any]]) -> str:
        return FACT if FACT in messages[0]["content"] else "No lo sé; alguien lo va a mirar."

    def calls(body: dict[str, Any]) -> list[tuple[str, str]]:
        messages = body["messages"]
        if FACT in messages[0]["content"] or messages[-1]["role"] == "tool":
            return []
        return [("not_known", json.dumps({"p_question": ASKS}))]

    openai.answer, openai.calls = answer, calls
    yield openai
    openai.answer, openai.calls = quote, commands
    await world.rows("delete from sms_documents")


async def as_owner(world: World, method: str, path: str, **body: Any) -> Any:
    """A call of the Data API as the React inbox makes it."""
    url, key = world.stack.environ["SUPABASE_URL"], world.stack.environ["SUPABASE_PUBLISHABLE_KEY"]
    async with httpx.AsyncClient(headers={"apikey": key}) as http:
        sign_in = f"{url}/auth/v1/token?grant_type=password"
        session = await http.post(sign_in, json={"email": EMAIL, "password": PASSWORD})
        bearer = {"authorization": f"Bearer {session.json()['access_token']}"}
        answer = await http.request(
            method, f"{url}/rest/v1/{path}", json=body or None, headers=bearer
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


async def test_what_nobody_knew_is_answered_once_and_known_to_the_next(
    world: World, web: Child, worker: Child, model: OpenAI
) -> None:
    first, next_one = world.contact(), world.contact()
    await world.texts_from(first, ASKS)
    assert (await world.answered(first))["message_content"].startswith("No lo sé")
    listed = f"sms_questions?config_id=eq.{world.config_id}&status=eq.open"
    [question] = await as_owner(world, "GET", listed)
    assert (question["question"], question["asked"]) == (ASKS, 1)

    await as_owner(
        world, "POST", "rpc/answer_sms_question", p_question_id=question["id"], p_answer=FACT
    )
    await world.texts_from(next_one, ASKS)
    reply = await world.answered(next_one)
    assert reply["message_content"] == FACT
    passages = await as_owner(
        world, "GET", f"sms_passages?id=in.({','.join(map(str, reply['used']))})"
    )
    assert [passage["content"] for passage in passages] == [FACT]
    assert await as_owner(world, "GET", listed) == []


async def test_the_second_message_of_a_number_is_served_from_the_providers_cache(
    world: World, web: Child, worker: Child, model: OpenAI
) -> None:
    """Because what is before the message is equal to the byte; the log says how much it was."""
    await world.rows(
        "insert into sms_documents (user_id, config_id, title, content, language)"
        " select user_id, id, 'Manual', %s, 'spanish' from sms_configs where id = %s",
        *(MANUAL + FACT, world.config_id),
    )
    await world.rows(
        "update sms_configs set knowledge_tokens = 32000 where id = %s", world.config_id
    )
    model.requests.clear()
    for text in ("Hola", "¿Y hasta qué hora abren?"):
        await world.texts_from(contact := world.contact(), text)
        await world.answered(contact)
    one, other = (body["messages"][0]["content"].encode() for body in model.requests)
    assert one == other and len(one) > 30_000

    async def is_logged() -> list[dict[str, int]] | None:
        lines = [line for line in worker.log.read_text().splitlines() if "reply generated" in line]
        found = [re.findall(r"(prompt_tokens|cached_tokens)\W+(\d+)", line) for line in lines]
        return [{k: int(v) for k, v in f} for f in found] if len(found) == 2 else None

    first, second = await eventually(is_logged)
    assert first["cached_tokens"] == 0
    assert 5000 < second["cached_tokens"] <= second["prompt_tokens"]
