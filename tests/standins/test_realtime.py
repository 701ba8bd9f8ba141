"""The local Realtime server speaks as the hosted one does.

Every behaviour on the wire, its test, and where it is written down. "server" is
github.com/supabase/realtime, "phoenix" github.com/phoenixframework/phoenix, "docs" supabase.com/docs.

behaviour                                    | test                                          | source
/socket/websocket, vsn missing is 1.0.0      | test_each_path_and_version_is_served          | server lib/realtime_web/endpoint.ex
other paths and versions are refused         | test_unknown_paths_and_versions_are_refused   | phoenix lib/phoenix/socket.ex
401 {"error": …} for a bad key               | test_a_bad_key_is_refused_with_the_reason     | server user_socket.ex
x-api-key before apikey                      | test_the_header_x_api_key_counts_first        | server user_socket.ex access_token/2
sb_ keys stand for anon and service_role     | test_secret_keys_may_read_every_topic         | docs guides/api/api-keys
refusals come late                           | test_refusals_are_delayed_as_configured       | server CONNECT_/CHANNEL_ERROR_BACKOFF_MS
heartbeat echoes ref, also null              | test_a_heartbeat_is_answered_with_its_ref     | phoenix socket.ex
V1 without join_ref, V2 arrays               | test_replies_have_the_form_of_their_version   | phoenix v1/v2_json_serializer.ex
binary broadcasts, kinds 3 and 4             | test_binary_broadcasts_are_read_and_written   | server socket/v2_serializer.ex
bad frames leave the socket open             | test_a_malformed_frame_is_dropped             | phoenix socket.ex
unmatched topic                              | test_a_topic_nobody_joined_is_unmatched       | phoenix socket.ex
join ok carries postgres_changes             | test_a_join_is_answered_with_no_changes       | server realtime_channel.ex join/3
replication_ready                            | test_who_asks_is_told_that_broadcasts_flow    | server realtime_channel.ex
"realtime:" wants a name                     | test_a_topic_needs_a_name                     | server realtime_channel.ex join/3
what is missing here says so                 | test_what_is_missing_here_is_refused_clearly  | this server's own
private joins ask row level security         | test_users_join_their_own_topic_alone         | server authorization.ex
a role unknown to Postgres reads nothing     | test_a_role_that_does_not_exist_may_read_nothing | server realtime_channel.ex
anonymous joins are refused                  | test_the_publishable_key_joins_neither_topic  | server authorization.ex
error texts of bad tokens in a join          | test_a_join_with_a_bad_token_says_why         | server realtime_channel.ex join/3
public and private are two channels          | test_private_messages_reach_no_public_join    | server Tenants.tenant_topic/3
second join: reply, then close of the first  | test_a_second_join_closes_the_first           | phoenix socket.ex handle_in/4
leave: reply, then close; stale: silence     | test_leaving_is_answered_and_closed           | phoenix socket.ex handle_in/4
access_token: null, same, sb_ are ignored    | test_a_token_that_says_nothing_new_is_ignored | server realtime_channel.ex handle_in/3
access_token: judged anew                    | test_a_token_of_somebody_else_ends_the_channel| server realtime_channel.ex handle_in/3
access_token: a later exp counts             | test_a_new_token_prolongs_the_channel         | server realtime_channel.ex confirm_token/1
expiry: system error, close, socket open     | test_an_expired_token_ends_the_channel_only   | server realtime_channel.ex confirm_token/1
a socket's own key expires too               | test_a_socket_does_not_outlive_its_key        | docs guides/api/api-keys
form of a broadcast from the database        | test_a_sent_row_becomes_a_broadcast           | server message_dispatcher.ex
commit order; rollback is silent             | test_broadcasts_come_in_commit_order          | docs guides/realtime/broadcast
broadcast_changes                            | test_broadcast_changes_sends_the_row          | server priv/repo/tenant_db_dump_15.sql
client broadcasts: ack, self, versions       | test_clients_broadcast_to_each_other          | server broadcast_handler.ex
client broadcasts: INSERT policy             | test_a_client_without_a_policy_cannot_write   | server authorization.ex
missing partition: only a warning            | test_without_a_partition_send_only_warns      | server priv/repo/tenant_db_dump_15.sql
owners and grants of the schema              | test_the_schema_has_hosted_owners_and_grants  | server priv/repo/tenant_db_dump_15.sql
Postgres may go away                         | test_announcing_survives_postgres             | -
a client that reads nothing holds up nobody  | test_a_deaf_client_holds_up_nobody            | server fastlane
a silent client is closed with 1000          | test_a_client_that_sends_nothing_is_closed    | seen on server 2.129.8
users at once; channels of a client          | test_more_users_than_the_plan_has_are_refused | docs guides/realtime/quotas
closes with 1012 when it drains              | test_a_server_that_drains_says_1012           | seen on server 2.129.8
payloads over 3,000 kB are dropped           | test_a_payload_of_more_than_three_megabytes_is_dropped | docs guides/realtime/quotas
odd configs, keys and presence               | test_a_config_that_is_no_map_is_an_unknown_error, and those after it | seen on server 2.129.8
realtime-py                                  | test_realtime_py_receives_announcements       | PyPI realtime 2.34
supabase-js, both versions                   | test_supabase_js_receives_announcements       | npm @supabase/supabase-js 2.119
"""  # noqa: E501

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest
from realtime import AsyncRealtimeClient
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.local.realtime.server import RealtimeServer
from gateway.local.realtime.wire import V2, Frame
from gateway.local.stack import Stack

