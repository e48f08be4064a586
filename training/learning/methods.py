"""Defines what each method minimises: one learner per kind, with its networks, optimizers and the gradients of a step.

N frames of a batch, C channels, H x W pixels. Codes in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from consistency.domains import DOMAINS
from consistency.loss import LEAST_WIN_RATE, WIN_RATE_MEMORY, masked_l1
from consistency.models import small_unet
from training.learning.batches import TrainingBatch, number_of
from training.learning.jobs import TrainingJob
from training.learning.mixed_precision import Mixed, device_of, frozen, place
from training.learning.muon import new_optimizers
from training.learning.plan import DISCRIMINATOR_WIDTHS, L1_PER_ADVERSARY, RANDOM_FEATURES, TrainingPlan

DISCRIMINATOR_RATE = 2e-4  # as in pix2pix
DISCRIMINATOR_MOMENTS = (0.5, 0.999)  # as in pix2pix
Term = Callable[[Tensor], Tensor]
"""Prediction (N, C, H, W) -> loss, a scalar."""


@dataclass
class Learner:
    """A network in training, and the networks that are trained along with it.

    Subclasses define what else is trained (`aside`), and what a step does (`take_gradients`).
    """

    job: TrainingJob
    plan: TrainingPlan
    network: nn.Module
    aside: dict[str, nn.Module] = field(default_factory=dict)
    """Networks that are trained along and not exported."""

    def __post_init__(self) -> None:
        self.mixed = Mixed(self.network)
        self.optimizers = new_optimizers(self.network, "network", self.plan.rate)
        self.network_optimizers = tuple(self.optimizers)

    def take_gradients(self, batch: TrainingBatch, step: int) -> float:
        """Compute the gradients of everything that is trained; returns the direct L1 loss."""
        outputs = self.predict(batch)
        loss = sum(
            (masked_l1(output, batch.images[name], batch.weight(name)) for name, output in outputs.items()),
            start=torch.zeros((), device=batch.valid.device),
        )
        loss.backward()
        self.mixed.push_gradients()
        return loss.item() / len(outputs)

    def predict(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """Target -> prediction (N, C, H, W)."""
        if self.job.architecture == "geo-net":
            return self.mixed(batch.images[self.job.source], batch.field_of_view)
        output = self.mixed(batch.images[self.job.source])
        return output if isinstance(output, dict) else {self.job.targets[0]: output}

    def modules(self) -> dict[str, nn.Module]:
        """Every network that is trained, by name."""
        return {"network": self.network, **self.aside}

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs, as tensors and plain values."""
        return {
            "modules": {name: module.state_dict() for name, module in self.modules().items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what `state` returned."""
        for name, module in self.modules().items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])


class TwoTermLearner(Learner):
    """Minimises L1 of its one target, and further terms of the prediction with gradients scaled to the length of L1's."""

    def take_gradients(self, batch: TrainingBatch, step: int) -> float:
        """X-TC (arXiv 2006.04096), eq. 4, with its balancing of the terms.

        At the prediction, the gradients of all further terms together are `share` times as long as that of L1. Each is first
        scaled to the length of L1's gradient, so that the scale of a domain does not matter.
        """
        (prediction,) = self.predict(batch).values()
        leaf = prediction.detach().requires_grad_()
        (target,) = self.job.targets
        truth, weight = batch.images[target], batch.weight(target)
        loss = masked_l1(leaf, truth, weight)
        (direct,) = torch.autograd.grad(loss, leaf)
        terms = self.terms(batch, step)
        total = direct
        for term in terms:
            (pull,) = torch.autograd.grad(term(leaf if weight is None else torch.where(weight > 0, leaf, truth)), leaf)
            total = total + self.scale(direct, pull) / len(terms) * pull
        self.after(batch, leaf.detach(), loss.detach())
        prediction.backward(total)
        self.mixed.push_gradients()
        return loss.item()

    def terms(self, batch: TrainingBatch, step: int) -> Sequence[Term]:
        """The further terms of this step. At invalid pixels they get the truth instead of the prediction, hence no gradient."""
        raise NotImplementedError

    def scale(self, direct: Tensor, pull: Tensor) -> Tensor | float:
        """The factor on the gradient of a term."""
        return self.plan.share * direct.norm() / pull.norm().clamp_min(1e-12)

    def after(self, batch: TrainingBatch, prediction: Tensor, loss: Tensor) -> None:
        """Compute the gradients of what is trained along."""


class ReadoutLearner(TwoTermLearner):
    """Frozen networks read both prediction and truth, so that their own errors cancel: the separable form of X-TC."""

    def __init__(
        self, job: TrainingJob, plan: TrainingPlan, network: nn.Module, readouts: Sequence[tuple[str, nn.Module]]
    ):
        """`readouts` are pairs of domain and frozen network."""
        super().__init__(job, plan, network)
        self.readouts = list(readouts)
        self.win_rates = torch.ones(len(self.readouts))
        self._measured: list[tuple[int, Tensor]] = []

    def terms(self, batch: TrainingBatch, step: int) -> Sequence[Term]:
        (target,) = self.job.targets
        self._measured = []
        return [self.term(number, batch.images[target], batch) for number in self.choose(step)]

    def term(self, number: int, truth: Tensor, batch: TrainingBatch) -> Term:
        """The L1 distance between readouts of a prediction and of the truth (N, C, H, W)."""
        domain, readout = self.readouts[number]
        weight = batch.weight(domain) if domain in DOMAINS else None
        with torch.no_grad():
            wanted = readout(truth).float()

        def distance(prediction: Tensor) -> Tensor:
            loss = masked_l1(readout(prediction).float(), wanted, weight)
            self._measured.append((number, loss.detach()))
            return loss

        return distance

    def choose(self, step: int) -> list[int]:
        """The numbers of the readouts of this step."""
        n, k = len(self.readouts), min(self.plan.k, len(self.readouts))
        if self.plan.choose == "turn":
            return [(step * k + i) % n for i in range(k)]
        rng = np.random.default_rng([self.job.seed, number_of(f"{self.job.stream} readouts"), step])
        if self.plan.choose == "random":
            return rng.choice(n, k, replace=False).tolist()
        chances = self.win_rates.clamp_min(LEAST_WIN_RATE).double()
        return rng.choice(n, k, replace=False, p=(chances / chances.sum()).numpy()).tolist()

    def after(self, batch: TrainingBatch, prediction: Tensor, loss: Tensor) -> None:
        """Update the win rates: a term wins if it is larger than the direct one, and so has something left to teach."""
        if self.plan.choose != "win-rate":
            return
        for number, distance in self._measured:
            won = float(distance > loss)
            self.win_rates[number] = WIN_RATE_MEMORY * self.win_rates[number] + (1 - WIN_RATE_MEMORY) * won

    def state(self) -> dict[str, Any]:
        return {**super().state(), "win_rates": self.win_rates}

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.win_rates = state["win_rates"]


class CycleLearner(TwoTermLearner):
    """Another network reconstructs the image from the prediction. It is trained along, on the truth of half of the batch and on
    the predictions of the other half."""

    def __post_init__(self) -> None:
        super().__post_init__()
        (target,) = self.job.targets
        back = small_unet.SmallUNet(DOMAINS[target].channels, 3, self.plan.cross_widths, norm="batch")
        self.aside["back"] = place(back, device_of(self.network)).train()
        self.back = Mixed(self.aside["back"])
        self.optimizers |= new_optimizers(self.aside["back"], "back", self.plan.rate)

    def terms(self, batch: TrainingBatch, step: int) -> Sequence[Term]:
        image = batch.images[self.job.source]
        return [lambda prediction: F.l1_loss(self.back(prediction), image)]

    def after(self, batch: TrainingBatch, prediction: Tensor, loss: Tensor) -> None:
        (target,) = self.job.targets
        half = len(prediction) // 2
        seen = torch.cat([batch.images[target][:half], prediction[half:]])
        F.l1_loss(self.back(seen), batch.images[self.job.source]).backward()
        self.back.push_gradients()


class AdversarialLearner(TwoTermLearner):
    """A discriminator of patches of image and prediction is trained along to distinguish predictions from truth."""

    def __post_init__(self) -> None:
        super().__post_init__()
        (target,) = self.job.targets
        judge = PatchDiscriminator(3 + DOMAINS[target].channels)
        self.aside["judge"] = place(judge, device_of(self.network)).train()
        rate, moments = DISCRIMINATOR_RATE, DISCRIMINATOR_MOMENTS
        self.optimizers["judge"] = torch.optim.Adam(judge.parameters(), lr=rate, betas=moments)

    def terms(self, batch: TrainingBatch, step: int) -> Sequence[Term]:
        return [lambda prediction: judged(self.verdict(batch, prediction), is_true=True)]

    def scale(self, direct: Tensor, pull: Tensor) -> float:
        return 1 / L1_PER_ADVERSARY

    def after(self, batch: TrainingBatch, prediction: Tensor, loss: Tensor) -> None:
        (target,) = self.job.targets
        truth, weight = batch.images[target], batch.weight(target)
        prediction = prediction if weight is None else torch.where(weight > 0, prediction, truth)
        verdicts = self.verdict(batch, truth), self.verdict(batch, prediction)
        ((judged(verdicts[0], is_true=True) + judged(verdicts[1], is_true=False)) / 2).backward()

    def verdict(self, batch: TrainingBatch, image: Tensor) -> Tensor:
        """Logits of the discriminator for a prediction or the truth: (N, C, H, W) -> (N, 1, H / 8, W / 8)."""
        with torch.autocast(image.device.type, dtype=torch.bfloat16):
            return self.aside["judge"](torch.cat([batch.images[self.job.source], image], dim=1)).float()


def judged(verdict: Tensor, is_true: bool) -> Tensor:
    """Cross-entropy between logits and what they should say."""
    return F.binary_cross_entropy_with_logits(verdict, torch.full_like(verdict, float(is_true)))


class PatchDiscriminator(nn.Module):
    """Strided convolutions to one logit per patch of 30 pixels: (N, C, H, W) -> (N, 1, H / 8, W / 8)."""

    def __init__(self, in_channels: int):
        super().__init__()
        layers: list[nn.Module] = []
        for source, width in zip((in_channels, *DISCRIMINATOR_WIDTHS), DISCRIMINATOR_WIDTHS, strict=False):
            layers += [nn.Conv2d(source, width, 4, stride=2, padding=1), nn.GroupNorm(4, width), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(DISCRIMINATOR_WIDTHS[-1], 1, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


def new_learner(
    job: TrainingJob, plan: TrainingPlan, network: nn.Module, cross: Callable[[str], nn.Module], seed: int
) -> Learner:
    """Make the learner of a job. `cross` returns the trained cross network of a name; `seed` decides random weights."""
    torch.manual_seed(seed)
    if job.readouts:
        named = [(name.split("-")[1].removesuffix(".shared"), cross(name)) for name in job.readouts]
        return ReadoutLearner(job, plan, network, [(domain, frozen(module, network)) for domain, module in named])
    if job.method == "perceptual-random":
        (target,) = job.targets
        random = small_unet.SmallUNet(DOMAINS[target].channels, RANDOM_FEATURES, plan.cross_widths).train()
        for module in random.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")  # keeps the variance of signals over depth
        return ReadoutLearner(job, plan, network, [("random", frozen(random, network))])
    kinds: dict[str, type[Learner]] = {"cycle": CycleLearner, "pix2pix": AdversarialLearner}
    return kinds.get(job.method, Learner)(job, plan, network)
