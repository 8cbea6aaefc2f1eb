"""The pages of batches."""

from __future__ import annotations

import re
from collections.abc import Callable

from jobsapp.core.actors import Actor
from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases
from jobsapp.services import Services
from jobsapp.services.batch_callbacks import Callback
from jobsapp.services.batches import NewBatch
from jobsapp.services.jobs import NewJob
from tests.pages.conftest import SignIn


def test_it_is_asked_for_anew_while_it_runs_and_no_longer(
    sign_in: SignIn, services: Services, admin: Actor, house: House, drain: Callable[[str], int]
) -> None:
    client = sign_in(admin)
    after = {"complete": Callback("echo", {}, "Tell the bank")}
    made = services.batches.create(admin, NewBatch("Letters", callbacks=after), [NewJob("echo", {})] * 2)
    path = f"/batches/{made.id}"
    assert 'data-refresh="1"' in client.get(f"{path}/live").text
    page = client.get(path).text
    assert "Tell the bank" in page
    assert 'data-refresh="3"' in page
    job = f"/jobs/{made.job_ids[0]}"
    assert f'data-refresh-from="{path}/bar"' in client.get(job).text
    while drain("echo"):
        pass
    assert 'data-refresh="1"' in client.get(f"{path}/live").text, "its end was not added up yet"
    with open_use_cases(house, "test advancer") as (own, session):
        Advancer(session, *followers_of(own)).advance()
    assert "data-refresh" not in client.get(f"{path}/live").text
    assert "data-refresh" not in client.get(path).text
    assert 'aria-valuenow="100"' in client.get("/batches").text
    assert f"{path}/bar" not in client.get(job).text
    assert 'class="batch-small"' in client.get(job).text
    assert 'href="/batches/' in client.get(f"{path}/bar").text


def test_the_bar_has_a_part_for_each_way_to_end_and_tells_them(
    sign_in: SignIn, services: Services, admin: Actor, drain: Callable[[str], int]
) -> None:
    jobs = [NewJob("echo", {}), *(NewJob("fail", {}, max_attempts=1) for _ in range(2)), NewJob("measure", {})]
    made = services.batches.create(admin, NewBatch("Letters"), jobs)
    for queue in ("echo", "fail", "fail"):
        drain(queue)
    client, parts = sign_in(admin), {"completed": (0, 25), "failed": (25, 50), "cancelled": (75, 0), "active": (75, 0)}
    for path in ("/batches", f"/batches/{made.id}", f"/batches/{made.id}/live", f"/batches/{made.id}/bar"):
        page = client.get(path).text
        drawn = re.findall(r'<rect class="bar-fill" data-state="(\w+)"[^>]* x="([\d.]+)%" width="([\d.]+)%"', page)
        assert {state: (float(x), float(width)) for state, x, width in drawn} == parts, path
        assert page.count('aria-label="Progress of Letters"') == 1
        assert 'aria-valuetext="75 per cent, 3 of 4 jobs ended: 1 completed, 2 failed"' in page
    assert "2 failed</span>, 75 %" in page, "not by a colour alone"
    services.jobs.cancel(admin, made.job_ids[3])
    page = client.get(f"/batches/{made.id}/bar").text
    assert 'data-state="cancelled" y="-1" height="10" x="75.0%" width="25.0%"' in page
    assert "4 of 4 jobs ended: 1 completed, 2 failed, 1 cancelled" in page


def test_who_may_only_read_finds_no_buttons(sign_in: SignIn, services: Services, admin: Actor, viewer: Actor) -> None:
    made = services.batches.create(admin, NewBatch(closed=False), [NewJob("echo", {})])
    page = sign_in(viewer).get(f"/batches/{made.id}").text
    assert "Cancel all" not in page
    assert "Collect" not in page
    assert "Add no more" not in page
