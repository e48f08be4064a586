"""Which sources does a command line mean? Files, URLs and clips as they stand; folders and lists are taken apart."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from precompute.media.download import looks_like_url
from precompute.text import one_line

VIDEO_SUFFIXES = frozenset(
    [
        ".3g2",
        ".3gp",
        ".asf",
        ".avi",
        ".flv",
        ".gif",
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
"""Of files that a folder's videos are looked for among; a file that is named itself may be called anything."""

MAX_LIST_BYTES = 16 << 20
"""Longest list: what is longer is not meant as one."""

NAMES_SHOWN = 10
"""Skipped files that are named; of more, the number is told."""


@dataclass(frozen=True)
class Listed:
    """What was found."""

    sources: list[str]
    """In the order given, each once."""
    remarks: list[str]
    """A line for each folder: what it holds and what of it is skipped."""


def list_sources(words: list[str], list_file: str | None, bundled: list[str]) -> Listed:
    """`words` and the lines of `list_file` (`-`: standard input), with folders replaced by their videos in the order of
    their names. A bundled clip's name means the clip. Raises ValueError for a list that cannot be read."""
    found: list[str] = []
    remarks: list[str] = []
    for word in words + (_lines(list_file) if list_file is not None else []):
        if looks_like_url(word) or word in bundled or not _is_folder(word):
            found.append(word)
            continue
        videos, skipped = _in_folder(Path(word).expanduser())
        remarks.append(_remark(word, len(videos), skipped))
        found += videos or [word]  # as a source it fails like any other that holds no video
    return Listed(list(dict.fromkeys(found)), remarks)


def _lines(list_file: str) -> list[str]:
    """One source per line; blank lines and those that begin with # are none."""
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
        raise ValueError(f"--from {list_file}: is no UTF-8 text; {advice}") from None
    if len(data) > MAX_LIST_BYTES:
        raise ValueError(f"--from {list_file}: over {MAX_LIST_BYTES >> 20} MiB; {advice}")
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _is_folder(word: str) -> bool:
    try:
        return Path(word).expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):  # a NUL byte, a name too long, ~ of an unknown user
        return False


def _in_folder(folder: Path) -> tuple[list[str], list[str]]:
    """Paths of its videos, and names of what else it shows; sidecars and the ground truth that they name are neither."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return [], []
    belonging = {name for entry in entries if entry.suffix == ".toml" for name in (entry.name, *_truth_names(entry))}
    others = [entry for entry in entries if entry.name not in belonging]
    videos = [entry for entry in others if entry.suffix.lower() in VIDEO_SUFFIXES and entry.is_file()]
    return [str(entry) for entry in videos], [entry.name for entry in others if entry not in videos]


def _truth_names(sidecar: Path) -> list[str]:
    try:
        truth = tomllib.loads(sidecar.read_text(encoding="utf-8")).get("truth")
    except (OSError, ValueError, RecursionError):  # its video will tell
        return []
    return [str(name) for name in truth.values()] if isinstance(truth, dict) else []


def _remark(word: str, n_videos: int, skipped: list[str]) -> str:
    line = f"{one_line(word)}: {n_videos} {'video' if n_videos == 1 else 'videos'}"
    if skipped:
        rest = len(skipped) - NAMES_SHOWN
        names = ", ".join(map(one_line, skipped[:NAMES_SHOWN]))
        line += f"; skipped, as not videos by their names: {names}" + (f" and {rest} more" if rest > 0 else "")
    return line
