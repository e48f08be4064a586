"""Chooses the dtype of a job, and the networks that compute in float32 nevertheless.

Half precision is for networks whose outputs stay within a bound of float32's. That is measured once for each zoo, dtype
and kind of device, on one frame of each bundled clip, and remembered in the store.
"""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from cache.keys import digest
from cache.store import Store
from consistency.energy import raw_terms, standardise
from consistency.zoo.records import Chain, Zoo
from precompute.jobs.batches import FrameBatch
from precompute.jobs.output.tracks import TrackSpec, chains_of, term_maps
from precompute.jobs.plan import Plan
from precompute.jobs.predict import Networks, Precision, dtype_name, make_graph, predict
from precompute.media import decoder
from precompute.media.sampling import Sampling
from precompute.media.sources import resolve
from precompute.text import count

DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

MEAN_ERROR_BOUND = 1 / 255
"""Mean absolute difference of a network's output from float32's, in codes: one stored level."""
ENERGY_ERROR_BOUND = 0.1
"""Difference of a frame's energy from float32's, in sigma. Energies that people compare differ by more."""
CLIPS = ("walkthrough", "phone")
FRAME_SECONDS = 1.0
"""Time of the frame in each clip: a rendered room and a real one, both in full light."""
VERSION = 2
"""Raised when the measurement changes."""

log = logging.getLogger(__name__)


def choose_dtype(device: torch.device) -> torch.dtype:
    """float16 on GPUs, bfloat16 on CPUs with units for it, else float32. Energies are always float32."""
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def clip_dtype(store: Store, plan: Plan, wanted: torch.dtype) -> torch.dtype:
    """The dtype that most of the clip's stored tracks were computed in, else the wanted one."""
    tracks = [store.get(spec.head.key) for spec in plan.specs if spec.chains and spec not in plan.pending]
    tracks += [
        store.get(spec.head.key)
        for spec, stored in zip(plan.pending, plan.stored_frames, strict=True)
        if spec.chains and stored
    ]
    begun = Counter(track.head.computed_on.get("dtype", "") for track in tracks if track)
    return DTYPES.get(max(sorted(begun), key=lambda name: begun[name], default=""), wanted)


@dataclass(frozen=True)
class Measured:
    """What half precision costs a zoo."""

    exact: frozenset[str]
    """Digests of the networks that must compute in float32 for all others to stay within the bounds."""
    worst_code: float
    """The largest mean error of the other networks' outputs, in codes."""
    worst_energy: float
    """The largest error of an energy, in sigma; 0 if there is none."""

    def __str__(self) -> str:
        """Empty if the job computes in float32."""
        if self.worst_code == self.worst_energy == 0 and not self.exact:
            return ""
        exceptions = f"; {count(len(self.exact), 'network')} in float32" if self.exact else ""
        return f"within {self.worst_code * 255:.2f}/255 and {self.worst_energy:.3f} σ of float32{exceptions}"


