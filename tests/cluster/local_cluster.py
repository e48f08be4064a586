"""A Ray cluster of this machine, with as many nodes as a test wants, started by the commands of docs/cluster.md."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

START_SECONDS = 180.0


class LocalCluster:
    """Its nodes have one CPU each."""

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # sockets allow no long paths
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.nodes: list[subprocess.Popen[bytes]] = []
        patience = {"RAY_raylet_start_wait_time_s": str(int(START_SECONDS))}  # other tests share the cores
        self.environment = {**os.environ, **patience, "RAY_USAGE_STATS_ENABLED": "0"}
        try:
            self.add("--head", "--port", self.address.split(":")[1], "--include-dashboard=false")
        except BaseException:
            self.stop()
            raise

    def add(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a node, by default one that joins; returns its process."""
        words = (*words, "--temp-dir", self._folder) if words else ("--address", self.address)
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *words]
        command += ["--num-cpus", "1", "--num-gpus", "0", "--object-store-memory", "80000000", "--disable-usage-stats"]
        log = Path(self._folder, f"node-{len(self.nodes)}.log")
        with log.open("wb") as out:
            node = subprocess.Popen(command, stdout=out, stderr=out, env=self.environment, start_new_session=True)
        self.nodes.append(node)
        latest = time.monotonic() + START_SECONDS
        while "Ray runtime started" not in log.read_text(errors="replace"):
            assert node.poll() is None and time.monotonic() < latest, log.read_text(errors="replace")
            time.sleep(0.2)
        return node

    def workers(self, node: subprocess.Popen[bytes]) -> list[int]:
        """The processes of that node that compute for a run."""
        return [pid for pid in descendants(node.pid) if _name(pid).startswith("ray::NodeWorker")]

    def remove(self, node: subprocess.Popen[bytes]) -> None:
        """Kill every process of a node at once, as a power failure does."""
        for pid in [*descendants(node.pid), node.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.wait()
        self.nodes.remove(node)

    def stop(self) -> None:
        for node in reversed(list(self.nodes)):
            self.remove(node)
        shutil.rmtree(self._folder, ignore_errors=True)


def descendants(pid: int) -> list[int]:
    """All processes that a process has started, and those that they have."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, AttributeError):
                parent = int(re.search(r"^PPid:\s+(\d+)", (entry / "status").read_text(), re.MULTILINE)[1])  # type: ignore[index]
                parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
    return ""
