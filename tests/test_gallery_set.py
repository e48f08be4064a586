"""The bundled gallery: every picture has its credit and its bytes, few and small enough to bundle."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import av
import pytest

from dashboard.gallery.items import CATEGORIES, FOLDER, TEXTS, listed
from dashboard.views.parts.image_start import SAMPLES as PICTURES
from precompute.media.sources import SAMPLES, bundled_sets, resolve

FREE = ("public domain", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "BSD-3-Clause")
MAX_BYTES = 8_000_000
SOURCES = bundled_sets()["gallery"]


def file_of(source: str) -> Path:
    return SAMPLES / f"{source}.mp4" if "/" not in source else Path(source)


def test_job_and_page_list_the_same_items():
    assert sorted(file_of(source).stem for source in SOURCES) == sorted(item.name for item in listed())
    files = {path.stem for path in FOLDER.iterdir() if path.suffix not in (".toml", ".md")}
    assert files == {item.name for item in listed() if item.is_own}


@pytest.mark.parametrize("item", listed(), ids=lambda item: item.name)
def test_every_item_has_a_credit_a_free_licence_and_its_bytes(item):
    fields = tomllib.loads((FOLDER / f"{item.name}.toml").read_text(encoding="utf-8"))
    assert all(fields[name] for name in TEXTS) and item.category in CATEGORIES and item.licence in FREE
    (source,) = [source for source in SOURCES if file_of(source).stem == item.name]
    assert hashlib.sha256(file_of(source).read_bytes()).hexdigest() == item.sha256
    with av.open(str(file_of(source))) as container:
        assert min(next(container.decode(video=0)).to_ndarray(format="rgb24").shape[:2]) >= 240


def test_the_readme_credits_every_item():
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    for item in listed():
        parts = (f"`{item.name}`", CATEGORIES[item.category], item.title, item.author, item.licence, item.package)
        assert f"| {' | '.join(parts)} |" in lines


def test_every_category_has_two_items_and_all_are_small():
    assert {name: sum(item.category == name for item in listed()) >= 2 for name in CATEGORIES} == dict.fromkeys(
        CATEGORIES, True
    )
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MAX_BYTES


def test_the_job_takes_title_and_credit_from_the_sidecar(tmp_path: Path):
    (source,) = [source for source in SOURCES if file_of(source).stem == "night-cafe"]
    found = resolve(source, media_dir=tmp_path)
    assert (found.title, found.licence) == ("The Night Café, 1888", "public domain")
    assert found.sha256 == next(item.sha256 for item in listed() if item.name == "night-cafe")


def test_every_sample_of_the_image_page_lies_within_its_clip():
    for name, seconds, _ in PICTURES:
        with av.open(str(SAMPLES / f"{name}.mp4")) as container:
            assert container.duration is not None and 0 <= seconds < container.duration / av.time_base
