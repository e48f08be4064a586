"""ONNX networks whose weights are in files beside them: read from there only, hashed, and copied with the network."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner, Result

from consistency.zoo.explained import BadNetwork
from consistency.zoo.load import load_network
from consistency.zoo.lock import read_lock
from consistency.zoo.networks.external_data import locations
from consistency.zoo.read import load_zoo
from consistency.zoo.records import ZooError
from precompute.cli.app import app

ZOO = """name = "outside"
version = "1"
licence = "MIT"
multiple = 1
domains = ["rgb", "reshading"]
[[edge]]
source = "rgb"
target = "reshading"
method = "m"
format = "onnx"
weights = "net.onnx"
"""


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def write_network(folder: Path, factor: float = 1.0, location: str = "net.onnx.data", name: str = "net.onnx") -> Path:
    """`factor` times the mean of the channels."""
    folder.mkdir(parents=True, exist_ok=True)
    weight = np.full((1, 3, 1, 1), factor / 3, np.float32)
    given, made = (helper.make_tensor_value_info(n, 1, ["N", c, "H", "W"]) for n, c in (("image", 3), ("out", 1)))
    tensor = numpy_helper.from_array(weight, "w")
    graph = helper.make_graph([helper.make_node("Conv", ["image", "w"], ["out"])], "g", [given], [made], [tensor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / location).unlink(missing_ok=True)
    onnx.save(model, folder / name, save_as_external_data=True, location=location, size_threshold=0)
    (folder / "zoo.toml").write_text(ZOO.replace("net.onnx", name))
    return folder


def predicted(folder: Path | str) -> float:
    network = load_network(load_zoo(str(folder)).edges[0], device=torch.device("cpu"), dtype=torch.float32)
    return float(network(torch.full((1, 3, 8, 8), 0.5)).mean())


def test_the_weights_are_read_beside_the_network_from_whatever_folder_it_is_run(tmp_path, monkeypatch):
    folder = write_network(tmp_path / "zoo", 1.0)
    elsewhere = write_network(tmp_path / "elsewhere", 0.5)
    assert call("zoo", "check", folder, "--record").exit_code == 0
    for current in (tmp_path, folder, elsewhere):
        monkeypatch.chdir(current)
        assert predicted(folder) == pytest.approx(0.5)


def test_the_digest_follows_the_weights_and_changed_ones_are_not_run(tmp_path):
    folder = write_network(tmp_path / "zoo", 1.0)
    call("zoo", "check", folder, "--record")
    before, graph = load_zoo(str(folder)).edges[0].digest, (folder / "net.onnx").read_bytes()
    write_network(folder, 0.5)
    assert (folder / "net.onnx").read_bytes() == graph
    with pytest.raises(ZooError, match=r"in net\.onnx\.data have SHA-256 .*zoo check FOLDER --record"):
        predicted(folder)
    assert call("zoo", "check", folder).exit_code == 1
    assert call("zoo", "check", folder, "--record").exit_code == 0
    assert load_zoo(str(folder)).edges[0].digest != before
    assert predicted(folder) == pytest.approx(0.25)


def test_a_digest_that_was_never_recorded_is_asked_for(tmp_path):
    """As by the versions that knew of the graph alone, and where zoo.toml states its digest."""
    folder = write_network(tmp_path / "zoo")
    call("zoo", "check", folder, "--record")
    lock = (folder / "zoo.lock").read_text()
    row = read_lock(folder)["weights"]["net.onnx"]
    (folder / "zoo.toml").write_text(f'{ZOO}sha256 = "{row["sha256"]}"\n')
    (folder / "zoo.lock").unlink()
    with pytest.raises(ZooError, match=r"net\.onnx\.data too, of which no digest is recorded.*--record"):
        predicted(folder)
    assert call("zoo", "check", folder, "--record").exit_code == 0
    assert read_lock(folder)["weights"]["net.onnx"]["data"] == row["data"] and lock
    assert predicted(folder) == pytest.approx(0.5)


def test_a_network_of_one_file_keeps_its_digest(tmp_path):
    folder = write_network(tmp_path / "zoo")
    onnx.save(onnx.load(folder / "net.onnx"), folder / "one.onnx")
    (folder / "zoo.toml").write_text(ZOO.replace("net.onnx", "one.onnx"))
    call("zoo", "check", folder, "--record")
    assert "data" not in read_lock(folder)["weights"]["one.onnx"]
    assert predicted(folder) == pytest.approx(0.5)


@pytest.mark.parametrize("how", ["missing", "link out", "folder", "pipe"])
def test_weights_that_are_not_a_file_beside_the_network_are_refused(tmp_path, how):
    folder = write_network(tmp_path / "zoo")
    data = folder / "net.onnx.data"
    data.rename(tmp_path / "secret")
    if how == "link out":
        data.symlink_to("../secret")
    elif how == "folder":
        data.mkdir()
    elif how == "pipe":
        os.mkfifo(data)
    result = call("zoo", "check", folder, "--record")
    assert result.exit_code == 1
    assert (
        "net.onnx.data, " + ("a link out of its folder" if how == "link out" else "which is not beside")
        in result.output
    )


def test_a_link_within_the_folder_is_followed(tmp_path):
    folder = write_network(tmp_path / "zoo")
    (folder / "net.onnx.data").rename(folder / "blob")
    (folder / "net.onnx.data").symlink_to("blob")
    (tmp_path / "by another name").symlink_to(folder)
    assert call("zoo", "check", tmp_path / "by another name", "--record").exit_code == 0


@pytest.mark.parametrize(
    "location", ["../net.data", "/etc/passwd", "sub/net.data", "..", "", ".", "zoo.toml", ".hidden", "a\\b"]
)
def test_places_other_than_beside_the_network_are_refused(location):
    with pytest.raises(BadNetwork, match="save it as one file"):
        locations(graph_with(external(location)), "rgb-depth.m")
    assert locations(graph_with(external("./net.data")), "rgb-depth.m") == {"./net.data": "net.data"}


def external(location: str) -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="offset", value="0")
    tensor.external_data.add(key="location", value=location)
    return tensor


def graph_with(tensor: TensorProto, where: str = "initializer") -> bytes:
    """A model that holds a tensor in one of the places where it may."""
    node = helper.make_node("If", ["c"], ["y"])
    inner = helper.make_graph([], "inner", [], [], [tensor])
    graph = helper.make_graph([], "g", [], [])
    model = helper.make_model(graph)
    if where == "initializer":
        model.graph.initializer.append(tensor)
    elif where == "constant":
        node.attribute.append(helper.make_attribute("value", tensor))
        model.graph.node.append(node)
    elif where == "tensors":
        node.attribute.append(helper.make_attribute("values", [tensor]))
        model.graph.node.append(node)
    elif where == "branch":
        node.attribute.append(helper.make_attribute("then_branch", inner))
        model.graph.node.append(node)
    elif where == "function":
        model.functions.add(name="f", domain="d").node.add().attribute.append(helper.make_attribute("value", tensor))
    elif where == "sparse":
        model.graph.sparse_initializer.add().values.CopyFrom(tensor)
    elif where == "training":
        model.training_info.add().algorithm.CopyFrom(inner)
    return model.SerializeToString()


@pytest.mark.parametrize("where", ["initializer", "constant", "tensors", "branch", "function", "sparse", "training"])
def test_every_place_of_a_graph_is_looked_at(where):
    assert locations(graph_with(external("w.bin"), where), "rgb-depth.m") == {"w.bin": "w.bin"}


def test_broken_bytes_are_named():
    graph = graph_with(external("w.bin"))
    for at in range(len(graph)):
        broken = graph[:at] + bytes([graph[at] ^ 0x84]) + graph[at + 1 :]
        for bad in (broken, graph[:at]):
            try:
                locations(bad, "rgb-depth.m")
            except BadNetwork as error:
                assert error.next_step


def test_import_copies_the_weights_beside_the_network_and_records_them(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path / "zoos"))
    source = write_network(tmp_path / "source", 1.0)
    for factor in (1.0, 0.5):
        write_network(source, factor)
        assert call("zoo", "check", source, "--record").exit_code == 0
        assert call("zoo", "import", source, "--as", "theirs").exit_code == 0
        assert sorted(path.name for path in (tmp_path / "zoos" / "theirs").glob("[!.]*")) == [
            "net.onnx", "net.onnx.data", "zoo.lock", "zoo.toml",
        ]  # fmt: skip
        assert load_zoo("theirs").edges[0].digest == load_zoo(str(source)).edges[0].digest
        assert predicted("theirs") == pytest.approx(factor / 2)
    (source / "net.onnx.data").unlink()
    assert predicted("theirs") == pytest.approx(0.25), "the copy needs the folder no more"


def test_import_finds_the_weights_in_an_archive_too(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path / "zoos"))
    source = write_network(tmp_path / "source", 1.0)
    with zipfile.ZipFile(source / "all.zip", "w") as archive:
        for name in ("net.onnx", "net.onnx.data"):
            archive.write(source / name, f"deep/{name}")
            (source / name).unlink()
    imported = call("zoo", "import", source, "--as", "theirs")
    assert imported.exit_code == 0, imported.output
    assert predicted("theirs") == pytest.approx(0.5)


@pytest.mark.parametrize("how", ["missing", "link out"])
def test_import_takes_no_network_whose_weights_are_elsewhere(tmp_path, monkeypatch, how):
    monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path / "zoos"))
    source = write_network(tmp_path / "source", 1.0)
    (source / "net.onnx.data").rename(tmp_path / "net.onnx.data")
    if how == "link out":
        (source / "net.onnx.data").symlink_to("../net.onnx.data")
    result = call("zoo", "import", source, "--as", "theirs")
    assert result.exit_code != 0 and "net.onnx.data" in result.output
    assert not list((tmp_path / "zoos").rglob("net.onnx*"))


def test_two_networks_cannot_share_a_name_for_different_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path / "zoos"))
    source = write_network(tmp_path / "source" / "a", 1.0, "w.bin", "a.onnx").parent
    write_network(source / "b", 0.5, "w.bin", "b.onnx")
    edges = ZOO.replace("net.onnx", "a.onnx") + ZOO[ZOO.index("[[edge]]") :].replace("net.", "b.").replace('"m"', '"n"')
    (source / "zoo.toml").write_text(edges)
    result = call("zoo", "import", source, "--as", "theirs")
    assert result.exit_code != 0 and "another file of that name" in result.output
