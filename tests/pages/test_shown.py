"""Charts of what a job measured, and what is shown of its files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from jobsapp.core.actors import Actor
from jobsapp.models import Job, StoredFile
from jobsapp.pages.charts import BOTTOM, DRAWN, HEIGHT, LEFT, RIGHT, TOP, WIDTH, charts_of, ticks
from jobsapp.pages.language import words
from jobsapp.pages.previews import HEAD_BYTES, ROWS, Preview, previews_of
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob

SOME = st.floats(-1e300, 1e300, allow_nan=False)


@pytest.fixture
def measured(services: Services, admin: Actor, drain: Callable[[str], int]) -> UUID:
    job, _ = services.jobs.create(admin, NewJob("measure", {"steps": 4}))
    assert drain("measure") == 1
    return job.id


def test_the_page_draws_them_and_shows_what_is_in_the_files(web: FlaskClient, measured: UUID) -> None:
    page = web.get(f"/jobs/{measured}").text
    assert page.count('class="chart-line') == 2
    assert page.count("<svg viewBox") == 1, "keys that agree up to the slash share a chart"
    assert "train: now 0.25, from 0.25 to 1; validation: now 0.5" in page
    assert "<td>Ana</td><td>3</td>" in page
    assert "&lt;b&gt;Bo" in page
    picture = re.search(r'<img src="([^"]+)"', page)
    assert picture is not None
    with web.get(picture[1]) as answer:
        assert answer.status_code == 200


def test_a_result_does_not_name_again_the_file_that_is_listed_above_it(web: FlaskClient) -> None:
    macros = web.application.jinja_env.get_template("value/readable.html").module
    said = macros.summary({"artifact": "orders.jsonl", "format": "jsonl", "rows": 3}, ["orders.jsonl"])  # type: ignore[attr-defined]
    assert "orders.jsonl" not in said
    assert "<dt>Format</dt><dd>jsonl</dd>" in said
    assert "<dt>Rows</dt>" in said


def test_the_api_gives_them(web: FlaskClient, measured: UUID) -> None:
    found = web.get(f"/api/jobs/{measured}/metrics").json
    assert found is not None
    assert found["metrics"][0] == {"key": "loss/train", "points": [[0, 1], [1, 1 / 2], [2, 1 / 3], [3, 1 / 4]]}


@given(st.lists(st.tuples(SOME, SOME), min_size=1, max_size=30))
def test_every_point_is_inside_the_picture(line: list[tuple[float, float]]) -> None:
    (chart,) = charts_of({"a": line})
    places = [tuple(map(float, place.split())) for place in chart.series[0].path[1:].split("L")]
    assert len(places) == len(line)
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in places)
    assert all(LEFT <= tick.place <= WIDTH - RIGHT for tick in chart.steps)
    assert 1 <= len(chart.values) <= 12


@given(SOME, SOME)
def test_ticks_are_few_even_and_inside(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    found = ticks(low, high)
    assert 1 <= len(found) <= 12
    room = (high - low) * 1e-6
    assert all(low - room <= tick <= high + room for tick in found)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.5, 1]), (0, 100, [0, 50, 100]), (-3, 5, [-2, 0, 2, 4]), (7, 7, [7])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_a_long_line_keeps_its_peaks_and_its_end() -> None:
    line = [(float(n), math.sin(n / 500)) for n in range(50_000)]
    line[31_234] = (31_234.0, 90.0)
    (chart,) = charts_of({"a": line})
    path = chart.series[0].path
    assert path.count("L") <= DRAWN + 1
    assert chart.series[0].highest == 90
    heights = sorted(float(place.split()[1]) for place in path[1:].split("L"))
    assert heights[1] - heights[0] > 100, "the peak is drawn"
    assert path.endswith(f"{WIDTH - RIGHT:g} {chart.series[0].y:g}")


def preview(tmp_path: Path, name: str, content: bytes, media_type: str = "text/plain") -> Preview | None:
    path = tmp_path / "file"
    path.write_bytes(content)
    file = StoredFile(name=name, size=len(content), media_type=media_type)
    found = previews_of([(file, path)])
    return found[0] if found else None


def test_the_first_rows_of_a_table(tmp_path: Path) -> None:
    rows = "".join(f'{n},"a, {n}"\n' for n in range(100_000))
    shown = preview(tmp_path, "a.csv", f"no,text\n{rows}".encode())
    assert shown is not None
    assert shown.columns == ["no", "text"]
    assert shown.rows == [[str(n), f"a, {n}"] for n in range(ROWS)]
    assert not shown.whole


def test_lines_of_json_become_a_table(tmp_path: Path) -> None:
    shown = preview(tmp_path, "a.jsonl", b'{"a": 1, "b": "x"}\n{"a": null, "c": [1, 2]}\n')
    assert shown is not None
    assert (shown.columns, shown.rows) == (["a", "b", "c"], [["1", "x", ""], ["null", "", "[1, 2]"]])
    assert shown.whole


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt", "a.json"])
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x00\x01\x02", b"\xff\xfe\xfd broken"])
def test_what_is_no_text_is_not_shown(tmp_path: Path, name: str, content: bytes) -> None:
    assert preview(tmp_path, name, content) is None


def test_a_line_that_was_cut_is_not_shown(tmp_path: Path) -> None:
    shown = preview(tmp_path, "a.jsonl", b'{"a": 1}\n{"a": "' + b"x" * HEAD_BYTES + b'"}\n')
    assert shown is not None
    assert shown.rows == [["1"]]


def test_a_character_that_was_cut_does_no_harm(tmp_path: Path) -> None:
    shown = preview(tmp_path, "a.txt", ("x" * (HEAD_BYTES - 1) + "ü").encode())
    assert shown is not None
    assert shown.text.endswith("x")


def test_files_of_other_kinds_and_files_that_are_gone_are_left_out(tmp_path: Path) -> None:
    assert preview(tmp_path, "a.skops", b"text") is None
    assert previews_of([(StoredFile(name="a.txt", size=3, media_type="text/plain"), tmp_path / "gone")]) == []


def test_a_picture_in_two_formats_is_shown_once(tmp_path: Path) -> None:
    kinds = (("a.png", "image/png"), ("a.svg", "image/svg+xml"), ("b.svg", "image/svg+xml"))
    files = [(StoredFile(name=name, size=1, media_type=kind), tmp_path / name) for name, kind in kinds]
    for name, content in (("a.png", b"\x89PNG\r\n\x1a\n"), ("a.svg", b"<svg>"), ("b.svg", b"<svg>")):
        (tmp_path / name).write_bytes(content)
    assert [one.file.name for one in previews_of(files)] == ["a.png", "b.svg"]
    (tmp_path / "a.png").write_bytes(b"<html>no picture")
    assert [one.file.name for one in previews_of(files)] == ["a.svg", "b.svg"]


@pytest.fixture
def page_of(
    web: FlaskClient, services: Services, admin: Actor, drain: Callable[[str], int]
) -> Callable[[dict[str, Any]], str]:
    """The page of a job with that result."""

    def made(result: dict[str, Any]) -> str:
        job, _ = services.jobs.create(admin, NewJob("echo", {"text": "x"}))
        drain("echo")
        row = services.jobs._session.get_one(Job, job.id)
        row.result = result
        services.jobs._session.commit()
        return web.get(f"/jobs/{job.id}").text

    return made


def test_records_of_a_result_are_a_table(page_of: Callable[[dict[str, Any]], str]) -> None:
    page = page_of({"perCity": [{"city": "Oslo", "bytesOut": 1_200_000}, {"city": "<Rome>", "bytesOut": None}]})
    table = page[page.index('id="result-perCity"') :].partition("</table>")[0]
    for part in ("Per city", ">City</th>", ">Bytes out</th>", ">Oslo</td>", ">1.2 MB<", ">&lt;Rome&gt;</td>"):
        assert part in table
    assert "Result as JSON" in page


def test_warnings_of_a_result_stand_in_front_of_it(page_of: Callable[[dict[str, Any]], str]) -> None:
    page = page_of({"rocAuc": 0.5, "warnings": ["A column <gives> it away.", "Few rows."], "rows": [1]})
    start = page.index('aria-label="Warnings"')
    assert start < page.index("ROC AUC")
    assert "<li>A column &lt;gives&gt; it away.</li><li>Few rows.</li>" in page
    assert 'id="result-warnings"' not in page


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("bytesOut", "Bytes out"),
        ("on_bad_row", "On bad row"),
        ("rocAuc", "ROC AUC"),
        ("rmseOfBaseline", "RMSE of baseline"),
    ],
)
def test_names_in_words(name: str, shown: str) -> None:
    assert words(name) == shown
