"""Writes how far the energies of a zoo can be trusted into its zoo.toml."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from cache.files import write_whole
from consistency.zoo.rankings import MethodRanking, Ranked
from consistency.zoo.read import load_zoo
from consistency.zoo.records import Saving, Trust
from training.evaluation.measures.chains import Pair

HEADING = "# How far each energy can be trusted, measured by `python -m training measures`."
OLD_HEADING = "# How far each energy can be trusted, measured by `python -m training evaluate`."


def write_trust(
    folder: Path,
    trust: Mapping[Pair, Trust],
    rankings: Sequence[MethodRanking] = (),
    savings: Mapping[str, Saving] = MappingProxyType({}),
) -> None:
    """Replace the figures at the end of the folder's zoo.toml."""
    path = folder / "zoo.toml"
    before = without_trust(path.read_text(encoding="utf-8"))
    write_whole(path, [f"{before}\n\n{trust_toml(trust)}{savings_toml(savings)}{rankings_toml(rankings)}".encode()])
    load_zoo(str(folder))  # what it cannot read must not stay unseen


def without_trust(text: str) -> str:
    """zoo.toml before the figures at its end."""
    return text.partition(HEADING)[0].partition(OLD_HEADING)[0].rstrip("\n")


def trust_toml(trust: Mapping[Pair, Trust]) -> str:
    """The figures as the last part of zoo.toml."""
    lines = [
        HEADING,
        "# The energy that is shown: the weighted one where there are weights. Spearman and Pearson: against L1 error, over frames of",
        "# test rooms. percentile_97_5: sigma, of validation rooms.",
        "# auc: the chance that a picture of the set has a higher energy than a test room.",
    ]
    for (target, method), found in trust.items():
        sets = ", ".join(f"{json.dumps(name)} = {value}" for name, value in found.auc.items())
        lines += [
            "",
            f"[trust.{target}.{json.dumps(method)}]",
            f"spearman = {found.spearman}",
            f"pearson = {found.pearson}",
            f"n_frames = {found.n_frames}",
            *_percentile_lines(found),
            *([f"auc = {{ {sets} }}"] if sets else []),
            f"origin = {json.dumps(found.origin)}",
        ]
    return "\n".join(lines) + "\n"


def savings_toml(savings: Mapping[str, Saving]) -> str:
    """What merging changes, as TOML."""
    if not savings:
        return ""
    lines = [
        "",
        "# By how many percent the mean error of `merged` differs from that of what it merges, and the 95 % interval over rooms.",
    ]
    for target, found in savings.items():
        lines += ["", f"[saving.{target}]", *(f"{name} = {json.dumps(value)}" for name, value in vars(found).items())]
    return "\n".join(lines) + "\n"


def rankings_toml(rankings: Sequence[MethodRanking]) -> str:
    """What was measured of every two methods, as TOML."""
    if not rankings:
        return ""
    lines = [
        "",
        "# How often the method with the lower confidence value has the lower error in the same frame of test rooms, and the 95 %",
        "# interval over rooms. same_mean: whether the lower mean value has the lower mean error. Where the interval is not above one",
        "# half, or the means disagree, the value does not rank these methods.",
    ]
    for found in rankings:
        lines += [
            "",
            f"[[ranking.{found.target}]]",
            f"methods = {json.dumps(found.methods)}",
            f"error = {json.dumps(found.error)}",
            f"shared_trunk = {json.dumps(found.shared_trunk)}",
            *(f"{json.dumps(name)} = {_ranked_toml(ranked)}" for name, ranked in found.by.items()),
            f"origin = {json.dumps(found.origin)}",
        ]
    return "\n".join(lines) + "\n"


def _ranked_toml(found: Ranked) -> str:
    return "{ " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in vars(found).items()) + " }"


def _percentile_lines(found: Trust) -> list[str]:
    if found.percentile_97_5 is None:
        return []
    return [f"percentile_97_5 = {found.percentile_97_5}", f"n_validation_frames = {found.n_validation_frames}"]