JWT_SECRET = "a-secret-of-the-local-stack-with-32-bytes-or-more"
PUBLISHABLE = "sb_publishable_for_tests"
SECRET = "sb_secret_for_tests"
TESTS = Path(__file__).parents[1]
WORKER = "realtime:sms:worker"


@asynccontextmanager
async def serving(stack: Stack, **options: Any) -> AsyncIterator[RealtimeServer]:
    async with RealtimeServer(
        stack.postgres_url,
        jwt_secret=JWT_SECRET,
        publishable_key=PUBLISHABLE,
        secret_key=SECRET,
        **options,
    ) as server:
        yield server


@pytest.fixture
async def server(stack: Stack) -> AsyncIterator[RealtimeServer]:
    async with serving(stack) as server:
        yield server


class RawClient:
    """A WebSocket and nothing else; receive() gives what JSON says, or bytes."""

    def __init__(self, socket: ClientConnection, vsn: str) -> None:
        self.socket = socket
        self.vsn = vsn

    async def send(
        self, topic: str, event: str, payload: Any, ref: str | None = "1", join_ref: str = "1"
    ) -> None:
        names = {"join_ref": join_ref, "ref": ref, "topic": topic, "event": event}
        named = {**names, "payload": payload}
        await self.socket.send(json.dumps(named if self.vsn[0] == "1" else list(named.values())))

    async def receive(self) -> Any:
        raw = await asyncio.wait_for(self.socket.recv(), 5)
        return raw if isinstance(raw, bytes) else json.loads(raw)

    async def join(
        self, topic: str, token: str | None = None, ref: str = "1", **config: Any
    ) -> Any:
        """The payload of the reply."""
        payload = {"config": {"private": True, **config}, "access_token": token}
        await self.send(topic, "phx_join", payload, ref, ref)
        reply = await self.receive()
        return reply["payload"] if self.vsn[0] == "1" else reply[4]


@asynccontextmanager
async def client(
    server: RealtimeServer, key: str = PUBLISHABLE, vsn: str = "1.0.0"
) -> AsyncIterator[RawClient]:
    async with connect(f"ws://127.0.0.1:{server.port}{address(key, vsn)}") as socket:
        yield RawClient(socket, vsn)


def address(
    key: str | None, vsn: str | None = "1.0.0", path: str = "/realtime/v1/websocket"
) -> str:
    query = {"apikey": key, "vsn": vsn}
    return f"{path}?" + "&".join(f"{name}={value}" for name, value in query.items() if value)


