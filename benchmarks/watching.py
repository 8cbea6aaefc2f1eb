"""How soon a person sees it: from a job's own words, and from the end of a job, to the changed page in Chromium."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import ours
from benchmarks.site import Site
from benchmarks.stage import Result, p95, until, value

JOBS = 24
TICKS = 10
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
POLLING = "polling every second"

# What stands on the page, with the time, each time that something has changed.
OBSERVE = """() => {
  window.seen = [];
  const look = () => {
    for (const row of document.querySelectorAll("tr[data-job]")) {
      const bar = row.querySelector("[role=progressbar]");
      const { job, state } = row.dataset;
      window.seen.push([job, state, Number(bar?.getAttribute("aria-valuenow") ?? 0), Date.now()]);
    }
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""
# As dashboards do that know no sockets.
POLL = """() => {
  window.seen = [];
  setInterval(async () => {
    const answer = await (await fetch("/api/jobs?limit=50")).json();
    for (const job of answer.jobs) window.seen.push([job.id, job.status, job.progress.percentage ?? 0, Date.now()]);
  }, 1000);
}"""
ENDS = "SELECT id, extract(epoch FROM completed_at)::float8, result FROM jobs WHERE type = 'ticks'"
Seen = list[tuple[str, str, float, float]]


def watching(site: Site) -> list[Result]:
    """Jobs say the time ten times a second; two workers run them, one page shows them all."""
    with site.web("-k", "gthread", "--threads", "16"), ours.worker(site.settings), _browser() as browser:
        page, polling = _page(browser, site, OBSERVE), _page(browser, site, POLL)
        site.create("ticks", JOBS, count=TICKS)
        with psycopg.connect(site.settings.database_url, autocommit=True) as connection:
            left = "SELECT count(*) FROM jobs WHERE type = 'ticks' AND status <> 'completed'"
            until(lambda: value(connection, left) == 0, pause=0.2)
            # Two rounds of polling.
            time.sleep(2.5)
            jobs = connection.execute(ENDS).fetchall()
        ours_, theirs = page.evaluate("window.seen"), polling.evaluate("window.seen")
    said, polled_said = _progress(jobs, ours_), _progress(jobs, theirs)
    ended, polled_ended = _ends(jobs, ours_), _ends(jobs, theirs)
    return [
        *_results("context.progress() to the changed page", said, polled_said),
        *_results("commit of a final state to the changed page", ended, polled_ended),
    ]


def _progress(jobs: list[Any], seen: Seen) -> list[float]:
    """Milliseconds of each call until the page showed it or a later one."""
    found = []
    for job_id, _, result in jobs:
        shown = [(percent, at) for job, state, percent, at in seen if job == str(job_id) and state == "active"]
        for n, said in enumerate(result, start=1):
            at = next((at for percent, at in shown if percent >= round(100 * n / TICKS, 1) - 0.1), None)
            # The last ones of a job are overtaken by its end.
            if at is not None:
                found.append(at - said * 1000)
    return found


def _ends(jobs: list[Any], seen: Seen) -> list[float]:
    """Milliseconds from the beginning of the transaction that ended the job, its commit is later."""
    first: dict[str, float] = {}
    for job, state, _, at in seen:
        if state == "completed":
            first.setdefault(job, at)
    return [first[str(job_id)] - ended * 1000 for job_id, ended, _ in jobs]


def _results(name: str, mine: list[float], theirs: list[float]) -> list[Result]:
    return [
        {
            "name": f"{name}, {which}",
            "value": round(measure(mine)),
            "unit": "ms",
            "peers": {POLLING: round(measure(theirs))},
            "ratios": {POLLING: round(measure(mine) / measure(theirs), 2)},
        }
        for which, measure in (("p50", statistics.median), ("p95", p95))
    ]


@contextmanager
def _browser() -> Iterator[Browser]:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def _page(browser: Browser, site: Site, script: str) -> Page:
    page = browser.new_context(base_url=site.settings.base_url).new_page()
    page.goto(site.login_link())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/jobs**")
    page.evaluate(script)
    return page
