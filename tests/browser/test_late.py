"""Messages that come late or twice: the page goes by the revision, not by the order in which they come."""

from __future__ import annotations

from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.product import Product

# Every revision that the job's panel has shown since then.
RECORD = """() => {
  const panel = () => document.querySelector(".panel[data-job]");
  window.shown = [Number(panel().dataset.revision)];
  new MutationObserver(() => {
    const now = Number(panel().dataset.revision);
    if (now !== window.shown.at(-1)) window.shown.push(now);
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


def test_what_is_outdated_is_not_shown(page: Page, product: Product) -> None:
    said: list[str | bytes] = []
    sockets: list[WebSocketRoute] = []

    def between(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        server = socket.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            said.append(message)
            socket.send(message)

        server.on_message(pass_on)

    page.route_web_socket("**/live/jobs/**", between)
    job_id = product.create("steps", {"steps": 4})
    page.goto(f"/jobs/{job_id}")
    expect(page.locator(".connection").last).to_have_text("Live")
    panel = page.locator(".panel")
    expect(panel).to_have_attribute("data-state", "pending")
    page.evaluate(RECORD)
    job = product.claim("steps")
    product.pulse(job, 1, 4, "One of four")
    expect(panel).to_have_attribute("data-percent", "25")
    early = list(said)
    assert early
    product.pulse(job, 2, 4, "Two of four")
    expect(panel).to_have_attribute("data-percent", "50")
    for message in early:
        sockets[-1].send(message)
    product.pulse(job, 3, 4, "Three of four")
    expect(panel).to_have_attribute("data-percent", "75")
    shown = page.evaluate("window.shown")
    assert shown == sorted(shown)
    assert len(shown) >= 3
