"""The numbers that a verdict is about: configurations with their curves, units and what is known of their networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from analysis.alignment import Kind
from analysis.energy import Scale, same_constants
from analysis.stated.trust import Trust, trust_of
from cache.records import Track
from dashboard.compare.card.merged import is_merged, parts_of, saving_of
from dashboard.compare.card.ranked import Pairs, kind_of, rankings_of
from dashboard.compare.card.trainings import Trained, trained
from dashboard.compare.comparison import CONFIDENCES, Comparison
from dashboard.compare.judging import lacks_alignment
from dashboard.player_data import Chart, Series
from dashboard.text import one_line

LACKING = {
    "scale": "a factor",
    "scale-and-shift": "a factor and a shift",
    "inverse-scale-and-shift": "a factor and a shift of 1 / depth",
}
"""What a zoo says of a relative depth -> up to what it is known, in words."""


@dataclass(frozen=True)
class Contender:
    """One configuration with its numbers."""

    letter: str
    name: str
    """Shown as text, never as markup."""
    method: str
    """With its zoo: `lab/multitask`."""
    is_direct: bool
    """True if its path has no domain in between, so that it may have an energy."""
    energy: Series | None
    error: Series | None
    trust: Trust | None
    expected: Series | None = None
    perceptual: Series | None = None
    stability: Series | None = None
    confidences: Mapping[str, Series] = field(default_factory=dict)
    """Title -> what is stated or measured of its confidence beside the energy: the higher, the less sure."""
    is_merged: bool = False
    """True if its prediction is the mean of paths, whose energy would be low by construction."""
    made_of: str = ""
    """What is merged, in words."""
    saves: str = ""
    """What merging changes on test rooms, in words."""
    trained: Trained | None = None
    """How its method came about."""
    is_result: bool = False
    """True if its prediction was computed elsewhere."""
    lacking: str = ""
    """What is lacking for its error to be compared, in words: of a relative depth."""

    @property
    def label(self) -> str:
        return f"{self.letter} ({one_line(self.name, 40)})"


@dataclass(frozen=True)
class Measures:
    """All numbers that a verdict is about."""

    contenders: tuple[Contender, ...]
    energy_unit: str
    error_unit: str
    error_title: str
    scale: Scale
    has_one_scale: bool
    """True if all energies have the same paths and constants, so that their heights can be compared."""
    missing: tuple[str, ...] = ()
    """What the view lacks and no job can compute, a sentence each."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Chart -> unit."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Chart -> title."""
    rankings: Pairs = field(default_factory=dict)
    """Pair of letters -> whether energies and expected errors rank their methods, where that was measured."""
    steadiness: str = ""
    """What the change over time leaves out, in words."""
    energy_kind: str = ""
    """Which of the rankings is about the energy that is shown; empty for none."""

    def label(self, letter: str) -> str:
        return next(c.label for c in self.contenders if c.letter == letter)


def measures_of(
    comparison: Comparison, charts: Sequence[Chart], scale: Scale, title: Callable[[str], str] = str
) -> Measures:
    """The numbers of the configurations whose predictions are shown; `title` names a domain."""
    by_id = {chart.id: chart for chart in charts}
    found = {id_: {line.letter: line for line in chart.series} for id_, chart in by_id.items()}
    energies, errors, expected, perceptual, stability = (
        found.get(id_, {}) for id_ in ("energy", "error", "expected", "perceptual", "stability")
    )
    contenders = []
    for pane in comparison.panes:
        if pane.role != "prediction":
            continue
        head, track = pane.track.head, comparison.energies.get(pane.letter)
        contenders.append(
            Contender(
                letter=pane.letter,
                name=pane.title,
                method=f"{head.zoo}/{head.method}",
                is_direct=head.path.count("-") == 1,
                energy=energies.get(pane.letter),
                error=errors.get(pane.letter),
                trust=trust_of(track) if track else None,
                expected=expected.get(pane.letter),
                perceptual=perceptual.get(pane.letter),
                stability=stability.get(pane.letter),
                confidences={
                    by_id[id_].title: found[id_][pane.letter]
                    for id_ in CONFIDENCES.values()
                    if pane.letter in found.get(id_, {})
                },
                is_merged=is_merged(pane.track),
                made_of=parts_of(pane.track, title) if is_merged(pane.track) else "",
                saves=saving_of(pane.track) if is_merged(pane.track) else "",
                trained=trained(pane.letter, pane.track),
                is_result=bool(head.constants.get("results")),
                lacking=_lacking(pane.track, comparison.aligned, by_id.get("error")),
            )
        )
    tracks = list(comparison.energies.values())
    # Raw terms of different paths are no more alike than terms standardised with different constants.
    names = ("paths",) if scale == "raw" else ("paths", "mu", "sigma", "weights")
    return Measures(
        tuple(contenders),
        by_id["energy"].unit if "energy" in by_id else "",
        by_id["error"].unit if "error" in by_id else "",
        by_id["error"].title if "error" in by_id else "Error",
        scale,
        all(same_constants(tracks[0], other, names) for other in tracks[1:]),
        tuple(missing.what for missing in comparison.missing if missing.command is None),
        {id_: chart.unit for id_, chart in by_id.items()},
        {id_: chart.title for id_, chart in by_id.items()},
        rankings_of(_stating(comparison)),
        energy_kind=kind_of(tracks, scale),
    )


def _lacking(track: Track, aligned: Kind, error: Chart | None) -> str:
    """Why an error says nothing of a relative depth, in words; empty where it does."""
    is_scaled = error is not None and error.measure == "absrel_scaled"
    kind = "scale" if aligned == "none" and is_scaled else aligned
    known_up_to = str(track.head.constants.get("known_up_to"))
    return LACKING.get(known_up_to, "") if lacks_alignment(track, kind) else ""


def _stating(comparison: Comparison) -> dict[str, Track]:
    """Letter -> the track that states rankings: the energy, or a merged prediction."""
    merged = {
        pane.letter: pane.track for pane in comparison.panes if pane.role == "prediction" and is_merged(pane.track)
    }
    return {**comparison.energies, **merged}
