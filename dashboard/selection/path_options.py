"""The path options of a target: every path to it and readout from it, its energy, and where or how it is computed."""

# N frames, P paths of an energy

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.columns import Columns
from analysis.energy import Unreadable, standardised
from cache.records import Clip, Track
from dashboard.catalogue import Catalogue
from dashboard.commands import blanks, command_for
from dashboard.configuration import Configuration
from dashboard.player_data import LETTERS, energy_data
from dashboard.visitors.access import pass_query


@dataclass(frozen=True)
class PathOption:
    """One path from the image to the target by one zoo and method."""

    configuration: Configuration
    titles: tuple[str, ...]
    """Titles of its domains, in order."""
    energy: float | None
    """Mean over the clip of this path's standardised difference from the direct prediction, sigma; None if unknown."""
    command: str | None
    """What computes it; None if it is computed."""
    track: Track | None = None
    """Where it is computed."""


def path_options(
    catalogue: Catalogue, columns: Columns, clip: Clip, target: str, command: Callable[[str], str] = str
) -> tuple[PathOption, ...]:
    """Every path of every method to `target`; `command` adapts a command to the store."""
    known = catalogue.known(target)
    return _options(catalogue, columns, clip, known, {(c.zoo, c.method) for c in known}, command)


def readout_options(
    catalogue: Catalogue,
    columns: Columns,
    clip: Clip,
    target: str,
    lineup: Collection[Configuration],
    command: Callable[[str], str] = str,
) -> tuple[PathOption, ...]:
    """Every readout X1 -> target -> X3 of every method, as a path option of X3.

    Only the methods of `lineup` have energies: reading those of all methods and domains of a large zoo takes a while.
    """
    measured = {(c.zoo, c.method) for c in lineup}
    found: list[PathOption] = []
    for end in catalogue.known_readouts(target):
        known = [c for c in catalogue.known(end) if c.path == f"rgb-{target}-{end}"]
        found += _options(catalogue, columns, clip, known, measured, command)
    return tuple(found)


def _options(
    catalogue: Catalogue,
    columns: Columns,
    clip: Clip,
    known: Sequence[Configuration],
    measured: Collection[tuple[str, str]],
    command: Callable[[str], str],
) -> tuple[PathOption, ...]:
    """The options of configurations of one target; those of the `measured` zoos and methods have their energies."""
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


def energy_tracks(catalogue: Catalogue, clip: Clip, options: Sequence[PathOption]) -> dict[str, Track]:
    """`zoo/method/target` -> the energy track, of those options whose energy is known."""
    found: dict[str, Track] = {}
    known = (option.configuration for option in options if option.energy is not None)
    for zoo, method, target in dict.fromkeys((c.zoo, c.method, c.domains[-1]) for c in known):
        track = catalogue.find(clip.key, "energy", f"rgb-{target}", zoo=zoo, method=method)
        if track is not None:
            found[f"{zoo}/{method}/{target}"] = track
    return found


def graph_data(
    options: Sequence[PathOption],
    lineup: Sequence[Configuration],
    tracks: Mapping[str, Track],
    readouts: Sequence[PathOption] = (),
    readout: str | None = None,
) -> dict[str, object]:
    """The data of the path graph, in JSON: the line-up by letter, the options, the readouts and which of them is shown.

    `tracks`, named as by `energy_tracks`, hold the energies of single frames.
    """
    ends = {
        f"{c.zoo}/{c.domains[-1]}": option.track
        for option in (*options, *readouts)
        if option.track
        for c in [option.configuration]
    }
    return {
        "domains": {name: dict(track.head.domain) for name, track in ends.items()},
        "energies": {name: energy_data(track) for name, track in tracks.items()},
        "lineup": [
            {"letter": letter, "zoo": c.zoo, "method": c.method, "path": c.path}
            for letter, c in zip(LETTERS, lineup, strict=False)
        ],
        "letters": LETTERS,
        "passQuery": pass_query(),
        "readout": readout or "",
        "readouts": [_option_data(option) for option in readouts],
        "ways": [_option_data(option) for option in options],
    }


def _option_data(option: PathOption) -> dict[str, object]:
    return {
        "zoo": option.configuration.zoo,
        "method": option.configuration.method,
        "path": option.configuration.path,
        "titles": list(option.titles),
        "energy": None if option.energy is None else round(option.energy, 4),
        "command": option.command,
        "blanks": blanks(option.command or ""),
        "track": option.track.head.key if option.track else None,
    }


def _mean_terms(
    catalogue: Catalogue, columns: Columns, clip: Clip, target: str, zoo: str, method: str
) -> dict[str, float]:
    """Path -> mean standardised term, of the method's energy on that clip; empty if there is none to read."""
    track = catalogue.find(clip.key, "energy", f"rgb-{target}", zoo=zoo, method=method)
    if track is None or track.n_frames == 0:
        return {}
    try:
        means = standardised(columns.column(track, "terms"), track.head.constants).mean(axis=0)  # (P,)
    except Unreadable:
        return {}  # reported where the energy is plotted
    paths = track.head.constants.get("paths", ())
    return {str(path): float(mean) for path, mean in zip(paths, means, strict=False) if np.isfinite(mean)}
