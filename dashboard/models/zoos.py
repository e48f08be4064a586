"""The zoos of this machine as the page Models shows them: read from their zoo.toml, without any network."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from dashboard.catalogue import place_of
from dashboard.numbers import number
from dashboard.text import one_line

BUNDLED = Path(__file__).resolve().parents[2] / "consistency" / "zoos"
ZOOS_VARIABLE = "CROSSCHECK_ZOOS"
MAX_TOML_BYTES = 1 << 20
MAX_ZOOS = 100
IMAGE, SHARED = "rgb", "shared"


@dataclass(frozen=True)
class ZooCard:
    """One zoo. All texts may be a stranger's: one line each, without control characters."""

    name: str
    version: str
    licence: str
    description: str
    methods: tuple[str, ...]
    """Without `shared`."""
    targets: tuple[str, ...]
    """The domains that it predicts from images."""
    n_networks: int
    n_installed: int
    n_bytes: int
    """Size of the installed weights."""
    trust: tuple[tuple[str, str, str, str, str], ...]
    """Rows of domain, method, Spearman's rank correlation of energy and error, frames, and where 97.5 % of rooms lie."""
    command: str
    """What fetches what is missing, or uses it."""
    problem: str = ""
    """Why it cannot be read; empty if it can."""


def zoo_cards() -> list[ZooCard]:
    """The bundled zoos, then the installed ones, by name."""
    installed = _installed_folder()
    bundled = sorted(path.parent for path in BUNDLED.glob("*/zoo.toml"))
    names = {folder.name for folder in bundled}
    others = sorted(path.parent for path in installed.glob("*/zoo.toml") if path.parent.name not in names)[:MAX_ZOOS]
    return [_card(folder, installed / folder.name) for folder in bundled] + [_card(folder, folder) for folder in others]


def _installed_folder() -> Path:
    """As the job finds it: `$CROSSCHECK_ZOOS`, else in the user's data folder."""
    if named := os.environ.get(ZOOS_VARIABLE):
        return Path(named)
    try:
        return Path(platformdirs.user_data_dir("crosscheck")) / "zoos"
    except (RuntimeError, OSError, KeyError):
        return Path(os.devnull)


def _card(folder: Path, home: Path) -> ZooCard:
    path = folder / "zoo.toml"
    try:
        if path.stat().st_size > MAX_TOML_BYTES:
            raise ValueError(f"larger than {MAX_TOML_BYTES >> 20} MB")
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return _read(table, folder, home)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
        name = one_line(folder.name, 64)
        reason = one_line(str(error), 200)
        return ZooCard(
            name,
            "",
            "",
            "",
            (),
            (),
            0,
            0,
            0,
            (),
            f"python -m precompute zoo check {name}",
            f"zoo.toml cannot be read: {reason}",
        )


def _read(table: Mapping[str, Any], folder: Path, home: Path) -> ZooCard:
    name, edges = one_line(folder.name, 64), list(table["edge"])
    files = sorted({str(edge["weights"]) for edge in edges if "weights" in edge})
    found = [path for file in files if (path := _weights(Path(file).name, folder, home)) is not None]
    is_whole = len(found) == len(files)
    targets = {one_line(str(e["target"]), 40) for e in edges if e["source"] == IMAGE}
    fetch = "pull" if table.get("archive") else "check"
    return ZooCard(
        name=name,
        version=one_line(str(table["version"]), 40),
        licence=one_line(str(table["licence"]), 200),
        description=one_line(str(table["description"]), 200) if table.get("description") else "",
        methods=tuple(dict.fromkeys(one_line(str(e["method"]), 64) for e in edges if e["method"] != SHARED)),
        targets=tuple(sorted(targets, key=lambda name: place_of(name, name))),
        n_networks=len(files),
        n_installed=len(found),
        n_bytes=sum(path.stat().st_size for path in found),
        trust=tuple(_trust(table.get("trust", {}))),
        command=f"python -m precompute run phone --zoo {name}"
        if is_whole
        else f"python -m precompute zoo {fetch} {name}",
    )


def _weights(file: str, *folders: Path) -> Path | None:
    return next((folder / file for folder in folders if (folder / file).is_file()), None)


def _trust(table: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    rows = []
    for target, methods in table.items():
        for method, row in methods.items():
            limit = row.get("percentile_97_5")
            rows.append(
                (
                    one_line(str(target), 40),
                    one_line(str(method), 64),
                    number(float(row["spearman"]), "σ").removesuffix("\N{NO-BREAK SPACE}σ"),
                    f"{int(row['n_frames']):,}",
                    "" if limit is None else number(float(limit), "σ"),
                )
            )
    return rows
