"""The log of this program on stderr: lines for people, or JSON, one object per line, for programs that collect logs.

An object has `time` (UTC), `level`, `logger` and `message`; what a record is about has a name of its own, such as `request`, `clip`,
`code` or `n_frames`; a traceback is one text, `traceback`.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from precompute.cli.output.console import err
from precompute.text import one_line

FACTS = "facts"
"""The name under which a record carries what it is about: `log.info(text, extra={FACTS: {...}})`."""


log = logging.getLogger(__name__)


@contextmanager
def logging_to_stderr(*, is_json: bool = False, level: int = logging.DEBUG) -> Iterator[None]:
    """Print the log of this program, of that level and above, on stderr while inside the block."""
    logger = logging.getLogger("precompute")
    handler = _JsonHandler() if is_json else _ConsoleHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    before = logger.level
    logger.setLevel(level)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def log_stopping() -> None:
    """The line for the first signal, in the log."""
    log.warning("the current pack is being finished; another signal stops at once")


def json_line(record: logging.LogRecord) -> str:
    """The record as one line of JSON, in ASCII."""
    row: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    facts: dict[str, Any] = getattr(record, FACTS, {})
    row |= {name: fact for name, fact in facts.items() if name not in row}
    if record.exc_info:
        row["traceback"] = logging.Formatter().formatException(record.exc_info)
    return json.dumps(row, default=str)


class _JsonHandler(logging.StreamHandler[Any]):
    """Falls silent where nobody reads: failing to print must not end the work."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def format(self, record: logging.LogRecord) -> str:
        return json_line(record)

    def handleError(self, record: logging.LogRecord) -> None: ...


class _ConsoleHandler(logging.Handler):
    """Prints above the progress bars."""

    def emit(self, record: logging.LogRecord) -> None:
        err.print(Text("\n".join(map(_indented_line, self.format(record).splitlines()))), soft_wrap=True)


def _indented_line(line: str) -> str:
    """A line of a traceback for a terminal, with its leading spaces."""
    return " " * (len(line) - len(line.lstrip(" "))) + one_line(line)
