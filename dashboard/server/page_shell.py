"""The page into which Streamlit draws, with what its first picture needs written into it."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from posixpath import normpath

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.web_files import web_files, web_version

PAGE_STYLE = Path(__file__).with_name("page.css")
ROOT = b'<div id="root">'
"""Where Streamlit draws; no other document has it."""
_ENTRIES = ("player/compare_page.mjs", "path_graph/button.mjs")
"""The modules of the Compare page's components."""
_SHEETS = ("ui/panes.css", "ui/player.css")
"""Their style sheets; those of other pages' components are loaded there."""
_STATIC_IMPORT = re.compile(r"""\b(?:from|import)\s*"(\.[\w./-]+\.mjs)\"""")
"""As in export/offline_page.mjs, without `import(...)`: that loads on demand, or names a type in a comment."""
_PLAYER_ELEMENTS = ("BidiComponent", "Html")
_MENU_ELEMENTS = ("Selectbox", "ButtonGroup", "PageLink", "Button")
"""Streamlit's scripts of elements are named after them: `Selectbox.7rsxE6LC.js`. Those of menus weigh as much as half of the
player, whose pictures come first: the menus have their places meanwhile."""
_CHUNK_IMPORT = re.compile(r"""\b(?:from|import)\s*["'`]\./([\w.-]+\.js)["'`]""")
_TEXT_FONT = re.compile(
    r"""<link\b(?=[^>]*\bpreload\b)[^>]*href="(?P<url>[^"]*/SourceSansVF-Upright[^"]*\.woff2)"[^>]*>"""
)
_FAST_MS = 1500
"""A line that brings Streamlit's 500 kB of scripts, or a browser that has kept them, in less time may bring the font in time.
At 1.5 Mbit/s they take 3.7 s."""
_OWN_FACE = """
@font-face { font-family: "Source Sans"; font-weight: 200 900; font-display: optional; src: url("URL") format("woff2"); }
"""
_LOCAL_FACES = """
@font-face { font-family: "Source Sans"; font-weight: 200 599; size-adjust: 93%;
  src: local("Arial"), local("Liberation Sans"), local("Helvetica"), local("Roboto"); }
@font-face { font-family: "Source Sans"; font-weight: 600 900; size-adjust: 90%;
  src: local("Arial Bold"), local("Liberation Sans Bold"), local("Helvetica Bold"), local("Roboto Bold"); }
"""
"""Fonts of the reader's machine, of the same widths: a sentence of the page is 0.93 as long in Source Sans, 0.89 in bold."""
_TEXT_FONT_ON_FAST_LINES = (
    """
  // Streamlit's own faces change the font of texts that are there. Ours is used only where it comes within 100 ms of the
  // first text. On a slower line it (170 kB) would take the room of the first picture, and not be used: texts are drawn in a
  // font of this machine.
  const isOfText = (rule) => rule instanceof CSSFontFaceRule && rule.cssText.includes("SourceSansVF");
  for (const sheet of document.styleSheets) {
    if (!sheet.href?.startsWith(location.origin)) continue;
    for (let at = sheet.cssRules.length - 1; at >= 0; at--) if (isOfText(sheet.cssRules[at])) sheet.deleteRule(at);
  }
  const scripts = performance.getEntriesByType("resource");
  const isFast = Math.max(0, ...scripts.map((one) => one.responseEnd)) < FAST_MS;
  document.head.append(Object.assign(document.createElement("style"), { textContent: isFast ? `OWN` : `LOCAL` }));
""".replace("FAST_MS", str(_FAST_MS))
    .replace("OWN", _OWN_FACE)
    .replace("LOCAL", _LOCAL_FACES)
)
"""A module after Streamlit's: it runs when all those have come, before the first text is drawn."""
_NO_ICON_FONT = """
  // Streamlit fetches its icon font (375 kB) at the start, before anything asks for an icon. The browser fetches it
  // by itself where one is drawn; the first picture does not wait for it.
  const load = document.fonts.load.bind(document.fonts);
  document.fonts.load = (font, text) => font.includes("Material") ? Promise.resolve([]) : load(font, text);
"""


