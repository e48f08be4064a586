"""How zoo.toml becomes a `Zoo`: find it, read it, check it, and merge the zoo that it extends."""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs

from consistency.domains import DOMAINS, Domain, get_domain, read_domain
from consistency.models import registry
from consistency.zoo import formats
from consistency.zoo.adapters import Port, read_port
from consistency.zoo.records import _NAME, IMAGE, Archive, Edge, EnergyConstants, Zoo, ZooError, checked_name

ZOOS = Path(__file__).parent.parent / "zoos"
"""The bundled zoos, one folder each."""
ZOOS_VARIABLE = "CROSSCHECK_ZOOS"
LOCK = "zoo.lock"


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
    outputs = registry.output_channels(edge.architecture, edge.arguments)
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


def _multiple(value: int) -> int:
    if int(value) < 1:
        raise ValueError(f"multiple is {value}; give the pixels that heights and widths must be multiples of")
    return int(value)
