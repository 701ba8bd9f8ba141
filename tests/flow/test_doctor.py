"""sms-gateway doctor on the running stack: all is well, or the fault and its fix are named."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gateway import __version__, commands, schema
from gateway.local.processes import Child
from gateway.local.stack import PHONE_NUMBER, Stack
from gateway.local.testserver import serve
from gateway.settings import Settings
from tests.flow.command import Outcome, assert_no_secret, gateway
from tests.flow.conftest import start_worker
from tests.flow.world import eventually

Trouble = Callable[[Stack], AbstractAsyncContextManager[dict[str, str]]]
Examine = Callable[..., Awaitable[Outcome]]

# Names of the gateway's functions, as a regular expression.
OURS = "sms"


def lines(output: str, level: str) -> list[str]:
    """Name, detail and fix of each finding of a level."""
    found = [line for line in output.splitlines() if line.startswith(level)]
    return [line.removeprefix(level).strip() for line in found]


async def run_sql(stack: Stack, statement: str) -> None:
    async with stack.postgres.connect() as database:
        await database.execute(statement.encode())


async def data_api_knows(stack: Stack) -> bool:
    """It has read the schema again, which it does when told of a change."""
    key = stack.environ["SUPABASE_SECRET_KEY"]
    async with httpx.AsyncClient(headers={"apikey": key, "authorization": f"Bearer {key}"}) as http:
        url = f"{stack.environ['SUPABASE_URL']}/rest/v1/rpc/get_sms_setup"
        return (await http.post(url, json={})).status_code == 200


@pytest.fixture
async def heartbeat(stack: Stack, web: Child) -> AsyncIterator[None]:
    """The row of a worker at work; a real one takes seconds to start."""
    await run_sql(
        stack,
        "delete from sms_workers; insert into sms_workers (name, version, seen_at,"  # noqa: S608
        f" realtime_ready_at) values ('test', '{__version__}', now(), now())",
    )
    yield
    await run_sql(stack, "delete from sms_workers")


@pytest.fixture
def examine(stack: Stack, heartbeat: None, capsys: pytest.CaptureFixture[str]) -> Examine:
    """The command in this process: to start another one costs more than all the checks."""

    async def run(**environ: str) -> Outcome:
        given, status = {**stack.environ, **environ}, 0
        try:
            await commands.examine(Settings.from_environ(given))
        except SystemExit as end:
            status = int(str(end.code))
        outcome = Outcome(status, capsys.readouterr().out, "")
        assert_no_secret(outcome, stack.environ, environ)
        return outcome

    return run


async def test_everything_is_well_while_web_and_worker_run(stack: Stack, web: Child) -> None:
    await run_sql(stack, "delete from sms_workers")
    worker = await start_worker(stack)
    outcome = await gateway(stack, "doctor")
    await worker.stop()
    assert (outcome.status, lines(outcome.output, "FAULT"), outcome.errors) == (0, [], "")
    well = "\n".join(lines(outcome.output, "ok"))
    for name in (
        *("settings", "web", "secret key", "publishable key", "schema", "grants", "realtime"),
        *("twilio token", "twilio api key", f"number {PHONE_NUMBER}", "registration"),
        *("openai key", "fallback model", "worker", "backlog", "suspended", "connections"),
    ):
        assert re.search(rf"^{re.escape(name)}  ", well, re.MULTILINE), name


async def test_an_announced_shutdown_is_a_warning(examine: Examine) -> None:
    outcome = await examine()
    assert outcome.status == 0
    (line,) = [w for w in lines(outcome.output, "warning") if w.startswith("model gpt-4o-mini")]
    assert "2027-01-14" in line and "such as gpt-6-luna" in line


async def test_an_api_key_of_the_account_is_well(examine: Examine, stack: Stack) -> None:
    key, secret = "SK" + "1" * 32, "secret_of_an_api_key"
    stack.twilio.api_keys[key] = secret
    outcome = await examine(TWILIO_API_KEY=key, TWILIO_API_KEY_SECRET=secret)
    del stack.twilio.api_keys[key]
    assert (outcome.status, lines(outcome.output, "FAULT")) == (0, [])
    assert f"{key} belongs to the account" in outcome.output


# What can be wrong


def set_to(**environ: str) -> Trouble:
    @asynccontextmanager
    async def trouble(stack: Stack) -> AsyncIterator[dict[str, str]]:
        yield environ

    return trouble


def sql(do: str, undo: str) -> Trouble:
    @asynccontextmanager
    async def trouble(stack: Stack) -> AsyncIterator[dict[str, str]]:
        await run_sql(stack, do)
        try:
            yield {}
        finally:
            await run_sql(stack, undo)
            await eventually(lambda: data_api_knows(stack))

    return trouble


def at_twilio(**changes: str) -> Trouble:
    @asynccontextmanager
    async def trouble(stack: Stack) -> AsyncIterator[dict[str, str]]:
        number = stack.twilio.numbers[PHONE_NUMBER]
        stack.twilio.numbers[PHONE_NUMBER] = replace(number, **changes)  # type: ignore[arg-type]
        yield {}
        stack.twilio.numbers[PHONE_NUMBER] = number

    return trouble


@asynccontextmanager
async def secret_for_publishable(stack: Stack) -> AsyncIterator[dict[str, str]]:
    """A form of key that does not tell what it is."""
    async with serve(
        Starlette(routes=[Route("/{path:path}", answer_all, methods=["POST"])])
    ) as url:
        yield {"SUPABASE_URL": url, "SUPABASE_PUBLISHABLE_KEY": "eyJ.secret.legacy"}


@asynccontextmanager
async def anon_for_secret(stack: Stack) -> AsyncIterator[dict[str, str]]:
    """The same the other way round."""
    async with serve(
        Starlette(routes=[Route("/{path:path}", forbid_all, methods=["POST"])])
    ) as url:
        yield {"SUPABASE_URL": url, "SUPABASE_SECRET_KEY": "eyJ.anon.legacy"}


async def answer_all(request: Request) -> JSONResponse:
    return JSONResponse({})


async def forbid_all(request: Request) -> JSONResponse:
    error = {"code": "42501", "message": "permission denied", "details": None, "hint": None}
    return JSONResponse(error, 401)


@asynccontextmanager
async def realtime_down(stack: Stack) -> AsyncIterator[dict[str, str]]:
    stack.proxy.close("/realtime/v1")
    yield {}
    stack.proxy.open("/realtime/v1")


@asynccontextmanager
async def model_shut_down(stack: Stack) -> AsyncIterator[dict[str, str]]:
    assert stack.openai
    model = stack.openai.models["gpt-4o-mini"]
    stack.openai.models["gpt-4o-mini"] = replace(model, shutdown_date="2026-01-14")
    yield {}
    stack.openai.models["gpt-4o-mini"] = model


def rename_functions(new_name: str) -> str:
    """All functions of the gateway; `new_name` is an SQL expression of f.name, the old one."""
    return f"""do $$ declare f record; begin
      for f in select oid::regprocedure as signature, proname as name from pg_proc
        where pronamespace = 'public'::regnamespace and proname ~ '{OURS}'
      loop execute format('alter function %s rename to %I', f.signature, {new_name}); end loop;
    end $$"""  # noqa: S608  # the tests' own words


def set_config(columns: str) -> str:
    return f"update sms_configs set {columns} where phone_number = '{PHONE_NUMBER}'"  # noqa: S608


def say_version(before: str, after: str) -> str:
    return f"""do $$ begin execute replace(
      pg_get_functiondef('public.get_sms_setup()'::regprocedure), '{before}', '{after}'
    ); end $$"""


FINISH_SEND = "function public.finish_sms_send(uuid, bigint, text, text, integer, text, uuid, text)"

TROUBLES: dict[str, tuple[Trouble, str]] = {
    "no Supabase there": (
        set_to(SUPABASE_URL="http://127.0.0.1:9"),
        r"secret key +http://127.0.0.1:9 does not answer .+ — see SUPABASE_URL",
    ),
    "legacy publishable key in place of the secret one": (
        anon_for_secret,
        r"secret key +.+ it is not the secret key — set SUPABASE_SECRET_KEY",
    ),
    "legacy secret key in place of the publishable one": (
        secret_for_publishable,
        r"publishable key +it is a secret key, .+ — set SUPABASE_PUBLISHABLE_KEY",
    ),
    "wrong secret key": (
        set_to(SUPABASE_SECRET_KEY="sb_secret_of_another_project"),
        r"secret key +Supabase refuses it .+ — set SUPABASE_SECRET_KEY: .+ Secret keys",
    ),
    "wrong publishable key": (
        set_to(SUPABASE_PUBLISHABLE_KEY="sb_publishable_of_another_project"),
        r"publishable key +Supabase refuses it .+ — set SUPABASE_PUBLISHABLE_KEY",
    ),
    "no migrations": (
        sql(rename_functions("'away_' || f.name"), rename_functions("substr(f.name, 6)")),
        r"schema +the gateway's functions are not in the database — apply .+supabase db push",
    ),
    "one migration behind": (
        sql(
            say_version(schema.VERSION, "20261122001600"),
            say_version("20261122001600", schema.VERSION),
        ),
        rf"schema +it is at 20261122001600, .+ needs {schema.VERSION} — apply .+supabase db push",
    ),
    "a revoked grant": (
        sql(
            f"revoke execute on {FINISH_SEND} from service_role",
            f"grant execute on {FINISH_SEND} to service_role",
        ),
        r"grants +missing for service_role: execute on function public.finish_sms_send.+ — run `",
    ),
    "a revoked grant on a table": (
        sql(
            "revoke delete on public.sms_workers from service_role",
            "grant delete on public.sms_workers to service_role",
        ),
        r"grants +missing for service_role: delete on public.sms_workers — run `grant",
    ),
    "the doctor's own grant revoked": (
        sql(
            "revoke execute on function public.get_sms_setup() from service_role",
            "grant execute on function public.get_sms_setup() to service_role",
        ),
        r"grants +missing: execute on get_sms_setup\(\) — grant execute",
    ),
    "Realtime down": (realtime_down, r"realtime +sms:worker was not joined: .+ — .*dashboard"),
    "no web process": (
        set_to(PUBLIC_URL="http://127.0.0.1:9"),
        r"web +nobody answers at http://127.0.0.1:9 .+ — start the web process",
    ),
    "a web process with another token": (
        set_to(SMS_WEBHOOK_SECRET="another_secret_than_the_web_process_has"),
        r"number .+ its messages go to .+ — sms-gateway number add",
    ),
    "wrong Twilio token": (
        set_to(TWILIO_AUTH_TOKEN="token_of_another_account"),
        r"twilio token +Twilio refuses it: .+ — set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN",
    ),
    "API key of another account": (
        set_to(TWILIO_API_KEY="SK" + "2" * 32, TWILIO_API_KEY_SECRET="secret_of_another_account"),
        r"twilio api key +Twilio refuses it: .+ — make one in the account AC",
    ),
    "number not in the account": (
        sql(
            "insert into sms_configs (user_id, phone_number) select user_id, '+15559990000'"  # noqa: S608
            f" from sms_configs where phone_number = '{PHONE_NUMBER}'",
            "delete from sms_configs where phone_number = '+15559990000'",
        ),
        r"number \+15559990000 +the account AC\w+ does not have it — buy it there",
    ),
    "webhook URL of another host": (
        at_twilio(sms_url="https://old.example.com/sms?token=secret"),
        r"number .+ its messages go to https://old.example.com/sms\?…, not to .+ — sms-gateway",
    ),
    "GET instead of POST": (
        at_twilio(sms_method="GET"),
        r"number .+ Twilio uses GET for its messages, not POST — sms-gateway number add",
    ),
    "wrong OpenAI key": (
        set_to(OPENAI_API_KEY="sk-of-somebody-else"),
        r"openai key +OpenAI does not know the key — set OPENAI_API_KEY",
    ),
    "model that does not exist": (
        sql(set_config("openai_model = 'gpt-9-mini'"), set_config("openai_model = 'gpt-4o-mini'")),
        r"model gpt-9-mini +OpenAI does not have it .+ — set openai_model",
    ),
    "model past its shutdown date": (
        model_shut_down,
        r"model gpt-4o-mini +OpenAI shut it down on 2026-01-14.+ — set openai_model",
    ),
    "worker not running": (
        sql("delete from sms_workers", "select 1"),
        r"worker +none was seen .+ — start one: python -m gateway worker",
    ),
    "a suspended config": (
        sql(
            set_config(
                "suspended_until = now() + interval '1 hour',"
                " suspended_reason = 'the OpenAI account has no credit left'"
            ),
            set_config("suspended_until = null, suspended_reason = null"),
        ),
        r"suspended +the number …0006 rests: the OpenAI account has no credit left — fix that",
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_the_fault_and_its_fix_are_named(examine: Examine, stack: Stack, name: str) -> None:
    trouble, line = TROUBLES[name]
    async with trouble(stack) as environ:
        outcome = await examine(**environ)
    faults = lines(outcome.output, "FAULT")
    assert any(re.match(line, fault) for fault in faults), outcome.output
    assert outcome.status == 1


async def test_a_fault_ends_the_process_with_1(stack: Stack, heartbeat: None) -> None:
    wrong = "sb_secret_of_another_project"
    outcome = await gateway(stack, "doctor", SUPABASE_SECRET_KEY=wrong)
    assert (outcome.status, outcome.errors) == (1, "")
    assert "Supabase refuses it" in outcome.output


async def test_every_setting_that_is_missing_is_named(stack: Stack) -> None:
    outcome = await gateway(stack, "doctor", SUPABASE_URL="", OPENAI_API_KEY="")
    url, key = lines(outcome.output, "FAULT")
    assert re.match(r"settings +SUPABASE_URL is missing: Supabase dashboard, .+ Project URL", url)
    assert re.match(r"settings +OPENAI_API_KEY is missing: platform.openai.com", key)
    assert (outcome.status, outcome.errors) == (1, "")


async def test_the_publishable_key_in_place_of_the_secret_one_is_named(stack: Stack) -> None:
    outcome = await gateway(
        stack, "doctor", SUPABASE_SECRET_KEY=stack.environ["SUPABASE_PUBLISHABLE_KEY"]
    )
    (line,) = lines(outcome.output, "FAULT")
    assert re.match(r"settings +SUPABASE_SECRET_KEY is not valid: this is the publishable", line)
    assert "Supabase dashboard, Project Settings > API Keys > Secret keys" in line
    assert (outcome.status, outcome.errors) == (1, "")


async def test_a_number_without_retries_is_a_warning(examine: Examine, stack: Stack) -> None:
    number = stack.twilio.numbers[PHONE_NUMBER]
    async with at_twilio(sms_url=number.sms_url.partition("#")[0])(stack):
        outcome = await examine()
    assert outcome.status == 0
    (line,) = [w for w in lines(outcome.output, "warning") if w.startswith("number")]
    assert "#rc, rp, ct, rt" in line and "sms-gateway number add" in line


async def test_texts_refused_for_a_missing_registration_are_counted(
    examine: Examine, stack: Stack
) -> None:
    refused = "insert into sms_delivery_events (message_sid, status, error_code) values"
    forget = "delete from sms_delivery_events where message_sid in ('SM1', 'SM2')"
    add = f"{refused} ('SM1', 'undelivered', 30034), ('SM2', 'undelivered', 30032)"
    async with sql(add, forget)(stack):
        outcome = await examine()
    (line,) = [w for w in lines(outcome.output, "warning") if w.startswith("registration")]
    assert (
        "refused 2 messages" in line and "https://www.twilio.com/docs/messaging/compliance" in line
    )
