"""What a run on a cluster does with lost workers, failures and nodes that do not fit. No cluster is needed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from cache.store import Store
from consistency.zoo.read import load_zoo
from precompute.cli.app import app
from precompute.cluster.messages import Identity, identity_of, job_of, refusal, settings_of
from precompute.cluster.node_worker import NodeWorker, Outcome
from precompute.cluster.run import everywhere
from precompute.cluster.tasks import MAX_LOST, MAX_TRIES, Tasks
from precompute.jobs.events import Stored
from precompute.jobs.job import Settings
from precompute.jobs.units import WHOLE_CLIP, units_of
from precompute.media.sampling import Sampling
from tests.fixtures.media import write_video
from tests.fixtures.zoos import write_zoo

HERE = Identity("1.0", "3.11.7", "mini 3", "a" * 64)
DONE = Outcome(stored=vars(Stored("clip.mp4", "Clip", "c" * 64, 5)))


@pytest.fixture
def tasks() -> Tasks:
    """Those of a clip in two units."""
    made = Tasks()
    made.add(0, "clip.mp4", "c" * 64, 20, units_of(20, 10, 2))
    return made


def taken(tasks: Tasks):
    task = tasks.next()
    assert task is not None
    return task


def test_a_clip_is_completed_once_after_all_of_its_units(tasks):
    first, second = taken(tasks), taken(tasks)
    assert tasks.next() is None
    tasks.done(second, Outcome(10))
    assert tasks.next() is None
    tasks.done(first, Outcome(10))
    last = taken(tasks)
    assert last.completes and last.unit == WHOLE_CLIP and tasks.next() is None
    tasks.done(last, DONE)
    assert tasks.of[0].is_over and tasks.of[0].n_done == 20


def test_a_lost_task_is_done_again_until_it_has_lost_too_many_workers(tasks):
    task = taken(tasks)
    for _ in range(MAX_LOST - 1):
        tasks.lost(task, "killed")
        assert taken(tasks) == task
    tasks.lost(task, "killed")
    failure = tasks.of[0].failure
    assert failure is not None and failure.code == "worker_lost" and "frames 0 to 9" in failure.found
    assert tasks.next() is None, "nothing more is done of a source that failed"


def test_a_failure_that_may_pass_is_tried_again_and_any_other_ends_its_source_alone(tasks):
    tasks.add(1, "other.mp4", "d" * 64, 5, units_of(5, 10, 1))
    first, second = taken(tasks), taken(tasks)
    for _ in range(MAX_TRIES):
        assert tasks.of[0].failure is None
        tasks.done(first, Outcome(failure=("out_of_memory", "clip.mp4: full", "wait")))
    assert tasks.of[0].failure is not None and tasks.of[0].failure.code == "out_of_memory"
    tasks.done(second, Outcome(10))
    other = taken(tasks)
    assert other.position == 1
    tasks.done(other, Outcome(failure=("truncated", "other.mp4: cut", "mend")))
    assert tasks.of[1].failure is not None and tasks.next() is None


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (HERE, ""),
        (replace(HERE, crosscheck="0.9"), "it has Crosscheck 0.9, this run 1.0"),
        (
            replace(HERE, missing=("rgb-normal.baseline",), networks="b" * 64),
            "it lacks the weights of rgb-normal.baseline",
        ),
        (replace(HERE, zoo="mini 2", networks="b" * 64), "its zoo is mini 2"),
        (replace(HERE, error="the store /s is not there"), "the store /s is not there"),
    ],
)
def test_a_node_that_would_compute_something_else_is_refused_with_the_reason(node, said):
    assert refusal(HERE, node).startswith(said) and bool(refusal(HERE, node)) == bool(said)


def test_networks_that_the_run_lacks_too_do_not_exclude_a_node():
    assert not refusal(replace(HERE, missing=("a",)), replace(HERE, missing=("a",)))


def made_job(store: Path, zoo: Path):
    settings = Settings(load_zoo(str(zoo)), ("*/baseline/rgb-normal",), Sampling(size=64), torch.device("cpu"))
    return settings, job_of(store, str(zoo), settings, "cpu")


def test_a_node_gets_the_settings_of_the_run(tmp_path):
    settings, job = made_job(tmp_path, write_zoo(tmp_path / "zoo"))
    found = settings_of(job)
    assert replace(found, zoo=settings.zoo) == settings
    assert identity_of(found.zoo) == identity_of(settings.zoo)


def test_a_worker_answers_with_a_code_for_a_bad_source_and_with_a_reason_where_the_store_is_not_mounted(tmp_path):
    zoo = write_zoo(tmp_path / "zoo")
    worker = NodeWorker(made_job(tmp_path / "store", zoo)[1])
    assert "is not there" in worker.identity()["error"]
    assert not (tmp_path / "store").exists(), "a folder that is not mounted is not made"
    Store(tmp_path / "store")
    worker = NodeWorker(made_job(tmp_path / "store", zoo)[1])
    assert not worker.identity()["error"]
    outcome = Outcome(*worker.compute(str(tmp_path / "none.mp4"), "", 0, None, completes=True))
    assert outcome.failure is not None and outcome.failure[0] == "not_found"
    clip = str(write_video(tmp_path / "count.mp4", 3))
    outcome = Outcome(*worker.compute(clip, "0" * 64, 0, 2, completes=False))
    assert outcome.failure is not None and outcome.failure[0] == "changed", "another file under the same name"
    worker.stop()
    assert Outcome(*worker.compute(clip, "", 0, None, completes=True)).was_stopped


def test_nodes_find_a_file_by_its_whole_path_and_bundled_clips_and_links_by_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert everywhere("a.mp4") == str(tmp_path / "a.mp4")
    assert everywhere("phone") == "phone" and everywhere("https://a.b/c.mp4") == "https://a.b/c.mp4"


def test_ray_and_shards_exclude_each_other(tmp_path):
    words = ["run", "phone", "--store", str(tmp_path), "--ray", "127.0.0.1:1", "--shard", "1/2"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2 and "use one of them" in result.output


def test_without_ray_the_command_names_the_requirements_file(tmp_path):
    block = "import sys; sys.modules['ray'] = None; from precompute.cli.app import app; app(sys.argv[1:])"
    words = ["run", "phone", "--store", str(tmp_path), "--ray", "127.0.0.1:1"]
    done = subprocess.run([sys.executable, "-c", block, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "pip install -r requirements/ray.txt" in " ".join(done.stderr.split())
