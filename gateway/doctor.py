"""sms-gateway doctor: looks at every part a message passes through, and says what to do.

All checks run at the same time, each with a deadline. What one of them cannot know because
another part is away is a warning; the fault is that part's own line.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import httpx

from gateway import __version__, realtime, schema
from gateway.contract import CONTRACT, Project
from gateway.events import Poster, allows_loopback
from gateway.openai import FAILURES, Replies, failure_of
from gateway.settings import Settings
from gateway.supabase import (
    Database,
    EventHealth,
    EventTarget,
    Health,
    Number,
    NumberHealth,
    Refused,
    TeamAddress,
    Unavailable,
    WorkerHealth,
)
from gateway.telemetry import mask_numbers
from gateway.twilio import WEBHOOK_OVERRIDES, PhoneNumber, TwilioFailed, TwilioSms, redact_query
from gateway.twilio_post import sign

CHECK_SECONDS = 12.0
# As long as the worker waits: a project that was asleep is slow to join, and not at fault.
REALTIME_SECONDS = realtime.READY_WITHIN + realtime.FLOWS_WITHIN + 5
READ_SECONDS = 4.0
OLD_BACKFILL_SECONDS = 3600
LATE_EVENT_SECONDS = 600
CALLS_OF_A_WEB_PROCESS = 20  # connections of its pool

APPLY_MIGRATIONS = (
    "apply supabase/migrations: `supabase db push`, or `sms-gateway schema print | psql` "
    "or in the SQL Editor"
)
SEE_TWILIO = "see the lines of Twilio's credentials"
STRANGE_ANSWER = (
    "see what answers at that address (SUPABASE_URL, TWILIO_BASE_URL, OPENAI_BASE_URL, a proxy); "
    "if it is the service itself, open an issue with this line"
)
CONFIRM = (
    "they open the link in Supabase's e-mail (dashboard, Authentication > Users, sends it again)"
)
REGISTER = (
    "register the number: https://www.twilio.com/docs/messaging/compliance/a2p-10dlc (US), "
    "https://www.twilio.com/docs/messaging/compliance/toll-free/console-onboarding (toll-free)"
)

# What get_sms_health counts of messages: (count, in words, what to do).
COUNTS = (
    (
        "unknown",
        "may or may not be at Twilio",
        "workers look them up; now: sms-gateway message reconcile ID",
    ),
    ("failed_24h", "failed in 24 h", "sms_messages.error_message says why"),
    (
        "doubled",
        "went out twice",
        "a worker was frozen for minutes while sending; they are in sms_delivery_events",
    ),
    (
        "looping_24h",
        "were left unanswered in 24 h: the same words after each reply, as machines write",
        "sms_messages.no_reply_reason is loop; a human may answer",
    ),
    ("refused_24h", "were refused by the database in 24 h", "see sms_webhook_logs and the log"),
)

Level = Literal["ok", "warning", "FAULT"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was seen, and what to do unless it is well."""

    level: Level
    name: str
    detail: str
    fix: str = ""


Findings = AsyncIterator[Finding]


def ok(name: str, detail: str) -> Finding:
    return Finding("ok", name, detail)


def warning(name: str, detail: str, fix: str) -> Finding:
    return Finding("warning", name, detail, fix)


def fault(name: str, detail: str, fix: str) -> Finding:
    return Finding("FAULT", name, detail, fix)


async def examine(settings: Settings, is_deep: bool = False) -> list[Finding]:
    """All findings, in the order of a message's way through the parts.

    `is_deep`: also whether the project answers as the gateway relies on.
    """
    async with (
        Database.connect(settings, READ_SECONDS) as database,
        TwilioSms.connect(settings) as twilio,
        Replies(settings) as model,
    ):
        doctor = Doctor(settings, database, twilio, model)
        checks = (*doctor.checks, doctor.check_contract) if is_deep else doctor.checks
        found = await asyncio.gather(*(_collect(check) for check in checks))
    return [_without_secrets(finding, settings) for findings in found for finding in findings]


