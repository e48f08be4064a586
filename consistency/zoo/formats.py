"""Reads a file as a network, by its format: our own weights, an ONNX graph, or a third-party program.

`safetensors` holds weights for one of our architectures, `onnx` a graph of standard operators: both can only compute.
The formats in `CODE` can do whatever their author wants, so they run only if the user allows it. N frames.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from consistency.models import registry

CODE = frozenset({"torchscript", "torch-export", "code"})
"""Formats whose files are programs, TorchScript and torch.export among them: their graphs may call any operator,
including those that read and write files, and their loaders are not made for hostile input."""
ONNX_DTYPES = {
    "tensor(float)": torch.float32,
    "tensor(float16)": torch.float16,
    "tensor(double)": torch.float64,
    "tensor(uint8)": torch.uint8,
}


class Explained(ValueError):
    """A failure of a zoo. `str(error)` is `found; next_step`, or `found` where no next step is known."""

    def __init__(self, found: str, next_step: str = "") -> None:
        self.found, self.next_step = found, next_step
        super().__init__(f"{found}; {next_step}" if next_step else found)


class BadNetwork(Explained):
    """A file cannot be read as a network."""


class Foreign(nn.Module):
    """A third-party network. It always computes in float32: whether it tolerates less, only its author knows."""

    input_dtype = torch.float32
    can_be_recorded = False

    def __init__(
        self,
        run: Callable[[Tensor], Any],
        *,
        module: nn.Module | None = None,
        outputs: tuple[str, ...] = (),
        one_by_one: bool = False,
    ):
        """`module`: the part that moves with `to(device)`. `outputs`: the names of several outputs. `one_by_one`:
        accepts only batches of one frame."""
        super().__init__()
        self.module, self.outputs = module, outputs
        self._run, self._one_by_one = run, one_by_one

    def forward(self, numbers: Tensor) -> Tensor | dict[str, Tensor]:
        """(N, ...) -> (N, ...), or output name -> (N, ...) for several."""
        batches = numbers.split(1) if self._one_by_one else (numbers,)
        made = [_tensors(self._run(batch)) for batch in batches]
        joined = {name: torch.cat([part[name] for part in made]) for name in made[0]}
        return next(iter(joined.values())) if len(joined) == 1 else joined

    def compute_in(self, dtype: torch.dtype) -> None:
        """Does nothing: the network stays in float32."""


def read(form: str, architecture: str, arguments: Mapping[str, Any], data: bytes | None, name: str) -> nn.Module:
    """The network of the edge `name`, in float32. `data`: the bytes of its weights file. Raises BadNetwork."""
    try:
        return FORMATS[form](architecture, arguments, data, name)
    except BadNetwork:
        raise
    except Exception as error:  # third-party files can fail in any way
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise BadNetwork(
            f"network of {name} cannot be read as {form}: {reason}", "fix the file or its lines in zoo.toml"
        ) from error


def source_digest(factory: str) -> str:
    """SHA-256 of the source file of `module:factory`. Raises BadNetwork."""
    module, _, function = factory.partition(":")
    try:
        found = importlib.util.find_spec(module) if module and function else None
        if found is None or not found.origin:
            raise ImportError("not found")
        return hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()
    except (ImportError, OSError, ValueError) as error:
        raise BadNetwork(
            f"architecture '{factory}': {error}", "write module:factory for a module on Python's path (see PYTHONPATH)"
        ) from error


def _read_safetensors(architecture: str, arguments: Mapping[str, Any], data: bytes | None, name: str) -> nn.Module:
    try:
        network = registry.build(architecture, **arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadNetwork(f"edge {name} cannot be built: {error}", "fix its lines in zoo.toml") from error
    if data is not None:
        _load(network, data, name, architecture)
    return network


def _read_onnx(architecture: str, arguments: Mapping[str, Any], data: bytes | None, name: str) -> nn.Module:
    try:
        import onnxruntime
    except ImportError:
        raise BadNetwork(f"network of {name} is ONNX", "to run it, install: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # fatal errors only: a model's warnings help only its author
    # Spinning threads would take the cores from decoders and encoders.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(data or b"", options, providers=["CPUExecutionProvider"])
    if len(session.get_inputs()) != 1:
        names = ", ".join(value.name for value in session.get_inputs())
        raise BadNetwork(
            f"network of {name} has several inputs ({names}); only networks with one image input are supported"
        )
    taken = session.get_inputs()[0]
    if taken.type not in ONNX_DTYPES:
        raise BadNetwork(f"network of {name} takes {taken.type}; supported are {', '.join(ONNX_DTYPES)}")
    outputs = tuple(value.name for value in session.get_outputs())

    def run(numbers: Tensor) -> dict[str, Tensor]:
        dtype = ONNX_DTYPES[taken.type]
        given = numbers.cpu()
        given = given.round().clamp(0, 255).to(dtype) if dtype == torch.uint8 else given.to(dtype)
        made = session.run(None, {taken.name: given.contiguous().numpy()})
        return {name: torch.from_numpy(x).to(numbers.device) for name, x in zip(outputs, made, strict=True)}

    return Foreign(run, outputs=outputs, one_by_one=bool(taken.shape) and taken.shape[0] == 1)


def _read_torchscript(architecture: str, arguments: Mapping[str, Any], data: bytes | None, name: str) -> nn.Module:
    module = torch.jit.load(io.BytesIO(data or b""), map_location="cpu")
    return Foreign(module, module=module)


def _read_export(architecture: str, arguments: Mapping[str, Any], data: bytes | None, name: str) -> nn.Module:
    program = torch.export.load(io.BytesIO(data or b""))
    module = program.module()
    # An exported module has no modes, and raises even when set to its own.
    module.train = lambda mode=True: module  # type: ignore[method-assign]
    inputs = set(program.graph_signature.user_inputs)
    taken = next(node for node in program.graph.nodes if node.name in inputs)
    return Foreign(module, module=module, one_by_one=isinstance(taken.meta["val"].shape[0], int))


def _read_code(architecture: str, arguments: Mapping[str, Any], data: bytes | None, name: str) -> nn.Module:
    module, _, function = architecture.partition(":")
    network = getattr(importlib.import_module(module), function)(**arguments)
    if not isinstance(network, nn.Module):
        raise BadNetwork(
            f"network of {name}: {architecture} must return a torch.nn.Module, got {type(network).__name__}"
        )
    if data is not None:
        _load(network, data, name, architecture)
    return Foreign(network, module=network)


def _load(network: nn.Module, data: bytes, name: str, architecture: str) -> None:
    try:
        network.load_state_dict({key: tensor.float() for key, tensor in load_safetensors(data).items()})
    except (RuntimeError, SafetensorError) as error:
        raise BadNetwork(f"weights of {name} do not fit {architecture}: {error}") from error


def _tensors(made: Any) -> dict[str, Tensor]:
    """The network's outputs by name; those of a list are named 0, 1, ..."""
    if isinstance(made, Tensor):
        return {"0": made}
    items = made.items() if isinstance(made, Mapping) else enumerate(made)
    return {str(name): x for name, x in items if isinstance(x, Tensor)}


Reader = Callable[[str, Mapping[str, Any], bytes | None, str], nn.Module]
FORMATS: dict[str, Reader] = {
    "safetensors": _read_safetensors,
    "onnx": _read_onnx,
    "torchscript": _read_torchscript,
    "torch-export": _read_export,
    "code": _read_code,
}
