"""Laws of zoos: heads that fit, edges for every energy, digests that stay."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cache.keys import track_key
from cache.records import Clip
from consistency.models.geonet import GeoNet
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.networks.adapters import InputSpec, OutputSpec
from consistency.zoo.read import load_zoo
from consistency.zoo.records import SHARED, Edge, Zoo, ZooError
from precompute.jobs.output.tracks import plan_tracks
from tests.fixtures.zoos import LAB_METHODS, LAB_TARGETS, write_lab, write_zoo

CPU = torch.device("cpu")


def fused(edge: Edge) -> torch.nn.Module:
    """As `load`, but a GeoNet corrects its predictions, as a new one does not."""
    network = load(edge)
    if isinstance(network, GeoNet):
        for layer in network.normal_fusion.modules():
            if isinstance(layer, torch.nn.Conv2d):
                torch.nn.init.uniform_(layer.weight, 0, 0.02)
    return network


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def lab(folder: Path) -> Zoo:
    return load_zoo(str(folder))


def load(edge: Edge) -> torch.nn.Module:
    return load_network(edge, device=CPU, dtype=torch.float32)


def test_the_digest_of_a_network_of_one_output_is_what_it_was_before_there_were_heads():
    """Keys of stored tracks hold it."""
    edge = load_zoo("mini").edge("rgb", "edge2d", SHARED)
    assert edge.digest == "d6c8b65207662fd168d658ebbbe80b4ce2c928515621824e72d32d2313c6a26f"


def test_the_digest_of_an_adapted_network_is_what_it_was_when_its_ends_were_called_ports():
    ends = {"input_spec": InputSpec(mean=(0.5,), std=(0.25,)), "output_spec": OutputSpec(range=(0.0, 10.0))}
    edge = Edge("rgb", "depth", "own", "small-unet", {"widths": [4]}, None, "0" * 64, format="onnx", **ends)
    assert edge.digest == "9b859ae8431630c5d203fd5fee4a00c08ea5b472e9ea5a60a2e1c1a480da71d4"


def test_heads_of_one_network_share_its_digest_and_have_their_own(lab):
    normal, depth = (lab.edge("rgb", target, "multitask") for target in ("normal", "depth"))
    assert normal.weights == depth.weights and normal.network_digest == depth.network_digest
    assert len({normal.digest, depth.digest, normal.network_digest}) == 3


def test_heads_of_one_network_are_loaded_and_run_once(lab):
    loaded: list[str] = []

    def note(edge: Edge) -> torch.nn.Module:
        loaded.append(edge.network_digest)
        return load(edge)

    paths = ["rgb-normal", "rgb-depth", "rgb-reshading", "rgb-normal-depth", "rgb-depth-normal"]
    graph = Graph([lab.chain("multitask", path) for path in paths], note)
    assert len(loaded) == len(set(loaded)) == 3
    assert graph.n_runs == 3
    image = torch.rand(2, 3, 16, 16)
    outputs = graph.run(image)
    for target in LAB_TARGETS:
        chain = lab.chain("multitask", f"rgb-{target}")
        torch.testing.assert_close(outputs[chain], load(chain[0])(image)[target])


def test_a_known_field_of_view_reaches_the_networks_that_compute_with_it_and_no_others(lab):
    chains = [lab.chain(method, "rgb-normal") for method in ("geonet", "multitask")]
    graph = Graph(chains, fused)
    image = torch.rand(2, 3, 16, 16)
    assumed, known = graph.run(image), graph.run(image, torch.tensor([60.0, 90.0]))
    assert torch.equal(known[chains[0]][0], assumed[chains[0]][0])
    assert not torch.equal(known[chains[0]][1], assumed[chains[0]][1])
    assert torch.equal(known[chains[1]], assumed[chains[1]])


@pytest.mark.parametrize("method", LAB_METHODS)
def test_every_path_of_every_method_ends_in_codes_of_its_domain(lab, method):
    chains = [lab.chain(method, path) for path in lab.paths(method)]
    chains += [
        lab.chain(method, path)
        for target in lab.targets(method)
        if target in lab.energies
        for path in lab.energies[target].paths
    ]
    for chain, output in Graph(chains, load).run(torch.rand(1, 3, 16, 16)).items():
        assert output.shape == (1, 3 if chain[-1].target in ("normal", "curvature") else 1, 16, 16)
        assert output.min() >= 0 and output.max() <= 1


def test_a_method_that_lacks_a_target_offers_neither_it_nor_its_readouts(lab):
    assert lab.targets("geonet") == ("normal", "depth")
    assert not [path for path in lab.paths("geonet") if path.startswith("rgb-reshading")]
    assert "rgb-normal-reshading" in lab.paths("geonet")


def test_an_energy_takes_the_methods_own_network_then_the_shared_one_then_the_fallbacks(lab):
    assert lab.edge("rgb", "depth", "geonet").method == "geonet"
    assert lab.edge("rgb", "curvature", "geonet").method == SHARED
    assert lab.edge("rgb", "curvature", "multitask").method == "multitask"
    assert lab.edge("rgb", "reshading", "geonet").method == "baseline"


def test_what_networks_see_beyond_the_border_is_in_the_key_and_nothing_where_they_see_nothing(lab):
    def keys(width: int, multiple: int) -> dict[str, str]:
        clip = Clip("c" * 64, "clip", "a" * 64, {}, width=width, height=32, n_frames=3)
        specs = plan_tracks(clip, replace(lab, size_multiple=multiple), ["lab/baseline/rgb-normal"], {})
        return {spec.head.kind: spec.head.key for spec in specs}

    inputs = {"edges": {"rgb-normal.baseline": lab.edge("rgb", "normal", "baseline").digest}, "constants": {}}
    stored_before = track_key("c" * 64, "prediction", "lab", "baseline", "rgb-normal", {**inputs, "truth": None})
    assert keys(64, 32) == keys(64, 8) and keys(64, 8)["prediction"] == stored_before
    assert keys(48, 16)["prediction"] == stored_before
    eight, wider = keys(60, 8), keys(60, 32)
    assert eight == wider, "both give 64 columns"
    none = keys(60, 4)
    assert none["input"] == eight["input"]
    assert none["prediction"] != eight["prediction"] and none["energy"] != eight["energy"]


def changed(tmp_path: Path, *pairs: tuple[str, str], write=write_lab) -> str:
    """A zoo whose text is changed in the first place where each pattern stands."""
    toml = write(tmp_path) / "zoo.toml"
    text = toml.read_text()
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after, 1)
    tomllib.loads(text)
    toml.write_text(text)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            'head = "depth"\n',
            'head = "dept"\n',
            "rgb-depth.multitask names head 'dept'; the heads .* are normal, depth",
        ),
        ('head = "depth"\n', "", "rgb-depth.multitask names no head; the heads"),
        ('head = "depth"\n', 'head = "normal"\n', "head 'normal' gives 3 channels, depth has 1"),
        (
            'architecture = "small-unet"\n',
            'architecture = "small-unet"\nhead = "normal"\n',
            "small-unet has one output",
        ),
        ("out_channels = 3", "out_channels = 2", "small-unet gives 2 channels, normal has 3"),
        ('architecture = "small-unet"', 'architecture = "vgg"', "unknown architecture 'vgg'"),
        ('fallback = "baseline"', 'fallback = "base"', "fallback is 'base'; the methods are baseline, consistency"),
        ('fallback = "baseline"\n', "", "no edge rgb-reshading for method 'geonet'; .*fallback"),
    ],
)
def test_what_does_not_fit_is_named_when_the_zoo_is_read(tmp_path, before, after, message):
    with pytest.raises(ZooError, match=message):
        load_zoo(changed(tmp_path, (before, after)))


def test_a_zoo_without_a_fallback_serves_methods_that_need_none(tmp_path):
    assert load_zoo(str(write_zoo(tmp_path))).fallback is None


def described(folder: Path, words: str) -> str:
    """A tiny zoo with these lines at the top of its zoo.toml."""
    toml = write_zoo(folder) / "zoo.toml"
    toml.write_text(f"{words}\n{toml.read_text()}")
    return str(folder)


def test_what_a_zoo_says_of_its_networks_is_read_and_changes_no_digest(tmp_path):
    plain = load_zoo(str(write_zoo(tmp_path / "a")))
    words = 'description = "two tiny networks"\ntraining = { baseline = "each alone" }'
    told = load_zoo(described(tmp_path / "b", words))
    assert (plain.description, plain.trainings) == ("", {})
    assert (told.description, told.trainings) == ("two tiny networks", {"baseline": "each alone"})
    assert [edge.digest for edge in plain.edges] == [edge.digest for edge in told.edges]


@pytest.mark.parametrize(
    "words", [f'description = "{"x" * 201}"', "description = 3", 'description = "a\\nb"', "training = { baseline = 1 }"]
)
def test_a_description_that_no_page_can_show_is_refused(tmp_path, words):
    with pytest.raises(ZooError, match="description is text of at most 200 letters, on one line"):
        load_zoo(described(tmp_path, words))


TRUST = """
[trust.normal.baseline]
spearman = 0.53
pearson = 0.51
n_frames = 480
percentile_97_5 = 1.9
n_validation_frames = 240
auc = { "outdoor videos" = 0.8 }
"""


RANKING = """
[[ranking.normal]]
methods = ["baseline", "multitask"]
error = "angle_degrees"
shared_trunk = ["multitask"]
weighted = { share = 0.4, low = 0.3, high = 0.5, n_frames = 480, n_units = 160, same_mean = false }
"""


def with_trust(folder: Path, text: str) -> Path:
    toml = write_lab(folder) / "zoo.toml"
    toml.write_text(toml.read_text() + text)
    return folder


def test_how_far_an_energy_can_be_trusted_is_read_and_changes_no_digest(tmp_path):
    plain, trusted = load_zoo(str(write_lab(tmp_path / "a"))), load_zoo(str(with_trust(tmp_path / "b", TRUST)))
    found = trusted.trust["normal", "baseline"]
    assert (found.spearman, found.percentile_97_5, dict(found.auc)) == (0.53, 1.9, {"outdoor videos": 0.8})
    assert not plain.trust
    assert [edge.digest for edge in plain.edges] == [edge.digest for edge in trusted.edges]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("0.53", "1.53"),
        ("0.53", "nan"),
        ("480", "0"),
        ("480", "inf"),
        ("1.9", "inf"),
        ("0.8 }", "-0.1 }"),
        ('"outdoor videos"', f'"{"x" * 500}"'),
        ("pearson = 0.51", ""),
        ('{ "outdoor videos" = 0.8 }', '"many"'),
    ],
)
def test_trust_that_no_measurement_gives_is_refused(tmp_path, before, after):
    assert before in TRUST
    with pytest.raises(ZooError):
        load_zoo(str(with_trust(tmp_path, TRUST.replace(before, after))))


def test_whether_a_confidence_ranks_two_methods_is_stated_for_both(tmp_path):
    zoo = load_zoo(str(with_trust(tmp_path, RANKING)))
    found = zoo.rankings_of("normal", "baseline")["multitask"]
    assert found == zoo.rankings_of("normal", "multitask")["baseline"]
    assert (found.by["weighted"].share, found.by["weighted"].n_units, found.shared_trunk) == (0.4, 160, ("multitask",))
    assert not zoo.rankings_of("normal", "consistency")
    assert not zoo.rankings_of("depth", "baseline")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("0.4", "0.6"),
        ("0.4", "nan"),
        ("480", "159"),
        ("160", "0"),
        ("same_mean = false", "same_mean = 0"),
        ("weighted", "loudest"),
        ('"baseline", "multitask"', '"multitask"'),
        ('"baseline", "multitask"', '"multitask", "multitask"'),
        ('shared_trunk = ["multitask"]', 'shared_trunk = ["another"]'),
        ("angle_degrees", "x" * 500),
        ("[[ranking.normal]]", "[ranking.normal]"),
    ],
)
def test_a_ranking_that_no_measurement_gives_is_refused(tmp_path, before, after):
    assert before in RANKING
    with pytest.raises(ZooError):
        load_zoo(str(with_trust(tmp_path, RANKING.replace(before, after))))


def test_more_rankings_than_any_zoo_has_are_refused(tmp_path):
    with pytest.raises(ZooError, match="at most 1000"):
        load_zoo(str(with_trust(tmp_path, 1001 * RANKING)))


def test_what_merging_changes_is_read_where_the_zoo_merges(tmp_path):
    saving = '\n[saving.{}]\nerror = "{}"\npercent = -4.9\nlow = -5.9\nhigh = -3.8\nn_frames = 160\n'
    path = write_zoo(tmp_path, is_weighed=True) / "zoo.toml"
    plain = path.read_text()
    path.write_text(plain + saving.format("depth", "absrel") + saving.format("edge2d", "error"))
    found = load_zoo(str(tmp_path)).savings
    assert set(found) == {"depth"} and (found["depth"].percent, found["depth"].n_frames) == (-4.9, 160)
    for before, after in (("-5.9", "-3.0"), ("-4.9", "nan"), ("160", "0"), ("percent", "per_cent")):
        path.write_text(plain + saving.format("depth", "absrel").replace(before, after))
        with pytest.raises(ZooError):
            load_zoo(str(tmp_path))


def test_constants_measured_again_leave_the_old_trust_behind(tmp_path):
    folder = with_trust(tmp_path, TRUST + RANKING)
    energy = load_zoo(str(folder)).energies["normal"]
    paths, ones = list(energy.paths), [1.0] * len(energy.paths)
    (folder / "zoo.lock").write_text(json.dumps({"energy": {"normal": {"paths": paths, "mu": ones, "sigma": ones}}}))
    zoo = load_zoo(str(folder))
    assert not zoo.trust
    assert not zoo.rankings


def with_change(folder: Path, before: str, after: str) -> Path:
    """A tiny zoo with weights, merges and expected errors, with one change to its zoo.toml."""
    path = write_zoo(folder, is_weighed=True) / "zoo.toml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    return folder


def test_weights_are_read_with_the_scale_of_what_they_borrow(tmp_path):
    zoo = load_zoo(str(with_change(tmp_path, "mu = [0.1, 0.1]", "mu = [0.3, 0.2]")))  # of normals
    depth = zoo.energies["depth"]
    assert depth.all_paths == ("rgb-normal-depth", "rgb-edge2d-depth", "rgb-depth-normal")
    assert depth.all_mu == (0.1, 0.1, 0.3)
    assert depth.all_weights == (0.5, 0.25, 1.5)
    assert depth.paper_weights == (0.5, 0.5, 0.0)
    assert ("merged", "rgb-normal") in zoo.configurations()
    assert zoo.expected["normal", "merged"].factor is None
    assert zoo.merges["normal"].mirror == 0.375


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("weights = [1.25, 0]", "weights = [1.25]", "one weight per path"),
        ("weights = [1.25, 0]", "weights = [-1.25, 1]", "0 or more"),
        ("weights = [1.25, 0]", "weights = [0, 0]", "not all 0"),
        ("weights = [1.25, 0]", "weights = [nan, 0]", "0 or more"),
        ('borrowed = ["rgb-depth-normal"]', 'borrowed = ["rgb-normal-depth"]', "another target's energy"),
        ('borrowed = ["rgb-depth-normal"]', 'borrowed = ["rgb-depth-edge2d"]', "another target's energy"),
        ("mirror = 0.375", "mirror = 0.5", "sum 1"),
        ("mirror = 0.375", "mirror = -0.375", "0 or more"),
        ('paths = ["rgb-normal", "rgb-depth-normal"', 'paths = ["rgb-depth", "rgb-depth-normal"', "first path"),
        ('of = "baseline"', 'of = "nobody"', "not a method"),
        ("factor = 1.5", "factor = 0.5", "at least 1"),
        ("intercept = 3", "intercept = inf", "finite"),
        ("coefficients = [0.5, 0.5]", "coefficients = [0.5]", "one coefficient per feature"),
        ('method = "consistency"', 'method = "merged"', "made of others"),
    ],
)
def test_weights_merges_and_expected_errors_that_cannot_be_are_refused_in_words(tmp_path, before, after, problem):
    with pytest.raises(ZooError, match=problem):
        load_zoo(str(with_change(tmp_path, before, after)))


def test_constants_measured_again_leave_the_old_weights_and_expected_errors_behind(tmp_path):
    folder = write_zoo(tmp_path, is_weighed=True)
    row = {"paths": ["rgb-depth-normal", "rgb-edge2d-normal"], "mu": [0.2, 0.2], "sigma": [0.1, 0.1]}
    (folder / "zoo.lock").write_text(json.dumps({"energy": {"normal": row}}))
    zoo = load_zoo(str(folder))
    assert not zoo.energies["normal"].weights
    assert ("normal", "baseline") not in zoo.expected
    assert zoo.energies["depth"].weights  # its own constants, and those of what it borrows, are still zoo.toml's
    assert zoo.energies["depth"].borrowed_mu == (0.1,)