async def refusal(server: RealtimeServer, path: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{server.port}{path}", **options)
    response = refused.value.response
    return response.status_code, (response.body or b"").decode()


def token(uid: str, lives: float = 3600, secret: str = JWT_SECRET, **claims: Any) -> str:
    about = {"sub": uid, "role": "authenticated", "exp": int(time.time() + lives), **claims}
    return jwt.encode({name: value for name, value in about.items() if value is not None}, secret)


@pytest.fixture
def uid() -> str:
    return str(uuid4())


def topic_of(uid: str) -> str:
    return f"realtime:sms:user:{uid}"


async def send(stack: Stack, topic: str, payload: dict[str, Any], event: str = "message") -> None:
    """Call realtime.send() as the announcing trigger does; `topic` with its prefix."""
    async with await psycopg.AsyncConnection.connect(stack.postgres_url) as connection:
        await send_on(connection, topic, payload, event)


async def send_on(
    connection: psycopg.AsyncConnection,
    topic: str,
    payload: dict[str, Any],
    event: str = "message",
    private: bool = True,
) -> None:
    await connection.execute(
        "select realtime.send(%s, %s, %s, %s)",
        [json.dumps(payload), event, topic.removeprefix("realtime:"), private],
    )


OK = {"status": "ok", "response": {"postgres_changes": []}}


def refused(reason: str) -> dict[str, Any]:
    return {"status": "error", "response": {"reason": reason}}


def system(topic: str, status: str, message: str) -> dict[str, Any]:
    name = topic.removeprefix("realtime:")
    payload = {"extension": "system", "status": status, "message": message, "channel": name}
    return {"event": "system", "payload": payload, "ref": None, "topic": topic}


def closed(topic: str, join_ref: str = "1") -> dict[str, Any]:
    return {"event": "phx_close", "payload": {}, "ref": join_ref, "topic": topic}


# The handshake


@pytest.mark.parametrize("path", ["/realtime/v1/websocket", "/socket/websocket"])
@pytest.mark.parametrize("vsn", [None, "1.0.0", "2.0.0"])
async def test_each_path_and_version_is_served(
    server: RealtimeServer, path: str, vsn: str | None
) -> None:
    url = f"ws://127.0.0.1:{server.port}{address(PUBLISHABLE, vsn, path)}"
    async with connect(url) as socket:
        raw = RawClient(socket, vsn or "1.0.0")
        await raw.send("phoenix", "heartbeat", {})
        assert isinstance(await raw.receive(), list) == (vsn == "2.0.0")


async def test_unknown_paths_and_versions_are_refused(server: RealtimeServer) -> None:
    assert (await refusal(server, address(PUBLISHABLE, "3.0.0")))[0] == 403
    assert (await refusal(server, address(PUBLISHABLE, path="/elsewhere")))[0] == 404


BAD_KEYS = {
    "API key is missing": None,
    "The token provided is not a valid JWT": "sb_secret_of_another_project",
    "Failed to validate JWT signature": token("x", secret="another-secret-with-32-bytes-or-more!"),
    "Token has expired": token("x", lives=-60),
    "Fields `role` and `exp` are required in JWT": token("x", role=None),
}


@pytest.mark.parametrize("reason", BAD_KEYS)
async def test_a_bad_key_is_refused_with_the_reason(server: RealtimeServer, reason: str) -> None:
    status, body = await refusal(server, address(BAD_KEYS[reason]))
    assert (status, json.loads(body)) == (401, {"error": reason})


async def test_the_header_x_api_key_counts_first(server: RealtimeServer) -> None:
    headers = {"x-api-key": "not a token"}
    status, _ = await refusal(server, address(SECRET), additional_headers=headers)
    assert status == 401


async def test_refusals_are_delayed_as_configured(stack: Stack) -> None:
    async with serving(stack, handshake_backoff=0.2, join_backoff=0.2) as server:
        began = time.monotonic()
        await refusal(server, address(None))
        assert time.monotonic() - began >= 0.2

        async with client(server) as anonymous:
            began = time.monotonic()
            await anonymous.join(WORKER)
            assert time.monotonic() - began >= 0.2


# Frames


@pytest.mark.parametrize("ref", ["7", None])
async def test_a_heartbeat_is_answered_with_its_ref(
    server: RealtimeServer, ref: str | None
) -> None:
    async with client(server) as one, client(server, vsn="2.0.0") as two:
        for raw in (one, two):
            await raw.send("phoenix", "heartbeat", {}, ref, None)  # type: ignore[arg-type]
        payload = {"status": "ok", "response": {}}
        expected = {"event": "phx_reply", "payload": payload, "ref": ref, "topic": "phoenix"}
        assert await one.receive() == expected
        assert await two.receive() == [None, ref, "phoenix", "phx_reply", payload]


async def test_replies_have_the_form_of_their_version(server: RealtimeServer) -> None:
    async with client(server, SECRET) as one, client(server, SECRET, "2.0.0") as two:
        for raw in (one, two):
            payload = {"config": {"private": True}}
            await raw.send("realtime:größe", "phx_join", payload, "4", "3")
        expected = {"event": "phx_reply", "payload": OK, "ref": "4", "topic": "realtime:größe"}
        assert await one.receive() == expected
        assert await two.receive() == ["3", "4", "realtime:größe", "phx_reply", OK]


def test_binary_broadcasts_are_read_and_written() -> None:
    wire = V2()
    raw = b'\x03\x01\x01\x0b\x01\x00\x0169realtime:dbe{"a":1}'
    payload = {"event": "e", "payload": {"a": 1}, "type": "broadcast"}
    assert wire.decode(raw) == Frame("realtime:db", "broadcast", payload, "9", "6")
    assert (
        wire.encode_broadcast("realtime:ü", "é", {"a": "ö"}, {"id": "x"})
        == b"\x04\x0b\x02\x0a\x01" + 'realtime:üé{"id":"x"}{"a":"ö"}'.encode()
    )


@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
@pytest.mark.parametrize("raw", ["{", "[]", "7", '{"topic":"phoenix"}', b"\x03\x09", b"\xff", ""])
async def test_a_malformed_frame_is_dropped(
    server: RealtimeServer, vsn: str, raw: str | bytes
) -> None:
    async with client(server, vsn=vsn) as broken:
        await broken.socket.send(raw)
        await broken.send("phoenix", "heartbeat", {}, "still there")
        assert "still there" in json.dumps(await broken.receive())


async def test_a_topic_nobody_joined_is_unmatched(server: RealtimeServer) -> None:
    async with client(server) as stranger:
        for topic, event in [("realtime:x", "access_token"), ("elsewhere", "phx_join")]:
            await stranger.send(topic, event, {})
            assert (await stranger.receive())["payload"] == refused("unmatched topic")


async def test_a_client_that_sends_nothing_is_closed(stack: Stack) -> None:
    async with serving(stack, idle_timeout=0.3) as server, client(server, SECRET) as worker:
        assert await worker.join(WORKER) == OK
        with pytest.raises(ConnectionClosed) as closing:
            await worker.receive()
        assert closing.value.rcvd and closing.value.rcvd.code == 1000


async def test_a_client_that_sends_heartbeats_is_kept(stack: Stack) -> None:
    async with serving(stack, idle_timeout=1.0) as server, client(server, SECRET) as worker:
        began = time.monotonic()
        while time.monotonic() < began + 1.5:
            await worker.send("phoenix", "heartbeat", {})
            assert (await worker.receive())["payload"] == {"status": "ok", "response": {}}


async def test_more_users_than_the_plan_has_are_refused(stack: Stack) -> None:
    async with serving(stack, max_users=1) as server, client(server, SECRET) as worker:
        assert await worker.join(WORKER) == OK
        assert await refusal(server, address(SECRET)) == (
            429,
            '{"error": "Too many connected users"}',
        )


async def test_a_server_that_drains_says_1012(server: RealtimeServer) -> None:
    async with client(server, SECRET) as worker:
        assert await worker.join(WORKER) == OK
        await server.stop()
        with pytest.raises(ConnectionClosed) as closing:
            await worker.receive()
        assert closing.value.rcvd and closing.value.rcvd.code == 1012


# Joining


async def test_a_client_has_a_hundred_channels(server: RealtimeServer) -> None:
    async with client(server, SECRET) as worker:
        for number in range(100):
            assert await worker.join(f"realtime:sms:{number}", private=False) == OK
        reason = "ChannelRateLimitReached: Too many channels"
        assert await worker.join("realtime:sms:100", private=False) == refused(reason)
        await worker.send("realtime:sms:0", "phx_leave", {}, "1", "1")
        await worker.receive(), await worker.receive()
        assert await worker.join("realtime:sms:100", private=False) == OK


async def test_a_join_without_a_config_is_the_old_api(server: RealtimeServer) -> None:
    async with client(server, SECRET) as worker:
        for payload in ({}, {"access_token": SECRET}):
            await worker.send(WORKER, "phx_join", payload)
            reason = (await worker.receive())["payload"]["response"]["reason"]
            assert reason.startswith("NotAvailableLocally: ")


@pytest.mark.parametrize("config", [[], "private", 7, None])
async def test_a_config_that_is_no_map_is_an_unknown_error(
    server: RealtimeServer, config: object
) -> None:
    async with client(server, SECRET) as worker:
        await worker.send(WORKER, "phx_join", {"config": config})
        reason = (await worker.receive())["payload"]["response"]["reason"]
        assert reason.startswith("UnknownErrorOnChannel: no function clause")


async def test_false_as_text_asks_whether_broadcasts_flow(server: RealtimeServer) -> None:
    async with client(server, SECRET) as worker:
        assert await worker.join(WORKER, broadcast={"replication_ready": False}) == OK
        assert await worker.join(WORKER, broadcast={"replication_ready": "false"}) == OK
        assert (await worker.receive())["event"] == "system"


async def test_a_key_as_access_token_counts_before_the_user_token(
    server: RealtimeServer, uid: str
) -> None:
    async with client(server) as user:
        config = {"private": True}
        both = {"config": config, "access_token": PUBLISHABLE, "user_token": token(uid)}
        await user.send(topic_of(uid), "phx_join", both)
        assert (await user.receive())["payload"] == unauthorized(topic_of(uid))
        await user.send(topic_of(uid), "phx_join", {"config": config, "user_token": token(uid)})
        assert (await user.receive())["payload"] == OK


async def test_presence_without_rights_is_an_error(server: RealtimeServer) -> None:
    async with client(server, SECRET) as worker:
        await worker.join(WORKER)
        await worker.send(WORKER, "presence", {"type": "presence", "event": "track"})
        assert (await worker.receive())["payload"]["status"] == "error"


async def test_a_join_is_answered_with_no_changes(server: RealtimeServer) -> None:
    async with client(server, SECRET) as worker:
        assert await worker.join(WORKER, postgres_changes=[None], presence={"enabled": False}) == OK


async def test_who_asks_is_told_that_broadcasts_flow(server: RealtimeServer) -> None:
    async with client(server, SECRET) as worker:
        assert await worker.join(WORKER, broadcast={"replication_ready": True}) == OK
        message = "Replication connection established"
        assert await worker.receive() == system(WORKER, "ok", message)


async def test_a_topic_needs_a_name(server: RealtimeServer) -> None:
    async with client(server, SECRET) as worker:
        reason = "TopicNameRequired: You must provide a topic name"
        assert await worker.join("realtime:") == refused(reason)


@pytest.mark.parametrize(
    ("asked", "config"),
    [
        ("postgres_changes", {"postgres_changes": [{"event": "*", "schema": "public"}]}),
        ("presence", {"presence": {"enabled": "true"}}),
        ("replay", {"broadcast": {"replay": {"since": 0}}}),
    ],
)
async def test_what_is_missing_here_is_refused_clearly(
    server: RealtimeServer, asked: str, config: dict[str, Any]
) -> None:
    async with client(server, SECRET) as worker:
        reason = f"NotAvailableLocally: the local Realtime server has no {asked}"
        assert await worker.join(WORKER, **config) == refused(reason)


def unauthorized(topic: str) -> dict[str, Any]:
    name = topic.removeprefix("realtime:")
    return refused(
        f"Unauthorized: You do not have permissions to read from this Channel topic: {name}"
    )


async def test_users_join_their_own_topic_alone(server: RealtimeServer, uid: str) -> None:
    other = topic_of(str(uuid4()))
    async with client(server) as user:
        assert await user.join(topic_of(uid), token(uid)) == OK
        assert await user.join(other, token(uid)) == unauthorized(other)
        assert await user.join(WORKER, token(uid)) == unauthorized(WORKER)


async def test_a_role_that_does_not_exist_may_read_nothing(
    server: RealtimeServer, uid: str
) -> None:
    async with client(server) as user:
        joined = await user.join(topic_of(uid), token(uid, role="nobody"))
        assert joined == unauthorized(topic_of(uid))


async def test_the_publishable_key_joins_neither_topic(server: RealtimeServer, uid: str) -> None:
    async with client(server) as anonymous:
        for topic in (topic_of(uid), WORKER):
            assert await anonymous.join(topic) == unauthorized(topic)
            assert await anonymous.join(topic, PUBLISHABLE) == unauthorized(topic)


async def test_secret_keys_may_read_every_topic(server: RealtimeServer, uid: str) -> None:
    async with client(server, SECRET) as worker:
        assert await worker.join(WORKER, SECRET) == OK
        assert await worker.join(topic_of(uid)) == OK


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("nonsense", "MalformedJWT: The token provided is not a valid JWT"),
        (
            token("x", secret="another-secret-with-32-bytes-or-more!"),
            "JwtSignatureError: Failed to validate JWT signature",
        ),
        (token("x", role=None), "InvalidJWTToken: Fields `role` and `exp` are required in JWT"),
        # Made when the tests are collected: how long ago that was is not what is asked.
        (token("x", lives=-3600), r"InvalidJWTToken: Token has expired \d{4,} seconds ago"),
    ],
)
async def test_a_join_with_a_bad_token_says_why(
    server: RealtimeServer, bad: str, reason: str
) -> None:
    async with client(server, SECRET) as worker:
        answer = await worker.join(WORKER, bad)
        assert answer["status"] == "error"
        assert re.match(reason, answer["response"]["reason"])


