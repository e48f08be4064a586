"""Adds a network of the Hugging Face hub as a zoo: fetched, described in a zoo.toml, run once, and only then installed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from consistency.zoo.check import problems
from consistency.zoo.explained import BadNetwork
from consistency.zoo.load import load_network
from consistency.zoo.networks import transformers_models
from consistency.zoo.read import installed_zoos_folder, known_zoos, load_zoo, read_zoo
from consistency.zoo.records import Zoo, ZooError, checked_name
from precompute.media import sources
from precompute.net.public_http import Report
from precompute.zoos import install
from precompute.zoos.hub import client, specs
from precompute.zoos.hub.presets import Preset, preset_of
from precompute.zoos.writing import writing

FREE_LICENCES = frozenset(
    {"apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "bsd", "isc", "cc0-1.0", "unlicense", "cc-by-4.0"}
)
"""Licences that ask for nothing that a run could break."""
EXAMPLES = ("phone", "walkthrough")
EXAMPLE_FRAMES = 4
HEADROOM = 1.5
"""The range of a relative depth reaches so far beyond `highest_number`."""


def add(
    name: str, repository: str, revision: str, *, accepts_licence: bool, say: Callable[[str], None], report: Report
) -> Zoo:
    """Install the model as the zoo `name`. Raises ZooError, after which nothing of it is installed."""
    checked_name(name)
    if name in known_zoos():
        raise ZooError(
            f"there is a zoo '{name}' already", f"choose another name, or remove {installed_zoos_folder() / name}"
        )
    if not transformers_models.is_installed():
        raise ZooError("networks of the hub need the library transformers", transformers_models.INSTALL)
    model = client.ask(repository, revision)
    preset = preset_of(f"hf:{repository}")
    licence, is_free = show_licence(model.licences, preset, say)
    say(f"{repository} at {model.commit[:12]}: {model.n_bytes / 1e6:.1f} MB of safetensors from {client.endpoint()}")
    if not (is_free or accepts_licence):
        raise ZooError(
            f"the licence of {repository} is {licence or 'not stated'}, which restricts how it may be used",
            f"read it at https://huggingface.co/{repository}, then add --accept-licence",
        )
    home = installed_zoos_folder()
    with writing(home / ".adding"):
        for left in (home / ".adding").glob("new-*"):  # of commands that were killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=home / ".adding", prefix="new-") as temporary:
            staged = Path(temporary) / "zoo"
            staged.mkdir()
            files = client.fetch(model, Path(temporary), report)
            config = read_config(repository, files[client.CONFIG])
            ports = specs.ports_of(config, client.read_json(repository, files[client.PROCESSOR]))
            files[client.WEIGHTS].replace(staged / f"{name}.safetensors")
            header = {"name": name, "licence": licence or "not stated", "version": model.commit[:12]}
            header["description"] = _description(repository, preset)
            _write(staged, header, config, ports.input, ports.output or specs.relative_output(1.0))
            install.record(read_zoo(str(staged)))
            if ports.is_relative:
                highest = highest_number(load_zoo(str(staged)))
                _write(staged, header, config, ports.input, specs.relative_output(HEADROOM * highest))
                say(
                    f"relative depth: its numbers reach {highest:.3g} on the bundled clips, and are stored up to {HEADROOM * highest:.3g}"
                )
            zoo = read_zoo(str(staged))
            wrong = [problem for edge in zoo.edges for problem in problems(edge, zoo.size_multiple)]
            if wrong:
                raise ZooError(
                    f"{repository} does not do what its configuration says: {wrong[0]}", "choose another revision"
                )
            install.import_zoo(staged, name, on_problem=say)
    return read_zoo(name)


def show_licence(stated: Sequence[str], preset: Preset | None, say: Callable[[str], None]) -> tuple[str, bool]:
    """Print, before anything is fetched, what the hub states and, where it differs, what the preset knows. Both are returned in
    words, and whether all of it is free."""
    known, on_hub = preset.licence.lower() if preset else "", " and ".join(stated)
    is_non_commercial = any("-nc" in licence for licence in (known, *stated)) or bool(preset and preset.non_commercial)
    licence = known or on_hub
    elsewhere = f"; the hub states {on_hub}" if on_hub not in ("", licence) else ""
    say(f"licence: {licence or 'not stated'}{', non-commercial' * is_non_commercial}{elsewhere}")
    is_free = bool(licence) and {*stated, *([known] if known else [])} <= FREE_LICENCES
    return licence + elsewhere, is_free and not (preset and preset.is_non_commercial)


def read_config(repository: str, path: Path) -> dict[str, Any]:
    """The fields of config.json that the network is built from. Raises ZooError."""
    try:
        return transformers_models.read_config(repository, json.dumps(client.read_json(repository, path)))
    except BadNetwork as error:
        raise ZooError(error.found, error.next_step) from error


def highest_number(zoo: Zoo) -> float:
    """The highest 99.9 % quantile of the numbers that the zoo's network gives for a frame, of a few frames of the bundled clips."""
    network = load_network(zoo.edges[0], device=torch.device("cpu"), dtype=torch.float32)
    highest = 0.0
    for name in EXAMPLES:
        for frame in _frames(name):
            codes = torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 255
            with torch.inference_mode():
                given = network.input_spec.to_numbers(codes, zoo.edges[0].source_domain)  # type: ignore[union-attr]
                made = network.image(network.network(given), 1)  # type: ignore[operator]
            highest = max(highest, float(made.float().quantile(0.999)) if made.numel() < 1 << 24 else float(made.max()))
    return highest


def _frames(name: str) -> list[np.ndarray]:
    """A few frames of a bundled clip, uint8 (H, W, 3)."""
    from precompute.zoos.calibration import read, spread

    source = sources.resolve(name, media_dir=Path())
    return [frame for batch in read(source, spread(source, EXAMPLE_FRAMES), []) for frame in batch.rgb]


def _description(repository: str, preset: Preset | None) -> str:
    return f"{preset.title if preset else 'A depth network'}, {repository}"[:200]


def _write(
    folder: Path,
    header: Mapping[str, str],
    config: Mapping[str, Any],
    given: Mapping[str, Any],
    made: Mapping[str, Any],
) -> None:
    """Write the zoo.toml."""
    lines = [f"{key} = {_toml(value)}" for key, value in header.items()]
    lines += ["multiple = 1", 'domains = ["rgb", "depth"]', "", "[[edge]]", 'source = "rgb"', 'target = "depth"']
    lines += [
        f"method = {_toml(header['name'])}",
        'format = "transformers"',
        f"weights = {_toml(header['name'] + '.safetensors')}",
    ]
    lines += [f"arguments = {{ config = {_toml(json.dumps(config, sort_keys=True))} }}"]
    lines += [f"input = {_toml(given)}", f"output = {_toml(made)}"]
    (folder / "zoo.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")
    return repr(value)
