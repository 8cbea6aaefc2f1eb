"""References, `${{ steps.convert.result.rows }}`, and conditions: JMESPath inside, asked of what a run knows."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

Scope = Mapping[str, Any]
"""What an expression may ask: `input`, `steps`, and inside of a `forEach` also `item` and `index`."""

LARGEST = 4_000_000
"""Characters and values that an expression, or a template with all its references, may give: an input has no more."""
# Bounded, and never past the next one: so a text of many beginnings is read once.
_REFERENCE = re.compile(r"(\$?)\$\{\{((?:(?!\$\{\{).){0,2000}?)\}\}", re.DOTALL)
_WHOLE = re.compile(r"\s*\$\{\{((?:(?!\$\{\{).)*)\}\}\s*", re.DOTALL)


class WrongExpression(ValueError):
    """An expression that cannot be read, or that cannot be asked of what is there; the text says why."""


@lru_cache(2000)
def compiled(expression: str) -> Any:
    """Raises WrongExpression."""
    try:
        return jmespath.compile(bare(expression))
    except (JMESPathError, RecursionError) as error:
        raise WrongExpression(f"{bare(expression)!r} is no JMESPath expression: {_reason(error)}") from None


def bare(expression: str) -> str:
    """Without the `${{ }}` around it, if there is one."""
    found = whole(expression)
    return expression.strip() if found is None else found


def whole(template: str) -> str | None:
    """The expression of a text that is nothing but one reference; None for any other."""
    found = _WHOLE.fullmatch(template)
    return found[1].strip() if found else None


def ask(expression: str, scope: Scope) -> Any:
    """What the expression gives; None for what is not there. Raises WrongExpression."""
    try:
        found = _Bounded().visit(compiled(expression).parsed, scope)
        measured(found)
        return found
    except WrongExpression:
        raise
    except (JMESPathError, RecursionError, TypeError, ValueError, ArithmeticError) as error:
        raise WrongExpression(f"{bare(expression)!r}: {_reason(error)}") from None


def holds(expression: str, scope: Scope) -> bool:
    """Whether a condition holds, as JMESPath has it: not for null, false, and what is empty. Raises WrongExpression."""
    found = ask(expression, scope)
    return found is not None and found is not False and found not in ("", [], {})


def measured(value: Any, left: int = LARGEST) -> int:
    """How much of `left` is left after the value. Counts what is in it each time that it is there, as its JSON does.

    Raises WrongExpression if that is less than nothing, and for what JSON does not know.
    """
    rest = [value]
    while rest:
        one = rest.pop()
        left -= len(one) + 1 if isinstance(one, str | list | tuple | Mapping) else 1
        if left < 0:
            raise WrongExpression(f"it gives more than {LARGEST:,} characters and values.")
        if isinstance(one, Mapping):
            rest += [*one, *one.values()]
        elif isinstance(one, list | tuple):
            rest += one
        elif isinstance(one, float) and not math.isfinite(one):
            raise WrongExpression(f"it gives {one}, which is no number in JSON.")
        elif not (one is None or isinstance(one, str | int | float)):
            raise WrongExpression("it gives an expression (&…), which only a function such as sort_by can take.")
    return left


class _Bounded(TreeInterpreter):  # type: ignore[misc]
    """JMESPath that makes nothing large: a list of a value twice, again and again, would double it each time."""

    def visit_multi_select_list(self, node: Any, value: Any) -> Any:
        return _kept(super().visit_multi_select_list(node, value))

    def visit_multi_select_dict(self, node: Any, value: Any) -> Any:
        return _kept(super().visit_multi_select_dict(node, value))

    def visit_flatten(self, node: Any, value: Any) -> Any:
        return _kept(super().visit_flatten(node, value))

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        return _kept(super().visit_function_expression(node, value))


def _kept(value: Any) -> Any:
    measured(value)
    return value


def rendered(template: Any, scope: Scope) -> Any:
    """The template with what its references give. A reference alone keeps its type; inside a text it becomes text.

    `$${{` stands for `${{`. Raises WrongExpression, also for what is larger than LARGEST in all.
    """
    return _Rendering(scope).of(template)


class _Rendering:
    def __init__(self, scope: Scope) -> None:
        self._scope, self._left = scope, LARGEST

    def of(self, template: Any) -> Any:
        if isinstance(template, Mapping):
            return {key: self.of(value) for key, value in template.items()}
        if isinstance(template, list | tuple):
            return [self.of(value) for value in template]
        if not isinstance(template, str):
            return template
        if (expression := whole(template)) is not None:
            found = ask(expression, self._scope)
            self._left = measured(found, self._left)
            return found
        return _REFERENCE.sub(self._text_of, template)

    def _text_of(self, found: re.Match[str]) -> str:
        if found[1]:
            return found[0][1:]
        text = as_text(ask(found[2], self._scope))
        self._left = measured(text, self._left)
        return text


def references(template: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each reference in a template with the path of the value that has it."""
    if isinstance(template, Mapping):
        for key, value in template.items():
            yield from references(value, f"{path}.{key}")
    elif isinstance(template, list | tuple):
        for place, value in enumerate(template):
            yield from references(value, f"{path}.{place}")
    elif isinstance(template, str):
        if (expression := whole(template)) is not None:
            yield path, expression
        else:
            yield from ((path, found[2]) for found in _REFERENCE.finditer(template) if not found[1])


def is_dynamic(value: Any) -> bool:
    return next(references(value), None) is not None


def names(expression: str) -> list[tuple[str, ...]]:
    """What an expression asks the scope for, as far as it says: `steps.a.result[0].x` is (steps, a, result).

    Raises WrongExpression.
    """
    found: list[tuple[str, ...]] = []
    rest = _names(compiled(expression).parsed, found)
    return [*found, rest] if rest else found


def _names(node: Mapping[str, Any], found: list[tuple[str, ...]]) -> tuple[str, ...] | None:
    """The chain of names that a node is, begun at the scope; None if it is none. Other chains in it go to `found`."""
    kind, children = node["type"], node.get("children", [])
    if kind == "field":
        return (node["value"],)
    if kind == "subexpression" and children[0]["type"] == "not_expression":
        raise WrongExpression(
            "! negates the first name alone; put what it negates into parentheses: !(steps.a.result)."
        )
    if kind == "subexpression":
        chain = _names(children[0], found)
        for child in children[1:]:
            if chain is None:
                return None
            first = child
            while first["type"] in _LEFT:
                first = first["children"][0]
            if first["type"] == "field":
                chain = (*chain, first["value"])
            if child["type"] != "field":
                found.append(chain)
                return None
        return chain
    # What stands right of a projection or a pipe is asked of something else.
    inside = 1 if kind in _LEFT else len(children)
    for child in children[:inside]:
        if kind == "expref":
            continue
        chain = _names(child["children"][0] if kind == "multi_select_dict" else child, found)
        if chain:
            found.append(chain)
    return None


_LEFT = {"index_expression", "projection", "filter_projection", "value_projection", "pipe", "flatten"}


def as_text(value: Any) -> str:
    """A value as it stands inside a text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
