"""A definition as people write it: YAML, of which JSON is a part."""

from __future__ import annotations

from typing import Any

import yaml

from jobsapp.errors import InvalidInput

TEXT_BYTES = 200_000


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML without what surprises: no aliases (which may stand for a thousand times their length), no key twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not read", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


# Only true and false are truth values, and no text becomes a time.
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:timestamp" and (tag != "tag:yaml.org,2002:bool" or first in "tTfF")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str) -> Any:
    """The value of a text in YAML or JSON. Raises InvalidInput with the line and what is wrong there."""
    if len(text.encode(errors="replace")) > TEXT_BYTES:
        raise InvalidInput.of("definition", f"may have up to {TEXT_BYTES:,} bytes.")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader, and stricter
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InvalidInput.of("definition", f"{where}{error.problem or error.context}.") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidInput.of("definition", f"cannot be read: {' '.join(str(error).split())[:200]}") from None


def written(value: Any) -> str:
    """A definition as YAML, in its own order."""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100))
