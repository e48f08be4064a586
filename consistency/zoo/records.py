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
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import platformdirs
import torch
from torch import nn

from consistency import formats, networks
from consistency.domains import DOMAINS, Domain, get_domain, read_domain
from consistency.ports import Adapted, Port, read_port

ZOOS = Path(__file__).parent / "zoos"
"""The bundled zoos, one folder each."""
SHARED = "shared"
"""The method of edges that serve every method."""
ZOOS_VARIABLE = "CROSSCHECK_ZOOS"
LOCK = "zoo.lock"
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


def bundled_zoos() -> list[str]:
    """The names of the zoos that come with the project, weights included."""
    return sorted({path.parent.name for path in ZOOS.glob("*/*.safetensors")})


def installed_zoos_folder() -> Path:
    """Where fetched and imported zoos lie: `$CROSSCHECK_ZOOS`, else in the user's data folder."""
    named = os.environ.get(ZOOS_VARIABLE)
    return Path(named) if named else Path(platformdirs.user_data_dir("crosscheck")) / "zoos"


def known_zoos() -> list[str]:
    """The names of the zoos that the project knows, then of the installed ones."""
    own, installed = (
        sorted(path.parent.name for path in where.glob("*/zoo.toml")) for where in (ZOOS, installed_zoos_folder())
    )
    return list(dict.fromkeys([*own, *installed]))


def load_zoo(name_or_folder: str, *, allow_code: bool = False) -> Zoo:
    """A zoo to run: the edges whose weights are here, and the energies that they suffice for. Raises ZooError, also where
    networks are programs (`formats.CODE`) and `allow_code` is False. Weights are read later, edge by edge."""
    zoo = read_zoo(name_or_folder)
    unknown = [edge.weights.name for edge in zoo.missing if edge.weights and not edge.archive]
    if unknown:
        raise ZooError(
            f"zoo '{zoo.name}': no digest is known of {', '.join(dict.fromkeys(unknown))}; put what is missing into {zoo.home}, "
            f"then run: python -m precompute zoo check {name_or_folder} --record"
        )
    if zoo.missing and not zoo.methods:
        raise ZooError(f"zoo '{zoo.name}' has no network here yet; run: python -m precompute zoo pull {name_or_folder}")
    programs = [edge.name for edge in zoo.edges if edge.format in formats.CODE]
    if programs and not allow_code:
        raise ZooError(
            f"zoo '{zoo.name}': {', '.join(programs)} run code of their makers with your rights; if you trust it, "
            "add --allow-code"
        )
    return zoo


def read_zoo(name_or_folder: str) -> Zoo:
    """What a zoo says, also of networks that are not here. By the name of a bundled or an installed zoo, or by its folder."""
    folder, home = _find(name_or_folder)
    try:
        table = tomllib.loads((folder / "zoo.toml").read_text(encoding="utf-8"))
        if "extends" in table:
            base = _base(str(table["extends"]))
            return _without_missing(_extended(_read(folder, home, table, base.declared), base))
        zoo = _read(folder, home, table, {})
        _check(zoo)
        return _without_missing(zoo)
    except ZooError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, OSError) as error:
        raise ZooError(f"{folder / 'zoo.toml'} cannot be read: {error!r}; mend that line") from error


def _read(folder: Path, home: Path, table: Mapping[str, Any], inherited: Mapping[str, Domain]) -> Zoo:
    """What zoo.toml and the lock say by themselves; `inherited` are the domains that the zoo it extends declares. Raises what
    `read_zoo` catches."""
    lock = read_lock(home)
    declared = {name: read_domain(name, row) for name, row in table.get("domain", {}).items()}
    for name in declared.keys() & inherited.keys():
        if declared[name] != inherited[name]:
            raise ValueError(f"domain {name} is another one in zoo '{table['extends']}'; drop it here, or rename it")
    domains = {**DOMAINS, **inherited, **declared}
    zoo = Zoo(
        name=checked_name(str(lock.get("name", table["name"]))),
        version=str(table["version"]),
        licence=str(table["licence"]),
        multiple=_multiple(table["multiple"]),
        domains=tuple(_domain(name, domains) for name in table["domains"]),
        edges=tuple(_edge(folder, home, row, domains, lock) for row in table["edge"]),
        energies={},
        fallback=table.get("fallback"),
        declared=declared,
        archives=tuple(_archive(row) for row in table.get("archive", ())),
        folder=folder,
        home=home,
        base=str(table.get("extends", "")),
    )
    return _with_energies(zoo, table.get("energy", {}), lock.get("energy", {}))


def _base(name: str) -> Zoo:
    """The zoo that another one extends. Raises ZooError and ValueError."""
    folder, _ = _find(checked_name(name))
    if "extends" in tomllib.loads((folder / "zoo.toml").read_text(encoding="utf-8")):
        raise ValueError(f"extends '{name}', which extends another zoo itself; name that one")
    return read_zoo(name)


