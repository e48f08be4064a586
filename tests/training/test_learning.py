"""Training: plans, batches, methods, the resumable loop and the export."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from consistency.domains import DOMAINS
from consistency.loss import masked_l1
from consistency.metrics import dilated_valid
from consistency.models import small_unet
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.read import load_zoo
from training.learning import augmentation, batches, checkpoints, loop, methods, mixed_precision, parallel
from training.learning.batches import ResidentFrames, TrainingBatch, draw_batch
from training.learning.jobs import TrainingJobs
from training.learning.loop import TrainingDiverged, Workshop, make_learner, train
from training.learning.muon import Muon, orthogonal
from training.learning.parallel import TrainingFailed
from training.learning.plan import (
    METHODS,
    METHODS_IN_WORDS,
    PRESETS,
    SEEDED,
    SINGLE_NETWORK_METHODS,
    TARGETS,
    StageSteps,
    TrainingPlan,
)
from training.release import export, provenance, zoo_specs
from training.scenes.frames import Frames
from training.scenes.render_shards import RenderPlan

SIZE_PX = 32
PLAN = TrainingPlan(
    extra_seeds=(2,),
    tiny_px=16,
    small_px=16,
    small_batch=2,
    full_batch=2,
    rgb_widths=(4, 4),
    cross_widths=(4, 4),
    start=StageSteps(1, 1, 1),
    fork=3,
    shared=StageSteps(0, 1, 0),
    cross=StageSteps(0, 1, 1),
    k=2,
    choose="win-rate",
)
JOBS = TrainingJobs(PLAN)


@pytest.fixture(scope="module")
def frames_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    (folder / "plan.json").write_text(json.dumps(asdict(RenderPlan(train_rooms=2))))
    for number, (split, n) in enumerate((("train", 6), ("validation", 3), ("test", 3))):
        write_shard(folder / f"{split}-0000.npy", n, number)
    return folder


def write_shard(path: Path, n: int, seed: int) -> None:
    """Noise in every channel, and a window of unknown geometry."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (n, SIZE_PX, SIZE_PX, 14), dtype=np.uint8)
    codes[..., 13] = 255
    codes[:, 8:16, 8:16, 13] = 0
    np.save(path, codes)
    np.save(path.with_suffix(".fov.npy"), np.full(n, 60, np.float32))


