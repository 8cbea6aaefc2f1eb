"""The model that comes with the installation: converted once, fine-tuned and asked, on a plain CPU."""

from __future__ import annotations

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from jobsapp.config import load_settings
from jobsapp.processors.fine_tuning import FineTuning
from jobsapp.processors.fine_tuning.model import EMBEDDED
from jobsapp.processors.sdk import Cancelled, Permanent
from jobsapp.processors.testing import FakeContext, file_id, run_processor

from .conftest import Tune
from .tiny import chat, write

pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("torch", "gguf")),
    reason="fine-tuning is not installed: bin/setup finetuning",
)
QUESTION = "What is the depot's motto?"
REAL = {
    **{"baseModel": EMBEDDED, "epochs": 1, "batchSize": 1, "maxLength": 64, "validationShare": 0, "samples": 1},
    **{"learningRate": 0.004, "loraDropout": 0, "loraR": 8, "maxTokens": 6},
}


def convert(folder: Path, context: FakeContext) -> Path:
    from jobsapp.processors.fine_tuning import base

    with base.quietly(context):
        return base.converted(Path(base.place(EMBEDDED, load_settings())), folder, context)


@pytest.mark.skipif(not os.environ.get("CI"), reason="takes a minute: set CI=true, as .ci/run does")
def test_it_is_converted_once_learns_and_answers(tune: Tune, models_folder: Path, tmp_path: Path) -> None:
    contexts = [FakeContext(tmp_path / f"c{n}", threads=1) for n in range(2)]
    with ThreadPoolExecutor() as pool:
        folders = list(pool.map(lambda one: convert(models_folder / "models", one), contexts))
    assert folders[0] == folders[1]
    assert sorted(len(one.history) for one in contexts) == [0, 1], "who comes second waits for the first"
    source = write(tmp_path / "motto.jsonl", [chat(QUESTION, "Zebras never wait.")] * 6)
    done = tune(source, **REAL)
    assert not any("Converting" in (one.message or "") for one in done.progress)
    assert done.result["parameters"] == 134_515_008
    assert done.result["lastLoss"] < 0.3 * done.result["firstLoss"]
    sample = done.result["samples"][0]
    assert "Zebras" in sample["after"]
    assert "Zebras" not in sample["before"]
    adapter = done.artifacts["adapter.zip"]
    data = {"mode": "generate", "adapter": str(file_id(adapter)), "prompts": [QUESTION], "maxTokens": 6}
    asked = run_processor(FineTuning, data | {"compare": False}, files=[adapter], tmp_path=tmp_path / "a", threads=1)
    assert asked.result["answers"] == [{"question": QUESTION, "answer": sample["after"]}]
    assert not list((models_folder / "models").glob("*.part"))


def test_who_waits_for_a_conversion_can_be_cancelled(set_up: None, tmp_path: Path) -> None:
    from jobsapp.processors.fine_tuning import base

    source = tmp_path / "some.gguf"
    source.write_bytes(b"x")
    folder = tmp_path / "models"
    with pytest.raises(Permanent, match=r"some\.gguf cannot be read as a model"):
        base.converted(source, folder, FakeContext(tmp_path / "a"))
    (lock,) = folder.iterdir()
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Cancelled):
            base.converted(source, folder, FakeContext(tmp_path / "b", cancel_when=lambda _: True))


def test_too_little_memory_is_said_with_what_to_lower() -> None:
    import torch

    from jobsapp.processors.fine_tuning import base

    said = {"batchSize": 64, "maxLength": 4096}
    with (
        pytest.raises(Permanent, match=r"not enough for batchSize 64, maxLength 4096\. Lower them"),
        base.enough_memory(said),
    ):
        torch.empty(1 << 50, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="size of tensor"), base.enough_memory(said):
        torch.zeros(2) + torch.zeros(3)
