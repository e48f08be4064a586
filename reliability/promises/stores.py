"""Promises about the store: jobs that are killed, starved of room or crowded, bits that turn, and stores of old."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from starlette.requests import Request

from analysis.columns import Columns
from cache.maintenance import verify
from cache.store import CorruptPack, Store
from dashboard.catalogue import Catalogue
from dashboard.server.routes import frame_response, pack_response
from reliability import Outcome, Promise
from reliability.writer import N_FRAMES, ask, write
from tests.fixtures.stores import build_store

EXAMPLES = 5


def kills(tries: int, folder: Path, seed: int) -> Outcome:
    """Kill a job that writes three tracks up to eight times per clip, after some time or at a line of the store's code;
    sometimes it removes a track or collects garbage first. After each kill, everything shown is compared with what was
    computed."""
    found = ask("kills", folder, seed, tries)
    figures = f"{found['rounds']} clips, each finished by a last run; {found['unfinished']} were not"
    return Outcome(found["kills"], found["wrong"] + found["unfinished"], figures, tuple(found["examples"][:EXAMPLES]))


def resumes(tries: int, folder: Path, seed: int) -> Outcome:
    """The same job, killed in the same ways, reports every chunk that it computes; each clip is then finished and requested
    once more."""
    found = ask("resumes", folder, seed, tries)
    figures = (
        f"more than one chunk done again after {found['redone']} kills; "
        f"{found['recomputed']} of {found['rounds']} runs of a finished job computed something"
    )
    return Outcome(found["kills"], found["redone"] + found["recomputed"], figures)


def flips(tries: int, folder: Path, seed: int) -> Outcome:
    """Flip single bits in packs (2 of 5), manifests (1 of 5) and weights (2 of 5)."""
    choose = random.Random(seed)
    store = Store(folder / "store")
    write(store, seed, lambda text: None)
    weights, refuses = _zoo(folder / "zoo")
    packs = sorted(store.root.rglob("*.pack"))
    manifests = sorted(store.root.rglob("manifest.json"))
    whole = store.tracks()
    kinds: list[tuple[str, Sequence[Path], Callable[[Path], bool]]] = [
        ("packs", packs, lambda path: _hides_pack(store.root, path)),
        ("weights", weights, refuses),
        ("manifests", manifests, lambda path: _hides_or_keeps(store.root, path, whole)),
        ("packs", packs, lambda path: _hides_pack(store.root, path)),
        ("weights", weights, refuses),
    ]
    counts: dict[str, int] = {}
    missed = []
    for number in range(tries):
        kind, paths, is_found = kinds[number % len(kinds)]
        path = choose.choice(paths)
        place, bit = choose.randrange(path.stat().st_size), choose.randrange(8)
        _turn(path, place, bit)
        if not is_found(path):
            missed.append(f"{path.relative_to(folder)}, byte {place}, bit {bit}")
        _turn(path, place, bit)
        counts[kind] = counts.get(kind, 0) + 1
    if [problem for problem in verify(store) if problem] or store.tracks() != whole:
        missed.append("turned back, the store is not as it was")
    figures = ", ".join(f"{count} in {kind}" for kind, count in counts.items())
    return Outcome(tries, len(missed), figures, tuple(missed[:EXAMPLES]))


def full_disks(tries: int, folder: Path, seed: int) -> Outcome:
    """A job that writes next to a finished clip runs out of space at a random point: on a file system of 16 MB where one can
    be mounted, otherwise on a disk that refuses to sync its writes. Then the space returns."""
    found = ask("full_disks", folder, seed, tries, may_mount=True)
    failures = found["wrong"] + found["unclear"] + found["unfinished"]
    figures = (
        f"on {found['how']}; full before the end {found['full']} times; {found['wrong']} damaged, "
        f"{found['unclear']} without one clear message, {found['unfinished']} not finished once there was room"
    )
    return Outcome(found["tries"], failures, figures, tuple(found["examples"][:EXAMPLES]))


def crowds(tries: int, folder: Path, seed: int) -> Outcome:
    """Start eight jobs at once on one clip; then kill the holder of a lock while another job waits for it."""
    found = ask("crowds", folder, seed, tries)
    figures = f"8 jobs each; a killed job's lock was free after {1000 * found['slowest']:.0f} ms at most"
    return Outcome(found["tries"], found["wrong"] + found["late"], figures, tuple(found["examples"][:EXAMPLES]))


def read_only_stores(tries: int, folder: Path, seed: int) -> Outcome:
    """Read stores of every schema version as the dashboard does, and again where nothing can be written."""
    choose = random.Random(seed)
    wrong = []
    n_mounted = 0
    for number in range(tries):
        root = folder / str(number)
        schema, has_previews, is_growing = choose.choice([1, 2]), choose.random() < 0.5, choose.random() < 0.5
        name = (
            f"schema {schema}, {'with' if has_previews else 'no'} previews, {'growing' if is_growing else 'finished'}"
        )
        ready = 2 if is_growing else None
        built = build_store(root / "page", n_frames=4, frames_per_pack=2, has_previews=has_previews, ready_frames=ready)
        write(Store(root / "small"), number, lambda text: None)
        for path in sorted(root.rglob("manifest.json")) + sorted(root.rglob("head.json")):
            _make_old(path, schema)
        if choose.random() < 0.5:
            shutil.rmtree(root / "page" / "index")
        before = _state(root)
        wrong += [f"{name}: {what}" for what in _wrong_on_page(built.root, 2 if is_growing else 4)]
        found = ask("read_only", root / "small", number, 1, may_mount=True)
        n_mounted += found["mounted"]
        wrong += [f"{name}: {what}" for what in found["wrong"]]
        wrong += [] if found["shown"] == [N_FRAMES] * 3 else [f"{name}: frames {found['shown']}"]
        wrong += [f"{name}: {path} was written" for path, _ in sorted(set(_state(root).items()) ^ set(before.items()))]
    figures = f"{n_mounted} on a file system mounted read-only, the rest compared before and after"
    return Outcome(tries, len(wrong), figures, tuple(wrong[:EXAMPLES]))


# How


def _zoo(folder: Path) -> tuple[list[Path], Callable[[Path], bool]]:
    """The weights of a tiny zoo, and whether a changed one is refused."""
    import torch

    from consistency.zoo.load import load_network
    from consistency.zoo.read import load_zoo
    from consistency.zoo.records import ZooError
    from tests.fixtures.zoos import write_zoo

    zoo = load_zoo(str(write_zoo(folder, targets=("normal",))))
    edges = {folder / edge.weights.name: edge for edge in zoo.edges if edge.weights}

    def is_refused(path: Path) -> bool:
        try:
            load_network(edges[path], device=torch.device("cpu"), dtype=torch.float32)
        except ZooError as error:
            return "SHA-256" in str(error)
        return False

    return sorted(edges), is_refused


def _turn(path: Path, place: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ (1 << bit)]))


def _hides_pack(root: Path, path: Path) -> bool:
    """Whether no frame and no number of a damaged pack is shown, and `verify` names it."""
    store = Store(root, read_only=True)
    track = store.get(path.parent.name)
    assert track is not None
    (pack,) = [pack for pack in track.packs if pack.sha256 == path.stem]
    reads: list[Callable[[], object]] = [
        lambda: store.image(track, pack.start),
        lambda: list(store.images(track)),
        lambda: store.column(track, "value"),
    ]
    for read in reads:
        try:
            read()
            return False
        except CorruptPack:
            pass
    return sum(problem is not None for problem in verify(store)) == 1


def _hides_or_keeps(root: Path, path: Path, whole: list) -> bool:
    """Whether a damaged manifest hides its track, unless it still says the same (a blank may become a tab)."""
    shown = Store(root, read_only=True).tracks()
    return shown in (whole, [track for track in whole if track.head.key != path.parent.name])


def _make_old(path: Path, schema: int) -> None:
    fields = json.loads(path.read_text())
    if schema == 1:
        del fields["digest"]
        path.write_text(json.dumps(fields | {"schema": 1}))


def _state(root: Path) -> dict[str, tuple[int, int]]:
    """Path -> when it changed and its size; without the index, whose maps SQLite writes back when it likes."""
    paths = [path for path in root.rglob("*") if "index" not in path.parts]
    return {str(path.relative_to(root)): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in paths}


def _wrong_on_page(root: Path, n_frames: int) -> list[str]:
    """What the dashboard's own parts do not find in a store with `n_frames` of every prediction."""
    store = Store(root, read_only=True)
    tracks = store.tracks()
    wrong = [] if len(Catalogue(tracks).clips) == 1 and len(tracks) == 9 else [f"{len(tracks)} tracks"]
    columns = Columns(store)
    for track in tracks:
        expected = 4 if track.head.kind in ("input", "truth") else n_frames
        if track.n_frames != expected or len(columns.pts_seconds(track)) != expected:
            wrong.append(f"{track.head.kind}: {track.n_frames} frames")
        answers = [
            pack_response(store, request_of(f"{track.head.key}-{pack.sha256}.pack")).status_code for pack in track.packs
        ]
        answers += [
            frame_response(store, request_of(f"{track.head.key}-{frame}")).status_code for frame in range(expected)
        ]
        wrong += [] if set(answers) == {200} else [f"answers {sorted(set(answers))}"]
    return wrong


