"""A tiny base model under the name `tiny`, and a fine-tuning in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jobsapp.processors.fine_tuning import FineTuning
from jobsapp.processors.testing import FakeContext, Run, file_id, run_processor

Tune = Callable[..., Run]
SMALL = {"epochs": 4, "batchSize": 4, "loraR": 4, "samples": 2, "maxTokens": 8, "learningRate": 0.01, "maxLength": 64}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="fine-tuning is not installed: bin/setup finetuning")
    from .tiny import make

    return make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of all tests here, so that the real model is converted once."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def set_up(tiny_model: Path, models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBSAPP_BASE_MODELS", json.dumps({"tiny": str(tiny_model)}))
    monkeypatch.setenv("JOBSAPP_DATA_DIR", str(models_folder))


@pytest.fixture
def tune(set_up: None, tmp_path: Path) -> Tune:
    numbers = count()

    def tune(*sources: Path, context: FakeContext | None = None, **data: Any) -> Run:
        folder = tmp_path / f"run{next(numbers)}"
        folder.mkdir()
        given = {"baseModel": "tiny", **SMALL, "dataset": str(file_id(sources[0])), **data}
        return run_processor(FineTuning, given, files=list(sources), tmp_path=folder, context=context, threads=1)

    return tune
