"""The presets as the page Models shows them: networks that people use, with licence, meaning, and what adds them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dashboard.models.zoos import ZooCard

TABLE = Path(__file__).resolve().parents[2] / "precompute" / "zoos" / "hub" / "presets.toml"
PROGRAM, FILE, ZOO = "hub:", "onnx:", "zoo:"


@dataclass(frozen=True)
class PresetRow:
    """One preset. The project wrote every text of it."""

    title: str
    good_for: str
    meaning: str
    licence: str
    is_restricted: bool
    """Whether `zoo add` asks for `--accept-licence`."""
    use: str
    """The zoo that has it, the command that adds it, or what is lacking."""
    command: str
    """The command that adds it; empty if it is installed or cannot be added."""
    run: str
    """By whom and when its real weights were run; empty: not yet."""


def preset_rows(zoos: Iterable[ZooCard]) -> list[PresetRow]:
    """Those that can be added by name first; none where the table is not installed."""
    # `zoo add` describes a zoo by the preset's title and where it came from.
    installed = {zoo.description.rpartition(", ")[0]: zoo.name for zoo in zoos}
    rows = [_row(row, installed) for row in _table()]
    return sorted(rows, key=lambda row: row.use.startswith("not by name"))


@cache
def _table() -> list[dict]:
    try:
        return tomllib.loads(TABLE.read_text(encoding="utf-8"))["preset"]
    except OSError:
        return []


def _row(row: dict, installed: dict[str, str]) -> PresetRow:
    identity, is_restricted = row["id"], bool(row.get("non_commercial") or row.get("restricted"))
    here = installed.get(row["title"], "")
    command = ""
    if here:
        use = f"installed as {here}"
    elif row.get("lacks"):
        use = f"not by name: lacks {row['lacks']}"
    elif identity.startswith(ZOO):
        use = f"the zoo {identity.removeprefix(ZOO)}, above"
    else:
        needs = f" --like {row['name']}" * identity.startswith((PROGRAM, FILE)) + " --allow-code" * identity.startswith(
            PROGRAM
        )
        accepts = " --accept-licence" * is_restricted
        command = f"python -m precompute zoo add {identity} --as {row['name']}{needs}{accepts}"
        ways = {PROGRAM: "can be added; its program runs once", FILE: "can be added, once you have exported it"}
        use = next((way for kind, way in ways.items() if identity.startswith(kind)), "can be added")
    licence = row["licence"] or "see its card"
    return PresetRow(
        row["title"], row["good_for"], row["meaning"], licence, is_restricted, use, command, row.get("run", "")
    )
