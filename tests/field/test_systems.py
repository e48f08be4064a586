"""Machines as people have them: a proxy with small buffers, drives over a network, limits of a batch system."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest

from cache.store import Store
from tests.fixtures import media
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import ROOT, free_port, serving
from tests.fixtures.web.waits import wait_until
from tests.fixtures.zoos import write_zoo

HERE = Path(__file__).parent
JOB = [sys.executable, "-m", "precompute", "run", "--max-frames", "2", "--size", "64"]
JOB += ["--configurations", "mini/baseline/rgb-normal"]


def needed(program: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def run(command: list[str | Path], **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run(list(map(str, command)), cwd=ROOT, env=env, capture_output=True, text=True, check=False)


N_TRACKS = 5
"""What a job stores for one configuration: input, prediction, energy, motion and stability."""


def n_stored(store: Path) -> int:
    return len(Store(store, read_only=True).tracks())


# --- a proxy ---


def test_the_page_comes_through_nginx_as_it_is_installed_below_a_long_path(tmp_path: Path) -> None:
    nginx, port = needed("nginx"), free_port()
    base = "cloud-automation-service/services/6/endpoints/mlops-dashboard-gui-92-6"
    with serving(build_store(tmp_path / "store").root, log_path=tmp_path / "log", base_path=base) as address:
        upstream = address.removesuffix(f"/{base}")
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(
            f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/errors; events {{}}\n"
            f"http {{ access_log off; server {{ listen 127.0.0.1:{port}; location /{base}/ {{\n"
            f"proxy_pass {upstream}; proxy_http_version 1.1; proxy_set_header Host $host; }} }} }}\n"
        )
        proxy = subprocess.Popen([nginx, "-e", str(tmp_path / "errors"), "-c", str(configuration)])
        try:
            wait_until(lambda: proxy.poll() is not None or (tmp_path / "pid").exists(), "nginx starts")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{base}/") as answer:
                # nginx refuses answers whose head exceeds its buffer of 4 kB: what to preload stands in the page.
                assert answer.status == 200 and len(str(answer.headers)) < 2000
                assert '<link rel="modulepreload"' in answer.read().decode()
        finally:
            proxy.terminate()
            proxy.wait()


# --- drives over a network ---


@pytest.fixture(scope="module")
def network_drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("drive") / "network_drive.so"
    command = [needed("gcc"), "-shared", "-fPIC", "-o", library, HERE / "network_drive.c", "-ldl"]
    subprocess.run(list(map(str, command)), check=True)
    return library


@pytest.mark.parametrize(
    "failing",
    [
        {"DRIVE_LOCKS": str(errno.ENOSYS)},
        {"DRIVE_LOCKS": str(errno.EOPNOTSUPP)},
        {"DRIVE_SYNC": str(errno.EINVAL)},
    ],
    ids=["no flock", "flock not supported", "folders cannot be synced"],
)
def test_a_store_on_a_network_drive_is_written(failing: dict[str, str], network_drive: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    done = run([*JOB, "phone", "--store", store], LD_PRELOAD=str(network_drive), DRIVE_ROOT=str(tmp_path), **failing)
    assert done.returncode == 0, done.stderr
    assert n_stored(store) == N_TRACKS and "Warning" not in done.stderr


@pytest.mark.parametrize(
    "words", [[*JOB[3:], "phone", "--store", "STORE"], ["zoo", "import", "ZOO", "--as", "own"]], ids=["run", "import"]
)
def test_a_drive_whose_lock_service_is_away_is_named(words: list[str], network_drive: Path, tmp_path: Path) -> None:
    places = {"STORE": str(tmp_path / "store"), "ZOO": str(write_zoo(tmp_path / "zoo"))}
    words = [places.get(word, word) for word in words]
    environment = {"CROSSCHECK_ZOOS": str(tmp_path / "zoos"), "LD_PRELOAD": str(network_drive)}
    environment |= {"DRIVE_ROOT": str(tmp_path), "DRIVE_LOCKS": str(errno.ENOLCK)}
    done = run([*JOB[:3], *words], **environment)
    assert done.returncode in (1, 2) and "Traceback" not in done.stderr
    assert "is on a file system that cannot lock files now (" in done.stderr, done.stderr


def test_a_clip_on_a_drive_that_numbers_its_files_anew_is_computed(tmp_path: Path) -> None:
    pytest.importorskip("mfusepy", reason="mfusepy is not installed")
    unmount = needed("fusermount")
    if not Path("/dev/fuse").exists():
        pytest.skip("this machine has no /dev/fuse")
    folder, mount = tmp_path / "folder", tmp_path / "mount"
    folder.mkdir()
    mount.mkdir()
    media.write_video(folder / "clip.mp4", 20)
    drive = subprocess.Popen([sys.executable, str(HERE / "renumbering_mount.py"), str(folder), str(mount)])
    try:
        wait_until(lambda: drive.poll() is not None or (mount / "clip.mp4").exists(), "the drive is mounted")
        assert (mount / "clip.mp4").stat().st_ino != (mount / "clip.mp4").stat().st_ino
        done = run([*JOB, mount / "clip.mp4", "--store", tmp_path / "store"])
        assert done.returncode == 0, done.stderr
        assert n_stored(tmp_path / "store") == N_TRACKS
    finally:
        subprocess.run([unmount, "-u", str(mount)], check=False)
        drive.wait()


# --- limits and users ---


def test_a_limit_of_the_address_space_is_kept_or_named(tmp_path: Path) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 5)
    for kilobytes in (3_500_000, 1_500_000):
        store = tmp_path / f"store-{kilobytes}"
        done = run([needed("bash"), "-c", f'ulimit -v {kilobytes}; exec "$@"', "x", *JOB, path, "--store", store])
        assert done.returncode == 0 or "out_of_memory" in done.stderr, done.stderr
        assert "damaged" not in done.stderr and "internal" not in done.stderr


def test_a_user_without_a_name_and_a_home_can_use_a_named_store() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o777)
        _use_store_without_home(Path(open_to_all))


def _use_store_without_home(folder: Path) -> None:
    path = media.write_video(folder / "clip.mp4", 5)
    store = folder / "store"
    reading = [
        "--inh-caps",
        "+dac_read_search",
        "--ambient-caps",
        "+dac_read_search",
    ]  # as the checkout may be root's alone
    user = [needed("setpriv"), "--reuid", "23456", "--regid", "23456", "--clear-groups", *reading]
    env = ["env", "-u", "HOME", "-u", "USER", "-u", "LOGNAME", "PYTHONDONTWRITEBYTECODE=1"]
    done = run([*env, *user, *JOB, path, "--store", store])
    assert done.returncode == 0, done.stderr
    assert n_stored(store) == N_TRACKS
