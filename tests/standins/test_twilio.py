"""The Twilio stand-in, driven by Twilio's own client over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import httpx2
import pytest
from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]
from twilio.http.async_http_client import AsyncTwilioHttpClient  # type: ignore[import-untyped]
from twilio.request_validator import RequestValidator, get_signature_algorithm  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from gateway.local.standins.twilio import Step, Twilio, create_twilio
from gateway.local.testserver import Events, serve

# Twilio's asynchronous client passes its credentials in a way that aiohttp 4 will not know.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(BasicAuth|The 'auth' parameter) is deprecated:DeprecationWarning"
)

ACCOUNT, TOKEN = "AC" + "0" * 32, "local_auth_token"
KEY, KEY_SECRET = "SK" + "1" * 32, "local_key_secret"
SERVICE = "MG" + "2" * 32
OURS, POOLED, CONTACT = "+15550001111", "+15550002222", "+15557654321"
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


@dataclass
class Webhook:
    """A web process that records what it is posted; `answers` are used up before the 200s."""

    url: str = ""
    posts: list[tuple[Request, dict[str, str]]] = field(default_factory=list)
    answers: list[Response | float] = field(default_factory=list)  # float: seconds of silence
    events: Events = field(default_factory=Events)

    async def receive(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        self.posts.append((request, form))
        self.events.add("posted")
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = None
        return answer or Response(EMPTY_TWIML, media_type="text/xml")

    def statuses(self) -> list[str]:
        return [form["MessageStatus"] for _, form in self.posts]


@pytest.fixture(scope="module")
async def servers() -> AsyncIterator[tuple[Twilio, str, Webhook]]:
    twilio = create_twilio(
        ACCOUNT,
        TOKEN,
        numbers=[OURS],
        services={SERVICE: [POOLED]},
        api_keys={KEY: KEY_SECRET},
        latency=0,
        delivery_delay=0,
    )
    webhook = Webhook()
    routes = [Route("/{path:path}", webhook.receive, methods=["POST"])]
    async with serve(twilio) as url, serve(Starlette(routes=routes)) as webhook.url:
        yield twilio, url, webhook


@pytest.fixture
def webhook(servers: tuple[Twilio, str, Webhook]) -> Webhook:
    servers[2].posts.clear()
    servers[2].answers.clear()
    return servers[2]


@pytest.fixture
def twilio(servers: tuple[Twilio, str, Webhook], webhook: Webhook) -> Twilio:
    twilio = servers[0]
    twilio.reset()
    twilio.latency = twilio.delivery_delay = twilio.listing_delay = 0
    twilio.is_trial, twilio.lists_bodies, twilio.replies_to_opt_words = False, True, True
    twilio.webhooks.shared_key = None
    for number in twilio.numbers.values():
        number.sms_url = f"{webhook.url}/webhook/sms"
    return twilio


@pytest.fixture
def url(servers: tuple[Twilio, str, Webhook]) -> str:
    return servers[1]


@pytest.fixture
async def client(twilio: Twilio, url: str) -> AsyncIterator[Client]:
    async with connect(url, ACCOUNT, TOKEN) as client:
        yield client


class connect:
    """Twilio's client, pointed at the stand-in, closed at the end."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.http = AsyncTwilioHttpClient()
        self.client = Client(user, password, ACCOUNT, http_client=self.http)
        self.client.api.base_url = url

    async def __aenter__(self) -> Client:
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.http.close()


async def send(client: Client, to: str = CONTACT, body: str = "Hola", **options: Any) -> Any:
    options.setdefault("from_", OURS)
    return await client.messages.create_async(to=to, body=body, **options)


async def refusal(client: Client, **options: Any) -> TwilioRestException:
    with pytest.raises(TwilioRestException) as caught:
        await send(client, **options)
    return caught.value


def validator(name: str) -> OAS30Validator:
    path = Path(__file__).parents[1] / "data" / "twilio_messages_openapi_subset.json"
    document = json.loads(path.read_text())
    registry = Registry().with_resource("urn:twilio", DRAFT4.create_resource(document))
    return OAS30Validator({"$ref": f"urn:twilio#{name}"}, registry=registry)


MESSAGE = "/components/schemas/api.v2010.account.message"
LISTING = (
    "/paths/~12010-04-01~1Accounts~1{AccountSid}~1Messages.json/get/responses/200"
    "/content/application~1json/schema"
)


