"""Released networks are installed from archives, good and hostile ones, served on this machine."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import pickle
import re
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from cache.store import Store
from consistency.models import registry
from consistency.zoo.load import load_network
from consistency.zoo.lock import entry, lock_of, write_lock
from consistency.zoo.read import load_zoo, read_zoo
from consistency.zoo.records import ZooError
from precompute.cli.app import app as precompute_app
from precompute.cli.app import zoo_app as app
from precompute.cli.output import console
from precompute.net.addresses import ALLOW_LOOPBACK_VARIABLE
from precompute.net.partial_download import VALIDATORS
from precompute.net.public_http import PART, Report
from precompute.zoos import archives, install
from precompute.zoos.archives import archive_path
from precompute.zoos.converter import Converter
from tests.fixtures.children import ANSWER, child_that_runs
from tests.fixtures.media import write_video

SMALL = {"downsample": 1, "in_channels": 3, "out_channels": 3}
GREY = {"downsample": 1, "in_channels": 3, "out_channels": 1}
FROM_GREY = {"downsample": 1, "in_channels": 1, "out_channels": 3}
EDGES = {
    "plain": ("rgb", "normal", "baseline", SMALL),
    "prefixed": ("rgb", "depth", "baseline", GREY),
    "wrapped": ("rgb", "reshading", "baseline", GREY),
    "ours": ("rgb", "normal", "consistency", SMALL),
    "traversal": ("depth", "normal", "shared", FROM_GREY),
    "payload": ("normal", "depth", "shared", GREY),
    "bomb": ("normal", "reshading", "shared", GREY),
    "shape": ("reshading", "normal", "shared", FROM_GREY),
    "absent": ("normal", "edge2d", "shared", GREY),
    "nan": ("normal", "edge3d", "shared", GREY),
    "garbage": ("normal", "keypoint2d", "shared", GREY),
    "twice": ("normal", "keypoint3d", "shared", GREY),
}
DEPTH_OF_NORMALS = """
[energy.depth]
paths = ["rgb-normal-depth"]

[[edge]]
source = "normal"
target = "depth"
method = "shared"
architecture = "xtc-sobel-edges"
"""
GOOD = {"plain", "prefixed", "wrapped", "ours", "traversal"}


@dataclass
class Site:
    """A server of one file that can cut connections."""

    url: str = ""
    body: bytes = b""
    cut_after: int | None = None
    ranges: list[str | None] = field(default_factory=list)
    """The Range header of each GET."""


@pytest.fixture(scope="module")
def site():
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(site.body)))
            self.end_headers()

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            site.ranges.append(wanted)
            tag = f'"{hashlib.sha256(site.body).hexdigest()[:12]}"'
            start = int(wanted.split("=")[1].rstrip("-")) if wanted and self.headers.get("If-Range") == tag else 0
            if start and start >= len(site.body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(site.body)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(site.body) - start))
            self.send_header("ETag", tag)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(site.body) - 1}/{len(site.body)}")
            self.end_headers()
            end = len(site.body) if site.cut_after is None else start + site.cut_after
            self.wfile.write(site.body[start:end])
            if site.cut_after is not None:
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site.url = f"http://127.0.0.1:{server.server_port}/download"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ALLOW_LOOPBACK_VARIABLE, "1")
        yield site
    server.shutdown()
    server.server_close()


class Payload:
    """Unpickling this creates a folder."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def state(arguments: dict[str, Any], seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return registry.build("xtc-unet", **arguments).state_dict()


