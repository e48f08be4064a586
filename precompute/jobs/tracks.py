"""What is computed for each track? A recipe turns one batch of a clip into the frames and numbers of one track.

N frames, C channels, H x W pixels, P paths.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cache.keys import track_key
from cache.records import Clip, Head
from consistency.domains import DOMAINS, ENERGY, Domain, get_domain
from consistency.energy import block_means, disagreement_maps, raw_terms, standardise
from consistency.metrics import frame_errors
from consistency.zoo.records import IMAGE, Chain, Zoo, ZooError
from precompute.jobs.batches import Batch, TrackChunk
from precompute.jobs.encode import CODEC


@dataclass(frozen=True)
class TrackSpec:
    """One track: what it is called, which chains it needs, and how it is made from a batch."""

    head: Head
    chains: tuple[Chain, ...]
    make: Callable[[Batch], TrackChunk]


COLUMN_TITLES: dict[str, dict[str, str]] = {
    "pts_seconds": {"title": "Presentation time", "unit": "s"},
    "terms": {"title": "Path disagreement", "unit": "code"},
    "blocks": {"title": "Path disagreement by region", "unit": "code"},
    "disagreement": {"title": "Readout disagreement", "unit": "code"},
    "error": {"title": "Mean absolute error", "unit": "code"},
    "angle_degrees": {"title": "Mean angular error", "unit": "°"},
    "absrel": {"title": "Absolute relative error", "unit": ""},
}


def plan_tracks(
    clip: Clip,
    zoo: Zoo,
    patterns: Sequence[str],
    truth: Mapping[str, str],
) -> list[TrackSpec]:
    """The recipes of every track that the patterns ask for on a clip.

    `patterns` are globs on `zoo/method/path`. Each configuration brings its prediction rgb-Y and the energy of Y,
    without which a readout cannot be judged. `truth`: domain -> SHA-256 of the ground truth beside the clip.
    """
    truth = {name: truth[name] for name in sorted(truth, key=list(DOMAINS).index)}
    maker = _Maker(clip, zoo, truth)
    specs = [maker.input(), *(maker.truth_of(domain) for domain in truth)]
    chosen = select_configurations(zoo, patterns)
    for method, target in dict.fromkeys((method, path.split("-")[1]) for method, path in chosen):
        specs.append(maker.prediction(method, target))
        specs += [
            maker.readout(method, path)
            for chosen_method, path in chosen
            if chosen_method == method and path.startswith(f"{IMAGE}-{target}-")
        ]
        if target in zoo.energies:
            specs.append(maker.energy(method, target))
    return specs


def select_configurations(zoo: Zoo, patterns: Sequence[str]) -> list[tuple[str, str]]:
    """(method, path) of each configuration of the zoo that some pattern matches. Raises ZooError where one has none."""
    available = [(method, path) for method in zoo.methods for path in zoo.paths(method)]
    spelled = {pair: f"{zoo.name}/{pair[0]}/{pair[1]}" for pair in available}
    for pattern in patterns:
        if not fnmatch.filter(spelled.values(), pattern):
            raise ZooError(
                f"no configuration of zoo '{zoo.name}' matches '{pattern}'; it is spelled zoo/method/path, "
                f"such as '{next(iter(spelled.values()), '')}'; methods: {', '.join(zoo.methods)}; "
                f"domains: {', '.join(zoo.domains)}{_missing(zoo)}"
            )
    return [pair for pair in available if any(fnmatch.fnmatch(spelled[pair], pattern) for pattern in patterns)]


def _missing(zoo: Zoo) -> str:
    if not zoo.missing:
        return ""
    return f"; {len(zoo.missing)} networks are not here, which: python -m precompute zoo check {zoo.name}"


@dataclass(frozen=True)
class _Maker:
    """Builds the recipes of one clip and zoo."""

    clip: Clip
    zoo: Zoo
    truth: Mapping[str, str]

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width of what the networks are given, pixels."""
        multiple = self.zoo.size_multiple
        return self.clip.height + -self.clip.height % multiple, self.clip.width + -self.clip.width % multiple

    def input(self) -> TrackSpec:
        head = self._head("input", "", IMAGE, DOMAINS[IMAGE], {}, ["pts_seconds"])
        return TrackSpec(head, (), lambda batch: TrackChunk(batch.rgb, _columns(batch)))

    def truth_of(self, name: str) -> TrackSpec:
        head = self._head("truth", "", name, get_domain(name), {}, ["pts_seconds"], truth=name)
        return TrackSpec(head, (), lambda batch: TrackChunk(batch.truth[name], _columns(batch)))

    def prediction(self, method: str, target: str) -> TrackSpec:
        return self._image_recipe("prediction", method, f"{IMAGE}-{target}", reference=None)

    def readout(self, method: str, path: str) -> TrackSpec:
        last = path.rsplit("-", maxsplit=1)[-1]
        try:
            reference = self.zoo.chain(method, f"{IMAGE}-{last}")
        except ZooError:
            reference = None  # a domain that nothing predicts from the image has no direct path to disagree with
        return self._image_recipe("readout", method, path, reference)

    def energy(self, method: str, target: str) -> TrackSpec:
        constants = self.zoo.energies[target]
        direct = self.zoo.chain(method, f"{IMAGE}-{target}")
        indirect = [self.zoo.chain(method, path) for path in constants.paths]

        def make(batch: Batch) -> TrackChunk:
            maps = disagreement_maps(batch.outputs[direct], [batch.outputs[chain] for chain in indirect])
            energy = standardise(maps, constants.mu, constants.sigma)
            codes = (energy - ENERGY.lo) / (ENERGY.hi - ENERGY.lo)
            columns = {"terms": raw_terms(maps), "blocks": block_means(maps).half()}
            return TrackChunk(_to_uint8(codes[:, None]), _columns(batch, columns), _is_finite(columns["terms"]))

        head = self._head(
            "energy",
            method,
            f"{IMAGE}-{target}",
            ENERGY,
            _digests(direct, *indirect),
            ["pts_seconds", "terms", "blocks"],
            constants={
                "paths": list(constants.paths),
                "mu": list(constants.mu),
                "sigma": list(constants.sigma),
                "origin": constants.origin,
            },
        )
        return TrackSpec(head, (direct, *indirect), make)

    def _image_recipe(self, kind: str, method: str, path: str, reference: Chain | None) -> TrackSpec:
        chain = self.zoo.chain(method, path)
        domain = self.zoo.domain(path.rsplit("-", maxsplit=1)[-1])
        true_name = domain.name if domain.name in self.truth else None
        names = ["pts_seconds"] + (["disagreement"] if reference else [])
        if true_name:
            names += ["error"] + [{"direction": "angle_degrees"}.get(domain.meaning, "absrel")] * (
                domain.meaning == "direction" or domain.scale == "log"
            )

        def make(batch: Batch) -> TrackChunk:
            output = batch.outputs[chain]
            columns: dict[str, Tensor] = {}
            if reference:
                maps = disagreement_maps(batch.outputs[reference], [output])
                columns["disagreement"] = raw_terms(maps)[:, 0]
            if true_name:
                columns |= frame_errors(domain, output, batch.true_codes[true_name])
            return TrackChunk(_to_uint8(output), _columns(batch, columns), _is_finite(output))

        edges = _digests(chain, *([reference] if reference else []))
        head = self._head(kind, method, path, domain, edges, names, truth=true_name)
        return TrackSpec(head, (chain, *([reference] if reference else [])), make)

    def _head(
        self,
        kind: str,
        method: str,
        path: str,
        domain: Domain,
        edges: Mapping[str, str],
        columns: Sequence[str],
        *,
        constants: Mapping[str, Any] | None = None,
        truth: str | None = None,
    ) -> Head:
        zoo = self.zoo.name if method else ""
        constants = constants or {}
        # The truth decides the error columns, so a truth added later makes another track. Where constants come from decides
        # nothing.
        numbers = {name: value for name, value in constants.items() if name != "origin"}
        inputs: dict[str, Any] = {"edges": dict(edges), "constants": numbers}
        inputs["truth"] = self.truth[truth] if truth else None
        if edges and (padded := self.padded_size) != (self.clip.height, self.clip.width):
            inputs["padded"] = padded  # what lies beyond the border decides what networks see near it
        return Head(
            key=track_key(self.clip.key, kind, zoo, method, path, inputs),
            kind=kind,
            clip=self.clip,
            zoo=zoo,
            method=method,
            path=path,
            domain=domain.record(),
            codec=CODEC,
            edges=edges,
            constants=constants,
            columns={name: COLUMN_TITLES[name] for name in columns},
        )


def _columns(batch: Batch, more: Mapping[str, Tensor] | None = None) -> dict[str, Tensor | np.ndarray]:
    return {"pts_seconds": batch.pts_seconds, **(more or {})}


def _digests(*chains: Chain) -> dict[str, str]:
    return {edge.name: edge.digest for chain in chains for edge in chain}


def _is_finite(values: Tensor) -> Tensor:
    """One truth value, on the device: asking for it here would make a GPU wait."""
    # One NaN or infinity makes the sum one; asking every pixel takes ten times as long.
    return torch.isfinite(values.sum(dtype=torch.float32))


def _to_uint8(codes: Tensor) -> Tensor:
    """Codes (N, C, H, W), clipped to [0, 1] -> uint8 (N, H, W, C), rounded on the device."""
    levels = (codes.float() * 255).round_().clamp_(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous()
