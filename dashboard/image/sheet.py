"""The panes of a picture: all domains of some methods, one target by all methods, or the paths to one target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from cache.records import Clip, Track
from dashboard.catalogue import Catalogue
from dashboard.configuration import Configuration, method_rank
from dashboard.player_data import LETTERS, Pane
from dashboard.selection.defaults import MERGED

Arrangement = Literal["domains", "methods", "paths"]
ARRANGEMENTS: tuple[Arrangement, ...] = get_args(Arrangement)
TITLES: dict[Arrangement, str] = {"domains": "All domains", "methods": "All methods", "paths": "All paths"}
USUAL_SOURCE = {"edge3d": "depth", "keypoint3d": "depth"}
"""The prediction that a domain is read out of first: these two are about depth, the others come from the first target."""
MAX_COLUMNS = 5
MAX_AT_END = 1
"""Readouts that end a row of three targets: eight columns fit into 1280 pixels."""


@dataclass(frozen=True)
class Method:
    """How the networks of a zoo were trained."""

    zoo: str
    name: str

    @property
    def spelling(self) -> str:
        """`zoo/method`, as in links."""
        return f"{self.zoo}/{self.name}"


@dataclass(frozen=True)
class Energy:
    """The energy of a method and target on the picture."""

    letter: str
    method: Method
    target: str
    track: Track


@dataclass(frozen=True)
class Sheet:
    """Everything that one arrangement shows."""

    panes: tuple[Pane, ...]
    energies: tuple[Energy, ...] = ()
    letters: tuple[tuple[str, Method], ...] = ()
    """The method of each letter; of paths, all have the same."""

    @property
    def tracks(self) -> tuple[Track, ...]:
        return tuple(pane.track for pane in self.panes)


def is_still(clip: Clip) -> bool:
    """Whether the page can show it: a picture is a clip of one frame."""
    return clip.n_frames == 1


def methods_of(catalogue: Catalogue, clip: str) -> tuple[Method, ...]:
    """The methods whose predictions of that picture are ready: by zoo, first A and B of the other pages."""
    found = {
        Method(option.zoo, option.method)
        for target in catalogue.targets(clip)
        for option in catalogue.configurations(clip, target)
        if option.is_direct and (track := catalogue.prediction(clip, option)) is not None and track.n_frames
    }
    opens_with = {*MERGED} if any(method.name == MERGED[1] for method in found) else set()
    return tuple(sorted(found, key=lambda m: (m.zoo, m.name not in opens_with, method_rank(m.name), m.name)))


def targets_of(catalogue: Catalogue, clip: str) -> tuple[str, ...]:
    """The domains predicted from the picture itself."""
    return catalogue.targets(clip)


def domains_sheet(catalogue: Catalogue, clip: str, methods: Sequence[Method]) -> Sheet:
    """The picture and all domains of the first method; of the others, the targets that they predict themselves.

    A row for each method: each target with its energy map. What is read out of the first one's predictions ends its row,
    or has the next one.
    """
    maker = _Maker(catalogue, clip)
    maker.input()
    targets = targets_of(catalogue, clip)
    row = 0
    for letter, method in zip(LETTERS, methods, strict=False):
        column = 1
        for target in targets:
            maker.prediction(letter, method, f"rgb-{target}", row, column, with_method=True)
            maker.energy(letter, method, target, row, column + 1)
            column += 2
        row += 1
        if letter == LETTERS[0]:
            readouts = _readouts(catalogue, clip, method, targets)
            has_own_row = len(readouts) > MAX_AT_END
            for at, path in enumerate(readouts):
                place = (row, 1 + at) if has_own_row else (row - 1, column + at)
                maker.prediction(letter, method, path, *place, with_method=False)
            row += has_own_row
    return maker.sheet(zip(LETTERS, methods, strict=False))


def methods_sheet(catalogue: Catalogue, clip: str, target: str, methods: Sequence[Method]) -> Sheet:
    """One target by all methods, in rows of MAX_COLUMNS: predictions, and under them their energy maps."""
    maker = _Maker(catalogue, clip)
    maker.input()
    shown = [
        method
        for method in methods
        if catalogue.prediction(clip, Configuration(method.zoo, method.name, f"rgb-{target}"))
    ][: len(LETTERS)]
    n_columns = MAX_COLUMNS if len(shown) > MAX_COLUMNS else max(len(shown), 1)
    for at, (letter, method) in enumerate(zip(LETTERS, shown, strict=False)):
        row, column = 2 * (at // n_columns), 1 + at % n_columns
        maker.prediction(letter, method, f"rgb-{target}", row, column, with_method=True)
        maker.energy(letter, method, target, row + 1, column)
    return maker.sheet(zip(LETTERS, shown, strict=False))


def paths_sheet(catalogue: Catalogue, clip: str, target: str, method: Method) -> Sheet:
    """One target by one method: directly, with its energy map, and along every other path."""
    maker = _Maker(catalogue, clip)
    maker.input()
    options = catalogue.configurations(clip, target)
    paths = [option.path for option in options if (option.zoo, option.method) == (method.zoo, method.name)]
    letters = list(zip(LETTERS, paths, strict=False))
    for at, (letter, path) in enumerate(letters):
        maker.prediction(letter, method, path, 0, 1 + at, with_method=False)
    if letters:
        maker.energy(letters[0][0], method, target, 0, 1 + len(letters))
    return maker.sheet((letter, method) for letter, _ in letters)


def _readouts(catalogue: Catalogue, clip: str, method: Method, targets: Sequence[str]) -> list[str]:
    """A path to each domain that the method does not predict itself, in the order of every page."""
    found: list[str] = []
    ends = {end for target in targets for end in catalogue.readouts(clip, target)} - set(targets)
    for end in catalogue.in_order(ends):
        first = USUAL_SOURCE.get(end, "")
        paths = [f"rgb-{source}-{end}" for source in sorted(targets, key=lambda source: source != first)]
        stored = (path for path in paths if catalogue.prediction(clip, Configuration(method.zoo, method.name, path)))
        if path := next(stored, ""):
            found.append(path)
    return found


class _Maker:
    """Collects the panes that are stored."""

    def __init__(self, catalogue: Catalogue, clip: str) -> None:
        self._catalogue, self._clip = catalogue, clip
        self._panes: list[Pane] = []
        self._energies: list[Energy] = []

    def input(self) -> None:
        track = self._catalogue.find(self._clip, "input", "rgb")
        if track is not None and track.n_frames:
            self._panes.append(Pane("input", "input", "", "Input", self._catalogue.title("rgb"), 0, 0, track))

    def prediction(self, letter: str, method: Method, path: str, row: int, column: int, *, with_method: bool) -> None:
        configuration = Configuration(method.zoo, method.name, path)
        track = self._catalogue.prediction(self._clip, configuration)
        if track is None or not track.n_frames:
            return
        between, end = configuration.domains[1:-1], configuration.domains[-1]
        title = self._catalogue.title(end)
        way = f"via {', '.join(self._catalogue.title(domain) for domain in between)}" if between else "from the image"
        detail = method.name if with_method else way
        id_ = f"{letter}_{path.replace('-', '_')}"[:40]
        self._panes.append(Pane(id_, "prediction", letter, title, detail, row, column, track, title))

    def energy(self, letter: str, method: Method, target: str, row: int, column: int) -> None:
        direct = self._catalogue.prediction(self._clip, Configuration(method.zoo, method.name, f"rgb-{target}"))
        if direct is None:
            return
        track = self._catalogue.find(
            self._clip, "energy", f"rgb-{target}", zoo=method.zoo, method=method.name, like=direct
        )
        if track is None or not track.n_frames:
            return
        title = f"Energy of {self._catalogue.title(target)}"
        pane = Pane(
            f"{letter}_energy_{target}"[:40], "energy", letter, title, method.name, row, column, track, "Energy"
        )
        self._panes.append(pane)
        self._energies.append(Energy(letter, method, target, track))

    def sheet(self, letters) -> Sheet:
        return Sheet(tuple(self._panes), tuple(self._energies), tuple(letters))
