"""Choosing a type, and the form of a new job."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.scenes.scene import Scene, open_details, open_menu

OTHER_FORMS = ("document-processing", "model-training", "fine-tuning", "bulk-operation")


def send_wrong_form(page: Page) -> None:
    page.get_by_text("More options").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
    )
    page.locator("#f-data-delimiter").fill("::")
    page.get_by_role("button", name="Start job").click()
    expect(page.locator("#form-errors")).to_be_visible()


SCENES = (
    Scene("choose-type", "new_job.choose", "/jobs/new"),
    Scene("form", "new_job.form", "/jobs/new/data-conversion", open_details),
    Scene("form-errors", "new_job.form", "/jobs/new/data-conversion", send_wrong_form),
    *(Scene(f"form-{name}", "new_job.form", f"/jobs/new/{name}", open_details) for name in OTHER_FORMS),
    # Over large cards: of them enough is left to touch, however long the menu is.
    Scene("menu", "new_job.choose", "/jobs/new", open_menu),
)
