"""A stand-in that speaks OpenAI's Chat Completions and holds each model to its parameter rules.

`create_openai()` gives an ASGI application that is also the object a script drives:
`openai.requests`, `openai.faults.add(...)`, `openai.answer = ...`.
https://developers.openai.com/api/docs/api-reference/chat,
https://developers.openai.com/api/docs/deprecations; the error bodies are those that users of
the API quote in public issues.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.local.testserver import Events, Fault, Faults, LoopbackOnly, drop, hang, read_json

Answer = Callable[[list[dict[str, Any]]], str]  # from the messages of a request
Calls = Callable[[dict[str, Any]], list[tuple[str, str]]]  # from its body: names and arguments


@dataclass(frozen=True)
class Family:
    """What models of one generation accept; an empty `efforts` means that they do not reason."""

    efforts: tuple[str, ...] = ()
    default_effort: str = "none"
    verbosities: tuple[str, ...] = ("low", "medium", "high")
    takes_tools: bool = True
    tools_with_effort: bool = True


CLASSIC = Family(verbosities=("medium",))
GPT_5 = Family(("minimal", "low", "medium", "high"), "medium")
O_SERIES = Family(("low", "medium", "high"), "medium", ("medium",))
GPT_6 = Family(("none", "low", "medium", "high", "xhigh"), "medium", tools_with_effort=False)
WITHOUT_TOOLS = Family(verbosities=("medium",), takes_tools=False)


@dataclass(frozen=True)
class Model:
    """A model of the account. `snapshot` is the name that answers carry."""

    family: Family
    shutdown_date: str | None = None
    snapshot: str | None = None


MODELS = {
    "gpt-4o-mini": Model(CLASSIC, "2027-01-14", "gpt-4o-mini-2024-07-18"),
    "gpt-4o": Model(CLASSIC, "2027-01-14", "gpt-4o-2024-08-06"),
    "gpt-4.1-mini": Model(CLASSIC, "2027-01-14", "gpt-4.1-mini-2025-04-14"),
    "gpt-5": Model(GPT_5, "2026-12-11", "gpt-5-2025-08-07"),
    "gpt-5-mini": Model(GPT_5, "2026-12-11", "gpt-5-mini-2025-08-07"),
    "gpt-5-nano": Model(GPT_5, "2026-12-11", "gpt-5-nano-2025-08-07"),
    "o3": Model(O_SERIES, "2026-12-11", "o3-2025-04-16"),
    "gpt-5.1": Model(GPT_6, "2027-04-01", "gpt-5.1-2025-11-13"),
    "gpt-5.4-mini": Model(GPT_6, None, "gpt-5.4-mini-2026-03-17"),
    "gpt-5.6-luna": Model(GPT_6),
    "gpt-6-luna": Model(GPT_6),
    "gpt-6-sol": Model(GPT_6),
}

# How many tokens a model thinks before it writes.
REASONING_TOKENS = {"none": 0, "minimal": 0, "low": 120, "medium": 400, "high": 1200, "xhigh": 4000}

# Those of a client that wants one plain text, not streamed.
PARAMETERS = frozenset({
    "frequency_penalty", "logit_bias", "max_completion_tokens", "max_tokens", "messages",
    "metadata", "model", "moderation", "n", "parallel_tool_calls", "presence_penalty",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort",
    "response_format", "safety_identifier", "seed", "service_tier", "stop", "store",
    "temperature", "tool_choice", "tools", "top_p", "user", "verbosity",
})  # fmt: skip
ROLES = ("system", "assistant", "user", "function", "tool", "developer")

ERRORS: dict[str, tuple[int, str, str, str | None]] = {  # kind: (status, message, type, code)
    "unauthorized": (
        401,
        "Incorrect API key provided. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        "invalid_request_error",
        "invalid_api_key",
    ),
    "rate_limited": (
        429,
        "Rate limit reached on requests per min (RPM). Please try again later.",
        "requests",
        "rate_limit_exceeded",
    ),
    "insufficient_quota": (
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "error": (
        500,
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        None,
    ),
    "overloaded": (
        503,
        "The engine is currently overloaded, please try again later",
        "server_error",
        None,
    ),
}
FAULTS = frozenset(ERRORS) | {
    *("hang", "drop", "drip", "slow"),
    *("html", "truncated", "empty_object", "no_choices"),
    *("empty_content", "refusal", "content_filter", "length"),
    *("broken_arguments", "ignores_tools"),
}


class ApiError(Exception):
    """A refusal in OpenAI's error format."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        type_: str = "invalid_request_error",
    ) -> None:
        self.status = status
        self.error = {"message": message, "type": type_, "param": param, "code": code}

    def respond(self, headers: Mapping[str, str] | None = None) -> Response:
        return JSONResponse({"error": self.error}, self.status, headers)


