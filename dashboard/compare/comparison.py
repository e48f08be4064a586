"""What can be chosen on a clip, and what does a choice show? Tracks in; tasks, panes, charts and gaps out."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cache.records import Clip, Track
from dashboard.player import Choice, Pane

LETTERS = "ABCDEFGH"
"""The configurations of one view, in order."""
PREFERRED_TARGET = "normal"
PREFERRED_METHODS = ("baseline", "consistency")
"""What A and B are where nothing was chosen: the question that the project asks."""
ERROR_COLUMNS = ("angle_degrees", "absrel", "error")
"""Measures of error, the most telling first; the first that any of the compared tracks has is plotted."""
MAX_TITLE_LETTERS = 80
DEFAULT_ZOO = "mini"
DEFAULT_SAMPLING: Mapping[str, Any] = {
    "start": 0.0,
    "end": None,
    "fps": None,
    "max_frames": None,
    "size": 256,
    "crop": "centre",
}
"""What `precompute run` takes where its option of that name is not given."""
_BUNDLED_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True)
class Configuration:
    """One way to predict a target: zoo, method and path, direct (two domains) or through others."""

    zoo: str
    method: str
    path: str

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(self.path.split("-"))

    @property
    def is_direct(self) -> bool:
        return len(self.domains) == 2

    @property
    def spelling(self) -> str:
        """`zoo/method` where the path is the direct one, which the task tells already; else `zoo/method/path`."""
        return f"{self.zoo}/{self.method}" + ("" if self.is_direct else f"/{self.path}")


@dataclass(frozen=True)
class Curve:
    """One line of a chart: a column of a track."""

    letter: str
    name: str
    track: Track
    column: str


@dataclass(frozen=True)
class Plot:
    """One chart over the frames."""

    id: str
    """energy, disagreement, error or error2."""
    title: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Gap:
    """Something that belongs into the view and is not in the store."""

    what: str
    """One sentence."""
    command: str | None
    """What makes it; None where no command does."""


@dataclass(frozen=True)
class Shown:
    """Everything one selection shows."""

    panes: tuple[Pane, ...]
    plots: tuple[Plot, ...]
    gaps: tuple[Gap, ...]
    energies: Mapping[str, Track] = field(default_factory=dict)
    """Letter -> the energy track of that configuration, where it has one."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Domain -> its name for people, of the domains on the paths of those energies."""

    @property
    def tracks(self) -> tuple[Track, ...]:
        return tuple(pane.track for pane in self.panes) + tuple(curve.track for p in self.plots for curve in p.curves)

    @property
    def caveats(self) -> tuple[str, ...]:
        """What to know before trusting that the clip is the whole of its source."""
        found = dict.fromkeys(one_line(track.head.caveat, 200) for track in self.tracks if track.head.caveat)
        return tuple(found)

    @property
    def n_ready(self) -> int:
        """Frames that every pane has."""
        return min((pane.track.n_frames for pane in self.panes), default=0)

    @property
    def is_growing(self) -> bool:
        """True while a job still writes something of this view."""
        return not all(track.is_complete for track in self.tracks)


