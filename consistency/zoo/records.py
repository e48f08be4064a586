"""The records of a zoo: its edges with their weights and digests, and the constants of its energies.

A zoo is a folder with `zoo.toml` and one weights file per network. Two edges may join the same domains: one that
belongs to a method (`baseline`, `consistency`, ...) and a `shared` one for every method without its own. Several edges
may be heads of one network: they name the same weights, and each names its `head`.

`zoo.lock` completes zoo.toml with the digests of downloaded weights and with energy constants measured on this machine.
It lies beside the weights: in the zoo's folder, or for a bundled zoo in the user's data folder. A zoo that `extends`
another has all its networks, and adds its own.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from consistency.domains import DOMAINS, Domain, get_domain
from consistency.zoo.explained import Explained
from consistency.zoo.networks import formats
from consistency.zoo.networks.adapters import InputSpec, OutputSpec
from consistency.zoo.rankings import MethodRanking

SHARED = "shared"
"""The method of edges that serve every method."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
IMAGE = "rgb"
"""The domain every path begins with."""
MERGED = "merged"
"""The method that merges the paths of another one; no network belongs to it."""
MAX_WEIGHT_ROUNDING = 1e-3
"""Weights of a merge are rounded in zoo.toml."""


class ZooError(Explained):
    """A zoo, or a part of it, is missing or unusable."""


