"""The routes beside Streamlit's own pages: packs by HTTP Range, single frames, exported series and the browser's files.

GET /packs/<track key>-<sha256>.pack    206 / 200 / 304 / 416; 404: no such name; 410: missing or damaged, with the reason
GET /frames/<track key>-<number>        one coded image of a track; 404: no such frame; 410: damaged, with the reason
GET /series.parquet?<the page's query>  the numbers that it plots; `first` and `last` limit them to these frames
GET /web/<path>                         the modules and style sheets of dashboard/web, and plotly.min.js from its wheel
POST /uploads                           a visitor's file (see uploads.py)
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from posixpath import dirname, normpath, relpath
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from analysis.columns import Columns
from analysis.energy import Unreadable
from cache.pack import BadPack
from cache.records import BadRecord, StoreError
from cache.store import Store
from dashboard.access import PASS, may_fetch
from dashboard.server.exports import series_parquet
from dashboard.server.uploads import UploadRoute

FOREVER = "public, max-age=31536000, immutable"
"""A pack is named by its content, so it never changes."""
_PACK_NAME = re.compile(r"([0-9a-f]{64})-([0-9a-f]{64})\.pack")
_FRAME_NAME = re.compile(r"([0-9a-f]{64})-([0-9]{1,9})")
_WEB_TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".css": "text/css"}
_PLAYER = "player/compare_page.mjs"
"""The module that the Compare page imports."""
_STATIC_IMPORT = re.compile(r"""\b(?:from|import)\s*"(\.[\w./-]+\.mjs)\"""")
"""As in export/offline_page.mjs, without `import(...)`: that loads on demand, or names a type in a comment."""
MAX_LINK_BYTES = 1900
"""Most bytes of a page's `Link` header: nginx accepts 4 kB for all headers of a response by default, and other proxies add theirs."""
_WEB_FOLDER = Path(__file__).parent.parent / "web"


def player_routes(store: Store, *, base_path: str = "") -> Sequence[BaseRoute]:
    """The routes for `st.App(routes=...)`.

    `base_path` is Streamlit's `server.baseUrlPath`, which Streamlit does not prepend to the routes of an app.
    """

    # Plain functions: Starlette runs them in threads, as hashing a pack for the first time takes some milliseconds.
    def pack(request: Request) -> Response:
        return pack_response(store, request)

    columns = Columns(store)

    def series(request: Request) -> Response:
        try:
            data = series_parquet(store, columns, dict(request.query_params))
        except Unreadable as error:
            return _text(str(error), 410)
        if data is None:
            return _text("the store holds no clips yet", 404)
        return Response(
            data,
            media_type="application/vnd.apache.parquet",
            headers={"Cache-Control": "private, no-store", **_SAFE_HEADERS},
        )

    def frame(request: Request) -> Response:
        return frame_response(store, request)

    prefix = _prefix(base_path)
    # Not a Mount: that would also answer, with 404, for Streamlit's pages under the same path.
    return [
        Route(f"{prefix}/packs/{{name}}", _guarded(pack), methods=["GET", "HEAD"]),
        Route(f"{prefix}/frames/{{name}}", _guarded(frame), methods=["GET"]),
        Route(f"{prefix}/series.parquet", _guarded(series), methods=["GET"]),
        Route(f"{prefix}/web/{{name:path}}", web_response, methods=["GET", "HEAD"]),
        Route(f"{prefix}/uploads", UploadRoute(store).answer, methods=["POST"]),
    ]


def _guarded(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """The same route, answered only with a valid pass (see access.py)."""

    def guarded(request: Request) -> Response:
        given = request.query_params.get(PASS, "")
        if not may_fetch(given):
            return _text("sign in on the page first; if you have, its links have expired: reload the page", 401)
        response = answer(request)
        if given:  # what requires sign-in must not stay in shared caches
            response.headers["Cache-Control"] = response.headers["Cache-Control"].replace("public", "private")
        return response

    return guarded


def pack_response(store: Store, request: Request) -> Response:
    """The pack of that name, or the range of it that the request asks for."""
    name = _PACK_NAME.fullmatch(request.path_params["name"])
    if name is None:
        return _text("no such pack; packs are named <track key>-<sha256>.pack", 404)
    key, sha256 = name.groups()
    try:
        path = store.pack_path(key, sha256)
    except StoreError as error:
        return _text(str(error), 410)
    # Stating an encoding keeps Streamlit's gzip middleware from compressing whole packs; ranges it leaves alone.
    headers = {"ETag": f'"{sha256}"', "Cache-Control": FOREVER, "Content-Encoding": "identity", **_SAFE_HEADERS}
    if _is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type="application/octet-stream", headers=headers)


