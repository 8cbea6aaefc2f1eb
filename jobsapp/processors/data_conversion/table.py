"""A table that DuckDB can read: where from, and what its columns are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from jobsapp.processors.sdk import Permanent

from .model import ConversionInput

Kind = Literal["text", "token"]


@dataclass(frozen=True)
class Column:
    """`sql` is its expression. `kind`: `text` becomes a JSON string; `token` is JSON already (a number, true, …).

    `type` is the SQL type it has in Parquet, `label` the word that people read.
    """

    name: str
    sql: str
    kind: Kind = "text"
    type: str = "VARCHAR"
    label: str = "text"

    def named(self, name: str) -> Column:
        return replace(self, name=name)


@dataclass(frozen=True)
class Table:
    """`sql` goes after FROM."""

    sql: str
    columns: tuple[Column, ...]


def choose(columns: Sequence[Column], data: ConversionInput) -> tuple[Column, ...]:
    """The columns that were asked for, in that order, under their new names."""
    by_name = {column.name: column for column in columns}
    wanted = pick([column.name for column in columns], data)
    return tuple(by_name[old].named(new) for old, new in wanted)


def pick(names: Sequence[str], data: ConversionInput) -> list[tuple[str, str]]:
    """The chosen columns as (name in the file, new name). Raises `Permanent` for one that does not exist."""
    asked = data.columns or list(names)
    unknown = [name for name in [*asked, *data.rename] if name not in names]
    if unknown:
        have = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        raise Permanent(f"There is no column {unknown[0]!r}. The file has: {have}.")
    chosen = [(name, data.rename.get(name, name)) for name in asked]
    new = [name for _, name in chosen]
    if twice := sorted({name for name in new if new.count(name) > 1}):
        raise Permanent(f"Two columns would be called {twice[0]!r}. Choose other new names.")
    return chosen


def clean_names(names: Sequence[str], policy: Literal["fail", "rename"], *, ignore_case: bool = False) -> list[str]:
    """Names that are all there and all different. Raises `Permanent` for the first that is not, or mends it."""
    fold: Callable[[str], str] = str.casefold if ignore_case else str.__str__
    seen: set[str] = set()
    result = []
    for number, original in enumerate(names, 1):
        if not original.strip() and policy == "fail":
            raise Permanent(f"Column {number} has no name in the header. Name it, or choose to rename such columns.")
        name = original if original.strip() else f"column_{number}"
        if fold(name) in seen and policy == "fail":
            raise Permanent(_repeated(names, original, number, fold))
        candidate = (name if n == 1 else f"{name}_{n}" for n in count(1))
        name = next(free for free in candidate if fold(free) not in seen)
        seen.add(fold(name))
        result.append(name)
    return result


def _repeated(names: Sequence[str], name: str, number: int, fold: Callable[[str], str]) -> str:
    first = next(i for i, other in enumerate(names, 1) if fold(other) == fold(name))
    why = " (Parquet readers do not tell capital letters apart)" if names[first - 1] != name else ""
    return (
        f"The column name {name!r} stands twice, in columns {first} and {number}{why}. "
        "Rename one, or choose to rename repeated columns."
    )
