"""Files and functions are small enough to be read at once; the few longer functions say why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("jobsapp", "tests", "benchmarks", "examples")
# The rule says about 300 and about 30; this is where "about" ends.
FILE_LINES = 310
FUNCTION_LINES = 40
LONG_FUNCTIONS = {
    "tests/house/walk.py bodies": "a table with an entry for each route",
    "tests/house/planted.py fillers": "a table with an entry for each name in an address",
    "tests/browser/test_workers.py test_what_a_worker_does_and_stopping_it": "one story, with a worker that is costly",
}


def sources() -> Iterator[tuple[str, str]]:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            yield path.relative_to(ROOT).as_posix(), path.read_text()


def functions(text: str) -> Iterator[tuple[str, int]]:
    """Each function with the lines of what it does: without its arguments and the text that explains them."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, *others = node.body
            begins = others[0] if others and ast.get_docstring(node) is not None else first
            yield node.name, (node.end_lineno or 0) - begins.lineno + 1


def test_no_file_is_long() -> None:
    lines = {name: len(text.splitlines()) for name, text in sources()}
    assert {name: count for name, count in lines.items() if count > FILE_LINES} == {}, "split it by idea"


def test_no_function_is_long_without_a_reason() -> None:
    counted = ((f"{name} {one}", lines) for name, text in sources() for one, lines in functions(text))
    long = {name for name, lines in counted if lines > FUNCTION_LINES}
    assert long - LONG_FUNCTIONS.keys() == set(), "split it by idea, or say here why it stays"
    assert LONG_FUNCTIONS.keys() - long == set(), "it is short by now: take it out of the list"


def test_what_is_counted_is_what_a_function_does() -> None:
    text = 'def one(\n    given,\n):\n    """Say\n    much."""\n    a = 1\n    return a\n\n\ndef two():\n    pass\n'
    assert dict(functions(text)) == {"one": 2, "two": 1}
