"""Loads by pgbench, which comes with Postgres: apt-get install postgresql-15."""

# ruff: noqa: S608  # SQL of constants
from __future__ import annotations

import asyncio
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

# What Twilio posts, as ingest_sms logs it.
FORM = """{"ToCountry": "US", "ToState": "", "SmsMessageSid": "SM0", "NumMedia": "0", "ToCity": "",
"FromZip": "", "SmsSid": "SM0", "FromState": "", "SmsStatus": "received", "FromCity": "",
"Body": "Hola", "FromCountry": "US", "To": "+16660000001", "ToZip": "", "NumSegments": "1",
"MessageSid": "SM0", "AccountSid": "AC0", "From": "+17010000001", "ApiVersion": "2010-04-01"}"""

INGEST = f"""
\\set n random(1, 5000)
select public.ingest_sms(jsonb_build_object(
  'sid', 'SM' || replace(gen_random_uuid()::text, '-', ''), 'from', b.contact, 'to', b.phone,
  'body', 'Hola, son las ' || clock_timestamp(), 'media', '[]'::jsonb, 'form', '{FORM}'::jsonb
)) from bench_contacts as b where b.load = :load and b.number = :n;
"""

CLAIM = """
select j ->> 'kind' as kind, j ->> 'lease_id' as lease, j ->> 'message_id' as message
from public.claim_sms_work('bench', gen_random_uuid()) as j \\gset
"""

ANSWER = """
select q ->> 'message_id' as answer
from public.queue_sms_reply(nullif(:lease, '')::uuid, nullif(:message, '')::bigint,
  'Claro que sí, abrimos a las nueve.', 'GSM-7', 1, 'gpt-4o-mini', 250, 30, 900) as q \\gset
select public.finish_sms_send(nullif(:lease, '')::uuid, nullif(:answer, '')::bigint,
  'SM' || replace(gen_random_uuid()::text, '-', ''), 'queued', 1, 'GSM-7');
"""

SCRIPTS = {
    "plain insert": "insert into bench_plain (conversation_id, content) "
    "values (gen_random_uuid(), 'Hola, ¿a qué hora abren?');",
    "plain claim": "update bench_jobs set state = 1 where id = (select id from bench_jobs "
    "where state = 0 order by id limit 1 for update skip locked);",
    "ingest": INGEST,
    "life": INGEST + CLAIM + ANSWER,
}


@dataclass(frozen=True)
class Run:
    """`latencies`: mean milliseconds of each SQL statement of the script, in order."""

    per_second: float
    latencies: tuple[float, ...]


def program() -> str:
    """The path of pgbench; raises FileNotFoundError."""
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    found = shutil.which("pgbench") or (str(known[-1]) if known else None)
    if not found:
        raise FileNotFoundError("pgbench is missing: apt-get install postgresql-15")
    return found


async def run(url: str, script: str, clients: int, seconds: float, load: str = "all") -> Run:
    """Raises RuntimeError when a transaction failed."""
    target = conninfo_to_dict(url)
    environ = {
        **os.environ,
        "PGPASSWORD": str(target["password"]),
        "PGOPTIONS": "-c role=service_role -c synchronous_commit=on",
    }
    process = await asyncio.create_subprocess_exec(
        program(),
        *("--no-vacuum", "--protocol=prepared", "--report-per-command", "--file=/dev/stdin"),
        *(f"--client={clients}", "--jobs=1", f"--time={max(round(seconds), 1)}"),
        *(f"--define=load={load}", f"--host={target['host']}", f"--port={target['port']}"),
        *(f"--username={target['user']}", str(target["dbname"])),
        env=environ,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate(SCRIPTS[script].encode())
    finally:
        if process.returncode is None:
            process.kill()
    return _read(output.decode(), errors.decode())


def _read(output: str, errors: str) -> Run:
    speed = re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)
    aborted = re.search(r"ERROR:.*", errors)
    if speed is None or aborted:
        raise RuntimeError(f"pgbench failed: {aborted[0] if aborted else (errors + output)[-900:]}")
    lines = re.findall(r"^ +([\d.]+) +\d+ +(.*)$", output, re.MULTILINE)
    statements = tuple(float(time) for time, command in lines if not command.startswith("\\set"))
    return Run(float(speed[1]), statements)
