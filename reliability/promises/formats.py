"""Promises about packs, manifests and links that are damaged or made up: nothing but the documented refusal comes out."""

from __future__ import annotations

import io
import json
import math
import struct
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import numpy as np

from cache.pack import MAGIC, BadPack, build_pack, read_column, read_header, read_images, read_previews
from cache.records import BadRecord, Track, sealed, track_from_json, track_to_json
from dashboard.catalogue import Catalogue
from dashboard.compare.comparison import compare
from dashboard.player_data import VIEW_STATE, energy_data, pane_data
from dashboard.selection.link import from_query, to_query
from reliability import Outcome, Promise, tell
from reliability.promises.media import MUTATORS, N_EXAMPLES, Random
from tests.fixtures import stores

MAX_SECONDS = 1.0
"""For one of them; they are small."""
SEALED_SHARE = 0.9
"""Share of changed manifests whose digest is made to match their new content."""
HOSTILE: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 255, 2**31, -(2**31), 2**63, 2**64, 10**30, 0.5, 1e308, -0.0, math.nan, math.inf),
    *("", "3", "rgb", "../../etc/passwd", "x" * 5000, "\0", "\ud800", "\u202e", "<script>alert(1)</script>", "nan"),
    *([], {}, [[]], [1, 2], {"a": 1}, [None], ["rgb"], {"terms": {}}, [[[[[[]]]]]]),
)
"""Values of every kind, for a place where another one is expected."""
NESTED_SHARE = 0.05
"""Share of changed manifests that also get a value nested up to MAX_NESTED levels."""
MAX_NESTED = 950
"""JSON reads a few more."""


class Tally:
    """Counts what is tried, and keeps of the failures how to find them."""

    def __init__(self, tries: int) -> None:
        self.tries, self.n_done, self.n_refused = tries, 0, 0
        self.failures: list[str] = []

    def attempt(self, what: str, action: Callable[[], Any], refusal: type[Exception] | tuple[()] = ()) -> None:
        """Do it; `refusal` may come out and nothing else, and soon."""
        began = time.monotonic()
        try:
            action()
        except refusal:
            self.n_refused += 1
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            self.failures.append(
                f"{what}: {error!r:.200} in {place.name}, line {place.lineno} of {place.filename[-30:]}"
            )
        if time.monotonic() - began > MAX_SECONDS:
            self.failures.append(f"{what}: took {time.monotonic() - began:.1f} s")
        self.n_done += 1
        tell(self.n_done, self.tries)

    def outcome(self, figures: str) -> Outcome:
        return Outcome(self.tries, len(self.failures), figures, tuple(self.failures[:N_EXAMPLES]))


# --- hostile JSON ---


def mutate_json(random: Random, value: Any) -> Any:
    """A copy of which one to three values are others, missing, added or in another's place."""
    copy = json.loads(json.dumps(value))
    for _ in range(int(random.choice([1, 1, 2, 3]))):
        places = list(_places(copy))
        if not places:
            return _hostile(random)
        holder, name = places[random.integers(len(places))]
        act = random.integers(5)
        if act == 0:
            del holder[name]
        elif act == 1:
            other, other_name = places[random.integers(len(places))]
            holder[name] = json.loads(json.dumps(other[other_name]))
        elif act == 2 and isinstance(holder, dict):
            holder[str(_hostile(random))[:50]] = _hostile(random)
        else:
            holder[name] = _hostile(random)
    return copy


