"""Reads zoo.toml into a `Zoo`: finds it, checks it, and merges the zoo that it extends."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from consistency.domains import DOMAINS, Domain, get_domain, read_domain
from consistency.models import registry
from consistency.zoo.lock import read_lock
from consistency.zoo.networks import formats
from consistency.zoo.networks.adapters import InputSpec, OutputSpec, read_spec
from consistency.zoo.rankings import read_rankings
from consistency.zoo.records import (
    IMAGE,
    MERGED,
    Archive,
    Edge,
    EnergyConstants,
    Expected,
    Merge,
    Saving,
    Trust,
    Zoo,
    ZooError,
    checked_description,
    checked_name,
    direct_path,
    is_name,
)

ZOOS = Path(__file__).parent.parent / "zoos"
"""The bundled zoos, one folder each."""
ZOOS_VARIABLE = "CROSSCHECK_ZOOS"
DTYPES = ("float32", "float16", "bfloat16")
CODES, NUMBERS = HOPS = "codes", "numbers"
"""What one network of a zoo hands to the next: codes in [0, 1], or its own numbers, unclamped."""
T = TypeVar("T", Trust, Expected)
NOWHERE = Path(os.devnull) / "this user has no home folder"
"""A folder that does not exist and cannot be created."""


def bundled_zoos() -> list[str]:
    """The names of the zoos whose weights come with the project."""
    return sorted({path.parent.name for path in ZOOS.glob("*/*.safetensors")})


def installed_zoos_folder() -> Path:
    """The folder of downloaded and imported zoos: `$CROSSCHECK_ZOOS`, else in the user's data folder. A user without a home has
    none, and needs none for the bundled zoos."""
    if named := os.environ.get(ZOOS_VARIABLE):
        return Path(named)
    try:
        return Path(platformdirs.user_data_dir("crosscheck")) / "zoos"
    except (RuntimeError, OSError, KeyError):
        return NOWHERE


def known_zoos() -> list[str]:
    """The names of the bundled zoos, then of the installed ones."""
    own, installed = (
        sorted(path.parent.name for path in where.glob("*/zoo.toml")) for where in (ZOOS, installed_zoos_folder())
    )
    return list(dict.fromkeys([*own, *installed]))


def load_zoo(name_or_folder: str, *, allow_code: bool = False) -> Zoo:
    """A zoo to run: the edges whose weights are installed, and the energies they allow. Weights are read later, edge by
    edge.

    Raises ZooError, also if networks are programs (`formats.CODE`) and `allow_code` is False.
    """
    zoo = read_zoo(name_or_folder)
    unknown = [edge.weights.name for edge in zoo.missing if edge.weights and not edge.archive]
    if unknown:
        raise ZooError(
            f"zoo '{zoo.name}': no digest is recorded for {', '.join(dict.fromkeys(unknown))}",
            f"put missing files into {zoo.home}, then run: python -m precompute zoo check {name_or_folder} --record",
        )
    if zoo.missing and not zoo.methods:
        raise ZooError(
            f"no network of zoo '{zoo.name}' is installed", f"run: python -m precompute zoo pull {name_or_folder}"
        )
    programs = [edge.name for edge in zoo.edges if edge.format in formats.CODE]
    if programs and not allow_code:
        raise ZooError(
            f"zoo '{zoo.name}': {', '.join(programs)} run third-party code with your permissions",
            "if you trust it, add --allow-code",
        )
    return zoo


def read_zoo(name_or_folder: str) -> Zoo:
    """A zoo with all its networks, installed or not, by the name of a bundled or installed zoo, or by its folder.
    Raises ZooError."""
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
        raise ZooError(f"{folder / 'zoo.toml'} cannot be read: {error!r}", "fix that line") from error


def _read(folder: Path, home: Path, table: Mapping[str, Any], inherited: Mapping[str, Domain]) -> Zoo:
    """The zoo from zoo.toml and the lock alone. `inherited`: the domains declared by the zoo that it extends. Raises
    what `read_zoo` catches."""
    lock = read_lock(home)
    declared = {name: read_domain(name, row) for name, row in table.get("domain", {}).items()}
    if "depth" in declared:
        _require_metres(table)
    for name in declared.keys() & inherited.keys():
        if declared[name] != inherited[name]:
            raise ValueError(f"domain {name} differs from that of zoo '{table['extends']}'; remove or rename it here")
    domains = {**DOMAINS, **inherited, **declared}
    hops = table.get("hops", CODES)
    if hops not in HOPS:
        raise ValueError(f"hops is {hops!r}; use one of {', '.join(HOPS)}")
    zoo = Zoo(
        name=checked_name(str(lock.get("name", table["name"]))),
        version=str(table["version"]),
        licence=str(table["licence"]),
        size_multiple=_size_multiple(table["multiple"]),
        domains=tuple(_domain(name, domains) for name in table["domains"]),
        edges=_with_shared_runs(_edge(folder, home, row, domains, lock, hops) for row in table["edge"]),
        energies={},
        fallback=table.get("fallback"),
        declared=declared,
        archives=tuple(_archive(row) for row in table.get("archive", ())),
        folder=folder,
        home=home,
        base=str(table.get("extends", "")),
        description=checked_description(table.get("description", "")),
        trainings={method: checked_description(text) for method, text in table.get("training", {}).items()},
    )
    stated = table.get("energy", {})
    measured = lock.get("energy", {})
    zoo = _with_energies(zoo, stated, measured)
    zoo = replace(zoo, merges={target: _merge(target, row) for target, row in table.get("merge", {}).items()})
    return replace(
        zoo,
        trust=_of_stated(zoo, stated, table.get("trust", {}), _trust),
        expected={
            **_of_stated(zoo, stated, table.get("expected", {}), _expected),
            **_of_stated(zoo, measured, {t: row.get("expected", {}) for t, row in measured.items()}, _expected),
        },
        rankings=tuple(
            ranking
            for target, rows in table.get("ranking", {}).items()
            if _is_as_stated(zoo, stated, target)
            for ranking in read_rankings(target, rows)
        ),
        savings={
            target: _saving(target, row) for target, row in table.get("saving", {}).items() if target in zoo.merges
        },
    )


def _base(name: str) -> Zoo:
    """The zoo that another one extends. Raises ZooError and ValueError."""
    folder, _ = _find(checked_name(name))
    if "extends" in tomllib.loads((folder / "zoo.toml").read_text(encoding="utf-8")):
        raise ValueError(f"extends '{name}', which extends another zoo itself; extend that one instead")
    return read_zoo(name)


def _extended(zoo: Zoo, base: Zoo) -> Zoo:
    """The zoo plus everything that only the base has: edges, domains, energies with their constants. The base keeps its
    archives."""
    own = {(edge.source, edge.target, edge.method) for edge in zoo.edges}
    others = [e for e in (*base.edges, *base.missing) if (e.source, e.target, e.method) not in own]
    extended = replace(
        zoo,
        size_multiple=math.lcm(zoo.size_multiple, base.size_multiple),
        domains=tuple(dict.fromkeys([*base.domains, *zoo.domains])),
        edges=(*zoo.edges, *others),
        energy_paths={**base.energy_paths, **zoo.energy_paths},
        trust={},  # the base's was measured with the base's networks
        expected={},
        rankings=(),
        savings={},
        merges={**base.merges, **zoo.merges},
        fallback=zoo.fallback or base.fallback,
        trainings={**base.trainings, **zoo.trainings},
        declared={**base.declared, **zoo.declared},
    )
    _check(extended)
    paths = {target: {"paths": paths} for target, paths in extended.energy_paths.items()}
    rows = read_lock(zoo.home).get("energy", {})
    measured = _with_energies(extended, paths, rows).energies
    extended = replace(extended, energies={**base.energies, **zoo.energies, **measured})
    expected = {target: row.get("expected", {}) for target, row in rows.items()}
    return replace(extended, expected=_of_stated(extended, rows, expected, _expected))


def _find(name_or_folder: str) -> tuple[Path, Path]:
    """The folders of zoo.toml and of downloaded weights. Raises ZooError."""
    may_be_name = is_name(name_or_folder)
    installed = installed_zoos_folder() / name_or_folder
    if may_be_name and (ZOOS / name_or_folder / "zoo.toml").is_file():
        return ZOOS / name_or_folder, installed
    for folder in (*([installed] if may_be_name else []), Path(name_or_folder)):
        if (folder / "zoo.toml").is_file():
            return folder, folder
    raise ZooError(
        f"unknown zoo '{name_or_folder}'; known zoos: {', '.join(known_zoos()) or 'none'}",
        "give one of them, or a folder that contains zoo.toml",
    )


def _require_metres(table: Mapping[str, Any]) -> None:
    """Raises ValueError unless each network states what its own numbers of depth are worth: those of one trained on the usual
    codes would mean other depths in the codes of 16 bits."""
    if table.get("extends"):
        raise ValueError("a zoo that extends another cannot declare depth with `bits = 16`: their codes would differ")
    for row in table["edge"]:
        for end, spec in (("source", "input"), ("target", "output")):
            if row[end] in (DOMAINS["depth"].name, DOMAINS["depth"].alias) and "physical" not in (row.get(spec) or {}):
                raise ValueError(
                    f"edge {row['source']}-{row['target']} needs `physical` in `{spec}`, such as physical = [0.1, 80]: with "
                    "`bits = 16` a code of depth means 0.01 to 1000 m"
                )


def _domain(name: str, domains: Mapping[str, Domain]) -> str:
    return name if name in domains else get_domain(name).name


def _archive(row: Mapping[str, Any]) -> Archive:
    return Archive(checked_name(row["name"]), str(row["url"]), str(row.get("sha256", "")))


def _edge(
    folder: Path,
    home: Path,
    row: Mapping[str, Any],
    domains: Mapping[str, Domain],
    lock: Mapping[str, Any],
    hops: str = CODES,
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
    recorded = lock.get("weights", {}).get(weights, {}) if form == "onnx" else {}
    # Networks of other formats always run between adapters.
    default = {} if form != "safetensors" else None
    input_row, output_row = row.get("input", default), row.get("output", default)
    source, target = _domain(row["source"], domains), _domain(row["target"], domains)
    if row.get("dtype", "") not in ("", "float32") and target in domains and domains[target].bits == 16:
        raise ValueError(
            f"edge {source}-{target}: dtype is '{row['dtype']}', whose steps are wider than those of the 16 bits of {target}; "
            "use float32"
        )
    for name, port, of in (("input", input_row, source), ("output", output_row, target)):
        if isinstance(port, Mapping) and port.get("axes") and of in domains and domains[of].meaning != "direction":
            raise ValueError(
                f"edge {source}-{target}: `{name}` states axes, but {of} does not hold directions; remove `axes`"
            )
    return Edge(
        source=source,
        target=target,
        method=checked_name(row["method"]),
        architecture=row.get("architecture", "") if form != "safetensors" else row["architecture"],
        arguments=row.get("arguments", {}),
        weights=where / weights if weights is not None else None,
        sha256=sha256 or "",
        head=row.get("head", ""),
        format=form,
        input_spec=None if input_row is None else read_spec(InputSpec, input_row),
        output_spec=None if output_row is None else read_spec(OutputSpec, output_row),
        domains=domains,
        data=dict(recorded.get("data", {})),
        archive=row.get("archive", ""),
        dtype=_dtype(row, form),
        passes_numbers=hops == NUMBERS,
    )


def _dtype(row: Mapping[str, Any], form: str) -> str:
    """Raises ValueError."""
    dtype = row.get("dtype", "")
    if dtype not in ("", *DTYPES):
        raise ValueError(f"dtype is {dtype!r}; use one of {', '.join(DTYPES)}")
    if dtype and form in ("onnx", "torch-export"):
        raise ValueError(f"dtype is '{dtype}', but a network of format {form} computes as it was saved; remove it")
    return dtype


def _with_shared_runs(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """The edges, those that read several outputs of one network with the names of all of them."""
    edges = tuple(edges)
    outputs: dict[str, set[str]] = {}
    for edge in edges:
        mask = edge.output_spec.mask if edge.output_spec else ""
        outputs.setdefault(_run(edge), set()).update([edge.head, *([mask] if mask else [])])
    return tuple(replace(edge, heads=_heads(edge, sorted(outputs[_run(edge)]))) for edge in edges)


def _run(edge: Edge) -> str:
    """The same for edges that one run of a network can serve."""
    spec = (edge.input_spec or InputSpec()).record
    return repr((edge.format, edge.dtype, edge.weights, edge.architecture, edge.arguments, edge.source, spec))


def _heads(edge: Edge, outputs: list[str]) -> tuple[str, ...]:
    """The outputs, if they are several. Raises ValueError."""
    if edge.format == "safetensors" or len(outputs) < 2:
        return ()
    if not edge.head:
        named = ", ".join(filter(None, outputs))
        raise ValueError(f"edge {edge.name} names no head, and other lines read {named} of the same network; name one")
    return tuple(filter(None, outputs))


def _with_energies(zoo: Zoo, stated: Mapping[str, Any], measured: Mapping[str, Any]) -> Zoo:
    """The zoo with the constants of its energies, preferring those measured on this machine to those of zoo.toml."""
    energies, energy_paths = {}, {}
    for target, row in stated.items():
        paths = energy_paths[target] = tuple(row["paths"])
        _check_paths(target, paths)
        for table in (measured, stated):
            found = table.get(target, {})
            if "mu" in found and tuple(found["paths"]) == paths:
                named = {"origin": f"zoo {zoo.name}, version {zoo.version}", **found}
                energies[target] = _weighted(target, _constants(target, named), found, table)
                break
    return replace(zoo, energies=energies, energy_paths=energy_paths)


def _weighted(
    target: str, constants: EnergyConstants, row: Mapping[str, Any], table: Mapping[str, Any]
) -> EnergyConstants:
    """The constants with their weights, if the row has them. `table`: rows of all targets, which scale what is borrowed."""
    if "weights" not in row:
        return constants
    weights, borrowed = tuple(map(float, row["weights"])), tuple(map(str, row.get("borrowed", ())))
    if len(weights) != len(constants.paths) + len(borrowed):
        raise ValueError(f"energy of {target}: needs one weight per path, of `paths` and then of `borrowed`")
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
        raise ValueError(f"energy of {target}: weights must be 0 or more, and not all 0")
    mu, sigma = [], []
    for path in borrowed:
        end = path.rsplit("-", 1)[-1]
        _check_paths(end, (path,))
        if end == target or end not in table or "mu" not in table[end] or path not in table[end]["paths"]:
            raise ValueError(
                f"energy of {target}: '{path}' must be a path of another target's energy, with mu and sigma"
            )
        scale, place = _constants(end, table[end]), list(table[end]["paths"]).index(path)
        mu.append(scale.mu[place])
        sigma.append(scale.sigma[place])
    return replace(constants, weights=weights, borrowed=borrowed, borrowed_mu=tuple(mu), borrowed_sigma=tuple(sigma))


def _of_stated(
    zoo: Zoo,
    stated: Mapping[str, Any],
    table: Mapping[str, Mapping[str, Any]],
    read: Callable[[str, Mapping[str, Any]], T],
) -> dict[tuple[str, str], T]:
    """(target, method) -> the zoo's own figures. Energies whose constants were measured again here have none."""
    return {
        (target, checked_name(method)): read(f"{target}, {method}", row)
        for target, rows in table.items()
        if _is_as_stated(zoo, stated, target)
        for method, row in rows.items()
    }