async def test_private_messages_reach_no_public_join(
    stack: Stack, server: RealtimeServer, uid: str
) -> None:
    async with client(server) as public:
        assert await public.join(topic_of(uid), private=False) == OK
        async with await psycopg.AsyncConnection.connect(stack.postgres_url) as connection:
            await send_on(connection, topic_of(uid), {}, "for members")
            await send_on(connection, topic_of(uid), {}, "for all", private=False)
        assert (await public.receive())["payload"]["event"] == "for all"


async def test_a_second_join_closes_the_first(
    stack: Stack, server: RealtimeServer, uid: str
) -> None:
    topic = topic_of(uid)
    async with client(server) as user:
        assert await user.join(topic, token(uid), "1") == OK
        assert await user.join(topic, token(uid), "2") == OK
        assert await user.receive() == closed(topic, "1")

        await send(stack, topic, {"n": 1})
        assert (await user.receive())["event"] == "broadcast"


async def test_leaving_is_answered_and_closed(server: RealtimeServer, uid: str) -> None:
    topic = topic_of(uid)
    async with client(server) as user:
        await user.join(topic, token(uid), "5")
        await user.send(topic, "phx_leave", {}, "6", "4")  # of an earlier join: no answer
        await user.send(topic, "phx_leave", {}, "7", "5")
        left = {"status": "ok", "response": {}}
        assert await user.receive() == {
            "event": "phx_reply",
            "payload": left,
            "ref": "7",
            "topic": topic,
        }
        assert await user.receive() == closed(topic, "5")
        await user.send(topic, "phx_leave", {}, "8")
        assert (await user.receive())["payload"] == left


