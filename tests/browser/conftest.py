"""The product as real processes, and pages of a real browser that must stay quiet and at home."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from jobsapp.config import Settings
from tests.browser.product import Product, launch, running, sign_in
from tests.browser.scenes import Jobs, Visitor, set_the_stage
from tests.conftest import Servers
from tests.processes import free_port

# A deadline, not a promise: a browser beside all other tests takes its time.
DEADLINE = 30_000
expect.set_options(timeout=DEADLINE)


@pytest.fixture(scope="package")
def product(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("product"),
        database_url=servers.database_url,
        redis_url=servers.redis_url,
        port=free_port(),
        processors="tests.sample_processors",
        secret_key="for tests only",
        oidc_issuer="https://login.example.org",
        oidc_client_id="jobsapp",
        oidc_name="Example ID",
        max_upload_mb=100,
        bulk_database_url=servers.database_url,
        bulk_tables="shop.products",
        base_models={"tiny": str(tmp_path_factory.getbasetemp() / "tiny-model")},
    )
    with running(settings) as found:
        yield found


@pytest.fixture(scope="module")
def working_product(product: Product) -> Iterator[Product]:
    """With a worker and a keeper, for a whole module: where they run, no test can move jobs by hand."""
    with product.working():
        yield product


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


# The browser's word for a page or modal that was left while its socket was still opening.
LEFT_EARLY = "WebSocket is closed before the connection is established"
SERVER_GONE = "WebSocket connection|ERR_CONNECTION|Failed to load resource|Failed to fetch|htmx:ws:error"


@dataclass
class Witness:
    """What a page said and whom it asked."""

    host: str
    said: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=lambda: [LEFT_EARLY])

    def attend(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", self._request)

    def expect(self, pattern: str) -> None:
        """Complaints that match are part of the test."""
        self.expected.append(pattern)

    @property
    def complaints(self) -> list[str]:
        return [text for text in self.said if not any(re.search(pattern, text) for pattern in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(message.text)

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self.host and not request.url.startswith("data:"):
            self.strangers.append(request.url)


@pytest.fixture
def context(browser: Browser, product: Product) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=product.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(DEADLINE)
    yield context
    context.close()


@pytest.fixture
def witness(product: Product) -> Witness:
    return Witness(urlsplit(product.url).netloc)


@pytest.fixture
def page(context: BrowserContext, product: Product, witness: Witness) -> Iterator[Page]:
    """Signed in as the administrator, nothing there yet. No complaint in the console, no request to others."""
    product.start_web()
    product.empty()
    page = context.new_page()
    witness.attend(page)
    sign_in(page, product)
    yield page
    assert witness.complaints == []
    assert witness.strangers == []


@pytest.fixture(scope="module")
def stage(product: Product) -> Jobs:
    """A job in each state, for a whole module that only looks."""
    product.start_web()
    product.empty()
    return set_the_stage(product)


@pytest.fixture(scope="module")
def visitor(browser: Browser, product: Product, stage: Jobs) -> Iterator[Visitor]:
    """Somebody who walks through all pages, and wants nothing to move."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(DEADLINE)
    yield Visitor(context.new_page(), product, stage)
    context.close()
