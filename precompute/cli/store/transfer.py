"""What `export` and `import` share: a bar of bytes, the last line, and what happens when a copy is interrupted."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import typer

from analysis.summaries.record import to_text
from analysis.summaries.rows import Summaries
from cache.backends.address import Place
from cache.backends.bucket_store import BucketStore
from cache.records import StoreError
from cache.store import Store
from cache.transfer import Arrival, OnBytes
from precompute.cli.output.console import EXIT_FAILED_ITEM, bytes_bar, complain, say
from precompute.text import count


@contextmanager
def transferring(what: str, place: Place, n_bytes: int) -> Iterator[OnBytes]:
    """A bar of bytes. Yields the function to call with bytes copied since the last call. An error ends the command."""
    n_done = 0
    try:
        with bytes_bar(what) as show:

            def on_bytes(n_more: int) -> None:
                nonlocal n_done
                n_done += n_more
                show(n_done, n_bytes)

            yield on_bytes
    except StoreError as error:
        complain(str(error))
    except OSError as error:
        complain(f"{place}: {error.strerror or error}; fix that and run the same command again to resume")
    except KeyboardInterrupt:
        complain("stopped; complete tracks are kept: run the same command again to resume")
        raise typer.Exit(128 + signal.SIGINT) from None
    else:
        return
    raise typer.Exit(EXIT_FAILED_ITEM)


def pass_on_summaries(source: Store, target: Store, keys: Sequence[str]) -> None:
    """Let a bucket know what the page says of those tracks, so that no machine has to fetch their packs for it. Elsewhere the page
    reads them from the packs."""
    if isinstance(target, BucketStore):
        stamps = target.manifest_stamps()
        found, _ = Summaries(source).read(only=keys)
        for summary in found:
            if stamps.get(summary.key) and summary.is_complete and not summary.problem:
                target.keep_summary(summary.key, to_text(summary, stamps[summary.key]))
        target.share_index()


def report_arrivals(arrivals: Iterable[Arrival], place: Place | str) -> None:
    """Print what became of the tracks. Exit code 1 if one was refused."""
    counts = Counter[str]()
    for arrival in arrivals:
        counts[arrival.outcome] += 1
        if arrival.outcome == "refused":
            complain(f"{arrival.name}: {arrival.why}", "refused")
    new, known, refused = (counts[outcome] for outcome in ("new", "known", "refused"))
    say(f"{place}: {count(new, 'track')} stored, {known} already there, {refused} refused")
    if refused:
        raise typer.Exit(EXIT_FAILED_ITEM)