@pytest.fixture
async def http(url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """The API without Twilio's client in between."""
    async with httpx2.AsyncClient(base_url=url, auth=(ACCOUNT, TOKEN), trust_env=False) as http:
        yield http


MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"

# Sending


async def test_a_text_is_accepted_as_queued_and_then_delivered(
    twilio: Twilio, client: Client
) -> None:
    message = await send(client, validity_period=600)

    assert (message.status, message.num_segments, message.direction) == (
        "queued",
        "1",
        "outbound-api",
    )
    await twilio.events.until(lambda: twilio.sent[0].status == "delivered")
    fetched = await client.messages(message.sid).fetch_async()
    assert (fetched.status, fetched.price, fetched.price_unit) == ("delivered", "-0.00830", "USD")
    assert twilio.sent[0].params["ValidityPeriod"] == "600"


async def test_a_service_answers_accepted_without_sender_and_segments(
    twilio: Twilio, client: Client
) -> None:
    message = await send(client, from_=None, messaging_service_sid=SERVICE)

    assert (message.status, message.from_, message.num_segments) == ("accepted", None, "0")
    await twilio.events.until(lambda: twilio.sent[0].status == "delivered")
    assert (twilio.sent[0].from_, twilio.sent[0].num_segments) == (POOLED, 1)


async def test_every_body_fits_twilios_description(
    twilio: Twilio, http: httpx2.AsyncClient
) -> None:
    twilio.deliver_as("undelivered", times=1)
    for form in ({"From": OURS}, {"MessagingServiceSid": SERVICE}):
        created = await http.post(MESSAGES, data={"To": CONTACT, "Body": "Hola", **form})
        assert created.status_code == 201
        validator(MESSAGE).validate(created.json())
    await twilio.receive(CONTACT, OURS, "", media=[("https://example.com/a.jpg", "image/jpeg")])
    await twilio.events.until(
        lambda: [m.status for m in twilio.sent] == ["undelivered", "delivered"]
    )

    listing = (await http.get(MESSAGES)).json()
    validator(LISTING).validate(listing)
    assert len(listing["messages"]) == 3
    for message in listing["messages"]:
        fetched = await http.get(message["uri"])
        validator(MESSAGE).validate(fetched.json())


async def test_a_body_that_does_not_fit_the_description_is_noticed() -> None:
    assert not validator(MESSAGE).is_valid({"status": "on its way"})
    assert not validator(MESSAGE).is_valid({"num_segments": 1})


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"to": "5551234"}, 21211),
        ({"to": "+15005550001"}, 21211),
        ({"to": "+15005550002"}, 21612),
        ({"to": "+15005550003"}, 21408),
        ({"to": "+15005550004"}, 21610),
        ({"to": "+15005550009"}, 21614),
        ({"from_": "+15005550001"}, 21212),
        ({"from_": "+15005550007"}, 21606),
        ({"from_": "+15005550008"}, 21611),
        ({"from_": "+15559990000"}, 21606),
        ({"from_": None}, 21603),
        ({"from_": None, "messaging_service_sid": "MG" + "9" * 32}, 21703),
        ({"to": OURS}, 21266),
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"status_callback": "nowhere"}, 21609),
    ],
)
async def test_a_wrong_text_is_refused_with_twilios_code(
    twilio: Twilio, client: Client, options: dict[str, str], code: int
) -> None:
    error = await refusal(client, **options)

    assert (error.status, error.code) == (400, code)
    assert twilio.sent == []


async def test_the_longest_text_and_the_magic_sender_pass(twilio: Twilio, client: Client) -> None:
    await send(client, body="x" * 1600, from_="+15005550006")
    assert twilio.sent[0].num_segments == 11


async def test_an_error_body_has_twilios_four_fields(http: httpx2.AsyncClient) -> None:
    answer = await http.post(MESSAGES, data={"To": CONTACT, "From": OURS})
    assert answer.json() == {
        "code": 21602,
        "message": "Message body is required.",
        "more_info": "https://www.twilio.com/docs/errors/21602",
        "status": 400,
    }


async def test_a_trial_account_puts_its_sentence_first(twilio: Twilio, client: Client) -> None:
    twilio.is_trial = True
    message = await send(client, body="Hola")
    assert message.body == "Sent from your Twilio trial account - Hola"


# Who may ask