def _is_as_stated(zoo: Zoo, stated: Mapping[str, Any], target: str) -> bool:
    """Whether the target's energy has those constants, of zoo.toml or zoo.lock, so that what was measured with them holds."""
    row = stated.get(target, {})
    if target not in zoo.energies or "mu" not in row or tuple(row["paths"]) != zoo.energies[target].paths:
        return False
    return zoo.energies[target] == _weighted(target, _constants(target, row), row, stated)


def _merge(target: str, row: Mapping[str, Any]) -> Merge:
    try:
        merge = Merge(
            of=checked_name(row["of"]),
            paths=tuple(map(str, row["paths"])),
            weights=tuple(map(float, row["weights"])),
            mirror=float(row["mirror"]),
            origin=str(row.get("origin", "")),
        )
    except ValueError as error:
        raise ValueError(f"merge of {target}: {error}") from error
    direct, *indirect = merge.paths
    if direct != f"{IMAGE}-{target}":
        raise ValueError(f"merge of {target}: the first path must be {IMAGE}-{target}, it is '{direct}'")
    _check_paths(target, tuple(indirect))
    return merge


def _saving(target: str, row: Mapping[str, Any]) -> Saving:
    percent, low, high = (float(row[name]) for name in ("percent", "low", "high"))
    try:
        return Saving(str(row["error"]), percent, low, high, int(row["n_frames"]), str(row.get("origin", "")))
    except ValueError as error:
        raise ValueError(f"saving of {target}: {error}") from error


