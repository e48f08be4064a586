"""The table of an overview: what is known of every configuration on every clip, for one target. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis.summaries.record import Expected, Measure, Summary, has_same_weights
from cache.records import Clip
from dashboard.catalogue import place_of
from dashboard.compare.comparison import ERROR_COLUMNS
from dashboard.configuration import Configuration, menu_order
from dashboard.text import counted, one_line

NO_TITLES: Mapping[str, str] = {}


@dataclass(frozen=True)
class Cell:
    """One configuration on one clip."""

    clip: Clip
    configuration: Configuration
    prediction: Summary
    energy: Summary | None
    """None where it has none: longer paths and merged predictions never do."""
    stability: Measure | None
    error: Measure | None
    """None without ground truth."""
    expected: Expected | None
    """None where the zoo states none, or no frame is like its calibration."""
    outside: float
    """Share of the frames outside the calibration; NaN where no energy says so."""
    limit: float
    """Sigma, above which a frame counts as outside."""

    @property
    def sigma(self) -> Measure | None:
        return self.energy.measures.get("energy") if self.energy else None

    @property
    def is_growing(self) -> bool:
        return not self.prediction.is_complete


@dataclass(frozen=True)
class Table:
    """All cells of one target."""

    target: str
    title: str
    """The target's title, from its domain record."""
    error_column: str
    """The error that is compared; empty if none is known."""
    error_title: str
    error_unit: str
    cells: tuple[Cell, ...]
    """By clip, then configuration, in the order of the menus."""
    clips: tuple[Clip, ...]
    configurations: tuple[Configuration, ...]
    n_shifted: int
    """Clips left out since they are shifted versions of clips in the table."""
    clip_labels: dict[str, str]
    """Clip key -> one line, distinct."""
    labels: dict[Configuration, str]
    problems: tuple[str, ...]
    """What could not be read, a sentence each."""

    @cached_property
    def by_configuration(self) -> dict[Configuration, dict[str, Cell]]:
        """Configuration -> clip key -> cell."""
        found: dict[Configuration, dict[str, Cell]] = {c: {} for c in self.configurations}
        for cell in self.cells:
            found[cell.configuration][cell.clip.key] = cell
        return found


def targets_of(summaries: Iterable[Summary]) -> dict[str, str]:
    """Domain -> title, of everything that some configuration predicts directly, in the order of all pages."""
    found: dict[str, str] = {}
    for one in summaries:
        if one.kind == "prediction":
            found.setdefault(one.path.rsplit("-", 1)[-1], one.domain_title or one.domain)
    found = {name: one_line(title) for name, title in found.items()}
    return dict(sorted(found.items(), key=lambda item: place_of(*item)))


def table_of(
    summaries: Sequence[Summary], target: str, *, longer: bool = False, titles: Mapping[str, str] = NO_TITLES
) -> Table:
    """The table of `target`; with `longer`, also of the paths to it through other domains. `titles`: domain -> title, of those that
    the summaries lack."""
    named = {one.domain: one.domain_title for one in reversed(summaries) if one.domain_title}
    titles = {domain: one_line(title) for domain, title in {**titles, **named}.items()}
    of_target = [one for one in summaries if one.path.endswith(f"-{target}")]
    newest = sorted(of_target, key=lambda one: (one.is_complete, one.time, one.key), reverse=True)
    kinds = ("prediction", "readout") if longer else ("prediction",)
    by_name: dict[tuple[str, str, str, str, str], list[Summary]] = {}
    for one in newest:
        by_name.setdefault((one.clip.key, one.kind, one.zoo, one.method, one.path), []).append(one)
    firsts = [
        found[0]
        for (_, kind, _, _, path), found in by_name.items()
        if kind in kinds and path.rsplit("-", 1)[-1] == target
    ]
    firsts, n_shifted = _without_shifted(firsts)
    column = next((name for name in ERROR_COLUMNS if any(name in one.measures for one in firsts)), "")
    cells = [_cell(by_name, one, column) for one in firsts]
    configurations = tuple(sorted({cell.configuration for cell in cells}, key=menu_order))
    order = {configuration: at for at, configuration in enumerate(configurations)}
    clips = {cell.clip.key: cell.clip for cell in cells}
    labels = clip_labels(list(clips.values()))
    cells.sort(key=lambda cell: (labels[cell.clip.key].casefold(), cell.clip.key, order[cell.configuration]))
    error = next((cell.error for cell in cells if cell.error), None)
    return Table(
        target=target,
        title=titles.get(target, target),
        error_column=column,
        error_title=one_line(error.title) if error else "",
        error_unit=error.unit if error else "",
        cells=tuple(cells),
        clips=tuple({cell.clip.key: cell.clip for cell in cells}.values()),
        configurations=configurations,
        n_shifted=n_shifted,
        clip_labels=labels,
        labels=configuration_labels(configurations, titles),
        problems=tuple(
            f"{one_line(one.clip.title)}, {one.configuration} ({one.kind}): {one.problem}."
            for one in summaries
            if one.problem
        ),
    )


