"""What an attempt leaves for the next one: finished folds, and the fitted model as a file of its own."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jobsapp.processors.sdk import Context, InputFile

from .model import TrainingInput

FORM = 3


class Kept:
    """`trials` of the search for parameters; `folds`: results by number, as text; `model`: the file of the fitted
    model, or None; `facts`: what is known of its fit; `half`: files of a fit that is not finished; `spent`: seconds of
    the attempts before.
    """

    def __init__(self, context: Context, data: TrainingInput, source: InputFile) -> None:
        self._context = context
        said = [FORM, source.sha256, data.model_dump(mode="json"), version("scikit-learn")]
        self._id = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
        self.folds: dict[str, dict[str, Any]] = {}
        self.trials: list[dict[str, Any]] = []
        self.facts: dict[str, Any] = {}
        self.model: Path | None = None
        self.half: list[Path] = []
        self.spent = 0.0
        self._find(context.last_checkpoint)

    def _find(self, last: Any) -> None:
        if not isinstance(last, dict) or last.get("id") != self._id:
            return
        self.folds, self.trials, self.spent = last["folds"], last["trials"], last["spent"]
        if last["model"]:
            name, size = last["model"]
            path = self._context.keepdir / name
            if path.is_file() and path.stat().st_size == size:
                self.model, self.facts = path, last["facts"]
        self._find_half(last["half"])
        done = f"{len(self.folds)} folds are done"
        if self.trials:
            done += f", {len(self.trials)} trials"
        fitted = "the model is fitted" if self.model else "the model is not yet fitted"
        fitted += ", but begun" if self.half and not self.model else ""
        self._context.log(f"Resumed: {fitted}, {done}.")

    def _find_half(self, files: list[Any]) -> None:
        paths = [self._context.keepdir / Path(name).name for name, _ in files]
        if all(path.is_file() and path.stat().st_size == size for path, (_, size) in zip(paths, files, strict=True)):
            self.half = paths

    def half_path(self, done: int) -> Path:
        """A new file for the trees up to `done`."""
        return self._context.keepdir / f"{self._context.attempt}-{done}.trees.npz"

    def keep_half(self, path: Path, spent: float) -> None:
        """`path` lies in `keepdir`, and follows those that are there."""
        _to_disk(path)
        self.half.append(path)
        self.save(spent)

    def keep_model(self, path: Path, facts: dict[str, Any], spent: float) -> None:
        """`path` lies in `keepdir`; it is on disk before the checkpoint names it."""
        _to_disk(path)
        self.half = []
        self.model, self.facts = path, facts
        self.save(spent)

    def keep_trial(self, trial: dict[str, Any], spent: float) -> None:
        self.trials.append(trial)
        self.save(spent)

    def keep_fold(self, number: int, scores: dict[str, Any], spent: float) -> None:
        self.folds[str(number)] = scores
        self.save(spent)

    def save(self, spent: float) -> None:
        model = [self.model.name, self.model.stat().st_size] if self.model else None
        self._context.checkpoint(
            {
                "id": self._id,
                "folds": self.folds,
                "trials": self.trials,
                "model": model,
                "half": [[one.name, one.stat().st_size] for one in self.half],
                "facts": self.facts,
                "spent": round(spent, 3),
            }
        )


def _to_disk(path: Path) -> None:
    for one in (path, path.parent):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
