"""Third-party networks as modules: one image in, one image out, whatever else they give and wherever they compute.

N frames, H x W pixels.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from consistency.zoo.explained import BadNetwork, first_line

IMAGE_DIMENSIONS = 3
"""Fewest dimensions of an output that can be images: (N, H, W)."""

FAILED = (
    "check `input` (channels, size, layout), `head` and the zoo's `multiple` with: python -m precompute zoo check ZOO"
)
REMEDIES = {
    "cuda": "save it on the CPU: model.cpu() before it is traced or exported",
    "device": "save it on the CPU: model.cpu() before it is traced or exported",
    "nvidia": "save it on the CPU: model.cpu() before it is traced or exported",
    "half": "save it in float32: model.float() before it is traced or exported",
    "bfloat16": "save it in float32: model.float() before it is traced or exported",
    "same dtype": "save it in float32: model.float() before it is traced or exported",
}
"""A word of PyTorch's message, in lower case -> what to do about it."""


class Foreign(nn.Module):
    """A third-party network. It computes in the precision and on the device that its author chose, where this machine can; its
    input and its output are float32."""

    input_dtype = torch.float32
    can_be_recorded = False
    _run: Callable[[Tensor], Any]

    def __init__(
        self,
        run: Callable[[Tensor], Any],
        name: str,
        *,
        module: nn.Module | None = None,
        head: str = "",
        heads: tuple[str, ...] = (),
        one_by_one: bool = False,
        dtypes: tuple[torch.dtype, ...] = (torch.float32,),
        device: torch.device | None = None,
    ):
        """`module`: the part that moves with `to(device)`. `head`: the output that is used; empty: the only one that can be an
        image. `heads`: the outputs that are used, if several are. `one_by_one`: accepts only batches of one frame. `dtypes`: of its input; the first that works is used.
        `device`: the only one that it computes on."""
        super().__init__()
        self.module, self.head, self.name = module, head, name
        self._heads = heads
        self._one_by_one, self._dtypes, self._device = one_by_one, dtypes, device
        # Past nn.Module, which would make a network a part of this one, and move it.
        object.__setattr__(self, "_run", run)

    def forward(self, numbers: Tensor) -> Tensor | dict[str, Tensor]:
        """(N, ...) -> (N, ...), by name if several outputs are used. Raises BadNetwork."""
        home = numbers.device
        batches = (numbers if self._device is None else numbers.to(self._device)).split(
            1 if self._one_by_one else len(numbers)
        )
        called = [(self._called(batch), len(batch)) for batch in batches]
        made = {
            head: self._joined([self._output(one, n, head) for one, n in called]).to(home)
            for head in self._heads or [self.head]
        }
        return made if self._heads else made[self.head]

    def compute_in(self, dtype: torch.dtype) -> None:
        """Does nothing: the network stays as its author saved it."""

    def set_dtype(self, dtype: torch.dtype) -> None:
        """Compute in that dtype, as its zoo states."""
        if self.module is not None:
            self.module.to(dtype)
        self._dtypes = tuple(dict.fromkeys([dtype, *self._dtypes]))

    def _joined(self, made: list[Tensor]) -> Tensor:
        if len({part.shape[1:] for part in made}) > 1:
            raise BadNetwork(f"network of {self.name} gives images of several sizes for frames of one size", FAILED)
        return torch.cat(made)

    def _called(self, batch: Tensor) -> Any:
        """What the network gives. Raises BadNetwork, and MemoryError or torch.OutOfMemoryError as they come."""
        failure: Exception | None = None
        for dtype in self._dtypes:
            try:
                made = self._run(batch.to(dtype) if batch.is_floating_point() else batch)
            except Exception as error:  # third-party networks can fail in any way
                if lacks_memory(error):
                    raise
                failure = failure or error
            else:
                self._dtypes = (dtype,)
                return made
        assert failure is not None
        raise BadNetwork(
            f"network of {self.name} failed on {tuple(batch.shape)} numbers: {first_line(failure)}", remedy(failure)
        ) from failure

    def _output(self, made: Any, n_frames: int, head: str) -> Tensor:
        """The output of that name, float32. Raises BadNetwork."""
        found = _tensors(made)
        images = {name: x for name, x in found.items() if x.dim() >= IMAGE_DIMENSIONS} or found
        if head in found and (head or len(found) == 1):
            x = found[head]
        elif not head and len(images) == 1:
            x = next(iter(images.values()))
        elif len(found) == 1:
            x = next(iter(found.values()))  # the head of an output that has no name
        else:
            raise several_outputs(self.name, images)
        if x.is_complex():
            raise BadNetwork(f"network of {self.name} gives complex numbers", "name another output as its `head`")
        if x.dim() == 0:
            raise BadNetwork(
                f"network of {self.name} gives () for {n_frames} frames, a single number",
                "set `head` to an output that is an image",
            )
        # Some drop the frame's dimension of a single image.
        is_single = n_frames == 1 and (x.dim() == 2 or (x.dim() == 3 and x.shape[0] != 1))
        return (x[None] if is_single else x).float()


def several_outputs(name: str, names: Mapping[str, Any] | tuple[str, ...]) -> BadNetwork:
    """The failure of a network of which no output, or an unknown one, is named."""
    if not names:
        return BadNetwork(f"network of {name} has no output that is a tensor", "save it so that it returns one")
    return BadNetwork(f"edge {name}: its network has several outputs", f"set `head` to one of {', '.join(names)}")


def remedy(error: BaseException) -> str:
    """What to do about an error of a third-party network."""
    words = first_line(error).lower()
    return next((step for word, step in REMEDIES.items() if word in words), FAILED)


def lacks_memory(error: BaseException) -> bool:
    """Whether this machine, not the network, is at fault."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    words = str(error)
    return (isinstance(error, OSError) and error.errno == errno.ENOMEM) or any(
        word in words for word in ("can't allocate memory", "bad_alloc", "bad allocation", "can't start new thread")
    )


def _tensors(made: Any) -> dict[str, Tensor]:
    """The network's tensors by name; those of a list are named 0, 1, ... Anything else that it gives is left out."""
    if isinstance(made, Tensor):
        return {"": made}
    items = made.items() if isinstance(made, Mapping) else enumerate(made) if isinstance(made, (list, tuple)) else ()
    return {str(name): x for name, x in items if isinstance(x, Tensor)}
