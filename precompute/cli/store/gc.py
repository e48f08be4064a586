"""`python -m precompute gc`: clean up after killed jobs."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from cache.maintenance import MIN_ORPHAN_AGE_SECONDS, collect
from cache.requests.uploads import Uploads
from precompute.cli.output.console import StoreOption, say
from precompute.cli.store.select import existing_store
from precompute.downloads.leftovers import unfinished_downloads, unused_media


def gc(
    store: StoreOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be removed.")] = False,
    older_than: Annotated[
        float,
        typer.Option(metavar="HOURS", min=0, help="Leave files that changed later: a running job may still need them."),
    ] = MIN_ORPHAN_AGE_SECONDS / 3600,
    media: Annotated[bool, typer.Option("--media", help="Also remove downloads that no track was made from.")] = False,
    quarantine: Annotated[
        bool, typer.Option("--quarantine", help="Also remove what `verify --fix` moved to quarantine.")
    ] = False,
) -> None:
    """Remove files that nothing in the store refers to: of killed jobs, interrupted downloads, packs without a track.

    Jobs may run at the same time.

    [bold]Examples[/bold]

      python -m precompute gc --dry-run

      python -m precompute gc --media --quarantine
    """
    opened = existing_store(store, read_only=dry_run)
    n_found = n_bytes = 0
    for orphan in collect(
        opened,
        min_age_seconds=3600 * older_than,
        downloads=unfinished_downloads(opened.media_dir, Uploads(opened.root).downloads_dir),
        unused=partial(unused_media, opened.media_dir) if media else None,
        quarantine=quarantine,
        dry_run=dry_run,
    ):
        n_found += 1
        n_bytes += orphan.bytes
        say(f"{orphan.what}: {orphan.path.relative_to(opened.root)}, {orphan.bytes / 1e6:.1f} MB")
    say(f"{opened.address}: {n_found} {'found' if dry_run else 'removed'}, {n_bytes / 1e6:.1f} MB")
