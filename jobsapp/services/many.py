"""Many rows in one statement: each column travels as one array, so the number of rows has no bound of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, bindparam, func
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.selectable import TableValuedAlias


def as_table(model: type[DeclarativeBase], rows: Sequence[dict[str, Any]]) -> TableValuedAlias:
    """The rows, which all have the same keys, as a table of the statement, in their order, with the model's types."""
    columns = model.__table__.c
    arrays = [bindparam(None, [row[name] for row in rows], ARRAY(columns[name].type, dimensions=1)) for name in rows[0]]
    return func.unnest(*arrays).table_valued(*(columns[name] for name in rows[0])).render_derived()
