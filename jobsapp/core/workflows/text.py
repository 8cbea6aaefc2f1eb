"""A definition as people write it: YAML, of which JSON is a part, without what surprises.

Only what JSON has too: texts, numbers, true, false, null, lists, and objects with each key once. So there are no
aliases (which may stand for a thousand times their length), no tags, and no texts that turn out to be times, octal
numbers or numbers to the base 60. YAML 1.2 calls nearly the same its core schema (https://yaml.org/spec/1.2.2, 10.3).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, ClassVar

import yaml
from yaml.nodes import Node, ScalarNode, SequenceNode

from jobsapp.core.storable import is_storable
from jobsapp.errors import InvalidInput

TEXT_BYTES = 200_000
DEEPEST = 50
"""Levels of lists and objects in one another."""
DIGITS = 18
"""Of a whole number: what every reader of JSON keeps exactly, or at least takes."""

_TAG = "tag:yaml.org,2002:"
_SPELLINGS = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), [*"~nN", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("int", re.compile(r"[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")),
    (
        "float",
        re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|\.[0-9]+)$"),
        list("-+.0123456789"),
    ),
)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise _fault("aliases (*name) are not read", self.peek_event())
        if self.depth > DEEPEST:
            raise _fault(f"is nested more than {DEEPEST} levels deep", self.peek_event())
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    depth = 0


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Quotes what the loader would not read as a text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> Any:
        # Line breaks that JSON does not know are read as others, but in double quotes.
        return self.represent_scalar(_TAG + "str", data, style='"' if _BREAKS.search(data) else None)


_BREAKS = re.compile("[\r\x85\u2028\u2029]")
_Dumper.add_representer(str, _Dumper.represent_str)
for _name, _pattern, _first in _SPELLINGS:
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(_TAG + _name, _pattern, _first)
_Dumper.add_implicit_resolver(_TAG + "merge", re.compile("<<$"), ["<"])


def parse(text: str) -> Any:
    """The value of a text in YAML or JSON. Raises InvalidInput with the line and what is wrong there."""
    if len(text.encode(errors="replace")) > TEXT_BYTES:
        raise InvalidInput.of("definition", f"may have up to {TEXT_BYTES:,} bytes.")
    if text.lstrip()[:1] == "{":
        try:
            return _from_json(text)
        except (ValueError, RecursionError):
            # YAML tells where the fault is, or reads what is no JSON after all.
            pass
    return _from_yaml(text)


def written(value: Any) -> str:
    """A definition as YAML, in its own order."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100))


def _from_yaml(text: str) -> Any:
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return None if node is None else _value(node)
    except yaml.MarkedYAMLError as error:
        said, mark = error.problem or error.context, error.problem_mark
        raise _refused(said, mark and (mark.line, mark.column)) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = before.count("\n"), error.position - before.rfind("\n") - 1
        raise _refused("a character that cannot be kept", place) from None
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError):
        # An escape of no character, for one: the scanner says no place.
        mark = loader.get_mark() if loader else None
        raise _refused("cannot be read", mark and (mark.line, mark.column)) from None


def _value(node: Node) -> Any:
    """What a node says, if JSON could say it. Raises MarkedYAMLError."""
    if isinstance(node, ScalarNode):
        return _scalar(node)
    if isinstance(node, SequenceNode):
        _refuse_tag(node, "seq")
        return [_value(item) for item in node.value]
    _refuse_tag(node, "map")
    found: dict[str, Any] = {}
    for key, item in node.value:
        name = _key(key)
        if name in found:
            raise _fault(f"{name!r} stands twice", key)
        found[name] = _value(item)
    return found


def _key(node: Node) -> str:
    if not isinstance(node, ScalarNode):
        raise _fault("a key must be a text", node)
    if node.value == "<<" and not node.style:
        raise _fault("merging (<<) is not read", node)
    if not is_storable(node.value):
        raise _fault("a character that cannot be kept", node)
    # As JSON has it: a key is a text, whatever it looks like.
    return str(node.value)


def _scalar(node: ScalarNode) -> Any:
    kind = node.tag.removeprefix(_TAG)
    text = node.value
    if kind == "str":
        if not is_storable(text):
            raise _fault("a character that cannot be kept", node)
        return text
    spelled = next((pattern for name, pattern, _ in _SPELLINGS if name == kind), None)
    if spelled is None or node.style or not spelled.match(text):
        raise _fault(f"tags ({node.tag}) are not read", node)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int" and len(text.lstrip("+-")) <= DIGITS:
        return int(text)
    number = float(text)
    if kind == "int" or not math.isfinite(number):
        raise _fault("is too large a number; write it as a text, in quotes", node)
    return number


def _refuse_tag(node: Node, kind: str) -> None:
    if node.tag != _TAG + kind:
        raise _fault(f"tags ({node.tag}) are not read", node)


def _from_json(text: str) -> Any:
    """Raises ValueError, also for what YAML has to tell of."""
    value = json.loads(text, object_pairs_hook=_once, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
    waiting = [(value, 0)]
    while waiting:
        one, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError
        if isinstance(one, dict):
            waiting += [(key, depth) for key in one] + [(item, depth + 1) for item in one.values()]
        elif isinstance(one, list):
            waiting += [(item, depth + 1) for item in one]
        elif isinstance(one, str) and not is_storable(one):
            raise ValueError
    return value


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError
        found[key] = value
    return found


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > DIGITS:
        raise ValueError
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _fault(problem: str, at: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)


def _refused(said: str | None, place: tuple[int, int] | None) -> InvalidInput:
    where = f"line {place[0] + 1:,}, column {place[1] + 1:,}: " if place else ""
    return InvalidInput.of("definition", f"{where}{' '.join((said or 'cannot be read').split())[:200]}.")
