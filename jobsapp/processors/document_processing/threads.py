"""How many threads numpy's matrix products take: numpy itself has no say in it, the library below it has."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

NAMES = ("scipy_openblas_{}_num_threads64_", "scipy_openblas_{}_num_threads", "openblas_{}_num_threads")


def limit_threads(count: int) -> None:
    """From now on, in this process. Does nothing where numpy does not come with OpenBLAS (macOS has its own)."""
    for setter in _functions("set"):
        setter(ctypes.c_int(count))


def thread_counts() -> list[int]:
    """How many threads each OpenBLAS of numpy takes."""
    return [int(getter()) for getter in _functions("get")]


def _functions(verb: str) -> Iterator[ctypes._NamedFuncPointer]:
    import numpy as np

    folder = Path(np.__file__).parent
    for path in [*folder.with_name("numpy.libs").glob("*openblas*"), *folder.glob(".dylibs/*openblas*")]:
        library = ctypes.CDLL(str(path))
        name = next((name.format(verb) for name in NAMES if hasattr(library, name.format(verb))), None)
        if name is not None:
            yield library[name]