@pytest.mark.parametrize(
    "credentials", [(ACCOUNT, "wrong"), ("AC" + "9" * 32, TOKEN), (KEY, TOKEN), ("", "")]
)
async def test_wrong_credentials_are_refused(
    twilio: Twilio, url: str, credentials: tuple[str, str]
) -> None:
    async with httpx2.AsyncClient(auth=credentials, trust_env=False) as http:
        answer = await http.post(url + MESSAGES, data={"To": CONTACT})
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)
    assert answer.json()["message"] == "Authenticate"


async def test_an_api_key_may_send_but_not_read_the_account(twilio: Twilio, url: str) -> None:
    async with connect(url, KEY, KEY_SECRET) as client:
        await send(client)
        with pytest.raises(TwilioRestException) as caught:
            await client.api.accounts(ACCOUNT).fetch_async()
    assert (caught.value.status, caught.value.code) == (401, 20003)


async def test_the_account_is_read_with_its_token(twilio: Twilio, client: Client) -> None:
    account = await client.api.accounts(ACCOUNT).fetch_async()
    assert (account.status, account.type) == ("active", "Full")


# Numbers


async def test_a_numbers_webhook_is_found_and_changed(twilio: Twilio, client: Client) -> None:
    found = await client.incoming_phone_numbers.list_async(phone_number=OURS)
    assert [n.phone_number for n in found] == [OURS]

    address = "https://sms.example.com/webhook/sms#rc=5&rp=all"
    await client.incoming_phone_numbers(found[0].sid).update_async(
        sms_url=address, sms_method="POST", status_callback="https://sms.example.com/status"
    )

    changed = await client.incoming_phone_numbers(found[0].sid).fetch_async()
    assert (changed.sms_url, changed.sms_method) == (address, "POST")
    assert changed.status_callback == "https://sms.example.com/status"


async def test_what_does_not_exist_is_not_found(twilio: Twilio, client: Client) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await client.incoming_phone_numbers("PN" + "9" * 32).fetch_async()
    assert (caught.value.status, caught.value.code) == (404, 20404)
    with pytest.raises(TwilioRestException) as caught:
        await client.messages("SM" + "9" * 32).fetch_async()
    assert (caught.value.status, caught.value.code) == (404, 20404)


# Listing


async def test_a_listing_is_newest_first_and_filtered(twilio: Twilio, client: Client) -> None:
    for number in range(3):
        await twilio.receive(f"+1555000000{number}", OURS, f"text {number}", post=False)
    await send(client)

    to_us = await client.messages.list_async(to=OURS)
    assert [m.body for m in to_us] == ["text 2", "text 1", "text 0"]
    assert [m.direction for m in to_us] == ["inbound"] * 3
    from_us = await client.messages.list_async(from_=OURS, to=CONTACT)
    assert [m.body for m in from_us] == ["Hola"]


async def test_a_listing_pages_without_shifting_when_texts_arrive(
    twilio: Twilio, client: Client
) -> None:
    for number in range(5):
        await twilio.receive(CONTACT, OURS, str(number), post=False)

    first = await client.messages.page_async(to=OURS, page_size=2)
    await twilio.receive(CONTACT, OURS, "late", post=False)
    second = await first.next_page_async()
    assert second is not None
    third = await second.next_page_async()

    assert third is not None
    assert [m.body for m in [*first, *second, *third]] == ["4", "3", "2", "1", "0"]
    assert third.next_page_url is None


async def test_a_listing_gives_at_most_1000_a_page(http: httpx2.AsyncClient) -> None:
    answer = await http.get(MESSAGES, params={"PageSize": 1001})
    assert (answer.status_code, answer.json()["code"]) == (400, 20007)


async def test_a_listing_is_cut_by_the_time_of_sending(twilio: Twilio, client: Client) -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    for hours in range(4):
        await twilio.receive(
            CONTACT, OURS, str(hours), post=False, at=noon - timedelta(hours=hours)
        )

    since = await client.messages.list_async(to=OURS, date_sent_after=noon - timedelta(hours=2))
    until = await client.messages.list_async(to=OURS, date_sent_before=noon - timedelta(hours=2))
    day = await client.messages.list_async(to=OURS, date_sent=noon.date())

    assert [m.body for m in since] == ["0", "1", "2"]
    assert [m.body for m in until] == ["2", "3"]
    assert len(day) == 4


async def test_a_text_that_is_not_sent_yet_matches_no_date(twilio: Twilio, client: Client) -> None:
    twilio.deliver_as("never")
    await send(client)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert await client.messages.list_async(to=CONTACT, date_sent_after=yesterday) == []
    assert len(await client.messages.list_async(to=CONTACT)) == 1