def quote(messages: list[dict[str, Any]]) -> str:
    """Says back the texts that no answer covers yet, or what its calls came to."""
    if messages and messages[-1]["role"] == "tool":
        return f"Hecho: {messages[-1]['content'][:200]}"
    return 'Recibido: "{}"'.format(" / ".join(unanswered(messages)))


def serials(messages: list[dict[str, Any]]) -> str:
    """Says back the serials (#123) of the texts that no answer covers yet."""
    return " ".join(re.findall(r"#\d+", " ".join(unanswered(messages)))) or "#"


def unanswered(messages: list[dict[str, Any]]) -> list[str]:
    """The user's texts since the last answer, oldest first."""
    texts: list[str] = []
    for message in messages:
        if message["role"] == "assistant" and not message.get("tool_calls"):
            texts.clear()
        elif message["role"] == "user":
            texts.append(message["content"])
    return texts


# Calling tools


def commands(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Those that the texts ask for, each as `/tool name {json}`, all of them at once; or the
    booking that a text wants, if a tool that takes a day and a number is offered.
    """
    if any(message["role"] == "tool" for message in body["messages"]):
        return []
    texts = unanswered(body["messages"])
    asked = [found for text in texts for found in re.findall(r"/tool (\S+) (\{[^\n]*\})", text)]
    return asked or [call for tool in body.get("tools") or () for call in booking(tool, texts)]


DAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")


def booking(tool: dict[str, Any], texts: list[str]) -> list[tuple[str, str]]:
    """ "Mesa para 4 el viernes a las 21", with the parameters of this tool; none if it is none."""
    wanted = re.search(r"\b(?:mesa|table)\b\D*(\d+)(.*)", " ".join(texts), re.IGNORECASE)
    day = wanted and next((i for i, name in enumerate(DAYS) if name in wanted[2].lower()), None)
    parameters = tool["function"]["parameters"]["properties"]
    if not wanted or day is None or {"p_day", "p_people"} - parameters.keys():
        return []
    today = date.today()
    arguments: dict[str, Any] = dict.fromkeys(parameters)
    arguments["p_day"] = str(today + timedelta(days=(day - today.weekday() - 1) % 7 + 1))
    arguments["p_people"] = int(wanted[1])
    if "p_time" in parameters and (hour := re.search(r"a las (\d+)", wanted[2])):
        arguments["p_time"] = f"{int(hour[1]):02}:00"
    return [(tool["function"]["name"], json.dumps(arguments))]


ANSWERS: dict[str, Answer] = {"quote": quote, "serials": serials}


def create_openai(
    api_key: str,
    *,
    answer: Answer = quote,
    models: Mapping[str, Model] = MODELS,
    latency: float = 0.4,
    seed: int = 0,
) -> OpenAI:
    """An account with these models; `latency` in seconds."""
    return OpenAI(api_key, answer, dict(models), latency, seed)


class OpenAI:
    """The account, what it was asked, and the application that serves it."""

    def __init__(
        self, api_key: str, answer: Answer, models: dict[str, Model], latency: float, seed: int
    ) -> None:
        self.api_key = api_key
        self.answer = answer
        self.models = models
        self.latency = latency
        self.calls: Calls = commands
        self.requests: list[dict[str, Any]] = []  # every body, also of what was refused
        self.cache = PromptCache()
        self.faults = Faults(FAULTS, seed)
        self.events = Events()
        self.app = Starlette(
            middleware=[Middleware(LoopbackOnly)],
            routes=[
                Route("/v1/chat/completions", self._private(self.complete), methods=["POST"]),
                Route("/v1/models", self._private(self.list_models)),
                Route("/v1/models/{model}", self._private(self.fetch_model)),
                *self._control_routes(),
            ],
        )

    def reset(self) -> None:
        """Forget all requests and faults; the answer, models and latency stay."""
        self.requests.clear()
        self.cache = PromptCache()
        self.faults.clear()
        self.events.entries.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def _private(self, handler: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def checked(request: Request) -> Response:
            started = time.monotonic()
            try:
                if request.headers.get("authorization") != f"Bearer {self.api_key}":
                    raise _named_error("unauthorized")
                response: Response = await handler(request)
            except ApiError as error:
                response = error.respond()
            response.headers["x-request-id"] = "req_" + secrets.token_hex(16)
            response.headers["openai-version"] = "2020-10-01"
            elapsed = round((time.monotonic() - started) * 1000)
            response.headers["openai-processing-ms"] = str(elapsed)
            return response

        return checked

    # Answering

    async def complete(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        self.events.add("asked", model=body.get("model"))
        fault = self.faults.take("create", _subject(body))
        await asyncio.sleep(self.latency)
        if fault and (response := await self._fail(request, fault)):
            return response

        model = self._model(body.get("model"))
        check_parameters(body, model.family)
        return self._respond(body, model, fault.kind if fault else "")

    async def _fail(self, request: Request, fault: Fault) -> Response | None:
        """None: the request is answered, perhaps badly."""
        if fault.kind in ERRORS:
            return _error_response(fault)
        if fault.kind == "hang":
            return await hang(request)
        if fault.kind == "drop":
            return await drop(request)
        if fault.kind == "drip":
            return StreamingResponse(_drip(fault.seconds or 0.05), media_type="application/json")
        if fault.kind == "html":
            return Response("<html>Bad gateway</html>", media_type="text/html")
        if fault.kind == "empty_object":
            return JSONResponse({})
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds or 1)
        return None

    def _model(self, name: object) -> Model:
        for alias, model in self.models.items():
            if name in (alias, model.snapshot):
                return model
        raise ApiError(
            404,
            f"The model `{name}` does not exist or you do not have access to it.",
            "model_not_found",
        )

    def _respond(self, body: dict[str, Any], model: Model, fault: str) -> Response:
        calls = self.calls(body) if body.get("tools") and fault != "ignores_tools" else []
        completion = self._completion(body, model, calls)
        (choice,) = completion["choices"]
        if fault == "broken_arguments":
            for call in choice["message"].get("tool_calls", ()):
                call["function"]["arguments"] = call["function"]["arguments"][:-1]
        if fault == "truncated":
            return Response(json.dumps(completion)[:-40], media_type="application/json")
        if fault == "no_choices":
            completion["choices"] = []
        if fault in ("empty_content", "content_filter"):
            choice["message"]["content"] = ""
        if fault == "refusal":
            choice["message"] |= {"content": None, "refusal": "I'm sorry, I can't help with that."}
        if fault == "length":
            text = choice["message"]["content"]
            choice["message"]["content"] = text[: len(text) // 2]
        if fault in ("content_filter", "length"):
            choice["finish_reason"] = fault
        return JSONResponse(completion)

    def _completion(
        self, body: dict[str, Any], model: Model, calls: list[tuple[str, str]]
    ) -> dict[str, Any]:
        effort = body.get("reasoning_effort") or model.family.default_effort
        limit = body.get("max_completion_tokens") or body.get("max_tokens") or 100_000
        reasoning = min(REASONING_TOKENS[effort], limit)
        text = "" if calls else self.answer(body["messages"])
        room = limit - reasoning
        finished = _tokens(text) <= room
        text = text if finished else text[: room * 4]
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": "stop" if finished else "length",
            "logprobs": None,
            "message": {"role": "assistant", "content": text, "refusal": None, "annotations": []},
        }
        if calls:
            choice["finish_reason"] = "tool_calls"
            choice["message"] |= {"content": None, "tool_calls": [_call(*call) for call in calls]}
        return {
            "id": "chatcmpl-" + secrets.token_hex(14),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model.snapshot or body["model"],
            "service_tier": "default",
            "system_fingerprint": None,
            "choices": [choice],
            "usage": _usage(body["messages"], text, reasoning, self.cache.serve(body)),
        }

    # Models

    async def list_models(self, request: Request) -> Response:
        data = [_model_resource(name, model) for name, model in self.models.items()]
        return JSONResponse({"object": "list", "data": data})

    async def fetch_model(self, request: Request) -> Response:
        name = request.path_params["model"]
        if name not in self.models:
            message = f"The model '{name}' does not exist"
            raise ApiError(404, message, "model_not_found", "model")
        return JSONResponse(_model_resource(name, self.models[name]))

    # The control endpoints: what a script in another process can do

    def _control_routes(self) -> list[Route]:
        return [
            Route("/_control/requests", self.control_requests),
            Route("/_control/faults", self.control_faults, methods=["POST", "DELETE"]),
            Route("/_control/settings", self.control_settings, methods=["PATCH"]),
            Route("/_control/events", self.events.respond),
            Route("/_control/reset", self.control_reset, methods=["POST"]),
        ]

    async def control_requests(self, request: Request) -> Response:
        return JSONResponse({"requests": self.requests})

    async def control_faults(self, request: Request) -> Response:
        """POST {"kind"} and the other fields of Fault; DELETE forgets all."""
        if request.method == "DELETE":
            self.faults.clear()
        else:
            self.faults.add(**await read_json(request))
        return JSONResponse({"faults": [asdict(fault) for fault in self.faults.queue]})

    async def control_settings(self, request: Request) -> Response:
        """{"latency": seconds} and {"answer": "quote" | "serials"}"""
        given = await read_json(request)
        self.latency = float(given.get("latency", self.latency))
        if "answer" in given:
            self.answer = ANSWERS[given["answer"]]
        return JSONResponse({"latency": self.latency, "answer": self.answer.__name__})

    async def control_reset(self, request: Request) -> Response:
        self.reset()
        return JSONResponse({})


def check_parameters(body: dict[str, Any], family: Family) -> None:
    """Raise ApiError for the first parameter that the API or the model's generation refuses."""
    for name in body:
        if name not in PARAMETERS or (name == "reasoning_effort" and not family.efforts):
            raise ApiError(400, f"Unrecognized request argument supplied: {name}")
    _check_messages(body.get("messages"))
    _check_tools(body, family)
    _check_lengths(body)
    _check_value("reasoning_effort", body, family.efforts)
    _check_value("verbosity", body, family.verbosities)
    if family.efforts and "max_tokens" in body:
        raise ApiError(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "unsupported_parameter",
            "max_tokens",
        )
    effort = body.get("reasoning_effort") or family.default_effort
    if effort != "none" and body.get("temperature") not in (None, 1):
        raise ApiError(
            400,
            f"Unsupported value: 'temperature' does not support {body['temperature']} with this "
            "model. Only the default (1) value is supported.",
            "unsupported_value",
            "temperature",
        )


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list):
        message = "Missing required parameter: 'messages'."
        raise ApiError(400, message, "missing_required_parameter", "messages")
    if not messages:
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise ApiError(400, message, "empty_array", "messages")
    for i, message in enumerate(messages):
        if message.get("role") not in ROLES:
            raise ApiError(
                400,
                f"Invalid value: '{message.get('role')}'. Supported values are: "
                f"{_enumerate(ROLES)}.",
                "invalid_value",
                f"messages[{i}].role",
            )
        if not isinstance(message.get("content"), str) and not message.get("tool_calls"):
            text = "Invalid value for 'content': expected a string, got null."
            raise ApiError(400, text, None, f"messages.[{i}].content")