def _expected(name: str, row: Mapping[str, Any]) -> Expected:
    try:
        return Expected(
            error=str(row["error"]),
            features=tuple(map(str, row["features"])),
            coefficients=tuple(map(float, row["coefficients"])),
            intercept=float(row["intercept"]),
            factor=float(row["factor"]) if "factor" in row else None,
            coverage=float(row.get("coverage", 0.9)),
            n_units=int(row.get("n_units", 0)),
            limit=float(row["limit"]) if "limit" in row else None,
            origin=str(row.get("origin", "")),
        )
    except ValueError as error:
        raise ValueError(f"expected error of {name}: {error}") from error


def _trust(name: str, row: Mapping[str, Any]) -> Trust:
    auc = {str(group): float(value) for group, value in row.get("auc", {}).items()}
    try:
        return Trust(
            spearman=float(row["spearman"]),
            pearson=float(row["pearson"]),
            n_frames=int(row["n_frames"]),
            percentile_97_5=float(row["percentile_97_5"]) if "percentile_97_5" in row else None,
            n_validation_frames=int(row.get("n_validation_frames", 0)),
            auc=auc,
            origin=str(row.get("origin", "")),
        )
    except ValueError as error:
        raise ValueError(f"trust of {name}: {error}") from error


def _without_missing(zoo: Zoo) -> Zoo:
    """The zoo without the edges whose weights are not installed, and without the energies that need them."""
    installed = tuple(edge for edge in zoo.edges if edge.is_installed)
    missing = tuple(edge for edge in zoo.edges if not edge.is_installed)
    left = replace(zoo, edges=installed, missing=missing)
    left = replace(left, energies={target: row for target, row in zoo.energies.items() if left.has_all(target)})
    energies = {
        target: row if left.has_borrowed(target) else row.without_weights for target, row in left.energies.items()
    }
    merges = {target: merge for target, merge in zoo.merges.items() if _has_merge(left, merge)}
    return replace(left, energies=energies, merges=merges)


