"""A real Ray cluster of two nodes on this machine stores what one machine stores, also when workers and nodes are lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cache.maintenance import collect, verify
from cache.store import Store
from tests.cluster.local_cluster import LocalCluster
from tests.fixtures.media import truncate, write_video
from tests.fixtures.zoos import write_zoo

pytest.importorskip("ray", reason="needs requirements/ray.txt: make test-ray")

N_FRAMES = 200
"""Four packs of 64 frames of 256 x 256, the last one not full: two units."""
WAIT_SECONDS = 240.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    made = LocalCluster()
    try:
        made.add()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_zoo(tmp_path_factory.mktemp("zoo"), targets=("normal",))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two of two units each, and one that is cut off."""
    folder = tmp_path_factory.mktemp("clips")
    made = [write_video(folder / f"clip{n}.mp4", N_FRAMES + n) for n in range(2)]
    return [*made, truncate(write_video(folder / "cut.mkv", N_FRAMES), 0.7)]


def command(store: Path, zoo: Path, clips: list[Path], *words: str) -> list[str]:
    options = ["--store", store, "--zoo", zoo, "--device", "cpu", "--no-readouts", *words]
    return [sys.executable, "-m", "precompute", "run", *map(str, [*clips, *options])]


def finished(store: Path) -> dict[str, list[str]]:
    tracks = Store(store, read_only=True).tracks()
    return {track.head.key: [pack.sha256 for pack in track.packs] for track in tracks if track.is_complete}


@pytest.fixture(scope="module")
def one_machine(tmp_path_factory: pytest.TempPathFactory, zoo: Path, clips: list[Path]) -> dict[str, list[str]]:
    store = tmp_path_factory.mktemp("one")
    done = subprocess.run(
        command(store, zoo, clips), env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, check=False
    )
    assert done.returncode == 1, "one clip is cut off"
    return finished(store)


def events_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def require_sound(store: Path, expected: dict[str, list[str]]) -> None:
    assert finished(store) == expected and len(expected) > 10
    assert not [problem for problem in verify(Store(store)) if problem]
    leftovers = [orphan.path for orphan in collect(Store(store), min_age_seconds=0)]
    assert not [path for path in leftovers if path.suffix == ".pack" and path.parent.name in expected]


def test_two_nodes_store_what_one_machine_stores_byte_for_byte_and_name_the_clip_that_is_cut_off(
    cluster, tmp_path, zoo, clips, one_machine
):
    words = command(tmp_path, zoo, clips, "--ray", cluster.address, "--json")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    events = events_of(done.stdout)
    assert done.returncode == 1, done.stderr
    assert [event["event"] for event in events if event["event"] in ("stored", "failed", "done")] == [
        "stored",
        "stored",
        "failed",
        "done",
    ]
    assert next(event["code"] for event in events if event["event"] == "failed") == "truncated"
    assert max(len(event["nodes"]) for event in events if event["event"] == "nodes") == 2
    require_sound(tmp_path, one_machine)
    again = subprocess.run(words, capture_output=True, text=True, check=False)
    computed = [event["n_frames_computed"] for event in events_of(again.stdout) if event["event"] == "stored"]
    assert computed == [0, 0], "twice is once"


def test_killed_workers_and_a_removed_node_lose_nothing(cluster, tmp_path, zoo, clips, one_machine):
    words = command(tmp_path, zoo, clips, "--ray", cluster.address, "--json")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        kill_a_worker(cluster, running, tmp_path)
        joined = cluster.nodes[-1]
        wait_for(lambda: cluster.workers(joined) or running.poll() is not None)
        cluster.remove(joined)
        stdout, stderr = running.communicate(timeout=WAIT_SECONDS)
    cluster.add()
    assert "lost its worker" in stderr or "is gone" in stderr
    assert events_of(stdout)[-1]["n_stored"] == 2, stderr
    require_sound(tmp_path, one_machine)


def kill_a_worker(cluster: LocalCluster, running: subprocess.Popen[str], store: Path) -> None:
    """Kill one as soon as it has begun a track."""
    wait_for(lambda: list(store.glob("tracks/*/head.json")) or running.poll() is not None)
    for pid in cluster.workers(cluster.nodes[0]):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_for(is_true) -> None:
    latest = time.monotonic() + WAIT_SECONDS
    while not is_true():
        assert time.monotonic() < latest
        time.sleep(0.1)


def test_an_address_without_a_cluster_is_refused_with_the_page_that_helps(tmp_path, zoo, clips):
    words = command(tmp_path, zoo, clips, "--ray", "127.0.0.1:1")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "docs/cluster.md" in done.stderr, done.stderr
