"""Laws of transfers: tracks arrive whole or not at all, whatever the file contains."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cache.maintenance import collect
from cache.records import Pack, StoreError, Track, manifest_bytes, sealed, track_to_json
from cache.store import Store
from cache.transfer import Arrival, BadArchive, copy_tracks, export_tar, import_tar
from cache.writer import TrackWriter
from tests.fixtures.stores import build_store


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two clips with an input and one prediction, in packs of two frames."""
    root = tmp_path_factory.mktemp("source")
    return build_store(root, titles=["One", "Two"], n_frames=4, frames_per_pack=2, truths=(), methods=("baseline",))


@pytest.fixture
def target(tmp_path: Path) -> Store:
    return Store(tmp_path / "target")


def exported(store: Store, path: Path) -> Path:
    assert all(arrival.outcome == "new" for arrival in export_tar(store, store.tracks(), path, lambda n: None))
    return path


def taken(store: Store, path: Path) -> list[str]:
    return [arrival.outcome for arrival in import_tar(store, path, lambda n: None)]


def files(store: Store) -> dict[str, bytes]:
    tracks = store.root / "tracks"
    return {str(path.relative_to(tracks)): path.read_bytes() for path in tracks.rglob("*") if path.is_file()}


def test_tracks_arrive_bit_by_bit_by_file_and_by_folder_and_only_once(source, target, tmp_path):
    path = exported(source, tmp_path / "all.tar")
    n = len(source.tracks())
    assert taken(target, path) == ["new"] * n and taken(target, path) == ["known"] * n
    assert files(target) == files(source)
    other = Store(tmp_path / "other")
    for outcome in ("new", "known"):
        moved = []
        arrivals = list(copy_tracks(source, source.tracks(), other, moved.append))
        assert [arrival.outcome for arrival in arrivals] == [outcome] * n
        assert sum(moved) == sum(track.bytes for track in source.tracks())
    assert files(other) == files(source)


def test_a_file_made_twice_is_the_same_and_its_bytes_are_all_told(source, target, tmp_path):
    path = exported(source, tmp_path / "one.tar")
    assert exported(target, tmp_path / "none.tar").read_bytes() == bytes(1024)
    assert exported(source, tmp_path / "two.tar").read_bytes() == path.read_bytes()
    told = []
    list(import_tar(target, path, told.append))
    assert path.stat().st_size - 512 <= sum(told) <= path.stat().st_size, "the last of two empty blocks is not read"


def test_nothing_of_a_track_shows_before_all_of_it_is_there_and_what_came_is_not_read_again(source, target):
    (track, *_) = source.tracks()
    read: list[str] = []

    def give(pack: Pack, limit: int) -> bytes:
        assert target.get(track.head.key) is None and target.tracks() == []
        if len(read) == limit:
            raise KeyboardInterrupt
        read.append(pack.sha256)
        return source.pack_path(track.head.key, pack.sha256).read_bytes()

    with pytest.raises(KeyboardInterrupt):
        target.adopt(track, lambda pack: iter([give(pack, 1)]))
    target.adopt(track, lambda pack: iter([give(pack, 9)]))
    assert read == [pack.sha256 for pack in track.packs]
    assert target.tracks() == [track] and not list(collect(target, min_age_seconds=0))


def test_a_growing_track_is_completed_by_the_one_that_comes(source, target, tmp_path):
    (track, *_) = source.tracks(kind="energy")
    writer = TrackWriter(target, track.head)
    columns = {name: source.column(track, name)[:2] for name in track.head.columns}
    writer.append(0, list(source.images(track))[:2], columns)
    assert set(taken(target, exported(source, tmp_path / "all.tar"))) == {"new"}
    assert files(target) == files(source)


def test_a_clip_that_a_job_writes_is_refused_and_the_other_arrives(source, target, tmp_path):
    path = exported(source, tmp_path / "all.tar")
    (busy,) = {track.head.clip.key for track in source.tracks() if track.head.clip.title == "One"}
    with Store(target.root).writing(busy):
        refused = [a for a in import_tar(target, path, lambda n: None) if a.outcome == "refused"]
    assert refused and all("another job" in arrival.why and "'One'" in arrival.name for arrival in refused)
    assert {track.head.clip.title for track in target.tracks()} == {"Two"}
    assert set(taken(target, path)) == {"new", "known"} and files(target) == files(source)


def test_a_track_of_a_newer_version_is_not_written_over(source, target, tmp_path):
    path = exported(source, tmp_path / "all.tar")
    (track, *_) = source.tracks()
    manifest = target.root / "tracks" / track.head.key / "manifest.json"
    manifest.parent.mkdir()
    manifest.write_text(json.dumps(track_to_json(track) | {"schema": 99}))
    before = manifest.read_bytes()
    assert taken(target, path).count("refused") == 1 and manifest.read_bytes() == before


