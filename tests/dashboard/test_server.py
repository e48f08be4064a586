"""The dashboard among strangers: foreign hosts and origins, paths that lead elsewhere, and visitors who have not signed in."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from playwright.sync_api import Page, expect

from cache.store import Store
from dashboard.visitors import access
from dashboard.web_files import web_version
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import ROOT, free_port, serving, wait_until_healthy
from tests.fixtures.web.waits import PATIENCE_SECONDS

SECRETS = [Path("/etc/passwd"), ROOT / "dashboard" / "app.py", ROOT / ".streamlit" / "config.toml"]
"""What nobody may read through the dashboard."""
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return build_store(tmp_path_factory.mktemp("hostile"), n_frames=12)


@pytest.fixture(scope="module")
def address(store: Store, dashboard) -> str:
    return dashboard(store.root)


def ask(address: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a GET whose path is sent as it is, which libraries of clients tidy up first."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc, timeout=PATIENCE_SECONDS)
    given = headers or {}
    try:
        connection.putrequest("GET", path, skip_host="Host" in given)
        for name, value in given.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return response.status, found, b"" if response.status == 101 else response.read()
    finally:
        connection.close()


def pack_address(store: Store) -> str:
    track = store.tracks()[0]
    return f"/packs/{track.head.key}-{track.packs[0].sha256}.pack"


# Hosts, origins, paths


def test_only_the_names_of_this_machine_are_answered(address: str, store: Store):
    port = urllib.parse.urlsplit(address).port
    paths = ("/", "/compare", pack_address(store), "/series.parquet", "/web/player/player.mjs", "/_stcore/health")
    for path in paths:
        for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1@evil.example", ""):
            assert ask(address, path, {"Host": host})[0] == 400, (path, host)
        for host in (f"localhost:{port}", f"[::1]:{port}", f"127.0.0.1:{port}"):
            assert ask(address, path, {"Host": host})[0] == 200, (path, host)


def test_sockets_are_refused_to_foreign_hosts_and_origins(address: str):
    def status(**headers: str) -> int:
        return ask(address, "/_stcore/stream", {**UPGRADE, **headers})[0]

    assert status(Origin=address) == 101
    assert status(Origin="http://evil.example") == 403
    assert status(Origin="null") == 403
    assert status(Host="evil.example", Origin="http://evil.example") in (400, 403)


def test_no_other_site_can_read_what_is_served(address: str, store: Store):
    track = store.tracks()[0]
    for path in (pack_address(store), f"/frames/{track.head.key}-0", "/series.parquet", "/web/player/player.mjs"):
        status, headers, _ = ask(address, path, {"Origin": "http://evil.example"})
        assert status == 200, path
        assert headers["cross-origin-resource-policy"] == "same-origin", path
        assert headers["x-content-type-options"] == "nosniff", path
        assert "access-control-allow-origin" not in headers, path


def test_no_path_leads_out_of_what_is_served(address: str, store: Store):
    first_lines = [path.read_bytes()[:40] for path in SECRETS]
    track = store.tracks()[0]
    routes = ("/packs/", "/frames/", "/web/", "/series.parquet/", "/", "/app/static/", "/component/", "/_stcore/")
    ups = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..\\", "....//", "..%00/", "%252e%252e%252f", "..;/")
    n_tries = 0
    for route in routes:
        for up in ups:
            for target in (
                "etc/passwd",
                "dashboard/app.py",
                ".streamlit/config.toml",
                f"{track.head.key}/manifest.json",
            ):
                for path in (f"{route}{8 * up}{target}", f"{route}{track.head.key}-{up}{target}"):
                    status, _, body = ask(address, path)
                    assert status < 500, path
                    assert not any(line in body for line in first_lines), path
                    assert b'"schema"' not in body, path
                    n_tries += 1
        for path in (
            f"{route}/etc/passwd",
            f"{route}%2fetc%2fpasswd",
            f"/{route}etc/passwd",
            f"{route}file:///etc/passwd",
        ):
            status, _, body = ask(address, path)
            assert status < 500 and first_lines[0] not in body, path
    assert n_tries > 500


def test_the_page_names_exactly_the_modules_that_its_components_import_at_once(address: str):
    page = ask(address, "/compare")[2].decode()
    web = f"web/{web_version()}"
    named = re.findall(rf'<link rel="(modulepreload|preload)"[^>]* href="\./({web}/[\w./]+)">', page)
    assert len(named) > 50
    found, waiting = set(), [f"{web}/player/compare_page.mjs", f"{web}/path_graph/button.mjs"]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            status, headers, body = ask(address, f"/{path}")
            assert status == 200 and "immutable" in headers["cache-control"], path
            statements = re.findall(r'^(?:import|\} from) [^;"]*"([^"]+)";$', body.decode(), re.MULTILINE)
            waiting += [urllib.parse.urljoin(path, other) for other in statements]
    assert sorted(path for rel, path in named if rel == "modulepreload") == sorted(found)
    late = re.compile(r"/(export/(?!sharing)|commands/help|path_graph/path_graph|tools/(scales|measure)|space/)")
    assert not [path for path in found if late.search(path)], "the first picture waits for what is used later"
    assert [path for rel, path in named if rel == "preload"] == [f"{web}/ui/panes.css", f"{web}/ui/player.css"]
    other = ask(address, "/web/v-000000000000/player/player.mjs")
    assert other[0] == 200 and other[1]["cache-control"] == "no-cache", "a page of another version is still answered"


def test_the_page_names_scripts_that_streamlit_has(address: str):
    page = ask(address, "/compare")[2].decode()
    named = re.findall(r'fetchpriority="low" href="\./(static/js/[^"]+)"', page)
    assert len(named) == len(set(named))
    component, menu = (next(i for i, name in enumerate(named) if of in name) for of in ("BidiComponent", "Selectbox"))
    last_of_player = page.rindex(f'href="./web/{web_version()}/')
    assert component < menu and page.index(named[component]) < last_of_player < page.index(named[menu])
    for name in named:
        assert ask(address, f"/{name}")[1]["content-type"].endswith("/javascript"), name


def test_the_page_has_its_style_before_streamlit_draws_anything(address: str):
    status, headers, body = ask(address, "/compare")
    page = body.decode()
    style = (ROOT / "dashboard/server/page.css").read_text()
    assert style in page and page.index(style) < page.index('<div id="root">')
    assert "<title>Crosscheck</title>" in page and "document.fonts.load" in page
    assert int(headers["content-length"]) == len(body) and "last-modified" not in headers
    packed = urllib.request.Request(f"{address}/compare", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(packed) as response:
        assert response.headers["content-encoding"] == "gzip"
        assert gzip.decompress(response.read()) == body
    assert status == 200


def test_the_procfile_serves_the_host_that_it_is_told_and_no_other(store: Store):
    command = next(line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("web:"))[4:]
    port = str(free_port())
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PORT": port, "CROSSCHECK_STORE": str(store.root)}
    unnamed = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert unnamed.returncode != 0 and "CROSSCHECK_HOST" in unnamed.stderr
    with (store.root / "procfile.log").open("w+b") as log:
        # `exec`, so that what is ended below is the server and not a shell before it.
        process = subprocess.Popen(
            ["sh", "-c", f"exec {command.strip()}"],
            cwd=ROOT,
            env={**environment, "CROSSCHECK_HOST": "127.0.0.1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", process, log)
            assert ask(f"http://127.0.0.1:{port}", "/")[0] == 200
            assert ask(f"http://127.0.0.1:{port}", "/", {"Host": "localhost"})[0] == 400
        finally:
            process.terminate()
            process.wait()


# Sign-in


@contextmanager
def identity_provider() -> Iterator[str]:
    """An OpenID provider on the loopback, which signs everybody in at once; yields its address."""
    key = RSAKey.generate_key(2048, {"kid": "one"})
    nonces: dict[str, str] = {}

    class Provider(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

        def do_GET(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            query = {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
            if url.path == "/authorize":
                code = f"code{len(nonces)}"
                nonces[code] = query.get("nonce", "")
                self.send_response(302)
                answer = urllib.parse.urlencode({"code": code, "state": query["state"]})
                self.send_header("Location", f"{query['redirect_uri']}?{answer}")
                self.end_headers()
            elif url.path == "/keys":
                self.send_json({"keys": [key.as_dict(private=False)]})
            else:
                self.send_json(
                    {
                        "issuer": issuer,
                        "authorization_endpoint": f"{issuer}/authorize",
                        "token_endpoint": f"{issuer}/token",
                        "jwks_uri": f"{issuer}/keys",
                        "response_types_supported": ["code"],
                        "subject_types_supported": ["public"],
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }
                )

        def do_POST(self) -> None:
            form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            now = int(time.time())
            claims = {
                "iss": issuer,
                "aud": "crosscheck",
                "sub": "1",
                "email": "somebody@example.org",
                "iat": now,
                "exp": now + 600,
                "nonce": nonces[form["code"][0]],
            }
            token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
            self.send_json({"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": token})

        def send_json(self, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    issuer = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def guarded_dashboard(store: Path, folder: Path, issuer: str, cookie_secret: str) -> Iterator[str]:
    """The dashboard with sign-in at that provider; yields its address."""
    port = free_port()
    (folder / "secrets.toml").write_text(
        f'[auth]\nredirect_uri = "http://127.0.0.1:{port}/oauth2callback"\ncookie_secret = "{cookie_secret}"\n'
        f'client_id = "crosscheck"\nclient_secret = "s"\n'
        f'server_metadata_url = "{issuer}/.well-known/openid-configuration"\n'
    )
    secrets = ("--secrets.files", str(folder / "secrets.toml"))
    with serving(store, "dashboard/app.py", *secrets, log_path=folder / "log.txt", port=port) as address:
        yield address


def test_who_has_not_signed_in_sees_no_page_and_fetches_nothing(store: Store, tmp_path: Path, page: Page):
    track = store.tracks()[0]
    paths = (pack_address(store), f"/frames/{track.head.key}-0", "/series.parquet")
    with (
        identity_provider() as issuer,
        guarded_dashboard(store.root, tmp_path, issuer, cookie_secret="0123456789abcdef" * 4) as address,
    ):
        for path in paths:
            for given in ("", "?pass=", "?pass=20260101-" + "0" * 64, "?pass=%C3%A9"):
                assert ask(address, path + given)[0] == 401, path + given
        page.goto(address)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert page.locator(".xc").count() == 0 and "Counting frames" not in page.inner_text("body")
        page.get_by_role("button", name="Sign in").click()
        root = page.locator(".xc[role=region]")
        root.wait_for()
        root.evaluate("async (el) => { while (el.xc.painted < 0) await new Promise(requestAnimationFrame); }")
        assert root.evaluate("el => el.xc.state().errors.every((error) => error === null)")
        fetched = page.evaluate("performance.getEntriesByType('resource').map(({name}) => name)")
        of_packs = [urllib.parse.urlsplit(name) for name in fetched if "/packs/" in name]
        assert of_packs and all(url.query.startswith("pass=") for url in of_packs)
        root.evaluate("el => el.focus({preventScroll: true})")
        page.keyboard.press("Shift+S")
        with page.expect_download() as download:
            page.get_by_role("button", name="Save HTML").click()
        file = Path(download.value.path()).read_text(encoding="utf-8")
        page.keyboard.press("Escape")
        assert "embedded:0" in file and of_packs[0].query.removeprefix("pass=") not in file
        for path in paths:
            status, headers, _ = ask(address, f"{path}?{of_packs[0].query}")
            assert status == 200 and "public" not in headers["cache-control"], path
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_its_settings_hold_from_whatever_folder_it_is_started(store: Store, tmp_path: Path):
    """In a folder, and with a home, whose own settings are the opposite."""
    (tmp_path / ".streamlit").mkdir()
    unsafe = '[server]\naddress = "0.0.0.0"\nallowedHosts = []\n[browser]\ngatherUsageStats = true\n'
    (tmp_path / ".streamlit" / "config.toml").write_text(unsafe)
    with elsewhere(store, tmp_path) as (address, log):
        assert ask(address, "/")[0] == 200
        assert ask(address, "/", {"Host": "evil.example"})[0] == 400
        assert ask(address, pack_address(store), {"Host": "evil.example"})[0] == 400
        assert "usage statistics" not in log.read_text()
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):  # bound to 127.0.0.1 alone
            probe.connect(("127.0.0.2", urllib.parse.urlsplit(address).port))


def test_options_given_by_hand_override_its_settings(store: Store, tmp_path: Path):
    hosts = ("--server.allowedHosts", "compare.example", "--server.allowedHosts", "127.0.0.1")
    options = ("--server.address", "0.0.0.0", *hosts)
    with elsewhere(store, tmp_path, *options) as (address, _):
        assert ask(address, "/", {"Host": "compare.example"})[0] == 200
        assert ask(address, "/", {"Host": "localhost"})[0] == 400
        with socket.create_connection(("127.0.0.2", urllib.parse.urlsplit(address).port or 0), PATIENCE_SECONDS):
            pass


def test_a_sign_in_of_the_project_holds_from_whatever_folder_it_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    files = [str(tmp_path / "elsewhere" / "secrets.toml")]
    monkeypatch.setattr(access.config, "get_option", {"secrets.files": files}.__getitem__)
    monkeypatch.setattr(access.config, "is_manually_set", lambda key: False)
    chosen: dict[str, list[str]] = {}
    monkeypatch.setattr(access.config, "set_option", chosen.__setitem__)
    access.require_secrets_of(tmp_path)
    assert chosen == {"secrets.files": [str(tmp_path / ".streamlit" / "secrets.toml"), *files]}
    monkeypatch.setattr(access.config, "get_option", chosen.__getitem__)
    chosen_once = dict(chosen)
    access.require_secrets_of(tmp_path)
    assert chosen == chosen_once


@contextmanager
def elsewhere(store: Store, folder: Path, *options: str) -> Iterator[tuple[str, Path]]:
    """The dashboard started from that folder, as by hand; yields its address and the file of its log."""
    port, log_path = free_port(), folder / "log.txt"
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py")]
    command += ["--server.port", str(port), "--server.headless", "true", *options, "--", "--store", str(store.root)]
    environment = {**os.environ, "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    with log_path.open("w+b") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", process, log)
            yield f"http://127.0.0.1:{port}", log_path
        finally:
            process.terminate()
            process.wait()


def test_a_secret_that_can_be_guessed_lets_nobody_in(store: Store, tmp_path: Path, page: Page):
    with identity_provider() as issuer, guarded_dashboard(store.root, tmp_path, issuer, "short") as address:
        assert ask(address, pack_address(store))[0] == 500
        page.goto(address)
        expect(page.get_by_text("cookie_secret in [auth]")).to_be_visible()
        assert page.locator(".xc").count() == 0


def test_a_sign_in_that_cannot_be_read_lets_nobody_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Streamlit says of a secrets.toml with a quote missing what it says of none."""
    path = tmp_path / "secrets.toml"
    monkeypatch.setattr(access.config, "get_option", {"secrets.files": [str(path)]}.__getitem__)
    monkeypatch.setattr(access.st, "secrets", _Secrets())
    assert access.may_fetch("")
    path.write_text('[auth]\ncookie_secret = "unfinished\n')
    with pytest.raises(access.BadSignIn, match="cannot be read"):
        access.may_fetch("")


def test_a_pass_is_good_for_its_day_and_the_next(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(access.st, "secrets", _Secrets({"auth": {"cookie_secret": "0123456789abcdef" * 4}}))
    monkeypatch.setattr(access, "_today", lambda: date(2026, 2, 28))
    given = access.pass_query().removeprefix("?pass=")
    for day, is_good in ((date(2026, 2, 27), False), (date(2026, 3, 1), True), (date(2026, 3, 2), False)):
        monkeypatch.setattr(access, "_today", lambda day=day: day)
        assert access.may_fetch(given) is is_good, day
    monkeypatch.setattr(access.st, "secrets", _Secrets({"auth": {"cookie_secret": "fedcba9876543210" * 4}}))
    monkeypatch.setattr(access, "_today", lambda: date(2026, 2, 28))
    assert not access.may_fetch(given)


class _Secrets(dict):  # type: ignore[type-arg]
    def load_if_toml_exists(self) -> bool:
        return bool(self)
