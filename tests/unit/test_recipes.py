"""What gateway/README.md tells receivers of events to do takes what is posted, and nothing else."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.events import signed_headers
from tests.npm import NODE

README = (Path(__file__).parents[2] / "gateway/README.md").read_text()
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
OTHER = "whsec_" + base64.b64encode(b"another secret of thirty-two byte").decode()
BODY = json.dumps(
    {"type": "human.requested", "data": {"contact_number": "+15557770001", "reason": "ñ ✓"}},
    ensure_ascii=False,
    separators=(",", ":"),
)


def snippet(language: str, marker: str) -> str:
    [found] = [
        code for code in re.findall(rf"```{language}\n(.*?)```", README, re.S) if marker in code
    ]
    return str(found)


def changed(what: str) -> tuple[dict[str, str], str]:
    """Headers and body as posted, but for one thing."""
    headers, body = signed_headers(OTHER if what == "secret" else SECRET, "evt_1", BODY), BODY
    if what == "body":
        body += " "
    elif what == "time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) - 3600)
    elif what == "id":
        headers["webhook-id"] = "evt_2"
    return headers, body


CASES = [("nothing", True), ("secret", False), ("body", False), ("time", False), ("id", False)]


@pytest.mark.parametrize(("what", "taken"), CASES)
def test_the_receiver_in_javascript(what: str, taken: bool) -> None:
    headers, body = changed(what)
    program = snippet("js", "function verified") + (
        "const [secret, headers, body] = JSON.parse(require('fs').readFileSync(0, 'utf8'))\n"
        "console.log(JSON.stringify(verified(secret, headers, body)))"
    )
    given = json.dumps([SECRET, headers, body])
    done = subprocess.run([NODE, "-e", program], input=given, capture_output=True, text=True)
    assert (done.returncode == 0) == taken, done.stderr
    assert not taken or json.loads(done.stdout) == json.loads(BODY)


@pytest.mark.parametrize(("what", "taken"), CASES)
async def test_the_receiver_in_python(
    what: str, taken: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMS_EVENTS_SECRET", SECRET)
    module: Any = types.ModuleType("receiver_of_the_readme")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(snippet("python", "standardwebhooks"), module.__dict__)  # noqa: S102  # our own words
    headers, body = changed(what)
    transport = httpx.ASGITransport(module.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
        answers = [
            await client.post("/sms-events", content=body.encode(), headers=headers)
            for _ in range(2)
        ]
    assert {answer.status_code for answer in answers} == {204 if taken else 401}
    told = "human.requested +15557770001\n"
    assert capsys.readouterr().out == (told if taken else ""), "twice posted, once acted on"
