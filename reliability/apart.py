"""Tries a promise in a process of its own, which starts no threads, so that it can be forked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def apart(module: str, what: str, folder: Path, seed: int, tries: int) -> dict[str, Any]:
    """What `python -m MODULE WHAT FOLDER SEED TRIES` prints as its last line."""
    command = [sys.executable, "-m", module, what, str(folder), str(seed), str(tries)]
    root = Path(__file__).parents[1]
    answer = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(answer.splitlines()[-1])
