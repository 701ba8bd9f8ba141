"""The OpenAI stand-in, driven by OpenAI's own client over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from gateway.local.standins.openai import OpenAI, create_openai, quote, serials
from gateway.local.testserver import serve

KEY = "sk-local"
HOLA = [{"role": "user", "content": "Hola"}]


@pytest.fixture(scope="module")
async def servers() -> AsyncIterator[tuple[OpenAI, str]]:
    standin = create_openai(KEY, latency=0)
    async with serve(standin) as url:
        yield standin, url


@pytest.fixture
def standin(servers: tuple[OpenAI, str]) -> OpenAI:
    standin = servers[0]
    standin.reset()
    standin.answer, standin.latency = quote, 0
    return standin


@pytest.fixture
async def client(standin: OpenAI, servers: tuple[OpenAI, str]) -> AsyncIterator[AsyncOpenAI]:
    async with connect(servers[1], KEY) as client:
        yield client


@pytest.fixture
async def http(standin: OpenAI, servers: tuple[OpenAI, str]) -> AsyncIterator[httpx2.AsyncClient]:
    """The API without OpenAI's client in between."""
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx2.AsyncClient(base_url=servers[1], headers=headers, trust_env=False) as http:
        yield http


def connect(url: str, key: str) -> AsyncOpenAI:
    return AsyncOpenAI(
        api_key=key,
        base_url=f"{url}/v1",
        max_retries=0,
        http_client=httpx2.AsyncClient(trust_env=False),
    )


async def ask(client: AsyncOpenAI, model: str = "gpt-4o-mini", **options: Any) -> ChatCompletion:
    options.setdefault("messages", HOLA)
    completion: ChatCompletion = await client.chat.completions.create(model=model, **options)
    return completion


# Answers


async def test_an_answer_quotes_the_texts_that_nobody_answered(client: AsyncOpenAI) -> None:
    turns = [
        {"role": "system", "content": "Sé amable."},
        {"role": "user", "content": "Buenas"},
        {"role": "assistant", "content": "Hola"},
        {"role": "user", "content": "¿Abren hoy?"},
        {"role": "user", "content": "¿Y mañana?"},
    ]
    completion = await ask(client, messages=turns)

    (choice,) = completion.choices
    assert choice.message.content == 'Recibido: "¿Abren hoy? / ¿Y mañana?"'
    assert choice.finish_reason == "stop"
    assert completion.model == "gpt-4o-mini-2024-07-18"
    assert completion._request_id is not None and completion._request_id.startswith("req_")
    assert completion.usage is not None
    assert completion.usage.total_tokens > completion.usage.completion_tokens > 0


async def test_serials_are_said_back(standin: OpenAI, client: AsyncOpenAI) -> None:
    standin.answer = serials
    turns = [
        {"role": "user", "content": "#1 Hola"},
        {"role": "assistant", "content": "#1"},
        {"role": "user", "content": "#2 ¿Qué?"},
        {"role": "user", "content": "y #3"},
    ]
    completion = await ask(client, messages=turns)
    assert completion.choices[0].message.content == "#2 #3"


async def test_every_request_is_recorded(standin: OpenAI, client: AsyncOpenAI) -> None:
    await ask(client, max_completion_tokens=150, store=False, safety_identifier="a" * 64)
    assert standin.requests == [
        {
            "model": "gpt-4o-mini",
            "messages": HOLA,
            "max_completion_tokens": 150,
            "store": False,
            "safety_identifier": "a" * 64,
        }
    ]


# What each generation of models accepts


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("gpt-4o-mini", {"temperature": 0.7, "max_tokens": 150}),
        ("gpt-4o-mini", {"temperature": 0, "max_completion_tokens": 150}),
        ("gpt-5-mini", {"temperature": 1, "reasoning_effort": "minimal", "verbosity": "low"}),
        ("gpt-6-luna", {"temperature": 0.7, "reasoning_effort": "none", "verbosity": "low"}),
        ("gpt-5.1", {"temperature": 1.5, "reasoning_effort": "none"}),
    ],
)
async def test_a_model_takes_its_parameters(
    client: AsyncOpenAI, model: str, options: dict[str, Any]
) -> None:
    assert (await ask(client, model, **options)).choices[0].message.content