def _has_merge(zoo: Zoo, merge: Merge) -> bool:
    """Whether all networks of the merge are installed."""
    try:
        for path in merge.paths:
            zoo.chain(merge.of, path)
    except ZooError:
        return False
    return True


def _check(zoo: Zoo) -> None:
    """Raises ValueError or ZooError for errors across lines of zoo.toml."""
    for edge in zoo.edges:
        _check_channels(edge)
    if zoo.fallback is not None and zoo.fallback not in zoo.methods:
        raise ValueError(f"fallback is '{zoo.fallback}'; the methods are {', '.join(zoo.methods)}")
    _check_merges(zoo)
    _check_hops(zoo)
    for target, paths in zoo.energy_paths.items():
        borrowed = zoo.energies[target].borrowed if target in zoo.energies else ()
        for method in zoo.methods:
            if target in zoo.targets(method):
                for path in (*paths, *borrowed, *map(direct_path, borrowed)):
                    zoo.chain(method, path)


def _check_hops(zoo: Zoo) -> None:
    """Raises ValueError where a network would read another's numbers as something else than they are."""
    passing = [edge for edge in zoo.edges if edge.passes_numbers]
    for first in passing:
        for second in passing:
            if first.target == second.source:
                given, wanted = first.output_spec or OutputSpec(), second.input_spec or InputSpec()
                _check_shapes(first, second)
                if given.encoding != wanted.encoding:
                    raise ValueError(
                        f"hops is 'numbers', but {first.name} gives {given.encoding} and {second.name} expects "
                        f"{wanted.encoding}; give both the same encoding of {first.target}, or use hops = 'codes'"
                    )


