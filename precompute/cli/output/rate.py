"""The column of a progress bar that shows the rate."""

from __future__ import annotations

from typing import Any

from rich.progress import ProgressColumn
from rich.table import Column
from rich.text import Text


class RateColumn(ProgressColumn):
    """Frames per second of this run."""

    def __init__(self) -> None:
        super().__init__(table_column=Column(no_wrap=True, min_width=14))

    def render(self, task: Any) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} frames/s" if speed else "", style="progress.data.speed", no_wrap=True)
