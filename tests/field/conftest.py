"""These tests need programs of the system; `make test` needs git, make and Python alone, and skips them before any fixture begins."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def programs_are_wanted() -> None:
    if os.environ.get("CROSSCHECK_FIELD") != "1":
        pytest.skip("needs programs of the system; run make test-field")
