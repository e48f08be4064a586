"""The guard of the current folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fixtures.places import left_in_place


def test_a_test_that_leaves_another_folder_is_told_and_the_folder_is_restored(tmp_path: Path):
    before = Path.cwd()
    gone = tmp_path / "gone"
    gone.mkdir()
    for folder in (tmp_path, gone):
        with pytest.raises(pytest.fail.Exception, match="leaves the process in"), left_in_place():
            os.chdir(folder)
            gone.rmdir() if folder == gone else None
        assert Path.cwd() == before
