"""Runs a command several times beside busy loops: a test that counts on an idle machine shows itself.

python -m tools.busy --times 3 --loops 2 -- .venv/bin/python -m pytest -n 2 --dist loadfile
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

LOOP = """
import os
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""
"""Keeps one processor core busy, and ends by itself where what started it was killed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 if any of its runs failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=3, help="runs of the command (default: 3)")
    parser.add_argument("--loops", type=int, default=2, help="busy loops beside it (default: 2)")
    parser.add_argument("command", nargs="+", help="the command, after --")
    options = parser.parse_args(arguments)
    with busy_loops(options.loops):
        codes = [run(number, options.times, options.command) for number in range(1, options.times + 1)]
    return int(any(codes))


@contextmanager
def busy_loops(n_loops: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many processes that compute nothing, at normal priority, until the block ends."""
    loops: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(n_loops):
            loops.append(subprocess.Popen([sys.executable, "-c", LOOP]))
        yield loops
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()


def run(number: int, times: int, command: Sequence[str]) -> int:
    begun = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    result = "passed" if code == 0 else f"failed with exit code {code}"
    print(f"busy: run {number} of {times} {result} after {time.monotonic() - begun:.0f} s", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
