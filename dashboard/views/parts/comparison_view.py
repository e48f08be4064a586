"""What the player shows of a comparison, on every page that shows one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.columns import Columns, with_expected_times
from analysis.energy import Unreadable
from cache.records import Clip, Track
from dashboard.catalogue import Catalogue
from dashboard.compare.comparison import Comparison, choices_of
from dashboard.compare.styles import styles_by_letter
from dashboard.player_data import Chart, View
from dashboard.selection.lineup import suggestion
from dashboard.selection.link import Selection
from dashboard.selection.menus import menus
from dashboard.views.parts.widgets import show_notes


def comparison_view(
    columns: Columns,
    catalogue: Catalogue,
    selection: Selection,
    comparison: Comparison,
    *,
    charts: Sequence[Chart],
    ranges: Mapping[str, tuple[float, float]],
    can_ask: bool,
) -> View | None:
    """None where no frame is ready, or where their times cannot be read, which is then said."""
    longest, clip, target = comparison.longest, selection.clip, selection.target
    if longest is None or not comparison.n_ready:
        return None
    times = times_of(columns, longest, clip)
    if times is None:
        return None
    new = suggestion(selection.configurations, catalogue.configurations(clip.key, target) if target else ())
    return View(
        clip=clip,
        pts_seconds=times,
        panes=comparison.panes,
        charts=charts,
        energies=comparison.energies,
        stabilities=comparison.stabilities,
        confidences=comparison.confidences,
        scale=selection.scale,
        titles=comparison.titles,
        choices=choices_of(catalogue, clip.key, target) if target else (),
        menus=menus(catalogue, selection),
        suggestion=new.full_spelling if new else "",
        align_by=comparison.needed,
        alignments=comparison.fits,
        can_ask=can_ask,
        styles=styles_by_letter(catalogue, selection),
        ranges=ranges,
    )


def times_of(columns: Columns, longest: Track, clip: Clip) -> list[float] | None:
    """The time of every frame of the clip in seconds, expected ones after those of a growing track; None where they cannot be
    read, which is then said."""
    try:
        known = columns.pts_seconds(longest)
    except Unreadable as error:
        show_notes([f"The times of this clip's frames cannot be read: {error}."])
        return None
    return known if longest.is_complete else with_expected_times(known, clip.n_frames)
