"""How are the networks trained? Jobs, batches, losses, and the loop that can be killed and resumed at any step.

N frames of a batch, C channels, H x W pixels. Codes in [0, 1].
"""

import hashlib
import json
import math
import multiprocessing
import os
import time
import zlib
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from consistency.networks import SmallUNet, SobelEdges, fold_batch_norm

from .data import CHANNELS, Frames

Method = Literal["baseline", "consistency", "shared"]

TARGETS = ("normal", "depth", "reshading")
CHANNELS_OF = {"rgb": 3, "normal": 3, "depth": 1, "reshading": 1, "edge2d": 1}
SHARE_OF_JPEG = 0.25  # of the images of a batch
CHECKPOINT_SECONDS = 30.0
LOG_EVERY_STEPS = 25
LARGEST_GRADIENT_NORM = 1.0
MIDDLE_RATE_SHARE = 0.2  # of the learning rate, where the small images end and the full-size ones begin


class TrainingDiverged(RuntimeError):
    """A loss is not finite."""


@dataclass(frozen=True)
class TrainingPlan:
    """Sizes, steps and rates; the defaults made the committed weights."""

    seed: int = 1
    batch: int = 16
    small_px: int = 128
    """Side of the images of most steps; the last steps see the rendered size, which is the size at run time."""
    rgb_widths: tuple[int, ...] = (16, 32, 48, 64, 96)
    cross_widths: tuple[int, ...] = (12, 16, 24, 32, 44)
    rgb_steps: tuple[int, ...] = (8000, 8000, 5000)
    """Small-image steps of the rgb networks in the order of TARGETS, shared by both methods; reshading learns fastest."""
    rgb_full_size_steps: int = 900
    """Full-size steps that follow, still shared."""
    method_steps: int = 700
    """Full-size steps of each rgb network and method, from that method's copy of the shared start."""
    cross_steps: int = 1000
    cross_full_size_steps: int = 80
    learning_rate: float = 2e-3
    perceptual_share: float = 0.45
    """Gradient magnitude of the consistency term, as a share of the direct L1 term's."""


@dataclass(frozen=True)
class Stage:
    """A run of steps at one image size, with a cosine between two rates."""

    size_px: int | None
    """None: the rendered size."""
    steps: int
    rate_from: float
    rate_to: float
    warm_up: int = 0


@dataclass(frozen=True)
class Job:
    """One network to train."""

    source: str
    target: str
    method: Method | None
    """None for the start that both methods share."""
    widths: tuple[int, ...]
    stages: tuple[Stage, ...]
    starts_from: str | None = None
    """Name of the job whose result this one continues."""

    @property
    def name(self) -> str:
        return f"{self.source}-{self.target}" + (f".{self.method}" if self.method else "")

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)


def plan_jobs(plan: TrainingPlan) -> list[list[Job]]:
    """Two rounds of jobs, longest first in each: what stands alone, then what continues it."""
    middle = plan.learning_rate * MIDDLE_RATE_SHARE
    full_size = Stage(
        None, plan.rgb_full_size_steps, 2 * middle, 0.75 * middle
    )  # up again: 256 px asks much new of 128 px
    starts = [
        Job("rgb", target, None, plan.rgb_widths, (Stage(plan.small_px, n, plan.learning_rate, middle, 100), full_size))
        for target, n in zip(TARGETS, plan.rgb_steps, strict=True)
    ]
    both = (
        Stage(plan.small_px, plan.cross_steps, plan.learning_rate, middle, warm_up=50),
        Stage(None, plan.cross_full_size_steps, middle, 0.0),
    )
    cross = [
        Job(source, target, "shared", plan.cross_widths, both)
        for target in (*TARGETS, "edge2d")
        for source in (*TARGETS, "edge2d")
        if source != target
    ]
    last = (Stage(None, plan.method_steps, 0.75 * middle, 0.0, warm_up=20),)
    methods: tuple[Method, ...] = ("consistency", "baseline")
    forks = [
        Job("rgb", target, method, plan.rgb_widths, last, starts_from=f"rgb-{target}")
        for method in methods
        for target in TARGETS
    ]
    return [[*starts, *cross], forks]


def final_jobs(plan: TrainingPlan) -> list[Job]:
    """The jobs whose results are shipped."""
    return [job for jobs in plan_jobs(plan) for job in jobs if job.method is not None]


