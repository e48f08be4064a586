"""The Compare page is for everyone: clean by axe-core, used with keys alone, without motion, from 360 px to 4K."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Locator, Page, expect

from dashboard.player_data import LETTERS
from tests.browser.helpers import App, drawn, focus, open_page, state, wait_for
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import StartApp

NOT_OURS = [
    # axe knows a skip link by the first other link after it in the same tree; the page's first is in a shadow tree.
    {"rule": "region", "selector": "[data-testid=stSkipToContent]"},
]
"""What axe finds in Streamlit's own elements, which cannot be changed here."""
READOUT = "clip=walkthrough&frame=0&readout=reshading"
DIALOGS = {"?": "Help", "/": "Commands", "Shift+S": "Save and share"}
VIEWS = {"Worst frames": ".film canvas", "Scatter": ".scatter canvas", "Energy by path": "figure[data-id=paths]"}
"""What each panel under the plots shows."""
GRAPH = "choose paths, arrange or remove configurations"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, dashboard: StartApp) -> App:
    store = build_store(tmp_path_factory.mktemp("store"), titles=("walkthrough",), n_frames=24)
    return App(dashboard(store.root), store)


def press(root: Locator, *keys: str) -> None:
    for key in keys:
        focus(root)
        root.page.keyboard.press(key)


# axe


