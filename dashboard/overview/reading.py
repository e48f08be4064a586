"""The overview of a store for a link: what its summaries say, without those of unlisted clips."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import islice
from threading import Lock
from typing import Any

from analysis.summaries.briefs import Briefs
from analysis.summaries.record import Summary
from analysis.summaries.rows import Summaries
from cache.backends.opening import open_place
from cache.clips.lines import Line
from cache.records import Clip
from cache.store import Store
from dashboard.catalogue import place_of
from dashboard.configuration import Configuration
from dashboard.overview.data import overview_data
from dashboard.overview.ranking import Ranking, few_sources, rank
from dashboard.overview.table import NO_TITLES, Table, table_of, targets_of
from dashboard.overview.words import trust_facts
from dashboard.text import one_line
from dashboard.visitors.listed import unlisted

MAX_MISSING = 3
PATHS = {"direct": "Direct", "all": "All paths"}
DIRECT = "direct"
FEW_CLIPS = 64
"""Up to which the curves of all tracks are read; of more clips their briefs are, and curves of single clips where they count."""
MAX_KEPT = 4
"""Overviews in memory, of other targets, paths or visitors."""


@dataclass(frozen=True)
class Overview:
    """One look at the store."""

    targets: Mapping[str, str]
    """Domain -> title; empty if nothing is predicted yet."""
    target: str
    summaries: tuple[Summary, ...]
    n_unread: int
    """Tracks, or clips of a large store, whose numbers are not read yet."""
    unlisted: frozenset[str]
    store: Store = field(repr=False)
    titles: Mapping[str, str] = field(default_factory=dict)
    """Domain -> title, of all domains of a large store; empty for others."""
    state: str = ""
    """Equal for equal summaries of a large store; empty for others."""


def read_overview(store: Store, link: Mapping[str, str], seconds: float) -> Overview:
    """Look at the store for at most about that long; the rest is read at the next look."""
    hidden = unlisted(store)
    named, asked = link.get("clip", ""), link.get("predict", "")
    readers = _readers_of(store.address)
    listing = store.listing()
    if len(listing.lines) <= FEW_CLIPS:
        found, n_unread = readers.summaries.read(seconds)
        targets = targets_of(one for one in found if _is_shown(one.clip.key, named, hidden))
        target, titles, state = _chosen(asked, targets), NO_TITLES, ""
    else:
        lines = [line for key, line in listing.lines.items() if _is_shown(key, named, hidden)]
        titles = dict(pair for line in reversed(lines) for pair in line.titles)
        targets = _targets_of(lines, titles)
        target = _chosen(asked, targets)
        found, n_unread = readers.briefs.read(listing, target, seconds) if target else ([], 0)
        state = f"{listing.state} {n_unread} {sorted(hidden)} {named if named in hidden else ''}"
    shown = tuple(one for one in found if _is_shown(one.clip.key, named, hidden))
    return Overview(targets, target, shown, n_unread, hidden, store, titles, state)


@dataclass(frozen=True)
class Drawn:
    """What a page and the files show of an overview."""

    table: Table
    ranking: Ranking

    @cached_property
    def data(self) -> dict[str, Any]:
        """For the browser, without what is one visitor's."""
        return overview_data(self.table, self.ranking)

    @cached_property
    def trust(self) -> list[str]:
        return trust_facts(self.table)

    @cached_property
    def missing(self) -> tuple[int, list[tuple[Clip, Configuration]]]:
        """How many combinations are not computed, and the first MAX_MISSING of them."""
        have = {(cell.clip.key, cell.configuration) for cell in self.table.cells}
        each = ((clip, c) for clip in self.table.clips for c in self.table.configurations if (clip.key, c) not in have)
        first = list(islice(each, MAX_MISSING))
        return len(self.table.clips) * len(self.table.configurations) - len(have), first

    @cached_property
    def is_growing(self) -> bool:
        return any(cell.is_growing for cell in self.table.cells)


def drawn(overview: Overview, link: Mapping[str, str]) -> Drawn:
    """What is shown; for a large store the same object for all visitors while it stays the same."""
    longer = link.get("paths") == "all"
    name = str(overview.store.root), overview.state, overview.target, longer
    if overview.state:
        with _LOCK:
            if name in _KEPT:
                _KEPT.move_to_end(name)
                return _KEPT[name]
    table = table_of(overview.summaries, overview.target, longer=longer, titles=overview.titles)
    if overview.state and (few := few_sources(table)):
        table = table_of(_with_curves(overview, few), overview.target, longer=longer, titles=overview.titles)
    found = Drawn(table, rank(table))
    if overview.state:
        with _LOCK:
            _KEPT[name] = found
            while len(_KEPT) > MAX_KEPT:
                _KEPT.popitem(last=False)
    return found


def table_and_ranking(overview: Overview, link: Mapping[str, str]) -> tuple[Table, Ranking]:
    found = drawn(overview, link)
    return found.table, found.ranking


def _is_shown(clip: str, named: str, hidden: frozenset[str]) -> bool:
    return clip == named or clip not in hidden


def _chosen(asked: str, targets: Mapping[str, str]) -> str:
    return asked if asked in targets else next(iter(targets), "")


def _targets_of(lines: Sequence[Line], titles: Mapping[str, str]) -> dict[str, str]:
    """As `targets_of`, from the lines of the clips."""
    names = {name for line in lines for name in line.names if name.kind == "prediction"}
    found = {
        domain: one_line(titles.get(domain, domain)) for domain in {name.path.rsplit("-", 1)[-1] for name in names}
    }
    return dict(sorted(found.items(), key=lambda item: place_of(*item)))


def _with_curves(overview: Overview, clips: Sequence[str]) -> list[Summary]:
    """The briefs, and of those clips the whole summaries."""
    listing, wanted = overview.store.listing(), set(clips)
    keys = [key for clip in clips for key in listing.keys(clip)]
    whole, _ = _readers_of(overview.store.address).summaries.read(only=keys)
    return [*whole, *(one for one in overview.summaries if one.clip.key not in wanted)]


@dataclass(frozen=True)
class _Readers:
    summaries: Summaries
    briefs: Briefs


@cache
def _readers_of(address: str) -> _Readers:
    """One for all sessions and routes: it keeps what it has read."""
    store = open_place(address, read_only=True)
    summaries = Summaries(store)
    return _Readers(summaries, Briefs(store, summaries))


_LOCK = Lock()  # sessions are threads
_KEPT: OrderedDict[tuple[str, str, str, bool], Drawn] = OrderedDict()
