"""A scripted OpenAI on a real socket: what it says, and what becomes of it."""

import asyncio
import json
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.local.standins.openai import CLASSIC, MODELS, O_SERIES, Model, OpenAI, create_openai
from gateway.local.testserver import drop, hang, serve
from gateway.messages import Prompt, Reply, ReplyFailed, Turn
from gateway.openai import LONGEST_NAME, MOST_NOTICES, Notices, Replies
from gateway.prompt import build_messages
from gateway.settings import Settings

KEY = "sk-test-of-openai"
FALLBACK = "gpt-6-luna"
PROMPT = Prompt(
    contact_number="+15550002222",
    system_prompt="You work for a bakery.",
    openai_model="gpt-4o-mini",
    max_tokens=150,
    temperature=0.7,
    max_segments=2,
    fold_accents=True,
    history=(
        Turn("user", "Hi"),
        Turn("assistant", "Hello!"),
        Turn("user", "When do you open?"),
    ),
)
SETTINGS = Settings(
    supabase_url="http://127.0.0.1:1",
    supabase_secret_key="secret",
    supabase_publishable_key="publishable",
    twilio_account_sid="AC" + "0" * 32,
    twilio_auth_tokens=("token",),
    openai_api_key=KEY,
    public_url="https://sms.example.com",
    openai_fallback_model=FALLBACK,
)

Answer = Response | Callable[[Request], Awaitable[Response]]


def completion(content: Any = "We open at nine.", finish: Any = "stop", **message: Any) -> Response:
    return JSONResponse(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1764000000,
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "message": {"role": "assistant", "content": content, **message},
                }
            ],
            "usage": {"prompt_tokens": 50, "completion_tokens": 7, "total_tokens": 57},
        }
    )


def error(
    status: int,
    code: str | None = None,
    param: str | None = None,
    message: str = f"Something about {KEY} and: When do you open?",
    **headers: str,
) -> Response:
    body = {
        "message": message,
        "type": code if code == "insufficient_quota" else "invalid_request_error",
        "param": param,
        "code": code,
    }
    return JSONResponse(
        {"error": body}, status, {name.replace("_", "-"): value for name, value in headers.items()}
    )


def json_text(text: str) -> Response:
    return Response(text, media_type="application/json")


NO_MODELS = json_text('{"object": "list", "data": []}')


async def drip(request: Request) -> Response:
    """A byte now and then, for ever: no single read ever times out."""

    async def spaces() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    return StreamingResponse(spaces(), media_type="application/json")


@dataclass
class ScriptedOpenAI:
    """Answers in the order of `script`, the last one for ever; `bodies` are the calls made."""

    url: str = ""
    script: list[Answer] = field(default_factory=list)
    models: Answer = NO_MODELS
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def reset(self) -> None:
        self.script, self.models, self.bodies = [completion()], NO_MODELS, []

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.complete, methods=["POST"]),
                Route("/v1/models", self.list_models),
            ]
        )

    async def complete(self, request: Request) -> Response:
        self.bodies.append(await request.json())
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return answer if isinstance(answer, Response) else await answer(request)

    async def list_models(self, request: Request) -> Response:
        models = self.models
        return models if isinstance(models, Response) else await models(request)

    def replies(self, deadline: float = 5) -> Replies:
        return Replies(replace(SETTINGS, openai_base_url=self.url), deadline)

    async def answer(self, *script: Answer, prompt: Prompt = PROMPT, deadline: float = 5) -> Reply:
        self.script = list(script)
        async with self.replies(deadline) as replies:
            return await replies.generate(prompt)

    async def fail(self, *script: Answer, deadline: float = 5) -> ReplyFailed:
        with pytest.raises(ReplyFailed) as failed:
            await self.answer(*script, deadline=deadline)
        return failed.value


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[ScriptedOpenAI]:
    scripted = ScriptedOpenAI()
    async with serve(scripted.app()) as url:
        scripted.url = f"{url}/v1"
        yield scripted


@pytest.fixture
def openai(server: ScriptedOpenAI) -> ScriptedOpenAI:
    """One server for all tests, without memory of the test before."""
    server.reset()
    return server


# The request


