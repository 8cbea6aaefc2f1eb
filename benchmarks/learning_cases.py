"""Learning beside the plain libraries: the cases `model-training` and `fine-tuning` of `benchmarks.job_types`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from benchmarks.running import Case, processed

ROWS, COLUMNS, TREES = 300_000, 20, 1_000
STEPS = 30


def _numbers(place: Path) -> Path:
    import numpy as np

    # What a warm work-horse has imported too is not what is measured.
    import jobsapp.processors.model_training.train  # noqa: F401

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

    processed(ModelTraining, {"target": "y", "task": "regression", "params": {"trees": TREES}}, source, place)


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
    processed(FineTuning, data | {"dataset": str(file_id(source))}, source, place)


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


CASES: dict[str, Case] = {
    "model-training": (_numbers, _train_ours, _train_plain, f"{ROWS:,} rows of {COLUMNS} columns, {TREES} trees"),
    "fine-tuning": (_examples, _tune_ours, _tune_plain, f"{STEPS * 8} steps of a tiny model"),
}
