"""Replays a path graph as one CUDA graph, which saves the launch of each kernel."""

from __future__ import annotations

import torch
from torch import Tensor

from consistency.path_graph import Graph
from consistency.zoo.records import Chain


class CapturedGraph:
    """A path graph whose kernels are recorded once and launched together, for batches of one shape on one GPU.

    All paths of the X-TC zoo take some ten thousand kernels, and launching them one by one takes the CPU longer than
    the GPU needs to run them. Each run overwrites the outputs of the one before, once the GPU has finished its earlier
    work.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._input = torch.empty(0)
        self._frame: tuple[int, int] | None = None
        self._outputs: dict[Chain, Tensor] = {}
        self._recorded: torch.cuda.CUDAGraph | None = None

    @torch.inference_mode()
    def run(self, images: Tensor, frame: tuple[int, int] | None = None) -> dict[Chain, Tensor]:
        """Like `Graph.run`. The first batch of a shape runs twice: unrecorded, to select and compile kernels, then
        recorded."""
        if images.shape != self._input.shape or frame != self._frame:
            self._record(images, frame)
        assert self._recorded is not None
        self._input.copy_(images)
        self._recorded.replay()
        return dict(self._outputs)

    def _record(self, images: Tensor, frame: tuple[int, int] | None) -> None:
        self._recorded, self._outputs, self._frame = None, {}, frame
        self._input = images.clone(memory_format=torch.channels_last)
        beside = torch.cuda.Stream(images.device)
        beside.wait_stream(torch.cuda.current_stream(images.device))
        with torch.cuda.stream(beside):
            self._graph.run(self._input, frame=frame)
        torch.cuda.current_stream(images.device).wait_stream(beside)
        recorded = torch.cuda.CUDAGraph()
        # Other threads may allocate host memory meanwhile: only the calls of this thread must suit a recording.
        with torch.cuda.graph(recorded, capture_error_mode="thread_local"):
            self._outputs = self._graph.run(self._input, frame=frame)
        self._recorded = recorded
