"""The environment becomes Settings, or one error that names everything that is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.settings import Settings, SettingsError

ROOT = Path(__file__).parents[2]
COMPLETE = {
    "SUPABASE_URL": "https://ref.supabase.co",
    "SUPABASE_SECRET_KEY": "sb_secret_1234567890",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_1234567890",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "token_1234567890",
    "OPENAI_API_KEY": "sk-1234567890",
    "PUBLIC_URL": "https://sms.example.com",
}


def problems(**changes: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({**COMPLETE, **changes})
    return caught.value.problems


def test_seven_variables_are_enough() -> None:
    settings = Settings.from_environ(COMPLETE)
    assert settings.twilio_auth_tokens == ("token_1234567890",)
    assert (settings.port, settings.web_concurrency) == (8000, 1)
    assert settings.sms_worker_concurrency == 32
    assert settings.sms_log_level == "info"


def test_an_empty_environment_names_every_variable_and_where_to_find_it() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({})
    for name in COMPLETE:
        assert any(problem.startswith(f"{name} is missing: ") for problem in caught.value.problems)
    assert "Twilio console" in str(caught.value)


def test_older_names_of_supabase_variables_are_read() -> None:
    environ = {k: v for k, v in COMPLETE.items() if not k.startswith("SUPABASE")}
    settings = Settings.from_environ(
        environ
        | {
            "NEXT_PUBLIC_SUPABASE_URL": "https://old.supabase.co",
            "NEXT_PUBLIC_SUPABASE_ANON_KEY": "eyJanon",
            "SUPABASE_SERVICE_ROLE_KEY": "eyJservice",
        }
    )
    assert settings.supabase_url == "https://old.supabase.co"
    assert settings.supabase_secret_key == "eyJservice"
    assert settings.supabase_publishable_key == "eyJanon"


def test_a_blank_variable_counts_as_missing() -> None:
    assert problems(OPENAI_API_KEY="  ") == [
        "OPENAI_API_KEY is missing: platform.openai.com, API keys"
    ]


def test_an_address_that_twilio_refuses_is_named_before_it_does() -> None:
    """21609 for the host of a status callback; a path may have one."""
    (problem,) = problems(PUBLIC_URL="https://my_app.example.com")
    assert "its host must have no underscore" in problem
    Settings.from_environ({**COMPLETE, "PUBLIC_URL": "https://app.example.com/my_app"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUPABASE_URL", "ref.supabase.co"),
        ("SUPABASE_SECRET_KEY", "sb_publishable_in_the_wrong_place"),
        ("SUPABASE_PUBLISHABLE_KEY", "sb_secret_in_the_wrong_place"),
        ("TWILIO_ACCOUNT_SID", "SK" + "0" * 32),
        ("TWILIO_AUTH_TOKEN", " , "),
        ("PUBLIC_URL", "http://sms.example.com"),
        ("PUBLIC_URL", "https://sms.example.com?"),
        ("PUBLIC_URL", "https://sms.example.com/#rc=5"),
        ("PUBLIC_URL", "https://sms.example.com:99999"),
        ("PUBLIC_URL", "https://[::1"),
        ("PUBLIC_URL", "https://my_app.example.com"),
        ("TWILIO_PHONE_NUMBER", "555-0100"),
        ("TWILIO_WEBHOOK_KEYS", "id-without-secret"),
        ("SMS_WEBHOOK_SECRET", "too short"),
        ("SMS_LOG_LEVEL", "loud"),
        ("SMS_WORKER_CONCURRENCY", "0"),
        ("SMS_WORKER_CONCURRENCY", "²"),
        ("PORT", "70000"),
    ],
)
def test_a_malformed_value_is_named_but_not_repeated(name: str, value: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name} is not valid: ")
    assert value not in problem


def test_half_an_api_key_is_refused() -> None:
    (problem,) = problems(TWILIO_API_KEY="SK" + "0" * 32)
    assert "TWILIO_API_KEY_SECRET" in problem


def test_lists_and_pairs_are_split_at_commas() -> None:
    settings = Settings.from_environ(
        COMPLETE
        | {
            "TWILIO_AUTH_TOKEN": "new, old",
            "TWILIO_WEBHOOK_KEYS": "key_1=secret=1,key_2=secret2",
            "SMS_CORS_ORIGINS": "https://a.example,https://b.example",
        }
    )
    assert settings.twilio_auth_tokens == ("new", "old")
    assert settings.twilio_webhook_keys == {"key_1": "secret=1", "key_2": "secret2"}
    assert settings.sms_cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_the_older_debug_switch_is_the_log_level_debug(value: str) -> None:
    environ = {"SMS_ENABLE_DEBUG": value, "SMS_LOG_LEVEL": "error"}
    assert Settings.from_environ(COMPLETE | environ).sms_log_level == "debug"


def test_a_public_url_of_this_machine_may_be_http() -> None:
    settings = Settings.from_environ(COMPLETE | {"PUBLIC_URL": "http://127.0.0.1:8000/"})
    assert settings.webhook_url == "http://127.0.0.1:8000/webhook/sms"


def test_the_webhook_secret_is_part_of_both_urls() -> None:
    settings = Settings.from_environ(COMPLETE | {"SMS_WEBHOOK_SECRET": "a-secret-of-16-or-more"})
    assert settings.webhook_url.endswith("/webhook/sms?token=a-secret-of-16-or-more")
    assert settings.status_url.endswith("/webhook/sms/status?token=a-secret-of-16-or-more")


def test_no_secret_is_shown_by_repr() -> None:
    settings = Settings.from_environ(
        COMPLETE
        | {
            "TWILIO_API_KEY": "SK" + "0" * 32,
            "TWILIO_API_KEY_SECRET": "api_key_secret",
            "TWILIO_WEBHOOK_KEYS": "key_1=shared_secret",
            "SMS_WEBHOOK_SECRET": "a-secret-of-16-or-more",
            "SENTRY_DSN": "https://public@sentry.example/1",
        }
    )
    assert len(settings.secrets) == 7
    assert not [secret for secret in settings.secrets if secret in repr(settings)]


def test_the_example_file_names_exactly_the_variables_that_are_read() -> None:
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))
    read = set(re.findall(r'"([A-Z][A-Z0-9_]{3,})"', (ROOT / "gateway/settings.py").read_text()))
    older = {name for name in read if name.startswith("NEXT_PUBLIC_")}
    older |= {"SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_ANON_KEY", "SMS_WORKER_LANES"}
    assert named == read - older


def test_the_worker_concurrency_is_read_by_its_older_name_too() -> None:
    older = {"SMS_WORKER_LANES": "5"}
    assert Settings.from_environ({**COMPLETE, **older}).sms_worker_concurrency == 5
    both = {**COMPLETE, **older, "SMS_WORKER_CONCURRENCY": "7"}
    assert Settings.from_environ(both).sms_worker_concurrency == 7
