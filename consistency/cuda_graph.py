"""A path graph recorded once as a CUDA graph and replayed, which spares the launch of each kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from consistency.path_graph import Graph
from consistency.zoo.records import Chain


class CapturedGraph:
    """A graph whose kernels were recorded once and are launched together, for batches of one shape on one GPU.

    The full page is some ten thousand kernels, and to launch them one by one takes a processor longer than the GPU needs.
    The outputs of a run are overwritten by the next, which the GPU begins after all that was asked of it before.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._input = torch.empty(0)
        self._outputs: dict[Chain, Tensor] = {}
        self._recorded: torch.cuda.CUDAGraph | None = None

    @torch.inference_mode()
    def run(self, images: Tensor) -> dict[Chain, Tensor]:
        """As `Graph.run`. The first batch of a shape runs once as it is, which chooses and compiles kernels, then again."""
        if images.shape != self._input.shape:
            self._record(images)
        assert self._recorded is not None
        self._input.copy_(images)
        self._recorded.replay()
        return dict(self._outputs)

    def _record(self, images: Tensor) -> None:
        self._recorded, self._outputs = None, {}
        self._input = images.clone(memory_format=torch.channels_last)
        beside = torch.cuda.Stream(images.device)
        beside.wait_stream(torch.cuda.current_stream(images.device))
        with torch.cuda.stream(beside):
            self._graph.run(self._input)
        torch.cuda.current_stream(images.device).wait_stream(beside)
        recorded = torch.cuda.CUDAGraph()
        # Other threads may allocate host memory meanwhile: only what this one does must suit a recording.
        with torch.cuda.graph(recorded, capture_error_mode="thread_local"):
            self._outputs = self._graph.run(self._input)
        self._recorded = recorded
