"""`python -m precompute verify`: whether every pack and manifest of the store is intact."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from analysis.summaries.briefs import keep_summaries
from cache import maintenance
from cache.records import StoreError
from precompute.cli.output.console import EXIT_FAILED_ITEM, StoreOption, complain, err, say
from precompute.cli.store.select import existing_store


def verify(
    store: StoreOption = None,
    fix: Annotated[
        bool,
        typer.Option(
            "--fix", help="Move damaged files to quarantine, so that `run` computes them again; renew the index."
        ),
    ] = False,
) -> None:
    """Hash every pack again and read every manifest. Exit code 1 if something is damaged and not fixed.

    [bold]Examples[/bold]

      python -m precompute verify

      python -m precompute verify --fix && python -m precompute run walkthrough phone
    """
    opened = existing_store(store, read_only=not fix)
    n_checked = n_wrong = n_fixed = 0
    with Progress(TextColumn("verify"), BarColumn(), MofNCompleteColumn(), TextColumn("packs"), console=err) as bar:
        task = bar.add_task("verify", total=sum(len(track.packs) for track in opened.tracks()))
        for problem in maintenance.verify(opened):
            n_checked += 1
            bar.advance(task)
            if problem:
                n_wrong += 1
                complain(f"{problem.name}: {problem.what}", "damaged")
                if fix and problem.is_repairable:
                    try:
                        maintenance.repair(opened, problem)
                        n_fixed += 1
                    except (StoreError, OSError) as error:
                        complain(f"{problem.name}: {error}")
    if fix:
        opened.rebuild_index()
        listing = opened.listing()
        for clip in listing.lines:
            keep_summaries(opened, clip, listing)
        opened.share_index()
    fixed = f", {n_fixed} moved to {opened.address}/quarantine: run the job again" if n_fixed else ""
    say(f"{opened.address}: {n_checked} checked, {n_wrong} damaged{fixed}")
    if n_wrong > n_fixed:
        raise typer.Exit(EXIT_FAILED_ITEM)
