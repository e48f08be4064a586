"""Installs the networks of a zoo from downloaded archives or from files; each is converted once.

Nothing in an archive is used as a path: files are found by the stem of their name, and written under the name that zoo.toml
gives. Nothing else is stored.
"""

from __future__ import annotations

import lzma
import shutil
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch

from consistency.models import registry
from consistency.zoo.explained import BadNetwork
from consistency.zoo.lock import entry, lock_of, write_lock
from consistency.zoo.networks import external_data
from consistency.zoo.read import ZOOS, installed_zoos_folder, read_zoo
from consistency.zoo.records import Edge, Zoo, ZooError, checked_name
from precompute.failures import FULL
from precompute.net.public_http import Report
from precompute.text import one_line
from precompute.zoos.archives import DOWNLOADS, download, size_of
from precompute.zoos.converter import Converter
from precompute.zoos.weight_files import Found, copy_bounded, weights_of
from precompute.zoos.writing import writing

MAX_OTHER_BYTES = 4 << 30
"""Largest network in a format whose size is not known beforehand."""
CHECKPOINT_FACTOR = 5
"""Largest checkpoint, in multiples of its weights: with an optimizer (Adam with amsgrad) it holds four numbers per weight."""
CHECKPOINT_SPARE_BYTES = 16 << 20
CHECKPOINTS = (".pth", ".pt", ".safetensors")
UNREADABLE = (ZooError, OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""Errors of single files that are damaged, encrypted or packed in unknown ways."""


def pull(zoo: Zoo, *, say: Callable[[str], None], report: Report, on_problem: Callable[[str], None]) -> None:
    """Download and install what the zoo and the one that it extends lack. A problem with one network is reported to
    `on_problem`; the others are installed.

    Raises ZooError, and OSError if the disk is full.
    """
    if zoo.base:
        pull(read_zoo(zoo.base), say=say, report=report, on_problem=on_problem)
    wanted = {edge.archive for edge in zoo.own_missing}
    archives = [archive for archive in zoo.archives if archive.name in wanted]
    if not archives:
        return
    sizes = {archive.name: size_of(archive) for archive in archives}
    for archive in archives:
        size = sizes[archive.name]
        say(f"{archive.name}: {_megabytes(size) if size else 'size unknown'} from {urlsplit(archive.url).hostname}")
    # The archive, its networks, and one checkpoint beside them.
    require_space(zoo.home, 2 * sum(sizes.values()))
    with writing(zoo.home):
        for archive in archives:
            path = download(archive, zoo.home, report)
            edges = [edge for edge in zoo.own_missing if edge.archive == archive.name]
            try:
                found = weights_of(path)
            except ZooError:
                path.unlink()
                raise
            install(edges, found, zoo.home, on_problem)  # if it is interrupted, the archive stays for the next try
            path.unlink()
        shutil.rmtree(zoo.home / DOWNLOADS, ignore_errors=True)


def import_zoo(path: Path, name: str, *, on_problem: Callable[[str], None]) -> Zoo:
    """Fill the zoo `name` with networks from an archive, a folder or a file; a folder with a zoo.toml becomes the zoo.

    Raises ZooError.
    """
    if not path.exists():
        raise ZooError(f"{path}: no such file", "pass an archive, a folder or a file of weights")
    if (path / "zoo.toml").is_file():
        _adopt(path, name, on_problem)
        return read_zoo(name)
    zoo = read_zoo(name)
    if not zoo.own_missing:
        raise ZooError(
            f"zoo '{zoo.name}' has all of its networks", "to add networks of your own, pass a folder with a zoo.toml"
        )
    with writing(zoo.home):
        if not install(zoo.own_missing, weights_of(path), zoo.home, on_problem):
            raise _holds_none(path, zoo, zoo.own_missing)
    return read_zoo(name)


def _holds_none(path: Path, zoo: Zoo, edges: Iterable[Edge]) -> ZooError:
    names = ", ".join(sorted({edge.weights.stem for edge in edges if edge.weights})[:4])
    return ZooError(f"{path}: contains no network that zoo '{zoo.name}' lacks; it lacks {names}, ...")


def record(zoo: Zoo) -> int:
    """Record the digests of the weights in a zoo's folder for which zoo.toml gives none; the number of new ones."""
    lock = lock_of(zoo.home)
    known = dict(lock.setdefault("weights", {}))
    for edge in (*zoo.edges, *zoo.missing):
        if edge.weights is None or edge.archive or edge.weights.parent != zoo.home or not edge.weights.is_file():
            continue
        row = entry(edge.weights)
        if edge.format == "onnx":
            with suppress(BadNetwork):  # `zoo check` reports it
                row |= _data_row(external_data.digests_beside(edge.weights, edge.name))
        if not edge.sha256 or edge.weights.name in known or "data" in row:  # else zoo.toml gives it
            lock["weights"][edge.weights.name] = row
    if lock["weights"] != known:
        write_lock(zoo.home, lock)
    return sum(known.get(name) != row for name, row in lock["weights"].items())


def install(
    edges: Iterable[Edge], found: Mapping[str, list[Found]], home: Path, on_problem: Callable[[str], None]
) -> int:
    """Install the weights of those edges in `home` and record their digests; the number of files found for them.

    Raises OSError if the disk is full.
    """
    n_met = 0
    by_file = {edge.weights.name: edge for edge in edges if edge.weights}
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".convert-") as folder, Converter() as converter:
        for name, edge in by_file.items():
            candidates = [file for file in found.get(Path(name).stem, ()) if _fits(file, edge)]
            if not candidates:
                continue
            n_met += 1
            try:
                if len(candidates) > 1:
                    raise ZooError(
                        f"{name}: could be {' or '.join(file.name for file in candidates)}", "keep one of them"
                    )
                made = _make(candidates[0], edge, Path(folder), converter)
                data = _copy_data(candidates[0], made, edge, Path(folder)) if edge.format == "onnx" else {}
                _keep(made, home, name, data)
            except UNREADABLE as error:
                if isinstance(error, OSError) and error.errno in FULL:
                    raise  # not the file's fault
                on_problem(f"{edge.name}: {one_line(str(error))}")
    return n_met