def saved(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def checkpoints(harm: Path) -> dict[str, bytes]:
    """Name in the archive -> bytes, for every kind of checkpoint."""
    not_finite = {name: tensor.log() for name, tensor in state(GREY).items()}
    ours = io.BytesIO()
    torch.save(state(SMALL, 4), ours)
    return {
        "models/plain.pth": saved(state(SMALL)),
        "models/prefixed.pth": saved({f"parallel_apply.module.{k}": v for k, v in state(GREY, 1).items()}),
        "models/wrapped.pth": saved({"optimizer": {"state": {0: torch.rand(9)}}, "state_dict": state(GREY, 2)}),
        "models/ours.pt": ours.getvalue(),
        "../../traversal.pth": saved(state(FROM_GREY, 3)),
        "models/payload.pth": saved({"conv": Payload(harm)}),
        "models/bomb.pth": bytes(64 << 20),
        "models/shape.pth": saved(state(SMALL)),
        "models/nan.pth": saved(not_finite),
        "models/garbage.pth": pickle.dumps(["no", "checkpoint"]) + bytes(range(256)),
        "models/twice.pth": saved(state(GREY)),
        "models/other/twice.pth": saved(state(GREY, 5)),
        "README.txt": b"hello",
    }


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def write_recipe(folder: Path, url: str, names: tuple[str, ...] = tuple(EDGES), sha256: str = "") -> Path:
    folder.mkdir(parents=True)
    lines = ['name = "released"', 'version = "1"', 'licence = "none"', "multiple = 2"]
    lines += ['domains = ["rgb", "normal", "depth", "reshading", "edge2d", "edge3d", "keypoint2d", "keypoint3d"]']
    lines += ["[[archive]]", 'name = "models"', f'url = "{url}"'] + ([f'sha256 = "{sha256}"'] if sha256 else [])
    for name in names:
        source, target, method, arguments = EDGES[name]
        inline = ", ".join(f"{key} = {value}" for key, value in arguments.items())
        lines += ["[[edge]]", f'source = "{source}"', f'target = "{target}"', f'method = "{method}"']
        lines += ['architecture = "xtc-unet"', f"arguments = {{ {inline} }}", f'weights = "{name}.safetensors"']
        lines += ['archive = "models"', "output = { range = [0.0, 1.0] }"]
    (folder / "zoo.toml").write_text("\n".join(lines) + "\n")
    return folder


def pull(folder: Path, report: Report = lambda n_bytes, total: None) -> tuple[list[str], list[str]]:
    """(messages, problems)."""
    said, wrong = [], []
    install.pull(read_zoo(str(folder)), say=said.append, report=report, on_problem=wrong.append)
    return said, wrong


@dataclass
class Pulled:
    folder: Path
    harm: Path
    said: list[str]
    wrong: list[str]

    def problem(self, name: str) -> str:
        source, target, method, _ = EDGES[name]
        return next(text for text in self.wrong if text.startswith(f"{source}-{target}.{method}:"))


@pytest.fixture(scope="module")
def pulled(site, tmp_path_factory) -> Pulled:
    """One archive with everything in it, installed."""
    base = tmp_path_factory.mktemp("pulled")
    harm = base / "harm"
    site.body, site.cut_after = zipped(checkpoints(harm)), None
    folder = write_recipe(base / "inner" / "home" / "zoo", site.url)
    return Pulled(folder, harm, *pull(folder))


@pytest.mark.parametrize("name", ["plain", "prefixed", "wrapped"])
def test_every_shape_of_state_dict_becomes_the_same_weights(pulled, name):
    *_, arguments = EDGES[name]
    expected = state(arguments, ["plain", "prefixed", "wrapped"].index(name))
    converted = load_file(pulled.folder / f"{name}.safetensors")
    assert converted.keys() == expected.keys()
    assert all(torch.equal(converted[key], expected[key]) for key in expected)


def test_what_was_fetched_loads_strictly_and_computes(pulled):
    zoo = load_zoo(str(pulled.folder))
    assert {edge.weights.stem for edge in zoo.edges if edge.weights} == GOOD
    network = load_network(zoo.edge("rgb", "depth", "baseline"), device=torch.device("cpu"), dtype=torch.float32)
    codes = network(torch.rand(1, 3, 8, 8))
    assert codes.shape == (1, 1, 8, 8) and codes.min() >= 0 and codes.max() <= 1


def test_the_size_is_told_before_the_download(pulled):
    assert any("models" in line and "MB from 127.0.0.1" in line for line in pulled.said)


def test_nothing_but_the_networks_and_the_lock_is_kept(pulled):
    kept = {path.name for path in pulled.folder.rglob("*")} - {".writing"}
    assert kept == {"zoo.toml", "zoo.lock", *(f"{name}.safetensors" for name in GOOD)}


def test_a_pickle_with_a_payload_is_refused_and_never_run(pulled):
    assert "more than tensors" in pulled.problem("payload")
    assert not pulled.harm.exists()


def test_a_file_that_unpacks_to_more_than_its_network_is_not_unpacked(pulled):
    assert "too large for this network" in pulled.problem("bomb")


def test_names_in_archives_are_never_paths(pulled):
    assert [path.name for path in pulled.folder.parent.parent.parent.rglob("traversal*")] == ["traversal.safetensors"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shape", r"down1.conv1.weight is \(16, 3, 3, 3\), expected \(16, 1, 3, 3\)"),
        ("nan", "not finite"),
        ("garbage", "damaged"),
        ("twice", "could be .*keep one of them"),
    ],
)
def test_checkpoints_that_do_not_fit_are_named_with_the_reason(pulled, name, message):
    assert re.search(message, pulled.problem(name))