async def _collect(check: Callable[[], Findings]) -> list[Finding]:
    """What a check found until its end or its deadline."""
    name = check.__name__.removeprefix("check_").replace("_", " ")
    findings: list[Finding] = []
    seconds = REALTIME_SECONDS if name in ("realtime", "contract") else CHECK_SECONDS
    try:
        async with asyncio.timeout(seconds):
            async for finding in check():
                findings.append(finding)
    except TimeoutError:
        late = f"no answer within {seconds:g} s"
        findings.append(fault(name, late, "see the network; run it again"))
    except (Unavailable, Refused, TwilioFailed) as error:
        findings.append(warning(name, f"not looked at: {error}", "fix the FAULT first"))
    except KeyError as error:  # an older schema answers with less
        lacking = f"not looked at: the database's answer lacks {error}"
        findings.append(warning(name, lacking, "see the line of the schema"))
    except Exception as error:  # whatever stands at an address may answer anything
        told = f"{type(error).__name__}: {mask_numbers(str(error))[:200]}"
        findings.append(fault(name, f"the check itself failed: {told}", STRANGE_ANSWER))
    return findings


def _without_secrets(finding: Finding, settings: Settings) -> Finding:
    """Others word the errors; none is known to quote a secret."""
    detail = finding.detail
    for secret in settings.secrets:
        detail = detail.replace(secret, "[secret]")
    return Finding(finding.level, finding.name, detail, finding.fix)


