"""The page of player_app.py: every track of the store's newest clip in one view, and what Python hears of it.

Query: `panes` (ids, comma-separated; default: all), `frame`, `title` (of the pane "A"), `seek` (frame asked for by a
button of the page).
"""

import numpy as np
import streamlit as st

from cache.records import Track
from cache.store import Store, default_root
from dashboard.components.player import Chart, Pane, View, player

PLACES = {
    "input": (0, 0, ""),
    "A": (0, 1, "A"),
    "B": (0, 2, "B"),
    "truth": (0, 3, ""),
    "EA": (1, 0, "A"),
    "A2": (1, 1, "A"),
    "B2": (1, 2, "B"),
    "truth2": (1, 3, ""),
}


def tracks_by_pane(store: Store) -> dict[str, Track]:
    found: dict[str, Track] = {}
    for track in store.tracks():
        head = track.head
        letter = "A" if head.method == "baseline" else "B"
        name = {
            "input": "input",
            "truth": "truth" if head.path == "normal" else "truth2",
            "prediction": letter,
            "readout": f"{letter}2",
            "energy": f"E{letter}",
        }[head.kind]
        found.setdefault(name, track)
    return found


def energy(store: Store, track: Track) -> np.ndarray:
    if track.n_frames == 0:  # a column of no rows has lost its other axes
        return np.zeros(0)
    terms = store.column(track, "terms")
    return ((terms - track.head.constants["mu"]) / track.head.constants["sigma"]).mean(axis=1)


def chart(name: str, title: str, curves: dict[str, np.ndarray], unit: str = "") -> Chart:
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": {"A": "baseline", "B": "consistency"}[letter],
            "x": list(range(len(values))),
            "y": values,
            "meta": {"letter": letter, "unit": unit},
        }
        for letter, values in curves.items()
    ]
    return Chart(name, title, {"data": data, "layout": {}})


st.set_page_config(layout="wide")
store = Store(default_root(), read_only=True)
tracks = tracks_by_pane(store)
wanted = st.query_params.get("panes", ",".join(name for name in PLACES if name in tracks)).split(",")


def swap() -> None:
    st.session_state["is_swapped"] = not st.session_state.get("is_swapped", False)


st.button("swap A and B", on_click=swap)
if st.session_state.get("is_swapped"):
    wanted = [{"A": "B", "B": "A"}.get(name, name) for name in wanted]
panes = [
    Pane(
        id=name,
        letter=PLACES[name][2],
        title=st.query_params.get("title", "baseline") if name == "A" else tracks[name].head.method or name,
        detail=tracks[name].head.path.replace("-", " → "),
        row=PLACES[name][0],
        column=PLACES[name][1] if not st.session_state.get("is_swapped") else wanted.index(name),
        track=tracks[name],
    )
    for name in wanted
]
charts = [
    chart("energy", "Consistency energy", {letter: energy(store, tracks[f"E{letter}"]) for letter in "AB"}, "σ"),
    chart(
        "disagreement",
        "Readout disagreement",
        {letter: store.column(tracks[f"{letter}2"], "disagreement") for letter in "AB"},
    ),
]
source = tracks["input"]
energies = {letter: tracks[f"E{letter}"] for letter in "AB"}
view = View(source.head.clip, store.column(source, "pts_seconds").tolist(), panes, charts, energies)

st.session_state.setdefault("reruns", 0)
if st.button("seek from the page"):
    st.session_state["asked"] = int(st.query_params.get("seek", 7))


@st.fragment
def show() -> None:
    """In a fragment as on the Compare page: a report must not end a run early, and with it a press of a button."""
    st.session_state["reruns"] += 1
    frame = int(st.query_params.get("frame", 0))
    position = player(view, key="player", frame=st.session_state.get("asked", frame))
    st.text(f"position frame={position.frame} speed={position.speed} reruns={st.session_state['reruns']}")


show()
