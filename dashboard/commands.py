"""The command that computes what is missing, spelled for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from analysis.shifts import shift_of
from cache.records import Clip
from dashboard.configuration import Configuration
from dashboard.gallery.items import listed
from dashboard.text import web_address

DEFAULT_ZOO = "mini"
DEFAULT_SAMPLING: Mapping[str, Any] = {
    "start": 0.0,
    "end": None,
    "fps": None,
    "max_frames": None,
    "size": 256,
    "crop": "centre",
}
"""What `precompute run` uses when its option of that name is not given."""
SOURCE, STORE = "SOURCE", "STORE"
"""What stands in a command for paths that only the reader knows, or that are nobody else's business."""


def command_for(clip: Clip, configuration: Configuration | None = None) -> str:
    """The command that computes `configuration` on the same frames, safe to paste into a shell; None: all of the zoo."""
    words = ["python", "-m", "precompute", "run", bundled_name(clip) or web_address(clip.url) or SOURCE]
    if configuration:
        words += [] if configuration.zoo == DEFAULT_ZOO else ["--zoo", configuration.zoo]
        words += ["--configurations", configuration.full_spelling]
    for name, default in DEFAULT_SAMPLING.items():
        value = clip.sampling.get(name, default)
        if value != default and isinstance(value, (int, float, str)):
            words += [f"--{name.replace('_', '-')}", str(value)]
    if shift := shift_of(clip.sampling):
        words += ["--shift", shift.spelling]
    words += ["--tolerant"] if clip.sampling.get("is_tolerant") else []
    return shlex.join(words)


def measure_command(clip: Clip) -> str:
    """The command that measures what is stored of a clip: stability, and errors of aligned depth."""
    return shlex.join(["python", "-m", "precompute", "measure", "--clip", clip.key[:12]])


def bundled_name(clip: Clip) -> str:
    """The name by which a command knows the clip of a bundled file; empty for other clips."""
    return next((item.name for item in listed() if item.sha256 == clip.source_sha256), "")


def for_folder(command: str, folder: Path) -> str:
    """`command` for a store. Its folder is named as seen from the project's, where commands run; no path of the server
    outside of it is told."""
    with suppress(ValueError):
        inside = str(folder.resolve().relative_to(Path.cwd()))
        return f"{command} --store {shlex.quote(inside)}"
    return f"{command} --store {STORE}"


def blanks(command: str) -> str:
    """What to put in place of the words of a command that are not known here; empty if there are none."""
    words = command.split()
    source = f"{SOURCE} with this clip's file or address" if SOURCE in words else ""
    store = f"{STORE} with the folder of this page's store" if words[-1:] == [STORE] else ""
    return f"Replace {' and '.join(filter(None, (source, store)))}." if source or store else ""
