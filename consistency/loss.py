"""Losses that train any network for cross-task consistency (X-TC, Zamir et al., CVPR 2020), with a zoo's frozen networks.

`ConsistencyLoss` reads the prediction and its truth by networks f_yz that do not learn, so that their own errors cancel (eq. 4):

    L(y', y) = |y' - y| + share * mean over z of c_z |f_yz(y') - f_yz(y)|

`PathConsistency` lets predictions of several domains, trained together, agree along paths that end in the same domain (eq. 1); it
needs no truth. N images, C channels, H x W pixels; all images are codes in [0, 1] (see `consistency.domains`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, distributed, nn

from consistency.domains import Domain, get_domain
from consistency.metrics import dilated_valid, valid_pixels
from consistency.models.filters import HessianKeypoints, SobelEdges
from consistency.models.small_unet import MultiHeadUNet, SmallUNet
from consistency.zoo.load import load_network
from consistency.zoo.read import load_zoo
from consistency.zoo.records import SHARED, Zoo, ZooError

Balance = Literal["weights", "prediction", "none"]
DIRECT = "direct"
UNSUPERVISED: Mapping[str, Callable[[], nn.Module]] = {"edge2d": SobelEdges, "keypoint2d": HessianKeypoints}
"""Readouts that are fixed filters, for `zoo=None`: they read the codes of the prediction as if they were an image."""
WIN_RATE_MEMORY = 0.9  # decay of the running mean, each time that a readout is measured
LEAST_WIN_RATE = 0.05  # a readout that always loses is still measured now and then
NORM_MEMORY = 0.5  # share of the older measurement, in the logarithm


@dataclass(frozen=True)
class Terms:
    """The loss of a batch, and its parts for logging."""

    total: Tensor
    """What to call `backward` on, a scalar."""
    direct: Tensor
    """|y' - y|, a scalar without gradient."""
    readouts: Mapping[str, Tensor]
    """Domain -> |f_yz(y') - f_yz(y)| of the readouts of this step, scalars without gradient and without factor."""
    factors: Mapping[str, float]
    """Domain -> what the term is multiplied by in `total`."""


