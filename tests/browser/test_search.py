"""From the form of a new job to a passage that the search has found, and its source."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.product import Product

TEXT = b"# Payments\n\nRefunds are paid within 14 days.\n\n# Ships\n\nThe ship sails along the coast.\n"
DOCUMENT = {"name": "rules.md", "mimeType": "text/markdown", "buffer": TEXT}


def test_from_the_form_to_the_source(page: Page, working_product: Product) -> None:
    page.goto("/search")
    expect(page.get_by_role("heading", name="Ask your documents")).to_be_visible()
    page.get_by_role("link", name="Process documents").click()
    page.locator("input[type=file]").set_input_files(DOCUMENT)  # type: ignore[arg-type]
    expect(page.get_by_label("Searchable")).to_be_checked()
    page.get_by_role("button", name="Start job").click()
    expect(page.get_by_role("dialog")).to_contain_text("Job completed", timeout=60_000)

    page.get_by_role("link", name="Details").click()
    page.get_by_role("link", name="Search in this job").click()
    expect(page.locator(".within")).to_contain_text("Only in rules.md")

    page.goto("/jobs")
    page.get_by_role("link", name="Search", exact=True).click()
    question = page.get_by_role("searchbox", name="What do you look for?")
    question.fill("How do I get my money back? paid")
    expect(page.locator(".result")).to_contain_text("Refunds are paid within 14 days.")
    expect(page.locator(".result mark").first).to_have_text("paid")
    expect(question).to_be_focused()
    assert "q=How" in page.url
    question.fill("best recipe for an apple pie")
    expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()
    question.fill("refunds")
    question.press("Enter")
    result = page.locator(".result")
    with page.expect_download() as info:
        result.get_by_role("link", name="Download the document").click()
    assert Path(info.value.path()).read_bytes() == TEXT
    result.get_by_role("link", name="rules.md").first.click()
    expect(page.get_by_role("dialog", name="rules.md")).to_contain_text("Job completed")
