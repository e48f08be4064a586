"""A small job on a store, to be killed, starved and crowded: `python -m reliability.writer WHAT FOLDER SEED TRIES`

It uses cache alone and starts no threads, so that it can be forked for every try; what it found is one line of JSON. The
clip, its tracks and every byte of their frames follow from a number, so that a reader knows what is right.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import cache.files
from cache.keys import clip_key, track_key
from cache.maintenance import collect, verify
from cache.records import Clip, Head, StoreError, Track
from cache.store import Store
from cache.writer import TrackWriter

N_TRACKS, N_FRAMES, CHUNK = 3, 40, 8
N_JOBS = 8
MAX_KILLS = 8
"""Most kills of one clip before a job may finish it."""
PLACES = (str(Path(cache.__file__).parent), cache.files.__file__)
"""Where a job is killed at a line: anywhere in cache, or in the few lines that touch the disk."""
DOMAIN = {"name": "normal", "channels": 3, "lo": -1.0, "hi": 1.0, "scale": "linear"}
LOCK_SECONDS = 1.0
"""A lock is free within this time once its holder is killed."""


# The job


def heads(number: int) -> list[Head]:
    """The heads of the tracks of clip `number`."""
    source = hashlib.sha256(str(number).encode()).hexdigest()
    key = clip_key(source, {"number": number})
    clip = Clip(key, f"Clip {number}", source, {"number": number}, width=8, height=8, n_frames=N_FRAMES)
    return [
        Head(
            key=track_key(key, "prediction", "mini", f"method{place}", "rgb-normal", {}),
            kind="prediction",
            clip=clip,
            zoo="mini",
            method=f"method{place}",
            path="rgb-normal",
            domain=DOMAIN,
            codec="png",
            edges={},
            columns={"value": {"title": "", "unit": ""}},
        )
        for place in range(N_TRACKS)
    ]


def image(key: str, frame: int) -> bytes:
    """The bytes of that frame of that track."""
    return hashlib.sha256(f"{key} {frame}".encode()).digest() * (1 + (frame * 7 + int(key[:2], 16)) % 23)


def values(key: str, start: int, stop: int) -> np.ndarray:
    return np.arange(start, stop, dtype=np.float64) + int(key[:6], 16)


def write(store: Store, number: int, tell: Callable[[str], None]) -> None:
    """As the pipeline: every track of a clip, chunk by chunk, going on where it was. Tells each chunk it computes."""
    clip = heads(number)[0].clip
    with store.writing(clip.key, on_wait=lambda: None):
        writers = [TrackWriter(store, head) for head in heads(number) if not store.holds(head.key)]
        for start in range(min((writer.n_frames for writer in writers), default=N_FRAMES), N_FRAMES, CHUNK):
            tell(f"{start}\n")
            stop = min(start + CHUNK, N_FRAMES)
            for writer in writers:
                if writer.n_frames <= start:
                    key = writer.head.key
                    images = [image(key, frame) for frame in range(start, stop)]
                    writer.append(start, images, {"value": values(key, start, stop)}, images)
        for writer in writers:
            writer.finish()


def wrongs(root: Path, numbers: list[int]) -> list[str]:
    """What a reader would be shown that is not what was computed, and what `verify` finds."""
    store = Store(root, read_only=True)
    return wrongly_shown(store, numbers) + [problem.what for problem in verify(store) if problem]


def wrongly_shown(store: Store, numbers: list[int]) -> list[str]:
    found = []
    known = {head.key for number in numbers for head in heads(number)}
    for track in store.tracks():
        try:
            if track.head.key not in known:
                found.append("a track of no job")
            elif not is_right(store, track):
                found.append("wrong frames")
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


def is_right(store: Store, track: Track) -> bool:
    key, n_frames = track.head.key, track.n_frames
    return (
        list(store.images(track)) == [image(key, frame) for frame in range(n_frames)]
        and (n_frames == 0 or np.array_equal(store.column(track, "value"), values(key, 0, n_frames)))
        and (n_frames == N_FRAMES if track.is_complete else n_frames % CHUNK == 0 or n_frames == N_FRAMES)
    )


def stored_frames(root: Path, number: int) -> int:
    """What all tracks of a clip have, as far as they can be read."""
    tracks = {track.head.key: track.n_frames for track in Store(root, read_only=True).tracks()}
    return min(tracks.get(head.key, 0) for head in heads(number))


def is_finished(root: Path, number: int) -> bool:
    store = Store(root, read_only=True)
    return all(store.holds(head.key) for head in heads(number))


# Processes


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a child; its exit status is 0 where it came to its end."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


@contextmanager
def telling(path: Path) -> Iterator[Callable[[str], None]]:
    """A callback that appends to a file at once."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        yield lambda text: os.write(descriptor, text.encode()) and None
    finally:
        os.close(descriptor)


def count_lines(place: str, on_line: Callable[[], None]) -> None:
    """Call `on_line` at every line of a file or folder that this process comes to from now on."""

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(place):
            return None
        on_line()
        return trace

    sys.settrace(trace)


