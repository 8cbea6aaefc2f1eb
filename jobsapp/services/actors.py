"""Who somebody is inside of an organisation, as sessions, tokens and commands read it in one statement."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, select
from sqlalchemy.orm import InstrumentedAttribute

from jobsapp.core.actors import Actor
from jobsapp.models import Membership, Organization, User

COLUMNS = (User.id, Membership.organization_id, User.email, Membership.role, Organization.runs_installation)


def actors() -> Select[UUID, UUID, str, str, bool]:
    """Every member who is not deactivated; what `actor_of` reads comes first in the rows."""
    return (
        select(*COLUMNS)
        .select_from(Membership)
        .join(User, User.id == Membership.user_id)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(User.deactivated_at.is_(None))
        # Who somebody is, is asked before they are known, and when they go over to another of their organisations.
        .execution_options(unbounded={User, Membership, Organization})
    )


def of_member(
    user_id: InstrumentedAttribute[UUID], organization_id: InstrumentedAttribute[UUID]
) -> ColumnElement[bool]:
    """The rows of another table that belong to the membership."""
    return and_(user_id == Membership.user_id, organization_id == Membership.organization_id)


def actor_of(row: Row[*tuple[Any, ...]]) -> Actor:
    user_id, organization_id, email, role, runs_installation = row[: len(COLUMNS)]
    return Actor(user_id, organization_id, email, role, runs_installation=runs_installation)