async def test_a_reply_carries_text_model_tokens_and_time(openai: ScriptedOpenAI) -> None:
    reply = await openai.answer(completion())

    assert reply.text == "We open at nine."
    assert reply.model == "gpt-4o-mini"
    assert (reply.prompt_tokens, reply.completion_tokens) == (50, 7)
    assert 0 < reply.generation_ms < 5000


@pytest.mark.parametrize(
    ("details", "cached"),
    [({"cached_tokens": 1152}, 1152), ({}, None), (None, None)],
)
async def test_what_the_cache_served_is_read(
    openai: ScriptedOpenAI, details: Any, cached: int | None
) -> None:
    usage = {"prompt_tokens": 2000, "completion_tokens": 7, "prompt_tokens_details": details}
    body = json.loads(bytes(completion().body)) | {"usage": usage}
    reply = await openai.answer(json_text(json.dumps(body)))
    assert (reply.prompt_tokens, reply.cached_tokens) == (2000, cached)


async def test_the_request_is_exactly_what_the_api_documents(openai: ScriptedOpenAI) -> None:
    await openai.answer(completion())

    (body,) = openai.bodies
    identifier = body.pop("safety_identifier")
    assert body == {
        "model": "gpt-4o-mini",
        "messages": build_messages(PROMPT),
        "max_completion_tokens": 150,
        "temperature": 0.7,
        "store": False,
    }
    assert len(identifier) == 64
    assert "555000" not in identifier


async def test_a_contact_keeps_one_identifier_and_shares_it_with_nobody(
    openai: ScriptedOpenAI,
) -> None:
    async with openai.replies() as replies:
        for number in ("+15550002222", "+15550002222", "+15550003333"):
            await replies.generate(replace(PROMPT, contact_number=number))

    first, again, other = (body["safety_identifier"] for body in openai.bodies)
    assert first == again != other


@pytest.mark.parametrize(
    ("model", "effort", "temperature", "tokens"),
    [
        ("gpt-3.5-turbo", None, 0.7, 150),
        ("gpt-4.1-nano", None, 0.7, 150),
        ("ft:gpt-4o-mini-2024-07-18:bakery::x1", None, 0.7, 150),
        ("ft:gpt-5-mini:bakery::x1", "minimal", None, 1000),
        ("ft:gpt-5-nano-2025-08-07:bakery:spring:x1", "minimal", None, 1000),
        ("ft:o4-mini-2025-04-16:bakery::x1", "low", None, 1000),
        ("ft:gpt-6-luna:bakery::x1", "none", 0.7, 150),
        ("gpt-5", "minimal", None, 1000),
        ("gpt-5-mini", "minimal", None, 1000),
        ("gpt-5-nano-2025-08-07", "minimal", None, 1000),
        ("o4-mini", "low", None, 1000),
        ("gpt-5.1", "none", 0.7, 150),
        ("gpt-5.4-mini", "none", 0.7, 150),
        ("gpt-6-luna", "none", 0.7, 150),
        ("a-model-of-next-year", "none", 0.7, 150),
    ],
)
async def test_each_family_of_models_gets_what_it_takes(
    openai: ScriptedOpenAI, model: str, effort: str | None, temperature: float | None, tokens: int
) -> None:
    await openai.answer(completion(), prompt=replace(PROMPT, openai_model=model))

    (body,) = openai.bodies
    assert body.get("reasoning_effort") == effort
    assert body.get("temperature") == temperature
    assert body["max_completion_tokens"] == tokens


async def test_no_temperature_is_sent_where_the_number_has_none(openai: ScriptedOpenAI) -> None:
    await openai.answer(completion(), prompt=replace(PROMPT, temperature=None))

    assert "temperature" not in openai.bodies[0]


# Parameters that a model does not take