def test_check_names_what_cannot_be_computed_without_each_missing_network(pulled):
    result = CliRunner().invoke(app, ["check", str(pulled.folder)])
    assert result.exit_code == 1
    lines = [line for line in result.output.splitlines() if line.startswith("missing: normal-edge2d.shared")]
    assert len(lines) == 1
    assert "released/baseline/rgb-normal-edge2d" in lines[0] and "archive models" in lines[0]
    assert "5 of 12 edges checked, 0 wrong" in result.output


def test_a_run_says_that_networks_are_missing_and_computes_what_needs_none_of_them(pulled, tmp_path):
    clip = write_video(tmp_path / "clip.mp4", 2)
    words = ["run", str(clip), "--zoo", str(pulled.folder), "--size", "32", "--store", str(tmp_path / "store")]
    result = CliRunner().invoke(precompute_app, words)
    assert result.exit_code == 0, result.output
    assert "zoo released lacks 7 networks" in result.output
    paths = {track.head.configuration for track in Store(tmp_path / "store").tracks() if track.head.zoo}
    assert paths == {f"released/{path}" for path in (
        "baseline/rgb-normal", "baseline/rgb-depth", "baseline/rgb-reshading", "baseline/rgb-depth-normal",
        "consistency/rgb-normal",
    )}  # fmt: skip


def test_a_second_pull_fetches_what_is_missing_from_the_same_archive_or_none(site, tmp_path):
    site.body = zipped({"plain.pth": saved(state(SMALL))})
    folder = write_recipe(tmp_path / "zoo", site.url, ("plain", "absent"))
    pull(folder)
    before = (folder / "plain.safetensors").stat().st_mtime_ns
    site.ranges.clear()
    assert pull(folder)[1] == [] and len(site.ranges) == 1
    assert (folder / "plain.safetensors").stat().st_mtime_ns == before

    site.body = zipped({"plain.pth": saved(state(SMALL)), "absent.pth": saved(state(GREY))})
    with pytest.raises(ZooError, match="sent another file than before"):
        pull(folder)
    assert not (folder / "absent.safetensors").exists()
    assert not list(folder.rglob("*.zip"))


def test_an_archive_with_another_hash_than_the_pinned_one_is_refused(site, tmp_path):
    site.body = zipped({"plain.pth": saved(state(SMALL))})
    folder = write_recipe(tmp_path / "zoo", site.url, ("plain",), sha256="0" * 64)
    with pytest.raises(ZooError, match="expected SHA-256 000000000000"):
        pull(folder)
    assert not list(folder.rglob("*.safetensors")) and not list(folder.rglob("*.zip"))


