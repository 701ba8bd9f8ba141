"""A replayed reply as it is stored beside the old one, and a whole replay as it is shown. Pure."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway import segments
from gateway.messages import CallTool, ReplayJob, Reply, ReplyEnded, ReplyFailed, ToolResult
from gateway.prompt import prompt_hash

# Words that are frequent in one of these languages and rare in the others.
WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the and you is are we to of for your it with at our have can will not be this yes",
        "es": "el los las y usted es son con para su por una está del tenemos puede gracias sí lo",
        "pt": "os e você é são com não seu uma está do da temos pode obrigado obrigada sim em às",
        "fr": "le les et vous est sont nous pour votre avec une des du pas avons oui merci à dans",
        "de": "der die das und sie ist sind wir für ihr mit ein eine nicht haben ja danke zu im",
        "it": "il gli e lei è sono per con una del della non abbiamo può sì grazie alle dalle di",
        "nl": "het een en u is zijn wij voor uw met niet hebben van ja dank op te bij onze",
    }.items()
}


def answer_of(job: ReplayJob, reply: Reply) -> dict[str, Any]:
    """p_answer of record_sms_replay_answer, for a reply."""
    prompt = job.prompt
    whole = f"{job.notice}\n{reply.text}" if job.notice else reply.text
    content = segments.fit(whole, prompt.max_segments, prompt.fold_accents, job.opt_out_hint or "")
    counted = segments.count(content)
    uncut = segments.count(segments.fold(whole, prompt.fold_accents))
    return {
        "state": "answered",
        "content": content,
        "encoding": counted.encoding,
        "segments": counted.count,
        "model": reply.model,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "generation_ms": reply.generation_ms,
        "is_approximate": is_approximate(job),
        "is_over_budget": uncut.count > prompt.max_segments,
        "same_language": same_language(job.old_content, content),
    }


def failure_of(job: ReplayJob, failure: ReplyFailed) -> dict[str, Any]:
    """p_answer for no reply; with retry_after when the provider refuses for now."""
    answer: dict[str, Any] = {
        "state": "empty" if failure.kind == "empty" else "failed",
        "error": str(failure),
        "is_approximate": is_approximate(job),
    }
    if failure.suspends or failure.kind == "rate_limit":
        answer["retry_after"] = failure.retry_after
    return answer


def divergence_of(job: ReplayJob, ended: ReplyEnded) -> dict[str, Any]:
    """p_answer when the model called what the record cannot answer."""
    return {
        "state": "diverged",
        "error": str(ended),
        "diverged_call": ended.call if isinstance(ended, Diverged) else None,
        "is_approximate": is_approximate(job),
    }


class Diverged(ReplyEnded):
    """The model called what the record cannot answer; `call` is {name, arguments}."""

    def __init__(self, name: str, arguments: Mapping[str, Any]) -> None:
        super().__init__(f"{name} was not called with these arguments then")
        self.call = {"name": name, "arguments": dict(arguments)}


def tool_of_record(job: ReplayJob) -> CallTool:
    """Answers a call as it was answered then; no tool runs. Another call ends the reply."""
    known = {_key(call.name, call.arguments): call.result for call in job.recorded_calls}

    async def answer(name: str, arguments: Mapping[str, Any]) -> ToolResult:
        if (found := known.get(_key(name, arguments))) is None:
            raise Diverged(name, arguments)
        return ToolResult(found)

    return answer


def _key(name: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
    """A parameter that is null is one left out."""
    given = {key: value for key, value in arguments.items() if value is not None}
    return name, json.dumps(given, sort_keys=True)


def is_approximate(job: ReplayJob) -> bool | None:
    """Whether the prompt of the old reply could not be built again; None: there is no old one."""
    if job.message_id is None:
        return None
    return job.original is None or prompt_hash(job.original) != job.prompt_hash


def same_language(old: str | None, new: str) -> bool | None:
    """None: of one of them it cannot be said."""
    languages = [language_of(old or ""), language_of(new)]
    return None if None in languages else languages[0] == languages[1]


def language_of(text: str) -> str | None:
    """The language that most words speak for, or a script but Latin by its name; None: a draw."""
    scripts = Counter(
        unicodedata.name(letter, "").split(" ")[0] for letter in text if letter.isalpha()
    )
    if scripts and (script := scripts.most_common(1)[0][0]) != "LATIN":
        return script
    said = re.findall(r"\w+", text.lower())
    votes = Counter({name: sum(word in words for word in said) for name, words in WORDS.items()})
    (first, most), (_, second) = votes.most_common(2)
    return first if most > second else None


# What get_sms_replay returns, for people.

HEADERS = ("reply", "question", "old", "new", "segments", "notes")
TOTALS = {  # what --fail-on names, and the total that counts it
    "longer": "longer",
    "budget": "over_budget",
    "empty": "empty",
    "language": "other_language",
    "failed": "failed",
    "diverged": "diverged",
}


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            str(pair["message_id"] or ""),
            pair["question"] or found["message"] or "",
            (pair["old"] or {}).get("content", ""),
            (pair["new"] or {}).get("content", pair["error"] or pair["state"]),
            " → ".join(str(side["segments"]) for side in (pair["old"], pair["new"]) if side),
            ", ".join(_notes(pair)),
        )
        for pair in found["answers"]
    ]


def _notes(pair: Mapping[str, Any]) -> Iterator[str]:
    if pair["state"] not in ("answered", "pending"):
        yield pair["state"]
    if pair["is_over_budget"]:
        yield "over budget"
    if pair["same_language"] is False:
        yield "other language"
    if pair["is_approximate"]:
        yield "approximate"
    if pair["new"] and pair["new"]["mentions_human"]:
        yield "mentions a human"


def summary(found: Mapping[str, Any]) -> list[str]:
    totals = found["totals"]
    counts = ", ".join(
        f"{totals[name]} {name.replace('_', ' ')}"
        for name in ("answered", *TOTALS.values(), "approximate")
    )
    sides = [f"{name}: {_cost(totals[name])}" for name in ("old", "new") if totals["answered"]]
    return [f"{totals['answers']} replies: {counts}", *sides]


def _cost(side: Mapping[str, Any]) -> str:
    price = "unknown" if side["price"] is None else f"${side['price']:.6f}"
    tokens = " and ".join(str(side[name] or "?") for name in ("prompt_tokens", "completion_tokens"))
    return (
        f"{side['segments']} segments, {tokens} tokens, price {price}, "
        f"{side['mentions_human']} mention a human"
    )


def as_markdown(found: Mapping[str, Any]) -> str:
    table = [HEADERS, ("---",) * len(HEADERS), *rows(found)]
    lines = ("| " + " | ".join(map(_cell, row)) + " |" for row in table)
    return "\n".join([*lines, "", *(f"- {line}" for line in summary(found))])


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())


def faults(found: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Of what --fail-on names, that which there is: "2 longer"."""
    totals = found["totals"]
    return [f"{totals[TOTALS[name]]} {name}" for name in names if totals[TOTALS[name]]]