def frame_response(store: Store, request: Request) -> Response:
    """The coded image of that track and number."""
    name = _FRAME_NAME.fullmatch(request.path_params["name"])
    if name is None:
        return _text("no such frame; frames are named <track key>-<number>", 404)
    try:
        track = store.get(name[1])
        if track is None:
            return _text("no such track", 404)
        data = store.image(track, int(name[2]))
    except IndexError as error:
        return _text(str(error), 404)
    except (StoreError, BadPack, BadRecord, OSError) as error:
        return _text(str(error), 410)
    headers = {"Cache-Control": "private, max-age=60", **_SAFE_HEADERS}
    return Response(data, media_type=f"image/{track.head.codec}", headers=headers)


def web_response(request: Request) -> Response:
    """A file of dashboard/web. Browsers cache it and revalidate it on every use."""
    path = web_files().get(request.path_params["name"])
    if path is None:
        return _text("no such file", 404)
    stamp = path.stat().st_mtime_ns
    plain, packed, digest = _content(path, stamp)
    headers = {"ETag": f'"{digest}"', "Cache-Control": "no-cache", "Vary": "Accept-Encoding", **_SAFE_HEADERS}
    if _is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    accepts_gzip = "gzip" in request.headers.get("accept-encoding", "")
    headers["Content-Encoding"] = "gzip" if accepts_gzip else "identity"
    return Response(packed if accepts_gzip else plain, media_type=_WEB_TYPES[path.suffix], headers=headers)


@cache
def web_files() -> dict[str, Path]:
    """Path under /web/ -> file, of everything there; nothing else is ever opened."""
    found = (path for path in sorted(_WEB_FOLDER.rglob("*")) if path.suffix in (".mjs", ".css"))
    files = {path.relative_to(_WEB_FOLDER).as_posix(): path for path in found}
    plotly = find_spec("plotly")
    if plotly is not None and plotly.origin is not None:
        files["plotly.min.js"] = Path(plotly.origin).parent / "package_data" / "plotly.min.js"
    return files


def player_modules() -> Sequence[str]:
    """Paths under /web/ of the player's module and of all modules that it imports at once, directly or not: sorted, those that
    import nothing last."""
    imports: dict[str, list[str]] = {}
    waiting = [_PLAYER]
    while waiting:
        name = waiting.pop()
        if name not in imports:
            source = web_files()[name].read_text(encoding="utf-8")
            imports[name] = [normpath(f"{name}/../{other}") for other in _STATIC_IMPORT.findall(source)]
            waiting += imports[name]
    return sorted(imports, key=lambda name: (not imports[name], name))


class PreloadPlayer:
    """ASGI middleware: every page lists the modules and style sheets that its player loads first, for the browser to preload.

    Without it they are requested one after the other, as each is parsed, and only after the page's own scripts. The list stays
    below MAX_LINK_BYTES: its addresses are relative to the page's, and of too many modules the last ones, which import nothing
    and are therefore found all at once, are left out.
    """

    def __init__(self, app: ASGIApp, *, base_path: str = "") -> None:
        self._app, self._prefix = app, _prefix(base_path)
        sheets = [name for name, path in web_files().items() if path.suffix == ".css" and name.startswith("ui/")]
        self._links = [(name, "preload;as=style") for name in sheets]
        self._links += [(name, "modulepreload") for name in player_modules()]

    def header(self, page_path: str) -> bytes:
        """The value of the `Link` header of the page at that path."""
        to_web = quote(relpath(f"{self._prefix}/web", dirname(f"/{page_path.lstrip('/')}")))
        links: list[str] = []
        n_bytes = 0
        for name, rel in self._links:
            link = f"<{to_web}/{name}>;rel={rel}"  # no spaces: every byte counts
            n_bytes += len(link) + 1
            if n_bytes > MAX_LINK_BYTES:
                break
            links.append(link)
        return ",".join(links).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_with_links(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                is_page = dict(headers).get(b"content-type", b"").startswith(b"text/html")
                if is_page and (links := self.header(scope["path"])):
                    message = {**message, "headers": [*headers, (b"link", links)]}
            await send(message)

        await self._app(scope, receive, send_with_links)


def store_argument(arguments: Sequence[str]) -> str | None:
    """DIR of `--store DIR` or `--store=DIR`; None if it is not given. Other arguments are ignored."""
    for at, argument in enumerate(arguments):
        if argument.startswith("--store="):
            return argument.removeprefix("--store=")
        if argument == "--store" and at + 1 < len(arguments):
            return arguments[at + 1]
    return None


def _prefix(base_path: str) -> str:
    base = base_path.strip("/")
    return f"/{base}" if base else ""


_SAFE_HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}


def _text(message: str, status: int) -> Response:
    return PlainTextResponse(message, status_code=status, headers={"Cache-Control": "no-store", **_SAFE_HEADERS})


def _is_known(request: Request, etag: str) -> bool:
    known = request.headers.get("if-none-match", "")
    return any(item.strip().removeprefix("W/") in (etag, "*") for item in known.split(","))


@cache
def _content(path: Path, stamp: int) -> tuple[bytes, bytes, str]:
    """The file's bytes, the same gzipped (plotly.js once, not per visitor) and their digest; read again when it changes."""
    data = path.read_bytes()
    return data, gzip.compress(data, 6, mtime=0), hashlib.sha256(data).hexdigest()[:32]