def train_all(
    plan: TrainingPlan,
    data_folder: Path,
    folder: Path,
    workers: int,
    device: str = "cpu",
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Train every network, `workers` at a time with one thread each; `watch` is called about once a second.

    Two single-threaded processes finish more steps than one process with two threads: the layers are small.
    """
    for jobs in plan_jobs(plan):
        if workers == 1:
            for job in jobs:
                train(job, plan, data_folder, folder, device)
                watch()
            continue
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), use_one_thread) as pool:
            waiting = {pool.submit(train, job, plan, data_folder, folder, device) for job in jobs}
            while waiting:
                finished, waiting = wait(waiting, timeout=1.0, return_when=FIRST_EXCEPTION)
                watch()
                if any(future.exception() for future in finished):
                    pool.shutdown(wait=False, cancel_futures=True)
                for future in finished:
                    future.result()
    watch()


def use_one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)


# The loop


def train(
    job: Job, plan: TrainingPlan, data_folder: Path, folder: Path, device: str = "cpu", stop_after: int | None = None
) -> None:
    """Train one network, from its last checkpoint if there is one; a finished job returns at once.

    Every step draws its batch from (seed, job, step) alone, so that a resumed run sees what an uninterrupted one would have.
    `stop_after` ends early after that many steps of this call, with a checkpoint.
    """
    frames = Frames(data_folder, "train")
    checkpoint = Checkpoint(folder / f"{job.name}.pt", fingerprint(job, plan))
    torch.manual_seed(number_of(f"{plan.seed} {job.name}"))
    network = new_network(job)
    if job.starts_from:
        network.load_state_dict(finished_state(folder, job.starts_from))
    place(network, device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=1e-4)
    step = checkpoint.load(network, optimizer)
    readouts = load_readouts(folder, job, plan, device) if job.method == "consistency" else []

    log = Log(folder / f"{job.name}.jsonl", job, plan.batch)
    saved_at, last_step = time.monotonic(), min(job.steps, step + stop_after) if stop_after else job.steps
    while step < last_step:
        size_px, rate = schedule(job, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        source, target = draw_batch(job, plan, frames, step, size_px, device)
        optimizer.zero_grad(set_to_none=True)
        readout = (
            readouts[step % len(readouts)] if readouts else None
        )  # in turn: three at once would cost twice as much
        loss = take_gradient(network, source, target, readout, plan.perceptual_share)
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"the loss of {job.name} is {loss} at step {step} (rate {rate:.2g}); "
                f"remove {checkpoint.path.name} and train with a lower --learning-rate"
            )
        nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT_NORM)
        optimizer.step()
        step += 1
        log.step(step, loss, size_px, rate)
        if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
            checkpoint.save(network, optimizer, step)
            saved_at = time.monotonic()
    checkpoint.save(network, optimizer, step)


def take_gradient(network: nn.Module, source: Tensor, target: Tensor, readout: nn.Module | None, share: float) -> float:
    """Gradients of L1(y, truth) + w L1(f(y), f(truth)) into the network, with a frozen readout f; returns the L1 part.

    X-TC (arXiv 2006.04096), eq. 4, with one readout at a time, and its balancing: w makes the second term's gradient at the
    prediction y `share` times as long as the first's. The readout sees prediction and truth alike, so that its own errors
    cancel.
    """
    with torch.autocast(source.device.type, dtype=torch.bfloat16):
        prediction = network(source)
    prediction = prediction.float()
    loss = F.l1_loss(prediction, target)
    if readout is None:
        loss.backward()
        return loss.item()
    leaf = prediction.detach().requires_grad_()
    with torch.autocast(source.device.type, dtype=torch.bfloat16):
        with torch.no_grad():
            wanted = readout(target)
        read = readout(leaf)
    (term,) = torch.autograd.grad(F.l1_loss(read.float(), wanted.float()), leaf)
    direct = torch.sign(leaf.detach() - target) / leaf.numel()
    prediction.backward(direct + share * direct.norm() / term.norm().clamp_min(1e-12) * term)
    return loss.item()


def schedule(job: Job, step: int) -> tuple[int | None, float]:
    """Image size and learning rate of a step."""
    for stage in job.stages:
        if step < stage.steps:
            cosine = (1 + math.cos(math.pi * step / stage.steps)) / 2
            rate = stage.rate_to + (stage.rate_from - stage.rate_to) * cosine
            return stage.size_px, rate * min(1.0, (step + 1) / (stage.warm_up + 1))
        step -= stage.steps
    raise ValueError(f"step {step} lies {step} steps beyond the end of {job.name}")


def new_network(job: Job) -> SmallUNet:
    return SmallUNet(CHANNELS_OF[job.source], CHANNELS_OF[job.target], job.widths, norm="batch")


def finished_state(folder: Path, name: str) -> dict[str, Tensor]:
    path = folder / f"{name}.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path.name} is not there; train {name} first: python -m training train")
    return torch.load(path, weights_only=True)["network"]


def trained_network(folder: Path, job: Job) -> SmallUNet:
    """The job's network in eval mode, BatchNorm folded."""
    network = new_network(job)
    network.load_state_dict(finished_state(folder, job.name))
    return fold_batch_norm(network.eval())


def load_readouts(folder: Path, job: Job, plan: TrainingPlan, device: str) -> list[nn.Module]:
    """The frozen cross networks that start at the job's target."""
    cross = [other for other in plan_jobs(plan)[0] if other.source == job.target]
    return [place(trained_network(folder, other), device).requires_grad_(False) for other in cross]


def place(network: nn.Module, device: str) -> nn.Module:
    """On the device, channels last."""
    return network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]


