"""Promises about the dashboard: links of strangers, hostile titles, and many viewers while a job writes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import wraps
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import Browser, Page, Request, sync_playwright
from streamlit.testing.v1 import AppTest

from cache.store import STORE_VARIABLE, Store
from reliability import Outcome, Promise
from tests.fixtures.stores import READ_PATTERN_JS, add_track, build_store, make_clip
from tests.fixtures.web.serving import CHROMIUM_OPTIONS, ROOT, serving
from tools.browser import find_browser

PAGE_SECONDS = 120.0
"""Longest wait for a page on a busy machine; only a promise that is not kept waits this long."""
VIEWERS_FRAMES = 12
"""Frames of a pack of the clip that grows while it is viewed."""
NAMES = (
    *(
        "clip",
        "predict",
        "readout",
        "a",
        "b",
        "c",
        "h",
        "scale",
        "frame",
        "speed",
        "loop",
        "solo",
        "span",
        "hide",
        "gap",
    ),
    *("region", "panel", "rank", "paths", "brush", "zoom", "wipe", "diff", "reach", "overlay", "maps", "probe", "size"),
    *("marks", "pass", "embed", "embed_options", "__proto__", "", "𝕏"),
)
"""Parameters of a link: all that the page reads, and some that it does not."""
FRAGMENTS = (
    *("", "0", "-1", "1e309", "NaN", "12", "999999999999999999999", "1.5", "-0", "٣", "0x10", "1_000", "true", "null"),
    *(
        "mini/baseline/rgb-normal",
        "mini/consistency/rgb-normal",
        "mini/*/rgb",
        "normal",
        "reshading",
        "energy",
        "raw",
        "A",
    ),
    *(
        "<script>window.hit=1</script>",
        "'\"><img src=x onerror=window.hit=1>",
        "javascript:window.hit=1",
        "${hit}",
        "{{7*7}}",
    ),
    *(
        "../../etc/passwd",
        "%00",
        "\0",
        "\n",
        "\u202e",
        "\ud800",
        "🎞️" * 40,
        "A" * 5000,
        "a,b,c~d_e-f.g",
        "__class__",
        "%s%n",
    ),
)
PAYLOADS = (
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    "<svg onload=window.hit=1>",
    "<iframe srcdoc='<script>parent.window.hit=1</script>'></iframe>",
    "</title><script>window.hit=1</script>",
    "\"'><b onmouseover=window.hit=1>hover</b>",
    "[click](javascript:window.hit=1)",
    "![](http://192.0.2.1/hit.png)",
    "<http://192.0.2.1/>",
    ":material/delete: :red[text] $\\href{javascript:window.hit=1}{x}$",
    "{{constructor.constructor('window.hit=1')()}}",
    "${window.hit=1}",
    "<style>*{display:none}</style>",
    "<base href='http://192.0.2.1/'>",
    "<a href='//x.y'>x</a>",
    "<meta http-equiv=refresh content='0;url=http://192.0.2.1/'>",
    "\u202egnp.exe\u2066",
    "\x1b[31mred\x07",
    "line\nend\r\n\ttab",
    "&lt;script&gt;&#60;script&#62;",
    "-->]]><!--",
    "'; DROP TABLE Cache; --",
    "https://192.0.2.1/<script>",
    "W" * 3000,
    "\u0301" * 60 + "x",
)


def queries_are_answered(tries: int, folder: Path, seed: int) -> Outcome:
    """Open random links in the page's script, as Streamlit runs it."""
    store = build_store(folder / "store", n_frames=12)
    chance = random.Random(seed)
    os.environ[STORE_VARIABLE] = str(store.root)
    failures = []
    app = AppTest.from_file(str(ROOT / "dashboard" / "ui.py"), default_timeout=PAGE_SECONDS)
    for _ in range(tries):
        query = random_query(chance)
        app.query_params.clear()
        for name, values in query.items():
            app.query_params[name] = values
        app.run()
        if app.exception or not any("frames" in text.value for text in app.text):
            failures.append(f"{query!r}: {[one.message for one in app.exception]}")
    return Outcome(tries, len(failures), examples=tuple(failures[:3]))


