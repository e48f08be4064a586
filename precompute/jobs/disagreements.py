"""How far the predictions of a batch are apart. Tracks share them: a readout, the energies of several targets and a merge name the
same two paths."""

# N frames, P pairs, H x W pixels, B x B blocks

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from consistency.energy import block_means, disagreement_map
from consistency.merging import shortening
from consistency.zoo.records import Chain

Pair = tuple[Chain, Chain]
"""A direct chain, and the one that is compared with it."""
MAPS_KEPT = 12
"""Maps that are kept for the next track: those of the energies of one method with three targets. Each takes 2 MB for 8 frames of
256 x 256."""


class Disagreements:
    """Those of one batch, each computed once. What is returned must not be changed."""

    def __init__(self, output: Callable[[Chain], Tensor]) -> None:
        """`output`: of a chain, codes (N, C, H, W)."""
        self._output = output
        self._maps: dict[Pair, Tensor] = {}
        self._numbers: dict[tuple[str, Chain, Chain], Tensor] = {}

    def maps(self, pairs: Sequence[Pair]) -> list[Tensor]:
        """Per pixel: float32 (N, H, W) for each pair."""
        return [self._map(pair) for pair in pairs]

    def means(self, pairs: Sequence[Pair]) -> Tensor:
        """Over all pixels: (N, P)."""
        return torch.stack([self._once("mean", pair, lambda of: of.mean(dim=(1, 2))) for pair in pairs], dim=1)

    def blocks(self, pairs: Sequence[Pair]) -> Tensor:
        """Over blocks: (N, P, B, B)."""
        return torch.cat([self._once("blocks", pair, lambda of: block_means(of[:, None])) for pair in pairs], dim=1)

    def shortening(self, chain: Chain) -> Tensor:
        """How far predicted directions are from length 1: (N,)."""
        key = "length", chain, chain
        if key not in self._numbers:
            self._numbers[key] = shortening(self._output(chain))
        return self._numbers[key]

    def _map(self, pair: Pair) -> Tensor:
        found = self._maps.pop(pair, None)
        if found is None:
            found = disagreement_map(*map(self._output, pair))
            while len(self._maps) >= MAPS_KEPT:
                del self._maps[next(iter(self._maps))]
        self._maps[pair] = found
        return found

    def _once(self, name: str, pair: Pair, make: Callable[[Tensor], Tensor]) -> Tensor:
        key = (name, *pair)
        if key not in self._numbers:
            self._numbers[key] = make(self._map(pair))
        return self._numbers[key]
