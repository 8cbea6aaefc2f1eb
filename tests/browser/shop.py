"""The example of the documents, served on a port that is not the product's, and a browser that looks at it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Locator, Page

from jobsapp.extensions import db
from jobsapp.models import ApiToken
from tests.browser.conftest import DEADLINE, Witness
from tests.browser.product import ADMIN, Product
from tests.processes import ROOT, answers, free_port, wait_until

EXAMPLE = ROOT / "examples" / "embedding"
OWN_TOKEN = "jobsapp_of-the-example"


@dataclass
class Shop:
    """The example, on a port that is not the product's."""

    port: int
    page: Page
    product: Product
    witness: Witness

    def show(self, job_id: UUID, host: str = "localhost") -> Locator:
        self.page.goto(f"http://{host}:{self.port}/show/{job_id}")
        return self.page.locator("job-progress").first

    @property
    def said(self) -> Locator:
        """What the page's own script heard."""
        return self.page.locator("#said li")

    def revoke_all(self) -> None:
        services = self.product.services
        with self.product.app.app_context():
            for job_id, token_id in db.session.execute(db.text("SELECT job_id, id FROM job_tokens")).all():
                services.job_tokens.revoke(self.product.actor(), job_id, token_id)


@pytest.fixture(scope="module")
def shop_port(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    environment = {**os.environ, "JOBSAPP_URL": product.url, "JOBSAPP_TOKEN": OWN_TOKEN}
    command = [sys.executable, "-m", "flask", "--app", str(EXAMPLE / "app.py"), "run", "-h", "0.0.0.0", "-p", str(port)]
    with (tmp_path_factory.mktemp("shop") / "log").open("wb") as out:
        process = subprocess.Popen(command, cwd=EXAMPLE, env=environment, stdout=out, stderr=out)
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/static/page.css"), "the example answers")
    yield port
    process.kill()
    process.wait()


@pytest.fixture
def shop(browser: Browser, product: Product, shop_port: int) -> Iterator[Shop]:
    product.start_web()
    product.empty()
    with product.app.app_context():
        user = product.services.identity.get_user(ADMIN)
        digest = hashlib.sha256(OWN_TOKEN.encode()).digest()
        whose = {"user_id": user.id, "organization_id": product.actor().organization_id}
        db.session.add(ApiToken(**whose, name="the example", token_hash=digest, scopes=["jobs"]))
        db.session.commit()
    context = browser.new_context(viewport={"width": 900, "height": 900})
    context.set_default_timeout(DEADLINE)
    page, witness = context.new_page(), Witness("")
    witness.attend(page)
    yield Shop(shop_port, page, product, witness)
    context.close()
    assert witness.complaints == []