def _check_shapes(first: Edge, second: Edge) -> None:
    """Raises ValueError where numbers that are passed on would not be pictures of the frame's size, channels first."""
    specs = (
        (first, "input", first.input_spec),
        (first, "output", first.output_spec),
        (second, "input", second.input_spec),
    )
    for edge, end, spec in specs:
        fields = [] if spec is None else [name for name in ("resize", "size") if getattr(spec, name) is not None]
        if spec is not None and spec.layout != "nchw" and spec is not first.input_spec:
            fields.append("layout")
        if fields:
            raise ValueError(
                f"hops is 'numbers', but `{end}` of {edge.name} has {fields[0]}, and numbers are passed on as they are from "
                f"{first.name} to {second.name}; remove it, or use hops = 'codes'"
            )


def _check_merges(zoo: Zoo) -> None:
    if zoo.merges and MERGED in zoo.methods:
        raise ValueError(f"the method '{MERGED}' is made of others here; name the method of those edges otherwise")
    for target, merge in zoo.merges.items():
        if target not in zoo.targets(merge.of):
            raise ValueError(f"merge of {target}: '{merge.of}' is not a method that predicts it")
        for path in merge.paths:
            zoo.chain(merge.of, path)


def _check_channels(edge: Edge) -> None:
    """Raises ValueError unless the edge names an output of its network with the target's channels. Other formats are
    checked when they run."""
    if edge.format != "safetensors":
        return
    outputs = registry.output_channels(edge.architecture, edge.arguments)
    if isinstance(outputs, int) and edge.head:
        raise ValueError(
            f"edge {edge.name} names head '{edge.head}', but {edge.architecture} has one output; remove it"
        )
    if isinstance(outputs, Mapping):
        if edge.head not in outputs:
            named = f"names head '{edge.head}'" if edge.head else "names no head"
            raise ValueError(f"edge {edge.name} {named}; the heads of its network are {', '.join(outputs)}")
        outputs = outputs[edge.head]
    wanted = edge.target_domain.channels
    if edge.output_spec is not None and edge.output_spec.channels is not None:
        wanted = edge.output_spec.channels
    if outputs != wanted:
        output = f"head '{edge.head}'" if edge.head else edge.architecture
        raise ValueError(f"edge {edge.name}: {output} gives {outputs} channels, {edge.target} has {wanted}")


def _constants(target: str, row: Mapping[str, Any]) -> EnergyConstants:
    mu, sigma = (tuple(map(float, row[name])) for name in ("mu", "sigma"))
    constants = EnergyConstants(tuple(row["paths"]), mu, sigma, str(row.get("origin", "")))
    if not len(constants.paths) == len(constants.mu) == len(constants.sigma) >= 1:
        raise ValueError(f"energy of {target}: needs one mu and one sigma per path")
    if not all(math.isfinite(value) for value in (*constants.mu, *constants.sigma)) or min(constants.sigma) <= 0:
        raise ValueError(f"energy of {target}: mu must be finite and sigma positive")
    return constants


def _check_paths(target: str, paths: tuple[str, ...]) -> None:
    for path in paths:
        domains = path.split("-")
        if len(domains) < 3 or (domains[0], domains[-1]) != (IMAGE, target):  # image, middle, target
            raise ValueError(f"energy of {target}: '{path}' must lead from {IMAGE} through another domain to {target}")


def _size_multiple(value: int) -> int:
    if int(value) < 1:
        raise ValueError(f"multiple is {value}; give a positive number of pixels that divides heights and widths")
    return int(value)
