"""References, `${{ steps.convert.result.rows }}`, and conditions: JMESPath inside, asked of what a run knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

Scope = Mapping[str, Any]
"""What an expression may ask: `input`, `steps`, and inside of a `forEach` also `item` and `index`."""

_REFERENCE = re.compile(r"(\$?)\$\{\{(.*?)\}\}", re.DOTALL)
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
    whole = _WHOLE.fullmatch(expression)
    return (whole[1] if whole else expression).strip()


def ask(expression: str, scope: Scope) -> Any:
    """What the expression gives; None for what is not there. Raises WrongExpression."""
    try:
        return compiled(expression).search(scope)
    except (JMESPathError, RecursionError, TypeError, ValueError, ArithmeticError) as error:
        raise WrongExpression(f"{bare(expression)!r}: {_reason(error)}") from None


def holds(expression: str, scope: Scope) -> bool:
    """Whether a condition holds, as JMESPath has it: not for null, false, and what is empty. Raises WrongExpression."""
    found = ask(expression, scope)
    return found is not None and found is not False and found not in ("", [], {})


def rendered(template: Any, scope: Scope) -> Any:
    """The template with what its references give. A reference alone keeps its type; inside a text it becomes text.

    `$${{` stands for `${{`. Raises WrongExpression.
    """
    if isinstance(template, Mapping):
        return {key: rendered(value, scope) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [rendered(value, scope) for value in template]
    if not isinstance(template, str):
        return template
    if whole := _WHOLE.fullmatch(template):
        return ask(whole[1], scope)
    return _REFERENCE.sub(lambda found: found[0][1:] if found[1] else _text(ask(found[2], scope)), template)


def references(template: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each reference in a template with the path of the value that has it."""
    if isinstance(template, Mapping):
        for key, value in template.items():
            yield from references(value, f"{path}.{key}")
    elif isinstance(template, list | tuple):
        for place, value in enumerate(template):
            yield from references(value, f"{path}.{place}")
    elif isinstance(template, str):
        if whole := _WHOLE.fullmatch(template):
            yield path, whole[1]
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


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
