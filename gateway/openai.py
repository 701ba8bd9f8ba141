"""The only module that talks to OpenAI: asks a model, and lets only a usable answer through.

Nothing OpenAI says goes into an error or a log: its errors quote keys and messages.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, NoReturn, Self

import httpx2
import openai
from openai.types.chat import ChatCompletion
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from gateway.markdown import plain_text
from gateway.messages import CallTool, Prompt, Reply, ReplyEnded, ReplyFailed, ToolResult
from gateway.prompt import build_messages, offered_tools, tool_message, without_tool_messages
from gateway.segments import fold, whole
from gateway.settings import Settings
from gateway.twilio_post import sanitize

logger = logging.getLogger("gateway.openai")

DEADLINE = 15.0  # seconds for one answer, retries included
TOOLS_DEADLINE = 25.0  # when tools were called for it
MAX_ROUNDS = 4  # in which the model may call tools; then it is asked without them
MAX_CALLS = 8  # for one reply, those of earlier attempts included; the database counts as well
MAX_MISTAKES = 1  # calls that cannot be made: the model is told, and the next one ends its tools
ATTEMPTS = 4
DAY = 86400.0  # seconds
REFRESH_EVERY = 3600.0  # seconds between looks at the list of models
MOST_NOTICES = 20
NOTICE_SECONDS = 3600.0
LONGEST_NAME = 60  # characters of a model's name in a notice
OPENAI_URL = "https://api.openai.com/v1"

# SQLSTATE classes of calls that could not be made, or were undone for their time.
MISTAKES = frozenset({"22", "42", "57"})

# What the API may turn away without the answer suffering; everything else is needed.
OPTIONAL = frozenset({"temperature", "reasoning_effort", "store", "safety_identifier", "tools"})
TURNED_AWAY = frozenset({"unsupported_value", "unsupported_parameter", "unknown_parameter"})
WITHOUT_CODE = re.compile(
    r"(?:Unsupported \w+: '|Unrecognized request arguments? supplied: |does not support )([\w.]+)"
)
UNPAID = frozenset({"insufficient_quota", "billing_not_active", "billing_hard_limit_reached"})

# Thinking is charged to max_completion_tokens: with 150 tokens all of them went there, and the
# answer was empty.
ROOM_TO_REASON = 1000


@dataclass(frozen=True, slots=True)
class ModelPolicy:
    """What one family of models takes."""

    reasoning_effort: str | None
    takes_temperature: bool
    least_tokens: int = 0
    tools_with_effort: bool = True  # False: only where reasoning_effort none is sent


# The first pattern that matches the start of the name counts.
# https://developers.openai.com/api/docs/guides/deployment-checklist: temperature goes only with
# reasoning effort none, which gpt-5 and the o models do not have.
POLICIES = (
    (r"(chat)?gpt-4|gpt-3\.5", ModelPolicy(None, True)),
    (r"gpt-5(-mini|-nano)?(-\d{4}-\d\d-\d\d)?$", ModelPolicy("minimal", False, ROOM_TO_REASON)),
    (r"o\d", ModelPolicy("low", False, ROOM_TO_REASON)),
    (r"gpt-", ModelPolicy("none", True, tools_with_effort=False)),  # gpt-5.1 and later, gpt-6
    (r"", ModelPolicy("none", True)),  # names this table cannot know
)


def policy_of(model: str) -> ModelPolicy:
    """A fine-tuned model, ft:gpt-5-mini:bakery::x1, takes what its base takes."""
    name = model.removeprefix("ft:").partition(":")[0]
    return next(policy for pattern, policy in POLICIES if re.match(pattern, name))


class Notices:
    """Per model why it does not answer, or soon will not. Every heartbeat carries them, so they
    are few and short, whatever stands in whoever's openai_model."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._noted: dict[str, tuple[str, float]] = {}  # with the time; the newest last

    def note(self, model: str, reason: str) -> None:
        """Each time the model is asked for; logged when the reason is a new one."""
        name = _short(model)
        earlier, _ = self._noted.pop(name, ("", 0.0))
        self._noted[name] = (reason, self._clock())
        if earlier != reason:
            logger.warning('model needs attention model=%s reason="%s"', name, reason)
        while len(self._noted) > MOST_NOTICES:
            del self._noted[next(iter(self._noted))]

    def clear(self, model: str) -> None:
        self._noted.pop(_short(model), None)

    def recent(self) -> dict[str, str]:
        """Of the models that were asked for within the hour."""
        since = self._clock() - NOTICE_SECONDS
        return {name: reason for name, (reason, at) in self._noted.items() if at >= since}


