"""What tracks of a batch share is what each of them would compute, and does not pile up."""

from __future__ import annotations

import torch

from consistency.domains import DOMAINS
from consistency.energy import block_means, disagreement_maps, raw_terms
from consistency.zoo.records import Chain, Edge
from precompute.jobs import disagreements
from precompute.jobs.disagreements import MAPS_KEPT, Disagreements


def chain(number: int) -> Chain:
    return (Edge("rgb", "normal", "baseline", f"made{number}", {}, None, "", domains=DOMAINS),)


def outputs(n: int) -> dict[Chain, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {chain(i): torch.rand(2, 3, 64, 64, generator=draw).bfloat16() for i in range(n)}


def test_shared_maps_means_and_blocks_are_those_of_each_pair_alone():
    made = outputs(4)
    direct, *others = made
    pairs = [(direct, other) for other in others]
    maps = disagreement_maps(made[direct], [made[other] for other in others])
    shared = Disagreements(made.__getitem__)
    for _ in range(2):  # computed, then kept
        assert torch.equal(torch.stack(shared.maps(pairs), dim=1), maps)
        assert torch.equal(shared.means(pairs), raw_terms(maps))
        assert torch.equal(shared.blocks(pairs), block_means(maps))


def test_each_map_is_computed_once_and_few_are_kept(monkeypatch):
    made = outputs(MAPS_KEPT + 3)
    direct, *others = made
    calls = []
    original = disagreements.disagreement_map
    monkeypatch.setattr(disagreements, "disagreement_map", lambda a, b: calls.append(1) or original(a, b))
    shared = Disagreements(made.__getitem__)
    pairs = [(direct, other) for other in others]
    shared.means(pairs)
    shared.means(pairs)
    shared.blocks(pairs[-MAPS_KEPT:])
    assert len(calls) == len(pairs)
    shared.maps(pairs[:1])
    assert len(calls) == len(pairs) + 1, "the map of the first pair was not kept"