def _without_shifted(found: Sequence[Summary]) -> tuple[list[Summary], int]:
    """Without shifted versions of clips that are there unshifted: a blurred clip is another question, not another clip."""
    clean = {one.clip.source_sha256 for one in found if not one.clip.sampling.get("shift")}
    left = [one for one in found if one.clip.sampling.get("shift") and one.clip.source_sha256 in clean]
    keys = {one.clip.key for one in left}
    return [one for one in found if one.clip.key not in keys], len(keys)


def _cell(by_name: dict[tuple[str, str, str, str, str], list[Summary]], prediction: Summary, column: str) -> Cell:
    def like(kind: str, method: str = prediction.method) -> Summary | None:
        """The newest one computed with the same weights on every edge that both name."""
        found = by_name.get((prediction.clip.key, kind, prediction.zoo, method, prediction.path), ())
        return next((one for one in found if has_same_weights(one, prediction)), None)

    stability = like("stability")
    # A merged prediction would have a low energy by construction; that of its method says which frames are unusual.
    own = None if prediction.is_merged else like("energy")
    judge = like("energy", prediction.merged_of) if prediction.is_merged else own
    expected = prediction.expected if prediction.is_merged else own.expected if own else None
    return Cell(
        clip=prediction.clip,
        configuration=Configuration(prediction.zoo, prediction.method, prediction.path),
        prediction=prediction,
        energy=own if own and "energy" in own.measures else None,
        stability=stability.measures.get("stability") if stability else None,
        error=_with_values(prediction.measures.get(column)),
        expected=expected if expected and expected.n_usual else None,
        outside=judge.share_unlike if judge else math.nan,
        limit=judge.limit if judge else math.nan,
    )


def _with_values(measure: Measure | None) -> Measure | None:
    return measure if measure and math.isfinite(measure.mean) else None


def clip_labels(clips: Sequence[Clip]) -> dict[str, str]:
    """Clip key -> its title on one line, made distinct by size and key where clips share it."""
    titles: dict[str, list[Clip]] = {}
    for clip in clips:
        titles.setdefault(one_line(clip.title), []).append(clip)
    labels = {}
    for title, twins in titles.items():
        for clip in twins:
            size = f"{clip.width}×{clip.height}, {counted(clip.n_frames, 'frame')}, {clip.key[:8]}"
            labels[clip.key] = title if len(twins) == 1 else f"{title} ({size})"
    return labels


def configuration_labels(configurations: Sequence[Configuration], titles: dict[str, str]) -> dict[Configuration, str]:
    """The method, with its zoo where there are several, and the domains between image and target."""
    names_zoo = len({c.zoo for c in configurations}) > 1
    labels = {}
    for c in configurations:
        label = f"{c.zoo}/{c.method}" if names_zoo else c.method
        middle = " → ".join(titles.get(domain, domain) for domain in c.domains[1:-1])
        labels[c] = f"{label} via {middle}" if middle else label
    return labels
