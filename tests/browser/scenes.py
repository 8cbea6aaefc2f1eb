"""Every page with something on it: for tests that hold for all of them, and for the pictures.

A new page is one more line in `SCENES`. A page that has none fails `test_no_page_is_forgotten`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import psycopg
from flask import Flask
from playwright.sync_api import Page, expect

from jobsapp.bus import connection as redis_connection
from jobsapp.bus.roster import Report, Roster
from jobsapp.core.ids import new_id
from jobsapp.core.outcomes import Failure, Transition
from jobsapp.core.sealing import sealer_of
from jobsapp.core.states import Status
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import build_house
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services.batch_callbacks import Callback
from jobsapp.services.batches import NewBatch
from jobsapp.services.channels import NewChannel
from jobsapp.services.federation import Person
from jobsapp.services.job_tokens import SHARE
from jobsapp.services.new_schedules import NewSchedule
from jobsapp.services.notification_rules import NewNotificationRule
from jobsapp.services.retention import NewRule
from jobsapp.services.unsubscribing import unsubscribe_url
from jobsapp.store.jobs import ClaimedJob, LogLine, add_artifact
from tests.browser.product import ADMIN, WORKER, Product, sign_in

TRACE = (
    'Traceback (most recent call last):\n  File "work.py", line 12, in run\n    raise ValueError("…")\nValueError: …'
)
RESULT = {
    "artifact": "report.jsonl",
    "rows": 1204331,
    "rowsRejected": 2,
    "bytesIn": 84211934,
    "seconds": 3.201,
    "warnings": ["Line 7 is longer than the others.", "2 rows were skipped."],
    "columns": [{"name": "id", "type": "text"}, {"name": "name", "type": "text"}, {"name": "amount", "type": "number"}],
}
PASSWORD = "nine green bottles"
NEWCOMER = "new@elsewhere"
MIB = 1024 * 1024
# What begins so is for programs, or no page at all.
NOT_FOR_PEOPLE = ("/api/", "/static/", "/live/", "/ws/", "/healthz", "/readyz")
PARTS = {
    "jobs.home": "leads to the list",
    "jobs.live": "a part of the job's page",
    "jobs.modal": "the modal, which the scenes open",
    "jobs.details": "a part of the job's page",
    "dashboard.board": "a part of the dashboard",
    "dashboard.system": "a part of the dashboard",
    "limits.back": "leads to the form",
    "workflow_runs.steps": "a part of the job's page",
    "log.show": "a part of the job's page",
    "log.new": "lines for the job's page",
    "log.text": "a text file",
    "many.count": "a number for the list",
    "batches.live": "a part of the page of a batch",
    "batches.bar": "the bar of a batch, for other pages",
    "tray.show": "the tray, which a scene fills",
    "retention.back": "leads to the rules",
    "notifications.back": "leads to the page of notifications",
    "notification_rules.back": "leads to the page of notifications",
    "deliveries.back": "leads to the message",
    "schedules.preview": "a part of the form",
    "shared.live": "a part of the shared page",
    "shared.log": "a text file",
    "shared.content": "a file",
    "login.oidc": "leads to the provider",
    "login.oidc_back": "leads to the list",
    "kin.part": "a part of the page of a job",
    "embed.script": "a script for pages of other sites",
}


@dataclass(frozen=True)
class Jobs:
    """A job in each state, by its id."""

    pending: UUID
    active: UUID
    unknown: UUID
    stopping: UUID
    completed: UUID
    failed: UUID
    cancelled: UUID
    kin: UUID
    """One that waits for others, and for which others wait."""
    shared: str
    """The token of a link to the completed one."""
    member: str
    """The id of the administrator's account."""
    token: str
    """The id of an API token that is in force."""
    batch: str
    """The id of a batch that runs."""
    channel: str
    """The id of a channel of notifications, of a rule and of a message by it, and the link that ends it."""
    rule: str
    delivery: str
    link: str
    schedule: str
    """The id of a schedule that has run, by the clock."""
    run: str
    """A workflow that waits for an answer."""
    failed_run: str


