"""Runs all tests and prints which share of the Python and JavaScript code they execute: `make coverage`.

Python is measured by coverage.py, child processes and Streamlit servers included; JavaScript by V8, under `node --test` and in the
browser, and summed up by c8.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.node import ROOT, environment

FOLDER = ROOT / "build" / "coverage"
PYTHON, WEB = FOLDER / "python", FOLDER / "web"


def main(words: list[str]) -> int:
    """Exit code of the tests. `words` are more arguments for pytest, such as some of the test files."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for folder in (PYTHON, WEB):
        folder.mkdir(parents=True)
    measured = {
        **os.environ,
        "COVERAGE_FILE": str(PYTHON / "data"),
        "NODE_V8_COVERAGE": str(WEB),
        "CROSSCHECK_WEB_COVERAGE": str(WEB),
    }
    tests = ["pytest", "-n", "2", "--dist", "loadfile", *words]
    ended = subprocess.call([sys.executable, "-m", "coverage", "run", "-m", *tests], cwd=ROOT, env=measured)
    drop_other_scripts(WEB)
    for command in ("combine", "report"):
        arguments = ["--quiet"] if command == "combine" else []
        subprocess.call([sys.executable, "-m", "coverage", command, *arguments], cwd=ROOT, env=measured)
    report = [
        "c8",
        "report",
        "--temp-directory",
        str(WEB),
        "--include",
        "dashboard/web/**",
        "--all",
        "--reporter",
        "text",
    ]
    subprocess.call([*report, "--src", "dashboard/web"], cwd=ROOT, env=environment())
    return ended


def drop_other_scripts(folder: Path) -> None:
    """Node also records tools of its own; a file without one of our modules only slows the report."""
    for path in folder.glob("*.json"):
        if b"/dashboard/web/" not in path.read_bytes():
            path.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
