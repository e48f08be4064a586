"""What the player shows and how: panes, charts, choices and position as records, and their JSON for the browser."""

# N frames, P paths of an energy

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from analysis.alignment import Kind
from analysis.codes import domain_as_stated
from analysis.energy import Scale, weights_of
from cache.records import Clip, Track
from dashboard.visitors.access import pass_query

LETTERS = "ABCDEFGH"
"""The configurations of one view, in order."""
N_HUES = 8
"""Hues that the browser has for methods (`--xc-hue-0` and so on in web/ui/player.css)."""
N_DASHES = 8
"""Line styles that the browser has for paths (`DASHES` in web/plots/plotly_figure.mjs); the first one is solid."""
SPEEDS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
"""What the speed menu offers; another speed is rounded to the nearest."""
DIGITS = 5
"""Significant digits of a plotted value: finer than a pixel, and a third of the bytes."""
MAX_EXACT_POWER = 22
"""The highest power of ten that a double holds exactly."""

VIEW_STATE = (
    "marks",
    "loop",
    "solo",
    "span",
    "hide",
    "gap",
    "region",
    "panel",
    "strip",
    "rank",
    "paths",
    "brush",
    "zoom",
    "wipe",
    "diff",
    "align",
    "reach",
    "overlay",
    "maps",
    "panes",
    "probe",
    "size",
    "camera",
    "surface",
    "colour",
    "gaps",
    "film",
    "fov",
)
"""The names of the view state in a link; their meaning and defaults are in web/view/view_state.mjs."""
NO_VIEW_STATE: Mapping[str, str] = {}
_VIEW_STATE_TEXT = re.compile(r"[A-Za-z0-9.,~_-]{1,100}")

Role = Literal["input", "truth", "prediction", "readout", "energy"]


@dataclass(frozen=True)
class Pane:
    """One picture of a view."""

    id: str
    """Unique and stable within a view: "input", "A", "B", "A2", "B2", "truth", "truth2"."""
    role: Role
    """What the picture is; truths belong to the panes of their row."""
    letter: str
    """"A", "B" or "": drawn as a badge, coloured like the curves of that configuration."""
    title: str
    """E.g. "consistency". Shown as text, never as markup, like `detail`."""
    detail: str
    """E.g. "Image → Surface normals"."""
    row: int
    """Place in the grid, from 0. Empty rows and columns are closed up; narrow screens wrap."""
    column: int
    track: Track
    heading: str = ""
    """The title without what `detail` says, for the first line of the pane; empty: the title."""


@dataclass(frozen=True)
class Style:
    """How the curve and the badge of a configuration look; colours and dashes are the browser's."""

    hue: int
    """The method's hue, from 0 to N_HUES - 1."""
    dash: int
    """The path's dash, from 0 to N_DASHES - 1; 0 for the direct path."""
    shade: int = 0
    """Tells those apart that share hue and dash."""


@dataclass(frozen=True)
class Band:
    """The interval around each number of a series."""

    low: np.ndarray
    """(N,) float; NaN where there is none, like `high`."""
    high: np.ndarray
    coverage: float
    """The chance that a frame of a new unit lies in it."""
    n_units: int
    """Rooms or clips that it was measured on."""


@dataclass(frozen=True)
class Series:
    """One number per frame of one configuration."""

    letter: str
    name: str
    """Shown as text, never as markup."""
    values: np.ndarray
    """(N,) float; NaN where a frame has no value."""
    zoo: str = ""
    """The zoo of the configuration, which the name has only where several are shown."""
    band: Band | None = None

    @property
    def full_name(self) -> str:
        """The name with its zoo, for files: `mini/baseline`."""
        return f"{self.zoo}/{self.name}" if self.zoo and not self.name.startswith(f"{self.zoo}/") else self.name

    @property
    def has_values(self) -> bool:
        return bool(np.isfinite(self.values).any())

    @property
    def mean(self) -> float:
        """Over the frames that have a value."""
        return float(np.nanmean(self.values))


@dataclass(frozen=True)
class Chart:
    """One plot under the pictures, over the frame index; N and X look for peaks and the worst frame in the first one."""

    id: str
    title: str
    unit: str
    """Unit of all series; empty if they have none."""
    series: Sequence[Series]
    has_zero_line: bool = False
    """True if 0 separates high from low, as it does for standardised energies."""
    floors: Mapping[str, float] = field(default_factory=dict)
    """Letter -> noise floor of the mean gap between the first series and that one, over all frames; NaN: too few."""
    limit: float | None = None
    """The 97.5th percentile of a standardised energy on the zoo's validation images, sigma; None if the zoo states none."""
    measure: str = ""
    """The measure of errors, chosen in the menu of that name."""


@dataclass(frozen=True)
class Choice:
    """A stored prediction that a pane could show; choosing it is the request `{"letter": ..., "open": ...}`."""

    open: str
    """`zoo/method/path`."""
    title: str
    detail: str
    track: Track
    heading: str = ""
    """As of a pane."""


