"""`python -m precompute ask`: put a request into the store, for a worker to do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, cast

import typer

from cache.files import NotWritten
from cache.records import BadRecord
from cache.requests.limits import Refused
from cache.requests.queue import Requests
from cache.requests.records import Asked, Options, Request, Source
from cache.requests.stills import first_bytes_of, for_content
from cache.store import Store
from precompute.cli.job_options import (
    ConfigurationsOption,
    CropOption,
    EndOption,
    FpsOption,
    MaxDurationOption,
    MaxFramesOption,
    SizeOption,
    StartOption,
    TolerantOption,
    patterns_of,
)
from precompute.cli.output.console import (
    EXIT_FAILED_ITEM,
    StoreOption,
    bytes_bar,
    complain,
    folder_of,
    open_store,
    say,
    usage,
)
from precompute.cli.requests.shown import name_of, short_id, state_of
from precompute.media.sampling import Crop, Sampling
from precompute.media.sources import bundled_clips, local_path
from precompute.media.stills.numbered import group_of, is_pattern
from precompute.net.limits import MAX_DURATION_SECONDS
from precompute.net.urls import address_of

LOOK_SECONDS = 0.5
"""Between two looks at a request that is waited for."""
WHO = "command line"


def ask(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A video file, a picture, the name of a bundled clip, or a URL.")
    ],
    store: StoreOption = None,
    zoo: Annotated[str, typer.Option("--zoo", metavar="NAME", help="Name of a zoo (see `zoo list`).")] = "mini",
    configurations: ConfigurationsOption = None,
    fps: FpsOption = None,
    start: StartOption = 0.0,
    end: EndOption = None,
    max_frames: MaxFramesOption = None,
    size: SizeOption = 256,
    crop: CropOption = "centre",
    tolerant: TolerantOption = False,
    max_duration: MaxDurationOption = MAX_DURATION_SECONDS,
    who: Annotated[str, typer.Option(metavar="NAME", help="Who asks: workers serve different askers in turn.")] = WHO,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended; exit code 1 if it failed.")] = False,
) -> None:
    """Ask for a source to be computed. A worker does it: start one with `serve`.

    Asking again for the same while it waits or runs adds nothing. A picture, and a single frame (--max-frames 1), is done before
    any video.

    [bold]Examples[/bold]

      python -m precompute ask phone --configurations 'mini/*/rgb-normal'

      python -m precompute ask talk.mp4 --max-frames 1 --wait

      python -m precompute ask 'https://www.youtube.com/watch?v=...' --start 60 --end 90 --fps 10
    """
    patterns = patterns_of(configurations)
    try:
        Sampling(
            start, end, fps, max_frames, size, cast("Crop", crop), tolerant
        )  # refuses now what a worker would refuse later
        options = Options(zoo, patterns, start, end, fps, max_frames, size, crop, tolerant, float(max_duration))
        found = _source(source)
        if found.kind == "file":
            options = for_content(options, first_bytes_of(Path(found.name)))
        asked = Asked(found, options, who, time.time())
    except BadRecord as error:
        raise usage(f"{error.found}; a zoo is named as in `zoo list`, and texts have at most 4000 letters") from error
    except ValueError as error:
        raise usage(str(error)) from error
    except OSError as error:
        raise usage(f"{source[:200]!r} cannot be read ({error.strerror or error})") from error
    opened = open_store(folder_of(store))
    requests = Requests(opened.root)
    try:
        request = requests.ask(asked, is_stored=lambda known: _is_stored(opened, known))
    except (NotWritten, Refused) as error:
        raise usage(str(error)) from error
    say(f"{short_id(request)} {name_of(request)}: {state_of(request)}")
    if request.is_live and not requests.is_served():
        complain("no worker is running; start one with: python -m precompute serve", "note")
    if wait:
        _wait(requests, request)


def _source(text: str) -> Source:
    """Raises ValueError where there is no such file, clip or URL, and BadRecord."""
    if (address := address_of(text)) is not None:
        return Source("address", address)
    try:
        path = local_path(text)
        is_file = path.is_file() or (is_pattern(path) and group_of(path) is not None)
    except OSError:  # a name too long
        path, is_file = Path(text), False
    if is_file:
        return Source("file", str(path.resolve()), path.name)
    if text in bundled_clips():
        return Source("sample", text)
    raise ValueError(
        f"{text[:200]!r}: no such file; give a video file, a picture, a URL or a bundled clip ({', '.join(bundled_clips())})"
    )


def _is_stored(store: Store, request: Request) -> bool:
    """Whether the result of a request that is done still answers it. A file may have changed since."""
    result = request.ended.result if request.ended else None
    if result is None or request.asked.source.kind == "file":
        return False
    return sum(track.is_complete for track in store.tracks(clip=result.clip)) >= result.n_tracks


def _wait(requests: Requests, request: Request) -> None:
    """Show the progress until the request has ended. Exit code 1 if it failed."""
    with bytes_bar(f"{name_of(request)} · download") as show:
        while (found := requests.get(request.id)) is not None and found.is_live:
            if found.progress.stage == "download":
                show(found.progress.n_done, found.progress.n_total)
            time.sleep(LOOK_SECONDS)
    if found is None:
        complain(f"{short_id(request)}: deleted")
        raise typer.Exit(EXIT_FAILED_ITEM)
    if found.state == "done":
        say(f"{short_id(found)} {name_of(found)}: {state_of(found)}")
        return
    complain(f"{short_id(found)} {name_of(found)}: {state_of(found)}")
    raise typer.Exit(EXIT_FAILED_ITEM)
