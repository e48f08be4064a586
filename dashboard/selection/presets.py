"""Where a clip opens, and the presets in words: which frame answers a question, and with which tools.

Energies are compared first, errors only where one of the two has no energy. Ties go to the first frame.
"""

# N frames

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis.noise import NORMAL_QUANTILE
from dashboard.configuration import Configuration
from dashboard.numbers import number
from dashboard.player_data import Chart, Series
from dashboard.selection.lineup import Lineup

ENERGY_OVERLAY = "0.7~2"
"""As the energy tool begins: opacity, and the energy from which on it is drawn, sigma."""
WAYS_TO_LOOK = frozenset(
    [
        "brush",
        "diff",
        "gap",
        "loop",
        "overlay",
        "panel",
        "panes",
        "paths",
        "probe",
        "rank",
        "region",
        "solo",
        "span",
        "wipe",
        "zoom",
    ]
)
"""The view state that a preset sets or that could hide its answer; bookmarks, colours and sizes stay."""


@dataclass(frozen=True)
class Found:
    """A frame that stands out, and by how much."""

    frame: int
    value: float
    """In the unit of the chart."""
    chart: Chart
    letter: str = ""
    """The letter of the curve; empty for a gap."""
    is_beyond_noise: bool = True
    """For a gap: more than what it changes by from one frame to the next."""


@dataclass(frozen=True)
class Opening:
    """Where a clip opens that a link names without a frame."""

    frame: int
    view_state: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    """One sentence; empty where nothing stands out."""


@dataclass(frozen=True)
class Preset:
    """A question, and what shows its answer."""

    question: str
    view_state: Mapping[str, str] = field(default_factory=dict)
    frame: int | None = None
    """None: the frame on the screen."""
    configurations: Lineup = ()
    """Empty: those on the screen."""
    answer: str = ""
    """One sentence, shown once it was chosen."""
    missing: str = ""
    """Why it cannot be chosen; empty if it can."""

    def changed(self, view_state: Mapping[str, str]) -> dict[str, str]:
        """The view state that shows the answer."""
        kept = {name: text for name, text in view_state.items() if name not in WAYS_TO_LOOK}
        return kept | dict(self.view_state)


def largest_gap(charts: Sequence[Chart]) -> Found | None:
    """The frame where the energies of A and B differ most, else their errors; None if they have no frame in common."""
    for chart in _named(charts, "energy", "error"):
        a, b = _curve(chart, "A"), _curve(chart, "B")
        if a is None or b is None:
            continue
        n_frames = min(len(a.values), len(b.values))
        gap = a.values[:n_frames] - b.values[:n_frames]  # (N,)
        if np.isfinite(gap).any():
            frame = int(np.nanargmax(np.abs(gap)))
            value = float(abs(gap[frame]))
            return Found(frame, value, chart, is_beyond_noise=value > noise_of(gap))
    return None


def noise_of(gap: np.ndarray) -> float:
    """What chance alone adds to one frame of a gap (N,), in its unit: the 95 % half-width of its jitter between frames.

    Neighbouring frames of a video show nearly the same, so what a gap changes by between them is noise of the networks.
    """
    steps = np.diff(gap)
    steps = steps[np.isfinite(steps)]
    # The difference of two independent values varies by sqrt(2) more than each of them.
    return NORMAL_QUANTILE * float(np.sqrt(np.mean(steps**2) / 2)) if steps.size else 0.0


def highest(charts: Sequence[Chart], id_: str, letter: str = "") -> Found | None:
    """The highest value of a chart, or of one of its curves; None if it has none, or if several are all equal."""
    best: Found | None = None
    is_level = True
    n_values = 0
    for chart in _named(charts, id_):
        for curve in chart.series:
            if letter not in ("", curve.letter) or not np.isfinite(curve.values).any():
                continue
            n_values = max(n_values, int(np.isfinite(curve.values).sum()))
            frame = int(np.nanargmax(curve.values))
            value = float(curve.values[frame])
            is_level = is_level and bool(np.nanmin(curve.values) == value) and (best is None or best.value == value)
            if best is None or value > best.value:
                best = Found(frame, value, chart, curve.letter)
    return None if is_level and n_values > 1 else best


def opening(charts: Sequence[Chart]) -> Opening:
    """Where A and B differ most, in energy or else in error, if that is more than noise; else where the highest energy is; else 0."""
    if max((len(curve.values) for chart in charts for curve in chart.series), default=0) < 2:
        return Opening(0)
    gap = largest_gap(charts)
    if gap and gap.value > 0 and gap.is_beyond_noise:
        reason = f"Opened at frame {gap.frame}, where A and B differ most ({_amount(gap)})."
        return Opening(gap.frame, {"panes": "difference"}, reason)
    worst = highest(charts, "energy")
    if worst is None:
        return Opening(0)
    reason = f"Opened at frame {worst.frame}, where the energy of {worst.letter} is highest ({_amount(worst)})."
    # Energies over one of two pictures would hide what is to be compared.
    has_both = any(_curve(chart, "A") and _curve(chart, "B") for chart in _named(charts, "energy"))
    return Opening(worst.frame, {"overlay": ENERGY_OVERLAY} if has_both else {"panes": "difference"}, reason)


