"""Checks the Dockerfile for what must not come into an image: `python -m tools.containers [FILE]` prints what is wrong.

It knows this project's rules, and is there where no hadolint is: base images pinned to a release, no root, no secrets, no package
without a hash but PyTorch's CPU build, and nothing copied that is not named.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_RELEASE = re.compile(r"[^@\s]+:\d+\.\d+\.\d+[\w.-]*|[^@\s]+@sha256:[0-9a-f]{64}")
_SECRET = re.compile(r"secret|passw|token|credential|api_?key|private", re.IGNORECASE)
_WHOLE = {".", "./", "*", "/"}


@dataclass
class Stage:
    """What one FROM begins."""

    base: str
    name: str = ""
    instructions: list[tuple[str, str]] = field(default_factory=list)
    """(word, rest), continued lines joined."""

    def last(self, word: str) -> str | None:
        return next((rest for one, rest in reversed(self.instructions) if one == word), None)


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile; instructions before the first FROM are left out. Raises ValueError if there is none."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: list[Stage] = []
    for entry in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        word, _, rest = entry.strip().partition(" ")
        if word.upper() == "FROM":
            words = rest.split()
            found.append(Stage(words[0], words[2] if len(words) == 3 else ""))
        elif word and found:
            found[-1].instructions.append((word.upper(), rest.strip()))
    if not found:
        raise ValueError("a Dockerfile without FROM")
    return found


def problems(text: str) -> Iterator[str]:
    """What is wrong with a Dockerfile, a sentence each."""
    all_stages = stages(text)
    names = {stage.name for stage in all_stages}
    for stage in all_stages:
        what = stage.name or stage.base
        if stage.base not in names and not _RELEASE.fullmatch(stage.base):
            yield f"{what}: the base image '{stage.base}' is not pinned to a release"
        if stage.last("CMD") or stage.last("ENTRYPOINT"):
            user = (stage.last("USER") or "").split(":")[0]
            if user in ("", "root", "0"):
                yield f"{what}: it runs as root"
        for word, rest in stage.instructions:
            yield from (f"{what}: {problem}" for problem in _problems_of(word, rest))


def _problems_of(word: str, rest: str) -> Iterator[str]:
    if word in ("ENV", "ARG") and any(_SECRET.search(part.partition("=")[0]) for part in rest.split()):
        yield f"a secret in {word} {rest.split(maxsplit=1)[0].partition('=')[0]}"
    if word == "ADD":
        yield "ADD, which also unpacks and downloads; use COPY"
    if word == "COPY":
        *sources, _ = [part for part in rest.split() if not part.startswith("--")]
        yield from (f"COPY {source} takes everything" for source in sources if source in _WHOLE)
        yield from (
            f"COPY {source} may hold a secret" for source in sources if _SECRET.search(source) or ".env" in source
        )
    if word == "RUN":
        for command in re.split(r"&&|;|\|\||\bthen\b|\belse\b", rest):
            if re.search(r"\bpip3? install\b", command):
                yield from _problems_of_pip(command)
        if re.search(r"\b(curl|wget)\b", rest):
            yield "RUN downloads without a digest"


def _problems_of_pip(command: str) -> Iterator[str]:
    words = shlex.split(command)
    is_torch = "--no-deps" in words and words[-1].startswith("torch==")
    if "--require-hashes" not in words and not is_torch:
        yield f"'{command.strip()}' installs without hashes"
    if "--require-hashes" in words and not any(word.endswith(".lock") for word in words):
        yield f"'{command.strip()}' installs from no lock file"


def main(arguments: list[str]) -> int:
    path = Path(arguments[0]) if arguments else ROOT / "Dockerfile"
    found = list(problems(path.read_text(encoding="utf-8")))
    print("\n".join(found) or f"{path.name}: nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
