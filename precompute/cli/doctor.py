"""`python -m precompute doctor`: checks what a job needs: store, disk, versions, device and JavaScript runtime."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from filelock import Timeout
from rich.table import Table
from rich.text import Text

from cache.backends.address import Place
from cache.backends.opening import default_place
from cache.locks import NoLocks, file_system, lock_of
from cache.maintenance import collect
from cache.records import BadRecord, NewerRecord, StoreError
from cache.requests.uploads import Uploads
from cache.store import STORE_VARIABLE, Store
from precompute.cli.bucket_doctor import Finding, State, checks_of_bucket
from precompute.cli.output.console import EXIT_FAILED_ITEM, StoreOption, print_rows, print_table
from precompute.cli.store.select import existing_store
from precompute.downloads.download_failures import days_since_release
from precompute.downloads.leftovers import unfinished_downloads
from precompute.failures import SourceError
from precompute.text import one_line

FEW_BYTES, TOO_FEW_BYTES = 10 << 30, 1 << 30
"""Free space: a minute of video in all configurations of `mini` takes about 2 GB."""
OLD_EXTRACTOR_DAYS = 90
"""Video sites change; yt-dlp is released about every month."""
NETWORK_FILE_SYSTEMS = (
    "nfs",
    "cifs",
    "smb",
    "afs",
    "ceph",
    "gluster",
    "lustre",
    "9p",
    "fuse.sshfs",
    "fuse.s3",
    "vboxsf",
)
WRITTEN = ("tracks", "media", "locks", "reports")
"""Folders of a store in which a job writes."""
VOLATILE_FILE_SYSTEMS = ("tmpfs", "ramfs", "overlay")
SECONDS_TO_ANSWER = 20.0
"""A program that does not print its version within this time does not work."""


def doctor(
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array, one object per finding.")] = False,
) -> None:
    """Check what a job needs: store, disk, versions, device. Exit code 1 if there is a problem.

    [bold]Examples[/bold]

      python -m precompute doctor

      python -m precompute doctor --json
    """
    if store is not None or STORE_VARIABLE in os.environ:
        existing_store(store, read_only=True)  # one that was named is expected to be there
    findings = examine(store or default_place())
    if as_json:
        print_rows(map(asdict, findings))
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for finding in findings:
            colour = {"ok": "green", "warning": "yellow", "problem": "bold red"}[finding.state]
            found = finding.found + (f"; {finding.next_step}" if finding.next_step else "")
            table.add_row(finding.name, Text(finding.state, style=colour), Text(one_line(found)))
        print_table(table)
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(EXIT_FAILED_ITEM)


def examine(place: Place) -> list[Finding]:
    """Run every check; the store is left as it is."""
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        *(_checks_of_folder(place) if isinstance(place, Path) else checks_of_bucket(place)),
        ("versions", _versions),
        *([("device", _device), ("JavaScript", _javascript)] if _can_run() else []),
    ]
    findings = []
    for name, check in checks:
        try:
            findings += list(check())
        except Exception as error:  # a check that fails must not hide the findings of others
            findings.append(
                Finding(name, "problem", f"cannot be checked: {type(error).__name__}: {error}", "please report this")
            )
    return findings


def _checks_of_folder(root: Path) -> list[tuple[str, Callable[[], Iterator[Finding]]]]:
    return [
        ("store", lambda: _store(root)),
        ("disk", lambda: _disk(root)),
        ("tracks", lambda: _tracks(root)),
        ("index", lambda: _index(root)),
    ]


def _store(root: Path) -> Iterator[Finding]:
    step = "choose a writable folder with --store DIR or $CROSSCHECK_STORE; the dashboard can still read it"
    if not root.exists():
        parent = next(folder for folder in root.absolute().parents if folder.exists())
        try:
            with tempfile.TemporaryFile(dir=parent):
                yield Finding("store", "ok", f"{root} does not exist yet; the first run creates it")
        except OSError as error:
            yield Finding("store", "problem", f"{root} cannot be created: {parent}: {error.strerror}", step)
        return
    if not (root / "tracks").is_dir() and any(root.iterdir()):
        yield Finding(
            "store", "warning", f"{root} holds other files but no tracks", "check that it is the right --store"
        )
        return
    for folder in (root, *(root / name for name in WRITTEN if (root / name).exists())):
        try:
            with tempfile.TemporaryFile(dir=folder):  # without opening the store, which would repair its index
                pass
        except OSError as error:
            yield Finding("store", "problem", f"{folder} cannot be written ({error.strerror})", step)
            return
    yield Finding("store", "ok", f"{root} is writable")
    yield _locks(root / "locks")


def _locks(folder: Path) -> Finding:
    """Whether locks work, and which clips are being written."""
    with tempfile.NamedTemporaryFile(dir=folder if folder.exists() else folder.parent) as file:
        probe = Path(file.name)
        try:
            with lock_of(probe):
                works = _is_held(probe)
        except NoLocks as error:
            return Finding("locks", "problem", error.found, error.next_step)
    if not works:
        return Finding(
            "locks", "problem", "this file system lets two jobs lock the same file", "put the store on a local disk"
        )
    held = [path.stem[:12] for path in folder.glob("*.lock") if _is_held(path)]
    return Finding("locks", "ok", f"clips being written: {', '.join(held)}" if held else "no clip is being written")


def _is_held(path: Path) -> bool:
    try:
        with lock_of(path).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _disk(root: Path) -> Iterator[Finding]:
    place = root.absolute()
    place = next(folder for folder in (place, *place.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    state: State = "ok" if free >= FEW_BYTES else "warning" if free >= TOO_FEW_BYTES else "problem"
    step = (
        "" if state == "ok" else "free some space, see `python -m precompute gc --dry-run`, or choose another --store"
    )
    yield Finding("free space", state, f"{free / 1e9:.1f} GB", step)
    kind = file_system(place)
    if kind.startswith(NETWORK_FILE_SYSTEMS):
        yield Finding(
            "file system",
            "warning",
            f"{kind}, a network drive, which may lose locks and files it confirmed as stored",
            "put the store on a local disk, and copy tracks with `export` and `import`",
        )
    elif kind in VOLATILE_FILE_SYSTEMS:
        yield Finding("file system", "warning", f"{kind}, which may be empty after a restart", "use a permanent disk")
    else:
        yield Finding("file system", "ok", kind or "unknown")


def _tracks(root: Path) -> Iterator[Finding]:
    store = Store(root, read_only=True)
    counts = {"finished": 0, "growing": 0}
    n_bad = n_newer = 0
    for folder in root.glob("tracks/*"):
        with suppress(StoreError, OSError):
            try:
                track = store.get(folder.name)
                if track:
                    counts["finished" if track.is_complete else "growing"] += 1
            except NewerRecord:
                n_newer += 1
            except BadRecord:
                n_bad += 1
    yield Finding("tracks", "ok", f"{counts['finished']} finished, {counts['growing']} growing")
    if n_bad:
        yield Finding("tracks", "problem", f"{n_bad} cannot be read", "run `python -m precompute verify --fix`")
    if n_newer:
        yield Finding("tracks", "warning", f"{n_newer} written by a newer version", "upgrade Crosscheck")
    downloads = unfinished_downloads(store.media_dir, Uploads(root).downloads_dir)
    orphans = list(collect(store, downloads=downloads, dry_run=True))
    if orphans:
        n_bytes = sum(orphan.bytes for orphan in orphans)
        found = f"{len(orphans)} files of killed jobs, {n_bytes / 1e6:.1f} MB"
        yield Finding("leftovers", "warning", found, "run `python -m precompute gc`")
    notes = list(root.glob("quarantine/*.json"))
    if notes:
        found = f"{len(notes)} damaged packs or tracks in {root / 'quarantine'}"
        yield Finding(
            "quarantine", "warning", found, "check the disk; `python -m precompute gc --quarantine` removes them"
        )


def _index(root: Path) -> Iterator[Finding]:
    path = root / "index" / "cache.db"
    if not path.exists():
        yield Finding("index", "ok", "none; it is created when a job needs it")
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as database:
            answer = database.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        answer = str(error)
    if answer == "ok":
        yield Finding("index", "ok", "intact")
    else:
        found = f"damaged ({answer.splitlines()[0]}); manifests are read instead"
        yield Finding("index", "warning", found, "run `python -m precompute verify --fix`, which rebuilds it")


def _can_run() -> bool:
    """Whether any package that only `run` needs is installed."""
    return any(_package(name).state == "ok" for name in ("torch", "av", "yt-dlp"))


def _versions() -> Iterator[Finding]:
    yield Finding("Python", "ok", platform.python_version())
    yield _package("streamlit")
    if not _can_run():
        found = "only requirements/web.txt is installed: the dashboard and the store commands work, `run` does not"
        yield Finding("packages", "ok", found)
        return
    for name in ("torch", "opencv-python-headless"):
        yield _package(name)
    yield _decoder()
    yield _extractor()


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "problem", "not installed", "pip install -r requirements.txt")


def _decoder() -> Finding:
    try:
        import av

        from precompute.media.open_video import require_safe_ffmpeg
    except ImportError as error:
        return Finding("PyAV", "problem", f"cannot be imported: {error}", "pip install -r requirements.txt")
    try:
        require_safe_ffmpeg()
    except SourceError as error:
        return Finding("PyAV", "problem", error.found, error.next_step)
    return Finding("PyAV", "ok", f"{av.__version__} with FFmpeg {av.ffmpeg_version_info}")


def _extractor(today: date | None = None) -> Finding:
    found = _package("yt-dlp")
    if found.state != "ok":
        return found
    days = days_since_release(found.found, today)
    if days is None:
        return found
    if days > OLD_EXTRACTOR_DAYS:
        return Finding(
            "yt-dlp",
            "warning",
            f"{found.found}, {days} days old: video sites may have changed since",
            "pip install -U 'yt-dlp[default,deno]'",
        )
    return Finding("yt-dlp", "ok", f"{found.found}, {days} days old")


def _device() -> Iterator[Finding]:
    import torch

    from precompute.jobs.device_worker import choose_device
    from precompute.jobs.precision import choose_dtype
    from precompute.jobs.predict import dtype_name

    device = choose_device("auto")
    dtype = dtype_name(choose_dtype(device))
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        name = torch.cuda.get_device_name(device)
        yield Finding("device", "ok", f"{name}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free, {dtype}")
    else:
        yield Finding("device", "ok", f"{os.cpu_count()} CPUs, {dtype}; torch finds no CUDA GPU")


def _javascript() -> Iterator[Finding]:
    """yt-dlp needs a JavaScript runtime for YouTube only, and uses no other than deno unless configured."""
    for path in _denos():
        with suppress(OSError, subprocess.SubprocessError, IndexError):
            answer = subprocess.run(
                [path, "--version"], capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, check=True
            ).stdout
            yield Finding("JavaScript", "ok", f"deno {answer.split()[1]}")
            return
    yield Finding(
        "JavaScript",
        "warning",
        "no deno: YouTube videos cannot be downloaded, others can",
        "pip install 'yt-dlp[default,deno]'",
    )


def _denos() -> Iterator[str]:
    with suppress(ImportError, OSError):
        import deno

        yield deno.find_deno_bin()
    if path := shutil.which("deno"):
        yield path
