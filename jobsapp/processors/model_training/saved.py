"""A model as a file: skops, never pickle, with the schema beside it in the same ZIP, and checked before it is used."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline

from jobsapp.processors.packed import refuse_bomb
from jobsapp.processors.sdk import Permanent

from .columns import Column
from .estimators import positions

SCHEMA = "jobsapp-schema.json"
FORM = 1
LARGEST = 2 << 30
# What our pipelines hold beside what skops trusts by itself. All of it is data, and two functions of the library.
ALLOWED = frozenset(
    {
        "functools.partial",
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
        "sklearn.utils.validation.check_array",
    }
)


@dataclass(frozen=True)
class Model:
    """A fitted pipeline and what its numbers mean."""

    pipe: Pipeline
    schema: dict[str, Any]
    columns: list[Column]

    @property
    def classes(self) -> list[str]:
        return list(self.schema["classes"])


def schema_of(task: str, target: str | None, classes: list[str], columns: list[Column], **more: Any) -> dict[str, Any]:
    """What `schema.json` holds."""
    return {
        "form": FORM,
        "task": task,
        "target": target,
        "classes": classes,
        "columns": [column.as_json() for column in columns],
        "versions": {name: version(name) for name in ("scikit-learn", "skops", "numpy")},
        **more,
    }


def save(pipe: Pipeline, schema: dict[str, Any], path: Path) -> None:
    """Write both to `path`. Raises `TypeError` if the pipeline holds what could not be loaded again."""
    skops.io.dump(pipe, path)
    strange = set(skops.io.get_untrusted_types(file=path)) - ALLOWED
    if strange:
        raise TypeError(f"the model holds {', '.join(sorted(strange))}")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr(SCHEMA, json.dumps(schema, ensure_ascii=False))


def load(path: Path, name: str) -> Model:
    """Read a model that anyone may have made. Raises `Permanent` if it is not one of ours or would do more than
    predict: only known types are made, and no tree may lead out of itself.
    """
    try:
        schema = _schema(path)
        columns = [Column.from_json(one) for one in schema["columns"]]
        strange = set(skops.io.get_untrusted_types(file=path)) - ALLOWED
        if strange:
            raise ValueError(f"it holds {', '.join(sorted(strange))}")
        pipe = skops.io.load(path, trusted=sorted(ALLOWED))
        _check(pipe, columns)
    except Permanent:
        raise
    except Exception as error:
        raise Permanent(f"{name} is not a model that was trained here, or it is damaged: {error}.") from None
    return Model(pipe, schema, columns)


def _schema(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as file:
        refuse_bomb(file, path, LARGEST)
        schema = json.loads(file.read(SCHEMA))
    if not isinstance(schema, dict) or schema.get("form") != FORM:
        raise ValueError("its schema has another form")
    there, here = schema["versions"]["scikit-learn"], version("scikit-learn")
    if there.split(".")[:2] != here.split(".")[:2]:
        raise Permanent(f"The model was trained with scikit-learn {there}, here is {here}. Train it again.")
    return schema


def _check(pipe: Any, columns: list[Column]) -> None:
    if not isinstance(pipe, Pipeline) or list(pipe.named_steps) != ["prepare", "model"]:
        raise ValueError("it is no pipeline of ours")
    model, width = pipe["model"], sum(column.width for column in columns)
    if type(model).__module__.split(".")[0] != "sklearn" or not hasattr(model, "predict"):
        raise ValueError("its last step does not predict")
    if pipe["prepare"] == "passthrough" and model.n_features_in_ != width:
        raise ValueError("its columns are not those of its schema")
    for group in getattr(model, "_predictors", ()):
        for tree in group:
            _check_nodes(tree.nodes, len(tree.raw_left_cat_bitsets), width)
    for tree in getattr(model, "estimators_", ()):
        _check_arrays(tree.tree_, model.n_features_in_)
    if hasattr(model, "_predictors") and set(positions(columns, category=True)) != set(np.flatnonzero(_names(model))):
        raise ValueError("its categories are not those of its schema")


def _names(model: Any) -> Any:
    found = model.is_categorical_
    return np.zeros(model.n_features_in_, bool) if found is None else found


def _check_nodes(nodes: Any, bitsets: int, width: int) -> None:
    """The compiled code follows these numbers without looking."""
    at = np.arange(len(nodes))
    inner = nodes["is_leaf"] == 0
    for side in ("left", "right"):
        to = nodes[side][inner]
        if (to <= at[inner]).any() or (to >= len(nodes)).any():
            raise ValueError("a tree leads out of itself")
    features = nodes["feature_idx"][inner]
    named = inner & (nodes["is_categorical"] != 0)
    if (features < 0).any() or (features >= width).any() or (nodes["bitset_idx"][named] >= bitsets).any():
        raise ValueError("a tree asks for what is not there")


def _check_arrays(tree: Any, width: int) -> None:
    at, inner = np.arange(tree.node_count), tree.children_left != -1
    for to in (tree.children_left, tree.children_right):
        if (to[inner] <= at[inner]).any() or (to[inner] >= tree.node_count).any():
            raise ValueError("a tree leads out of itself")
    if (tree.feature[inner] < 0).any() or (tree.feature[inner] >= width).any():
        raise ValueError("a tree asks for what is not there")