@pytest.fixture(scope="module")
def trained(frames_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every network of the plan."""
    folder = tmp_path_factory.mktemp("trained")
    parallel.train_all(PLAN, frames_folder, folder, workers=1)
    return folder


def workshop(frames_folder: Path, folder: Path, plan: TrainingPlan = PLAN) -> Workshop:
    frames = Frames(frames_folder, "train")
    return Workshop(TrainingJobs(plan), frames, json.dumps(frames.names), folder)


def batch_of(target: str, *, n: int = 2, unknown: slice = slice(0, 0)) -> TrainingBatch:
    """Random images of the image, the target and all other domains; columns `unknown` do not count."""
    torch.manual_seed(0)
    images = {name: torch.rand(n, domain.channels, 16, 16) for name, domain in DOMAINS.items()}
    valid = torch.ones(n, 1, 16, 16)
    valid[..., unknown] = 0
    return TrainingBatch(images, valid, torch.full((n,), 60.0))


def random_readouts(target: str, domains: Sequence[str]) -> list[tuple[str, nn.Module]]:
    torch.manual_seed(1)
    channels = DOMAINS[target].channels
    return [
        (name, small_unet.SmallUNet(channels, DOMAINS[name].channels, (4, 4)).train().requires_grad_(False))
        for name in domains
    ]


def learner_of(name: str, plan: TrainingPlan = PLAN) -> methods.Learner:
    """The learner of a job, its cross networks random."""
    job = TrainingJobs(plan).by_name[name]
    torch.manual_seed(0)
    readouts = dict(random_readouts(job.targets[0], [z for z in DOMAINS if z not in ("rgb", job.targets[0])]))
    return methods.new_learner(
        job, plan, job.new_network("batch").train(), lambda cross: readouts[cross.split("-")[1].split(".")[0]], 3
    )


# The plan


def test_there_are_thirty_six_cross_networks_and_three_to_the_other_domains():
    shared = [job for job in JOBS.all if job.method == "shared"]
    assert sum(job.source != "rgb" for job in shared) == 36
    assert {job.targets[0] for job in shared if job.source == "rgb"} == {"curvature", "edge3d", "keypoint3d"}


@pytest.mark.parametrize("plan", PRESETS.values(), ids=PRESETS)
def test_methods_differ_in_nothing_but_the_method(plan: TrainingPlan):
    jobs = TrainingJobs(plan).by_name
    for target in TARGETS:
        alike = {
            replace(jobs[f"rgb-{target}.{method}"], name="", method="", readouts=())
            for method in SINGLE_NETWORK_METHODS
        }
        assert len(alike) == 1


@pytest.mark.parametrize("plan", PRESETS.values(), ids=PRESETS)
def test_multitask_sees_as_many_images_as_start_and_fork(plan: TrainingPlan):
    jobs = TrainingJobs(plan).by_name

    def images(*names: str) -> int:
        return sum(stage.steps * stage.batch for name in names for stage in jobs[name].stages)

    assert images("rgb.multitask") == images("rgb-normal", "rgb-normal.baseline")


@pytest.mark.parametrize("plan", PRESETS.values(), ids=PRESETS)
def test_baseline_and_consistency_have_three_seeds(plan: TrainingPlan):
    names = TrainingJobs(plan).by_name
    for target in TARGETS:
        for method in SEEDED:
            assert {f"rgb-{target}.{method}", f"rgb-{target}.{method}.seed2", f"rgb-{target}.{method}.seed3"} <= set(
                names
            )


@pytest.mark.parametrize("spec", [zoo_specs.LAB, zoo_specs.MINI], ids=["lab", "mini"])
@pytest.mark.parametrize("plan", PRESETS.values(), ids=PRESETS)
def test_the_weights_of_a_zoo_are_small_enough(plan: TrainingPlan, spec: zoo_specs.ZooSpec):
    jobs = spec.jobs(TrainingJobs(plan), plan.seed)
    assert sum(len(export.weights_bytes(job.new_network("none"))) for job in jobs) <= spec.largest_megabytes * 1e6


@pytest.mark.parametrize("name", ["mini", "lab"])
def test_the_bundled_zoos_say_of_their_methods_what_an_export_would(name):
    zoo = load_zoo(name)
    assert zoo.description == {"lab": zoo_specs.LAB, "mini": zoo_specs.MINI}[name].description
    assert zoo.trainings == {method: METHODS_IN_WORDS[method] for method in zoo.methods}


def test_mini_is_a_part_of_lab():
    lab, mini = (spec.jobs(JOBS, PLAN.seed) for spec in (zoo_specs.LAB, zoo_specs.MINI))
    assert {job.name for job in mini} < {job.name for job in lab}


def test_a_job_comes_after_all_that_it_needs():
    names = [job.name for job in JOBS.all]
    assert all(names.index(need) < names.index(job.name) for job in JOBS.all for need in job.needs)


def test_a_pattern_chooses_networks_and_what_they_need():
    names = [job.name for job in JOBS.matching(["rgb-depth.consistency-*"])]
    assert names == [
        "rgb-depth",
        "depth-edge2d.shared",
        "depth-keypoint2d.shared",
        "rgb-depth.consistency-unsupervised",
    ]


def test_a_pattern_that_matches_nothing_is_named():
    with pytest.raises(ValueError, match="no network is called 'rgb-noraml'"):
        JOBS.matching(["rgb-noraml"])


def test_a_plan_survives_json():
    for plan in (PLAN, *PRESETS.values()):
        assert TrainingPlan.of(json.loads(json.dumps(plan.record()))) == plan


# Batches


def test_methods_of_a_fork_see_the_same_batches(frames_folder: Path, tmp_path: Path):
    shop = workshop(frames_folder, tmp_path)
    drawn = [loop.draw(JOBS.by_name[f"rgb-normal.{method}"], shop, 1) for method in SINGLE_NETWORK_METHODS]
    for other in drawn[1:]:
        assert all(torch.equal(other.images[name], image) for name, image in drawn[0].images.items())


def test_seeds_and_steps_see_different_batches(frames_folder: Path, tmp_path: Path):
    shop = workshop(frames_folder, tmp_path)
    first, second = (JOBS.by_name[f"rgb-normal.baseline{end}"] for end in ("", ".seed2"))
    images = [loop.draw(job, shop, step).images["rgb"] for job, step in ((first, 1), (first, 2), (second, 1))]
    assert not torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_frames_on_a_device_give_the_same_batch_as_frames_on_disk(frames_folder: Path):
    frames = Frames(frames_folder, "train")
    resident = ResidentFrames.load(frames, "cpu").share()
    for step in range(4):
        drawn = [
            draw_batch(source, DOMAINS, key=(1, "test", step), batch=3, size_px=16, device="cpu")
            for source in (frames, resident)
        ]
        assert drawn[0].images.keys() == DOMAINS.keys()
        assert all(torch.equal(drawn[1].images[name], image) for name, image in drawn[0].images.items())
        assert torch.equal(drawn[0].valid, drawn[1].valid)
        assert torch.equal(drawn[0].field_of_view, drawn[1].field_of_view)


def test_a_crop_has_the_field_of_view_of_the_longer_lens(frames_folder: Path):
    frames = Frames(frames_folder, "train")
    seen = set()
    for step in range(30):
        batch = draw_batch(frames, ("depth",), key=(1, "test", step), batch=1, size_px=16, device="cpu")
        seen.add(round(float(batch.field_of_view), 1))
        ratio = np.tan(np.deg2rad(float(batch.field_of_view)) / 2) / np.tan(np.deg2rad(30))
        assert round(ratio * SIZE_PX, 3) % 2 == 0  # the window is an even number of pixels around the centre
    assert max(seen) == 60 and len(seen) > 2


def test_codes_are_never_mixed(frames_folder: Path):
    """Every code drawn is a code of the frames, at any zoom and size."""
    frames = Frames(frames_folder, "train")
    for step, size_px in enumerate((16, 24, None, 16, 24, None)):
        batch = draw_batch(frames, ("depth",), key=(2, "test", step), batch=2, size_px=size_px, device="cpu")
        codes = batch.images["depth"] * 255
        assert torch.allclose(codes, codes.round(), atol=1e-4)


def test_mirrored_normals_point_the_other_way_sideways():
    normal = torch.rand(1, 3, 2, 2)
    mirrored = batches.mirrored_normals(normal)
    assert torch.allclose(mirrored[:, 0], 1 - normal[:, 0])
    assert torch.equal(mirrored[:, 1:], normal[:, 1:])
    assert torch.allclose(batches.mirrored_normals(mirrored), normal)


def test_pixels_within_two_of_an_unknown_one_do_not_count():
    valid = torch.ones(1, 1, 9, 9, dtype=torch.bool)
    valid[0, 0, 4, 1] = False
    counts = dilated_valid(valid)
    assert not counts[0, 0, 2:7, 0:4].any()
    assert int((~counts).sum()) == 5 * 4


@pytest.mark.parametrize("quality", [30, 60, 90])
def test_the_cosine_transform_loses_what_a_jpeg_file_loses(quality: int):
    y, x = np.mgrid[0:64, 0:64]
    image = np.stack([128 + 90 * np.sin(x / 5), 128 + 80 * np.cos(y / 7), 2.0 * (x + y)], axis=2)
    image = (image + np.random.default_rng(0).normal(0, 12, image.shape)).clip(0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    real = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1].astype(float)
    ours = augmentation.jpeg(batches.to_tensor(image[None]), torch.tensor([float(quality)]))
    ours = (ours[0].permute(1, 2, 0) * 255).numpy()
    lost = np.abs(real - image).mean()
    assert np.abs(ours - real).mean() < 0.2 * lost
    assert np.abs(ours - image).mean() == pytest.approx(lost, rel=0.05)


def test_neutral_colours_change_nothing():
    one = torch.ones(2)
    matrix, offset = augmentation.colour_change(torch.ones(2, 3), torch.rand(2, 3), one, one)
    assert torch.allclose(matrix, torch.eye(3).expand(2, 3, 3), atol=1e-6)
    assert torch.allclose(offset, torch.zeros(2, 3), atol=1e-6)


def test_images_and_codes_stay_in_range_however_changed():
    generator = torch.Generator().manual_seed(0)
    for image in (torch.zeros(4, 3, 16, 16), torch.ones(4, 3, 16, 16), torch.rand(4, 3, 16, 16)):
        for changed in (
            augmentation.jitter(image, torch.rand(4, augmentation.N_DRAWS), generator),
            augmentation.degrade(image, generator),
        ):
            assert changed.shape == image.shape
            assert changed.isfinite().all() and changed.min() >= 0 and changed.max() <= 1


# Methods


@pytest.mark.parametrize("name", ["rgb-normal.consistency", "rgb-normal.perceptual-random"])
def test_readouts_say_nothing_of_a_prediction_equal_to_the_truth(name: str):
    """The separable form: whatever the frozen network is, its own errors cancel."""
    learner = learner_of(name)
    assert isinstance(learner, methods.ReadoutLearner)
    batch = batch_of("normal")
    for number in range(len(learner.readouts)):
        term = learner.term(number, batch.images["normal"], batch)
        assert float(term(batch.images["normal"].clone().requires_grad_()).detach()) == 0


@pytest.mark.parametrize("choose", ["turn", "random", "win-rate"])
def test_every_readout_gets_its_turn(choose: str):
    learner = learner_of("rgb-depth.consistency", replace(PLAN, choose=choose))
    assert isinstance(learner, methods.ReadoutLearner)
    chosen = [learner.choose(step) for step in range(40)]
    assert all(len(set(numbers)) == 2 for numbers in chosen)
    assert {number for numbers in chosen for number in numbers} == set(range(7))


def test_readouts_that_never_win_are_chosen_seldom():
    learner = learner_of("rgb-depth.consistency", replace(PLAN, k=1))
    assert isinstance(learner, methods.ReadoutLearner)
    learner.win_rates = torch.tensor([1.0, 0, 0, 0, 0, 0, 0])
    chosen = [learner.choose(step)[0] for step in range(100)]
    assert 60 < chosen.count(0) < 95


def test_unsupervised_constraints_need_no_labels():
    domains = [name.split("-")[1] for name in JOBS.by_name["rgb-normal.consistency-unsupervised"].readouts]
    assert domains == ["edge2d.shared", "keypoint2d.shared"]


def pulls(
    learner: methods.TwoTermLearner, batch: TrainingBatch, monkeypatch: pytest.MonkeyPatch
) -> tuple[Tensor, Tensor]:
    """(direct, everything) as one step hands it to the prediction."""
    handed: list[Tensor] = []
    prediction = torch.rand_like(batch.images["normal"]).requires_grad_()
    prediction.register_hook(handed.append)
    monkeypatch.setattr(learner, "predict", lambda batch: {"normal": prediction * 1})
    learner.take_gradients(batch, 0)
    leaf = prediction.detach().requires_grad_()
    masked_l1(leaf, batch.images["normal"], batch.weight("normal")).backward()
    assert leaf.grad is not None
    return leaf.grad, handed[0]


@pytest.mark.parametrize("method", ["consistency", "consistency-unsupervised", "perceptual-random", "cycle"])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_further_terms_together_pull_as_hard_as_they_should(method: str, share: float, monkeypatch: pytest.MonkeyPatch):
    learner = learner_of(f"rgb-normal.{method}", replace(PLAN, k=1, share=share))
    assert isinstance(learner, methods.TwoTermLearner)
    direct, everything = pulls(learner, batch_of("normal"), monkeypatch)
    assert float((everything - direct).norm() / direct.norm()) == pytest.approx(share, rel=1e-3)


@pytest.mark.parametrize("method", [m for m in SINGLE_NETWORK_METHODS if m != "baseline"])
def test_unknown_pixels_have_no_gradient(method: str, monkeypatch: pytest.MonkeyPatch):
    learner = learner_of(f"rgb-normal.{method}")
    assert isinstance(learner, methods.TwoTermLearner)
    _, everything = pulls(learner, batch_of("normal", unknown=slice(0, 5)), monkeypatch)
    assert not everything[..., :5].any()
    assert everything[..., 5:].any()


def test_a_loss_over_unknown_pixels_alone_is_zero():
    prediction = torch.rand(1, 3, 4, 4).requires_grad_()
    loss = masked_l1(prediction, torch.rand(1, 3, 4, 4), torch.zeros(1, 1, 4, 4))
    loss.backward()
    assert float(loss.detach()) == 0
    assert prediction.grad is not None and not prediction.grad.any()


@pytest.mark.parametrize("name", [f"rgb-depth.{m}" for m in SINGLE_NETWORK_METHODS] + ["rgb.multitask", "rgb.geonet"])
def test_a_method_changes_its_own_networks_and_no_frozen_one(name: str):
    learner = learner_of(name)
    frozen = [readout for _, readout in getattr(learner, "readouts", [])]
    before = [[value.clone() for value in module.state_dict().values()] for module in frozen]
    own = [parameter.clone() for parameter in learner.network.parameters()]
    aside = [parameter.clone() for module in learner.aside.values() for parameter in module.parameters()]
    learner.take_gradients(batch_of("depth"), 0)
    for optimizer in learner.optimizers.values():
        optimizer.step()
    assert not all(torch.equal(a, b) for a, b in zip(own, learner.network.parameters(), strict=True))
    now = [parameter for module in learner.aside.values() for parameter in module.parameters()]
    assert not aside or not all(torch.equal(a, b) for a, b in zip(aside, now, strict=True))
    for module, values in zip(frozen, before, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(values, module.state_dict().values(), strict=True))


def test_geonet_begins_as_its_two_starts_and_uses_the_lens(trained: Path, frames_folder: Path):
    shop = workshop(frames_folder, trained)
    learner = make_learner(JOBS.by_name["rgb.geonet"], shop)
    start = JOBS.by_name["rgb-depth"].new_network("batch").train()
    start.load_state_dict(checkpoints.finished_state(trained, "rgb-depth"))
    batch = batch_of("depth")
    outputs = learner.predict(batch)
    assert torch.allclose(outputs["depth"], start(batch.images["rgb"]), atol=0.03)  # bfloat16 against float32
    narrow = replace(batch, field_of_view=batch.field_of_view / 3)
    learner.network.get_submodule("normal_fusion.2").weight.data.fill_(0.1)  # type: ignore[union-attr, operator]
    assert not torch.equal(learner.predict(batch)["normal"], learner.predict(narrow)["normal"])


def test_rounded_computation_has_nearly_the_gradients_of_float32():
    torch.manual_seed(0)
    network = small_unet.SmallUNet(1, 1, (8, 8, 8), norm="batch").train()
    plain = small_unet.SmallUNet(1, 1, (8, 8, 8), norm="batch").train()
    plain.load_state_dict(network.state_dict())
    mixed = mixed_precision.Mixed(network)
    image = torch.rand(4, 1, 32, 32)
    mixed(image).square().mean().backward()
    mixed.push_gradients()
    plain(image).square().mean().backward()
    for own, other in zip(network.parameters(), plain.parameters(), strict=True):
        assert own.grad is not None and other.grad is not None
        assert own.grad.dtype == torch.float32
        if own.dim() == 4:  # those of norms nearly cancel, and rounding shows
            assert torch.nn.functional.cosine_similarity(own.grad.flatten(), other.grad.flatten(), dim=0) > 0.9
    running = dict(network.named_buffers())["down.0.0.norm.running_mean"]
    assert torch.allclose(running, dict(plain.named_buffers())["down.0.0.norm.running_mean"], atol=1e-3)


def test_muon_makes_all_directions_alike():
    torch.manual_seed(0)
    for shape in ((1, 8, 20), (2, 20, 8)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.min() > 0.5 and values.max() < 1.3


def test_muon_goes_downhill():
    weights = nn.Parameter(torch.randn(6, 4, 3, 3))
    optimizer = Muon([weights], 1e-2)
    before = float(weights.detach().norm())
    for _ in range(10):
        weights.grad = weights.detach().clone()  # of half its squared length
        optimizer.step()
    assert float(weights.detach().norm()) < 0.9 * before


# The loop


@pytest.mark.parametrize(
    "name",
    [
        "depth-normal.shared",
        "rgb-normal.consistency",
        "rgb-depth.cycle",
        "rgb-reshading.pix2pix",
        "rgb.multitask",
        "rgb.geonet",
    ],
)
def test_resumed_training_equals_uninterrupted_training(name: str, trained: Path, frames_folder: Path, tmp_path: Path):
    job = JOBS.by_name[name]
    for need in job.needs:
        (tmp_path / f"{need}.pt").write_bytes((trained / f"{need}.pt").read_bytes())
    shop = workshop(frames_folder, tmp_path)
    for _ in range(job.steps):
        train(job, shop, stop_after=1)
    whole, parts = (checkpoints.finished_state(folder, name) for folder in (trained, tmp_path))
    assert all(torch.equal(value, parts[key]) for key, value in whole.items())


def test_a_checkpoint_of_another_plan_is_refused(trained: Path, frames_folder: Path):
    other = workshop(frames_folder, trained, replace(PLAN, share=0.3))
    with pytest.raises(ValueError, match="another plan or other frames"):
        train(other.jobs.by_name["rgb-normal.consistency"], other)


def test_a_folder_of_another_plan_is_refused(trained: Path, frames_folder: Path):
    with pytest.raises(ValueError, match=r"another plan \(share 1.0 -> 0.3\)"):
        parallel.train_all(replace(PLAN, share=0.3), frames_folder, trained, workers=1)


def test_frames_rendered_later_do_not_join_a_run(frames_folder: Path, tmp_path: Path):
    (tmp_path / "frames").mkdir()
    for path in frames_folder.glob("train-*"):
        (tmp_path / "frames" / path.name).write_bytes(path.read_bytes())
    before = checkpoints.keep_to_frames(tmp_path / "frames", tmp_path)
    write_shard(tmp_path / "frames" / "train-0001.npy", 2, 7)
    assert checkpoints.keep_to_frames(tmp_path / "frames", tmp_path) == before == ["train-0000.npy"]


@pytest.mark.parametrize("place", ["loss", "gradient"])
def test_what_is_not_finite_is_named(place: str, frames_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    take = methods.Learner.take_gradients

    def broken(self: methods.Learner, batch: TrainingBatch, step: int) -> float:
        loss = take(self, batch, step)
        next(self.network.parameters()).grad.fill_(float("nan"))  # type: ignore[union-attr]
        return float("nan") if place == "loss" else loss

    monkeypatch.setattr(methods.Learner, "take_gradients", broken)
    with pytest.raises(TrainingDiverged, match=rf"the {place} of rgb-depth is nan at step 0 .* lower --learning-rate"):
        train(JOBS.by_name["rgb-depth"], workshop(frames_folder, tmp_path))


def test_a_job_that_fails_is_named_and_stops_the_rest(
    frames_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def failing(job: object, *_: object, **__: object) -> None:
        raise TrainingDiverged("the loss is nan")

    monkeypatch.setattr(parallel, "train", failing)
    with pytest.raises(TrainingFailed, match=r"training rgb-normal failed: the loss is nan.*un the same command again"):
        parallel.train_all(PLAN, frames_folder, tmp_path, workers=1)


def test_processes_train_what_one_process_trains(trained: Path, frames_folder: Path, tmp_path: Path):
    parallel.train_all(PLAN, frames_folder, tmp_path, workers=2, only=["rgb-depth.consistency-unsupervised"])
    assert len(list(tmp_path.glob("*.pt"))) == 4
    one, two = (
        checkpoints.finished_state(folder, "rgb-depth.consistency-unsupervised") for folder in (trained, tmp_path)
    )
    assert one.keys() == two.keys()
    assert all(torch.allclose(value.float(), two[key].float(), atol=1e-3) for key, value in one.items())


def test_a_missing_start_is_named(frames_folder: Path, tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="train --only rgb-normal"):
        train(JOBS.by_name["rgb-normal.baseline"], workshop(frames_folder, tmp_path))


# What is written


def test_the_command_of_a_card_names_what_was_not_usual():
    usual = asdict(RenderPlan())
    assert provenance.commands(TrainingPlan(), usual)[-1] == "python -m training make --plan cpu"
    scaled = replace(PRESETS["gpu"], k=2).scaled(0.5).scaled(0.5)
    other = usual | {"train_rooms": 40, "train_views": 2}
    assert (
        provenance.commands(scaled, other)[-1] == "python -m training make --plan gpu --scale 0.25 --rooms 40 --views 2"
    )


def test_zoos_are_made_from_nothing_and_every_network_can_be_loaded(trained: Path, frames_folder: Path, tmp_path: Path):
    outs = [(spec, tmp_path / spec.name) for spec in (zoo_specs.LAB, zoo_specs.MINI)]
    measured = export.write_zoos(PLAN, trained, frames_folder, outs, tmp_path / "seeds")
    assert measured.keys() == {"lab", "mini"}
    assert f"python -m training make --plan {PLAN.name}" in (tmp_path / "lab" / "MODEL_CARD.md").read_text()
    lab, mini, seed = (load_zoo(str(tmp_path / name)) for name in ("lab", "mini", "seeds/2"))
    assert lab.methods == METHODS
    assert mini.methods == (*SEEDED, "multitask")
    assert seed.methods == SEEDED
    assert seed.domains == lab.domains == tuple(DOMAINS)
    assert len(lab.energies["normal"].paths) == 7
    assert mini.energies["normal"].paths == ("rgb-depth-normal", "rgb-reshading-normal", "rgb-edge2d-normal")
    assert lab.edge("rgb", "normal", "baseline").digest == mini.edge("rgb", "normal", "baseline").digest
    assert lab.edge("rgb", "normal", "baseline").digest != seed.edge("rgb", "normal", "baseline").digest
    assert lab.edge("normal", "depth", "baseline").digest == seed.edge("normal", "depth", "baseline").digest
    chains = [lab.chain(method, path) for method in lab.methods for path in lab.paths(method)]
    graph = Graph(chains, lambda edge: load_network(edge, device=torch.device("cpu"), dtype=torch.float32))
    outputs = graph.run(torch.rand(1, 3, SIZE_PX, SIZE_PX))
    assert all(output.isfinite().all() for output in outputs.values())
    for name in ("lab", "mini"):
        card = (tmp_path / name / "MODEL_CARD.md").read_text()
        assert "nan" not in card.lower().split()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab", "mini", "seeds"]


def test_what_is_exported_computes_what_was_trained(trained: Path):
    job = JOBS.by_name["rgb-normal.consistency"]
    network = job.new_network("batch").eval()
    network.load_state_dict(checkpoints.finished_state(trained, job.name))
    image = torch.rand(1, 3, SIZE_PX, SIZE_PX)
    with torch.no_grad():
        assert torch.allclose(checkpoints.trained_network(trained, job)(image), network(image), atol=1e-4)
