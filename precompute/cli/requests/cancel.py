"""`python -m precompute cancel`: end requests before they are done."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cache.files import NotWritten
from cache.records import StoreError
from cache.requests.queue import Requests, find
from cache.requests.uploads import Uploads
from precompute.cli.output.console import StoreOption, folder_of, open_store, say, usage
from precompute.cli.requests.shown import name_of, short_id, state_of
from precompute.serving.housekeeping import tidy


def cancel(
    ids: Annotated[
        list[str], typer.Argument(metavar="ID...", help="Ids, or how they begin, as `requests` lists them.")
    ],
    store: StoreOption = None,
    delete: Annotated[
        bool,
        typer.Option("--delete", help="Delete the requests too, with their uploads and the results of those uploads."),
    ] = False,
) -> None:
    """Cancel requests. One that is being computed ends within a few seconds; its finished packs stay in the store.

    [bold]Examples[/bold]

      python -m precompute cancel 3f9a01c2b7d4

      python -m precompute cancel 3f9a01c2b7d4 --delete
    """
    opened = open_store(folder_of(store))
    requests = Requests(opened.root)
    try:
        for request in [find(requests, id) for id in ids]:
            requests.drop(request.id) if delete else requests.cancel(request.id)
            after = requests.get(request.id)
            shown = state_of(after) if after else "deleted" if not request.is_live else "deleted once it has stopped"
            say(f"{short_id(request)} {name_of(request)}: {shown}")
        if delete:
            tidy(opened, requests, Uploads(opened.root), limits=None, now=time.time())
    except (NotWritten, StoreError) as error:
        raise usage(str(error)) from error
