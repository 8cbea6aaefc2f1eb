"""What a person chooses for a training: the model behind the form, the API and the command line."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic.config import JsonDict

from jobsapp.core.texts import known_encoding, one_delimiter
from jobsapp.processors.sdk import FileId, Input

from .params import Params, parse

ADVANCED: JsonDict = {"advanced": True}
TRAIN: JsonDict = {"when": {"mode": ["train"]}}
PREDICT: JsonDict = {"when": {"mode": ["predict"]}}
TABLES = ".csv,.tsv,.json,.jsonl,.ndjson,.parquet"


class TrainingInput(Input):
    source: FileId = Field(title="Table", json_schema_extra={"accept": TABLES})
    """CSV, TSV, JSON, JSON Lines or Parquet, one example a row."""

    mode: Literal["train", "predict"] = Field(
        default="train", title="What to do", json_schema_extra={"labels": {"train": "Train", "predict": "Predict"}}
    )
    """Train a model, or apply one that was trained here to the table."""

    target: str | None = Field(
        default=None,
        max_length=500,
        title="Column to predict",
        examples=["price"],
        json_schema_extra=TRAIN | {"multiline": False},
    )
    """Empty: find groups of similar rows (clustering)."""

    model: FileId | None = Field(
        default=None, title="Trained model", json_schema_extra=PREDICT | {"needed": True, "accept": ".skops"}
    )
    """For Predict: the `model.skops` of an earlier training."""

    task: Literal["auto", "classification", "regression", "clustering"] = Field(
        default="auto",
        title="Task",
        json_schema_extra=TRAIN
        | {
            "labels": {
                "auto": "Told from the column",
                "classification": "Classification",
                "regression": "Regression",
                "clustering": "Clustering",
            }
        },
    )
    """A class (words, yes/no, few whole numbers), a number, or groups."""

    algorithm: Literal["auto", "hist_gradient_boosting", "random_forest", "linear", "kmeans"] = Field(
        default="auto",
        title="Algorithm",
        json_schema_extra=TRAIN
        | {
            "labels": {
                "auto": "Gradient boosting, or k-means for groups",
                "hist_gradient_boosting": "Gradient boosting",
                "random_forest": "Random forest",
                "linear": "Linear (logistic or ridge)",
                "kmeans": "k-means",
            }
        },
    )
    """Gradient boosting is the best start for most tables; linear is the quick one that is easy to explain."""

    features: list[str] | None = Field(
        default=None, title="Columns to learn from", examples=[["age", "city"]], json_schema_extra=TRAIN | ADVANCED
    )
    """Empty: all but the column to predict."""

    exclude: list[str] = Field(
        default_factory=list, title="Columns to leave out", examples=[["id"]], json_schema_extra=TRAIN | ADVANCED
    )
    """What is not known yet at the time of predicting, and what gives the answer away."""

    categorical: list[str] = Field(
        default_factory=list, title="Numbers that are names", json_schema_extra=TRAIN | ADVANCED
    )
    """Columns of numbers without an order, such as codes."""

    params: dict[str, str] = Field(
        default_factory=dict,
        title="Parameters",
        examples=[{"trees": "300", "learningRate": "0.05"}],
        json_schema_extra=TRAIN | ADVANCED,
    )
    """Of the algorithm. Boosting: trees, learningRate, leaves, minLeaf, l2, patience. Forest: trees, depth, minLeaf.
    Linear: strength, iterations. k-means: clusters, runs."""

    test_share: float = Field(
        default=0.2, ge=0.05, le=0.5, title="Share for the test", json_schema_extra=TRAIN | ADVANCED
    )
    """Rows that the model never sees in training; the metrics are measured on them."""

    folds: int = Field(default=0, ge=0, le=20, title="Folds", json_schema_extra=TRAIN | ADVANCED)
    """Cross-validation beside the test: 5 says how much the score depends on the luck of the split. 0: none."""

    compare: bool = Field(default=True, title="A linear model beside it", json_schema_extra=TRAIN | ADVANCED)
    """Trained too, on at most 50,000 rows: where it is as good, it is the one to take, since it can be explained."""

    search_trials: int = Field(
        default=0, ge=0, le=500, title="Trials of other parameters", examples=[20], json_schema_extra=TRAIN | ADVANCED
    )
    """Look for better parameters: so many are tried on a part of the training rows, the given ones first, and the best
    are used. Parameters that you set stay. 0: none."""

    stratify: bool = Field(default=True, title="Keep the shares of the classes", json_schema_extra=TRAIN | ADVANCED)
    """The same share of each class in the test and in every fold."""

    seed: int = Field(default=0, ge=0, le=2**32 - 1, title="Seed", json_schema_extra=ADVANCED)
    """The same seed and the same table give the same model."""

    time_limit_seconds: float | None = Field(
        default=None,
        ge=1,
        le=86_400,
        title="Seconds for the fitting",
        examples=[600],
        json_schema_extra=TRAIN | ADVANCED,
    )
    """Then the fitting stops, and what it has come to is kept; trials end when half of it is over. Empty: no limit."""

    missing: list[str] = Field(
        default=["NA", "N/A", "NaN", "null", "?"], title="Texts for no value", json_schema_extra=ADVANCED
    )
    """Beside the empty text."""

    delimiter: str | None = Field(
        default=None, max_length=3, title="Delimiter", examples=[";"], json_schema_extra=ADVANCED
    )
    """Of a CSV file: one character or `tab`. Empty: told from the first line."""

    encoding: str = Field(default="utf-8", max_length=40, title="Encoding", json_schema_extra=ADVANCED)
    """Of a CSV file."""

    memory_mb: int = Field(default=2048, ge=64, le=1_000_000, title="Most memory, in MB", json_schema_extra=ADVANCED)
    """A table that is estimated to need more is refused before it is read."""

    @field_validator("params", mode="before")
    @classmethod
    def _numbers_too(cls, value: Any) -> Any:
        """From the API the parameters come as numbers, from the form as text."""
        if not isinstance(value, dict):
            return value
        return {key: one if isinstance(one, str) else str(one) for key, one in value.items()}

    _one_character = field_validator("delimiter")(one_delimiter)

    @field_validator("target")
    @classmethod
    def _blank_is_none(cls, value: str | None) -> str | None:
        return value or None

    _known = field_validator("encoding")(known_encoding)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.mode == "predict":
            if self.model is None:
                raise ValueError("model: give the model.skops of a training")
            return self
        if self.model is not None:
            raise ValueError("model: only of use with mode predict")
        if self.task in ("classification", "regression") and not self.target:
            raise ValueError("target: name the column to predict")
        if self.task == "clustering" and self.target:
            raise ValueError("target: leave it empty for clustering, or choose another task")
        if (self.algorithm == "kmeans") != (not self.target) and self.algorithm != "auto":
            raise ValueError("algorithm: k-means is for clustering, the others need a column to predict")
        if self.target and self.target in (self.features or []):
            raise ValueError("features: the column to predict cannot be one of them")
        if self.search_trials and not self.target:
            raise ValueError("searchTrials: k-means tries numbers of clusters by itself; leave it at 0")
        if self.folds == 1:
            raise ValueError("folds: 0 or at least 2; with one there is nothing left to measure on")
        self.parsed()
        return self

    @property
    def chosen(self) -> str:
        """The algorithm, with `auto` decided."""
        if self.algorithm != "auto":
            return self.algorithm
        return "hist_gradient_boosting" if self.target else "kmeans"

    def parsed(self) -> Params:
        """The parameters of the chosen algorithm."""
        return parse(self.chosen, self.params)
