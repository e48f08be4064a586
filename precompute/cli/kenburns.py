"""`python -m precompute kenburns`: a film of a camera that moves through stored depth."""

from __future__ import annotations

import math
import re
import time
import unicodedata
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from analysis.columns import Columns
from analysis.energy import Unreadable
from cache.records import StoreError, Track
from cache.store import Store
from precompute.cli.output.console import EXIT_FAILED_ITEM, StoreOption, complain, err, say, usage
from precompute.cli.output.rate import RateColumn
from precompute.cli.plain_help import one_of
from precompute.cli.store.select import existing_store, is_meant
from precompute.films.camera_path import AUTOZOOM, EASES, KINDS, MOTIONS, ZOOM_LIMITS, CameraPath, Window
from precompute.films.lens import ASSUMED_DEGREES, field_of_view_of
from precompute.films.shot import MAX_SIDE_PX, NoFilm, Shot
from precompute.signals import stop_on_signals
from precompute.text import count

TRUTH = "truth"
MAX_CONFIGURATIONS = 4
MAX_SECONDS = 600.0
STILL_SECONDS = 4.0


def kenburns(
    clip: Annotated[
        str, typer.Argument(metavar="CLIP", help="Title or key of the clip, as a glob or by its first letters.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE.mp4|FOLDER", help="The film, or a folder with one of every clip that matches.")
    ],
    configuration: Annotated[
        list[str],
        typer.Option(
            metavar="CONFIGURATION",
            help=f"Whose depth: zoo/method/path as `list --tracks` prints it, or `{TRUTH}`. Repeatable: side by side.",
        ),
    ],
    kind: Annotated[
        str, typer.Option(metavar="|".join(KINDS), parser=one_of(KINDS), help="How the camera moves; docs/kenburns.md.")
    ] = "auto",
    start: Annotated[
        str, typer.Option("--from", metavar="U,V,ZOOM", help="Start of a zoom: the centre, in shares of the picture.")
    ] = "0.5,0.5,1",
    end: Annotated[
        str, typer.Option("--to", metavar="U,V,ZOOM", help="End of a zoom; the window of an orbit or a dolly zoom.")
    ] = f"0.5,0.5,{AUTOZOOM}",
    depth: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="0: a flat zoom, 1: a camera that moves.")
    ] = 1.0,
    focus: Annotated[
        float | None,
        typer.Option(
            metavar="DEPTH", help="Depth at which windows are measured. Default: the median of the first frame."
        ),
    ] = None,
    motion: Annotated[
        str, typer.Option(metavar="|".join(MOTIONS), parser=one_of(MOTIONS), help="Order in time.")
    ] = "once",
    ease: Annotated[
        str, typer.Option(metavar="|".join(EASES), parser=one_of(EASES), help="Speed along the path.")
    ] = "smooth",
    seconds: Annotated[
        float | None,
        typer.Option(
            min=0.04,
            max=MAX_SECONDS,
            help=f"Length of the film. Default: that of the clip, {STILL_SECONDS:g} for a still.",
        ),
    ] = None,
    fps: Annotated[float, typer.Option(min=1, max=120, help="Frames per second of the film.")] = 30.0,
    size: Annotated[int, typer.Option(min=16, max=MAX_SIDE_PX, metavar="PX", help="Shorter side of a picture.")] = 512,
    frame: Annotated[int, typer.Option(min=0, help="First frame of the clip.")] = 0,
    still: Annotated[bool, typer.Option("--still", help="Hold that frame while the camera moves.")] = False,
    field_of_view: Annotated[
        float | None,
        typer.Option(
            "--field-of-view",
            metavar="DEGREES",
            min=15,
            max=120,
            help=f"Of the pictures' shorter side. Default: what a bundled clip states, else {ASSUMED_DEGREES:g}.",
        ),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Film a camera that moves through the depth of a clip: H.264 in MP4, without a browser.

    What near surfaces hide is invented from what lies behind them. The same films are on the page Space.

    [bold]Examples[/bold]

      python -m precompute kenburns Walk --configuration mini/merged/rgb-depth --out film.mp4

      python -m precompute kenburns Walk --configuration truth --configuration mini/baseline/rgb-depth --out both.mp4

      python -m precompute kenburns Phone --configuration mini/merged/rgb-depth --still --frame 30 --kind orbit --motion loop
      --out orbit.mp4

      python -m precompute kenburns '*' --configuration mini/merged/rgb-depth --out films/
    """
    opened = existing_store(store, read_only=True)
    if len(configuration) > MAX_CONFIGURATIONS:
        raise usage(f"{len(configuration)} configurations; a film shows up to {MAX_CONFIGURATIONS} side by side")
    if focus is not None and not 0 < focus < math.inf:
        raise usage(f"--focus {focus:g}: give a depth above 0, in the unit of the depth")
    path = CameraPath(kind, _window(start, "--from"), _window(end, "--to"), depth, motion, ease)  # pyright: ignore[reportArgumentType]
    is_one = out.suffix.casefold() == ".mp4"
    clips = _clips(opened, clip, out)
    has_failed = False
    with stop_on_signals(lambda: None) as stop:
        try:
            for tracks in clips:
                own = tracks[0].head.clip
                file = out if is_one else out / f"{_slug(own.title)}-{own.key[:8]}.mp4"
                try:
                    shot = _shot(
                        opened, tracks, configuration, path, field_of_view, frame, still, seconds, fps, size, focus
                    )
                    file.parent.mkdir(parents=True, exist_ok=True)
                    _make(opened, shot, file)
                except (NoFilm, ValueError, Unreadable, StoreError) as error:
                    complain(f"{own.title}: {error}")
                    has_failed = True
                except OSError as error:
                    complain(f"{file}: {error.strerror or error}")
                    has_failed = True
        except KeyboardInterrupt:
            complain("stopped; no unfinished film is left")
            raise typer.Exit(stop.exit_code) from None
    if has_failed:
        raise typer.Exit(EXIT_FAILED_ITEM)


def _clips(store: Store, wanted: str, out: Path) -> list[list[Track]]:
    """The tracks of each clip that is filmed. Ends the command where those and `out` do not fit."""
    clips: dict[str, list[Track]] = {}
    for track in store.tracks():
        if is_meant(track.head.clip, wanted):
            clips.setdefault(track.head.clip.key, []).append(track)
    if not clips:
        raise usage(f"no clip matches '{wanted}'; `list` shows all clips")
    is_one = out.suffix.casefold() == ".mp4"
    if is_one and len(clips) > 1:
        names = ", ".join(f"'{tracks[0].head.clip.title}' ({key[:12]})" for key, tracks in list(clips.items())[:5])
        raise usage(f"'{wanted}' matches {len(clips)} clips: {names}; name one, or give a folder as --out")
    if not is_one and out.suffix:
        raise usage(f"--out {out}: give FILE.mp4 or a folder")
    return list(clips.values())


def _shot(
    store: Store,
    tracks: list[Track],
    configurations: list[str],
    path: CameraPath,
    field_of_view: float | None,
    frame: int,
    is_still: bool,
    seconds: float | None,
    fps: float,
    size: int,
    focus: float | None,
) -> Shot:
    inputs = next((track for track in tracks if track.head.kind == "input"), None)
    if inputs is None:
        raise NoFilm("its input is not stored")
    depths = tuple(_depth_of(tracks, name) for name in configurations)
    n_ready = min(track.n_frames for track in (inputs, *depths))
    if frame >= n_ready:
        raise NoFilm(f"there is no frame {frame}: {count(n_ready, 'frame')} of its depth stored, counted from 0")
    times = Columns(store).pts_seconds(inputs)[:n_ready]
    is_held = is_still or n_ready - frame == 1
    if seconds is None:
        rest = times[frame:]
        seconds = STILL_SECONDS if is_held else min((rest[-1] - rest[0]) * len(rest) / (len(rest) - 1), MAX_SECONDS)
    shot = Shot(
        inputs=inputs,
        depths=depths,
        path=path,
        field_of_view_degrees=field_of_view or field_of_view_of(inputs.head.clip) or ASSUMED_DEGREES,
        times_seconds=times,
        first_frame=frame,
        is_still=is_held,
        n_frames=max(1, round(seconds * fps)),
        fps=fps,
        side_px=size,
        focus=focus,
    )
    if max(shot.frame_size_px) > MAX_SIDE_PX:
        width, height = shot.frame_size_px[::-1]
        raise NoFilm(
            f"the film would have {width} x {height} pixels, and players are sure of {MAX_SIDE_PX}; lower --size"
        )
    return shot


def _depth_of(tracks: list[Track], name: str) -> Track:
    def is_named(track: Track) -> bool:
        if name == TRUTH:
            return track.head.kind == "truth" and track.head.domain["name"] == "depth"
        return track.head.kind in ("prediction", "readout") and track.head.configuration == name

    found = next((track for track in tracks if is_named(track)), None)
    if found is not None:
        return found
    known = sorted(
        {t.head.configuration for t in tracks if t.head.kind == "prediction" and t.head.domain["name"] == "depth"}
        | {TRUTH for t in tracks if t.head.kind == "truth" and t.head.domain["name"] == "depth"}
    )
    raise NoFilm(f"'{name}' is not stored. Depth is stored of: {', '.join(known) or 'nothing; compute it with `run`'}")


def _make(store: Store, shot: Shot, file: Path) -> None:
    from precompute.films.film import pictures, write_film

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
    )
    began = time.monotonic()
    with (
        Progress(*columns, console=err, transient=True) as bar,
        closing(write_film(file, pictures(store, shot), shot.fps)) as written,
    ):
        task = bar.add_task(f"{shot.inputs.head.clip.title[:30]} · filming", total=shot.n_frames)
        for n_done in written:
            bar.update(task, completed=n_done)
    height, width = shot.frame_size_px
    took = time.monotonic() - began
    rate = f"{shot.n_frames / took:.1f} frames/s"
    say(f"{file}: {count(shot.n_frames, 'frame')} of {width} x {height} pixels at {shot.fps:g} per second ({rate})")


def _window(text: str, option: str) -> Window:
    numbers = text.split(",")
    try:
        window = Window(*map(float, numbers))
        if not all(map(math.isfinite, (window.u, window.v, window.zoom))):
            raise ValueError(text)
    except (ValueError, TypeError):
        raise usage(f"{option} {text}: give three numbers, U,V,ZOOM, such as 0.5,0.5,1.25") from None
    fitting = window.inside()
    if max(abs(a - b) for a, b in ((window.u, fitting.u), (window.v, fitting.v), (window.zoom, fitting.zoom))) > 1e-9:
        raise usage(
            f"{option} {text}: a window must lie inside the picture, with a zoom of {ZOOM_LIMITS[0]:g} to {ZOOM_LIMITS[1]:g}; "
            f"the nearest is {fitting.u:.4g},{fitting.v:.4g},{fitting.zoom:g}"
        )
    return fitting


def _slug(title: str) -> str:
    """A name for a file, whatever the title."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.casefold()).strip("-")[:60] or "clip"
