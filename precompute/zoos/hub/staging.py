"""Installs a downloaded network as a zoo, whole or not at all: described in a zoo.toml, run once, and only then installed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from consistency.zoo.check import problems
from consistency.zoo.load import load_network
from consistency.zoo.lock import lock_of, write_lock
from consistency.zoo.networks.adapters import OutputSpec
from consistency.zoo.read import installed_zoos_folder, known_zoos, load_zoo, read_zoo
from consistency.zoo.records import Edge, Zoo, ZooError, checked_name
from precompute.media import sources
from precompute.zoos import install
from precompute.zoos.hub import specs
from precompute.zoos.hub.presets import Preset
from precompute.zoos.writing import writing

FREE_LICENCES = frozenset(
    {"apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "bsd", "isc", "cc0-1.0", "unlicense", "cc-by-4.0"}
)
"""Licences that ask for nothing that a run could break."""
EXAMPLES = ("phone", "walkthrough")
EXAMPLE_FRAMES = 4
HEADROOM = 1.5
"""The range of a relative depth reaches so far beyond `highest_number`."""


@dataclass(frozen=True)
class Staged:
    """Folders of a zoo that is being made."""

    scratch: Path
    zoo: Path
    """For its network's file."""


def require_new(name: str) -> None:
    """Raise ZooError if there is such a zoo, ValueError if the name cannot be one."""
    checked_name(name)
    if name in known_zoos():
        raise ZooError(
            f"there is a zoo '{name}' already", f"choose another name, or remove {installed_zoos_folder() / name}"
        )


def show_licence(stated: Sequence[str], preset: Preset | None, say: Callable[[str], None]) -> tuple[str, bool]:
    """Print, before anything is fetched, what the hub states and, where it differs, what the preset knows. Both are returned in
    words, and whether all of it is free."""
    known, on_hub = preset.licence.lower() if preset else "", " and ".join(stated)
    is_non_commercial = any("-nc" in licence for licence in (known, *stated)) or bool(preset and preset.non_commercial)
    licence = known or on_hub
    elsewhere = f"; the hub states {on_hub}" if on_hub not in ("", licence) else ""
    is_said = "non-commercial" in licence or not is_non_commercial
    say(f"licence: {licence or 'not stated'}{'' if is_said else ', non-commercial'}{elsewhere}")
    is_free = bool(licence) and {*stated, *([known] if known else [])} <= FREE_LICENCES
    return licence + elsewhere, is_free and not (preset and preset.is_non_commercial)


def require_licence(whose: str, licence: str, page: str, *, is_free: bool, is_accepted: bool) -> None:
    """Raise ZooError unless its licence is free, or accepted."""
    if not (is_free or is_accepted):
        raise ZooError(
            f"the licence of {whose} is {licence or 'not stated'}, which restricts how it may be used",
            f"read it at {page}, then add --accept-licence",
        )


@contextmanager
def staging() -> Iterator[Staged]:
    """Folders that are removed afterwards, and with the next command if this one is killed."""
    adding = installed_zoos_folder() / ".adding"
    with writing(adding):
        for left in adding.glob("new-*"):  # of commands that were killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=adding, prefix="new-") as temporary:
            zoo = Path(temporary) / "zoo"
            zoo.mkdir()
            yield Staged(Path(temporary), zoo)


def install_as(
    name: str,
    staged: Staged,
    header: Mapping[str, str],
    edges: Sequence[Mapping[str, Any]],
    whose: str,
    say: Callable[[str], None],
    archives: Mapping[str, Mapping[str, Any]] | None = None,
) -> Zoo:
    """Install the staged network. `edges`: as zoo.toml has them, without source and method; the output of a relative depth may lack
    its range, which is measured. `archives`: where it came from, for the lock. Raises ZooError."""
    folder, home = staged.zoo, str(staged.zoo)
    rows = [dict(edge, output=dict(edge.get("output") or {})) for edge in edges]
    unknown = [i for i, row in enumerate(rows) if row["output"].get("known_up_to") and "range" not in row["output"]]
    stated = [row["output"] for row in rows]
    for i in unknown:
        rows[i]["output"] = stated[i] | specs.relative_output(1.0, stated[i]["known_up_to"])
    _write(folder, name, header, rows)
    install.record(read_zoo(home))
    for i in unknown:
        highest = highest_number(load_zoo(home).edges[i])
        rows[i]["output"] = stated[i] | specs.relative_output(HEADROOM * highest, stated[i]["known_up_to"])
        say(
            f"relative depth: its numbers reach {highest:.3g} on the bundled clips, and are stored up to {HEADROOM * highest:.3g}"
        )
    _write(folder, name, header, rows)
    zoo = read_zoo(home)
    if wrong := [problem for edge in zoo.edges for problem in problems(edge, zoo.size_multiple)]:
        raise ZooError(
            f"{whose} does not do what is stated of it: {wrong[0]}",
            "correct its description, or choose another revision",
        )
    if archives:
        write_lock(folder, {**lock_of(folder), "archives": dict(archives)})
    install.import_zoo(folder, name, on_problem=say)
    return read_zoo(name)


def highest_number(edge: Edge) -> float:
    """The highest 99.9 % quantile of the numbers that a network gives for a frame, of a few frames of the bundled clips."""
    network = load_network(edge, device=torch.device("cpu"), dtype=torch.float32)
    highest = 0.0
    for name in EXAMPLES:
        for frame in _frames(name):
            codes = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255
            with torch.inference_mode():
                given = network.input_spec.to_numbers(codes, edge.source_domain)  # type: ignore[union-attr]
                made = network.network(given)  # type: ignore[operator]
                numbers = network.image(made, 1).float()  # type: ignore[operator]
                valid = network.mask(made, 1)  # type: ignore[operator]
            highest = max(highest, _quantile(numbers, valid, edge.output_spec or OutputSpec()))
    return highest


def _quantile(numbers: Tensor, valid: Tensor | None, spec: OutputSpec) -> float:
    """The 99.9 % quantile of the finite numbers that a mask leaves."""
    numbers = numbers.permute(0, 3, 1, 2) if spec.layout == "nhwc" else numbers
    if valid is not None and valid.shape[-2:] == numbers.shape[-2:]:
        numbers = numbers[(valid > spec.mask_above).expand_as(numbers)]
    numbers = numbers[torch.isfinite(numbers)].flatten()
    if not numbers.numel():
        return 0.0
    return float(numbers.quantile(0.999)) if numbers.numel() < 1 << 24 else float(numbers.max())


def _frames(name: str) -> list[np.ndarray]:
    """A few frames of a bundled clip, uint8 (H, W, 3)."""
    from precompute.zoos.calibration import read, spread

    source = sources.resolve(name, media_dir=Path())
    return [frame for batch in read(source, spread(source, EXAMPLE_FRAMES), []) for frame in batch.rgb]


def _write(folder: Path, name: str, header: Mapping[str, str], edges: Sequence[Mapping[str, Any]]) -> None:
    """Write the zoo.toml."""
    domains = ["rgb", *dict.fromkeys(edge["target"] for edge in edges)]
    lines = [f"{key} = {_toml(value)}" for key, value in ({"name": name} | dict(header)).items()]
    lines += ["multiple = 1", f"domains = {_toml(domains)}"]
    for edge in edges:
        row = {"source": "rgb", "method": name} | {key: value for key, value in edge.items() if value not in ("", {})}
        lines += ["", "[[edge]]", *(f"{key} = {_toml(value)}" for key, value in row.items())]
    (folder / "zoo.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")
    return repr(value)


def _key(key: str) -> str:
    return (
        key if key and all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in key) else _toml(key)
    )
