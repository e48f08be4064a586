"""A URL becomes one file on this disk, from public http(s) addresses only, or one clear error. Only loopback is used."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from precompute import sandbox
from precompute.downloads import download, download_failures, download_process
from precompute.downloads.download import fetch
from precompute.failures import SourceError
from precompute.jobs.events import name_error
from precompute.media.decoder import frames, probe
from precompute.media.sources import resolve
from precompute.net import addresses
from precompute.net.addresses import is_public
from precompute.net.http_failures import Passing, retry_after
from precompute.net.limits import MAX_BYTES, Limits
from precompute.net.partial_download import VALIDATORS, Validators
from precompute.net.urls import address_of, normalise_url, shown_url
from tests.fixtures import media
from tests.fixtures.children import ANSWER, child_that_runs, is_running
from tests.fixtures.web.sites import Site, reply, running
from tests.fixtures.web.waits import wait_until


@pytest.fixture
def site() -> Iterator[Site]:
    with running() as site:
        yield site


def refusal(url: str, media_dir: Path, *, allow_loopback: bool = True, max_bytes: int = MAX_BYTES) -> SourceError:
    """The error of `fetch`, which is one line and leaves nothing in the folder."""
    with pytest.raises(SourceError) as caught:
        fetch(url, media_dir, allow_loopback=allow_loopback, limits=Limits(max_bytes=max_bytes))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700
    assert [path for path in media_dir.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
    assert [path.name for path in media_dir.glob("*")] in ([], ["urls"])
    return caught.value


# --- what comes back ---


def test_a_direct_link_becomes_a_file_named_by_its_content(site: Site, tmp_path: Path) -> None:
    url = site.video("/some%20clip.mp4", tmp_path)
    counts: list[tuple[int, int | None]] = []
    found = resolve(
        url,
        media_dir=tmp_path / "m",
        allow_loopback=True,
        progress=lambda n_bytes, total: counts.append((n_bytes, total)),
    )
    content = (tmp_path / "served.mp4").read_bytes()
    assert found.path == tmp_path / "m" / f"{hashlib.sha256(content).hexdigest()}.mp4"
    assert found.path.read_bytes() == content and found.url == url
    assert counts[-1] == (len(content), len(content))
    assert probe(found).n_frames_estimate == sum(1 for _ in frames(found.path)) == 10


def test_a_second_time_nothing_is_asked_of_the_server(site: Site, tmp_path: Path) -> None:
    url = site.video("/clip.mp4", tmp_path)
    first = fetch(url, tmp_path / "m", allow_loopback=True)
    site.requests.clear()
    assert fetch(url + "#t=3", tmp_path / "m") == first
    assert site.requests == []
    first.path.write_bytes(b"changed")
    assert fetch(url, tmp_path / "m", allow_loopback=True) == first  # a changed file is downloaded again
    assert site.requests != []


def test_a_page_with_one_video_gives_that_video_and_its_title(site: Site, tmp_path: Path, monkeypatch) -> None:
    site.video("/clip.mp4", tmp_path)
    page = b"<html><head><title>A walk</title></head><body><video src='/clip.mp4'></video></body></html>"
    url = site.page("/page.html", page, "text/html")
    monkeypatch.setenv(addresses.ALLOW_LOOPBACK_VARIABLE, "1")
    found = resolve(url, media_dir=tmp_path / "m")
    assert found.title == "A walk" and found.path.read_bytes() == (tmp_path / "served.mp4").read_bytes()


def test_terminal_escapes_in_a_pages_title_do_not_come_through(site: Site, tmp_path: Path) -> None:
    site.video("/clip.mp4", tmp_path)
    title = b"A\x1b]0;mine\x07 walk&#10;&#155;31m \xe2\x80\xaein the park" + 400 * b"x"
    page = b"<html><head><title>" + title + b"</title></head><body><video src='/clip.mp4'></video></body></html>"
    found = resolve(site.page("/page.html", page, "text/html"), media_dir=tmp_path / "m", allow_loopback=True)
    assert found.title.startswith("A") and "walk" in found.title
    assert found.title.isprintable() and len(found.title) <= 300


# --- what does not ---


def test_a_page_with_two_videos_is_refused(site: Site, tmp_path: Path) -> None:
    page = b"<html><body><video src='/a.mp4'></video><video src='/b.mp4'></video></body></html>"
    for path in ("/a.mp4", "/b.mp4"):
        site.video(path, tmp_path)
    error = refusal(site.page("/page.html", page, "text/html"), tmp_path / "m")
    assert error.code == "unsupported_url" and "several videos" in str(error)


@pytest.mark.parametrize(
    ("path", "kind", "named"),
    [
        ("/video.php", "video/mp4", ""),
        ("/get.cgi?id=3", "video/mp4; charset=utf-8", ""),
        ("/watch.asp", "application/octet-stream", "attachment; filename=x.exe"),
        ("/clip.html", "video/mp4", ""),
        ("/clip.mp4.sh", "video/x-matroska", ""),
    ],
)
def test_an_address_that_looks_like_a_programs_may_lead_to_a_video(
    path: str, kind: str, named: str, site: Site, tmp_path: Path
) -> None:
    content = media.write_video(tmp_path / "clip.mp4", 10).read_bytes()
    headers = {"Content-Type": kind, "Content-Length": str(len(content))}
    headers |= {"Content-Disposition": named} if named else {}
    site.pages[path] = lambda request: reply(request, 200, content, headers)
    got = fetch(site.address + path, tmp_path / "m", allow_loopback=True)
    assert got.path.read_bytes() == content
    assert len(list(frames(got.path))) == 10


def test_a_page_whose_player_reads_from_a_program_gives_its_video(site: Site, tmp_path: Path) -> None:
    content = media.write_video(tmp_path / "clip.mp4", 10).read_bytes()
    site.page("/stream.php?id=1", content, "video/mp4")
    url = site.page("/page.php", b"<html><video src='/stream.php?id=1'></video></html>", "text/html")
    assert fetch(url, tmp_path / "m", allow_loopback=True).path.read_bytes() == content


def test_a_protected_stream_is_called_protected(site: Site, tmp_path: Path) -> None:
    playlist = b"""#EXTM3U
