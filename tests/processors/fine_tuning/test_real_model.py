"""The model that comes with the installation: converted once, fine-tuned and asked, on a plain CPU."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="fine-tuning is not installed: bin/setup finetuning")
pytest.importorskip("gguf", reason="fine-tuning is not installed: bin/setup finetuning")

from jobsapp.processors.fine_tuning import FineTuning
from jobsapp.processors.fine_tuning.model import EMBEDDED
from jobsapp.processors.testing import file_id, run_processor

from .conftest import Tune
from .tiny import chat, write

QUESTION = "What is the depot's motto?"
REAL = {
    **{"baseModel": EMBEDDED, "epochs": 1, "batchSize": 1, "maxLength": 64, "validationShare": 0, "samples": 1},
    **{"learningRate": 0.004, "loraDropout": 0, "loraR": 8, "maxTokens": 6},
}


def test_it_learns_and_answers_and_is_converted_once(tune: Tune, models_folder: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "motto.jsonl", [chat(QUESTION, "Zebras never wait.")] * 6)
    done = tune(source, **REAL)
    assert done.result["parameters"] == 134_515_008
    assert done.result["lastLoss"] < 0.3 * done.result["firstLoss"]
    sample = done.result["samples"][0]
    assert "Zebras" in sample["after"]
    assert "Zebras" not in sample["before"]
    (converted,) = [one for one in (models_folder / "models").iterdir() if one.is_dir()]
    written = (converted / "model.safetensors").stat().st_mtime_ns
    adapter = done.artifacts["adapter.zip"]
    data = {
        "mode": "generate",
        "adapter": str(file_id(adapter)),
        "prompts": [QUESTION],
        "maxTokens": 6,
        "compare": False,
    }
    asked = run_processor(FineTuning, data, files=[adapter], tmp_path=tmp_path / "a", threads=1)
    assert asked.result["answers"] == [{"question": QUESTION, "answer": sample["after"]}]
    assert (converted / "model.safetensors").stat().st_mtime_ns == written
    assert not list((models_folder / "models").glob("*.part"))
