"""The image of the page, built and started as its users do, where a builder has the base image."""

from __future__ import annotations

import shutil
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.web.serving import free_port
from tests.fixtures.web.waits import wait_until
from tools.containers import stages

ROOT = Path(__file__).parents[2]
BUILDERS = ("docker", "podman")
INFO_SECONDS, BUILD_SECONDS = 30, 1800


@pytest.fixture(scope="module")
def builder() -> str:
    """A program that builds and runs images; its daemon runs, and it has or can fetch the base image."""
    found = next((name for name in BUILDERS if shutil.which(name) and _succeeds([name, "info"])), None)
    if found is None:
        pytest.skip(f"none of {', '.join(BUILDERS)} is installed with its daemon running")
    base = stages((ROOT / "Dockerfile").read_text())[0].base
    if not _succeeds([found, "image", "inspect", base]) and not _succeeds([found, "pull", base], BUILD_SECONDS):
        pytest.skip(f"{found} cannot fetch {base}")
    return found


@pytest.fixture
def page(builder: str) -> Iterator[str]:
    """The address of a container of the page, with the limits that compose.yaml gives it; removed afterwards."""
    name, port = f"crosscheck-test-{uuid.uuid4().hex[:8]}", free_port()
    build = [builder, "build", "--target", "page", "--tag", name, str(ROOT)]
    subprocess.run(build, check=True, timeout=BUILD_SECONDS)
    options = [
        "--detach",
        "--rm",
        "--name",
        name,
        "--publish",
        f"127.0.0.1:{port}:8501",
        "--read-only",
        "--tmpfs",
        "/tmp",
    ]
    options += ["--tmpfs", "/home/crosscheck", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    options += ["--memory", "1g", "--cpus", "1", "--pids-limit", "256"]
    try:
        subprocess.run([builder, "run", *options, name], check=True, timeout=BUILD_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run([builder, "rm", "--force", name], check=False, capture_output=True)
        subprocess.run([builder, "rmi", "--force", name], check=False, capture_output=True)


def test_the_page_answers_from_its_container(page: str):
    def is_healthy() -> bool:
        try:
            with urllib.request.urlopen(f"{page}/_stcore/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    wait_until(is_healthy, f"an answer from {page}")


def _succeeds(command: list[str], seconds: float = INFO_SECONDS) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True, timeout=seconds).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
