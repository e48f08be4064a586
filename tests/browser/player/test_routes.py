"""The player's routes: packs, frames and scripts, and nothing else."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from tests.browser.helpers import App, frames_shown
from tests.browser.player.data import FOUR_PANES, N_FRAMES, Open
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import StartApp
from tests.fixtures.web.waits import PATIENCE_SECONDS


def test_packs_are_served_whole_in_parts_and_by_nothing_but_their_name(app: App):
    track = app.store.tracks(kind="input")[0]
    key, pack = track.head.key, track.packs[0]
    data = app.store.pack_path(key, pack.sha256).read_bytes()
    url = f"{app.address}/packs/{key}-{pack.sha256}.pack"

    status, headers, body = get(url, {"Accept-Encoding": "gzip"})
    assert (status, body) == (200, data)
    assert headers["content-type"] == "application/octet-stream"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers.get("content-encoding", "identity") == "identity"

    status, headers, body = get(url, {"Range": "bytes=10-19", "Accept-Encoding": "gzip"})
    assert (status, body) == (206, data[10:20])
    assert headers["content-range"] == f"bytes 10-19/{len(data)}"
    assert get(url, {"Range": f"bytes=0-{len(data) * 2}"})[::2] == (206, data)
    assert get(url, {"Range": f"bytes={len(data)}-"})[0] == 416
    assert get(url, {"If-None-Match": headers["etag"]})[::2] == (304, b"")

    for wrong in ("0" * 63, pack.sha256.upper(), "..%2f..%2fetc%2fpasswd", "x", f"{pack.sha256}.pack.exe"):
        name = f"{key}-{wrong}.pack"
        assert get(f"{app.address}/packs/{name}")[0] in (400, 404), name
    status, _, body = get(f"{app.address}/packs/{key}-{'0' * 64}.pack")
    assert (status, b"missing" in body) == (410, True)


def test_a_frame_is_served_by_its_tracks_key_and_number_alone(app: App):
    track = app.store.tracks(kind="input")[0]

    def status(name: str) -> int:
        try:
            with urllib.request.urlopen(f"{app.address}/frames/{name}") as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    with urllib.request.urlopen(f"{app.address}/frames/{track.head.key}-150") as answer:
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.read() == list(app.store.images(track))[150]
    assert status(f"{track.head.key}-{N_FRAMES}") == 404
    assert status(f"{'0' * 64}-0") == 404
    for name in ("0", f"{track.head.key}--1", f"{track.head.key}-1.0", f"..%2f{track.head.key}-1"):
        assert status(name) in (400, 404), name


def test_files_of_the_player_are_served_and_no_others(app: App):
    status, headers, body = get(f"{app.address}/web/player/player.mjs")
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert b"export function mount" in body
    assert get(f"{app.address}/web/player/player.mjs", {"If-None-Match": headers["etag"]})[0] == 304
    status, headers, body = get(f"{app.address}/web/plotly.min.js", {"Accept-Encoding": "gzip"})
    assert (status, headers["content-encoding"], len(body) < 2_000_000) == (200, "gzip", True)
    for name in ("__init__.py", "..%2fapp.py", "missing.mjs"):
        assert get(f"{app.address}/web/{name}")[0] in (400, 404), name


def test_the_player_also_works_below_a_base_path(tmp_path: Path, start_app: StartApp, open_player: Open):
    build_store(tmp_path, n_frames=12)
    address = start_app(tmp_path, "tests/browser/player_app.py", base_path="some/where")
    root = open_player(f"panes={FOUR_PANES}&frame=11", address)
    assert frames_shown(root) == [11] * 4


def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower case) and body; past any proxy, as the server is on this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers or {}), timeout=PATIENCE_SECONDS) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()