class Available:
    """What a store holds, by clip and task. `tracks` come newest first, as `Store.tracks` gives them."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._by_name: dict[tuple[str, str, str, str, str], list[Track]] = {}
        self._by_clip: dict[str, list[Track]] = {}
        self._titles: dict[str, str] = {}
        for track in tracks:
            head = track.head
            self._by_clip.setdefault(head.clip.key, []).append(track)
            name = (head.clip.key, head.kind, head.zoo, head.method, head.path)
            self._by_name.setdefault(name, []).append(track)
            domain, title = head.domain.get("name"), head.domain.get("title")
            if isinstance(domain, str) and isinstance(title, str) and title:
                self._titles.setdefault(domain, one_line(title))
        self.clips: tuple[Clip, ...] = tuple(self._clip_record(key) for key in self._by_clip)

    def clip(self, key: str) -> Clip | None:
        """The clip with that key."""
        return next((clip for clip in self.clips if clip.key == key), None)

    def targets(self, clip: str) -> tuple[str, ...]:
        """Domains X2 that some configuration predicts on that clip, by title."""
        return self._sorted_domains({_last(track) for track in self._of_kind(clip, "prediction")})

    def readouts(self, clip: str, target: str) -> tuple[str, ...]:
        """Domains X3 that some configuration reads out of its prediction of `target` on that clip, by title."""
        ends = (track.head.path.split("-") for track in self._of_kind(clip, "readout"))
        return self._sorted_domains({end[-1] for end in ends if end[-2] == target})

    def configurations(self, clip: str, target: str) -> tuple[Configuration, ...]:
        """Everything that ends in `target` on that clip: the direct predictions first, then the longer paths."""
        found = {
            Configuration(track.head.zoo, track.head.method, track.head.path)
            for kind in ("prediction", "readout")
            for track in self._of_kind(clip, kind)
            if _last(track) == target
        }
        return tuple(sorted(found, key=_order))

    def known(self, target: str) -> tuple[Configuration, ...]:
        """Everything that ends in `target` on some clip, or that an energy of it compares: what a job can make."""
        found: set[Configuration] = set()
        for (_, kind, zoo, method, path), tracks in self._by_name.items():
            if path.rsplit("-", 1)[-1] != target:
                continue
            if kind in ("prediction", "readout"):
                found.add(Configuration(zoo, method, path))
            if kind == "energy":
                paths = tracks[0].head.constants.get("paths", ())
                found |= {Configuration(zoo, method, str(other)) for other in paths}
        return tuple(sorted(found, key=_order))

    def known_readouts(self, target: str) -> tuple[str, ...]:
        """Domains X3 that some method reads out of `target` on some clip, or in an energy: what a job can make."""
        paths = {path for _, kind, _, _, path in self._by_name if kind == "readout"}
        for (_, kind, *_), tracks in self._by_name.items():
            if kind == "energy":
                paths |= {str(path) for path in tracks[0].head.constants.get("paths", ())}
        domains = (path.split("-") for path in paths)
        ends = {
            found[2] for found in domains if len(found) == 3 and found[:2] == ["rgb", target] and found[2] != target
        }
        return self._sorted_domains(ends)

    def find(
        self, clip: str, kind: str, path: str, *, zoo: str = "", method: str = "", like: Track | None = None
    ) -> Track | None:
        """The newest complete track of that name, else the newest growing one.

        With `like`, only tracks computed with the same weights on every edge that both name: an energy must not stand
        beside a prediction of other weights.
        """
        tracks = self._by_name.get((clip, kind, zoo, method, path), [])
        if like is not None:
            tracks = [track for track in tracks if _agree(track, like)]
        complete = (track for track in tracks if track.is_complete)
        return next(complete, tracks[0] if tracks else None)

    def title(self, domain: str) -> str:
        """The name of a domain for people, from the records of the stored tracks."""
        return self._titles.get(domain, domain)

    def path_title(self, path: str) -> str:
        """`Image → Surface normals`: arrows are for the screen only."""
        return " → ".join(self.title(domain) for domain in path.split("-"))

    def clip_label(self, clip: Clip) -> str:
        """The clip's title on one line, made distinct by its size and key where two clips share it."""
        title = one_line(clip.title)
        if clip.sampling.get("is_tolerant"):
            return f"{title} (tolerant, {clip.key[:8]})"
        twins = [other for other in self.clips if one_line(other.title) == title]
        if len(twins) == 1:
            return title
        size = f"{clip.width}×{clip.height}, {clip.n_frames} frames"
        same_size = [t for t in twins if (t.width, t.height, t.n_frames) == (clip.width, clip.height, clip.n_frames)]
        return f"{title} ({size})" if len(same_size) == 1 else f"{title} ({size}, {clip.key[:8]})"

    def configuration_label(self, configuration: Configuration, others: Iterable[Configuration]) -> str:
        """The method, with its zoo where `others` come from several, and the domains that the path goes through."""
        label = configuration.method
        if len({other.zoo for other in others}) > 1:
            label = f"{configuration.zoo}/{label}"
        if configuration.is_direct:
            return label
        return f"{label} via {', '.join(self.title(domain) for domain in configuration.domains[1:-1])}"

    def prediction(self, clip: str, configuration: Configuration) -> Track | None:
        """What the configuration predicts on the clip: along a longer path it is a readout of the first domain."""
        kind = "prediction" if configuration.is_direct else "readout"
        zoo, method = configuration.zoo, configuration.method
        return self.find(clip, kind, configuration.path, zoo=zoo, method=method)

    def choices(self, clip: str, target: str) -> list[Choice]:
        """What a pane of that task could show."""
        options = self.configurations(clip, target)
        found = [(option, self.prediction(clip, option)) for option in options]
        return [
            Choice(
                f"{option.zoo}/{option.method}/{option.path}",
                self.configuration_label(option, options),
                self.path_title(option.path),
                track,
            )
            for option, track in found
            if track is not None
        ]

    def _of_kind(self, clip: str, kind: str) -> list[Track]:
        return [track for track in self._by_clip.get(clip, ()) if track.head.kind == kind]

    def _sorted_domains(self, domains: set[str]) -> tuple[str, ...]:
        return tuple(sorted(domains, key=lambda domain: (self.title(domain).casefold(), domain)))

    def _clip_record(self, key: str) -> Clip:
        """The record of the clip's input, whose frame count the other tracks follow; else that of its newest track."""
        best = self.find(key, "input", "rgb") or self._by_clip[key][0]
        return best.head.clip


