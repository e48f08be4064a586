"""Laws of the compression of Streamlit's files: they come out as they went in, smaller, and once."""

import gzip

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard.server.streamlit_files import CompressStatic

SCRIPT = b"const word = 1;\n" * 500


def served(base_path: str = "") -> TestClient:

    def answer(request: Request) -> Response:
        if request.url.path.endswith("unknown.js"):
            return HTMLResponse("<p>the page</p>")
        return Response(SCRIPT, media_type="text/javascript", headers={"ETag": '"1"', "Cache-Control": "immutable"})

    app = Starlette(
        routes=[Route("/{name:path}", answer, methods=["GET", "HEAD"])],
        middleware=[Middleware(CompressStatic, base_path=base_path)],
    )
    return TestClient(app)


def test_a_script_of_streamlit_is_gzipped_for_a_browser_that_accepts_it():
    client = served()
    with client.stream("GET", "/static/js/index.js", headers={"Accept-Encoding": "gzip"}) as response:
        raw = b"".join(response.iter_raw())
    assert gzip.decompress(raw) == SCRIPT
    assert int(response.headers["content-length"]) == len(raw) < len(SCRIPT) / 10
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["etag"] == 'W/"1"'
    assert "Accept-Encoding" in response.headers["vary"]
    assert response.headers["cache-control"] == "immutable"


def test_everything_else_is_left_alone():
    client = served()
    for path, accepted in [("/static/js/a.js", "identity"), ("/static/media/a.woff2", "gzip"), ("/web/a.js", "gzip")]:
        response = client.get(path, headers={"Accept-Encoding": accepted})
        assert response.content == SCRIPT
        assert "content-encoding" not in response.headers, path
    unknown = client.get("/static/unknown.js", headers={"Accept-Encoding": "gzip"})
    assert unknown.text == "<p>the page</p>"
    assert "content-encoding" not in unknown.headers


def test_the_base_path_of_the_page_is_kept():
    client = served("lab/page")
    found = client.get("/lab/page/static/js/a.js", headers={"Accept-Encoding": "gzip"})
    assert found.headers["content-encoding"] == "gzip"
    assert found.content == SCRIPT
    assert "content-encoding" not in client.get("/static/js/a.js", headers={"Accept-Encoding": "gzip"}).headers
