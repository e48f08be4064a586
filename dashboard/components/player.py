"""How does a page show tracks in sync? `player(view, key=...)`: one canvas of panes, their transport and their plots.

The frame is the browser's business: Python gives addresses, records and curves, and hears of a position only when the
viewer has settled on it (about 200 ms after the last step, at a pause, never while playing).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from cache.records import Clip, Track
from dashboard.server.access import PASS, link_pass

SPEEDS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
"""What the speed menu offers; another speed is taken as the nearest."""
LOOK = (
    "marks",
    "loop",
    "solo",
    "span",
    "hide",
    "gap",
    "region",
    "panel",
    "rank",
    "paths",
    "brush",
    "zoom",
    "wipe",
    "diff",
    "reach",
    "overlay",
    "maps",
    "probe",
    "size",
)
"""What a link says of the look beside frame and speed; meaning and defaults stand in view_state.mjs."""
NO_LOOK: Mapping[str, str] = {}
MAX_WISH_LETTERS = 200
_LOOK_TEXT = re.compile(r"[A-Za-z0-9.,~_-]{1,100}")


@dataclass(frozen=True)
class Pane:
    """One picture of a view."""

    id: str
    """Stable within a view: "input", "A", "B", "A2", "B2", "truth", "truth2"."""
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


@dataclass(frozen=True)
class Chart:
    """One plot under the pictures; the first one is where N and X look for peaks and the worst frame."""

    id: str
    title: str
    figure: Mapping[str, Any]
    """Plotly figure JSON (`fig.to_plotly_json()` or a dict); x is the frame index in every chart.

    A trace of configuration A has `meta={"letter": "A"}` and gets its colour, badge and value at the cursor; `meta.unit`
    is written behind the value. `meta={"is_helper": True}`: drawn, but without a legend entry.
    """


@dataclass(frozen=True)
class Choice:
    """A stored prediction that a pane could show; choosing it is a wish `{"letter": ..., "open": ...}`."""

    open: str
    """`zoo/method/path`."""
    title: str
    detail: str
    track: Track


@dataclass(frozen=True)
class View:
    """What is on the screen. All panes show the same clip."""

    clip: Clip
    pts_seconds: Sequence[float]
    """Presentation time of each frame, s, ascending: those of the input track."""
    panes: Sequence[Pane]
    charts: Sequence[Chart]
    energies: Mapping[str, Track] = field(default_factory=dict)
    """Letter of a configuration -> its energy track, which is no pane: for overlays, regions and parts by path."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Domain -> its name for people, of the domains on the paths of the energies."""
    choices: Sequence[Choice] = ()
    """What the pane of a letter could show instead: menus over the titles."""

    def __post_init__(self) -> None:
        if not self.panes:
            raise ValueError("a view needs at least one pane, got none; give it the input track")
        tracks = [(pane.id, pane.track) for pane in self.panes]
        tracks += [(choice.open, choice.track) for choice in self.choices]
        tracks += [(f"energy of {letter}", track) for letter, track in self.energies.items()]
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
        """Frames that every pane has: what can be sought. Less than n_frames while a job still writes a track."""
        return min([self.n_frames, *(pane.track.n_frames for pane in self.panes)])


@dataclass(frozen=True)
class Position:
    """Where the viewer has settled."""

    frame: int
    speed: float
    look: Mapping[str, str] = field(default_factory=dict)
    """How the clip is looked at, in the spellings of the link: names of LOOK, values of which Python knows nothing."""


def player(
    view: View,
    *,
    key: str,
    frame: int = 0,
    speed: float = 1.0,
    look: Mapping[str, str] = NO_LOOK,
    on_change: Callable[[], None] | None = None,
    on_wish: Callable[[Mapping[str, str]], None] | None = None,
) -> Position:
    """Show `view` and return the position last settled on.

    `frame`, `speed` and `look` are where a new clip starts. Later, what differs both from the previous call and from the
    position returned is a wish of the page, such as the Back button's, and moves the player; a page that hands back the
    position it got moves nothing. `on_change` is called when the viewer has settled elsewhere. `on_wish` is called with what the
    player asks the page for, such as {"open": "zoo/method/path"}: it comes from outside and may ask for anything. Call
    `player` inside `st.fragment` so that a settled position reruns only that part of the page, and no press of a button is
    lost to it: of two requests to run the whole page that come together, Streamlit carries out the later one alone.
    """
    memory = st.session_state.setdefault(f"{key}.player", {})
    reported = _reported(st.session_state.get(key), view)
    asked = {"frame": frame, "speed": float(speed), "look": dict(look)}
    place = {**asked, "frame": _clamp(frame, view)}
    if memory.get("clip") != view.clip.key:
        memory.update(clip=view.clip.key, asked=asked, start=place, command={"seq": 0, **place})
    else:
        if reported is None:
            # A player that left the page (nothing was ready) comes back as a new one: where the page is now.
            memory.update(start=place)
        if asked != memory["asked"]:
            memory["asked"] = asked
            if reported is None or asked != asdict(reported):
                memory["command"] = {"seq": memory["command"]["seq"] + 1, **place}
    result = _component()(
        key=key,
        data=_data(view, memory),
        default={"position": None},
        on_position_change=on_change or _nothing,
        on_wish_change=_nothing,
    )
    wish = read_wish(result.get("wish"))
    if wish and on_wish:
        on_wish(wish)
    position = _position(result.get("position"), view)
    return position or Position(**memory["start"])


