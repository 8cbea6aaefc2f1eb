"""What happens next in a run, decided without a database."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jobsapp.core.workflows import Definition, Place, State, read, restarted
from tests.core.workflows.worlds import NOON, World


def steps(**given: dict[str, Any]) -> Definition:
    inputs = {"list": {"type": "list", "required": False}, "go": {"type": "boolean", "required": False}}
    return read({"input": inputs, "steps": {key: {"type": "echo"} | one for key, one in given.items()}})


def waiting(**wait: Any) -> dict[str, Any]:
    return {"type": None, "waitFor": wait}


DIAMOND = steps(a={}, b={"needs": ["a"]}, c={"needs": ["a"]}, d={"needs": ["b", "c"]})


def test_a_step_begins_when_all_that_it_needs_are_done() -> None:
    world = World(DIAMOND)
    assert sorted(world.jobs) == [Place("a")]
    world.end("a", result=1)
    assert sorted(world.jobs) == [Place("b"), Place("c")]
    world.end("c")
    assert sorted(world.jobs) == [Place("b")]
    world.end("b")
    world.end("d", result={"rows": 3})
    assert (world.finish.status, world.finish.result) == ("completed", {"d": {"rows": 3}})


def test_inputs_come_from_the_input_and_from_earlier_steps_and_keep_their_type() -> None:
    definition = steps(
        a={"input": {"all": "${{ input.list }}"}},
        b={"needs": ["a"], "input": {"rows": "${{ steps.a.result.rows }}", "said": "of ${{ steps.a.result.rows }}!"}},
    )
    world = World(definition, {"list": [1, "x"]})
    assert world.data[Place("a")] == {"all": [1, "x"]}
    world.end("a", result={"rows": 12})
    assert world.data[Place("b")] == {"rows": 12, "said": "of 12!"}


def test_a_condition_that_does_not_hold_leaves_a_step_out_and_what_needs_it_runs() -> None:
    world = World(steps(a={"when": "input.go"}, b={"needs": ["a"]}), {"go": False})
    assert world.states() == {"a": "skipped", "b": "running"}
    assert World(steps(a={"when": "${{ input.go }}"}), {"go": True}).states() == {"a": "running"}


def test_a_loop_runs_so_many_at_once_and_gives_a_list() -> None:
    definition = steps(
        a={"forEach": "input.list", "width": 2, "input": {"n": "${{ item }}", "at": "${{ index }}"}},
        b={"needs": ["a"], "input": {"all": "${{ steps.a.result }}"}},
    )
    world = World(definition, {"list": [10, 20, 30]})
    assert sorted(world.jobs) == [Place("a", 0), Place("a", 1)]
    world.end("a", item=1, result="second")
    assert sorted(world.jobs) == [Place("a", 0), Place("a", 2)]
    assert world.data[Place("a", 2)] == {"n": 30, "at": 2}
    world.end("a", item=2, result="third")
    world.end("a", item=0, result="first")
    assert world.data[Place("b")] == {"all": ["first", "second", "third"]}
    assert World(steps(a={"forEach": []}, b={"needs": ["a"]})).states() == {"a": "completed", "b": "running"}


def test_a_loop_over_what_is_no_list_fails_with_its_reason() -> None:
    world = World(steps(a={"forEach": "input.go"}), {"go": True})
    assert world.finish.status == "failed"
    assert world.finish.error["message"] == "a: forEach: must give a list; it gave a bool."


def test_a_failure_stops_what_runs_and_fails_the_run() -> None:
    world = World(DIAMOND)
    world.end("a")
    world.end("b", State.FAILED)
    assert world.stopped == {Place("c"): 1}
    assert world.finish is None
    world.end("c", State.CANCELLED)
    assert world.finish.status == "failed"
    assert world.finish.error == {"type": "Boom", "message": "b: b broke"}
    assert world.states()["d"] == "pending"


def test_a_failure_may_be_gone_over_or_leave_out_what_needs_it() -> None:
    world = World(steps(a={"onFailure": "continue"}, b={"needs": ["a"]}))
    world.end("a", State.FAILED)
    assert world.states() == {"a": "failed", "b": "running"}
    world = World(steps(a={"onFailure": "skip"}, b={"needs": ["a"]}, c={"needs": ["b"]}, d={}))
    world.end("a", State.FAILED)
    assert world.states() == {"a": "failed", "b": "skipped", "c": "skipped", "d": "running"}
    world.end("d")
    assert world.finish.status == "completed"


def test_a_failed_item_stops_the_others_unless_it_may_fail() -> None:
    world = World(steps(a={"forEach": [1, 2, 3, 4], "width": 2}))
    world.end("a", State.FAILED, item=0)
    assert (sorted(world.jobs), world.stopped) == ([Place("a", 1)], {Place("a", 1): 1})
    world.end("a", State.CANCELLED, item=1)
    assert world.finish.error["message"] == "a: item 1 of 4: a broke"
    world = World(steps(a={"forEach": [1, 2], "onFailure": "continue"}))
    world.end("a", State.FAILED, item=0)
    world.end("a", item=1, result="good")
    assert world.finish.result == {"a": [None, "good"]}


def test_a_wait_ends_when_its_time_has_come() -> None:
    world = World(steps(a=waiting(seconds=60), b={"needs": ["a"]}))
    world.wait(59)
    assert world.states() == {"a": "waiting", "b": "pending"}
    world.wait(1)
    assert world.states() == {"a": "completed", "b": "running"}
    until = (NOON + timedelta(hours=1)).isoformat()
    world = World(steps(a=waiting(until=until)))
    assert world.run.of(Place("a")).wake_at == NOON + timedelta(hours=1)


def test_a_deadline_fails_the_step_or_lets_it_go_on() -> None:
    world = World(steps(a=waiting(approval={}, deadlineSeconds=60)))
    world.wait(60)
    assert world.finish.error == {"type": "Deadline", "message": "a: Nobody approved it within 60 s."}
    world = World(steps(a=waiting(event="paid", deadlineSeconds=60, onDeadline="continue"), b={"needs": ["a"]}))
    world.wait(61)
    assert world.states() == {"a": "completed", "b": "running"}
    assert world.run.of(Place("a")).result == {"timedOut": True}


def undoing(**more: Any) -> dict[str, Any]:
    result = "${{ steps." + more.pop("of") + ".result }}"
    return {"compensate": {"type": "echo", "input": {"undo": result}}} | more


def test_after_a_failure_what_was_done_is_undone_last_first() -> None:
    definition = steps(a=undoing(of="a"), b=undoing(of="b"), c={"needs": ["a", "b"]}, d=undoing(of="d", needs=["c"]))
    world = World(definition)
    world.end("b", result="B")
    world.end("a", result="A")
    world.end("c", State.FAILED)
    assert sorted(world.jobs) == [Place("a").undo]
    assert world.data[Place("a").undo] == {"undo": "A"}
    world.end("a.undo")
    assert sorted(world.jobs) == [Place("b").undo]
    world.end("b.undo", State.FAILED)
    assert world.finish.status == "failed"
    assert world.states() == {"a": "undone", "b": "completed", "c": "failed", "d": "pending"}


def test_a_cancel_stops_the_steps_and_then_undoes() -> None:
    world = World(steps(a=undoing(of="a"), b={"needs": ["a"]}, w=waiting(event="paid")))
    world.end("a")
    world.cancel()
    assert (world.stopped, world.states()["w"]) == ({Place("b"): 1}, "cancelled")
    world.end("b", State.CANCELLED)
    assert sorted(world.jobs) == [Place("a").undo]
    world.end("a.undo")
    assert world.finish.status == "cancelled"


def test_going_on_from_the_failed_step_keeps_what_completed() -> None:
    world = World(DIAMOND)
    world.end("a", result="A")
    world.end("b", result="B")
    world.end("c", State.FAILED)
    again = World(DIAMOND, run=restarted(DIAMOND, world.run, {"list": [1]}))
    assert sorted(again.jobs) == [Place("c")]
    again.end("c")
    assert again.begun == [Place("c"), Place("d")]
    assert again.run.input == {"list": [1]}


def test_what_was_undone_runs_again_and_so_does_what_came_after() -> None:
    definition = steps(a=undoing(of="a"), b={"needs": ["a"]}, c={"needs": ["b"]}, k={})
    world = World(definition)
    world.end("k")
    world.end("a")
    world.end("b")
    world.end("c", State.FAILED)
    world.end("a.undo")
    again = World(definition, run=restarted(definition, world.run))
    assert again.states() == {"a": "running", "b": "pending", "c": "pending", "k": "completed"}


def test_going_on_in_a_loop_keeps_the_items_that_completed() -> None:
    definition = steps(a={"forEach": "input.list"})
    world = World(definition, {"list": [1, 2]})
    world.end("a", item=0, result="one")
    world.end("a", State.FAILED, item=1)
    assert sorted(World(definition, run=restarted(definition, world.run)).jobs) == [Place("a", 1)]
    other = World(definition, run=restarted(definition, world.run, {"list": [3]}))
    assert other.data == {Place("a", 0): {}}


@st.composite
def graphs(draw: st.DrawFn) -> Definition:
    """Any graph of steps of all kinds: each may need those before it in a hidden order."""
    keys = [f"s{number}" for number in draw(st.permutations(range(draw(st.integers(1, 8)))))]
    made: dict[str, dict[str, Any]] = {}
    for place, key in enumerate(keys):
        needs = draw(st.lists(st.sampled_from(keys[:place]), unique=True, max_size=3)) if place else []
        kind = draw(st.sampled_from(["job", "job", "loop", "wait", "undo", "maybe"]))
        step: dict[str, Any] = {"needs": needs, "onFailure": draw(st.sampled_from(["fail", "continue", "skip"]))}
        if kind == "loop":
            step |= {"forEach": list(range(draw(st.integers(0, 4)))), "width": draw(st.integers(1, 3))}
        if kind == "wait":
            step |= waiting(event="paid", deadlineSeconds=5, onDeadline=draw(st.sampled_from(["fail", "continue"])))
        if kind == "undo":
            step |= undoing(of=key)
        if kind == "maybe":
            step |= {"when": "input.go"}
        made[key] = step
    return steps(**dict(sorted(made.items())))


@given(graphs(), st.booleans(), st.integers(0, 2**32), st.floats(0, 0.6), st.integers(0, 12))
def test_every_graph_ends_and_each_step_runs_once_and_never_before_its_needs(
    definition: Definition, go: bool, seed: int, risk: float, cancel_after: int
) -> None:
    chance = random.Random(seed)
    world = World(definition, {"go": go, "list": None})
    done_when_begun: dict[str, dict[str, str]] = {}

    def choose(places: list[Place]) -> Place:
        for place in world.begun:
            done_when_begun.setdefault(place.key, world.states())
        if len(world.begun) > cancel_after > 8 and not world.run.cancel_requested:
            world.cancel()
        return chance.choice(places)

    def fate(_place: Place) -> State:
        return chance.choice([State.FAILED, State.CANCELLED]) if chance.random() < risk else State.COMPLETED

    world.live(choose, fate)
    assert len(world.begun) == len(set(world.begun))
    over = {"completed", "failed", "cancelled", "skipped", "undone"}
    for key, seen in done_when_begun.items():
        if key in definition.steps:
            assert {seen[need] for need in definition.steps[key].needs} <= over
    assert (world.finish.status == "completed") == (world.run.stopping is None)
    assert not world.jobs
    again = World(definition, run=restarted(definition, world.run))
    again.live(lambda places: chance.choice(places), lambda _: State.COMPLETED)
    kept = {key for key, state in world.states().items() if state == "completed" and again.states()[key] == "completed"}
    rerun = {place.key for place in again.begun}
    for key in kept - rerun:
        assert world.run.of(Place(key)).result == again.run.of(Place(key)).result
    for key in kept & rerun:
        # Only because something before it, or itself, has to run again.
        before = definition.upstream[key] | {key}
        rerun_before = any(
            one in rerun or again.run.of(Place(one)) != world.run.of(Place(one)) for one in before - {key}
        )
        assert rerun_before
