"""The type in the house: its form, its jobs, the report of one as the source of the next."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jobsapp.errors import InvalidInput
from jobsapp.pages.forms.fields import fields_of
from jobsapp.processors.bulk_operation.model import BulkInput
from jobsapp.services.jobs import NewJob


def upload(services, actor, content, name="rows.csv"):
    receiver = services.files.receiver()
    receiver.write(content)
    return str(services.files.register(actor, receiver, name).id)


def test_the_report_of_a_job_is_the_source_of_the_next(services, admin, drain, shop):
    source = upload(services, admin, b"sku,name,maker\na,A,1\nb,B,9\n")
    data = {"operation": "import", "table": "shop.products", "dryRun": False}
    first = services.jobs.create(admin, NewJob("bulk-operation", {**data, "source": source}))[0]
    drain("bulk-operation")
    first = services.jobs.get(admin, first.id)
    assert (first.status, first.result["inserted"], first.result["failed"]) == ("completed", 1, 1)
    assert first.name == "Load shop.products"
    (report,) = first.artifacts
    shop.connection.execute("INSERT INTO shop.makers VALUES (9, 'Nine')")
    second = services.jobs.create(admin, NewJob("bulk-operation", {**data, "source": str(report.id)}))[0]
    drain("bulk-operation")
    second = services.jobs.get(admin, second.id)
    assert (second.result["rows"], second.result["inserted"], second.result["failed"]) == (1, 1, 0)
    assert shop.count() == 2


def test_a_fault_is_named_before_the_job_is_made(services, admin):
    source = upload(services, admin, b"sku\na\n")
    with pytest.raises(InvalidInput, match="table"):
        services.jobs.create(admin, NewJob("bulk-operation", {"operation": "import", "source": source}))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"operation": "export", "table": "shop.secrets"}, "data.table: 'shop.secrets' is not opened"),
        ({"operation": "files", "folder": "inbox"}, "data.folder: 'inbox' is not an opened folder"),
    ],
)
def test_what_is_not_opened_is_refused_before_the_job_is_made(services, admin, shop, data, says):
    with pytest.raises(InvalidInput, match=says):
        services.jobs.create(admin, NewJob("bulk-operation", data))


def test_every_field_of_the_form_has_help_or_a_plain_name():
    fields = fields_of(BulkInput)
    # These say it all by their names.
    plain = {"table", "method", "sourceFormat", "encoding", "concurrency", "timeoutSeconds", "exportFormat"}
    assert {field.key for field in fields if not field.help} <= plain
    assert [field.key for field in fields if field.kind == "json"] == ["filter"]
    first = [field.key for field in fields if not field.advanced]
    assert first[:4] == ["operation", "dryRun", "source", "table"]
    assert all(choice.label != choice.value for choice in fields[0].choices)


def test_the_web_process_loads_no_driver_for_the_form():
    code = "import sys, jobsapp.processors.bulk_operation as b; b.BulkOperation.Input.model_json_schema(); "
    code += "print({'aiohttp', 'ssrfguard', 'psycopg', 'asyncio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
