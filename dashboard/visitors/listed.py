"""The tracks that a page may name: all but those of clips that other visitors asked for first, unless its link names the clip.

The key of a clip is a digest of the file's bytes and of how it was sampled. Its full 64 digits are the link that opens an
unlisted clip; whoever does not have the link, or the file itself, cannot find them. The visitor who asked for it finds it in
the menus.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from cache.records import Track
from cache.requests.uploads import Uploads
from cache.store import Store


def listed_tracks(store: Store, link: Mapping[str, str], own: Collection[str] = ()) -> list[Track]:
    """The tracks of listed clips, those of the clips that are the visitor's `own`, and those of the one whose full key is the link's
    `clip`; newest first."""
    return without_unlisted(store.tracks(), unlisted(store), {link.get("clip", ""), *own})


def unlisted(store: Store) -> frozenset[str]:
    """The keys of unlisted clips."""
    return Uploads(store.root).unlisted()


def without_unlisted(tracks: Sequence[Track], unlisted: Collection[str], named: Collection[str]) -> list[Track]:
    """`tracks` without those of unlisted clips other than those `named`."""
    return [track for track in tracks if track.head.clip.key in named or track.head.clip.key not in unlisted]
