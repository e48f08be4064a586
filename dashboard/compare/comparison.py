"""What a selection shows: from tracks to panes, plots and the tracks that are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.alignment import KIND_TITLES, Kind, Per
from analysis.columns import series_title
from cache.records import MAX_PATH_DOMAINS, Clip, Track
from dashboard.catalogue import Catalogue
from dashboard.commands import command_for, measure_command
from dashboard.compare.expected import MEASURES, expectation
from dashboard.compare.judging import USUAL, Judging, aligned_errors, alignment_remark, known_fits, needed_kind
from dashboard.configuration import Configuration
from dashboard.player_data import LETTERS, Choice, Pane
from dashboard.selection.lineup import grid_places
from dashboard.selection.measures import NAMES
from dashboard.text import one_line

EXPECTED = "expected"
CONFIDENCES = {"stated": "stated", "geometric": "geometric", "disagreement": "apart"}
"""Measure of a confidence -> the id of its plot, in the order of the plots."""
RESULTS = "results"
"""The zoo of predictions that were computed elsewhere."""
ERROR_COLUMNS = ("angle_degrees", "absrel_scaled", "absrel", "error")
"""Error measures, the most telling first; the first that any of the compared tracks has is plotted. Of depth it is the
shape, scale aligned: that is what its networks, its expected error and its merging are judged by."""


@dataclass(frozen=True)
class Curve:
    """One line of a plot: a column of a track."""

    letter: str
    name: str
    track: Track
    column: str
    energy: Track | None = None
    """For an expected error: the energy that says which frames are unlike the calibration."""


@dataclass(frozen=True)
class Plot:
    """One chart over the frames, before its numbers are read."""

    id: str
    """energy, disagreement, perceptual, error, error2, accuracy, expected, stability, or one of CONFIDENCES."""
    title: str
    curves: tuple[Curve, ...]
    measure: str = ""
    """The measure of errors, by the name of its column before any alignment."""


@dataclass(frozen=True)
class MissingTrack:
    """Something that belongs in the view and is not in the store."""

    what: str
    """One sentence."""
    command: str | None
    """What computes it; None if no command does."""


@dataclass(frozen=True)
class Comparison:
    """Everything that one selection shows."""

    panes: tuple[Pane, ...]
    plots: tuple[Plot, ...]
    missing: tuple[MissingTrack, ...]
    energies: Mapping[str, Track] = field(default_factory=dict)
    """Letter -> the energy track of that configuration, if it has one."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Domain -> its title, of the domains on the paths of those energies."""
    confidences: Mapping[str, Track] = field(default_factory=dict)
    """Letter -> the confidence that its method states, else one that was measured of it."""
    fits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The clip's alignments that are known, as `known_fits` names them."""
    aligned: Kind = "none"
    """The alignment of the errors that are plotted."""
    needed: Kind = "none"
    """The alignment that the predictions need before they can be compared."""
    remark: str = ""
    """Why depth is aligned although nobody chose so; empty where it is not."""

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Every track that is shown or plotted."""
        return tuple(pane.track for pane in self.panes) + tuple(curve.track for p in self.plots for curve in p.curves)

    @property
    def stabilities(self) -> dict[str, Track]:
        """Letter -> the stability track of that configuration, if it has one."""
        return {c.letter: c.track for plot in self.plots if plot.id == "stability" for c in plot.curves}

    @property
    def longest(self) -> Track | None:
        """The pane's track with the most frames; None without panes."""
        return max((pane.track for pane in self.panes), key=lambda track: track.n_frames, default=None)

    @property
    def caveats(self) -> tuple[str, ...]:
        """What to know before trusting that the clip is the whole of its source."""
        found = dict.fromkeys(one_line(track.head.caveat, 600) for track in self.tracks if track.head.caveat)
        return tuple(found)

    @property
    def n_ready(self) -> int:
        """Frames that every pane has."""
        return min((pane.track.n_frames for pane in self.panes), default=0)

    @property
    def is_growing(self) -> bool:
        """True while a job is still writing something of this view."""
        return not all(track.is_complete for track in self.tracks)


