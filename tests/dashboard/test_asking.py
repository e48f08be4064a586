"""Asking from the page: who may, what uploads are taken, and which clips stay unlisted."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from analysis.columns import Columns
from cache.records import StoreError
from cache.requests.limits import Limits, Refused
from cache.requests.queue import Requests, new_worker
from cache.requests.records import Options, Progress, Result, Source
from cache.requests.uploads import Uploads
from cache.store import Store
from dashboard.catalogue import catalogue_of
from dashboard.selection.link import from_query, to_query
from dashboard.server.page_shell import PageShell
from dashboard.server.routes import player_routes
from dashboard.site import Site
from dashboard.views import compare, image, shift, space, study
from dashboard.views.parts import image_start
from dashboard.visitors import visitor as visitors
from dashboard.visitors.asking import MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS, Asker, asker_in
from dashboard.visitors.network import network_of, proxies_of
from precompute.media.stills.kinds import MAX_PIXELS
from tests.fixtures.stores import build_store

WHO = "0" * 32
STILL = Options(max_frames=1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return build_store(tmp_path_factory.mktemp("asking"), n_frames=3)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def row(self) -> dict[str, Any]:
        return json.loads(self.body)


class Client:
    """The routes of a store, asked without a server."""

    def __init__(self, store: Store) -> None:
        self._app = Starlette(routes=player_routes(store))

    def ask(
        self,
        path: str,
        query: dict[str, str] | None = None,
        *,
        method: str = "GET",
        body: bytes = b"",
        peer=None,
        **headers,
    ):
        given = [(name.replace("_", "-").lower().encode(), str(value).encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "client": peer,
            "method": method,
            "path": path,
            "query_string": urlencode(query or {}).encode(),
        }
        parts = [body[: len(body) // 2], body[len(body) // 2 :]]
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        with ThreadPoolExecutor(1) as pool:  # a loop of Playwright may run in this thread
            pool.submit(asyncio.run, self._app({**scope, "headers": given}, receive, send)).result()
        return Answer(sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.fixture
def client(store: Store, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("CROSSCHECK_REQUESTS", "everyone")
    return Client(store)


def begin(client: Client, *, ticket: str | None = None, **headers: Any) -> Answer:
    given = {visitors.TICKET_HEADER: visitors.ticket_of(WHO) if ticket is None else ticket}
    return client.ask("/asking/uploads", method="POST", body=b'{"bytes": 7}', **given, **headers)


@pytest.mark.parametrize(
    ("setting", "is_signed_in", "may"),
    [
        ("", False, False),
        ("off", True, False),
        ("signed-in", False, False),
        ("signed-in", True, True),
        ("everyone", False, True),
        ("nonsense", True, False),
    ],
)
def test_asking_is_off_unless_the_server_allows_this_visitor(setting: str, is_signed_in: bool, may: bool, store: Store):
    asker = asker_in({"CROSSCHECK_REQUESTS": setting}, store, WHO, is_signed_in=is_signed_in)
    assert (asker.refusal == "") is may
    assert bool(asker.ticket) is may
    if not may:
        with pytest.raises(PermissionError):
            asker.ask(Source("sample", "phone"), STILL)


def test_files_of_the_server_cannot_be_asked_for_from_the_page(store: Store):
    with pytest.raises(PermissionError):
        Asker(store, WHO, Limits()).ask(Source("file", "/etc/passwd"), STILL)


def test_visitors_see_and_end_only_their_own_requests(store: Store):
    mine, other = Asker(store, WHO, Limits()), Asker(store, "1" * 32, Limits())
    request = mine.ask(Source("sample", "phone"), STILL)
    assert [one.id for one in mine.own()] == [request.id]
    assert other.own() == []
    assert other.get(request.id) is None
    other.cancel(request.id)
    other.delete(request.id)
    assert (found := mine.get(request.id)) is not None
    assert found.state == "waiting"
    mine.delete(request.id)
    assert mine.own() == []


def test_requests_from_the_page_are_limited(store: Store):
    asker = Asker(store, WHO, Limits(waiting=1))
    first = asker.ask(Source("sample", "phone"), STILL)
    assert asker.ask(Source("sample", "phone"), STILL).id == first.id
    with pytest.raises(Refused, match="not done yet"):
        asker.ask(Source("sample", "walkthrough"), STILL)


def test_forged_and_expired_tickets_are_refused(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch):
    valid = visitors.ticket_of(WHO)
    forged = f"{'1' * 32}{valid[32:]}"
    monkeypatch.setattr(visitors, "TICKET_SECONDS", -1.0)
    expired = visitors.ticket_of(WHO)
    for ticket in ("", "x", forged, expired):
        assert begin(client, ticket=ticket).status == 401
    assert begin(client, ticket=valid, Sec_Fetch_Site="cross-site").status == 401
    assert not (store.root / "uploads").exists()
    assert begin(client, ticket=valid).status == 201


def test_a_store_that_cannot_be_written_is_answered_in_words(client: Client, store: Store):
    (store.root / "uploads").write_text("a file where the folder should be")
    answer = begin(client)
    assert answer.status == 507
    assert str(store.root) not in answer.body.decode()


def test_only_who_uploaded_a_file_can_ask_for_it_from_any_page(store: Store):
    mine, other = Asker(store, WHO, Limits()), Asker(store, "1" * 32, Limits())
    upload = Source("upload", mine.upload(b"picture"), "picture")
    with pytest.raises(StoreError, match="not there"):
        other.ask(upload, STILL)
    assert mine.ask(upload, STILL).asked.bytes == 7
    assert other.all() == mine.own()


def test_photos_count_against_the_limits_whether_they_were_asked_for_or_not(store: Store):
    asker = Asker(store, WHO, Limits(upload_mb_per_day=0.00001))
    asker.upload(b"x" * 7)
    with pytest.raises(Refused, match="a day are used"):
        asker.upload(b"y" * 7)
    assert [upload.bytes for upload in Uploads(store.root).stored()] == [7]


def test_an_address_that_is_too_long_or_none_is_refused_in_words_on_the_image_page(
    store: Store, monkeypatch: pytest.MonkeyPatch
):
    state: dict[str, Any] = {}
    monkeypatch.setattr(image_start.st, "session_state", state)
    asker = Asker(store, WHO, Limits())
    for address in ("https://example.org/" + "a" * 5000, "http://", "https://a b/c", "file:///etc/passwd"):
        state.clear()
        state["image-address"] = address
        image_start._ask_address(asker, "mini")
        assert "not a web address" in state[image_start.ERROR], address
    assert asker.all() == []


def test_the_name_of_a_picture_is_text_and_never_markup(store: Store, monkeypatch: pytest.MonkeyPatch):
    asker = Asker(store, WHO, Limits())
    request = asker.ask(Source("sample", "phone", "![x](https://example.org/x.png)"), STILL)
    page = MagicMock()
    monkeypatch.setattr(image, "st", page)
    monkeypatch.setattr(image, "show_unserved", lambda *given: None)
    image._show_waiting(MagicMock(), asker, [request])
    assert page.header.call_args.args[0].startswith("\\!\\[x\\]")


def test_streamlit_itself_receives_no_more_than_a_picture():
    path = Path(image_start.__file__).parents[2] / ".streamlit" / "config.toml"
    settings = tomllib.loads(path.read_text(encoding="utf-8"))
    assert settings["server"]["maxUploadSize"] == MAX_PICTURE_BYTES // 10**6
    assert MAX_PICTURE_PIXELS == MAX_PIXELS, "what the page says before the upload is what the decoder decides"


# Visitors and the page


def page_app(content: bytes) -> TestClient:
    def answer(request: Request) -> Response:
        return Response(content, media_type="text/html", headers={"Cache-Control": "no-cache"})

    middleware = [Middleware(PageShell), Middleware(visitors.NameVisitors)]
    return TestClient(Starlette(routes=[Route("/", answer)], middleware=middleware))


def test_no_cache_keeps_the_page_that_names_a_visitor():
    client = page_app(b'<html><head></head><body><div id="root"></div></body></html>')
    first = client.get("/")
    assert "crosscheck_visitor=" in first.headers["set-cookie"]
    assert first.headers["cache-control"] == "private, no-cache"
    again = client.get("/")
    assert "set-cookie" not in again.headers
    assert again.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("sent", ["crosscheck_visitor=", "crosscheck_visitor=x", f"other_crosscheck_visitor={WHO}"])
def test_a_browser_whose_cookie_names_nobody_gets_another(sent: str):
    assert "set-cookie" in page_app(b"<p>page</p>").get("/", headers={"Cookie": sent}).headers
    assert (
        "set-cookie"
        not in page_app(b"<p>page</p>").get("/", headers={"Cookie": f"a=b; crosscheck_visitor={WHO}"}).headers
    )


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_only_the_page_of_streamlit_is_written_into(accepted: str):
    headers = {"Accept-Encoding": accepted}
    page = page_app(b'<html><head></head><body><div id="root"></div></body></html>').get("/", headers=headers)
    assert "modulepreload" in page.text
    other = "<html><head></head><body>r\u00e9sum\u00e9</body></html>".encode("latin-1")
    assert page_app(other).get("/", headers=headers).content == other


def test_unlisted_clips_are_found_by_their_full_key_only(filled: Store):
    hidden = filled.tracks()[0].head.clip.key
    Uploads(filled.root).unlist(hidden)
    try:
        for named in ("", hidden[:12], hidden[:63], "walkthrough"):
            catalogue = catalogue_of(filled, {"clip": named})
            assert catalogue.clip(hidden) is None and not catalogue.tracks(hidden), named
        selection, notes = from_query({"clip": hidden}, catalogue_of(filled, {"clip": hidden}))
        assert selection is not None
        assert (selection.clip.key, notes) == (hidden, ())
        assert to_query(selection)["clip"] == hidden  # the next run must find it again
    finally:
        Uploads(filled.root).relist(hidden)


def test_the_series_of_unlisted_clips_are_not_exported_without_their_key(filled: Store):
    client = Client(filled)
    keys = {track.head.clip.key for track in filled.tracks()}
    for key in keys:
        Uploads(filled.root).unlist(key)
    try:
        assert client.ask("/series.parquet").status == 404
        assert client.ask("/series.parquet", {"clip": min(keys)[:12]}).status == 404
        assert client.ask("/series.parquet", {"clip": min(keys)}).status == 200
    finally:
        for key in keys:
            Uploads(filled.root).relist(key)


# Where a visitor comes from

PROXY = {"CROSSCHECK_PROXIES": "10.0.0.0/8, 2001:db8::7"}


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("8.8.4.4", "", "8.8.4.4"),
        ("8.8.4.4", "1.1.1.1", "8.8.4.4"),
        ("10.1.2.3", "1.1.1.1", "1.1.1.1"),
        ("10.1.2.3", "9.9.9.9, 1.1.1.1, 10.0.0.9", "1.1.1.1"),
        ("2001:db8::7", "2a00:1450:1:2:3:4:5:6", "2a00:1450:1:2::/64"),
        ("2a00:1450:1:2:ffff::1", "", "2a00:1450:1:2::/64"),
        ("::ffff:8.8.4.4", "", "8.8.4.4"),
        ("10.1.2.3", "", ""),
        ("10.1.2.3", "1.1.1.1, nonsense", ""),
        ("172.18.0.1", "1.1.1.1", ""),
        ("127.0.0.1", "1.1.1.1", ""),
        (None, "1.1.1.1", ""),
    ],
)
def test_only_public_addresses_count_and_only_those_that_a_named_proxy_adds(peer, forwarded, expected):
    assert network_of(peer, forwarded, proxies_of(PROXY)) == expected


def test_a_proxy_that_cannot_be_read_lets_nobody_ask(store: Store):
    environment = {"CROSSCHECK_REQUESTS": "everyone", "CROSSCHECK_PROXIES": "my-proxy"}
    assert "'my-proxy'" in asker_in(environment, store, WHO, is_signed_in=False).refusal


def test_new_visitors_of_one_network_address_are_refused_together_and_others_are_not(store: Store):
    environment = {"CROSSCHECK_REQUESTS": "everyone", "CROSSCHECK_REQUEST_LIMITS": "waiting=1,per-address=2"}

    def ask(n: int, peer: str | None) -> str:
        asker = asker_in(environment, store, f"{n:032x}", is_signed_in=False, peer=peer)
        request = asker.ask(Source("address", f"https://example.org/{n}.mp4"), Options(end=1.0))
        assert "8.8" not in request.asked.network
        return request.asked.network

    assert ask(0, "8.8.4.4") == ask(1, "8.8.4.4") != ask(2, "8.8.8.8")
    with pytest.raises(Refused, match="2 of your network address's requests"):
        ask(3, "8.8.4.4")
    assert ask(4, None) == ask(5, None) == "", "where the address is not known, only the other limits hold"


def test_uploads_of_one_network_address_count_together_before_they_are_asked_for(client: Client, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_REQUEST_LIMITS", "upload-mb-per-day=0.000008,per-address=1")
    statuses = [begin(client, ticket=visitors.ticket_of(f"{n:032x}"), peer=("8.8.4.4", 1)).status for n in range(2)]
    assert statuses == [201, 422]
    assert begin(client, ticket=visitors.ticket_of("a" * 32), peer=("8.8.8.8", 1)).status == 201


# What the menus name


def test_an_unlisted_clip_is_named_to_the_visitor_who_asked_for_it_alone(filled: Store):
    hidden = filled.tracks()[0].head.clip.key
    requests = Requests(filled.root)
    Uploads(filled.root).unlist(hidden)
    asker = Asker(filled, WHO, Limits())
    request = asker.ask(Source("address", "https://example.org/a.mp4"), Options(end=1.0))
    assert request.asked.is_visitors
    try:
        lease = requests.claim(request.id, new_worker())
        assert lease is not None
        for progress in (Progress(), Progress("compute", 0, 3, "a", hidden)):
            lease.tell(progress)
        lease.beat()
        assert asker.clips() == {hidden}
        lease.end("done", result=Result(hidden), clip=hidden)
        mine, other = asker, Asker(filled, "1" * 32, Limits())
        named = [catalogue_of(filled, {}, one.clips()).clip(hidden) for one in (mine, other)]
        assert named[0] is not None and named[1] is None
        selection, _ = from_query({"clip": hidden}, catalogue_of(filled, {}, mine.clips()))
        assert selection is not None and to_query(selection)["clip"] == hidden
    finally:
        Uploads(filled.root).relist(hidden)
        requests.forget(request.id)


@pytest.mark.parametrize("view", [compare, shift, space, study])
def test_every_page_with_a_menu_of_clips_names_the_visitor_s_own(filled: Store, monkeypatch, view):
    class Drawn(Exception):
        pass

    def catalogue(*arguments) -> None:
        raise Drawn(catalogue_of(*arguments).clip(own) is not None)

    own = filled.tracks()[0].head.clip.key
    monkeypatch.setattr(view, "asker_of", lambda store: Asker(store, WHO, Limits()))
    monkeypatch.setattr(Asker, "clips", lambda asker: frozenset({own} if asker.who == WHO else ()))
    monkeypatch.setattr(view, "catalogue_of", catalogue)
    Uploads(filled.root).unlist(own)
    try:
        with pytest.raises(Drawn) as drawn:
            view.page(Site(filled, Columns(filled), {}))
        assert drawn.value.args == (True,)
    finally:
        Uploads(filled.root).relist(own)
