"""Do the benchmarks say when something failed?"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from benchmarks.job import attempt, failed_parts

ROOT = Path(__file__).parent.parent
PYTHON = """#!/bin/sh
case "$*" in
*pytest*) exit {tests} ;;
*) exec sleep {seconds} ;;
esac
"""
"""Stands for a Python whose tests and timings end so."""


@pytest.mark.parametrize(("tests", "seconds", "exit_code"), [(0, 0, 0), (1, 0, 1), (0, 60, 1)])
def test_a_gpu_part_that_fails_or_is_cut_fails_the_whole_and_stops_no_other(tmp_path, tests, seconds, exit_code):
    python = tmp_path / "python"
    python.write_text(PYTHON.format(tests=tests, seconds=seconds))
    python.chmod(0o755)
    environment = {
        **os.environ,
        "PYTHON": str(python),
        "OUT": str(tmp_path),
        "BENCH_SECONDS": "1" if seconds else "600",
    }
    done = subprocess.run(
        ["sh", ROOT / "benchmarks" / "gpu.sh"], env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == exit_code, done.stdout
    assert "== job-gpu" in done.stdout and ("error:" in done.stdout) == bool(exit_code)
    assert ("124" in (tmp_path / "job-gpu.txt").read_text()) == bool(seconds)


def test_parts_of_a_benchmark_that_failed_are_named():
    inner, result = {}, {"machine": "x"}
    with attempt(inner, "batch 64"):
        raise RuntimeError("out of memory")
    with attempt(result, "peaks"):
        pass
    assert failed_parts({**result, "full, networks": {"batch 32": {"frames/s": 1.0}, **inner}}) == [
        "full, networks, batch 64"
    ]