def compare(
    catalogue: Catalogue,
    clip: Clip,
    target: str | None,
    readout: str | None,
    selected: Sequence[Configuration],
    judging: Judging = USUAL,
) -> Comparison:
    """The comparison of the `selected` configurations. Row 0 holds predictions of `target`, row 1 their readouts.

    All paths of several methods are a grid instead: a row for each method, a column for each path, then the readouts.
    """
    places = grid_places(selected)
    view = _Builder(
        catalogue,
        clip,
        len({c.zoo for c in selected}) > 1,
        1 + max((row for row, _ in places or ()), default=0),
        judging,
    )
    view.add_input()
    if target is None:
        view.missing.append(MissingTrack("No prediction of this clip is stored yet.", command_for(clip)))
        return view.result()
    first = view.add_truths(target, readout)
    for at, (letter, configuration) in enumerate(zip(LETTERS, selected, strict=False)):
        row, column = places[at] if places else (0, at)
        view.add_configuration(letter, configuration, readout, row, first + column)
    view.add_error_plot("error", target, view.predictions)
    if readout is not None:
        view.add_error_plot("error2", readout, view.readouts)
    view.add_expected_plot(target)
    view.add_stability_plot()
    view.add_confidence_plots()
    return view.result()


def choices_of(catalogue: Catalogue, clip: str, target: str) -> list[Choice]:
    """Every stored prediction of `target` that a pane could show: one without a frame would leave nothing to choose in."""
    options = catalogue.configurations(clip, target)
    names_zoo = len({option.zoo for option in options}) > 1
    found = [(option, catalogue.prediction(clip, option)) for option in options]
    return [
        Choice(
            option.full_spelling,
            catalogue.configuration_label(option, options),
            _detail(catalogue, option),
            track,
            f"{option.zoo}/{option.method}" if names_zoo else option.method,
        )
        for option, track in found
        if track is not None and track.n_frames
    ]


def _detail(catalogue: Catalogue, configuration: Configuration) -> str:
    """`Image → Surface normals`; `via Depth → Surface normals`: what differs comes first, as a narrow pane cuts the end."""
    if configuration.is_direct:
        return catalogue.path_title(configuration.path)
    between, target = configuration.domains[1:-1], configuration.domains[-1]
    return f"via {' → '.join(catalogue.title(domain) for domain in (*between, target))}"


def _not_shown(measure: str, kind: Kind, per: Per) -> str:
    """Why another error is plotted than the one chosen."""
    title = NAMES.get(measure, measure)
    return f"{title} is not measured for depth as {KIND_TITLES[kind]} per {per}. The usual error is plotted instead."


def _aligned(track: Track) -> str:
    """What was done to results of relative depth before their error was taken; empty for others."""
    results = track.head.constants.get("results")
    alignment = results.get("alignment") if isinstance(results, Mapping) else None
    kind = alignment.get("kind") if isinstance(alignment, Mapping) else None
    title = next((title for name, title in KIND_TITLES.items() if name == kind), "")
    return f" ({title})" if title else ""


