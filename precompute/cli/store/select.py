"""Which store, clips and tracks a command is about: options, and tests that end the command with what is allowed."""

from __future__ import annotations

import fnmatch
from pathlib import Path
from typing import Annotated

import typer

from cache.records import Track
from cache.store import Store, default_root
from precompute.cli.console import open_store, usage

Patterns = Annotated[
    list[str], typer.Argument(metavar="PATTERN...", help="Globs on zoo/method/path; '*' selects all configurations.")
]
ClipOption = Annotated[
    str, typer.Option("--clip", metavar="GLOB", help="Only clips whose title or key matches. Default: all.")
]


def existing_store(root: Path | None, *, read_only: bool) -> Store:
    """The store. Ends the command if there is none."""
    root = root or default_root()
    if not (root / "tracks").is_dir():
        raise usage(
            f"{root} is not a Crosscheck store (it has no tracks/ folder); pass another --store, or create one with: "
            "python -m precompute run walkthrough"
        )
    return Store(root, read_only=True) if read_only else open_store(root)


def select_tracks(store: Store, patterns: list[str], clip: str) -> list[Track]:
    """The tracks of those configurations on those clips. Ends the command if there is none."""
    selected = [
        track
        for track in store.tracks()
        if any(fnmatch.fnmatch(track.head.configuration, pattern) for pattern in patterns)
        and (fnmatch.fnmatch(track.head.clip.title, clip) or fnmatch.fnmatch(track.head.clip.key, clip))
    ]
    if not selected:
        raise usage(f"no track matches {' '.join(patterns)} on clips '{clip}'; `list --all` shows all tracks")
    return selected
