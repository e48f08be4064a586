"""What Python sends to a player, for the tests that mount one without Streamlit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator

from tests.browser.helpers import App

N_FRAMES = 300
FOUR_PANES = "input,A,B,A2"
Open = Callable[..., Locator]


def data_of(app: App, panes: str, **changes: Any) -> dict[str, Any]:
    """What Python would send for these panes: i input, a b predictions, A B readouts of the two methods."""
    names = {("input", ""): "i"}
    for method, letter in (("baseline", "a"), ("consistency", "b")):
        names |= {("prediction", method): letter, ("readout", method): letter.upper()}
    tracks = {names.get((track.head.kind, track.head.method)): track for track in app.store.tracks()}
    return {
        "clip": "a clip",
        "title": "a clip",
        "width": 64,
        "height": 64,
        "ptsSeconds": [frame / 30 for frame in range(N_FRAMES)],
        "nReady": N_FRAMES,
        "panes": [
            {
                "id": name,
                "role": tracks[name].head.kind,
                "letter": "",
                "title": name,
                "detail": "",
                "row": 0,
                "column": column,
                "key": tracks[name].head.key,
                "isComplete": True,
                "domain": dict(tracks[name].head.domain),
                "packs": [
                    {
                        "url": f"/packs/{tracks[name].head.key}-{pack.sha256}.pack",
                        "start": pack.start,
                        "n_frames": pack.n_frames,
                    }
                    for pack in tracks[name].packs
                ],
            }
            for column, name in enumerate(panes)
        ],
        "charts": [],
        "speeds": [0.5, 1.0, 2.0],
        "start": {"frame": 0, "speed": 1.0},
        "command": {"seq": 0, "frame": 0, "speed": 1.0},
        **changes,
    }


def a_chart(title: str, height: float = 1.0) -> dict[str, Any]:
    series = {"letter": "", "name": "curve", "values": [height] * N_FRAMES}
    return {"id": title, "title": title, "unit": "", "series": [series]}