@pytest.mark.parametrize(
    ("model", "options", "code", "param"),
    [
        ("gpt-4o-mini", {"reasoning_effort": "none"}, None, None),
        ("gpt-4o-mini", {"verbosity": "low"}, "unsupported_value", "verbosity"),
        ("gpt-5-mini", {"temperature": 0.7}, "unsupported_value", "temperature"),
        ("gpt-5-mini", {"reasoning_effort": "none"}, "unsupported_value", "reasoning_effort"),
        ("gpt-5-mini", {"max_tokens": 150}, "unsupported_parameter", "max_tokens"),
        ("o3", {"reasoning_effort": "minimal"}, "unsupported_value", "reasoning_effort"),
        ("gpt-6-luna", {"temperature": 0.7}, "unsupported_value", "temperature"),
        ("gpt-6-luna", {"reasoning_effort": "minimal"}, "unsupported_value", "reasoning_effort"),
        ("gpt-6-luna", {"max_tokens": 150}, "unsupported_parameter", "max_tokens"),
        ("gpt-4o-mini", {"temperature": 2.5}, "decimal_above_max_value", "temperature"),
        ("gpt-4o-mini", {"messages": []}, "empty_array", "messages"),
        ("gpt-4o-mini", {"safety_identifier": "a" * 129}, "string_above_max_length",
         "safety_identifier"),
        ("gpt-4o-mini", {"extra_body": {"max_words": 3}}, None, None),
    ],
)  # fmt: skip
async def test_a_model_refuses_what_is_not_for_it(
    client: AsyncOpenAI, model: str, options: dict[str, Any], code: str | None, param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await ask(client, model, **options)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert caught.value.type == "invalid_request_error"


async def test_the_refusal_of_a_temperature_is_worded_as_openai_does(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"'temperature' does not support 0\.7 with"):
        await ask(client, "gpt-5-mini", temperature=0.7)


async def test_a_long_beginning_that_was_sent_before_is_served_from_the_cache(
    standin: OpenAI,
) -> None:
    def served(beginning: str, text: str, model: str = "gpt-4o-mini") -> int:
        messages = [{"role": "system", "content": beginning}, {"role": "user", "content": text}]
        return standin.cache.serve({"model": model, "messages": messages})

    facts = "El pan cuesta dos euros. " * 300
    assert served(facts, "Hola") == 0
    cached = served(facts, "¿Y el vino?")
    assert 1024 <= cached < len(facts) / 4 + 30 and cached % 128 == 0
    assert served(facts, "Hola", "gpt-6-luna") == 0, "each model has its own"
    assert served("Otra cosa. " + facts, "Hola") == 0
    assert served(facts[:3000], "Hola") == 0, "less than 1,024 tokens"


async def test_reasoning_eats_the_tokens_of_the_answer(client: AsyncOpenAI) -> None:
    completion = await ask(client, "gpt-6-luna", max_completion_tokens=150)
    (choice,) = completion.choices
    assert (choice.message.content, choice.finish_reason) == ("", "length")
    assert completion.usage is not None and completion.usage.completion_tokens == 150


async def test_a_long_answer_is_cut_at_the_limit(client: AsyncOpenAI) -> None:
    completion = await ask(client, max_completion_tokens=3)
    (choice,) = completion.choices
    assert (choice.message.content, choice.finish_reason) == ('Recibido: "H', "length")


async def test_an_unknown_model_is_not_found(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await ask(client, "gpt-3")
    assert caught.value.code == "model_not_found"


async def test_a_wrong_key_is_refused(standin: OpenAI, servers: tuple[OpenAI, str]) -> None:
    async with connect(servers[1], "sk-wrong") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            await ask(client)
    assert caught.value.code == "invalid_api_key"
    assert standin.requests == []


async def test_models_say_when_they_shut_down(client: AsyncOpenAI) -> None:
    dates = {model.id: model.shutdown_date async for model in client.models.list()}
    assert dates["gpt-4o-mini"] == "2027-01-14"
    assert dates["gpt-6-luna"] is None
    assert (await client.models.retrieve("gpt-5-mini")).shutdown_date == "2026-12-11"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("gpt-3")


# Faults


@pytest.mark.parametrize(
    ("kind", "error", "code"),
    [
        ("rate_limited", openai.RateLimitError, "rate_limit_exceeded"),
        ("insufficient_quota", openai.RateLimitError, "insufficient_quota"),
        ("unauthorized", openai.AuthenticationError, "invalid_api_key"),
        ("error", openai.InternalServerError, None),
        ("overloaded", openai.InternalServerError, None),
        ("drop", openai.APIConnectionError, None),
        ("truncated", json.JSONDecodeError, None),
    ],
)
async def test_a_fault_raises_what_openais_client_knows(
    standin: OpenAI, client: AsyncOpenAI, kind: str, error: type[Exception], code: str | None
) -> None:
    standin.faults.add(kind)
    with pytest.raises(error) as caught:
        await ask(client)
    assert getattr(caught.value, "code", None) == code
    await ask(client)


async def test_too_many_requests_comes_with_retry_after(
    standin: OpenAI, client: AsyncOpenAI
) -> None:
    standin.faults.add("rate_limited", seconds=7)
    with pytest.raises(openai.RateLimitError) as caught:
        await ask(client)
    assert caught.value.response.headers["retry-after"] == "7"


async def test_a_fault_hits_the_text_it_is_meant_for(standin: OpenAI, client: AsyncOpenAI) -> None:
    standin.faults.add("error", match="#7", times=None)
    await ask(client)
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            await ask(client, messages=[{"role": "user", "content": "text #7"}])


@pytest.mark.parametrize("kind", ["hang", "drip"])
async def test_an_answer_that_never_ends_outlasts_the_read_timeout(
    standin: OpenAI, client: AsyncOpenAI, kind: str
) -> None:
    standin.faults.add(kind)
    patient = client.with_options(timeout=httpx2.Timeout(5))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await ask(patient)


async def test_a_web_page_instead_of_json_is_a_string(standin: OpenAI, client: AsyncOpenAI) -> None:
    standin.faults.add("html")
    assert isinstance(await ask(client), str)


@pytest.mark.parametrize("kind", ["empty_object", "no_choices"])
async def test_an_answer_may_have_no_choice(
    standin: OpenAI, client: AsyncOpenAI, kind: str
) -> None:
    standin.faults.add(kind)
    assert not (await ask(client)).choices


@pytest.mark.parametrize(
    ("kind", "content", "finish_reason"),
    [
        ("empty_content", "", "stop"),
        ("refusal", None, "stop"),
        ("content_filter", "", "content_filter"),
        ("length", "Recibido", "length"),
    ],
)
async def test_an_answer_may_be_no_usable_text(
    standin: OpenAI, client: AsyncOpenAI, kind: str, content: str | None, finish_reason: str
) -> None:
    standin.faults.add(kind)
    (choice,) = (await ask(client)).choices
    assert choice.message.content == content
    assert choice.finish_reason == finish_reason
    assert bool(choice.message.refusal) == (kind == "refusal")


# The control endpoints


async def test_another_process_can_script_and_read(
    standin: OpenAI, http: httpx2.AsyncClient, client: AsyncOpenAI
) -> None:
    settings = await http.patch("/_control/settings", json={"answer": "serials"})
    assert settings.json() == {"answer": "serials", "latency": 0}
    await http.post("/_control/faults", json={"kind": "error"})
    with pytest.raises(openai.InternalServerError):
        await ask(client)
    await ask(client)

    requests = (await http.get("/_control/requests")).json()["requests"]
    assert [body["messages"] for body in requests] == [HOLA, HOLA]
    events = (await http.get("/_control/events")).json()["events"]
    assert [event["kind"] for event in events] == ["asked", "asked"]

    await http.post("/_control/reset", json={})
    assert standin.requests == []
