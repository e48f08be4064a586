"""The report of a run as visitors of the dashboard may see it: no folders, no keys in addresses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from cache.reports import Item, Report
from precompute.net.urls import looks_like_url, shown_url

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"]*[^\s'\":;,.)]", re.IGNORECASE)
"""An address within a message, without the stop that follows it."""


def public(report: Report, root: Path) -> Report:
    """The report as the store keeps it, whose failures visitors of the dashboard see: files without their folders, addresses
    without what may be a key, and no word of where the store lies."""
    names = _public_names(report.sources)

    def told(item: Item) -> Item:
        folder = str(Path(item.source).expanduser().parent)
        known = {item.source: names[item.source], f"{Path(item.source).expanduser()}": names[item.source]}
        known |= {f"{folder}/": ""} if folder not in (".", "/") else {}
        known[str(root)] = "the store"

        def shortened(text: str) -> str:
            text = _ADDRESS.sub(lambda found: shown_url(found[0]), text)
            for long, short in known.items():
                text = text.replace(long, short)
            return text

        return replace(
            item,
            source=names[item.source],
            message=shortened(item.message),
            next_step=shortened(item.next_step),
        )

    return replace(report, sources=tuple(names.values()), items=tuple(map(told, report.items)))


def _public_names(sources: Iterable[str]) -> dict[str, str]:
    """Source -> its name in a report; of files that are named alike, with the folder that each lies in."""
    files = [source for source in sources if not looks_like_url(source)]
    counts = Counter(Path(source).name for source in files)
    return {
        source: shown_url(source)
        if looks_like_url(source)
        else "/".join(Path(source).parts[-1 if counts[Path(source).name] == 1 else -2 :])
        for source in sources
    }
