"""Saves the network of a third-party program as ONNX, in a child process: afterwards no line of the program is needed, or run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from consistency.zoo.lock import entry
from consistency.zoo.records import ZooError
from precompute.net.public_http import Report
from precompute.sandbox import Child, Ended, Silent
from precompute.text import one_line
from precompute.zoos.hub import repository
from precompute.zoos.hub.repository import Program

EXPORTER = "precompute.zoos.hub.export_process"
NEEDED = ("onnx", "onnxruntime")
INSTALL = "install them: pip install -r requirements/hf.txt"
SILENCE_SECONDS = 1800.0
"""Longest wait for the program between two of its downloads."""
MAX_DOWNLOADS, MAX_BYTES = 16, 16 << 30
"""Limits for the files that a program asks for, all together."""
_SHA256_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.[A-Za-z0-9]+$")


def require_exporter() -> None:
    """Raise ZooError if a package is missing that saving needs."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ZooError(f"saving a network of a program needs {' and '.join(missing)}", INSTALL)


def export(
    program: Program,
    folder: Path,
    output: Path,
    *,
    arguments: Mapping[str, Any],
    size: Sequence[int] | None,
    heads: Sequence[str],
    scratch: Path,
    report: Report,
) -> dict[str, dict[str, Any]]:
    """Write the network to `output`. Returns where each file came from that its program asked for, and its digest.

    `folder`: the files of its repository. `size`: height and width of its pictures, None for any. `heads`: the outputs that are
    used. Raises ZooError and OSError.
    """
    found: dict[str, dict[str, Any]] = {}
    with Child(EXPORTER, silence_seconds=SILENCE_SECONDS) as child:
        child.ask(
            {
                "folder": str(folder),
                "entry": program.entry,
                "arguments": dict(arguments),
                "size": list(size) if size else None,
                "heads": list(heads),
                "output": str(output),
            }
        )
        while True:
            try:
                message = child.receive()
            except Silent:
                raise _failed(program, f"its program did nothing for {SILENCE_SECONDS / 60:.0f} minutes") from None
            except Ended:
                raise _failed(program, "its program ended, or exceeded the limits of memory and time") from None
            match message:
                case {"wants": str(url)}:
                    path, row = _fetch(program, url, found, scratch, report)
                    found[f"weights-{len(found) + 1}"] = row
                    child.ask({"path": str(path)})
                case {"problem": "", "outputs": list()} if output.is_file():
                    return found
                case {"problem": str(problem)} if problem:
                    raise _failed(program, one_line(problem)[:600])
                case _:
                    raise _failed(program, "its program gave no network")


def _fetch(
    program: Program, url: str, found: Mapping[str, Mapping[str, Any]], scratch: Path, report: Report
) -> tuple[Path, dict[str, Any]]:
    """A file that the program asks for, and its record. A digest in its name, as torch.hub has it, must be its own. Raises
    ZooError."""
    left = MAX_BYTES - sum(row["bytes"] for row in found.values())
    if len(found) >= MAX_DOWNLOADS or left <= 0:
        raise _failed(program, f"its program asks for more than {MAX_DOWNLOADS} files or {MAX_BYTES >> 30} GB")
    path = repository.download(url, scratch / hashlib.sha256(url.encode()).hexdigest()[:32], left, report)
    row = {"url": url, **entry(path)}
    name = urlsplit(url).path.rpartition("/")[2]
    stated = _SHA256_IN_NAME.search(name)
    if stated and not row["sha256"].startswith(stated[1]):
        raise _failed(program, f"{name} has SHA-256 {row['sha256'][:12]}, not {stated[1][:12]} as its name says")
    return path, row


def _failed(program: Program, found: str) -> ZooError:
    return ZooError(f"{program.repository}, {program.entry}: {found}", f"its program is at {program.page}")
