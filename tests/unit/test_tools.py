"""The tool loop: what the model is offered, what it calls, and when it is asked without tools.

The model is the stand-in, which holds requests to the API's rules; the tools are a function here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.local.standins.openai import (
    MODELS,
    WITHOUT_TOOLS,
    Family,
    Model,
    OpenAI,
    create_openai,
)
from gateway.local.testserver import serve
from gateway.messages import Reply, ReplyEnded, Tool, ToolCall, ToolResult, Turn
from gateway.openai import MAX_CALLS, MAX_ROUNDS, Replies, read_arguments
from gateway.prompt import (
    NO_REPLY_NEEDED,
    NOT_KNOWN,
    REQUEST_HUMAN,
    STOP_MESSAGES,
    offered_tools,
)
from tests.unit.test_openai import FALLBACK, KEY, PROMPT, SETTINGS

BOOK = Tool(
    "book_table",
    "Books a table.",
    {
        "type": "object",
        "properties": {"p_people": {"type": "integer"}},
        "required": ["p_people"],
        "additionalProperties": False,
    },
)
ASKED = replace(
    PROMPT,
    tools=(BOOK,),
    stay_silent_for=("reaction",),
    history=(Turn("user", '/tool book_table {"p_people": 4}'),),
)
OTHERS = {
    "without-tools": Model(WITHOUT_TOOLS),
    "gpt-7-thinker": Model(Family(("low", "high"), "low", tools_with_effort=False)),
}


@dataclass
class Shop:
    """A model, and tools that note their calls and answer with `results`, the last one for ever."""

    openai: OpenAI
    url: str
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    results: list[Mapping[str, Any] | Exception] = field(default_factory=list)

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        self.calls.append((name, dict(arguments)))
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, Exception):
            raise result
        return ToolResult(result)

    async def reply(self, model: str = "gpt-4o-mini", **changes: Any) -> Reply:
        prompt = replace(ASKED, openai_model=model, **changes)
        async with self.replies() as replies:
            return await replies.generate(prompt, self.call)

    def replies(self, deadline: float = 5) -> Replies:
        return Replies(replace(SETTINGS, openai_base_url=self.url), deadline)

    def script(self, *rounds: list[tuple[str, str]]) -> None:
        """What the model calls in each round; nothing after them."""
        left = list(rounds)

        def calls(body: dict[str, Any]) -> list[tuple[str, str]]:
            return left.pop(0) if left else []

        self.openai.calls = calls

    def offers(self) -> list[list[str]]:
        """Of each request the names of the tools."""
        return [
            [tool["function"]["name"] for tool in body.get("tools", ())]
            for body in self.openai.requests
        ]

    def told(self) -> list[dict[str, Any]]:
        """What the last request holds of results."""
        messages = self.openai.requests[-1]["messages"]
        return [json.loads(m["content"]) for m in messages if m["role"] == "tool"]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    openai = create_openai(KEY, models=MODELS | OTHERS, latency=0)
    async with serve(openai) as url:
        yield Shop(openai, f"{url}/v1", results=[{"result": {"id": 1}}])


def book(people: int = 4) -> tuple[str, str]:
    return "book_table", json.dumps({"p_people": people})


async def test_a_call_is_made_and_its_result_answered(shop: Shop) -> None:
    reply = await shop.reply()
    assert shop.calls == [("book_table", {"p_people": 4})]
    assert reply.text == 'Hecho: {"result": {"id": 1}}'
    first, second = shop.openai.requests
    assert all(tool["function"]["strict"] for tool in first["tools"])
    assert second["messages"][: len(first["messages"])] == first["messages"]


async def test_the_tokens_of_all_rounds_are_summed(shop: Shop) -> None:
    alone = await shop.reply(history=(Turn("user", "Hola"),))
    called = await shop.reply()
    assert alone.prompt_tokens and called.prompt_tokens
    assert called.prompt_tokens > 2 * alone.prompt_tokens - 20


@pytest.mark.parametrize("model", [name for name in MODELS if name != "gpt-4o"])
async def test_each_model_is_asked_with_tools_as_it_takes_them(shop: Shop, model: str) -> None:
    reply = await shop.reply(model)
    assert shop.calls and reply.text.startswith("Hecho")
    assert len(shop.openai.requests) == 2, "without a refusal"
    assert reply.model == model


async def test_a_model_that_takes_no_tools_answers_without_them_and_doctor_is_told(
    shop: Shop,
) -> None:
    async with shop.replies() as replies:
        prompt = replace(ASKED, openai_model="without-tools")
        reply = await replies.generate(prompt, shop.call)
        assert reply.text.startswith("Recibido")
        assert "takes no tools" in replies.notices["without-tools"]
        await replies.generate(prompt, shop.call)
    assert [bool(offer) for offer in shop.offers()][-2:] == [False, False], "asked once with them"
    assert shop.calls == []


async def test_a_model_that_thinks_in_spite_of_us_is_not_asked_with_tools(shop: Shop) -> None:
    reply = await shop.reply("gpt-7-thinker")
    assert reply.text.startswith("Recibido")
    assert [("tools" in b, "reasoning_effort" in b) for b in shop.openai.requests][-1] == (
        False,
        False,
    )
    assert not any(
        "tools" in body and body.get("reasoning_effort") not in (None, "none")
        for body in shop.openai.requests
    )


async def test_a_server_that_ignores_tools_answers(shop: Shop) -> None:
    shop.openai.faults.add("ignores_tools")
    assert (await shop.reply()).text.startswith("Recibido")


async def test_the_fallback_model_calls_tools_as_well(shop: Shop) -> None:
    reply = await shop.reply("gone-model")
    assert reply.model == FALLBACK and shop.calls


async def test_calls_of_one_round_are_made_one_after_the_other(shop: Shop) -> None:
    shop.script([book(1), book(2), book(3)])
    running = 0

    async def call(name: str, arguments: Mapping[str, Any]) -> ToolResult:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.01)
        running -= 1
        return await shop.call(name, arguments)

    async with shop.replies() as replies:
        await replies.generate(ASKED, call)
    assert [arguments["p_people"] for _, arguments in shop.calls] == [1, 2, 3]


async def test_after_four_rounds_the_model_is_asked_without_tools(shop: Shop) -> None:
    shop.script(*([book(n)] for n in range(1, 50)))
    reply = await shop.reply()
    assert len(shop.calls) == MAX_ROUNDS
    assert [bool(offer) for offer in shop.offers()] == [True] * MAX_ROUNDS + [False]
    assert reply.text


async def test_of_fifty_calls_eight_are_made(shop: Shop) -> None:
    shop.script([book(n) for n in range(1, 51)])
    reply = await shop.reply()
    assert len(shop.calls) == MAX_CALLS
    assert [bool(offer) for offer in shop.offers()] == [True, False]
    assert reply.text


async def test_calls_of_earlier_attempts_count_and_stand_in_the_prompt(shop: Shop) -> None:
    made = tuple(ToolCall(n, "book_table", {"p_people": n}, {"result": n}) for n in range(1, 8))
    shop.script([book(8), book(9)])
    await shop.reply(tool_calls=made)
    assert len(shop.calls) == 1
    assert [told.get("result") for told in shop.told()[:7]] == list(range(1, 8))


async def test_a_resumed_reply_for_a_model_without_tools_says_what_was_done(shop: Shop) -> None:
    made = (ToolCall(1, "book_table", {"p_people": 4}, {"result": 7}),)
    await shop.reply("without-tools", tool_calls=made)
    last = shop.openai.requests[-1]["messages"]
    assert not [m for m in last if m["role"] == "tool" or m.get("tool_calls")]
    assert "book_table" in last[-1]["content"] and "done" in last[-1]["content"]


BROKEN: dict[str, tuple[str, str]] = {
    "no JSON": ("book_table", '{"p_people": 4'),
    "no object": ("book_table", "[4]"),
    "not a number": ("book_table", '{"p_people": NaN}'),
    "an unknown name": ("drop_table", "{}"),
}


@pytest.mark.parametrize("asked", BROKEN.values(), ids=BROKEN)
async def test_a_call_that_cannot_be_made_is_told_once(shop: Shop, asked: tuple[str, str]) -> None:
    shop.script([asked], [asked], [asked])
    assert (await shop.reply()).text
    assert shop.calls == []
    assert [bool(offer) for offer in shop.offers()] == [True, True, False]
    assert all("error" in told for told in shop.told())


async def test_after_one_mistake_the_right_call_is_made(shop: Shop) -> None:
    shop.script([BROKEN["no JSON"]], [book(4)])
    await shop.reply()
    assert shop.calls == [("book_table", {"p_people": 4})]


async def test_arguments_that_end_in_the_middle_are_told(shop: Shop) -> None:
    shop.openai.faults.add("broken_arguments")
    await shop.reply()
    assert shop.calls == []
    assert "no JSON object" in shop.told()[0]["error"]


async def test_a_tool_that_took_too_long_is_told_and_not_offered_for_ever(shop: Shop) -> None:
    shop.results = [{"error": "57014: it took too long and was undone"}]
    shop.script([book(1)], [book(1)], [book(1)])
    await shop.reply()
    assert len(shop.calls) == 2


async def test_a_reply_that_must_be_given_is_asked_for_without_no_reply_needed(shop: Shop) -> None:
    shop.results = [{"error": "PT409: a question is answered"}]
    shop.script([("no_reply_needed", '{"p_kind": "reaction"}')])
    assert (await shop.reply()).text
    first, second = shop.offers()
    assert set(first) - set(second) == {"no_reply_needed"}


async def test_no_reply_needed_is_offered_where_the_number_allows_a_kind(shop: Shop) -> None:
    await shop.reply(history=(Turn("user", "Hola"),), stay_silent_for=())
    assert "no_reply_needed" not in shop.offers()[0]


async def test_a_reply_that_a_tool_ended_is_none(shop: Shop) -> None:
    shop.results = [ReplyEnded("opted_out")]
    with pytest.raises(ReplyEnded, match="opted_out"):
        await shop.reply()


async def test_a_tool_that_openai_turns_away_leaves_the_others_numbers_alone(shop: Shop) -> None:
    odd = replace(BOOK, parameters={**BOOK.parameters, "additionalProperties": True})
    async with shop.replies() as replies:
        reply = await replies.generate(replace(ASKED, tools=(odd,)), shop.call)
        assert reply.text.startswith("Recibido")
        await replies.generate(ASKED, shop.call)
    assert len(shop.calls) == 1


async def test_a_call_may_take_the_reply_beyond_the_deadline_of_one_without(shop: Shop) -> None:
    async def call(name: str, arguments: Mapping[str, Any]) -> ToolResult:
        await asyncio.sleep(0.6)
        return await shop.call(name, arguments)

    async with shop.replies(deadline=0.5) as replies:
        assert (await replies.generate(ASKED, call)).text.startswith("Hecho")


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        ("{}", {}),
        ('{"p": 1e999}', {"p": "1e999"}),
        ('{"p": 0.30000000000000004}', {"p": "0.30000000000000004"}),
        ('{"p": "\\u0000a\\ud800"}', {"p": "\ufffda\ufffd"}),
        ('{"p": ["\\u0000"]}', {"p": ["\ufffd"]}),
        ("null", None),
        ("[" * 100_000, None),
    ],
    ids=range(8),
)
def test_arguments_as_they_are_read(text: str, arguments: dict[str, Any] | None) -> None:
    assert read_arguments(text) == arguments


def test_the_built_in_tools_come_first_for_the_providers_cache() -> None:
    assert offered_tools(ASKED) == (
        REQUEST_HUMAN,
        NOT_KNOWN,
        STOP_MESSAGES,
        NO_REPLY_NEEDED,
        BOOK,
    )
