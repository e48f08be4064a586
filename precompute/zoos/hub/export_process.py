"""The child process that builds a network by the program of its repository, and saves it as ONNX:
`python -m precompute.zoos.hub.export_process READ WRITE`.

The program is third-party code, run because the user allowed it. Files that it asks torch.hub for are fetched by the parent; they
are read for their tensors alone. Limits of memory and time end a program that goes astray; they are no wall around a hostile one.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import resource
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from precompute.sandbox import Parent, limit, limit_cpu

MEMORY_BYTES = 32 << 30
"""Address space of the child: torch's libraries take some 5 GB of it, a network is held twice while it is saved."""
MAX_SECONDS = 1800
"""Longest building and saving of one network, seconds of the processor."""
EXAMPLE_PX = (256, 320)
"""Height and width of the picture that it is traced with, where it accepts any size."""
SECOND_PX = (320, 256)
"""Those of the picture that the saved network is compared on."""
MAX_DIFFERENCE = 1e-3
"""Largest difference between the network and what was saved, as a share of the network's largest number."""
OPSET = 17


class CannotExport(Exception):
    """The message says why."""


def main(arguments: list[str]) -> None:
    """For one request, build and save its network; answer with the `problem`, empty if there is none, and with its `outputs`."""
    parent = Parent(arguments)
    requests = parent.requests()
    request = next(requests)
    limit({resource.RLIMIT_AS: MEMORY_BYTES})
    limit_cpu(MAX_SECONDS)
    try:
        answer: dict[str, Any] = {
            "problem": "",
            "outputs": export(request, lambda url: _fetched(parent, requests, url)),
        }
    except CannotExport as error:
        answer = {"problem": str(error)}
    except MemoryError:
        answer = {"problem": f"needs more than {MEMORY_BYTES >> 30} GB of memory"}
    except BaseException as error:  # a stranger's program can fail in any way, SystemExit among them
        answer = {"problem": f"its program failed: {_words(error)}"}
    parent.send(answer)


def export(request: Mapping[str, Any], fetch: Callable[[str], Path]) -> list[str]:
    """Save the network of `folder` and `entry` to `output`; the names of its outputs. Raises CannotExport, and what its program
    raises."""
    import torch

    _use(fetch)
    os.chdir(request["folder"])
    sys.path.insert(0, request["folder"])
    network = find_entry(request["entry"])(**request["arguments"])
    if not isinstance(network, torch.nn.Module):
        raise CannotExport(
            f"{request['entry']} gives a {type(network).__name__}, not a network that can be saved (torch.nn.Module)"
        )
    network = network.cpu().float().eval().requires_grad_(False)
    size = request["size"]
    first = _picture(tuple(size or EXAMPLE_PX))
    with torch.inference_mode():
        names = list(_outputs(network(first)))
    wanted = [name for name in names if name in request["heads"]] if any(request["heads"]) else names
    if not wanted:
        raise CannotExport(f"it has the outputs {', '.join(names)}, not {', '.join(request['heads'])}")

    class Named(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, picture: Any) -> Any:
            made = _outputs(self.network(picture))
            return tuple(made[name] for name in wanted)

    spoken = [name or "output" for name in wanted]
    axes = {0: "frames"} | ({} if size else {2: "height", 3: "width"})
    torch.onnx.export(
        Named().eval(),
        (first,),
        request["output"],
        input_names=["picture"],
        output_names=spoken,
        dynamic_axes={"picture": axes, **{name: {0: "frames"} for name in spoken}},
        opset_version=OPSET,
        dynamo=False,
    )
    _require_same(Named(), request["output"], _picture(tuple(size or SECOND_PX), n_frames=2), spoken)
    return spoken


