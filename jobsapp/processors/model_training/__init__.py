"""A table in, a trained scikit-learn model out; and the same model applied to another table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobsapp.processors.sdk import JSON, Context, FollowUp, Preset, Processor

from .model import TrainingInput

__all__ = ["ModelTraining"]


class ModelTraining(Processor):
    """Trains a model on a table (classification, regression, clustering), or applies one."""

    type = "model-training"
    title = "Train a model"
    description = "Learn to predict a column of a table, or find groups of rows; apply the model to other tables."
    icon = "model"
    requires = ("sklearn", "skops", "matplotlib", "pyarrow", "numpy")
    extra = "training"
    follow_ups = (FollowUp("model.skops", "model", "Predict with this model…", data={"mode": "predict"}),)

    presets = (
        Preset(
            "Quick look",
            "A linear model in seconds, which can be explained. Name the column to predict.",
            {"mode": "train", "target": "price", "algorithm": "linear", "compare": False},
        ),
        Preset(
            "Thorough",
            "Gradient boosting with twenty trials of parameters and five folds: takes longer, and says how sure it is.",
            {"mode": "train", "target": "price", "algorithm": "hist_gradient_boosting", "searchTrials": 20, "folds": 5},
        ),
        Preset(
            "Find groups",
            "Rows that are alike, in as many groups as fit the table best; no column to predict.",
            {"mode": "train", "task": "clustering"},
        ),
    )
    Input = TrainingInput

    def run(self, data: Any, context: Context) -> JSON:
        # scikit-learn and what surrounds it is for the work-horse only; the web process needs the model alone.
        if data.mode == "predict":
            from .predict import predict

            return predict(data, context)
        from .train import train

        return train(data, context)

    @classmethod
    def default_name(cls, data: Any, files: Sequence[str]) -> str:
        what = "Apply a model" if data.mode == "predict" else f"Train {data.target}" if data.target else "Find groups"
        return f"{what}: {files[0]}" if files else what