def _check_tools(body: dict[str, Any], family: Family) -> None:
    """https://developers.openai.com/api/docs/guides/function-calling, strict mode."""
    _check_calls_are_answered(body["messages"])
    if body.get("tools") is None:
        return
    if not family.takes_tools:
        text = "Unsupported parameter: 'tools' is not supported with this model."
        raise ApiError(400, text, "unsupported_parameter", "tools")
    effort = body.get("reasoning_effort") or family.default_effort
    if effort != "none" and family.efforts and not family.tools_with_effort:
        text = (
            f"Function tools with reasoning_effort are not supported for {body['model']} in "
            "/v1/chat/completions. Please use /v1/responses instead."
        )
        raise ApiError(400, text, None, "reasoning_effort")
    if not body["tools"]:
        text = "Invalid 'tools': empty array. Expected an array with minimum length 1."
        raise ApiError(400, text, "empty_array", "tools")
    for i, tool in enumerate(body["tools"]):
        _check_function(i, tool["function"])


def _check_function(i: int, function: dict[str, Any]) -> None:
    name, schema = function["name"], function["parameters"]
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
        text = f"Invalid 'tools[{i}].function.name': string does not match pattern."
        raise ApiError(400, text, "invalid_value", f"tools[{i}].function.name")
    if not function.get("strict"):
        return
    wrong = ""
    if schema.get("additionalProperties") is not False:
        wrong = "'additionalProperties' is required to be supplied and to be false."
    elif set(schema.get("required", ())) != set(schema["properties"]):
        wrong = "'required' is required to be supplied and to be an array including every key."
    elif odd := [n for n, part in schema["properties"].items() if part.keys() - STRICT_KEYS]:
        wrong = f"'{odd[0]}' has keywords that are not permitted."
    if wrong:
        text = f"Invalid schema for function '{name}': In context=(), {wrong}"
        param = f"tools[{i}].function.parameters"
        raise ApiError(400, text, "invalid_function_parameters", param)


