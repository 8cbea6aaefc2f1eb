"""The job types beside the plain libraries doing the same work: what progress, cancelling, checks and reports cost.

Every run has a process of its own. A ratio is our time over the plain one's, of processor time and of the clock: 1.05
is 5 % more.
"""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.table import DATA

ROUNDS = 3
ROWS, COLUMNS, TREES = 200_000, 20, 200
STEPS = 30


def measure(folder: Path = DATA, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Each type that is installed; plain and ours in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_compare(name, unit, folder, rounds) for name, (_, _, _, unit) in CASES.items()]


def _compare(name: str, unit: str, folder: Path, rounds: int) -> dict[str, Any]:
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "plain": []}
    for turn in range(rounds):
        for way in ("ours", "plain") if turn % 2 else ("plain", "ours"):
            with tempfile.TemporaryDirectory(dir=folder) as place:
                command = [sys.executable, "-m", "benchmarks.job_types", name, way, place]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs[way].append(json.loads(done.stdout.splitlines()[-1]))
    ratios = {
        what: round(median(ours[what] / plain[what] for ours, plain in zip(*runs.values(), strict=True)), 3)
        for what in ("cpu", "seconds")
    }
    seconds = {way: round(median(run["seconds"] for run in those), 2) for way, those in runs.items()}
    return {
        "name": f"{name}: time",
        "value": seconds["ours"],
        "unit": f"s for {unit}",
        "peers": {"plain": seconds["plain"]},
        "ratios": {"by processor time": ratios["cpu"], "by the clock": ratios["seconds"]},
    }


def _alone(name: str, way: str, place: Path) -> dict[str, float]:
    prepare, ours, plain, _ = CASES[name]
    given = prepare(place)
    run = ours if way == "ours" else plain
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    run(given, place)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    return {"seconds": seconds, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def _processed(processor: Any, data: dict[str, Any], source: Path, place: Path) -> Any:
    from jobsapp.processors.testing import run_processor

    return run_processor(processor, data, files=[source], tmp_path=place / "job", threads=1).result


def _numbers(place: Path) -> Path:
    import numpy as np
    import sklearn.ensemble  # noqa: F401 - what a warm work-horse has imported too is not what is measured.

    random = np.random.default_rng(1)
    x = random.normal(size=(ROWS, COLUMNS))
    y = x[:, 0] * 2 + np.sin(x[:, 1] * 3) + random.normal(size=ROWS) * 0.1
    path = place / "numbers.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"c{n}" for n in range(COLUMNS)), "y"])
        writer.writerows(np.column_stack([x, y]).round(6).tolist())
    return path


def _train_ours(source: Path, place: Path) -> None:
    from jobsapp.processors.model_training import ModelTraining

    _processed(ModelTraining, {"target": "y", "task": "regression", "params": {"trees": TREES}}, source, place)


def _train_plain(source: Path, place: Path) -> None:
    import numpy as np
    import skops.io
    from pyarrow import csv as arrow
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import r2_score
    from sklearn.model_selection import train_test_split
    from threadpoolctl import threadpool_limits

    table = arrow.read_csv(source)
    x = np.column_stack([table[name].to_numpy() for name in table.column_names[:-1]])
    y = table["y"].to_numpy()
    with threadpool_limits(1):
        x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
        model = HistGradientBoostingRegressor(max_iter=TREES, early_stopping=False).fit(x_train, y_train)
        for features, target in ((x_train, y_train), (x_test, y_test)):
            r2_score(target, model.predict(features))
        permutation_importance(model, x_test[:5000], y_test[:5000], n_repeats=3, random_state=0)
    skops.io.dump(model, place / "model.skops")


def _examples(place: Path) -> Path:
    from tests.processors.fine_tuning.tiny import make, pairs, write

    make(place / "tiny")
    return write(place / "examples.jsonl", pairs(STEPS * 8))


def _tune_ours(source: Path, place: Path) -> None:
    import os

    from jobsapp.processors.fine_tuning import FineTuning
    from jobsapp.processors.testing import file_id

    os.environ["JOBSAPP_BASE_MODELS"] = json.dumps({"tiny": str(place / "tiny")})
    data = {"baseModel": "tiny", "epochs": 8, "batchSize": 8, "samples": 0, "validationShare": 0, "maxLength": 64}
    _processed(FineTuning, data | {"dataset": str(file_id(source))}, source, place)


def _tune_plain(source: Path, place: Path) -> None:
    """The same number of steps of the same shape, as peft's own examples do them."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(place / "tiny")
    tokenizer.pad_token = tokenizer.eos_token
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(place / "tiny"),
        LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    texts = [
        tokenizer.apply_chat_template(json.loads(line)["messages"], tokenize=False)
        for line in source.read_text().splitlines()
    ]
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-3)
    model.train()
    for _ in range(8):
        for start in range(0, len(texts), 8):
            batch = tokenizer(
                texts[start : start + 8], return_tensors="pt", padding=True, truncation=True, max_length=64
            )
            labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
            loss = model(**batch, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    model.save_pretrained(place / "adapter")


Case = tuple[Callable[[Path], Path], Callable[[Path, Path], None], Callable[[Path, Path], None], str]
CASES: dict[str, Case] = {
    "model-training": (_numbers, _train_ours, _train_plain, f"{ROWS:,} rows of {COLUMNS} columns, {TREES} trees"),
    "fine-tuning": (_examples, _tune_ours, _tune_plain, f"{STEPS * 8} steps of a tiny model"),
}


if __name__ == "__main__":
    print(json.dumps(_alone(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