class Doctor:
    """The checks, and the answers of the database that several of them read."""

    def __init__(
        self, settings: Settings, database: Database, twilio: TwilioSms, model: Replies
    ) -> None:
        self._settings = settings
        self._database = database
        self._twilio = twilio
        self._model = model
        self._setup = asyncio.create_task(database.get_sms_setup())
        self._health = asyncio.create_task(database.get_sms_health())
        self._numbers = asyncio.create_task(database.list_sms_numbers())
        self.checks: tuple[Callable[[], Findings], ...] = (
            self.check_settings,
            self.check_web,
            self.check_secret_key,
            self.check_publishable_key,
            self.check_schema,
            self.check_realtime,
            self.check_twilio_token,
            self.check_twilio_api_key,
            self.check_numbers,
            self.check_messaging_services,
            self.check_unconfigured,
            self.check_registration,
            self.check_team,
            self.check_models,
            self.check_tools,
            self.check_worker,
            self.check_events,
            self.check_connections,
        )

    # Ours

    async def check_settings(self) -> Findings:
        yield ok("settings", f"complete; PUBLIC_URL is {self._settings.public_url}")

    async def check_web(self) -> Findings:
        """A status post, signed as Twilio would, about a message that nobody has: none is stored.

        https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
        """
        url = self._settings.status_url
        form = {
            "AccountSid": self._settings.twilio_account_sid,
            "MessageSid": "SM" + "0" * 32,
            "MessageStatus": "sent",
            "To": "+15005550006",
        }
        headers = sign(self._settings, url, form)
        try:
            async with httpx.AsyncClient(timeout=READ_SECONDS) as http:
                answer = await http.post(url, data=form, headers=headers)
        except httpx.HTTPError as error:
            yield fault(
                "web",
                f"nobody answers at {self._settings.public_url} ({type(error).__name__})",
                "start the web process there, or correct PUBLIC_URL",
            )
            return
        yield _check_web(answer.status_code, self._settings.public_url)

    # Supabase

    async def check_secret_key(self) -> Findings:
        yield await self._check_key("secret key")

    async def _check_key(self, name: str) -> Finding:
        where = "set SUPABASE_SECRET_KEY: dashboard, Project Settings > API Keys > Secret keys"
        key = self._settings.supabase_secret_key
        try:
            status, answer = await self._database.call_with_key("get_sms_health", key)
        except Unavailable as error:
            return fault(
                name,
                f"{self._settings.supabase_url} does not answer as Supabase does: {error}",
                "see SUPABASE_URL; a paused project is restored in the dashboard",
            )
        code = _code(answer)
        if status == 200 or code == "PGRST202":
            return ok(name, f"{self._settings.supabase_url} takes it")
        if code == "42501":
            return await self._check_weak_key(name, where)
        if status in (401, 403):
            return fault(name, f"Supabase refuses it (HTTP {status})", where)
        return fault(
            name, f"the Data API is not well: HTTP {status} {code}", "see status.supabase.com"
        )

    async def _check_weak_key(self, name: str, where: str) -> Finding:
        """The grant of one function may be missing; the publishable key has none."""
        key = self._settings.supabase_secret_key
        status, _ = await self._database.call_with_key("get_sms_setup", key)
        if status == 200:
            return ok(name, f"{self._settings.supabase_url} takes it")
        return fault(
            name, "it may call no function of the gateway: it is not the secret key", where
        )

    async def check_publishable_key(self) -> Findings:
        """Valid, and harmless: browsers see it."""
        key = self._settings.supabase_publishable_key
        where = (
            "set SUPABASE_PUBLISHABLE_KEY: dashboard, Project Settings > API Keys > Publishable key"
        )
        try:
            status, answer = await self._database.call_with_key("get_sms_setup", key)
        except Unavailable as error:
            yield warning("publishable key", f"not looked at: {error}", "fix the FAULT first")
            return
        if status == 200:
            yield fault("publishable key", "it is a secret key, which browsers would see", where)
        elif _code(answer) in ("42501", "PGRST202"):
            yield ok("publishable key", f"{self._settings.supabase_url} takes it")
        else:
            yield fault("publishable key", f"Supabase refuses it (HTTP {status})", where)

    async def check_schema(self) -> Findings:
        try:
            setup = await asyncio.shield(self._setup)
        except Unavailable as error:
            if error.code != "PGRST202":
                raise
            yield fault(
                "schema", "the gateway's functions are not in the database", APPLY_MIGRATIONS
            )
            return
        except Refused as error:
            if error.code != "42501":
                raise
            yield fault("grants", "missing: execute on get_sms_setup()", _grant("get_sms_setup()"))
            return
        yield _check_version(setup["schema_version"], setup["postgres_version"])
        for finding in _check_grants(setup["missing_grants"]):
            yield finding
        if not setup["realtime"]:
            yield fault(
                "realtime.send",
                "the database has no realtime.send(): nobody is woken",
                "restart the project in the dashboard, which updates Realtime",
            )

    async def check_realtime(self) -> Findings:
        joined = await realtime.join(self._settings)
        if not joined.failure:
            unsaid = "" if joined.is_confirmed else ", but it does not say that broadcasts flow"
            yield ok("realtime", f"joined {realtime.TOPIC}{unsaid}")
        else:
            yield fault(
                "realtime",
                f"{realtime.TOPIC} was not joined: {joined.failure}",
                "messages wait for the worker's next look, up to 10 s; see the secret key, "
                "Realtime > Settings in the dashboard, status.supabase.com",
            )

    async def check_contract(self) -> Findings:
        async with httpx.AsyncClient(timeout=READ_SECONDS) as http:
            project = Project(self._settings, http)
            for clause in CONTRACT:
                seen = await clause.ask(project)
                if seen:
                    yield fault("contract", f"not so: {clause.promise} ({seen})", clause.fix)
                else:
                    yield ok("contract", clause.promise)

    # Twilio

    async def check_twilio_token(self) -> Findings:
        try:
            account = await self._twilio.fetch_account()
        except TwilioFailed as failure:
            fix = "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN: Twilio console, Account Info"
            yield _check_refusal("twilio token", failure, f"set {fix}")
            return
        if account.status != "active":
            yield fault(
                "twilio token", f"the account is {account.status}", "see console.twilio.com"
            )
        elif account.kind == "Trial":
            yield warning(
                "twilio token",
                "a trial account sends to verified numbers only, with a sentence of its own",
                "upgrade it at console.twilio.com",
            )
        else:
            yield ok("twilio token", f"account {account.sid}, active")

    async def check_twilio_api_key(self) -> Findings:
        if not self._settings.twilio_api_key:
            yield ok("twilio api key", "none: calls use the auth token")
            return
        try:
            await self._twilio.find_number(self._settings.twilio_phone_number or "+15005550006")
        except TwilioFailed as failure:
            yield _check_refusal(
                "twilio api key",
                failure,
                f"make one in the account {self._settings.twilio_account_sid} (Twilio console, "
                "Account > API keys) and set TWILIO_API_KEY and TWILIO_API_KEY_SECRET",
            )
            return
        yield ok("twilio api key", f"{self._settings.twilio_api_key} belongs to the account")

    async def check_numbers(self) -> Findings:
        numbers = await asyncio.shield(self._numbers)
        if not numbers:
            yield fault("numbers", "none is configured", "sms-gateway number add --owner E-MAIL")
            return
        try:
            at_twilio = await self._twilio.list_numbers()
        except TwilioFailed as failure:
            yield warning("numbers", f"not looked at: {failure}", SEE_TWILIO)
            return
        for number in numbers:
            yield self._check_number(number, at_twilio.get(number.phone_number))

    def _check_number(self, number: Number, at_twilio: PhoneNumber | None) -> Finding:
        name = f"number {number.phone_number}"
        if not number.phone_number.startswith("+"):
            return warning(name, "a short code is not looked at", "see it in the Twilio console")
        if at_twilio is None:
            return fault(
                name,
                f"the account {self._settings.twilio_account_sid} does not have it",
                "buy it there, or delete its row of sms_configs",
            )
        add = f"sms-gateway number add {number.phone_number} --owner {number.owner} --yes"
        return self._check_webhook(name, at_twilio, at_twilio.how_to_defer or add)

    def _check_webhook(self, name: str, number: PhoneNumber, fix: str) -> Finding:
        url, method = number.webhook
        if not self._twilio.points_here(number):
            here = redact_query(self._settings.webhook_url)
            return fault(name, f"its messages go to {number.destination}, not to {here}", fix)
        if method != "POST":
            return fault(name, f"Twilio uses {method} for its messages, not POST", fix)
        if "#" + url.partition("#")[2] != WEBHOOK_OVERRIDES:
            return warning(
                name, "its webhook does not ask Twilio to retry as it should (#rc, rp, ct, rt)", fix
            )
        return ok(name, "webhook, method and retries are set; each message names its callback")

    async def check_messaging_services(self) -> Findings:
        """Those that do not defer ignore what is set on their numbers, seen in check_numbers."""
        try:
            services = await self._twilio.list_services()
        except TwilioFailed as failure:
            yield warning(
                "messaging services",
                f"not looked at: {failure}; they may send a number's messages elsewhere",
                "give the API key read access to messaging services, or look in the Twilio console",
            )
            return
        count = len({service.sid for service in services.values()})
        yield ok("messaging services", f"{count} take their numbers' messages themselves")

    async def check_unconfigured(self) -> Findings:
        """Messages that came to an address of ours that no row of sms_configs has."""
        count = (await asyncio.shield(self._health))["unconfigured_24h"]
        if not count:
            yield ok("unconfigured", "every message of 24 h came to a number that is configured")
            return
        for address in (await asyncio.shield(self._setup))["unconfigured_to"]:
            yield _check_unconfigured(address, count)

    async def check_registration(self) -> Findings:
        count = (await asyncio.shield(self._setup))["unregistered_24h"]
        if count:
            yield warning(
                "registration",
                f"carriers refused {count} messages in 24 h (30032, 30034)",
                REGISTER,
            )
        else:
            yield ok("registration", "no message was refused for it in 24 h (30032, 30034)")

    async def check_team(self) -> Findings:
        unconfirmed = (await asyncio.shield(self._setup))["unconfirmed_team"]
        for address in unconfirmed:
            yield _check_unconfirmed(address)
        if not unconfirmed:
            yield ok("team", "the e-mail addresses of all members are confirmed")

    # OpenAI

    async def check_tools(self) -> Findings:
        listing = await self._database.list_sms_tools()
        for problem in listing["problems"]:
            what, _, fix = problem["reason"].rpartition(": ")
            finding = fault if problem["is_fault"] else warning
            yield finding("tools", f"{problem['subject']}: {what or fix}", fix)
        if not listing["problems"]:
            own = sum(not tool["is_built_in"] for tool in listing["tools"])
            yield ok("tools", f"{own} functions of schema sms_tools can be offered")

    async def check_models(self) -> Findings:
        try:
            models = await self._model.models()
        except FAILURES as error:
            what, _, fix = str(failure_of(error, "")).partition(": ")
            yield fault("openai key", what, fix)
            return
        yield ok("openai key", f"it may use {len(models)} models")
        fallback = self._settings.openai_fallback_model
        asked = {n.openai_model: n.phone_number for n in await asyncio.shield(self._numbers)}
        for name in sorted(asked):
            choose = (
                f"set openai_model in sms_configs to one that stays, such as {fallback}; what that "
                f"would have answered: sms-gateway replay {asked[name]} --model {fallback}"
            )
            yield _check_model(f"model {name}", name, models, choose)
        if fallback not in models:
            yield warning(
                "fallback model",
                f"OpenAI does not have {fallback} for this key",
                "set OPENAI_FALLBACK_MODEL",
            )
        else:
            choose = "set OPENAI_FALLBACK_MODEL to one that stays"
            yield _check_model("fallback model", fallback, models, choose)

    # The worker and its work

    async def check_worker(self) -> Findings:
        health = await asyncio.shield(self._health)
        for finding in (
            *_check_workers(_alive(health)),
            _check_backlog(health),
            *_check_suspended(health["numbers"]),
            *_check_backfill(health["numbers"]),
            *_check_messages(health),
        ):
            yield finding

    async def check_events(self) -> Findings:
        """A signed ping to each webhook, which a receiver ignores: it knows no such type."""
        targets = await self._database.list_sms_event_targets()
        health = await asyncio.shield(self._health)
        for finding in _check_deliveries(len(targets), health["events"]):
            yield finding
        async with Poster.connect(allows_loopback(self._settings), READ_SECONDS) as poster:
            pinged = [ping(poster, target) for target in targets if target["kind"] == "webhook"]
            for finding in await asyncio.gather(*pinged):
                yield finding

    async def check_connections(self) -> Findings:
        """The Data API queues what its pool cannot take, and says PGRST003 when that lasts."""
        health = await asyncio.shield(self._health)
        setup = await asyncio.shield(self._setup)
        workers, web = max(1, len(_alive(health))), self._settings.web_concurrency
        slots, limit = self._settings.sms_worker_concurrency, setup["max_connections"]
        at_once = workers * slots + web * CALLS_OF_A_WEB_PROCESS
        detail = (
            f"up to {at_once} calls at once (web {web} x {CALLS_OF_A_WEB_PROCESS}, "
            f"worker {workers} x {slots}), Postgres takes {limit}"
        )
        if at_once > limit:
            yield warning(
                "connections",
                detail,
                "fewer SMS_WORKER_CONCURRENCY or WEB_CONCURRENCY, or a larger compute size",
            )
        else:
            yield ok("connections", detail)


