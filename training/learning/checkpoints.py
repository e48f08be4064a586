"""Reads and writes the folder of a training run: its plan, its frames, checkpoints and logs."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cache.files import replace_file
from consistency.models.small_unet import fold_batch_norm
from training.learning.jobs import Stage, TrainingJob
from training.learning.methods import Learner
from training.learning.plan import TrainingPlan
from training.scenes.frames import Frames

LOG_EVERY_STEPS = 25
LISTING = "frames.json"  # names of the training shards
PLAN = "plan.json"


def keep_to_frames(data_folder: Path, folder: Path) -> list[str]:
    """The training shards of this run: those that existed when it first started, whatever was rendered since."""
    listing = folder / LISTING
    if not listing.exists():
        replace_file(listing, json.dumps(Frames(data_folder, "train").names).encode())
    return json.loads(listing.read_text())


def keep_to_plan(plan: TrainingPlan, folder: Path) -> None:
    """Refuse to mix the networks of two plans in one folder."""
    path, wanted = folder / PLAN, json.dumps(plan.record())
    if path.exists() and (found := path.read_text()) != wanted:
        before, now = json.loads(found), json.loads(wanted)
        changed = ", ".join(f"{key} {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key])
        raise ValueError(
            f"{folder} contains networks of another plan ({changed}); remove it, or choose another --work folder"
        )
    replace_file(path, wanted.encode())


def plan_of(folder: Path) -> TrainingPlan:
    """The plan of the networks in a folder."""
    path = folder / PLAN
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; run: python -m training train")
    return TrainingPlan.of(json.loads(path.read_text()))


def finished_state(folder: Path, name: str) -> dict[str, Tensor]:
    """The state dict of a job's network."""
    path = folder / f"{name}.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path.name} does not exist; run: python -m training train --only {name}")
    return torch.load(path, weights_only=True, map_location="cpu")["learner"]["modules"]["network"]


def trained_network(folder: Path, job: TrainingJob) -> nn.Module:
    """A job's network in eval mode, with BatchNorm folded."""
    network = job.new_network(norm="batch")
    network.load_state_dict(finished_state(folder, job.name))
    return fold_batch_norm(network.eval())


class Checkpoint:
    """The state of a job in one file, which is replaced atomically."""

    def __init__(self, path: Path, belongs_to: str):
        self.path, self.belongs_to = path, belongs_to

    def load(self) -> dict[str, Any] | None:
        """Read `learner` and `step`; None if there is no checkpoint. Raises ValueError for that of another plan or other frames."""
        if not self.path.exists():
            return None
        state: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
        if state["belongs_to"] != self.belongs_to:
            raise ValueError(
                f"{self.path} was made with another plan or other frames; remove it, or choose another --work folder"
            )
        return state

    def save(self, learner: Learner, step: int) -> None:
        """Write the state after a number of steps."""
        state = {"learner": learner.state(), "step": step, "belongs_to": self.belongs_to}
        buffer = io.BytesIO()  # torch hides the system's error for a file that cannot be written
        torch.save(state, buffer)
        replace_file(self.path, buffer.getvalue())


class Log:
    """Writes a JSON line every few steps, for the progress bars and the model card."""

    def __init__(self, path: Path, job: TrainingJob):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.job = path, job
        self.losses: list[float] = []
        self.n_images = 0
        self.since = time.monotonic()

    def step(self, step: int, loss: float, stage: Stage, rate: float) -> None:
        """Add a step; a line holds the mean loss since the line before."""
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
