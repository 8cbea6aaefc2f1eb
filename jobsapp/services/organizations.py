"""Organisations: seeing and naming one's own, and, for who runs the installation, all of them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import exists, func, select, update
from sqlalchemy.exc import IntegrityError

from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Right
from jobsapp.core.storable import is_storable, refuse_faults
from jobsapp.errors import Forbidden, InvalidInput, NotFound
from jobsapp.models import Membership, Organization
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import Moment, View
from jobsapp.services.identity import Identity
from jobsapp.services.memberships import Memberships
from jobsapp.services.new_jobs import refuse_longer
from jobsapp.services.sessions import DbSession

NAME_LENGTH = 100
TAKEN = "another organisation has this name."


class OrganizationView(View):
    id: UUID
    name: str
    runs_installation: bool
    """Queues and workers belong to it."""
    created_at: Moment


class OwnOrganization(View):
    """An organisation that the caller is a member of."""

    id: UUID
    name: str
    role: str
    """The caller's role in it."""
    current: bool
    """The one that the caller speaks in now."""


class MeView(View):
    """Who the caller is."""

    user_id: UUID
    email: str
    organization: OrganizationView
    role: str
    rights: list[str]
    """What the caller may do: of `read`, `create`, `change-jobs`, `operate`, `administer`; a token may do less than its
    user."""
    organizations: list[OwnOrganization]
    """All that the caller is a member of; for a token the one it was made in."""


class Organizations:
    def __init__(self, session: DbSession, identity: Identity, memberships: Memberships) -> None:
        self._session = session
        self._identity = identity
        self._memberships = memberships
        self._audit = Audit(session)

    def me(self, actor: Actor) -> MeView:
        return MeView(
            user_id=actor.user_id,
            email=actor.email,
            organization=self.own(actor),
            role=actor.role,
            rights=[right for right in Right if actor.may(right)],
            organizations=self.of(actor),
        )

    def of(self, actor: Actor) -> list[OwnOrganization]:
        """The organisations of the actor's user, by name. A token knows of no other than its own."""
        mine = self._memberships.of_user(actor.user_id)
        return sorted(
            (
                OwnOrganization(
                    id=one.organization_id,
                    name=one.organization.name,
                    role=one.role,
                    current=one.organization_id == actor.organization_id,
                )
                for one in mine
                if actor.scopes is None or one.organization_id == actor.organization_id
            ),
            key=lambda one: one.name,
        )

    def entered(self, actor: Actor, organization_id: UUID) -> Actor:
        """The same user in another of their organisations. Raises NotFound, and Forbidden for a token."""
        if actor.scopes is not None:
            raise Forbidden("A token stays in the organisation that it was made in.")
        found = self._identity.actor(actor.user_id, organization_id)
        if found is None:
            raise NotFound("You are no member of such an organisation.")
        return found

    def own(self, actor: Actor) -> OrganizationView:
        """The organisation that the actor speaks in."""
        query = select(Organization).where(Organization.id == actor.organization_id)
        return _view(self._session.scalars(query.execution_options(populate_existing=True)).one())

    def rename_own(self, actor: Actor, name: str) -> OrganizationView:
        """Give the actor's organisation another name, and commit. Raises Forbidden, and InvalidInput naming `name`."""
        actor.require(Right.ADMINISTER, "rename the organisation")
        self.rename(actor.organization_id, name, by=actor)
        return self.own(actor)

    def all(self) -> Sequence[tuple[Organization, int]]:
        """Every organisation by name, and how many members it has. For who runs the installation."""
        members = select(func.count()).where(Membership.organization_id == Organization.id).scalar_subquery()
        rows = self._session.execute(select(Organization, members).order_by(Organization.name))
        return [(one, count) for one, count in rows]

    def named(self, name: str) -> Organization:
        """Raises NotFound."""
        query = select(Organization).where(Organization.name == name)
        found = self._session.scalars(query).one_or_none() if is_storable(name) else None
        if found is None:
            raise NotFound(f"There is no organisation {name!r}; `flask orgs list` shows them.")
        return found

    def create(self, name: str) -> Organization:
        """A new organisation without members, and commit. Raises InvalidInput naming `name`."""
        made = Organization(name=self._free(name))
        self._session.add(made)
        self._session.flush()
        self._audit.note(None, Action.ORGANIZATION_CREATED, Subject("organization", made.id, made.name))
        self._session.commit()
        return made

    def rename(self, organization_id: UUID, name: str, *, by: Actor | None = None) -> None:
        """Commits. `by` None: the command line. Raises InvalidInput naming `name`."""
        changed = update(Organization).where(Organization.id == organization_id)
        name = self._free(name, but=organization_id)
        before = self._session.scalar(select(Organization.name).where(Organization.id == organization_id))
        subject = Subject("organization", organization_id, name)
        try:
            self._session.execute(changed.values(name=name))
            told = {"before": before}
            self._audit.note(by, Action.ORGANIZATION_RENAMED, subject, told, organization_id=organization_id)
            self._session.commit()
        except IntegrityError:
            self._session.rollback()
            raise InvalidInput.of("name", TAKEN) from None

    def _free(self, name: str, *, but: UUID | None = None) -> str:
        """The name as it is kept. Raises InvalidInput naming `name` if it is none or taken."""
        refuse_faults(name=name)
        name = name.strip()
        if not name:
            raise InvalidInput.of("name", "give the organisation a name.")
        refuse_longer("name", name, NAME_LENGTH)
        if self._session.scalar(select(exists().where(Organization.name == name, Organization.id != but))):
            raise InvalidInput.of("name", TAKEN)
        return name


def _view(row: Organization) -> OrganizationView:
    return OrganizationView(
        id=row.id, name=row.name, runs_installation=row.runs_installation, created_at=row.created_at
    )
