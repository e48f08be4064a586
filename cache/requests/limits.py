"""Who may ask, and for how much: settings of the server, and a pure decision on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
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
    """Size of one upload or download, MB."""
    upload_mb_per_day: float = 4096.0
    """Size of all uploads of a visitor in a day, MB."""
    mb_in_all: float = 20480.0
    """Size of all that visitors caused to be stored, MB: uploads, downloads and unlisted clips."""
    per_address: int = 4
    """The visitors of one network address together may ask for as much as so many visitors."""
    days: float = 7.0
    """A request that has ended, and all that belongs to it, are deleted after so many days."""

    @property
    def bytes_kept(self) -> float:
        """The oldest results and files of visitors are deleted until they take up no more than this many bytes, which leaves room
        for one more upload."""
        return 1e6 * max(self.mb_in_all - self.upload_mb, self.mb_in_all / 2)

    def of_address(self) -> Limits:
        """Those of all visitors of one network address together."""
        n = self.per_address
        return replace(
            self, waiting=n * self.waiting, minutes=n * self.minutes, upload_mb_per_day=n * self.upload_mb_per_day
        )


@dataclass(frozen=True)
class Usage:
    """What a visitor, and all, have asked for already."""

    waiting: int = 0
    waiting_in_all: int = 0
    seconds_today: float = 0.0
    """Seconds of video asked for today."""
    bytes_today: int = 0
    bytes_in_all: int = 0
    """Bytes of all uploads, downloads and unlisted clips."""
    of_address: Usage | None = None
    """That of all visitors of the same network address; None where it is not known."""


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


def usage(requests: Iterable[Request], who: str, now: float, *, network: str = "", n_file_bytes: int = 0) -> Usage:
    """What `who`, and the visitors of the same network address, have asked for in the day before `now` (seconds since
    1970), and all who ask have waiting and stored. `n_file_bytes`: bytes of uploads and downloads."""
    requests = list(requests)

    def of(is_one: Callable[[Asked], bool]) -> Usage:
        own = [request for request in requests if is_one(request.asked)]
        # A time in the future, after the clock was set back, counts as today.
        today = [request.asked for request in own if now - request.asked.when < DAY_SECONDS]
        return Usage(
            waiting=sum(request.is_live for request in own),
            waiting_in_all=sum(request.is_live for request in requests),
            seconds_today=sum(video_seconds(one) or 0.0 for one in today),
            bytes_today=sum(one.bytes for one in today),
            bytes_in_all=n_file_bytes + clip_bytes(requests),
        )

    of_address = of(lambda one: one.network == network) if network else None
    return replace(of(lambda one: one.who == who), of_address=of_address)


def clip_bytes(requests: Iterable[Request]) -> int:
    """Bytes of the unlisted clips that the requests made, each counted once."""
    clips: dict[str, int] = {}
    for request in requests:
        if (ended := request.ended) is not None and ended.n_bytes:
            clips[ended.clip] = max(clips.get(ended.clip, 0), ended.n_bytes)
    return sum(clips.values())


def require_allowed(asked: Asked, used: Usage, limits: Limits) -> None:
    """Raise Refused if the request, on top of what is used, is over a limit."""
    seconds = video_seconds(asked)
    if seconds is None:
        raise Refused("the whole video is asked for, however long it is", "select a part with an end")
    if used.waiting_in_all >= limits.waiting_in_all:
        raise Refused(f"{used.waiting_in_all} requests are waiting, as many as are accepted", "try again later")
    for whose, whose_used, whose_limits in _counted(used, limits):
        if whose_used.waiting >= whose_limits.waiting:
            raise Refused(f"{whose_used.waiting} of {whose} requests are not done yet", _WAIT[whose])
        if seconds and whose_used.seconds_today + seconds > 60 * whose_limits.minutes:
            left = max(0.0, 60 * whose_limits.minutes - whose_used.seconds_today)
            raise Refused(
                f"{seconds:.0f} s of video are asked for; {left:.0f} s of {whose} {whose_limits.minutes:g} min a day are left",
                "select a shorter part, or try again tomorrow",
            )
    if asked.is_unlisted and used.bytes_in_all >= 1e6 * limits.mb_in_all:
        raise _no_room()
    require_upload(asked.bytes, used, limits)


def require_upload(n_bytes: int, used: Usage, limits: Limits) -> None:
    """Raise Refused if an upload of that size is over a limit: before the bytes are read."""
    mb = n_bytes / 1e6
    if mb > limits.upload_mb:
        raise Refused(
            f"the file has {mb:.0f} MB; the limit is {limits.upload_mb:g} MB", "upload a shorter or smaller one"
        )
    for whose, whose_used, whose_limits in _counted(used, limits):
        if n_bytes and mb + whose_used.bytes_today / 1e6 > whose_limits.upload_mb_per_day:
            raise Refused(
                f"the file has {mb:.0f} MB, and {whose_used.bytes_today / 1e6:.0f} of {whose} "
                f"{whose_limits.upload_mb_per_day:g} MB a day are used",
                "try again tomorrow",
            )
    if n_bytes and mb + used.bytes_in_all / 1e6 > limits.mb_in_all:
        raise _no_room()


YOURS, OF_ADDRESS = "your", "your network address's"
_WAIT = {
    YOURS: "wait for one of them, or cancel one",
    OF_ADDRESS: "wait until some of them are done",
}


def _counted(used: Usage, limits: Limits) -> Iterator[tuple[str, Usage, Limits]]:
    """Whose usage is held against which limits."""
    yield YOURS, used, limits
    if used.of_address is not None:
        yield OF_ADDRESS, used.of_address, limits.of_address()


def _no_room() -> Refused:
    return Refused("the room for what visitors ask for is used up", "try again later: the oldest is deleted first")
