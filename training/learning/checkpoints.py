"""Reads and writes the folder of a training run: its plan, its frames, checkpoints and logs."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from consistency.models.registry import fold_batch_norm
from training.learning.jobs import TrainingJob
from training.learning.methods import Learner
from training.learning.plan import TrainingPlan
from training.release.files import write_whole
from training.scenes.frames import Frames

LOG_EVERY_STEPS = 25
LISTING = "frames.json"
PLAN = "plan.json"


def keep_to_frames(data_folder: Path, folder: Path) -> list[str]:
    """The training shards of this run: those that were there when it first began, whatever was rendered since."""
    listing = folder / LISTING
    if not listing.exists():
        write_whole(listing, json.dumps(Frames(data_folder, "train").names).encode())
    return json.loads(listing.read_text())


def keep_to_plan(plan: TrainingPlan, folder: Path) -> None:
    """Refuse to mix the networks of two plans in one folder."""
    path, wanted = folder / PLAN, json.dumps(plan.record())
    if path.exists() and (found := path.read_text()) != wanted:
        before, now = json.loads(found), json.loads(wanted)
        changed = ", ".join(f"{key} {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key])
        raise ValueError(
            f"{folder} holds networks of another plan ({changed}); remove it, or choose another --work folder"
        )
    write_whole(path, wanted.encode())


def plan_of(folder: Path) -> TrainingPlan:
    """The plan that the networks of a folder were trained by."""
    path = folder / PLAN
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there; train first: python -m training train")
    return TrainingPlan.of(json.loads(path.read_text()))


def finished_state(folder: Path, name: str) -> dict[str, Tensor]:
    """The weights of a job's network."""
    path = folder / f"{name}.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path.name} is not there; train it first: python -m training train --only {name}")
    return torch.load(path, weights_only=True, map_location="cpu")["learner"]["modules"]["network"]


def trained_network(folder: Path, job: TrainingJob) -> nn.Module:
    """The job's network in eval mode, BatchNorm folded."""
    network = job.new_network(norm="batch")
    network.load_state_dict(finished_state(folder, job.name))
    return fold_batch_norm(network.eval())  # type: ignore[type-var]


class Checkpoint:
    """Everything of one job in one file, replaced in one step."""

    def __init__(self, path: Path, belongs_to: str):
        self.path, self.belongs_to = path, belongs_to

    def load(self) -> dict[str, Any] | None:
        """`learner` and `step`; None where there is no checkpoint."""
        if not self.path.exists():
            return None
        state: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
        if state["belongs_to"] != self.belongs_to:
            raise ValueError(
                f"{self.path} was made with another plan or other frames; remove it, or train in another --work folder"
            )
        return state

    def save(self, learner: Learner, step: int) -> None:
        state = {"learner": learner.state(), "step": step, "belongs_to": self.belongs_to}
        buffer = io.BytesIO()  # torch hides what the system says of a file that cannot be written
        torch.save(state, buffer)
        write_whole(self.path, buffer.getvalue())


class Log:
    """One JSON line every few steps: what the progress bars and the model card read."""

    def __init__(self, path: Path, job: TrainingJob):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.job = path, job
        self.losses: list[float] = []
        self.n_images = 0
        self.since = time.monotonic()

    def step(self, step: int, loss: float, stage: Any, rate: float) -> None:
        self.losses.append(loss)
        self.n_images += stage.batch
        if len(self.losses) < LOG_EVERY_STEPS and step < self.job.steps:
            return
        seconds = time.monotonic() - self.since
        line = {
            "step": step,
            "of": self.job.steps,
            "l1": round(sum(self.losses) / len(self.losses), 6),
            "seconds": round(seconds, 3),
            "images_per_second": round(self.n_images / seconds, 1),
            "size_px": stage.size_px,
            "rate": rate,
        }
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self.losses, self.n_images, self.since = [], 0, time.monotonic()
