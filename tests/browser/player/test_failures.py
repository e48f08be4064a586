"""Damaged packs, late frames, a server that is away, and clips that are still being computed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Error, Page, Route

from tests.browser.helpers import frames_shown, press, shown, state, wait_for
from tests.browser.player.data import FOUR_PANES, Open
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import StartApp


def test_a_damaged_pack_says_so_in_its_pane_and_the_others_go_on(
    tmp_path: Path, start_app: StartApp, open_player: Open
):
    store = build_store(tmp_path, n_frames=30, frames_per_pack=10)
    (track,) = [track for track in store.tracks(kind="prediction") if track.head.method == "consistency"]
    path = store.pack_path(track.head.key, track.packs[1].sha256)
    path.write_bytes(path.read_bytes()[:-5] + b"wrong")
    root = open_player(f"panes={FOUR_PANES}", start_app(tmp_path, "tests/browser/player_app.py"))
    assert state(root)["errors"] == [None] * 4
    root.evaluate("el => el.xc.seek(15)")
    wait_for(root, "el.xc.painted === 15")
    message = root.locator(".pane-message:visible")
    assert message.count() == 1
    assert "damaged" in message.inner_text()
    assert root.get_by_role("status").filter(has_text="damaged").count() == 1, "read out by a screen reader"
    assert root.get_by_role("img").locator("[role=status]").count() == 0, "what is inside an image is not"
    found = shown(root)
    assert [one and one["frame"] for one in found] == [15, 15, None, 15]
    root.evaluate("el => el.xc.seek(25)")
    wait_for(root, "el.xc.painted === 25")
    assert frames_shown(root) == [25] * 4
    assert message.count() == 0


def test_while_frames_are_late_the_last_ones_stay_and_a_sign_says_so(open_player: Open):
    root = open_player()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    root.page.route("**/packs/*", hold)
    root.evaluate("el => el.xc.seek(250)")
    wait_for(root, "el.hasAttribute('data-loading')")
    assert root.locator(".loading").is_visible()
    assert frames_shown(root) == [0] * 4
    root.page.unroute("**/packs/*")
    for route in held:
        with suppress(Error):  # unroute has let some of them go by itself
            route.continue_()
    wait_for(root, "el.xc.painted === 250 && !el.hasAttribute('data-loading')")
    assert frames_shown(root) == [250] * 4


def test_a_server_that_was_away_is_said_so_and_asked_again(open_player: Open):
    root = open_player()
    root.page.route("**/packs/*", lambda route: route.abort())
    root.evaluate("el => el.xc.seek(250)")
    wait_for(root, "el.xc.painted === 250")
    assert "cannot be reached" in root.locator(".pane-message").first.inner_text()
    root.page.unroute("**/packs/*")
    wait_for(root, "el.xc.state().errors.every((error) => error === null)")
    assert frames_shown(root) == [250] * 4


def test_of_a_growing_track_the_ready_part_can_be_watched(tmp_path: Path, start_app: StartApp, open_player: Open):
    build_store(tmp_path, n_frames=30, frames_per_pack=10, ready_frames=20)
    root = open_player(f"panes={FOUR_PANES}", start_app(tmp_path, "tests/browser/player_app.py"))
    assert state(root)["nReady"] == 20
    assert press(root, "End")["frame"] == 19
    assert frames_shown(root) == [19] * 4
    assert root.locator(".slider .missing").count() == 1
    assert root.get_by_text("20 ready").is_visible()
    assert root.get_by_text("unfinished").count() == 3


def test_an_empty_part_of_the_clip_is_said_in_words(tmp_path: Path, start_app: StartApp, page: Page):
    build_store(tmp_path, n_frames=30, frames_per_pack=10, ready_frames=0)
    page.goto(start_app(tmp_path, "tests/browser/player_app.py") + f"/?panes={FOUR_PANES}")
    page.locator(".xc .empty").wait_for()
    assert "No frame is ready yet" in page.locator(".xc .empty").inner_text()
