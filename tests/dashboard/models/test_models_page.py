"""The Models page: what it says of zoos and presets, from their files alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cache.store import STORE_VARIABLE
from consistency.zoo.read import read_zoo
from dashboard.models.presets import preset_rows
from dashboard.models.zoos import ZOOS_VARIABLE, zoo_cards
from precompute.zoos.hub.presets import presets
from tests.fixtures.stores import build_store
from tests.fixtures.web.waits import PATIENCE_SECONDS

TOML = """name = "dav2"
version = "1"
licence = "apache-2.0"
multiple = 1
domains = ["rgb", "depth"]
description = "Depth Anything V2 Small, depth-anything/Depth-Anything-V2-Small-hf"
[[edge]]
source = "rgb"
target = "depth"
method = "dav2"
format = "onnx"
weights = "net.onnx"
"""


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "zoos" / "dav2"
    folder.mkdir(parents=True)
    (folder / "zoo.toml").write_text(TOML)
    (folder / "net.onnx").write_bytes(b"x" * 2_000_000)
    monkeypatch.setenv(ZOOS_VARIABLE, str(tmp_path / "zoos"))
    return folder


def test_a_zoo_is_described_as_the_job_reads_it(installed):
    cards = {card.name: card for card in zoo_cards()}
    assert list(cards) == ["lab", "mini", "xtc", "dav2"]
    for name in ("lab", "mini", "xtc"):
        zoo, card = read_zoo(name), cards[name]
        assert (card.version, card.licence, card.description) == (zoo.version, zoo.licence, zoo.description)
        edges = (*zoo.edges, *zoo.missing)
        assert card.n_networks == len({edge.weights for edge in edges if edge.weights})
        assert card.n_installed == len({edge.weights for edge in zoo.edges if edge.weights})
        assert len(card.trust) == len(zoo.trust)
    assert cards["xtc"].command == "python -m precompute zoo pull xtc" and cards["xtc"].n_installed == 0
    assert cards["dav2"].n_installed == 1 and cards["dav2"].n_bytes == 2_000_000


def test_a_number_of_frames_that_is_infinite_is_a_problem_of_its_zoo_alone(installed):
    (installed / "zoo.toml").write_text(TOML + "[trust.depth.dav2]\nspearman = 0.5\nn_frames = inf\n")
    (card,) = (card for card in zoo_cards() if card.name == "dav2")
    assert "zoo.toml cannot be read: cannot convert float infinity" in card.problem


def test_presets_have_the_commands_that_add_them_until_they_are_installed(installed):
    rows = {row.title: row for row in preset_rows(zoo_cards())}
    assert len(rows) == len(presets())
    for preset in presets():
        row = rows[preset.title]
        if preset.id == "hf:depth-anything/Depth-Anything-V2-Small-hf":
            assert row.use == "installed as dav2" and not row.command
        elif preset.id.startswith("hf:"):
            assert row.command == preset.command and row.is_restricted is preset.is_non_commercial
        assert not (row.command and preset.lacks)


HOSTILE = {
    "no toml": b"\x00\xff",
    "no table": b"edge = 3\nversion = 1\nlicence = 2",
    "no method": b'version = "1"\nlicence = "2"\n[[edge]]\nsource = "rgb"',
    "huge": b"#" * (2 << 20),
    "nested": b"a = " + b"[" * 5000,
    "trust": TOML.encode() + b"[trust]\ndepth = 3\n",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_zoo_that_cannot_be_read_is_named_with_the_reason_and_stops_no_other(installed, content):
    (installed / "zoo.toml").write_bytes(content)
    *others, broken = zoo_cards()
    assert [card.name for card in others] == ["lab", "mini", "xtc"] and not any(card.problem for card in others)
    assert broken.problem.startswith("zoo.toml cannot be read: ")


def test_the_page_shows_a_stranger_s_words_as_text(installed, tmp_path, monkeypatch):
    toml = installed / "zoo.toml"
    evil = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) **b**"
    toml.write_text(toml.read_text().replace("apache-2.0", evil))
    build_store(tmp_path / "store")
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))

    def script() -> None:
        from dashboard.site import Site
        from dashboard.views import models

        models.page(Site(None, None, {}))  # type: ignore[arg-type]

    app = AppTest.from_function(script, default_timeout=PATIENCE_SECONDS).run()
    assert not app.exception
    assert any(evil in text.value for text in app.text) and not any(evil in text.value for text in app.markdown)
    assert [title.value for title in app.subheader][:3] == ["lab", "mini", "xtc"]
    assert "zoo add hf:apple/DepthPro-hf --as depth-pro --accept-licence" in "\n".join(code.value for code in app.code)
