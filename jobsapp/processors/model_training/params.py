"""The parameters of each algorithm, with their bounds. Names and meaning are scikit-learn's, said shorter."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

Task = Literal["classification", "regression", "clustering"]
Algorithm = Literal["hist_gradient_boosting", "random_forest", "linear", "kmeans"]


class Params(BaseModel):
    """Base: unknown names are refused."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Boosting(Params):
    """HistGradientBoosting. `patience`: stop after so many trees without a gain on a tenth kept aside; 0: never."""

    trees: int = Field(default=200, ge=1, le=5000)
    learning_rate: float = Field(default=0.1, gt=0, le=1)
    leaves: int = Field(default=31, ge=2, le=1024)
    min_leaf: int = Field(default=20, ge=1, le=100_000)
    l2: float = Field(default=0.0, ge=0, le=1e6)
    patience: int = Field(default=0, ge=0, le=1000)


class Forest(Params):
    """Random forest. `depth` 0: as deep as it gets."""

    trees: int = Field(default=200, ge=1, le=2000)
    depth: int = Field(default=0, ge=0, le=100)
    min_leaf: int = Field(default=1, ge=1, le=100_000)


class Linear(Params):
    """Logistic or ridge regression. `strength` of the L2 penalty (scikit-learn's alpha, 1 / C)."""

    strength: float = Field(default=1.0, gt=0, le=1e6)
    iterations: int = Field(default=1000, ge=10, le=100_000)


class KMeansParams(Params):
    """k-means. `clusters` 0: 2 to 8 are tried, and the best silhouette wins. `runs`: starts for each number."""

    clusters: int = Field(default=0, ge=0, le=200)
    runs: int = Field(default=5, ge=1, le=100)


MODELS: dict[str, type[Params]] = {
    "hist_gradient_boosting": Boosting,
    "random_forest": Forest,
    "linear": Linear,
    "kmeans": KMeansParams,
}


def parse(algorithm: str, given: dict[str, str]) -> Params:
    """The algorithm's parameters. Raises `ValueError` that names the parameter and what it may be."""
    model = MODELS[algorithm]
    try:
        return model.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        name = ".".join(map(str, fault["loc"]))
        if fault["type"] == "extra_forbidden":
            known = ", ".join(to_camel(one) for one in model.model_fields)
            raise ValueError(f"params: {algorithm} has no {name!r}; it has {known}") from None
        raise ValueError(f"params: {name}: {fault['msg']}") from None