@dataclass(frozen=True)
class Menu:
    """A menu of the page, for the palette; choosing an option is the request `{"choose": name, "value": ...}`."""

    name: str
    """In the link: "clip", "predict", "readout", "scale"."""
    label: str
    value: str
    options: Mapping[str, str]
    """Value -> label."""


@dataclass(frozen=True)
class View:
    """What is on the screen. All panes show the same clip."""

    clip: Clip
    pts_seconds: Sequence[float]
    """(N,) presentation time of each frame, s, ascending."""
    panes: Sequence[Pane]
    charts: Sequence[Chart]
    energies: Mapping[str, Track] = field(default_factory=dict)
    """Letter of a configuration -> its energy track, which is not a pane: for overlays, regions and shares by path."""
    stabilities: Mapping[str, Track] = field(default_factory=dict)
    """Letter of a configuration -> its stability track, whose pictures can be panes."""
    confidences: Mapping[str, Track] = field(default_factory=dict)
    """Letter of a configuration -> a confidence of its prediction, whose pictures can be panes."""
    normals: Mapping[str, Track] = field(default_factory=dict)
    """Id of a pane of depth -> the normals of the same method, or the true ones: its surface can be shaded by them."""
    scale: Scale = "standardised"
    """The scale of the energies that are plotted, and thus of those that the browser computes itself."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Domain -> its title, of the domains on the paths of the energies."""
    choices: Sequence[Choice] = ()
    """What the pane of a letter could show instead: menus over the titles."""
    menus: Sequence[Menu] = ()
    """What else can be chosen on the page."""
    styles: Mapping[str, Style] = field(default_factory=dict)
    """Letter -> style of that configuration; a letter without one has a style of its own."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Domain -> the values at which its colours begin and end; a domain without them is shown over its full range."""
    believed: Mapping[str, Any] | None = None
    """Which confidence to believe, as dashboard/compare/believe.py makes it; None where nothing is compared."""
    suggestion: str = ""
    """The choice to offer first for one more pane; empty for none."""
    align_by: Kind = "none"
    """How depths are aligned unless the viewer chooses otherwise: what the relative ones among them need."""
    alignments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """`kind key reference` -> kind, scale, shift and problem of the clip's alignments that the browser need not find."""
    can_ask: bool = False
    """Whether this visitor may add videos."""
    field_of_view_degrees: float | None = None
    """Field of view of the shorter side, if the clip's source states it; None if it is unknown."""

    def __post_init__(self) -> None:
        if not self.panes:
            raise ValueError("a view needs at least one pane, got none; give it the input track")
        tracks = [(pane.id, pane.track) for pane in self.panes]
        tracks += [(choice.open, choice.track) for choice in self.choices]
        tracks += [(f"energy of {letter}", track) for letter, track in self.energies.items()]
        tracks += [(f"stability of {letter}", track) for letter, track in self.stabilities.items()]
        tracks += [(f"confidence of {letter}", track) for letter, track in self.confidences.items()]
        tracks += [(f"normals of {pane}", track) for pane, track in self.normals.items()]
        others = [name for name, track in tracks if track.head.clip.key != self.clip.key]
        if others:
            raise ValueError(f"{', '.join(others)} show another clip than '{self.clip.title}'; one clip per view")
        ids = [pane.id for pane in self.panes]
        if len(set(ids)) != len(ids):
            raise ValueError(f"pane ids must differ, got {', '.join(ids)}")

    @property
    def n_frames(self) -> int:
        """Frames of the clip: what the scrubber spans."""
        return max(len(self.pts_seconds), 1)

    @property
    def n_ready(self) -> int:
        """Frames that every pane has: what can be sought. Less than n_frames while a job is still writing a track."""
        return min([self.n_frames, *(pane.track.n_frames for pane in self.panes)])


@dataclass(frozen=True)
class Position:
    """Where the viewer has settled."""

    frame: int
    speed: float
    view_state: Mapping[str, str] = field(default_factory=dict)
    """How the clip is viewed, spelled as in the link: names of VIEW_STATE, with values that only the browser reads."""


def read_view_state(texts: Mapping[str, Any]) -> dict[str, str]:
    """The part of `texts` that a link's view state may hold: known names with short, plain values."""
    return {
        name: text
        for name in VIEW_STATE
        if isinstance(text := texts.get(name), str) and _VIEW_STATE_TEXT.fullmatch(text)
    }


