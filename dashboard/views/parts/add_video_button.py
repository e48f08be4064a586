"""The button *Add a video*, where this visitor may ask: what the dialog offers, and opening the clip that it made."""

from __future__ import annotations

from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.commands import blanks
from dashboard.components.add_video import add_video
from dashboard.selection.choices import open_clip
from dashboard.views.parts.widgets import for_store
from dashboard.visitors.asking import SERVE, Asker
from dashboard.visitors.requested import offers

ADD_VIDEO = "add-video"


def add_video_button(store: Store, asker: Asker, catalogue: Catalogue, clip: str) -> None:
    """Show it beside the clip of that key (empty: there is none); nothing where this visitor may not ask."""
    if not asker.refusal:
        add_video(_data(store, asker, catalogue) | {"clip": clip}, key=ADD_VIDEO, on_open=open_clip)


def _data(store: Store, asker: Asker, catalogue: Catalogue) -> dict[str, object]:
    offered = offers(catalogue.examples(), asker.all())
    targets = {group["target"] for offer in offered for group in offer["bytes"]}
    command = for_store(SERVE, store)
    return {
        "ticket": asker.ticket,
        "offers": offered,
        "titles": {target: catalogue.title(target) for target in sorted(targets)},
        "maxUploadMb": asker.limits.upload_mb,
        "keptDays": asker.limits.days,
        "serveCommand": command,
        "serveBlanks": blanks(command),
    }
