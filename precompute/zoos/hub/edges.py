"""What the outputs of a network mean, where its own files do not say: the `[[edge]]` tables of a preset or of a user's file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consistency.zoo.records import ZooError
from precompute.zoos.hub.presets import presets

FIELDS = ("target", "head", "input", "output")
MAX_FILE_BYTES = 1 << 20
HOW = "name a preset, or a file with an [[edge]] table for each output (docs/networks.md)"


@dataclass(frozen=True)
class Described:
    """A network's outputs in the words of zoo.toml."""

    edges: tuple[Mapping[str, Any], ...]
    """One for each output: `target`, and if they are needed `head`, `input`, `output`."""
    arguments: Mapping[str, Any]
    """Arguments for its program, or the values of an ONNX graph's further inputs."""

    @property
    def heads(self) -> list[str]:
        """The outputs of the network that are read, masks among them."""
        masks = [edge["output"]["mask"] for edge in self.edges if edge.get("output", {}).get("mask")]
        return list(dict.fromkeys([*(str(edge.get("head", "")) for edge in self.edges), *masks]))

    @property
    def size(self) -> tuple[int, int] | None:
        """The height and width that it requires; None for any."""
        rows = [edge.get("input", {}) for edge in self.edges]
        sizes = [row["size"] for row in rows if "size" in row]
        frames = [row["resize"] for row in rows if row.get("resize", {}).get("side") in ("stretch", "fit")]
        sizes += [
            [row["px"], row.get("width_px", row["px"])] for row in frames if row.get("pad") or row["side"] == "stretch"
        ]
        return (sizes[0][0], sizes[0][1]) if sizes else None


def described(like: str) -> Described:
    """The edges of the preset of that name, or of that file. Raises ZooError."""
    for preset in presets():
        if like == preset.name:
            if not preset.edges:
                raise ZooError(
                    f"the preset {like} does not say what an output means ({preset.lacks or preset.id})", HOW
                )
            return Described(preset.edges, preset.arguments)
    path = Path(like)
    if not path.is_file():
        raise ZooError(f"--like {like[:120]}: no preset, and no file", HOW)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError("too large")
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return read(table)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ZooError(f"{path}: {error}", HOW) from error


def read(table: Mapping[str, Any]) -> Described:
    """The edges of such a table. Raises ValueError, TypeError, KeyError and AttributeError."""
    rows, arguments = table["edge"], table.get("arguments", {})
    if not isinstance(rows, list) or not rows or not isinstance(arguments, Mapping):
        raise ValueError("expected one [[edge]] table or more, and `arguments` as a table")
    for row in rows:
        if unknown := set(row) - set(FIELDS):
            raise ValueError(
                f"unknown field {', '.join(sorted(unknown))} in [[edge]]; the fields are {', '.join(FIELDS)}"
            )
        if not isinstance(row["target"], str) or not all(isinstance(row.get(end, {}), Mapping) for end in FIELDS[2:]):
            raise ValueError("`target` of an [[edge]] is the name of a domain, `input` and `output` are tables")
    return Described(tuple(rows), arguments)
