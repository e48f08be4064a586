"""Which clips are compared with which, until the viewer assigns others, and how a link spells them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cache.records import Clip
from dashboard.gallery.items import Item

ROOMS, PHONE, OUTDOORS = "walkthrough", "phone", "outdoor"
"""The bundled clip of rendered rooms, the one of a real room, and the gallery's category that is least like rooms."""
LINK_LETTERS = 8
"""Letters of a clip's key in the link of groups."""
MAX_IN_LINK = 60
"""Clips of a group in a link: an address of 500 letters. A larger group lasts as long as the session."""
Groups = tuple[tuple[str, ...], tuple[str, ...]]
"""Keys of the clips of A and of B; no clip is in both."""
_SPELLED = re.compile(rf"[0-9a-f]{{{LINK_LETTERS}}}(~[0-9a-f]{{{LINK_LETTERS}}})*")


def default_groups(clips: Sequence[Clip], items: Sequence[Item]) -> Groups:
    """Keys of the clips inside and outside: the rendered rooms against outdoor pictures, else against the phone clip of a
    real room. Both are empty where the store lacks either."""
    by_source = {item.sha256: item for item in items}
    known = [(clip.key, item) for clip in clips if (item := by_source.get(clip.source_sha256))]
    inside = tuple(key for key, item in known if item.name == ROOMS)
    outdoors = tuple(key for key, item in known if item.category == OUTDOORS)
    outside = outdoors or tuple(key for key, item in known if item.name == PHONE)
    return (inside, outside) if inside and outside else ((), ())


def read_group(spelled: str | None, clips: Sequence[Clip]) -> tuple[str, ...] | None:
    """The keys that a link's group names, of those that are stored; None where it names none or cannot be read."""
    if spelled == "none":
        return ()
    if not spelled or len(spelled) > MAX_IN_LINK * (LINK_LETTERS + 1) or not _SPELLED.fullmatch(spelled):
        return None
    asked = set(spelled.split("~"))
    return tuple(clip.key for clip in clips if clip.key[:LINK_LETTERS] in asked) or None


def read_groups(links: Sequence[str | None], clips: Sequence[Clip], defaults: Groups) -> Groups:
    """A and B of a link, each the default where the link does not name it. A clip named in both is in A alone."""
    read = [read_group(spelled, clips) for spelled in links]
    a, b = (default if one is None else one for one, default in zip(read, defaults, strict=True))
    return a, tuple(key for key in b if key not in set(a))


def read_assigned(value: Any, clips: Sequence[Clip]) -> Groups | None:
    """The groups that the browser sends, {"a": [start of a key], "b": [...]}; None for anything else. Unknown clips are left out."""
    if not isinstance(value, Mapping):
        return None
    sent = [value.get(letter) for letter in "ab"]
    groups = [one for one in sent if isinstance(one, list) and len(one) <= len(clips)]
    if len(groups) < len(sent):
        return None
    known = {clip.key[:LINK_LETTERS]: clip.key for clip in clips}
    a, b = (dict.fromkeys(known[one] for one in group if isinstance(one, str) and one in known) for group in groups)
    return tuple(a), tuple(key for key in b if key not in a)


def spell_group(keys: Sequence[str]) -> str | None:
    """What `read_group` reads; None for more clips than a link holds."""
    if len(keys) > MAX_IN_LINK:
        return None
    return "~".join(key[:LINK_LETTERS] for key in keys) or "none"
