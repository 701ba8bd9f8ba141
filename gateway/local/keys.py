"""The keys and passwords of one local stack: made once, kept in its data folder."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path


def _key(kind: str) -> str:
    """The form of a hosted project's keys: sb_<kind>_<22 characters>_<8 characters>."""
    return f"sb_{kind}_{secrets.token_hex(11)}_{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Keys:
    """None of them is worth anything outside this machine."""

    postgres_password: str = field(default_factory=lambda: secrets.token_hex(16))
    jwt_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    publishable_key: str = field(default_factory=lambda: _key("publishable"))
    secret_key: str = field(default_factory=lambda: _key("secret"))
    twilio_account_sid: str = field(default_factory=lambda: "AC" + secrets.token_hex(16))
    twilio_auth_token: str = field(default_factory=lambda: secrets.token_hex(16))

    @classmethod
    def of(cls, folder: Path) -> Keys:
        """Those of a data folder, made when it has none."""
        path = folder / "secrets.json"
        if path.exists():
            return cls(**json.loads(path.read_text()))
        made = cls()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(made), file, indent=2)
        return made
