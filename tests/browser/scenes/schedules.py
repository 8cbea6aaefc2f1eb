"""Schedules."""

from __future__ import annotations

from dataclasses import replace

import psycopg
from playwright.sync_api import Page, expect

from jobsapp.services.new_schedules import NewSchedule
from tests.browser.product import Product
from tests.browser.scenes.scene import NEWCOMER, Made, Scene, open_details


def send_wrong_cron(page: Page) -> None:
    page.get_by_label("Cron expression").fill("every night")
    # It is told of while one types, and the page below moves.
    expect(page.locator("#schedule-preview")).to_contain_text("Write five fields")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.locator("#f-cron-error")).to_be_visible()


SCENES = (
    Scene("schedules", "schedules.index", "/schedules"),
    Scene("schedules-empty", "schedules.index", "/schedules", who=NEWCOMER),
    Scene("schedules-none-paused", "schedules.index", "/schedules?status=ended"),
    Scene("schedule", "schedules.show", "/schedules/{schedule}", open_details),
    Scene("schedule-types", "schedule_forms.choose", "/schedules/new"),
    Scene("schedule-form", "schedule_forms.form", "/schedules/new/echo?cron=0+9+*+*+MON-FRI", open_details),
    Scene("schedule-form-error", "schedule_forms.form", "/schedules/new/echo", send_wrong_cron),
    Scene("schedule-edit", "schedule_forms.edit", "/schedules/{schedule}/edit", open_details),
    Scene("schedule-pause", "schedules.ask_pause", "/schedules/{schedule}/pause"),
    Scene("schedule-delete", "schedules.ask", "/schedules/{schedule}/delete"),
)


def set_up(product: Product, _: Made) -> Made:
    """One that has run and missed, one that paused itself, one that was paused, and one that is declared in code."""
    with product.app.app_context():
        schedules, actor = product.services.schedules, product.actor()
        nightly = NewSchedule(
            "echo", {"text": "x"}, "Nightly export of all orders", "For the accounts", cron="30 2 * * MON-FRI"
        )
        ids = [schedules.create(actor, replace(nightly, zone="Europe/Berlin", jitter_seconds=300)).id]
        for name in ("Thank-you letters", "A_name_that_is_one_very_long_word_without_any_place_to_break_it"):
            timed = NewSchedule("echo", {}, name, every_seconds=900, overlap="allow", missed="all")
            ids.append(schedules.create(actor, timed).id)
        schedules.run(actor, ids[0])
        schedules.pause(actor, ids[1], reason="The shop is closed")
        with psycopg.connect(product.settings.database_url) as connection:
            connection.execute(
                "UPDATE schedules SET user_id = NULL, declared = 'echo: letters' WHERE id = %s", [ids[1]]
            )
            connection.execute(
                """UPDATE schedules SET next_run_at = NULL, fire_at = NULL, paused_at = now(),
                   pause_reason = 'There is no job type ''letters''.' WHERE id = %s""",
                [ids[2]],
            )
            connection.execute(
                """INSERT INTO schedule_runs (schedule_id, run_at, organization_id, outcome, missed)
                   VALUES (%(id)s, '2026-11-25T01:30:00Z', %(org)s, 'missed', 4),
                     (%(id)s, '2026-11-24T01:30:00Z', %(org)s, 'overlapped', 0),
                     (%(id)s, '2026-11-23T01:30:00Z', %(org)s, 'created', 0)""",
                {"id": ids[0], "org": actor.organization_id},
            )
        return {"schedule": str(ids[0])}
