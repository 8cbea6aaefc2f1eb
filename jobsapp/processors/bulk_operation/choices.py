"""What there is to choose from, in words, and the conditions of a filter."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic.config import JsonDict

Operation = Literal["import", "http", "update", "delete", "export", "files"]
Mode = Literal["insert", "upsert", "add", "update", "delete"]
Action = Literal["check", "copy", "move", "delete"]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Format = Literal["csv", "jsonl", "report"]
Test = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not in", "like", "is empty", "is not empty"]

ADVANCED: JsonDict = {"advanced": True}
ONE_LINE: JsonDict = {"multiline": False}


def shown(*operations: str) -> JsonDict:
    """For a field of the form that only these operations know."""
    return {"when": {"operation": list(operations)}}


OPERATIONS: JsonDict = {
    "import": "Load rows of a file into a table",
    "http": "Call an address for each row of a file",
    "update": "Change the rows of a table that match a filter",
    "delete": "Delete the rows of a table that match a filter",
    "export": "Download the rows of a table that match a filter",
    "files": "Check, copy, move or delete files",
}
ACTIONS: JsonDict = {
    "check": "Check them against a list, or list them",
    "copy": "Copy them into another folder",
    "move": "Move them into another folder",
    "delete": "Delete them",
}
EXISTING: JsonDict = {
    "fail": "The file of that name stays, and the item fails",
    "skip": "The file of that name stays, and the item is left out",
    "replace": "The file of that name is replaced",
}
MODES: JsonDict = {
    "insert": "Add them; one that is there already is an error",
    "upsert": "Add them, or change those that are there",
    "add": "Add only those that are not there",
    "update": "Change those that are there; one that is not is an error",
    "delete": "Delete those that are there; one that is not is an error",
}


class Condition(BaseModel):
    """One condition on a column; several must all hold."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    column: str
    test: Test = "="
    value: str | int | float | bool | list[str | int | float | bool] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.test in ("in", "not in"):
            if not isinstance(self.value, list) or not self.value:
                raise ValueError(f"{self.column} {self.test}: give a list of values")
        elif self.test in ("is empty", "is not empty"):
            if self.value is not None:
                raise ValueError(f"{self.column} {self.test}: takes no value")
        elif self.value is None or isinstance(self.value, list):
            raise ValueError(f"{self.column} {self.test}: give one value")
        return self
