"""What a run and its nodes tell each other: plain values only, so that a node of another version still understands who speaks."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from analysis.shifts import parse_shifts
from cache.keys import digest
from cache.version import VERSION
from consistency.zoo.read import load_zoo
from consistency.zoo.records import Zoo
from precompute.jobs.device_worker import Device, choose_device
from precompute.jobs.job import Settings
from precompute.media.sampling import Sampling
from precompute.net.limits import Limits

MISSING_SHOWN = 3
"""Most missing networks that a refusal names."""

Job = Mapping[str, Any]
"""A run as `job_of` describes it."""


def job_of(store: Path, zoo: str, settings: Settings, device: Device, *, allow_code: bool = False) -> Job:
    """The run for its nodes. `zoo`: its name or folder, which every node finds in the same place; `device`: as each node chooses."""
    return {
        "store": str(store.absolute()),
        "zoo": str(Path(zoo).absolute()) if Path(zoo).is_dir() else zoo,
        "allow_code": allow_code,
        "patterns": list(settings.patterns),
        "sampling": asdict(settings.sampling),
        "device": device,
        "batch_size": settings.batch_size,
        "limits": asdict(settings.limits),
        "shifts": ",".join(shift.spelling for shift in settings.shifts),
        "keeps_pictures": settings.keeps_pictures,
    }


def settings_of(job: Job) -> Settings:
    """The settings on this node. Raises ZooError and ValueError."""
    return Settings(
        load_zoo(job["zoo"], allow_code=job["allow_code"]),
        tuple(job["patterns"]),
        Sampling(**job["sampling"]),
        choose_device(job["device"]),
        job["batch_size"],
        Limits(**job["limits"]),
        tuple(shift for shift in parse_shifts(job["shifts"]) if shift) if job["shifts"] else (),
        keeps_pictures=job["keeps_pictures"],
    )


@dataclass(frozen=True)
class Identity:
    """What has to be equal on all nodes of a run."""

    crosscheck: str
    """Version."""
    python: str
    """Version."""
    zoo: str
    """Name and version."""
    networks: str
    """Digest of all edges whose weights are installed."""
    missing: tuple[str, ...] = ()
    """Networks whose weights are not installed."""
    error: str = ""
    """Why the node cannot take part at all."""


def identity_of(zoo: Zoo) -> Identity:
    """This process, with that zoo."""
    networks = digest({edge.name: edge.digest for edge in zoo.edges})
    missing = tuple(sorted({edge.name for edge in zoo.missing}))
    return Identity(VERSION, platform.python_version(), f"{zoo.name} {zoo.version}", networks, missing)


def unknown_identity(error: str) -> Identity:
    """A process that cannot read the zoo or the store."""
    return Identity(VERSION, ".".join(map(str, sys.version_info[:3])), "", "", error=error)


def refusal(here: Identity, node: Identity) -> str:
    """Why a node may not take part in a run that was started here; empty if it may."""
    if node.crosscheck != here.crosscheck:
        return f"it has Crosscheck {node.crosscheck}, this run {here.crosscheck}; install the same version on both"
    if node.error:
        return node.error
    if lacking := [name for name in node.missing if name not in here.missing]:
        named = ", ".join(lacking[:MISSING_SHOWN]) + (", ..." if len(lacking) > MISSING_SHOWN else "")
        return f"it lacks the weights of {named}; install them there with: python -m precompute zoo pull"
    if node.zoo != here.zoo or node.networks != here.networks:
        return f"its zoo is {node.zoo} with networks {node.networks[:12]}, that of this run {here.zoo} with {here.networks[:12]}"
    return ""
