"""The page of player_app.py: every track of the store's newest clip in one view, and the position that Python receives.

Query: `panes` (ids, comma-separated; default: all), `frame`, `title` (of the pane "A"), `seek` (the frame that a button
of the page moves the player to).
"""

import streamlit as st

from analysis.columns import Columns, series_unit
from cache.records import Track
from cache.store import Store, default_root
from dashboard.components.player import player
from dashboard.player_data import Chart, Pane, Position, Series, View

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


def chart(name: str, title: str, pane: str, column: str) -> Chart:
    """The chart of a column of the tracks of both letters, whose panes are named by that pattern."""
    found = {letter: tracks[pane.format(letter)] for letter in "AB"}
    series = [
        Series(letter, letter_name, columns.series(found[letter], column, "standardised"))
        for letter, letter_name in (("A", "baseline"), ("B", "consistency"))
    ]
    return Chart(name, title, series_unit(found["A"], column, "standardised"), series)


st.set_page_config(layout="wide")
store = Store(default_root(), read_only=True)
columns = Columns(store)
tracks = tracks_by_pane(store)
wanted = st.query_params.get("panes", ",".join(name for name in PLACES if name in tracks)).split(",")


def swap() -> None:
    st.session_state["is_swapped"] = not st.session_state.get("is_swapped", False)


st.button("swap A and B", on_click=swap)
is_swapped = st.session_state.get("is_swapped", False)
if is_swapped:
    wanted = [{"A": "B", "B": "A"}.get(name, name) for name in wanted]
panes = [
    Pane(
        id=name,
        role=tracks[name].head.kind,
        letter=PLACES[name][2],
        title=st.query_params.get("title", "baseline") if name == "A" else tracks[name].head.method or name,
        detail=tracks[name].head.path.replace("-", " → "),
        row=PLACES[name][0],
        column=PLACES[name][1] if not is_swapped else wanted.index(name),
        track=tracks[name],
    )
    for name in wanted
]
charts = [
    chart("energy", "Consistency energy", "E{}", "terms"),
    chart("disagreement", "Readout disagreement", "{}2", "disagreement"),
]
source = tracks["input"]
energies = {letter: tracks[f"E{letter}"] for letter in "AB"}
view = View(source.head.clip, columns.pts_seconds(source), panes, charts, energies)

st.session_state.setdefault("reruns", 0)
if st.button("seek from the page"):
    st.session_state["sought"] = int(st.query_params.get("seek", 7))


@st.fragment
def show() -> None:
    """In a fragment, as on the Compare page: a settled position must not cut short a run that handles a button."""
    st.session_state["reruns"] += 1
    frame = int(st.query_params.get("frame", 0))
    position = player(view, key="player", position=Position(st.session_state.get("sought", frame), 1.0))
    if st.session_state.get("is_swapped", False) != is_swapped:
        st.rerun()  # the press came in one request with a report, as on the Compare page
    st.text(f"position frame={position.frame} speed={position.speed} reruns={st.session_state['reruns']}")


show()
