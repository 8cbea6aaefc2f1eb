"""Workflows from Python: the same definition as in YAML, made by a few plain functions.

    from jobsapp.workflows import field, ref, step, wait_for_approval, workflow

    clean_and_train = workflow(
        "clean-and-train",
        {"source": field("file"), "target": field("text")},
        convert=step("data-conversion", {"source": ref("input.source"), "targetFormat": "parquet"}),
        review=wait_for_approval("Train on it?", needs=["convert"], deadline_seconds=86_400),
        train=step("model-training", {"source": ref("steps.convert.artifacts[0].id"), "target": ref("input.target")},
                   needs=["review"]),
    )

Put it into a module that JOBSAPP_PROCESSORS names: then every organisation can start it by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobsapp.core.workflows import Definition, read

__all__ = [
    "Definition",
    "field",
    "ref",
    "step",
    "task",
    "wait",
    "wait_for_approval",
    "wait_for_event",
    "wait_until",
    "workflow",
]

Steps = Mapping[str, Any]


def workflow(
    name: str,
    input: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    title: str = "",
    description: str = "",
    output: Any = None,
    **steps: Steps,
) -> Definition:
    """A workflow. `steps`: by their keys, in any order. Raises InvalidInput naming each fault by its path."""
    made = {"name": name, "title": title, "description": description, "input": input or {}, "output": output}
    return read(made | {"steps": steps})


def field(type: str = "text", **more: Any) -> dict[str, Any]:
    """Something to fill in: text, number, integer, boolean, choice, file, list or object.

    `more`: title, description, required, default, choices.
    """
    return {"type": type, **more}


def ref(expression: str) -> str:
    """What an expression gives when the step begins: `ref("steps.convert.result.rows")`."""
    return "${{ " + expression + " }}"


def task(type: str, input: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A job for `compensate`. `more`: title, retry, timeout_seconds, priority."""
    return {"type": type, "input": input or {}, **more}


def step(
    type: str,
    input: Mapping[str, Any] | None = None,
    *,
    needs: Sequence[str] = (),
    when: str | None = None,
    for_each: str | Sequence[Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A step that makes a job. `more`: title, width, retry, timeout_seconds, priority, on_failure, compensate."""
    own = {"type": type, "input": input or {}, "needs": list(needs), "when": when}
    return own | {"for_each": for_each if for_each is None or isinstance(for_each, str) else list(for_each), **more}


def wait(seconds: float | str, *, needs: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """A step that waits for so many seconds."""
    return {"wait_for": {"seconds": seconds}, "needs": list(needs), **more}


def wait_until(moment: str, *, needs: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """A step that waits until a time in RFC 3339, or until what a reference gives."""
    return {"wait_for": {"until": moment}, "needs": list(needs), **more}


def wait_for_event(
    event: str,
    *,
    needs: Sequence[str] = (),
    deadline_seconds: float | None = None,
    on_deadline: str = "fail",
    **more: Any,
) -> dict[str, Any]:
    """A step that waits for an event from elsewhere; its payload is the step's result."""
    waits = {"event": event, "deadline_seconds": deadline_seconds, "on_deadline": on_deadline}
    return {"wait_for": waits, "needs": list(needs), **more}


def wait_for_approval(
    title: str = "",
    fields: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    description: str = "",
    role: str = "member",
    needs: Sequence[str] = (),
    deadline_seconds: float | None = None,
    on_deadline: str = "fail",
    **more: Any,
) -> dict[str, Any]:
    """A step that waits for a person; what they fill in is `result.fields` of the step."""
    approval = {"title": title, "description": description, "role": role, "fields": fields or {}}
    waits = {"approval": approval, "deadline_seconds": deadline_seconds, "on_deadline": on_deadline}
    return {"wait_for": waits, "needs": list(needs), **more}
