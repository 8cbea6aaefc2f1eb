"""Pictures of every page, for eyes: `python -m tests.browser.screenshots [FOLDER] [--only NAME | --readme]`.

Pages come from `tests.browser.scenes`: what is a scene there, is a picture here. Those of OVERVIEWS are also taken
without jobs, with three, and with 50,000. `--readme` takes the README's alone, into docs/images.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from playwright.sync_api import Page, sync_playwright
from psycopg.types.json import Json

from jobsapp.config import Settings
from jobsapp.core.ids import new_id
from jobsapp.embedded.postgres import EmbeddedPostgres
from jobsapp.embedded.valkey import EmbeddedValkey
from jobsapp.store import schema
from tests.browser.product import ADMIN, Product, launch, running
from tests.browser.scenes import SCENES, Scene, Visitor, set_the_stage, settle
from tests.processes import ROOT, free_port

WIDTHS = {"phone": (390, 844), "tablet": (1024, 768), "wide": (1920, 1080)}
THEMES = ("light", "dark")
# Pages that show many jobs at once.
OVERVIEWS = ("list", "dashboard", "queues")
MANY = 50_000
README = (
    (Scene("modal", "jobs.index", "/jobs?open={active}"), "light"),
    (Scene("job", "jobs.show", "/jobs/{completed}"), "dark"),
    (Scene("workflow", "jobs.show", "/jobs/{run}"), "light"),
    (Scene("dashboard", "dashboard.index", "/dashboard"), "light"),
)
DAY_OF_JOBS = 14_000
COPY = """COPY jobs (
  id, organization_id, user_id, type, queue, name, status, data, result, error, attempts, max_attempts, allowance,
  run_at, created_at, updated_at, started_at, completed_at, failed_at
) FROM STDIN"""


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
                oidc_issuer="https://login.example.org",
                oidc_client_id="jobsapp",
                oidc_name="Example ID",
            )
            schema.upgrade(settings.sqlalchemy_url)
            with running(settings) as found:
                found.empty()
                yield found


class Camera:
    """Takes each view at all widths and in both themes."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.folder = folder

    def take(self, name: str, *, full: bool = True) -> None:
        for width, (x, y) in WIDTHS.items():
            self.page.set_viewport_size({"width": x, "height": y})
            self.page.evaluate("() => scrollTo(0, 0)")
            for theme in THEMES:
                self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                settle(self.page)
                self.page.screenshot(path=self.folder / f"{name}-{width}-{theme}.png", full_page=full)


def overviews(visitor: Visitor, camera: Camera, jobs: str) -> None:
    """Pages of many jobs; `jobs`: how many there are, for the name of the picture."""
    for scene in SCENES:
        if scene.name in OVERVIEWS and scene.who == ADMIN:
            visitor.page.set_viewport_size({"width": 1280, "height": 900})
            visitor.enter(scene)
            camera.take(f"{scene.name}-{jobs}", full=jobs != "many")


def all_scenes(visitor: Visitor, camera: Camera, only: str) -> None:
    for scene in SCENES:
        if only in scene.name:
            visitor.page.set_viewport_size({"width": 1280, "height": 900})
            visitor.enter(scene)
            camera.take(scene.name, full=not scene.name.startswith("modal"))


def readme(visitor: Visitor, folder: Path) -> None:
    visitor.page.set_viewport_size({"width": 1440, "height": 900})
    for scene, theme in README:
        visitor.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        visitor.enter(scene)
        settle(visitor.page)
        visitor.page.screenshot(path=folder / f"{scene.name}.png")


def fill(product: Product, count: int = MANY) -> None:
    """So many jobs of the last days, straight into the table: most completed, some failed, some that wait."""
    actor, now = product.actor(), datetime.now(UTC)
    with psycopg.connect(product.settings.database_url) as connection:
        with connection.cursor().copy(COPY) as copy:
            for number in range(count):
                at = now - timedelta(seconds=6 * (count - number))
                ended = at + timedelta(seconds=2 + number % 40)
                failed = number % 23 == 0
                error = {"type": "Timeout", "message": "The attempt took longer than 30 s.", "traceback": None}
                copy.write_row(
                    [
                        *(new_id(), actor.organization_id, actor.user_id, "echo", "echo", f"Letter {number:,}"),
                        "failed" if failed else "completed",
                        *(
                            Json({"text": "x"}),
                            None if failed else Json({"sent": number}),
                            Json(error) if failed else None,
                        ),
                        *(1, 1, 1, at, at, ended, at, None if failed else ended, ended if failed else None),
                    ]
                )
        connection.execute("ANALYZE jobs")


def three(product: Product) -> None:
    for name in ("Thank-you letters", "Reminders", "Quarterly report"):
        product.create("echo", {"text": "x"}, name=name)
    product.claim("echo")


def main(folder: Path, only: str, *, for_readme: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with product() as found, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(reduced_motion="reduce")
        page.on("console", lambda message: print(message.type, message.text))
        page.on("pageerror", lambda error: print("page error", error))
        camera = Camera(page, folder)
        if for_readme:
            fill(found, DAY_OF_JOBS)
            readme(Visitor(page, found, set_the_stage(found)), ROOT / "docs" / "images")
            return
        visitor = Visitor(page, found, set_the_stage(found))
        all_scenes(visitor, camera, only)
        if not only:
            for name, prepare in (("none", None), ("three", three), ("many", fill)):
                found.empty()
                visitor.who = ""
                if prepare:
                    prepare(found)
                overviews(visitor, camera, name)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("folder", nargs="?", default="screenshots", type=Path)
    parser.add_argument("--only", default="", help="part of the names of the scenes to take")
    parser.add_argument("--readme", action="store_true", help="only the pictures of the README")
    given = parser.parse_args()
    main(given.folder, given.only, for_readme=given.readme)