def queries_in_the_browser(tries: int, folder: Path, seed: int) -> Outcome:
    """Open random links one after the other in a real browser."""
    store = build_store(folder / "store", n_frames=12)
    chance = random.Random(seed)

    def look(browser: Browser, address: str) -> list[str]:
        wrong = []
        page, problems = watched(browser, address)
        for _ in range(tries):
            query = urlencode(random_query(chance), doseq=True, errors="surrogatepass")
            page.goto(f"{address}/?{query}")
            wait_for_player(page)
            wrong += [f"?{query[:300]}: {problem}" for problem in problems_of(page, problems)]
        return wrong

    failures = in_a_browser(store.root, look)
    return Outcome(tries, len(failures), examples=tuple(failures[:3]))


def titles_stay_text(tries: int, folder: Path, seed: int) -> Outcome:
    """Open clips in which every text is hostile, each in a real browser."""
    store = Store(folder / "store")
    chance = random.Random(seed)
    clips = []
    for number in range(tries):
        texts = [f"{number} {chance.choice(PAYLOADS)}{chance.choice(PAYLOADS)}" for _ in range(4)]
        url = chance.choice(["javascript:window.hit=1", 'https://192.0.2.1/"><script>window.hit=1</script>', texts[3]])
        clip = replace(
            make_clip(texts[0], n_frames=3, size=(64, 64)),
            author=texts[1],
            licence=texts[2],
            attribution=texts[3],
            url=url,
        )
        evil = {"title": chance.choice(PAYLOADS), "unit": chance.choice(PAYLOADS)}
        add_track(store, clip, kind="input", path="rgb", number=1)
        for method, track in (("baseline", 16), ("consistency", 17)):
            add_track(
                store,
                clip,
                kind="prediction",
                path="rgb-normal",
                number=track,
                zoo="mini",
                method=method,
                knows_truth=True,
                texts=evil,
            )
        add_track(store, clip, kind="energy", path="rgb-normal", number=18, zoo="mini", method="baseline", texts=evil)
        clips.append(clip)

    def look(browser: Browser, address: str) -> list[str]:
        wrong = []
        page, problems = watched(browser, address)
        for clip in clips:
            page.goto(f"{address}/?clip={clip.key}")
            wait_for_player(page)
            page.keyboard.press("?")
            page.locator(".xc[role=region]").hover()
            found = problems_of(page, problems)
            page.locator(".js-plotly-plot .main-svg").first.wait_for()
            if page.locator(".js-plotly-plot :is(a, b)").count():
                found.append("markup of a text is in a plot")
            # What is shown is the text itself: its number, at least, is there to be read.
            if clip.title.split(" ", maxsplit=1)[0] not in page.locator(".st-key-about").inner_text():
                found.append("its title is not on the page")
            wrong += [f"{clip.title[:120]!r}: {problem}" for problem in found]
        return wrong

    failures = in_a_browser(store.root, look)
    return Outcome(tries, len(failures), examples=tuple(failures[:3]))


