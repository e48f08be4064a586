"""Which error of the predictions is plotted: the measure, and the alignment of depth before it, as the link has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from analysis.alignment import KIND_TITLES, KINDS, NEEDED, PERS, Kind, Per, aligned_column, needed_by, needed_by_all
from cache.records import Track
from dashboard.catalogue import Catalogue
from dashboard.selection.link import Selection

AS_NEEDED: Literal["auto"] = "auto"
"""In the link: the alignment that the configurations need."""

OF_UNALIGNED = ("absrel_scaled", "error")
"""Measures that say nothing of an aligned depth: of one that is scaled once more, and of codes."""


@dataclass(frozen=True)
class Judging:
    """What is plotted of errors."""

    measure: str | None = None
    """Column; None: the most telling one that there is."""
    kind: Kind | Literal["auto"] = AS_NEEDED
    per: Per = "clip"

    def kind_for(self, tracks: list[Track]) -> Kind:
        """The alignment of those, which are compared with each other: one for all."""
        if not any(is_depth(track.head.domain) for track in tracks):
            return "none"
        return needed_kind(tracks) if self.kind == AS_NEEDED else self.kind


USUAL = Judging()
_KINDS: Mapping[str, Kind] = {kind: kind for kind in KINDS}
_PERS: Mapping[str, Per] = {per: per for per in PERS}


def judging_of(selection: Selection) -> Judging:
    """What the link says. Spelled as web/view/pane_view_state.mjs does: `kind~per~to`."""
    kind, per, *_ = (*selection.view_state.get("align", "").split("~"), "", "")
    return Judging(selection.measure, _KINDS.get(kind, AS_NEEDED), _PERS.get(per, "clip"))


def is_depth(domain: Mapping[str, Any]) -> bool:
    """Whether values of a domain are depths, which can be aligned."""
    return domain.get("channels") == 1 and domain.get("scale") == "log"


def needed_kind(tracks: list[Track]) -> Kind:
    """The alignment that those of a relative depth need."""
    return needed_by_all([needed_by(track.head.constants) for track in tracks if is_depth(track.head.domain)])


def aligned_errors(catalogue: Catalogue, track: Track, kind: Kind, per: Per) -> tuple[Track, dict[str, str]] | None:
    """The track that holds the errors of a depth after that alignment, and measure -> column in it; None: not computed."""
    results = track.head.constants.get("results")
    own = results.get("alignment") if isinstance(results, Mapping) else None
    if isinstance(own, Mapping) and (own.get("kind"), own.get("per")) == (kind, per):
        return track, {name: name for name in track.head.columns if name not in OF_UNALIGNED}
    found = catalogue.aligned(track)
    if found is None:
        return None
    start = aligned_column(kind, per, "")
    return found, {name.removeprefix(start): name for name in found.head.columns if name.startswith(start)}


def known_fits(catalogue: Catalogue, track: Track) -> dict[str, dict[str, Any]]:
    """`kind key truth` -> the clip's fit of a depth to its truth, as the errors were computed with it; spelled as the browser names its own."""
    constants, found = track.head.constants, {}
    results = constants.get("results")
    own = results.get("alignment") if isinstance(results, Mapping) else None
    if aligned := catalogue.aligned(track):
        constants = aligned.head.constants
        found = dict(constants.get("per_clip", {}))
    elif isinstance(own, Mapping) and own.get("per") == "clip":
        found = {str(own.get("kind")): {"scale": own.get("scale"), "shift": own.get("shift"), "problem": ""}}
    truth = constants.get("truth")
    return {f"{kind} {track.head.key} {truth}": {"kind": kind, **fit} for kind, fit in found.items()}


def lacks_alignment(track: Track, kind: Kind) -> bool:
    """Whether a relative depth is not known well enough for its error to mean something after that alignment."""
    needed = NEEDED.get(str(track.head.constants.get("known_up_to")), "none")
    return needed not in ("none", kind) and not (needed == "scale" and kind != "none")


def alignment_remark(tracks: list[tuple[str, Track]]) -> str:
    """Why depth is aligned although nobody chose so; empty where nothing needs it."""
    relative = [letter for letter, track in tracks if needed_kind([track]) != "none"]
    if not relative:
        return ""
    who = " and ".join(relative) if len(relative) < 3 else f"{', '.join(relative[:-1])} and {relative[-1]}"
    is_one = len(relative) == 1
    return (
        f"{who} {'is a relative depth' if is_one else 'are relative depths'}: every depth is shown and judged "
        f"{KIND_TITLES[needed_kind([track for _, track in tracks])]} unless another alignment is chosen in the menu of the colour scale."
    )
