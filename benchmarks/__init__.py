"""Measures speed on real work. No test asserts these figures."""

from pathlib import Path

FIGURES = Path(__file__).parent / "figures"
"""What was measured last, with the name of the machine."""
