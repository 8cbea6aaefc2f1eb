"""Creating a job by its form."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3 import OpenAPI

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import JobFilter, NewJob
from jobsapp.wiring import FORM_MARGIN_BYTES

NEXT_YEAR = datetime.now(UTC).year + 1


def newest(services: Services, actor: Actor) -> Any:
    return services.jobs.page(actor, JobFilter())[0][0]


def csv(content: bytes = b"a,b\n1,2\n") -> tuple[io.BytesIO, str]:
    return io.BytesIO(content), "people.csv"


def test_types_to_choose_from(web: FlaskClient) -> None:
    page = web.get("/jobs/new").text
    assert 'href="/jobs/new/data-conversion"' in page
    assert "pip install" in page
    assert 'href="/jobs/new/not-installed"' not in page
    assert web.get("/jobs/new?type=echo").location == "/jobs/new/echo"
    assert web.get("/jobs/new/nonsense").status_code == 404


def test_create_with_the_common_fields(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    form = {"csrf_token": csrf, "data.text": "hi", "name": " Mine ", "description": "why", "priority": "-3",
            "maxAttempts": "7", "runAt": f"{NEXT_YEAR}-06-01T12:00", "runAtOffset": "120"}  # fmt: skip
    answer = web.post("/jobs/new/echo", data=form)
    job = newest(services, admin)
    assert (answer.status_code, answer.location) == (303, f"/jobs?open={job.id}")
    assert (job.name, job.description, job.priority, job.max_attempts) == ("Mine", "why", -3, 7)
    assert job.data == {"text": "hi"}
    assert job.run_at == datetime(NEXT_YEAR, 6, 1, 10, tzinfo=UTC)
    assert job.user_id == admin.user_id


def test_create_with_a_time_to_live_and_to_run(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    times = {"expiresAt": f"{NEXT_YEAR}-06-01T12:00", "expiresAtOffset": "120", "timeoutSeconds": "1.5"}
    assert web.post("/jobs/new/echo", data={"csrf_token": csrf, **times}).status_code == 303
    job = newest(services, admin)
    assert (job.expires_at, job.timeout_seconds) == (datetime(NEXT_YEAR, 6, 1, 10, tzinfo=UTC), 1.5)
    page = web.get(f"/jobs/{job.id}").text
    assert "<dt>Expires</dt>" in page
    assert "1.5 s" in page


@pytest.mark.parametrize(
    ("field", "text", "fault"),
    [
        ("expiresAt", "2020-01-01T12:00", "Is past already; give a later time, or leave it out."),
        ("expiresAt", "soon", "This is not a time."),
        ("timeoutSeconds", "long", "This must be a number."),
        ("timeoutSeconds", "0", "Must be more than 0"),
        ("timeoutSeconds", "nan", "Must be more than 0"),
    ],
)
def test_a_wrong_time_is_said_beside_its_field(
    web: FlaskClient, csrf: str, services: Services, admin: Actor, field: str, text: str, fault: str
) -> None:
    answer = web.post("/jobs/new/echo", data={"csrf_token": csrf, field: text})
    assert answer.status_code == 422
    assert f'id="f-{field}-error">{fault}' in answer.text
    assert f'value="{text}"' in answer.text
    assert '<details class="options" open>' in answer.text
    assert services.jobs.page(admin, JobFilter())[0] == []


def test_htmx_gets_an_address_to_go_to(web: FlaskClient, csrf: str) -> None:
    answer = web.post("/jobs/new/echo", headers={"HX-Request": "true", "X-CSRFToken": csrf})
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].startswith("/jobs?open=")


def test_an_upload_becomes_the_input(web: FlaskClient, csrf: str, services: Services, admin: Actor) -> None:
    form = {"csrf_token": csrf, "data.source": csv(), "data.targetFormat": "jsonl", "data.header": "true"}
    assert web.post("/jobs/new/data-conversion", data=form).status_code == 303
    job = newest(services, admin)
    file = services.files.get(admin, job.data["source"])
    assert services.files.path(file).read_bytes() == b"a,b\n1,2\n"
    assert job.data["targetFormat"] == "jsonl"
    assert job.data["header"] is True
    assert "people.csv" in web.get(f"/jobs/{job.id}").text


def test_errors_beside_the_fields_and_everything_kept(
    web: FlaskClient, csrf: str, services: Services, admin: Actor
) -> None:
    form = {
        "csrf_token": csrf,
        "data.source": csv(),
        "data.delimiter": "::",
        "data.columns": "a\nb",
        "priority": "much",
    }
    answer = web.post("/jobs/new/data-conversion", data=form)
    assert answer.status_code == 422
    assert 'id="f-priority-error">This must be a whole number.' in answer.text
    kept = re.search(r'<input type="hidden" name="data.source" value="([^"]+)"', answer.text)
    assert kept is not None

    form = {"csrf_token": csrf, "data.source": kept[1], "data.delimiter": "::", "data.columns": "a\nb", "name": "<x>"}
    answer = web.post("/jobs/new/data-conversion", data=form)
    assert answer.status_code == 422
    assert 'id="f-data-targetFormat-error">Choose one.' in answer.text
    assert re.search(r'id="f-data-delimiter-error">Give one character', answer.text)
    assert 'value="::"' in answer.text
    assert ">a\nb</textarea>" in answer.text
    assert 'value="&lt;x&gt;"' in answer.text
    assert "people.csv" in answer.text
    # Unchecked stays unchecked.
    assert not re.search(r'id="f-data-header"[^>]*checked', answer.text)

    form |= {"data.delimiter": ";", "data.targetFormat": "json"}
    assert web.post("/jobs/new/data-conversion", data=form).status_code == 303
    assert newest(services, admin).data["source"] == kept[1]


def test_a_rule_of_the_whole_model_finds_its_field(web: FlaskClient, csrf: str) -> None:
    form = {"csrf_token": csrf, "data.source": csv(), "data.targetFormat": "json", "data.maxBadRows": "5"}
    page = web.post("/jobs/new/data-conversion", data=form).text
    assert 'id="f-data-maxBadRows-error">Only of use with' in page
    assert '<details class="options" open>' in page


def test_somebody_elses_file_is_refused(
    web: FlaskClient, csrf: str, services: Services, stranger: Actor, admin: Actor
) -> None:
    receiver = services.files.receiver()
    receiver.write(b"secret")
    file = services.files.register(stranger, receiver, "secret.csv")
    form = {"csrf_token": csrf, "data.source": str(file.id), "data.targetFormat": "json"}
    answer = web.post("/jobs/new/data-conversion", data=form)
    assert answer.status_code == 422
    assert "upload it first" in answer.text
    assert "secret.csv" not in answer.text


def test_run_again_fills_the_form(web: FlaskClient, services: Services, admin: Actor) -> None:
    job, _ = services.jobs.create(admin, NewJob("steps", {"steps": 42, "gate": "x"}, name="Walk"))
    page = web.get(f"/jobs/new/steps?from={job.id}").text
    assert 'value="42"' in page
    assert 'value="Walk"' in page


def test_a_name_that_the_type_gave_is_not_kept_when_the_job_is_made_again(
    web: FlaskClient, services: Services, admin: Actor
) -> None:
    job, _ = services.jobs.create(admin, NewJob("steps", {"steps": 42}))
    page = web.get(f"/jobs/new/steps?from={job.id}&data.steps=43").text
    assert f'value="{job.name}"' not in page
    assert 'value="43"' in page


def test_a_change_needs_the_token(web: FlaskClient, services: Services, admin: Actor) -> None:
    assert web.post("/jobs/new/echo", data={"data.text": "x"}).status_code == 403
    assert services.jobs.page(admin, JobFilter())[0] == []


def test_an_upload_of_nobody_is_not_read(client: FlaskClient, app: OpenAPI) -> None:
    class Untouched(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    answer = client.post(
        "/jobs/new/data-conversion",
        input_stream=Untouched(b"x" * 100),
        content_length=100,
        content_type="multipart/form-data; boundary=b",
    )
    assert answer.status_code == 303
    assert answer.location == "/login"


def test_too_large_an_upload(app: OpenAPI, web: FlaskClient, csrf: str) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1000
    form = {"csrf_token": csrf, "data.source": csv(b"x" * 5000), "data.targetFormat": "json"}
    answer = web.post("/jobs/new/data-conversion", data=form, headers={"X-CSRFToken": csrf})
    assert answer.status_code == 413
    assert "The file is too large" in answer.text


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"name": "a\0b"}, "name"),
        ({"description": "a\0b"}, "description"),
        ({"data.gate": "a\0b"}, "data-gate"),
        ({"data.seconds": "nan"}, "data-seconds"),
        ({"data.seconds": "inf"}, "data-seconds"),
        ({"runAt": "9999-12-31T23:59:00-14:00"}, "runAt"),
        ({"runAt": "0001-01-01T00:00", "runAtOffset": "60"}, "runAt"),
    ],
)
def test_what_cannot_be_kept_is_said_at_its_field(
    web: FlaskClient, csrf: str, services: Services, admin: Actor, form: dict[str, str], field: str
) -> None:
    answer = web.post("/jobs/new/steps", data={"csrf_token": csrf, **form})
    assert answer.status_code == 422
    assert f'id="f-{field}-error"' in answer.text
    assert services.jobs.page(admin, JobFilter())[0] == []
    assert web.get("/jobs").status_code == 200


def test_an_upload_of_exactly_the_limit(app: OpenAPI, web: FlaskClient, csrf: str) -> None:
    limit = 100_000
    assert app.config["MAX_CONTENT_LENGTH"] > 5120 * 1024**2
    app.config["MAX_CONTENT_LENGTH"] = limit + FORM_MARGIN_BYTES
    app.extensions["jobsapp"].files._max_bytes = limit
    form = {"csrf_token": csrf, "data.targetFormat": "json"}
    content = b"a\n" * (limit // 2)
    assert web.post("/jobs/new/data-conversion", data={**form, "data.source": csv(content)}).status_code == 303
    answer = web.post("/jobs/new/data-conversion", data={**form, "data.source": csv(content + b"1")})
    assert answer.status_code == 413
    assert "The upload is too large" in answer.text