def test_half_an_archive_is_refused(site, tmp_path):
    whole = zipped({"plain.pth": saved(state(SMALL))})
    site.body = whole[: len(whole) // 2]
    folder = write_recipe(tmp_path / "zoo", site.url, ("plain",))
    with pytest.raises(ZooError, match="is not a zip archive, or a truncated one"):
        pull(folder)
    assert "archives" not in json.loads((folder / "zoo.lock").read_text() if (folder / "zoo.lock").exists() else "{}")


def test_a_cut_download_goes_on_where_it_stopped(site, tmp_path):
    site.body = zipped({"plain.pth": saved(state(SMALL))})
    folder = write_recipe(tmp_path / "zoo", site.url, ("plain",), sha256=hashlib.sha256(site.body).hexdigest())
    site.ranges.clear()
    site.cut_after = 100_000
    told: list[tuple[int, int | None]] = []
    try:
        with pytest.raises(ZooError, match="it resumes where it stopped"):
            pull(folder, lambda *figures: told.append(figures))
        n_kept = told[-1][0]
    finally:
        site.cut_after = None
    assert pull(folder, lambda *figures: told.append(figures))[1] == []
    assert [n_bytes for n_bytes, _ in told] == sorted(n_bytes for n_bytes, _ in told), (
        "the second try counts from the first"
    )
    assert {total for _, total in told} == {len(site.body)} and told[-1][0] == len(site.body) > n_kept
    first, second = site.ranges
    assert first is None and second is not None and 0 < int(second.strip("bytes=-")) <= 100_000
    assert (folder / "plain.safetensors").is_file()


def test_pull_list_and_show_tell_what_is_here(installed, site, monkeypatch):
    site.body = zipped({"plain.pth": saved(state(SMALL)), "prefixed.pth": saved(state(GREY))})
    toml = write_recipe(installed / "released", site.url, ("plain", "prefixed")) / "zoo.toml"
    toml.write_text(toml.read_text() + DEPTH_OF_NORMALS)

    def said(*words: str) -> str:
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == 0, result.output
        return result.output

    before = {row["zoo"]: row for row in json.loads(said("list", "--json"))}["released"]
    assert (before["n_here"], before["n_networks"], before["bytes"]) == (0, 2, 0)
    shown = said("show", "released")
    assert f"released 1, licence: none; {installed / 'released'}" in shown.replace("\n", "")
    assert re.search(r"rgb-normal +baseline +xtc-unet +not installed +models", shown)
    assert "energy of depth: 1 path, no constants yet" in shown and f"archive models: {site.url}" in shown

    terminal_text = io.StringIO()
    assert console.err.stderr
    monkeypatch.setattr(console, "err", Console(file=terminal_text, force_terminal=True, width=120))
    pulled = said("pull", "released")
    assert "models: " in pulled and "released: 2 of 2 networks installed" in pulled
    assert "zoo calibrate released --on walkthrough" in pulled
    whole = f"{len(site.body) / 1e3:.1f}"
    assert re.search(rf"released · download.*{whole}/{whole} kB", terminal_text.getvalue())

    after = {row["zoo"]: row for row in json.loads(said("list", "--json"))}["released"]
    files = list((installed / "released").glob("*.safetensors"))
    assert (after["n_here"], after["bytes"]) == (2, sum(file.stat().st_size for file in files))
    assert re.search(r"released +1 +2 of 2 +\d+\.\d +baseline +none", said("list"))
    digest = hashlib.sha256((installed / "released" / "plain.safetensors").read_bytes()).hexdigest()
    assert re.search(rf"rgb-normal +baseline +xtc-unet +\d+\.\d +{digest[:12]} +models", said("show", "released"))


def test_a_download_that_was_stopped_at_its_last_byte_is_not_fetched_again(site, tmp_path):
    site.body = zipped({"plain.pth": saved(state(SMALL))})
    folder = write_recipe(tmp_path / "zoo", site.url, ("plain",))
    (archive,) = read_zoo(str(folder)).archives
    parts = archive_path(archive, folder).parent
    parts.mkdir(parents=True)
    (parts / PART).write_bytes(site.body)
    etag = f'"{hashlib.sha256(site.body).hexdigest()[:12]}"'
    row = {"etag": etag, "last_modified": None, "total_bytes": len(site.body)}
    (parts / VALIDATORS).write_text(json.dumps(row))
    site.ranges.clear()
    assert pull(folder)[1] == [] and site.ranges == [f"bytes={len(site.body)}-"]
    assert read_zoo(str(folder)).missing == ()


def test_an_archive_that_version_0_1_0_downloaded_is_used_and_hashed_once(site, tmp_path, monkeypatch):
    site.body = zipped({"plain.pth": saved(state(SMALL))})
    folder = write_recipe(tmp_path / "zoo", site.url, ("plain",))
    (archive,) = read_zoo(str(folder)).archives
    write_lock(folder, {"archives": {"models": {"url": site.url, "sha256": hashlib.sha256(site.body).hexdigest()}}})
    old = folder / ".downloads" / "models.zip"
    old.parent.mkdir()
    old.write_bytes(site.body)
    old.with_name("models.part").touch()
    hashed: list[Path] = []
    monkeypatch.setattr(archives, "entry", lambda path: hashed.append(path) or entry(path))
    site.ranges.clear()
    path = archives.download(archive, folder, lambda *figures: None)
    assert path.read_bytes() == site.body and site.ranges == [] and hashed == [path]
    assert [file for file in old.parent.rglob("*") if file.is_file()] == [path]


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")], ids=repr)
def test_an_archive_stays_until_its_networks_are_here(site, tmp_path, monkeypatch, raised):
    site.body = zipped({"plain.pth": saved(state(SMALL)), "prefixed.pth": saved(state(GREY))})
    folder = write_recipe(tmp_path / "zoo", site.url, ("plain", "prefixed"))
    (folder / ".downloads").mkdir()
    (folder / ".downloads" / "older.part").touch()

    def stopped(*arguments: Any) -> None:
        raise raised

    with monkeypatch.context() as patch:
        patch.setattr(install, "copy_bounded", stopped)
        result = CliRunner().invoke(app, ["pull", str(folder)])
    assert result.exit_code in (1, 130) and "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)
    assert "No space left" in result.output or isinstance(raised, KeyboardInterrupt)
    site.ranges.clear()
    assert pull(folder)[1] == [] and site.ranges == [], "nothing is fetched again"
    assert read_zoo(str(folder)).missing == () and not (folder / ".downloads").exists()


def test_a_disk_that_is_full_is_not_taken_for_a_bad_checkpoint(tmp_path):
    folder = write_recipe(tmp_path / "zoo", "http://127.0.0.1/", ("plain",))
    edge = read_zoo(str(folder)).missing[0]

    class Full(Converter):
        def _ask(self, request: dict[str, Any]) -> str:
            return "Error while serializing: I/O error: No space left on device (os error 28)"

    with pytest.raises(OSError, match="No space left") as raised:
        Full().convert(tmp_path / "plain.pth", edge, tmp_path / "made", n_bytes=0)
    assert raised.value.errno == errno.ENOSPC


def test_a_download_of_another_version_begins_anew(site, tmp_path):
    folder = write_recipe(tmp_path / "zoo", site.url, ("plain",))
    for seed, cut_after in ((1, 100_000), (0, None)):
        site.body, site.cut_after = zipped({"plain.pth": saved(state(SMALL, seed))}), cut_after
        if cut_after:
            with pytest.raises(ZooError):
                pull(folder)
    pull(folder)
    assert torch.equal(load_file(folder / "plain.safetensors")["bn1.weight"], state(SMALL)["bn1.weight"])
    assert read_zoo(str(folder)).missing == ()


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/models.zip"])
def test_only_http_addresses_are_fetched(tmp_path, url):
    with pytest.raises(ZooError, match=r"not an http\(s\) address"):
        pull(write_recipe(tmp_path / "zoo", url, ("plain",)))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_archives_are_fetched_from_public_addresses_only(site, tmp_path, monkeypatch, host):
    site.body = zipped({"plain.pth": saved(state(SMALL))})
    site.ranges.clear()
    folder = write_recipe(tmp_path / "zoo", site.url.replace("127.0.0.1", host), ("plain",))
    (archive,) = read_zoo(str(folder)).archives
    monkeypatch.delenv(ALLOW_LOOPBACK_VARIABLE)
    for asked in (pull, lambda _: archives.size_of(archive), lambda _: archives.download(archive, folder, pytest.fail)):
        with pytest.raises(ZooError, match=r"models: .*leads to 127.0.0.1, which is not public; .*`zoo import`"):
            asked(folder)
    assert site.ranges == []


@pytest.mark.parametrize(
    "program",
    [
        "",
        ANSWER + "parent.send({'failure': {'code': 'live', 'found': 'x'}})",
        ANSWER + "parent.send({'problem': ['x']})",
        ANSWER + "parent.send({'success': ''})",
    ],
    ids=["ends", "fails", "sends a list", "sends another message"],
)
def test_a_child_that_dies_or_lies_costs_one_checkpoint_and_is_replaced(tmp_path, monkeypatch, program):
    folder = write_recipe(tmp_path / "zoo", "http://127.0.0.1/", ("plain",))
    edge = read_zoo(str(folder)).missing[0]
    checkpoint, output = tmp_path / "plain.pth", tmp_path / "made"
    checkpoint.write_bytes(saved(state(SMALL)))
    n_bytes = install.float32_bytes(edge)
    with Converter() as converter:
        with monkeypatch.context() as patch, pytest.raises(ZooError, match="damaged, or too large"):
            child_that_runs(patch, program)
            converter.convert(checkpoint, edge, output, n_bytes=n_bytes)
        assert not output.exists()
        converter.convert(checkpoint, edge, output, n_bytes=n_bytes)
    assert load_file(output).keys() == state(SMALL).keys()


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path / "installed"))
    return tmp_path / "installed"


