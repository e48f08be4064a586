"""Reads a file as a network, by its format: our own weights, an ONNX graph, or a third-party program.

`safetensors` holds weights for one of our architectures, `onnx` a graph of standard operators: both can only compute.
The formats in `CODE` can do whatever their author wants, so they run only if the user allows it. N frames.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from consistency.models import registry
from consistency.zoo.explained import BadNetwork, first_line
from consistency.zoo.networks.foreign import FAILED, IMAGE_DIMENSIONS, Foreign, lacks_memory, remedy, several_outputs

CODE = frozenset({"torchscript", "torch-export", "code"})
"""Formats whose files are programs, TorchScript and torch.export among them: their graphs may call any operator,
including those that read and write files, and their loaders are not made for hostile input."""
ONNX_DTYPES = {
    "tensor(float)": torch.float32,
    "tensor(float16)": torch.float16,
    "tensor(double)": torch.float64,
    "tensor(uint8)": torch.uint8,
}
ONNX_CONSTANTS = {
    **ONNX_DTYPES,
    "tensor(int64)": torch.int64,
    "tensor(int32)": torch.int32,
    "tensor(bool)": torch.bool,
}
CUDA_PROVIDER = "CUDAExecutionProvider"
NO_FOLDER = "/var/empty/crosscheck-reads-no-files"
"""A folder that does not exist."""


@dataclass(frozen=True)
class NetworkFile:
    """Everything that a network is read from."""

    name: str
    """The edge, for messages."""
    architecture: str = ""
    """As `Edge.architecture`."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """As `Edge.arguments`."""
    weights: bytes | None = None
    """The bytes of the weights file; None without one."""
    beside: Mapping[str, bytes] = field(default_factory=dict)
    """Location in an ONNX graph -> the bytes of that file beside it."""
    head: str = ""
    """The output that is used; empty: the only one."""
    heads: tuple[str, ...] = ()
    """The outputs that are used, if several are."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Where a network that cannot be moved later is put."""


