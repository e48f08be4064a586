"""Which networks are there? A zoo names edges, their weights and digests, and the constants of its energies.

A zoo is a folder with `zoo.toml` and one safetensors file per network. Two edges may have the same ends: those of a
method (`baseline`, `consistency`, ...) and `shared` ones, which serve every method that does not bring its own. Several
edges may be the heads of one network: they name the same weights, and each its `head`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import nn

from consistency import networks
from consistency.domains import get_domain

ZOOS = Path(__file__).parent / "zoos"
"""The bundled zoos, one folder each."""
SHARED = "shared"
"""The method of edges that serve every method."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
IMAGE = "rgb"
"""The domain every path begins with."""


class ZooError(ValueError):
    """A zoo, or something asked of it, is not there or not usable; the message says what is."""


@dataclass(frozen=True)
class Edge:
    """A network, or a fixed filter, from one domain to another."""

    source: str
    target: str
    method: str
    """A method, or `shared`."""
    architecture: str
    """A name that `networks.build` knows."""
    arguments: Mapping[str, Any]
    """What `networks.build` is given."""
    weights: Path | None
    """A safetensors file; None for a fixed filter."""
    sha256: str
    """Of the weights file's bytes; empty for a fixed filter."""
    head: str = ""
    """Which output of its network, for a network of several; empty for a network of one."""

    @property
    def name(self) -> str:
        return f"{self.source}-{self.target}.{self.method}"

    @cached_property
    def network_digest(self) -> str:
        """SHA-256 over architecture, arguments and weights: edges with equal ones run the same network."""
        return _digest([self.architecture, dict(self.arguments), self.sha256])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over network and head: equal digests compute equal values."""
        return _digest([self.network_digest, self.head]) if self.head else self.network_digest

    def __hash__(self) -> int:
        return hash((self.source, self.target, self.digest))

    def __eq__(self, other: object) -> bool:
        """Edges are equal when they compute the same values between the same domains, whatever method they serve."""
        if not isinstance(other, Edge):
            return NotImplemented
        return (self.source, self.target, self.digest) == (other.source, other.target, other.digest)


Chain = tuple[Edge, ...]
"""The edges along a path, in order."""


@dataclass(frozen=True)
class EnergyConstants:
    """How the energy of one target is standardised. P paths, in a fixed order."""

    paths: tuple[str, ...]
    """The indirect paths to the target, `rgb-depth-normal`."""
    mu: tuple[float, ...]
    """Mean of each term over the validation set with `baseline`, in codes."""
    sigma: tuple[float, ...]
    """Spread of each term over the same frames, in codes."""


@dataclass(frozen=True)
class Zoo:
    """A named set of edges."""

    name: str
    version: str
    licence: str
    multiple: int
    """Heights and widths of network inputs must be multiples of this many pixels."""
    domains: tuple[str, ...]
    edges: tuple[Edge, ...]
    energies: Mapping[str, EnergyConstants]
    """Target domain -> constants."""
    fallback: str | None = None
    """The method whose edges serve another method where that has none of its own and no shared one exists. A method that
    predicts only some domains (geonet has no reshading) needs it for the energies whose paths go through the others."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, in the order of the file, without `shared`."""
        return tuple(dict.fromkeys(edge.method for edge in self.edges if edge.method != SHARED))

    def edge(self, source: str, target: str, method: str) -> Edge:
        """The method's own edge, else the shared one, else the fallback method's."""
        for wanted in (method, SHARED, self.fallback):
            for edge in self.edges:
                if (edge.source, edge.target, edge.method) == (source, target, wanted):
                    return edge
        raise ZooError(
            f"zoo '{self.name}' has no edge {source}-{target} for method '{method}'; add it to zoo.toml, or name a "
            "`fallback` method that has one"
        )

    def chain(self, method: str, path: str) -> Chain:
        """The edges along `path` (`rgb-normal-reshading`) for a method."""
        domains = path.split("-")
        return tuple(self.edge(a, b, method) for a, b in pairwise(domains))

    def targets(self, method: str) -> tuple[str, ...]:
        """The domains that the method itself predicts from the image."""
        return tuple(
            domain
            for domain in self.domains
            if any((e.source, e.target, e.method) == (IMAGE, domain, method) for e in self.edges)
        )

    def paths(self, method: str) -> list[str]:
        """Every prediction `rgb-Y` of the method and every readout `rgb-Y-Z` of those predictions."""
        found = []
        for target in self.targets(method):
            found.append(f"{IMAGE}-{target}")
            found += [
                f"{IMAGE}-{target}-{last}"
                for last in self.domains
                if last != IMAGE
                and any((e.source, e.target) == (target, last) and e.method in (method, SHARED) for e in self.edges)
            ]
        return found


def bundled_zoos() -> list[str]:
    """The names of the zoos that come with the project."""
    return sorted(path.parent.name for path in ZOOS.glob("*/zoo.toml"))


