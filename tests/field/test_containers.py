"""The image of the page, built and started as its users do, where a builder has the base image.

docker and podman start it with the limits of compose.yaml. buildah, which needs no daemon, runs the same command as the same user in
its root file system (`--isolation chroot`), on the network of this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.web.serving import STOP_SECONDS, free_port
from tests.fixtures.web.waits import wait_until
from tools.containers import stages

ROOT = Path(__file__).parents[2]
STAGES = {stage.name: stage for stage in stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))}
BUILDERS = {"docker": ["info"], "podman": ["info"], "buildah": ["info"]}
"""Programs that build images, in the order of trying, and what shows that they can."""
CHROOT = ["--isolation", "chroot"]
INFO_SECONDS, BUILD_SECONDS = 30, 1800


@dataclass(frozen=True)
class Container:
    """A page that runs in a container."""

    address: str
    succeeds: Callable[..., bool]
    """Runs a command inside; whether it exits with 0. (buildah may lose what a short command prints.)"""


@pytest.fixture(scope="module")
def builder() -> str:
    """A program that builds and runs images here; it has or can fetch the base image."""
    found = next((name for name, words in BUILDERS.items() if shutil.which(name) and _succeeds([name, *words])), None)
    if found is None:
        pytest.skip(f"none of {', '.join(BUILDERS)} works here: it is not installed, or its daemon does not run")
    base = STAGES["base"].base
    inspect = [found, "inspect", "--type", "image", base]
    if not _succeeds(inspect) and not _succeeds([found, "pull", base], BUILD_SECONDS):
        pytest.skip(f"{found} has no image {base} and cannot fetch it")
    return found


@pytest.fixture(scope="module")
def page(builder: str) -> Iterator[Container]:
    """A container of the page; it and its image are removed afterwards."""
    name, port = f"crosscheck-test-{uuid.uuid4().hex[:8]}", free_port()
    options = ["--layers", *CHROOT] if builder == "buildah" else []
    build = [builder, "build", *options, "--target", "page", "--tag", name, str(ROOT)]
    subprocess.run(build, check=True, timeout=BUILD_SECONDS)
    try:
        yield from (_in_chroot(name, port) if builder == "buildah" else _in_container(builder, name, port))
    finally:
        subprocess.run(
            [builder, "rm", *(["--force"] if builder != "buildah" else []), name], check=False, capture_output=True
        )
        subprocess.run([builder, "rmi", "--force", name], check=False, capture_output=True)


def _in_container(builder: str, name: str, port: int) -> Iterator[Container]:
    """With the limits that compose.yaml gives it."""
    options = ["--detach", "--rm", "--name", name, "--publish", f"127.0.0.1:{port}:8501", "--read-only"]
    options += ["--tmpfs", "/tmp", "--tmpfs", "/home/crosscheck", "--cap-drop", "ALL"]
    options += ["--security-opt", "no-new-privileges", "--memory", "1g", "--cpus", "1", "--pids-limit", "256"]
    subprocess.run([builder, "run", *options, name], check=True, timeout=BUILD_SECONDS)
    yield Container(f"http://127.0.0.1:{port}", lambda *words: _succeeds([builder, "exec", name, *words]))


def _in_chroot(name: str, port: int) -> Iterator[Container]:
    """The command of the Dockerfile, on another port: the network is this machine's."""
    subprocess.run(["buildah", "from", "--name", name, f"localhost/{name}"], check=True, timeout=BUILD_SECONDS)
    command = [word.replace("8501", str(port)) for word in json.loads(STAGES["page"].last("CMD") or "[]")]
    inside = ["buildah", "run", *CHROOT, name, "--"]
    with subprocess.Popen([*inside, *command], start_new_session=True) as process:
        try:
            yield Container(f"http://127.0.0.1:{port}", lambda *words: _succeeds([*inside, *words]))
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(process.pid, number)
                    process.wait(STOP_SECONDS)


def test_the_page_answers_from_its_container_and_reads_its_store(page: Container):
    def health() -> str:
        try:
            with urllib.request.urlopen(f"{page.address}/healthz", timeout=5) as answer:
                return json.load(answer)["status"]
        except (urllib.error.URLError, OSError):
            return ""

    wait_until(lambda: health() == "ok", f"an answer from {page.address}")


def test_the_page_runs_without_root_and_without_the_parts_of_the_job(page: Container):
    assert page.succeeds("sh", "-c", "test $(id -u):$(id -g) = 10001:10001")
    for name in ("analysis", "cache", "dashboard"):
        assert page.succeeds("test", "-d", name), name
    for name in ("consistency", "precompute", "training", "tests", ".git"):
        assert page.succeeds("test", "!", "-e", name), name
    assert page.succeeds("touch", "/store/new"), "the store is its own"
    assert not page.succeeds("touch", "/app/new"), "the program is not"


def _succeeds(command: list[str], seconds: float = INFO_SECONDS) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=seconds).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
