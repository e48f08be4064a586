"""The routes beside Streamlit's own pages: packs by HTTP Range, single frames, exported series and the browser's files.

GET /packs/<track key>-<sha256>.pack    206 / 200 / 304 / 416; 404: no such name; 410: missing or damaged, with the reason
GET /frames/<track key>-<number>        one coded image of a track; 404: no such frame; 410: damaged, with the reason
GET /series.parquet?<the page's query>  the numbers that it plots; `first` and `last` limit them to these frames
GET /values.zip?track=<key>&format=<png16>  stored values as maps of the field's formats (see values_route.py)
GET /overview.csv, /report.html, ...     the files of the Overview (see overview_routes.py)
GET /healthz                            for probes: the store, the queue and the workers (see health.py)
GET /web/[<version>/]<path>             the modules and style sheets of dashboard/web, and plotly.min.js from its wheel
/asking/...                             what the page asks for, and files in parts (see asking_routes.py)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from analysis.columns import Columns
from analysis.energy import Unreadable
from cache.pack import BadPack
from cache.records import BadRecord, StoreError
from cache.store import Store
from dashboard.server.asking_routes import asking_routes
from dashboard.server.exports import series_parquet
from dashboard.server.health import Health
from dashboard.server.overview_routes import TYPES as OVERVIEW_FILES
from dashboard.server.overview_routes import overview_answer
from dashboard.server.values_route import values_response
from dashboard.visitors.access import PASS, may_fetch
from dashboard.web_files import web_content, web_files, web_version

FOREVER = "public, max-age=31536000, immutable"
"""What is named by its content never changes."""
_PACK_NAME = re.compile(r"([0-9a-f]{64})-([0-9a-f]{64})\.pack")
_FRAME_NAME = re.compile(r"([0-9a-f]{64})-([0-9]{1,9})")
_WEB_TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".css": "text/css"}


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

    def values(request: Request) -> Response:
        return values_response(store, columns, request)

    prefix = _prefix(base_path)
    # Not a Mount: that would also answer, with 404, for Streamlit's pages under the same path.
    return [
        Route(f"{prefix}/packs/{{name}}", _guarded(pack), methods=["GET", "HEAD"]),
        Route(f"{prefix}/frames/{{name}}", _guarded(frame), methods=["GET"]),
        Route(f"{prefix}/values.zip", _guarded(values), methods=["GET"]),
        Route(f"{prefix}/series.parquet", _guarded(series), methods=["GET"]),
        *(
            Route(f"{prefix}/{name}", _guarded(overview_answer(store, name)), methods=["GET"])
            for name in OVERVIEW_FILES
        ),
        Route(f"{prefix}/healthz", Health(store).answer, methods=["GET", "HEAD"]),
        Route(f"{prefix}/web/{{name:path}}", web_response, methods=["GET", "HEAD"]),
        *asking_routes(store, prefix=prefix),
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
    """A file of dashboard/web. Browsers keep it for good by the name of its version, and by others ask whether it has changed."""
    version, _, name = request.path_params["name"].partition("/")
    is_named = version.startswith(
        "v-"
    )  # of the running version or, on a page that was open before an upgrade, of another
    path = web_files().get(name if is_named else request.path_params["name"])
    if path is None:
        return _text("no such file", 404)
    plain, packed, digest = web_content(path)
    kept = FOREVER if is_named and version == web_version() else "no-cache"
    headers = {"ETag": f'"{digest}"', "Cache-Control": kept, "Vary": "Accept-Encoding", **_SAFE_HEADERS}
    if _is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    accepts_gzip = "gzip" in request.headers.get("accept-encoding", "")
    headers["Content-Encoding"] = "gzip" if accepts_gzip else "identity"
    return Response(packed if accepts_gzip else plain, media_type=_WEB_TYPES[path.suffix], headers=headers)


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