@pytest.mark.parametrize(
    ("code", "named", "dropped"),
    [
        ("unsupported_value", "temperature", "temperature"),
        ("unsupported_value", "reasoning_effort", "reasoning_effort"),
        ("unsupported_parameter", "reasoning.effort", "reasoning_effort"),
        ("unsupported_parameter", "store", "store"),
        ("unknown_parameter", "safety_identifier", "safety_identifier"),
        ("unsupported_value", None, "temperature"),
        (None, None, "temperature"),
    ],
)
async def test_a_parameter_turned_away_is_dropped_for_good(
    openai: ScriptedOpenAI, code: str | None, named: str | None, dropped: str
) -> None:
    openai.script = [error(400, code, named, "Unsupported value: 'temperature'"), completion()]
    prompt = replace(PROMPT, openai_model="gpt-6-luna")

    async with openai.replies() as replies:
        for _ in range(2):
            await replies.generate(prompt)
        await replies.generate(replace(PROMPT, openai_model="gpt-6-sol"))

    assert [dropped in body for body in openai.bodies] == [True, False, False, True]


async def test_all_parameters_may_be_dropped_one_by_one(openai: ScriptedOpenAI) -> None:
    names = ("temperature", "reasoning_effort", "store", "safety_identifier")
    refusals = [error(400, "unsupported_parameter", name) for name in names]

    prompt = replace(PROMPT, openai_model="gpt-6-luna")
    await openai.answer(*refusals, completion(), prompt=prompt)

    assert set(openai.bodies[-1]) == {"model", "messages", "max_completion_tokens"}


async def test_a_model_that_thinks_as_it_likes_gets_room_to_think(openai: ScriptedOpenAI) -> None:
    refusal = error(400, "unsupported_value", "reasoning_effort")

    prompt = replace(PROMPT, openai_model="gpt-6-astra")
    await openai.answer(refusal, completion(), prompt=prompt)

    assert [body["max_completion_tokens"] for body in openai.bodies] == [150, 1000]


async def test_a_needed_parameter_is_never_dropped(openai: ScriptedOpenAI) -> None:
    failed = await openai.fail(error(400, "unsupported_parameter", "max_completion_tokens"))

    assert len(openai.bodies) == 1
    assert "400 unsupported_parameter max_completion_tokens" in str(failed)


async def test_a_parameter_turned_away_again_is_not_asked_for_ever(openai: ScriptedOpenAI) -> None:
    await openai.fail(error(400, "unsupported_parameter", "temperature"))

    assert len(openai.bodies) == 2


# The stand-in holds every model to its parameters as OpenAI does


@pytest.fixture(scope="module")
async def account() -> AsyncIterator[tuple[OpenAI, Settings]]:
    unknown = {
        "a-model-that-does-not-reason": Model(CLASSIC),
        "a-model-that-always-reasons": Model(O_SERIES),
    }
    standin = create_openai(KEY, models=MODELS | unknown, latency=0)
    async with serve(standin) as url:
        yield standin, replace(SETTINGS, openai_base_url=f"{url}/v1")


@pytest.mark.parametrize(
    ("model", "calls"),
    [
        *((name, 1) for name in MODELS),
        ("a-model-that-does-not-reason", 2),  # without reasoning_effort
        ("a-model-that-always-reasons", 3),  # without temperature either
    ],
)
async def test_each_model_is_asked_as_it_wants_to_be(
    account: tuple[OpenAI, Settings], model: str, calls: int
) -> None:
    standin, settings = account
    standin.reset()

    async with Replies(settings) as replies:
        reply = await replies.generate(replace(PROMPT, openai_model=model))
        assert len(standin.requests) == calls
        await replies.generate(replace(PROMPT, openai_model=model))

    assert reply.model == model
    assert "When do you open?" in reply.text
    assert len(standin.requests) == calls + 1


# Failures: what OpenAI does, and what becomes of it

PASSING = {
    "rate limit": error(429, "rate_limit_exceeded"),
    "server error": error(500),
    "overloaded": error(503),
    "conflict": error(409),
    "request timeout": error(408),
    "a proxy's page with status 502": HTMLResponse("<h1>Bad gateway</h1>", 502),
    "a page of HTML": HTMLResponse("<h1>Welcome to the hotel's network</h1>"),
    "truncated JSON": json_text('{"id": "chatcmpl-1", "choices": [{"mess'),
    "bytes that are no text": Response(b"\xff\xfe\xfa{", media_type="application/json"),
    "an empty body": json_text(""),
    "an empty object": json_text("{}"),
    "null": json_text("null"),
    "a list": json_text("[]"),
    "no choices": json_text('{"choices": []}'),
    "choices of another type": json_text('{"choices": {"0": "x"}}'),
    "a choice that is null": json_text('{"choices": [null]}'),
    "a choice without message": json_text('{"choices": [{}]}'),
    "content of another type": completion({"text": "Hello"}),
    "a dropped connection": drop,
}


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
async def test_trouble_that_passes_costs_one_more_call(
    openai: ScriptedOpenAI, trouble: Answer
) -> None:
    reply = await openai.answer(trouble, completion())

    assert reply.text == "We open at nine."
    assert len(openai.bodies) == 2


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
async def test_trouble_that_stays_is_a_failed_reply(
    openai: ScriptedOpenAI, trouble: Answer
) -> None:
    failed = await openai.fail(trouble, deadline=1)

    assert not failed.suspends
    assert len(openai.bodies) <= 4