STRICT_KEYS = frozenset({"type", "enum", "items", "description"})


def _check_calls_are_answered(messages: list[dict[str, Any]]) -> None:
    """Each call of an assistant message by a tool message right after it, and none without one."""
    waiting: set[str] = set()
    for i, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                text = (
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'."
                )
                raise ApiError(400, text, None, f"messages.[{i}].role")
            waiting.discard(message["tool_call_id"])
            continue
        if waiting:
            break
        waiting = {call["id"] for call in message.get("tool_calls") or ()}
    if waiting:
        text = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'."
        )
        raise ApiError(400, text, None, "messages")


def _call(name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": "call_" + secrets.token_hex(12), "type": "function", "function": function}


def _check_lengths(body: dict[str, Any]) -> None:
    temperature = body.get("temperature")
    if temperature is not None and temperature > 2:
        raise ApiError(
            400,
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got "
            f"{temperature} instead.",
            "decimal_above_max_value",
            "temperature",
        )
    for name in ("max_completion_tokens", "max_tokens"):
        if (body.get(name) or 1) < 1:
            message = f"Invalid '{name}': integer below minimum value. Expected a value >= 1."
            raise ApiError(400, message, "integer_below_min_value", name)
    if len(body.get("safety_identifier") or "") > 128:
        raise ApiError(
            400,
            "Invalid 'safety_identifier': string too long. Expected a string with maximum "
            "length 128.",
            "string_above_max_length",
            "safety_identifier",
        )


def _check_value(name: str, body: dict[str, Any], supported: tuple[str, ...]) -> None:
    value = body.get(name)
    if value is not None and value not in supported:
        raise ApiError(
            400,
            f"Unsupported value: '{name}' does not support '{value}' with this model. "
            f"Supported values are: {_enumerate(supported)}.",
            "unsupported_value",
            name,
        )


def _enumerate(values: tuple[str, ...]) -> str:
    quoted = [f"'{value}'" for value in values]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])}, and {quoted[-1]}"