def view_data(view: View) -> dict[str, Any]:
    """`view` in JSON. Addresses are relative to the base of the page."""
    clip = view.clip
    caveats = dict.fromkeys(pane.track.head.caveat for pane in view.panes)
    return {
        "clip": clip.key,
        "passQuery": pass_query(),
        "title": clip.title,
        "about": [text for text in (*caveats, clip.author, clip.licence, clip.attribution, clip.url) if text],
        "width": clip.width,
        "height": clip.height,
        "ptsSeconds": [round(float(seconds), 6) for seconds in view.pts_seconds] or [0.0],
        "nReady": view.n_ready,
        "letters": LETTERS,
        "panes": [pane_data(pane, view.ranges) for pane in view.panes],
        "charts": [chart_data(chart) for chart in view.charts],
        "energies": {letter: energy_data(track) for letter, track in view.energies.items()},
        "stabilities": _plain_tracks(view.stabilities),
        "confidences": _plain_tracks(view.confidences),
        "normals": _plain_tracks(view.normals),
        "scale": view.scale,
        "titles": dict(view.titles),
        "styles": {letter: asdict(style) for letter, style in view.styles.items()},
        "choices": [{"open": choice.open, **_picture_data(choice, view.ranges)} for choice in view.choices],
        "menus": [
            {"name": menu.name, "label": menu.label, "value": menu.value, "options": list(menu.options.items())}
            for menu in view.menus
        ],
        "believed": view.believed,
        "suggestion": view.suggestion,
        "alignBy": view.align_by,
        "alignments": {name: dict(fit) for name, fit in view.alignments.items()},
        "canAsk": view.can_ask,
        "fieldOfView": view.field_of_view_degrees,
        "speeds": list(SPEEDS),
    }


def pane_data(pane: Pane, ranges: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """A pane, in JSON."""
    place = {"id": pane.id, "role": pane.role, "letter": pane.letter, "row": pane.row, "column": pane.column}
    return {**place, **_picture_data(pane, ranges)}


def chart_data(chart: Chart) -> dict[str, Any]:
    """A chart, in JSON: its numbers in DIGITS significant digits, null where a frame has no value."""
    return {
        "id": chart.id,
        "title": chart.title,
        "unit": chart.unit,
        "measure": chart.measure,
        "hasZeroLine": chart.has_zero_line,
        "limit": chart.limit,
        "floors": {letter: floor if np.isfinite(floor) else None for letter, floor in chart.floors.items()},
        "series": [
            {
                "letter": series.letter,
                "name": series.name,
                "fullName": series.full_name,
                "values": _rounded(series.values),
                **_band_data(series.band),
            }
            for series in chart.series
        ],
    }


def _band_data(band: Band | None) -> dict[str, Any]:
    if band is None:
        return {}
    return {"band": {"low": _rounded(band.low), "high": _rounded(band.high), "coverage": band.coverage}}


def energy_data(track: Track) -> dict[str, Any]:
    """An energy track, in JSON: its packs hold columns `terms` (N, P) and `blocks` (N, P, 32, 32) of the P `paths`.

    `weights` are those of the energy as shown, `paperWeights` those of the plain mean.
    """
    head = track.head
    constants = {name: list(head.constants[name]) for name in ("paths", "mu", "sigma")}
    n_paths = len(constants["paths"])
    constants["weights"] = weights_of(head.constants, n_paths).tolist()
    constants["paperWeights"] = weights_of(head.constants, n_paths, "paper").tolist()
    method = f"{head.zoo}/{head.method}"
    return {"key": head.key, "method": method, "domain": dict(head.domain), "packs": _packs(track), **constants}


def _plain_tracks(tracks: Mapping[str, Track]) -> dict[str, Any]:
    return {
        name: {"key": track.head.key, "domain": dict(track.head.domain), "packs": _packs(track)}
        for name, track in tracks.items()
    }


def _picture_data(picture: Pane | Choice, ranges: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    head = picture.track.head
    shown = ranges.get(str(head.domain.get("name")))
    return {
        "title": picture.title,
        "detail": picture.detail,
        "heading": picture.heading or picture.title,
        "key": head.key,
        "isComplete": picture.track.is_complete,
        "domain": {**domain_as_stated(head), **({"shown": list(shown)} if shown else {})},
        "packs": _packs(picture.track),
    }


def _packs(track: Track) -> list[dict[str, Any]]:
    key, query = track.head.key, pass_query()
    return [
        {"url": f"packs/{key}-{pack.sha256}.pack{query}", "start": pack.start, "n_frames": pack.n_frames}
        for pack in track.packs
    ]


def _rounded(values: np.ndarray) -> list[float | None]:
    """Values to DIGITS significant digits, None where there is none; all at once, as a clip has up to 100,000."""
    values = np.asarray(values, np.float64)
    is_known = np.isfinite(values)
    sizes = np.where(is_known & (values != 0), np.abs(values), 1.0)
    places = DIGITS - 1 - np.floor(np.log10(sizes))  # behind the point
    if (np.abs(places) > MAX_EXACT_POWER).any():
        return [float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None for value in values.tolist()]
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    rounded = np.rint(np.where(is_known, values, 0.0) * up / down) / up * down
    return [value if known else None for value, known in zip(rounded.tolist(), is_known.tolist(), strict=True)]
