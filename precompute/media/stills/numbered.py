"""Numbered pictures of a folder, as one source: `folder/frame_%04d.png` stands for all files of that name."""

from __future__ import annotations

import hashlib
import math
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from precompute.media.stills.kinds import SUFFIXES, kind_of
from precompute.text import count

LAST_NUMBER = re.compile(r"(\d{1,12})(?!.*\d)")
"""The number of a file: the last one in its name, before the extension."""
PATTERN = re.compile(r"((?:[^%]|%%)*)%(?:0(\d{1,2}))?d((?:[^%]|%%)*)")
"""As FFmpeg's and printf's: %d, or %04d for numbers of at least four digits; %% is a percent sign."""
USUAL_FPS = 30.0
"""Frames per second of numbered pictures where none are stated."""
NAMES_SHOWN = 5
"""Most gaps and pictures that are named; the rest are counted."""


class Numbered(NamedTuple):
    """One of them."""

    number: int
    path: Path


@dataclass(frozen=True)
class Group:
    """Pictures of a folder that are numbered alike."""

    pattern: Path
    files: tuple[Numbered, ...]
    """At least two, with rising numbers."""

    @property
    def step(self) -> int:
        """What the numbers rise by from one picture to the next, gaps aside."""
        numbers = [file.number for file in self.files]
        return math.gcd(*(after - before for before, after in pairwise(numbers))) or 1

    def place(self, file: Numbered) -> int:
        """Its place in the clip, from 0; gaps count."""
        return (file.number - self.files[0].number) // self.step

    @property
    def n_places(self) -> int:
        return self.place(self.files[-1]) + 1

    def gaps(self) -> str:
        """The numbers that are missing, for people; empty if none are."""
        missing = []
        for before, after in pairwise(self.files):
            first, last = before.number + self.step, after.number - self.step
            if first <= last:
                missing.append(f"{first}" if first == last else f"{first} to {last}")
        if not missing:
            return ""
        rest = len(missing) - NAMES_SHOWN
        named = ", ".join(missing[:NAMES_SHOWN]) + (f" and {count(rest, 'more gap')}" if rest > 0 else "")
        n_missing = self.n_places - len(self.files)
        return f"{count(n_missing, 'numbered picture')} missing ({named}): the one before is shown longer"

    @property
    def title(self) -> str:
        """Such as `kitchen/frame`."""
        found = PATTERN.fullmatch(self.pattern.name)
        prefix = found[1].replace("%%", "%").strip(" _-.") if found else ""
        folder = self.pattern.absolute().parent.name
        return f"{folder}/{prefix}" if prefix else folder or "pictures"


def is_pattern(path: Path) -> bool:
    """Whether a path stands for numbered pictures: its name is a pattern, and there is no file of that very name."""
    return PATTERN.fullmatch(path.name) is not None and path.suffix.lower() in SUFFIXES and not path.exists()


def is_picture(path: Path) -> bool:
    """Whether a path stands for a picture, an animation or numbered pictures, by what is there."""
    try:
        return is_pattern(path) or kind_of(path) is not None
    except OSError:  # decoding it reports that
        return False


def group_of(pattern: Path) -> Group | None:
    """The pictures that a pattern stands for; None if there are fewer than two. Raises OSError."""
    found = PATTERN.fullmatch(pattern.name)
    if found is None:
        return None
    before, width, after = found[1].replace("%%", "%"), int(found[2] or 0), found[3].replace("%%", "%")
    files = {}
    for path in pattern.parent.iterdir():
        if not path.name.startswith(before) or not path.name.endswith(after) or not path.is_file():
            continue
        digits = path.name[len(before) : len(path.name) - len(after)]
        if re.fullmatch(r"[0-9]{1,12}", digits) and digits == f"{int(digits):0{width}d}":
            files[int(digits)] = path
    return Group(pattern, tuple(Numbered(*item) for item in sorted(files.items()))) if len(files) > 1 else None


def grouped(paths: Iterable[Path]) -> tuple[list[Group], list[Path]]:
    """The groups of numbered pictures among the pictures of a folder, and the pictures that stand alone."""
    alike: dict[tuple[str, str], list[tuple[str, Path]]] = defaultdict(list)
    alone = []
    for path in paths:
        found = LAST_NUMBER.search(path.stem)
        if found is None or not found[1].isascii():
            alone.append(path)
        else:
            rest = path.stem[found.end() :] + path.suffix
            alike[path.stem[: found.start()], rest].append((found[1], path))
    groups = []
    for (before, after), files in alike.items():
        widths = sorted({len(digits) for digits, _ in files if digits[0] == "0" and len(digits) > 1}, reverse=True)
        left = files
        for width in [*widths, 0]:
            fitting = [(digits, path) for digits, path in left if digits == f"{int(digits):0{width}d}"]
            left = [file for file in left if file not in fitting]
            if len(fitting) < 2:
                alone += [path for _, path in fitting]
                continue
            name = f"{before.replace('%', '%%')}%{f'0{width}' if width else ''}d{after.replace('%', '%%')}"
            numbered = sorted((Numbered(int(digits), path) for digits, path in fitting), key=lambda file: file.number)
            groups.append(Group(fitting[0][1].with_name(name), tuple(numbered)))
    return groups, alone


def digest_of(places: Iterable[tuple[int, str]]) -> str:
    """The digest of a clip of numbered pictures: places, and digests of files. Names do not count."""
    lines = "".join(f"{place} {sha256}\n" for place, sha256 in places)
    return hashlib.sha256(f"numbered pictures\n{lines}".encode()).hexdigest()