# Batches


def draw_batch(
    job: Job, plan: TrainingPlan, frames: Frames, step: int, size_px: int | None, device: str
) -> tuple[Tensor, Tensor]:
    """Source and target codes, (N, C, size, size) float32, both augmented alike where geometry is concerned.

    The methods of one edge see the same batches.
    """
    rng = np.random.default_rng([plan.seed, number_of(f"{job.source}-{job.target} after {job.starts_from}"), step])
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    batch = frames[rng.integers(len(frames), size=plan.batch)]
    if rng.random() < 0.5:
        batch = mirror(batch)
    images = {}
    needs_rgb = not {"rgb", "edge2d"}.isdisjoint((job.source, job.target))
    if needs_rgb:
        rgb = shrink(batch[..., CHANNELS["rgb"]], size_px)
        images["rgb"] = jitter(to_tensor(np.stack([recompress(image, rng) for image in rgb])), generator)
        if "edge2d" in (job.source, job.target):
            images["edge2d"] = SobelEdges()(images["rgb"])
    for domain in {job.source, job.target} & set(TARGETS):
        images[domain] = to_tensor(pick(batch[..., CHANNELS[domain]], size_px, rng))
    source = images[job.source]
    if job.source != "rgb":
        source = degrade(source, generator)
    to_device = {"device": device, "memory_format": torch.channels_last}
    return source.to(**to_device), images[job.target].to(**to_device)


def number_of(text: str) -> int:
    """A seed from a name, the same in every process."""
    return zlib.crc32(text.encode())


def mirror(batch: np.ndarray) -> np.ndarray:
    """Left and right exchanged; the x component of the normals changes its sign."""
    mirrored = batch[:, :, ::-1].copy()
    x = CHANNELS["normal"].start
    mirrored[..., x] = 255 - mirrored[..., x]
    return mirrored


def shrink(images: np.ndarray, size_px: int | None) -> np.ndarray:
    """Area average, as a camera of fewer pixels would see it; (N, H, W, 3) uint8."""
    if size_px is None or size_px == images.shape[1]:
        return images
    return np.stack(
        [cv2.resize(np.ascontiguousarray(i), (size_px, size_px), interpolation=cv2.INTER_AREA) for i in images]
    )


def pick(codes: np.ndarray, size_px: int | None, rng: np.random.Generator) -> np.ndarray:
    """Every k-th pixel from a random offset: averages over an edge would be codes of no surface."""
    stride = 1 if size_px is None else codes.shape[1] // size_px
    row, column = rng.integers(stride, size=2)
    return codes[:, row::stride, column::stride]


def to_tensor(codes: np.ndarray) -> Tensor:
    """(N, H, W, C) uint8 -> (N, C, H, W) float32 in [0, 1]; channels stay last in memory."""
    return torch.from_numpy(np.ascontiguousarray(codes)).permute(0, 3, 1, 2).float() / 255


def recompress(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() >= SHARE_OF_JPEG:
        return image
    quality = int(rng.integers(20, 90))
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1]


