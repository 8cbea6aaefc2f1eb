"""Which of the jobs of one call wait for which: refs resolved, and circles found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from jobsapp.errors import InvalidInput
from jobsapp.services.new_jobs import REF_LENGTH, NewJob, parent_ids

MAX_EDGES = 100_000
SHOWN_OF_CIRCLE = 20


@dataclass(frozen=True)
class Graph:
    """By the index of a job in the call: `within`: the indexes of those of the call that it waits for; `outside`: the
    ids of jobs that were there before. `faults`: what is wrong with one."""

    within: Mapping[int, Sequence[int]]
    outside: Mapping[int, Sequence[UUID]]
    faults: Mapping[int, InvalidInput]

    @property
    def followed(self) -> set[int]:
        """Those that others of the call wait for."""
        return {parent for parents in self.within.values() for parent in parents}


def graph_of(asked: Mapping[int, NewJob]) -> Graph:
    """The graph that the jobs of a call make, whose refs may come in any order. Raises InvalidInput if it is too large.

    An index that has a fault is neither in `within` nor in `outside`.
    """
    if sum(len(new.depends_on or ()) for new in asked.values()) > MAX_EDGES:
        raise InvalidInput.of("jobs", f"may have up to {MAX_EDGES:,} entries in dependsOn, of all jobs together.")
    faults: dict[int, InvalidInput] = {}
    refs: dict[str, int] = {}
    for index, new in asked.items():
        if new.ref is not None:
            if fault := _wrong_ref(new.ref, refs):
                faults[index] = InvalidInput.of("ref", fault)
            refs.setdefault(new.ref, index)
    within: dict[int, list[int]] = {}
    for index, new in asked.items():
        named = [one for one in new.depends_on or () if isinstance(one, str)]
        if unknown := [one for one in named if one not in refs]:
            fault = f"there is no job with the ref {unknown[0]!r} in this call, and it is no id of a job."
            faults[index] = InvalidInput.of("dependsOn", fault)
        elif named:
            within[index] = [refs[one] for one in named]
    if circle := _circle(within):
        names = [asked[index].ref or "" for index in circle]
        shown = names if len(names) <= SHOWN_OF_CIRCLE else [*names[: SHOWN_OF_CIRCLE - 1], "…", names[-1]]
        faults[circle[0]] = InvalidInput.of("dependsOn", " → ".join(shown) + " goes round in a circle.")
    outside = {index: ids for index, new in asked.items() if (ids := parent_ids(new))}
    return Graph(within, outside, faults)


def _wrong_ref(ref: str, known: Mapping[str, int]) -> str | None:
    if not 1 <= len(ref) <= REF_LENGTH:
        return f"must have 1 to {REF_LENGTH} characters."
    try:
        UUID(ref)
    except ValueError:
        return f"{ref!r} is the ref of jobs[{known[ref]}] too; each needs its own." if ref in known else None
    return f"{ref!r} reads as the id of a job; use a name."


def _circle(within: Mapping[int, Sequence[int]]) -> list[int]:
    """A way from a job back to itself along what each waits for; empty if there is none."""
    done: set[int] = set()
    for start in within:
        if start in done:
            continue
        path: dict[int, Iterator[int]] = {start: iter(within[start])}
        while path:
            last, parents = next(reversed(path.items()))
            parent = next(parents, None)
            if parent is None:
                done.add(last)
                path.popitem()
            elif parent in path:
                way = list(path)
                return [*way[way.index(parent) :], parent]
            elif parent not in done:
                path[parent] = iter(within.get(parent, ()))
    return []