async def test_a_listing_may_be_late_and_may_hide_bodies(twilio: Twilio, client: Client) -> None:
    await send(client)
    twilio.listing_delay, twilio.lists_bodies = 60, False
    assert await client.messages.list_async() == []
    twilio.listing_delay = 0
    assert [m.body for m in await client.messages.list_async()] == [""]


# Status callbacks


async def sent_with_callback(client: Client, webhook: Webhook) -> Any:
    return await send(client, status_callback=f"{webhook.url}/status?m=7")


async def test_a_callback_is_signed_with_its_query(
    twilio: Twilio, client: Client, webhook: Webhook
) -> None:
    message = await sent_with_callback(client, webhook)
    await twilio.events.until(lambda: twilio.sent[0].status == "delivered")
    await webhook.events.until(lambda: len(webhook.posts) == 2)

    assert webhook.statuses() == ["sent", "delivered"]
    request, form = webhook.posts[1]
    assert request.query_params["m"] == "7"
    assert (form["MessageSid"], form["To"], form["From"]) == (message.sid, CONTACT, OURS)
    assert "RawDlrDoneDate" in form
    assert RequestValidator(TOKEN).validate(
        f"{webhook.url}/status?m=7", form, request.headers["X-Twilio-Signature"]
    )


@pytest.mark.parametrize(
    ("delivery", "statuses", "end"),
    [
        ("sent", ["sent"], "sent"),
        ("out_of_order", ["delivered", "sent"], "delivered"),
        ("duplicated", ["sent", "sent", "delivered", "delivered", "delivered"], "delivered"),
        ("contradictory", ["sent", "delivered", "undelivered", "failed"], "delivered"),
        ("undelivered", ["sent", "undelivered"], "undelivered"),
        ("failed", ["failed"], "failed"),
        ("lost", [], "delivered"),
    ],
)
async def test_a_delivery_goes_as_scripted(
    twilio: Twilio,
    client: Client,
    webhook: Webhook,
    delivery: str,
    statuses: list[str],
    end: str,
) -> None:
    twilio.deliver_as(delivery)
    await sent_with_callback(client, webhook)
    await twilio.events.until(lambda: twilio.sent[0].status == end)
    await webhook.events.until(lambda: len(webhook.posts) == len(statuses))
    assert webhook.statuses() == statuses


async def test_a_failed_delivery_says_why(twilio: Twilio, client: Client, webhook: Webhook) -> None:
    twilio.deliver_as([Step("undelivered", 30007)])
    message = await sent_with_callback(client, webhook)
    await webhook.events.until(lambda: len(webhook.posts) == 1)
    assert webhook.posts[0][1]["ErrorCode"] == "30007"
    assert (await client.messages(message.sid).fetch_async()).error_code == 30007


async def test_a_script_is_for_one_contact_and_runs_out(
    twilio: Twilio, client: Client, webhook: Webhook
) -> None:
    twilio.deliver_as("failed", match="0002", times=1)
    for to in ("+15550000001", "+15550000002", "+15550000002"):
        await send(client, to=to)
    await twilio.events.until(
        lambda: [m.status for m in twilio.sent] == ["delivered", "failed", "delivered"]
    )


# Incoming texts


async def test_an_incoming_text_is_posted_signed_with_twilios_parameters(
    twilio: Twilio, webhook: Webhook
) -> None:
    receipt = await twilio.receive(CONTACT, OURS, "¿Qué tal? 👋 a&b=c")

    assert (receipt.status, receipt.body, receipt.error) == (200, EMPTY_TWIML, None)
    request, form = webhook.posts[0]
    assert form["Body"] == "¿Qué tal? 👋 a&b=c"
    assert form["MessageSid"] == form["SmsSid"] == form["SmsMessageSid"] == receipt.sid
    assert (form["From"], form["To"], form["AccountSid"]) == (CONTACT, OURS, ACCOUNT)
    assert (form["SmsStatus"], form["NumMedia"], form["FromCity"]) == ("received", "0", "")
    assert RequestValidator(TOKEN).validate(
        f"{webhook.url}/webhook/sms", form, request.headers["X-Twilio-Signature"]
    )


