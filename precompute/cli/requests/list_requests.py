"""`python -m precompute requests`: what was asked for, and how far it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cache.requests.queue import Requests
from cache.requests.records import Request
from precompute.cli.output.console import StoreOption, complain, folder_of, print_rows, print_table, say
from precompute.cli.requests.shown import name_of, row_of, short_id, state_of
from precompute.text import one_line


def list_requests(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array, one object per request.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Only those that wait or run.")] = False,
) -> None:
    """List the requests in the store, the oldest first, with their states.

    [bold]Examples[/bold]

      python -m precompute requests

      python -m precompute requests --live --json
    """
    folder = folder_of(store)
    requests = Requests(folder)
    found = [request for request in requests.all() if request.is_live or not live]
    if as_json:
        print_rows([row_of(request) for request in found])
        return
    if not found:
        say(f"{folder} holds no requests; make one with: python -m precompute ask walkthrough")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("id", "asked (UTC)", "source"):
        table.add_column(name, no_wrap=name == "id", overflow="fold")
    table.add_column("state", overflow="fold")
    for request in found:
        texts = (short_id(request), _asked(request), name_of(request), state_of(request))
        table.add_row(*(Text(one_line(text)) for text in texts))
    print_table(table)
    if any(request.is_live for request in found) and not requests.is_served():
        complain("no worker is running; start one with: python -m precompute serve", "note")


def _asked(request: Request) -> str:
    try:
        return f"{datetime.fromtimestamp(request.asked.when, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return "unknown"
