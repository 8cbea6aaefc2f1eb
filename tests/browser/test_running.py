"""From end to end with a real worker: upload, watch, download."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import SERVER_GONE, Witness
from tests.browser.product import Product, csv_file

ROWS = 900_000
# Remembers each percentage that the bar has shown.
RECORDER = """() => {
    window.shown = new Set();
    new MutationObserver(() => {
        const value = document.querySelector('dialog [role=progressbar]')?.getAttribute('aria-valuenow');
        if (value) window.shown.add(Number(value));
    }).observe(document, {subtree: true, childList: true, attributes: true});
}"""


def start_conversion(page: Page, path: Path) -> None:
    page.goto("/jobs/new/data-conversion")
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_label("Convert to").select_option("jsonl")
    page.get_by_text("Find exact types").click()
    page.get_by_role("button", name="Start job").click()


def open_gate(gate: Path, step: int) -> None:
    Path(f"{gate}.{step}").touch()


def test_upload_watch_download(page: Page, working_product: Product, tmp_path: Path) -> None:
    page.add_init_script(f"({RECORDER})()")
    start_conversion(page, csv_file(tmp_path, "people.csv", ROWS))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("Job completed", timeout=60_000)
    assert len(page.evaluate("() => [...window.shown]")) >= 3
    with page.expect_download() as info:
        dialog.get_by_role("link", name="Download").click()
    assert info.value.suggested_filename == "people.jsonl"
    with Path(info.value.path()).open() as lines:
        for n, line in enumerate(lines):
            row = json.loads(line)
            row["amount"] = float(row["amount"])
            assert row == {
                "id": f"{n:08d}",
                "name": f"person number {n}",
                "city": f"city {n % 97}",
                "amount": float(f"{n * 1.25:.2f}"),
            }
    assert n == ROWS - 1


def test_each_percentage_is_seen(page: Page, working_product: Product, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    page.goto("/jobs/new/steps")
    page.get_by_label("Steps", exact=True).fill("4")
    page.get_by_label("Gate", exact=True).fill(str(gate))
    page.get_by_role("button", name="Start job").click()
    bar = page.get_by_role("dialog").get_by_role("progressbar")
    for step in range(3):
        open_gate(gate, step)
        expect(bar).to_have_attribute("aria-valuenow", str(25 * (step + 1)))
    open_gate(gate, 3)
    expect(page.get_by_role("dialog")).to_contain_text("Job completed")


def test_the_web_server_restarts_while_a_job_runs(
    page: Page, working_product: Product, witness: Witness, tmp_path: Path
) -> None:
    witness.expect(SERVER_GONE)
    gate = tmp_path / "gate"
    job_id = working_product.create("steps", {"steps": 2, "gate": str(gate)})
    page.goto(f"/jobs/{job_id}")
    panel = page.locator(".panel")
    expect(panel).to_contain_text("Processing…")
    working_product.kill_web()
    expect(page.locator(".connection").first).to_have_text("Reconnecting…")
    working_product.start_web()
    expect(page.locator(".connection").first).to_have_text("Live")
    open_gate(gate, 0)
    expect(panel).to_contain_text("50 %")
    open_gate(gate, 1)
    expect(panel).to_contain_text("Job completed")
    expect(page.locator("#job-details")).to_contain_text("Attempt 1 completed")


def test_cancel_a_running_job(page: Page, working_product: Product) -> None:
    job_id = working_product.create("steps", {"steps": 600, "seconds": 0.05})
    page.goto(f"/jobs?open={job_id}")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Processing…")
    dialog.get_by_role("button", name="Cancel job").click()
    expect(dialog).to_contain_text("Job cancelled")


def test_a_failure_with_its_reason_and_attempts(page: Page, working_product: Product) -> None:
    job_id = working_product.create("fail", {}, name="Fails thrice")
    page.goto(f"/jobs/{job_id}")
    expect(page.locator(".panel")).to_contain_text("Job failed")
    expect(page.locator(".panel")).to_contain_text("attempt 3 failed")
    expect(page.locator(".step[data-kind=attempt]")).to_have_count(3)
