"""Configurations with made-up curves, and all that a card says of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analysis.stated.trust import Trust
from dashboard.compare.card.measures import Contender, Measures
from dashboard.compare.card.verdict import Verdict
from dashboard.player_data import Series

N = 60
WAVE = np.sin(np.arange(N) / 3)
NOISE = np.random.default_rng(1).normal(size=(8, N))
TRUST = Trust(0.53, 480, 1.9, {"outdoor videos": 0.8, "phone clip": 0.69})


def contender(letter: str, energy: np.ndarray | None, error: np.ndarray | None, **changes) -> Contender:
    names = {"A": "baseline", "B": "multitask", "C": "cycle"}

    def series(values: np.ndarray | None) -> Series | None:
        return None if values is None else Series(letter, names[letter], values)

    made = Contender(letter, names[letter], f"lab/{names[letter]}", True, series(energy), series(error), None)
    return replace(made, **changes)


def measures(*contenders: Contender, **changes) -> Measures:
    return replace(Measures(contenders, "σ", "°", "Mean angular error", "standardised", True), **changes)


def said(found: Verdict) -> str:
    """Everything on the card."""
    return " ".join([*found.warnings, found.headline, *(f"{label}: {text}" for label, text in found.facts)]).replace(
        "\xa0", " "
    )


def misleading() -> Measures:
    """B is lower in energy, A in error, both on every frame."""
    a = contender("A", WAVE, 12 + WAVE + 0.1 * NOISE[0])
    return measures(a, contender("B", WAVE - 0.3 + 0.01 * NOISE[1], 13.1 + WAVE + 0.1 * NOISE[2]))
