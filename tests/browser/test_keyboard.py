"""Everything is reached by the keyboard, in the order of the page, and it is always seen where one is."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.scenes import PAGES, SCENES, Scene, Visitor, settle

# What Tab should stop at, in the page's order, and how it looks without the focus. Of radio buttons with one name it
# stops at one. The sign of the focus may be on what is around: a row, a drop area.
LOOK = """() => {
    const wanted = 'a[href], button, input, select, textarea, details > summary:first-of-type, [tabindex="0"]';
    const isChosen = (one) => {
        const group = [...document.getElementsByName(one.name)].filter((other) => other.form === one.form);
        return one === (group.find((radio) => radio.checked) ?? group[0]);
    };
    const isStop = (one) => !one.disabled && one.type !== "hidden" && one.tabIndex >= 0
        && one.checkVisibility({ visibilityProperty: true }) && (one.type !== "radio" || isChosen(one));
    const look = (one) => {
        const { boxShadow, borderColor, outlineWidth, outlineColor, outlineStyle } = getComputedStyle(one);
        return boxShadow + borderColor + (parseFloat(outlineWidth) ? outlineColor + outlineStyle : "");
    };
    const around = (one) => [
        one, one.nextElementSibling, one.parentElement, one.parentElement?.parentElement, one.closest("tr"),
    ];
    window.looks = (one) => around(one).filter(Boolean).map(look).join("|");
    window.stops = [...(document.querySelector("dialog:modal") ?? document).querySelectorAll(wanted)].filter(isStop);
    window.before = window.stops.map(window.looks);
    return window.stops.length;
}"""
HERE = """() => {
    const here = document.activeElement;
    if (here === document.body || here === document.documentElement) return null;
    const stop = window.stops.indexOf(here), box = here.getBoundingClientRect();
    return {
        stop, name: here.outerHTML.slice(0, 100), shown: stop < 0 || window.looks(here) !== window.before[stop],
        inSight: box.bottom > 0 && box.top < innerHeight,
        scrolls: here.scrollHeight > here.clientHeight || here.scrollWidth > here.clientWidth,
    };
}"""
# Wherever the page has put the focus. In a modal the title stands before the first stop.
TO_THE_BEGINNING = """() => {
    const start = document.querySelector("dialog:modal #job-title") ?? document.body;
    start.tabIndex = -1;
    start.focus();
}"""
Stop = dict[str, Any]
# What there is to reach besides the pages as they come.
WITH_MORE = ("list-chosen", "tray", "modal-active", "modal-failed", "modal-completed", "job-failed", "form-errors")


def walk(page: Page) -> tuple[int, list[Stop]]:
    """How many stops there should be, and those that Tab makes, one after the other."""
    count = page.evaluate(LOOK)
    made: list[Stop] = []
    # A field for a time has several parts, and each is a stop.
    for _ in range(count + 40):
        page.keyboard.press("Tab")
        here = page.evaluate(HERE)
        if here is None or (len(made) > 1 and here["stop"] == made[0]["stop"]):
            break
        # Browsers let people stop at whatever scrolls.
        if (here["stop"] >= 0 or not here["scrolls"]) and (not made or made[-1]["stop"] != here["stop"]):
            made.append(here)
    return count, made


@pytest.mark.parametrize("scene", [*PAGES, *(one for one in SCENES if one.name in WITH_MORE)], ids=lambda one: one.name)
def test_tab_goes_everywhere_and_is_seen(visitor: Visitor, scene: Scene) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 1280, "height": 900})
    visitor.enter(scene)
    page.evaluate(TO_THE_BEGINNING)
    count, made = walk(page)
    assert [one["stop"] for one in made] == list(range(count)), [one["name"] for one in made]
    assert [one["name"] for one in made if not one["shown"]] == [], "no sign of the focus"
    assert [one["name"] for one in made if not one["inSight"]] == [], "out of sight"


def test_the_first_stop_skips_to_the_content(visitor: Visitor) -> None:
    page = visitor.page
    visitor.enter(SCENES[0])
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("() => Boolean(document.activeElement.closest('main'))")


def test_a_modal_keeps_the_focus_and_gives_it_back(visitor: Visitor) -> None:
    page = visitor.page
    visitor.enter(SCENES[0])
    opener = page.get_by_role("link", name="Quarterly report")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#job-title")).to_be_focused()
    for key in ("Tab", "Shift+Tab"):
        for _ in range(12):
            page.keyboard.press(key)
            # The dialog itself is a stop where it scrolls.
            assert page.evaluate("() => document.activeElement.matches('body, dialog, dialog *')")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()


def test_the_menu_opens_and_closes_by_keys(visitor: Visitor) -> None:
    page = visitor.page
    visitor.enter(SCENES[0])
    menu = page.locator("details.menu > summary")
    menu.focus()
    page.keyboard.press("Enter")
    out = page.get_by_role("button", name="Sign out", exact=True)
    expect(out).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator(".menu-body :is(a, button)").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(out).to_be_hidden()
    expect(menu).to_be_focused()
    settle(page)
