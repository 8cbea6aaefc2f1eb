"""Creating many jobs in one call: all or none, a handful of statements, one wake-up for each queue."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import ARRAY, String, any_, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.events import Event, JobChanged
from jobsapp.core.storable import refuse_faults
from jobsapp.errors import Conflict, InvalidInput
from jobsapp.models import Job
from jobsapp.processors.registry import JobType, Registry
from jobsapp.services.dependencies import Dependencies
from jobsapp.services.faults import Faults
from jobsapp.services.graphs import Graph, graph_of
from jobsapp.services.inputs import Inputs, files_of
from jobsapp.services.many import as_table
from jobsapp.services.new_jobs import NewJob, bounded, clock, digest, installed, row
from jobsapp.services.secrets import Secrets
from jobsapp.services.sessions import DbSession, driver
from jobsapp.store.dependencies import CANCEL
from jobsapp.store.durations import read_durations
from jobsapp.store.jobs import enqueue

MAX_JOBS = 10_000

LEAST_WEIGHT = 0.001
UNKNOWN_WEIGHT = 1.0

Checked = tuple[NewJob, JobType, Any]
Admissions = dict[str, Callable[[Actor, Any], None]]
"""By type: refuses data that its model cannot know to be wrong. Raises InvalidInput."""


@dataclass(frozen=True)
class Added:
    """Jobs in the order of the call. `created` False: the key was used before. `weight`: of all of them, in a batch."""

    ids: list[UUID]
    created: bool
    weight: float = 0.0


class Bulk:
    def __init__(
        self,
        session: DbSession,
        registry: Registry,
        hints: Hints,
        inputs: Inputs,
        secrets: Secrets,
        dependencies: Dependencies,
        admissions: Admissions,
    ) -> None:
        self._session = session
        self._registry = registry
        self._hints = hints
        self._inputs = inputs
        self._secrets = secrets
        self._dependencies = dependencies
        self._admissions = admissions

    def create(
        self, actor: Actor, jobs: Sequence[NewJob | InvalidInput], *, idempotency_key: str | None = None
    ) -> tuple[list[UUID], bool]:
        """Create 1 to MAX_JOBS jobs, all or none, and commit. Returns their ids in the order of `jobs`, and True.

        If the key was used before: the first ids, and False. An entry that the caller could not read is given as its
        error. Raises InvalidInput naming the fields at fault as `jobs[17].data.source`, and Conflict if the key was
        used with another request or if jobs of its first use were deleted since.
        """
        self.follow(actor, jobs)
        added = self.add(actor, jobs, idempotency_key=idempotency_key)
        self._session.commit()
        return added.ids, added.created

    def digest(self, jobs: Sequence[NewJob | InvalidInput]) -> bytes:
        """As it is kept beside an idempotency key. Raises InvalidInput as `create`, for what each says by itself."""
        faults = Faults(len(jobs))
        asked = _bounded(jobs, faults)
        faults.refuse()
        return digest(list(asked.values()), self._secrets)

    def add(self, actor: Actor, jobs: Sequence[NewJob | InvalidInput], *, idempotency_key: str | None = None) -> Added:
        """As `create`, in the transaction of the caller, who commits, or rolls back if it raises. `follow` came before.

        If the key was used before, nothing is left to commit.
        """
        if not 1 <= len(jobs) <= MAX_JOBS:
            raise InvalidInput.of("jobs", f"must be from 1 to {MAX_JOBS:,} jobs; these are {len(jobs):,}.")
        faults = Faults(len(jobs))
        asked = _bounded(jobs, faults)
        said = b""
        # Before all that may have changed since the first request: its files may be gone by now.
        if idempotency_key is not None and not faults:
            said = digest(list(asked.values()), self._secrets)
            first = self._first(actor, idempotency_key, said, len(jobs))
            if first:
                return Added(first, False)
        graph = self._graph(actor, asked, faults)
        rows, held = self._rows(actor, asked, faults)
        for index in graph.followed:
            rows[index]["followed"] = True
        if idempotency_key is not None:
            for one, key in zip(rows, _keys(idempotency_key, len(rows)), strict=True):
                one |= {"idempotency_key": key, "request_digest": said}
        if not self._insert(rows):
            # Another request with this key was faster.
            self._session.rollback()
            return Added(self._first(actor, idempotency_key or "", said, len(jobs)) or _deleted(), False)
        ids = [one["id"] for one in rows]
        enqueue(driver(self._session), ids, blockers=self._depend(actor, asked, graph, ids))
        self._hold(actor, asked, held)
        self._announce(rows)
        return Added(ids, True, sum(one["weight"] or 0.0 for one in rows))

    def follow(self, actor: Actor, jobs: Sequence[NewJob | InvalidInput]) -> None:
        """Have the ends of those told that were there before and that these jobs depend on, and commit: before anything
        is written. Which of them there are not, `add` tells."""
        wanted = {one for new in jobs if isinstance(new, NewJob) for one in new.depends_on or ()}
        ids = {one for one in wanted if isinstance(one, UUID)}
        if ids and len(jobs) <= MAX_JOBS:
            self._dependencies.follow(actor, self._dependencies.known(actor, ids))

    def _graph(self, actor: Actor, asked: dict[int, NewJob], faults: Faults) -> Graph:
        """What waits for what. Notes the faults: refs and ids that are not there, circles."""
        graph = graph_of(asked)
        wanted = {one for ids in graph.outside.values() for one in ids}
        known = self._dependencies.known(actor, wanted) if wanted else set()
        for index, ids in graph.outside.items():
            if unknown := next((one for one in ids if one not in known), None):
                faults.add(index, InvalidInput.of("dependsOn", f"There is no job {unknown}."))
        for index, fault in graph.faults.items():
            faults.add(index, fault)
        return graph

    def _depend(self, actor: Actor, asked: dict[int, NewJob], graph: Graph, ids: list[UUID]) -> dict[UUID, int]:
        """Write down what waits for what. Returns for how many jobs each waits."""
        policies = {index: asked[index].on_parent_failure or CANCEL for index in {*graph.within, *graph.outside}}
        inner = [(ids[one], ids[other], policies[one]) for one, others in graph.within.items() for other in others]
        outer = [(ids[one], other, policies[one]) for one, others in graph.outside.items() for other in others]
        blockers = Counter(self._dependencies.add(actor, inner, fresh=True))
        blockers.update(self._dependencies.add(actor, outer))
        return blockers

    def _rows(
        self, actor: Actor, asked: dict[int, NewJob], faults: Faults
    ) -> tuple[list[dict[str, Any]], list[tuple[UUID, UUID]]]:
        """The rows, their ids rising in the order of the call, and the files to hold: (file id, job id)."""
        checked = self._checked(actor, asked, faults)
        known = self._inputs.names(actor, (data for _, _, data in checked.values()))
        now = clock(self._session, asked.values())
        usual = self._usual(new for new in asked.values() if new.batch_id is not None and new.weight is None)
        rows: list[dict[str, Any]] = []
        held: list[tuple[UUID, UUID]] = []
        for index, (new, job_type, data) in checked.items():
            files = faults.catch(index, partial(files_of, data, known))
            if files is None:
                continue
            names = list(files.values())
            made = faults.catch(index, partial(row, actor, new, job_type, data, names, now, self._secrets))
            if made is not None:
                if new.batch_id is not None and new.weight is None:
                    made["weight"] = usual.get(new.type, UNKNOWN_WEIGHT)
                rows.append(made)
                held += [(file_id, made["id"]) for file_id in files]
        faults.refuse()
        return rows, held

    def _usual(self, jobs: Iterable[NewJob]) -> dict[str, float]:
        """How many seconds jobs of these types took lately, by the median, where that is known."""
        types = {new.type for new in jobs}
        if not types:
            return {}
        known = read_durations(driver(self._session), types).durations
        return {name: max(statistics.median(those), LEAST_WEIGHT) for name, those in known.items() if those}

    def _checked(self, actor: Actor, asked: dict[int, NewJob], faults: Faults) -> dict[int, Checked]:
        """Each request with its type and its data as the type's model."""

        def check(new: NewJob) -> Checked:
            job_type = installed(self._registry, new.type)
            data = job_type.validate(new.data)
            if admit := self._admissions.get(job_type.name):
                admit(actor, data)
            return new, job_type, data

        found = ((index, faults.catch(index, partial(check, new))) for index, new in asked.items())
        return {index: one for index, one in found if one is not None}

    def _insert(self, rows: list[dict[str, Any]]) -> bool:
        """Insert the rows in one statement. False: some key was there, and not all rows are."""
        given = as_table(Job, rows)
        start = func.greatest(given.c.run_at, func.now())
        values = select(*(start if name == "run_at" else given.c[name] for name in rows[0]))
        statement = (
            insert(Job)
            .from_select(list(rows[0]), values)
            .on_conflict_do_nothing(
                index_elements=["organization_id", "idempotency_key"],
                index_where=Job.idempotency_key.is_not(None),
            )
            .returning(Job.id)
        )
        return len(self._session.execute(statement).all()) == len(rows)

    def _hold(self, actor: Actor, asked: dict[int, NewJob], held: list[tuple[UUID, UUID]]) -> None:
        """Hold the files for the new jobs. Raises InvalidInput for those that a cleanup deleted a moment ago."""
        try:
            self._inputs.hold(held)
        except IntegrityError:
            if self._session().in_nested_transaction():
                # What to do about it is for who has the savepoint.
                raise
            self._session.rollback()
            self._rows(actor, asked, Faults(len(asked)))
            raise

    def _announce(self, rows: list[dict[str, Any]]) -> None:
        session = self._session()
        for queue in sorted({one["queue"] for one in rows}):
            after_commit(session, partial(self._hints.wake, queue))
        changes = [JobChanged(one["id"], one["organization_id"], Event.CREATED, 1) for one in rows]
        after_commit(session, partial(self._hints.publish, changes))

    def _first(self, actor: Actor, key: str, said: bytes, jobs: int) -> list[UUID]:
        """The ids that the key gave first; none if it is new. Raises Conflict if they do not answer this request."""
        refuse_faults(**{"Idempotency-Key": key})
        query = (
            select(Job.id, Job.request_digest)
            .where(
                Job.organization_id == actor.organization_id,
                Job.idempotency_key == any_(literal(_keys(key, jobs), ARRAY(String))),
            )
            .order_by(Job.id)
        )
        found = self._session.execute(query).all()
        if any(one.request_digest != said for one in found):
            raise Conflict("This Idempotency-Key was used before with another request; use a new key.")
        if 0 < len(found) < jobs:
            _deleted()
        return [one.id for one in found]


def _bounded(jobs: Sequence[NewJob | InvalidInput], faults: Faults) -> dict[int, NewJob]:
    asked: dict[int, NewJob] = {}
    for index, new in enumerate(jobs):
        if isinstance(new, InvalidInput):
            faults.add(index, new)
        elif (kept := faults.catch(index, partial(bounded, new))) is not None:
            asked[index] = kept
    return asked


def _keys(key: str, jobs: int) -> list[str]:
    """The keys of the jobs of a call.

    The first has the call's own, so that a key serves one call only, of whichever kind. A line feed, which no header
    can carry, keeps the others apart from all keys that callers choose.
    """
    return [key, *(f"{key}\n{index}" for index in range(1, jobs))]


def _deleted() -> NoReturn:
    raise Conflict("Jobs of this Idempotency-Key were deleted since it was used; use a new key.")