def find_entry(entry: str) -> Callable[..., Any]:
    """The function of hubconf.py, or of `module:function`, of the current folder. Raises CannotExport."""
    module, colon, name = entry.rpartition(":")
    if not colon:
        spec = importlib.util.spec_from_file_location("hubconf", "hubconf.py") if Path("hubconf.py").is_file() else None
        if spec is None or spec.loader is None:
            raise CannotExport("its repository has no hubconf.py; name the function as module:function")
        found = importlib.util.module_from_spec(spec)
        sys.modules["hubconf"] = found
        try:
            spec.loader.exec_module(found)
        except ModuleNotFoundError as error:
            raise CannotExport(f"it needs {error.name}; install it: pip install {error.name}") from error
    else:
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise CannotExport(f"it needs {error.name}; install it, or correct the name of the module") from error
    missing = [name for name in getattr(found, "dependencies", ()) if importlib.util.find_spec(str(name)) is None]
    if missing:
        raise CannotExport(f"it needs {', '.join(missing)}; install it: pip install {' '.join(missing)}")
    function = getattr(found, name, None)
    if not callable(function) or name.startswith("_"):
        public = [key for key, value in vars(found).items() if callable(value) and not key.startswith("_")]
        raise CannotExport(f"it has no entry {name}; it has {', '.join(public)[:300]}")
    return function


def _use(fetch: Callable[[str], Path]) -> None:
    """Let torch.hub get its files from `fetch`, and the program no connection of its own, which it would use unseen."""
    import torch
    from torch.utils import model_zoo

    def load_state_dict_from_url(url: str, *_: Any, map_location: Any = "cpu", **__: Any) -> Any:
        path = fetch(url)
        if Path(url.partition("?")[0]).suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu" if map_location is None else map_location, weights_only=True)

    def download_url_to_file(url: str, dst: str, *_: Any, **__: Any) -> None:
        shutil.copyfile(fetch(url), dst)

    def refused(*_: Any, **__: Any) -> Any:
        raise OSError("its program wants to download by itself; only torch.hub.load_state_dict_from_url is served")

    torch.hub.load_state_dict_from_url = load_state_dict_from_url  # type: ignore[assignment]
    torch.hub.download_url_to_file = download_url_to_file  # type: ignore[assignment]
    model_zoo.load_url = load_state_dict_from_url  # type: ignore[assignment]
    socket.socket.connect = refused  # type: ignore[method-assign]
    socket.socket.connect_ex = refused  # type: ignore[method-assign]
    socket.getaddrinfo = refused  # type: ignore[assignment]


def _fetched(parent: Parent, requests: Iterator[dict[str, Any]], url: str) -> Path:
    parent.send({"wants": str(url)[:4000]})
    answer = next(requests)
    if "path" not in answer:
        raise CannotExport(answer["problem"])
    return Path(answer["path"])


def _picture(size: tuple[int, ...], n_frames: int = 1) -> Any:
    """Always the same random numbers from 0 to 1, (N, 3, H, W)."""
    import torch

    return torch.rand(n_frames, 3, *size, generator=torch.Generator().manual_seed(n_frames))


def _outputs(made: Any) -> dict[str, Any]:
    """Its images by name; those of a list are named 0, 1, ..., a single tensor has none. Raises CannotExport."""
    import torch

    if isinstance(made, torch.Tensor):
        return {"": made}
    items = made.items() if isinstance(made, Mapping) else enumerate(made) if isinstance(made, (list, tuple)) else ()
    found = {str(name): x for name, x in items if isinstance(x, torch.Tensor) and x.dim() >= 3}
    if not found:
        raise CannotExport(f"it gives a {type(made).__name__} without images")
    return found


def _require_same(network: Any, path: str, picture: Any, names: list[str]) -> None:
    """Raise CannotExport if what was saved gives other numbers: it may have been traced for one size."""
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = network(picture)
    try:
        made = session.run(names, {"picture": picture.numpy()})
    except Exception as error:  # of onnxruntime, which has many
        raise CannotExport(
            f"saved as ONNX, it fails on a picture of another size ({_words(error)}); state its `input.size`"
        ) from error
    for name, one, other in zip(names, expected, map(torch.from_numpy, made), strict=True):
        if one.shape != other.shape or not (one - other).abs().max() <= MAX_DIFFERENCE * one.abs().max().clamp(
            min=1e-6
        ):
            raise CannotExport(f"saved as ONNX, its output {name} differs from its own; state its `input.size`")


def _words(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"


if __name__ == "__main__":
    main(sys.argv[1:])
