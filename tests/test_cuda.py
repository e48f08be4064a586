"""The same results on a GPU as on the CPU. Skipped where there is none; with FAIL_WITHOUT_CUDA=1 it then fails."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from cache.store import Store
from consistency.zoo import bundled_zoos, load_zoo
from precompute import pipeline, video

pytestmark = pytest.mark.needs_cuda


@pytest.fixture
def cuda() -> torch.device:
    if not torch.cuda.is_available():
        (pytest.fail if os.environ.get("FAIL_WITHOUT_CUDA") == "1" else pytest.skip)("torch finds no CUDA GPU")
    return torch.device("cuda")


@pytest.mark.parametrize("name", bundled_zoos())
def test_a_gpu_scores_the_bundled_clip_as_the_cpu_does_within_a_twentieth_of_sigma(cuda, tmp_path, name):
    zoo = load_zoo(name)
    source = video.resolve("walkthrough", media_dir=tmp_path)
    energies = {}
    for device, dtype in ((cuda, pipeline.choose_dtype(cuda)), (torch.device("cpu"), torch.float32)):
        store = Store(tmp_path / device.type)
        plan = pipeline.make_plan(store, source, video.Sampling(max_frames=8), zoo, ["*"])
        assert pipeline.run_plan(store, plan, device=device, dtype=dtype, batch_size=4) == 8
        for track in store.tracks(kind="energy"):
            constants = track.head.constants
            terms = (store.column(track, "terms") - constants["mu"]) / constants["sigma"]
            energies.setdefault(track.head.configuration, []).append(terms.mean(axis=1))
    assert len(energies) == sum(target in zoo.energies for method in zoo.methods for target in zoo.targets(method))
    for configuration, (on_gpu, on_cpu) in energies.items():
        assert np.abs(on_gpu - on_cpu).max() <= 0.05, configuration