class Scene(NamedTuple):
    """A page as somebody meets it. `act` brings it there after the address is open; who="": nobody is signed in."""

    name: str
    endpoint: str
    address: str
    act: Callable[[Page], None] | None = None
    who: str = ADMIN


class Visitor:
    """Goes from scene to scene in one browser page, and signs in as another where a scene wants that."""

    def __init__(self, page: Page, product: Product, jobs: Jobs) -> None:
        self.page = page
        self.product = product
        self.jobs = jobs
        self.who = ""

    def enter(self, scene: Scene) -> None:
        """Open it, and wait until all of it is there."""
        self._be(scene.who)
        if self.page.url.startswith(self.product.url):
            # What another scene put into the tray.
            self.page.evaluate("() => localStorage.clear()")
        login = self.product.login_link().rpartition("/")[2] if "{login}" in scene.address else ""
        self.page.goto(self.product.url + scene.address.format(login=login, **vars(self.jobs)))
        if scene.act:
            scene.act(self.page)
        for mark in self.page.locator("[data-live] .connection").all():
            expect(mark).to_have_attribute("data-connection", "live")
        settle(self.page)

    def _be(self, who: str) -> None:
        if who != self.who:
            self.page.context.clear_cookies()
            if who:
                sign_in(self.page, self.product, who)
            self.who = who


