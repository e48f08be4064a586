"""What the tests of whole jobs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.zoos import write_zoo


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_zoo(tmp_path_factory.mktemp("zoo"))