def viewers_see_whole_frames(tries: int, folder: Path, seed: int) -> Outcome:
    """This many pages show one clip while its tracks grow pack by pack and the real job computes another clip."""
    store = Store(folder / "store")
    n_packs = 4 + tries // 2
    clip = make_clip("Growing", n_frames=n_packs * VIEWERS_FRAMES, size=(64, 64))
    kinds = [("input", "rgb", "", "", 1), ("prediction", "rgb-normal", "mini", "baseline", 16)]
    kinds += [("prediction", "rgb-normal", "mini", "consistency", 17)]

    def grow(n_ready: int) -> None:
        for kind, path, zoo, method, number in kinds:
            add_growing(store, clip, kind=kind, path=path, zoo=zoo, method=method, number=number, ready_frames=n_ready)

    grow(VIEWERS_FRAMES)

    def look(browser: Browser, address: str) -> list[str]:
        chance = np.random.default_rng(seed)
        opened = [watched(browser, address) for _ in range(tries)]
        for page, _ in opened:
            page.goto(f"{address}/?clip={clip.key}")
            wait_for_player(page)
        wrong = []

        def seek() -> None:
            for page, problems in opened:
                frame = int(chance.integers(0, VIEWERS_FRAMES * n_packs))
                found = page.locator(".xc[role=region]").evaluate(
                    f"""async (el, frame) => {{
                      const read = {READ_PATTERN_JS};
                      el.xc.seek(frame);
                      const until = performance.now() + {1000 * PAGE_SECONDS};
                      do await new Promise(requestAnimationFrame);
                      while (el.xc.state().isLate && performance.now() < until);
                      const state = el.xc.state();
                      const frames = el.xc.rects().filter(Boolean).map((rect) => read(el.xc.context(), rect)?.frame);
                      return {{frames, painted: state.painted, errors: state.errors.filter(Boolean), isLate: state.isLate}};
                    }}""",
                    frame,
                )
                if set(found["frames"]) != {found["painted"]} or found["errors"] or found["isLate"]:
                    wrong.append(f"frame {frame}: {found}")
                wrong.extend(problems_of(page, problems))

        for n_ready in range(2 * VIEWERS_FRAMES, VIEWERS_FRAMES * n_packs + 1, VIEWERS_FRAMES):
            writing = writer.submit(grow, n_ready)
            seek()
            writing.result()
            for page, _ in opened:
                page.locator(".xc[role=region]").evaluate(
                    """async (el, n) => { while (el.xc.state().nReady < n) await new Promise(requestAnimationFrame); }""",
                    n_ready,
                )
        seek()
        for page, _ in opened:  # all of them have heard of the end
            page.wait_for_function(
                "() => !document.body.innerText.includes('Not finished')", timeout=PAGE_SECONDS * 1000
            )
        return wrong

    with ThreadPoolExecutor(1) as writer, the_real_job(store.root, is_wanted=tries > 4) as failed:
        failures = [*in_a_browser(store.root, look), *failed()]
    return Outcome(tries, len(failures), examples=tuple(failures[:3]))


ATTEMPTS = {
    "queries": queries_are_answered,
    "queries-browser": queries_in_the_browser,
    "titles": titles_stay_text,
    "viewers": viewers_see_whole_frames,
}
OUTCOME = "outcome.json"


def apart(name: str) -> Callable[[int, Path, int], Outcome]:
    """The attempt in a process of its own: whoever tries promises may have a browser running, and Playwright stands no two."""

    @wraps(ATTEMPTS[name])
    def attempt(tries: int, folder: Path, seed: int) -> Outcome:
        command = [sys.executable, "-m", "reliability.promises.dashboard", name, str(tries), str(folder), str(seed)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr[-3000:]}")
        row = json.loads((folder / OUTCOME).read_text())
        return Outcome(**{**row, "examples": tuple(row["examples"])})

    return attempt


PROMISES = [
    Promise(
        12,
        "queries",
        "a link with any query opens a page, never a traceback",
        "random links",
        small=40,
        full=1000,
        attempt=apart("queries"),
    ),
    Promise(
        12,
        "queries-browser",
        "the same in a real browser: no injected script runs, no other site is contacted, the player appears",
        "random links",
        small=1,
        full=100,
        attempt=apart("queries-browser"),
    ),
    Promise(
        12,
        "titles",
        "any text in titles, authors, licences, addresses and domains is shown as text and never executed",
        "hostile clips",
        small=2,
        full=100,
        attempt=apart("titles"),
    ),
    Promise(
        13,
        "viewers",
        "viewers of a clip that is being computed see complete frames, the same frame in all panes, and no error",
        "viewers at once",
        small=2,
        full=20,
        attempt=apart("viewers"),
    ),
]