def _copy_data(file: Found, made: Path, edge: Edge, folder: Path) -> dict[str, Path]:
    """Copy the files beside an ONNX file that hold its weights to `folder`: name -> copy. Raises ZooError, BadNetwork and
    OSError."""
    copies: dict[str, Path] = {}
    for name in external_data.locations(made.read_bytes(), edge.name).values():
        found = file.beside(name)
        if found is None:
            raise ZooError(f"{file.name}: its weights are in {name}, which is not beside it", "add that file")
        copies[name] = folder / f"data-{len(copies)}"
        copy_bounded(found, copies[name], MAX_OTHER_BYTES)
    return copies


def _data_row(digests: Mapping[str, str]) -> dict[str, Any]:
    return {"data": dict(sorted(digests.items()))} if digests else {}


def _keep(made: Path, home: Path, name: str, data: Mapping[str, Path]) -> None:
    """Move a file and those that belong to it to their places and record their digests, which must equal earlier ones. Raises
    ZooError and OSError."""
    lock = lock_of(home)
    weights = lock.setdefault("weights", {})
    row, known = entry(made), weights.get(name, {}).get("sha256")
    row |= _data_row({file: entry(copy)["sha256"] for file, copy in data.items()})
    if known not in (None, row["sha256"]):
        raise ZooError(
            f"{name}: has SHA-256 {row['sha256'][:12]}, it was {known[:12]}", f"remove {home} to use the new one"
        )
    for file in data:
        others = [other for other in weights if other != name and file in (other, *weights[other].get("data", {}))]
        if any(weights[other].get("data", {}).get(file) != row["data"][file] for other in others):
            raise ZooError(
                f"{name}: its weights are in {file}, and {others[0]} has another file of that name",
                "save one of the networks as a single file",
            )
    weights[name] = row
    for file, copy in data.items():
        copy.replace(home / file)
    made.replace(home / name)
    write_lock(home, lock)


def _fits(file: Found, edge: Edge) -> bool:
    assert edge.weights is not None
    return file.suffix in (CHECKPOINTS if edge.format in ("safetensors", "code") else (edge.weights.suffix.lower(),))