async def test_pictures_services_and_opt_outs_have_their_parameters(
    twilio: Twilio, webhook: Webhook
) -> None:
    await twilio.receive(
        CONTACT, POOLED, "baja", media=[("https://x.test/1", "image/png")], opt_out_type="STOP"
    )
    form = webhook.posts[0][1]
    assert form["MessageSid"].startswith("MM")
    assert (form["MediaUrl0"], form["MediaContentType0"]) == ("https://x.test/1", "image/png")
    assert (form["MessagingServiceSid"], form["OptOutType"]) == (SERVICE, "STOP")


async def test_a_shared_key_signs_instead_of_the_token(twilio: Twilio, webhook: Webhook) -> None:
    twilio.webhooks.shared_key = ("webhooks_sharedkey_1", "shared secret")
    await twilio.receive(CONTACT, OURS, "Hola")

    request, form = webhook.posts[0]
    settings = request.headers["X-Twilio-Webhooks-Signature-Settings"]
    assert settings == "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    assert RequestValidator("shared secret").validate(
        f"{webhook.url}/webhook/sms",
        form,
        request.headers["X-Twilio-Signature"],
        algorithm=get_signature_algorithm(settings),
    )


async def test_a_failed_webhook_is_not_retried_by_default(twilio: Twilio, webhook: Webhook) -> None:
    webhook.answers = [Response("no", 503)]
    receipt = await twilio.receive(CONTACT, OURS, "Hola")
    assert (receipt.status, receipt.attempts, receipt.error) == (503, 1, 11200)


@pytest.mark.parametrize(
    ("fragment", "failures", "attempts", "status"),
    [
        ("rc=5&rp=all", 3, 4, 200),
        ("rc=2&rp=5xx", 5, 3, 503),
        ("rc=5&rp=4xx,rt", 5, 1, 503),
        ("rc=9&rp=all", 9, 6, 503),
    ],
)
async def test_the_urls_fragment_asks_for_retries(
    twilio: Twilio,
    webhook: Webhook,
    fragment: str,
    failures: int,
    attempts: int,
    status: int,
) -> None:
    twilio.numbers[OURS].sms_url += f"#{fragment}"
    webhook.answers = [Response("no", 503) for _ in range(failures)]

    receipt = await twilio.receive(CONTACT, OURS, "Hola")

    assert (receipt.attempts, receipt.status) == (attempts, status)
    tokens = {request.headers["I-Twilio-Idempotency-Token"] for request, _ in webhook.posts}
    assert len(tokens) == 1
    assert {request.url.fragment for request, _ in webhook.posts} == {""}


async def test_a_slow_webhook_is_given_up(twilio: Twilio, webhook: Webhook) -> None:
    twilio.numbers[OURS].sms_url += "#rc=1&rp=rt&rt=100"
    webhook.answers = [2.0]
    receipt = await twilio.receive(CONTACT, OURS, "Hola")
    assert (receipt.attempts, receipt.status) == (2, 200)


async def test_all_attempts_share_one_total_time(twilio: Twilio, webhook: Webhook) -> None:
    twilio.numbers[OURS].sms_url += "#rc=5&rp=all&tt=200"
    webhook.answers = [2.0, 2.0]
    receipt = await twilio.receive(CONTACT, OURS, "Hola")
    assert (receipt.attempts, receipt.status, receipt.error) == (1, None, 11200)


async def test_nobody_listening_is_retried_once_and_noted(twilio: Twilio, webhook: Webhook) -> None:
    twilio.numbers[OURS].sms_url = "http://127.0.0.1:1/webhook/sms"
    receipt = await twilio.receive(CONTACT, OURS, "Hola")
    assert (receipt.attempts, receipt.status, receipt.error) == (2, None, 11205)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Response("<Response>", media_type="text/xml"), 12100),
        (Response("<Other/>", media_type="text/xml"), 12100),
        (Response("{}", media_type="application/json"), 12300),
        (Response(""), 12300),
        (Response(status_code=204), None),
        (Response("<Response/>", media_type="application/xml"), None),
    ],
)
async def test_an_answer_that_is_no_twiml_is_noted(
    twilio: Twilio, webhook: Webhook, answer: Response, error: int | None
) -> None:
    webhook.answers = [answer]
    assert (await twilio.receive(CONTACT, OURS, "Hola")).error == error