def test_a_damaged_pack_is_not_exported_and_its_track_is_named(source, tmp_path):
    other = Store(tmp_path / "other")
    list(copy_tracks(source, source.tracks(), other, lambda n: None))
    (track, *_) = other.tracks()
    pack = other.pack_path(track.head.key, track.packs[1].sha256)
    pack.write_bytes(pack.read_bytes()[:-1] + b"?")
    tracks = other.tracks()
    for arrivals in (
        export_tar(other, tracks, tmp_path / "all.tar", lambda n: None),
        list(copy_tracks(other, tracks, Store(tmp_path / "third"), lambda n: None)),
    ):
        (refused,) = [arrival for arrival in arrivals if arrival.outcome == "refused"]
        assert track.head.configuration in refused.name and "damaged" in refused.why
    assert len(Store(tmp_path / "third").tracks()) == len(tracks) - 1


# Hostile files


def members(track: Track, source: Store) -> list[tuple[tarfile.TarInfo, bytes]]:
    """The track as members of a tar file, its manifest first."""
    folder = f"tracks/{track.head.key}"
    found = [(f"{folder}/manifest.json", manifest_bytes(track))]
    for pack in track.packs:
        found.append((f"{folder}/{pack.sha256}.pack", source.pack_path(track.head.key, pack.sha256).read_bytes()))
    result = []
    for name, data in found:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        result.append((info, data))
    return result


