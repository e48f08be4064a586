"""Networks that a program of a GitHub repository builds: run once where that is allowed, saved as ONNX, and never run again."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from consistency.zoo.load import load_network
from consistency.zoo.read import known_zoos, load_zoo
from precompute.cli.app import app
from precompute.net.addresses import ALLOW_LOOPBACK_VARIABLE
from precompute.zoos.hub import export_process, repository
from precompute.zoos.hub.presets import presets
from tests.fixtures.web.sites import Site, running

COMMIT = "d" * 40
HUBCONF = """
dependencies = ["torch"]

import torch
from parts.network import Network  # a module of the repository


def depth(pretrained=True, url="", **kwargs):
    network = Network()
    if pretrained:
        network.load_state_dict(torch.hub.load_state_dict_from_url(url, map_location="cpu", progress=True))
    return network


def of_one_size():
    class Fixed(torch.nn.Module):
        def forward(self, x):
            return x.mean(1, keepdim=True) * float(x.shape[-1]) / 1000  # a constant, once it is saved

    return Fixed()


def predictor():
    return print


def downloader():
    import urllib.request

    urllib.request.urlopen("http://127.0.0.1:1/secret")


def fails():
    raise SystemExit("no CUDA here")
"""
NETWORK = """
import torch


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        made = self.layer(x).sigmoid()
        return {"depth": made[:, 0], "normal": torch.nn.functional.normalize(made[:, 1:], dim=1), "n": 3}
"""
PRIORS = """
import torch


class Priors(torch.nn.Module):
    def __init__(self, out_channels=3, load_encoder_path=None, load_decoder_path=None):
        super().__init__()
        self.encoder = torch.nn.Conv2d(3, 4, 1)
        self.decoder = torch.nn.Conv2d(4, out_channels, 1)
        self.encoder.load_state_dict(torch.utils.model_zoo.load_url(load_encoder_path)["state_dict"])
        self.decoder.load_state_dict(torch.utils.model_zoo.load_url(load_decoder_path, progress=True)["state_dict"])

    def forward(self, x):
        if x.shape[-2:] != (32, 32):
            raise ValueError("only for 32 x 32")
        return self.decoder(self.encoder(x)).tanh()
"""
FILES = {"hubconf.py": HUBCONF, "parts/__init__.py": "", "parts/network.py": NETWORK, "parts/priors.py": PRIORS}
EDGES = """
[arguments]
url = "{url}"

[[edge]]
target = "depth"
head = "depth"
output = {{ physical = [0.1, 10.0] }}

[[edge]]
target = "normal"
head = "normal"
output = {{ range = [-1.0, 1.0], axes = ["-x", "-y", "-z"] }}
"""


def archive_of(files: dict[str, str], comment: str = COMMIT, folder: str = "tiny-dddd") -> bytes:
    """A zip archive as GitHub makes one."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}"), text)  # always of the same date
        archive.comment = comment.encode()
    return data.getvalue()


def weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "layer.weight": torch.rand(4, 3, 3, 3, generator=generator) - 0.4,
        "layer.bias": torch.rand(4, generator=generator),
    }


@pytest.fixture
def site(tmp_path, monkeypatch):
    with running() as found:
        monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path / "zoos"))
        monkeypatch.setenv(ALLOW_LOOPBACK_VARIABLE, "1")
        monkeypatch.setenv(repository.SERVER_VARIABLE, found.address)
        yield found


def serve(site: Site, content: bytes | None = None, weights_name: str = "", data: bytes | None = None) -> str:
    """Serve the repository and its weights, a file of torch; their address."""
    site.page(f"/someone/tiny/archive/{COMMIT}.zip", content or archive_of(FILES), "application/zip")
    if data is None:
        buffer = io.BytesIO()
        torch.save(weights(), buffer)
        data = buffer.getvalue()
    name = weights_name or f"tiny-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    return site.page(f"/files/{name}", data, "application/octet-stream")


def add(tmp_path: Path, url: str, entry: str = "depth", *words: str, edges: str = EDGES) -> Result:
    like = tmp_path / "edges.toml"
    like.write_text(edges.format(url=url))
    source = f"hub:someone/tiny@{COMMIT}:{entry}"
    options = ["--like", str(like), "--allow-code", "--accept-licence"]
    return CliRunner().invoke(app, ["zoo", "add", source, "--as", "tiny", *(words or options)])


def nothing_added(tmp_path: Path) -> bool:
    left = [path for path in (tmp_path / "zoos").rglob("*") if path.is_file() and not path.name.startswith(".writing")]
    return "tiny" not in known_zoos() and not left


