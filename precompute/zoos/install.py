"""How do the networks of a zoo get here? From archives that are downloaded, or from files; each is converted once.

Nothing that an archive says is used as a path: files are found by the stem of their name, and written under the name that
zoo.toml gives. Nothing else is kept.
"""

from __future__ import annotations

import lzma
import shutil
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

import torch

from consistency.models import registry
from consistency.zoo.lock import entry, lock_of, write_lock, writing
from consistency.zoo.read import ZOOS, installed_zoos_folder, read_zoo
from consistency.zoo.records import Edge, Zoo, ZooError, checked_name
from precompute.failures import FULL
from precompute.text import one_line
from precompute.zoos.archives import CHUNK_BYTES, Report, download, size_of
from precompute.zoos.convert_process import Converter

MAX_ARCHIVE_FILES = 10_000
MAX_OTHER_BYTES = 4 << 30
"""Of a network in a format whose size is not known beforehand."""
CHECKPOINT_FACTOR = 5
"""A checkpoint with its optimizer (Adam with amsgrad) holds four numbers for each weight."""
CHECKPOINT_SPARE_BYTES = 16 << 20
CHECKPOINTS = (".pth", ".pt", ".safetensors")
UNREADABLE = (ZooError, OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""What single files that are damaged, encrypted or packed in unknown ways raise."""


@dataclass(frozen=True)
class Found:
    """A file that may hold a network."""

    name: str
    """As its archive or folder calls it, for people."""
    suffix: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def pull(zoo: Zoo, *, say: Callable[[str], None], report: Report, on_problem: Callable[[str], None]) -> None:
    """Fetch what the zoo and the one that it extends lack. Problems with single networks are told, and the others are kept.

    Raises ZooError, and OSError where the disk is full.
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
    # The archive, its networks, and one checkpoint beside it.
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
            install(edges, found, zoo.home, on_problem)  # stopped in its midst, the archive stays for the next try
            path.unlink()
        shutil.rmtree(path.parent, ignore_errors=True)


def import_zoo(path: Path, name: str, *, on_problem: Callable[[str], None]) -> Zoo:
    """Fill the zoo `name` with networks from an archive, a folder or a file; a folder that holds a zoo.toml becomes the zoo.

    Raises ZooError.
    """
    if not path.exists():
        raise ZooError(f"{path}: there is no such file; give an archive, a folder or a file of weights")
    if (path / "zoo.toml").is_file():
        _adopt(path, name, on_problem)
        return read_zoo(name)
    zoo = read_zoo(name)
    if not zoo.own_missing:
        raise ZooError(
            f"zoo '{zoo.name}' lacks nothing of its own; to bring networks of your own, give a folder with a zoo.toml"
        )
    with writing(zoo.home):
        if not install(zoo.own_missing, weights_of(path), zoo.home, on_problem):
            raise _holds_none(path, zoo, zoo.own_missing)
    return read_zoo(name)


def _holds_none(path: Path, zoo: Zoo, edges: Iterable[Edge]) -> ZooError:
    names = ", ".join(sorted({edge.weights.stem for edge in edges if edge.weights})[:4])
    return ZooError(f"{path}: holds no network that zoo '{zoo.name}' lacks; it lacks {names}, ...")


def record(zoo: Zoo) -> int:
    """Keep the digests of weights that lie in a zoo's folder and that zoo.toml gives none for; how many are new."""
    lock = lock_of(zoo.home)
    known = dict(lock.setdefault("weights", {}))
    for edge in (*zoo.edges, *zoo.missing):
        if edge.weights is None or edge.archive or edge.weights.parent != zoo.home or not edge.weights.is_file():
            continue
        if not edge.sha256 or edge.weights.name in known:  # else zoo.toml gives it
            lock["weights"][edge.weights.name] = entry(edge.weights)
    if lock["weights"] != known:
        write_lock(zoo.home, lock)
    return sum(known.get(name) != row for name, row in lock["weights"].items())


# --- finding files ---


def weights_of(path: Path) -> dict[str, list[Found]]:
    """Stem -> the files of that name in an archive, in a folder and its archives, or the file itself. Raises ZooError."""
    found: dict[str, list[Found]] = {}
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.suffix.lower() == ".zip":
            for name, member in _members(file):
                found.setdefault(PurePosixPath(name).stem, []).append(member)
        elif file.is_file():
            found.setdefault(file.stem, []).append(
                Found(str(file), file.suffix.lower(), lambda file=file: file.open("rb"))
            )
    return found


def _members(path: Path) -> Iterable[tuple[str, Found]]:
    try:
        with zipfile.ZipFile(path) as archive:
            rows = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ZooError(f"{path.name}: damaged, or no zip archive ({error}); fetch it again") from error
    if len(rows) > MAX_ARCHIVE_FILES:
        raise ZooError(f"{path.name}: holds {len(rows)} files, more than any archive of networks; it is not opened")

    @contextmanager
    def opened(row: zipfile.ZipInfo):
        with zipfile.ZipFile(path) as archive, archive.open(row) as file:
            yield file

    for row in rows:
        name = row.filename.replace("\\", "/")
        if not row.is_dir():
            suffix = PurePosixPath(name).suffix.lower()
            yield name, Found(f"{path.name}/{name}", suffix, lambda row=row: opened(row))


# --- installing them ---


def install(
    edges: Iterable[Edge], found: Mapping[str, list[Found]], home: Path, on_problem: Callable[[str], None]
) -> int:
    """Bring the weights of those edges to `home` and note their digests; the number of files that are new or were bad.

    Raises OSError where the disk is full.
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
                        f"{name}: could be {' or '.join(file.name for file in candidates)}; leave one of them"
                    )
                made = _make(candidates[0], edge, Path(folder), converter)
                _keep(made, home, name)
            except UNREADABLE as error:
                if isinstance(error, OSError) and error.errno in FULL:
                    raise  # no fault of the file
                on_problem(f"{edge.name}: {one_line(str(error))}")
    return n_met


def _keep(made: Path, home: Path, name: str) -> None:
    """Move a file to its place and note its digest; one that was noted before must be met. Raises ZooError and OSError."""
    lock = lock_of(home)
    weights = lock.setdefault("weights", {})
    row, known = entry(made), weights.get(name, {}).get("sha256")
    if known not in (None, row["sha256"]):
        raise ZooError(
            f"{name}: has SHA-256 {row['sha256'][:12]}, it was {known[:12]}; remove {home} to take the new one"
        )
    weights[name] = row
    made.replace(home / name)
    write_lock(home, lock)


def _fits(file: Found, edge: Edge) -> bool:
    assert edge.weights is not None
    return file.suffix in (CHECKPOINTS if edge.format in ("safetensors", "code") else (edge.weights.suffix.lower(),))


def _make(file: Found, edge: Edge, folder: Path, converter: Converter) -> Path:
    """The weights of the edge as a file in `folder`. Raises ZooError, OSError and BadZipFile."""
    assert edge.weights is not None
    if edge.format == "code" and file.suffix != ".safetensors":
        raise ZooError(
            f"{file.name}: is a pickle, which is converted for architectures that are known alone; save its state dict with "
            f"safetensors, as {edge.weights.name}"
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
            f"{file.name}: has SHA-256 {digest[:12]}, the zoo says {edge.sha256[:12]}; it is another file. If you changed "
            "it, record it first: python -m precompute zoo check FOLDER --record"
        )
    return made


def copy_bounded(file: Found, path: Path, max_bytes: int) -> None:
    """Unpack a file, and stop where it is larger than it can be."""
    n_bytes = 0
    with file.open() as source, path.open("wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > max_bytes:
                raise ZooError(
                    f"{file.name}: more than {max_bytes / 1e6:.0f} MB, too large for this network; not unpacked"
                )
            target.write(chunk)


def float32_bytes(edge: Edge) -> int:
    """What the weights of a network of ours take. Raises ZooError."""
    try:
        with torch.device("meta"):
            state = registry.build(edge.architecture, **edge.arguments).state_dict()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ZooError(f"cannot be built: {error}; mend its lines in zoo.toml") from error
    return 4 * sum(tensor.numel() for tensor in state.values()) + (1 << 16)


def _adopt(folder: Path, name: str, on_problem: Callable[[str], None]) -> None:
    """Make a folder of the user the zoo `name`: first its networks come, then its zoo.toml and lock. One of that name that
    is there already is replaced by all of it or stays as it was. Raises ZooError."""
    # By its whole path, as a bare name would be that of a zoo; says what is wrong with it.
    zoo = read_zoo(str(folder.resolve()))
    try:
        home = installed_zoos_folder() / checked_name(name)
    except ValueError as error:
        raise ZooError(f"--as: {error}") from error
    if (ZOOS / name).exists():
        raise ZooError(f"'{name}' is a zoo of the project; give another name with --as")
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
            raise ZooError(f"nothing is imported as '{name}'; mend {folder}, then import it again")
        lock = _adopted_lock(folder, home, weights)
        for file in weights:
            (staged / file).replace(home / file)
        shutil.copyfile(folder / "zoo.toml", staged / "zoo.toml")
        (staged / "zoo.toml").replace(home / "zoo.toml")
        write_lock(home, {"name": name, **lock})


def _adopted_lock(folder: Path, home: Path, weights: Mapping[str, Any]) -> dict[str, Any]:
    """What the lock of a zoo says once `folder` is in it, with `weights` of its networks that are new.

    Of what was there, networks that the folder does not have stay, and so do constants where no network has changed.
    """
    old, new = lock_of(home), lock_of(folder)
    kept = {name: row for name, row in old.get("weights", {}).items() if name not in weights}
    lock = {"weights": {**kept, **weights}, "energy": new.get("energy", {})}
    if lock["weights"] == old.get("weights") and _networks_in(folder) == _networks_in(home):
        lock["energy"] = {**old.get("energy", {}), **lock["energy"]}
    archives = {**new.get("archives", {}), **old.get("archives", {})}
    return {**lock, **({"archives": archives} if archives else {})}


def _networks_in(folder: Path) -> list[Any]:
    """What of a zoo.toml decides what its networks compute. Raises ZooError."""
    try:
        table = tomllib.loads((folder / "zoo.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise ZooError(f"{folder / 'zoo.toml'} cannot be read: {error}; remove that folder") from error
    return [table.get(part) for part in ("edge", "domain", "extends", "multiple")]


def require_space(folder: Path, n_bytes: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise ZooError(f"{folder}: needs about {n_bytes / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; free some")


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
