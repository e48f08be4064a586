"""Promises about files that are cut, damaged or hostile, and about those that are not.

Each file goes the way that a job takes it, with one difference: the decoder is forked from a process that has imported it
already, so that thousands of files need minutes. `python -m reliability.promises.media TASK SEED NUMBER` does one try again.
"""

# H x W pixels

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path
from typing import IO, Any

import numpy as np

from cache.records import Clip
from precompute import sandbox
from precompute.failures import SourceError
from precompute.media import decoder, decoder_process, sources
from precompute.media.sampling import Frame, Sampling, estimate_frames, output_size
from reliability import Outcome, Promise, tell
from reliability.promises import playable
from tests.fixtures import media

MAX_SECONDS = 10.0
"""For one file, in all; a slower one counts as a hang."""
MAX_BYTES = 3_000_000_000
"""Most memory that one decoder may use."""
MAX_MESSAGE_LETTERS = 500
N_CORPUS_FRAMES = 40
DISK_BLOCK_BYTES = 512
WHOLE_PICTURE = Sampling(size=64, crop="none")
TOLERANT = replace(WHOLE_PICTURE, is_tolerant=True)
N_EXAMPLES = 10
TOLERANT_SHARE = 0.2
"""Share of mutated files that are read with `--tolerant`."""


# --- one file, as a job takes it ---


def use(path: Path, sampling: Sampling, on_note: Callable[[str], None] = lambda what: None) -> list[tuple[float, str]]:
    """What a job does with a source, but for the networks. (time, digest of the picture) of each frame."""
    source = sources.resolve(str(path), media_dir=path.parent)
    info = decoder.probe(source, sampling)
    height, width = output_size(info, sampling)
    n_frames = estimate_frames(info, sampling)
    rule = sampling.rule()
    Clip(source.sha256, source.title, source.sha256, rule, width=width, height=height, n_frames=n_frames)
    return [_seen(frame) for frame in decoder.frames(path, sampling, on_note=on_note)]


def _seen(frame: Frame) -> tuple[float, str]:
    return round(frame.pts_seconds, 6), hashlib.sha256(frame.rgb.tobytes()).hexdigest()


def try_file(path: Path, sampling: Sampling) -> dict[str, Any]:
    """Use a file: `frames` and `notes`, or the `code` of its refusal, `fault` where the job broke a rule, and what it took."""
    Forked.peak_bytes = 0
    began = time.monotonic()
    result: dict[str, Any] = {"code": "", "frames": [], "notes": [], "fault": ""}
    try:
        result["frames"] = use(path, sampling, result["notes"].append)
    except SourceError as error:
        result["code"] = error.code
        if not str(error).isprintable() or len(str(error)) > MAX_MESSAGE_LETTERS:
            result["fault"] = "its message is not one line"
    except Exception as error:
        result["fault"] = f"the job met {error!r}"
    if result["code"] == "unreadable":
        result["fault"] = "it blames the disk for the file"
    result["seconds"] = time.monotonic() - began
    result["peak_bytes"] = Forked.peak_bytes
    if result["seconds"] > MAX_SECONDS:
        result["fault"] = f"took {result['seconds']:.1f} s"
    if Forked.peak_bytes >= MAX_BYTES:
        result["fault"] = f"needed {Forked.peak_bytes / 1e9:.1f} GB"
    return result


class Forked:
    """A decoder forked from this process: as much of `subprocess.Popen` as `sandbox` uses."""

    peak_bytes = 0
    """Most memory that any of them has used since this was last set to 0."""

    def __init__(self, command: Sequence[str], stderr: IO[bytes], pass_fds: Sequence[int]) -> None:
        self.returncode: int | None = None
        self.pid = os.fork()
        with suppress(OSError):  # a group of its own before anyone kills it, whoever of both is first
            os.setpgid(self.pid, self.pid)
        if self.pid == 0:
            try:
                os.dup2(stderr.fileno(), 2)
                decoder_process.main([str(handle) for handle in pass_fds])
            finally:
                os._exit(1)

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while self.returncode is None:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                Forked.peak_bytes = max(Forked.peak_bytes, usage.ru_maxrss << 10)
            elif time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("decoder", timeout)
            else:
                time.sleep(0.0005)
        return self.returncode