class ConsistencyLoss(nn.Module):
    """L1 to the truth, and L1 between frozen readouts of prediction and truth.

    The module has no parameters. Its `state_dict` holds only the state of the balance, a few numbers, so that a resumed run
    continues exactly. With DistributedDataParallel, do not wrap this module: all ranks choose the same readouts and use the same
    factors. Losses are computed in float32; the readout networks follow `torch.autocast`.
    """

    def __init__(
        self,
        target: str,
        *,
        zoo: str | Zoo | None = "lab",
        readouts: Sequence[str] | None = None,
        k: int | None = None,
        choose: Literal["random", "win-rate"] = "random",
        share: float = 0.25,
        balance: Balance = "weights",
        every: int = 20,
        seed: int = 0,
        allow_code: bool = False,
    ) -> None:
        """`target`: the domain of predictions. `zoo`: a name, a folder, or None for fixed filters alone. `readouts`: domains; by
        default all that the zoo reads from the target. `k`: so many of them in each step, chosen at random or by how often
        their term is larger than the direct one; None: all.

        `share`: the length of the gradients of all readouts, added up, as a share of that of the direct term. It is measured
        where `balance` says: on the weights of the network in training, in every `every`-th step, at the cost of a backward pass
        for each term; at the prediction, in every step; or not at all. Raises ZooError and ValueError.
        """
        super().__init__()
        found = load_zoo(zoo, allow_code=allow_code) if isinstance(zoo, str) else zoo
        self.domain = _domain(target, found)
        self.size_multiple = found.size_multiple if found else 1
        # Not as submodules: they are neither trained nor saved with what is.
        self._networks = _readouts(target, readouts, found)
        self.k = _checked_k(k, len(self._networks))
        if choose not in ("random", "win-rate"):
            raise ValueError(f"choose is {choose!r}; use 'random' or 'win-rate'")
        if balance not in get_args(Balance):
            raise ValueError(f"balance is {balance!r}; use one of {', '.join(get_args(Balance))}")
        if not (share >= 0 and share < float("inf")) or every < 1:
            raise ValueError(f"share is {share} and every is {every}; use a share of at least 0, and at least 1 step")
        self.choose, self.share, self.balance, self.every, self.seed = choose, share, balance, every, seed
        self._step = 0
        self._norms: dict[str, float] = {}  # of the gradients of the direct term and of each readout, once measured
        self._win_rates = dict.fromkeys(self._networks, 1.0)
        self._is_range_known = False

    @property
    def readouts(self) -> tuple[str, ...]:
        """The domains that are read from a prediction."""
        return tuple(self._networks)

    def forward(self, prediction: Tensor, truth: Tensor, *, mask: Tensor | None = None) -> Terms:
        """`prediction` and `truth`: codes, (N, C, H, W). `mask`: where the truth is known, (N, H, W) or (N, 1, H, W), bool; by
        default where its code is not the domain's invalid one. Pixels that do not count, and for readouts those nearby, have no
        gradient; a batch without any that counts gives 0.

        Raises ValueError for other shapes and ranges (the range is looked at once), FloatingPointError where a term is not
        finite when it is balanced.
        """
        self._check_shapes(prediction, truth, mask)
        known = valid_pixels(self.domain, truth) if mask is None else mask.reshape(truth[:, 0].shape).bool()
        self._check_range(truth, known)
        true = torch.where(known[:, None], truth.float(), self.domain.invalid or 0.0)
        # The same on both sides where the truth is unknown, so that nothing is learned there.
        seen = torch.where(known[:, None], prediction.float(), true)
        direct = masked_l1(seen, true, known[:, None].float())
        inner = dilated_valid(known[:, None]).float()  # unknown pixels spoil readouts nearby
        distances = {name: self._distance(self._networks[name], seen, true, inner) for name in self._chosen()}
        self._measure(prediction, {DIRECT: direct, **distances})
        factors = {name: self._factor(name, len(distances)) for name in distances}
        total = direct + torch.stack([factors[name] * distance for name, distance in distances.items()]).sum()
        if self.choose == "win-rate":
            for name, distance in distances.items():
                won = _over_ranks((distance > direct).float()).item()
                self._win_rates[name] = WIN_RATE_MEMORY * self._win_rates[name] + (1 - WIN_RATE_MEMORY) * won
        self._step += 1
        return Terms(total, direct.detach(), {name: term.detach() for name, term in distances.items()}, factors)

    def get_extra_state(self) -> dict[str, Any]:
        """What a resumed run needs, in plain numbers."""
        return {"step": self._step, "norms": dict(self._norms), "win_rates": dict(self._win_rates)}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self._step = int(state["step"])
        self._norms = {name: float(norm) for name, norm in state["norms"].items() if name in (DIRECT, *self._networks)}
        self._win_rates |= {name: float(rate) for name, rate in state["win_rates"].items() if name in self._networks}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> ConsistencyLoss:
        """`to`, `cuda`, `float` and the like move the readouts too."""
        super()._apply(fn, recurse)
        for network in self._networks.values():
            network._apply(fn)
        return self

    def _check_shapes(self, prediction: Tensor, truth: Tensor, mask: Tensor | None) -> None:
        channels, multiple = self.domain.channels, self.size_multiple
        if prediction.shape != truth.shape or truth.ndim != 4 or truth.shape[1] != channels:
            raise ValueError(
                f"prediction is {tuple(prediction.shape)} and truth {tuple(truth.shape)}; "
                f"{self.domain.name} needs two of (N, {channels}, H, W)"
            )
        if truth.shape[2] % multiple or truth.shape[3] % multiple:
            raise ValueError(
                f"images of {truth.shape[2]}x{truth.shape[3]} px; the readouts need multiples of {multiple}: crop or pad both"
            )
        if mask is not None and mask.shape not in (truth[:, 0].shape, truth[:, :1].shape):
            raise ValueError(f"mask is {tuple(mask.shape)}; give (N, H, W) of the images {tuple(truth.shape)}")

    def _check_range(self, truth: Tensor, known: Tensor) -> None:
        """At the first pixels that count alone: it waits for the GPU."""
        if self._is_range_known or not known.any():
            return
        least, most = (float(edge) for edge in torch.aminmax(truth.movedim(1, -1)[known]))
        if not (least >= 0 and most <= 1):  # NaN is refused, too
            raise ValueError(
                f"the truth has values from {least:.4g} to {most:.4g}; give codes from 0 to 1, as consistency.domains defines "
                f"them for {self.domain.name}, and a mask where they are unknown"
            )
        self._is_range_known = True

    def _chosen(self) -> list[str]:
        names, n = self.readouts, len(self.readouts)
        if self.k == n:
            return list(names)
        # From the number of the step, so that a resumed run and all ranks choose alike.
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 + self._step)
        chances = torch.tensor([max(self._win_rates[name], LEAST_WIN_RATE) for name in names])
        return [names[at] for at in sorted(torch.multinomial(chances, self.k, generator=rng).tolist())]

    @staticmethod
    def _distance(network: nn.Module, seen: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = network(truth).float()
        return masked_l1(network(seen).float(), wanted, weight)

    def _factor(self, name: str, n_terms: int) -> float:
        if not {DIRECT, name} <= self._norms.keys():
            return self.share / n_terms
        return self.share / n_terms * self._norms[DIRECT] / self._norms[name]

    def _measure(self, prediction: Tensor, terms: Mapping[str, Tensor]) -> None:
        """Update the norms of the gradients of terms, where they are due."""
        if self.balance == "none" or not self.share or not prediction.requires_grad:
            return
        is_due = self.balance == "prediction" or self._step % self.every == 0
        wanted = [name for name in terms if is_due or name not in self._norms]
        places = [prediction] if self.balance == "prediction" or not wanted else leaves(prediction)
        for name in wanted:
            norm = _over_ranks(_gradient_norm(terms[name], places) ** 2).sqrt().item()
            value = terms[name].item()
            if not (math.isfinite(norm) and math.isfinite(value)):
                raise FloatingPointError(
                    f"the {name} term is {value} and its gradient {norm}: look for NaN in the batch, or lower the learning rate"
                )
            if norm > 0:  # a batch without pixels that count tells nothing
                older = self._norms.get(name) if self.balance == "weights" else None
                self._norms[name] = norm if older is None else older**NORM_MEMORY * norm ** (1 - NORM_MEMORY)


class PathConsistency(nn.Module):
    """Predictions of one image agree along paths with the same end: mean |end of one path - end of another|, without truth.

    Each path starts with a prediction from the network in training (`rgb-depth`) and continues through frozen networks of the zoo
    (`rgb-depth-normal`), over any number of domains. Gradients flow into every prediction. Use this loss together with one that
    has ground truth: on its own, it also falls when predictions lose detail.
    """

    def __init__(self, paths: Sequence[str], *, zoo: str | Zoo = "lab", allow_code: bool = False) -> None:
        """`paths`: at least two with the same end, as `["rgb-normal", "rgb-depth-normal", "rgb-depth-reshading-normal"]`.
        Raises ZooError and ValueError."""
        super().__init__()
        found = load_zoo(zoo, allow_code=allow_code) if isinstance(zoo, str) else zoo
        self.paths = {path: tuple(path.split("-")[1:]) for path in dict.fromkeys(paths)}
        short = [path for path, domains in self.paths.items() if not domains]
        ends = {domains[-1] for domains in self.paths.values() if domains}
        if short or len(self.paths) < 2 or len(ends) != 1:
            raise ValueError(
                f"paths are {', '.join(self.paths) or 'none'}; give at least two that end in the same domain"
            )
        self.domain = _domain(next(iter(ends)), found)
        edges = {pair for domains in self.paths.values() for pair in pairwise(domains)}
        self._networks = {pair: _frozen(found, *pair) for pair in sorted(edges)}

    @property
    def sources(self) -> tuple[str, ...]:
        """The domains whose predictions are needed."""
        return tuple(dict.fromkeys(domains[0] for domains in self.paths.values()))

    def forward(self, predictions: Mapping[str, Tensor]) -> Tensor:
        """Domain -> codes (N, C, H, W), of all `sources`. Raises ValueError."""
        if missing := [name for name in self.sources if name not in predictions]:
            raise ValueError(f"no prediction of {', '.join(missing)}; give one for each of {', '.join(self.sources)}")
        made: dict[tuple[str, ...], Tensor] = {(name,): predictions[name] for name in self.sources}
        for domains in self.paths.values():
            for length, (source, target) in enumerate(pairwise(domains), start=2):
                if domains[:length] not in made:
                    made[domains[:length]] = self._networks[source, target](made[domains[: length - 1]])
        pairs = list(combinations((made[domains].float() for domains in self.paths.values()), 2))
        return torch.stack([(a - b).abs().mean() for a, b in pairs]).mean()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> PathConsistency:
        super()._apply(fn, recurse)
        for network in self._networks.values():
            network._apply(fn)
        return self


def masked_l1(prediction: Tensor, truth: Tensor, weight: Tensor | None) -> Tensor:
    """Mean absolute difference over channels and the pixels that count, a scalar; 0 if none does. Both are (N, C, H, W).
    `weight`: (N, 1, H, W); None where every pixel counts."""
    if weight is None:
        return F.l1_loss(prediction, truth)
    difference = ((prediction - truth).abs() * weight).sum()
    return difference / (weight.sum() * prediction.shape[1]).clamp_min(1)


def leaves(tensor: Tensor) -> list[Tensor]:
    """The tensors that a backward pass from `tensor` would collect gradients for: the weights in training."""
    found: dict[int, Tensor] = {}
    seen, waiting = set(), [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (variable := getattr(node, "variable", None)) is not None:
            found[id(variable)] = variable
        waiting.extend(parent for parent, _ in node.next_functions)
    return list(found.values()) or [tensor]


def _gradient_norm(term: Tensor, places: Sequence[Tensor]) -> Tensor:
    found = torch.autograd.grad(term, places, retain_graph=True, allow_unused=True)
    return torch.stack([one.float().norm() for one in found if one is not None] or [term.new_zeros(())]).norm()


def _over_ranks(value: Tensor) -> Tensor:
    """The mean over the processes that train together, the same on all of them."""
    if distributed.is_available() and distributed.is_initialized():
        value = value.detach().clone()
        distributed.all_reduce(value)
        value = value / distributed.get_world_size()
    return value


def _domain(name: str, zoo: Zoo | None) -> Domain:
    return zoo.domain(name) if zoo else get_domain(name)


def _readouts(target: str, wanted: Sequence[str] | None, zoo: Zoo | None) -> dict[str, nn.Module]:
    """Domain -> frozen network. Raises ZooError and ValueError."""
    if zoo is None:
        names = tuple(UNSUPERVISED) if wanted is None else tuple(wanted)
        if unknown := [name for name in names if name not in UNSUPERVISED]:
            raise ValueError(
                f"{', '.join(unknown)} cannot be read without a zoo; name one, or use {', '.join(UNSUPERVISED)}"
            )
        networks = {name: UNSUPERVISED[name]().eval() for name in names}
    else:
        found = tuple(e.target for e in zoo.edges if e.source == target and e.method == SHARED)
        networks = {name: _frozen(zoo, target, name) for name in (found if wanted is None else wanted)}
    if not networks:
        raise ValueError(f"nothing is read from {target}; name at least one readout")
    return networks


def _frozen(zoo: Zoo, source: str, target: str) -> nn.Module:
    """The zoo's network from one domain to another, in float32 on the CPU. Raises ZooError."""
    edge = zoo.edge(source, target, SHARED)
    if edge.head:
        raise ZooError(f"{edge.name} is a head of a larger network", "use a zoo with a network of its own for it")
    network = load_network(edge, device=torch.device("cpu"), dtype=torch.float32)
    if isinstance(network, (SmallUNet, MultiHeadUNet)):
        network.train()  # clamps nothing, so that gradients reach codes outside [0, 1]; exported ones have no batch norm
    return network


def _checked_k(k: int | None, n: int) -> int:
    if k is not None and not 1 <= k <= n:
        raise ValueError(f"k is {k}; use 1 to {n}, the number of readouts")
    return n if k is None else k