def write_pinned(folder: Path) -> Path:
    """A zoo whose one network is installed, with its digest in zoo.toml."""
    write_recipe(folder, "http://127.0.0.1/", ("plain",))
    weights = folder / "plain.safetensors"
    save_file(state(SMALL), weights)
    toml = folder / "zoo.toml"
    toml.write_text(toml.read_text() + f'sha256 = "{hashlib.sha256(weights.read_bytes()).hexdigest()}"\n')
    return folder


def test_a_folder_with_a_zoo_is_imported_under_its_new_name(installed, tmp_path):
    folder = write_recipe(tmp_path / "mine", "http://127.0.0.1/", ("plain", "prefixed"))
    (folder / "plain.pth").write_bytes(saved(state(SMALL)))
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.writestr("prefixed.pth", saved(state(GREY)))
    result = CliRunner().invoke(app, ["import", str(folder), "--as", "mine2"])
    assert result.exit_code == 0, result.output
    zoo = load_zoo("mine2")
    assert zoo.name == "mine2" and len(zoo.edges) == 2 and zoo.folder == installed / "mine2"


def everything_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def write_recorded(folder: Path, seed: int = 0) -> Path:
    """A zoo whose one network is installed, with its digest in zoo.lock."""
    if not folder.exists():
        write_recipe(folder, "http://127.0.0.1/", ("plain",))
        toml = folder / "zoo.toml"
        toml.write_text(toml.read_text().replace('archive = "models"', ""))
    save_file(state(SMALL, seed), folder / "plain.safetensors")
    install.record(read_zoo(str(folder)))
    return folder