def measured(
    root: Path, zoo: Zoo, specs: Sequence[TrackSpec], device: torch.device, dtype: torch.dtype, networks: Networks
) -> Measured:
    """Read from the store at `root`, else measured and written there. `networks` keeps what the job will need.

    Raises ZooError.
    """
    if dtype == torch.float32:
        return Measured(frozenset(), 0.0, 0.0)
    chains = sorted(set(chains_of(specs)), key=lambda chain: [edge.digest for edge in chain])
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    bounds = [MEAN_ERROR_BOUND, ENERGY_ERROR_BOUND]
    # The bound of an energy is in sigma, so it depends on the constants.
    scales = sorted(
        [
            [[[edge.digest for edge in chain] for chain in term] for term in spec.terms],
            *(spec.head.constants.get(name) for name in ("mu", "sigma", "weights")),
        ]
        for spec in specs
        if spec.terms
    )
    exact = sorted(exact_from_the_start(chains))  # of most zoos none: their measurements stay
    named = [[edge.digest for edge in chain] for chain in chains]
    key = digest([VERSION, named, scales, kind, str(dtype), bounds, *([exact] if exact else [])])
    path = root / "precision" / f"{key}.json"
    try:
        row = json.loads(path.read_text())
        return Measured(frozenset(row["exact"]), float(row["worst_code"]), float(row["worst_energy"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not measured yet, or not readable
    log.info("comparing %s with float32 on %d chains of networks", dtype_name(dtype), len(chains))
    found = measure(zoo, specs, device, dtype, example_frames(), networks)
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {"exact": sorted(found.exact), "worst_code": found.worst_code, "worst_energy": found.worst_energy}
    path.write_text(json.dumps(row))
    return found


def exact_from_the_start(chains: Sequence[Chain]) -> frozenset[str]:
    """The networks whose outputs are stored in 16 bits: half precision has 8 or 11 of them."""
    return frozenset(chain[-1].network_digest for chain in chains if chain[-1].target_domain.bits == 16)


def measure(
    zoo: Zoo,
    specs: Sequence[TrackSpec],
    device: torch.device,
    dtype: torch.dtype,
    frames: FrameBatch,
    networks: Networks,
) -> Measured:
    """Run all networks in float32, then in `dtype`, and move those beyond the bound to float32 until none is."""
    exact = exact_from_the_start(chains_of(specs))
    energies = [spec for spec in specs if spec.head.kind == "energy"]
    chains = chains_of(specs)

    def run(chains: Sequence[Chain], precision: Precision, networks: Networks) -> dict[Chain, Tensor]:
        graph = make_graph(chains, device, precision, networks, keeps_going=True)
        return dict(predict(graph, frames, device, zoo.size_multiple).outputs)

    true_outputs = run(chains, Precision(torch.float32), Networks())
    true_energies = [energy_of(spec, true_outputs) for spec in energies]
    outputs = run(chains, Precision(dtype, exact), networks)
    while True:
        errors = {chain: mean_error(outputs[chain], true_outputs[chain]) for chain in outputs}
        found_energies = [energy_of(spec, outputs) for spec in energies]
        energy_errors = [float((a - b).abs().max()) for a, b in zip(found_energies, true_energies, strict=True)]
        beyond = [chain for chain, error in errors.items() if not error <= MEAN_ERROR_BOUND]
        ends = {chain[-1].network_digest for chain in beyond}
        if ends <= exact:  # the last network of a chain is not the cause, or all are within the bound
            beyond += [
                chain
                for spec, error in zip(energies, energy_errors, strict=True)
                if not error <= ENERGY_ERROR_BOUND
                for chain in spec.chains
            ]
            ends = {edge.network_digest for chain in beyond for edge in chain}
        if ends <= exact:
            return Measured(exact, _worst(errors.values()), _worst(energy_errors))
        changed = [chain for chain in chains if any(edge.network_digest in ends - exact for edge in chain)]
        exact |= ends
        outputs |= run(changed, Precision(dtype, exact), networks)


def _worst(errors: Iterable[float]) -> float:
    """The largest; those of networks that give NaN have no size."""
    return max((error for error in errors if not math.isnan(error)), default=0.0)


def energy_of(spec: TrackSpec, outputs: Mapping[Chain, Tensor]) -> Tensor:
    """The frames' energies, (N,), in sigma."""
    constants = spec.head.constants
    terms = raw_terms(term_maps(spec.terms, outputs))
    return standardise(terms, constants["mu"], constants["sigma"], constants.get("weights", {}).get("weighted"))


def mean_error(found: Tensor, true: Tensor) -> float:
    """Mean absolute difference of codes. NaN if either holds one, which is within no bound."""
    return float((found.float() - true.float()).abs().mean())


@cache
def example_frames() -> FrameBatch:
    """One frame of each bundled clip."""
    sampling = Sampling(start=FRAME_SECONDS, max_frames=1)
    with TemporaryDirectory() as folder:
        sources = [resolve(name, media_dir=Path(folder)) for name in CLIPS]
        found = []
        for source in sources:
            with closing(decoder.frames(source.path, sampling)) as frames:
                found.append(next(frames))
    return FrameBatch.stack(found)