@pytest.mark.parametrize(
    ("trouble", "suspends", "says"),
    [
        (error(401, "invalid_api_key"), True, "set OPENAI_API_KEY"),
        (error(403, "unsupported_country_region_territory"), True, "give it access"),
        (error(402), True, "Billing"),
        (error(429, "insufficient_quota"), True, "Billing"),
        (error(429, "billing_not_active"), True, "Billing"),
        (error(400, "context_length_exceeded", "messages"), False, "number's model"),
        (error(404), False, "turned the request away"),
        (error(422), False, "turned the request away"),
        (completion(None, refusal="I can't help with that."), False, "refused"),
        (completion("Well,", "content_filter"), False, "refused"),
        (completion(""), False, "without text"),
        (completion(None), False, "without text"),
        (completion(None, "tool_calls"), False, "without text"),
        (completion(" \n\u200b\u00ad"), False, "without text"),
        (completion("***"), False, "without text"),
        (completion("", "length"), False, "max_tokens"),
        (completion("<think>They ask when we", "length"), False, "max_tokens"),
        (completion("<think>They ask when we open."), False, "without text"),
    ],
)
async def test_trouble_that_would_not_pass_fails_at_once(
    openai: ScriptedOpenAI, trouble: Response, suspends: bool, says: str
) -> None:
    failed = await openai.fail(trouble, completion())

    assert failed.suspends is suspends
    assert says in str(failed)
    assert len(openai.bodies) == 1


@pytest.mark.parametrize("endless", [hang, drip])
async def test_an_answer_that_never_ends_is_given_up_at_the_deadline(
    openai: ScriptedOpenAI, endless: Answer
) -> None:
    started = time.monotonic()

    failed = await openai.fail(endless, deadline=0.4)

    assert 0.4 <= time.monotonic() - started < 1.5
    assert "within 0.4 s" in str(failed)
    assert not failed.suspends


async def test_nobody_listening_is_a_failed_reply() -> None:
    failed = await ScriptedOpenAI(url="http://127.0.0.1:9/v1").fail(completion(), deadline=1)

    assert "OPENAI_BASE_URL" in str(failed)


async def test_an_answer_cut_off_by_max_tokens_ends_at_its_last_sentence(
    openai: ScriptedOpenAI,
) -> None:
    reply = await openai.answer(completion("We open at nine. On Sunday we", "length"))

    assert reply.text == "We open at nine."


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ("We open at nine and", "We open at nine"),
        ("We have:\n- bread\n- rolls\n- caramel tar", "We have:\n- bread\n- rolls"),
        ("\u0e40\u0e1b\u0e34\u0e14\u0e40\u0e01\u0e49\u0e32\u0e42\u0e21\u0e07",) * 2,
        ("<think>Hours?</think>We open at nine and", "We open at nine"),
    ],
)
async def test_an_answer_cut_off_within_its_first_sentence_ends_at_its_last_word(
    openai: ScriptedOpenAI, content: str, sent: str
) -> None:
    assert (await openai.answer(completion(content, "length"))).text == sent
    assert len(openai.bodies) == 1


async def test_what_a_model_thinks_aloud_is_not_sent(openai: ScriptedOpenAI) -> None:
    thought = "<think>\nThe customer asks for hours.\n</think>\n\nWe open at 9."

    assert (await openai.answer(completion(thought))).text == "We open at 9."


