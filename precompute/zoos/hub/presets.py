"""The table of presets: networks that people use, with licence, meaning and the sources of these facts.

docs/networks.md shows it: `python -m precompute.zoos.hub.presets` prints that table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """What `zoo add` accepts (`hf:OWNER/NAME`, `hub:OWNER/NAME@COMMIT:ENTRY`, `onnx:FILE` for one that the user exports),
    `zoo:NAME`, or the address of its project."""
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
    edges: tuple[Mapping[str, Any], ...] = ()
    """Its outputs as zoo.toml describes them (`hub.edges`); of networks whose own files do not say it."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Arguments for its program, or the values of an ONNX graph's further inputs."""
    project: str = ""
    """The address of its project, where `id` is not it."""
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
        # One program or file can serve several presets.
        needs = f" --like {self.name}" * self.id.startswith(("hub:", "onnx:")) + " --allow-code" * self.id.startswith(
            "hub:"
        )
        accepts = " --accept-licence" * self.is_non_commercial
        return f"python -m precompute zoo add {self.id} --as {self.name}{needs}{accepts}"


@cache
def presets() -> tuple[Preset, ...]:
    """All of them, in the order of the table."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["preset"]
    return tuple(_preset(row) for row in rows)


def _preset(row: dict[str, Any]) -> Preset:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Preset(edges=fields.pop("edge", ()), **fields)


def preset_named(name: str) -> Preset | None:
    """The preset of that name."""
    return next((preset for preset in presets() if preset.name == name), None)


def preset_of(identity: str, like: str = "") -> Preset | None:
    """The preset that `zoo add` knows by that id, whatever its case; of several, the one named `like`.

    Naming a preset lends its licence to no other source: what a fork or another commit is under is not known here.
    """
    found = [preset for preset in presets() if preset.id.lower() == identity.lower()]
    return next((preset for preset in found if preset.name == like), found[0] if found else None)


def as_markdown() -> str:
    """The table as docs/networks.md shows it."""
    rows = [
        "| preset | licence of the weights | its numbers | added by | held by tests | run on real weights |",
        "|---|---|---|---|---|---|",
    ]
    for preset in presets():
        ways = {"hub": "its program, once", "onnx": "a file that you export", "zoo": "`zoo pull`", "hf": "name"}
        way = "not yet: lacks " + preset.lacks if preset.lacks else ways[preset.id.partition(":")[0]]
        cells = [preset.title, preset.licence or "see its card", preset.meaning, way, preset.tested or "nothing"]
        rows.append("| " + " | ".join([*cells, preset.run or "not yet"]) + " |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(as_markdown(), end="")