def _extended(zoo: Zoo, base: Zoo) -> Zoo:
    """The zoo with all that the base has and it has not: edges, domains, energies with their constants. Archives stay the
    base's."""
    own = {(edge.source, edge.target, edge.method) for edge in zoo.edges}
    others = [e for e in (*base.edges, *base.missing) if (e.source, e.target, e.method) not in own]
    extended = replace(
        zoo,
        multiple=math.lcm(zoo.multiple, base.multiple),
        domains=tuple(dict.fromkeys([*base.domains, *zoo.domains])),
        edges=(*zoo.edges, *others),
        energy_paths={**base.energy_paths, **zoo.energy_paths},
        fallback=zoo.fallback or base.fallback,
        declared={**base.declared, **zoo.declared},
    )
    _check(extended)
    paths = {target: {"paths": paths} for target, paths in extended.energy_paths.items()}
    measured = _with_energies(extended, paths, read_lock(zoo.home).get("energy", {})).energies
    return replace(extended, energies={**base.energies, **zoo.energies, **measured})


def read_lock(home: Path) -> dict[str, Any]:
    """What `zoo.lock` says: `weights` (file -> sha256, bytes), `archives`, `energy` (as in zoo.toml) and `name`; empty
    where there is none. Raises ValueError and OSError."""
    path = home / LOCK
    lock = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(lock, dict) or not all(isinstance(lock.get(part, {}), dict) for part in ("weights", "energy")):
        raise ValueError(f"{path} is not what this program writes; remove it and fetch the zoo again")
    return lock


