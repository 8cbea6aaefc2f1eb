"""Pictures of every page, for eyes: `python -m tests.browser.screenshots [FOLDER]`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from jobsapp.config import Settings
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.states import Status
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.store import schema
from jobsapp.store.jobs import LogLine
from tests.browser.product import Product, launch, running, sign_in
from tests.processes import free_port

WIDTHS = {"phone": (390, 844), "desk": (1440, 900)}
THEMES = ("light", "dark")
TRACE = (
    'Traceback (most recent call last):\n  File "work.py", line 12, in run\n    raise ValueError("…")\nValueError: …'
)


@contextmanager
def product() -> Iterator[Product]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            EmbeddedPostgres(folder / "pg", durable=False) as postgres,
            EmbeddedValkey(folder / "valkey", durable=False) as valkey,
        ):
            settings = Settings(
                data_dir=folder / "var",
                database_url=postgres.url,
                redis_url=valkey.url,
                port=free_port(),
                processors="tests.sample_processors",
                secret_key="for pictures only",
            )
            schema.upgrade(settings.sqlalchemy_url)
            with running(settings) as found:
                found.empty()
                yield found


class Camera:
    """Takes each view at both widths and in both themes."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.folder = folder

    def take(self, name: str, *, full: bool = True) -> None:
        for width, (x, y) in WIDTHS.items():
            self.page.set_viewport_size({"width": x, "height": y})
            self.page.evaluate("() => scrollTo(0, 0)")
            for theme in THEMES:
                self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
                self.page.evaluate(
                    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
                )
                self.page.screenshot(path=self.folder / f"{name}-{width}-{theme}.png", full_page=full)


def line(text: str, level: str = "info") -> LogLine:
    return LogLine(datetime.now(UTC), level, text)


def story(product: Product, camera: Camera) -> None:
    page, url = camera.page, product.url
    page.goto(f"{url}/login")
    camera.take("01-login")
    page.goto(product.login_link())
    camera.take("02-login-confirm")
    sign_in(page, product)
    camera.take("03-list-empty")
    page.goto(f"{url}/jobs/new")
    camera.take("04-choose-type")
    page.goto(f"{url}/jobs/new/data-conversion")
    camera.take("05-form")
    page.get_by_text("More options").click()
    camera.take("06-form-options")
    page.locator("input[type=file]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
    )
    page.locator("#f-data-delimiter").fill("::")
    page.get_by_role("button", name="Start job").click()
    expect(page.locator("#form-errors")).to_be_visible()
    camera.take("07-form-errors")

    steps = product.create(
        "steps",
        {"steps": 100},
        name="Nightly import of the customer table",
        description="All customers of the northern region, with addresses.",
    )
    page.goto(f"{url}/jobs?open={steps}")
    camera.take("08-modal-queued", full=False)
    running_job = product.claim("steps")
    product.pulse(running_job, 42, 100, "Step 42", line("opened the file"), line("row 40 has no city", "warning"))
    expect(page.get_by_role("dialog")).to_contain_text("42 %")
    camera.take("09-modal-running", full=False)
    page.goto(f"{url}/jobs/{steps}")
    camera.take("10-page-running")

    echo = product.create("make-file", {"text": "hello"}, name="Quarterly report")
    done = product.claim("make-file")
    product.pulse(done, 1, 1, "Converted 1,204,331 rows")
    artifact(product, done)
    result = {
        "artifact": "report.jsonl",
        "rows": 1204331,
        "rowsRejected": 2,
        "bytesIn": 84211934,
        "bytesOut": 132211934,
        "seconds": 3.201,
        "columns": [
            {"name": "id", "type": "text"},
            {"name": "name", "type": "text"},
            {"name": "amount", "type": "number"},
        ],
    }
    product.finish(done, Transition(Status.COMPLETED, "completed", result=result))
    product.create("fail", {"how": "permanent"}, name="Convert orders-2026-11.csv")
    broken = product.claim("fail")
    product.pulse(broken, 31, 100, "Reading rows", line("line 1204: 7 values, 6 expected", "error"))
    failure = Failure(
        "BadRow",
        "Line 1,204 has 7 values where the header names 6. Mend the file, or choose to skip broken rows.",
        TRACE,
    )
    product.finish(broken, Transition(Status.FAILED, "failed", failure=failure))
    product.create("echo", {"text": "x"}, name="Thank-you letters")
    page.goto(f"{url}/jobs")
    expect(page.locator(".job-row")).to_have_count(4)
    camera.take("11-list")
    for number in (0, 2):
        page.locator("#job-rows input").nth(number).check()
    camera.take("11-list-chosen", full=False)
    page.get_by_role("button", name="Delete…").click()
    camera.take("11-list-delete")
    page.goto(f"{url}/jobs?type=echo&user=me&created=last-24-hours&status=pending&q=letters")
    camera.take("11-list-filtered")
    page.goto(f"{url}/jobs?q=nothing+like+this")
    camera.take("12-list-nothing-found")
    page.goto(f"{url}/jobs?open={echo}")
    camera.take("13-modal-completed", full=False)
    page.goto(f"{url}/jobs/{echo}")
    camera.take("14-page-completed")
    page.goto(f"{url}/jobs?open={broken.id}")
    camera.take("15-modal-failed", full=False)
    page.goto(f"{url}/jobs/{broken.id}")
    camera.take("16-page-failed")
    page.goto(f"{url}/jobs?open={steps}")
    page.get_by_role("button", name="Cancel job").click()
    expect(page.get_by_role("dialog")).to_contain_text("Stopping")
    camera.take("17-modal-stopping", full=False)
    product.finish(running_job, Transition(Status.CANCELLED, "cancelled"))
    expect(page.get_by_role("dialog")).to_contain_text("Job cancelled")
    camera.take("18-modal-cancelled", full=False)
    page.goto(f"{url}/dashboard?period=1h")
    camera.take("20-dashboard")
    page.goto(f"{url}/no/such/page")
    camera.take("19-not-found")


def artifact(product: Product, job: object) -> None:
    """A file that the job made."""
    import psycopg

    from jobsapp.core.ids import new_id
    from jobsapp.store.jobs import ClaimedJob, add_artifact

    assert isinstance(job, ClaimedJob)
    with psycopg.connect(product.settings.database_url) as connection:
        add_artifact(
            connection,
            job_id=job.id,
            attempt=job.attempt,
            file_id=new_id(),
            name="report.jsonl",
            size=132211934,
            media_type="application/x-ndjson",
            sha256="0" * 64,
        )


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with product() as found, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        page.on("console", lambda message: print(message.type, message.text))
        page.on("pageerror", lambda error: print("page error", error))
        story(found, Camera(page, folder))
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots"))