# Tokens


async def test_a_token_that_says_nothing_new_is_ignored(server: RealtimeServer, uid: str) -> None:
    mine = token(uid)
    async with client(server) as user:
        await user.join(topic_of(uid), mine)
        for said in (None, mine, PUBLISHABLE):
            await user.send(topic_of(uid), "access_token", {"access_token": said})
        await user.send("phoenix", "heartbeat", {})
        assert (await user.receive())["topic"] == "phoenix"


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ("other", "You do not have permissions to read from this Channel topic: "),
        ("broken", "The token provided is not a valid JWT"),
        ("forged", ":signature_error"),
    ],
)
async def test_a_token_of_somebody_else_ends_the_channel(
    server: RealtimeServer, uid: str, theirs: str, message: str
) -> None:
    topic = topic_of(uid)
    forged = jwt.encode({"role": "authenticated", "exp": time.time() + 60}, "x" * 32)
    new = {"other": token(str(uuid4())), "broken": "broken", "forged": forged}[theirs]
    async with client(server) as user:
        await user.join(topic, token(uid))
        await user.send(topic, "access_token", {"access_token": new})
        said = await user.receive()
        assert said == system(topic, "error", said["payload"]["message"])
        assert said["payload"]["message"].startswith(message)
        assert await user.receive() == closed(topic)