def _short(model: str) -> str:
    return model if len(model) <= LONGEST_NAME else model[: LONGEST_NAME - 1] + "…"


class Replies:
    """`async with Replies(settings) as replies`: one per process."""

    def __init__(self, settings: Settings, deadline: float = DEADLINE) -> None:
        self._settings = settings
        self._deadline = deadline
        self._turned_away: defaultdict[str, set[str]] = defaultdict(set)
        self._shutdowns: dict[str, date] = {}
        self._notices = Notices()

    async def __aenter__(self) -> Self:
        self._client = openai.AsyncOpenAI(
            api_key=self._settings.openai_api_key,
            base_url=self._settings.openai_base_url or OPENAI_URL,
            max_retries=0,  # tenacity is the one layer of retries
            http_client=openai.DefaultAioHttpClient(  # as in supabase.py
                timeout=httpx2.Timeout(self._deadline, connect=5),
                # The default closes a connection after 5 idle seconds: a handshake a message.
                limits=httpx2.Limits(max_connections=300, keepalive_expiry=120),
            ),
        )
        _ = self._client.chat.completions  # imported on first touch: 0.1 s, better now than later
        self._watch = asyncio.create_task(self._watch_models())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._watch.cancel()
        await asyncio.wait([self._watch])
        await self._client.close()

    async def generate(self, prompt: Prompt, call_tool: CallTool | None = None) -> Reply:
        """Answer within the deadline, or raise ReplyFailed; ReplyEnded if a call ended it."""
        started = time.monotonic()
        dialogue = Dialogue(prompt, call_tool)
        try:
            async with asyncio.timeout(self._deadline) as limit:
                dialogue.on_call = lambda: limit.reschedule(
                    asyncio.get_running_loop().time() + started - time.monotonic() + TOOLS_DEADLINE
                )
                model, answer = await self._answer(dialogue)
        except TimeoutError:
            raise ReplyFailed(
                f"no whole answer from OpenAI within {self._deadline:g} s: see status.openai.com"
            ) from None
        except FAILURES as error:
            # Without its cause: a traceback would print what OpenAI wrote.
            raise failure_of(error, prompt.openai_model) from None
        return Reply(
            text=answer.text,
            model=model,
            prompt_tokens=dialogue.prompt_tokens,
            completion_tokens=dialogue.completion_tokens,
            cached_tokens=dialogue.cached_tokens,
            generation_ms=round(1000 * (time.monotonic() - started)),
        )

    async def _answer(self, dialogue: Dialogue) -> tuple[str, Answer]:
        """The model that answered, and its answer; the fallback steps in for one that is gone."""
        model, fallback = dialogue.prompt.openai_model, self._settings.openai_fallback_model
        ends = self._shutdowns.get(model)
        if ends and ends < datetime.now(UTC).date() and model != fallback:
            return await self._fall_back(model, f"OpenAI shut it down on {ends}", dialogue)

        try:
            answer = await self._converse(model, dialogue)
        except openai.APIStatusError as error:
            if error.code != "model_not_found" or model == fallback:
                raise
        else:
            self._notice_end(model, ends, dialogue)
            return model, answer

        return await self._fall_back(model, "OpenAI does not have it for this key", dialogue)

    async def _fall_back(self, model: str, reason: str, dialogue: Dialogue) -> tuple[str, Answer]:
        """That the fallback answers is said when it has."""
        fallback = self._settings.openai_fallback_model
        try:
            answer = await self._converse(fallback, dialogue)
        except ReplyEnded:
            raise
        except Exception:
            self._notices.note(model, reason)
            raise
        self._notices.note(model, f"{reason}; {_short(fallback)} answers")
        return fallback, answer

    async def _converse(self, model: str, dialogue: Dialogue) -> Answer:
        """Rounds of tool calls, until the model says something."""
        while True:
            answer = await self._ask_with_retries(model, dialogue)
            await dialogue.go_on(answer)
            if not answer.calls:
                return answer

    async def _ask_with_retries(self, model: str, dialogue: Dialogue) -> Answer:
        """Ask until there is an answer, as often as attempts and time allow."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(may_pass),
            wait=_pause,
            stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(self._deadline),
            before_sleep=_log_retry,
            reraise=True,
        )
        return await retrying(self._ask, model, dialogue)

    async def _ask(self, model: str, dialogue: Dialogue) -> Answer:
        """One call, repeated at once without a parameter that the model turns away."""
        while True:
            body = self._body(model, dialogue)
            try:
                # `messages` goes by extra_body, which replaces the empty list in the JSON: walking
                # through the typed messages of a long history costs 3 ms of CPU, this nothing.
                completion = await self._client.chat.completions.create(
                    model=model, messages=[], extra_body=body
                )
            except openai.BadRequestError as error:
                self._drop_parameter(error, model, body, dialogue)
            else:
                return read_answer(completion, "tools" in body)

    def _body(self, model: str, dialogue: Dialogue) -> dict[str, object]:
        prompt, policy = dialogue.prompt, policy_of(model)
        turned_away = self._turned_away[model]
        thinks = "reasoning_effort" in turned_away  # as long as it likes, then
        least = ROOM_TO_REASON if thinks else policy.least_tokens
        takes_tools = self._takes_tools(model)
        wanted = {
            "messages": dialogue.messages
            if takes_tools
            else without_tool_messages(dialogue.messages),
            "tools": (dialogue.definitions() or None) if takes_tools else None,
            "max_completion_tokens": max(prompt.max_tokens, least),
            "reasoning_effort": policy.reasoning_effort,
            "temperature": prompt.temperature if policy.takes_temperature else None,
            "store": False,
            "safety_identifier": self._identifier(prompt.contact_number),
        }
        return {
            name: value
            for name, value in wanted.items()
            if value is not None and name not in turned_away
        }

    def _takes_tools(self, model: str) -> bool:
        turned_away = self._turned_away[model]
        thinks = "reasoning_effort" in turned_away
        return "tools" not in turned_away and (policy_of(model).tools_with_effort or not thinks)

    def _identifier(self, contact_number: str) -> str:
        """Keyed by a secret that OpenAI does not hold: numbers are few enough to try them all."""
        key = self._settings.supabase_secret_key.encode()
        return hmac.new(key, contact_number.encode(), hashlib.sha256).hexdigest()

    def _drop_parameter(
        self,
        error: openai.BadRequestError,
        model: str,
        body: dict[str, object],
        dialogue: Dialogue,
    ) -> None:
        """Remember what the model does not take; raises `error` if it is about anything else."""
        parameter = _parameter_turned_away(error)
        if "tools" in body and str(error.param).startswith("tools["):
            # One of this number's, as it is written: the others' tools are none the worse for it.
            self._notices.note(model, f"OpenAI turned a tool away ({_name_of(error)})")
            dialogue.drop_tools()
            return
        if parameter not in OPTIONAL.intersection(body):
            raise error
        self._turned_away[model].add(parameter)
        logger.info("parameter dropped model=%s parameter=%s", model, parameter)

    # Models that end

    @property
    def notices(self) -> dict[str, str]:
        """{"model": "what an operator should know of it"}: at most 20, of the last hour."""
        return self._notices.recent()

    @property
    def shutdown_dates(self) -> Mapping[str, date]:
        """Of the models that end; none before the list was read."""
        return self._shutdowns

    def _notice_end(self, model: str, ends: date | None, dialogue: Dialogue) -> None:
        if dialogue.prompt.tools and not self._takes_tools(model):
            self._notices.note(model, "it takes no tools here and answers without them")
        elif ends:
            reason = f"OpenAI shuts it down on {ends}; choose another openai_model"
            self._notices.note(model, reason)
        else:
            self._notices.clear(model)

    async def _watch_models(self) -> None:
        while True:
            try:
                async with asyncio.timeout(DEADLINE):
                    await self.read_shutdown_dates()
            except Exception as error:  # the list only warns; answers must not depend on it
                logger.info("model list not read error=%s", type(error).__name__)
            await asyncio.sleep(REFRESH_EVERY)

    async def read_shutdown_dates(self) -> None:
        """Learn when models end."""
        self._shutdowns = {name: ends for name, ends in (await self.models()).items() if ends}

    async def models(self) -> dict[str, date | None]:
        """All models of this key with the date they shut down, most with none. Raises FAILURES."""
        page = await self._client.models.list()
        return {model.id: _date(getattr(model, "shutdown_date", None)) for model in page.data}


def _date(value: object) -> date | None:
    """An odd date of one model must not hide the others."""
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _parameter_turned_away(error: openai.BadRequestError) -> str:
    """Its name in our request; "" when the error is about something else."""
    named = str(error.param or "") if error.code in TURNED_AWAY else ""
    if not named and (found := WITHOUT_CODE.search(error.message)):
        named = found[1]
    return named.replace("reasoning.effort", "reasoning_effort")


# Reading what came back


@dataclass(frozen=True, slots=True)
class Answer:
    """The usable part of a completion."""

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None = None  # of prompt_tokens: those of a prefix that was sent before
    calls: tuple[AskedCall, ...] = ()


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A call as the model asks for it: any name, and arguments that may be no JSON."""

    id: str
    name: str
    arguments: str

    def as_said(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function", "function": function}


class Dialogue:
    """One reply in the making: what was said to the model, its calls, and what came of them.

    `on_call` is called before each call of a tool.
    """

    def __init__(self, prompt: Prompt, call_tool: CallTool | None) -> None:
        self.prompt = prompt
        self.messages = build_messages(prompt)
        self.on_call: Callable[[], None] = lambda: None
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.cached_tokens: int | None = None
        self._call_tool = call_tool
        self._tools = {tool.name: tool for tool in offered_tools(prompt)} if call_tool else {}
        self._rounds = 0
        self._calls = len(prompt.tool_calls)
        self._mistakes = 0

    def definitions(self) -> list[dict[str, Any]]:
        """The tools as the API wants them; none once the bounds of a reply are reached."""
        if self._rounds >= MAX_ROUNDS or self._calls >= MAX_CALLS or self._mistakes > MAX_MISTAKES:
            return []
        return [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": True,
                },
            }
            for tool in self._tools.values()
        ]

    def drop_tools(self) -> None:
        self._tools.clear()

    async def go_on(self, answer: Answer) -> None:
        """Count what an answer cost, and make its calls, one after the other."""
        self.prompt_tokens = _sum(self.prompt_tokens, answer.prompt_tokens)
        self.completion_tokens = _sum(self.completion_tokens, answer.completion_tokens)
        self.cached_tokens = _sum(self.cached_tokens, answer.cached_tokens)
        if not answer.calls:
            return
        self._rounds += 1
        self.messages.append(
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [c.as_said() for c in answer.calls],
            }
        )
        for call in answer.calls:
            result = await self._make(call)
            if result.error[:2] in MISTAKES:
                self._mistakes += 1
            self.messages.append(tool_message(call.id, result.content))

    async def _make(self, call: AskedCall) -> ToolResult:
        if self._call_tool is None or call.name not in self._tools:
            return ToolResult({"error": f'42883: there is no tool "{call.name[:64]}"'})
        if self._calls >= MAX_CALLS:
            return ToolResult({"error": f"54000: {MAX_CALLS} calls were made for this reply"})
        arguments = read_arguments(call.arguments)
        if arguments is None:
            return ToolResult({"error": "22P02: the arguments are no JSON object"})
        self._calls += 1
        self.on_call()
        result = await self._call_tool(call.name, arguments)
        if result.error.startswith("PT409"):  # not now: the model goes on without it
            self._tools.pop(call.name, None)
        return result


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)


