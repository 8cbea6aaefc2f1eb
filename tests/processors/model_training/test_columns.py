"""Tables as they come: mixed columns, missing values, formats, and what is wrong with them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobsapp.processors.sdk import Permanent
from tests.processors.model_training.conftest import predict, write

QUICK = {"trees": 8}
HEADER = ["id", "age", "town", "code", "when", "empty", "note", "same", "price"]


def mixed(count: int = 300) -> list[list[str]]:
    """The price follows the town, the age and the month; `id` and `note` say nothing."""
    draw = random.Random(7)
    rows = []
    for number in range(count):
        town, age, month = draw.choice(["Oslo", "Rome", "Kyiv, old"]), draw.randint(1, 80), draw.randint(1, 12)
        price = {"Oslo": 100, "Rome": 300, "Kyiv, old": 500}[town] + age + 40 * (month > 6) + draw.random()
        code = f"0{draw.randint(1, 5)}"
        cells = [f"n{number}", str(age), town, code, f"2024-{month:02}-10 08:30", "", f"text {number}", "x", str(price)]
        rows.append(
            [draw.choice(["", "NA", "?"]) if n in (1, 2) and draw.random() < 0.1 else v for n, v in enumerate(cells)]
        )
    return rows


@pytest.mark.parametrize("algorithm", ["hist_gradient_boosting", "random_forest", "linear"])
def test_mixed_columns_with_holes(train, tmp_path: Path, algorithm: str) -> None:
    source = write(tmp_path / "mixed.csv", HEADER, mixed())
    params = {} if algorithm == "linear" else {"trees": 60}
    run = train(source, "price", algorithm=algorithm, params=params)
    kinds = {one["column"]: one["kind"] for one in run.result["columns"]}
    assert kinds == {"age": "number", "town": "category", "code": "category", "when": "date"}
    assert {one["column"] for one in run.result["dropped"]} == {"id", "empty", "note", "same"}
    assert run.result["importance"][0]["column"] == "town"
    assert run.result["r2"] > 0.7
    missing = {one["column"]: one["missing"] for one in run.result["columns"]}
    assert missing["age"] == sum(row[1] in ("", "NA", "?") for row in mixed())
    done = predict(run.artifacts["model.skops"], source, tmp_path / "p")
    assert done.result["rows"] == 300


def as_jsonl(path: Path) -> Path:
    rows = [dict(zip(HEADER, row, strict=True)) for row in mixed()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_json(path: Path) -> Path:
    path.write_text(json.dumps([dict(zip(HEADER, row, strict=True)) for row in mixed()]))
    return path


def as_tsv(path: Path) -> Path:
    path.write_text("\n".join("\t".join(row) for row in [HEADER, *mixed()]) + "\n")
    return path


def as_parquet(path: Path) -> Path:
    columns = dict(zip(HEADER, zip(*mixed(), strict=True), strict=True))
    arrays = {name: pa.array(values) for name, values in columns.items()}
    arrays["age"] = pa.array([int(v) if v.isdigit() else None for v in columns["age"]], pa.int16())
    arrays["price"] = pa.array([float(v) for v in columns["price"]])
    arrays["town"] = arrays["town"].dictionary_encode()
    arrays["when"] = pa.array([f"{v.replace(' ', 'T')}:00" for v in columns["when"]]).cast(pa.timestamp("s"))
    pq.write_table(pa.table(arrays), path)
    return path


@pytest.mark.parametrize(
    ("name", "make"), [("t.jsonl", as_jsonl), ("t.json", as_json), ("t.tsv", as_tsv), ("t.parquet", as_parquet)]
)
def test_every_format_gives_the_same_model(train, tmp_path: Path, name: str, make: Callable[[Path], Path]) -> None:
    from_csv = train(write(tmp_path / "t.csv", HEADER, mixed()), "price", params=QUICK)
    other = train(make(tmp_path / name), "price", params=QUICK)
    assert other.artifacts["predictions.csv"].read_bytes() == from_csv.artifacts["predictions.csv"].read_bytes()


def test_rows_without_a_target_are_left_out(train) -> None:
    rows = "".join(f"{n},{'NA' if n % 10 == 0 else n * 2.5}\n" for n in range(100))
    run = train("x,target\n" + rows, algorithm="linear")
    assert run.result["trainingRows"] + run.result["testRows"] == 90
    assert run.result["warnings"] == ["10 rows have no 'target' and were left out."]
    assert run.log == [("warning", run.result["warnings"][0])]


def test_a_column_that_gives_the_answer_away_is_named(train) -> None:
    draw = random.Random(1)
    rows = [("yes" if draw.random() < 0.05 else "no", draw.random()) for _ in range(400)]
    text = "copy,noise,target\n" + "".join(f"{'J' if y == 'yes' else 'N'},{x},{y}\n" for y, x in rows)
    warnings = train(text, params=QUICK).result["warnings"]
    assert any(one.startswith("Class 'yes' is rare") for one in warnings)
    assert "'copy' says the class exactly; leave it out if it is not known beforehand." in warnings


def test_noise_is_told(train) -> None:
    draw = random.Random(2)
    run = train("x,target\n" + "".join(f"{draw.random()},{draw.choice('ab')}\n" for _ in range(80)), params=QUICK)
    assert any("no better than the baseline" in one for one in run.result["warnings"])


def fill(line: Callable[[int], str], count: int = 40) -> str:
    return "x,target\n" + "".join(line(n) + "\n" for n in range(count))


@pytest.mark.parametrize(
    ("text", "data", "sentence"),
    [
        (fill(lambda n: f"{n},a"), {}, "The target 'target' is 'a' in every row"),
        (fill(lambda n: f"{n},id{n}"), {}, "is different in every row, so it is no class"),
        (fill(lambda n: f"{n},{'b' if n == 7 else 'a'}"), {}, "Class 'b' of 'target' has one row only"),
        (fill(lambda n: f"{n},{n % 2}", 12), {}, "The table has 12 rows; at least 20 are needed"),
        (fill(lambda n: f"{n},{'' if n > 5 else 'a'}"), {}, "has a value in 6 rows only"),
        (fill(lambda n: f"{n},{n % 2}"), {"target": "targt"}, "no column 'targt'. Did you mean 'target'?"),
        (fill(lambda n: f"{n},{n % 2}"), {"features": ["y"]}, "features: the table has no column 'y'. It has: x"),
        (fill(lambda n: f"1,{n % 2}"), {}, "No column is left to learn from. x has one value only"),
        (fill(lambda n: f"{n},{'ab'[n % 2]}"), {"task": "regression"}, "is text, so it cannot be a regression"),
        (fill(lambda n: f"{n},{'a' if n < 3 else 'b'}"), {"folds": 5}, "The rarest class has 2 training rows"),
        (fill(lambda n: f"{n},2024-01-{n % 28 + 1:02}"), {}, "holds dates"),
        (fill(lambda n: f"{n},{n % 2}" + (",9" if n == 4 else "")), {}, "Row 6 has 3 values, the header has 2"),
        ("x,x,target\n" + "1,2,a\n2,3,b\n" * 20, {}, "the column 'x' is there more than once"),
        ("x,target\n", {}, "has no rows"),
        (" \n", {}, "is empty"),
        (fill(lambda n: f"{'x' * 4000},{n % 2}", 6_000), {"memoryMb": 64}, "MB of memory, more than memoryMb (64)"),
    ],
)
def test_errors_say_what_to_do(train, text: str, data: dict, sentence: str) -> None:
    with pytest.raises(Permanent) as error:
        train(text, **({"target": "target"} | data))
    assert sentence in str(error.value)


def test_one_number_for_each_category_may_be_too_much(train) -> None:
    text = fill(lambda n: f"c{n % 200},{n % 2}", 14_000)
    assert train(text, memoryMb=64, params={"trees": 2}).result["trainingRows"] == 11_200
    with pytest.raises(Permanent, match=r"Fitting linear would need about \d+ MB of memory, more than memoryMb \(64\)"):
        train(text, memoryMb=64, algorithm="linear")
    with pytest.raises(Permanent, match=r"Fitting random_forest .* Use fewer rows, columns or trees"):
        train(text, memoryMb=128, algorithm="random_forest")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("t.jsonl", b'{"x": 1}\n{"x": \n', "Line 2 is not JSON"),
        ("t.jsonl", b'{"x": 1}\n[2]\n', "Line 2 is not an object"),
        ("t.json", b'[{"x": 1}, 3]', "Row 2 is not an object"),
        ("t.parquet", b"no parquet at all", "is not a Parquet file"),
        ("t.parquet", b"PAR1" + b"x" * 100, "cannot be read as Parquet"),
        ("t.csv", "x,target\ncafé,1\n".encode("latin-1"), "not in the chosen encoding"),
    ],
)
def test_broken_files(train, tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    source = tmp_path / name
    source.write_bytes(content)
    with pytest.raises(Permanent, match=sentence):
        train(source)