def write_tar(path: Path, parts: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.USTAR_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as file:
        for info, data in parts:
            file.addfile(info, io.BytesIO(data))
    return path


def renamed(parts, at: int, name: str, **fields):
    info, data = parts[at]
    other = tarfile.TarInfo(name)
    other.size = info.size
    for field, value in fields.items():
        setattr(other, field, value)
    return [*parts[:at], (other, data), *parts[at + 1 :]]


def with_manifest(parts, data: bytes):
    info = tarfile.TarInfo(parts[0][0].name)
    info.size = len(data)
    return [(info, data), *parts[1:]]


def with_pack(parts, data: bytes):
    info = tarfile.TarInfo(parts[1][0].name)
    info.size = len(data)
    return [parts[0], (info, data), *parts[2:]]


HOSTILE: dict[str, Callable[[list, Track], list]] = {
    "a path upwards": lambda parts, track: renamed(parts, 1, "../../evil"),
    "a path upwards in a track": lambda parts, track: renamed(parts, 1, f"tracks/{track.head.key}/../evil.pack"),
    "an absolute path": lambda parts, track: renamed(parts, 1, "/tmp/evil.pack"),
    "a symbolic link": lambda parts, track: renamed(
        parts, 1, parts[1][0].name, type=tarfile.SYMTYPE, linkname="/etc/passwd", size=0
    ),
    "a hard link": lambda parts, track: renamed(
        parts, 1, parts[1][0].name, type=tarfile.LNKTYPE, linkname="/etc/passwd", size=0
    ),
    "a device": lambda parts, track: renamed(parts, 1, parts[1][0].name, type=tarfile.CHRTYPE, size=0),
    "a pipe": lambda parts, track: renamed(parts, 1, parts[1][0].name, type=tarfile.FIFOTYPE, size=0),
    "a folder": lambda parts, track: renamed(parts, 1, f"tracks/{track.head.key}", type=tarfile.DIRTYPE, size=0),
    "an empty pack": lambda parts, track: with_pack(parts, b""),
    "a pack before its manifest": lambda parts, track: [parts[1], parts[0], *parts[2:]],
    "packs in another order": lambda parts, track: [parts[0], *reversed(parts[1:])],
    "a pack too few": lambda parts, track: parts[:-1],
    "another pack": lambda parts, track: with_pack(parts, b"x" * parts[1][0].size),
    "a longer pack": lambda parts, track: with_pack(parts, parts[1][1] + b"x"),
    "a shorter pack": lambda parts, track: with_pack(parts, parts[1][1][:-1]),
    "no JSON": lambda parts, track: with_manifest(parts, b"{"),
    "nested JSON": lambda parts, track: with_manifest(parts, b"[" * 200_000),
    "a manifest of many levels": lambda parts, track: with_manifest(
        parts, json.dumps(sealed(track_to_json(track) | {"constants": json.loads("[" * 900 + "]" * 900)})).encode()
    ),
    "a manifest of another track": lambda parts, track: with_manifest(
        parts, json.dumps(sealed(track_to_json(track) | {"key": "0" * 64})).encode()
    ),
    "a manifest with another digest": lambda parts, track: with_manifest(
        parts, json.dumps(track_to_json(track) | {"digest": "0" * 64}).encode()
    ),
    "a clip that is not its source": lambda parts, track: with_manifest(
        parts,
        json.dumps(
            sealed(track_to_json(track) | {"clip": track_to_json(track)["clip"] | {"source_sha256": "0" * 64}})
        ).encode(),
    ),
    "a pack of a billion frames": lambda parts, track: with_manifest(
        parts,
        json.dumps(
            sealed(
                track_to_json(track)
                | {"packs": [track_to_json(track)["packs"][0] | {"n_frames": 10**9, "bytes": 2**40}]}
            )
        ).encode(),
    ),
    "a pack of other frames": lambda parts, track: with_manifest(
        parts,
        json.dumps(
            sealed(track_to_json(track) | {"packs": [track_to_json(track)["packs"][0] | {"n_frames": 1}]})
        ).encode(),
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_leaves_no_track_and_nothing_outside_the_store(source, target, tmp_path, kind):
    (track, *_) = source.tracks(kind="prediction")
    path = write_tar(tmp_path / "hostile.tar", HOSTILE[kind](members(track, source), track))
    before = {*tmp_path.iterdir(), *target.root.iterdir()}
    try:
        (arrival,) = import_tar(target, path, lambda n: None)
        assert arrival.outcome == "refused" and arrival.why
    except BadArchive as error:
        assert "hostile.tar" in str(error) and "export" in str(error)
    assert target.tracks() == []
    assert {*tmp_path.iterdir(), *target.root.iterdir()} == before
    list(collect(target, min_age_seconds=0))
    assert not list((target.root / "tracks").iterdir()), "what came of it is collected"


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_headers_of_other_forms_are_refused_unread(source, target, tmp_path, form):
    (track, *_) = source.tracks()
    parts = renamed(members(track, source), 1, "tracks/" + "x" * 300)
    path = write_tar(tmp_path / "long.tar", parts, form)
    with pytest.raises(BadArchive, match="neither a manifest nor a pack"):
        taken(target, path)


@pytest.mark.parametrize("size", [-1, 1 << 40])
def test_a_size_that_no_pack_has_is_refused_before_it_is_read(source, target, tmp_path, size):
    (track, *_) = source.tracks()
    parts = members(track, source)
    header = bytearray(parts[1][0].tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = size.to_bytes(12, "big", signed=True)  # the form of sizes that eleven octal digits cannot hold
    header[124] |= 0x80
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 32 + sum(header[156:]))
    manifest = parts[0][1]
    whole = parts[0][0].tobuf(tarfile.USTAR_FORMAT) + manifest + bytes(-len(manifest) % 512) + bytes(header)
    (tmp_path / "huge.tar").write_bytes(whole + bytes(1024))
    with pytest.raises(BadArchive, match=rf"of {size} bytes"):
        taken(target, tmp_path / "huge.tar")


def test_a_file_cut_anywhere_gives_whole_tracks_or_none(source, target, tmp_path):
    data = exported(source, tmp_path / "all.tar").read_bytes()
    known = files(source)
    for length in np.linspace(0, len(data) - 1024, 40).astype(int):
        (tmp_path / "cut.tar").write_bytes(data[:length])
        with pytest.raises(BadArchive, match="truncated"):
            taken(target, tmp_path / "cut.tar")
        assert all(list(target.images(track)) == list(source.images(track)) for track in target.tracks())
        assert files(target).items() <= known.items()


def test_a_file_with_a_bit_turned_gives_the_tracks_that_were_meant_or_none(source, target, tmp_path):
    (track, *_) = source.tracks(kind="prediction")
    data = write_tar(tmp_path / "one.tar", members(track, source)).read_bytes()
    random = np.random.default_rng(0)
    for place in random.integers(0, len(data), 60):
        turned = data[:place] + bytes([data[place] ^ (1 << random.integers(8))]) + data[place + 1 :]
        (tmp_path / "turned.tar").write_bytes(turned)
        try:
            arrivals: list[Arrival] = list(import_tar(target, tmp_path / "turned.tar", lambda n: None))
            assert len(arrivals) <= 1
        except BadArchive:
            pass
        assert target.tracks() in ([], [track])
        assert all(list(target.images(found)) == list(source.images(track)) for found in target.tracks())
        target.remove([track.head.key])


def test_a_pipe_in_a_folder_or_in_place_of_a_file_is_not_waited_for(source, target, tmp_path):
    (track, other, *_) = source.tracks()
    hostile = Store(tmp_path / "hostile")
    list(copy_tracks(source, [track, other], hostile, lambda n: None))
    pack = hostile.pack_path(track.head.key, track.packs[0].sha256)
    pack.unlink()
    os.mkfifo(pack)
    manifest = hostile.root / "tracks" / other.head.key / "manifest.json"
    manifest.unlink()
    os.mkfifo(manifest)
    found = Store(hostile.root, read_only=True).tracks()
    (arrival,) = copy_tracks(Store(hostile.root, read_only=True), found, target, lambda n: None)
    assert arrival.outcome == "refused" and target.tracks() == []
    os.mkfifo(tmp_path / "pipe.tar")
    with pytest.raises(OSError, match="regular file"):
        taken(target, tmp_path / "pipe.tar")


def test_too_little_room_is_told_before_anything_is_written(source, target, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 100}))
    arrivals = list(import_tar(target, exported(source, tmp_path / "all.tar"), lambda n: None))
    assert all(arrival.outcome == "refused" and "are free" in arrival.why for arrival in arrivals)
    assert files(target) == {}


def test_a_store_error_of_the_source_does_not_stop_the_other_tracks(source, target):
    def broken(key: str, sha256: str) -> Path:
        raise StoreError("gone")

    class Broken(Store):
        pack_path = staticmethod(broken)

    arrivals = list(copy_tracks(Broken(source.root, read_only=True), source.tracks(), target, lambda n: None))
    assert {(arrival.outcome, arrival.why) for arrival in arrivals} == {("refused", "gone")}
