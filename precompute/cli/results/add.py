"""`python -m precompute results add`: bring predictions or ground truth that were computed elsewhere to a clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from cache.records import BadRecord, StoreError, Track
from cache.store import Store
from precompute.cli.output.console import EXIT_FAILED_ITEM, StoreOption, complain, say, usage
from precompute.cli.output.next_step import page_link
from precompute.cli.plain_help import one_of
from precompute.cli.results.progress import frames_bar
from precompute.cli.store.select import existing_store, is_meant
from precompute.failures import SourceError
from precompute.text import count

if TYPE_CHECKING:
    from precompute.results.add import Added, Wanted
    from precompute.results.confidence import High
    from precompute.results.matching import FrameRule
    from precompute.results.meaning.values import Fit

RULES = ("order", "by-number", "by-time", "by-stride")
FITS = ("exact", "as-clip", "stretch")
TRUTH = "truth"


def add(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="A folder of maps (npy, npz, png, exr, hdf5, pfm, dpt, tiff), or a file with a stack."
        ),
    ],
    clip: Annotated[
        str, typer.Option("--clip", metavar="TITLE", help="Title or key of a stored clip, or its beginning.")
    ],
    method: Annotated[
        str, typer.Option("--as", metavar="METHOD", help="Name under which the page lists them; `truth`: ground truth.")
    ],
    domain: Annotated[
        str, typer.Option("--domain", metavar="depth|normal|confidence", help="What the maps show.")
    ] = "depth",
    format: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="A known format; docs/results-formats.md lists them.")
    ] = None,
    unit: Annotated[
        str | None,
        typer.Option(
            "--unit",
            metavar="UNIT",
            help="Unit of one count of depth: m, cm, mm, m/256, ...; scale, affine or inverse: relative depth, up to a factor, up to factor "
            "and shift, or 1/depth up to both.",
        ),
    ] = None,
    axes: Annotated[
        str | None,
        typer.Option(
            "--axes", metavar="AXES", help="Axes of normals: opencv, opengl, outward, or signed axes such as x,-y,-z."
        ),
    ] = None,
    projection: Annotated[
        str | None,
        typer.Option(
            "--projection",
            metavar="z|ray",
            parser=one_of(("z", "ray")),
            help="Depth along z, or distance along the ray.",
        ),
    ] = None,
    field_of_view: Annotated[
        float | None,
        typer.Option(
            "--field-of-view",
            metavar="DEGREES",
            min=1,
            max=179,
            help="Field of view of the maps' shorter side, for --projection ray.",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="NAME", help="Array of an npz or HDF5 file, channel of an EXR file.")
    ] = None,
    unknown: Annotated[
        list[str] | None,
        typer.Option("--unknown", metavar="VALUE", help="Value that means unknown: nan, inf, 0, '>1e9'. Repeatable."),
    ] = None,
    sky: Annotated[
        list[str] | None,
        typer.Option("--sky", metavar="VALUE", help="Value that means sky, in the same spelling. Repeatable."),
    ] = None,
    fit: Annotated[
        str,
        typer.Option(
            "--fit",
            metavar="|".join(FITS),
            parser=one_of(FITS),
            help="Maps of another size: crop and scale them as the clip was made from its video, or stretch them over its frames.",
        ),
    ] = "exact",
    frames: Annotated[
        str,
        typer.Option(
            "--frames",
            metavar="|".join(RULES),
            parser=one_of(RULES),
            help="Which map belongs to which frame. `order` needs as many maps as frames.",
        ),
    ] = "order",
    fps: Annotated[
        float | None, typer.Option("--fps", metavar="NUMBER", help="Maps per second, for --frames by-time.")
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(
            "--stride", metavar="NUMBER", min=1, help="Frame k takes map k times NUMBER, for --frames by-stride."
        ),
    ] = None,
    first: Annotated[
        int | None, typer.Option("--first", metavar="NUMBER", min=0, help="Number of the map of frame 0.")
    ] = None,
    picture: Annotated[
        str | None,
        typer.Option(
            "--picture",
            metavar="MAP",
            help="The files are pictures of depth in this colour map (grey, turbo, spectral, ...): invert them, marked as such.",
        ),
    ] = None,
    bits: Annotated[
        int | None,
        typer.Option(
            "--bits",
            metavar="8|16",
            help="Bits of stored depth. 16: steps of 0.02 % from 1 cm to 1 km, sky apart from unknown, six times the room. Default: 16 if "
            "depth in metres lies beyond 0.1 to 16 m.",
        ),
    ] = None,
    of: Annotated[
        str,
        typer.Option(
            "--of",
            metavar="depth|normal",
            parser=one_of(("depth", "normal")),
            help="For --domain confidence: which prediction of the method is meant.",
        ),
    ] = "depth",
    high: Annotated[
        str,
        typer.Option(
            "--high",
            metavar="sure|unsure",
            parser=one_of(("sure", "unsure")),
            help="For --domain confidence: what high values mean.",
        ),
    ] = "sure",
    store: StoreOption = None,
) -> None:
    """Add predictions or ground truth computed elsewhere to a stored clip.

    Everything is read and judged before anything is stored: units, axes, shapes, unknown values and the match of frames are stated or
    known from the format, never guessed. With ground truth (--as truth), the errors of what is stored are computed as well.

    [bold]Examples[/bold]

      python -m precompute results look predictions/

      python -m precompute results add depths.npz --clip kitchen --as vda --format video-depth-anything

      python -m precompute results add depth_png/ --clip kitchen --as truth --format nyu --frames by-number --fit as-clip

      python -m precompute results add normals/ --clip kitchen --as marigold --domain normal --format marigold-normal

      python -m precompute results add results.npz --clip kitchen --as da3 --domain confidence --key conf
    """
    from precompute.results.add import Wanted, add_results
    from precompute.results.confidence import CONFIDENCE, add_confidence, confidence_conversion
    from precompute.results.meaning.asked import Stated, conversion_of, with_unit_stated

    opened = existing_store(store, read_only=False)
    input_track = find_input(opened, clip)
    require_name(method)
    if bits not in (None, 8, 16):
        raise usage(f"--bits {bits}: give 8 or 16")
    try:
        stated = Stated(
            domain,
            format,
            unit,
            axes,
            projection,
            field_of_view,
            tuple(unknown or ()),
            tuple(sky or ()),
            picture,
            cast("Fit", fit),
        )
        try:
            if domain == CONFIDENCE:
                conversion = confidence_conversion(stated)
            else:
                conversion = conversion_of(stated, path, is_truth=method == TRUTH)
        except ValueError as error:
            raise usage(str(error)) from None
        wanted = Wanted(
            path,
            method,
            conversion,
            key,
            cast("FrameRule", frames),
            first,
            fps,
            stride,
            with_unit_stated(conversion),
            projection is not None,
            bits,
        )
        with frames_bar() as progress:
            if domain == CONFIDENCE:
                added = add_confidence(opened, input_track, wanted, of, cast("High", high), progress=progress)
            else:
                added = add_results(opened, input_track, wanted, progress=progress)
    except (SourceError, StoreError, BadRecord, OSError) as error:
        word = f"error[{error.code}]" if isinstance(error, SourceError) else "error"
        complain(f"{error}; nothing was added", word)
        raise typer.Exit(EXIT_FAILED_ITEM) from None
    _report(added, wanted)


def _report(added: Added, wanted: Wanted) -> None:
    head = added.track.head
    name = f"ground truth of {head.path}" if wanted.is_truth else head.configuration
    what = f"{count(added.track.n_frames, 'frame')} of {added.meaning} stored" if added.is_new else "already stored"
    say(f"{head.clip.title}: {name}, {what}; {added.matched}")
    for note in added.notes:
        say(f"note: {note}")
    if wanted.is_truth:
        say(
            f"errors computed of {count(len(added.gained), 'configuration')}"
            + (f": {', '.join(added.gained)}" if added.gained else "")
        )
    elif added.columns:
        say("compared with the stored ground truth")
    say(f"open {page_link(head.clip.key)}&predict={head.path.rsplit('-', 1)[-1]}")


def find_input(store: Store, clip: str) -> Track:
    """The finished input track of the one clip that is meant. Ends the command otherwise."""
    found: dict[str, Track] = {}
    try:
        for track in store.tracks(kind="input"):
            if track.is_complete and is_meant(track.head.clip, clip) and not track.head.clip.sampling.get("shift"):
                found.setdefault(track.head.clip.key, track)
    except (BadRecord, StoreError) as error:
        raise usage(str(error)) from error
    if not found:
        raise usage(
            f"no finished clip matches '{clip}'; `list` shows all clips; compute one with: python -m precompute run SOURCE"
        )
    if len(found) > 1:
        named = ", ".join(f"{track.head.clip.title} ({key[:12]})" for key, track in list(found.items())[:5])
        raise usage(f"'{clip}' matches {len(found)} clips: {named}; give more of the title, or a key")
    return next(iter(found.values()))


def require_name(method: str) -> None:
    """End the command unless that can be a method's name."""
    import re

    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", method):
        raise usage(
            f"invalid name '{method}': use letters, digits and underscores; dots and hyphens are allowed after the first character; at "
            "most 64 characters"
        )