@pytest.mark.parametrize(
    "answer",
    [
        Response("ok", media_type="text/plain"),
        Response("<Response><Message>ok</Message></Response>", media_type="text/xml"),
    ],
)
async def test_an_answer_with_words_is_sent_to_the_contact(
    twilio: Twilio, webhook: Webhook, answer: Response
) -> None:
    webhook.answers = [answer]
    await twilio.receive(CONTACT, OURS, "Hola")
    replies = [m for m in twilio.messages.values() if m.direction == "outbound-reply"]
    assert [(m.body, m.to) for m in replies] == [("ok", CONTACT)]


async def test_the_same_text_can_be_posted_again(twilio: Twilio, webhook: Webhook) -> None:
    receipt = await twilio.receive(CONTACT, OURS, "Hola")
    again = await twilio.repost(receipt.sid)
    assert again.sid == receipt.sid
    assert webhook.posts[0][1] == webhook.posts[1][1]
    assert len(twilio.messages) == 1


# Opt-outs


async def test_stop_blocks_the_contact_until_start(
    twilio: Twilio, client: Client, webhook: Webhook
) -> None:
    await twilio.receive(CONTACT, OURS, " stop ")
    assert (await refusal(client)).code == 21610
    await send(client, to="+15550000009")
    await send(client, from_=POOLED)

    await twilio.receive(CONTACT, OURS, "Start")
    await send(client)

    assert [form["Body"] for _, form in webhook.posts] == [" stop ", "Start"]
    replies = [m.body for m in twilio.messages.values() if m.direction == "outbound-reply"]
    assert len(replies) == 2
    assert replies[0].startswith("You have successfully been unsubscribed")


async def test_stop_to_a_service_blocks_all_its_numbers(twilio: Twilio, client: Client) -> None:
    await twilio.receive(CONTACT, POOLED, "BAJA", opt_out_type="STOP")
    assert (await refusal(client, from_=None, messaging_service_sid=SERVICE)).code == 21610


async def test_a_sentence_with_stop_is_an_ordinary_text(twilio: Twilio, client: Client) -> None:
    await twilio.receive(CONTACT, OURS, "please stop that")
    await send(client)


async def test_twilio_can_be_told_not_to_reply_to_opt_words(twilio: Twilio) -> None:
    twilio.replies_to_opt_words = False
    await twilio.receive(CONTACT, OURS, "HELP")
    assert [m.direction for m in twilio.messages.values()] == ["inbound"]


# Faults


async def test_too_many_requests_comes_with_retry_after(
    twilio: Twilio, http: httpx2.AsyncClient
) -> None:
    twilio.faults.add("rate_limited", seconds=2)
    form = {"To": CONTACT, "From": OURS, "Body": "Hola"}
    answer = await http.post(MESSAGES, data=form)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert answer.json()["code"] == 20429
    assert (await http.post(MESSAGES, data=form)).status_code == 201


@pytest.mark.parametrize(
    ("kind", "details", "status", "accepted"),
    [
        ("error", {"status": 500}, 500, 0),
        ("error", {"status": 503}, 503, 0),
        ("refuse", {"code": 21614}, 400, 0),
        ("error_after", {"status": 500}, 500, 1),
    ],
)
async def test_an_error_comes_before_or_after_the_text_is_accepted(
    twilio: Twilio,
    client: Client,
    kind: str,
    details: dict[str, int],
    status: int,
    accepted: int,
) -> None:
    twilio.faults.add(kind, match=CONTACT, **details)
    await send(client, to="+15550000009")
    assert (await refusal(client)).status == status
    assert len(twilio.sent) == 1 + accepted


@pytest.mark.parametrize(("kind", "accepted"), [("hang", 0), ("hang_after", 1)])
async def test_a_hanging_answer_never_comes(
    twilio: Twilio, client: Client, kind: str, accepted: int
) -> None:
    twilio.faults.add(kind)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await send(client)
    assert len(twilio.sent) == accepted


@pytest.mark.parametrize(("kind", "accepted"), [("drop", 0), ("drop_after", 1)])
async def test_a_dropped_connection_gives_no_byte(
    twilio: Twilio, client: Client, kind: str, accepted: int
) -> None:
    twilio.faults.add(kind)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await send(client)
    assert len(twilio.sent) == accepted


async def test_junk_comes_with_status_201(twilio: Twilio, client: Client) -> None:
    twilio.faults.add("junk_body")
    with pytest.raises(json.JSONDecodeError):
        await send(client)
    assert len(twilio.sent) == 1


