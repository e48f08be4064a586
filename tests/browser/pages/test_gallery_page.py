"""The page *Gallery* in a real browser: cards are painted, chosen by keyboard, grow with the store and lead to Compare."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from cache.store import Store
from tests.browser.helpers import numbers, painted
from tests.fixtures.gallery import add_item, item_named
from tests.fixtures.stores import READ_PATTERN_JS, add_track
from tests.fixtures.web.serving import StartApp

READ_CARD_JS = f"""(card) => [...card.querySelectorAll("canvas")].map((canvas) =>
  ({READ_PATTERN_JS})(canvas.getContext("2d"), {{x: 0, y: 0, width: canvas.width, height: canvas.height}})?.number)"""


def test_cards_show_their_pictures_follow_keys_and_the_store_and_open_compare(
    page: Page, tmp_path: Path, dashboard: StartApp
):
    store = Store(tmp_path)
    for number, name in ((16, "cat"), (40, "night-cafe")):
        add_item(store, name, number=number)
    address = dashboard(store.root)
    page.goto(f"{address}/gallery")
    cards = page.get_by_role("listitem").filter(has=page.get_by_role("heading"))
    expect(cards).to_have_count(2)
    cat = cards.filter(has_text=item_named("cat").title)
    for canvas in cat.locator("canvas").all():
        canvas.scroll_into_view_if_needed()
    expect(cat.locator("canvas[data-painted]")).to_have_count(4)
    assert cat.evaluate(READ_CARD_JS) == [16, 17, 17, 18]  # input, energy of A, A, B
    page.set_viewport_size({"width": 360, "height": 720})
    assert page.evaluate("document.documentElement.scrollWidth") == 360

    page.get_by_role("radio", name="Paintings").focus()
    page.keyboard.press("Enter")
    expect(cards).to_have_count(1)
    page.wait_for_url("**category=painting*")
    page.go_back()
    expect(cards).to_have_count(2)

    add_item(store, "coffee", number=90)
    expect(cards).to_have_count(3)  # by itself

    cat.get_by_role("link", name="Compare", exact=True).focus()
    page.keyboard.press("Enter")
    assert numbers(painted(page))[0] == 16
    expect(page.get_by_text("Page not found")).to_have_count(0)


def test_a_picture_plays_as_a_ken_burns_film_on_demand_and_stands_where_motion_is_unwanted(
    page: Page, tmp_path: Path, dashboard: StartApp
):
    store = Store(tmp_path)
    clip = add_item(store, "night-cafe", number=40)
    add_item(store, "cat", number=16)
    for place, method in enumerate(("baseline", "consistency")):
        add_track(store, clip, kind="prediction", path="rgb-depth", zoo="mini", method=method, number=50 + place)
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{dashboard(store.root)}/gallery?predict=normal")
    cafe = page.get_by_role("listitem").filter(has_text=item_named("night-cafe").title)
    button = page.get_by_role("button", name="Ken Burns")
    expect(button).to_have_count(1)  # no depth of the cat is stored
    button.click()
    film = cafe.locator("canvas.film")
    expect(film).to_have_attribute("data-time", "0.500")
    page.emulate_media(reduced_motion="no-preference")
    button.press("Enter")
    expect(film).to_have_count(0)
    button.press("Enter")
    expect(film).to_have_attribute("data-time", re.compile(r"0\.[1-9]"))
    expect(button).to_have_attribute("aria-pressed", "true")
    cafe.get_by_role("link", name="In space").click()
    page.wait_for_url("**/space?*")
    painted(page)
