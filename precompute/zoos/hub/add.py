"""Adds networks of others as zoos: of transformers by their configuration, ONNX graphs and programs by what a preset or a user's
file says of their outputs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from consistency.zoo.explained import BadNetwork
from consistency.zoo.networks import external_data, transformers_models
from consistency.zoo.records import Zoo, ZooError
from precompute.net.public_http import Report
from precompute.zoos.hub import client, exporting, repository, specs
from precompute.zoos.hub.edges import Described, described
from precompute.zoos.hub.presets import Preset, preset_named, preset_of
from precompute.zoos.hub.staging import install_as, require_licence, require_new, show_licence, staging

Say = Callable[[str], None]
DIFFUSERS = "pipelines of diffusers are not run: they are several networks and a loop, which no single file holds"
COMPUTED = (
    "run them with their own program, then: python -m precompute results add PATH --clip CLIP --as NAME --domain depth"
)


def add(
    name: str,
    repository_id: str,
    revision: str,
    *,
    accepts_licence: bool,
    say: Say,
    report: Report,
    like: str = "",
) -> Zoo:
    """Install a model of the Hugging Face hub as the zoo `name`: by its own configuration, or its ONNX graph if a preset, or
    `like`, describes one. Raises ZooError, after which nothing of it is installed."""
    require_new(name)
    preset = preset_of(f"hf:{repository_id}", like)
    outputs = _described(like, preset)
    if outputs is None and not transformers_models.is_installed():
        raise ZooError("networks of the hub need the library transformers", transformers_models.INSTALL)
    model = client.ask(repository_id, revision)
    file = client.WEIGHTS if outputs is None else client.graph_of(model)
    client.require_files(model, client.TRANSFORMERS if outputs is None else (file,))
    licence, is_free = show_licence(model.licences, preset, say)
    kind = "safetensors" if outputs is None else "ONNX"
    say(
        f"{repository_id} at {model.commit[:12]}: {model.files[file][0] / 1e6:.1f} MB of {kind} from {client.endpoint()}"
    )
    page = f"https://huggingface.co/{repository_id}"
    require_licence(repository_id, licence, page, is_free=is_free, is_accepted=accepts_licence)
    header = _header(licence, model.commit, f"{_title(preset)}, {repository_id}")
    with staging() as staged:
        if outputs is not None:
            _fetch_graph(model, file, staged.scratch / "fetched", staged.zoo / f"{name}.onnx", report)
            edges = _rows(outputs, name)
        else:
            files = client.fetch(model, client.TRANSFORMERS, staged.scratch, report)
            config = read_config(repository_id, files[client.CONFIG])
            ports = specs.ports_of(config, client.read_json(repository_id, files[client.PROCESSOR]))
            files[client.WEIGHTS].replace(staged.zoo / f"{name}.safetensors")
            edges = [
                {
                    "target": "depth",
                    "format": "transformers",
                    "weights": f"{name}.safetensors",
                    "arguments": {"config": json.dumps(config, sort_keys=True)},
                    "input": ports.input,
                    "output": ports.output or {"known_up_to": specs.INVERSE},
                }
            ]
        return install_as(name, staged, header, edges, repository_id, say)


def add_file(name: str, path: Path, *, like: str, accepts_licence: bool, say: Say) -> Zoo:
    """Install an ONNX file of the user as the zoo `name`, described by `like`: a preset, or a file. Raises ZooError."""
    require_new(name)
    if not path.is_file():
        raise ZooError(f"{path}: no such file", "give the .onnx file of a network")
    outputs = described(like)
    preset = preset_named(like)
    licence, is_free = show_licence((), preset, say) if preset else ("its owner's", True)
    page = preset.project if preset else ""
    kept = (
        f"{licence or 'not stated'}, as stated for {like}" if preset else licence
    )  # only its owner knows what it holds
    require_licence(like, licence, page, is_free=is_free, is_accepted=accepts_licence)
    with staging() as staged:
        weights = staged.zoo / f"{name}.onnx"
        shutil.copyfile(path, weights)
        for file in _beside(weights):
            shutil.copyfile(external_data.find_beside(path, file, name), staged.zoo / file)
        header = _header(kept, "of a file", f"{_title(preset)}, {path.name}")
        return install_as(name, staged, header, _rows(outputs, name), path.name, say)


def add_program(
    name: str, source: str, *, like: str, allow_code: bool, accepts_licence: bool, say: Say, report: Report
) -> Zoo:
    """Install the network that a program of a GitHub repository builds (`OWNER/NAME@COMMIT:ENTRY`), saved once as ONNX. Raises
    ZooError."""
    require_new(name)
    program = repository.parse(source)
    preset = preset_of(f"hub:{source}", like)
    outputs = _described(like, preset)
    if outputs is None:
        raise ZooError(
            f"nothing says what the numbers of {program.repository} mean", "describe its outputs: --like FILE"
        )
    if not allow_code:
        raise ZooError(
            f"adding {program.repository} downloads its commit {program.commit[:12]} and runs {program.entry} of it, a program "
            "that can do on this machine whatever you can do",
            f"read it at {program.page}; if you trust it, add --allow-code",
        )
    exporting.require_exporter()
    licence, is_free = show_licence((), preset, say)
    require_licence(program.repository, licence, program.page, is_free=is_free, is_accepted=accepts_licence)
    with staging() as staged:
        folder, archive = repository.fetch(program, staged.scratch, report)
        say(f"{program.repository} at {program.commit[:12]}: {archive['bytes'] / 1e6:.1f} MB; running {program.entry}")
        weights = exporting.export(
            program,
            folder,
            staged.zoo / f"{name}.onnx",
            arguments=outputs.arguments,
            size=outputs.size,
            heads=outputs.heads,
            scratch=staged.scratch,
            report=report,
        )
        for row in weights.values():
            say(f"fetched {row['url']}: {row['bytes'] / 1e6:.1f} MB, SHA-256 {row['sha256'][:12]}")
        header = _header(licence, program.commit, f"{_title(preset)}, {program.repository}")
        edges = _rows(Described(outputs.edges, {}), name)
        return install_as(name, staged, header, edges, program.repository, say, {"program": archive, **weights})


def read_config(repository_id: str, path: Path) -> dict[str, Any]:
    """The fields of config.json that the network is built from. Raises ZooError."""
    try:
        return transformers_models.read_config(repository_id, json.dumps(client.read_json(repository_id, path)))
    except BadNetwork as error:
        raise ZooError(error.found, error.next_step) from error


def _described(like: str, preset: Preset | None) -> Described | None:
    """What is known of its outputs; None if its own files have to say it. Raises ZooError."""
    if like:
        return described(like)
    return Described(preset.edges, preset.arguments) if preset and preset.edges else None


def _fetch_graph(model: client.Model, file: str, scratch: Path, weights: Path, report: Report) -> None:
    """Fetch an ONNX file, and those beside it that hold its weights. Raises ZooError and OSError."""
    scratch.mkdir()
    client.fetch(model, (file,), scratch, report)[file].replace(weights)
    folder = file.rpartition("/")[0]
    beside = {name: f"{folder}/{name}" if folder else name for name in _beside(weights)}
    client.require_files(model, tuple(beside.values()))
    fetched = client.fetch(model, tuple(beside.values()), scratch, report)
    for name, path in beside.items():
        fetched[path].replace(weights.parent / name)


def _beside(weights: Path) -> list[str]:
    """The names of the files beside an ONNX file that hold its weights. Raises ZooError."""
    try:
        return list(external_data.locations(weights.read_bytes(), weights.stem).values())
    except BadNetwork as error:
        raise ZooError(error.found, error.next_step) from error


def _rows(outputs: Described, name: str) -> list[dict[str, Any]]:
    """The edges of an ONNX file, as zoo.toml has them."""
    common = {"format": "onnx", "weights": f"{name}.onnx", "arguments": dict(outputs.arguments)}
    return [{**edge, **common} for edge in outputs.edges]


def _header(licence: str, version: str, description: str) -> dict[str, str]:
    return {"licence": licence or "not stated", "version": version[:12], "description": description[:200]}


def _title(preset: Preset | None) -> str:
    return preset.title if preset else "A network"
