"""Who may ask, and for how much: settings of the server, and a pure decision on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Literal, cast, get_args

from cache.requests.records import Asked, Request

ASKING_VARIABLE = "CROSSCHECK_REQUESTS"
LIMITS_VARIABLE = "CROSSCHECK_REQUEST_LIMITS"
DAY_SECONDS = 24 * 3600.0
NOMINAL_FPS = 24.0
"""What `max_frames` counts as, without `fps` or with a higher one: the video need not have so many frames per second."""

Asking = Literal["off", "signed-in", "everyone"]


class Refused(Exception):
    """A request that is over a limit. `str(error)` is `found; next_step`."""

    def __init__(self, found: str, next_step: str) -> None:
        self.found, self.next_step = found, next_step
        super().__init__(f"{found}; {next_step}")


@dataclass(frozen=True)
class Limits:
    """How much may be asked for. Spelled `waiting=5,minutes=30` in CROSSCHECK_REQUEST_LIMITS."""

    waiting: int = 5
    """Requests of a visitor that wait or run."""
    waiting_in_all: int = 100
    """Requests of all visitors that wait or run."""
    minutes: float = 30.0
    """Minutes of video of a visitor in a day."""
    upload_mb: float = 2048.0
    """Size of one upload, MB."""
    upload_mb_per_day: float = 4096.0
    """Size of all uploads of a visitor in a day, MB."""
    upload_mb_in_all: float = 20480.0
    """Size of all uploads in the store, MB."""
    days: float = 7.0
    """A request that has ended, and the upload and unlisted results that belong to it, are deleted after so many days."""


@dataclass(frozen=True)
class Usage:
    """What a visitor, and all, have asked for already."""

    waiting: int = 0
    waiting_in_all: int = 0
    seconds_today: float = 0.0
    """Seconds of video asked for today."""
    bytes_today: int = 0
    bytes_in_all: int = 0


def asking(environment: Mapping[str, str]) -> Asking:
    """Who may ask from the page: nobody unless CROSSCHECK_REQUESTS says otherwise. Raises ValueError for anything else."""
    value = environment.get(ASKING_VARIABLE) or "off"
    if value not in get_args(Asking):
        raise ValueError(f"{ASKING_VARIABLE} is '{value[:40]}'; use one of {', '.join(get_args(Asking))}")
    return cast(Asking, value)


def limits_of(environment: Mapping[str, str]) -> Limits:
    """The defaults, changed by CROSSCHECK_REQUEST_LIMITS. Raises ValueError."""
    kinds: dict[str, type[float]] = {
        one.name.replace("_", "-"): type(getattr(Limits(), one.name)) for one in fields(Limits)
    }
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in environment.get(LIMITS_VARIABLE, "").split(","))):
        name, _, text = part.partition("=")
        try:
            value = kinds[name.strip()](text)
            if not 0 <= value < math.inf:
                raise ValueError
        except (KeyError, ValueError):
            raise ValueError(
                f"{LIMITS_VARIABLE} has '{part[:60]}'; use NAME=NUMBER, separated by commas, with {', '.join(kinds)}"
            ) from None
        found[name.strip().replace("-", "_")] = value
    return Limits(**found)  # type: ignore[arg-type]


def video_seconds(asked: Asked) -> float | None:
    """The seconds of video that the request counts as: the part asked for, 0 for a still; None if it has no end."""
    options = asked.options
    if options.is_still:
        return 0.0
    known = []
    if options.end is not None:
        known.append(max(0.0, options.end - options.start))
    if options.max_frames is not None:
        known.append(options.max_frames / min(options.fps or NOMINAL_FPS, NOMINAL_FPS))
    if asked.source.kind == "address" and options.end is None:
        known.append(options.max_duration)  # the download refuses longer ones
    return min(known, default=None)


def usage(requests: Iterable[Request], who: str, now: float) -> Usage:
    """What `who` has asked for in the day before `now` (seconds since 1970), and all who ask have waiting and uploaded."""
    requests = list(requests)
    live = [request for request in requests if request.is_live]
    own = [request.asked for request in requests if request.asked.who == who]
    # A time in the future, after the clock was set back, counts as today.
    today = [asked for asked in own if now - asked.when < DAY_SECONDS]
    uploads = {
        request.asked.source.name: request.asked.bytes for request in requests if request.asked.source.kind == "upload"
    }
    return Usage(
        waiting=sum(request.asked.who == who for request in live),
        waiting_in_all=len(live),
        seconds_today=sum(video_seconds(asked) or 0.0 for asked in today),
        bytes_today=sum(asked.bytes for asked in today),
        bytes_in_all=sum(uploads.values()),
    )


def require_allowed(asked: Asked, used: Usage, limits: Limits) -> None:
    """Raise Refused if the request, on top of what is used, is over a limit."""
    seconds = video_seconds(asked)
    if seconds is None:
        raise Refused("the whole video is asked for, however long it is", "select a part with an end")
    if used.waiting >= limits.waiting:
        raise Refused(f"{used.waiting} of your requests are not done yet", "wait for one of them, or cancel one")
    if used.waiting_in_all >= limits.waiting_in_all:
        raise Refused(f"{used.waiting_in_all} requests are waiting, as many as are accepted", "try again later")
    if seconds and used.seconds_today + seconds > 60 * limits.minutes:
        left = max(0.0, 60 * limits.minutes - used.seconds_today)
        raise Refused(
            f"{seconds:.0f} s of video are asked for; {left:.0f} s of {limits.minutes:g} min a day are left",
            "select a shorter part, or try again tomorrow",
        )
    require_upload(asked.bytes, used, limits)


def require_upload(n_bytes: int, used: Usage, limits: Limits) -> None:
    """Raise Refused if an upload of that size is over a limit: before the bytes are read."""
    mb = n_bytes / 1e6
    if mb > limits.upload_mb:
        raise Refused(
            f"the file has {mb:.0f} MB; the limit is {limits.upload_mb:g} MB", "upload a shorter or smaller one"
        )
    if n_bytes and mb + used.bytes_today / 1e6 > limits.upload_mb_per_day:
        raise Refused(
            f"the file has {mb:.0f} MB, and {used.bytes_today / 1e6:.0f} of {limits.upload_mb_per_day:g} MB a day are used",
            "try again tomorrow",
        )
    if n_bytes and mb + used.bytes_in_all / 1e6 > limits.upload_mb_in_all:
        raise Refused("the room for uploads is used up", "try again later, or give the video's address")