def test_an_import_that_fails_leaves_the_zoo_of_that_name_as_it_was(installed, tmp_path):
    folder = write_recorded(tmp_path / "mine")
    install.import_zoo(folder, "mine", on_problem=pytest.fail)
    before = everything_in(installed / "mine")
    (folder / "plain.safetensors").unlink()
    (folder / "zoo.toml").write_text((folder / "zoo.toml").read_text().replace('version = "1"', 'version = "2"'))
    with pytest.raises(ZooError, match="contains no network that zoo 'released' lacks; it lacks plain"):
        install.import_zoo(folder, "mine", on_problem=pytest.fail)
    (folder / "plain.pth").write_bytes(b"no checkpoint")
    problems: list[str] = []
    with pytest.raises(ZooError, match="nothing was imported as 'mine'; correct "):
        install.import_zoo(folder, "mine", on_problem=problems.append)
    assert len(problems) == 1 and everything_in(installed / "mine") == before
    assert load_zoo("mine").missing == ()


def test_constants_that_were_measured_stay_at_a_second_import_until_a_network_changes(installed, tmp_path):
    folder = write_recorded(tmp_path / "mine")
    install.import_zoo(folder, "mine", on_problem=pytest.fail)
    row = {"paths": ["rgb-depth-normal"], "mu": [0.1], "sigma": [0.2], "origin": "here"}
    lock = lock_of(installed / "mine")
    write_lock(installed / "mine", {**lock, "energy": {"normal": row}})
    before = everything_in(installed / "mine")
    install.import_zoo(folder, "mine", on_problem=pytest.fail)
    assert everything_in(installed / "mine") == before

    install.import_zoo(write_recorded(folder, seed=1), "mine", on_problem=pytest.fail)
    after = everything_in(installed / "mine")
    assert after["plain.safetensors"] == (folder / "plain.safetensors").read_bytes() != before["plain.safetensors"]
    assert json.loads(after["zoo.lock"])["energy"] == {} and load_zoo("mine").missing == ()


