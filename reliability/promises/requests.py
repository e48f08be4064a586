"""Promises about requests: asked by many at once, and done by workers that are killed.

python -m reliability.promises.requests WHAT FOLDER SEED TRIES does one of WHAT in a process that starts no threads, so that it can be
forked; what it found is one line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import cache.requests
from cache.maintenance import verify
from cache.requests.order import in_turn
from cache.requests.queue import Requests, new_worker
from cache.requests.records import Asked, Options, Result, Source
from cache.store import Store
from reliability import Outcome, Promise
from reliability.apart import apart
from reliability.writer import fork, killed_at, telling

EXAMPLES = 5
ROUND_REQUESTS = 50
N_ASKERS, N_WORKERS = 8, 2
ROUND_KILLS = 8
"""Most kills while one round of requests is done."""
LEASE_SECONDS, BEAT_SECONDS = 2.0, 0.1
"""Shorter than in earnest; still long enough for a busy machine."""
ROUND_SECONDS = 180.0
MAX_LINES = 4000
"""A worker is killed within its first so many lines of the queue's code."""
QUEUE = str(Path(cache.requests.__file__).parent)


def requests_once(tries: int, folder: Path, seed: int) -> Outcome:
    """Eight processes ask for the same fifty requests at once, in orders of their own, while two workers do them; up to eight
    times per fifty, a worker is killed at a random time or at a random line of the queue's code."""
    found = apart(__name__, "crowds", folder, seed, tries)
    figures = (
        f"lost {found['lost']} of {found['requests']}, done twice {found['twice']}; {found['kills']} workers killed, "
        f"{found['retaken']} requests taken again after one"
    )
    return Outcome(found["requests"], found["lost"] + found["twice"], figures, tuple(found["examples"][:EXAMPLES]))


def workers_killed(tries: int, folder: Path, seed: int) -> Outcome:
    """Kill the real worker, with the real job and networks, at a random moment while it does a still and three videos of two
    visitors; start it again until all have ended."""
    found = apart(__name__, "kills", folder, seed, tries)
    figures = (
        f"{found['requests']} requests: {found['done']} done, {found['failed']} failed by name (their workers were killed "
        f"three times), {found['wrong']} otherwise"
    )
    return Outcome(found["kills"], found["wrong"], figures, tuple(found["examples"][:EXAMPLES]))


# The queue under kills


def crowds(folder: Path, seed: int, tries: int) -> dict:
    choose = random.Random(seed)
    total = Counter[str]()
    examples: list[str] = []
    number = 0
    while total["requests"] < tries:
        n_requests = min(ROUND_REQUESTS, tries - total["requests"])
        root, log = folder / f"store{number}", folder / f"log{number}"
        counts, wrong = _round(root, log, n_requests, choose)
        total.update(counts)
        examples += [f"round {number}: {what}" for what in wrong]
        shutil.rmtree(root)
        number += 1
    return {name: total[name] for name in ("requests", "lost", "twice", "kills", "retaken")} | {"examples": examples}


def _round(root: Path, log: Path, n_requests: int, choose: random.Random) -> tuple[Counter[str], list[str]]:
    """What became of some requests, and what was wrong."""
    askers = [fork(partial(_ask, root, log, n_requests, choose.random())) for _ in range(N_ASKERS)]
    workers: dict[int, float] = {}
    n_killed = 0
    deadline = time.monotonic() + ROUND_SECONDS
    while time.monotonic() < deadline:
        while len(workers) < N_WORKERS:
            is_doomed = n_killed + len(workers) < ROUND_KILLS
            at_line = choose.randint(1, MAX_LINES) if is_doomed and choose.random() < 0.5 else 0
            seconds = choose.uniform(0.0, 1.0) if is_doomed and not at_line else ROUND_SECONDS
            workers[fork(partial(_work, root, log, at_line))] = time.monotonic() + seconds
        for pid, end in list(workers.items()):
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del workers[pid]
                if os.WIFSIGNALED(status):
                    n_killed += 1
                    with telling(log) as tell:
                        tell(f"killed {pid} -\n")
        states = [request.state for request in Requests(root).all()]
        if len(states) == n_requests and set(states) == {"done"}:
            break
        time.sleep(0.02)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    statuses = [os.waitpid(pid, 0)[1] for pid in (*askers, *workers)][: len(askers)]
    counts, wrong = _judge(root, log, n_requests)
    wrong += ["an asker failed"] if any(statuses) else []
    return counts + Counter(kills=n_killed), wrong


def _ask(root: Path, log: Path, n_requests: int, seed: float) -> None:
    numbers = list(range(n_requests))
    random.Random(seed).shuffle(numbers)
    requests = Requests(root)
    with telling(log) as tell:
        for number in numbers:
            asked = Asked(Source("sample", f"clip {number}"), Options(), f"visitor {number % 3}", float(number))
            tell(f"asked 0 {requests.ask(asked, is_stored=lambda known: True).id}\n")


def _work(root: Path, log: Path, at_line: int) -> None:
    """Do requests until killed."""
    if at_line:
        killed_at(QUEUE, at_line)
    requests, name, pid = Requests(root, lease_seconds=LEASE_SECONDS), new_worker(), os.getpid()
    result, next_look = Result("c" * 64), 0.0
    with telling(log) as tell:
        while True:
            if time.monotonic() >= next_look:
                requests.free_expired()
                next_look = time.monotonic() + BEAT_SECONDS
            lease = None
            for request in in_turn(requests.all()):
                if (lease := requests.claim(request.id, name)) is not None:
                    break
            if lease is None:
                time.sleep(0.01)
                continue
            tell(f"began {pid} {lease.id}\n")
            lease.beat()
            time.sleep(random.uniform(0.0, 0.02))
            if lease.end("done", result=result):
                tell(f"ended {pid} {lease.id}\n")