async def test_a_new_token_prolongs_the_channel(
    stack: Stack, server: RealtimeServer, uid: str
) -> None:
    topic = topic_of(uid)
    async with client(server) as user:
        await user.join(topic, token(uid, lives=2))
        await user.send(topic, "access_token", {"access_token": token(uid)})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(user.socket.recv(), 2.2)
        await send(stack, topic, {})
        assert (await user.receive())["event"] == "broadcast"


async def test_an_expired_token_ends_the_channel_only(server: RealtimeServer, uid: str) -> None:
    topic = topic_of(uid)
    async with client(server) as user:
        assert await user.join(topic, token(uid, lives=2)) == OK
        message = "Token has expired 0 seconds ago"
        assert await user.receive() == system(topic, "error", message)
        assert await user.receive() == closed(topic)
        assert await user.join(topic, token(uid)) == OK


async def test_a_socket_does_not_outlive_its_key(stack: Stack) -> None:
    async with serving(stack, key_lifetime=0.5) as server, client(server, SECRET) as worker:
        assert await worker.join(WORKER, SECRET) == OK
        assert (await worker.receive())["event"] == "system"
        assert await worker.receive() == closed(WORKER)
        reason = "InvalidJWTToken: Token has expired 0 seconds ago"
        assert await worker.join(WORKER, SECRET) == refused(reason)


# Broadcasts


async def test_a_sent_row_becomes_a_broadcast(
    stack: Stack, server: RealtimeServer, uid: str
) -> None:
    topic = topic_of(uid)
    async with client(server) as one, client(server, vsn="2.0.0") as two:
        for user in (one, two):
            assert await user.join(topic, token(uid)) == OK

        await send(stack, topic, {"n": 1})
        got = await one.receive()
        meta = got["payload"]["meta"]
        payload = {"n": 1, "id": meta["id"]}
        said = {"event": "message", "type": "broadcast", "meta": meta, "payload": payload}
        assert got == {"event": "broadcast", "payload": said, "ref": None, "topic": topic}
        assert await two.receive() == V2().encode_broadcast(topic, "message", payload, meta)

        await send(stack, topic, {"id": "its own"})
        said = (await one.receive())["payload"]
        assert said["payload"] == {"id": "its own"} != said["meta"]


async def test_a_payload_of_more_than_three_megabytes_is_dropped(
    stack: Stack, server: RealtimeServer, uid: str
) -> None:
    topic = topic_of(uid)
    async with client(server) as user:
        assert await user.join(topic, token(uid)) == OK
        await send(stack, topic, {"much": "x" * 3_000_000})
        await send(stack, topic, {"much": "x" * 10_000})
        assert len((await user.receive())["payload"]["payload"]["much"]) == 10_000


async def test_broadcasts_come_in_commit_order(
    stack: Stack, server: RealtimeServer, uid: str
) -> None:
    topic = topic_of(uid)
    open_connection = psycopg.AsyncConnection.connect
    async with client(server) as user:
        await user.join(topic, token(uid))
        async with (
            await open_connection(stack.postgres_url) as first,
            await open_connection(stack.postgres_url) as second,
            await open_connection(stack.postgres_url) as third,
        ):
            await send_on(first, topic, {}, "inserted first")
            await send_on(third, topic, {}, "rolled back")
            await send_on(second, topic, {}, "inserted last")
            await third.rollback()
            await second.commit()
            await first.commit()
        events = [(await user.receive())["payload"]["event"] for _ in range(2)]
        assert events == ["inserted last", "inserted first"]


async def test_broadcast_changes_sends_the_row(
    stack: Stack, server: RealtimeServer, uid: str
) -> None:
    async with client(server) as user:
        await user.join(topic_of(uid), token(uid))
        async with await psycopg.AsyncConnection.connect(stack.postgres_url) as connection:
            await connection.execute(
                f"""
                create temp table notes (n int);
                create function pg_temp.announce() returns trigger language plpgsql as $$
                begin
                    perform realtime.broadcast_changes(
                        'sms:user:{uid}', tg_op, tg_op, tg_table_name, 'x', new, old);
                    return null;
                end $$;
                create trigger announce after insert on notes
                    for each row execute function pg_temp.announce();
                insert into notes values (7);
                """  # noqa: S608
            )
        said = (await user.receive())["payload"]
        row = {"operation": "INSERT", "schema": "x", "table": "notes", "record": {"n": 7}}
        expected = {**row, "old_record": None, "id": said["meta"]["id"]}
        assert (said["event"], said["payload"]) == ("INSERT", expected)


