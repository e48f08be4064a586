"""`python -m precompute measure`: measures of stored tracks, without the source or a network."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cache.records import StoreError, Track
from precompute.cli.output.console import EXIT_FAILED_ITEM, StoreOption, complain, say, usage
from precompute.cli.store.select import ClipOption, existing_store, is_meant
from precompute.text import count

if TYPE_CHECKING:
    from precompute.jobs.measures.spec import MeasureSpec

FIELD_OF_VIEW_DEGREES = 60.0


def measure(
    store: StoreOption = None,
    clip: ClipOption = "*",
    geometric: Annotated[
        list[str] | None,
        typer.Option(
            "--geometric",
            metavar="NORMALS,DEPTH",
            help="Geometric energy of two configurations: predicted normals against those of a predicted depth. Repeatable.",
        ),
    ] = None,
    field_of_view: Annotated[
        float,
        typer.Option(
            "--field-of-view",
            metavar="DEGREES",
            min=1,
            max=179,
            help="Field of view of the pictures' shorter side, for --geometric.",
        ),
    ] = FIELD_OF_VIEW_DEGREES,
    disagreement: Annotated[
        list[str] | None,
        typer.Option(
            "--disagreement",
            metavar="PATTERN,...",
            help="Cross-model disagreement of all predictions of one domain that these globs select. Repeatable.",
        ),
    ] = None,
) -> None:
    """Measure what is stored: stability over time of every prediction, errors of aligned depth where the true one is known, and the
    energies that are asked for.

    Nothing is predicted, so this needs neither the videos nor the networks. What is stored already is not computed again.

    [bold]Examples[/bold]

      python -m precompute measure

      python -m precompute measure --geometric mini/baseline/rgb-normal,mini/baseline/rgb-depth --field-of-view 68

      python -m precompute measure --clip phone --disagreement 'mini/*/rgb-depth,mine/*/rgb-depth'
    """
    from precompute.jobs.events import Broadcast
    from precompute.jobs.measures.aligned import add_aligned
    from precompute.jobs.measures.derive import compute_measures
    from precompute.jobs.measures.of_clip import add_stability

    opened = existing_store(store, read_only=False)
    pairs = [_pair(text) for text in geometric or ()]
    by_clip: dict[str, list[Track]] = {}
    for track in opened.tracks():
        if track.is_complete and is_meant(track.head.clip, clip):
            by_clip.setdefault(track.head.clip.key, []).append(track)
    if not by_clip:
        raise usage(f"no finished track on clips '{clip}'; `list` shows all clips")
    has_failed = False
    for tracks in by_clip.values():
        title = tracks[0].head.clip.title
        try:
            specs = [_geometric(tracks, *pair, field_of_view) for pair in pairs]
            specs += [_disagreement(tracks, text) for text in disagreement or ()]
            input_track = next((track for track in tracks if track.head.kind == "input"), None)
            if input_track is None:
                raise ValueError("its input is not stored")
            keys = [track.head.key for track in tracks]
            added = add_stability(opened, keys, events=Broadcast(_Notes()))
            n_done = added.n_computed + add_aligned(opened, keys) + compute_measures(opened, input_track, specs)
        except (ValueError, StoreError, OSError) as error:
            complain(f"{title}: {error}")
            has_failed = True
        else:
            still = "; a clip of one frame has no stability over time" if input_track.n_frames < 2 else ""
            say(f"{title}: {count(n_done, 'track')} computed{still}")
    if has_failed:
        raise typer.Exit(EXIT_FAILED_ITEM)


class _Notes:
    """Prints the remarks of a measure."""

    def emit(self, event: object) -> None:
        text = getattr(event, "text", None)
        if text:
            say(text)


def _pair(text: str) -> tuple[str, str]:
    names = text.split(",")
    if len(names) != 2 or not all(names):
        raise usage(f"--geometric {text}: give two configurations, NORMALS,DEPTH, separated by a comma")
    return names[0], names[1]


def _geometric(tracks: Sequence[Track], normals: str, depth: str, field_of_view: float) -> MeasureSpec:
    from precompute.jobs.measures.agreement import geometric_spec

    found = [_prediction(tracks, name) for name in (normals, depth)]
    return geometric_spec(found[0], found[1], field_of_view)


def _disagreement(tracks: Sequence[Track], patterns: str) -> MeasureSpec:
    from precompute.jobs.measures.agreement import disagreement_spec

    globs = [part for part in patterns.split(",") if part]
    return disagreement_spec(
        [
            track
            for track in _predictions(tracks)
            if any(fnmatch.fnmatch(track.head.configuration, pattern) for pattern in globs)
        ]
    )


def _prediction(tracks: Sequence[Track], name: str) -> Track:
    found = next((track for track in _predictions(tracks) if track.head.configuration == name), None)
    if found is None:
        raise ValueError(f"'{name}' is not stored; write zoo/method/path as `list --tracks` prints it")
    return found


def _predictions(tracks: Sequence[Track]) -> list[Track]:
    """The newest one of each configuration."""
    found: dict[str, Track] = {}
    for track in tracks:
        if track.head.kind in ("prediction", "readout"):
            found.setdefault(track.head.configuration, track)
    return list(found.values())