def request_of(name: str) -> Request:
    return Request({"type": "http", "method": "GET", "headers": [], "path_params": {"name": name}})


PROMISES: list[Promise] = [
    Promise(
        number=1,
        name="kills",
        sentence="a job killed at any moment shows no wrong or partial result, and its rerun finishes",
        unit="kills",
        small=12,
        full=1000,
        attempt=kills,
    ),
    Promise(
        number=2,
        name="resumes",
        sentence="a resumed job recomputes at most one chunk, and a finished job recomputes nothing",
        unit="kills",
        small=8,
        full=300,
        attempt=resumes,
    ),
    Promise(
        number=3,
        name="flips",
        sentence="a flipped bit in a pack, a manifest or weights is detected and never shown",
        unit="bits",
        small=200,
        full=10_000,
        attempt=flips,
    ),
    Promise(
        number=4,
        name="full-disks",
        sentence="a disk that fills up at any point damages no earlier result, and is reported in one clear message",
        unit="full disks",
        small=6,
        full=100,
        attempt=full_disks,
    ),
    Promise(
        number=5,
        name="crowds",
        sentence="eight jobs on one video compute it once, and the lock of a killed job is free within a second",
        unit="crowds",
        small=2,
        full=50,
        attempt=crowds,
    ),
    Promise(
        number=14,
        name="old-stores",
        sentence="the dashboard shows a store that it cannot write to, also one with an older schema",
        unit="stores",
        small=3,
        full=40,
        attempt=read_only_stores,
    ),
]