# Below: how


def random_query(chance: random.Random) -> dict[str, list[str]]:
    """Up to eight parameters, some several times."""
    query: dict[str, list[str]] = {}
    for _ in range(chance.randint(0, 8)):
        text = "".join(chance.choice(FRAGMENTS) for _ in range(chance.randint(1, 3)))
        text = text.encode("utf-8", "replace").decode()
        query.setdefault(chance.choice(NAMES), []).append(text)
    return query


def add_growing(store: Store, clip, *, number: int, ready_frames: int, **track: str) -> None:
    """The track with so many frames ready; what is there already stays. Finished with its last pack."""
    is_whole = ready_frames >= clip.n_frames
    add_track(
        store,
        clip,
        number=number,
        frames_per_pack=VIEWERS_FRAMES,
        ready_frames=None if is_whole else ready_frames,
        **track,  # type: ignore[arg-type]
    )


@contextmanager
def the_real_job(store: Path, is_wanted: bool = True) -> Iterator[Callable[[], list[str]]]:
    """`python -m precompute run` on a bundled clip, into the same store, until the block ends. Gives what tells whether it
    has failed so far."""
    if not is_wanted:
        yield list
        return
    command = [sys.executable, "-m", "precompute", "run", "phone", "--size", "128", "--store", str(store)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log)

        def failed() -> list[str]:
            if not process.poll():  # works, or is done
                return []
            log.seek(0)
            return [f"the job beside the viewers ended with {process.returncode}: {log.read()[-300:].decode()}"]

        try:
            yield failed
        finally:
            process.terminate()
            process.wait(60)


def in_a_browser(store: Path, look: Callable[[Browser, str], list[str]]) -> list[str]:
    """`look(browser, address of the real dashboard)`."""
    log_path = store.parent / "streamlit.log"
    with serving(store, log_path=log_path) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=CHROMIUM_OPTIONS)
        answer = look(browser, address)
        browser.close()
    text = log_path.read_text(errors="replace")
    assert "Traceback" not in text, text[-3000:]
    return answer


def watched(browser: Browser, address: str) -> tuple[Page, list[str]]:
    """A page, and what goes wrong on it: errors of scripts, dialogs, and requests to anywhere else."""
    page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
    page.set_default_timeout(PAGE_SECONDS * 1000)
    problems: list[str] = []

    def check(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:", address.replace("http", "ws", 1))):
            problems.append(f"asked for {request.url[:200]}")

    page.on("request", check)
    page.on("pageerror", lambda error: problems.append(f"threw {error}"))
    page.on("dialog", lambda dialog: (problems.append(f"dialog {dialog.message}"), dialog.dismiss()))
    return page, problems


def wait_for_player(page: Page) -> None:
    root = page.locator(".xc[role=region]")
    root.wait_for()
    root.evaluate("async (el) => { while (el.xc.painted < 0) await new Promise(requestAnimationFrame); }")


def problems_of(page: Page, problems: list[str]) -> Sequence[str]:
    """What has gone wrong since the last call."""
    found = list(problems)
    problems.clear()
    if page.evaluate("window.hit !== undefined"):
        found.append("a script of the text ran")
        page.evaluate("delete window.hit")
    if page.locator("[data-testid=stException]").count():
        found.append(
            f"an exception is on the page: {page.locator('[data-testid=stException]').first.inner_text()[:200]}"
        )
    return found


def main(name: str, tries: str, folder: str, seed: str) -> None:
    """One of ATTEMPTS; its Outcome as JSON in folder/outcome.json."""
    outcome = ATTEMPTS[name](int(tries), Path(folder), int(seed))
    (Path(folder) / OUTCOME).write_text(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main(*sys.argv[1:])