def _make(file: Found, edge: Edge, folder: Path, converter: Converter) -> Path:
    """Write the weights of the edge to a file in `folder`. Raises ZooError, OSError and BadZipFile."""
    assert edge.weights is not None
    if edge.format == "code" and file.suffix != ".safetensors":
        raise ZooError(
            f"{file.name}: a pickle, which is converted for known architectures only",
            f"save its state dict with safetensors, as {edge.weights.name}",
        )
    made = folder / "made"
    is_ours = edge.format == "safetensors"
    n_bytes = float32_bytes(edge) if is_ours else 0
    copy = folder / f"copy{file.suffix if file.suffix in CHECKPOINTS else ''}"
    try:
        copy_bounded(file, copy, CHECKPOINT_FACTOR * n_bytes + CHECKPOINT_SPARE_BYTES if is_ours else MAX_OTHER_BYTES)
        if not is_ours or (edge.sha256 and file.suffix == ".safetensors"):
            copy.replace(made)  # as it is: its digest may be pinned
        else:
            converter.convert(copy, edge, made, n_bytes=n_bytes)
    finally:
        copy.unlink(missing_ok=True)
    digest = entry(made)["sha256"]
    if edge.sha256 and digest != edge.sha256:
        raise ZooError(
            f"{file.name}: has SHA-256 {digest[:12]}, the zoo expects {edge.sha256[:12]}: it is another file",
            "if you changed it, record it first: python -m precompute zoo check FOLDER --record",
        )
    return made


def float32_bytes(edge: Edge) -> int:
    """Size of the weights of a network of a known architecture. Raises ZooError."""
    try:
        with torch.device("meta"):
            state = registry.build(edge.architecture, **edge.arguments).state_dict()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ZooError(f"cannot be built: {error}", "correct its lines in zoo.toml") from error
    return 4 * sum(tensor.numel() for tensor in state.values()) + (1 << 16)


def _adopt(folder: Path, name: str, on_problem: Callable[[str], None]) -> None:
    """Make a folder of the user the zoo `name`: first its networks are installed, then its zoo.toml and lock. An installed zoo
    of that name is replaced completely or stays as it was. Raises ZooError."""
    # By its whole path: a bare name would be that of a zoo. Reports what is wrong with it.
    zoo = read_zoo(str(folder.resolve()))
    try:
        home = installed_zoos_folder() / checked_name(name)
    except ValueError as error:
        raise ZooError(f"--as: {error}") from error
    if (ZOOS / name).exists():
        raise ZooError(f"'{name}' is a bundled zoo", "give another name with --as")
    if home.resolve() == zoo.home:
        raise ZooError(f"{folder} is zoo '{name}' already")
    # What it extends stays where it is.
    edges = [edge for edge in (*zoo.edges, *zoo.missing) if edge.weights and edge.weights.parent == zoo.home]
    is_there = (home / "zoo.toml").is_file()
    problems: list[str] = []
    with writing(home), tempfile.TemporaryDirectory(dir=home, prefix=".import-") as made:
        staged = Path(made)
        n_met = install(edges, weights_of(folder), staged, problems.append)
        for problem in problems:
            on_problem(problem)
        if edges and not n_met:
            raise _holds_none(folder, zoo, edges)
        weights = lock_of(staged).get("weights", {})
        if problems and (is_there or not weights):
            raise ZooError(f"nothing was imported as '{name}'", f"correct {folder}, then import it again")
        lock = _adopted_lock(folder, home, weights)
        for file in sorted({name for network, row in weights.items() for name in (network, *row.get("data", {}))}):
            (staged / file).replace(home / file)
        shutil.copyfile(folder / "zoo.toml", staged / "zoo.toml")
        (staged / "zoo.toml").replace(home / "zoo.toml")
        write_lock(home, {"name": name, **lock})


def _adopted_lock(folder: Path, home: Path, weights: Mapping[str, Any]) -> dict[str, Any]:
    """The lock of a zoo after `folder` is installed in it, with the rows of its new `weights`.

    Installed networks that the folder lacks stay, and so do the constants if no network has changed.
    """
    old, new = lock_of(home), lock_of(folder)
    kept = {name: row for name, row in old.get("weights", {}).items() if name not in weights}
    lock = {"weights": {**kept, **weights}, "energy": new.get("energy", {})}
    if lock["weights"] == old.get("weights") and _networks_in(folder) == _networks_in(home):
        lock["energy"] = {**old.get("energy", {}), **lock["energy"]}
    archives = {**new.get("archives", {}), **old.get("archives", {})}
    return {**lock, **({"archives": archives} if archives else {})}


def _networks_in(folder: Path) -> list[Any]:
    """The parts of a zoo.toml that decide what its networks compute. Raises ZooError."""
    try:
        table = tomllib.loads((folder / "zoo.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise ZooError(f"{folder / 'zoo.toml'} cannot be read: {error}", "remove that folder") from error
    return [table.get(part) for part in ("edge", "domain", "extends", "multiple")]


def require_space(folder: Path, n_bytes: int) -> None:
    """Raise ZooError if less than `n_bytes` are free."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise ZooError(f"{folder}: needs about {n_bytes / 1e9:.1f} GB, {free / 1e9:.1f} GB are free", "free space")


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
