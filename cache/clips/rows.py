"""Rows of text about clips, kept in STORE/index/clips.db beside the state of the manifests that each was made from.

A row is a copy and never trusted over the manifests: whoever reads it compares its stamps with the files, and a row whose
digest is wrong is no row. Every error of reading counts as no rows, every error of writing as nothing written.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

STAMP_BYTES = 48
"""Bytes for each track: its key, then time and size of its manifest, int64, little endian."""
_FILE = "clips.db"
_TABLE = "rows_1"
"""Its number is raised when the form of rows changes; other tables are left alone."""
_WAIT_SECONDS = 5.0
_ERRORS = (sqlite3.Error, sqlite3.Warning, OSError, ValueError, TypeError, OverflowError)


@dataclass(frozen=True)
class ClipRow:
    """What was said of one clip under one name."""

    stamps: bytes
    """STAMP_BYTES for each finished track that it was made from, in order of their keys."""
    text: str


def read_rows(index: Path, name: str) -> dict[str, ClipRow]:
    """Clip key -> its row of that name."""
    file = index / _FILE
    if not file.is_file():
        return {}
    # The last resort is for a folder that may not be written: SQLite then cannot share the file, and reads it as it is.
    for mode in ("mode=ro", "mode=ro&immutable=1"):
        with suppress(*_ERRORS):
            with closing(sqlite3.connect(f"{file.absolute().as_uri()}?{mode}", uri=True, timeout=1)) as connection:
                found = connection.execute(
                    f"SELECT clip, stamps, text, digest FROM {_TABLE} WHERE name = ?", (name,)
                ).fetchall()
            return {
                clip: ClipRow(stamps, text)
                for clip, stamps, text, digest in found
                if isinstance(clip, str) and isinstance(stamps, bytes) and isinstance(text, str)
                if len(stamps) % STAMP_BYTES == 0 and digest == _digest(name, clip, stamps, text)
            }
    return {}


def write_rows(index: Path, name: str, rows: Mapping[str, ClipRow], gone: Collection[str] = ()) -> None:
    """Keep the rows of that name, and delete those of the clips that are `gone`. A damaged file is begun again."""
    if not rows and not gone:
        return
    for _ in range(2):
        try:
            with closing(_opened(index)) as connection, connection:
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS {_TABLE} (name TEXT, clip TEXT, stamps BLOB, text TEXT, digest BLOB, "
                    "PRIMARY KEY (name, clip))"
                )
                connection.executemany(f"INSERT OR REPLACE INTO {_TABLE} VALUES (?, ?, ?, ?, ?)", _values(name, rows))
                connection.executemany(
                    f"DELETE FROM {_TABLE} WHERE name = ? AND clip = ?", [(name, clip) for clip in gone]
                )
            return
        except sqlite3.OperationalError:
            return  # locked or not writable, which may pass
        except sqlite3.DatabaseError:
            with suppress(OSError):
                (index / _FILE).unlink(missing_ok=True)
        except _ERRORS:
            return


def delete_rows(index: Path, clips: Collection[str], keys: Collection[str]) -> None:
    """Delete the rows, of every name, about those clips, and those that were made from tracks with those keys."""
    if not (index / _FILE).is_file():
        return
    gone = {bytes.fromhex(key) for key in keys}
    with suppress(*_ERRORS), closing(_opened(index)) as connection, connection:
        found = connection.execute(f"SELECT rowid, clip, stamps FROM {_TABLE}")
        rows = [(row,) for row, clip, stamps in found if clip in clips or not gone.isdisjoint(_keys(stamps))]
        connection.executemany(f"DELETE FROM {_TABLE} WHERE rowid = ?", rows)


def _opened(index: Path) -> sqlite3.Connection:
    """For writing: what is deleted or replaced, such as the title of an upload, is overwritten."""
    connection = sqlite3.connect(index / _FILE, timeout=_WAIT_SECONDS)
    try:
        connection.execute("PRAGMA secure_delete = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _keys(stamps: object) -> list[bytes]:
    if not isinstance(stamps, bytes):
        return []
    return [stamps[at : at + 32] for at in range(0, len(stamps), STAMP_BYTES)]


def _values(name: str, rows: Mapping[str, ClipRow]) -> Iterable[tuple[str, str, bytes, str, bytes]]:
    return [(name, clip, row.stamps, row.text, _digest(name, clip, row.stamps, row.text)) for clip, row in rows.items()]


def _digest(name: str, clip: str, stamps: bytes, text: str) -> bytes:
    found = hashlib.blake2b(f"{name}\n{clip}\n".encode(), digest_size=16)
    found.update(stamps)
    found.update(text.encode())
    return found.digest()
