"""Real data sets as files, and a training in one line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jobsapp.processors.model_training import ModelTraining
from jobsapp.processors.testing import FakeContext, Run, file_id, run_processor

Train = Callable[..., Run]
NAMED = ("iris", "wine", "breast_cancer", "digits")


def rows_of(name: str) -> tuple[list[str], list[list[Any]]]:
    """Header and rows of a data set of scikit-learn; the target is last, by name where it has names."""
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    names = found.target_names if name in NAMED else None
    ends = [str(names[k]) if names is not None else float(k) for k in found.target]
    return [*found.feature_names, "target"], [[*map(float, row), y] for row, y in zip(found.data, ends, strict=True)]


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: write(tmp_path / f"{name}.csv", *rows_of(name))


@pytest.fixture
def train(tmp_path: Path) -> Train:
    numbers = count()

    def train(source: Path | str, target: str | None = "target", *, context: FakeContext | None = None, **data: Any):
        folder = tmp_path / f"run{next(numbers)}"
        folder.mkdir()
        if isinstance(source, str):
            text, source = source, folder / "t.csv"
            source.write_text(text)
        data |= {"source": str(file_id(source))} | ({"target": target} if target else {})
        return run_processor(ModelTraining, data, files=[source], tmp_path=folder, context=context, threads=1)

    return train


def predict(model: Path, source: Path, folder: Path, **data: Any) -> Run:
    folder.mkdir(exist_ok=True)
    data |= {"mode": "predict", "model": str(file_id(model)), "source": str(file_id(source))}
    return run_processor(ModelTraining, data, files=[source, model], tmp_path=folder, threads=1)


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
