"""However many threads a job has, it stores the same; where one of them fails, the run is named, and the next one finishes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from cache.maintenance import verify
from cache.store import Store
from precompute.cli.app import app
from precompute.jobs import device_worker
from precompute.jobs.output import packs, tracks
from tests.fixtures.media import write_video

N_FRAMES = 10


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "count.mp4", N_FRAMES)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def run(store: Path, zoo: Path, clip: Path) -> Result:
    words = ["run", clip, "--store", store, "--zoo", zoo, "--size", "64", "--device", "cpu", "--batch-size", "4"]
    return CliRunner().invoke(app, [*map(str, words), "--max-frames", str(N_FRAMES)])


def contents(store: Path) -> dict[str, list[str]]:
    return {track.head.key: [pack.sha256 for pack in track.packs] for track in Store(store, read_only=True).tracks()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, zoo: Path, clip: Path, one_thread: None) -> Path:
    """A store in which one thread has finished the clip."""
    store = tmp_path_factory.mktemp("done")
    assert run(store, zoo, clip).exit_code == 0
    return store


def test_two_cores_store_what_one_stores(done, two_threads, tmp_path, zoo, clip, monkeypatch):
    starts: list[int] = []
    scored = device_worker.Scored

    def watched(frames, chunks, wait):
        starts.append(frames.start)
        return scored(frames, chunks, wait)

    monkeypatch.setattr(device_worker, "Scored", watched)
    assert run(tmp_path, zoo, clip).exit_code == 0
    assert sorted(starts) == [0, 2, 4, 6, 8], "two cores have scored two frames each"
    assert contents(tmp_path) == contents(done)


@pytest.mark.parametrize(("module", "work"), [(tracks, "_to_levels"), (packs, "encode_image")])
@pytest.mark.parametrize("error", [MemoryError("no room"), OSError(28, "No space left on device")])
def test_a_thread_that_fails_ends_the_run_with_an_error_and_the_next_run_finishes_it(
    done, two_threads, tmp_path, zoo, clip, monkeypatch, module, work, error
):
    original, calls = getattr(module, work), []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) == 20:
            raise error
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(packs, "PACK_PIXELS", 4 * 64 * 64)
        patch.setattr(module, work, failing)
        failed = run(tmp_path, zoo, clip)
    assert failed.exit_code == 1 and len(calls) >= 20
    assert "Traceback" not in failed.stderr and re.search("memory|space", failed.stderr)
    store = Store(tmp_path, read_only=True)
    assert not any(track.is_complete for track in store.tracks())
    assert not [problem for problem in verify(store) if problem]
    assert run(tmp_path, zoo, clip).exit_code == 0
    assert all(track.n_frames == N_FRAMES and track.is_complete for track in Store(tmp_path, read_only=True).tracks())
