"""Which paths lead to a target and on from it, how much do they disagree, and which are computed? The picker's graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cache.records import Clip, Track
from dashboard.choices import Available, Configuration, command_for
from dashboard.player import energy_data, pass_query
from dashboard.series import Columns, Unreadable


@dataclass(frozen=True)
class Way:
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


def ways(
    available: Available, columns: Columns, clip: Clip, target: str, command: Callable[[str], str] = str
) -> tuple[Way, ...]:
    """Every path of every method to `target`; `command` adapts a command to the store."""
    known = available.known(target)
    return _ways(available, columns, clip, known, {(c.zoo, c.method) for c in known}, command)


def readout_ways(
    available: Available,
    columns: Columns,
    clip: Clip,
    target: str,
    lineup: Collection[Configuration],
    command: Callable[[str], str] = str,
) -> tuple[Way, ...]:
    """Every readout X1 -> target -> X3 of every method: for X3 it is a way like others.

    Only the methods of `lineup` have energies: reading those of all methods and domains of a large zoo takes a while.
    """
    measured = {(c.zoo, c.method) for c in lineup}
    found: list[Way] = []
    for end in available.known_readouts(target):
        known = [c for c in available.known(end) if c.path == f"rgb-{target}-{end}"]
        found += _ways(available, columns, clip, known, measured, command)
    return tuple(found)


def _ways(
    available: Available,
    columns: Columns,
    clip: Clip,
    known: Sequence[Configuration],
    measured: Collection[tuple[str, str]],
    command: Callable[[str], str],
) -> tuple[Way, ...]:
    """The ways of configurations of one target; those of the `measured` zoos and methods have their energies."""
    if not known:
        return ()
    target = known[0].domains[-1]
    stored = set(available.configurations(clip.key, target))
    means: dict[tuple[str, str], dict[str, float]] = {}
    found = []
    for configuration in known:
        name = (configuration.zoo, configuration.method)
        if name not in means:
            means[name] = _mean_terms(available, columns, clip, target, *name) if name in measured else {}
        found.append(
            Way(
                configuration,
                tuple(available.title(domain) for domain in configuration.domains),
                means[name].get(configuration.path),
                None if configuration in stored else command(command_for(clip, configuration)),
                available.prediction(clip.key, configuration),
            )
        )
    return tuple(found)


def energy_tracks(available: Available, clip: Clip, ways: Sequence[Way]) -> dict[str, Track]:
    """`zoo/method/target` -> the energy track, of those ways whose energy is known."""
    found: dict[str, Track] = {}
    for zoo, method, path in dict.fromkeys(
        (c.zoo, c.method, f"rgb-{c.domains[-1]}") for way in ways if way.energy is not None for c in [way.configuration]
    ):
        track = available.find(clip.key, "energy", path, zoo=zoo, method=method)
        if track is not None:
            found[f"{zoo}/{method}/{path.removeprefix('rgb-')}"] = track
    return found


def graph_data(
    ways: Sequence[Way],
    lineup: Sequence[Configuration],
    letters: str,
    tracks: Mapping[str, Track],
    readouts: Sequence[Way] = (),
    readout: str | None = None,
) -> dict[str, object]:
    """The picker's data, in JSON: the line-up by letter, the ways to the target and the readouts on from it, which of these
    is shown, and where the energies of single frames are (`tracks`, named as by `energy_tracks`)."""
    ends = {
        f"{c.zoo}/{c.domains[-1]}": way.track for way in (*ways, *readouts) if way.track for c in [way.configuration]
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
        "readouts": [_way_data(way) for way in readouts],
        "ways": [_way_data(way) for way in ways],
    }


def _way_data(way: Way) -> dict[str, object]:
    return {
        "zoo": way.configuration.zoo,
        "method": way.configuration.method,
        "path": way.configuration.path,
        "titles": list(way.titles),
        "energy": None if way.energy is None else round(way.energy, 4),
        "command": way.command,
        "track": way.track.head.key if way.track else None,
    }


def _mean_terms(
    available: Available, columns: Columns, clip: Clip, target: str, zoo: str, method: str
) -> dict[str, float]:
    """Path -> mean standardised term, of the method's energy on that clip; empty where there is none to read."""
    track = available.find(clip.key, "energy", f"rgb-{target}", zoo=zoo, method=method)
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