def read(form: str, file: NetworkFile) -> nn.Module:
    """The network, in float32 unless its author saved it otherwise. Raises BadNetwork, and MemoryError."""
    try:
        return FORMATS[form](file)
    except BadNetwork:
        raise
    except Exception as error:  # third-party files can fail in any way
        if lacks_memory(error):
            raise MemoryError from error
        step = remedy(error)
        raise BadNetwork(
            f"network of {file.name} cannot be read as {form}: {first_line(error)}",
            step if step != FAILED else "fix the file or its lines in zoo.toml",
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


def _read_safetensors(file: NetworkFile) -> nn.Module:
    try:
        network = registry.build(file.architecture, **file.arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadNetwork(f"edge {file.name} cannot be built: {error}", "fix its lines in zoo.toml") from error
    if file.weights is not None:
        _load(network, file)
    return network


def _read_onnx(file: NetworkFile) -> nn.Module:
    try:
        import onnxruntime
    except ImportError:
        raise BadNetwork(f"network of {file.name} is ONNX", "to run it, install: pip install onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # fatal errors only: a model's warnings help only its author
    # Spinning threads would take the cores from decoders and encoders.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Of the files beside the graph it gets bytes that were checked, and it can open none itself: not even in the current folder.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", NO_FOLDER)
    if file.beside:
        names, contents = list(file.beside), list(file.beside.values())
        options.add_external_initializers_from_files_in_memory(names, contents, [len(content) for content in contents])
    # Where the installed onnxruntime has it; operators without a CUDA kernel run on the CPU.
    providers: list[Any] = ["CPUExecutionProvider"]
    if file.device.type == "cuda" and CUDA_PROVIDER in onnxruntime.get_available_providers():
        providers.insert(0, (CUDA_PROVIDER, {"device_id": file.device.index or 0}))
    session = onnxruntime.InferenceSession(file.weights or b"", options, providers=providers)
    constants = _onnx_constants(file, session.get_inputs())
    images = [value for value in session.get_inputs() if value.name not in constants]
    if len(images) != 1:
        names = ", ".join(value.name for value in session.get_inputs())
        raise BadNetwork(
            f"network of {file.name} has several inputs ({names}); only networks with one image input are supported",
            "save it with the other inputs as constants, or give their values as `arguments` in zoo.toml",
        )
    taken = images[0]
    if taken.type not in ONNX_DTYPES:
        raise BadNetwork(
            f"network of {file.name} takes {taken.type}; supported are {', '.join(ONNX_DTYPES)}",
            "save it in float32",
        )
    outputs = [_onnx_output(file, session.get_outputs(), head) for head in file.heads or [file.head]]

    def run(numbers: Tensor) -> dict[str, Tensor]:
        dtype = ONNX_DTYPES[taken.type]
        given = numbers.cpu()
        given = given.round().clamp(0, 255).to(dtype) if dtype == torch.uint8 else given.to(dtype)
        made = session.run(outputs, {**constants, taken.name: given.contiguous().numpy()})
        return dict(zip(file.heads or [file.head], map(torch.from_numpy, made), strict=True))

    return Foreign(
        run,
        file.name,
        head=file.head,
        heads=file.heads,
        one_by_one=bool(taken.shape) and taken.shape[0] == 1,
        device=torch.device("cpu"),
    )


def _onnx_constants(file: NetworkFile, inputs: Sequence[Any]) -> dict[str, Any]:
    """The values that the zoo gives for inputs beside the image, by name, as arrays of the dtype that each has. Raises BadNetwork."""
    known = {value.name: value for value in inputs}
    found = {}
    for name, value in file.arguments.items():
        if name not in known:
            raise BadNetwork(
                f"network of {file.name} has no input '{name}'; it has {', '.join(known)}", "correct `arguments`"
            )
        dtype = ONNX_CONSTANTS.get(known[name].type)
        if dtype is None:
            raise BadNetwork(f"input '{name}' of {file.name} is {known[name].type}, which cannot be given as a number")
        found[name] = torch.tensor(value, dtype=dtype).numpy()
    return found


def _onnx_output(file: NetworkFile, outputs: Sequence[Any], head: str) -> str:
    """The name of the output that is used: the `head`, else the only one that can be an image. Raises BadNetwork."""
    tensors = {value.name: value for value in outputs if value.type.startswith("tensor(")}
    if head in tensors:
        return head
    if len(outputs) == 1 and tensors:
        return outputs[0].name
    # Of an output of unknown dimensions the shape is [] or None, as of a single number.
    images = {name: value for name, value in tensors.items() if len(value.shape or ()) >= IMAGE_DIMENSIONS}
    if len(images) == 1 and not head:
        return next(iter(images))
    raise several_outputs(file.name, images or tensors)


def _read_torchscript(file: NetworkFile) -> nn.Module:
    module = torch.jit.load(io.BytesIO(file.weights or b""), map_location="cpu")
    dtypes = _float_dtypes(module)
    if not _set_devices(module, file.device):
        return Foreign(module, file.name, module=module, head=file.head, heads=file.heads, dtypes=dtypes)
    # Not a part of the Foreign: it could be moved, but not the devices that its code names.
    module = module.to(file.device).eval()
    return Foreign(module, file.name, head=file.head, heads=file.heads, dtypes=dtypes, device=file.device)


def _set_devices(module: Any, device: torch.device) -> int:
    """Replace the devices that a TorchScript program names, such as that of the machine it was traced on; how many."""
    n_replaced = 0
    for part in module.modules():
        for name in part._c._method_names():
            graph = part._c._get_method(name).graph
            torch._C._jit_pass_inline(graph)  # functions that it calls have graphs of their own
            for node in graph.findAllNodes("prim::Constant"):
                if node.hasAttribute("value") and node.output().type().kind() == "DeviceObjType":
                    node.s_("value", str(device))
                    n_replaced += 1
    return n_replaced


def _read_export(file: NetworkFile) -> nn.Module:
    program = torch.export.load(io.BytesIO(file.weights or b""))
    names_devices = any(node.kwargs.get("device") is not None for node in program.graph.nodes)
    if names_devices:
        from torch.export.passes import move_to_device_pass

        program = move_to_device_pass(program, str(file.device))
    module = program.module()
    # An exported module has no modes, and raises even when set to its own.
    module.train = lambda mode=True: module  # type: ignore[method-assign]
    inputs = set(program.graph_signature.user_inputs)
    taken = next(node for node in program.graph.nodes if node.name in inputs).meta["val"]
    return Foreign(
        module,
        file.name,
        module=None if names_devices else module,
        head=file.head,
        heads=file.heads,
        one_by_one=isinstance(taken.shape[0], int),
        dtypes=(taken.dtype if taken.dtype.is_floating_point else torch.float32,),
        device=file.device if names_devices else None,
    )


def _read_code(file: NetworkFile) -> nn.Module:
    module, _, function = file.architecture.partition(":")
    network = getattr(importlib.import_module(module), function)(**file.arguments)
    if not isinstance(network, nn.Module):
        raise BadNetwork(
            f"network of {file.name}: {file.architecture} must return a torch.nn.Module, got {type(network).__name__}"
        )
    if file.weights is not None:
        _load(network, file)
    return Foreign(network, file.name, module=network, head=file.head, heads=file.heads, dtypes=_float_dtypes(network))


def _read_transformers(file: NetworkFile) -> nn.Module:
    from consistency.zoo.networks import transformers_models

    try:
        state = load_safetensors(file.weights or b"")
    except SafetensorError as error:
        raise BadNetwork(f"weights of {file.name} are not safetensors: {error}", "download them again") from error
    network = transformers_models.build(file.name, str(file.arguments.get("config", "")), state)
    head = file.head or transformers_models.DEPTH
    return Foreign(
        network,
        file.name,
        module=network,
        head=head,
        heads=file.heads,
        one_by_one=network.votes,
        dtypes=_float_dtypes(network),
    )


def _float_dtypes(module: nn.Module) -> tuple[torch.dtype, ...]:
    """The dtypes that its input may have: those of its weights, the first one first, and float32."""
    tensors = (*module.parameters(), *module.buffers())
    return tuple(dict.fromkeys([*(x.dtype for x in tensors if x.is_floating_point()), torch.float32]))


def _load(network: nn.Module, file: NetworkFile) -> None:
    assert file.weights is not None
    try:
        network.load_state_dict({key: tensor.float() for key, tensor in load_safetensors(file.weights).items()})
    except (RuntimeError, SafetensorError) as error:
        raise BadNetwork(f"weights of {file.name} do not fit {file.architecture}: {error}") from error


Reader = Callable[[NetworkFile], nn.Module]
FORMATS: dict[str, Reader] = {
    "safetensors": _read_safetensors,
    "onnx": _read_onnx,
    "torchscript": _read_torchscript,
    "torch-export": _read_export,
    "code": _read_code,
    "transformers": _read_transformers,
}
