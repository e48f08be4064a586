"""Which store, clips and tracks a command is about: options, and tests that end the command with what is allowed."""

from __future__ import annotations

import fnmatch
from typing import Annotated

import typer

from cache.backends.address import Place
from cache.backends.opening import default_place, existing
from cache.records import Clip, StoreError, Track
from cache.store import Store
from precompute.cli.output.console import usage

Patterns = Annotated[
    list[str], typer.Argument(metavar="PATTERN...", help="Globs on zoo/method/path; '*' selects all configurations.")
]
ClipOption = Annotated[
    str,
    typer.Option(
        "--clip", metavar="TITLE", help="Only clips whose title or key matches, as a glob or by its first letters."
    ),
]


def existing_store(place: Place | None, *, read_only: bool) -> Store:
    """The store. Ends the command if there is none."""
    try:
        return existing(place or default_place(), read_only=read_only)
    except StoreError as error:
        raise usage(str(error)) from error


def select_tracks(store: Store, patterns: list[str], clip: str) -> list[Track]:
    """The tracks of those configurations on those clips. Ends the command if there is none."""
    selected = [
        track
        for track in store.tracks()
        if any(fnmatch.fnmatch(track.head.configuration, pattern) for pattern in patterns)
        and is_meant(track.head.clip, clip)
    ]
    if not selected:
        raise usage(f"no track matches {' '.join(patterns)} on clips '{clip}'; `list --tracks --all` shows all tracks")
    return selected


def is_meant(clip: Clip, wanted: str) -> bool:
    """Whether the title or key begins like that, or matches it as a glob; upper and lower case count alike."""
    names = (clip.title.casefold(), clip.key)
    pattern = wanted.casefold()
    return any(name.startswith(pattern) or fnmatch.fnmatchcase(name, pattern) for name in names)