def load_network(edge: Edge, *, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The edge's network in eval mode, channels last, without gradients. Checks the weights' SHA-256 first.

    A network of several heads comes whole: it returns a dict, and the edge's output is the entry `edge.head`; between
    ports it gives the edge's output alone. Its input and output are float32 where the architecture says so
    (`networks.compute_in`), and a fixed filter is float32 throughout. Raises ZooError.
    """
    try:
        network = formats.read(edge.format, edge.architecture, edge.arguments, _weights(edge), edge.name)
    except formats.BadNetwork as error:
        raise ZooError(str(error)) from error
    outputs = getattr(network, "outputs", ())
    if len(outputs) > 1 and edge.head not in outputs:
        raise ZooError(f"edge {edge.name} needs `head`, one of its network's outputs: {', '.join(outputs)}")
    if edge.is_adapted:
        ports = edge.input_port or Port(), edge.output_port or Port()
        network = Adapted(network, edge.source_domain, edge.target_domain, *ports, head=edge.head)
    if edge.weights is not None and edge.format == "safetensors":
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        networks.compute_in(network, dtype)
    return network.to(device).eval().requires_grad_(False)


def _weights(edge: Edge) -> bytes | None:
    """The bytes of the edge's weights; None for a fixed filter. Raises ZooError."""
    if edge.weights is None:
        return None
    try:
        data = edge.weights.read_bytes()
    except OSError as error:
        raise ZooError(f"weights of {edge.name} cannot be read: {error}; fetch them again") from error
    found = hashlib.sha256(data).hexdigest()
    if found != edge.sha256:
        raise ZooError(
            f"weights of {edge.name} have SHA-256 {found[:12]}, the zoo says {edge.sha256[:12]}; fetch them again"
        )
    return data


def _find(name_or_folder: str) -> tuple[Path, Path]:
    """(where zoo.toml lies, where fetched weights lie)."""
    is_name = _NAME.fullmatch(name_or_folder) is not None
    installed = installed_zoos_folder() / name_or_folder
    if is_name and (ZOOS / name_or_folder / "zoo.toml").is_file():
        return ZOOS / name_or_folder, installed
    for folder in (*([installed] if is_name else []), Path(name_or_folder)):
        if (folder / "zoo.toml").is_file():
            return folder, folder
    raise ZooError(
        f"unknown zoo '{name_or_folder}'; known zoos: {', '.join(known_zoos()) or 'none'}; "
        "or give a folder that holds zoo.toml"
    )


def _domain(name: str, domains: Mapping[str, Domain]) -> str:
    return name if name in domains else get_domain(name).name


def _archive(row: Mapping[str, Any]) -> Archive:
    return Archive(checked_name(row["name"]), str(row["url"]), str(row.get("sha256", "")))


def _edge(
    folder: Path, home: Path, row: Mapping[str, Any], domains: Mapping[str, Domain], lock: Mapping[str, Any]
) -> Edge:
    weights, sha256 = row.get("weights"), row.get("sha256")
    if weights is not None and Path(weights).name != weights:
        raise ValueError(f"weights must be a file name in the zoo's folder, got '{weights}'")
    form = row.get("format", "safetensors")
    if form not in formats.FORMATS:
        raise ValueError(f"unknown format '{form}'; the formats are {', '.join(formats.FORMATS)}")
    where = folder
    if weights is not None and sha256 is None:
        where, sha256 = home, lock.get("weights", {}).get(weights, {}).get("sha256", "")
        sha256 = sha256 if (home / weights).is_file() else ""
    ports = {name: read_port(row[name]) if name in row else None for name in ("input", "output")}
    if form != "safetensors":
        ports = {name: port or Port() for name, port in ports.items()}
    return Edge(
        source=_domain(row["source"], domains),
        target=_domain(row["target"], domains),
        method=checked_name(row["method"]),
        architecture=row.get("architecture", "") if form != "safetensors" else row["architecture"],
        arguments=row.get("arguments", {}),
        weights=where / weights if weights is not None else None,
        sha256=sha256 or "",
        head=row.get("head", ""),
        format=form,
        input_port=ports["input"],
        output_port=ports["output"],
        domains=domains,
        archive=row.get("archive", ""),
    )


def _with_energies(zoo: Zoo, stated: Mapping[str, Any], measured: Mapping[str, Any]) -> Zoo:
    """The zoo with its energies' constants: those that were measured here before those of zoo.toml."""
    energies, energy_paths = {}, {}
    for target, row in stated.items():
        paths = energy_paths[target] = tuple(row["paths"])
        _check_paths(target, paths)
        for found in (measured.get(target, {}), row):
            if "mu" in found and tuple(found["paths"]) == paths:
                energies[target] = _constants(target, {"origin": f"zoo {zoo.name}, version {zoo.version}", **found})
                break
    return replace(zoo, energies=energies, energy_paths=energy_paths)


def _without_missing(zoo: Zoo) -> Zoo:
    """The zoo without edges whose weights are not here, nor energies that need them."""
    is_here = {True: tuple(e for e in zoo.edges if e.is_here), False: tuple(e for e in zoo.edges if not e.is_here)}
    here = replace(zoo, edges=is_here[True], missing=is_here[False])
    return replace(here, energies={target: row for target, row in zoo.energies.items() if here.has_all(target)})


def _check(zoo: Zoo) -> None:
    """Raises ValueError or ZooError for what no single line shows."""
    for edge in zoo.edges:
        _check_channels(edge)
    if zoo.fallback is not None and zoo.fallback not in zoo.methods:
        raise ValueError(f"fallback is '{zoo.fallback}'; the methods are {', '.join(zoo.methods)}")
    for target, paths in zoo.energy_paths.items():
        for method in zoo.methods:
            if target in zoo.targets(method):
                for path in paths:
                    zoo.chain(method, path)


def _check_channels(edge: Edge) -> None:
    """Does the edge name an output that its network has, with as many channels as the target? What is no architecture of
    ours is found out when it runs."""
    if edge.format != "safetensors":
        return
    outputs = networks.output_channels(edge.architecture, edge.arguments)
    if isinstance(outputs, int) and edge.head:
        raise ValueError(f"edge {edge.name} names head '{edge.head}', but {edge.architecture} has one output; drop it")
    if isinstance(outputs, Mapping):
        if edge.head not in outputs:
            named = f"names head '{edge.head}'" if edge.head else "names no head"
            raise ValueError(f"edge {edge.name} {named}; the heads of its network are {', '.join(outputs)}")
        outputs = outputs[edge.head]
    wanted = edge.target_domain.channels
    if edge.output_port is not None and edge.output_port.channels is not None:
        wanted = edge.output_port.channels
    if outputs != wanted:
        output = f"head '{edge.head}'" if edge.head else edge.architecture
        raise ValueError(f"edge {edge.name}: {output} gives {outputs} channels, {edge.target} has {wanted}")


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _constants(target: str, row: Mapping[str, Any]) -> EnergyConstants:
    mu, sigma = (tuple(map(float, row[name])) for name in ("mu", "sigma"))
    constants = EnergyConstants(tuple(row["paths"]), mu, sigma, str(row.get("origin", "")))
    if not len(constants.paths) == len(constants.mu) == len(constants.sigma) >= 1:
        raise ValueError(f"energy of {target}: needs one mu and one sigma for each path")
    if not all(math.isfinite(value) for value in (*constants.mu, *constants.sigma)) or min(constants.sigma) <= 0:
        raise ValueError(f"energy of {target}: mu must be finite and sigma positive")
    return constants


def _check_paths(target: str, paths: tuple[str, ...]) -> None:
    for path in paths:
        domains = path.split("-")
        if len(domains) < 3 or (domains[0], domains[-1]) != (IMAGE, target):  # image, middle, target
            raise ValueError(f"energy of {target}: '{path}' is no path from {IMAGE} over another domain to {target}")


def checked_name(text: str) -> str:
    """A name of a zoo, a method or an archive. Raises ValueError."""
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"'{text}' is no name: letters, digits, underscores, and after the first dots and hyphens, 64 at most"
        )
    return text


def _multiple(value: int) -> int:
    if int(value) < 1:
        raise ValueError(f"multiple is {value}; give the pixels that heights and widths must be multiples of")
    return int(value)
