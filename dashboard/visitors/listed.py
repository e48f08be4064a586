"""What a page may name: all clips but those that other visitors asked for first, unless its link names the clip.

The key of a clip is a digest of the file's bytes and of how it was sampled. Its full 64 digits are the link that opens an
unlisted clip; whoever does not have the link, or the file itself, cannot find them. The visitor who asked for it finds it in
the menus.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cache.clips.listing import Listing
from cache.requests.uploads import Uploads
from cache.store import Store, is_key

SOON = 1.0
"""A link that names a clip which the last look did not show makes the next one come this soon, in times of what it took."""


def hidden(store: Store, link: Mapping[str, str], own: Collection[str] = ()) -> tuple[Listing, frozenset[str]]:
    """The store, and the keys of its clips that the page does not name: unlisted ones that are not the visitor's `own`, nor the one
    whose full key is the link's `clip`."""
    named = link.get("clip", "")
    found = store.listing()
    if is_key(named) and named not in found.lines:  # it may have been stored a moment ago
        found = store.listing(rest=SOON)
    left_out = unlisted(store) - {named, *own}
    return found, frozenset(key for key in left_out if key in found.lines)


def unlisted(store: Store) -> frozenset[str]:
    """The keys of unlisted clips."""
    return Uploads(store.root).unlisted()
