"""After a run, how to look at what it stored: the command that starts the dashboard, and the link to each clip."""

from __future__ import annotations

import shlex

from rich.console import Console
from rich.text import Text

from cache.backends.address import Place
from precompute.cli.output.console import out
from precompute.jobs import events
from precompute.text import count, one_line

APP = "dashboard/app.py"
PORT = 8501
"""Streamlit's own default."""
KEY_LETTERS = 12
"""How many letters of a clip's key a link holds, as the page writes it."""
LINKS = 5
"""Most clips that are linked; the page's menu lists the others."""


class NextStep:
    """Prints on `lines`. `store`: as it was named on the command line; None for the default, which the dashboard also opens."""

    def __init__(self, store: Place | None, lines: Console = out) -> None:
        self._store, self._lines = store, lines
        self._titles: dict[str, str] = {}
        self._shifted: dict[str, int] = {}

    def emit(self, event: events.Event) -> None:
        match event:
            case events.Stored(is_partial=False):
                self._titles[event.clip] = event.title
                self._shifted |= {event.clip: event.n_shifts} if event.n_shifts else {}
            case events.RunEnded() if self._titles:
                self._say(f"to look at it: streamlit run {APP}{_option(self._store)}")
                for clip, title in list(self._titles.items())[:LINKS]:
                    about = "" if len(self._titles) == 1 else f"   {one_line(title)}"
                    self._say(f"then open {page_link(clip)}{about}")
                    if n_shifts := self._shifted.get(clip):
                        self._say(f"and under {count(n_shifts, 'shift')}: {page_link(clip, page='shift')}")

    def _say(self, text: str) -> None:
        self._lines.print(Text(text), soft_wrap=True)


def page_link(clip: str, port: int = PORT, page: str = "") -> str:
    """The address of a page on that clip, the Compare page by default."""
    return f"http://localhost:{port}/{page}?clip={clip[:KEY_LETTERS]}"


def _option(store: Place | None) -> str:
    return "" if store is None else f" -- --store {shlex.quote(str(store))}"