def _places(value: Any) -> Any:
    """(object or array, name or index) of every value inside."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in list(items):
        yield value, name
        yield from _places(part)


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def _hostile(random: Random) -> Any:
    return json.loads(json.dumps(HOSTILE[random.integers(len(HOSTILE))]))


# --- packs ---


def attempt_packs(tries: int, folder: Path, seed: int) -> Outcome:
    """Change bytes as in media files, and put values of every type into headers where others are expected. Packs that are
    accepted are read to the end."""
    tally = Tally(tries)
    path = folder / "some.pack"
    for number in range(tries):
        random = np.random.default_rng([seed, number])
        content = mutated_pack(random)
        path.write_bytes(content)
        tally.attempt(f"pack {seed} {number}", lambda content=content: read_pack(path, content), BadPack)
    return tally.outcome(f"{tally.n_refused} refused, the others read without an error")


def mutated_pack(random: Random) -> bytes:
    n_frames = int(random.integers(1, 6))
    images = [random.bytes(int(random.integers(1, 200))) for _ in range(n_frames)]
    columns = {
        "pts_seconds": np.arange(n_frames) / 30,
        "terms": random.random((n_frames, 3)).astype(np.float32),
        "blocks": random.random((n_frames, 2, 2)).astype(np.float16),
    }
    previews = [random.bytes(20) for _ in images] if random.random() < 0.5 else []
    pack = build_pack(images, codec="webp", width=64, height=48, channels=3, columns=columns, previews=previews)
    if random.random() < 0.4:
        mutate = MUTATORS[random.integers(len(MUTATORS))]
        return mutate(random, pack, pack[::-1])
    start = len(MAGIC) + 4
    (n_header,) = struct.unpack("<I", pack[len(MAGIC) : start])
    header = json.dumps(mutate_json(random, json.loads(pack[start : start + n_header]))).encode()
    body = pack[start + n_header :]
    return MAGIC + struct.pack("<I", len(header)) + header + body


def read_pack(path: Path, content: bytes) -> None:
    header = read_header(io.BytesIO(content), len(content))
    assert len(read_images(path)) == header.n_frames
    assert len(read_previews(path)) in (0, header.n_frames)
    for name in header.columns:
        assert len(read_column(path, name)) == header.n_frames


# --- manifests ---


def attempt_manifests(tries: int, folder: Path, seed: int) -> Outcome:
    """Put values of every type and depth where others are expected, and remove and add values; nine of ten manifests get
    a matching digest, as an attacker would give them. Manifests that are accepted are written again and laid out for the
    page."""
    tally = Tally(tries)
    tracks = some_tracks(folder)
    for number in range(tries):
        random = np.random.default_rng([seed, number])
        manifest = mutate_json(random, track_to_json(tracks[random.integers(len(tracks))]))
        if isinstance(manifest, dict) and manifest and random.random() < NESTED_SHARE:
            manifest[str(random.choice(list(manifest)))] = _nested(int(random.integers(MAX_NESTED)))
        seal = sealed if random.random() < SEALED_SHARE else dict
        action = lambda manifest=manifest, seal=seal: use_track(track_from_json(seal(manifest)), tracks)  # noqa: E731
        tally.attempt(f"manifest {seed} {number}", action, BadRecord)
    return tally.outcome(f"{tally.n_refused} refused, the others shown without an error")


def some_tracks(folder: Path) -> list[Track]:
    store = stores.build_store(folder / "store", titles=("One", "Two"), n_frames=4, targets=("normal", "depth"))
    return store.tracks()


def use_track(track: Track, others: list[Track]) -> None:
    """What `list` and the page do with a track."""
    json.dumps(track_to_json(track), allow_nan=False).encode()
    assert track.head.configuration.isprintable() and isinstance(track.head.caveat, str)
    lay_out({}, Catalogue([track, *others]))
    lay_out({"clip": track.head.clip.key}, Catalogue([track]))


# --- links ---


def attempt_queries(tries: int, folder: Path, seed: int) -> Outcome:
    """Random text, random values of known parameters, and links of the page with changed bytes. Each must give a selection
    that can be laid out and that its own link restores."""
    tally = Tally(tries)
    catalogue = Catalogue(some_tracks(folder))
    whole = from_query({}, catalogue)[0]
    assert whole is not None
    link = urlencode(to_query(whole) | {"frame": "2", "speed": "0.5", "loop": "1~3", "scale": "raw"})
    for number in range(tries):
        query = random_query(np.random.default_rng([seed, number]), link)
        params = dict(parse_qsl(query, keep_blank_values=True, errors="replace"))
        tally.attempt(f"query {seed} {number} {query!r:.100}", lambda params=params: lay_out(params, catalogue))
    return tally.outcome("each gives a selection that its own link gives back")


def random_query(random: Random, link: str) -> str:
    kind = random.integers(3)
    if kind == 0:
        mutate = MUTATORS[random.integers(len(MUTATORS))]
        return mutate(random, link.encode(), link.encode()[::-1]).decode("latin-1")
    if kind == 1:
        return "".join(chr(code) for code in random.integers(1, 0x2FFF, int(random.integers(1, 200))))
    names = ["clip", "predict", "readout", *"abcdefgh", "scale", "frame", "speed", *VIEW_STATE]
    chosen = random.choice(names, int(random.integers(1, 12)))
    values = [str(_hostile(random)).encode(errors="replace") for _ in chosen]
    return "&".join(f"{name}={quote(value)}" for name, value in zip(chosen, values, strict=True))


def lay_out(params: dict[str, str], catalogue: Catalogue) -> None:
    """Everything that the page works out of a link before it draws."""
    selection, notes = from_query(params, catalogue)
    assert selection is not None
    assert all(note.isprintable() and len(note) < 300 for note in notes), notes
    again, complaints = from_query(to_query(selection), catalogue)
    assert again == selection and not complaints, (again, complaints)
    content = compare(catalogue, selection.clip, selection.target, selection.readout, selection.configurations)
    data = [pane_data(pane, {}) for pane in content.panes], [energy_data(track) for track in content.energies.values()]
    json.dumps(data, allow_nan=False)


PROMISES = [
    Promise(
        3,
        "mutated-packs",
        "a modified pack is refused with a named error, or read to the end without an error",
        "packs",
        small=300,
        full=10_000,
        attempt=attempt_packs,
    ),
    Promise(
        3,
        "mutated-manifests",
        "an invalid manifest is refused with a named error, or shown without an error",
        "manifests",
        small=300,
        full=10_000,
        attempt=attempt_manifests,
    ),
    Promise(
        12,
        "queries-parsed",
        "any link gives a view that can be shown, never a traceback",
        "query strings",
        small=200,
        full=1_000,
        attempt=attempt_queries,
    ),
]
