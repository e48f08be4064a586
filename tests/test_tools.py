"""The developer's tools do what the Makefile counts on."""

from __future__ import annotations

import sys
from pathlib import Path

from tools import busy


def test_busy_runs_a_command_so_often_and_fails_where_one_run_fails(tmp_path: Path, capfd):
    runs = tmp_path / "runs"
    fail_second = f"import sys; f = open({str(runs)!r}, 'a+'); f.write('x'); sys.exit(3 if f.tell() == 2 else 0)"
    command = [sys.executable, "-c", fail_second]
    assert busy.main(["--times", "3", "--loops", "1", "--", *command]) == 1
    assert runs.read_text() == "xxx"
    lines = capfd.readouterr().out.splitlines()
    assert [line.rpartition(" after ")[0] for line in lines] == [
        "busy: run 1 of 3 passed",
        "busy: run 2 of 3 failed with exit code 3",
        "busy: run 3 of 3 passed",
    ]
    assert busy.main(["--times", "1", "--loops", "1", "--", *command]) == 0


def test_busy_loops_run_beside_the_command_and_end_with_it():
    with busy.busy_loops(2) as loops:
        assert [loop.poll() for loop in loops] == [None, None]
    assert [loop.returncode for loop in loops] == [-9, -9]