async def test_clients_broadcast_to_each_other(server: RealtimeServer, uid: str) -> None:
    topic = topic_of(uid)
    echoing = {"ack": True, "self": True}
    async with client(server) as one, client(server, SECRET, "2.0.0") as two:
        assert await one.join(topic, private=False, broadcast=echoing) == OK
        assert await two.join(topic, private=False) == OK

        said = {"type": "broadcast", "event": "typing", "payload": {"a": 1}}
        await one.send(topic, "broadcast", said, "2")
        assert await two.receive() == V2().encode_broadcast(topic, "typing", {"a": 1}, {})
        assert (await one.receive())["payload"] == said
        assert (await one.receive())["ref"] == "2"

        sizes = bytes([3, 1, 1, len(topic), 6, 0, 1])
        await two.socket.send(sizes + f'12{topic}typing{{"a":1}}'.encode())
        assert (await one.receive())["payload"] == said


async def test_a_client_without_a_policy_cannot_write(
    stack: Stack, server: RealtimeServer, uid: str
) -> None:
    topic = topic_of(uid)
    async with client(server) as user, client(server, SECRET) as worker:
        for member in (user, worker):
            await member.join(topic, token(uid) if member is user else None)
        await user.send(topic, "broadcast", {"event": "mine", "payload": {}})
        await worker.send(topic, "broadcast", {"event": "of the service role", "payload": {}})
        assert (await user.receive())["payload"]["event"] == "of the service role"
        await send(stack, topic, {}, "the only one")
        assert (await worker.receive())["payload"]["event"] == "the only one"


# The database


async def test_without_a_partition_send_only_warns(stack: Stack, uid: str) -> None:
    async with await psycopg.AsyncConnection.connect(stack.postgres_url) as connection:
        warnings: list[str] = []
        connection.add_notice_handler(lambda notice: warnings.append(notice.message_primary or ""))
        await connection.execute("set timezone = 'UTC'; set lock_timeout = '5s'")
        today = time.strftime("%Y_%m_%d", time.gmtime())
        await connection.execute(f"drop table realtime.messages_{today}")
        await send_on(connection, topic_of(uid), {})
        await connection.rollback()
    assert warnings == [
        'WarnSendingBroadcastMessage: no partition of relation "messages" found for row'
    ]


async def test_the_schema_has_hosted_owners_and_grants(stack: Stack) -> None:
    async with await psycopg.AsyncConnection.connect(stack.postgres_url) as connection:
        found = await connection.execute(
            """
            select p.proname, pg_get_function_identity_arguments(p.oid), p.prosecdef
            from pg_proc p join pg_roles o on o.oid = p.proowner
            where p.pronamespace = 'realtime'::regnamespace
                and o.rolname = 'supabase_realtime_admin' order by 1
            """
        )
        assert await found.fetchall() == [
            (
                "broadcast_changes",
                "topic_name text, event_name text, operation text, table_name text, "
                "table_schema text, new record, old record, level text",
                False,
            ),
            ("send", "payload jsonb, event text, topic text, private boolean", False),
            ("topic", "", False),
        ]
        found = await connection.execute(
            """
            select role, has_schema_privilege(role, 'realtime', 'usage'),
                has_schema_privilege(role, 'realtime', 'create'),
                has_table_privilege(role, 'realtime.messages', 'select'),
                has_table_privilege(role, 'realtime.messages', 'insert'),
                has_table_privilege(role, 'realtime.messages', 'delete')
            from unnest(array['anon', 'authenticated', 'service_role']) role
            """
        )
        assert [row[1:] for row in await found.fetchall()] == [(True, False, True, True, False)] * 3
        found = await connection.execute(
            """
            select relrowsecurity, relforcerowsecurity, pg_get_userbyid(relowner), relkind,
                pg_has_role('postgres', relowner, 'usage'),
                has_schema_privilege('postgres', 'realtime', 'create')
            from pg_class where oid = 'realtime.messages'::regclass
            """
        )
        owner = "supabase_realtime_admin"
        assert await found.fetchone() == (True, False, owner, "p", True, False)


async def test_announcing_survives_postgres(stack: Stack, server: RealtimeServer, uid: str) -> None:
    topic = topic_of(uid)
    async with client(server) as user:
        await user.join(topic, token(uid))
        async with await psycopg.AsyncConnection.connect(stack.postgres_url) as connection:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where query = 'listen realtime_messages' order by backend_start desc limit 1"
            )

        async def receives() -> None:
            while True:
                await send(stack, topic, {})
                try:
                    await asyncio.wait_for(user.socket.recv(), 0.2)
                    return
                except TimeoutError:
                    continue

        await asyncio.wait_for(receives(), 10)


async def test_a_deaf_client_holds_up_nobody(
    stack: Stack, server: RealtimeServer, uid: str
) -> None:
    topic = topic_of(uid)
    async with client(server) as deaf, client(server) as user:
        for member in (deaf, user):
            await member.join(topic, token(uid))
        deaf.socket.transport.pause_reading()
        for n in range(20):
            await send(stack, topic, {"n": n, "long": "x" * 200_000})
            assert (await user.receive())["payload"]["payload"]["n"] == n
        deaf.socket.transport.abort()


# Real clients, signed in over Auth, through the proxy


@dataclass(frozen=True)
class User:
    email: str
    uid: str
    token: str

    @property
    def topic(self) -> str:
        return f"sms:user:{self.uid}"


PASSWORD = "a-password-for-tests"