# --- what is done to a file ---

MATROSKA_IDS = "1a45dfa3 18538067 114d9b74 1549a966 1654ae6b ae e0 b0 ba 83 86 63a2 1f43b675 e7 a3 a0 1c53bb6b"
STARTS = "000001ba 000001e0 000001b3 00000001 47400010 4f676753 3026b275 21f9"
"""Start codes of packets and pictures in MPEG, Ogg, ASF and GIF."""
TAGS = [
    *b"moov mvhd trak tkhd edts elst mdia mdhd hdlr minf stbl stsd stts ctts stss stsc stsz stco moof traf tfhd".split(),
    *b"trun mdat avcC hvcC RIFF LIST avih strh strf movi idx1 00dc 00db".split(),
    *map(bytes.fromhex, MATROSKA_IDS.split()),
    *map(bytes.fromhex, STARTS.split()),
]
"""What stands before or after sizes and counts in the containers of the corpus."""
NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER_BYTES = 1500
"""At each end of a file: where most of what it says about itself stands."""

Random = np.random.Generator


def _place(random: Random, content: bytes) -> int:
    return int(random.integers(len(content)))


def _piece(random: Random, content: bytes) -> tuple[int, int]:
    """A piece from a byte to a fifth of the file."""
    start = _place(random, content)
    return start, min(len(content), start + 1 + int(2 ** random.uniform(0, np.log2(max(2, len(content) / 5)))))