def _code(answer: Any) -> str:
    return str(answer.get("code") or "") if isinstance(answer, dict) else ""


def _grant(function: str) -> str:
    return f"grant execute on function public.{function} to service_role; or {APPLY_MIGRATIONS}"


def _check_web(status: int, public_url: str) -> Finding:
    if status == 200:
        return ok("web", f"{public_url} takes what Twilio signs, status callbacks too")
    if status == 403:
        return fault(
            "web",
            f"{public_url} refuses what TWILIO_AUTH_TOKEN signs (HTTP 403)",
            "the web process must have the same PUBLIC_URL, TWILIO_ACCOUNT_SID, "
            "TWILIO_AUTH_TOKEN and SMS_WEBHOOK_SECRET as this command",
        )
    if status == 503:
        return fault(
            "web", f"{public_url} cannot store messages (HTTP 503)", "see the lines of Supabase"
        )
    return fault(
        "web",
        f"{public_url} is not the gateway (HTTP {status})",
        "PUBLIC_URL must be its final https address, with the path it is mounted under",
    )


def _check_unconfigured(address: str, count: int) -> Finding:
    detail = f"messages to {address} are not answered ({count} to all such addresses in 24 h)"
    if re.fullmatch(r"\+[0-9]+", address):
        return warning("unconfigured", detail, f"sms-gateway number add {address} --owner E-MAIL")
    if address.startswith("whatsapp:"):
        fix = "WhatsApp is not answered: remove its webhook in the Twilio console"
        return warning("unconfigured", detail, fix)
    fix = f"add '{address}' to the addresses of its number's row in sms_configs"
    return warning("unconfigured", detail, fix)