def check(page: Page, what: str, within: Locator | None = None) -> None:
    """Fail with what axe finds on the page, or in one part of it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
        # Streamlit fades what it is about to draw again; axe must not fall into that moment.
        page.add_style_tag(content="[data-stale] { opacity: 1 !important; transition: none !important; }")
    found: list[dict[str, Any]] = page.evaluate(
        """async ([part, notOurs]) => {
          for (const one of document.getAnimations()) if (one.effect.getTiming().iterations !== Infinity) one.finish();
          const {violations} = await axe.run(part ?? document, {resultTypes: ["violations"]});
          const isOurs = (rule, [target]) => !notOurs.some((one) =>
            one.rule === rule && typeof target === "string" && document.querySelector(target)?.matches(one.selector));
          return violations.flatMap(({id, nodes}) => nodes.filter(({target}) => isOurs(id, target))
            .map(({html, any, all, none}) => ({rule: id, html, why: [...any, ...all, ...none][0]?.message})));
        }""",
        [within.element_handle() if within else None, NOT_OURS],
    )
    assert not found, f"{what}: {found}"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing(page: Page, app: App, scheme: Any, width: int):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    root = open_page(page, app, READOUT)
    wait_for(root, f"el.dataset.theme === '{scheme}'")
    root.locator("button.legend:visible").first.press("Enter")
    check(page, "a menu of colours", root.get_by_role("dialog"))
    page.keyboard.press("Escape")
    for name, opens in (("configuration of A:", "configuration of A"), ("add a pane", "configuration to add")):
        root.get_by_role("button", name=name).press("Enter")
        check(page, opens, root.get_by_role("dialog", name=opens))
        page.keyboard.press("Escape")
    open_view(root, "Worst frames")
    root.locator("figure button.value").nth(1).press("Enter")
    check(page, "B hidden in the plots, worst frames")
    press(root, "d", "e", "b", "p")
    open_view(root, "Scatter")
    page.keyboard.down("q")
    check(page, "difference, energy, bookmark, probe, scatter, flicker")
    page.keyboard.up("q")
    press(root, "Shift+M", "w")
    open_view(root, "Energy by path")
    check(page, "wipe, energy by path")
    for key, name in DIALOGS.items():
        press(root, key)
        dialog = page.get_by_role("dialog", name=name)
        expect(dialog).to_be_visible()
        check(page, name, dialog)
        page.keyboard.press("Escape")
    page.get_by_role("button", name=GRAPH).press("Enter")
    check(page, "the graph", page.get_by_role("dialog", name="Configurations"))


def test_axe_finds_nothing_on_the_about_page_and_with_a_table_of_three(page: Page, app: App):
    page.emulate_media(color_scheme="dark")
    page.goto(f"{app.address}/about")
    expect(page.get_by_role("heading", name="About Crosscheck")).to_be_visible()
    check(page, "about")
    three = "a=mini/baseline&b=mini/consistency&c=mini/baseline"
    open_page(page, app, f"clip=walkthrough&frame=0&{three}&panes=difference~energy")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    facts = page.locator(".verdict-facts")
    expect(facts).not_to_be_visible()  # above a table they are folded, so that the pictures stay on the screen
    page.get_by_text("What is compared, and how far to believe it").press("Enter")
    expect(facts).to_be_visible()
    check(page, "a table of three with its facts, panes of difference and energy")


def open_view(root: Locator, name: str) -> None:
    root.get_by_role("button", name=name).press("Enter")
    expect(root.get_by_role("button", name=name)).to_have_attribute("aria-expanded", "true")
    root.locator(VIEWS[name]).first.wait_for()
    drawn(root.page)


# Keys alone

FOCUS_JS = """
() => {
  let one = document.activeElement;
  while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  const looks = (element) => {
    for (const moving of document.getAnimations()) if (moving.effect.getTiming().iterations !== Infinity) moving.finish();
    const of = (node, pseudo) => {
      const style = getComputedStyle(node, pseudo);
      const outline = style.outlineStyle === "none" ? "" : style.outline;
      return [outline, style.boxShadow, style.borderColor, style.backgroundColor, style.stroke, style.strokeWidth].join();
    };
    const around = [];
    for (let node = element, up = 0; node?.nodeType === 1 && up < 4; node = node.parentElement, up++) around.push(of(node));
    const parts = [...element.querySelectorAll("rect")].map((part) => of(part));
    return [...around, of(element, "::before"), of(element, "::after"), ...parts].join("|");
  };
  const before = window.lastFocus;
  const isStuck = before?.element === one;
  const isLost = !isStuck && before?.element.isConnected && looks(before.element) === before.looks ? before.name : null;
  const isNone = !one || one === document.body;
  const label = isNone ? "" : [one.getAttribute("role") ?? one.tagName.toLowerCase(),
    one.getAttribute("aria-label") ?? one.labels?.[0]?.textContent ?? one.textContent].join(" ");
  window.lastFocus = isNone ? null : {element: one, looks: looks(one), name: label};
  return {label: label.slice(0, 60), isLost, isStuck};
}
"""
"""Where the focus is ("": nowhere), and which element looked the same with the focus as now without it."""


def tab(page: Page, until: str, *, key: str = "Tab", most: int = 90) -> list[str]:
    """Press Tab until what has the focus is called so; the names on the way. The focus was visible everywhere."""
    names: list[str] = []
    for _ in range(most):
        page.keyboard.press(key)
        at = page.evaluate(FOCUS_JS)
        assert not at["isStuck"], f"the focus stays on {at['label']!r}"
        assert at["isLost"] is None, f"the focus on {at['isLost']!r} is not visible"
        names.append(at["label"])
        if at["label"].startswith(until) if until else not at["label"]:
            return names
    raise AssertionError(f"{until!r} is not reached: {names}")


def focused(page: Page) -> str:
    return page.evaluate(FOCUS_JS)["label"]


def test_everything_is_done_with_keys_alone_and_the_focus_is_always_seen_and_never_trapped(page: Page, app: App):
    root = open_page(page, app)
    check(page, "two configurations")
    tab(page, "combobox Readout")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url("**readout=*")
    wait_for(root, "el.xc.rects().filter(Boolean).length > 4")
    tab(page, f"button {GRAPH}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()  # its code is loaded at the first use
    inside = [focused(page), *tab(page, "radio Image", most=12)]
    assert "combobox" not in " ".join(inside), "the dialog keeps the focus"
    page.keyboard.press("Escape")
    assert focused(page) == f"button {GRAPH}"
    tab(page, "region")
    page.keyboard.press("Space")
    wait_for(root, "el.xc.painted > 2")
    page.keyboard.press("Space")
    assert not state(root)["isPlaying"]
    for key, name in DIALOGS.items():
        page.keyboard.press(key)
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name=name)).to_be_hidden()
        assert focused(page).startswith("region"), f"the focus is back from {name}"
    page.keyboard.press("w")
    names = tab(page, "")
    assert any(name.startswith("slider edge") for name in names)
    assert any(name.startswith("slider frame") for name in names)
    assert any("Energy by path" in name for name in names)
    tab(page, "region", key="Shift+Tab")
    tab(page, "button save and share")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Save and share")).to_be_visible()
    tab(page, "button close")
    page.keyboard.press("Enter")
    assert focused(page).startswith("button save and share")


# Motion, colours, room


def test_nothing_moves_by_itself_for_those_who_want_less_motion(clock_page: Page, app: App):
    root = open_page(clock_page, app)
    moving = "el => (el.dataset.loading = '', el.getAnimations({subtree: true}).length)"
    assert root.evaluate(moving) == 1
    clock_page.emulate_media(reduced_motion="reduce")
    assert root.evaluate(moving) == 0
    is_flicked = "el => el.xc.stage.isFlicked"
    focus(root)
    clock_page.clock.pause_at(3600)
    clock_page.keyboard.down("q")
    clock_page.clock.fast_forward(5000)
    assert root.evaluate(is_flicked), "pictures change with the key, not with time"
    clock_page.keyboard.up("q")
    assert not root.evaluate(is_flicked)
    clock_page.emulate_media(reduced_motion="no-preference")
    clock_page.keyboard.down("q")
    clock_page.clock.fast_forward(5000)
    assert not root.evaluate(is_flicked), "for the others they change with time"


def test_no_colour_is_the_only_sign_of_a_configuration(page: Page, app: App):
    root = open_page(page, app, READOUT)
    dashes = page.evaluate("async () => (await import('/web/plots/plotly_figure.mjs')).DASHES")
    assert len(set(dashes)) == len(dashes) == len(LETTERS), "there is a line style for every path of a line-up"
    root.get_by_role("button", name="Scatter").press("Enter")
    for part in (".pane-head .badge", "figure button.value .badge", ".chip", ".strip-labels span"):
        for letter in "AB":
            expect(root.locator(part).filter(has_text=letter).first).to_be_attached()
    wait_for(root, "[...el.querySelectorAll('.rings i')].map((one) => one.dataset.letter).join('') === 'AB'")
    told = "el => [...el.querySelectorAll('.rings i')].map((one) => getComputedStyle(one, '::after').content)"
    assert root.evaluate(told)[-2:] == ['"A"', '"B"']


@pytest.mark.parametrize("width", [360, 1280, 3840])
def test_nothing_is_scrolled_sideways(page: Page, app: App, width: int):
    page.set_viewport_size({"width": width, "height": 2160 if width > 2000 else 800})
    root = open_page(page, app, f"{READOUT}&panel=scatter&wipe=A~B~0.5~v&diff=auto&overlay=0.7~2&marks=3.9")
    wait_for(root, "el.xc.cursors().length > 2 && el.querySelector('.rings i')?.style.transform")
    drawn(page)
    for part in ("document.scrollingElement", "document.querySelector('[data-testid=stMain]')"):
        assert page.evaluate(f"{part}.scrollWidth <= {part}.clientWidth"), part
    assert root.evaluate("el => el.scrollWidth <= el.clientWidth")
    sizes = root.evaluate("""el => [".pane-title", ".strip-labels", ".tools button", ".value"].map((part) =>
        parseFloat(getComputedStyle(el.querySelector(part)).fontSize))""")
    assert min(sizes) >= (19 if width == 3840 else 12), sizes
    labels = root.locator(".strip-labels span").first
    assert labels.evaluate("one => one.scrollWidth <= one.clientWidth"), "the values of the strip are whole"
    for key, name in DIALOGS.items():
        press(root, key)
        box = page.get_by_role("dialog", name=name).bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width, name
        page.keyboard.press("Escape")
