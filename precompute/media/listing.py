"""Lists the sources that a command line names: files, URLs and clips as given; folders and lists are expanded."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from precompute.media.sources import local_path
from precompute.media.stills.kinds import SUFFIXES as PICTURE_SUFFIXES
from precompute.media.stills.numbered import Group, grouped
from precompute.text import count, one_line

VIDEO_SUFFIXES = frozenset(
    [
        ".3g2",
        ".3gp",
        ".asf",
        ".avi",
        ".avifs",
        ".flv",
        ".gif",
        ".heics",
        ".heifs",
        ".m2ts",
        ".m4v",
        ".mj2",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogg",
        ".ogv",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
    ]
)
"""Extensions of the files in a folder that count as videos; a file that is named directly may have any name."""

MAX_LIST_BYTES = 16 << 20
"""Longest list; a longer file is hardly meant as one."""

NAMES_SHOWN = 10
"""Most skipped files that are named; the rest are counted."""


@dataclass(frozen=True)
class Listed:
    """The sources, and what was skipped."""

    sources: list[str]
    """In the order given, each once."""
    remarks: list[str]
    """One line per folder: what it contains, and what is skipped."""


def list_sources(
    words: list[str], list_file: str | None, bundled: list[str], sets: Mapping[str, list[str]] | None = None
) -> Listed:
    """`words` and the lines of `list_file` (`-`: standard input), with each folder replaced by its videos and pictures in the
    order of their names; numbered pictures are one source. The name of a bundled clip stands for the clip, and that of a set for
    the sources in it. Raises ValueError for an unreadable list."""
    found: list[str] = []
    remarks: list[str] = []
    for word in words + (_lines(list_file) if list_file is not None else []):
        if sets and word in sets:
            found += sets[word]
            continue
        if word in bundled or not _is_folder(word):
            found.append(word)
            continue
        inside = _in_folder(local_path(word))
        remarks.append(_remark(word, inside))
        found += inside.sources or [word]  # without any it fails as a source
    return Listed(list(dict.fromkeys(found)), remarks)


def _lines(list_file: str) -> list[str]:
    """One source per line; blank lines and lines that start with # are skipped."""
    advice = "give a text file with one source per line, or - for standard input"
    try:
        if list_file == "-":
            data = sys.stdin.buffer.read(MAX_LIST_BYTES + 1)
        else:
            with Path(list_file).open("rb") as file:
                data = file.read(MAX_LIST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"--from {list_file}: cannot be read ({error.strerror}); {advice}") from None
    except UnicodeDecodeError:
        raise ValueError(f"--from {list_file}: not UTF-8 text; {advice}") from None
    if len(data) > MAX_LIST_BYTES:
        raise ValueError(f"--from {list_file}: over {MAX_LIST_BYTES >> 20} MiB; {advice}")
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _is_folder(word: str) -> bool:
    try:
        return local_path(word).is_dir()
    except (OSError, ValueError):  # a NUL byte, a name too long
        return False


@dataclass(frozen=True)
class _Inside:
    """What a folder contains, without sidecars and the ground truth that they name."""

    n_videos: int
    groups: list[Group]
    n_pictures: int
    """That stand alone."""
    sources: list[str]
    skipped: list[str]
    """Names of its other visible files."""


def _in_folder(folder: Path) -> _Inside:
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return _Inside(0, [], 0, [], [])
    belonging = {name for entry in entries if entry.suffix == ".toml" for name in (entry.name, *_truth_names(entry))}
    others = [entry for entry in entries if entry.name not in belonging]
    videos = [entry for entry in others if entry.suffix.lower() in VIDEO_SUFFIXES and entry.is_file()]
    pictures = [entry for entry in others if entry.suffix.lower() in PICTURE_SUFFIXES and entry.is_file()]
    groups, alone = grouped(pictures)
    sources = sorted([*videos, *alone, *(group.pattern for group in groups)])
    skipped = [entry.name for entry in others if entry not in {*videos, *pictures}]
    return _Inside(len(videos), groups, len(alone), list(map(str, sources)), skipped)


def _truth_names(sidecar: Path) -> list[str]:
    try:
        truth = tomllib.loads(sidecar.read_text(encoding="utf-8")).get("truth")
    except (OSError, ValueError, RecursionError):  # its video reports that
        return []
    return [str(name) for name in truth.values()] if isinstance(truth, dict) else []


def _remark(word: str, inside: _Inside) -> str:
    parts = [count(inside.n_videos, "video")] if inside.n_videos or not inside.sources else []
    parts += [count(inside.n_pictures, "picture")] if inside.n_pictures else []
    parts += [
        f"{len(group.files)} numbered pictures as one clip ({one_line(group.pattern.name)})"
        for group in inside.groups[:NAMES_SHOWN]
    ]
    if len(inside.groups) > NAMES_SHOWN:
        parts.append(f"{len(inside.groups) - NAMES_SHOWN} more clips of numbered pictures")
    line = f"{one_line(word)}: {', '.join(parts)}"
    if inside.skipped:
        rest = len(inside.skipped) - NAMES_SHOWN
        names = ", ".join(map(one_line, inside.skipped[:NAMES_SHOWN]))
        line += f"; skipped (not a video or picture by name): {names}" + (f" and {rest} more" if rest > 0 else "")
    return line
