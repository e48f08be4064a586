"""Is every promise of tests/torture kept, at the small size of each?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture import Promise, promises


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.name)
def test_the_promise_is_kept(promise: Promise, tmp_path: Path) -> None:
    outcome = promise.attempt(promise.small, tmp_path, 0)
    assert promise.is_kept(outcome), f"{promise.sentence}: {outcome}"
