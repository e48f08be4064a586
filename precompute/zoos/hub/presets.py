"""The table of presets: networks that people use, with licence, meaning and the sources of these facts."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parent / "presets.toml"


@dataclass(frozen=True)
class Preset:
    """One row of presets.toml."""

    name: str
    title: str
    id: str
    """What `zoo add` accepts (`hf:OWNER/NAME`), `zoo:NAME`, or the address of its project."""
    domains: tuple[str, ...]
    licence: str
    """The licence of the weights; empty if it was not read."""
    good_for: str
    meaning: str
    """What its numbers mean."""
    size: str
    """The rule for the size of its input."""
    numbers: str
    """How pixels are given to it."""
    sources: tuple[str, ...]
    """Where these facts were read."""
    non_commercial: bool = False
    restricted: bool = False
    """Whether its licence asks for more than to be named."""
    axes: tuple[str, ...] = ()
    """The axes of its normals, as in zoo.toml."""
    lacks: str = ""
    """What is missing to add it by name; empty: nothing."""
    tested: str = ""
    """What of it the tests load."""
    run: str = ""
    """By whom and when its real weights were run; empty: not yet."""

    @property
    def is_non_commercial(self) -> bool:
        return self.non_commercial or self.restricted

    @property
    def command(self) -> str:
        """What adds it; empty where something is lacking."""
        if self.lacks:
            return ""
        if self.id.startswith("zoo:"):
            return f"python -m precompute zoo pull {self.id.removeprefix('zoo:')}"
        return f"python -m precompute zoo add {self.id} --as {self.name}" + (
            " --accept-licence" * self.is_non_commercial
        )


@cache
def presets() -> tuple[Preset, ...]:
    """All of them, in the order of the table."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["preset"]
    return tuple(_preset(row) for row in rows)


def _preset(row: dict[str, Any]) -> Preset:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Preset(**fields)


def preset_of(identity: str) -> Preset | None:
    """The preset that `zoo add` knows by that id, whatever its case."""
    return next((preset for preset in presets() if preset.id.lower() == identity.lower()), None)
