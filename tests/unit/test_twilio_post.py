"""Twilio's posts are verified and parsed."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.messages import Media
from gateway.twilio_post import (
    Form,
    PostRefused,
    parse_form,
    parse_inbound,
    parse_status,
    signature_is_valid,
)
from tests.fakes import ACCOUNT, CONTACT, OURS, PUBLIC_URL, TOKEN, settings, sign

URL = f"{PUBLIC_URL}/webhook/sms"
KEY, KEY_SECRET = "SK" + "1" * 32, "secret_of_the_key"
SERVICE = "MG" + "2" * 32
POOLED = "+15550002222"

# A real post (its ids and numbers altered): blank values are signed too.
PAIRS = [
    ("ToCountry", "US"),
    ("ToState", "MI"),
    ("SmsMessageSid", "SM" + "a" * 32),
    ("NumMedia", "0"),
    ("FromZip", ""),
    ("FromCity", ""),
    ("Body", "¿Abren hoy? It's 5+5 & more 🎈"),
    ("To", OURS),
    ("MessageSid", "SM" + "a" * 32),
    ("AccountSid", ACCOUNT),
    ("From", CONTACT),
    ("ApiVersion", "2010-04-01"),
]


def form_of(pairs: list[tuple[str, str]]) -> Form:
    return parse_form(urlencode(pairs).encode())


# Signatures


def test_the_example_of_twilios_documentation_is_valid() -> None:
    """https://www.twilio.com/docs/usage/security#validating-requests"""
    form = Form(
        CallSid=["CA1234567890ABCDE"],
        Caller=["+14158675309"],
        Digits=["1234"],
        From=["+14158675309"],
        To=["+18005551212"],
    )
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    headers = {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}
    assert signature_is_valid(settings(twilio_auth_tokens=("12345",)), url, form, headers)


def test_a_real_post_is_valid_with_its_blank_values() -> None:
    headers = {"X-Twilio-Signature": sign(URL, PAIRS)}
    assert signature_is_valid(settings(), URL, form_of(PAIRS), headers)


def test_repeated_parameters_are_signed_each() -> None:
    pairs = [*PAIRS, ("Extra", "2"), ("Extra", "1")]
    headers = {"X-Twilio-Signature": sign(URL, pairs)}
    assert signature_is_valid(settings(), URL, form_of(pairs), headers)
    assert not signature_is_valid(settings(), URL, form_of(pairs[:-1]), headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": "nonsense"},
        {"X-Twilio-Signature": "ñ" * 28},
        {"X-Twilio-Signature": sign(URL, PAIRS, "another_token")},
        {"X-Twilio-Signature": sign(URL + "/", PAIRS)},
        {"X-Twilio-Signature": sign(URL, PAIRS[1:])},
        {"X-Twilio-Signature": sign(URL, PAIRS, algorithm="sha256")},
    ],
)
def test_anything_else_is_not_valid(headers: dict[str, str]) -> None:
    assert not signature_is_valid(settings(), URL, form_of(PAIRS), headers)


@pytest.mark.parametrize("token", ["new_token", "old_token"])
def test_while_tokens_are_rotated_both_are_valid(token: str) -> None:
    rotating = settings(twilio_auth_tokens=("new_token", "old_token"))
    headers = {"X-Twilio-Signature": sign(URL, PAIRS, token)}
    assert signature_is_valid(rotating, URL, form_of(PAIRS), headers)


@pytest.mark.parametrize(
    ("announced", "secret", "algorithm", "valid"),
    [
        ("key=key_1,algorithm=HMAC_SHA256", "shared", "sha256", True),
        (" algorithm = HMAC_SHA256 , key = key_1 ", "shared", "sha256", True),
        ("key=key_1,algorithm=HMAC_SHA256", "shared", "sha1", False),
        ("key=key_1,algorithm=HMAC_SHA256", TOKEN, "sha256", False),
        ("key=key_2,algorithm=HMAC_SHA256", "shared", "sha256", False),
        ("key=key_1,algorithm=HMAC_SHA1", "shared", "sha1", False),
        ("key=key_1,algorithm=HMAC_MD5", "shared", "sha256", False),
        ("key=key_1", "shared", "sha256", False),
        ("algorithm=HMAC_SHA256", TOKEN, "sha256", False),
        (",,==", TOKEN, "sha1", False),
    ],
)
def test_a_shared_key_must_be_known_and_used_as_announced(
    announced: str, secret: str, algorithm: str, valid: bool
) -> None:
    with_keys = settings(twilio_webhook_keys={"key_1": "shared"})
    headers = {
        "X-Twilio-Signature": sign(URL, PAIRS, secret, algorithm),
        "X-Twilio-Webhooks-Signature-Settings": announced,
    }
    assert signature_is_valid(with_keys, URL, form_of(PAIRS), headers) is valid