def default_configurations(configurations: Sequence[Configuration]) -> tuple[Configuration, ...]:
    """A and B where nothing was chosen: baseline and consistency of one zoo, else the first two there are."""
    if not configurations:
        return ()
    by_name = {(c.zoo, c.method): c for c in reversed(configurations) if c.is_direct}
    for zoo in dict.fromkeys(c.zoo for c in configurations):
        pair = [by_name.get((zoo, method)) for method in PREFERRED_METHODS]
        if all(pair):
            return tuple(c for c in pair if c)
    return (configurations[0], configurations[min(1, len(configurations) - 1)])


def shown(
    available: Available, clip: Clip, target: str | None, readout: str | None, configurations: Sequence[Configuration]
) -> Shown:
    """The panes, charts and gaps of one selection. Row 0 holds the predictions of `target`, row 1 their readouts."""
    view = _Builder(available, clip, len({c.zoo for c in configurations}) > 1)
    view.add_input()
    if target is None:
        view.gaps.append(Gap("No prediction on this clip is stored yet.", _command(clip)))
        return view.result()
    first = view.add_truths(target, readout)
    for column, (letter, configuration) in enumerate(zip(LETTERS, configurations, strict=False), start=first):
        view.add_configuration(letter, configuration, readout, column)
    view.add_error_plot("error", f"Error of {available.title(target)}", view.predictions)
    if readout is not None:
        view.add_error_plot("error2", f"Error of {available.title(readout)}", view.readouts)
    return view.result()


class _Builder:
    """Collects one view. Made for `shown`, which tells the order."""

    def __init__(self, available: Available, clip: Clip, names_zoo: bool) -> None:
        self._available = available
        self._clip = clip
        self._names_zoo = names_zoo
        self.panes: list[Pane] = []
        self.gaps: list[Gap] = []
        self.predictions: list[tuple[str, str, Track]] = []
        self.readouts: list[tuple[str, str, Track]] = []
        self._curves: dict[str, list[Curve]] = {"energy": [], "disagreement": []}
        self._error_plots: list[Plot] = []

    def add_input(self) -> None:
        track = self._available.find(self._clip.key, "input", "rgb")
        if track is None:
            self.gaps.append(Gap("The input frames of this clip are not stored.", _command(self._clip)))
            return
        self.panes.append(Pane("input", "", "Input", self._available.title("rgb"), 0, 0, track))

    def add_truths(self, target: str, readout: str | None) -> int:
        """Add the truths that are known, in a column of their own. Returns the first column after them."""
        column = 1 if self.panes else 0
        found = False
        for row, (id_, domain) in enumerate((("truth", target), ("truth2", readout))):
            track = self._available.find(self._clip.key, "truth", domain) if domain else None
            if domain and track:
                title = self._available.title(domain)
                self.panes.append(Pane(id_, "", "Ground truth", title, row, column, track))
                found = True
        return column + found

    def add_configuration(self, letter: str, configuration: Configuration, readout: str | None, column: int) -> None:
        label = self._available.configuration_label(configuration, [configuration])
        name = f"{configuration.zoo}/{label}" if self._names_zoo else label
        prediction = self._find("prediction" if configuration.is_direct else "readout", configuration, None)
        if prediction is None:
            self._miss(f"The prediction of {letter} ({name})", configuration, configuration.path)
            return
        detail = self._available.path_title(configuration.path)
        self.panes.append(Pane(letter, letter, name, detail, 0, column, prediction))
        self.predictions.append((letter, name, prediction))
        self._add_energy(letter, name, configuration, prediction)
        if readout is not None:
            self._add_readout(letter, name, configuration, readout, column, prediction)

    def add_error_plot(self, id_: str, title: str, tracks: Sequence[tuple[str, str, Track]]) -> None:
        column = next((c for c in ERROR_COLUMNS for _, _, track in tracks if c in track.head.columns), None)
        if column is None:
            return
        curves = tuple(
            Curve(letter, name, track, column) for letter, name, track in tracks if column in track.head.columns
        )
        self._error_plots.append(Plot(id_, title, curves))

    def result(self) -> Shown:
        titles = {"energy": "Consistency energy", "disagreement": "Readout disagreement"}
        plots = [Plot(id_, titles[id_], tuple(curves)) for id_, curves in self._curves.items() if curves]
        energies = {curve.letter: curve.track for curve in self._curves["energy"]}
        paths = [path for track in energies.values() for path in track.head.constants["paths"]]
        titles = {domain: self._available.title(domain) for path in paths for domain in path.split("-")}
        return Shown(tuple(self.panes), (*plots, *self._error_plots), tuple(self.gaps), energies, titles)

    def _add_energy(self, letter: str, name: str, configuration: Configuration, prediction: Track) -> None:
        if not configuration.is_direct:
            what = f"{letter} ({name}) has no energy of its own: energy belongs to a method's direct prediction."
            self.gaps.append(Gap(what, None))
            return
        energy = self._find("energy", configuration, prediction)
        if energy is None:
            self._miss(f"The energy of {letter} ({name})", configuration, configuration.path)
        else:
            self._curves["energy"].append(Curve(letter, name, energy, "terms"))

    def _add_readout(
        self, letter: str, name: str, configuration: Configuration, readout: str, column: int, prediction: Track
    ) -> None:
        path = f"{configuration.path}-{readout}"
        longer = Configuration(configuration.zoo, configuration.method, path)
        track = self._find("readout", longer, prediction)
        if track is None:
            what = f"The readout of {letter} ({name}) as {self._available.title(readout)}"
            if configuration.is_direct:
                self._miss(what, longer, path)
            else:  # no job makes paths of four domains
                self.gaps.append(Gap(f"{what} does not exist: readouts start from direct predictions.", None))
            return
        # Not the whole path: the pane above tells it, and half of a small pane's line belongs to the colour scale.
        detail = f"→ {self._available.title(readout)}"
        self.panes.append(Pane(f"{letter}2", letter, name, detail, 1, column, track))
        self.readouts.append((letter, name, track))
        if "disagreement" in track.head.columns:
            self._curves["disagreement"].append(Curve(letter, name, track, "disagreement"))

    def _find(self, kind: str, configuration: Configuration, like: Track | None) -> Track | None:
        return self._available.find(
            self._clip.key, kind, configuration.path, zoo=configuration.zoo, method=configuration.method, like=like
        )

    def _miss(self, what: str, configuration: Configuration, path: str) -> None:
        pattern = f"{configuration.zoo}/{configuration.method}/{path}"
        self.gaps.append(
            Gap(f"{what} is not precomputed for this clip.", _command(self._clip, configuration.zoo, pattern))
        )


