"""`python -m precompute remove`: delete tracks."""

from __future__ import annotations

from typing import Annotated

import typer

from cache.records import StoreError
from precompute.cli.output.console import EXIT_FAILED_ITEM, StoreOption, complain, say
from precompute.cli.store.select import ClipOption, Patterns, existing_store, select_tracks
from precompute.text import count


def remove(
    patterns: Patterns,
    clip: ClipOption = "*",
    store: StoreOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete tracks, and the files that no other track needs.

    [bold]Examples[/bold]

      python -m precompute remove 'mini/baseline/*' --clip 'Walk*'

      python -m precompute remove '*' --clip phone --yes
    """
    opened = existing_store(store, read_only=False)
    selected = select_tracks(opened, patterns, clip)
    titles = {track.head.clip.key: track.head.clip.title for track in selected}
    size = sum(track.bytes for track in selected) / 1e6
    say(f"{count(len(selected), 'track')} of {count(len(titles), 'clip')}, {size:.1f} MB: {', '.join(titles.values())}")
    if not yes:
        typer.confirm("Remove them?", abort=True)
    freed = 0
    is_busy = False
    for clip_key, title in titles.items():
        try:
            with opened.writing(clip_key):
                freed += opened.remove([track.head.key for track in selected if track.head.clip.key == clip_key])
        except StoreError as error:
            is_busy = True
            complain(f"{title}: {error}")
    say(f"{freed / 1e6:.1f} MB freed")
    if is_busy:
        raise typer.Exit(EXIT_FAILED_ITEM)