@pytest.mark.parametrize("finish", ["stop", "a_reason_of_next_year", None])
async def test_a_text_is_taken_whatever_ended_it(
    openai: ScriptedOpenAI, finish: str | None
) -> None:
    assert (await openai.answer(completion("At nine", finish))).text == "At nine"


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": "many"}, {"prompt_tokens": None}, "x"]
)
async def test_an_answer_without_token_counts_is_an_answer(
    openai: ScriptedOpenAI, usage: object
) -> None:
    content = json.loads(bytes(completion().body)) | {"usage": usage}

    reply = await openai.answer(JSONResponse(content))

    assert (reply.prompt_tokens, reply.completion_tokens) == (None, None)


# Waiting


@pytest.mark.parametrize(("name", "value"), [("retry_after", "0.6"), ("retry_after_ms", "600")])
async def test_the_pause_the_api_asks_for_is_kept(
    openai: ScriptedOpenAI, name: str, value: str
) -> None:
    started = time.monotonic()

    await openai.answer(error(429, "rate_limit_exceeded", **{name: value}), completion())

    assert time.monotonic() - started >= 0.6


@pytest.mark.parametrize("seconds", ["60", "inf"])
async def test_a_pause_longer_than_the_time_left_ends_the_attempts(
    openai: ScriptedOpenAI, seconds: str
) -> None:
    started = time.monotonic()

    failed = await openai.fail(error(429, "rate_limit_exceeded", retry_after=seconds))

    assert "rate limit" in str(failed)
    assert time.monotonic() - started < 2
    assert len(openai.bodies) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({"retry_after": "60"}, 60),
        ({"retry_after_ms": "90000"}, 90),
        ({"retry_after": "inf"}, 86400),
    ],
)
async def test_how_long_to_wait_reaches_whoever_asks_again(
    openai: ScriptedOpenAI, header: dict[str, str], seconds: float
) -> None:
    failed = await openai.fail(error(429, "rate_limit_exceeded", **header))

    assert failed.retry_after == seconds


async def test_a_failure_without_such_a_wish_has_none(openai: ScriptedOpenAI) -> None:
    assert (await openai.fail(error(400, "context_length_exceeded"))).retry_after is None


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_pause_that_makes_no_sense_is_not_kept(openai: ScriptedOpenAI, value: str) -> None:
    reply = await openai.answer(error(503, retry_after=value), completion())

    assert reply.text == "We open at nine."


async def test_a_cancelled_generation_stops_at_once(openai: ScriptedOpenAI) -> None:
    asked = asyncio.Event()

    async def note_and_hang(request: Request) -> Response:
        asked.set()
        return await hang(request)

    openai.script = [note_and_hang]
    async with openai.replies() as replies:
        generation = asyncio.create_task(replies.generate(PROMPT))
        await asked.wait()
        generation.cancel()
        with pytest.raises(asyncio.CancelledError):
            await generation

    assert len(openai.bodies) == 1


# Models that end