def web_address(url: str | None) -> str | None:
    """`url` where it is an http(s) address with a host, which alone may become a link; else None."""
    if url is None or len(url) > 2000 or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def one_line(text: str, limit: int = MAX_TITLE_LETTERS) -> str:
    """`text` without control characters and line breaks, cut to `limit` letters; never empty."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 4 * limit]).split())
    return (line if len(line) <= limit else line[: limit - 1] + "…") or "untitled"


def command_for(clip: Clip, configuration: Configuration) -> str:
    """The command that computes `configuration` on `clip`."""
    return _command(clip, configuration.zoo, f"{configuration.zoo}/{configuration.method}/{configuration.path}")


def _command(clip: Clip, zoo: str = DEFAULT_ZOO, pattern: str | None = None) -> str:
    """The command that makes what is missing of the same frames, safe to paste into a shell."""
    title = clip.title if _BUNDLED_NAME.fullmatch(clip.title) else None
    words = ["python", "-m", "precompute", "run", title or web_address(clip.url) or "SOURCE"]
    words += [] if zoo == DEFAULT_ZOO else ["--zoo", zoo]
    words += ["--configurations", pattern] if pattern else []
    for name, default in DEFAULT_SAMPLING.items():
        value = clip.sampling.get(name, default)
        if value != default and isinstance(value, (int, float, str)):
            words += [f"--{name.replace('_', '-')}", str(value)]
    words += ["--tolerant"] if clip.sampling.get("is_tolerant") else []
    return shlex.join(words)


def _last(track: Track) -> str:
    return track.head.path.rsplit("-", 1)[-1]


def _order(configuration: Configuration) -> tuple[int, str, int, str, str]:
    """Direct predictions first, then the longer paths."""
    c = configuration
    return len(c.domains), c.zoo, _method_rank(c.method), c.method, c.path


def _method_rank(method: str) -> int:
    return PREFERRED_METHODS.index(method) if method in PREFERRED_METHODS else len(PREFERRED_METHODS)


def _agree(track: Track, other: Track) -> bool:
    """Do both name the same digest for every edge they share?"""
    return all(other.head.edges.get(edge, digest) == digest for edge, digest in track.head.edges.items())