def flip_bits(random: Random, content: bytes, other: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(int(2 ** random.uniform(0, 6))):
        changed[_place(random, content)] ^= 1 << int(random.integers(8))
    return bytes(changed)


def cut(random: Random, content: bytes, other: bytes) -> bytes:
    return content[: 1 + int(random.integers(len(content) - 1))]


def take_out(random: Random, content: bytes, other: bytes) -> bytes:
    start, end = _piece(random, content)
    return content[:start] + content[end:]


def double(random: Random, content: bytes, other: bytes) -> bytes:
    start, end = _piece(random, content)
    place = _place(random, content)
    return content[:place] + content[start:end] + content[place:]


def splice(random: Random, content: bytes, other: bytes) -> bytes:
    return content[: _place(random, content)] + other[_place(random, other) :]


def blank(random: Random, content: bytes, other: bytes) -> bytes:
    start, end = _piece(random, content)
    return content[:start] + bytes(end - start) + content[end:]


def drown(random: Random, content: bytes, other: bytes) -> bytes:
    start, end = _piece(random, content)
    return content[:start] + random.bytes(end - start) + content[end:]


def lie_about_size(random: Random, content: bytes, other: bytes) -> bytes:
    """Change the number before or after a tag."""
    present = [tag for tag in TAGS if tag in content]
    if not present:
        return flip_bits(random, content, other)
    tag = present[random.integers(len(present))]
    places = [place for place in range(len(content)) if content.startswith(tag, place)]
    place = places[random.integers(len(places))]
    n_bytes = int(random.choice([1, 2, 4, 8]))
    at = place - n_bytes if random.random() < 0.5 and place >= n_bytes else place + len(tag)
    return _with_number(random, content, at, n_bytes)


def lie_in_header(random: Random, content: bytes, other: bytes) -> bytes:
    """Change a few numbers near one of the ends."""
    for _ in range(int(random.integers(1, 5))):
        content = _with_number(random, content, _header_place(random, content), int(random.choice([1, 2, 4, 8])))
    return content


def swap_in_header(random: Random, content: bytes, other: bytes) -> bytes:
    """Exchange two words near the ends."""
    changed = bytearray(content)
    a, b = _header_place(random, content), _header_place(random, content)
    n_bytes = int(random.choice([1, 2, 4, 8]))
    changed[a : a + n_bytes], changed[b : b + n_bytes] = content[b : b + n_bytes], content[a : a + n_bytes]
    return bytes(changed)


def _header_place(random: Random, content: bytes) -> int:
    offset = int(random.integers(min(HEADER_BYTES, len(content))))
    return offset if random.random() < 0.6 else len(content) - 1 - offset


def _with_number(random: Random, content: bytes, at: int, n_bytes: int) -> bytes:
    is_known = random.random() < 0.7
    number = int(random.choice(NUMBERS)) if is_known else int.from_bytes(random.bytes(n_bytes), "big")
    order = "little" if random.random() < 0.3 else "big"
    return content[:at] + (number & ((1 << 8 * n_bytes) - 1)).to_bytes(n_bytes, order) + content[at + n_bytes :]


MUTATORS: list[Callable[[Random, bytes, bytes], bytes]] = [
    flip_bits,
    cut,
    take_out,
    double,
    splice,
    blank,
    drown,
    lie_about_size,
    lie_in_header,
    swap_in_header,
]


# --- the tasks; each try depends on seed and number alone ---


class Corpus:
    """The intact files, and what is seen in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = [name for name in media.KINDS if (folder / name).is_file()]
        self.content = cache(lambda name: (folder / name).read_bytes())
        self.frames = cache(lambda name: use(folder / name, WHOLE_PICTURE))


def write_corpus(folder: Path) -> None:
    for name in media.KINDS:
        media.write_case(folder, name, N_CORPUS_FRAMES)


def try_mutated(corpus: Corpus, random: Random, number: int, folder: Path) -> dict[str, Any]:
    """One to three mutations of a file."""
    name, other = random.choice(corpus.names), random.choice(corpus.names)
    content, done = corpus.content(str(name)), []
    for _ in range(int(random.choice([1, 1, 1, 2, 3]))):
        mutate = MUTATORS[random.integers(len(MUTATORS))]
        content = mutate(random, content, corpus.content(str(other))) or b"\0"
        done.append(mutate.__name__)
    sampling = TOLERANT if random.random() < TOLERANT_SHARE else WHOLE_PICTURE
    result = _try_content(corpus, str(name), content, folder, sampling)
    tolerant = " tolerant" * sampling.is_tolerant
    return result | {"what": f"{name} {'+'.join(done)}{tolerant}", "is_tolerant": sampling.is_tolerant}


def try_cut(corpus: Corpus, random: Random, number: int, folder: Path) -> dict[str, Any]:
    """A file that ends early; every kind in turn."""
    name, content = _cut_content(corpus, random, number)
    return _try_content(corpus, name, content, folder, WHOLE_PICTURE) | {"what": f"{name} cut to {len(content)} bytes"}


def try_tolerant(corpus: Corpus, random: Random, number: int, folder: Path) -> dict[str, Any]:
    """The same, where damage is tolerated."""
    name, content = _cut_content(corpus, random, number)
    path = folder / name
    path.write_bytes(content)
    shown: list[tuple[float, str]] = []
    damages: list[str] = []
    result = {"what": f"{name} cut to {len(content)} bytes", "name": name, "code": "", "fault": ""}
    try:
        frames = decoder.frames(path, TOLERANT, on_damage=damages.append)
        shown = [_seen(frame) for frame in frames]
    except SourceError as error:
        result["code"] = error.code
    whole = corpus.frames(name)
    if shown != whole[: len(shown)]:
        result["fault"] = "shows other frames than the intact file"
    elif not result["code"] and len(shown) < len(whole) and not damages:
        result["fault"] = f"shows {len(shown)} of {len(whole)} frames and does not say so"
    return result | {"n_frames": len(shown)}


def _cut_content(corpus: Corpus, random: Random, number: int) -> tuple[str, bytes]:
    name = corpus.names[number % len(corpus.names)]
    content = corpus.content(name)
    n_bytes = int(random.integers(1, len(content)))
    if random.random() < 1 / 3:
        n_bytes = max(n_bytes & -DISK_BLOCK_BYTES, 1)
    return name, content[:n_bytes]


def _try_content(corpus: Corpus, name: str, content: bytes, folder: Path, sampling: Sampling) -> dict[str, Any]:
    path = folder / f"{os.getpid()}-{name}"
    path.write_bytes(content)
    result = try_file(path, sampling)
    if result["fault"].startswith("took"):  # a machine that is busy with other things is slow, a file is so twice
        result = try_file(path, sampling)
    shown = result.pop("frames")
    return result | {"name": name, "is_whole": shown == corpus.frames(name), "n_frames": len(shown)}


RATES = (24, 25, 30, 50, 60)
"""Those that MPEG-1 and MPEG-2 know."""


def try_intact(corpus: Corpus, random: Random, number: int, folder: Path) -> dict[str, Any]:
    """A file of each kind in turn, of its own length, rate and times."""
    name = list(media.KINDS)[number % len(media.KINDS)]
    n_frames, fps = int(random.integers(8, 100)), int(random.choice(RATES))
    result = {"what": f"{name} {n_frames} frames, {fps} fps", "name": name, "fault": "", "n_frames": n_frames}
    case = media.write_case(folder, name, n_frames, fps, seed=number)
    try:
        shown = list(decoder.frames(case.path, WHOLE_PICTURE))
    except SourceError as error:
        return result | {"fault": str(error)}
    finally:
        case.path.unlink()
    if [case.number(frame.rgb) for frame in shown] != case.numbers:
        return result | {"fault": f"shows {[case.number(frame.rgb) for frame in shown]}"}
    error_seconds = np.abs(np.subtract([frame.pts_seconds for frame in shown], case.times_seconds)).max()
    if error_seconds > 0.51 * case.tick_seconds + 1e-5:
        return result | {"fault": f"shows a frame {error_seconds:.4f} s beside its time"}
    return result


def try_playable(corpus: Corpus, random: Random, number: int, folder: Path) -> dict[str, Any]:
    """A file that plays everywhere although something in it is unusual; every kind in turn."""
    kind = list(playable.MAKERS)[number % len(playable.MAKERS)]
    result = {"what": kind, "name": kind, "fault": "", "n_frames": 0}
    with tempfile.TemporaryDirectory(dir=folder) as own:
        path, expected = playable.MAKERS[kind](Path(own), random)
        result["what"] = f"{kind}, {path.name}"
        try:
            shown = list(decoder.frames(path, WHOLE_PICTURE))
        except SourceError as error:
            return result | {"fault": str(error)}
    result["n_frames"] = len(shown)
    if (numbers := [media.read_number(frame.rgb) for frame in shown]) != expected:
        return result | {"fault": f"shows {numbers} and not {expected}"}
    if np.diff([frame.pts_seconds for frame in shown]).min(initial=1) <= 0:
        return result | {"fault": "shows two frames at one time"}
    return result


TASKS = {
    "mutated": try_mutated,
    "cut": try_cut,
    "tolerant": try_tolerant,
    "intact": try_intact,
    "playable": try_playable,
}
WITHOUT_CORPUS = ("intact", "playable")
"""Tasks that write their own files."""


def main(arguments: list[str]) -> None:
    """TASK SEED FIRST [END STEP FOLDER]: try FIRST, FIRST + STEP, ... below END; one line of JSON for each."""
    task, seed, first = arguments[0], int(arguments[1]), int(arguments[2])
    end, step = (int(arguments[3]), int(arguments[4])) if len(arguments) > 3 else (first + 1, 1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(arguments[5]) if len(arguments) > 5 else Path(temporary)
        if len(arguments) <= 5 and task not in WITHOUT_CORPUS:
            write_corpus(folder)
        sandbox.start = Forked  # type: ignore[assignment]
        corpus = Corpus(folder)
        with tempfile.TemporaryDirectory(dir=folder) as own:
            for number in range(first, end, step):
                random = np.random.default_rng([seed, number])
                print(json.dumps(TASKS[task](corpus, random, number, Path(own)) | {"number": number}), flush=True)


# --- the promises ---


def results(task: str, tries: int, folder: Path, seed: int) -> Iterator[dict[str, Any]]:
    """What the tries gave, from as many fork servers as there are processors."""
    if task not in WITHOUT_CORPUS:
        write_corpus(folder)
    n_servers = min(os.cpu_count() or 1, tries)
    n_done = 0
    with tempfile.TemporaryFile() as complaints, ExitStack() as stack:
        servers = [
            _start_server([task, seed, at, tries, n_servers, folder], complaints, stack) for at in range(n_servers)
        ]
        for line in filter(None, chain.from_iterable(zip_longest(*servers))):
            n_done += 1
            tell(n_done, tries)
            yield json.loads(line)
        if n_done < tries:
            complaints.seek(0)
            raise RuntimeError(f"{task}: a job died at one of the tries: {complaints.read().decode()[-2000:]}")


def _start_server(arguments: list[Any], complaints: IO[bytes], stack: ExitStack) -> Iterable[bytes]:
    command = [sys.executable, "-m", "reliability.promises.media", *map(str, arguments)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, env=sandbox.environment())
    stack.enter_context(server)
    stack.callback(server.kill)  # the first to be called
    assert server.stdout is not None
    return server.stdout


def attempt_mutated(tries: int, folder: Path, seed: int) -> Outcome:
    """Flip bits; cut off, remove, duplicate, blank, overwrite with noise or splice pieces; change and swap sizes and header
    fields. Up to three of these are applied to files of every format, a fifth of which is read with `--tolerant`."""
    refused: Counter[str] = Counter()
    faults, n_whole, n_remarked, n_changed, n_tolerated, slowest, largest = [], 0, 0, 0, 0, 0.0, 0
    for result in results("mutated", tries, folder, seed):
        slowest, largest = max(slowest, result["seconds"]), max(largest, result["peak_bytes"])
        if result["fault"]:
            faults.append(_example("mutated", seed, result))
        if result["is_tolerant"]:
            n_tolerated += 1
        elif result["code"]:
            refused[result["code"]] += 1
        elif result["is_whole"]:
            n_whole += 1
        elif result["notes"]:  # on an intact file of the corpus there is none
            n_remarked += 1
        else:
            n_changed += 1
    n_refused = refused.total()
    n_harmed = n_refused + n_remarked + n_changed
    codes = ", ".join(f"{code} {n}" for code, n in refused.most_common())
    figures = (
        f"{n_refused} refused ({codes}), {n_whole} unharmed, {n_remarked} shown with a remark, {n_changed} shown although changed: damage "
        f"refused in {_percent(n_refused, n_harmed)}, refused or remarked in {_percent(n_refused + n_remarked, n_harmed)}; {n_tolerated} used with --tolerant; slowest {slowest:.1f} s, largest {largest / 1e6:.0f} MB"
    )
    return Outcome(tries, len(faults), figures, tuple(faults[:N_EXAMPLES]))


def attempt_cut(tries: int, folder: Path, seed: int) -> Outcome:
    """Cut files of every format anywhere, a third of them at a multiple of 512 bytes."""
    passed, n_whole = [], 0
    cuts: Counter[str] = Counter()
    refusals: Counter[str] = Counter()
    for result in results("cut", tries, folder, seed):
        container = result["name"].split(".")[1]
        if not result["code"] and result["is_whole"]:
            n_whole += 1  # nothing of the picture is lost
            continue
        cuts[container] += 1
        refusals[container] += bool(result["code"])
        if result["fault"] or not result["code"]:
            passed.append(_example("cut", seed, result))
    rates = ", ".join(f"{container} {_percent(refusals[container], n)}" for container, n in sorted(cuts.items()))
    figures = f"refused: {rates}; {n_whole} lost no frame and passed"
    return Outcome(tries, len(passed), figures, tuple(passed[:N_EXAMPLES]))


def attempt_tolerant(tries: int, folder: Path, seed: int) -> Outcome:
    """The same cuts with `--tolerant`: frames before the cut are those of the intact file, and their end is reported."""
    faults, n_shown, n_frames = [], 0, 0
    for result in results("tolerant", tries, folder, seed):
        n_shown += bool(result["n_frames"])
        n_frames += result["n_frames"]
        if result["fault"]:
            faults.append(_example("tolerant", seed, result))
    figures = f"{n_frames} frames of {n_shown} files kept, {tries - n_shown} files refused as none of it can be decoded"
    return Outcome(tries, len(faults), figures, tuple(faults[:N_EXAMPLES]))


def attempt_intact(tries: int, folder: Path, seed: int) -> Outcome:
    """Files of every format (B-frames, open GOP, edit lists, variable rate, rotation, odd sizes, 10 bit, alpha, interlaced) of
    random length, rate and times, with the frame number drawn into each picture."""
    faults, n_frames = [], 0
    for result in results("intact", tries, folder, seed):
        n_frames += result["n_frames"]
        if result["fault"]:
            faults.append(_example("intact", seed, result))
    figures = f"{n_frames} frames of {min(tries, len(media.KINDS))} kinds"
    return Outcome(tries, len(faults), figures, tuple(faults[:N_EXAMPLES]))


def attempt_playable(tries: int, folder: Path, seed: int) -> Outcome:
    """Files with unknown boxes, junk behind the end, covers and previews in front, parts cut out without encoding again,
    transport streams that begin between two key frames, joined recordings, counters that start again, equal times, and
    messages that nobody understands; of random length and place, with the frame number drawn into each picture."""
    faults, n_frames = [], 0
    for result in results("playable", tries, folder, seed):
        n_frames += result["n_frames"]
        if result["fault"]:
            faults.append(_example("playable", seed, result))
    figures = f"{n_frames} frames of {min(tries, len(playable.MAKERS))} kinds"
    return Outcome(tries, len(faults), figures, tuple(faults[:N_EXAMPLES]))


def _example(task: str, seed: int, result: dict[str, Any]) -> str:
    what = result["fault"] or f"shows {result['n_frames']} frames"
    return f"{task} {seed} {result['number']}: {result['what']}: {what}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.4g} %" if whole else "none"


PROMISES = [
    Promise(
        6,
        "mutated-media",
        f"a damaged media file is refused with one named error or shown, within {MAX_SECONDS:.0f} s and "
        f"{MAX_BYTES / 1e9:.0f} GB, and the job continues",
        "files",
        small=60,
        full=10_000,
        attempt=attempt_mutated,
    ),
    Promise(
        7,
        "cut-media",
        "a truncated video is refused",
        "files",
        small=len(media.KINDS),
        full=4_600,
        attempt=attempt_cut,
        allowed_rate=0.01,
    ),
    Promise(
        7,
        "tolerant-media",
        "with --tolerant, a truncated video shows the start of the intact one, and the clip is marked as truncated",
        "files",
        small=len(media.KINDS) // 2,
        full=920,
        attempt=attempt_tolerant,
    ),
    Promise(
        8,
        "intact-media",
        "an intact video is never refused, and every frame shown is the expected one, at its own time",
        "files",
        small=len(media.KINDS),
        full=920,
        attempt=attempt_intact,
    ),
    Promise(
        8,
        "playable-media",
        "what decodes without loss is read, frame for frame, however unusual the file is",
        "files",
        small=2 * len(playable.MAKERS),
        full=2_250,
        attempt=attempt_playable,
    ),
]


if __name__ == "__main__":
    main(sys.argv[1:])