def read_arguments(text: str) -> dict[str, Any] | None:
    """None: they are no JSON object. Numbers stay as written: 400 digits, or 1e999, are the
    database's to judge."""
    try:
        found = json.loads(text or "{}", parse_float=str, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return (
        {sanitize(k): _storable(v) for k, v in found.items()} if isinstance(found, dict) else None
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN, Infinity: no JSON


def _storable(value: Any) -> Any:
    match value:
        case str():
            return sanitize(value)
        case list():
            return [_storable(part) for part in value]
        case dict():
            return {sanitize(name): _storable(part) for name, part in value.items()}
    return value


class Malformed(Exception):
    """A success without a chat completion in it."""


def read_answer(completion: ChatCompletion, may_call: bool = False) -> Answer:
    """Raises Malformed, which may pass, or ReplyFailed for an answer nobody can be sent.

    The client checks nothing: a page of HTML arrives as a str, {} as a completion of nothing.
    """
    try:
        choice = completion.choices[0]
        finish_reason, message = choice.finish_reason, choice.message
        content, refusal = message.content, message.refusal
    except (AttributeError, IndexError, KeyError, TypeError):
        raise Malformed from None
    if not isinstance(content, str | None):
        raise Malformed
    if refusal or finish_reason == "content_filter":
        raise ReplyFailed(
            "the model refused to answer this message: see the number's system_prompt"
        )
    if may_call and (calls := _read_calls(message)):
        return Answer("", *_tokens(completion), calls)
    text = plain_text(content or "")
    if finish_reason == "length":
        text = whole(text)
    if not fold(text, fold_accents=False).strip():
        _fail_without_text(finish_reason)
    return Answer(text, *_tokens(completion))


def _read_calls(message: object) -> tuple[AskedCall, ...]:
    """Raises Malformed for calls without a name, or whose arguments are no text."""
    asked = getattr(message, "tool_calls", None) or ()
    try:
        calls = tuple(
            AskedCall(call.id or f"call_{i}", call.function.name, call.function.arguments or "{}")
            for i, call in enumerate(asked)
        )
    except (AttributeError, TypeError):
        raise Malformed from None
    if not all(isinstance(part, str) for c in calls for part in (c.id, c.name, c.arguments)):
        raise Malformed
    return calls


def _fail_without_text(finish_reason: object) -> NoReturn:
    if finish_reason == "length":
        what = "max_tokens ended before the answer began: raise the number's max_tokens"
    else:
        what = "the model answered without text: see the number's system_prompt"
    raise ReplyFailed(what, kind="empty")


def _tokens(completion: ChatCompletion) -> tuple[int | None, int | None, int | None]:
    """Of the prompt, of the answer, and those of the prompt that the cache served.

    https://developers.openai.com/api/docs/guides/prompt-caching
    """
    usage = completion.usage
    used = (
        getattr(usage, "prompt_tokens", None),
        getattr(usage, "completion_tokens", None),
        getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None),
    )
    prompt, answer, cached = (number if isinstance(number, int) else None for number in used)
    return prompt, answer, cached


# Failures

# Broken JSON is not an error of openai's: the client lets it through bare.
BROKEN = (Malformed, json.JSONDecodeError, UnicodeDecodeError, RecursionError)
FAILURES = (openai.OpenAIError, *BROKEN)


def may_pass(error: BaseException) -> bool:
    """Asking again may help."""
    match error:
        case openai.RateLimitError():
            return not _is_unpaid(error)
        case openai.APIStatusError():
            return error.status_code in (408, 409) or error.status_code >= 500
        case _:
            return isinstance(error, (openai.APIConnectionError, *BROKEN))


def _is_unpaid(error: openai.APIStatusError) -> bool:
    return error.status_code == 402 or bool(UNPAID & {str(error.code), str(error.type)})


_jitter = wait_random_exponential(multiplier=0.5, max=4)  # full: from 0 to 0.5, 1, 2 s


def _pause(state: RetryCallState) -> float:
    """Seconds: what the API asks for, else jitter. A pause past the deadline ends the attempts."""
    asked = _retry_after(state.outcome.exception() if state.outcome else None)
    return _jitter(state) if asked is None else asked


def _retry_after(error: BaseException | None) -> float | None:
    """Seconds that the API asks for, a day at most: how long a reply may wait is SQL's rule."""
    if not isinstance(error, openai.APIStatusError):
        return None
    headers = error.response.headers
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with suppress(KeyError, ValueError):
            if (seconds := float(headers[name]) * unit) >= 0:  # not so for nan
                return min(seconds, DAY)
    return None


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.warning(
        "model call failed, asking again model=%s attempt=%d error=%s seconds=%.1f",
        state.args[0],
        state.attempt_number,
        _name_of(error),
        state.upcoming_sleep,
    )


def _name_of(error: BaseException | None) -> str:
    """Status and code as far as they are plain words, else the kind of error."""
    if not isinstance(error, openai.APIStatusError):
        return type(error).__name__
    words = (error.code, error.param)
    plain = [word for word in words if word and re.fullmatch(r"[\w.]{1,40}", str(word))]
    return " ".join([str(error.status_code), *plain])


def failure_of(error: BaseException, model: str) -> ReplyFailed:
    """What happened and what to do; suspends the number when no message could be answered."""
    name = _name_of(error)
    match error:
        case openai.APIStatusError() if _is_unpaid(error):
            what = "the OpenAI account has no credit left: see platform.openai.com, Billing"
            return ReplyFailed(f"{what} ({name})", suspends=True)
        case openai.APIStatusError(code="model_not_found"):
            what = f"OpenAI has neither {model} nor the fallback for this key: choose another model"
        case openai.AuthenticationError():
            what = "OpenAI does not know the key: set OPENAI_API_KEY to a valid one"
            return ReplyFailed(f"{what} ({name})", suspends=True)
        case openai.PermissionDeniedError():
            what = "the OpenAI key may not do this: give it access to models and chat completions"
            return ReplyFailed(f"{what} ({name})", suspends=True)
        case openai.RateLimitError():
            what = "OpenAI's rate limit is reached: raise it at platform.openai.com, Limits"
        case openai.APIConnectionError():
            what = "no answer from OpenAI: see the network, OPENAI_BASE_URL, status.openai.com"
        case openai.APIStatusError() if may_pass(error):
            what = "OpenAI is out of order: see status.openai.com"
        case openai.APIStatusError():
            what = "OpenAI turned the request away: see the number's model, max_tokens, temperature"
        case _:
            what = "OpenAI answered with no chat completion: see OPENAI_BASE_URL"
    return ReplyFailed(
        f"{what} ({name})",
        retry_after=_retry_after(error),
        kind="rate_limit" if isinstance(error, openai.RateLimitError) else "other",
    )
