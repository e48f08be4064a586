"""Compares the packs of two stores, track by track: `python -m tools.compare_stores OLD NEW [--clip GLOB]`

Tracks are matched by key and compared by the digests of their packs. Exit code 1 where a finished track of OLD is
missing in NEW or has other packs. `--clip` limits the comparison to clips with such a title.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections import Counter
from pathlib import Path

from cache.store import Store


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Compare the packs of two stores, track by track.")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--clip", metavar="GLOB", default="*", help="only clips with such a title")
    options = parser.parse_args(arguments)
    counts = compare(Store(options.old, read_only=True), Store(options.new, read_only=True), options.clip)
    print(f"{counts['equal']} equal, {counts['different']} different, {counts['missing']} missing")
    return int(counts["equal"] == 0 or counts["different"] + counts["missing"] > 0)


def compare(old: Store, new: Store, clip: str = "*") -> Counter[str]:
    """How many finished tracks of `old` are equal, different and missing in `new`; prints the name of each that is not
    equal."""
    counts = Counter[str]()
    others = {track.head.key: track for track in new.tracks() if track.is_complete}
    for track in old.tracks():
        if not track.is_complete or not fnmatch.fnmatch(track.head.clip.title, clip):
            continue
        other = others.get(track.head.key)
        outcome = "missing" if other is None else "equal" if track.packs == other.packs else "different"
        counts[outcome] += 1
        if outcome != "equal":
            print(f"{outcome}: {track.head.label}")
    return counts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
