"""Fetches one network of the Hugging Face hub: its revision pinned, safetensors or ONNX only. Sizes are checked against the hub's
statement, and so is the SHA-256 of the weights; of small files the hub states none."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from consistency.zoo.records import ZooError
from precompute.failures import SourceError
from precompute.net import public_http
from precompute.net.public_http import Report

ENDPOINT_VARIABLE = "HF_ENDPOINT"
ENDPOINT = "https://huggingface.co"
WEIGHTS, CONFIG, PROCESSOR = "model.safetensors", "config.json", "preprocessor_config.json"
TRANSFORMERS = (CONFIG, PROCESSOR, WEIGHTS)
"""What a model in the layout of transformers is read from."""
MAX_JSON_BYTES, MAX_WEIGHTS_BYTES = 4 << 20, 16 << 30
MAX_HEADER_BYTES = 100 << 20
MAX_LICENCES = 8
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,99}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Model:
    """What the hub says about a model, before any of its files is fetched."""

    repository: str
    commit: str
    """40 hexadecimal digits: what `revision` was when it was asked."""
    licences: tuple[str, ...]
    """Their SPDX names, in lower case, as its card states them; empty if it states none."""
    files: Mapping[str, tuple[int, str]]
    """File -> bytes, and its SHA-256 or nothing where the hub states none."""


def ask(repository: str, revision: str = "main") -> Model:
    """Look a model up. Raises ZooError."""
    if not _REPOSITORY.fullmatch(repository) or not _REVISION.fullmatch(revision) or ".." in repository + revision:
        raise ZooError(
            f"'{repository[:120]}' at '{revision[:60]}' is not the name of a model",
            "write hf:OWNER/NAME or hf:OWNER/NAME@REVISION",
        )
    url = f"{endpoint()}/api/models/{repository}/revision/{quote(revision, safe='')}?blobs=true"
    answer = _json(repository, url)
    commit = answer.get("sha")
    files = {str(row.get("rfilename")): _size(row) for row in answer.get("siblings") or () if isinstance(row, Mapping)}
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise ZooError(
            f"{repository}: the hub's answer names no commit", "check the name, and $HF_ENDPOINT if it is set"
        )
    card = answer.get("cardData")
    licence = card.get("license") if isinstance(card, Mapping) else None
    tags = [
        tag.removeprefix("license:")
        for tag in answer.get("tags") or ()
        if isinstance(tag, str) and tag.startswith("license:")
    ]
    named = licence if isinstance(licence, list) else [licence]
    found = [one.lower()[:80] for one in named if isinstance(one, str) and one] or [tag.lower()[:80] for tag in tags]
    return Model(repository, commit, tuple(dict.fromkeys(found[:MAX_LICENCES])), files)


def require_files(model: Model, needed: Sequence[str]) -> None:
    """Raise ZooError if the model lacks a file."""
    for file in needed:
        if file not in model.files:
            raise ZooError(
                f"{model.repository} has no {file}; {_instead(file, model.files)}",
                "choose a model in the transformers layout" if file in TRANSFORMERS else "choose another model",
            )


def graph_of(model: Model) -> str:
    """Its ONNX graph: the only one, or the plain one among several precisions. Raises ZooError."""
    graphs = [file for file in model.files if file.endswith(".onnx") and _is_inside(file)]
    plain = [file for file in graphs if file.rpartition("/")[2] == "model.onnx"]
    if len(graphs) != 1 and len(plain) != 1:
        raise ZooError(
            f"{model.repository} has {len(graphs)} ONNX files, {len(plain)} of them model.onnx",
            "download the one that you want, and pass it as onnx:FILE",
        )
    return (graphs if len(graphs) == 1 else plain)[0]


def fetch(model: Model, files: Sequence[str], folder: Path, report: Report) -> dict[str, Path]:
    """File -> where it lies under `folder`. Raises ZooError and OSError."""
    n_bytes = sum(model.files[file][0] for file in files)
    free = shutil.disk_usage(folder).free
    if free < 2 * n_bytes:
        raise ZooError(f"{folder}: needs {2 * n_bytes / 1e9:.1f} GB, {free / 1e9:.1f} GB are free", "free space")
    found = {}
    for file in files:
        url = f"{endpoint()}/{model.repository}/resolve/{model.commit}/{quote(file)}"
        is_small = file in (CONFIG, PROCESSOR)
        limit = MAX_JSON_BYTES if is_small else MAX_WEIGHTS_BYTES
        found[file] = _download(model.repository, url, folder / file, limit, _quiet if is_small else report)
        n_bytes, sha256 = model.files[file]
        if n_bytes and found[file].stat().st_size != n_bytes:
            raise ZooError(
                f"{file} of {model.repository} has {found[file].stat().st_size} bytes, the hub states {n_bytes}",
                "run again",
            )
        if sha256 and _sha256(found[file]) != sha256:
            raise ZooError(
                f"{file} of {model.repository} is not the file whose SHA-256 the hub states",
                "run again, or ask its makers",
            )
        if file.endswith(".safetensors"):
            _require_safetensors(model.repository, found[file])
    return found


def endpoint() -> str:
    """The hub's address: `$HF_ENDPOINT`, as for the hub's own library, or its public one."""
    return (os.environ.get(ENDPOINT_VARIABLE) or ENDPOINT).rstrip("/")


def read_json(repository: str, path: Path) -> dict[str, Any]:
    """A JSON object. Raises ZooError."""
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ZooError(
            f"{path.parent.name or path.name} of {repository} is not a JSON object",
            "check $HF_ENDPOINT, or choose another model",
        )
    return found


def _json(repository: str, url: str) -> dict[str, Any]:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        return read_json(repository, _download(repository, url, Path(folder) / "answer", MAX_JSON_BYTES, _quiet))


def _download(repository: str, url: str, folder: Path, max_bytes: int, report: Report) -> Path:
    host = urlsplit(url).hostname
    try:
        return public_http.download(url, folder, max_bytes=max_bytes, report=report)
    except SourceError as error:
        if error.code == "network":
            raise ZooError(
                f"{repository}: {host} cannot be reached ({error.found})", "check the network, then run again"
            ) from error
        raise ZooError(
            f"{repository}: {error.found}", f"check the name; private models are not supported ({host})"
        ) from error


def _size(row: Mapping[str, Any]) -> tuple[int, str]:
    lfs = row.get("lfs")
    lfs = lfs if isinstance(lfs, Mapping) else {}
    size, sha256 = lfs.get("size", row.get("size")), lfs.get("sha256")
    return (size if type(size) is int and size >= 0 else 0), (sha256 if isinstance(sha256, str) else "")


def _is_inside(file: str) -> bool:
    """Whether a name on the hub is that of a file below the folder it is written to."""
    path = PurePosixPath(file)
    return not path.is_absolute() and not {"..", "."} & set(path.parts) and "\\" not in file and "\0" not in file


def _instead(file: str, files: Mapping[str, Any]) -> str:
    if file == WEIGHTS:
        if f"{WEIGHTS}.index.json" in files:
            return "its weights are in several files, which are not supported"
        if any(name.endswith((".bin", ".pth", ".pt", ".ckpt")) for name in files):
            return "its weights are pickles, which are never read"
    return f"it has {', '.join(sorted(files)[:8])[:300] or 'no files'}"


def _require_safetensors(repository: str, path: Path) -> None:
    """Raise ZooError unless the file has the header of safetensors, with all of its tensors inside the file."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if 2 <= length <= min(size - 8, MAX_HEADER_BYTES) else None
        ends = [row["data_offsets"][1] for name, row in (header or {}).items() if name != "__metadata__"]
        is_whole = bool(ends) and max(ends) == size - 8 - length
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise ZooError(
            f"{WEIGHTS} of {repository} is not a safetensors file, or a truncated one",
            "run again, or choose another model",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _quiet(n_bytes: int, total_bytes: int | None) -> None:
    """Small files need no bar."""