class _Builder:
    """Collects one comparison; `compare` sets the order."""

    def __init__(self, catalogue: Catalogue, clip: Clip, names_zoo: bool, n_rows: int, judging: Judging) -> None:
        self._catalogue = catalogue
        self._judging = judging
        self._aligned: Kind = "none"
        self._confidences: dict[str, Track] = {}
        self._n_rows = n_rows
        self._clip = clip
        self._names_zoo = names_zoo
        self.panes: list[Pane] = []
        self.missing: list[MissingTrack] = []
        self.predictions: list[tuple[str, str, Track]] = []
        self.readouts: list[tuple[str, str, Track]] = []
        self._curves: dict[str, list[Curve]] = {"energy": [], "disagreement": [], "perceptual": []}
        self._expected: list[Curve] = []
        self._expected_plots: list[Plot] = []
        self._error_plots: list[Plot] = []

    def add_input(self) -> None:
        track = self._catalogue.find(self._clip.key, "input", "rgb")
        if track is None:
            what = "The input frames of this clip are not stored."
            self.missing.append(MissingTrack(what, command_for(self._clip)))
            return
        self.panes.append(Pane("input", "input", "", "Input", self._catalogue.title("rgb"), 0, 0, track))

    def add_truths(self, target: str, readout: str | None) -> int:
        """Add the known truths, in a column of their own or, in a grid, below the input. Returns the first column after."""
        is_grid = self._n_rows > 1
        n_columns = 1 if self.panes else 0
        column = 0 if is_grid else n_columns
        rows = (1 if self.panes else 0, self._n_rows) if is_grid else (0, 1)
        for row, (id_, domain) in zip(rows, (("truth", target), ("truth2", readout)), strict=True):
            track = self._catalogue.find(self._clip.key, "truth", domain) if domain else None
            if domain and track:
                title = self._catalogue.title(domain)
                self.panes.append(Pane(id_, "truth", "", "Ground truth", title, row, column, track))
                n_columns = column + 1
        return n_columns

    def add_configuration(
        self, letter: str, configuration: Configuration, readout: str | None, row: int, column: int
    ) -> None:
        label = self._catalogue.configuration_label(configuration, [configuration])
        name = f"{configuration.zoo}/{label}" if self._names_zoo else label
        prediction = self._find("prediction" if configuration.is_direct else "readout", configuration, None)
        if prediction is None:
            self._miss(f"The prediction of {letter} ({name})", configuration)
            return
        detail = _detail(self._catalogue, configuration)
        heading = f"{configuration.zoo}/{configuration.method}" if self._names_zoo else configuration.method
        self.panes.append(Pane(letter, "prediction", letter, name, detail, row, column, prediction, heading))
        self.predictions.append((letter, name, prediction))
        self._add_energy(letter, name, configuration, prediction)
        if readout is not None:
            self._add_readout(letter, name, configuration, readout, (self._n_rows + row, column), prediction)

    def add_error_plot(self, id_: str, domain: str, tracks: Sequence[tuple[str, str, Track]]) -> None:
        """Plot the error of those that have one, after the alignment that was chosen; beside it a share of good pixels, if chosen."""
        kind, per = self._judging.kind_for([track for _, _, track in tracks]), self._judging.per
        found: list[tuple[str, str, Track, Mapping[str, str]]] = []
        lacking = []
        for letter, name, track in tracks if kind != "none" else ():
            if aligned := aligned_errors(self._catalogue, track, kind, per):
                found.append((letter, name, *aligned))
            elif any(column in track.head.columns for column in ERROR_COLUMNS):
                lacking.append(f"{letter} ({name})")
        if lacking:
            what = (
                f"The errors of {', '.join(lacking)} as {KIND_TITLES[kind]} per {per} are not computed for this clip."
            )
            self.missing.append(MissingTrack(what, measure_command(self._clip)))
        if not found:
            kind = "none"
            found = [
                (letter, name + _aligned(track), track, {column: column for column in track.head.columns})
                for letter, name, track in tracks
            ]
        chosen = self._judging.measure
        is_known = any(chosen in track.head.columns for *_, track in tracks)
        if chosen and is_known and id_ == "error" and not any(chosen in named for *_, named in found):
            self.missing.append(MissingTrack(_not_shown(chosen, kind, per), None))
        is_share = any(
            chosen and track.head.columns[named[chosen]].get("better") == "higher"
            for _, _, track, named in found
            if chosen in named
        )
        self._aligned = kind if id_ == "error" else self._aligned
        first = self._error_plot(id_, domain, found, (*([chosen] if chosen and not is_share else []), *ERROR_COLUMNS))
        more = (
            [self._error_plot("accuracy", domain, found, (chosen,))] if chosen and is_share and id_ == "error" else []
        )
        self._error_plots += [plot for plot in (first, *more) if plot]

    def _error_plot(
        self,
        id_: str,
        domain: str,
        tracks: Sequence[tuple[str, str, Track, Mapping[str, str]]],
        measures: Sequence[str],
    ) -> Plot | None:
        """The plot of the first of the measures that a track has; None where none has one. Each track with the columns of its measures."""
        measure = next((one for one in measures if any(one in named for *_, named in tracks)), None)
        if measure is None:
            return None
        curves = tuple(
            Curve(letter, name, track, named[measure]) for letter, name, track, named in tracks if measure in named
        )
        titled = one_line(series_title(curves[0].track, curves[0].column))
        is_name = titled[:1].isupper() and titled[1:2].islower()
        title = f"{self._catalogue.title(domain)}: {titled[:1].lower() if is_name else titled[:1]}{titled[1:]}"
        return Plot(id_, title, curves, measure)

    def add_expected_plot(self, target: str) -> None:
        """Plot the error to expect, of those whose zoo states it, as far as it is the same error."""
        models = [(curve, model) for curve in self._expected if (model := expectation(curve.track))]
        if not models:
            return
        error = models[0][1].error
        curves = tuple(curve for curve, model in models if model.error == error)
        title = f"{self._catalogue.title(target)}: expected {MEASURES[error][0]}"
        self._expected_plots = [Plot(EXPECTED, title, curves)]

    def add_stability_plot(self) -> None:
        """Plot how much the predictions change over time; those without a figure, such as reshading, are left out."""
        found = [
            (letter, name, self._catalogue.find_like(self._clip.key, "stability", track))
            for letter, name, track in self.predictions
        ]
        curves = tuple(Curve(letter, name, track, "stability") for letter, name, track in found if track)
        if curves:
            title = one_line(series_title(curves[0].track, "stability"))
            self._error_plots.append(Plot("stability", title, curves))

    def add_confidence_plots(self) -> None:
        """Plot what is stated or measured of each prediction's confidence, a plot for each measure; a disagreement is one of several."""
        found: dict[str, list[Curve]] = {}
        for letter, name, track in self.predictions:
            for confidence in self._catalogue.confidences_of(track):
                self._confidences.setdefault(letter, confidence)
                curves = found.setdefault(str(confidence.head.constants.get("measure")), [])
                is_shared = any(curve.track.head.key == confidence.head.key for curve in curves)
                if "confidence" in confidence.head.columns and not is_shared:
                    curves.append(Curve(letter, name, confidence, "confidence"))
        for id_ in (one for one in CONFIDENCES if found.get(one)):
            title = one_line(series_title(found[id_][0].track, "confidence"))
            self._error_plots.append(Plot(CONFIDENCES[id_], title, tuple(found[id_])))

    def result(self) -> Comparison:
        plots = [
            Plot(id_, one_line(series_title(curves[0].track, curves[0].column)), tuple(curves))
            for id_, curves in self._curves.items()
            if curves
        ]
        n_energies = 1 if self._curves["energy"] else 0
        plots[n_energies:n_energies] = self._expected_plots
        energies = {curve.letter: curve.track for curve in self._curves["energy"]}
        paths = [path for track in energies.values() for path in track.head.constants["paths"]]
        titles = {domain: self._catalogue.title(domain) for path in paths for domain in path.split("-")}
        shown = [(letter, track) for letter, _, track in self.predictions]
        return Comparison(
            tuple(self.panes),
            (*plots, *self._error_plots),
            tuple(self.missing),
            energies,
            titles,
            self._confidences,
            {
                name: fit
                for _, _, track in (*self.predictions, *self.readouts)
                for name, fit in known_fits(self._catalogue, track).items()
            },
            self._aligned,
            needed_kind([track for _, track in shown]),
            alignment_remark(shown),
        )

    def _add_energy(self, letter: str, name: str, configuration: Configuration, prediction: Track) -> None:
        if not configuration.is_direct:
            return  # the verdict says why: energy belongs to a method and its target, not to a path
        if merge := prediction.head.constants.get("merge"):
            self._add_expected_of_merged(letter, name, prediction, merge)
            return  # never ranked by energy: the verdict says why
        energy = self._find("energy", configuration, prediction)
        if energy is None and prediction.head.constants.get("results"):
            return  # computed elsewhere: there is no energy that a job could add
        if energy is None:
            self._miss(f"The energy of {letter} ({name})", configuration)
            return
        self._curves["energy"].append(Curve(letter, name, energy, "terms"))
        if expectation(energy):
            self._expected.append(Curve(letter, name, energy, EXPECTED, energy))

    def _add_expected_of_merged(self, letter: str, name: str, prediction: Track, merge: Any) -> None:
        """Its frames are unlike the calibration where those of the method that it merges are."""
        of, head = merge.get("of") if isinstance(merge, Mapping) else None, prediction.head
        energy = self._catalogue.find(
            self._clip.key, "energy", head.path, zoo=head.zoo, method=str(of), like=prediction
        )
        if energy and expectation(prediction):
            self._expected.append(Curve(letter, name, prediction, EXPECTED, energy))

    def _add_readout(
        self,
        letter: str,
        name: str,
        configuration: Configuration,
        readout: str,
        place: tuple[int, int],
        prediction: Track,
    ) -> None:
        title = self._catalogue.title(readout)
        if prediction.head.constants.get("merge"):
            what = f"{letter} ({name}) has no readout as {title}: merged predictions are not read out."
            self.missing.append(MissingTrack(what, None))
            return
        if prediction.head.constants.get("results"):
            what = f"{letter} ({name}) has no readout as {title}: it was computed elsewhere."
            self.missing.append(MissingTrack(what, None))
            return
        longer = Configuration(configuration.zoo, configuration.method, f"{configuration.path}-{readout}")
        track = self._find("readout", longer, prediction)
        if track is None:
            self._miss(f"The readout of {letter} ({name}) as {title}", longer)
            return
        # Not the whole path: the pane above shows it, and half of a small pane's line belongs to the colour scale.
        detail = f"→ {title}"
        self.panes.append(Pane(f"{letter}2", "readout", letter, name, detail, *place, track))
        self.readouts.append((letter, name, track))
        for column in ("disagreement", "perceptual"):
            if column in track.head.columns:
                self._curves[column].append(Curve(letter, name, track, column))

    def _find(self, kind: str, configuration: Configuration, like: Track | None) -> Track | None:
        return self._catalogue.find(
            self._clip.key, kind, configuration.path, zoo=configuration.zoo, method=configuration.method, like=like
        )

    def _miss(self, what: str, configuration: Configuration) -> None:
        is_possible = len(configuration.domains) <= MAX_PATH_DOMAINS and configuration.zoo != RESULTS
        command = command_for(self._clip, configuration) if is_possible else None
        self.missing.append(MissingTrack(f"{what} is not precomputed for this clip.", command))
