"""A promise about pickles: none that lies in a store is ever loaded, wherever it lies."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import diskcache
import numpy as np
from streamlit.testing.v1 import AppTest

from analysis.columns import Columns
from analysis.energy import Unreadable
from cache.index import TextDisk
from cache.maintenance import collect, verify
from cache.pack import build_pack
from cache.records import Pack, StoreError, Track, manifest_bytes
from cache.reports import last_report, report_name
from cache.store import STORE_VARIABLE, Store
from dashboard.catalogue import Catalogue
from dashboard.server.routes import frame_response, pack_response
from precompute.downloads.leftovers import unused_media
from reliability import Outcome, Promise
from reliability.promises.stores import request_of
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import ROOT

N_FRAMES = 2
TRIES_PER_PAGE = 100
"""The whole page takes a second, so that it is run now and then."""
SETTINGS = ("eviction_policy", "disk_pickle_protocol", "size_limit", "cull_limit", "statistics", "tag_index")
"""Rows of diskcache's table of settings."""


class Planted:
    """Makes a folder where it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def pickles_stay_shut(tries: int, folder: Path, seed: int) -> Outcome:
    """Plant pickles of every protocol, which leave a mark if they are loaded: in rows, keys, settings and files of the
    index, in place of manifests, packs, reports and notes, and as images and numbers of packs that are otherwise intact.
    Then everything is read as the dashboard and the store's commands do, sometimes by the page itself."""
    mark = folder / "mark"
    payloads = [pickle.dumps(Planted(mark), protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for payload in payloads:  # each would be seen
        pickle.loads(payload)
        mark.rmdir()
    choose = random.Random(seed)
    template = build_store(folder / "template", n_frames=N_FRAMES)
    template.tracks()  # fills the index
    counts: Counter[str] = Counter()
    n_shown, loaded = 0, []
    root = folder / "store"
    for number in range(tries):
        shutil.copytree(template.root, root)
        name, plant = choose.choice(list(PLACES.items()))
        plant(root, choose.choice(payloads), choose)
        counts[name] += 1
        n_shown += read_everything(root) == len(template.tracks())
        if number % TRIES_PER_PAGE == 0:
            open_page(root)
        if mark.exists():
            mark.rmdir()
            loaded.append(f"try {number}: {name}")
        shutil.rmtree(root)
    figures = ", ".join(f"{count} in {name}" for name, count in sorted(counts.items()))
    return Outcome(tries, len(loaded), f"{figures}; {n_shown} stores were shown whole all the same", tuple(loaded[:3]))


# Where they are planted


def in_rows(root: Path, payload: bytes, choose: random.Random) -> None:
    in_index(root, "UPDATE Cache SET value = ?, mode = ?", payload, choose.choice((1, 2, 3, 4, 4, 4)))


def in_keys(root: Path, payload: bytes, choose: random.Random) -> None:
    in_index(root, "INSERT INTO Cache (key, raw, value, mode, tag) VALUES (?, 0, ?, 4, 0)", payload, payload)


def in_settings(root: Path, payload: bytes, choose: random.Random) -> None:
    in_index(root, "UPDATE Settings SET value = ? WHERE key = ?", payload, choose.choice(SETTINGS))


def in_files(root: Path, payload: bytes, choose: random.Random) -> None:
    (root / "index" / "planted.val").write_bytes(payload)
    in_index(
        root, "UPDATE Cache SET filename = 'planted.val', value = NULL, mode = ?", choose.choice((1, 2, 3, 4, 4, 4))
    )


def in_index(root: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(root / "index" / "cache.db")) as database, database:
        assert database.execute(statement, values).rowcount


def in_manifests(root: Path, payload: bytes, choose: random.Random) -> None:
    choose.choice(sorted(root.rglob("manifest.json"))).write_bytes(payload)


def in_packs(root: Path, payload: bytes, choose: random.Random) -> None:
    replace_pack(root, payload, choose)


def in_images_and_numbers(root: Path, payload: bytes, choose: random.Random) -> None:
    numbers = np.frombuffer(payload.ljust(-len(payload) % 8 + len(payload), b"."), np.float64)
    columns = {name: np.stack([numbers] * N_FRAMES) for name in ("pts_seconds", "terms", "error")}
    images = [payload] * N_FRAMES
    pack = build_pack(images, codec="png", width=64, height=64, channels=3, columns=columns, previews=images)
    replace_pack(root, pack, choose)


def replace_pack(root: Path, content: bytes, choose: random.Random) -> None:
    """Let some track have this for its only pack, under its right name."""
    track = choose.choice(Store(root, read_only=True).tracks())
    sha256 = hashlib.sha256(content).hexdigest()
    folder = root / "tracks" / track.head.key
    (folder / f"{sha256}.pack").write_bytes(content)
    (folder / "manifest.json").write_bytes(
        manifest_bytes(replace(track, packs=(Pack(sha256, 0, N_FRAMES, len(content)),)))
    )


def in_reports(root: Path, payload: bytes, choose: random.Random) -> None:
    (root / "reports").mkdir()
    (root / "reports" / report_name(datetime.now(UTC))).write_bytes(payload)


def in_notes(root: Path, payload: bytes, choose: random.Random) -> None:
    for folder in (root / "media" / "urls", root / "quarantine"):
        folder.mkdir()
        (folder / "note.json").write_bytes(payload)


PLACES: dict[str, Callable[[Path, bytes, random.Random], None]] = {
    "rows": in_rows,
    "keys": in_keys,
    "settings": in_settings,
    "files of the index": in_files,
    "manifests": in_manifests,
    "packs": in_packs,
    "images and numbers": in_images_and_numbers,
    "reports": in_reports,
    "notes": in_notes,
}


# How they are read


def read_everything(root: Path) -> int:
    """The store as the dashboard opens it, then as a command that writes; how many tracks were read to their end."""
    n_whole = 0
    for is_read_only in (True, False):
        store = Store(root, read_only=is_read_only)
        tracks = store.tracks()
        assert Catalogue(tracks).clips
        n_whole = sum(read_track(store, track) for track in tracks)
        assert list(verify(store))
        unused = partial(unused_media, store.media_dir)
        list(collect(store, min_age_seconds=0, unused=unused, quarantine=True, dry_run=True))
        with (
            suppress(sqlite3.Error, ValueError, TypeError),
            diskcache.Cache(str(root / "index"), disk=TextDisk) as index,
        ):
            list(index)  # the keys, which no code of ours reads yet
    last_report(root)
    store.rebuild_index()
    return n_whole


def read_track(store: Store, track: Track) -> bool:
    """Whether all frames and numbers of a track were given."""
    columns = Columns(store)
    answers = [pack_response(store, request_of(f"{track.head.key}-{pack.sha256}.pack")) for pack in track.packs]
    answers += [frame_response(store, request_of(f"{track.head.key}-{frame}")) for frame in range(track.n_frames)]
    with suppress(StoreError, ValueError, Unreadable):
        for name in track.head.columns:
            columns.column(track, name)
        return len(list(store.images(track))) == N_FRAMES and {answer.status_code for answer in answers} == {200}
    return False


def open_page(root: Path) -> None:
    """The page's own script, as Streamlit runs it."""
    before = os.environ.get(STORE_VARIABLE)
    os.environ[STORE_VARIABLE] = str(root)
    try:
        AppTest.from_file(str(ROOT / "dashboard" / "ui.py"), default_timeout=60).run()
    finally:
        os.environ.pop(STORE_VARIABLE)
        os.environ.update({STORE_VARIABLE: before} if before is not None else {})


PROMISES = [
    Promise(
        number=10,
        name="pickles",
        sentence="no pickle in a store is ever loaded, whatever reads it",
        unit="pickles",
        small=30,
        full=3000,
        attempt=pickles_stay_shut,
    )
]
