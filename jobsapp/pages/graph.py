"""The steps of a workflow as a picture: layers from left to right, drawn on the server as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from jobsapp.core.workflows import Definition
from jobsapp.services.workflow_run_views import WorkflowRunView, WorkflowStepView

WIDTH, HEIGHT = 208, 56
GAP_X, GAP_Y = 48, 20
MARGIN = 8
WIDEST = 1900
"""Of a picture that is made smaller to fit; one that is wider is moved."""
LETTERS = 21
SWEEPS = 4
# In all layers together; what goes beyond is drawn behind the steps between.
LANES = 400
TONES = {
    "waiting": "pending",
    "running": "active",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    "skipped": "cancelled",
    "undone": "cancelled",
}
"""The colours of a job's states, for those of a step; a step that has not begun has none."""


@dataclass(frozen=True)
class Node:
    key: str
    title: str
    said: str
    """Its state and how far it is, in few letters."""
    state: str
    tone: str
    x: int
    y: int
    share: float | None
    """How much of it is done, 0 to 1; None: not known, or it does not run."""
    job_id: UUID | None


@dataclass(frozen=True)
class Edge:
    path: str
    """The `d` of an SVG path."""
    done: bool


@dataclass(frozen=True)
class Graph:
    width: int
    height: int
    nodes: list[Node]
    edges: list[Edge]
    node_width: int = WIDTH
    node_height: int = HEIGHT

    @property
    def fits(self) -> bool:
        """Whether a wide window shows all of it, and it can still be read."""
        return self.width <= WIDEST


def graph_of(definition: Definition, run: WorkflowRunView | None = None) -> Graph:
    """The picture of a workflow, and of how far a run of it is."""
    rows = _rows(definition)
    tallest = max(len(row) for row in rows)
    places = {
        key: (MARGIN + layer * (WIDTH + GAP_X), _top(place, len(row), tallest))
        for layer, row in enumerate(rows)
        for place, key in enumerate(row)
    }
    steps = {step.key: step for step in run.steps} if run else {}
    return Graph(
        width=2 * MARGIN + len(rows) * (WIDTH + GAP_X) - GAP_X,
        height=2 * MARGIN + tallest * (HEIGHT + GAP_Y) - GAP_Y,
        nodes=[_node(definition, key, places[key], steps.get(key)) for key in definition.order],
        edges=_edges(definition, places, steps),
    )


def _rows(definition: Definition) -> list[list[str]]:
    """The layers: each step right of all that it needs, near to what it is tied to, and lanes for edges that go by."""
    depth, before = _ties(definition)
    after: dict[str, list[str]] = {key: [] for key in before}
    for key, lefts in before.items():
        for left in lefts:
            after[left].append(key)
    rows: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for key in before:
        rows[depth[key]].append(key)
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            heights = {key: place / max(1, len(one) - 1) for one in rows for place, key in enumerate(one)}
            ties = before if sweep % 2 == 0 else after
            row.sort(key=lambda key: _middle(ties[key], heights, heights[key]))
    return rows


def _ties(definition: Definition) -> tuple[dict[str, int], dict[str, list[str]]]:
    """The layer of each step and lane, and what each is tied to in the layer left of it."""
    depth: dict[str, int] = {}
    for key in definition.order:
        depth[key] = max((depth[need] + 1 for need in definition.steps[key].needs), default=0)
    before: dict[str, list[str]] = {key: [] for key in definition.order}
    for key in definition.order:
        for need in definition.steps[key].needs:
            left = need
            for between in range(depth[need] + 1, depth[key]):
                lane = _lane(need, between)
                if lane not in before and len(before) >= len(definition.order) + LANES:
                    break
                before.setdefault(lane, [left])
                depth[lane] = between
                left = lane
            before[key].append(left)
    return depth, before


def _lane(need: str, depth: int) -> str:
    """Where edges from a step pass a layer that they do not end in. No step has such a key."""
    return f"{need}>{depth}"


def _middle(keys: tuple[str, ...] | list[str], heights: Mapping[str, float], otherwise: float) -> float:
    return sum(heights[key] for key in keys) / len(keys) if keys else otherwise


def _top(place: int, size: int, tallest: int) -> int:
    return MARGIN + round((place + (tallest - size) / 2) * (HEIGHT + GAP_Y))


def _node(definition: Definition, key: str, at: tuple[int, int], step: WorkflowStepView | None) -> Node:
    title = definition.steps[key].title or key
    state = step.state if step else "pending"
    return Node(
        key=key,
        title=title if len(title) <= LETTERS else title[: LETTERS - 1] + "…",
        said=said_of(step) if step else _kind(definition, key),
        state=state,
        tone=TONES.get(state, "") if step else "",
        x=at[0],
        y=at[1],
        share=_share(step),
        job_id=step.job_id if step else None,
    )


def said_of(step: WorkflowStepView) -> str:
    """`running 40 %`, `3 of 12`, `waits for an approval`."""
    if step.state == "waiting" and step.waits_for:
        said = f"waits for {step.waits_for}"
        return said if len(said) <= LETTERS + 4 else "waits for an event"
    if step.items_total is not None and step.state == "running":
        return f"{_over(step):,} of {step.items_total:,}"
    share = _share(step)
    if share is not None:
        return f"running {int(share * 100)} %"
    return "not begun" if step.state == "pending" else step.state


def _over(step: WorkflowStepView) -> int:
    return sum(one.state not in ("running", "waiting", "pending") for one in step.items)


def _share(step: WorkflowStepView | None) -> float | None:
    if step is None or step.state != "running":
        return None
    if step.items_total:
        return _over(step) / step.items_total
    percentage = step.progress.percentage if step.progress else None
    return None if percentage is None else percentage / 100


def _kind(definition: Definition, key: str) -> str:
    step = definition.steps[key]
    if step.wait_for is not None:
        return {"approval": "asks a person", "event": "waits for an event"}.get(step.wait_for.kind, "waits")
    said = step.type or ""
    said = said if step.for_each is None else f"{said}, each"
    return said if len(said) <= LETTERS + 4 else said[: LETTERS + 3] + "…"


def _edges(
    definition: Definition, places: Mapping[str, tuple[int, int]], steps: Mapping[str, WorkflowStepView]
) -> list[Edge]:
    return [
        Edge(_path(need, key, places), need in steps and steps[need].state in ("completed", "skipped"))
        for key in definition.order
        for need in definition.steps[key].needs
    ]


def _path(need: str, key: str, places: Mapping[str, tuple[int, int]]) -> str:
    """From the right of one step to the left of the other, past those between them."""
    x, y = places[need][0] + WIDTH, places[need][1] + HEIGHT // 2
    path = f"M{x} {y}"
    between = range(_layer(places[need]) + 1, _layer(places[key]))
    lanes = [lane for lane in (_lane(need, depth) for depth in between) if lane in places]
    for stop in (*lanes, key):
        to_x, to_y = places[stop][0], places[stop][1] + HEIGHT // 2
        bend = max(GAP_X // 2, (to_x - x) // 2)
        path += f"C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}" + (f"H{to_x + WIDTH}" if stop != key else "")
        x, y = to_x + WIDTH, to_y
    return path


def _layer(place: tuple[int, int]) -> int:
    return (place[0] - MARGIN) // (WIDTH + GAP_X)
