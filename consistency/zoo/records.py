"""Which networks are there? A zoo names edges, their weights and digests, and the constants of its energies.

A zoo is a folder with `zoo.toml` and one file of weights per network. Two edges may have the same ends: those of a
method (`baseline`, `consistency`, ...) and `shared` ones, which serve every method that does not bring its own. Several
edges may be the heads of one network: they name the same weights, and each its `head`.

What zoo.toml leaves open is completed by `zoo.lock`: digests of weights that were fetched later, and energy constants that
were measured here. It lies beside the weights: in the zoo's folder, for a bundled zoo in the user's data folder. A zoo that
`extends` another has all that the other has, and its own networks beside it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from consistency.domains import DOMAINS, Domain, get_domain
from consistency.zoo import formats
from consistency.zoo.adapters import Port

SHARED = "shared"
"""The method of edges that serve every method."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
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
    format: str = "safetensors"
    """How the weights file is read: a name of `formats.FORMATS`."""
    input_port: Port | None = None
    output_port: Port | None = None
    """What the network's numbers mean; both None where they are codes as they are, and are never out of range."""
    domains: Mapping[str, Domain] = field(default_factory=lambda: DOMAINS)
    """Those of its zoo."""
    archive: str = ""
    """Which of the zoo's archives the weights come from, for those that are fetched."""

    @property
    def name(self) -> str:
        return f"{self.source}-{self.target}.{self.method}"

    @cached_property
    def network_digest(self) -> str:
        """SHA-256 over all that the network's output depends on: edges with equal ones run the same network."""
        parts: list[Any] = [self.architecture, dict(self.arguments), self.sha256]
        if self.is_adapted:
            ends = [[d.lo, d.hi, d.scale, d.channels, d.invalid] for d in (self.source_domain, self.target_domain)]
            ports = [(port or Port()).record for port in (self.input_port, self.output_port)]
            parts += [self.format, ends, ports, self.head]
        if self.format == "code":
            parts.append(formats.source_digest(self.architecture))
        return _digest(parts)

    @property
    def is_adapted(self) -> bool:
        """Does its network run between ports?"""
        return self.input_port is not None or self.output_port is not None

    @property
    def source_domain(self) -> Domain:
        return self.domains[self.source]

    @property
    def target_domain(self) -> Domain:
        return self.domains[self.target]

    @property
    def is_here(self) -> bool:
        """Are its weights known by their digest? Fixed filters need none."""
        return self.weights is None or bool(self.sha256)

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
    origin: str = field(default="", compare=False)
    """Where they come from, for people."""


@dataclass(frozen=True)
class Archive:
    """Something to download that holds weights of a zoo."""

    name: str
    url: str
    sha256: str
    """Empty where the zoo does not know it: then the one of the first download is kept."""


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
    missing: tuple[Edge, ...] = ()
    """Edges of zoo.toml that are not in `edges`, as their weights are not here."""
    energy_paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Target domain -> indirect paths of every energy that zoo.toml names. In `energies` are those whose networks are all
    here and whose constants were measured."""
    declared: Mapping[str, Domain] = field(default_factory=dict)
    """The domains that the zoo itself declares."""
    archives: tuple[Archive, ...] = ()
    folder: Path = Path()
    """Where zoo.toml lies."""
    home: Path = Path()
    """Where fetched weights and `zoo.lock` lie."""
    base: str = ""
    """The zoo that it extends; what comes from there stays there, archives among it."""

    @property
    def own_missing(self) -> tuple[Edge, ...]:
        """Those of `missing` whose weights belong in `home`."""
        return tuple(edge for edge in self.missing if edge.weights and edge.weights.parent == self.home)

    @property
    def uncalibrated(self) -> dict[str, tuple[str, ...]]:
        """Target domain -> indirect paths of energies whose networks are all here, and that lack constants alone."""
        return {
            target: paths
            for target, paths in self.energy_paths.items()
            if target not in self.energies and self.has_all(target)
        }

    def has_all(self, target: str) -> bool:
        """Are all networks of the target's energy here, for every method that predicts it?"""
        try:
            for method in self.methods:
                if target in self.targets(method):
                    for path in self.energy_paths[target]:
                        self.chain(method, path)
        except ZooError:
            return False
        return any(target in self.targets(method) for method in self.methods)

    def domain(self, name: str) -> Domain:
        """A domain by its name: one of the zoo's own, or a built-in one."""
        return self.declared[name] if name in self.declared else get_domain(name)

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


def checked_name(text: str) -> str:
    """A name of a zoo, a method or an archive. Raises ValueError."""
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"'{text}' is no name: letters, digits, underscores, and after the first dots and hyphens, 64 at most"
        )
    return text


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
