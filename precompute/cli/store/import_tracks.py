"""`python -m precompute import`: copy tracks into the store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cache.transfer import copy_tracks, import_tar
from precompute.cli.output.console import GivenPlace, StoreOption, open_store, place_argument, usage
from precompute.cli.store.select import existing_store
from precompute.cli.store.transfer import pass_on_summaries, report_arrivals, transferring


def import_tracks(
    source: Annotated[
        GivenPlace,
        typer.Argument(
            metavar="FILE.tar|DIR|ADDRESS",
            parser=place_argument,
            help="A file written by `export`, the folder of a store, or s3://BUCKET/PREFIX.",
        ),
    ],
    store: StoreOption = None,
) -> None:
    """Copy the complete tracks of another store, or of an exported file, into the store. Existing tracks are kept.

    Everything is hashed, which proves that nothing changed on the way, but not who computed it.

    [bold]Examples[/bold]

      python -m precompute import walk.tar

      python -m precompute import /media/disk/store --store /srv/crosscheck

      python -m precompute import s3://my-bucket/crosscheck
    """
    opened = open_store(store)
    if not isinstance(source, Path) or source.is_dir():
        other = existing_store(source, read_only=True)
        tracks = [track for track in other.tracks() if track.is_complete]
        with transferring("import", source, sum(track.bytes for track in tracks)) as on_bytes:
            try:
                report_arrivals(copy_tracks(other, tracks, opened, on_bytes), opened.address)
            finally:
                pass_on_summaries(other, opened, [track.head.key for track in tracks])
    elif source.is_file():
        with transferring("import", source, source.stat().st_size) as on_bytes:
            report_arrivals(import_tar(opened, source, on_bytes), opened.address)
    else:
        raise usage(f"{source} is neither a file nor a folder; give a file written by `export`, or a store")
