"""Workflows, their definitions and their runs."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import build_house
from jobsapp.runtime.use_cases import open_use_cases
from tests.browser.product import Product
from tests.browser.scenes.scene import NEWCOMER, Made, Scene, open_details

WORKFLOW = """title: Clean and train
description: Cleans a table, asks somebody, and trains a model on it.
input:
  day: {type: text, title: Day, description: "When to begin, as in 2026-12-01T08:00:00Z."}
steps:
  begin: {title: Begin, waitFor: {until: "${{ input.day }}"}}
  clean: {title: Clean the table, needs: [begin], type: measure}
  each: {title: Count each part, needs: [begin], type: measure, forEach: [1, 2, 3, 4], width: 2}
  review:
    title: Review
    needs: [begin]
    waitFor:
      approval:
        title: Good enough?
        description: Look at a few rows first.
        fields: {price: {type: number, title: Price}}
      deadlineSeconds: 86400
  train: {title: Train a model on all of it, needs: [clean, each, review], type: measure}
"""


def break_the_definition(page: Page) -> None:
    page.get_by_label("Definition").fill("steps:\n  a: {type: nothing, needs: [b]}\n")
    expect(page.locator("#checked")).to_contain_text("there is no step 'b'.")


def send_no_price(page: Page) -> None:
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#f-fields-price-error")).to_be_visible()


SCENES = (
    Scene("workflows", "workflows.index", "/workflows"),
    Scene("workflows-empty", "workflows.index", "/workflows", who=NEWCOMER),
    Scene("workflow", "workflows.show", "/workflows/clean-and-train"),
    Scene("workflow-new", "workflows.new", "/workflows/new"),
    Scene("workflow-edit", "workflows.edit", "/workflows/clean-and-train/edit", break_the_definition),
    Scene("workflow-delete", "workflows.ask", "/workflows/clean-and-train/delete"),
    Scene("workflow-run", "jobs.show", "/jobs/{run}", open_details),
    Scene("workflow-answer", "workflow_runs.ask", "/jobs/{run}/steps/review/answer", send_no_price),
    Scene("workflow-resume", "workflow_runs.change", "/jobs/{failed_run}/resume"),
)


def set_up(product: Product, _: Made) -> Made:
    """A run that waits for an answer, and one that failed at its first step."""
    with product.app.app_context():
        workflows, actor = product.services.workflows, product.actor()
        workflows.save(actor, "clean-and-train", WORKFLOW)
        workflows.save(actor, "clean-and-train", WORKFLOW.replace("a model on all of it", "a model"))
        runs = [workflows.start(actor, "clean-and-train", {"day": day}) for day in ("2026-11-01T00:00:00Z", "soon")]
        first, second = (str(one.id) for one in runs)
    with open_use_cases(build_house(product.settings), "scenes") as (services, session):
        advancer = Advancer(session, *followers_of(services))
        for _ in range(3):
            advancer.tick()
            advancer.advance()
    return {"run": first, "failed_run": second}
