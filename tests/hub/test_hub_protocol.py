"""What a hub may answer: licences are shown before anything is fetched, and a bad answer adds nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from typer.testing import CliRunner, Result

from consistency.zoo.networks import transformers_models
from consistency.zoo.read import known_zoos
from consistency.zoo.records import ZooError
from precompute.cli.app import app
from precompute.net.addresses import ALLOW_LOOPBACK_VARIABLE
from precompute.zoos.hub import client, specs
from precompute.zoos.hub.presets import preset_of, presets
from precompute.zoos.hub.staging import show_licence
from tests.fixtures.web.sites import running
from tests.hub.tiny import COMMIT, PROCESSORS, serve

REPOSITORY = "someone/tiny-depth"
FILES = {
    "config.json": json.dumps({"model_type": "depth_anything"}).encode(),
    "preprocessor_config.json": json.dumps(PROCESSORS["depth_anything"]).encode(),
    "model.safetensors": save({}),
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    with running() as found:
        monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path / "zoos"))
        monkeypatch.setenv(ALLOW_LOOPBACK_VARIABLE, "1")
        monkeypatch.setenv(client.ENDPOINT_VARIABLE, found.address)
        monkeypatch.setattr(transformers_models, "is_installed", lambda: True)
        yield found


def add(source: str = f"hf:{REPOSITORY}", *words: str) -> Result:
    return CliRunner().invoke(app, ["zoo", "add", source, "--as", "tiny", *words])


def nothing_added(tmp_path: Path) -> bool:
    left = [path for path in (tmp_path / "zoos").rglob("*") if path.is_file() and not path.name.startswith(".writing")]
    return "tiny" not in known_zoos() and not left


@pytest.mark.parametrize(
    ("licence", "shown"),
    [
        ("cc-by-nc-4.0", "licence: cc-by-nc-4.0, non-commercial"),
        (None, "licence: not stated"),
        ("other", "licence: other"),
        (["mit", "cc-by-nc-4.0"], "licence: mit and cc-by-nc-4.0, non-commercial"),
    ],
)
def test_a_licence_that_restricts_is_asked_for_before_anything_is_fetched(site, tmp_path, licence, shown):
    serve(site, REPOSITORY, FILES, licence)
    result = add()
    assert result.exit_code == 1 and shown in result.output and "--accept-licence" in result.output
    assert not [path for path in site.requests if "/resolve/" in path] and nothing_added(tmp_path)


def test_a_preset_s_licence_counts_where_the_hub_states_a_milder_one(site, tmp_path):
    repository = "depth-anything/Depth-Anything-V2-Base-hf"
    serve(site, repository, FILES, "apache-2.0")
    result = add(f"hf:{repository}")
    assert (
        result.exit_code == 1 and "licence: cc-by-nc-4.0, non-commercial" in result.output and nothing_added(tmp_path)
    )


def test_a_licence_of_the_hub_is_shown_beside_the_one_of_a_preset_that_is_restricted():
    said: list[str] = []
    kept, is_free = show_licence(("something-else",), preset_of("hf:apple/DepthPro-hf"), said.append)
    assert said == ["licence: apple-amlr; the hub states something-else"] and not is_free
    assert kept == "apple-amlr; the hub states something-else"
    assert show_licence(("apple-amlr",), preset_of("hf:apple/DepthPro-hf"), said.append) == ("apple-amlr", False)
    assert said[-1] == "licence: apple-amlr"
    small = preset_of("hf:depth-anything/Depth-Anything-V2-Small-hf")
    assert show_licence(("apache-2.0",), small, said.append) == ("apache-2.0", True)
    assert show_licence(("other",), small, said.append) == ("apache-2.0; the hub states other", False)
    assert show_licence(("mit", "apache-2.0"), None, said.append) == ("mit and apache-2.0", True)


@pytest.mark.parametrize(
    ("source", "licence"),
    [
        ("hub:someone/fork@{commit}:depth", ""),
        ("hub:alexsax/omnidata_models@{commit}:depth_dpt_hybrid_384", ""),
        ("hf:someone/fork", ""),
        ("hub:alexsax/omnidata_models@152cf1465313b68cdf5d47bb09568a9357c57086:depth_dpt_hybrid_384", "CC-BY-NC-4.0"),
    ],
)
def test_a_preset_that_is_named_for_another_source_lends_it_no_licence(source, licence):
    preset = preset_of(source.format(commit="d" * 40), "omnidata-v2-depth")
    assert (preset.licence if preset else "") == licence
    said: list[str] = []
    assert show_licence((), preset_of("hub:someone/fork", "metric3d-v2-vit-small"), said.append) == ("", False)
    assert said == ["licence: not stated"]


def test_of_two_presets_of_one_program_the_named_one_is_meant():
    first, second = (preset for preset in presets() if "taskonomy" in preset.name)
    assert first.id == second.id and preset_of(first.id, second.name) is second and preset_of(first.id) is first


def test_without_transformers_it_is_said_what_to_install_and_nothing_is_asked(site, tmp_path, monkeypatch):
    monkeypatch.setattr(transformers_models, "is_installed", lambda: False)
    result = add()
    assert result.exit_code == 1 and "pip install -r requirements/hf.txt" in result.output
    assert not site.requests and nothing_added(tmp_path)


WRONG_WEIGHTS = {
    "a page": b"<html>not found</html>",
    "a pickle": b"PK\x03\x04 and so on",
    "cut": save({"a": np.zeros(64, "f4")})[:-9],
    "empty": b"",
    "huge header": (1 << 62).to_bytes(8, "little") + b"{}",
}


@pytest.mark.parametrize("content", WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS)
def test_what_is_no_safetensors_is_refused(site, tmp_path, content):
    serve(site, REPOSITORY, {**FILES, "model.safetensors": content})
    result = add()
    assert result.exit_code == 1 and "is not a safetensors file, or a truncated one" in result.output
    assert nothing_added(tmp_path)


def test_a_file_that_is_not_the_one_the_hub_states_is_refused(site, tmp_path):
    whole = save({"a": np.zeros(64, "f4")})
    serve(site, REPOSITORY, {**FILES, "model.safetensors": whole})
    site.page(f"/{REPOSITORY}/resolve/{COMMIT}/model.safetensors", whole[:-1] + b"x", "application/octet-stream")
    result = add()
    assert (
        result.exit_code == 1
        and "is not the file whose SHA-256 the hub states" in result.output
        and nothing_added(tmp_path)
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"config.json": b"", "preprocessor_config.json": b"", "pytorch_model.bin": b""},
            "its weights are pickles, which are never read",
        ),
        (
            {"config.json": b"", "preprocessor_config.json": b"", "model.safetensors.index.json": b""},
            "in several files",
        ),
        ({"config.json": b"", "model.safetensors": b""}, "has no preprocessor_config.json"),
    ],
)
def test_a_model_without_the_files_that_are_read_is_refused(site, tmp_path, files, message):
    serve(site, REPOSITORY, files)
    result = add()
    assert result.exit_code == 1 and message in result.output and nothing_added(tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sha": "main"}, "names no commit"),
        ({"siblings": None}, "has no config.json"),
        ({"siblings": [1, "x", None]}, "has no config.json"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(site, tmp_path, changed, message):
    serve(site, REPOSITORY, FILES, **changed)
    result = add()
    assert result.exit_code == 1 and message in result.output and nothing_added(tmp_path)


@pytest.mark.parametrize("answer", [b"[]", b"<html>", b"[" * 100_000, b"\xff"])
def test_an_answer_that_is_no_json_object_is_refused(site, tmp_path, answer):
    site.page(f"/api/models/{REPOSITORY}/revision/main?blobs=true", answer, "application/json")
    result = add()
    assert result.exit_code == 1 and "is not a JSON object" in result.output and nothing_added(tmp_path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "bert"}, "is of type 'bert'; supported are depth_anything"),
        ({}, "is of type 'None'"),
        (
            {"model_type": "dpt", "backbone": "someone/else"},
            "backbone is 'someone/else', for which more would be fetched",
        ),
        ({"model_type": "dpt", "use_timm_backbone": True}, "for which more would be fetched"),
        ({"model_type": "dpt", "num_hidden_layers": 10**9}, "at most 200 are built"),
        ({"model_type": "glpn", "depths": [1, 1, 10**9, 1]}, "depths is 1000000000; at most 200 are built"),
        ({"model_type": "dpt", "neck_hidden_sizes": [[10**12]]}, "neck_hidden_sizes is 1000000000000; at most"),
        ({"model_type": "dpt", "neck_hidden_sizes": [8] * 2000}, "has 2000 values; at most 1000 are read"),
        ({"model_type": "dpt", "_attn_implementation": "someone/kernel"}, "code could be fetched and run"),
        ({"model_type": "dpt", "backbone_config": {"attn_implementation": "a/b"}}, "code could be fetched and run"),
        ({"model_type": "dpt", "_experts_implementation": "a/b:c"}, "code could be fetched and run"),
        ({"model_type": "dpt", "parts": [[{"quantization_config": {}}]]}, "code could be fetched and run"),
        ({"model_type": "dpt", "kernel_config": {"a": "b"}}, "code could be fetched and run"),
    ],
)
def test_a_configuration_that_is_not_built_here_is_refused(site, tmp_path, config, message):
    whole = save({"a": np.zeros(64, "f4")})
    serve(site, REPOSITORY, {**FILES, "config.json": json.dumps(config).encode(), "model.safetensors": whole})
    result = add()
    assert result.exit_code == 1 and message in result.output and nothing_added(tmp_path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"do_rescale": False}, "do_rescale is false"),
        ({"rescale_factor": [1]}, "makes no sense"),
        ({"rescale_factor": "x"}, "makes no sense"),
        ({"resample": [3]}, "makes no sense"),
        ({"image_mean": {}}, "expected three numbers"),
        ({"image_mean": True, "image_std": None, "size": 10**400}, "pixels"),
    ],
)
def test_a_processor_that_makes_no_sense_is_refused(fields, message):
    with pytest.raises(ZooError, match=message):
        specs.ports_of({"model_type": "dpt"}, {**PROCESSORS["dpt"], **fields})


def test_what_a_killed_command_left_behind_is_removed_by_the_next_one(site, tmp_path):
    left = tmp_path / "zoos" / ".adding" / "new-killed" / "zoo"
    left.mkdir(parents=True)
    (left / "tiny.safetensors").write_bytes(b"x" * 100)
    serve(site, REPOSITORY, {**FILES, "model.safetensors": b""})
    assert add().exit_code == 1 and nothing_added(tmp_path)


def test_a_hub_that_cannot_be_reached_and_a_model_that_it_lacks_are_named(site, tmp_path, monkeypatch):
    result = add()
    assert result.exit_code == 1 and "404" in result.output and nothing_added(tmp_path)
    monkeypatch.setenv(client.ENDPOINT_VARIABLE, "http://127.0.0.1:1")
    result = add()
    assert result.exit_code == 1 and "127.0.0.1 cannot be reached" in result.output and nothing_added(tmp_path)


@pytest.mark.parametrize(
    "source", ["hf:one", "hf:../../etc/passwd", "hf:a/b@../x", "hf:", "pip:a/b", "a/b", "hf:a/b/c"]
)
def test_a_source_that_is_no_model_asks_nobody(site, source):
    assert add(source).exit_code in (1, 2) and not site.requests


def test_every_preset_has_its_licence_meaning_and_sources_or_says_what_it_lacks():
    for preset in presets():
        assert preset.title and preset.meaning and preset.size and preset.numbers and preset.sources and preset.good_for
        assert set(preset.domains) <= {"depth", "normal", "reshading"}
        assert bool(preset.command) != bool(preset.lacks) and (preset.tested or preset.lacks), preset.name
        assert ("normal" in preset.domains) >= bool(preset.axes)
    assert len({preset.name for preset in presets()}) == len(presets())
    assert preset_of("hf:DEPTH-anything/Depth-Anything-V2-Small-hf") is preset_of(
        "hf:depth-anything/Depth-Anything-V2-Small-hf"
    )