@dataclass(frozen=True)
class Edge:
    """A network, or a fixed filter, from one domain to another."""

    source: str
    target: str
    method: str
    """A method, or `shared`."""
    architecture: str
    """The name of an architecture (`registry.ARCHITECTURES`); for the format `code` its factory, `module:factory`."""
    arguments: Mapping[str, Any]
    """The arguments of `registry.build`, or of the factory."""
    weights: Path | None
    """The weights file; None for a fixed filter."""
    sha256: str
    """Digest of the weights file's bytes; empty for a fixed filter, or while unknown."""
    head: str = ""
    """The output of a network with several; empty for a network with one."""
    heads: tuple[str, ...] = ()
    """Every output of its network that the zoo uses, if they are several and one run gives them all."""
    format: str = "safetensors"
    """How the weights file is read: a key of `formats.FORMATS`."""
    input_spec: InputSpec | None = None
    """What the network's input numbers mean; None for codes."""
    output_spec: OutputSpec | None = None
    """What the network's output numbers mean; None for codes. Both None: the network runs without adapters."""
    domains: Mapping[str, Domain] = field(default_factory=lambda: DOMAINS)
    """The domains of its zoo by name."""
    data: Mapping[str, str] = field(default_factory=dict)
    """File beside the weights file that holds weights too -> its digest; of ONNX only."""
    archive: str = ""
    """The zoo's archive that the weights are downloaded in; empty for others."""
    dtype: str = ""
    """`float32`, `float16` or `bfloat16`: what the network computes in, whatever the job does; empty: the job's choice."""
    passes_numbers: bool = False
    """Whether, from and to edges that do so too, the network's own unclamped numbers pass instead of codes; `hops` in zoo.toml."""

    @property
    def name(self) -> str:
        return f"{self.source}-{self.target}.{self.method}"

    @cached_property
    def network_digest(self) -> str:
        """SHA-256 over everything that the network's output depends on: edges with equal digests run the same
        network."""
        parts: list[Any] = [self.architecture, dict(self.arguments), self.sha256]
        if self.is_adapted:
            ends = [[d.lo, d.hi, d.scale, d.channels, d.invalid] for d in (self.source_domain, self.target_domain)]
            specs = [(self.input_spec or InputSpec()).record, (self.output_spec or OutputSpec()).record]
            parts += [self.format, ends, specs, self.head]
        if self.data:
            parts.append(sorted(self.data.items()))
        if self.format == "code":
            parts.append(formats.source_digest(self.architecture))
        if self.dtype:
            parts.append(self.dtype)
        if self.passes_numbers and self.source != IMAGE:  # images have no numbers but their codes
            parts.append("numbers between networks")
        return _digest(parts)

    @cached_property
    def run_digest(self) -> str:
        """Edges with equal ones share each run of a network: those that read several of its outputs."""
        if self.format == "safetensors":
            return self.network_digest
        source = self.source_domain
        ends = [source.lo, source.hi, source.scale, source.channels, source.invalid]
        spec = (self.input_spec or InputSpec()).record
        parts = [
            self.format,
            self.architecture,
            dict(self.arguments),
            self.sha256,
            sorted(self.data.items()),
            ends,
            spec,
        ]
        parts += [list(self.heads) or self.head, self.dtype, self.passes_numbers and self.source != IMAGE]
        if self.format == "code":
            parts.append(formats.source_digest(self.architecture))
        return _digest(parts)

    @property
    def is_adapted(self) -> bool:
        """Whether its network runs between adapters."""
        return self.input_spec is not None or self.output_spec is not None

    @property
    def source_domain(self) -> Domain:
        return self.domains[self.source]

    @property
    def target_domain(self) -> Domain:
        return self.domains[self.target]

    @property
    def is_installed(self) -> bool:
        """Whether its weights are present and their digest is known; fixed filters need none."""
        return self.weights is None or bool(self.sha256)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over network and head: edges with equal digests compute equal values."""
        return _digest([self.network_digest, self.head]) if self.head else self.network_digest

    def __hash__(self) -> int:
        return hash((self.source, self.target, self.digest))

    def __eq__(self, other: object) -> bool:
        """Edges are equal if they compute the same values between the same domains, for whichever method."""
        if not isinstance(other, Edge):
            return NotImplemented
        return (self.source, self.target, self.digest) == (other.source, other.target, other.digest)


Chain = tuple[Edge, ...]
"""The edges along a path, in order."""


@dataclass(frozen=True)
class EnergyConstants:
    """How the energy of one target is standardised: P paths in a fixed order."""

    paths: tuple[str, ...]
    """The indirect paths to the target, `rgb-depth-normal`."""
    mu: tuple[float, ...]
    """Mean of each term over the validation set with `baseline`, in codes."""
    sigma: tuple[float, ...]
    """Spread of each term over the same frames, in codes."""
    origin: str = field(default="", compare=False)
    """Where the constants come from, as text."""
    weights: tuple[float, ...] = ()
    """Weights in the weighted energy: of the standardised terms of `paths`, then of `borrowed`. Empty: there is only the mean of `paths`."""
    borrowed: tuple[str, ...] = ()
    """Paths to other targets, `rgb-depth-reshading`, whose disagreement with the direct prediction of theirs tells of this one."""
    borrowed_mu: tuple[float, ...] = ()
    """As the energies of their own targets have them."""
    borrowed_sigma: tuple[float, ...] = ()

    @property
    def all_paths(self) -> tuple[str, ...]:
        """The terms of the weighted energy."""
        return self.paths + self.borrowed

    @property
    def all_mu(self) -> tuple[float, ...]:
        return self.mu + self.borrowed_mu

    @property
    def all_sigma(self) -> tuple[float, ...]:
        return self.sigma + self.borrowed_sigma

    @property
    def paper_weights(self) -> tuple[float, ...]:
        """The weights of all terms in the paper's energy: equal for `paths`, 0 for the others."""
        return (1 / len(self.paths),) * len(self.paths) + (0.0,) * len(self.borrowed)

    @property
    def all_weights(self) -> tuple[float, ...]:
        """The weights of all terms in the energy that is shown, which is the weighted one where there are weights."""
        return self.weights or self.paper_weights

    @property
    def without_weights(self) -> EnergyConstants:
        """The paper's energy alone."""
        return EnergyConstants(self.paths, self.mu, self.sigma, self.origin)