@cache
def _component() -> Callable[..., Any]:
    return component("crosscheck_player", js=bootstrap("player/compare_page.mjs"), isolate_styles=True)


def bootstrap(module: str) -> str:
    """The script of a component whose `mount` is in that module of /web/.

    Inline scripts become blobs without an address; the real modules come from our own route.
    """
    return _BOOTSTRAP.replace("MODULE", module)


_BOOTSTRAP = """
export default function (component) {
  let cleanup = null;
  let isGone = false;
  import(new URL("web/MODULE", document.baseURI).href)
    .then(({ mount }) => { if (!isGone) cleanup = mount(component); })
    .catch((error) => {
      const message = document.createElement("p");
      message.textContent = `This part of the page cannot be loaded (${error.message}). Reload the page; is the server running?`;
      component.parentElement.append(message);
    });
  return () => { isGone = true; cleanup?.(); };
}
"""


def _data(view: View, memory: Mapping[str, Any]) -> dict[str, Any]:
    """Everything the browser needs, in JSON. Addresses are relative to the page's base."""
    clip = view.clip
    caveats = dict.fromkeys(pane.track.head.caveat for pane in view.panes)
    return {
        "clip": view.clip.key,
        "passQuery": pass_query(),
        "title": view.clip.title,
        "about": [text for text in (*caveats, clip.author, clip.licence, clip.attribution, clip.url) if text],
        "width": view.clip.width,
        "height": view.clip.height,
        "ptsSeconds": [round(float(seconds), 6) for seconds in view.pts_seconds] or [0.0],
        "nReady": view.n_ready,
        "panes": [_pane(pane) for pane in view.panes],
        "charts": [{"id": chart.id, "title": chart.title, "figure": plain(chart.figure)} for chart in view.charts],
        "energies": {letter: energy_data(track) for letter, track in view.energies.items()},
        "titles": dict(view.titles),
        "choices": [_choice(choice) for choice in view.choices],
        "speeds": list(SPEEDS),
        "start": memory["start"],
        "command": memory["command"],
    }


def _pane(pane: Pane) -> dict[str, Any]:
    place = {"id": pane.id, "letter": pane.letter, "row": pane.row, "column": pane.column}
    return {**place, **_shown(pane)}


def _choice(choice: Choice) -> dict[str, Any]:
    return {"open": choice.open, **_shown(choice)}


def _shown(what: Pane | Choice) -> dict[str, Any]:
    head = what.track.head
    return {
        "title": what.title,
        "detail": what.detail,
        "key": head.key,
        "isComplete": what.track.is_complete,
        "domain": dict(head.domain),
        "packs": _packs(what.track),
    }


def energy_data(track: Track) -> dict[str, Any]:
    """An energy track, in JSON: its packs hold columns `terms` (N, P) and `blocks` (N, P, 32, 32) of the P `paths`."""
    head = track.head
    constants = {name: list(head.constants[name]) for name in ("paths", "mu", "sigma")}
    method = f"{head.zoo}/{head.method}"
    return {"key": head.key, "method": method, "domain": dict(head.domain), "packs": _packs(track), **constants}


def _packs(track: Track) -> list[dict[str, Any]]:
    key, query = track.head.key, pass_query()
    return [
        {"url": f"packs/{key}-{pack.sha256}.pack{query}", "start": pack.start, "n_frames": pack.n_frames}
        for pack in track.packs
    ]


def pass_query() -> str:
    """What links of the page end in: `?pass=...` where sign-in is configured, else nothing."""
    given = link_pass()
    return f"?{PASS}={given}" if given else ""


def plain(value: Any) -> Any:
    """`value` with arrays as lists and without NaN, which JSON has no word for."""
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _reported(state: Any, view: View) -> Position | None:
    return _position(state.get("position"), view) if isinstance(state, Mapping) else None


def _position(value: Any, view: View) -> Position | None:
    """What the browser reported, checked: it may be of another clip, and it comes from outside."""
    if not isinstance(value, Mapping) or value.get("clip") != view.clip.key:
        return None
    frame, speed = value.get("frame"), value.get("speed")
    if not isinstance(frame, int) or not isinstance(speed, (int, float)) or not math.isfinite(speed):
        return None
    look = value.get("look")
    return Position(_clamp(frame, view), float(speed), read_look(look if isinstance(look, Mapping) else NO_LOOK))


def read_wish(value: Any) -> dict[str, str]:
    """What the player asks the page for, as far as it is short text."""
    if not isinstance(value, Mapping):
        return {}
    return {str(name): text for name, text in value.items() if isinstance(text, str) and len(text) <= MAX_WISH_LETTERS}


def read_look(texts: Mapping[str, Any]) -> dict[str, str]:
    """What of `texts` may be part of a link's look: known names with short, plain values."""
    return {name: text for name in LOOK if isinstance(text := texts.get(name), str) and _LOOK_TEXT.fullmatch(text)}


def _clamp(frame: int, view: View) -> int:
    return min(max(int(frame), 0), max(view.n_ready - 1, 0))


def _nothing() -> None:
    """Declares the state `position` where the page wants no call of its own."""
