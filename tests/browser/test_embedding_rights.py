"""Who may see a job in a page of another site, and for how long."""

from __future__ import annotations

import psycopg
from playwright.sync_api import expect

from jobsapp.services.job_tokens import EMBED
from tests.browser.product import Product, sign_in
from tests.browser.shop import Shop, shop, shop_port

__all__ = ["shop", "shop_port"]

REFUSED = "401|net::ERR_FAILED|WebSocket connection"


def test_a_revoked_token_ends_it_at_once_and_a_fresh_one_goes_on(shop: Shop, product: Product) -> None:
    job_id = product.create("steps", {"steps": 4})
    element = shop.show(job_id)
    expect(element.locator(".connection")).to_have_text("Live")
    old = element.get_attribute("token")
    shop.revoke_all()
    # The page's tokenProvider gave another, and nobody noticed.
    expect(element).not_to_have_attribute("token", old or "")
    expect(element.locator(".connection")).to_have_text("Live")
    expect(shop.said).to_have_count(0)
    # Without one, or with one that gives nothing, a sentence stands there.
    shop.page.evaluate("() => { document.querySelector('job-progress').tokenProvider = null; }")
    shop.revoke_all()
    expect(element).to_contain_text("The permission to show this job has ended.")
    expect(shop.said).to_have_text(["error expired"])
    expect(element.locator(".connection")).to_be_hidden()


def test_an_expired_token(shop: Shop, product: Product) -> None:
    shop.witness.expect(REFUSED)
    job_id = product.create("steps", {"steps": 4})
    element = shop.show(job_id)
    expect(element.locator(".connection")).to_have_text("Live")
    with psycopg.connect(product.settings.database_url) as connection:
        connection.execute("UPDATE job_tokens SET expires_at = now()")
    shop.page.evaluate(
        """() => {
            const element = document.querySelector('job-progress'), token = element.getAttribute('token');
            element.tokenProvider = null;
            element.removeAttribute('token');
            element.setAttribute('token', token);
        }"""
    )
    expect(element).to_contain_text("The permission to show this job has ended.")
    expect(shop.said).to_have_text(["error expired"])


def test_a_login_in_the_same_browser_opens_nothing(shop: Shop, product: Product) -> None:
    """On one host the browser would send the cookie: it counts for nothing, and the answer is not readable."""
    shop.witness.expect("CORS policy|403|401|ERR_FAILED|WebSocket connection")
    job_id = product.create("steps", {})
    sign_in(shop.page, product)
    shop.show(job_id, host="127.0.0.1")
    asking = """async ([server, id, credentials]) => {
        try { return (await fetch(`${server}/api/jobs/${id}`, { credentials })).status; } catch { return 'unreadable'; }
    }"""
    assert shop.page.evaluate(asking, [product.url, str(job_id), "include"]) == "unreadable"
    assert shop.page.evaluate(asking, [product.url, str(job_id), "omit"]) == 401
    dialling = """(server) => new Promise((done) => {
        const socket = new WebSocket(server.replace('http', 'ws') + '/ws/jobs?jobs=all');
        socket.onopen = () => done('opened');
        socket.onerror = () => done('refused');
    })"""
    assert shop.page.evaluate(dialling, product.url) == "refused"


def test_a_page_without_permission_gets_a_sentence(shop: Shop, product: Product) -> None:
    shop.witness.expect(REFUSED)
    job_id = product.create("steps", {})
    element = shop.show(job_id)
    expect(element).to_contain_text("Job queued")
    change = "(given) => { for (const [key, value] of given) document.querySelector('job-progress')"
    change += ".setAttribute(key, value); }"
    shop.page.evaluate(
        "() => document.querySelector('job-progress').replaceWith(document.createElement('job-progress'))"
    )
    expect(element).to_contain_text("No job is named here: job-id is missing.")
    shop.page.evaluate(change, [["job-id", "nothing"]])
    expect(element).to_contain_text("There is no such job")
    shop.page.evaluate(change, [["job-id", str(job_id)]])
    expect(element).to_contain_text("There is no permission to show this job: token is missing.")
    shop.page.evaluate(change, [["token", "jobsapp-job_wrong"]])
    expect(element).to_contain_text("The permission to show this job has ended.")
    # A token of another job opens this one for nobody.
    with product.app.app_context():
        other = product.create("steps", {})
        _, token = product.services.job_tokens.create(product.actor(), other, EMBED)
    shop.page.evaluate(change, [["token", token]])
    expect(element).to_contain_text("There is no job")
