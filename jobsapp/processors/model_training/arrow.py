"""pyarrow without types: it makes its functions when it is imported, so a type checker sees none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

pa: Any = import_module("pyarrow")
pc: Any = import_module("pyarrow.compute")
pa_csv: Any = import_module("pyarrow.csv")
pq: Any = import_module("pyarrow.parquet")
