"""What must training, export and evaluation keep to?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from consistency.zoo import load_zoo
from training import methods
from training.data import Frames, RenderPlan, render_all
from training.evaluate import Errors
from training.export import write_zoo
from training.methods import TrainingDiverged, TrainingPlan, draw_batch, mirror, plan_jobs, train

PLAN = TrainingPlan(
    batch=2,
    small_px=16,
    rgb_widths=(4, 4, 4),
    cross_widths=(4, 4),
    rgb_steps=(3, 3, 3),
    rgb_full_size_steps=2,
    method_steps=2,
    cross_steps=2,
    cross_full_size_steps=1,
)
JOBS = {job.name: job for jobs in plan_jobs(PLAN) for job in jobs}


@pytest.fixture(scope="module")
def frames_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    plan = RenderPlan(
        size_px=32, train_rooms=4, train_views=2, validation_rooms=2, test_rooms=2, held_out_views=2, furniture=False
    )
    render_all(plan, folder, workers=1)
    return folder


def test_a_zoo_has_eighteen_trained_networks():
    assert len(methods.final_jobs(TrainingPlan())) == 18


def test_both_methods_take_the_same_steps_from_the_same_start():
    for target in methods.TARGETS:
        baseline, consistency = JOBS[f"rgb-{target}.baseline"], JOBS[f"rgb-{target}.consistency"]
        assert replace(baseline, method=None) == replace(consistency, method=None)


def test_both_methods_see_the_same_batches(frames_folder: Path):
    frames = Frames(frames_folder, "train")
    batches = [draw_batch(JOBS[f"rgb-normal.{m}"], PLAN, frames, 1, 16, "cpu") for m in ("baseline", "consistency")]
    assert all(torch.equal(a, b) for a, b in zip(*batches, strict=True))


def test_resumed_training_equals_uninterrupted_training(frames_folder: Path, tmp_path: Path):
    job = JOBS["depth-normal.shared"]
    train(job, PLAN, frames_folder, tmp_path / "whole")
    train(job, PLAN, frames_folder, tmp_path / "parts", stop_after=1)
    train(job, PLAN, frames_folder, tmp_path / "parts", stop_after=1)
    train(job, PLAN, frames_folder, tmp_path / "parts")
    whole, parts = (methods.finished_state(tmp_path / name, job.name) for name in ("whole", "parts"))
    assert all(torch.equal(value, parts[key]) for key, value in whole.items())


def test_a_checkpoint_of_another_plan_is_refused(frames_folder: Path, tmp_path: Path):
    job = JOBS["depth-normal.shared"]
    train(job, PLAN, frames_folder, tmp_path, stop_after=1)
    with pytest.raises(ValueError, match="another plan"):
        train(job, replace(PLAN, seed=2), frames_folder, tmp_path)


def test_a_loss_that_is_not_finite_is_named(frames_folder: Path, tmp_path: Path):
    plan = replace(PLAN, learning_rate=1e38)
    job = next(job for jobs in plan_jobs(plan) for job in jobs if job.name == "normal-depth.shared")
    with pytest.raises(TrainingDiverged, match=r"normal-depth\.shared is (nan|inf) at step [12]"):
        train(job, plan, frames_folder, tmp_path)


def test_without_a_share_the_readouts_change_nothing():
    source, target = torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8)
    readout = torch.nn.Conv2d(1, 1, 3, padding=1).requires_grad_(False)
    assert torch.allclose(gradient(source, target, None, 0.0), gradient(source, target, readout, 0.0), atol=1e-6)


def test_a_readout_that_sees_truth_as_prediction_pulls_with_the_given_share():
    """An identity readout has L1's own gradient, so the sum is (1 + share) times as long."""
    source, target = torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8)
    alone = gradient(source, target, None, 0.0)
    torch.testing.assert_close(gradient(source, target, torch.nn.Identity(), 0.45), 1.45 * alone, rtol=0.02, atol=1e-4)


def test_mirroring_twice_gives_the_frames_back():
    batch = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 8)).astype(np.uint8)
    assert (mirror(mirror(batch)) == batch).all()


def test_mirroring_turns_a_wall_on_the_left_into_one_on_the_right():
    batch = np.full((1, 1, 2, 8), 128, np.uint8)
    batch[0, 0, 0, 3] = 255  # a normal toward +x in the left pixel
    assert mirror(batch)[0, 0, 1, 3] == 0


def test_a_prediction_equal_to_the_truth_has_no_error():
    normal = torch.nn.functional.normalize(torch.randn(2, 3, 8, 8), dim=1) / 2 + 0.5
    depth = torch.rand(2, 1, 8, 8)
    for target, truth in (("normal", normal), ("depth", depth)):
        errors = Errors(target)
        errors.add(truth, truth)
        figures = errors.figures()
        assert figures["L1"] == 0
        assert figures.get("mean angle", 0) < 0.1
        assert figures.get("AbsRel", 0) == 0


def test_scaled_depth_error_ignores_a_common_factor():
    truth = torch.rand(2, 1, 8, 8) * 0.5
    errors = Errors("depth")
    errors.add(truth + 0.1, truth)  # codes are logarithms: an offset is a factor
    figures = errors.figures()
    assert figures["AbsRel"] > 0.5
    assert figures["AbsRel scaled"] < 1e-5


def test_a_zoo_is_made_from_nothing_and_can_be_loaded(frames_folder: Path, tmp_path: Path):
    plan = replace(PLAN, rgb_steps=(1, 1, 1), rgb_full_size_steps=1, method_steps=1, cross_steps=1)
    out = tmp_path / "zoo"
    methods.train_all(plan, frames_folder, tmp_path / "networks", workers=1)
    write_zoo(plan, tmp_path / "networks", frames_folder, out)
    zoo = load_zoo(str(out))
    assert zoo.methods == ("baseline", "consistency")
    assert zoo.energies["normal"].paths == ("rgb-depth-normal", "rgb-reshading-normal", "rgb-edge2d-normal")
    card = (out / "MODEL_CARD.md").read_text()
    assert "mean angle" in card
    assert "nan" not in card
    assert not list(out.glob("*.tmp"))


def gradient(source: torch.Tensor, target: torch.Tensor, readout: torch.nn.Module | None, share: float) -> torch.Tensor:
    """The gradient that one step puts into a fixed 1x1 convolution."""
    torch.manual_seed(0)
    network = torch.nn.Conv2d(1, 1, 1)
    methods.take_gradient(network, source, target, readout, share)
    assert network.weight.grad is not None
    return network.weight.grad
