"""Presets on the form of a new job, without a script."""

from __future__ import annotations

import io
import re
from html import unescape

from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.models import StoredFile
from jobsapp.services import Services
from jobsapp.services.jobs import JobFilter
from jobsapp.services.presets import NewPreset
from tests.pages.conftest import SignIn, token_in


def hidden(page: str, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return unescape(found[1])


def test_those_of_a_type_fill_the_form(web: FlaskClient) -> None:
    page = web.get("/jobs/new/data-conversion").text
    assert 'href="/jobs/new/data-conversion?preset=to-parquet-with-exact-types"' in page
    page = web.get("/jobs/new/data-conversion?preset=to-parquet-with-exact-types").text
    assert re.search(r'<option value="parquet"\s+selected', page)
    assert "Filled in from <strong>To Parquet with exact types</strong>" in page
    assert "Delete this preset" not in page
    assert web.get("/jobs/new/data-conversion?preset=nonsense").status_code == 404


def test_an_example_is_filled_in_where_the_model_has_one(web: FlaskClient) -> None:
    page = web.get("/jobs/new/bulk-operation").text
    assert 'href="/jobs/new/bulk-operation?example=1"' in page
    assert 'value="public.products"' not in page
    assert 'value="public.products"' in web.get("/jobs/new/bulk-operation?example=1").text
    assert "?example=1" not in web.get("/jobs/new/data-conversion").text
    assert web.get("/jobs/new/echo?example=1").status_code == 200


def test_a_form_is_kept_and_chosen_again(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    sent = {
        "csrf_token": csrf,
        "data.source": (io.BytesIO(b"a,b\n1,2\n"), "people.csv"),
        "data.targetFormat": "jsonl",
        "data.columns": "a\nb",
        "name": "Nightly <b>",
        "priority": "7",
    }
    asked = web.post("/jobs/new/data-conversion/presets", data=sent)
    assert asked.status_code == 200
    assert "No job was started" in asked.text
    assert services.jobs.page(admin, JobFilter())[0] == []
    form = {"csrf_token": token_in(asked.text), "name": "People", "description": "each <night>", "shared": "on"}
    form |= {name: hidden(asked.text, name) for name in ("data", "common")}
    saved = web.post("/jobs/new/data-conversion/presets/save", data=form)
    assert saved.status_code == 303
    page = web.get(saved.location).text
    assert "Filled in from <strong>People</strong>. each &lt;night&gt;" in page
    assert re.search(r'<option value="jsonl"\s+selected', page)
    assert "people.csv" in page, "the file is kept by its id"
    assert ">a\nb</textarea>" in page
    assert 'value="Nightly &lt;b&gt;"' in page, "what else was filled in is not lost"
    assert 'value="7"' in page

    (preset,) = [one for one in services.presets.all(admin, "data-conversion") if one.origin != "type"]
    services.presets._session.execute(StoredFile.__table__.delete())
    services.presets._session.commit()
    assert "people.csv" not in web.get(saved.location).text
    assert "source" not in services.presets.filled(admin, preset, "data-conversion"), "a file that is gone is left out"

    gone = web.post(f"/jobs/new/data-conversion/presets/{preset.id}/delete", data={"csrf_token": token_in(page)})
    assert gone.status_code == 303
    assert "People" not in web.get("/jobs/new/data-conversion").text


def test_faults_stand_beside_their_fields(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    form = {"csrf_token": csrf, "name": " ", "data": '{"steps": 7}', "common": "no json"}
    answer = web.post("/jobs/new/steps/presets/save", data=form)
    assert answer.status_code == 422
    assert 'id="preset-name-error">Give the preset a name.' in answer.text
    assert hidden(answer.text, "data") == '{"steps": 7}'
    bad = web.post("/jobs/new/steps/presets/save", data=form | {"name": "x", "data": '{"steps": "many"}'})
    assert bad.status_code == 422
    assert "data.steps: " in bad.text
    assert services.presets.all(admin, "steps") == []


def test_only_ones_own_can_be_deleted(sign_in: SignIn, services: Services, admin: Actor, member: Actor) -> None:
    preset = services.presets.save(admin, "steps", NewPreset("Boss", {"steps": 3}, shared=True))
    browser = sign_in(member)
    page = browser.get(f"/jobs/new/steps?preset={preset.id}").text
    assert "Filled in from <strong>Boss</strong>" in page
    assert "Delete this preset" not in page
    path = f"/jobs/new/steps/presets/{preset.id}/delete"
    assert browser.post(path, data={"csrf_token": token_in(page)}).status_code == 403
    assert browser.post(path).status_code == 403
    assert [one.name for one in services.presets.all(member, "steps")] == ["Boss"]