def presets(
    charts: Sequence[Chart], lineup: Lineup, grid: Lineup, consistency: Lineup = (), *, has_truth: bool
) -> tuple[Preset, ...]:
    """The questions of the page, of what is shown. `grid`: the configurations of *All paths*; `consistency`: those without
    and with it, empty if they are not stored."""
    return (
        _consistency(lineup, consistency),
        _differ(charts, lineup),
        _inconsistent(charts),
        _wrong(charts, has_truth=has_truth),
        _all_paths(lineup, grid),
    )


def _consistency(lineup: Lineup, pair: Lineup) -> Preset:
    question = "Without and with consistency"
    if not pair:
        return Preset(question, missing="Predictions of both methods are not stored for this clip")
    if lineup == pair:
        return Preset(question, missing="They are shown")
    answer = "A was trained without consistency, B with it: the comparison of the paper's project page."
    return Preset(question, configurations=pair, answer=answer)


def _differ(charts: Sequence[Chart], lineup: Lineup) -> Preset:
    question = "Where do A and B differ?"
    gap = largest_gap(charts)
    if len(lineup) > 1 and lineup[0] == lineup[1]:
        return Preset(question, missing="A and B are the same configuration")
    if gap is None and len(lineup) < 2:
        return Preset(question, missing="Only one configuration is shown")
    if gap is None:
        answer = "The difference of A and B in this frame; no frame can be chosen by energy or error, which one of them lacks."
        return Preset(question, {"panes": "difference"}, answer=answer)
    noise = "" if gap.is_beyond_noise else ", no more than it changes by between neighbouring frames"
    return Preset(
        question,
        {"panes": "difference", "gap": f"{gap.chart.id}.B"},
        gap.frame,
        answer=f"Frame {gap.frame}: A and B differ most here ({_amount(gap)}{noise}).",
    )


def _inconsistent(charts: Sequence[Chart]) -> Preset:
    question = "Where is A inconsistent?"
    worst = highest(charts, "energy", "A")
    if worst is None:
        is_level = any(_curve(chart, "A") for chart in _named(charts, "energy"))
        return Preset(question, missing="The energy of A is the same everywhere" if is_level else "A has no energy")
    return Preset(
        question,
        {"overlay": ENERGY_OVERLAY, "panel": "paths", "paths": "A"},
        worst.frame,
        answer=f"Frame {worst.frame}: the paths of A disagree most here ({_amount(worst)}).",
    )


def _wrong(charts: Sequence[Chart], *, has_truth: bool) -> Preset:
    question = "Where is A wrong?"
    if not has_truth:
        return Preset(question, missing="No ground truth is stored for this clip")
    worst = highest(charts, "error", "A")
    if worst is None:
        is_level = any(_curve(chart, "A") for chart in _named(charts, "error"))
        return Preset(question, missing="The error of A is the same everywhere" if is_level else "A has no error")
    return Preset(
        question,
        {"diff": "truth", "panel": "scatter"},
        worst.frame,
        answer=f"Frame {worst.frame}: A is farthest from the ground truth here ({_amount(worst)}).",
    )


def _all_paths(lineup: Lineup, grid: Lineup) -> Preset:
    question = "All paths"
    if len({c.path for c in grid}) < 2:
        return Preset(question, missing="Only one path to this prediction is stored for both methods")
    if grid == lineup:
        return Preset(question, missing="All paths are shown")
    rows = " and ".join(dict.fromkeys(_method(c, grid) for c in grid))
    answer = f"Every path to the same prediction by {rows}: a consistent method gives the same picture along each."
    return Preset(question, configurations=grid, answer=answer)


def _method(configuration: Configuration, others: Sequence[Configuration]) -> str:
    is_plain = len({c.zoo for c in others}) == 1
    return configuration.method if is_plain else f"{configuration.zoo}/{configuration.method}"


def _named(charts: Sequence[Chart], *ids: str) -> list[Chart]:
    return [chart for id_ in ids for chart in charts if chart.id == id_]


def _curve(chart: Chart, letter: str) -> Series | None:
    return next((curve for curve in chart.series if curve.letter == letter), None)


def _amount(found: Found) -> str:
    """`energies 0.42 σ apart`, `1.24 σ`."""
    amount = number(found.value, found.chart.unit)
    if found.letter:
        return amount
    return f"{'energies' if found.chart.id == 'energy' else 'errors'} {amount} apart"