@dataclass(frozen=True)
class Expected:
    """The error to expect of a target and method, as `analysis.expected_error` reads it from a manifest."""

    error: str
    """The column whose value is expected."""
    features: tuple[str, ...]
    """Paths, then `mirror` and `length`."""
    coefficients: tuple[float, ...]
    intercept: float
    factor: float | None = None
    """The interval reaches from the expected error divided by this to the expected error times this; None: not calibrated."""
    coverage: float = 0.9
    n_units: int = 0
    """Rooms or clips that the factor was measured on."""
    limit: float | None = None
    """Sigma of the energy above which a frame is unlike them."""
    origin: str = ""

    def __post_init__(self) -> None:
        numbers = [*self.coefficients, self.intercept]
        numbers += [number for number in (self.factor, self.limit) if number is not None]
        if len(self.features) != len(self.coefficients) or not self.features:
            raise ValueError("an expected error needs one coefficient per feature")
        if not all(map(math.isfinite, numbers)) or not 0 < self.coverage < 1:
            raise ValueError("an expected error needs finite numbers, and a coverage between 0 and 1")
        if self.factor is not None and self.factor < 1:
            raise ValueError(f"the factor of an interval is {self.factor}; it must be at least 1")


@dataclass(frozen=True)
class Merge:
    """How the method `merged` makes a target: a weighted mean of what another method predicts along several paths."""

    of: str
    """The method whose paths are merged."""
    paths: tuple[str, ...]
    """The direct path, then indirect ones."""
    weights: tuple[float, ...]
    """One weight for each of `paths`."""
    mirror: float
    """Weight of the direct prediction of the mirrored image, mirrored back."""
    origin: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        total = sum(self.weights) + self.mirror
        if len(self.paths) != len(self.weights) or not self.paths:
            raise ValueError("a merge needs one weight per path")
        if not all(weight >= 0 for weight in (*self.weights, self.mirror)) or abs(total - 1) > MAX_WEIGHT_ROUNDING:
            raise ValueError(f"the weights of a merge must be 0 or more, with sum 1; the sum is {total:g}")


@dataclass(frozen=True)
class Saving:
    """The error of `merged` against that of what it merges, as measured by `python -m training measures`."""

    error: str
    """The column of the error."""
    percent: float
    """Change of the mean error over `n_frames` frames of test rooms: below 0 it is lower."""
    low: float
    high: float
    """Ends of its 95 % interval, a bootstrap over rooms."""
    n_frames: int
    origin: str = ""

    def __post_init__(self) -> None:
        if not -100 <= self.low <= self.percent <= self.high <= MAX_PERCENT:  # NaN is refused, too
            raise ValueError(
                f"percent, low and high are {self.percent}, {self.low}, {self.high}; give low <= percent <= high, from -100"
            )
        if not 1 <= self.n_frames <= MAX_TRUST_FRAMES:
            raise ValueError(f"n_frames is {self.n_frames}; give the number of frames that were measured")
        if max(map(len, (self.error, self.origin))) > MAX_TRUST_LETTERS:
            raise ValueError(f"texts have at most {MAX_TRUST_LETTERS} letters")


@dataclass(frozen=True)
class Trust:
    """How far the energy of one target and method can be trusted, as measured by `python -m training evaluate`."""

    spearman: float
    """Spearman's ρ of energy and L1 error over `n_frames` frames of test rooms."""
    pearson: float
    """Pearson's r of the same."""
    n_frames: int
    percentile_97_5: float | None = None
    """Sigma: 97.5 % of `n_validation_frames` frames of validation rooms have at most this energy; None: not measured."""
    n_validation_frames: int = 0
    auc: Mapping[str, float] = field(default_factory=dict)
    """Set of pictures unlike the rooms -> the chance that one of them has a higher energy than a test room."""
    origin: str = ""
    """What was measured where, as text."""

    def __post_init__(self) -> None:
        _check_trust(self)


@dataclass(frozen=True)
class Archive:
    """A download that holds weights of a zoo."""

    name: str
    url: str
    sha256: str
    """Empty if the zoo does not state it: the digest of the first download is then recorded."""


