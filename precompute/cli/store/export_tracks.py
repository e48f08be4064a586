"""`python -m precompute export`: copy tracks out of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cache.transfer import copy_tracks, export_tar
from precompute.cli.output.console import GivenPlace, StoreOption, complain, open_store, place_argument, usage
from precompute.cli.store.select import ClipOption, Patterns, existing_store, select_tracks
from precompute.cli.store.transfer import pass_on_summaries, report_arrivals, transferring
from precompute.text import count

COMPRESSED = (".gz", ".tgz", ".zip", ".xz", ".bz2", ".zst")


def export_tracks(
    patterns: Patterns,
    to: Annotated[
        GivenPlace,
        typer.Option(
            metavar="FILE.tar|DIR|ADDRESS",
            parser=place_argument,
            help="A tar file, the folder of a store, or s3://BUCKET/PREFIX.",
        ),
    ],
    clip: ClipOption = "*",
    store: StoreOption = None,
) -> None:
    """Copy complete tracks, with the input and ground truth of their clips, to another store or to a file for `import`.

    [bold]Examples[/bold]

      python -m precompute export 'mini/*' --clip 'Walk*' --to walk.tar

      python -m precompute export '*' --to /media/disk/store

      python -m precompute export '*' --to s3://my-bucket/crosscheck
    """
    if isinstance(to, Path) and ((to.is_file() and to.suffix != ".tar") or to.suffix in COMPRESSED):
        raise usage(f"--to {to}: give FILE.tar or a folder; packs cannot be compressed further")
    opened = existing_store(store, read_only=True)
    selected = select_tracks(opened, patterns, clip)
    clips = {track.head.clip.key for track in selected}
    others = [t for t in opened.tracks() if t.head.clip.key in clips and t.head.kind in ("input", "truth", "flow")]
    tracks = list({track.head.key: track for track in [*others, *selected]}.values())
    ready = [track for track in tracks if track.is_complete]
    if n_growing := len(tracks) - len(ready):
        complain(f"{count(n_growing, 'unfinished track')}; run the job to the end first", "left out")
    with transferring("export", to, sum(track.bytes for track in ready)) as on_bytes:
        if isinstance(to, Path) and to.suffix == ".tar":
            report_arrivals(export_tar(opened, ready, to, on_bytes), to)
            return
        target = open_store(to)
        try:
            report_arrivals(copy_tracks(opened, ready, target, on_bytes), to)
        finally:
            pass_on_summaries(opened, target, [track.head.key for track in ready])
