"""What each column is, and how its values become numbers: the part of a model that `schema.json` holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from .arrow import pa, pc

Kind = Literal["number", "category", "date"]
Floats = np.ndarray[Any, np.dtype[np.float64]]

# HistGradientBoosting takes categories up to 255 values, the last of which are the rare and the new ones.
MOST_CATEGORIES = 254
OTHER = MOST_CATEGORIES
DATE_PARTS = ("days", "month", "weekday", "hour")

NUMBER = r"^[+-]?(0|[1-9]\d*|0?\.\d+|(0|[1-9]\d*)\.\d*)([eE][+-]?\d+)?$"
DATE = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$"


@dataclass(frozen=True)
class Column:
    """A column that the model reads. `categories`: the most frequent values of a category, in the order of codes."""

    name: str
    kind: Kind
    categories: tuple[str, ...] = ()
    missing: int = 0
    distinct: int = 0

    @property
    def width(self) -> int:
        """How many numbers a value becomes."""
        return len(DATE_PARTS) if self.kind == "date" else 1

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"categories": list(self.categories)}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Column:
        """Raises `ValueError`, `TypeError` or `KeyError` for what is no column."""
        if said["kind"] not in ("number", "category", "date"):
            raise ValueError(f"{said['kind']!r} is no kind of column")
        return cls(str(said["name"]), said["kind"], tuple(map(str, said["categories"])))


class Unfit(Exception):
    """A column that cannot be learned from; the text says why."""


class Mismatch(Exception):
    """A value that is not of its column's kind. `row` counts from 1."""

    def __init__(self, row: int, value: str) -> None:
        super().__init__(row, value)
        self.row, self.value = row, value


def clean(array: Any, missing: Iterable[str]) -> Any:
    """One plain array: decimals and whole numbers as float64, text stripped, the texts for no value as null."""
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.dictionary_decode(), kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pc.cast(array, pa.float64(), safe=False)
    if pa.types.is_boolean(kind):
        return pc.cast(array, pa.string())
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return pc.cast(pc.cast(array, pa.timestamp("us")) if pa.types.is_date(kind) else array, pa.timestamp("us"))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = pc.utf8_trim_whitespace(pc.cast(array, pa.string()))
        none = pc.is_in(text, value_set=pa.array(["", *missing], pa.string()))
        return pc.if_else(none, pa.scalar(None, pa.string()), text)
    if pa.types.is_null(kind):
        return pc.cast(array, pa.string())
    raise Unfit(f"holds {kind}, which is neither number, text nor date")


def describe(name: str, array: Any, *, categorical: bool) -> Column:
    """What a cleaned column is. Raises `Unfit` for one that nothing can be learned from."""
    rows, missing = len(array), array.null_count
    if missing == rows:
        raise Unfit("is empty")
    distinct = pc.count_distinct(array).as_py()
    if distinct == 1 and not missing:
        raise Unfit("has one value only")
    kind = "category" if categorical else kind_of(array)
    if kind != "category":
        return Column(name, kind, (), missing, distinct)
    if distinct > MOST_CATEGORIES and distinct > (rows - missing) / 2:
        raise Unfit(f"is text with {distinct:,} different values in {rows:,} rows, no category")
    if distinct == rows > 20:
        raise Unfit("is text with another value in each row, no category")
    return Column(name, "category", frequent(array), missing, distinct)


def kind_of(array: Any) -> Kind:
    """Numbers with leading zeros are codes, so they are categories."""
    if pa.types.is_floating(array.type):
        return "number"
    if pa.types.is_timestamp(array.type):
        return "date"
    if pc.all(pc.match_substring_regex(array, NUMBER)).as_py():
        return "number"
    return "date" if pc.all(pc.match_substring_regex(array, DATE)).as_py() else "category"


def as_numbers(array: Any) -> Any:
    """A cleaned column as float64 if it is text and all of it numbers; else as it is. No code is: see `kind_of`."""
    if pa.types.is_string(array.type) and array.null_count < len(array) and kind_of(array) == "number":
        return pc.cast(array, pa.float64())
    return array


def frequent(array: Any) -> tuple[str, ...]:
    """The most frequent values as text, at most `MOST_CATEGORIES`; of equals the first in the alphabet."""
    counted = pc.value_counts(as_names(array).drop_null())
    pairs = zip(counted.field("counts").to_pylist(), counted.field("values").to_pylist(), strict=True)
    return tuple(value for _, value in sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:MOST_CATEGORIES])


def encode(column: Column, array: Any) -> Floats:
    """Rows × `column.width`, NaN for no value. Raises `Mismatch` for a value of another kind."""
    if column.kind == "number":
        return _numbers(array).reshape(-1, 1)
    if column.kind == "date":
        return _dates(array)
    values = as_names(array)
    codes = pc.index_in(values, value_set=pa.array(column.categories, pa.string()))
    codes = pc.if_else(pc.is_null(codes), pa.scalar(OTHER, pa.int32()), codes)
    return _floats(pc.if_else(pc.is_valid(values), codes, pa.scalar(None, pa.int32()))).reshape(-1, 1)


def as_names(array: Any) -> Any:
    """Values as text; whole numbers without `.0`, so that CSV and Parquet agree."""
    if pa.types.is_string(array.type):
        return array
    if pa.types.is_floating(array.type):
        whole = pc.equal(array, pc.floor(array))
        return pc.if_else(whole, pc.cast(pc.cast(array, pa.int64(), safe=False), pa.string()), pc.cast(array, "string"))
    return pc.cast(array, pa.string())


def _numbers(array: Any) -> Floats:
    if pa.types.is_string(array.type):
        _all_match(array, NUMBER)
        array = pc.cast(array, pa.float64())
    elif pa.types.is_timestamp(array.type):
        raise Mismatch(1, str(array[0]))
    values = _floats(array)
    # An infinite number is as little a measurement as none at all.
    values[~np.isfinite(values)] = np.nan
    return values


def _dates(array: Any) -> Floats:
    if pa.types.is_string(array.type):
        _all_match(array, DATE)
        # The offset is left out: the hour on the wall is what people's habits follow.
        plain = pc.replace_substring_regex(array, r"(Z|[+-]\d\d:?\d\d)$", "")
        plain = pc.replace_substring(plain, " ", "T")
        array = _timestamps(plain)
    elif pa.types.is_floating(array.type):
        raise Mismatch(1, str(array[0]))
    days = _floats(pc.cast(array, pa.int64())) / 86_400e6
    parts = [pc.month(array), pc.day_of_week(array), pc.hour(array)]
    return np.column_stack([days, *(_floats(part) for part in parts)])


def _timestamps(text: Any) -> Any:
    try:
        return pc.cast(text, pa.timestamp("us"))
    except pa.ArrowInvalid:
        for row, value in enumerate(text.to_pylist(), start=1):
            try:
                pc.cast(pa.array([value]), pa.timestamp("us"))
            except pa.ArrowInvalid:
                raise Mismatch(row, value) from None
        raise


def _all_match(array: Any, pattern: str) -> None:
    fits = pc.match_substring_regex(array, pattern)
    row = pc.index(fits, False).as_py()
    if row >= 0:
        raise Mismatch(row + 1, array[row].as_py())


def _floats(array: Any) -> Floats:
    return np.array(pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