@pytest.mark.parametrize("status", [404, 403])
async def test_a_model_that_is_gone_is_replaced_and_noticed_once(
    openai: ScriptedOpenAI, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    gone = error(status, "model_not_found")
    openai.script = [gone, completion(), gone, completion()]

    async with openai.replies() as replies:
        answers = [await replies.generate(PROMPT) for _ in range(2)]

    assert [answer.model for answer in answers] == [FALLBACK, FALLBACK]
    assert [body["model"] for body in openai.bodies] == ["gpt-4o-mini", FALLBACK] * 2
    assert FALLBACK in replies.notices["gpt-4o-mini"]
    assert [record.levelname for record in caplog.records if "attention" in record.msg] == [
        "WARNING"
    ]


async def test_a_model_that_came_back_is_no_longer_noticed(openai: ScriptedOpenAI) -> None:
    openai.script = [error(404, "model_not_found"), completion()]

    async with openai.replies() as replies:
        await replies.generate(PROMPT)
        reply = await replies.generate(PROMPT)

    assert reply.model == "gpt-4o-mini"
    assert replies.notices == {}


async def test_the_fallback_is_named_only_after_it_answered(openai: ScriptedOpenAI) -> None:
    gone = error(404, "model_not_found")
    openai.script = [gone, gone, gone, completion()]

    async with openai.replies() as replies:
        with pytest.raises(ReplyFailed):
            await replies.generate(PROMPT)
        assert replies.notices == {"gpt-4o-mini": "OpenAI does not have it for this key"}
        await replies.generate(PROMPT)

    assert replies.notices["gpt-4o-mini"].endswith(f"{FALLBACK} answers")


def test_notices_are_few_and_short_whatever_the_models_are_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notices = Notices()
    for n in range(100):
        notices.note(f"{n:03}" + "x" * 500_000, "it is gone")
    found = notices.recent()
    assert len(found) == MOST_NOTICES
    assert next(iter(found)).startswith("080"), "the newest stay"
    assert max(map(len, found)) == LONGEST_NAME
    assert max(len(record.getMessage()) for record in caplog.records) < 200


def test_a_notice_is_of_a_model_that_was_asked_for_within_the_hour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    notices = Notices(lambda: now)
    notices.note("asked-once", "it is gone")
    notices.note("asked-again", "it is gone")
    now += 3000
    notices.note("asked-again", "it is gone")
    now += 1000
    assert notices.recent() == {"asked-again": "it is gone"}
    assert len(caplog.records) == 2, "what is known is not logged again"


async def test_a_fallback_that_is_gone_too_is_a_failed_reply(openai: ScriptedOpenAI) -> None:
    failed = await openai.fail(error(404, "model_not_found"))

    assert [body["model"] for body in openai.bodies] == ["gpt-4o-mini", FALLBACK]
    assert "neither gpt-4o-mini nor the fallback" in str(failed)
    assert not failed.suspends


def listed(days: int | None) -> Response:
    ends = datetime.now(UTC).date() + timedelta(days) if days is not None else None
    model = {"id": "gpt-4o-mini", "object": "model", "created": 1, "owned_by": "openai"}
    day = ends and ends.isoformat()
    return JSONResponse({"object": "list", "data": [model | {"shutdown_date": day}]})


@pytest.mark.parametrize(
    ("days", "answers", "says"),
    [
        (-1, FALLBACK, "shut it down on"),
        (0, "gpt-4o-mini", "shuts it down on"),
        (50, "gpt-4o-mini", "choose another openai_model"),
        (None, "gpt-4o-mini", ""),
    ],
)
async def test_a_model_is_used_until_the_day_it_shuts_down(
    openai: ScriptedOpenAI, days: int | None, answers: str, says: str
) -> None:
    openai.models = listed(days)

    async with openai.replies() as replies:
        await replies.read_shutdown_dates()
        reply = await replies.generate(PROMPT)

    assert reply.model == answers
    assert [body["model"] for body in openai.bodies] == [answers]
    assert says in replies.notices.get("gpt-4o-mini", "")
    assert bool(says) == bool(replies.notices)


@pytest.mark.parametrize("models", [hang, drop, error(500), json_text("{}"), HTMLResponse("x")])
async def test_answers_do_not_wait_for_the_list_of_models(
    openai: ScriptedOpenAI, models: Answer
) -> None:
    openai.models = models

    assert (await openai.answer(completion())).text == "We open at nine."


async def test_the_list_of_models_is_read_at_the_start(openai: ScriptedOpenAI) -> None:
    asked = asyncio.Event()

    async def note(request: Request) -> Response:
        asked.set()
        return listed(None)

    openai.models = note
    async with openai.replies(), asyncio.timeout(5):
        await asked.wait()


# Secrets


@pytest.mark.parametrize(
    "trouble",
    [
        error(401, f"no such key: {KEY}"),
        error(400, "When do you open?"),
        error(500),
        completion(None, refusal="When do you open? You asked."),
    ],
)
@pytest.mark.parametrize("before", [[], [error(404, "model_not_found")]], ids=["", "fallback"])
async def test_neither_key_nor_text_nor_number_is_in_an_error_or_the_log(
    openai: ScriptedOpenAI,
    before: list[Answer],
    trouble: Response,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG, "gateway"):
        failed = await openai.fail(*before, trouble, deadline=1)

    logged = [r.getMessage() for r in caplog.records if r.name.startswith("gateway")]
    told = "".join([*logged, *traceback.format_exception(failed)])
    for secret in (KEY, "open?", PROMPT.contact_number, "bakery"):
        assert secret not in told
