"""The files of the Overview.

GET /overview.csv, /overview.parquet?<its query>    the table
GET /report.html, /report.md?<its query>            the trust report
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from cache.store import Store
from dashboard.overview.blocks import to_html, to_markdown
from dashboard.overview.files import overview_csv, overview_parquet
from dashboard.overview.reading import Overview, read_overview, table_and_ranking
from dashboard.overview.report import report, title_of

READ_SECONDS = 60.0
"""At most, of numbers that no job has written down: a file says how many it lacks."""
TYPES = {
    "overview.csv": "text/csv; charset=utf-8",
    "overview.parquet": "application/vnd.apache.parquet",
    "report.html": "text/html; charset=utf-8",
    "report.md": "text/markdown; charset=utf-8",
}


def overview_answer(store: Store, name: str) -> Callable[[Request], Response]:
    """What answers for that file."""

    def answer(request: Request) -> Response:
        link = dict(request.query_params)
        found = read_overview(store, link, READ_SECONDS)
        if not found.targets:
            return PlainTextResponse("nothing is predicted yet", status_code=404, headers=_HEADERS)
        headers = {**_HEADERS, "Content-Disposition": f'attachment; filename="crosscheck-{found.target}-{name}"'}
        return Response(overview_file(store, found, link, name), media_type=TYPES[name], headers=headers)

    return answer


def overview_file(store: Store, found: Overview, link: dict[str, str], name: str) -> bytes:
    table, ranking = table_and_ranking(found, link)
    if name == "overview.csv":
        return overview_csv(table, ranking)
    if name == "overview.parquet":
        return overview_parquet(table, ranking)
    blocks = report(store, table, ranking, found.n_unread)
    write = to_html if name == "report.html" else to_markdown
    return write(title_of(table), blocks).encode()


_HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}