#EXT-X-TARGETDURATION:10
#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"
#EXTINF:10,
a.ts
#EXT-X-ENDLIST
"""
    url = site.page("/clip.m3u8", playlist, "application/vnd.apple.mpegurl")
    assert refusal(url, tmp_path).code == "drm"


@pytest.mark.parametrize("folder", ["price in $HOME", "%(title)s", "100 %", "~name", "a$b%%c"])
def test_a_store_of_any_name_gets_its_download(folder: str, site: Site, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = site.video("/clip.mp4", tmp_path)
    for media_dir in (Path(folder) / "media", tmp_path / folder / "absolute"):
        media_dir.parent.mkdir(exist_ok=True)
        got = fetch(url, media_dir, allow_loopback=True)
        assert got.path.parent == media_dir and got.path.is_file()
    assert {path.name for path in tmp_path.iterdir()} == {folder, "served.mp4"}


def test_a_page_without_video_is_refused(site: Site, tmp_path: Path) -> None:
    url = site.page("/page.html", b"<html><body>Nothing here</body></html>", "text/html")
    assert refusal(url, tmp_path / "m").code == "unsupported_url"


@pytest.mark.parametrize(("status", "code"), [(404, "not_found"), (410, "not_found"), (401, "sign_in_required")])
def test_an_http_error_is_named_and_not_tried_again(status: int, code: str, site: Site, tmp_path: Path) -> None:
    url = site.page("/clip.mp4", b"", "text/html", status)
    assert refusal(url, tmp_path / "m").code == code
    assert len(site.requests) == 1


def test_a_busy_server_is_asked_again(site: Site, tmp_path: Path) -> None:
    url = site.video("/clip.mp4", tmp_path)
    serve = site.pages["/clip.mp4"]

    def first_busy(request: BaseHTTPRequestHandler) -> None:
        if len(site.requests) == 1:
            reply(request, 503, b"", {"Content-Length": "0"})
        else:
            serve(request)

    site.pages["/clip.mp4"] = first_busy
    assert fetch(url, tmp_path / "m", allow_loopback=True).path.is_file()


def test_a_forbidden_link_is_tried_once_more(site: Site, tmp_path: Path) -> None:
    url = site.page("/clip.mp4", b"", "text/html", 403)
    assert refusal(url, tmp_path / "m").code == "http_403"
    assert len(site.requests) == 2


def test_a_connection_that_breaks_off_is_an_error_and_leaves_nothing(site: Site, tmp_path: Path) -> None:
    content = media.write_video(tmp_path / "served.mp4", 10).read_bytes()
    headers = {"Content-Type": "video/mp4", "Content-Length": str(len(content))}
    site.pages["/clip.mp4"] = lambda request: reply(request, 200, content[: len(content) // 2], headers)
    assert refusal(site.address + "/clip.mp4", tmp_path / "m").code == "network"


def test_nobody_at_that_address_is_a_network_error(tmp_path: Path) -> None:
    assert refusal("http://127.0.0.1:9/clip.mp4", tmp_path / "m").code == "network"


@pytest.mark.parametrize("with_length", [True, False])
def test_a_file_over_the_limit_is_refused_also_without_a_stated_length(
    with_length: bool, site: Site, tmp_path: Path
) -> None:
    content = media.write_video(tmp_path / "served.mp4", 10).read_bytes() + bytes(3_000_000)
    headers = {"Content-Type": "video/mp4"} | ({"Content-Length": str(len(content))} if with_length else {})
    site.pages["/clip.mp4"] = lambda request: reply(request, 200, content, headers)
    assert refusal(site.address + "/clip.mp4", tmp_path / "m", max_bytes=1_000_000).code == "too_large"


def test_an_empty_answer_is_refused(site: Site, tmp_path: Path) -> None:
    assert refusal(site.page("/clip.mp4", b"", "video/mp4"), tmp_path / "m").code in (
        "empty",
        "unsupported_url",
        "network",
    )


def test_a_playlist_of_streams_is_refused(site: Site, tmp_path: Path) -> None:
    text = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    url = site.page("/list.m3u8", text, "application/vnd.apple.mpegurl")
    assert refusal(url, tmp_path / "m").code in ("no_format", "unsupported_url")


@pytest.mark.parametrize("asked_seconds", ["600", "Fri, 31 Dec 2100 00:00:00 GMT"])
def test_a_server_that_asks_for_a_long_wait_is_not_asked_again(asked_seconds: str, site: Site, tmp_path: Path) -> None:
    headers = {"Content-Length": "0", "Retry-After": asked_seconds}
    site.pages["/clip.mp4"] = lambda request: reply(request, 429, b"", headers)
    error = refusal(site.address + "/clip.mp4", tmp_path / "m")
    assert error.code == "rate_limited" and "asks to wait" in str(error)
    assert len(site.requests) == 1


def test_the_wait_that_a_server_asks_for_is_a_number_or_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < retry_after(soon) <= 30 and retry_after(" 7 ") == 7
    for text in (None, "", "soon", "-3", "1e9", "9" * 400, "Fri, 31 Dec 1999 00:00:00 GMT", "Fri, 99 Foo 20000"):
        assert retry_after(text) == 0, text


LONG_PAGE = """<html><head><script type="application/ld+json">{"@context": "https://schema.org", "@type": "VideoObject",
"name": "Long", "contentUrl": "ADDRESS/clip.mp4", "duration": "PT3H"}</script></head><body>Long</body></html>"""


def test_a_long_video_is_refused_before_the_download_unless_a_part_is_asked_for(site: Site, tmp_path: Path) -> None:
    site.video("/clip.mp4", tmp_path)
    url = site.page("/long.html", LONG_PAGE.replace("ADDRESS", site.address).encode(), "text/html")
    limits = Limits(max_seconds=3600)
    for refused in (limits, Limits(max_seconds=3600, start_seconds=60)):
        with pytest.raises(SourceError) as caught:
            fetch(url, tmp_path / "m", allow_loopback=True, limits=refused)
        assert caught.value.code == "too_long" and "--start" in str(caught.value) and "10800 s" in str(caught.value)
    part = Limits(max_seconds=3600, start_seconds=10740)
    assert fetch(url, tmp_path / "m", allow_loopback=True, limits=part).duration_seconds == 10800
    site.requests.clear()
    with pytest.raises(SourceError, match="--max-duration"):  # even if the file is downloaded already
        fetch(url, tmp_path / "m", allow_loopback=True, limits=limits)
    assert site.requests == []


# --- resuming ---


class Versions:
    """A file on a server that may change: how each version answers a request for the whole file, and for the rest."""

    def __init__(self, site: Site, content: bytes, etag: str | None, *, breaks: bool = True) -> None:
        self.content, self.etag, self.breaks = content, etag, breaks
        self.keeps_if_range = True
        self.ranges: list[tuple[str, str | None]] = []
        site.pages["/clip.mp4"] = self.answer
        self.url = site.address + "/clip.mp4"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range") or "")
        headers = {"Content-Type": "video/mp4", "Accept-Ranges": "bytes"} | ({"ETag": self.etag} if self.etag else {})
        total = len(self.content)
        if asked:
            self.ranges.append((asked[1], request.headers.get("If-Range")))
        if asked and int(asked[1]) >= total:
            reply(request, 416, b"", {"Content-Range": f"bytes */{total}", "Content-Length": "0"})
        elif asked and (not self.keeps_if_range or request.headers.get("If-Range") == self.etag):
            rest = self.content[int(asked[1]) :]
            headers["Content-Range"] = f"bytes {asked[1]}-{total - 1}/{total}"
            reply(request, 206, rest, headers | {"Content-Length": str(len(rest))})
        else:
            sent = self.content[: total // 2] if self.breaks else self.content
            reply(request, 200, sent, headers | {"Content-Length": str(total)})


WITHOUT_WAITS = (
    "import sys, precompute.downloads.download_process as d\nd.RETRY_WAITS_SECONDS = (0, 0)\nd.main(sys.argv[1:])"
)


def some_content(seed: int) -> bytes:
    return random.Random(seed).randbytes(400_000)


def test_a_download_that_breaks_off_goes_on_where_it_stopped(site: Site, tmp_path: Path, monkeypatch) -> None:
    child_that_runs(monkeypatch, WITHOUT_WAITS)
    server = Versions(site, some_content(0), '"one"')
    assert fetch(server.url, tmp_path / "m", allow_loopback=True).path.read_bytes() == server.content
    ((start, if_range),) = server.ranges
    assert 0 < int(start) <= 200_000 and if_range == '"one"'
    assert [path.name for path in (tmp_path / "m").glob("download-*")] == []


@pytest.mark.parametrize("keeps_if_range", [True, False], ids=["heeds If-Range", "does not"])
@pytest.mark.parametrize("new_etag", ['"two"', '"one"', 'W/"one"', None])
@pytest.mark.parametrize("new_bytes", [400_006, 1000, 199_950])
def test_a_file_that_has_changed_is_never_joined_to_the_old_part(
    new_bytes: int, new_etag: str | None, keeps_if_range: bool, site: Site, tmp_path: Path
) -> None:
    server = Versions(site, some_content(0), '"one"')
    folder = tmp_path / "part"
    folder.mkdir()
    (folder / "video.mp4.part").write_bytes(server.content[:200_000])
    (folder / VALIDATORS).write_text(json.dumps({"etag": '"one"', "last_modified": None, "total_bytes": 400_000}))
    server.content, server.etag, server.breaks = random.Random(1).randbytes(new_bytes), new_etag, False
    server.keeps_if_range = keeps_if_range
    name = None
    for _ in range(2):  # the second after the part was found to be of another file
        try:
            with chdir(folder):
                name = download_process.download(server.url, Limits(), lambda message: None)["name"]
            break
        except Passing as error:
            assert "has changed" in str(error)
            assert not (folder / "video.mp4.part").exists()
    assert name is not None and (folder / name).read_bytes() == server.content
    assert server.ranges[0] == ("200000", '"one"')


def test_answers_are_of_one_file_by_size_and_tag_or_else_by_size_and_date() -> None:
    kept = Validators('"one"', "Mon", 9)
    assert kept.is_same_file(Validators('"one"', None, 9))  # a 206 leaves the date out
    assert not kept.is_same_file(Validators('"one"', "Mon", 8))
    assert not kept.is_same_file(Validators(None, "Mon", 9))
    dated = Validators(None, "Mon", 9)
    assert dated.can_tell and dated.is_same_file(Validators('"new"', "Mon", 9))
    assert not dated.is_same_file(Validators(None, "Tue", 9))
    assert not Validators('"one"', "Mon", None).can_tell and not Validators(None, None, 9).can_tell


@pytest.mark.parametrize("note", [None, "{", "[]", '{"etag": null, "last_modified": null, "total_bytes": 400000}'])
def test_a_part_of_which_nothing_is_known_is_not_used(note: str | None, site: Site, tmp_path: Path) -> None:
    server = Versions(site, some_content(0), '"one"', breaks=False)
    folder = tmp_path / "part"
    folder.mkdir()
    (folder / "video.mp4.part").write_bytes(b"of another file")
    if note is not None:
        (folder / VALIDATORS).write_text(note)
    with chdir(folder):
        name = download_process.download(server.url, Limits(), lambda message: None)["name"]
    assert (folder / name).read_bytes() == server.content and server.ranges == []


def test_an_interrupted_download_goes_on_in_the_next_run(site: Site, tmp_path: Path) -> None:
    # More than the buffers between server and downloader hold, so that the downloader reports while the file still comes.
    server = Versions(site, some_content(0) * 30, '"one"')
    whole, interrupted = server.answer, threading.Event()

    def slowly(request: BaseHTTPRequestHandler) -> None:
        if request.headers.get("Range"):
            whole(request)
            return
        total = len(server.content)
        reply(request, 200, b"", {"Content-Type": "video/mp4", "Content-Length": str(total), "ETag": '"one"'})
        for start in range(0, total, 50_000):
            request.wfile.write(server.content[start : start + 50_000])
            if interrupted.wait(0.03):
                return

    site.pages["/clip.mp4"] = slowly

    def interrupt(n_bytes: int, total: int | None) -> None:
        if n_bytes > 200_000:
            interrupted.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server.url, tmp_path / "m", allow_loopback=True, progress=interrupt)
    assert fetch(server.url, tmp_path / "m", allow_loopback=True).path.read_bytes() == server.content
    ((start, if_range),) = server.ranges
    assert int(start) > 100_000 and if_range == '"one"'


def test_two_jobs_download_a_url_once(site: Site, tmp_path: Path) -> None:
    url = site.video("/clip.mp4", tmp_path)
    fetch(url, tmp_path / "alone", allow_loopback=True)
    n_requests = len(site.requests)
    site.requests.clear()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: fetch(url, tmp_path / "m", allow_loopback=True), range(2)))
    assert found[0] == found[1] and len(site.requests) == n_requests


# --- this machine's own trouble ---


def test_a_page_that_does_not_end_meets_a_limit_of_memory(site: Site, tmp_path: Path, monkeypatch) -> None:
    child_that_runs(
        monkeypatch,
        "import sys, precompute.downloads.download_process as d\nd.MEMORY_BYTES = 150_000_000\nd.main(sys.argv[1:])",
    )

    def endless(request: BaseHTTPRequestHandler) -> None:
        reply(request, 200, b"<html><body>", {"Content-Type": "text/html"})
        while True:
            request.wfile.write(bytes(1 << 20).replace(b"\0", b"a"))

    site.pages["/page.html"] = endless
    assert refusal(site.address + "/page.html", tmp_path / "m").code == "out_of_memory"


def test_the_javascript_runtime_that_youtube_needs_is_installed_and_fits_the_limits() -> None:
    program = (
        "import deno, subprocess, precompute.downloads.download_process as d\n"
        "d.limit_downloader(1 << 20)\n"
        "done = subprocess.run([deno.find_deno_bin(), 'eval', 'console.log(6 * 7)'], capture_output=True)\n"
        "print(done.returncode, done.stdout, done.stderr)"
    )
    root = Path(__file__).parents[2]  # another test may have left this process in another folder
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout.strip().startswith(r"0 b'42\n' "), (done.returncode, done.stdout, done.stderr)


def test_an_extractor_that_fails_is_named_with_its_age_and_how_to_upgrade_it(
    site: Site, tmp_path: Path, monkeypatch
) -> None:
    child_that_runs(
        monkeypatch,
        "import sys, precompute.downloads.download_process as d, yt_dlp.extractor.generic as g\n"
        "def fail(*arguments): raise KeyError('player')\n"
        "g.GenericIE._real_extract = fail\n"
        "d.main(sys.argv[1:])",
    )
    error = refusal(site.video("/clip.mp4", tmp_path), tmp_path / "m")
    assert error.code == "extractor_failed" and re.search(r"yt-dlp \d+\.\d+\.\d+, \d+ days old", str(error))
    assert "pip install -U" in error.next_step


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("buffering", [0, -1], ids=["at the first write", "at the end"])
def test_a_full_disk_is_not_called_a_network_error(buffering: int, site: Site, tmp_path: Path, monkeypatch) -> None:
    child_that_runs(
        monkeypatch,
        "import sys, precompute.downloads.download_process as a, yt_dlp.downloader.common as c\n"
        f"c.sanitize_open = lambda name, mode: (open('/dev/full', 'wb', buffering={buffering}), name)\n"
        "a.main(sys.argv[1:])",
    )
    error = refusal(site.video("/clip.mp4", tmp_path), tmp_path / "m")
    assert error.code == "disk_full" and "free space" in str(error) and "network" not in str(error)


def test_a_disk_that_is_full_only_for_the_parent_is_called_so_too(site: Site, tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download, "_adopt", full)
    assert refusal(site.video("/clip.mp4", tmp_path), tmp_path / "m").code == "disk_full"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://youtu.be/abcdefghijk?si=track&t=5", "https://www.youtube.com/watch?v=abcdefghijk"),
        ("https://bucket.example/clip.mp4?X-Amz-Signature=secret", "https://bucket.example/clip.mp4"),
        ("https://me:secret@bucket.example/clip.mp4#token", "https://bucket.example/clip.mp4"),
        ("ftp://me:s@cret@example.org/clip.mp4?a", "ftp://example.org/clip.mp4"),
        ("https://[bad?secret", "https://[bad"),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_key(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_of_the_childs_answer_the_bare_name_counts(tmp_path: Path, monkeypatch) -> None:
    child_that_runs(
        monkeypatch,
        ANSWER + "parent.send({'name': '../of-another.mp4', 'title': '', 'author': None, 'licence': None,"
        " 'duration_seconds': None})",
    )
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "of-another.mp4").write_bytes(b"video")
    with pytest.raises(SourceError) as raised:
        fetch("https://example.org/clip.mp4", tmp_path / "m")
    assert raised.value.code == "empty" and (tmp_path / "m" / "of-another.mp4").exists()


def test_a_process_that_cannot_be_started_is_not_called_a_store_that_cannot_be_written(
    tmp_path: Path, monkeypatch
) -> None:
    def refusing(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(sandbox.subprocess, "Popen", refusing)
    with pytest.raises(BlockingIOError) as raised:
        fetch("https://example.org/clip.mp4", tmp_path / "m")
    assert name_error("https://example.org/clip.mp4", raised.value).code == "out_of_memory"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_the_downloader_started_ends_with_it(tmp_path: Path, monkeypatch) -> None:
    child_that_runs(
        monkeypatch,
        ANSWER + "import subprocess, time\n"
        "pid = subprocess.Popen(['sleep', '300']).pid\n"
        "parent.send({'n_bytes': pid, 'total_bytes': None})\n"
        "time.sleep(300)",
    )
    pids: list[int] = []

    def interrupt(n_bytes: int, _: int | None) -> None:
        pids.append(n_bytes)
        assert is_running(n_bytes)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("http://127.0.0.1/clip.mp4", tmp_path / "m", allow_loopback=True, progress=interrupt)
    wait_until(lambda: not is_running(pids[0]), "the end of what the downloader started")


def test_folders_of_killed_downloads_are_removed_after_a_day(site: Site, tmp_path: Path) -> None:
    media_dir = tmp_path / "m"
    now = time.time()
    for name, age_seconds in (("old", 2 * 86400), ("quiet", 2 * 86400), ("new", 60)):
        folder = media_dir / f"download-{name}"
        folder.mkdir(parents=True)
        (folder / "video.mp4").write_bytes(b"half")
        written = now if name == "quiet" else now - age_seconds  # still being written, for more than a day
        os.utime(folder / "video.mp4", (written, written))
        os.utime(folder, (now - age_seconds, now - age_seconds))
    fetch(site.video("/clip.mp4", tmp_path), media_dir, allow_loopback=True)
    assert sorted(path.name for path in media_dir.glob("download-*")) == ["download-new", "download-quiet"]


# --- addresses ---


def test_this_machine_is_reached_only_by_the_explicit_switch(site: Site, tmp_path: Path) -> None:
    url = site.video("/clip.mp4", tmp_path)
    assert refusal(url, tmp_path / "m", allow_loopback=False).code == "blocked_address"
    assert (
        refusal(url.replace("127.0.0.1", "localhost"), tmp_path / "m", allow_loopback=False).code == "blocked_address"
    )
    assert site.requests == []


@pytest.mark.parametrize(
    "target", ["http://10.0.0.1/x.mp4", "http://169.254.169.254/latest/meta-data", "http://[::]/x.mp4"]
)
def test_a_redirect_to_a_private_address_is_blocked(target: str, site: Site, tmp_path: Path) -> None:
    assert refusal(site.redirect("/clip.mp4", target), tmp_path / "m").code == "blocked_address"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "data:video/mp4;base64,AAAA", "ftp://127.0.0.1/x.mp4"])
def test_a_redirect_to_another_scheme_is_not_followed(target: str, site: Site, tmp_path: Path) -> None:
    refusal(site.redirect("/clip.mp4", target), tmp_path / "m")


@pytest.mark.parametrize(
    "source", ["file:///etc/passwd", "data:video/mp4;base64,AAAAIGZ0eXBpc29t", "ftp://127.0.0.1/x.mp4"]
)
def test_a_page_that_points_to_another_scheme_gives_nothing(source: str, site: Site, tmp_path: Path) -> None:
    page = f"<html><body><video src='{source}'></video></body></html>".encode()
    refusal(site.page("/page.html", page, "text/html"), tmp_path / "m")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "192.0.0.8",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "2001:0:1::1",
        "example.org",
        "",
        "/run/docker.sock",
    ],
)
def test_only_numeric_public_addresses_are_public(host: str) -> None:
    assert not is_public(host)


def test_public_addresses_are_public_and_the_switch_adds_only_this_machine() -> None:
    assert is_public("93.184.215.14") and is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")
    assert is_public("127.0.0.1", allow_loopback=True) and is_public("::1", allow_loopback=True)
    assert not is_public("10.0.0.1", allow_loopback=True) and not is_public("0.0.0.0", allow_loopback=True)


# --- spelling ---

VIDEO = "https://www.youtube.com/watch?v=aqz-KE-bpKQ"


@pytest.mark.parametrize(
    "url",
    [
        VIDEO,
        "http://youtube.com/watch?v=aqz-KE-bpKQ&list=PL123&index=2",
        "https://m.youtube.com/watch?list=PL123&v=aqz-KE-bpKQ#t=3",
        "https://youtu.be/aqz-KE-bpKQ?si=abc",
        "https://www.youtube.com/shorts/aqz-KE-bpKQ",
        "https://www.youtube-nocookie.com/embed/aqz-KE-bpKQ",
        " HTTPS://WWW.YOUTUBE.COM/live/aqz-KE-bpKQ ",
        "https://youtu.be/aqz-KE-bpKQ&t=3",
        "https://youtu.be/aqz-KE-bpKQ?v=00000000000",
        "https://youtu.be/watch?v=aqz-KE-bpKQ",
        "https://www.youtube.com/e/aqz-KE-bpKQ",
        "https://www.youtube.com/v/aqz-KE-bpKQ&hl=en",
        "https://www.youtube.com/embed/aqz-KE-bpKQ?start=3",
        "https://music.youtube.com/watch?v=aqz-KE-bpKQ&feature=share",
        "https://gaming.youtube.com/watch?v=aqz-KE-bpKQ",
        "https://www.youtubekids.com/watch?v=aqz-KE-bpKQ",
        "https://youtube.googleapis.com/v/aqz-KE-bpKQ",
        "https://www.youtube.com/watch#!v=aqz-KE-bpKQ",
        "https://www.youtube.com/watch?feature=x&amp;v=aqz-KE-bpKQ&amp;t=3",
        "https://www.youtube.com/watch_popup?v=aqz-KE-bpKQ",
        "https://www.youtube.com/?v=aqz-KE-bpKQ",
        "www.youtube.com/watch?v=aqz-KE-bpKQ",
        "youtu.be/aqz-KE-bpKQ",
        "//m.youtube.com/shorts/aqz-KE-bpKQ",
    ],
)
def test_all_spellings_of_a_youtube_video_are_one(url: str) -> None:
    assert normalise_url(address_of(url) or "") == VIDEO


@pytest.mark.parametrize(
    ("spec", "url"),
    [
        ("example.org/clip.mp4", "https://example.org/clip.mp4"),
        ("example.org:8443/a/b?c=1", "https://example.org:8443/a/b?c=1"),
        ("192.0.2.1/clip.mp4", "https://192.0.2.1/clip.mp4"),
        ("http://example.org/a", "http://example.org/a"),
        ("clip.mp4", None),
        ("my-videos/clip.mp4", None),
        ("./example.org/clip.mp4", None),
        ("../example.org/clip.mp4", None),
        ("/example.org/clip.mp4", None),
        ("~/clip.mp4", None),
        (".hidden/clip.mp4", None),
        ("C:\\clips\\clip.mp4", None),
        ("", None),
        ("\0.org/a", None),
    ],
)
def test_an_address_needs_no_scheme_where_no_file_has_its_name(
    spec: str, url: str | None, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert address_of(spec) == url
    for existing in ("example.org", "192.0.2.1"):
        (tmp_path / existing).mkdir()
    assert address_of(spec) == (url if "://" in spec else None)


def test_a_misspelt_path_that_looks_like_an_address_is_called_a_missing_file_too(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("precompute.media.sources.fetch", _nobody_there)
    with pytest.raises(SourceError) as caught:
        resolve("results.old/clip.mp4", media_dir=tmp_path)
    assert caught.value.code == "not_found" and "no such file, and https://results.old/clip.mp4" in caught.value.found


def _nobody_there(url: str, *_: object, **__: object) -> None:
    raise SourceError("network", f"{url}: no such host")


def test_normalising_twice_changes_nothing() -> None:
    for url in ("HTTP://Example.ORG:80/A?b=C#d", "https://example.org", "https://[2606:2800::1]:8443/x.mp4"):
        assert normalise_url(normalise_url(url)) == normalise_url(url)
    assert normalise_url("HTTP://Example.ORG:80/A?b=C#d") == "http://example.org/A?b=C"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/x.mp4",
        "data:video/mp4;base64,AAAA",
        "javascript://x",
        "concat://a|b",
        "http://",
        "http://user:secret@example.org/",
        "http://exa mple.org/",
        "http://example.org:99999/",
        "http://[::1/",
        "http://example.org/\x9b31m.mp4",
        "http://example.org/\u202egpj.mp4",
        "http://example.org/" + "a" * 5000,
        "https://www.youtube.com/playlist?list=PL1",
        "https://www.youtube.com/@channel",
        "https://youtu.be/short",
        "https://www.youtube.com/embed/videoseries?list=PL1",
        "https://www.youtube.com/embed/live_stream?channel=UC1",
        "youtube.com/playlist?list=PL1",
    ],
)
def test_what_is_no_address_of_one_video_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        resolve(url, media_dir=tmp_path / "m")
    assert caught.value.code == "unsupported_url" and "\n" not in str(caught.value)
    assert not (tmp_path / "m").exists()


# --- yt-dlp's errors under our names ---


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("[youtube] abc: Private video. Sign in if you've been granted access to this video", "private_video"),
        (
            "[youtube] abc: Sign in to confirm your age. This video may be inappropriate for some users.",
            "sign_in_required",
        ),
        ("[youtube] abc: The uploader has not made this video available in your country", "geo_blocked"),
        ("[youtube] abc: Sign in to confirm you're not a bot.", "sign_in_required"),
        ("[youtube] abc: Video unavailable. This video has been removed by the uploader", "not_found"),
        ("Unsupported URL: https://example.org/", "unsupported_url"),
        ("\r[download] Got error: HTTP Error 503: Busy", "http_error"),
        ("\r[download] Got error: 7 bytes read, 9 more expected", "network"),
        ("[generic] drm: This video is DRM protected", "drm"),
        ("[DRM] The requested site is known to use DRM protection. It will NOT be supported.", "drm"),
        ("[youtube] abc: Requested format is not available. Use --list-formats", "no_format"),
        ("something new\nin two lines", "extractor_failed"),
    ],
)
def test_messages_of_yt_dlp_get_our_codes(message: str, code: str) -> None:
    error = download_failures.named_error(
        "https://example.org/", RuntimeError("ERROR: " + message), Path("media/download")
    )
    assert error.code == code and "\n" not in str(error) and "ERROR" not in str(error)