def _check_unconfirmed(address: TeamAddress) -> Finding:
    email = address["email"]
    if address["is_member"]:
        return warning(
            "team",
            f"{email} is a member, and the address is not confirmed: it may be somebody else's",
            f"{CONFIRM}; or remove_sms_member",
        )
    return warning(
        "team",
        f"{email} is invited and signed up, and cannot accept before the address is confirmed",
        CONFIRM,
    )


def _check_version(version: str, postgres: str) -> Finding:
    if version < schema.VERSION:
        return fault(
            "schema", f"it is at {version}, the gateway needs {schema.VERSION}", APPLY_MIGRATIONS
        )
    if version > schema.VERSION:
        return warning(
            "schema",
            f"it is at {version}, newer than the gateway's {schema.VERSION}",
            "deploy the current gateway",
        )
    return ok("schema", f"{version}, Postgres {postgres}")


def _check_grants(missing: list[str]) -> list[Finding]:
    if not missing:
        return [ok("grants", "the service role may do what it has to")]
    shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    return [
        fault(
            "grants",
            f"missing for service_role: {shown}",
            "run `grant … to service_role` for each in the SQL Editor",
        )
    ]


def _check_refusal(name: str, failure: TwilioFailed, fix: str) -> Finding:
    if failure.status in (401, 403, 404):
        return fault(name, f"Twilio refuses it: {failure}", fix)
    return fault(name, str(failure), "see the network, TWILIO_BASE_URL, status.twilio.com")