def killed_at(place: str, n_lines: int) -> None:
    """Kill this process at the n-th line of that place that it comes to."""
    lines = count(1)
    count_lines(place, lambda: os.kill(os.getpid(), signal.SIGKILL) if next(lines) == n_lines else None)


def n_lines_of(place: str, work: Callable[[], None]) -> int:
    lines = count()
    count_lines(place, lambda: next(lines) and None)
    try:
        work()
    finally:
        sys.settrace(None)
    return next(lines)


# What is done to it


def kills(folder: Path, seed: int, tries: int, *, with_upkeep: bool = True) -> dict:
    """Kill the job again and again, after a time or at a line; look after each what is shown.

    With upkeep the job sometimes removes a track or collects garbage first.
    """
    choose = random.Random(seed)
    log, root = folder / "log", folder / "store"
    n_lines = {}
    for place in PLACES:
        n_lines[place] = n_lines_of(place, lambda: write(Store(root), seed, lambda text: None))
        shutil.rmtree(root)
    begun = time.monotonic()
    os.waitpid(fork(partial(job, root, seed, log)), 0)
    seconds = time.monotonic() - begun
    result = {"kills": 0, "wrong": 0, "unfinished": 0, "redone": 0, "recomputed": 0, "rounds": 0, "examples": []}
    number = seed
    while result["kills"] < tries:
        number += 1
        shutil.rmtree(root)
        last = min(tries, result["kills"] + choose.randint(1, MAX_KILLS))
        while result["kills"] < last and not is_finished(root, number):
            upkeep = choose.choice(["", "", "remove", "collect"]) if with_upkeep else ""
            place = choose.choice(["", *PLACES])
            at = choose.randint(1, n_lines[place]) if place else choose.uniform(0, 1.2 * seconds)
            log.write_text("")
            before = stored_frames(root, number)
            child = fork(partial(job, root, number, log, upkeep, (place, at) if place else None))
            wrong = []
            if not place:
                time.sleep(at)
                wrong = wrongly_shown(Store(root, read_only=True), [number]) if upkeep != "remove" else []
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            is_killed = os.WIFSIGNALED(status)
            wrong += wrongs(root, [number]) + ([] if is_killed or status == 0 else ["the job failed"])
            stored = stored_frames(root, number)
            computed = {int(line) for line in log.read_text().split()}
            lost = {start for start in computed if start < before or start >= stored} | {*range(stored, before, CHUNK)}
            result["kills"] += is_killed
            result["wrong"] += bool(wrong)
            result["redone"] += len(lost) > 1
            result["examples"] += [f"kill {result['kills']} of clip {number} at {at}: {what}" for what in wrong]
        job(root, number, log)
        log.write_text("")
        job(root, number, log)
        result["recomputed"] += log.read_text() != ""
        result["unfinished"] += not is_finished(root, number) or bool(wrongs(root, [number]))
        result["rounds"] += 1
    return result


def job(root: Path, number: int, log: Path, upkeep: str = "", kill_at: tuple[str, int] | None = None) -> None:
    """Write clip `number`, after some upkeep; with `kill_at` no further than that line."""
    if kill_at is not None:
        killed_at(*kill_at)
    store = Store(root)
    if upkeep == "collect":
        list(collect(store, min_age_seconds=0))
    if upkeep == "remove":
        with store.writing(heads(number)[0].clip.key, on_wait=lambda: None):
            store.remove([heads(number)[0].key])
    with telling(log) as tell:
        write(store, number, tell)


def crowds(folder: Path, seed: int, tries: int) -> dict:
    """Start many jobs on one clip at once; then kill the holder of a lock that another waits for."""
    result = {"tries": 0, "wrong": 0, "late": 0, "slowest": 0.0, "examples": []}
    for number in range(seed, seed + tries):
        root, log = folder / "store", folder / "log"
        shutil.rmtree(root, ignore_errors=True)
        log.write_text("")

        children = [fork(partial(job, root, number, log)) for _ in range(N_JOBS)]
        statuses = [os.waitpid(child, 0)[1] for child in children]
        computed = sorted(int(line) for line in log.read_text().split())
        wrong = wrongs(root, [number])
        wrong += [] if computed == list(range(0, N_FRAMES, CHUNK)) else [f"computed {computed}"]
        wrong += [f"{sum(map(bool, statuses))} jobs failed"] if any(statuses) else []
        seconds = seconds_until_free(root, log, number)
        result["tries"] += 1
        result["wrong"] += bool(wrong)
        result["late"] += seconds > LOCK_SECONDS
        result["slowest"] = max(result["slowest"], seconds)
        result["examples"] += [f"clip {number}: {what}" for what in wrong]
    return result


def seconds_until_free(root: Path, log: Path, number: int) -> float:
    """Seconds between the kill of a lock's holder and the moment a waiting job takes the lock."""
    clip = heads(number)[0].clip.key
    log.write_text("")

    def hold() -> None:
        with Store(root).writing(clip), telling(log) as tell:
            tell("held\n")
            time.sleep(60)

    def wait() -> None:
        with telling(log) as tell, Store(root).writing(clip, on_wait=lambda: tell("waits\n")):
            tell(f"{time.monotonic()}\n")

    children = [fork(hold)]
    until(lambda: "held" in log.read_text())
    children.append(fork(wait))
    until(lambda: "waits" in log.read_text())
    killed = time.monotonic()
    os.kill(children[0], signal.SIGKILL)
    for child in children:
        os.waitpid(child, 0)
    return float(log.read_text().split()[-1]) - killed


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.002)