def settle(page: Page) -> None:
    """Wait until what was just changed is drawn."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def page_endpoints(app: Flask) -> set[str]:
    """All addresses that a person may open."""
    rules = (rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()))
    return {rule.endpoint for rule in rules if not rule.rule.startswith(NOT_FOR_PEOPLE)}


def open_details(page: Page) -> None:
    page.locator("main details").evaluate_all("(all) => all.forEach((one) => { one.open = true; })")


def open_menu(page: Page) -> None:
    page.locator("details.menu > summary").click()


def send_wrong_form(page: Page) -> None:
    page.get_by_text("More options").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
    )
    page.locator("#f-data-delimiter").fill("::")
    page.get_by_role("button", name="Start job").click()
    expect(page.locator("#form-errors")).to_be_visible()


def send_long_reason(page: Page) -> None:
    page.get_by_label("Reason").evaluate("(field) => { field.maxLength = 100000; field.value = 'x'.repeat(5000); }")
    page.locator("main").get_by_role("button", name="Pause").click()
    expect(page.locator("#reason-error")).to_be_visible()


def send_wrong_password(page: Page) -> None:
    page.get_by_label("E-mail").fill("somebody@example.org")
    page.get_by_label("Password", exact=True).fill("not my password")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()


def send_two_passwords(page: Page) -> None:
    page.get_by_label("New password", exact=True).fill("nine green bottles")
    page.get_by_label("New password again").fill("ten green bottles")
    page.get_by_role("button", name="Set password").click()
    expect(page.locator("#password-again-error")).to_be_visible()


def send_wrong_rule(page: Page) -> None:
    page.get_by_label("Days").fill("0")
    page.get_by_label("Of", exact=True).select_option("uploads")
    page.get_by_label("State").select_option("failed")
    page.get_by_role("button", name="Add rule").click()
    expect(page.locator("#days-error")).to_be_visible()


def send_wrong_cron(page: Page) -> None:
    page.get_by_label("Cron expression").fill("every night")
    page.get_by_role("button", name="Create schedule").click()
    expect(page.locator("#f-cron-error")).to_be_visible()


def choose_two(page: Page) -> None:
    for number in (0, 2):
        page.locator("#job-rows input").nth(number).check()


def ask_to_delete(page: Page) -> None:
    choose_two(page)
    page.get_by_role("button", name="Delete…").click()
    page.wait_for_url("**/jobs/many")


def make_token(page: Page) -> None:
    page.get_by_label("Name").fill("A program")
    page.get_by_role("button", name="Make token").click()
    expect(page.locator("#token-text")).to_be_visible()


def send_no_name(page: Page) -> None:
    page.get_by_label("Name").fill(" ")
    page.get_by_role("button", name="Make token").click()
    expect(page.locator("#token-name-error")).to_be_visible()


def minimise(page: Page) -> None:
    page.get_by_role("button", name="Minimise").click()
    expect(page.locator(".tray-item")).to_have_count(1)


def invite_nobody(page: Page) -> None:
    page.get_by_label("E-mail address").fill("nobody")
    page.get_by_role("button", name="Invite").click()
    expect(page.locator("#email-error")).to_be_visible()


def break_the_definition(page: Page) -> None:
    page.get_by_label("Definition").fill("steps:\n  a: {type: nothing, needs: [b]}\n")
    expect(page.locator("#checked")).to_contain_text("there is no step 'b'.")


def send_no_price(page: Page) -> None:
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#f-fields-price-error")).to_be_visible()


STATES = tuple(field.name for field in fields(Jobs) if field.type == "UUID")
OTHER_FORMS = ("document-processing", "model-training", "fine-tuning", "bulk-operation")
SCENES = (
    Scene("list", "jobs.index", "/jobs"),
    Scene("list-empty", "jobs.index", "/jobs", who=NEWCOMER),
    Scene("list-nothing-found", "jobs.index", "/jobs?q=nothing+like+this"),
    Scene("list-filtered", "jobs.index", "/jobs?type=echo&user=me&created=last-24-hours&status=pending&q=letters"),
    Scene("list-chosen", "jobs.index", "/jobs", choose_two),
    Scene("list-delete", "jobs.index", "/jobs", ask_to_delete),
    Scene("tray", "jobs.index", "/jobs?open={active}", minimise),
    Scene("dashboard", "dashboard.index", "/dashboard?period=1h", open_details),
    Scene("dashboard-empty", "dashboard.index", "/dashboard", who=NEWCOMER),
    *(Scene(f"modal-{state}", "jobs.index", f"/jobs?open={{{state}}}") for state in STATES),
    *(Scene(f"job-{state}", "jobs.show", f"/jobs/{{{state}}}", open_details) for state in STATES),
    Scene("job-kin", "jobs.show", "/jobs/{kin}", open_details),
    Scene("dependencies", "kin.dependencies", "/jobs/{kin}/dependencies"),
    Scene("dependents", "kin.dependents", "/jobs/{kin}/dependents"),
    Scene("choose-type", "new_job.choose", "/jobs/new"),
    Scene("form", "new_job.form", "/jobs/new/data-conversion", open_details),
    Scene("form-errors", "new_job.form", "/jobs/new/data-conversion", send_wrong_form),
    *(Scene(f"form-{name}", "new_job.form", f"/jobs/new/{name}", open_details) for name in OTHER_FORMS),
    Scene("batches", "batches.index", "/batches"),
    Scene("batches-none", "batches.index", "/batches", who=NEWCOMER),
    Scene("batch", "batches.show", "/batches/{batch}"),
    Scene("batch-cancel", "batches.ask", "/batches/{batch}/cancel"),
    Scene("queues", "queues.index", "/queues"),
    # Over large cards: of them enough is left to touch, however long the menu is.
    Scene("menu", "new_job.choose", "/jobs/new", open_menu),
    Scene("queue-pause", "queues.ask", "/queues/echo/pause"),
    Scene("queue-pause-error", "queues.ask", "/queues/echo/pause", send_long_reason),
    Scene("queue-limits", "limits.show", "/queues/echo/limits"),
    Scene("workers", "workers.index", "/workers", open_details),
    Scene("worker-stop", "workers.ask", "/workers/scene-worker/stop"),
    Scene("shares", "shares.index", "/jobs/{completed}/shares"),
    Scene("shared", "shared.show", "/shared/{shared}/", who=""),
    Scene("shared-gone", "shared.show", "/shared/nonsense/", who=""),
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
    Scene("retention", "retention.index", "/retention"),
    Scene("retention-empty", "retention.index", "/retention", who=NEWCOMER),
    Scene("retention-rule", "retention.edit", "/retention/rule?scope=jobs&type=&status=failed"),
    Scene("retention-rule-error", "retention.edit", "/retention/rule", send_wrong_rule),
    Scene("notifications", "notifications.index", "/notifications"),
    Scene("notifications-empty", "notifications.index", "/notifications", who=NEWCOMER),
    Scene("notifications-channel", "notifications.new_channel", "/notifications/channels/new"),
    Scene("notifications-channel-change", "notifications.edit_channel", "/notifications/channels/{channel}"),
    Scene("notifications-channel-delete", "notifications.ask", "/notifications/channels/{channel}/delete"),
    Scene("notifications-rule", "notification_rules.new", "/notifications/rules/new"),
    Scene("notifications-rule-change", "notification_rules.edit", "/notifications/rules/{rule}"),
    Scene("notifications-words", "notification_rules.words", "/notifications/words"),
    Scene("notifications-log", "deliveries.index", "/notifications/deliveries"),
    Scene("notifications-message", "deliveries.show", "/notifications/deliveries/{delivery}"),
    Scene("notifications-end", "unsubscribe.ask", "/notifications/unsubscribe/{link}", who=""),
    Scene("tokens", "tokens.index", "/tokens"),
    Scene("tokens-new", "tokens.index", "/tokens", make_token),
    Scene("tokens-error", "tokens.index", "/tokens", send_no_name),
    Scene("tokens-none", "tokens.index", "/tokens", who=NEWCOMER),
    Scene("tokens-everyone", "tokens.index", "/tokens?everyone=yes"),
    Scene("token-revoke", "tokens.ask", "/tokens/{token}/revoke"),
    Scene("audit", "audit.index", "/audit"),
    Scene("audit-nothing-found", "audit.index", "/audit?who=nobody@nowhere&when=last-hour&after=soon"),
    Scene("workflows", "workflows.index", "/workflows"),
    Scene("workflows-empty", "workflows.index", "/workflows", who=NEWCOMER),
    Scene("workflow", "workflows.show", "/workflows/clean-and-train"),
    Scene("workflow-new", "workflows.new", "/workflows/new"),
    Scene("workflow-edit", "workflows.edit", "/workflows/clean-and-train/edit", break_the_definition),
    Scene("workflow-run", "jobs.show", "/jobs/{run}", open_details),
    Scene("workflow-answer", "workflow_runs.ask", "/jobs/{run}/steps/review/answer", send_no_price),
    Scene("workflow-resume", "workflow_runs.change", "/jobs/{failed_run}/resume"),
    Scene("search", "search.index", "/search"),
    Scene("search-nothing-found", "search.index", "/search?q=returns"),
    Scene("members", "members.index", "/members", open_details),
    Scene("members-error", "members.index", "/members", invite_nobody),
    Scene("members-menu", "members.index", "/members", open_menu, who=NEWCOMER),
    Scene("member-remove", "members.ask", "/members/{member}/remove"),
    Scene("account", "account.show", "/account"),
    Scene("account-error", "account.show", "/account", send_two_passwords, who=NEWCOMER),
    Scene("not-found", "", "/no/such/page"),
    Scene("login", "login.show", "/login", open_details, who=""),
    Scene("login-error", "login.show", "/login", send_wrong_password, who=""),
    Scene("login-confirm", "login.confirm", "/login/{login}", who=""),
)
"""All pages, with the states they can be in. In an address `{failed}` is the id of the job in that state."""
PAGES = tuple({scene.endpoint or scene.name: scene for scene in reversed(SCENES)}.values())[::-1]
"""Each page in one state only, for what does not depend on it."""


def set_the_stage(product: Product) -> Jobs:
    """A job in each state, a paused queue, one where nobody works, and somebody who has nothing yet."""
    run, failed_run = _workflows(product)
    completed = _completed(product)
    jobs = Jobs(
        pending=product.create("echo", {"text": "x"}, name="Thank-you letters"),
        active=_active(product),
        unknown=_unknown(product),
        stopping=_stopping(product),
        completed=completed,
        failed=_failed(product),
        cancelled=_cancelled(product),
        kin=_kin(product, completed),
        shared=_shared(product, completed),
        member=_member(product),
        token=_tokens(product),
        schedule=_schedules(product),
        batch="",
        **_told(product),
        run=run,
        failed_run=failed_run,
    )
    jobs = replace(jobs, batch=_batch(product, jobs))
    _report_workers(product)
    with product.app.app_context():
        product.services.queues.pause(product.actor(), "measure", reason="the bank is closed")
        newcomer = product.services.identity.create_user(NEWCOMER, role="admin", organization="elsewhere")
        product.services.memberships.add(product.actor().organization_id, newcomer.id, "viewer")
        _retain(product)
        product.services.federation.sign_in(Person("https://login.example.org", "8a61-77", ADMIN, email_verified=True))
        product.services.passwords.set(ADMIN, PASSWORD)
    return jobs


def line(text: str, level: str = "info") -> LogLine:
    return LogLine(datetime.now(UTC), level, text)


def _active(product: Product) -> UUID:
    about = "All customers of the northern region, with addresses."
    job_id = product.create("steps", {"steps": 100}, name="Nightly import of the customer table", description=about)
    lines = line("opened the file"), line("row 40 has no city", "warning")
    product.pulse(product.claim("steps"), 42, 100, "Step 42", *lines)
    return job_id


def _unknown(product: Product) -> UUID:
    job_id = product.create(
        "steps", {}, name="Reading_a_file_whose_name_is_one_very_long_word_without_any_place_to_break"
    )
    product.pulse(product.claim("steps"), 17000, None, "Reading")
    return job_id


def _stopping(product: Product) -> UUID:
    job_id = product.create("steps", {"steps": 10}, name="Yearly report")
    product.pulse(product.claim("steps"), 3, 10, "Step 3")
    with product.app.app_context():
        product.services.jobs.cancel(product.actor(), job_id, reason="Not needed any more")
    return job_id


def _completed(product: Product) -> UUID:
    job_id = product.create("make-file", {"text": "hello"}, name="Quarterly report")
    job = product.claim("make-file")
    product.pulse(job, 1, 1, "Converted 1,204,331 rows", line("done"))
    _artifact(product, job)
    product.finish(job, Transition(Status.COMPLETED, "completed", result=RESULT))
    return job_id


def _kin(product: Product, completed: UUID) -> UUID:
    first = product.create("steps", {}, name="Orders of the week")
    job_id = product.create("echo", {"text": "x"}, name="Report of the week", depends_on=(completed, first))
    for number in range(3):
        product.create("echo", {"text": "x"}, name=f"Letter {number + 1}", depends_on=(job_id,))
    return job_id


def _failed(product: Product) -> UUID:
    job_id = product.create("fail", {"how": "permanent"}, name="Convert orders-2026-11.csv")
    job = product.claim("fail")
    product.pulse(job, 31, 100, "Reading rows", line("line 1204: 7 values, 6 expected", "error"))
    words = "Line 1,204 has 7 values where the header names 6. Mend the file, or choose to skip broken rows."
    product.finish(job, Transition(Status.FAILED, "failed", failure=Failure("BadRow", words, TRACE)))
    return job_id


def _cancelled(product: Product) -> UUID:
    job_id = product.create("echo", {"text": "y"}, name="Reminders")
    with product.app.app_context():
        product.services.jobs.cancel(product.actor(), job_id, reason="Sent by hand")
    return job_id


def _shared(product: Product, job_id: UUID) -> str:
    with product.app.app_context():
        return product.services.job_tokens.create(product.actor(), job_id, SHARE)[1]


def _member(product: Product) -> str:
    with product.app.app_context():
        return str(product.actor().user_id)


def _tokens(product: Product) -> str:
    """One in force, one that was revoked, and what the audit log tells of both."""
    with product.app.app_context():
        tokens, actor = product.services.tokens, product.actor()
        tokens.revoke(actor, tokens.create(actor, "The laptop that was stolen", scopes=["admin"])[0].id)
        return str(tokens.create(actor, "Nightly import", lifetime=timedelta(days=90))[0].id)


def _batch(product: Product, jobs: Jobs) -> str:
    """As if it had many jobs; those that there are stand for them."""
    with product.app.app_context():
        batches, actor = product.services.batches, product.actor()
        after = {"complete": Callback("echo", {}, "Tell the bank"), "failure": Callback("fail", {}, "Call somebody")}
        batch_id = batches.create(actor, NewBatch("Letters of November", closed=False, callbacks=after)).id
        batches.create(actor, NewBatch("Letters_of_a_day_on_which_there_were_none_but_the_name_was_long", closed=True))
    made = json.dumps({"failure": {"id": str(jobs.failed)}})
    with psycopg.connect(product.settings.database_url) as connection:
        connection.execute(
            "UPDATE jobs SET batch_id = %s WHERE id = ANY(%s)",
            [batch_id, [jobs.pending, jobs.active, jobs.completed, jobs.failed]],
        )
        connection.execute(
            """UPDATE batches SET total_jobs = 20000, total_weight = 20000, completed_jobs = 12040, failed_jobs = 31,
            completed_weight = 12040, failed_weight = 31, counted_at = now(), noted_at = now() - interval '1 minute',
            noted_weight = 9000, callback_jobs = %s, closed_at = now() WHERE id = %s""",
            [made, batch_id],
        )
    return str(batch_id)


def _schedules(product: Product) -> str:
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
        return str(ids[0])


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


def _workflows(product: Product) -> tuple[str, str]:
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
    return first, second


def _report_workers(product: Product) -> None:
    """As `flask worker` does: one that has jobs, one that waits and one that was stopped."""
    memory = {"memory_bytes": 61 * MIB, "horse_bytes": 148 * MIB, "jobs_done": 1204, "jobs_failed": 3}
    Roster(redis_connection.hints(product.settings.redis_url)).report(
        [
            Report(WORKER, "build-7", 4711, ["steps", "fail"], 8000.0, **memory),
            Report("scene-worker", "build-7", 4712, ["data-conversion"], 300.0, **memory),
            Report("scene-stopped", "build-8", 0, ["echo"], 40.0),
        ]
    )


def _told(product: Product) -> dict[str, str]:
    """Channels in their states, a rule with all there is, and a message that was tried."""
    with product.app.app_context():
        services, actor = product.services, product.actor()
        channels, rules = services.channels, services.notification_rules
        hook = channels.create(
            actor, NewChannel("webhook", "The order desk", url="https://orders.example.org/hooks/jobs")
        )
        team = channels.create(actor, NewChannel("email", "The team", "organization", to=("team@example.org",)))
        channels.create(actor, NewChannel("browser", "This browser"))
        rule = rules.create(
            actor,
            NewNotificationRule(
                hook.id,
                ("failed", "running-long"),
                types=("steps",),
                digest_minutes=15,
                quiet_from="22:00",
                quiet_until="07:00",
                zone="Europe/Vienna",
                failures_through=True,
            ),
        )
        rules.create(actor, NewNotificationRule(team.id, ("failed",), "organization", enabled=False))
        sent = services.deliveries.test(actor, channels, hook.id)
        link = unsubscribe_url("", sealer_of(product.app.config["SECRET_KEY"]), team.id).rpartition("/")[2]
    one = {
        "at": "2026-11-26T01:02:07Z",
        "ms": 84,
        "status": 503,
        "answer": "busy",
        "error": "The receiver answered 503.",
    }
    with psycopg.connect(product.settings.database_url) as connection:
        connection.execute("UPDATE deliveries SET attempts = 1, tries = %s::jsonb", [json.dumps([one])])
        connection.execute(
            "UPDATE notification_channels SET disabled_at = now(), disabled_reason = 'Every try has failed for days.' "
            "WHERE id = %s",
            [team.id],
        )
    return {"channel": str(hook.id), "rule": str(rule.id), "delivery": str(sent.id), "link": link}


def _retain(product: Product) -> None:
    """Rules, a day on which they deleted, and what was archived then."""
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


def _artifact(product: Product, job: ClaimedJob) -> None:
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
