"""The command that computes what is missing, spelled for a shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from analysis.shifts import shift_of
from cache.records import Clip
from dashboard.configuration import Configuration
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
_BUNDLED_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def command_for(clip: Clip, configuration: Configuration | None = None) -> str:
    """The command that computes `configuration` on the same frames, safe to paste into a shell; None: all of the zoo."""
    title = clip.title if _BUNDLED_NAME.fullmatch(clip.title) else None
    words = ["python", "-m", "precompute", "run", title or web_address(clip.url) or "SOURCE"]
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