def full_disks(folder: Path, seed: int, tries: int) -> dict:
    """Let the disk be full at one point after another of a job, beside a clip that was finished before."""
    result = {"tries": 0, "full": 0, "wrong": 0, "unclear": 0, "unfinished": 0, "examples": []}
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], capture_output=True, check=False
    ).returncode
    result["how"] = "a tmpfs of 16 MB" if mounted == 0 else "fsync that fails"
    choose = random.Random(seed)
    root, log, filler = disk / "store", folder / "log", disk / "filler"
    earlier, number = seed, seed + 1
    store = Store(root)
    write(store, earlier, lambda text: None)
    before = free_bytes(disk)
    n_syncs = count_syncs(lambda: write(store, number, lambda text: None))
    needed = before - free_bytes(disk)
    for _ in range(tries):
        remove(store, number)
        at = choose.randint(0, round(1.05 * needed)) if mounted == 0 else choose.randint(1, n_syncs)
        if mounted == 0:
            with filler.open("wb") as file, suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, max(1, free_bytes(disk) - at))
        log.write_text("")

        opened = store if choose.random() < 0.8 else None  # the index of a new one takes the first 100 kB
        os.waitpid(fork(partial(starved_job, root, opened, number, log, at if mounted != 0 else None)), 0)
        filler.unlink(missing_ok=True)
        said = log.read_text()
        wrong = wrongs(root, [earlier, number])
        wrong += [] if is_finished(root, earlier) else ["the earlier clip is not whole"]
        is_clear = said.startswith("full True") if said else is_finished(root, number)
        write(Store(root), number, lambda text: None)
        result["tries"] += 1
        result["full"] += bool(said)
        result["wrong"] += bool(wrong)
        result["unclear"] += not is_clear
        result["unfinished"] += not is_finished(root, number)
        result["examples"] += [f"{at} bytes free: {what}" for what in wrong] + ([] if is_clear else [said or "silent"])
    return result


def starved_job(root: Path, store: Store | None, number: int, log: Path, fail_at: int | None) -> None:
    """Write clip `number`, and tell what the caller of the store would have to tell."""
    if fail_at is not None:
        fail_at_sync(fail_at)
    with telling(log) as tell:
        try:
            write(store or Store(root), number, lambda text: None)
        except OSError as error:
            tell(f"full {error.errno == errno.ENOSPC} {error}\n")
        except StoreError as error:
            tell(f"full {'No space left' in str(error)} {error}\n")


def remove(store: Store, number: int) -> None:
    with store.writing(heads(number)[0].clip.key):
        store.remove([head.key for head in heads(number)])


def free_bytes(place: Path) -> int:
    stat = os.statvfs(place)
    return stat.f_bavail * stat.f_frsize


def count_syncs(work: Callable[[], None]) -> int:
    real, syncs = os.fsync, count()
    os.fsync = lambda descriptor: next(syncs) and None
    try:
        work()
    finally:
        os.fsync = real
    return next(syncs)


def fail_at_sync(at: int) -> None:
    """Let the n-th push to the disk, and all after it, find the disk full."""
    syncs = count(1)

    def fail(descriptor: int) -> None:
        if next(syncs) >= at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    os.fsync = fail


def read_only(folder: Path, seed: int, tries: int) -> dict:
    """Read what `write` wrote of clip `seed`, from a file system on which nothing can be written where that can be had."""
    path_options = [["mount", "--bind", str(folder), str(folder)], ["mount", "-o", "remount,ro,bind", str(folder)]]
    is_mounted = all(
        subprocess.run(option, capture_output=True, check=False).returncode == 0 for option in path_options
    )
    if is_mounted:
        with suppress(OSError):
            (folder / "probe").write_text("")
            raise AssertionError("the file system was to be read-only")
    shown = Store(folder, read_only=True).tracks()
    return {"mounted": is_mounted, "wrong": wrongs(folder, [seed]), "shown": [track.n_frames for track in shown]}


WHAT = {
    "kills": kills,
    "resumes": lambda folder, seed, tries: kills(folder, seed, tries, with_upkeep=False),
    "crowds": crowds,
    "full_disks": full_disks,
    "read_only": read_only,
}


def ask(what: str, folder: Path, seed: int, tries: int, *, may_mount: bool = False) -> dict:
    """Do one of WHAT in a process of its own, and return what it found."""
    command = [sys.executable, "-m", "reliability.writer", what, str(folder), str(seed), str(tries)]
    apart = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    if may_mount and shutil.which("unshare"):
        is_allowed = subprocess.run([*apart, "true"], capture_output=True, check=False).returncode == 0
        command = [*apart, *command] if is_allowed else command
    root = Path(__file__).parents[1]
    answer = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(answer.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(WHAT[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
