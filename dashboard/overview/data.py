"""The overview in JSON, for the component that draws it (web/overview/overview.mjs)."""

# K parts of a clip

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from analysis.summaries.record import Measure
from dashboard.compare.expected import MEASURES
from dashboard.configuration import Configuration
from dashboard.overview.ranking import Ranking
from dashboard.overview.table import Cell, Table
from dashboard.overview.words import against_first, interval, place, share
from dashboard.selection.link import KEY_LETTERS

SPARK_POINTS = 32
SPARK_LEVELS = "0123456789abcdefghijklmnopqrstuvwxyz"
"""A curve is a text with a letter for each point: 4,000 curves as lists of numbers would be a megabyte."""
NO_POINT = "."
_LETTERS = np.frombuffer((SPARK_LEVELS + NO_POINT).encode(), np.uint8)
"""The last one is for points without a value."""
SPARK_SIGMA = (-2.0, 6.0)
"""The scale of every curve of energy: anchored, so that a height means the same on every clip; values beyond lie at its ends."""
DIGITS = 5
"""Significant ones that are sent: more than are shown."""


def overview_data(table: Table, ranking: Ranking) -> dict[str, Any]:
    """What every visitor gets; `for_visitor` adds the rest."""
    clip_at = {clip.key: at for at, clip in enumerate(table.clips)}
    configuration_at = {c: at for at, c in enumerate(table.configurations)}
    expected = next((cell.expected.error for cell in table.cells if cell.expected), "")
    return {
        "target": table.target,
        "clips": [{"label": table.clip_labels[clip.key], "key": clip.key[:KEY_LETTERS]} for clip in table.clips],
        "configurations": [{"label": table.labels[c], "spelling": c.spelling} for c in table.configurations],
        "order": [configuration_at[row.configuration] for row in ranking.rows],
        "error": {"title": table.error_title, "unit": table.error_unit},
        "expected": {"title": MEASURES[expected][0], "unit": MEASURES[expected][1]} if expected in MEASURES else None,
        "changeUnit": next((cell.stability.unit for cell in table.cells if cell.stability), ""),
        "spark": {"lo": SPARK_SIGMA[0], "hi": SPARK_SIGMA[1]},
        "cells": [
            _cell(cell, clip_at[cell.clip.key], configuration_at[cell.configuration], expected) for cell in table.cells
        ],
        "ranking": _ranking(table, ranking),
    }


def for_visitor(
    data: Mapping[str, Any], table: Table, unlisted: Collection[str], downloads: Mapping[str, str]
) -> dict[str, Any]:
    """`data` with `downloads`, title -> address, and with the whole keys of `unlisted` clips, which only links with them may name."""
    clips = data["clips"]
    if unlisted:
        clips = [
            one | {"key": clip.key} if clip.key in unlisted else one
            for one, clip in zip(clips, table.clips, strict=True)
        ]
    return {
        **data,
        "clips": clips,
        "downloads": [{"title": title, "address": address} for title, address in downloads.items()],
    }


def _ranking(table: Table, ranking: Ranking) -> dict[str, Any]:
    ends = [x for row in ranking.rows for x in (row.low, row.high, row.mean) if math.isfinite(x)]
    return {
        "title": ranking.title,
        "unit": ranking.unit,
        "lo": min(0.0, *ends) if ends else 0.0,
        "hi": max(ends, default=1.0) or 1.0,
        "rows": [
            {
                "at": table.configurations.index(row.configuration),
                "place": place(row),
                "mean": _sent(row.mean),
                "low": _sent(row.low),
                "high": _sent(row.high),
                "value": interval(row.mean, row.low, row.high, ranking.unit),
                "against": against_first(table, ranking, row),
                **_means(table, row.configuration),
            }
            for row in ranking.rows
        ],
    }


def _means(table: Table, configuration: Configuration) -> dict[str, Any]:
    """Means over the clips of a configuration, of what does not rank it."""
    cells = list(table.by_configuration[configuration].values())
    return {
        "energy": _sent(_mean([cell.sigma.mean for cell in cells if cell.sigma])),
        "change": _sent(_mean([cell.stability.mean for cell in cells if cell.stability])),
        "outside": share(_mean([cell.outside for cell in cells])),
        "nClips": len(cells),
    }


def _mean(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def _cell(cell: Cell, clip: int, configuration: int, expected: str) -> list[Any]:
    """[clip, configuration, error, its noise floor, expected, from, to, energy, change, outside, spark, ready frames or null]"""
    stated = cell.expected if cell.expected and cell.expected.error == expected else None
    return [
        clip,
        configuration,
        _sent(cell.error.mean if cell.error else math.nan),
        _sent(cell.error.floor if cell.error else math.nan),
        *(_sent(getattr(stated, name) if stated else math.nan) for name in ("median", "low", "high")),
        _sent(cell.sigma.mean if cell.sigma else math.nan),
        _sent(cell.stability.mean if cell.stability else math.nan),
        _sent(cell.outside),
        spark(cell.sigma) if cell.sigma else "",
        [cell.prediction.n_frames, cell.clip.n_frames] if cell.is_growing else None,
    ]


def _sent(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def spark(measure: Measure) -> str:
    """The curve over the clip, a letter for each of at most SPARK_POINTS stretches: the highest of its parts, so that no peak is lost."""
    parts = np.asarray(measure.parts, np.float32)
    if not len(parts):
        return ""
    n_points = min(SPARK_POINTS, len(parts))
    highest = np.fmax.reduceat(
        parts, np.arange(n_points) * len(parts) // n_points
    )  # NaN only where all of a stretch is
    lo, hi = SPARK_SIGMA
    level = np.clip((highest - lo) / (hi - lo), 0, 1) * (len(_LETTERS) - 2)
    return _LETTERS[np.where(np.isfinite(level), level.round(), -1).astype(int)].tobytes().decode()
