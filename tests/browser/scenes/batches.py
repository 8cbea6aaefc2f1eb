"""Batches."""

from __future__ import annotations

import json

import psycopg
from playwright.sync_api import FilePayload, Page, expect

from jobsapp.services.batch_callbacks import Callback
from jobsapp.services.batches import NewBatch
from tests.browser.product import Product
from tests.browser.scenes.scene import NEWCOMER, Made, Scene, open_details


def choose_files_and_a_wrong_number(page: Page) -> None:
    files: list[FilePayload] = [
        {"name": f"letters of week {week}.txt", "mimeType": "text/plain", "buffer": b"x"} for week in range(3)
    ]
    page.locator("input[type=file]").set_input_files(files)
    open_details(page)
    page.get_by_label("Attempts at most").fill("0")
    page.get_by_role("button", name="Start all").click()
    expect(page.locator("#form-errors")).to_be_visible()


SCENES = (
    Scene("batches", "batches.index", "/batches"),
    Scene("batches-none", "batches.index", "/batches", who=NEWCOMER),
    Scene("batch-types", "new_batch.choose", "/batches/new"),
    Scene("batch-form", "new_batch.form", "/batches/new/make-file"),
    Scene("batch-form-error", "new_batch.form", "/batches/new/make-file", choose_files_and_a_wrong_number),
    Scene("batch", "batches.show", "/batches/{batch}"),
    Scene("batch-cancel", "batches.ask", "/batches/{batch}/cancel"),
)


def set_up(product: Product, made: Made) -> Made:
    """As if it had many jobs; those that there are stand for them."""
    with product.app.app_context():
        batches, actor = product.services.batches, product.actor()
        after = {"complete": Callback("echo", {}, "Tell the bank"), "failure": Callback("fail", {}, "Call somebody")}
        batch_id = batches.create(actor, NewBatch("Letters of November", closed=False, callbacks=after)).id
        batches.create(actor, NewBatch("Letters_of_a_day_on_which_there_were_none_but_the_name_was_long", closed=True))
    callbacks = json.dumps({"failure": {"id": str(made["failed"])}})
    with psycopg.connect(product.settings.database_url) as connection:
        connection.execute(
            "UPDATE jobs SET batch_id = %s WHERE id = ANY(%s)",
            [batch_id, [made[state] for state in ("pending", "active", "completed", "failed")]],
        )
        connection.execute(
            """UPDATE batches SET total_jobs = 20000, total_weight = 20000, completed_jobs = 12040, failed_jobs = 31,
            completed_weight = 12040, failed_weight = 31, counted_at = now(), noted_at = now() - interval '1 minute',
            noted_weight = 9000, callback_jobs = %s, closed_at = now() WHERE id = %s""",
            [callbacks, batch_id],
        )
    return {"batch": str(batch_id)}
