"""Fixtures of the tests that use a browser: one Chromium per run, Streamlit on a free port with a store of the test's own.

A missing browser is a failure, not a skip: `make test` installs one.
"""

from __future__ import annotations

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as precompute.__main__; several runs share the cores

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.fixtures.places import left_in_place
from tests.fixtures.web.serving import CHROMIUM_OPTIONS, StartApp, opened_in, serving
from tests.fixtures.web.waits import PATIENCE_SECONDS
from tools.browser import find_browser

expect.set_options(timeout=1000 * PATIENCE_SECONDS)


@pytest.fixture(scope="session", autouse=True)
def no_installed_zoos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Zoos that the developer fetched, or constants that they measured, change no test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSCHECK_ZOOS", str(tmp_path_factory.mktemp("no-zoos")))
        yield


@pytest.fixture(autouse=True)
def current_folder() -> Iterator[None]:
    """No test changes the folder in which the next one runs."""
    with left_in_place():
        yield


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small networks lose more to waiting for a second thread than it computes."""
    import torch  # here, as most tests run without it

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_browser()
    with sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(
                executable_path=path, headless=True, args=CHROMIUM_OPTIONS, timeout=1000 * PATIENCE_SECONDS
            )
        except Exception as error:
            pytest.fail(f"no Chromium could be started ({error}); run `make test`, or set CROSSCHECK_CHROMIUM")
        yield started
        started.close()


@pytest.fixture(scope="module")
def warm_context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser in which Streamlit's scripts and Plotly are loaded and compiled once for a module's tests."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    yield context
    context.close()


@pytest.fixture
def page(warm_context: BrowserContext) -> Iterator[Page]:
    """A page of 1280 x 720 in a browser that remembers files only. An error thrown by the page's scripts fails the test."""
    yield from opened_in(warm_context)


@pytest.fixture(scope="module")
def start_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartApp]:
    """start_app(store, app="dashboard/app.py", *options) -> address of a Streamlit that runs until the module's last test.

    `python` names the interpreter of another environment, `base_path` the prefix of every address.
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