class PageShell:
    """ASGI middleware: writes the page's style and the list of what its components import into Streamlit's page.

    The style is there before the first element, so that none is drawn in one place and moved to another. Without the list the
    modules would be requested one after the other, as each is parsed, and only after the page's own scripts.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self._app(scope, receive, send)
        start: Message = {}
        body = bytearray()

        async def send_page(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                is_page = message["status"] == 200 and headers.get("content-type", "").startswith("text/html")
                if is_page and headers.get("content-encoding", "gzip") == "gzip":
                    start = message
                    return
            if not start:
                return await send(message)
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            headers = MutableHeaders(raw=list(start["headers"]))
            page = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else bytes(body)
            if ROOT not in page:  # another document: a component's, or a file that is downloaded
                await send(start)
                return await send({"type": "http.response.body", "body": bytes(body)})
            data = with_first_needs(page.decode()).encode()
            headers["ETag"] = f'W/"{hashlib.sha256(data).hexdigest()[:32]}"'
            del headers["last-modified"]  # of Streamlit's file alone
            headers.add_vary_header("Accept-Encoding")
            del headers["content-encoding"]
            if "gzip" in Headers(scope=scope).get("accept-encoding", ""):
                data = gzip.compress(data, 9, mtime=0)
                headers["Content-Encoding"] = "gzip"
            headers["Content-Length"] = str(len(data))
            await send({**start, "headers": headers.raw})
            await send({"type": "http.response.body", "body": data})

        await self._app(scope, receive, send_page)


def with_first_needs(page: str) -> str:
    """Streamlit's page with ours written into it; a page of another shape keeps what does not fit."""
    web = f"./web/{web_version()}"
    links = [f'<link rel="preload" as="style" href="{web}/{name}">' for name in _SHEETS]
    # Of low priority: Streamlit's own scripts and its first questions to the server go before them.
    modules = [
        *(f"./static/js/{name}" for name in streamlit_chunks(_PLAYER_ELEMENTS)),
        *(f"{web}/{name}" for name in page_modules()),
        *(f"./static/js/{name}" for name in streamlit_chunks(_MENU_ELEMENTS)),
    ]
    links += [f'<link rel="modulepreload" fetchpriority="low" href="{module}">' for module in dict.fromkeys(modules)]
    style = PAGE_STYLE.read_text(encoding="utf-8")
    if font := _TEXT_FONT.search(page):
        page = page.replace(font[0], "", 1)
        links.append(f'<script type="module">{_TEXT_FONT_ON_FAST_LINES.replace("URL", font["url"])}</script>')
    page = page.replace("<title>Streamlit</title>", "<title>Crosscheck</title>", 1)
    page = page.replace("</head>", f"<script>{_NO_ICON_FONT}</script>{''.join(links)}</head>", 1)
    # In the body: Streamlit's own rules come at the end of the head, and the later one of two equals wins.
    return page.replace("<body>", f"<body><style>{style}</style>", 1)


@cache
def streamlit_chunks(elements: Sequence[str]) -> Sequence[str]:
    """Streamlit's scripts of these elements, and what they import at once; none where it names them otherwise.

    It would ask for them only when the first elements have come.
    """
    folder = Path(st.__file__).parent / "static" / "static" / "js"
    page = (folder.parent.parent / "index.html").read_text(encoding="utf-8")
    chunks: dict[str, None] = {}
    waiting = [path.name for element in elements for path in folder.glob(f"{element}.*.js")]
    while waiting:
        name = waiting.pop()
        if name not in chunks and name not in page:  # what is in the page is loaded first
            chunks[name] = None
            waiting += _CHUNK_IMPORT.findall((folder / name).read_text(encoding="utf-8"))
    return list(chunks)


@cache
def page_modules() -> Sequence[str]:
    """Paths under /web/ of the components' modules and of all that they import at once, directly or not: sorted, those that
    import nothing last."""
    imports: dict[str, list[str]] = {}
    waiting = list(_ENTRIES)
    while waiting:
        name = waiting.pop()
        if name not in imports:
            source = web_files()[name].read_text(encoding="utf-8")
            imports[name] = [normpath(f"{name}/../{other}") for other in _STATIC_IMPORT.findall(source)]
            waiting += imports[name]
    return sorted(imports, key=lambda name: (not imports[name], name))