def own_outputs(pictures: torch.Tensor) -> dict[str, torch.Tensor]:
    """What the program's network gives, written out."""
    made = torch.nn.functional.conv2d(pictures, weights()["layer.weight"], weights()["layer.bias"], padding=1).sigmoid()
    return {"depth": made[:, :1], "normal": torch.nn.functional.normalize(made[:, 1:], dim=1)}


def test_a_program_s_network_is_saved_with_its_weights_and_runs_without_the_program(site, tmp_path):
    url = serve(site)
    result = add(tmp_path, url)
    assert result.exit_code == 0, result.output
    zoo = load_zoo("tiny")  # without allow_code
    assert {edge.format for edge in zoo.edges} == {"onnx"} and zoo.version == COMMIT[:12]
    assert zoo.edges[0].run_digest == zoo.edges[1].run_digest
    pictures = torch.rand(2, 3, 40, 72, generator=torch.Generator().manual_seed(1))
    expected = own_outputs(pictures)
    depth, normal = (
        load_network(edge, device=torch.device("cpu"), dtype=torch.float32)(pictures) for edge in zoo.edges
    )
    metres = 0.1 * 160**depth
    torch.testing.assert_close(metres, 0.1 + 9.9 * expected["depth"], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(normal, (1 - expected["normal"]) / 2, atol=1e-4, rtol=1e-4)
    lock = json.loads((tmp_path / "zoos" / "tiny" / "zoo.lock").read_text())
    rows = lock["archives"]
    assert {row["url"] for row in rows.values()} == {url, f"{site.address}/someone/tiny/archive/{COMMIT}.zip"}
    assert rows["program"]["sha256"] == hashlib.sha256(archive_of(FILES)).hexdigest()
    assert "SHA-256 " + rows["weights-1"]["sha256"][:12] in result.output
    assert not list((tmp_path / "zoos").rglob("*.py"))


def test_a_class_of_a_module_that_gets_two_checkpoints_and_reads_one_size_is_saved_for_that_size(site, tmp_path):
    """As the networks of Taskonomy are loaded by visual-prior."""
    serve(site)
    generator, states, urls = torch.Generator().manual_seed(2), [], []
    for shape in ((4, 3, 1, 1), (3, 4, 1, 1)):
        state = {
            "weight": torch.rand(shape, generator=generator) - 0.5,
            "bias": torch.rand(shape[0], generator=generator),
        }
        buffer = io.BytesIO()
        torch.save({"epoch": 3, "state_dict": state}, buffer)
        name = f"part-{hashlib.sha256(buffer.getvalue()).hexdigest()}.pth"
        states.append(state)
        urls.append(site.page(f"/{name}", buffer.getvalue(), "application/octet-stream"))
    edges = (
        f'[arguments]\nout_channels = 3\nload_encoder_path = "{urls[0]}"\nload_decoder_path = "{urls[1]}"\n'
        '[[edge]]\ntarget = "normal"\ninput = {{ size = [32, 32], range = [-1.0, 1.0] }}\noutput = {{ range = [-1.0, 1.0] }}\n'
    )
    result = add(tmp_path, "", "parts.priors:Priors", edges=edges)
    assert result.exit_code == 0, result.output
    pictures = torch.rand(2, 3, 32, 32, generator=generator)
    x = pictures * 2 - 1
    for state in states:
        x = torch.nn.functional.conv2d(x, state["weight"], state["bias"])
    network = load_network(load_zoo("tiny").edges[0], device=torch.device("cpu"), dtype=torch.float32)
    torch.testing.assert_close(network(pictures), (x.tanh() + 1) / 2, atol=1e-5, rtol=1e-5)


def test_without_the_word_of_the_user_it_is_said_what_would_run_and_nothing_is_fetched(site, tmp_path):
    url = serve(site)
    like = tmp_path / "edges.toml"
    result = add(tmp_path, url, "depth", "--like", str(like), "--accept-licence")
    assert result.exit_code == 1 and "--allow-code" in result.output
    assert f"downloads its commit {COMMIT[:12]} and runs depth of it, a program" in result.output
    result = add(tmp_path, url, "depth", "--like", str(like), "--allow-code")
    assert result.exit_code == 1 and "the licence of someone/tiny is not stated" in result.output
    assert "--accept-licence" in result.output
    result = add(tmp_path, url, "depth", "--allow-code", "--accept-licence")
    assert result.exit_code == 1 and "describe its outputs: --like FILE" in result.output
    assert not site.requests and nothing_added(tmp_path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("predictor", "gives a builtin_function_or_method, not a network"),
        ("downloader", "its program wants to download by itself"),
        ("fails", "SystemExit: no CUDA here"),
        ("of_one_size", "state its `input.size`"),
    ],
)
def test_a_program_that_gives_no_network_is_named_and_nothing_is_added(site, tmp_path, entry, message):
    edges = '[[edge]]\ntarget = "depth"\noutput = {{ physical = [0.1, 10.0] }}\n'
    result = add(tmp_path, serve(site), entry, edges=edges)
    assert result.exit_code == 1 and message in result.output.replace("\n", " "), result.output
    assert nothing_added(tmp_path)