def _judge(root: Path, log: Path, n_requests: int) -> tuple[Counter[str], list[str]]:
    """Reads the log in order: no request is begun while another living worker has it, or after its end."""
    asked: set[str] = set()
    holder: dict[str, int] = {}
    ended: Counter[str] = Counter()
    killed: set[int] = set()
    counts = Counter(requests=n_requests)
    wrong: list[str] = []
    for line in log.read_text().splitlines():
        what, pid, id = line.split()
        if what == "asked":
            asked.add(id)
        elif what == "killed":
            killed.add(int(pid))
        elif what == "began":
            counts["retaken"] += id in holder
            if ended[id] or (id in holder and holder[id] not in killed):
                wrong.append(f"{id} was begun again")
                counts["twice"] += 1
            holder[id] = int(pid)
        else:
            ended[id] += 1
    states = {request.id: request.state for request in Requests(root).all()}
    lost = [id for id in asked if states.get(id) != "done"]
    counts["lost"] = len(lost) + max(0, n_requests - len(asked))
    counts["twice"] += sum(n > 1 for n in ended.values()) + max(0, len(states) - n_requests)
    return counts, wrong + [f"{id} is {states.get(id, 'gone')}" for id in lost]


# The worker under kills


def kills(folder: Path, seed: int, tries: int) -> dict:
    """Imports torch, and runs networks in forked processes alone."""
    from tests.fixtures.media import write_video
    from tests.fixtures.zoos import write_zoo

    choose = random.Random(seed)
    (folder / "zoos" / "tiny").mkdir(parents=True)
    write_zoo(folder / "zoos" / "tiny", targets=("normal",))
    os.environ["CROSSCHECK_ZOOS"] = str(folder / "zoos")
    clips = [write_video(folder / f"{number}.mp4", 12 + number) for number in range(3)]
    total = Counter[str]()
    examples: list[str] = []
    seconds, number = 0.0, 0
    while total["kills"] < tries:
        root = folder / f"store{number}"
        store = Store(root)
        ids = [
            _asked(root, clip, who) for clip, who in zip((*clips, clips[0]), ("ann", "ann", "bob", "bob"), strict=True)
        ]
        deadline = time.monotonic() + ROUND_SECONDS
        n_killed = 0
        while not _all_ended(root) and time.monotonic() < deadline:
            # The first one runs to its end: how long that takes says when the others are to be killed.
            is_doomed = number > 0 and total["kills"] < tries and n_killed < ROUND_KILLS
            began = time.monotonic()
            child = fork(partial(_serve, root))
            if is_doomed:
                time.sleep(choose.uniform(0.0, seconds))
                os.kill(child, signal.SIGKILL)
            else:
                while not _all_ended(root) and time.monotonic() < deadline:
                    time.sleep(0.05)
                seconds = seconds or time.monotonic() - began
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            total["kills"] += is_doomed
            n_killed += is_doomed
        wrong = [problem.what for problem in verify(store) if problem]
        for request in Requests(root).all():
            total["requests"] += 1
            failure = request.ended.failure if request.ended else None
            is_named = failure is not None and failure.code == "worker_lost"
            total["done"] += request.state == "done"
            total["failed"] += is_named
            if request.state != "done" and not is_named:
                wrong.append(f"{request.id} is {request.state}: {failure}")
        wrong += [f"{len(ids)} requests became others"] if len(Requests(root).all()) != len(set(ids)) else []
        total["wrong"] += len(wrong)
        examples += [f"round {number}: {what}" for what in wrong]
        shutil.rmtree(root)
        number += 1
    return {name: total[name] for name in ("requests", "kills", "done", "failed", "wrong")} | {"examples": examples}


def _asked(root: Path, clip: Path, who: str) -> str:
    is_still = who == "bob" and clip.stem == "0"
    options = Options(zoo="tiny", size=64, max_frames=1 if is_still else None)
    return Requests(root).ask(Asked(Source("file", str(clip)), options, who, time.time())).id


def _all_ended(root: Path) -> bool:
    return not any(request.is_live for request in Requests(root).all())


def _serve(root: Path) -> None:
    import torch

    from precompute.jobs.output import packs
    from precompute.serving import keeper, worker
    from precompute.signals import Stop

    torch.set_num_threads(1)
    packs.PACK_PIXELS = 4 * 64 * 64
    keeper.BEAT_SECONDS = BEAT_SECONDS
    worker.Requests = partial(Requests, lease_seconds=LEASE_SECONDS)  # type: ignore[misc, assignment]
    worker.Worker(Store(root), worker.Setup(torch.device("cpu"), batch_size=2)).serve(Stop())


PROMISES: list[Promise] = [
    Promise(
        number=16,
        name="requests",
        sentence="no request is lost and none is done twice, however many ask at once and whichever worker is killed",
        unit="requests",
        small=20,
        full=1000,
        attempt=requests_once,
    ),
    Promise(
        number=17,
        name="worker-kills",
        sentence="every request of a killed worker is taken again, and ends done or failed by name",
        unit="kills",
        small=3,
        full=60,
        attempt=workers_killed,
    ),
]

if __name__ == "__main__":
    print(
        json.dumps(
            {"crowds": crowds, "kills": kills}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
        )
    )
