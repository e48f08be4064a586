"""Which paths lead to a target and on from it, how much do they disagree, and which are computed? The picker's graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.columns import Columns
from analysis.energy import Unreadable
from cache.records import Clip, Track
from dashboard.catalogue import Catalogue
from dashboard.commands import command_for
from dashboard.compare.configuration import Configuration
from dashboard.components.player import energy_data, pass_query


@dataclass(frozen=True)
class PathOption:
    """One path from the image to the target by one zoo and method."""

    configuration: Configuration
    titles: tuple[str, ...]
    """Of its domains, in order."""
    energy: float | None
    """Mean over the clip of this path's difference from the direct prediction, sigma; None where it is not known."""
    command: str | None
    """What computes it; None where it is computed."""
    track: Track | None = None
    """Where it is computed."""


def path_options(
    catalogue: Catalogue, columns: Columns, clip: Clip, target: str, command: Callable[[str], str] = str
) -> tuple[PathOption, ...]:
    """Every path of every method to `target`; `command` adapts a command to the store."""
    known = catalogue.known(target)
    return _ways(catalogue, columns, clip, known, {(c.zoo, c.method) for c in known}, command)


def readout_options(
    catalogue: Catalogue,
    columns: Columns,
    clip: Clip,
    target: str,
    lineup: Collection[Configuration],
    command: Callable[[str], str] = str,
) -> tuple[PathOption, ...]:
    """Every readout X1 -> target -> X3 of every method: for X3 it is a way like others.

    Only the methods of `lineup` have energies: reading those of all methods and domains of a large zoo takes a while.
    """
    measured = {(c.zoo, c.method) for c in lineup}
    found: list[PathOption] = []
    for end in catalogue.known_readouts(target):
        known = [c for c in catalogue.known(end) if c.path == f"rgb-{target}-{end}"]
        found += _ways(catalogue, columns, clip, known, measured, command)
    return tuple(found)


def _ways(
    catalogue: Catalogue,
    columns: Columns,
    clip: Clip,
    known: Sequence[Configuration],
    measured: Collection[tuple[str, str]],
    command: Callable[[str], str],
) -> tuple[PathOption, ...]:
    """The ways of configurations of one target; those of the `measured` zoos and methods have their energies."""
    if not known:
        return ()
    target = known[0].domains[-1]
    stored = set(catalogue.configurations(clip.key, target))
    means: dict[tuple[str, str], dict[str, float]] = {}
    found = []
    for configuration in known:
        name = (configuration.zoo, configuration.method)
        if name not in means:
            means[name] = _mean_terms(catalogue, columns, clip, target, *name) if name in measured else {}
        found.append(
            PathOption(
                configuration,
                tuple(catalogue.title(domain) for domain in configuration.domains),
                means[name].get(configuration.path),
                None if configuration in stored else command(command_for(clip, configuration)),
                catalogue.prediction(clip.key, configuration),
            )
        )
    return tuple(found)


def energy_tracks(catalogue: Catalogue, clip: Clip, path_options: Sequence[PathOption]) -> dict[str, Track]:
    """`zoo/method/target` -> the energy track, of those ways whose energy is known."""
    found: dict[str, Track] = {}
    for zoo, method, path in dict.fromkeys(
        (c.zoo, c.method, f"rgb-{c.domains[-1]}")
        for option in path_options
        if option.energy is not None
        for c in [option.configuration]
    ):
        track = catalogue.find(clip.key, "energy", path, zoo=zoo, method=method)
        if track is not None:
            found[f"{zoo}/{method}/{path.removeprefix('rgb-')}"] = track
    return found


def graph_data(
    path_options: Sequence[PathOption],
    lineup: Sequence[Configuration],
    letters: str,
    tracks: Mapping[str, Track],
    readouts: Sequence[PathOption] = (),
    readout: str | None = None,
) -> dict[str, object]:
    """The picker's data, in JSON: the line-up by letter, the ways to the target and the readouts on from it, which of these
    is shown, and where the energies of single frames are (`tracks`, named as by `energy_tracks`)."""
    ends = {
        f"{c.zoo}/{c.domains[-1]}": option.track
        for option in (*path_options, *readouts)
        if option.track
        for c in [option.configuration]
    }
    return {
        "domains": {name: dict(track.head.domain) for name, track in ends.items()},
        "energies": {name: energy_data(track) for name, track in tracks.items()},
        "lineup": [
            {"letter": letter, "zoo": c.zoo, "method": c.method, "path": c.path}
            for letter, c in zip(letters, lineup, strict=False)
        ],
        "letters": letters,
        "passQuery": pass_query(),
        "readout": readout or "",
        "readouts": [_way_data(option) for option in readouts],
        "ways": [_way_data(option) for option in path_options],
    }


def _way_data(option: PathOption) -> dict[str, object]:
    return {
        "zoo": option.configuration.zoo,
        "method": option.configuration.method,
        "path": option.configuration.path,
        "titles": list(option.titles),
        "energy": None if option.energy is None else round(option.energy, 4),
        "command": option.command,
        "track": option.track.head.key if option.track else None,
    }


def _mean_terms(
    catalogue: Catalogue, columns: Columns, clip: Clip, target: str, zoo: str, method: str
) -> dict[str, float]:
    """Path -> mean standardised term, of the method's energy on that clip; empty where there is none to read."""
    track = catalogue.find(clip.key, "energy", f"rgb-{target}", zoo=zoo, method=method)
    if track is None or track.n_frames == 0:
        return {}
    try:
        terms = np.asarray(columns.column(track, "terms"), np.float64)  # (N, P)
        mu, sigma = (np.asarray(track.head.constants.get(name), np.float64) for name in ("mu", "sigma"))
        means = ((terms - mu) / sigma).mean(axis=0)
    except (Unreadable, TypeError, ValueError):
        return {}  # the page says so where the energy is plotted
    paths = track.head.constants.get("paths", ())
    return {str(path): float(mean) for path, mean in zip(paths, means, strict=False) if np.isfinite(mean)}