ANY_TEXT = st.text(st.characters())  # lone surrogates and NUL too


AS_SENT = st.binary().map(lambda raw: raw.decode("latin-1"))  # a query string, a header


@given(st.binary(), AS_SENT, AS_SENT, AS_SENT)
def test_no_input_makes_an_exception(raw: bytes, query: str, signature: str, key: str) -> None:
    with_keys = settings(twilio_webhook_keys={"key_1": "shared"})
    headers = {"X-Twilio-Signature": signature, "X-Twilio-Webhooks-Signature-Settings": key}
    form = parse_form(raw)
    assert not signature_is_valid(with_keys, f"{URL}?{query}", form, headers)
    del headers["X-Twilio-Webhooks-Signature-Settings"]
    assert not signature_is_valid(with_keys, f"{URL}?{query}", form, headers)


@given(st.binary())
def test_no_form_that_is_posted_holds_what_cannot_be_signed(raw: bytes) -> None:
    for name, values in parse_form(raw).items():
        "".join([name, *values]).encode()


# Forms


def test_an_incoming_text_keeps_all_that_was_posted() -> None:
    pairs = [
        *PAIRS,
        ("NumMedia", "2"),
        ("MediaUrl0", "https://api.twilio.com/m/0"),
        ("MediaContentType0", "image/png"),
        ("MediaUrl1", "https://api.twilio.com/m/1"),
        ("OptOutType", "STOP"),
        ("MessagingServiceSid", SERVICE),
        ("AddedNextYear", "yes"),
    ]
    sms = parse_inbound(form_of(pairs))
    assert (sms.sid, sms.from_number, sms.to_number) == ("SM" + "a" * 32, CONTACT, OURS)
    assert sms.body == "¿Abren hoy? It's 5+5 & more 🎈"
    assert sms.media == (
        Media("https://api.twilio.com/m/0", "image/png"),
        Media("https://api.twilio.com/m/1", "application/octet-stream"),
    )
    assert (sms.opt_out_type, sms.service_sid) == ("STOP", SERVICE)
    assert sms.form is not None
    assert sms.form["AddedNextYear"] == "yes"
    assert sms.form["NumMedia"] == ["0", "2"]
    assert sms.form["FromCity"] == ""


def test_an_empty_body_is_a_text_too() -> None:
    assert parse_inbound(form_of([p for p in PAIRS if p[0] != "Body"])).body == ""
    assert parse_inbound(Form(MessageSid=["SM1"], From=["1"], To=["2"], Body=[""])).body == ""


AGENT = "rcs:brand_agent"


@pytest.mark.parametrize(
    ("sender", "receiver", "kept", "channel"),
    [
        (CONTACT, OURS, (CONTACT, OURS), "sms"),
        ("+5215512345678", OURS, ("+5215512345678", OURS), "sms"),
        (f"rcs:{CONTACT}", OURS, (CONTACT, OURS), "rcs"),
        (f"RCS:{CONTACT}", OURS, (CONTACT, OURS), "rcs"),
        (f"rcs:{CONTACT}", AGENT, (CONTACT, AGENT), "rcs"),
        (CONTACT, AGENT, (CONTACT, AGENT), "rcs"),
        (f"tel:{CONTACT}", f"tel:{OURS}", (CONTACT, OURS), "sms"),
        ("rcs:somebody", OURS, ("rcs:somebody", OURS), "rcs"),
        (f"rcs:{CONTACT}x", OURS, (f"rcs:{CONTACT}x", OURS), "rcs"),
        (
            f"whatsapp:{CONTACT}",
            f"whatsapp:{OURS}",
            (f"whatsapp:{CONTACT}", f"whatsapp:{OURS}"),
            "whatsapp",
        ),
        ("messenger:12345", OURS, ("messenger:12345", OURS), "sms"),
        ("AMAZON", OURS, ("AMAZON", OURS), "sms"),
        ("32665", OURS, ("32665", OURS), "sms"),
    ],
)
def test_a_contact_is_a_bare_number_whatever_the_channel(
    sender: str, receiver: str, kept: tuple[str, str], channel: str
) -> None:
    sms = parse_inbound(Form(MessageSid=["SM1"], From=[sender], To=[receiver], Body=["Hola"]))
    assert ((sms.from_number, sms.to_number), sms.channel) == (kept, channel)
    payload = sms.as_payload()
    assert (payload["from"], payload["to"], payload["channel"]) == (*kept, channel)
    assert sms.form is not None and sms.form["From"] == sender  # what Twilio said is kept


