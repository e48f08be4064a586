"""The workers of a run as Ray actors: one for each GPU, else one for each group of CPUs; the only file that imports Ray."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple, Self

from precompute.cluster.messages import Identity, Job, refusal
from precompute.cluster.node_worker import NodeWorker, Outcome
from precompute.cluster.tasks import Task
from precompute.failures import NoRay
from precompute.jobs.events import NodeRate
from precompute.text import one_line

REQUIREMENTS = "requirements/ray.txt"
GROUP_CPUS = 8
"""Most CPUs of a worker without a GPU: networks gain little from more, and encoding nothing."""
CONNECT_SECONDS = 10.0
LOOK_SECONDS = 2.0
"""Time between two looks at which nodes there are."""
RATE_SECONDS = 20.0
"""What the rates are measured over."""
MAX_STILLBORN = 3
"""A node of which so many workers, one after the other, ended before they said who they are, takes no part."""


class Answer(NamedTuple):
    """What became of a task that was given to a worker."""

    task: Task
    outcome: Outcome | None
    """None if the worker is gone."""
    why: str = ""


@dataclass
class _Worker:
    """One actor."""

    actor: Any
    node: str
    """Ray's id of its node."""
    running: Any
    """What it will answer: its identity first, then the outcome of its task."""
    task: Task | None = None
    is_known: bool = False
    """Whether it has said who it is, and takes part."""
    n_shown: int = 0
    """Frames of its task when it was last asked."""
    asked: Any = None
    """The answer to come about its progress."""


@dataclass
class _Node:
    name: str
    n_workers: int
    n_cpus: int
    n_gpus: int
    n_stillborn: int = 0
    began: float = field(default_factory=time.monotonic)
    is_refused: bool = False
    frames: list[tuple[float, int]] = field(default_factory=list)
    """When how many frames more were computed."""


