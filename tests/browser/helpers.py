"""Drives a player in the page: opens it, waits for its frames, reads what its pixels show."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page

from cache.store import Store
from tests.fixtures.stores import READ_PATTERN_JS
from tests.fixtures.web.waits import PATIENCE_SECONDS, wait_until


@dataclass(frozen=True)
class App:
    """A running Streamlit app and the store behind it."""

    address: str
    store: Store


def open_page(page: Page, app: App, query: str = "clip=walkthrough&frame=0") -> Locator:
    """Open the app with that query; return the player's root, its first frame painted.

    A link without a frame opens where the clip shows most.
    """
    page.goto(f"{app.address}/?{query}")
    return painted(page)


def painted(page: Page) -> Locator:
    root = page.locator(".xc[role=region]")
    root.wait_for()
    wait_for(root, "el.xc.painted >= 0")
    return root


# Waiting


def wait_for(root: Locator, condition: str, then: str = "null") -> Any:
    """Wait until `condition` on the player's root `el` holds, checked in every animation frame.

    Returns `then`, evaluated in that same frame: what is read later may have changed by then. Where a run is overtaken by
    the next one, Streamlit drops what it has not sent yet, so that the player may leave the page and come back as a new one.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while (left := until - time.monotonic()) > 0:
        found = root.evaluate(
            f"""async (el) => {{
              const until = performance.now() + {1000 * left};
              while (performance.now() < until && el.isConnected) {{
                if ({condition}) return {{value: {then}}};
                await new Promise(requestAnimationFrame);
              }}
              return null;
            }}"""
        )
        if found:
            return found["value"]
    state = root.evaluate("el => el.xc.state()")
    raise AssertionError(f"not within {PATIENCE_SECONDS} s: {condition}; the player: {state}")


def wait_for_numbers(root: Locator, numbers: list[int]) -> None:
    """Wait until the visible panes show the pictures of these tracks."""
    wait_for(root, shows(numbers))


def shows(numbers: list[int]) -> str:
    """The condition that the visible panes show the pictures of these tracks."""
    return f"JSON.stringify({NUMBERS_JS}) === JSON.stringify({numbers})"


def wait_for_link(page: Page, *parts: str, without: str = "\n") -> None:
    """Wait until the page's address has these parts, and not that one."""
    page.wait_for_url(lambda url: without not in url and all(part in url for part in parts))


def repainted(root: Locator) -> None:
    """Wait until the canvas shows the last change: a change is painted in the next animation frame after its pictures came."""
    root.evaluate(
        """async (el) => {
          do await new Promise(requestAnimationFrame);
          while (el.xc.state().isLate);
          await new Promise(requestAnimationFrame);
        }"""
    )


def drawn(page: Page) -> None:
    """Wait until the browser has drawn the page twice: scrolling and layout are then done."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def step_clock_until(root: Locator, condition: str) -> None:
    """With the page's clock paused: let its time pass, an animation frame at a time, until `condition` holds."""

    def is_met() -> bool:
        root.page.clock.run_for(20)
        return root.evaluate(f"el => {condition}")

    wait_until(is_met, condition)


# Acting


def choose_in_pane(root: Locator, letter: str, option: str) -> None:
    """Choose a configuration in the menu over a pane's title; `option` is its title."""
    root.get_by_role("button", name=f"configuration of {letter}:").click()
    root.get_by_role("dialog", name=f"configuration of {letter}").get_by_title(option, exact=True).click()


def focus(root: Locator) -> None:
    root.evaluate("el => el.focus({preventScroll: true})")


def press(root: Locator, key: str) -> dict[str, Any]:
    """Press the key; return the player's state once its frame is painted."""
    root.focus()
    root.press(key)
    wait_for(root, "!el.xc.state().isLate && el.xc.painted === el.xc.state().frame")
    return state(root)


def seek(root: Locator, frame: int) -> None:
    root.evaluate("(el, frame) => el.xc.seek(frame)", frame)
    wait_for(root, f"el.xc.painted === {frame}")


def step_to(page: Page, root: Locator, frame: int) -> None:
    """Move to `frame` with keys, as a viewer does, and wait until it is in the link."""
    focus(root)
    for key in ("Home", *["ArrowRight"] * frame):
        page.keyboard.press(key)
    page.wait_for_url(re.compile(rf"[?&]frame={frame}(&|$)"))


# Reading


def state(root: Locator) -> dict[str, Any]:
    return root.evaluate("el => el.xc.state()")


def look(root: Locator) -> dict[str, Any]:
    return state(root)["view"]


SHOWN_JS = f"el.xc.rects().filter(Boolean).map((rect) => ({READ_PATTERN_JS})(el.xc.context(), rect))"
FRAMES_JS = f"{SHOWN_JS}.map((one) => one?.frame)"
NUMBERS_JS = f"{SHOWN_JS}.map((one) => one?.number)"


def shown(root: Locator) -> list[dict[str, int] | None]:
    """Frame and track that the pixels of each visible pane show."""
    return root.evaluate(f"el => {SHOWN_JS}")


def frames_shown(root: Locator) -> list[int | None]:
    """Frame that the pixels of each visible pane show."""
    return root.evaluate(f"el => {FRAMES_JS}")


def numbers(root: Locator) -> list[int]:
    """Track that the pixels of each visible pane show."""
    return root.evaluate(f"el => {NUMBERS_JS}")


def point(root: Locator, pane: int, u: float, v: float) -> tuple[float, float]:
    """A place of a pane, in shares of it, as a point of the window."""
    place = root.evaluate(
        """(el, [pane, u, v]) => {
          const box = el.querySelector(".stage").getBoundingClientRect(), rect = el.xc.stage.layout.rects[pane];
          return [box.left + rect.x + u * rect.width, box.top + rect.y + v * rect.height];
        }""",
        [pane, u, v],
    )
    return place[0], place[1]
