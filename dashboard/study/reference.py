"""How far the energies of the bundled zoos can be trusted, as measured on their test rooms: a reference beside one's own figures."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from analysis.stated.trust import Trust, trust_from

FOLDER = Path(__file__).resolve().parents[2] / "consistency" / "zoos"
ZOOS = ("mini", "lab")
MAX_BYTES = 2_000_000


@dataclass(frozen=True)
class Reference:
    """One energy of a bundled zoo."""

    zoo: str
    method: str
    trust: Trust
    origin: str
    """Such as `zoo mini, version 3`."""


def references(target: str, folder: Path = FOLDER, zoos: Sequence[str] = ZOOS) -> tuple[Reference, ...]:
    """What the zoos state of that target's energies; none of a zoo that is not installed or states nothing."""
    found = []
    for zoo in zoos:
        for method, stated in _trusts(folder / zoo / "zoo.toml").get(target, {}).items():
            if trust := trust_from(stated):
                found.append(Reference(zoo, method, trust, str(stated.get("origin", f"zoo {zoo}"))[:80]))
    return tuple(found)


@cache
def _trusts(path: Path) -> dict[str, Any]:
    """Target -> method -> what is stated. The files are the project's own, and tested with it."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return {}
    return tomllib.loads(path.read_text(encoding="utf-8")).get("trust", {})
