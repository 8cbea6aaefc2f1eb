"""axe-core, run in a page: all rules of WCAG 2.0 to 2.2, A and AA, and its best practices."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# A rule of axe, and why it does not count here. None so far.
EXCEPTIONS: dict[str, str] = {}
RUN = """async (options) => {
    const found = await axe.run(document, options);
    return found.violations.flatMap((rule) => rule.nodes.map((node) => {
        const why = [...node.any, ...node.all, ...node.none].map((check) => check.message).join("; ");
        return `${rule.id}: ${node.target.join(" ")}: ${why}`;
    }));
}"""


# The only rule that asks for colours, and the only one that measures.
CONTRAST, SIZES = "color-contrast", "target-size"


def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds by all its rules, or by these: a line for each place.

    The script comes through the debugger: the page's CSP stays as it is.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    options = {
        "runOnly": {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS},
        "rules": {rule: {"enabled": False} for rule in EXCEPTIONS},
        "resultTypes": ["violations"],
    }
    found: list[str] = page.evaluate(RUN, options)
    return found
