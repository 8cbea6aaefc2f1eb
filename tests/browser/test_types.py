"""Each job type that is built in, from its form to its result, as a person meets it."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser.product import Product
from tests.processors.document_processing.pdfs import draw
from tests.processors.model_training.conftest import rows_of, write

TABLES = """CREATE SCHEMA shop;
CREATE TABLE shop.products (sku text PRIMARY KEY, name text NOT NULL, price numeric(10, 2))"""


def start(page: Page) -> None:
    page.get_by_role("button", name="Start job").click()


def finished(page: Page, seconds: int = 120) -> None:
    """Waits for the end in the modal, then goes to the job's own page."""
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Job completed", timeout=seconds * 1000)
    dialog.get_by_role("link", name="Details").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def downloaded(page: Page, name: str) -> Path:
    with page.expect_download() as info:
        page.get_by_role("list", name="Files").get_by_role("link", name=name).click()
    return Path(info.value.path())


def test_documents_become_chunks(page: Page, working_product: Product, tmp_path: Path) -> None:
    pdf = draw(tmp_path / "guide.pdf", [[("Returns", 18), ("Goods may be sent back within thirty days.", 11)]])
    note = tmp_path / "note.md"
    note.write_text("# Opening hours\n\nThe shop opens at nine.\n")
    page.goto("/jobs/new/document-processing")
    page.locator("input[type=file]").first.set_input_files([pdf, note])
    start(page)
    finished(page)
    lines = downloaded(page, "chunks.jsonl").read_text().splitlines()
    assert any("thirty days" in json.loads(line)["text"] for line in lines)
    expect(page.locator("#job-previews")).to_contain_text("The shop opens at nine.")


def test_a_table_becomes_a_model_that_predicts(page: Page, working_product: Product, tmp_path: Path) -> None:
    header, rows = rows_of("iris")
    page.goto("/jobs/new/model-training")
    page.locator("input[type=file]").first.set_input_files(write(tmp_path / "iris.csv", header, rows))
    page.get_by_label("Column to predict").fill("target")
    page.get_by_text("More options").click()
    page.locator("#f-data-params").fill("trees = 20")
    start(page)
    finished(page)
    expect(page.locator("#job-previews img").first).to_be_visible()
    page.get_by_role("link", name="Predict with this model…").click()
    expect(page.get_by_text("model.skops").first).to_be_visible()
    source = page.locator("input[type=file]").first
    source.set_input_files(write(tmp_path / "new.csv", header[:-1], [row[:-1] for row in rows[::10]]))
    start(page)
    finished(page)
    with downloaded(page, "predictions.csv").open(newline="") as file:
        found = [row["predicted target"] for row in csv.DictReader(file)]
    assert sum(one == row[-1] for one, row in zip(found, rows[::10], strict=True)) >= len(found) - 1


@pytest.fixture
def opened(working_product: Product) -> Iterator[str]:
    """The address of the database with a table that the administrator has opened."""
    url = working_product.settings.database_url
    assert url is not None
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)
        yield url
        # The second is bulk-operation's own, made where there is none.
        connection.execute("DROP SCHEMA shop CASCADE; DROP TABLE IF EXISTS jobsapp_bulk_jobs")


def test_rows_are_tried_then_loaded(page: Page, working_product: Product, tmp_path: Path, opened: str) -> None:
    source = tmp_path / "products.csv"
    source.write_text("sku,name,price\na1,Apple,1.20\nb2,,2.00\nc3,Cherry,cheap\nd4,Date,4\n")
    page.goto("/jobs/new/bulk-operation")
    page.get_by_label("What to do").select_option("import")
    page.locator("input[type=file]").first.set_input_files(source)
    page.get_by_label("Table", exact=True).fill("shop.products")
    start(page)
    finished(page)
    with psycopg.connect(opened) as connection:
        assert connection.execute("SELECT count(*) FROM shop.products").fetchone() == (0,), "it was only tried"

    expect(page.get_by_role("heading", level=1)).to_have_text("Load shop.products (only tried)")
    expect(page.locator(".panel")).to_contain_text("Only tried: 2 inserted, 2 failed")
    page.get_by_role("link", name="Run again…").click()
    page.get_by_label("Only try it").uncheck()
    start(page)
    finished(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Load shop.products")
    expect(page.locator("#job-previews")).to_contain_text("cheap")
    with psycopg.connect(opened) as connection:
        assert connection.execute("SELECT sku FROM shop.products ORDER BY 1").fetchall() == [("a1",), ("d4",)]
        connection.execute("ALTER TABLE shop.products ALTER name DROP NOT NULL")

    page.get_by_role("link", name="Do only what failed again…").click()
    expect(page.get_by_text("failed.jsonl").first).to_be_visible()
    start(page)
    finished(page)
    expect(page.locator(".panel")).to_contain_text("1 inserted, 1 failed")
    with psycopg.connect(opened) as connection:
        assert connection.execute("SELECT sku FROM shop.products ORDER BY 1").fetchall() == [("a1",), ("b2",), ("d4",)]


def test_rows_become_examples(page: Page, working_product: Product, tmp_path: Path) -> None:
    source = tmp_path / "prices.csv"
    source.write_text("name,price\nkettle,39.90\nmug,4.50\n")
    page.goto("/jobs/new/data-conversion")
    page.locator("input[type=file]").set_input_files(source)
    page.get_by_label("Convert to").select_option("jsonl")
    question = page.get_by_label("Question")
    expect(question).to_be_hidden()
    page.get_by_text("By a template").click()
    expect(question).to_be_visible()
    expect(page.get_by_label("Language model", exact=True)).to_be_hidden()
    question.fill("What does a {{name}} cost?")
    page.get_by_label("Answer", exact=True).fill("{{price}}")
    start(page)
    finished(page)
    first = json.loads(downloaded(page, "train.jsonl").read_text().splitlines()[0])
    assert first["messages"][0]["content"] == "What does a kettle cost?"


def test_examples_become_an_adapter(page: Page, working_product: Product, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="fine-tuning is not installed: bin/setup finetuning")
    from tests.processors.fine_tuning.tiny import make

    make(Path(working_product.settings.base_models["tiny"]))
    source = tmp_path / "examples.jsonl"
    source.write_text("".join(json.dumps({"prompt": f"{n}?", "completion": f"{n}!"}) + "\n" for n in range(4)))
    page.goto("/jobs/new/fine-tuning")
    page.locator("input[type=file]:visible").first.set_input_files(source)
    page.get_by_label("Base model", exact=True).fill("tiny")
    start(page)
    finished(page)
    expect(page.locator(".chart-line").first).to_be_visible()
    with zipfile.ZipFile(downloaded(page, "adapter.zip")) as adapter:
        assert any(name.endswith(".safetensors") for name in adapter.namelist())
