"""A batch that is made by choosing many files."""

from __future__ import annotations

import io
import re
import resource
from itertools import count, islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from jobsapp.core.actors import Actor
from jobsapp.pages.forms import batch as form
from jobsapp.services import Services
from jobsapp.services.jobs import JobFilter
from tests.pages.conftest import SignIn


def posted(csrf: str, *names: str, **fields: str) -> MultiDict[str, Any]:
    files = [("data.source", (io.BytesIO(f"a,b\n1,{name}\n".encode()), name)) for name in names]
    return MultiDict([("csrf_token", csrf), *fields.items(), *files])


def jobs_of(services: Services, actor: Actor, address: str) -> list[Any]:
    batch_id = services.batches.get(actor, UUID(address.rsplit("/", 1)[-1])).id
    return services.jobs.page(actor, JobFilter(batch_id=batch_id), limit=50)[0]


def test_each_file_becomes_a_job(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    page = web.get("/batches/new/make-file").text
    assert re.search(r'<input type="file"[^>]*name="data.source"[^>]* multiple', page)
    names = [f"letters {n}.csv" for n in range(3)]
    answer = web.post(
        "/batches/new/make-file", data=posted(csrf, *names, name="Letters", description="All", priority="3")
    )
    assert answer.status_code == 303, answer.text
    jobs = jobs_of(services, admin, answer.location)
    batch = services.batch_views.get(admin, jobs[0].batch_id)
    assert (batch.name, batch.description, batch.total_jobs, batch.status) == ("Letters", "All", 3, "running")
    files = services.files.find(admin, [job.data["source"] for job in jobs])
    assert sorted(file.name for file in files) == names
    assert {job.priority for job in jobs} == {3}
    assert "Letters" in web.get("/batches").text


def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_made(
    web: FlaskClient, csrf: str, services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Choose the files." in web.post("/batches/new/make-file", data={"csrf_token": csrf}).text
    # What was uploaded is kept in the form, and is not chosen again.
    answer = web.post("/batches/new/make-file", data=posted(csrf, "a.csv", "b.csv", priority="much"))
    assert answer.status_code == 422
    assert "This must be a whole number." in answer.text
    kept = re.findall(r'type="hidden" name="data.source" value="([^"]+)"', answer.text)
    assert len(kept) == 2
    again = MultiDict([("csrf_token", csrf), *(("data.source", one) for one in [*kept, kept[0][:-1] + "x"])])
    refused = web.post("/batches/new/make-file", data=again)
    assert refused.status_code == 422
    assert 'id="f-data-source-error"' in refused.text
    monkeypatch.setattr(form, "MOST_FILES", 1)
    assert (
        "Choose up to 1 files at once." in web.post("/batches/new/make-file", data=posted(csrf, "a.csv", "b.csv")).text
    )
    assert services.batch_views.page(admin)[0] == []


def test_a_file_that_is_not_there_is_named(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    first = web.post("/batches/new/make-file", data=posted(csrf, "a.csv", priority="much")).text
    (kept,) = re.findall(r'type="hidden" name="data.source" value="([^"]+)"', first)
    services.uploads.delete(admin, UUID(kept))
    refused = web.post("/batches/new/make-file", data={"csrf_token": csrf, "data.source": kept})
    assert (refused.status_code, kept in refused.text) == (422, True)
    assert services.batch_views.page(admin)[0] == []


def test_more_files_than_a_process_may_open_are_no_matter(
    web: FlaskClient, csrf: str, services: Services, admin: Actor
) -> None:
    web.get("/batches/new/make-file")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = {int(one.name) for one in Path("/proc/self/fd").iterdir()}
    free = (number for number in count() if number not in opened)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(islice(free, 30, None)), limit[1]))
    try:
        answer = web.post("/batches/new/make-file", data=posted(csrf, *(f"letter {n}.csv" for n in range(60))))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert answer.status_code == 303, answer.text
    sources = [job.data["source"] for job in jobs_of(services, admin, answer.location)]
    assert len({file.sha256 for file in services.files.find(admin, sources)}) == len(sources) == 50


def test_who_chooses_too_many_without_a_program_of_the_page_is_told_so(web: FlaskClient, csrf: str) -> None:
    ids = [("data.source", str(uuid4())) for _ in range(form.MOST_FILES + 1)]
    data = MultiDict([("csrf_token", csrf), *ids])
    refused = web.post("/batches/new/make-file", data=data, content_type="multipart/form-data")
    assert (refused.status_code, "Choose up to 1,000 files at once." in refused.text) == (422, True)


def test_only_types_that_take_files_are_offered(web: FlaskClient) -> None:
    page = web.get("/batches/new").text
    assert 'href="/batches/new/make-file"' in page
    assert 'href="/batches/new/echo"' not in page
    assert web.get("/batches/new/echo").status_code == 404
    assert web.get("/batches/new/nothing").status_code == 404


def test_who_only_looks_is_offered_none(sign_in: SignIn, viewer: Actor) -> None:
    browser = sign_in(viewer)
    assert "/batches/new" not in browser.get("/batches").text
    assert browser.get("/batches/new/make-file").status_code == 403
