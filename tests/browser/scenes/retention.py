"""Retention."""

from __future__ import annotations

import psycopg
from playwright.sync_api import Page, expect

from jobsapp.core.ids import new_id
from jobsapp.services.retention import NewRule
from tests.browser.product import Product
from tests.browser.scenes.scene import NEWCOMER, Made, Scene


def send_wrong_rule(page: Page) -> None:
    page.get_by_label("Days").fill("0")
    page.get_by_label("Of", exact=True).select_option("uploads")
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Add rule").click()
    expect(page.locator("#days-error")).to_be_visible()


SCENES = (
    Scene("retention", "retention.index", "/retention"),
    Scene("retention-empty", "retention.index", "/retention", who=NEWCOMER),
    Scene("retention-rule", "retention.edit", "/retention/rule?scope=jobs&type=&status=failed"),
    Scene("retention-rule-error", "retention.edit", "/retention/rule", send_wrong_rule),
)


def set_up(product: Product, _: Made) -> Made:
    """Rules, a day on which they deleted, and what was archived then."""
    with product.app.app_context():
        actor, retention = product.actor(), product.services.retention
        retention.set_rule(actor, NewRule(90, archive="jsonl"))
        retention.set_rule(actor, NewRule(365, status="failed"))
        retention.set_rule(actor, NewRule(None, type="model-training"))
        retention.set_rule(actor, NewRule(14, scope="uploads"))
    with psycopg.connect(product.settings.database_url) as connection:
        connection.execute(
            """INSERT INTO retention_runs (organization_id, day, scope, type, status, deleted, archives, last_at)
               VALUES (%(org)s, '2026-11-25', 'jobs', '', '', 120431, 241, now()),
                 (%(org)s, '2026-11-24', 'uploads', '', '', 12, 0, now())""",
            {"org": actor.organization_id},
        )
        connection.execute(
            """INSERT INTO archives (id, organization_id, month, first_id, last_id, format, jobs, size, sha256)
               VALUES (%s, %s, '2026-08', %s, %s, 'jsonl', 500, 84211, '')""",
            [new_id(), actor.organization_id, new_id(), new_id()],
        )
    return {}