def test_a_file_that_changed_after_it_was_recorded_is_not_imported_until_it_is_recorded_again(installed, tmp_path):
    folder = write_recorded(tmp_path / "mine")
    save_file(state(SMALL, 1), folder / "plain.safetensors")
    refused = CliRunner().invoke(app, ["import", str(folder), "--as", "mine"])
    assert refused.exit_code == 1
    assert re.search("it is another file.*zoo check FOLDER --record", refused.output)
    assert not (installed / "mine" / "zoo.toml").exists()
    install.record(read_zoo(str(folder)))
    zoo = install.import_zoo(folder, "mine", on_problem=pytest.fail)
    assert [edge.digest for edge in zoo.edges] == [edge.digest for edge in read_zoo(str(folder)).edges]


def test_a_folder_is_imported_from_where_it_is_also_under_the_name_of_an_installed_zoo(
    installed, tmp_path, monkeypatch
):
    folder = write_recorded(tmp_path / "mine")
    install.import_zoo(folder, "mine", on_problem=pytest.fail)
    (folder / "zoo.toml").write_text((folder / "zoo.toml").read_text().replace('version = "1"', 'version = "2"'))
    monkeypatch.chdir(tmp_path)
    assert read_zoo("mine").version == "1" and read_zoo("./mine").version == "2"
    assert install.import_zoo(Path("mine"), "mine", on_problem=pytest.fail).version == "2"
    (folder / "zoo.toml").write_text("name = ")
    with pytest.raises(ZooError, match="fix that line"):
        install.import_zoo(Path("mine"), "mine", on_problem=pytest.fail)
    assert str(installed / "mine") in CliRunner().invoke(app, ["check", "mine"]).output.replace("\n", "")


def test_a_pickle_is_not_taken_for_the_weights_of_a_program(installed, tmp_path):
    folder = write_recipe(tmp_path / "mine", "http://127.0.0.1/", ("plain",))
    toml = folder / "zoo.toml"
    as_code = 'format = "code"\narchitecture = "torch:nn"'
    toml.write_text(toml.read_text().replace('architecture = "xtc-unet"', as_code).replace('archive = "models"', ""))
    (folder / "plain.pth").write_bytes(saved(state(SMALL)))
    problems: list[str] = []
    with pytest.raises(ZooError, match="nothing was imported"):
        install.import_zoo(folder, "mine", on_problem=problems.append)
    assert re.search(r"plain.pth: a pickle.*with safetensors, as plain.safetensors", problems[0])


def test_single_files_fill_a_zoo_of_the_project(installed, tmp_path):
    file = tmp_path / "normal2curvature.pth"
    torch.save(
        {f"parallel_apply.module.{k}": v for k, v in registry.build("xtc-dense-1by1").state_dict().items()}, file
    )
    result = CliRunner().invoke(app, ["import", str(file), "--as", "xtc"])
    assert result.exit_code == 1  # 35 are missing still
    assert "1 of 36 networks installed" in result.output
    assert [edge.name for edge in read_zoo("xtc").edges if edge.weights] == ["normal-curvature_taskonomy.shared"]
    assert (installed / "xtc" / "normal2curvature.safetensors").is_file()


