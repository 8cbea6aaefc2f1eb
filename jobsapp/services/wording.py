"""The words of messages: templates of an organisation, in a language that can do little, over a fixed set of values.

Jinja's sandbox keeps from the insides of objects. What is allowed beyond that is listed here, so that no template runs
for long or makes a text that is large: names, filters, conditions, and one loop that holds no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic.alias_generators import to_camel

from jobsapp.errors import FieldError, InvalidInput

SUBJECT_LENGTH = 300
TEXT_LENGTH = 10_000
SAID_SUBJECT_LENGTH = 200
SAID_TEXT_LENGTH = 20_000
LISTED = 50
"""Jobs that a message of many names."""
FILTERS = frozenset({"upper", "lower", "capitalize", "title", "default", "length", "join", "trim", "truncate"})
ALLOWED: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.For, nodes.Filter),
    *(nodes.Getattr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Concat),
)
DEFAULTS = {
    "subject": "{{ job.name }} {{ words }}",
    "text": """{{ job.name }} {{ words }}{{ " after " ~ job.duration if job.duration else "" }}.
{% if job.error %}

{{ job.error.type }}: {{ job.error.message }}
{% endif %}
{% if job.cancelReason %}

Reason: {{ job.cancelReason }}
{% endif %}

Type: {{ job.type }}
Organisation: {{ organization }}
{{ job.url }}""",
    "digest_subject": "{{ count }} jobs: {{ summary }}",
    "digest_text": """{{ summary }}

{% for job in jobs %}
- {{ job.name }} {{ job.words }}{{ ": " ~ job.error.message|truncate(120) if job.error else "" }}
  {{ job.url }}
{% endfor %}
{% if more %}

and {{ more }} more
{% endif %}

Organisation: {{ organization }}""",
}
JOB: dict[str, Any] = {
    "id": "0199b7a2-6f3c-7c11-9b2e-3f0a5d6c7e82",
    "name": "Nightly import",
    "type": "data-conversion",
    "status": "failed",
    "occasion": "failed",
    "words": "failed",
    "queue": "data-conversion",
    "attempts": 3,
    "duration": "2 min 5 s",
    "createdAt": "2026-11-26T01:00:00Z",
    "startedAt": "2026-11-26T01:00:01Z",
    "endedAt": "2026-11-26T01:02:06Z",
    "error": {"type": "ValueError", "message": "row 50 has no price"},
    "cancelReason": None,
    "url": "https://jobs.example.org/jobs/0199b7a2-6f3c-7c11-9b2e-3f0a5d6c7e82",
}
SAMPLES: dict[str, dict[str, Any]] = {
    "single": {"job": JOB, "words": "failed", "occasion": "failed", "organization": "Example"},
    "digest": {
        "jobs": [JOB, JOB | {"name": "Report", "status": "completed", "words": "completed", "error": None}],
        "count": 2,
        "more": 0,
        "summary": "1 failed, 1 completed",
        "counts": {"failed": 1, "completed": 1},
        "organization": "Example",
    },
}
"""The values that there are, of a message of one job and of many: with them templates are tried when they are saved."""


@dataclass(frozen=True)
class Words:
    """Templates; None: those that come with jobsapp."""

    subject: str | None = None
    text: str | None = None
    digest_subject: str | None = None
    digest_text: str | None = None

    def said(self, values: Mapping[str, Any], *, digest: bool) -> tuple[str, str]:
        """Subject and text. A template that fails with these values gives way to the one that comes with jobsapp."""
        place = "digest_" if digest else ""
        subject = self._said(f"{place}subject", values)
        return " ".join(subject.split())[:SAID_SUBJECT_LENGTH], self._said(f"{place}text", values)[:SAID_TEXT_LENGTH]

    def _said(self, name: str, values: Mapping[str, Any]) -> str:
        for template in (getattr(self, name), DEFAULTS[name]):
            if template is None:
                continue
            try:
                return _filled(template, values).strip()
            except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError):
                continue
        return ""


def check_words(words: Words) -> None:
    """Raises InvalidInput naming each template that is wrong, as the API does, and what is wrong with it."""
    found = []
    for name, template in vars(words).items():
        if template is not None and (why := _fault(name, template)):
            found.append(FieldError(to_camel(name), why))
    if found:
        raise InvalidInput("; ".join(f"{one.field}: {one.message}" for one in found), errors=tuple(found))


def _fault(name: str, template: str) -> str:
    most = SUBJECT_LENGTH if name.endswith("subject") else TEXT_LENGTH
    if len(template) > most:
        return f"may have up to {most:,} characters."
    try:
        _check_nodes(_environment().parse(template))
        said = _filled(template, SAMPLES["digest" if name.startswith("digest") else "single"])
    except TemplateError as error:
        return f"is no template: {error}."
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        return f"cannot be filled in: {error}."
    return "" if said.strip() else "would say nothing."


def _check_nodes(tree: nodes.Template) -> None:
    for node in tree.find_all(nodes.Node):
        if isinstance(node, (nodes.Operand, nodes.Keyword, nodes.Pair)):
            continue
        if not isinstance(node, ALLOWED):
            raise TemplateError(f"{type(node).__name__.lower()} is not available here")
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            raise TemplateError(f"the filter {node.name} is not available; there are {', '.join(sorted(FILTERS))}")
        if isinstance(node, nodes.For) and (node.recursive or any(True for one in node.body for _ in _loops(one))):
            raise TemplateError("a loop may not hold another")


def _loops(node: nodes.Node) -> Any:
    return [node] if isinstance(node, nodes.For) else node.find_all(nodes.For)


@lru_cache(1)
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True)
    environment.globals.clear()
    environment.filters = {name: environment.filters[name] for name in FILTERS} | {"join": _join}
    return environment


def _join(values: Any, between: Any = "") -> str:
    """Of a list, and never longer than a message."""
    if not isinstance(values, list | tuple):
        raise TypeError("join takes a list")
    return str(between)[:100].join(str(one) for one in values[:LISTED])[:SAID_TEXT_LENGTH]


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """The template with its values, not made further than a message may be long."""
    parts, size = [], 0
    for part in _compiled(template).generate(values):
        parts.append(part)
        size += len(part)
        if size > 2 * SAID_TEXT_LENGTH:
            break
    return "".join(parts)


@lru_cache(256)
def _compiled(template: str) -> Any:
    return _environment().from_string(template)
