"""The browser's files under /web/, and the version in whose folder they are served."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

WEB_FOLDER = Path(__file__).parent / "web"
_VERSION_LETTERS = 12


@cache
def web_files() -> dict[str, Path]:
    """Path under /web/ -> file, of everything there; nothing else is ever opened."""
    found = (path for path in sorted(WEB_FOLDER.rglob("*")) if path.suffix in (".mjs", ".css"))
    files = {path.relative_to(WEB_FOLDER).as_posix(): path for path in found}
    plotly = find_spec("plotly")
    if plotly is not None and plotly.origin is not None:
        files["plotly.min.js"] = Path(plotly.origin).parent / "package_data" / "plotly.min.js"
    return files


def web_version() -> str:
    """`v-` and a digest of all files: as modules import each other by relative paths, /web/<version>/ names them all for good."""
    whole = hashlib.sha256()
    for name, path in web_files().items():
        whole.update(f"{name} {_digest(path, path.stat().st_mtime_ns)}\n".encode())
    return f"v-{whole.hexdigest()[:_VERSION_LETTERS]}"


def web_content(path: Path) -> tuple[bytes, bytes, str]:
    """The file's bytes, the same gzipped (plotly.js once, not per visitor) and their digest; read again when it changes."""
    return _content(path, path.stat().st_mtime_ns)


@cache
def _digest(path: Path, stamp: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


@cache
def _content(path: Path, stamp: int) -> tuple[bytes, bytes, str]:
    data = path.read_bytes()
    return data, gzip.compress(data, 6, mtime=0), _digest(path, stamp)