async def sign_up(stack: Stack) -> User:
    email = f"{uuid4()}@example.com"
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{stack.proxy.url}/auth/v1/signup",
            headers={"apikey": stack.environ["SUPABASE_PUBLISHABLE_KEY"]},
            json={"email": email, "password": PASSWORD},
        )
    session = answer.raise_for_status().json()
    return User(email, session["user"]["id"], session["access_token"])


async def test_realtime_py_receives_announcements(stack: Stack) -> None:
    mine, other = await sign_up(stack), await sign_up(stack)
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def join(topic: str) -> str:
        """The first state, with its error."""
        config: Any = {"private": True}
        channel = listener.channel(topic, {"config": config})
        channel.on_broadcast("*", heard.put_nowait)
        states: list[str] = []
        await channel.subscribe(lambda state, error: states.append(f"{state.value} {error}"))
        return states[0]

    key = stack.environ["SUPABASE_PUBLISHABLE_KEY"]
    listener = AsyncRealtimeClient(f"{stack.proxy.url}/realtime/v1", key)
    try:
        for topic in (mine.topic, "sms:worker"):
            assert "You do not have permissions" in await join(topic)
        await listener.remove_all_channels()

        await listener.set_auth(mine.token)
        for topic in (other.topic, "sms:worker"):
            assert "You do not have permissions" in await join(topic)
        assert await join(mine.topic) == "SUBSCRIBED None"

        await send(stack, other.topic, {"message_id": 1})
        await send(stack, mine.topic, {"message_id": 2})
        assert (await asyncio.wait_for(heard.get(), 5))["payload"]["message_id"] == 2
    finally:
        await listener.remove_all_channels()


class SupabaseJs:
    """tests/js/listen.mjs: supabase-js in Node.js, unchanged."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    @asynccontextmanager
    async def started(cls, stack: Stack, vsn: str) -> AsyncIterator[SupabaseJs]:
        parts, key = stack.lite.binaries, stack.environ["SUPABASE_PUBLISHABLE_KEY"]
        process = await asyncio.create_subprocess_exec(
            *(parts.node, TESTS / "js/listen.mjs", parts.folder, stack.proxy.url, key, vsn),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield cls(process)
        finally:
            process.kill()
            await process.communicate()

    async def run(self, *command: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()

    async def tells(self, name: str, topic: str | None = None) -> Any:
        """The next happening of that name, on that topic."""
        assert self._process.stdout
        while True:
            line = await asyncio.wait_for(self._process.stdout.readline(), 10)
            happened = json.loads(line)
            if name in happened and happened.get("topic") == topic:
                return happened[name]


@pytest.mark.parametrize("vsn", ["1.0.0", "2.0.0"])
async def test_supabase_js_receives_announcements(stack: Stack, vsn: str) -> None:
    mine, other = await sign_up(stack), await sign_up(stack)
    accepted = len(stack.realtime.accepted)
    async with SupabaseJs.started(stack, vsn) as client:
        for topic in (other.topic, "sms:worker"):
            await client.run("join", topic)
            assert await client.tells("status", topic) == "CHANNEL_ERROR"

        await client.run("sign_in", mine.email, PASSWORD)
        assert await client.tells("signed_in")
        for topic in (other.topic, "sms:worker"):
            assert await client.tells("status", topic) == "CHANNEL_ERROR"
        await client.run("join", mine.topic)
        assert await client.tells("status", mine.topic) == "SUBSCRIBED"

        await send(stack, other.topic, {"message_id": 1})
        await send(stack, mine.topic, {"message_id": 2})
        assert (await client.tells("broadcast", mine.topic))["payload"]["message_id"] == 2
        assert len(stack.realtime.accepted) == accepted + 1
        assert await client.tells("heartbeat") == "sent"
        assert await client.tells("heartbeat") == "ok"

        stack.realtime.drop()
        assert await client.tells("status", mine.topic) == "CHANNEL_ERROR"
        assert await client.tells("status", mine.topic) == "SUBSCRIBED"
        await client.run("leave", mine.topic)
        assert await client.tells("left", mine.topic) == "ok"


async def test_a_join_after_a_restart_of_postgres_is_answered(stack: Stack) -> None:
    """The server's own connection ended meanwhile, and it does not know it yet."""
    mine = await sign_up(stack)
    key = stack.environ["SUPABASE_PUBLISHABLE_KEY"]
    listener = AsyncRealtimeClient(f"{stack.proxy.url}/realtime/v1", key)

    async def join(topic: str) -> str:
        states: list[str] = []
        channel = listener.channel(topic, {"config": {"private": True}})  # type: ignore[arg-type]
        await channel.subscribe(lambda state, error: states.append(f"{state.value} {error}"))
        return states[0]

    try:
        assert "You do not have permissions" in await join(mine.topic)
        asking = stack.realtime.messages.connection
        assert asking
        async with stack.postgres.connect() as database:
            await database.execute("select pg_terminate_backend(%s)", [asking.info.backend_pid])
        assert "You do not have permissions" in await join("sms:worker")
    finally:
        await listener.close()
