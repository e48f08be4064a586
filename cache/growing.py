"""Tracks without a manifest: the head, the packs listed so far, and packs that other machines wrote out of order.

head.json         how the frames are made
progress.jsonl    the packs of the one job that writes the track in order
<start>.part      one pack that begins at that frame, written by any of several machines
end.json          how many frames the clip has, known to the machine that decoded its end
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cache.files import children, make_folder, parse_json, read_json, read_small, sync, write_whole
from cache.records import BadRecord, Head, Pack, Track, head_from_json, head_to_json

HEAD, PROGRESS, END = "head.json", "progress.jsonl", "end.json"
PART = ".part"
"""Ends the name of a part's file."""


@dataclass(frozen=True)
class End:
    """The end of a clip, as the machine found it that decoded it."""

    n_frames: int
    """Frames of the whole clip."""
    remarks: Mapping[str, str] = field(default_factory=dict)
    """`damage` and `notes` of `Head.computed_on`, where there are any."""


def read_growing(folder: Path) -> Track | None:
    """The track without a manifest, up to the first frame that is missing. None where no job has begun it. Raises BadRecord."""
    try:
        head = head_from_json(read_json(folder / HEAD))
        lines = read_small(folder / PROGRESS).split(b"\n")
    except FileNotFoundError:
        return None
    packs: list[Pack] = []
    for line in lines[:-1]:  # a line without its newline is still being written
        try:
            packs.append(Pack(**parse_json(line, PROGRESS)))
        except TypeError as error:
            raise BadRecord(f"{PROGRESS} cannot be read: {error}") from error
    return Track(head, with_parts(packs, read_parts(folder)), is_complete=False)


def with_parts(packs: Sequence[Pack], parts: Mapping[int, Pack]) -> tuple[Pack, ...]:
    """The packs, and the parts that follow them without a gap."""
    found = list(packs)
    while following := parts.get(sum(pack.n_frames for pack in found)):
        found.append(following)
    return tuple(found)


def read_parts(folder: Path) -> dict[int, Pack]:
    """First frame -> the part that begins there. One that cannot be read, or whose pack has another size, is left out: it is
    made again."""
    found: dict[int, Pack] = {}
    for path in children(folder):
        if path.suffix == PART:
            with suppress(BadRecord, OSError, TypeError):
                pack = Pack(**read_json(path))
                if (folder / f"{pack.sha256}.pack").stat().st_size == pack.bytes:
                    found[pack.start] = pack
    return found


def read_end(folder: Path) -> End | None:
    """None where no machine has found the end, or its note cannot be read."""
    with suppress(BadRecord, OSError, TypeError):
        end = End(**read_json(folder / END))
        if isinstance(end.n_frames, int) and all(isinstance(text, str) for text in end.remarks.values()):
            return end
    return None


def begin(folder: Path, head: Head, packs: Iterable[Pack] = ()) -> None:
    """Begin a track, or list its packs again. The caller holds `Store.writing` of the clip."""
    make_folder(folder)
    # Written whole: the torn last line of a killed writer must not swallow the next one.
    write_whole(folder / PROGRESS, map(_line, packs))
    write_whole(folder / HEAD, [json.dumps(head_to_json(head)).encode()])


def list_pack(folder: Path, pack: Pack) -> None:
    """Add the next pack to the progress."""
    with (folder / PROGRESS).open("ab") as file:
        file.write(_line(pack))
        file.flush()
        sync(file.fileno())


def put_part(folder: Path, pack: Pack) -> None:
    """Make a stored pack a part of the track."""
    write_whole(folder / f"{pack.start:08d}{PART}", [json.dumps(asdict(pack)).encode()])


def put_end(folder: Path, end: End) -> None:
    """State where the clip ends."""
    write_whole(folder / END, [json.dumps(asdict(end)).encode()])


def named_files(folder: Path, track: Track) -> set[str]:
    """The names of the files that belong to a track without a manifest."""
    parts = read_parts(folder)
    packs = {pack.sha256 for pack in (*track.packs, *parts.values())}
    return {HEAD, PROGRESS, END, *(f"{start:08d}{PART}" for start in parts), *(f"{sha256}.pack" for sha256 in packs)}


def _line(pack: Pack) -> bytes:
    return json.dumps(pack.__dict__).encode() + b"\n"
