"""Finds and reads the files beside an ONNX file that hold its weights ("external data").

The graph names them. They are read from the folder of the ONNX file only, and their digests belong to the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from consistency.zoo.explained import BadNetwork

MAX_DEPTH = 100
"""Most messages inside one another; graphs of branches and loops reach some ten."""
MAX_FILES = 1000
"""Most files of one network."""

_MESSAGES: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Function": {7: "Node", 11: "Attribute"},
    "Training": {1: "Graph", 2: "Graph"},
    "Tensor": {13: "Entry"},
}
"""Message of ONNX -> its fields that lead to tensors, by their number in onnx.proto."""


def locations(graph: bytes, name: str) -> dict[str, str]:
    """Location as the graph of the edge `name` spells it -> the bare name of the file; empty if its weights are its own.

    Raises BadNetwork if one is not beside the ONNX file, or if the bytes are not ONNX.
    """
    if b"location" not in graph:
        return {}
    try:
        found = dict.fromkeys(_locations(memoryview(graph), "Model", 0))
    except (ValueError, IndexError):
        raise BadNetwork(
            f"network of {name} cannot be read as onnx: damaged, or another format", "save it again"
        ) from None
    if len(found) > MAX_FILES:
        raise BadNetwork(f"network of {name} has its weights in {len(found)} files", "save it as one file")
    return {location: _bare(location, name) for location in found}


def read_beside(path: Path, file: str, name: str) -> bytes:
    """The bytes of the file beside the ONNX file at `path`. Raises BadNetwork."""
    try:
        return find_beside(path, file, name).read_bytes()
    except OSError as error:
        raise BadNetwork(
            f"weights of {name} are in {file}, which cannot be read ({error.strerror})", "check its permissions"
        ) from error


def find_beside(path: Path, file: str, name: str) -> Path:
    """The regular file of that bare name beside `path`. Raises BadNetwork, also for a link that leads out of the folder."""
    found = path.parent / file
    with suppress(OSError, RuntimeError):  # RuntimeError: a link to itself
        if found.is_symlink() and found.resolve().parent != path.parent.resolve():
            raise BadNetwork(
                f"weights of {name} are in {file}, a link out of its folder", f"copy the file itself beside {path.name}"
            )
        if found.is_file():
            return found
    raise BadNetwork(
        f"weights of {name} are in {file}, which is not beside {path.name}",
        "copy it there, or save the network as one file",
    )


def digests_beside(path: Path, name: str) -> dict[str, str]:
    """Bare name -> SHA-256 of the files beside an ONNX file that hold its weights. Raises BadNetwork and OSError."""
    found = {}
    for file in locations(path.read_bytes(), name).values():
        with find_beside(path, file, name).open("rb") as data:
            found[file] = hashlib.file_digest(data, "sha256").hexdigest()
    return found


def _bare(location: str, name: str) -> str:
    parts = PurePosixPath(location).parts
    is_bare = len(parts) == 1 and parts[0] not in ("..", "zoo.toml", "zoo.lock")
    if not is_bare or parts[0].startswith(".") or set(location) & set("\\\0"):
        raise BadNetwork(
            f"network of {name} has weights in {location[:200]!r}", "save it as one file, or with the data beside it"
        )
    return parts[0]


def _locations(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    """What the tensors of a message name as the places of their data. Raises ValueError and IndexError for broken bytes."""
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    inner = _MESSAGES.get(kind, {})
    for number, value in _fields(message):
        if number not in inner:
            continue
        if inner[number] == "Entry":
            entry = dict(_fields(value))
            if bytes(entry.get(1, b"")) == b"location":
                yield bytes(entry.get(2, b"")).decode("utf-8")
        else:
            yield from _locations(value, inner[number], depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field of a protobuf message that has a length; the others are skipped."""
    at = 0
    while at < len(message):
        key, at = _number(message, at)
        match key & 7:
            case 0:
                _, at = _number(message, at)
            case 1:
                at += 8
            case 2:
                length, at = _number(message, at)
                yield key >> 3, message[at : at + length]
                at += length
            case 5:
                at += 4
            case _:
                raise ValueError("groups are not used by ONNX")
        if at > len(message):
            raise ValueError("cut off")


def _number(message: memoryview, at: int) -> tuple[int, int]:
    """The variable-length integer at that place, and the place after it."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