@pytest.mark.parametrize(
    ("hubconf", "entry", "message"),
    [
        ("def depth():\n    pass\n", "depths", "it has no entry depths; it has depth"),
        (
            "import a_library_that_nobody_has",
            "depth",
            "it needs a_library_that_nobody_has; install it: pip install a_lib",
        ),
        ("dependencies = ['torch', 'no_such_one']", "depth", "it needs no_such_one; install it"),
        ("def _hidden():\n    pass\n", "_hidden", "it has no entry _hidden"),
        ("", "no_such_module:Network", "it needs no_such_module; install it, or correct the name"),
        (None, "depth", "its repository has no hubconf.py"),
    ],
)
def test_an_entry_that_cannot_be_called_is_named_with_the_reason(tmp_path, monkeypatch, hubconf, entry, message):
    monkeypatch.chdir(tmp_path)
    if hubconf is not None:
        (tmp_path / "hubconf.py").write_text(hubconf)
    with pytest.raises(export_process.CannotExport, match=message):
        export_process.find_entry(entry)


class Evil:
    def __reduce__(self):
        return (print, ("ran",))


def evil_checkpoint() -> bytes:
    data = io.BytesIO()
    torch.save({"layer.weight": Evil()}, data)
    return data.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("tiny.pth", evil_checkpoint(), "Weights only load failed"),
        ("tiny-00000000.pth", None, "not 00000000 as its name says"),
    ],
    ids=["a pickle", "another file"],
)
def test_weights_that_are_not_what_they_should_be_add_nothing(site, tmp_path, name, data, message):
    url = serve(site, weights_name=name, data=data)
    result = add(tmp_path, url)
    assert result.exit_code == 1 and message in result.output.replace("\n", " "), result.output
    assert nothing_added(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>not found</html>", "is not a zip archive"),
        (archive_of(FILES, comment="e" * 40), "is of commit eeeeeeeeeeee, not dddddddddddd"),
        (archive_of({"../../evil.py": "x = 1"}), "its archive has a file at"),
    ],
    ids=["a page", "another commit", "outside"],
)
def test_an_archive_that_is_not_the_repository_adds_nothing(site, tmp_path, content, message):
    result = add(tmp_path, serve(site, content))
    assert result.exit_code == 1 and message in result.output.replace("\n", " "), result.output
    assert nothing_added(tmp_path)


def test_an_archive_that_unpacks_to_more_than_it_may_is_not_unpacked(site, tmp_path, monkeypatch):
    monkeypatch.setattr(repository, "MAX_ARCHIVE_BYTES", 4096)
    result = add(tmp_path, serve(site, archive_of({"hubconf.py": "#" * 10_000})[:4000]))
    assert result.exit_code == 1 and nothing_added(tmp_path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hub:someone/tiny:depth", "names no commit, and its program could change unseen"),
        ("hub:someone/tiny@main:depth", "git ls-remote"),
        (f"hub:someone/tiny@{COMMIT}", "is not the entry of a repository"),
        (f"hub:../tiny@{COMMIT}:depth", "is not the entry of a repository"),
        (f"hub:someone/tiny@{COMMIT}:a.b.c", "is not the entry of a repository"),
        ("diffusers:prs-eth/marigold-depth-v1-1", "python -m precompute results add"),
    ],
)
def test_a_source_that_is_not_pinned_asks_nobody(site, source, message):
    result = CliRunner().invoke(app, ["zoo", "add", source, "--as", "tiny", "--allow-code"])
    assert result.exit_code == 1 and message in result.output.replace("\n", " ") and not site.requests


def test_the_presets_that_are_programs_are_pinned_and_say_what_runs(site):
    programs = [preset for preset in presets() if preset.id.startswith("hub:")]
    assert programs
    for preset in programs:
        assert repository.parse(preset.id.removeprefix("hub:")).commit
        assert f"--like {preset.name} --allow-code" in preset.command
        words = preset.command.replace(" --allow-code", "").split()[3:]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 1 and "a program that can do on this machine" in result.output.replace("\n", " ")
    assert not site.requests
