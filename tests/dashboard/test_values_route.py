"""Laws of saved values: every format gives the stored values back by another reader, and nothing asked for makes the server fail."""

# N = 3 frames, 24 x 16 pixels

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import cv2
import numpy as np
import OpenEXR
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.testclient import TestClient
from starlette.types import Message

from analysis.columns import Columns
from cache.records import Track
from cache.store import Store
from dashboard.server import values_route
from dashboard.server.routes import player_routes
from dashboard.server.values_route import values_response
from precompute.results.reading import Reader
from precompute.results.truth import Truth
from tests.fixtures.stores import add_track, make_clip
from tests.precompute.results.conftest import HEIGHT, N_FRAMES, WIDTH, add, depths, normals


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Depth in metres with an unknown corner, normals, and a relative depth."""
    folder = tmp_path_factory.mktemp("values")
    opened = Store(folder / "store")
    clip = make_clip("Counting frames", n_frames=N_FRAMES, size=(WIDTH, HEIGHT))
    add_track(opened, clip, kind="input", path="rgb", number=1)
    depth = depths()
    depth[:, :2, :2] = np.nan
    with Reader() as reader:
        for name, values, stated in (
            ("metric", depth, {"unit": "m", "unknown": ("nan",), "bits": 16}),
            ("relative", 3 * depth + 7, {"unit": "affine", "unknown": ("nan",), "bits": 16}),
            ("angles", normals(), {"domain": "normal", "axes": "opencv"}),
        ):
            np.save(folder / f"{name}.npy", values)
            add(opened, folder / f"{name}.npy", reader, name, **stated)  # pyright: ignore[reportArgumentType]
    return opened


def track_of(store: Store, method: str) -> Track:
    return next(track for track in store.tracks() if track.head.method == method)


def ask(store: Store, **query: str) -> tuple[int, bytes]:
    answer = client(store).get("/values.zip", params=query)
    return answer.status_code, answer.content


def client(store: Store) -> TestClient:
    return TestClient(Starlette(routes=player_routes(store)))


def files(store: Store, method: str, how: str, **query: str) -> dict[str, bytes]:
    status, body = ask(store, track=track_of(store, method).head.key, format=how, **query)
    assert status == 200, body
    with zipfile.ZipFile(io.BytesIO(body)) as made:
        assert made.testzip() is None
        return {name: made.read(name) for name in made.namelist()}


def stored(store: Store, method: str, at: int) -> np.ndarray:
    return Truth(store, track_of(store, method)).values(at)


@pytest.mark.parametrize(("unit", "metres"), [("mm", 0.001), ("m/256", 1 / 256)])
def test_a_png_of_16_bits_holds_metres_in_the_stated_unit_and_0_where_unknown(store: Store, unit: str, metres: float):
    found = files(store, "metric", "png16", unit=unit, first="1", last="2")
    assert list(found) == ["values.json", "frame_000001.png", "frame_000002.png"]
    image = cv2.imdecode(np.frombuffer(found["frame_000002.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    values = stored(store, "metric", 2)
    assert image is not None and image.dtype == np.uint16 and not image[:2, :2].any()
    known = np.isfinite(values)
    assert np.abs(image[known] * metres - values[known]).max() <= metres / 2 + 1e-6
    about = json.loads(found["values.json"])
    assert about["values"] == f"counts of {unit}" and len(about["pts_seconds"]) == about["n_frames"] == 2


def test_normals_of_16_bits_are_unit_vectors_of_the_stated_axes(store: Store):
    found = files(store, "angles", "png16", first="0", last="0")
    image = cv2.imdecode(np.frombuffer(found["frame_000000.png"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    vectors = image[..., ::-1] / 65535 * 2 - 1
    assert np.abs(np.linalg.norm(vectors, axis=-1) - 1).max() < 1e-4
    assert np.abs(vectors - normals()[0]).max() < 0.01


def test_npy_npz_and_exr_hold_the_stored_floats(store: Store, tmp_path: Path):
    values = np.stack([stored(store, "metric", at) for at in range(N_FRAMES)])
    arrays = files(store, "metric", "npy")
    one = np.load(io.BytesIO(arrays["frame_000001.npy"]), allow_pickle=False)
    assert np.array_equal(one, values[1], equal_nan=True)
    with np.load(io.BytesIO(files(store, "metric", "npz")["depth.npz"]), allow_pickle=False) as packed:
        assert np.array_equal(packed["depth"], values, equal_nan=True)
    path = tmp_path / "one.exr"
    path.write_bytes(files(store, "metric", "exr", first="2", last="2")["frame_000002.exr"])
    with OpenEXR.File(str(path)) as opened:
        assert np.array_equal(opened.channels()["Z"].pixels, values[2], equal_nan=True)


def test_a_relative_depth_comes_back_as_the_source_had_it_and_has_no_png_in_metres(store: Store):
    found = files(store, "relative", "npy", first="0", last="0")
    one = np.load(io.BytesIO(found["frame_000000.npy"]), allow_pickle=False)
    wanted = 3 * depths()[0] + 7
    assert np.nanmax(np.abs(one - wanted)) < 0.01 and np.isnan(one[:2, :2]).all()
    assert json.loads(found["values.json"])["values"] == "relative depth (affine)"
    status, reason = ask(store, track=track_of(store, "relative").head.key, format="png16")
    assert status == 409 and b"no unit" in reason


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"format": "pickle"}, 400),
        ({"unit": "yards"}, 400),
        ({"track": "../../etc/passwd"}, 404),
        ({"track": "e" * 64}, 404),
        ({"first": "2", "last": "1"}, 404),
        ({"first": "-1"}, 404),
        ({"last": "3"}, 404),
        ({"last": "9" * 99}, 404),
        ({"last": "1e0"}, 404),
    ],
)
def test_what_does_not_exist_is_refused_in_words(store: Store, query: dict[str, str], status: int):
    asked = {"track": track_of(store, "metric").head.key, "format": "npy", **query}
    found, reason = ask(store, **asked)
    assert found == status and reason


def test_the_input_has_no_values_and_too_many_frames_are_refused_before_any_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    picture = next(iter(store.tracks(kind="input")))
    assert ask(store, track=picture.head.key, format="npy")[0] == 404
    monkeypatch.setattr(values_route, "MAX_BYTES", 2 * 4 * WIDTH * HEIGHT)
    status, reason = ask(store, track=track_of(store, "metric").head.key, format="npy")
    assert status == 413 and b"at most 2" in reason
    assert ask(store, track=track_of(store, "metric").head.key, format="npy", last="1")[0] == 200


def test_a_damaged_pack_is_said_and_leaves_no_file(store: Store, tmp_path: Path):
    track = track_of(store, "angles")
    path = store.pack_path(track.head.key, track.packs[0].sha256)
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[: len(whole) // 2])
        status, reason = ask(Store(store.root), track=track.head.key, format="npy")
        assert status == 410 and reason
    finally:
        path.write_bytes(whole)


def test_while_as_many_files_as_allowed_are_made_another_is_refused_at_once_with_a_time_to_retry(store: Store):
    query = {"track": track_of(store, "metric").head.key, "format": "npy"}
    for _ in range(values_route.MOST_AT_ONCE):
        assert values_route._making.acquire(timeout=0)
    try:
        answer = client(store).get("/values.zip", params=query)
    finally:
        values_route._making.release(values_route.MOST_AT_ONCE)
    assert answer.status_code == 503 and "try again" in answer.text and int(answer.headers["retry-after"]) > 0
    assert ask(store, **query)[0] == 200


def test_a_head_request_makes_no_file(store: Store, monkeypatch: pytest.MonkeyPatch):
    made: list[object] = []
    monkeypatch.setattr(values_route, "_zip", lambda *given: made.append(given))
    query = {"track": track_of(store, "metric").head.key, "format": "npy"}
    answer = client(store).head("/values.zip", params=query)
    assert answer.status_code == 405 and answer.headers["allow"] == "GET" and not made


def test_a_file_counts_until_its_reader_has_it_or_is_gone(store: Store):
    query = {"track": track_of(store, "metric").head.key, "format": "npy"}
    scope = {"type": "http", "method": "GET", "headers": [], "query_string": urlencode(query).encode()}
    unread = [values_response(store, Columns(store), Request(scope)) for _ in range(values_route.MOST_AT_ONCE)]
    assert [one.status_code for one in unread] == [200] * values_route.MOST_AT_ONCE
    assert ask(store, **query)[0] == 503

    async def leave(message: Message) -> None:
        raise OSError("the reader is gone")

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    for one in unread:
        with ThreadPoolExecutor(1) as thread, pytest.raises((OSError, ClientDisconnect, BaseExceptionGroup)):
            thread.submit(asyncio.run, one(scope, receive, leave)).result()  # pyright: ignore[reportArgumentType]
    assert ask(store, **query)[0] == 200