def test_weights_that_changed_after_they_were_fetched_are_not_loaded(installed, tmp_path):
    install.import_zoo(write_pinned(tmp_path / "mine"), "mine", on_problem=pytest.fail)
    save_file(state(SMALL, 1), installed / "mine" / "plain.safetensors")
    edge = load_zoo("mine").edges[0]
    with pytest.raises(ZooError, match="download them again"):
        load_network(edge, device=torch.device("cpu"), dtype=torch.float32)


@pytest.mark.parametrize("name", ["..", "../outside", "a/b", ""])
def test_the_name_of_an_imported_zoo_is_no_path(installed, tmp_path, name):
    folder = write_recipe(tmp_path / "mine", "http://127.0.0.1/", ("plain",))
    with pytest.raises(ZooError, match=r"--as: .*invalid name"):
        install.import_zoo(folder, name, on_problem=pytest.fail)
    assert not installed.exists()


def test_what_an_imported_zoo_extends_stays_where_it_is(installed, tmp_path):
    folder = write_pinned(tmp_path / "mine")
    toml = folder / "zoo.toml"
    head = 'extends = "mini"\nfallback = "baseline"\n'
    toml.write_text(head + toml.read_text().replace('"baseline"', '"mine"'))
    zoo = install.import_zoo(folder, "mine", on_problem=pytest.fail)
    assert zoo.methods == ("mine", "baseline", "consistency", "multitask") and zoo.missing == ()
    assert {path.name for path in (installed / "mine").glob("*.safetensors")} == {"plain.safetensors"}


EXTENSION = """
name = "mine"
version = "1"
licence = "MIT"
extends = "walls"
multiple = 1
domains = ["rgb", "wall"]

[[edge]]
source = "wall"
target = "normal"
method = "shared"
architecture = "xtc-unet"
arguments = { downsample = 1, in_channels = 1, out_channels = 3 }
weights = "own.safetensors"
output = { range = [0.0, 1.0] }
"""
WALL = """
[domain.wall]
title = "Wall"
channels = 1
"""


def test_a_zoo_has_the_domains_of_the_one_it_extends_and_its_networks_are_pulled_to_where_that_one_is(
    installed, site, tmp_path
):
    site.body = zipped({"plain.pth": saved(state(SMALL)), "prefixed.pth": saved(state(GREY))})
    toml = write_recipe(installed / "walls", site.url, ("plain", "prefixed")) / "zoo.toml"
    toml.write_text(
        toml.read_text().replace('target = "depth"', 'target = "wall"').replace('"rgb",', '"rgb", "wall",') + WALL
    )
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "zoo.toml").write_text(EXTENSION)
    save_file(state(FROM_GREY), folder / "own.safetensors")
    assert install.record(read_zoo(str(folder))) == 1
    assert read_zoo(str(folder)).own_missing == () and len(read_zoo(str(folder)).missing) == 2
    result = CliRunner().invoke(app, ["pull", str(folder)])
    assert result.exit_code == 0, result.output
    zoo = load_zoo(str(folder))
    assert zoo.missing == () and "rgb-wall-normal" in zoo.paths("baseline")
    assert (
        zoo.domain("wall").title == "Wall" and zoo.chain("baseline", "rgb-wall-normal")[1].source_domain.title == "Wall"
    )
    assert {path.name for path in folder.glob("*.safetensors")} == {"own.safetensors"}
    assert {path.name for path in (installed / "walls").glob("*.safetensors")} == {
        "plain.safetensors",
        "prefixed.safetensors",
    }

    with pytest.raises(ZooError, match="has all of its networks"):
        install.import_zoo(folder / "own.safetensors", str(folder), on_problem=pytest.fail)
    (folder / "zoo.toml").write_text(EXTENSION + WALL.replace("Wall", "Other"))
    with pytest.raises(ZooError, match="domain wall differs from that of zoo 'walls'"):
        read_zoo(str(folder))


@pytest.mark.parametrize("name", ["mini", "xtc"])
def test_a_zoo_of_ones_own_cannot_take_the_name_of_one_of_the_project(installed, tmp_path, name):
    folder = write_recipe(tmp_path / "mine", "http://127.0.0.1/", ("plain",))
    with pytest.raises(ZooError, match="give another name"):
        install.import_zoo(folder, name, on_problem=pytest.fail)