class RayNodes:
    """The workers of all nodes, as they come and go. For one thread."""

    def __init__(self, address: str, job: Job, here: Identity) -> None:
        """Raises NoRay."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # what is computed here is nobody else's business
        try:
            ray: Any = import_module("ray")
        except ImportError:
            raise NoRay(f"--ray needs Ray; install it on every node with: pip install -r {REQUIREMENTS}") from None
        self._ray, self._job, self._here = ray, dict(job), here
        self._nodes: dict[str, _Node] = {}
        self._workers: list[_Worker] = []
        self._looked = 0.0
        self._asked_for = 0
        self.notes: list[str] = []
        """Remarks for people that nobody has taken yet."""
        host, _, port = address.rpartition(":")
        if host and port.isdecimal() and "/" not in host:  # else Ray itself ends the process after most of a minute
            try:
                socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
            except (OSError, OverflowError) as error:
                raise NoRay(f"no Ray cluster at {address} ({error}); start one as docs/cluster.md shows") from None
        try:
            ray.init(address=address, logging_level="ERROR", log_to_driver=False, namespace="crosscheck")
        except Exception as error:  # Ray raises all kinds
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise NoRay(f"no Ray cluster at {address} ({first}); start one as docs/cluster.md shows") from None
        self._actor = ray.remote(NodeWorker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            with suppress(Exception):
                self._ray.kill(worker.actor)
        self._request(0)
        self._ray.shutdown()

    @property
    def n_workers(self) -> int:
        """Those that take part."""
        return sum(worker.is_known for worker in self._workers)

    @property
    def n_busy(self) -> int:
        return sum(worker.task is not None for worker in self._workers)

    def idle(self) -> bool:
        """Whether a worker waits for a task."""
        return self._idle() is not None

    def give(self, task: Task, source: str, clip: str) -> None:
        """Let an idle worker do the task."""
        worker = self._idle()
        assert worker is not None
        worker.task, worker.n_shown = task, 0
        worker.running = worker.actor.compute.remote(source, clip, task.unit.start, task.unit.end, task.completes)

    def wait(self, seconds: float, n_waiting: int) -> list[Answer]:
        """What was answered, after that time at most. `n_waiting`: tasks that no worker has, for which an autoscaling cluster may
        start nodes."""
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look()
            self._request(n_waiting)
        pending = {worker.running: worker for worker in self._workers if worker.running is not None}
        if not pending:
            time.sleep(seconds)
            return []
        ready, _ = self._ray.wait(list(pending), num_returns=1, timeout=seconds)
        found = [answer for reference in ready if (answer := self._answered(pending[reference])) is not None]
        self._ask_for_progress()
        return found

    def frames_of(self, position: int) -> int:
        """Frames of that source that running tasks have computed so far."""
        return sum(worker.n_shown for worker in self._workers if worker.task and worker.task.position == position)

    def rates(self) -> tuple[NodeRate, ...]:
        """How fast each node that takes part computes."""
        since = time.monotonic() - RATE_SECONDS
        found = []
        for key, node in self._nodes.items():
            n_workers = sum(worker.is_known for worker in self._workers if worker.node == key)
            node.frames = [(at, n) for at, n in node.frames if at >= since]
            if n_workers:
                span = max(min(RATE_SECONDS, time.monotonic() - node.began), 1.0)
                found.append(NodeRate(node.name, n_workers, sum(n for _, n in node.frames) / span))
        return tuple(found)

    def stop(self) -> None:
        """Let every worker end its task with its current pack."""
        for worker in self._workers:
            worker.actor.stop.remote()

    def _idle(self) -> _Worker | None:
        return next((worker for worker in self._workers if worker.is_known and worker.task is None), None)

    def _look(self) -> None:
        """Start the workers that nodes lack, of new ones all."""
        alive = {node["NodeID"]: node for node in self._ray.nodes() if node["Alive"]}
        for key in [key for key in self._nodes if key not in alive]:
            self.notes.append(f"node {self._nodes.pop(key).name} is gone; others do its work")
        for key, node in alive.items():
            if key not in self._nodes:
                self._nodes[key] = self._new_node(key, node)
        for key, node in self._nodes.items():
            n_missing = node.n_workers - sum(worker.node == key for worker in self._workers)
            for _ in range(0 if node.is_refused else n_missing):
                self._start(key, node)

    def _new_node(self, key: str, facts: dict[str, Any]) -> _Node:
        n_cpus, n_gpus = int(facts["Resources"].get("CPU", 0)), int(facts["Resources"].get("GPU", 0))
        if self._job["device"] == "cpu":
            n_gpus = 0
        n_workers = n_gpus or -(-n_cpus // GROUP_CPUS)
        name = facts["NodeManagerHostname"]
        if any(other.name == name for other in self._nodes.values()):
            name = f"{name}-{key[:4]}"
        per_worker = max(n_cpus // n_workers, 0) if n_workers else 0
        return _Node(name, n_workers, per_worker, 1 if n_gpus else 0)

    def _start(self, key: str, node: _Node) -> None:
        affinity = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        options = {
            "num_cpus": node.n_cpus,
            "num_gpus": node.n_gpus,
            "max_restarts": 0,  # a new one is started here instead, which also says first who it is
            "max_task_retries": 0,
            "max_concurrency": 2,  # one task, and questions about it
            "scheduling_strategy": affinity(key, soft=False),
        }
        actor = self._actor.options(**options).remote(self._job, node.n_cpus)
        self._workers.append(_Worker(actor, key, actor.identity.remote()))

    def _answered(self, worker: _Worker) -> Answer | None:
        task, worker.task = worker.task, None
        reference, worker.running = worker.running, None
        try:
            said = self._ray.get(reference)
        except Exception as error:  # of a worker or node that is gone, or of a constructor
            self._workers.remove(worker)
            with suppress(Exception):
                self._ray.kill(worker.actor)
            self._looked = 0.0  # another one is to start
            if not worker.is_known:
                self._bury(worker.node, error)
            return Answer(task, None, type(error).__name__) if task else None
        if task is None:
            self._meet(worker, Identity(**{**said, "missing": tuple(said["missing"])}))
            return None
        outcome = Outcome(*said)
        self._count(worker, outcome.n_frames)
        worker.n_shown = 0
        return Answer(task, outcome)

    def _meet(self, worker: _Worker, identity: Identity) -> None:
        if why := refusal(self._here, identity):
            self._refuse(worker.node, why)
        else:
            worker.is_known = True
            if worker.node in self._nodes:
                self._nodes[worker.node].n_stillborn = 0

    def _refuse(self, key: str, why: str) -> None:
        node = self._nodes.get(key)
        if node is not None and not node.is_refused:
            node.is_refused = True
            self.notes.append(f"node {node.name} does not take part: {why}")
        for worker in [worker for worker in self._workers if worker.node == key and worker.task is None]:
            self._workers.remove(worker)
            with suppress(Exception):
                self._ray.kill(worker.actor)

    def _bury(self, key: str, error: Exception) -> None:
        """A worker ended before it said who it is."""
        if (node := self._nodes.get(key)) is not None:
            node.n_stillborn += 1
            if node.n_stillborn >= MAX_STILLBORN:
                last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
                self._refuse(key, f"no worker starts there ({one_line(last)[:300]})")

    def _ask_for_progress(self) -> None:
        busy: Sequence[_Worker] = [worker for worker in self._workers if worker.task is not None]
        for worker in busy:
            if worker.asked is None:
                worker.asked = worker.actor.progress.remote()
        asked = {worker.asked: worker for worker in busy}
        ready, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=0) if asked else ([], [])
        for reference in ready:
            worker, worker_asked = asked[reference], reference
            worker.asked = None
            with suppress(Exception):  # `running` tells that the worker is gone
                self._count(worker, self._ray.get(worker_asked))

    def _count(self, worker: _Worker, n_frames: int) -> None:
        """A worker's task has computed so many frames by now."""
        if n_frames > worker.n_shown and worker.node in self._nodes:
            self._nodes[worker.node].frames.append((time.monotonic(), n_frames - worker.n_shown))
        worker.n_shown = max(worker.n_shown, n_frames)

    def _request(self, n_waiting: int) -> None:
        """Ask an autoscaling cluster for room for all tasks; others ignore it."""
        wanted = self.n_busy + n_waiting if n_waiting else 0
        if wanted == self._asked_for:
            return
        self._asked_for = wanted
        has_gpus = any(node.n_gpus for node in self._nodes.values()) or self._job["device"] == "cuda"
        n_cpus = max((node.n_cpus for node in self._nodes.values()), default=1)
        with suppress(Exception):
            import_module("ray.autoscaler.sdk").request_resources(
                bundles=[{"CPU": max(n_cpus, 1), **({"GPU": 1} if has_gpus else {})}] * wanted
            )
