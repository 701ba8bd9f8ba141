"""Sends the web process whatever a stranger, a proxy or an odd phone could, and looks what is left.

Hypothesis makes the requests; each goes over a socket of its own to the Procfile's web process in
front of the local stack. A request is answered as its kind allows or its connection is closed,
never with a failure and never late. What Twilio did not sign leaves no row in any table, what it
signed is stored once, and the process that answers at the end is the one that was started.

    python -m tests.fuzz --requests 100000 --seed 7
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import random
import re
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, quote_plus
from uuid import uuid4

import httpx
import jwt
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from psycopg import sql

from gateway.local.keys import Keys
from gateway.local.processes import Child
from gateway.local.stack import EMAIL, PASSWORD, Stack
from tests.fakes import sign
from tests.flow.world import World

CONNECTIONS = 16  # at once
ROUND = 2000  # requests, then the database is looked at
TRIES = 5  # that Twilio makes when it is told to come again
HANGS = 40.0  # seconds; the server cuts every connection before that
OURS, MARK = "fuzz", "forged"  # in what Twilio signed, and in what it did not
MAX_BODY, MAX_FIELDS, MAX_NAME = 65536, 200, 255

T = TypeVar("T")
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Site:
    """Where the requests go, and what they may name."""

    url: str
    account: str
    token: str
    jwt_secret: str
    session: str  # a signed-in user's token
    number: str
    conversation: str  # the user's, with an outgoing text in it
    row: int
    sid: str
    bystander: str  # the same, but of no request that may change anything
    bystander_row: int


@dataclass(frozen=True)
class Attack:
    """One request, byte for byte, and what may come of it."""

    target: str
    kind: str
    raw: bytes
    allowed: frozenset[int]
    may_be_cut: bool = False  # the connection may be closed without an answer
    gives_up: bool = False  # the client closes its side at once
    times: int = 1  # sent at the same moment
    sid: str = ""  # of a text to be stored once, with this body
    body: str = ""

    def __str__(self) -> str:
        return f"{self.target}, {self.kind}: {self.raw[:600]!r}"


# What requests are made of

FORM_TYPE = "application/x-www-form-urlencoded"
PATHS = {"text": "/webhook/sms", "status": "/webhook/sms/status"}
REFUSALS = frozenset(range(400, 500))

# Values as they stand in a form: broken escapes, bytes that are no UTF-8, numbers that are none.
ODD = (
    *("", "%00", "%", "%zz", "%u0041", "+", "%2B", "=", ";", "a=b", "%26", "%0D%0A", "\xff\xfe"),
    *("%FF%FE", "%C3", "%ED%A0%BD", "%ED%A0%BD%ED%B8%80", "%F4%90%80%80", "%EF%BF%BF", "null"),
    *("%7B%7D", "[]", "%27;drop+table+sms_messages;--", "%E2%80%AE", "%F0%9F%8E%88", "STOP"),
)
NUMBERS = (
    *("-1", "0", "007", "1e309", "NaN", "0x10", "1_000", "%D9%A1%D9%A2", "%C2%B2", "32768"),
    *("2147483648", "9" * 18, "9223372036854775808", "-9223372036854775809", "9" * 400),
)
HOSTS = (b"[", b"[::1", b"x:99999", b"x:y", b"x/..", b"a@b", b"x?", b"x#", b"\xff", b"", b"x,y")
LENGTHS = (b"-1", b"+1", b"0x1", b"1e1", b"", b"1, 2", b"9" * 30, b"\xb2", b"1 1", b"5\r\nX: y")
CODINGS = (
    b"chunked",
    b"chunked, chunked",
    b"gzip, chunked",
    b"identity",
    b"xchunked",
    b"\x0bchunked",
)
SIZES = (b"-1", b"f" * 20, b"", b"5;a=b", b"5 ", b"0x5", b"g", b"5;\r")
DIGITS = random.Random(1).randbytes(35_000).hex()
METHODS = (
    *(b"GET", b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PRI"),
    *(b"post", b"", b"P" * 21, b"P\xc3\x96ST", b"PO ST", b"*", b"GET\t", b"X-Y", b"QUERY"),
)
HEADERS = (
    *(b"Expect: 100-continue", b"Expect: y", b"Connection: keep-alive", b"Connection: close"),
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk",
    *(b"X: a\r\n b", b"no colon", b": a", b"X : a", b"X: \x00", b"X: a\rb", b"Host: y", b"A B: c"),
    *(
        b"\r\n".join([b"X-A: " + b"a" * n] * m)
        for n, m in ((1, 1000), (90, 101), (8000, 50), (9000, 1))
    ),
)

# Drawing from strategies that are made anew each time takes most of a run; so these stand here.
hostile = st.one_of(
    st.sampled_from(ODD),
    st.text(max_size=30).map(quote_plus),
    st.binary(max_size=20).map(quote),
    st.floats().map(str),
)
any_number = st.sampled_from(NUMBERS) | hostile
# Repeated characters are compressed by Postgres, hexadecimal digits of chance hardly.
long_text = st.builds(
    lambda unit, length: (unit * (length // len(unit) + 1))[:length],
    st.sampled_from((DIGITS, DIGITS, "x", "%C3%B1", "%F0%9F%8E%88", "%00", "+")),
    st.sampled_from((300, 1600, 3000, 9000, 30000, 70000)),
)
any_value = st.one_of(hostile, hostile, any_number, long_text)
any_text = st.text(max_size=200)
any_noise = st.binary(min_size=1, max_size=8)
any_header = st.one_of(
    st.text(max_size=60).map(str.encode),
    st.binary(max_size=60),
    st.sampled_from((b"", b"=", b"key=,algorithm=HMAC_SHA256", b"a,b", b"\xff")),
).map(lambda raw: re.sub(rb"[\x00-\x1f\x7f]", b"", raw).strip())
any_id = st.uuids().map(str) | st.text(max_size=40).map(lambda text: quote(text, ""))
any_query = st.lists(
    st.tuples(st.sampled_from(("limit", "before_id", "limit", "before_id", "%00")), any_number),
    max_size=3,
)
json_value = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)
any_json = st.just(b"") | json_value.map(lambda value: json.dumps(value).encode()) | st.binary()
any_token = st.from_regex(r"[A-Za-z0-9._~+/=-]{1,60}", fullmatch=True)
any_cuts = st.lists(st.floats(0, 1), max_size=5)


@functools.lru_cache(1000)
def below(limit: int) -> st.SearchStrategy[int]:
    return st.integers(0, limit - 1)


@dataclass(frozen=True)
class Case:
    """What a kind of attack is made from."""

    draw: st.DrawFn
    site: Site
    target: str
    serial: int

    def one_of(self, *options: T) -> T:
        return options[self.below(len(options))]

    def below(self, limit: int) -> int:
        return self.draw(below(limit))


def request(
    path: str, headers: Mapping[str, str | bytes], body: bytes = b"", method: str = "POST"
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1".encode("latin-1")]
    for name, value in {"Host": "x", "Content-Length": str(len(body)), **headers}.items():
        raw = value if isinstance(value, bytes) else value.encode("latin-1")
        lines.append(name.encode("latin-1") + b": " + raw)
    return b"\r\n".join([*lines, b"", body])


def body_of(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[2]


def encode(pairs: Pairs) -> bytes:
    return "&".join(f"{name}={value}" for name, value in pairs).encode("latin-1")


def decode(body: bytes) -> Pairs:
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def first_values(body: bytes) -> dict[str, str]:
    return {name: value for name, value in reversed(decode(body)) if value}


def visible(text: str) -> str:
    """What may stand in a request line."""
    return re.sub(r"[^!-~]", "", text)


def plain_form(case: Case, mark: str) -> Pairs:
    """As Twilio would post it, encoded; `mark` is in its SID and, when forged, in the contact."""
    # Of one length for every serial: Hypothesis wants the same choices to mean the same draws.
    contact = f"+1558{case.serial % 97:07}" if mark == OURS else f"{mark}{case.serial:09}"
    sent = {"MessageSid": f"SM{mark}{case.serial:020}", "AccountSid": case.site.account}
    if case.target == "status":
        word = case.one_of("queued", "sent", "delivered", "undelivered", "🎈")
        said = {
            "From": case.site.number,
            "To": contact,
            "MessageStatus": word,
            "ErrorCode": "30005",
        }
    else:
        body = case.draw(any_text)
        said = {"From": contact, "To": case.site.number, "Body": body, "NumMedia": "0"}
    return [(name, quote_plus(value)) for name, value in {**sent, **said}.items()]


def query_of(case: Case, row: int) -> str:
    if case.target == "text":
        return case.one_of("", "", "?", "?a=%00&a", "?bodySHA256=0", "?token=%FF")
    return "?m=" + visible(case.one_of(str(row), str(row), case.draw(any_number)))


# Changes to a form


def replace_one(case: Case, pairs: Pairs) -> Pairs:
    place = case.below(len(pairs))
    return [*pairs[:place], (pairs[place][0], case.draw(any_value)), *pairs[place + 1 :]]


def drop_one(case: Case, pairs: Pairs) -> Pairs:
    place = case.below(len(pairs))
    return pairs[:place] + pairs[place + 1 :]


def repeat_one(case: Case, pairs: Pairs) -> Pairs:
    return [*pairs, (case.one_of(*pairs)[0], case.draw(any_value))]


def add_unknown(case: Case, pairs: Pairs) -> Pairs:
    return [*pairs, (case.draw(hostile), case.draw(any_value))]


def set_number(case: Case, pairs: Pairs) -> Pairs:
    name = "ErrorCode" if case.target == "status" else case.one_of("NumMedia", "NumSegments")
    return [*((n, v) for n, v in pairs if n != name), (name, case.draw(any_number))]


def set_optional(case: Case, pairs: Pairs) -> Pairs:
    name = case.one_of("OptOutType", "MessagingServiceSid", "ErrorMessage", "SmsSid")
    return [*pairs, (name, case.draw(any_value))]


def add_media(case: Case, pairs: Pairs) -> Pairs:
    url, kind = case.draw(hostile), case.draw(hostile)
    media = [(f"MediaUrl{n}", url) for n in range(case.one_of(1, 10, 90, 150))]
    return [*pairs, *media, ("MediaContentType0", kind), ("NumMedia", case.draw(any_number))]


CHANGES = (
    *(replace_one, replace_one, drop_one, repeat_one),
    *(add_unknown, set_number, set_number, set_optional, add_media),
)


def change(case: Case, pairs: Pairs) -> Pairs:
    for _ in range(1 + case.below(4)):
        if pairs:
            pairs = case.one_of(*CHANGES)(case, pairs)
    return pairs


# Kinds of posts to the webhooks


def is_answered_with(site: Site, target: str, body: bytes) -> int:
    """What the gateway promises for a form that Twilio signed."""
    if len(body) > MAX_BODY or body.count(b"&") >= MAX_FIELDS:
        return 413
    needed = {"text": "From", "status": "MessageStatus"}[target]
    lengths = {name: len(value) for name, value in first_values(body).items()}
    if not 0 < lengths.get("AccountSid", 0) <= MAX_NAME:
        return 400
    if first_values(body)["AccountSid"] != site.account:
        return 403
    is_complete = all(0 < lengths.get(n, 0) <= MAX_NAME for n in ("MessageSid", "To", needed))
    return 200 if is_complete else 400


def signed_post(case: Case, kind: str, query: str, body: bytes) -> Attack:
    site, path = case.site, PATHS[case.target] + query
    # Twilio does not sign a lonely question mark.
    signature = sign(site.url + path.removesuffix("?"), decode(body), site.token)
    status, given = is_answered_with(site, case.target, body), first_values(body)
    is_stored = (case.target, status, given.get("To")) == ("text", 200, site.number)
    sid = given.get("MessageSid", "")
    return Attack(
        case.target,
        kind,
        request(path, {"Content-Type": FORM_TYPE, "X-Twilio-Signature": signature}, body),
        frozenset({status}),
        may_be_cut=len(body) > MAX_BODY,
        sid=sid if is_stored and sid.startswith(f"SM{OURS}") else "",
        body=given.get("Body", "").replace("\0", "\ufffd"),
    )


def signed(case: Case) -> Attack:
    body = encode(plain_form(case, OURS))
    return signed_post(case, "signed", query_of(case, case.site.row), body)


def signed_and_repeated(case: Case) -> Attack:
    return replace(signed(case), kind="signed and repeated", times=2 + case.below(3))


def signed_and_hostile(case: Case) -> Attack:
    pairs = plain_form(case, OURS)
    if case.target == "status" and case.one_of(True, False):
        pairs[0] = ("MessageSid", case.site.sid)
    # The SID stays: the text is looked for by it.
    body = encode([*pairs[:1], *change(case, pairs[1:])])
    return signed_post(case, "signed and hostile", query_of(case, case.site.row), body)


def signed_with_an_odd_sid(case: Case) -> Attack:
    sid = (case.one_of("MessageSid", "MessageSid", "SmsSid", "%00"), case.draw(any_value))
    body = encode([sid, *plain_form(case, OURS)[1:]])
    return signed_post(case, "signed with an odd SID", query_of(case, case.site.row), body)


def signed_and_chunked(case: Case) -> Attack:
    plain = signed(case)
    head, _, body = plain.raw.partition(b"\r\n\r\n")
    head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
    places = [0, *sorted(int(cut * len(body)) for cut in case.draw(any_cuts)), len(body)]
    parts = [body[start:end] for start, end in pairwise(places) if start < end]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return replace(plain, kind="signed and chunked", raw=head + b"\r\n\r\n" + chunks + b"0\r\n\r\n")


def forged_post(case: Case, headers: Mapping[str, str | bytes]) -> bytes:
    pairs = plain_form(case, MARK)
    if case.one_of(True, False):
        pairs = [*pairs[:1], *change(case, pairs[1:])]
    path = PATHS[case.target] + query_of(case, case.site.bystander_row)
    return request(path, {"Content-Type": FORM_TYPE, **headers}, encode(pairs))


def refused(case: Case, kind: str, raw: bytes) -> Attack:
    body = body_of(raw)
    is_large = len(body) > MAX_BODY or body.count(b"&") >= MAX_FIELDS
    # The answer may get lost while the client still writes.
    return Attack(
        case.target, kind, raw, frozenset({413 if is_large else 403}), len(body) > MAX_BODY
    )


def unsigned(case: Case) -> Attack:
    return refused(case, "unsigned", forged_post(case, {}))


def wrongly_signed(case: Case) -> Attack:
    """With another token, for another URL or form, or with no signature at all."""
    raw = forged_post(case, {})
    url = case.site.url + raw.split(b" ", 2)[1].decode().removesuffix("?")
    token, pairs = case.site.token, decode(body_of(raw))
    signature = case.one_of(
        sign(url, pairs, "another token").encode(),
        sign(url, pairs, "").encode(),
        sign(url, pairs, token, "sha256").encode(),
        sign(f"{url}?x", pairs, token).encode(),
        sign(url.replace("http:", "https:"), pairs, token).encode(),
        sign(url, pairs[1:], token).encode(),
        sign(url, [*pairs, ("a", "b")], token).encode(),
        case.draw(any_header),
    )
    headers = b"\r\nX-Twilio-Signature: " + signature
    if case.one_of(True, False):
        headers += b"\r\nX-Twilio-Webhooks-Signature-Settings: " + case.draw(any_header)
    return refused(case, "wrongly signed", raw.replace(b"\r\n\r\n", headers + b"\r\n\r\n", 1))


def of_another_type(case: Case) -> Attack:
    types = ("application/json", "multipart/form-data; boundary=x", "text/plain", "x", "", ";")
    type_ = case.one_of(*(known.encode() for known in types), case.draw(any_header))
    raw = forged_post(case, {"Content-Type": type_})
    is_too_long = len(body_of(raw)) > MAX_BODY
    allowed = frozenset({413 if is_too_long else 415})
    return Attack(case.target, "of another type", raw, allowed, len(raw) > MAX_BODY)


# Kinds of requests that go anywhere: well-formed ones that nobody may make, and then broken


def any_request(case: Case) -> bytes:
    if case.target == "api":
        return request(api_path(case, case.site.bystander), {}, b"{}", case.one_of("GET", "POST"))
    return forged_post(case, {})


def truncated(case: Case) -> Attack:
    raw = any_request(case)
    raw = raw[: case.below(min(len(raw), 1000))]
    # The others wait until the server has had enough, which takes seconds.
    gives_up = b"\r\n\r\n" not in raw or case.below(16) > 0
    return Attack(case.target, "truncated", raw, REFUSALS, True, gives_up)


def of_another_length(case: Case) -> Attack:
    raw = any_request(case)
    known = len(body_of(raw))
    shorter, twice = b"%d" % case.below(known + 1), b"%d\r\nContent-Length: 1" % known
    length = b"Content-Length: " + case.one_of(shorter, shorter, twice, *LENGTHS)
    raw = re.sub(rb"Content-Length: \d+", lambda _: length, raw, count=1)
    return Attack(case.target, "of another length", raw, REFUSALS, True, gives_up=True)


def in_broken_chunks(case: Case) -> Attack:
    head, _, body = any_request(case).partition(b"\r\n\r\n")
    if case.one_of(True, False):  # else with a length as well
        head = re.sub(rb"Content-Length: \d+\r\n", b"", head)
    coding, size = case.one_of(*CODINGS), case.one_of(b"%x" % len(body), *SIZES)
    end = case.one_of(b"\r\n0\r\n\r\n", b"", b"\n0\n\n", b"0\r\nHost: y\r\n\r\n")
    raw = b"%s\r\nTransfer-Encoding: %s\r\n\r\n%s\r\n%s%s" % (head, coding, size, body, end)
    # 501 says that a coding is not known (RFC 9112, 6.1).
    return Attack(case.target, "in broken chunks", raw, REFUSALS | {501}, True, gives_up=True)


def with_an_odd_method(case: Case) -> Attack:
    rest = any_request(case).partition(b" ")[2]
    raw = case.one_of(*METHODS) + b" " + rest
    return Attack(case.target, "with an odd method", raw, REFUSALS, True)


def with_an_odd_path(case: Case) -> Attack:
    method, path, rest = any_request(case).split(b" ", 2)
    plain = path.partition(b"?")[0]
    odd = case.one_of(
        *(plain + b"/", plain + b"/", plain.upper(), b"/" + path, b"/." + path, b"/x/.." + path),
        *(b"*", b"", b"//", b"/%", b"/%ff", b"http://x" + path, b"http://[" + path, b"\\", b"?"),
        *(plain + b"%00", plain.replace(b"s", b"%73") + b"?", b"/" + b"a" * 5000, b"/#"),
        *(path + b"?" + b"a=b&" * 900, b"/" + case.draw(any_header)),
    )
    if case.one_of(True, False):
        rest = rest.replace(b"Host: x", b"Host: " + case.one_of(*HOSTS), 1)
    raw = b" ".join((method, odd, rest))
    return Attack(case.target, "with an odd path", raw, REFUSALS, True)


def with_odd_headers(case: Case) -> Attack:
    first, _, rest = any_request(case).partition(b"\r\n")
    names = (b"Host", b"Content-Type", b"Expect", b"Upgrade", b"Connection", b"", b"\xff")
    lines = [first if case.one_of(True, False) else re.sub(rb"^\w+", b"GET", first)]
    for _ in range(1 + case.below(3)):
        odd = case.one_of(*names) + b": " + case.draw(any_header)
        lines.append(case.one_of(odd, odd, *HEADERS))
    raw = b"\r\n".join([*lines, rest])
    return Attack(case.target, "with odd headers", raw, REFUSALS, True)


def not_http(case: Case) -> Attack:
    raw, bytes_ = any_request(case), case.draw(any_noise)
    place = case.below(min(200, len(raw)))
    version = case.one_of(b"HTTP/9.9", b"HTTP/1.0", b"", b"http/1.1", b"HTTP/1.1 ")
    broken = case.one_of(
        *[raw[:place] + bytes_ + raw[place + len(bytes_) :]] * 3,
        *(raw.replace(b"\r\n", b"\n"), raw.replace(b"HTTP/1.1", version), b"\r\n" * 9 + raw),
        *(bytes_ * 1000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02", raw + raw),
        *(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + raw, b"\0" * 9000, b"a" * 9000),
    )
    return Attack(case.target, "not HTTP", broken, REFUSALS, True, gives_up=True)


# Kinds of requests to the facade


def api_path(case: Case, conversation: str) -> str:
    """Of any of its routes, with a query of any shape."""
    action = case.one_of("stats", "history", "history", "close")
    path = f"/api/sms/conversations/{case.one_of(conversation, case.draw(any_id))}/{action}"
    if action == "stats":
        path = "/api/sms/stats"
    asked = "&".join(f"{name}={value}" for name, value in case.draw(any_query))
    return visible(f"{path}?{asked}" if asked else path)


def api_request(case: Case, conversation: str, authorization: bytes | None) -> bytes:
    path = api_path(case, conversation)
    headers: dict[str, str | bytes] = {"Content-Type": "application/json"}
    if authorization is not None:
        headers["Authorization"] = authorization
    method = "POST" if path.partition("?")[0].endswith("/close") else "GET"
    return request(path, headers, case.draw(any_json), method)


def without_a_token(case: Case) -> Attack:
    authorization = case.one_of(None, b"Basic dTpw", b"Bearer", case.draw(any_header))
    raw = api_request(case, case.site.bystander, authorization)
    return Attack(case.target, "without a token", raw, frozenset({401, 404, 422}))


def with_a_wrong_token(case: Case) -> Attack:
    site = case.site
    claims: dict[str, Any] = jwt.decode(site.session, options={"verify_signature": False})
    token = case.one_of(
        jwt.encode(claims, "another secret, of the same length as a real one"),
        jwt.encode({**claims, "exp": 1}, site.jwt_secret),
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode({**claims, "role": "service_role"}, "0" * 32),
        case.one_of(site.session[:-9], site.session + "a", "a.b.c", "e30.e30.e30", "a" * 7000),
        case.draw(any_token),
    )
    raw = api_request(case, site.bystander, b"Bearer " + token.encode())
    # 400: the Data API may look at the arguments first.
    return Attack(case.target, "with a wrong token", raw, frozenset({400, 401, 404, 422}))


def with_a_session(case: Case) -> Attack:
    raw = api_request(case, case.site.conversation, b"Bearer " + case.site.session.encode())
    return Attack(case.target, "with a session", raw, frozenset({200, 400, 404, 409, 422}))


Kind = Callable[[Case], Attack]
ANYWHERE: tuple[Kind, ...] = (
    *(truncated, of_another_length, in_broken_chunks, with_an_odd_method),
    *(with_an_odd_path, with_odd_headers, not_http),
)
WEBHOOK: tuple[Kind, ...] = (
    *(signed, signed_and_repeated, signed_and_chunked, signed_with_an_odd_sid),
    *(signed_and_hostile,) * 4,
    *(unsigned, unsigned, wrongly_signed, wrongly_signed, of_another_type, *ANYWHERE),
)
KINDS = {
    "text": WEBHOOK,
    "status": WEBHOOK,
    "api": (without_a_token, *(with_a_wrong_token, with_a_session) * 2, *ANYWHERE),
}


@st.composite
def any_attack(draw: st.DrawFn, site: Site, serials: Iterator[int]) -> Attack:
    target = ("text", "text", "status", "api")[draw(below(4))]
    case = Case(draw, site, target, next(serials))
    return case.one_of(*KINDS[target])(case)


def attacks(site: Site, serials: Iterator[int], number: int, chance: int) -> list[Attack]:
    """That many requests; the same `chance` makes the same ones."""
    found: list[Attack] = []

    @seed(chance)
    @settings(
        max_examples=number,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(any_attack(site, serials))
    def find(attack: Attack) -> None:
        found.append(attack)

    find()
    return found


# The driver


@dataclass(frozen=True)
class Plan:
    """How many requests; `chance` decides which."""

    requests: int
    chance: int


@dataclass
class Record:
    """What came of a run: answers by target, kind and status, and every broken promise."""

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    stored: int = 0
    seconds: float = 0.0


class Fuzz:
    """One run: `async with Fuzz.on(stack, plan) as fuzz: record = await fuzz.run()`."""

    def __init__(self, stack: Stack, plan: Plan) -> None:
        self.stack = stack
        self.plan = plan
        self.record = Record()
        self.world = World(stack)
        self.web: Child
        self.site: Site
        self._serials = count(1)

    @classmethod
    @asynccontextmanager
    async def on(cls, stack: Stack, plan: Plan) -> AsyncIterator[Fuzz]:
        fuzz = cls(stack, plan)
        await fuzz.world.settle_in()
        port = fuzz.world.own_port()
        environ = {"PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
        fuzz.web = await stack.start_process("web", environ, log="web.fuzz")
        try:
            await stack.wait_for_web(fuzz.web)
            fuzz.site = await fuzz._survey(environ["PUBLIC_URL"])
            yield fuzz
        finally:
            await fuzz.web.stop()
            await fuzz._clean_up()

    async def run(self) -> Record:
        """Send everything in rounds, and look after each what is stored."""
        started = time.monotonic()
        left, chance = self.plan.requests, self.plan.chance * 10_000
        bystanders = await self._bystanders()
        while left > 0:
            size = min(left, ROUND)
            made = await asyncio.to_thread(attacks, self.site, self._serials, size, chance)
            left, chance = left - len(made), chance + 1
            waiting = iter(made)
            async with asyncio.TaskGroup() as group:
                for _ in range(CONNECTIONS):
                    group.create_task(self._send_all(waiting))
            await self._check_stored(made)
        await self._check_forged()
        if await self._bystanders() != bystanders:
            self._violated("a forged request changed a row")
        await self._check_process()
        self.record.seconds = time.monotonic() - started
        return self.record

    def report(self) -> None:
        record = self.record
        total = sum(record.counts.values())
        print(f"{total} requests, seed {self.plan.chance}: {record.seconds:.0f} s,", end=" ")
        print(f"{record.stored} texts stored, {len(record.violations)} violations")
        for (target, kind, outcome), times in sorted(record.counts.items()):
            print(f"{times:7}  {target:6}  {kind:22}  {outcome}")
        for violation in record.violations[:50]:
            print(f"FAILED {violation}")

    def _violated(self, what: str, attack: object = "") -> None:
        self.record.violations.append(f"{what} {attack}".strip())

    # Sending

    async def _send_all(self, waiting: Iterator[Attack]) -> None:
        for attack in waiting:
            times = [self._send(attack) for _ in range(attack.times)]
            await asyncio.gather(*times)

    async def _send(self, attack: Attack) -> None:
        """Once, and again as Twilio does when the gateway asks for that."""
        for _ in range(TRIES):
            outcome = await self._answer(attack)
            self.record.counts[attack.target, attack.kind, outcome] += 1
            if outcome != "503":
                break
        if outcome == "hangs" or (outcome == "closed" and not attack.may_be_cut):
            self._violated(f"no answer ({outcome}):", attack)
        elif outcome != "closed" and int(outcome) not in attack.allowed:
            self._violated(f"answered with {outcome}:", attack)

    async def _answer(self, attack: Attack) -> str:
        """The status, 'closed' without one, or 'hangs'."""
        host, port = self.site.url.removeprefix("http://").split(":")
        with socket.socket() as client:
            client.setblocking(False)
            try:
                async with asyncio.timeout(HANGS):
                    loop = asyncio.get_running_loop()
                    await loop.sock_connect(client, (host, int(port)))
                    sending = asyncio.create_task(_write(client, attack))
                    heard = await _read(client)
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
            except TimeoutError:
                return "hangs"
        while heard.startswith(b"HTTP/1.1 100"):
            heard = heard.partition(b"\r\n\r\n")[2]
        found = re.match(rb"HTTP/1\.[01] (\d{3}) ", heard)
        return found[1].decode() if found else "closed"

    # What is left

    async def _check_stored(self, made: list[Attack]) -> None:
        """Every text with a SID of its own is one row, and was new in one post."""
        wanted = {attack.sid: attack for attack in made if attack.sid}
        rows = await self.world.rows(
            "select m.message_sid, m.message_content, (select count(*) from sms_webhook_logs l"
            " where l.message_sid = m.message_sid and l.outcome = 'stored') as times"
            " from sms_messages m where m.message_sid = any(%s)",
            list(wanted),
        )
        self.record.stored += len(rows)
        stored = {row["message_sid"]: row for row in rows}
        for sid, attack in wanted.items():
            if sid not in stored:
                self._violated("never stored:", attack)
            elif stored[sid]["times"] != 1:
                self._violated(f"stored {stored[sid]['times']} times:", attack)
            elif stored[sid]["message_content"] != attack.body:
                self._violated("stored with another body:", attack)

    async def _check_forged(self) -> None:
        """No row of any table holds what only forged requests say."""
        tables = await self.world.rows(
            "select schemaname, tablename from pg_tables"
            " where schemaname in ('public', 'sms', 'auth')"
        )
        for table in tables:
            name = sql.Identifier(table["schemaname"], table["tablename"])
            query = sql.SQL("select count(*) from {} as t where t::text like %s").format(name)
            [found] = await self.world.rows(query.as_string(), f"%{MARK}%")
            if found["count"]:
                self._violated(f"forged: {found['count']} rows in {table['tablename']}")

    async def _bystanders(self) -> object:
        """The conversation and the text that forged requests alone have named."""
        return await self.world.rows(
            "select c.status, c.closed_at, m.status as of_the_text, m.message_sid, m.error_code,"
            " (select count(*) from sms_delivery_events e where e.message_id = m.id) as events"
            " from sms_conversations c join sms_messages m on m.conversation_id = c.id"
            " where c.id = %s order by m.id",
            self.site.bystander,
        )

    async def _check_process(self) -> None:
        log = self.web.log.read_text()
        if not self.web.runs or log.count("Booting worker with pid") != 1:
            self._violated("the web process did not survive")
        for line in log.splitlines():
            if "Traceback" in line or '"exception"' in line or "request failed" in line:
                self._violated("logged:", line[:2000])
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(f"{self.site.url}/healthz")
        if answer.status_code != 200:
            self._violated(f"/healthz answers with {answer.status_code}")

    # Before and after

    async def _survey(self, url: str) -> Site:
        stack = self.stack
        keys = Keys.of(stack.folder)
        conversation, row, sid = await self._sent_text("+15570000001")
        bystander, bystander_row, _ = await self._sent_text("+15570000002")
        return Site(
            url=url,
            account=keys.twilio_account_sid,
            token=keys.twilio_auth_token,
            jwt_secret=keys.jwt_secret,
            session=await self._sign_in(),
            number=self.world.number,
            conversation=conversation,
            row=row,
            sid=sid,
            bystander=bystander,
            bystander_row=bystander_row,
        )

    async def _sign_in(self) -> str:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(
                f"{self.stack.proxy.url}/auth/v1/token?grant_type=password",
                headers={"apikey": self.stack.environ["SUPABASE_PUBLISHABLE_KEY"]},
                json={"email": EMAIL, "password": PASSWORD},
            )
        return str(answer.raise_for_status().json()["access_token"])

    async def _sent_text(self, contact: str) -> tuple[str, int, str]:
        """A contact's conversation and in it a text that Twilio has: its id and SID."""
        await self.world.texts_from(contact, "Hola")
        [incoming] = await self.world.messages(contact)
        conversation, sid = incoming["conversation_id"], f"SM{uuid4().hex}"
        [row] = await self.world.rows(
            "insert into sms_messages (conversation_id, user_id, message_content)"
            " values (%s, %s, 'Hola') returning id",
            conversation,
            incoming["user_id"],
        )
        await self.world.rows(
            "update sms_messages set status = 'accepted', message_sid = %s, send_at = null,"
            " sending_at = now() where id = %s",
            sid,
            row["id"],
        )
        return str(conversation), row["id"], sid

    async def _clean_up(self) -> None:
        await self.world.rows(
            "delete from sms_webhook_logs where message_sid like %s or payload ->> 'From' like %s",
            f"SM{OURS}%",
            "+1558%",
        )
        await self.world.rows("delete from sms_configs where id = %s", self.world.config_id)


async def _write(client: socket.socket, attack: Attack) -> None:
    with contextlib.suppress(OSError):
        await asyncio.get_running_loop().sock_sendall(client, attack.raw)
        if attack.gives_up:
            client.shutdown(socket.SHUT_WR)


async def _read(client: socket.socket) -> bytes:
    """Everything up to the end of the connection, however it ends."""
    heard = bytearray()
    with contextlib.suppress(ConnectionError):
        while part := await asyncio.get_running_loop().sock_recv(client, 65536):
            heard += part
    return bytes(heard)


async def _main(requests: int, chance: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder), web=0, worker=0) as stack:
            async with Fuzz.on(stack, Plan(requests, chance)) as fuzz:
                record = await fuzz.run()
            fuzz.report()
            if record.violations:
                raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(_main(given.requests, given.seed))
