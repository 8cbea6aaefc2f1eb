"""What the hub does for everybody waits for what one person waits for, but not for long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from jobsapp.live import courtesy
from jobsapp.live.courtesy import Courtesy


class Site:
    """One page, which takes until it is let go."""

    def __init__(self) -> None:
        self.courtesy = Courtesy()
        self.app = Flask("courteous")
        self.courtesy.init_app(self.app)
        self.asked, self.let_go = threading.Event(), threading.Event()
        self.app.add_url_rule("/", view_func=self._page)

    @contextmanager
    def busy(self) -> Iterator[threading.Thread]:
        """While the page is asked for."""
        visitor = threading.Thread(target=lambda: self.app.test_client().get("/"))
        visitor.start()
        assert self.asked.wait(30)
        yield visitor
        self.let_go.set()
        visitor.join(30)

    def _page(self) -> str:
        self.asked.set()
        assert self.let_go.wait(30)
        return ""


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_request_goes_first(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "WORK_SECONDS", 30.0)
    patience = site.courtesy.budget(60.0)
    with site.busy() as visitor:
        worker = threading.Thread(target=patience.give_way)
        worker.start()
        worker.join(0.05)
        assert worker.is_alive()
        site.let_go.set()
        visitor.join(30)
        worker.join(30)
        assert not worker.is_alive()
    assert not site.courtesy.due


def test_patience_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "WORK_SECONDS", 30.0)
    with site.busy():
        site.courtesy.budget(0.01).give_way()
        assert site.courtesy.due
        assert not site.let_go.is_set()


def test_what_takes_long_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "WORK_SECONDS", 0.0)
    with site.busy():
        assert not site.courtesy.due


def test_a_page_that_breaks_leaves_nothing(site: Site) -> None:
    site.app.add_url_rule("/broken", view_func=lambda: 1 / 0)
    assert site.app.test_client().get("/broken").status_code == 500
    assert not site.courtesy.due
