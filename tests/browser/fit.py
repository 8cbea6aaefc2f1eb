"""Whether a page fits into its window."""

from __future__ import annotations

from playwright.sync_api import Page

TOO_WIDE = """() => {
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= room) return [];
    return [...document.querySelectorAll("body *")]
        .filter((one) => one.getBoundingClientRect().right > room + 0.5)
        .map((one) => `${one.tagName}.${one.className} ends at ${one.getBoundingClientRect().right}`);
}"""


def too_wide(page: Page) -> list[str]:
    """What makes the page scroll sideways: a line for each part. None, if it does not."""
    found: list[str] = page.evaluate(TOO_WIDE)
    return found
