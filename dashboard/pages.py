"""The pages of the dashboard, in the order of the bar: one line each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.site import Site
from dashboard.views import about, compare, gallery, image, models, overview, shift, space, study


@dataclass(frozen=True)
class Entry:
    """One page. It draws everything below the bar."""

    name: str
    """In the address: /compare."""
    title: str
    show: Callable[[Site], None]


PAGES = (
    Entry("compare", "Compare", compare.page),
    Entry("overview", "Overview", overview.page),
    Entry("shift", "Shift", shift.page),
    Entry("study", "Study", study.page),
    Entry("space", "Space", space.page),
    Entry("image", "Image", image.page),
    Entry("gallery", "Gallery", gallery.page),
    Entry("models", "Models", models.page),
    Entry("about", "About", about.page),
)
"""The first one is also at /."""
