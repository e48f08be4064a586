"""Is every promise of tests/torture kept, at the small size of each?"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture import Promise, promises, urls


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.name)
def test_the_promise_is_kept(promise: Promise, tmp_path: Path) -> None:
    outcome = promise.attempt(promise.small, tmp_path, 0)
    assert promise.is_kept(outcome), f"{promise.sentence}: {outcome}"


def test_the_witness_of_connections_sees_them_where_there_is_no_guard(tmp_path: Path) -> None:
    rows = urls.run_tries("unguarded", 12, 0, tmp_path / "unguarded")
    wrong = [" ".join(row["wrong"]) for row in rows]
    assert any(
        "connected to ('127.0.0.1'" in text and "heard by a server" in text and "gave the bytes" in text
        for text in wrong
    )