def jitter(rgb: Tensor, generator: torch.Generator) -> Tensor:
    """Exposure, contrast, gamma, colour cast, slight blur and noise, drawn per image."""
    n = len(rgb)

    def uniform(low: float, high: float, channels: int = 1) -> Tensor:
        return low + (high - low) * torch.rand((n, channels, 1, 1), generator=generator)

    rgb = rgb.clamp_min(1e-4) ** uniform(0.7, 1.4)
    rgb = rgb * uniform(0.7, 1.2) * uniform(0.88, 1.12, 3)
    mean = rgb.mean(dim=(1, 2, 3), keepdim=True)
    rgb = mean + (rgb - mean) * uniform(0.7, 1.25)
    grey = rgb.mean(dim=1, keepdim=True)
    rgb = grey + (rgb - grey) * uniform(0.3, 1.2)
    blur = (uniform(0.0, 1.0) < 0.3) * uniform(0.0, 1.0)
    padded = F.pad(rgb, [1] * 4, mode="replicate")
    rows = (padded[:, :, :-2] + padded[:, :, 1:-1] + padded[:, :, 2:]) / 3
    rgb = rgb + blur * ((rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) / 3 - rgb)
    rgb = rgb + uniform(0.0, 0.03) * torch.randn(rgb.shape, generator=generator)
    return rgb.clamp(0, 1)


def degrade(codes: Tensor, generator: torch.Generator) -> Tensor:
    """Make some ground truth look predicted, so that a cross network bears predictions: soft edges, offset, noise."""
    n, _, height, width = codes.shape

    def chance(p: float) -> Tensor:
        return (torch.rand((n, 1, 1, 1), generator=generator) < p).float()

    factor = int(2 ** torch.randint(1, 4, (), generator=generator))
    soft = F.interpolate(F.avg_pool2d(codes, factor), size=(height, width), mode="bilinear", align_corners=False)
    codes = codes + chance(0.4) * torch.rand((n, 1, 1, 1), generator=generator) * (soft - codes)
    codes = codes + chance(0.4) * 0.04 * torch.randn((n, 1, 1, 1), generator=generator)
    codes = codes + chance(0.4) * 0.006 * torch.randn(codes.shape, generator=generator)
    return codes.clamp(0, 1)


# Checkpoints and logs


def fingerprint(job: Job, plan: TrainingPlan) -> str:
    """Names what a checkpoint belongs to: the same job, seed and batch."""
    return hashlib.sha256(json.dumps([asdict(job), plan.seed, plan.batch, plan.perceptual_share]).encode()).hexdigest()


class Checkpoint:
    """Network, optimiser and step of one job in one file, replaced in one step."""

    def __init__(self, path: Path, belongs_to: str):
        self.path, self.belongs_to = path, belongs_to

    def load(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> int:
        """Fill both and return the step; 0 where there is no checkpoint."""
        if not self.path.exists():
            return 0
        state: dict[str, Any] = torch.load(self.path, weights_only=True)
        if state["belongs_to"] != self.belongs_to:
            raise ValueError(f"{self.path} was made with another plan; remove it, or train in another --work folder")
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])

    def save(self, network: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "network": {key: value.cpu().contiguous() for key, value in network.state_dict().items()},
            "optimizer": optimizer.state_dict(),
            "step": step,
            "belongs_to": self.belongs_to,
        }
        unfinished = self.path.with_suffix(f".{os.getpid()}.tmp")
        torch.save(state, unfinished)
        unfinished.replace(self.path)


class Log:
    """One JSON line every few steps: what the progress bars and the model card read."""

    def __init__(self, path: Path, job: Job, batch: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.job, self.batch = path, job, batch
        self.losses: list[float] = []
        self.since = time.monotonic()

    def step(self, step: int, loss: float, size_px: int | None, rate: float) -> None:
        self.losses.append(loss)
        if len(self.losses) < LOG_EVERY_STEPS and step < self.job.steps:
            return
        seconds = time.monotonic() - self.since
        line = {
            "step": step,
            "of": self.job.steps,
            "l1": sum(self.losses) / len(self.losses),
            "seconds": seconds,
            "images_per_second": self.batch * len(self.losses) / seconds,
            "size_px": size_px,
            "rate": rate,
        }
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.losses, self.since = [], time.monotonic()
