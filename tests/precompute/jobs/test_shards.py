"""Shards: n machines that share a store by number alone leave what one machine does, in whatever order they run or are killed."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from cache.growing import PART
from cache.maintenance import collect, verify
from cache.store import Store
from cache.writer import PartWriter
from precompute.cli.app import app
from precompute.jobs import compute_clip
from precompute.jobs.output import packs
from precompute.jobs.units import WHOLE_CLIP, Shard, Unit, parse_shard, units_of
from tests.fixtures.media import truncate, write_video
from tests.fixtures.zoos import write_zoo

N_FRAMES = 22
"""Six packs of four frames, the last one not full."""

pytestmark = pytest.mark.usefixtures("one_thread", "small_packs")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "count.mp4", N_FRAMES)


@pytest.fixture
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK_PIXELS", 4 * 64 * 64)


@pytest.fixture(scope="module")
def one_machine(tmp_path_factory: pytest.TempPathFactory, zoo: Path, clip: Path) -> dict[str, list[str]]:
    """What one machine stores, with the threads that the shards have: sums are rounded in another order with more."""
    store, before = tmp_path_factory.mktemp("one"), torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packs, "PACK_PIXELS", 4 * 64 * 64)
        result = run(store, zoo, clip)
    torch.set_num_threads(before)
    assert result.exit_code == 0, result.output
    return finished(store)


def run(store: Path, zoo: Path, *words: str | Path) -> Result:
    options = ("--store", store, "--zoo", zoo, "--size", "64", "--device", "cpu", "--batch-size", "3")
    options = (*options, "--configurations", "*/baseline/rgb-normal,*/baseline/rgb-depth")
    return CliRunner().invoke(app, [str(word) for word in ("run", *words, *options)])


def finished(store: Path) -> dict[str, list[str]]:
    """Finished track -> the digests of its packs: equal contents are equal bytes."""
    tracks = Store(store, read_only=True).tracks()
    return {track.head.key: [pack.sha256 for pack in track.packs] for track in tracks if track.is_complete}


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shards_in_any_order_store_what_one_machine_stores_byte_for_byte(order, tmp_path, zoo, clip, one_machine):
    for number in order[:-1]:
        result = run(tmp_path, zoo, clip, "--shard", f"{number}/3")
        assert result.exit_code == 0 and "other shards are not done" in result.output, result.output
        assert not finished(tmp_path)
    last = run(tmp_path, zoo, clip, "--shard", f"{order[-1]}/3")
    assert last.exit_code == 0, last.output
    assert finished(tmp_path) == one_machine and len(one_machine) > 5
    assert not [problem for problem in verify(Store(tmp_path)) if problem]
    assert not list(tmp_path.rglob(f"*{PART}")), "the manifest replaces what the shards noted"
    assert not list(collect(Store(tmp_path), min_age_seconds=0)), "nothing is left over"


def test_a_shard_that_runs_twice_computes_once(tmp_path, zoo, clip):
    first, again = (run(tmp_path, zoo, clip, "--shard", "1/2", "--json") for _ in range(2))
    assert [stored(result)["n_frames_computed"] for result in (first, again)] == [12, 0]
    assert stored(run(tmp_path, zoo, clip, "--shard", "2/2", "--json"))["n_frames_computed"] == N_FRAMES - 12
    whole = run(tmp_path, zoo, clip, "--shard", "2/2", "--json")
    assert stored(whole) | {"event": "stored", "n_frames_computed": 0} == stored(whole)


def stored(result: Result) -> dict:
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return next(row for row in rows if row["event"] in ("stored", "part_stored"))


def test_a_plain_run_computes_what_lost_shards_left_and_nothing_else(tmp_path, zoo, clip, one_machine):
    for number in (2, 4):
        run(tmp_path, zoo, clip, "--shard", f"{number}/6")
    result = run(tmp_path, zoo, clip, "--json")
    assert stored(result)["n_frames_computed"] == N_FRAMES - 2 * 4
    assert finished(tmp_path) == one_machine


def test_a_killed_shard_resumes_with_the_packs_that_it_stored(tmp_path, zoo, clip, one_machine, monkeypatch):
    def die(stamps, *, is_last=True):
        if next(checks) == 1:
            raise KeyboardInterrupt

    checks = itertools.count()
    with monkeypatch.context() as patch:
        patch.setattr(compute_clip, "_require_unchanged", die)
        assert run(tmp_path, zoo, clip, "--shard", "1/2").exit_code == 130
    assert stored(run(tmp_path, zoo, clip, "--shard", "1/2", "--json"))["n_frames_computed"] == 8
    run(tmp_path, zoo, clip, "--shard", "2/2")
    assert finished(tmp_path) == one_machine


def test_a_part_that_was_damaged_since_is_computed_again(tmp_path, zoo, clip, one_machine):
    run(tmp_path, zoo, clip, "--shard", "1/2")
    part = next(tmp_path.rglob(f"00000004{PART}"))
    pack = part.with_name(json.loads(part.read_text())["sha256"] + ".pack")
    data = pack.read_bytes()
    pack.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    for words in (("--shard", "2/2"), ()):
        result = run(tmp_path, zoo, clip, *words)
        assert result.exit_code == 0, result.output
    assert finished(tmp_path) == one_machine


def test_a_finished_clip_that_lost_a_pack_is_repaired_by_a_shard(tmp_path, zoo, clip, one_machine, monkeypatch):
    def holds(self, start):
        assert start <= 2 * N_FRAMES, "the search for a missing pack does not stop at the end of the clip"
        return before(self, start)

    before = PartWriter.holds
    monkeypatch.setattr(PartWriter, "holds", holds)
    run(tmp_path, zoo, clip)
    next(tmp_path.glob("tracks/*/*.pack")).unlink()
    result = run(tmp_path, zoo, clip, "--shard", "2/2")
    assert result.exit_code == 0, result.output
    assert finished(tmp_path) == one_machine
    assert not [problem for problem in verify(Store(tmp_path)) if problem]


def test_a_clip_that_ends_before_its_header_says_is_complete_nevertheless(
    tmp_path, zoo, clip, one_machine, monkeypatch
):
    monkeypatch.setattr("precompute.jobs.plan.estimate_frames", lambda info, sampling: 2 * N_FRAMES)
    for number in range(1, 5):
        assert run(tmp_path, zoo, clip, "--shard", f"{number}/4").exit_code == 0
    assert finished(tmp_path) == one_machine


def test_a_clip_that_ends_after_its_header_says_is_complete_nevertheless(tmp_path, zoo, clip, one_machine, monkeypatch):
    monkeypatch.setattr("precompute.jobs.plan.estimate_frames", lambda info, sampling: N_FRAMES // 2)
    for number in range(1, 4):
        assert run(tmp_path, zoo, clip, "--shard", f"{number}/3").exit_code == 0
    assert finished(tmp_path) == one_machine


def test_gc_leaves_the_packs_of_a_shard_alone(tmp_path, zoo, clip):
    run(tmp_path, zoo, clip, "--shard", "2/2")
    assert not list(collect(Store(tmp_path), min_age_seconds=0))
    assert stored(run(tmp_path, zoo, clip, "--shard", "2/2", "--json"))["n_frames_computed"] == 0


def test_a_file_that_is_cut_off_fails_in_the_shard_that_reads_its_end_and_leaves_nothing(tmp_path, zoo, clip):
    cut = truncate(write_video(tmp_path / "cut.mkv", N_FRAMES), 0.7)
    results = [run(tmp_path / "store", zoo, cut, "--shard", f"{number}/2") for number in (1, 2)]
    assert 1 in [result.exit_code for result in results]
    assert not finished(tmp_path / "store")


def test_a_network_that_fails_is_reported_by_its_shard_and_a_plain_run_stores_everything_else(tmp_path, clip):
    zoo = write_zoo(tmp_path / "zoo", scale=float("nan"))
    for words in (("--shard", "1/2"), ("--shard", "2/2"), ()):
        result = run(tmp_path / "store", zoo, clip, *words)
        assert result.exit_code == 1 and "not finite" in result.output, result.output
        assert ("a run without --shard or --ray completes" in " ".join(result.output.split())) == bool(words)
        assert bool(finished(tmp_path / "store")) == (not words)
    tracks = Store(tmp_path / "store", read_only=True).tracks()
    assert [(track.head.kind, track.is_complete) for track in tracks] == [("input", True)]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3", "", "1.5/2", "²/3"])
def test_a_wrong_shard_is_refused_with_an_example(text, tmp_path, zoo, clip):
    result = run(tmp_path, zoo, clip, "--shard", text)
    assert result.exit_code == 2 and "1/4" in result.output
    with pytest.raises(ValueError, match="1/4"):
        parse_shard(text)


def test_units_cover_every_frame_once_and_begin_where_packs_begin():
    for n_frames, pack_size, n_units in itertools.product((0, 1, 7, 64, 65, 1000), (1, 4, 64), (1, 2, 3, 50)):
        units = units_of(n_frames, pack_size, n_units)
        assert units[0].start == 0 and units[-1].end is None
        assert all(a.end == b.start for a, b in itertools.pairwise(units))
        assert all(unit.start % pack_size == 0 for unit in units)
        assert all(unit.end is None or unit.start < unit.end for unit in units)


def test_each_unit_belongs_to_one_shard_and_clips_of_one_pack_are_spread_evenly():
    n = 3
    for position, n_frames in itertools.product(range(5), (1, 70, 640)):
        found = [Shard(number, n).unit(position, n_frames, 64) for number in range(1, n + 1)]
        assert sorted((unit for unit in found if unit), key=lambda unit: unit.start) == units_of(n_frames, 64, n)
    turns = np.array([[Shard(i, n).unit(at, 1, 64) == WHOLE_CLIP for at in range(6)] for i in range(1, n + 1)])
    assert turns.sum(axis=1).tolist() == [2, 2, 2]
    assert Shard(1, 1).unit(0, 640, 64) == Unit(0, None)
