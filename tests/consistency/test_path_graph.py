"""Laws of running a set of paths."""

from __future__ import annotations

import torch
from torch import nn

from consistency.path_graph import Graph
from consistency.zoo.records import Edge


def edge(source: str, target: str, method: str = "shared", weights: str = "") -> Edge:
    return Edge(source, target, method, "adds", {"amount": len(target)}, None, weights or f"{source}{target}{method}")


class Adds(nn.Module):
    """A network that adds one number, and remembers the batches it saw."""

    def __init__(self, amount: float) -> None:
        super().__init__()
        self.amount, self.batches = amount, []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(images))
        return images + self.amount


class Networks:
    """What loads them, and what was loaded."""

    def __init__(self) -> None:
        self.loaded: dict[Edge, Adds] = {}

    def load(self, wanted: Edge) -> Adds:
        assert wanted not in self.loaded, "each network is loaded once"
        self.loaded[wanted] = Adds(wanted.arguments["amount"])
        return self.loaded[wanted]


NORMAL = edge("rgb", "normal", "baseline")
NORMAL_C = edge("rgb", "normal", "consistency")
DEPTH_OF_NORMAL = edge("normal", "depth")
EDGES_OF_NORMAL = edge("normal", "edge2d")


def test_every_path_gives_what_its_networks_give_one_after_another():
    images = torch.rand(2, 3, 4, 4)
    chains = [(NORMAL,), (NORMAL, DEPTH_OF_NORMAL), (NORMAL_C, EDGES_OF_NORMAL)]
    outputs = Graph(chains, Networks().load).run(images)
    for chain in chains:
        expected = images + sum(one.arguments["amount"] for one in chain)
        torch.testing.assert_close(outputs[chain], expected)


def test_a_shared_prefix_is_computed_once():
    networks = Networks()
    graph = Graph([(NORMAL, DEPTH_OF_NORMAL), (NORMAL, EDGES_OF_NORMAL), (NORMAL,)], networks.load)
    graph.run(torch.zeros(2, 3, 4, 4))
    assert networks.loaded[NORMAL].batches == [2]
    assert graph.n_runs == 3


def test_inputs_of_the_same_network_go_through_it_in_one_batch_and_come_back_to_their_paths():
    networks = Networks()
    outputs = Graph([(NORMAL, DEPTH_OF_NORMAL), (NORMAL_C, DEPTH_OF_NORMAL)], networks.load).run(
        torch.zeros(2, 3, 4, 4)
    )
    assert networks.loaded[DEPTH_OF_NORMAL].batches == [4]
    assert set(outputs) == {(NORMAL,), (NORMAL_C,), (NORMAL, DEPTH_OF_NORMAL), (NORMAL_C, DEPTH_OF_NORMAL)}


def test_two_methods_with_the_same_weights_are_one_network():
    networks = Networks()
    twin = edge("rgb", "normal", "twin", weights=NORMAL.sha256)
    outputs = Graph([(NORMAL,), (twin,)], networks.load).run(torch.zeros(1, 3, 4, 4))
    assert networks.loaded[NORMAL].batches == [1]
    assert outputs[(twin,)] is outputs[(NORMAL,)]


class Splits(Adds):
    """A network of two heads: its input, and its input plus one number."""

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"same": images, "more": super().forward(images)}


def test_heads_of_one_network_share_one_run_on_each_input():
    loaded: list[Splits] = []

    def load(wanted: Edge) -> nn.Module:
        if not wanted.head:
            return Adds(1.0)
        loaded.append(Splits(1.0))
        return loaded[-1]

    def head(source: str, target: str, name: str) -> Edge:
        return Edge(source, target, "multitask", "splits", {}, None, "weights", name)

    normal, depth = head("rgb", "normal", "same"), head("rgb", "depth", "more")
    again, twice = head("normal", "depth", "more"), head("normal", "curvature", "same")
    chains = [(normal,), (depth,), (normal, again), (normal, twice), (NORMAL, again)]
    graph = Graph(chains, load)
    images = torch.rand(2, 3, 4, 4)
    outputs = graph.run(images)
    (network,) = loaded
    assert network.batches == [2, 4]  # the image; then the normals of both networks in one batch
    assert graph.n_runs == 4  # and the run of NORMAL
    for chain, added in [
        ((normal,), 0),
        ((depth,), 1),
        ((normal, again), 1),
        ((normal, twice), 0),
        ((NORMAL, again), 2),
    ]:
        torch.testing.assert_close(outputs[chain], images + added)