def _check_model(name: str, model: str, models: dict[str, date | None], choose: str) -> Finding:
    if model not in models:
        return fault(name, "OpenAI does not have it for this key: the fallback answers", choose)
    ends = models[model]
    if ends is None:
        return ok(name, "no shutdown is announced")
    if ends < datetime.now(UTC).date():
        return fault(name, f"OpenAI shut it down on {ends}: the fallback answers", choose)
    return warning(name, f"OpenAI shuts it down on {ends}", choose)


def _alive(health: Health) -> list[WorkerHealth]:
    late_after = health["late_after_seconds"]
    return [worker for worker in health["workers"] if worker["seen_seconds_ago"] < late_after]


def _check_workers(workers: list[WorkerHealth]) -> list[Finding]:
    if not workers:
        return [
            fault(
                "worker",
                "none was seen for a while: nothing is answered",
                "start one: python -m gateway worker",
            )
        ]
    held = sum(worker["leases"] for worker in workers)
    findings = [ok("worker", f"{len(workers)} at work, conversations held: {held}")]
    for worker in workers:
        name = f"worker {worker['name']}"
        if worker["version"] != __version__:
            detail = f"it runs {worker['version']}, this is {__version__}"
            findings.append(warning(name, detail, "restart it after a deploy"))
        if worker["realtime_ready_at"] is None:
            detail = "it has not joined Realtime: messages wait up to 10 s"
            fix = "usual in its first 20 s; else see the realtime line and its log"
            findings.append(warning(name, detail, fix))
    notices = {item for worker in workers for item in worker["notices"].items()}
    findings += [
        warning("worker", f"{subject}: {reason}", "see the lines of OpenAI")
        for subject, reason in sorted(notices)
    ]
    return findings


def _check_backlog(health: Health) -> Finding:
    late = health["oldest_due_seconds"] or 0
    if late > health["late_after_seconds"]:
        return fault(
            "backlog",
            f"{health['overdue']} conversations wait, the oldest for {late:.0f} s",
            "see the worker's log; start more workers if it is only busy",
        )
    return ok("backlog", f"{health['in_work']} conversations in work, none is late")


def _check_deliveries(targets: int, health: EventHealth) -> list[Finding]:
    late = health["oldest_waiting_seconds"] or 0
    findings = []
    if health["dead_24h"]:
        detail = f"{health['dead_24h']} deliveries were given up in 24 h"
        fix = "sms-gateway events show says why; sms-gateway events replay ID tries again"
        findings.append(warning("events", detail, fix))
    if late > LATE_EVENT_SECONDS:
        detail = f"the oldest delivery waits for {late:.0f} s"
        findings.append(warning("events", detail, "see the lines of the targets below"))
    return findings or [ok("events", f"{targets} targets, no delivery is late or was given up")]


async def ping(poster: Poster, target: EventTarget) -> Finding:
    """The finding names the target's id: an address may be a secret itself."""
    name = f"target {target['target_id'][:8]}"
    if not target["is_enabled"]:
        reason = target["disabled_reason"] or "its account turned it off"
        return warning(name, f"it is off: {reason}", "turn it on again, or delete it")
    payload = {"type": "target.ping", "timestamp": datetime.now(UTC).isoformat(), "data": {}}
    attempt = await poster.post(
        target["address"], target["secret"] or "", f"ping_{uuid.uuid4()}", payload
    )
    if attempt.is_delivered:
        return ok(name, f"it answered {attempt.status} to a signed ping")
    return fault(name, f"it does not take events: {attempt.error}", "correct it, or delete it")


def _check_suspended(numbers: list[NumberHealth]) -> list[Finding]:
    suspended = [number for number in numbers if number["suspended_until"]]
    return [
        fault(
            "suspended",
            f"the number {number['number']} rests: {number['suspended_reason']}",
            f"fix that; it is tried again by itself at {number['suspended_until']}",
        )
        for number in suspended
    ] or [ok("suspended", "no number rests")]


def _check_backfill(numbers: list[NumberHealth]) -> list[Finding]:
    return [
        warning(
            "backfill",
            f"the number {number['number']} was not compared with Twilio for "
            f"{number['backfill_seconds_ago']:.0f} s",
            "see its number line and the worker's log",
        )
        for number in numbers
        if number["backfill_seconds_ago"] > OLD_BACKFILL_SECONDS
    ]


def _check_messages(health: Mapping[str, object]) -> list[Finding]:
    return [
        warning("messages", f"{health[count]} {words}", fix)
        for count, words, fix in COUNTS
        if health[count]
    ] or [ok("messages", "none is unsettled, failed, doubled, refused or without a number")]