def test_a_group_message_names_who_else_got_it() -> None:
    others = {"OtherRecipients0": ["+15550100002"], "OtherRecipients1": ["tel:+15550100003"]}
    form = Form(MessageSid=["MM1"], From=[CONTACT], To=[OURS], Body=["lol"], **others)
    sms = parse_inbound(form)
    assert (sms.channel, sms.recipients) == ("mms", ("+15550100002", "+15550100003"))
    assert sms.as_payload()["recipients"] == ["+15550100002", "+15550100003"]
    alone = parse_inbound(Form(MessageSid=["MM1"], From=[CONTACT], To=[OURS], Body=["lol"]))
    assert (alone.channel, alone.as_payload()["recipients"]) == ("mms", [])


def test_a_message_with_pictures_is_an_mms_whatever_its_sid() -> None:
    media = {"NumMedia": ["1"], "MediaUrl0": ["https://api.twilio.com/m/0"]}
    assert parse_inbound(Form(MessageSid=["SM1"], From=["1"], To=["2"], **media)).channel == "mms"


def test_a_state_names_the_bare_number_too() -> None:
    form = Form(MessageSid=["SM1"], MessageStatus=["read"], To=[f"rcs:{CONTACT}"])
    assert parse_status(form, {}).to_number == CONTACT


@pytest.mark.parametrize("name", ["MessageSid", "From", "To"])
def test_a_missing_parameter_is_named(name: str) -> None:
    with pytest.raises(PostRefused, match=name):
        parse_inbound(form_of([p for p in PAIRS if p[0] != name]))
    with pytest.raises(PostRefused, match=name):
        parse_inbound(form_of([(k, "" if k == name else v) for k, v in PAIRS]))


@pytest.mark.parametrize("name", ["MessageSid", "From", "To"])
def test_what_no_index_has_room_for_is_named(name: str) -> None:
    longest, longer = ([(k, "1" * n if k == name else v) for k, v in PAIRS] for n in (255, 256))
    parse_inbound(form_of(longest))
    with pytest.raises(PostRefused, match=f"{name} is too long"):
        parse_inbound(form_of(longer))


@given(st.dictionaries(ANY_TEXT, st.lists(ANY_TEXT, max_size=2)), ANY_TEXT)
def test_whatever_is_parsed_can_be_stored(form: dict[str, list[str]], body: str) -> None:
    given = Form({**form, "MessageSid": ["SM1"], "From": ["1"], "To": ["2"], "Body": [body]})
    stored = json.dumps(parse_inbound(given).as_payload(), ensure_ascii=False)
    assert b"\\u0000" not in stored.encode()


def test_nul_and_broken_utf8_become_the_replacement_character() -> None:
    form = parse_form(b"MessageSid=SM1&From=1&To=2&Body=a%00b%FFc%ED%A0%BDd")
    assert parse_inbound(form).body == "a\ufffdb\ufffdc\ufffd\ufffd\ufffdd"


def test_more_parameters_than_twilio_sends_are_refused() -> None:
    parse_form(b"a=1&" * 199 + b"a=1")
    with pytest.raises(PostRefused):
        parse_form(b"a=1&" * 200 + b"a=1")


def test_a_status_names_our_row_and_twilios_error() -> None:
    form = Form(
        MessageSid=["SM1"], MessageStatus=["undelivered"], To=[CONTACT], ErrorCode=["30005"]
    )
    status = parse_status(form, {"m": "7"})
    assert (status.sid, status.status, status.to_number) == ("SM1", "undelivered", CONTACT)
    assert (status.message_id, status.error_code) == (7, 30005)


@pytest.mark.parametrize("m", ["", "0", "-7", "seven", "\u0667", "7" * 19, "7.0", " 7"])
def test_a_row_id_that_is_none_is_left_out(m: str) -> None:
    form = Form(MessageSid=["SM1"], MessageStatus=["sent"], To=[CONTACT])
    assert parse_status(form, {"m": m}).message_id is None
    assert parse_status(form, {}).message_id is None


@pytest.mark.parametrize(("code", "read"), [("2147483647", 2**31 - 1), ("2147483648", None)])
def test_an_error_code_no_integer_has_room_for_is_left_out(code: str, read: int | None) -> None:
    form = Form(MessageSid=["SM1"], MessageStatus=["failed"], To=[CONTACT], ErrorCode=[code])
    assert parse_status(form, {}).error_code == read


def test_a_status_no_index_has_room_for_is_named() -> None:
    form = Form(MessageSid=["SM1"], MessageStatus=["s" * 256], To=[CONTACT])
    with pytest.raises(PostRefused, match="MessageStatus is too long"):
        parse_status(form, {})
