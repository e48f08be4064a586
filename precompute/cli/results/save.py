"""`python -m precompute results save`: write stored values in the field's formats."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cache.records import StoreError, Track
from cache.store import Store
from precompute.cli.output.console import EXIT_FAILED_ITEM, StoreOption, complain, say, usage
from precompute.cli.plain_help import one_of
from precompute.cli.results.add import find_input
from precompute.cli.results.progress import frames_bar
from precompute.cli.store.select import existing_store
from precompute.failures import SourceError
from precompute.text import count

if TYPE_CHECKING:
    from analysis.saved_maps import SaveFormat

SAVED = ("png16", "npy", "npz", "exr", "pfm")
KINDS = ("prediction", "readout", "truth")


def save(
    clip: Annotated[str, typer.Argument(metavar="CLIP", help="Title or key of a stored clip, or its beginning.")],
    configuration: Annotated[
        str,
        typer.Option(
            "--configuration", metavar="NAME", help="zoo/method/path as `list --tracks` prints it, or truth/depth."
        ),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="A new or empty folder.")],
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="|".join(SAVED),
            parser=one_of(SAVED),
            help="16-bit PNG (0: unknown), or floats (NaN: unknown).",
        ),
    ] = "npy",
    frames: Annotated[
        str | None, typer.Option("--frames", metavar="FIRST-LAST", help="Frames, such as 120 or 0-99. Default: all.")
    ] = None,
    unit: Annotated[
        str, typer.Option("--unit", metavar="UNIT", help="Unit of one count of a 16-bit PNG of depth: m/256, mm, ...")
    ] = "m/256",
    store: StoreOption = None,
) -> None:
    """Write the values of a configuration, or of the ground truth, frame by frame; values.json states what the numbers mean.

    [bold]Examples[/bold]

      python -m precompute results save walk --configuration mini/baseline/rgb-depth --format png16 --unit mm --to depth

      python -m precompute results save walk --configuration truth/normal --format exr --frames 0-9 --to normals
    """
    from precompute.results.save import save_results

    opened = existing_store(store, read_only=True)
    track = find_track(opened, find_input(opened, clip).head.clip.key, configuration)
    try:
        with frames_bar() as progress:
            written = save_results(
                opened,
                track,
                to,
                cast("SaveFormat", format),
                frames=_range(frames, track.n_frames),
                unit=unit,
                progress=lambda done, total: progress("writing", done, total),
            )
    except (SourceError, StoreError, OSError) as error:
        complain(str(error), f"error[{error.code}]" if isinstance(error, SourceError) else "error")
        raise typer.Exit(EXIT_FAILED_ITEM) from None
    n_maps = len(written) - 1
    say(f"{track.head.label}: {count(n_maps, 'file')} and {written[-1].name} in {to}")


def find_track(store: Store, clip: str, name: str) -> Track:
    """The newest finished track of that name, else one that grows. Ends the command where there is none."""
    wanted = name.removeprefix("truth/")
    tracks = [track for track in store.tracks(clip=clip) if track.head.kind in KINDS]
    tracks.sort(key=lambda track: not track.is_complete)  # the newest that is finished, before one that still grows
    for track in tracks:
        is_truth = track.head.kind == "truth"
        if track.head.configuration == wanted and (is_truth or not name.startswith("truth/")):
            return track
    names = sorted({("truth/" if t.head.kind == "truth" else "") + t.head.configuration for t in tracks})
    raise usage(f"'{name}' is not stored on that clip; there are {', '.join(names) or 'no predictions'}")


def _range(text: str | None, n_frames: int) -> range:
    if text is None:
        return range(n_frames)
    found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text)
    if not found:
        raise usage(f"--frames {text}: give a frame such as 120, or FIRST-LAST such as 0-99")
    first = int(found[1])
    return range(first, int(found[2] or first) + 1)
