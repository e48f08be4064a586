"""Laws of the trust report and of the way into Compare: nothing is loaded, text stays text, and the frame is the one that decides."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.columns import Columns
from cache.requests.uploads import Uploads
from cache.store import Store
from dashboard.overview.blocks import Commands, Grid, Heading, Pictures, Words, to_html, to_markdown
from dashboard.overview.deciding import deciding_frame, link_of, rival_of
from dashboard.overview.pictures import colour_maps, coloured, pictures
from dashboard.overview.reading import read_overview, table_and_ranking
from dashboard.overview.report import report, title_of
from dashboard.server.overview_routes import TYPES, overview_file
from tests.fixtures import stores
from tests.fixtures.stores import add_track, build_store, make_clip, read_pattern

EVIL = "</style><script>alert(1)</script>![x](http://evil.example/x)|`\n# no"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return build_store(tmp_path_factory.mktemp("store"), titles=("Attic", EVIL), n_frames=9)


def look(store: Store, **link: str):
    found = read_overview(store, link, 60)
    return found, *table_and_ranking(found, link)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "style")]


def test_the_report_loads_nothing_runs_nothing_and_shows_text_as_text(store: Store):
    _, table, ranking = look(store)
    text = to_html(title_of(table), report(store, table, ranking))
    tags = Tags()
    tags.feed(text)
    assert not tags.names & {"script", "link", "iframe", "object", "embed", "base", "form", "a"}
    assert len(tags.addresses) == 8 and all(address.startswith("data:image/webp;base64,") for address in tags.addresses)
    assert "default-src 'none'" in text and "url(" not in text and "@import" not in text
    assert "&lt;script&gt;" in text


def test_the_pictures_of_the_report_are_the_worst_frames(store: Store):
    _, table, ranking = look(store)
    blocks = report(store, table, ranking)
    shown = [block for block in blocks if isinstance(block, Pictures)]
    assert len(shown) == 2
    for block in shown:
        frame = int(re.findall(r"frame (\d+):", block.title)[0])
        assert [caption for caption, _ in block.pictures][:2] == ["Input", "Ground truth"]
        for _, address in block.pictures[:3]:
            with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
                assert read_pattern(np.asarray(image))[0] == frame
    worst = max((cell for cell in table.cells if cell.clip.title == "Attic"), key=lambda cell: cell.error.worst)  # type: ignore[union-attr]
    assert any(f"Attic, frame {worst.error.worst_frame}:" in block.title for block in shown)  # type: ignore[union-attr]


def test_the_markdown_says_the_same_and_no_title_becomes_markup(store: Store):
    _, table, ranking = look(store)
    blocks = report(store, table, ranking)
    text = to_markdown(title_of(table), blocks)
    assert "## Ranking" in text and "--configurations 'mini/*/rgb-normal'" in text
    assert "<script>" not in text.replace("\\<", "") and "![" not in text.replace("\\!", "")
    headings = sum(isinstance(block, Heading) for block in blocks)
    assert len(re.findall(r"^#{1,6} ", text, re.MULTILINE)) == headings + 1


def test_blocks_are_written_whole_whatever_they_hold():
    blocks = [Words((EVIL, "b")), Grid("t", ("a", "b"), ((EVIL, "1"),)), Commands((EVIL, "```")), Pictures(EVIL)]
    markdown, html = to_markdown(EVIL, blocks), to_html(EVIL, blocks)
    assert "````sh" in markdown and html.count("<script") == 0


def test_no_row_of_a_table_is_written_as_markup():
    row = ("---", "![x](http://evil.example/x)", "<b>")
    lines = to_markdown("t", [Grid("t", ("---", "b", "<c>"), (row,))]).splitlines()
    assert lines[-3:] == [
        r"| \-\-\- | b | \<c\> |",
        "| --- | --- | --- |",
        r"| \-\-\- | \!\[x\]\(http\://evil\.example/x\) | \<b\> |",
    ]


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("link", [{}, {"predict": "normal", "paths": "all"}, {"predict": "<x>", "clip": "0" * 64}])
def test_every_file_of_any_link_is_written(store: Store, name: str, link: dict[str, str]):
    assert overview_file(store, read_overview(store, link, 60), link, name)


def test_a_cell_opens_compare_at_the_frame_where_the_true_errors_differ_most(store: Store):
    _, table, ranking = look(store)
    columns = Columns(store)
    for cell in table.cells:
        rival = rival_of(table, ranking, cell)
        assert rival is not None and rival.clip == cell.clip and rival.configuration != cell.configuration
        errors = [
            columns.series(track, "angle_degrees", "raw")
            for one in (cell, rival)
            if (track := store.get(one.prediction.key))
        ]
        frame = int(np.argmax(np.abs(errors[0] - errors[1])))
        assert deciding_frame(store, columns, table, cell, rival) == frame
        query = link_of(store, columns, table, cell, rival, False)
        assert (query["frame"], query["a"]) == (str(frame), cell.configuration.spelling)
        assert cell.clip.key.startswith(query["clip"])


def test_a_cell_alone_opens_at_its_worst_frame(tmp_path: Path):
    store = build_store(tmp_path, methods=("baseline",), truths=(), n_frames=9)
    _, table, ranking = look(store)
    (cell,) = table.cells
    assert rival_of(table, ranking, cell) is None and cell.sigma is not None
    assert deciding_frame(store, Columns(store), table, cell, None) == cell.sigma.worst_frame


def test_an_empty_store_has_no_target(tmp_path: Path):
    assert not read_overview(Store(tmp_path / "none", read_only=True), {}, 1).targets


def test_unlisted_clips_are_in_no_overview_but_that_of_their_own_link(tmp_path: Path):
    store = build_store(tmp_path, titles=("Open", "Hidden"), n_frames=3)
    key = next(track.head.clip.key for track in store.tracks() if track.head.clip.title == "Hidden")
    Uploads(store.root).unlist(key)
    assert {clip.title for clip in look(store)[1].clips} == {"Open"}
    assert {clip.title for clip in look(store, clip=key)[1].clips} == {"Open", "Hidden"}
    assert {clip.title for clip in look(store, clip=key[:12])[1].clips} == {"Open"}


def test_colours_are_those_of_the_page():
    maps = colour_maps()
    assert {"viridis", "magma", "inferno", "cividis", "diverging", "energy"} <= set(maps)
    domain = {"lo": -8.0, "hi": 8.0, "scale": "linear", "channels": 1, "colour_map": "viridis"}
    at_zero = coloured(np.array([[0.5]]), domain, is_energy=True)[0, 0]
    stops = maps["energy"]
    assert np.abs(at_zero - stops[len(stops) // 2]).max() <= 4, "0 is the middle of the map"
    shown = coloured(np.array([[0.25, 0.75]]), {**domain, "lo": 0.0, "hi": 1.0}, False, (0.25, 0.75))
    assert np.array_equal(shown[0], maps["viridis"][[0, -1]].astype(np.uint8))


def test_a_frame_that_cannot_be_read_has_no_picture(store: Store):
    key = store.track_keys()[0]
    assert pictures(store, [("a", key), ("b", "0" * 64), ("c", "..")], 999) == ()


def test_truth_and_prediction_have_one_scale_of_colours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    codes = {1: (60, 100), 2: (100, 160)}  # left and right half: 100 is the most of one and the least of the other

    def halves(frame: int, number: int, *, width: int, height: int, channels: int, noise: int) -> np.ndarray:
        return np.repeat(np.array(codes[number], np.uint8), width // 2)[None].repeat(height, axis=0)

    monkeypatch.setattr(stores, "draw_pattern", halves)
    store, clip = Store(tmp_path), make_clip("halves", n_frames=1)
    truth = add_track(store, clip, kind="truth", path="depth", number=1)
    prediction = add_track(store, clip, kind="prediction", path="rgb-depth", zoo="mini", method="a", number=2)
    means = {}
    for caption, address in pictures(store, [("truth", truth.head.key), ("prediction", prediction.head.key)], 0):
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
            left, right = np.split(np.asarray(image, float), 2, axis=1)
            means[caption] = left[:, 8:-8].mean(axis=(0, 1)), right[:, 8:-8].mean(axis=(0, 1))
    assert means["truth"][1] == pytest.approx(means["prediction"][0], abs=6), "one value, one colour"
    assert np.abs(means["truth"][0] - means["prediction"][1]).max() > 60
