"""Circles among the jobs of one call, as Python's own `graphlib` finds them."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from jobsapp.services.graphs import graph_of
from jobsapp.services.new_jobs import NewJob
from tests.examples import examples

Edges = dict[str, tuple[str, ...]]


@st.composite
def any_edges(draw: st.DrawFn) -> Edges:
    names = [f"j{number}" for number in range(draw(st.integers(1, 12)))]
    few = st.lists(st.sampled_from(names), unique=True, max_size=3).map(tuple)
    return {name: draw(few) for name in draw(st.permutations(names))}


@settings(max_examples=examples(1000), deadline=None)
@given(any_edges())
def test_a_circle_is_found_if_there_is_one_and_is_one(edges: Edges) -> None:
    try:
        TopologicalSorter(edges).prepare()
        round_ = False
    except CycleError:
        round_ = True
    found = graph_of({n: NewJob("echo", {}, ref=ref, depends_on=edges[ref] or None) for n, ref in enumerate(edges)})
    assert bool(found.faults) == round_
    for index, fault in found.faults.items():
        way = fault.errors[0].message.removesuffix(" goes round in a circle.").split(" → ")
        assert way[0] == way[-1] == [*edges][index]
        assert all(parent in edges[child] for child, parent in pairwise(way))


def test_a_chain_of_all_jobs_of_a_call_is_no_circle_until_its_ends_meet() -> None:
    """As deep as a call may be: nothing here calls itself."""
    chain = {n: NewJob("echo", {}, ref=f"j{n}", depends_on=(f"j{n + 1}",)) for n in range(9_999)}
    ends = chain | {9_999: NewJob("echo", {}, ref="j9999")}
    assert not graph_of(ends).faults
    met = chain | {9_999: NewJob("echo", {}, ref="j9999", depends_on=("j0",))}
    assert [*graph_of(met).faults] == [0]
