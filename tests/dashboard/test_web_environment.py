"""The dashboard and its store on a web host: an environment with nothing but requirements/web.txt."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import ROOT, StartApp

WEB_PYTHON = ROOT / ".venv-web" / "bin" / "python"


@pytest.fixture
def web_python() -> Path:
    if not WEB_PYTHON.exists():
        pytest.fail("there is no .venv-web; run `make test`, which makes it from requirements/web.txt")
    return WEB_PYTHON


def test_the_web_environment_has_neither_torch_nor_a_decoder(web_python):
    code = "import importlib.util as u, sys; sys.exit(any(map(u.find_spec, ['torch', 'cv2', 'av', 'yt_dlp'])))"
    assert subprocess.run([web_python, "-c", code], check=False).returncode == 0


def test_the_web_environment_takes_over_tracks_and_finds_itself_sound(web_python, tmp_path):
    def call(*words: str | Path) -> str:
        return subprocess.run(
            [web_python, "-m", "precompute", *words], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout

    build_store(tmp_path / "job", n_frames=4)
    call("export", "*", "--to", tmp_path / "all.tar", "--store", tmp_path / "job")
    assert "9 tracks stored" in call("import", tmp_path / "all.tar", "--store", tmp_path / "web")
    assert "9 finished" in call("doctor", "--store", tmp_path / "web")


def test_the_page_plays_in_the_web_environment(web_python, start_app: StartApp, page: Page, tmp_path):
    build_store(tmp_path, titles=["From the web host"])
    page.goto(start_app(tmp_path, python=web_python))
    expect(page.get_by_text("From the web host").first).to_be_visible()
    expect(page.get_by_role("slider").first).to_be_visible()
