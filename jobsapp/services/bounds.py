"""Where every query of a request is bounded by who asks, so that a service that forgets to say whose rows it wants
finds none of another organisation.

A session that is bound adds a condition for each mapped table a statement names, also in joins, subqueries, loads of
relationships, updates and deletes. A table is bounded by its own column: the organisation, else the job, else the user
a row belongs to. Tables of the installation are in FREE. Rows that are in the session already are not asked for again;
they came by a bounded query, or are those of who asks.

Workers, the keeper, the hub and commands act for everybody: their sessions are not bound. Statements of `store` are
plain SQL and say their bound themselves, which a test checks one by one (`tests/house/test_statements.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, bindparam, event, false, select, tuple_
from sqlalchemy.orm import Mapper, ORMExecuteState, Session
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql import visitors
from sqlalchemy.sql.util import _deep_annotate

from jobsapp.core.actors import Actor, Guest, Reader
from jobsapp.extensions import Base
from jobsapp.models import (
    Job,
    Limit,
    LimitStarts,
    LoginSession,
    Membership,
    Organization,
    Queue,
    TypeDurations,
    User,
    WorkerLease,
)
from jobsapp.services.sessions import DbSession

KEY = "jobsapp.bound"
UNBOUNDED = "unbounded"
"""Execution option of a statement: models that it bounds itself. Say why where it stands."""
FREE: dict[type[Base], str] = {
    Queue: "queues are the installation's, not an organisation's",
    Limit: "so are limits; whose are shown is decided by their scope",
    LimitStarts: "what was started for a limit: times and numbers",
    TypeDurations: "how long jobs of a type take, of everybody: no row tells whose",
    WorkerLease: "which jobs a worker has, by their ids; the jobs themselves are bounded",
}
OF_USERS = (User, LoginSession)
"""A user, and a browser that is signed in, are of each organisation of the user: one that is signed out everywhere is
so in all of them."""
ORGANIZATIONS_REMEMBERED = 1024


class Bounds:
    """Says for whom the session asks. Made once; the session is the one of the present request."""

    def __init__(self, session: DbSession) -> None:
        self._session = session

    def bind(self, reader: Reader) -> None:
        """From now on the session finds, changes and deletes only what belongs to the reader's organisation, and for a
        guest only what belongs to their job."""
        self._session().info[KEY] = _bound_of(reader)

    def clear(self) -> None:
        """The session asks for nobody any more."""
        if self._session.registry.has():
            self._session().info.pop(KEY, None)


class Bound(LoaderCriteriaOption):
    """What `with_loader_criteria` makes, as one option for all tables: that costs a third of a dozen.

    `who`: the ids of the organisation and, for a guest, of the job; parameters of the statement, so that it is compiled
    once for everybody. Without `_resolve_where_criteria` of this class no statement would be valid SQL: should another
    SQLAlchemy not call it, everything fails, and nothing is let through.
    """

    __slots__ = ("unbounded", "who")
    _traverse_internals = [  # noqa: RUF012 - so SQLAlchemy declares it
        *LoaderCriteriaOption._traverse_internals,
        ("unbounded", visitors.InternalTraversal.dp_plain_obj),
    ]

    def __init__(self, who: tuple[ColumnElement[UUID], ...], unbounded: frozenset[type[Base]]) -> None:
        super().__init__(Base, tuple_(*who), include_aliases=True, propagate_to_loaders=False)
        self.who = who
        self.unbounded = unbounded

    def get_global_criteria(self, attributes: dict[Any, Any]) -> None:
        for mapper in bounded_mappers():
            if mapper.class_ not in self.unbounded:
                attributes.setdefault(("additional_entity_criteria", mapper), []).append(self)

    def _resolve_where_criteria(self, ext_info: Any) -> ColumnElement[bool]:
        criterion = condition(ext_info.mapper.class_, ext_info.entity, *self.who)
        return _deep_annotate(
            criterion, {"for_loader_criteria": self}, detect_subquery_cols=True, ind_cols_on_fromclause=True
        )


def condition(
    model: type[Base], entity: Any, organization_id: ColumnElement[UUID], job_id: ColumnElement[UUID] | None = None
) -> ColumnElement[bool]:
    """What holds for the rows of the model, named `entity` in the statement, that the organisation or, of it, the
    holder of a token for one job may touch. Raises LookupError for a table of which that is not known."""
    columns = model.__table__.columns
    found: ColumnElement[bool]
    if job_id is not None:
        own = entity.id if model is Job else entity.job_id if "job_id" in columns else None
        found = false() if own is None else own == job_id
        return found & (entity.organization_id == organization_id) if model is Job else found
    if model is Organization:
        found = entity.id == organization_id
    elif model in OF_USERS:
        found = (entity.id if model is User else entity.user_id).in_(_members(organization_id))
    elif "organization_id" in columns:
        found = entity.organization_id == organization_id
    elif "job_id" in columns:
        found = entity.job_id.in_(_jobs(organization_id))
    elif "user_id" in columns:
        found = entity.user_id.in_(_members(organization_id))
    else:
        raise LookupError(
            f"{model.__name__} has neither organization_id nor job_id nor user_id: say in services/bounds.py whose its"
            " rows are, or in FREE why they are nobody's."
        )
    return found


# The plain tables: the condition of a condition is not asked for again.
def _jobs(organization_id: ColumnElement[UUID]) -> Any:
    columns = Job.__table__.columns
    return select(columns.id).where(columns.organization_id == organization_id)


def _members(organization_id: ColumnElement[UUID]) -> Any:
    columns = Membership.__table__.columns
    return select(columns.user_id).where(columns.organization_id == organization_id)


@cache
def bounded_mappers() -> tuple[Mapper[Any], ...]:
    return tuple(mapper for mapper in Base.registry.mappers if mapper.class_ not in FREE)


def _bound_of(reader: Reader) -> tuple[UUID, UUID | None]:
    match reader:
        case Actor():
            return reader.organization_id, None
        case Guest():
            return reader.home_id, reader.job_id


@lru_cache(ORGANIZATIONS_REMEMBERED)
def _option(organization_id: UUID, job_id: UUID | None, unbounded: frozenset[type[Base]]) -> Bound:
    ids = (organization_id,) if job_id is None else (organization_id, job_id)
    return Bound(tuple(bindparam(None, one, Uuid) for one in ids), unbounded)


@event.listens_for(Session, "do_orm_execute")
def _narrow(state: ORMExecuteState) -> None:
    """Bound the statement. What is loaded anew of a row that is here already needs no bound."""
    bound = state.session.info.get(KEY)
    if bound is None or not state.is_orm_statement or state.is_column_load or state.is_insert:
        return
    unbounded: Iterable[type[Base]] = state.execution_options.get(UNBOUNDED, ())
    state.statement = state.statement.options(_option(*bound, frozenset(unbounded)))
