"""Fixtures of the browser tests: one Chromium per run, Streamlit on a free port with a store of the test's own.

A missing browser is a failure, not a skip: `make test` installs one.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tools.browser import find_browser

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_SECONDS = 90.0
"""Streamlit takes 2-3 s; a busy machine of two cores many times that."""
PAGE_TIMEOUT_MS = 30_000
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

StartApp = Callable[..., str]


@pytest.fixture(scope="session", autouse=True)
def no_installed_zoos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Zoos that the developer fetched, or constants that they measured, change no test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSCHECK_ZOOS", str(tmp_path_factory.mktemp("no-zoos")))
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_browser()
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(
                executable_path=path, headless=True, args=CHROMIUM_OPTIONS, timeout=60_000
            )
        except Exception as error:
            pytest.fail(f"no Chromium could be started ({error}); run `make test`, or set CROSSCHECK_CHROMIUM")
        yield started
        started.close()


@pytest.fixture(scope="module")
def warm_context(browser: Browser) -> Iterator[BrowserContext]:
    """Streamlit's scripts and Plotly, once loaded and compiled, need not be again for the next test."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    yield context
    context.close()


@pytest.fixture
def page(warm_context: BrowserContext) -> Iterator[Page]:
    """A page of 1280 x 720 in a browser that remembers no more than files. Whatever the page's scripts throw fails the test."""
    yield from opened_in(warm_context)


def opened_in(context: BrowserContext) -> Iterator[Page]:
    """A page of that context; afterwards all its pages are closed, and what they stored is gone."""
    opened = context.new_page()
    opened.set_default_timeout(PAGE_TIMEOUT_MS)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    try:
        origin = urlsplit(opened.url)._replace(path="", query="", fragment="").geturl()
        if origin.startswith("http"):
            stored = {"origin": origin, "storageTypes": "cookies,local_storage"}
            context.new_cdp_session(opened).send("Storage.clearDataForOrigin", stored)
    finally:
        for one in context.pages:
            one.close()
    assert not errors, f"the page threw {errors}"


@pytest.fixture(scope="module")
def start_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartApp]:
    """start_app(store, app="dashboard/app.py", *options) -> address of a Streamlit that runs until the module's last test.

    `python` names the interpreter of another environment, `base_path` what stands before every address.
    """
    with ExitStack() as running:

        def start(store: Path | str, app: str = "dashboard/app.py", *options: str, **more: Any) -> str:
            log_path = tmp_path_factory.mktemp("streamlit") / "log.txt"
            return running.enter_context(serving(store, app, *options, log_path=log_path, **more))

        yield start


@pytest.fixture(scope="module")
def dashboard(start_app: StartApp) -> StartApp:
    """dashboard(store) -> address of the real dashboard on that store."""
    return lambda store, *options: start_app(store, "dashboard/app.py", *options)


@contextmanager
def serving(
    store: Path | str,
    app: str = "dashboard/app.py",
    *options: str,
    log_path: Path,
    python: Path | str = sys.executable,
    base_path: str = "",
    port: int | None = None,
) -> Iterator[str]:
    """The address of a Streamlit on that store, healthy by now; it ends with the block. What it prints is at `log_path`."""
    port = port or free_port()
    command = [str(python), "-m", "streamlit", "run", app, "--server.port", str(port)]
    command += ["--server.address", "127.0.0.1", "--server.headless", "true", "--server.baseUrlPath", base_path]
    with log_path.open("w+b") as log:
        process = subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, "CROSSCHECK_STORE": str(store), "NO_PROXY": "127.0.0.1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}/{base_path}".rstrip("/")
            wait_until_healthy(address, process, log)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_healthy(address: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback: never through a proxy
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(urllib.error.URLError, OSError), opener.open(f"{address}/_stcore/health", timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    log.seek(0)
    pytest.fail(f"Streamlit did not start:\n{log.read().decode(errors='replace')[-3000:]}")
