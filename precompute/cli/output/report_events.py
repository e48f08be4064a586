"""The events of a run as a report in the store, fit for visitors of the dashboard: no folders, no keys in addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cache.reports import Item, Report, report_name, write_report
from precompute.cli.output.console import complain
from precompute.jobs import events
from precompute.media.sources import local_path
from precompute.net.urls import address_of, shown_url, with_shown_urls


class ReportEvents:
    """Writes the report when the run starts, after each source, and when it ends."""

    def __init__(self, root: Path) -> None:
        """`root`: the store's folder."""
        self._root = root
        began = datetime.now(UTC)
        self._name = report_name(began)
        self._report = Report(_iso(began), None, (), ())
        self._item: Item | None = None
        self._is_written = True

    @property
    def path(self) -> Path:
        """The report's file."""
        return self._root / "reports" / self._name

    def emit(self, event: events.Event) -> None:
        match event:
            case events.RunStarted():
                self._report = replace(self._report, sources=event.sources)
                self._write()
            case events.Started():
                self._item = Item(event.source, "stopped", began=_now())
            case events.Stored():
                self._end("stopped" if event.is_partial else "stored", title=event.title, clip=event.clip)
            case events.Failed():
                self._end("failed", **event.facts)
            case events.RunEnded():
                if self._item is not None:
                    self._end("stopped")
                self._report = replace(self._report, ended=_now())
                self._write()

    def _end(self, outcome: str, **facts: Any) -> None:
        assert self._item is not None
        item = replace(self._item, outcome=outcome, ended=_now(), **facts)
        self._item = None
        self._report = replace(self._report, items=(*self._report.items, item))
        self._write()

    def _write(self) -> None:
        """A report that cannot be written is mentioned once and stops nothing."""
        try:
            write_report(self._root, self._name, public(self._report, self._root))
        except OSError as error:
            if self._is_written:
                self._is_written = False
                complain(f"no report of this run ({error.strerror or error})", "warning")


def public(report: Report, root: Path) -> Report:
    """The report as the store keeps it, since visitors of the dashboard see its failures: files without their folders,
    addresses without parts that may be a key, and nothing about where the store is."""
    names = _public_names(report.sources)

    def shortened_item(item: Item) -> Item:
        path = local_path(item.source)
        folder = str(path.parent)
        known = {item.source: names[item.source], f"{path}": names[item.source]}
        known |= {f"{folder}/": ""} if folder not in (".", "/") else {}
        known[str(root)] = "the store"

        def shortened(text: str) -> str:
            text = with_shown_urls(text)
            for long, short in known.items():
                text = text.replace(long, short)
            return text

        return replace(
            item,
            source=names[item.source],
            message=shortened(item.message),
            next_step=shortened(item.next_step),
        )

    return replace(report, sources=tuple(names.values()), items=tuple(map(shortened_item, report.items)))


def _public_names(sources: Iterable[str]) -> dict[str, str]:
    """Source -> its name in a report; files of the same name keep the folder they are in."""
    addresses = {source: address_of(source) for source in sources}
    counts = Counter(Path(source).name for source, address in addresses.items() if address is None)
    return {
        source: "/".join(Path(source).parts[-1 if counts[Path(source).name] == 1 else -2 :])
        if address is None
        else shown_url(address)
        for source, address in addresses.items()
    }


def _now() -> str:
    return _iso(datetime.now(UTC))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