def load_zoo(name_or_folder: str) -> Zoo:
    """Read a bundled zoo by its name, or any zoo by its folder. Weights are read later, edge by edge."""
    folder = ZOOS / name_or_folder
    if not (folder / "zoo.toml").is_file():
        folder = Path(name_or_folder)
    if not (folder / "zoo.toml").is_file():
        raise ZooError(
            f"unknown zoo '{name_or_folder}'; bundled zoos: {', '.join(bundled_zoos()) or 'none'}; "
            "or give a folder that holds zoo.toml"
        )
    try:
        table = tomllib.loads((folder / "zoo.toml").read_text(encoding="utf-8"))
        zoo = Zoo(
            name=_name(table["name"]),
            version=str(table["version"]),
            licence=str(table["licence"]),
            multiple=_multiple(table["multiple"]),
            domains=tuple(get_domain(name).name for name in table["domains"]),
            edges=tuple(_edge(folder, row) for row in table["edge"]),
            energies={target: _constants(target, row) for target, row in table.get("energy", {}).items()},
            fallback=table.get("fallback"),
        )
        _check(zoo)
        return zoo
    except ZooError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ZooError(f"{folder / 'zoo.toml'} cannot be read: {error!r}; mend that line") from error


def load_network(edge: Edge, *, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The edge's network in eval mode, channels last, without gradients. Checks the weights' SHA-256 first.

    A network of several heads comes whole: it returns a dict, and the edge's output is the entry `edge.head`.
    Its input and output are float32 where the architecture says so (`networks.compute_in`), and a fixed filter is
    float32 throughout. Raises ZooError.
    """
    try:
        network = networks.build(edge.architecture, **edge.arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ZooError(f"edge {edge.name} cannot be built: {error}; mend its lines in zoo.toml") from error
    if edge.weights is not None:
        try:
            data = edge.weights.read_bytes()
        except OSError as error:
            raise ZooError(f"weights of {edge.name} cannot be read: {error}") from error
        found = hashlib.sha256(data).hexdigest()
        if found != edge.sha256:
            raise ZooError(
                f"weights of {edge.name} have SHA-256 {found[:12]}, zoo.toml says {edge.sha256[:12]}; fetch them again"
            )
        try:
            network.load_state_dict({name: tensor.float() for name, tensor in load_safetensors(data).items()})
        except (RuntimeError, SafetensorError) as error:
            raise ZooError(f"weights of {edge.name} do not fit {edge.architecture}: {error}") from error
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        networks.compute_in(network, dtype)
    return network.to(device).eval().requires_grad_(False)


def _edge(folder: Path, row: Mapping[str, Any]) -> Edge:
    weights = row.get("weights")
    if weights is not None and Path(weights).name != weights:
        raise ValueError(f"weights must be a file name in the zoo's folder, got '{weights}'")
    return Edge(
        source=get_domain(row["source"]).name,
        target=get_domain(row["target"]).name,
        method=_name(row["method"]),
        architecture=row["architecture"],
        arguments=row.get("arguments", {}),
        weights=folder / weights if weights is not None else None,
        sha256=row["sha256"] if weights is not None else "",
        head=row.get("head", ""),
    )


def _check(zoo: Zoo) -> None:
    """Raises ValueError or ZooError for what no single line shows."""
    for edge in zoo.edges:
        _check_channels(edge)
    if zoo.fallback is not None and zoo.fallback not in zoo.methods:
        raise ValueError(f"fallback is '{zoo.fallback}'; the methods are {', '.join(zoo.methods)}")
    for target in zoo.energies:
        for method in zoo.methods:
            if target in zoo.targets(method):
                for path in zoo.energies[target].paths:
                    zoo.chain(method, path)


def _check_channels(edge: Edge) -> None:
    """Does the edge name an output that its network has, with as many channels as the target?"""
    outputs = networks.output_channels(edge.architecture, edge.arguments)
    if isinstance(outputs, int) and edge.head:
        raise ValueError(f"edge {edge.name} names head '{edge.head}', but {edge.architecture} has one output; drop it")
    if isinstance(outputs, Mapping):
        if edge.head not in outputs:
            named = f"names head '{edge.head}'" if edge.head else "names no head"
            raise ValueError(f"edge {edge.name} {named}; the heads of its network are {', '.join(outputs)}")
        outputs = outputs[edge.head]
    wanted = get_domain(edge.target).channels
    if outputs != wanted:
        output = f"head '{edge.head}'" if edge.head else edge.architecture
        raise ValueError(f"edge {edge.name}: {output} gives {outputs} channels, {edge.target} has {wanted}")


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _constants(target: str, row: Mapping[str, Any]) -> EnergyConstants:
    constants = EnergyConstants(tuple(row["paths"]), tuple(map(float, row["mu"])), tuple(map(float, row["sigma"])))
    if not len(constants.paths) == len(constants.mu) == len(constants.sigma) >= 1:
        raise ValueError(f"energy of {target}: needs one mu and one sigma for each path")
    if not all(math.isfinite(value) for value in (*constants.mu, *constants.sigma)) or min(constants.sigma) <= 0:
        raise ValueError(f"energy of {target}: mu must be finite and sigma positive")
    for path in constants.paths:
        domains = path.split("-")
        if len(domains) < 3 or (domains[0], domains[-1]) != (IMAGE, target):  # image, middle, target
            raise ValueError(f"energy of {target}: '{path}' is no path from {IMAGE} over another domain to {target}")
    return constants


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"'{text}' is no name: letters, digits, dots, underscores and hyphens, 64 at most")
    return text


def _multiple(value: int) -> int:
    if int(value) < 1:
        raise ValueError(f"multiple is {value}; give the pixels that heights and widths must be multiples of")
    return int(value)
