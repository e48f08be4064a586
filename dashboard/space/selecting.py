"""The selection of the Space page: the link's configurations, as predictions of depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cache.records import Clip, Track
from dashboard.catalogue import Catalogue
from dashboard.gallery.items import listed
from dashboard.numbers import number
from dashboard.player_data import LETTERS, Chart, Pane
from dashboard.selection.choices import Choices
from dashboard.selection.link import Selection

DEPTH, NORMAL = "depth", "normal"
FLAT_ONLY = ("readout", "zoom", "region", "panel", "panes")
"""Parts of a link that mean nothing in space."""


class DepthChoices(Choices):
    """Choices among the predictions of depth: links of the other pages are read as if they had asked for it."""

    def _read(self, query: Mapping[str, str]) -> tuple[Selection | None, tuple[str, ...]]:
        return super()._read(in_depth(query))


def in_depth(query: Mapping[str, str]) -> dict[str, str]:
    """The link that shows depth by the same methods: paths to another domain become their methods' direct predictions."""
    kept = {name: text for name, text in query.items() if name not in FLAT_ONLY}
    for letter in LETTERS.lower():
        zoo, _, rest = kept.get(letter, "").partition("/")
        method, _, path = rest.partition("/")
        if path and path.rsplit("-", 1)[-1] != DEPTH:
            kept[letter] = f"{zoo}/{method}"
    return kept | {"predict": DEPTH}


def has_depth(catalogue: Catalogue, clip: str) -> bool:
    """Whether any depth of that clip is stored, predicted or true."""
    return DEPTH in catalogue.targets(clip) or catalogue.find(clip, "truth", DEPTH) is not None


def normals_of(catalogue: Catalogue, panes: Sequence[Pane]) -> dict[str, Track]:
    """Id of each pane of depth -> the normals of the same method, or the true ones, where they are stored."""
    found: dict[str, Track] = {}
    for pane in panes:
        head = pane.track.head
        if pane.role not in ("prediction", "truth") or head.domain["name"] != DEPTH:
            continue
        path = NORMAL if pane.role == "truth" else f"rgb-{NORMAL}"
        track = catalogue.find(head.clip.key, head.kind, path, zoo=head.zoo, method=head.method)
        if track is not None and track.n_frames >= pane.track.n_frames:
            found[pane.id] = track
    return found


def field_of_view_of(clip: Clip) -> float | None:
    """Degrees of the shorter side, where the source states it; None: unknown."""
    return next((item.field_of_view_degrees for item in listed() if item.sha256 == clip.source_sha256), None)


def still_texts(charts: Sequence[Chart]) -> list[str]:
    """What the plots of a single frame say, a sentence each: a plot of one point would show less, and take the room of the pictures."""
    return [
        f"{chart.title}: {', '.join(f'{s.letter} {s.name} {number(float(s.values[0]), chart.unit)}' for s in shown)}."
        for chart in charts
        if (shown := [series for series in chart.series if len(series.values) and series.has_values])
    ]