@dataclass(frozen=True)
class Zoo:
    """A named set of edges."""

    name: str
    version: str
    licence: str
    size_multiple: int
    """Heights and widths of network inputs must be multiples of this many pixels; `multiple` in zoo.toml."""
    domains: tuple[str, ...]
    edges: tuple[Edge, ...]
    energies: Mapping[str, EnergyConstants]
    """Target domain -> constants."""
    trust: Mapping[tuple[str, str], Trust] = field(default_factory=dict)
    """(target, method) -> how far that energy can be trusted, where it was measured with the constants of `energies`."""
    expected: Mapping[tuple[str, str], Expected] = field(default_factory=dict)
    """(target, method) -> the error to expect, where it was fitted. The method may be `merged`."""
    rankings: tuple[MethodRanking, ...] = ()
    """Whether confidences rank two methods, where it was measured with the constants of `energies`."""
    merges: Mapping[str, Merge] = field(default_factory=dict)
    """Target -> how `merged` makes it."""
    savings: Mapping[str, Saving] = field(default_factory=dict)
    """Target -> what merging changes, where it was measured with the weights of `merges`."""
    fallback: str | None = None
    """The method that provides an edge where another method has neither its own nor a shared one. A method that
    predicts only some domains (geonet has no reshading) needs it for energies whose paths go through the others."""
    missing: tuple[Edge, ...] = ()
    """Edges of zoo.toml that are not in `edges` because their weights are not installed."""
    energy_paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Target domain -> indirect paths, for every energy of zoo.toml. `energies` has those whose networks are all
    installed and whose constants were measured."""
    declared: Mapping[str, Domain] = field(default_factory=dict)
    """The domains that the zoo declares itself."""
    archives: tuple[Archive, ...] = ()
    folder: Path = Path()
    """The folder of zoo.toml."""
    home: Path = Path()
    """The folder of downloaded weights and `zoo.lock`."""
    base: str = ""
    """The zoo that this one extends; empty for none. Its weights and archives stay its own."""
    description: str = ""
    """What its networks are, who trained them and on what, in words for people; empty if zoo.toml does not say."""
    trainings: Mapping[str, str] = field(default_factory=dict)
    """Method -> how its networks were trained, in words; `training` in zoo.toml."""

    @property
    def own_missing(self) -> tuple[Edge, ...]:
        """The edges of `missing` whose weights belong in `home`."""
        return tuple(edge for edge in self.missing if edge.weights and edge.weights.parent == self.home)

    @property
    def uncalibrated(self) -> dict[str, tuple[str, ...]]:
        """Target domain -> indirect paths of energies that lack only their constants."""
        return {
            target: paths
            for target, paths in self.energy_paths.items()
            if target not in self.energies and self.has_all(target)
        }

    def has_all(self, target: str) -> bool:
        """Whether all networks of the target's energy are installed, for every method that predicts it."""
        try:
            for method in self.methods:
                if target in self.targets(method):
                    for path in self.energy_paths[target]:
                        self.chain(method, path)
        except ZooError:
            return False
        return any(target in self.targets(method) for method in self.methods)

    def has_borrowed(self, target: str) -> bool:
        """Whether all networks of the paths to other targets that the target's energy uses are installed."""
        borrowed = self.energies[target].borrowed
        try:
            for method in self.methods:
                if target in self.targets(method):
                    for path in borrowed:
                        self.chain(method, path)
                        self.chain(method, direct_path(path))
        except ZooError:
            return False
        return True

    def rankings_of(self, target: str, method: str) -> dict[str, MethodRanking]:
        """Another method -> what was measured of both."""
        found = [ranking for ranking in self.rankings if ranking.target == target and method in ranking.methods]
        return {other: ranking for ranking in found for other in ranking.methods if other != method}

    def configurations(self) -> list[tuple[str, str]]:
        """(method, path) of everything that can be computed: of each method, then what is merged."""
        own = [(method, path) for method in self.methods for path in self.paths(method)]
        return own + [(MERGED, f"{IMAGE}-{target}") for target in self.merges]

    def domain(self, name: str) -> Domain:
        """The domain with that name, the zoo's own or a built-in one."""
        return self.declared[name] if name in self.declared else get_domain(name)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, in the order of the file, without `shared`."""
        return tuple(dict.fromkeys(edge.method for edge in self.edges if edge.method != SHARED))

    def edge(self, source: str, target: str, method: str) -> Edge:
        """The method's own edge, else the shared one, else the fallback method's. Raises ZooError."""
        for wanted in (method, SHARED, self.fallback):
            for edge in self.edges:
                if (edge.source, edge.target, edge.method) == (source, target, wanted):
                    return edge
        raise ZooError(
            f"zoo '{self.name}' has no edge {source}-{target} for method '{method}'",
            "add it to zoo.toml, or name a `fallback` method that has one",
        )

    def chain(self, method: str, path: str) -> Chain:
        """The edges along `path` (`rgb-normal-reshading`) for a method. Raises ZooError."""
        domains = path.split("-")
        return tuple(self.edge(a, b, method) for a, b in pairwise(domains))

    def targets(self, method: str) -> tuple[str, ...]:
        """The domains that the method predicts from the image itself."""
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


def direct_path(path: str) -> str:
    """The direct path to the domain that a path ends in."""
    return f"{IMAGE}-{path.rsplit('-', 1)[-1]}"


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def checked_name(text: str) -> str:
    """The name of a zoo, a method or an archive, as it is. Raises ValueError."""
    if not is_name(text):
        raise ValueError(
            f"invalid name '{text}': use letters, digits and underscores; dots and hyphens are allowed after the first "
            "character; at most 64 characters"
        )
    return text


MAX_DESCRIPTION_LETTERS = 200


def checked_description(text: Any) -> str:
    """A short text for people, on one line. Raises ValueError."""
    if not isinstance(text, str) or len(text) > MAX_DESCRIPTION_LETTERS or not text.isprintable():
        raise ValueError(f"a description is text of at most {MAX_DESCRIPTION_LETTERS} letters, on one line")
    return text


MAX_TRUST_FRAMES = 100_000_000
MAX_TRUST_SETS, MAX_TRUST_LETTERS = 16, 400
MAX_TRUST_SIGMA = 1000.0
MAX_PERCENT = 10_000.0


def _check_trust(trust: Trust) -> None:
    """Raises ValueError and TypeError."""
    shares = {f"auc of '{name[:80]}'": value for name, value in trust.auc.items()}
    bounds = {"spearman": (trust.spearman, -1, 1), "pearson": (trust.pearson, -1, 1)}
    bounds |= {name: (value, 0, 1) for name, value in shares.items()}
    if trust.percentile_97_5 is not None:
        bounds |= {"percentile_97_5": (trust.percentile_97_5, -MAX_TRUST_SIGMA, MAX_TRUST_SIGMA)}
    for name, (value, least, most) in bounds.items():
        if not least <= value <= most:  # NaN is refused, too
            raise ValueError(f"{name} is {value}; give a number from {least:g} to {most:g}")
    least = int(trust.percentile_97_5 is not None)
    for name, n_frames, fewest in (
        ("n_frames", trust.n_frames, 1),
        ("n_validation_frames", trust.n_validation_frames, least),
    ):
        if not fewest <= n_frames <= MAX_TRUST_FRAMES:
            raise ValueError(f"{name} is {n_frames}; give the number of frames that were measured")
    if len(trust.auc) > MAX_TRUST_SETS or max(map(len, (trust.origin, *trust.auc))) > MAX_TRUST_LETTERS:
        raise ValueError(f"at most {MAX_TRUST_SETS} sets, and texts of {MAX_TRUST_LETTERS} letters")


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
