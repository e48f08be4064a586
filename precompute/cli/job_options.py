"""What `run` and `compare` share: the options of a job, and the settings made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, cast

import typer

from precompute.cli.output.console import usage
from precompute.cli.plain_help import one_of
from precompute.net.limits import MAX_DURATION_SECONDS, Limits

if TYPE_CHECKING:
    from precompute.jobs.device_worker import Device
    from precompute.jobs.job import Settings
    from precompute.media.sampling import Crop

# Torch takes seconds to import, so what needs it is imported in functions.

LOG_FORMATS = ("text", "json")
DEVICES = ("auto", "cpu", "cuda")
CROPS = ("centre", "none")

ZooOption = Annotated[
    str, typer.Option("--zoo", metavar="NAME", help="Name of a zoo (see `zoo list`), or a folder with a zoo.toml.")
]
ConfigurationsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--configurations",
        metavar="PATTERN",
        help="Globs on zoo/method/path, separated by commas or repeated. Default: all paths of up to three domains; spell longer "
        "ones out, such as 'mini/*/rgb-normal-reshading-depth'. A glob after ! leaves out what it matches.",
    ),
]
NoReadoutsOption = Annotated[
    bool,
    typer.Option(
        "--no-readouts",
        help="Leave out the readouts of predictions: the same as ! and a glob for all longer paths, '!*/*/*-*-*'.",
    ),
]
FpsOption = Annotated[
    float | None,
    typer.Option(
        "--fps",
        metavar="NUMBER",
        help="Frames per second to sample, or of numbered pictures. Default: every frame; for numbered pictures 30.",
    ),
]
StartOption = Annotated[float, typer.Option("--start", metavar="SECONDS", help="First second.")]
EndOption = Annotated[
    float | None, typer.Option("--end", metavar="SECONDS", help="Last second (excluded). Default: the end.")
]
MaxFramesOption = Annotated[
    int | None, typer.Option("--max-frames", metavar="NUMBER", min=1, help="Compute at most this many frames.")
]
SizeOption = Annotated[int, typer.Option("--size", metavar="PIXELS", help="Short side of the frames, in pixels.")]
CropOption = Annotated[
    str,
    typer.Option(
        "--crop",
        metavar="|".join(CROPS),
        parser=one_of(CROPS, {"center": "centre"}),
        help="Compute the centre square, or the whole picture.",
    ),
]
TolerantOption = Annotated[
    bool, typer.Option("--tolerant", help="Keep the frames before the damage of a damaged or truncated file.")
]
DeviceOption = Annotated[
    str,
    typer.Option("--device", metavar="|".join(DEVICES), parser=one_of(DEVICES), help="Where the networks run."),
]
BatchSizeOption = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="NUMBER",
        min=1,
        help="Frames per run of the networks. Default: 8 on CPUs, 32 on GPUs.",
    ),
]
MaxDurationOption = Annotated[
    float,
    typer.Option(
        "--max-duration",
        metavar="SECONDS",
        min=1,
        help="Longest video from a URL; not checked with --max-frames.",
    ),
]
ShiftOption = Annotated[
    list[str] | None,
    typer.Option(
        "--shift",
        metavar="SHIFTS",
        help="Compute the source also under these shifts of its frames, separated by commas or repeated: KIND@SEVERITY of "
        "ImageNet-C, or KIND:STRENGTH, such as 'jpeg@1..5,blur:2px,h264:crf35'. Kinds: docs/shifts.md.",
    ),
]
EnergiesOnlyOption = Annotated[
    bool,
    typer.Option(
        "--energies-only",
        help="With --shift: store energies and numbers of the shifted clips, no pictures of predictions.",
    ),
]
LogFormatOption = Annotated[
    str,
    typer.Option(
        "--log-format",
        metavar="|".join(LOG_FORMATS),
        parser=one_of(LOG_FORMATS),
        help="Print lines for people, or a log on stderr as JSON, one object per line.",
    ),
]
VerboseOption = Annotated[
    bool,
    typer.Option("--verbose", help="Log on stderr what the job plans, how it computes, and each pack it writes."),
]


def patterns_of(configurations: Sequence[str] | None) -> tuple[str, ...]:
    """The globs of --configurations, `*` by default. Ends the command if it names none."""
    patterns = tuple(part for text in configurations or ["*"] for part in text.split(",") if part)
    if not patterns:
        raise usage("--configurations names none; use globs on zoo/method/path, such as 'mini/*/rgb-normal*'")
    return patterns


def make_settings(
    *,
    zoo: str,
    configurations: Sequence[str] | None,
    fps: float | None,
    start: float,
    end: float | None,
    max_frames: int | None,
    size: int,
    crop: str,
    tolerant: bool,
    device: str,
    batch_size: int | None,
    allow_code: bool,
    max_duration: float = MAX_DURATION_SECONDS,
    shift: Sequence[str] | None = None,
    energies_only: bool = False,
    no_readouts: bool = False,
) -> Settings:
    """The settings of a job. Ends the command if the options allow none."""
    from analysis.shifts import parse_shifts
    from consistency.zoo.read import load_zoo
    from consistency.zoo.records import ZooError
    from precompute.jobs.device_worker import choose_device
    from precompute.jobs.job import Settings
    from precompute.jobs.output.tracks import READOUTS, select_configurations
    from precompute.media.sampling import Sampling

    patterns = (*patterns_of(configurations), *([f"!{READOUTS}"] if no_readouts else []))
    try:
        sampling = Sampling(start, end, fps, max_frames, size, cast("Crop", crop), tolerant)
        limits = Limits(max_seconds=None if max_frames else max_duration, start_seconds=start, end_seconds=end)
        where = choose_device(cast("Device", device))
        shifts = tuple(one for one in parse_shifts(",".join(shift)) if one is not None) if shift else ()
        if energies_only and not shifts:
            raise ValueError(
                "--energies-only spares the pictures of shifted clips; add --shift, such as --shift blur@1..5"
            )
        settings = Settings(
            load_zoo(zoo, allow_code=allow_code),
            patterns,
            sampling,
            where,
            batch_size,
            limits,
            shifts,
            keeps_pictures=not energies_only,
        )
        select_configurations(settings.zoo, patterns)
    except (ValueError, ZooError) as error:
        raise usage(str(error)) from error
    return settings
