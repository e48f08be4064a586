"""The overview of a store for a link: what its summaries say, without those of unlisted clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from analysis.summaries.record import Summary
from analysis.summaries.rows import Summaries
from cache.backends.opening import open_place
from cache.store import Store
from dashboard.overview.ranking import Ranking, rank
from dashboard.overview.table import Table, table_of, targets_of
from dashboard.visitors.listed import unlisted

PATHS = {"direct": "Direct", "all": "All paths"}
DIRECT = "direct"


@dataclass(frozen=True)
class Overview:
    """One look at the store."""

    targets: Mapping[str, str]
    """Domain -> title; empty if nothing is predicted yet."""
    target: str
    summaries: tuple[Summary, ...]
    n_unread: int
    """Tracks whose numbers are not read yet."""
    unlisted: frozenset[str]


def read_overview(store: Store, link: Mapping[str, str], seconds: float) -> Overview:
    """Look at the store for at most about that long; the rest is read at the next look."""
    summaries, n_unread = _summaries_of(store.address).read(seconds)
    hidden = unlisted(store)
    named = link.get("clip", "")
    shown = tuple(one for one in summaries if one.clip.key == named or one.clip.key not in hidden)
    targets = targets_of(shown)
    asked = link.get("predict", "")
    target = asked if asked in targets else next(iter(targets), "")
    return Overview(targets, target, shown, n_unread, hidden)


def table_and_ranking(overview: Overview, link: Mapping[str, str]) -> tuple[Table, Ranking]:
    table = table_of(overview.summaries, overview.target, longer=link.get("paths") == "all")
    return table, rank(table)


@cache
def _summaries_of(address: str) -> Summaries:
    """One for all sessions and routes: it keeps what it has read."""
    return Summaries(open_place(address, read_only=True))
