"""The picture of a workflow: what it promises to the eye."""

from __future__ import annotations

import re
from itertools import pairwise

from jobsapp.core.workflows import Definition
from jobsapp.pages.graph import HEIGHT, WIDTH, Graph, graph_of

NUMBER = re.compile(r"-?\d+")


def drawn(needs: dict[str, list[str]]) -> Graph:
    return graph_of(
        Definition.model_validate({"steps": {key: {"type": "echo", "needs": of} for key, of in needs.items()}})
    )


def stops(path: str) -> list[tuple[int, int]]:
    """The ends of a path's parts."""
    found: list[tuple[int, int]] = []
    for part in re.findall(r"[MCH][^MCH]*", path):
        numbers = [int(one) for one in NUMBER.findall(part)]
        found.append((numbers[0], found[-1][1]) if part[0] == "H" else (numbers[-2], numbers[-1]))
    return found


def test_an_edge_over_several_layers_goes_past_the_steps_between() -> None:
    graph = drawn({"a": [], "b": ["a"], "c": ["b"], "d": ["c", "a"], "e": ["d", "b"]})
    boxes = [(node.x, node.y) for node in graph.nodes]
    assert len(graph.edges) == 6
    for edge in graph.edges:
        for (x0, y0), (x1, y1) in pairwise(stops(edge.path)):
            passed = [(x, y) for x, y in boxes if x0 < x + WIDTH and x < x1 and y0 == y1 and y < y0 < y + HEIGHT]
            assert not passed, f"{edge.path} goes through {passed}"


def test_many_long_edges_are_drawn_in_bounded_space() -> None:
    graph = drawn({f"s{at}": [f"s{before}" for before in range(at)][-40:] for at in range(60)})
    assert len(graph.edges) == sum(min(at, 40) for at in range(60))
    assert graph.height < 60 * 80
