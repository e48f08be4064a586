"""The images: checked by rules that can fail, by hadolint where it is installed, and built where a builder has the base image."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.containers import problems, stages

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text(encoding="utf-8")
GOOD = """
FROM python:3.12.11-slim AS base
FROM base AS page
COPY requirements/web.lock requirements/
RUN pip install --require-hashes -r requirements/web.lock
USER 10001
CMD ["true"]
"""


def test_the_rules_find_nothing_wrong_with_our_images():
    assert list(problems(GOOD)) == [] and list(problems(DOCKERFILE)) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("python:3.12.11-slim", "python:3", "not pinned"),
        ("python:3.12.11-slim", "python:latest", "not pinned"),
        ("USER 10001\n", "", "root"),
        ("USER 10001", "USER 0:0", "root"),
        ("USER 10001", "USER 10001\nUSER root", "root"),
        (" --require-hashes", "", "without hashes"),
        ("-r requirements/web.lock", "streamlit", "no lock file"),
        ("RUN pip", "RUN true && \\\n  pip install torch==2.0 && pip", "without hashes"),
        ("COPY requirements/web.lock requirements/", "COPY . .", "takes everything"),
        ("USER 10001", "COPY .streamlit/secrets.toml /app/\nUSER 10001", "may hold a secret"),
        ("USER 10001", "ENV COOKIE_SECRET=abc\nUSER 10001", "a secret"),
        ("USER 10001", "RUN curl https://example.org/x | sh\nUSER 10001", "downloads"),
        ("USER 10001", "ADD https://example.org/x /\nUSER 10001", "ADD"),
    ],
)
def test_the_rules_find_what_is_wrong(before: str, after: str, expected: str):
    assert before in GOOD
    found = list(problems(GOOD.replace(before, after)))
    assert any(expected in text for text in found), found


def test_the_images_hold_every_package_folder_that_their_programs_import():
    copied = {
        stage.name: {rest.split()[0] for word, rest in stage.instructions if word == "COPY"}
        for stage in stages(DOCKERFILE)
    }
    assert {"analysis", "cache", "dashboard"} <= copied["page"] and "precompute" not in copied["page"]
    assert {"analysis", "cache", "consistency", "precompute"} <= copied["worker"] and "dashboard" not in copied[
        "worker"
    ]
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for names in copied.values():
        assert {
            name.replace("requirements/web.lock", "requirements/*.lock") for name in names if "lock" not in name
        } <= allowed


def test_page_and_worker_share_one_store_and_have_no_privileges():
    services = re.split(r"\n  (?=page:|worker:)", COMPOSE.split("\nvolumes:")[0])[1:]
    assert [text.split(":")[0] for text in services] == ["page", "worker"]
    for text in services:
        assert 'volumes: ["store:/store"]' in text and 'cap_drop: ["ALL"]' in text and "no-new-privileges" in text
        assert "privileged" not in text.replace("no-new-privileges", "") and "docker.sock" not in text
        for name in ("mem_limit", "cpus", "pids_limit"):
            assert re.search(rf"^    {name}: \S*\d", text, re.MULTILINE), f"one service could take all: {name}"
    assert '"127.0.0.1:8501:8501"' in COMPOSE  # a network needs a proxy with TLS first


def test_a_gpu_is_asked_for_as_the_dockerfile_understands_it():
    (worker,) = [stage for stage in stages(DOCKERFILE) if stage.name == "worker"]
    argument = re.search(r"args: \{ (\w+): (\w+) \}", COMPOSE)
    assert argument is not None and f"--build-arg {argument[1]}={argument[2]}" in DOCKERFILE
    assert (worker.last("ARG") or "").startswith(f"{argument[1]}=")
    assert "capabilities: [gpu]" in COMPOSE.split("  worker:")[1], "the device is the worker's"


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing():
    run = subprocess.run(["hadolint", str(ROOT / "Dockerfile")], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