async def test_a_slow_answer_comes_after_the_callbacks(
    twilio: Twilio, client: Client, webhook: Webhook
) -> None:
    twilio.faults.add("slow", seconds=0.3)
    sending = asyncio.create_task(sent_with_callback(client, webhook))
    await webhook.events.until(lambda: len(webhook.posts) == 2)
    assert not sending.done()
    await sending


async def test_a_listing_can_fail(twilio: Twilio, http: httpx2.AsyncClient) -> None:
    twilio.faults.add("error", on="list", status=503)
    assert [(await http.get(MESSAGES)).status_code for _ in range(2)] == [503, 200]


async def test_chance_faults_repeat_with_the_seed(twilio: Twilio) -> None:
    def outcomes() -> list[bool]:
        other = create_twilio(ACCOUNT, TOKEN, seed=7)
        other.faults.add("error", times=None, probability=0.5)
        return [other.faults.take("create", CONTACT) is not None for _ in range(50)]

    assert outcomes() == outcomes()
    assert 10 < sum(outcomes()) < 40


async def test_an_unknown_fault_is_an_error(twilio: Twilio) -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        twilio.faults.add("explode")


# The control endpoints


async def test_another_process_can_text_and_watch(
    twilio: Twilio, http: httpx2.AsyncClient, webhook: Webhook
) -> None:
    text = {"from": CONTACT, "to": OURS, "body": "Hola", "at": "2026-11-22T10:00:00+00:00"}
    receipt = (await http.post("/_control/receive", json=text)).json()
    assert receipt["status"] == 200
    assert (await http.post("/_control/repost", json={"sid": receipt["sid"]})).is_success

    seen = (await http.get("/_control/events", params={"after": 0})).json()
    assert [event["kind"] for event in seen["events"]] == ["received", "webhook", "webhook"]
    waiting = asyncio.create_task(
        http.get("/_control/events", params={"after": seen["last"], "seconds": 5})
    )
    await http.post("/_control/receive", json={**text, "body": "otra", "post": False})
    assert [e["body"] for e in (await waiting).json()["events"]] == ["otra"]

    messages = (await http.get("/_control/messages")).json()["messages"]
    assert [m["body"] for m in messages] == ["Hola", "otra"]


async def test_another_process_can_script_and_reset(
    twilio: Twilio, http: httpx2.AsyncClient, client: Client
) -> None:
    settings = await http.patch("/_control/settings", json={"is_trial": True})
    assert settings.json()["is_trial"] is True
    await http.post("/_control/deliveries", json={"name": "failed", "times": 1})
    await http.post("/_control/faults", json={"kind": "refuse", "code": 21614})
    assert (await refusal(client)).code == 21614
    await send(client)
    await twilio.events.until(lambda: twilio.sent[0].status == "failed")

    await http.post("/_control/reset", json={})
    assert (twilio.messages, twilio.sent, twilio.scripts) == ({}, [], [])


async def test_a_web_page_cannot_reach_the_control_endpoints(http: httpx2.AsyncClient) -> None:
    """A form or text/plain is what a strange page may post to a local port without asking."""
    text = {"from": CONTACT, "to": OURS, "body": "Hola"}
    assert (await http.post("/_control/receive", data=text)).status_code == 415
    plain = await http.post("/_control/receive", content=json.dumps(text))
    assert plain.status_code == 415


@pytest.mark.parametrize("defers", [True, False])
async def test_a_service_that_does_not_defer_takes_its_numbers_messages(
    twilio: Twilio, webhook: Webhook, defers: bool
) -> None:
    service = twilio.services[SERVICE]
    twilio.numbers[POOLED].sms_url = f"{webhook.url}/number"
    service.use_inbound_webhook_on_number = defers
    service.inbound_request_url = f"{webhook.url}/service"
    await twilio.receive(CONTACT, POOLED, "Hola")
    service.use_inbound_webhook_on_number = True
    (posted,) = [request.url.path for request, _ in webhook.posts]
    assert posted == ("/number" if defers else "/service")


async def test_what_a_service_without_url_takes_is_not_even_logged(
    twilio: Twilio, webhook: Webhook
) -> None:
    service = twilio.services[SERVICE]
    twilio.numbers[POOLED].sms_url = f"{webhook.url}/number"
    service.use_inbound_webhook_on_number, service.inbound_request_url = False, ""
    await twilio.receive(CONTACT, POOLED, "Hola")
    service.use_inbound_webhook_on_number = True
    assert (webhook.posts, list(twilio.messages)) == ([], [])
