"""Computes one request: finds its source, reads its options, and passes the job's progress on to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from cache.requests.lease import Lease
from cache.requests.records import Asked, Failure, Options, Progress
from cache.requests.uploads import Uploads
from cache.store import Store
from consistency.zoo.read import load_zoo
from precompute.downloads.download import is_downloaded
from precompute.failures import KINDS, SourceError
from precompute.jobs import events
from precompute.jobs.job import Settings, compute_found
from precompute.jobs.output.tracks import select_configurations
from precompute.jobs.predict import Networks
from precompute.media.sampling import Sampling
from precompute.media.sources import SAMPLES, Source, bundled_clips, resolve
from precompute.net.limits import MAX_BYTES, Limits
from precompute.net.urls import looks_like_url, shown_url, with_shown_urls
from precompute.serving.keeper import Keeper
from precompute.signals import Stop

MAX_MESSAGE_LETTERS = 2000
ASK_AGAIN = "ask again with other options"


class Busy(Exception):
    """Another job is writing the clip."""


@dataclass(frozen=True)
class Setup:
    """What a worker computes on, and what it accepts."""

    device: torch.device
    batch_size: int | None = None
    """Frames per run of the networks; None: as the job chooses."""
    allow_code: bool = False
    """Whether networks may be programs of their authors."""
    allow_files: bool = True
    """Whether requests may name files of this machine."""
    max_visitor_bytes: int = MAX_BYTES
    """Largest download for a visitor."""


def compute_request(
    store: Store,
    uploads: Uploads,
    lease: Lease,
    setup: Setup,
    networks: Networks,
    keeper: Keeper,
    stop: Stop,
    heard: events.Events = events.UNHEARD,
) -> events.Stored:
    """Compute what the request asks for; `heard` hears of it, too.

    Raises LeaseEnded, Busy, KeyboardInterrupt once `stop` is set, and what stops a job: SourceError, ZooError, StoreError,
    OSError and torch's errors.
    """
    asked = lease.asked
    is_unlisted = asked.is_unlisted
    # First whoever counts: the other one may end the job by an exception.
    following = events.Broadcast(heard, _Following(lease, keeper, uploads if is_unlisted else None, store))
    settings = _settings(asked, setup)
    found = _find(store, uploads, asked, setup, settings.limits, following)
    following.emit(events.Resolved())
    return compute_found(store, found, settings, networks, is_unlisted=is_unlisted, events=following, stop=stop)


def failure_of(error: Exception, asked: Asked, store: Store, uploads: Uploads) -> Failure:
    """Why a request failed, for whoever asked: without the store's folders, or keys in addresses."""
    named = events.name_error(called(asked), error)

    def shown(text: str) -> str:
        text = with_shown_urls(text)
        if asked.source.kind == "upload":
            for place in (str(uploads.path(asked.source.name)), asked.source.name):
                text = text.replace(place, called(asked))
        return text.replace(str(store.root), "the store")[:MAX_MESSAGE_LETTERS]

    code = named.code
    return Failure(code, shown(named.found), shown(named.next_step), KINDS[code].can_retry)


def called(asked: Asked) -> str:
    """What people call the source."""
    source = asked.source
    if source.kind == "address":
        return shown_url(source.name)
    return source.title or ("the upload" if source.kind == "upload" else Path(source.name).name)


def sampling_of(options: Options) -> Sampling:
    """The frames that are asked for. Raises ValueError for frames that no video has."""
    return Sampling(
        options.start,
        options.end,
        options.fps,
        options.max_frames,
        options.size,
        "none" if options.crop == "none" else "centre",
        options.tolerant,
    )


def _settings(asked: Asked, setup: Setup) -> Settings:
    options = asked.options
    zoo = load_zoo(options.zoo, allow_code=setup.allow_code)
    try:
        sampling = sampling_of(options)
        select_configurations(zoo, options.configurations)
    except ValueError as error:
        raise SourceError("bad_request", f"{called(asked)}: {error}", ASK_AGAIN) from error
    limits = Limits(
        max_bytes=setup.max_visitor_bytes if asked.is_unlisted else MAX_BYTES,
        max_seconds=None if options.max_frames else options.max_duration,
        start_seconds=options.start,
        end_seconds=options.end,
    )
    return Settings(zoo, options.configurations, sampling, setup.device, setup.batch_size, limits)


def _find(
    store: Store, uploads: Uploads, asked: Asked, setup: Setup, limits: Limits, following: events.Events
) -> Source:
    """The file that the request is about. What it names is data: only a `file`, where those are accepted, is a path."""
    source = asked.source

    def downloading(n_bytes: int, n_total: int | None) -> None:
        following.emit(events.Downloading(n_bytes, n_total))

    if source.kind == "address":
        if not looks_like_url(source.name):
            raise SourceError("unsupported_url", f"{source.name[:200]!r}: not a URL")
        is_operators = not asked.is_unlisted or is_downloaded(source.name, store.media_dir)
        media_dir = store.media_dir if is_operators else uploads.downloads_dir
        return resolve(source.name, media_dir=media_dir, limits=limits, progress=downloading)
    if source.kind == "sample":
        if source.name not in bundled_clips():
            raise SourceError("bad_request", f"{source.name[:200]!r}: not a bundled clip", ASK_AGAIN)
        return resolve(str(SAMPLES / f"{source.name}.mp4"), media_dir=store.media_dir)
    if source.kind == "file":
        if not setup.allow_files:
            raise SourceError("bad_request", f"{called(asked)}: this worker opens no files by name", "upload the file")
        if not Path(source.name).is_absolute() or source.name.startswith("//"):  # which could be meant as an address
            raise SourceError("bad_request", f"{called(asked)}: not an absolute path", ASK_AGAIN)
        return resolve(source.name, media_dir=store.media_dir)
    path = uploads.path(source.name)
    if not path.is_file():
        raise SourceError("not_found", f"{called(asked)}: the upload was deleted", "upload it again")
    found = resolve(str(path), media_dir=store.media_dir)
    if found.sha256 != source.name:
        raise SourceError("changed", f"{called(asked)}: its bytes are not those that were uploaded", "upload it again")
    return replace(found, title=called(asked))


class _Following:
    """Shows the job's progress in the request, and ends the job by an exception once the request is cancelled or lost."""

    def __init__(self, lease: Lease, keeper: Keeper, uploads: Uploads | None, store: Store) -> None:
        """`uploads`: keeps the clip out of lists, if it is new in the store; None: it is listed."""
        self._lease, self._keeper, self._uploads, self._store = lease, keeper, uploads, store

    def emit(self, event: events.Event) -> None:
        before = self._lease.progress
        match event:
            case events.Waiting():
                raise Busy
            case events.Downloading():
                self._tell(replace(before, stage="download", n_done=event.n_bytes, n_total=event.n_total))
            case events.Resolved():
                self._tell(replace(before, stage="plan", n_done=0, n_total=None))
            case events.Planned():
                if self._uploads is not None and not self._store.tracks(clip=event.clip):
                    self._uploads.unlist(event.clip)  # before its first pack can be seen
                self._tell(Progress("compute", 0, event.n_frames or None, event.title, event.clip))
            case events.Computing():
                self._tell(replace(before, stage="compute", n_done=event.n_frames, n_total=event.n_total))

    def _tell(self, progress: Progress) -> None:
        self._keeper.raise_if_ended()
        self._lease.tell(progress)
