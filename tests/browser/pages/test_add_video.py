"""*Add a video* in a real browser, with a real worker: an address pasted and watched while it fills, an upload, a cancellation."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from cache.store import Store
from tests.browser.helpers import App, painted, wait_for
from tests.fixtures.media import write_video
from tests.fixtures.web import sites
from tests.fixtures.web.serving import ROOT, StartApp, opened_in

N_FRAMES = 12
WORKER = """
import sys, time
from pathlib import Path
from cache.requests.lease import Lease
from precompute.jobs.output import packs
packs.PACK_PIXELS = 4 * 256 * 256
tell = Lease.tell
go_on = Path(sys.argv.pop())
def waiting(lease, progress):
    tell(lease, progress)
    while progress.stage == "compute" and progress.n_done >= 8 and not go_on.exists():  # the test has seen the first frames
        time.sleep(0.01)
Lease.tell = waiting
from precompute.cli.app import app
app(prog_name="python -m precompute")
"""


@pytest.fixture(scope="module", autouse=True)
def asking_is_on() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSCHECK_REQUESTS", "everyone")
        patch.setenv("CROSSCHECK_ALLOW_LOOPBACK", "1")
        yield


@pytest.fixture(scope="module")
def app(asking_is_on: None, tmp_path_factory: pytest.TempPathFactory, dashboard: StartApp) -> App:
    """An empty store."""
    store = Store(tmp_path_factory.mktemp("store"))
    return App(dashboard(store.root), store)


@pytest.fixture(scope="module")
def go_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worker waits after its first frames until this file exists."""
    return tmp_path_factory.mktemp("worker") / "go-on"


@pytest.fixture(scope="module")
def worker(app: App, go_on: Path) -> Iterator[None]:
    command = [
        sys.executable,
        "-c",
        WORKER,
        "serve",
        "--device",
        "cpu",
        "--batch-size",
        "2",
        "--threads",
        "1",
        "--no-files",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CROSSCHECK_STORE": str(app.store.root)}
    log = go_on.with_name("log").open("wb")
    with log, subprocess.Popen([*command, str(go_on)], env=environment, stdout=log, stderr=log) as process:
        yield
        go_on.touch()
        process.terminate()


def open_dialog(page: Page, app: App) -> Locator:
    page.goto(app.address)
    page.get_by_role("button", name="Add a video").click()
    return page.get_by_role("dialog", name="Add a video")


def whole_video(dialog: Locator) -> None:
    dialog.get_by_role("textbox", name="frames per second").fill("")
    expect(dialog.get_by_role("button", name="compute this video")).to_be_enabled()


def test_without_a_worker_the_page_says_so_and_what_waits_can_be_cancelled_and_deleted(page: Page, app: App):
    dialog = open_dialog(page, app)
    expect(dialog.get_by_text("Nothing yet.")).to_be_visible()
    address = dialog.get_by_role("textbox", name="address of the video")
    address.fill("/etc/passwd")
    dialog.get_by_role("button", name="compute this video").click()
    expect(dialog.get_by_text("'/etc/passwd' is not a web address. Next: paste one")).to_be_visible()
    address.fill("example.org/a.mp4")
    address.press("Enter")
    expect(dialog.get_by_text("waiting: next")).to_be_visible()
    expect(dialog.get_by_text("No worker is running")).to_contain_text("python -m precompute serve")
    dialog.get_by_role("button", name="cancel: example.org/a.mp4").click()
    expect(dialog.get_by_text("cancelled", exact=True)).to_be_visible()
    dialog.get_by_role("button", name="delete: example.org/a.mp4").click()
    expect(dialog.get_by_text("Nothing yet.")).to_be_visible()


def test_a_pasted_address_opens_as_a_clip_that_fills_while_it_is_computed(
    page: Page, app: App, worker: None, go_on: Path, tmp_path: Path
):
    with sites.running() as site:
        address = site.page("/served.mp4", write_video(tmp_path / "served.mp4", N_FRAMES).read_bytes(), "video/mp4")
        dialog = open_dialog(page, app)
        dialog.get_by_role("textbox", name="address of the video").fill(address)
        whole_video(dialog)
        dialog.get_by_role("button", name="compute this video").click()
        root = painted(page)
    expect(dialog).to_be_hidden()
    assert wait_for(root, "el.xc.painted >= 0", "el.xc.state().nReady") < N_FRAMES
    expect(page.get_by_text(f"of {N_FRAMES} frames ready")).to_be_visible()
    button = page.get_by_role("button", name="Add a video")
    expect(button).to_contain_text("1 under way")
    go_on.touch()
    wait_for(root, f"el.xc.state().nReady === {N_FRAMES}")
    expect(button).to_have_text("Add a video")
    root.focus()
    root.press("a")
    expect(dialog.get_by_text(f"done: {N_FRAMES} frames in")).to_be_visible()


def test_an_upload_opens_by_its_unguessable_link_and_nobody_else_sees_it(
    page: Page, app: App, worker: None, go_on: Path, browser: Browser, tmp_path: Path
):
    go_on.touch()
    video = write_video(tmp_path / "mine <b>.mp4", 4, fps=25)
    dialog = open_dialog(page, app)
    dialog.locator("input[type=file]").set_input_files(video)
    expect(dialog.get_by_text("mine <b>.mp4, 0.0")).to_be_visible()
    whole_video(dialog)
    dialog.get_by_role("button", name="compute this video").click()
    page.wait_for_url(re.compile(r"[?&]clip=[0-9a-f]{64}(&|$)"))
    painted(page)
    (key,) = re.findall("[0-9a-f]{64}", page.url)
    with browser.new_context() as context:
        for other in opened_in(context):
            dialog = open_dialog(other, app)
            expect(dialog.get_by_text("Nothing yet.")).to_be_visible()
            dialog.press("Escape")
            assert "mine" not in other.locator("body").inner_text()
            other.goto(f"{app.address}/?clip={key}")
            painted(other)
            expect(other.get_by_text("mine <b>.mp4").first).to_be_visible()


def test_the_button_stays_on_the_page_when_the_place_that_it_was_in_goes(page: Page, app: App):
    page.goto(app.address)
    has_button = page.evaluate(
        """async () => {
          const { mount } = await import("/web/asking/add_video.mjs");
          const [old, place] = [document.createElement("div"), document.createElement("div")];
          document.body.append(old, place);
          const data = {ticket: "", offers: [], titles: {}, maxUploadMb: 1, keptDays: 1, serveCommand: "", serveBlanks: "", clip: ""};
          const show = (parentElement) => mount({data, parentElement, setTriggerValue: () => {}});
          const end = [show(old)];
          show(place);
          end.push(show(old)); // new data arrives for a place that is about to go
          old.remove();
          for (const one of end) one();
          for (let n = 0; n < 2; n++) await new Promise(requestAnimationFrame);
          return place.querySelector("button.opener") !== null;
        }"""
    )
    assert has_button