def _named_error(kind: str) -> ApiError:
    status, message, type_, code = ERRORS[kind]
    return ApiError(status, message, code, type_=type_)


def _error_response(fault: Fault) -> Response:
    headers = {}
    if fault.kind == "rate_limited":
        seconds = fault.seconds or 1
        headers = {"retry-after": f"{seconds:g}", "retry-after-ms": f"{seconds * 1000:.0f}"}
    return _named_error(fault.kind).respond(headers)


def _subject(body: dict[str, Any]) -> str:
    """What a fault's `match` is looked for in: the last text of the user."""
    messages = body.get("messages") or [{}]
    texts = [m.get("content") for m in messages if m.get("role") == "user"]
    return str(texts[-1]) if texts else ""


async def _drip(seconds: float) -> AsyncIterator[bytes]:
    """Blanks before the JSON, for ever: each read succeeds, the answer never comes."""
    while True:
        yield b" "
        await asyncio.sleep(seconds)


def _tokens(text: str) -> int:
    return -(-len(text) // 4)


class PromptCache:
    """What was sent before, by its prefixes of 128 tokens; one serves from 1,024 tokens on.

    https://developers.openai.com/api/docs/guides/prompt-caching
    """

    STEP, LEAST = 128, 1024  # tokens

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def serve(self, body: Mapping[str, Any]) -> int:
        """The tokens of the longest such prefix of this request; all of it is kept."""
        prompt = json.dumps([body["model"], body.get("tools"), body["messages"]])
        prefix, step, served, is_served = 0, 4 * self.STEP, 0, True
        for end in range(step, len(prompt) + 1, step):
            prefix = hash((prefix, prompt[end - step : end]))
            is_served = is_served and prefix in self._seen
            served += self.STEP * is_served
            self._seen.add(prefix)
        return served if served >= self.LEAST else 0


def _usage(
    messages: list[dict[str, Any]], text: str, reasoning: int, cached: int
) -> dict[str, Any]:
    prompt = sum(_tokens(message["content"] or "") + 4 for message in messages)
    completion = _tokens(text) + reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": min(cached, prompt), "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _model_resource(name: str, model: Model) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": 1_760_000_000,
        "owned_by": "system",
        "shutdown_date": model.shutdown_date,
    }
