"""Who belongs to which organisation, as whoever runs the installation may change it: nobody's rights are asked here.

What a membership holds ends with it: its login sessions and API tokens by the database, the links to jobs that its
user made, and the open sockets of all of them. The jobs stay. An organisation that has an administrator keeps one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import joinedload

from jobsapp.bus.after_commit import after_commit
from jobsapp.bus.hints import Hints
from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Role
from jobsapp.errors import Conflict, NotFound
from jobsapp.models import ApiToken, JobToken, LoginLink, LoginSession, Membership, Organization, User
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.credentials import end_credentials
from jobsapp.services.identity import refuse_role
from jobsapp.services.sessions import DbSession


class Memberships:
    """`by`: who changes something, for the audit log; None is the command line."""

    def __init__(self, session: DbSession, hints: Hints) -> None:
        self._session = session
        self._hints = hints
        self._audit = Audit(session)

    def all(self, organization_id: UUID | None = None) -> Sequence[Membership]:
        """Every membership with its user and organisation, of all or of one, by organisation and e-mail address."""
        query = select(Membership).join(Membership.user).join(Membership.organization)
        query = query.options(joinedload(Membership.user), joinedload(Membership.organization))
        if organization_id is not None:
            query = query.where(Membership.organization_id == organization_id)
        return self._session.scalars(query.order_by(Organization.name, User.email)).all()

    def of_user(self, user_id: UUID) -> Sequence[Membership]:
        """The memberships of a user, each with its organisation, in the order in which they came."""
        query = select(Membership).where(Membership.user_id == user_id).options(joinedload(Membership.organization))
        # A user's own, so that they see where they may go over to.
        query = query.execution_options(unbounded={Membership, Organization})
        return self._session.scalars(query.order_by(Membership.created_at, Membership.organization_id)).all()

    def add(self, organization_id: UUID, user_id: UUID, role: str, *, by: Actor | None = None) -> None:
        """Make a user a member, and commit. Raises Conflict if they are one, and InvalidInput naming `role`.

        An account that another organisation made, or that belongs to one, loses its password, login links and sessions:
        an administrator of the other may have made or kept them, and they would open this one.
        """
        refuse_role(role)
        values = {"user_id": user_id, "organization_id": organization_id, "role": role}
        made = insert(Membership).values(values).on_conflict_do_nothing().returning(Membership.user_id)
        if self._session.scalar(made) is None:
            raise Conflict("This user is a member already; change the role instead.")
        if self._is_known_elsewhere(organization_id, user_id):
            end_credentials(self._session, self._hints, user_id)
        self._note(by, Action.MEMBER_INVITED, organization_id, user_id, role=role)
        self._session.commit()

    def set_role(self, organization_id: UUID, user_id: UUID, role: str, *, by: Actor | None = None) -> None:
        """Change a member's role, and commit; open sockets begin anew with it.

        Raises NotFound, InvalidInput naming `role`, and Conflict for the last administrator.
        """
        refuse_role(role)
        before = self._hold(organization_id, user_id, stays_admin=role == Role.ADMIN)
        self._session.execute(update(Membership).where(*_one(organization_id, user_id)).values(role=role))
        self._note(by, Action.MEMBER_CHANGED, organization_id, user_id, before=before, role=role)
        self._tell([user_id])
        self._session.commit()

    def remove(self, organization_id: UUID, user_id: UUID, *, by: Actor | None = None) -> None:
        """End a membership, and commit. Raises NotFound, and Conflict for the last administrator."""
        self._hold(organization_id, user_id)
        self._note(by, Action.MEMBER_REMOVED, organization_id, user_id)
        self._end_links(user_id, JobToken.organization_id == organization_id)
        self._session.execute(delete(Membership).where(*_one(organization_id, user_id)))
        self._session.commit()

    def deactivate(self, user_id: UUID) -> None:
        """Let nobody sign in to the account any more, wherever it is a member, and commit. Twice is once.

        Raises Conflict if it is the last administrator somewhere.
        """
        for organization_id in sorted(one.organization_id for one in self.of_user(user_id)):
            self._hold(organization_id, user_id)
            self._note(None, Action.ACCOUNT_DEACTIVATED, organization_id, user_id)
        self._session.execute(update(User).where(User.id == user_id).values(deactivated_at=func.now()))
        self._session.execute(delete(LoginSession).where(LoginSession.user_id == user_id))
        in_force = update(ApiToken).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
        self._session.execute(in_force.values(revoked_at=func.now()))
        self._end_links(user_id)
        self._session.commit()

    def activate(self, user_id: UUID) -> None:
        """Let the account be used again, and commit. What ended stays ended."""
        self._session.execute(update(User).where(User.id == user_id).values(deactivated_at=None))
        for one in self.of_user(user_id):
            self._note(None, Action.ACCOUNT_ACTIVATED, one.organization_id, user_id)
        self._session.commit()

    def _hold(self, organization_id: UUID, user_id: UUID, *, stays_admin: bool = False) -> str:
        """Hold the organisation's members still; returns the role of this one.

        Raises NotFound, and Conflict if no administrator would be left.
        """
        # Not against new jobs, which only hold on to the organisation's key.
        self._session.execute(
            select(Organization.id).where(Organization.id == organization_id).with_for_update(key_share=True)
        )
        role = self._session.scalar(select(Membership.role).where(*_one(organization_id, user_id)))
        if role is None:
            raise NotFound("There is no such member.")
        if stays_admin or role != Role.ADMIN or not self._is_active(user_id):
            return role
        others = exists().where(
            Membership.organization_id == organization_id,
            Membership.role == Role.ADMIN,
            Membership.user_id == User.id,
            User.id != user_id,
            User.deactivated_at.is_(None),
        )
        if not self._session.scalar(select(others)):
            raise Conflict("This is the last administrator of the organisation: make somebody else one first.")
        return role

    def _note(self, by: Actor | None, action: Action, organization_id: UUID, user_id: UUID, **details: Any) -> None:
        email = self._session.scalar(select(User.email).where(User.id == user_id))
        subject = Subject("user", user_id, email)
        self._audit.note(by, action, subject, details, organization_id=organization_id)

    def _is_known_elsewhere(self, organization_id: UUID, user_id: UUID) -> bool:
        home_id = self._session.scalar(select(User.home_id).where(User.id == user_id))
        others = {one.organization_id for one in self.of_user(user_id)} - {organization_id}
        return home_id != organization_id or bool(others)

    def _is_active(self, user_id: UUID) -> bool:
        found = self._session.scalar(select(User.id).where(User.id == user_id, User.deactivated_at.is_(None)))
        return found is not None

    def _end_links(self, user_id: UUID, *of: ColumnElement[bool]) -> None:
        """End the user's links to jobs and to sign in, and tell the sockets when it is done."""
        made = delete(JobToken).where(JobToken.created_by == user_id, *of).returning(JobToken.id)
        ended = list(self._session.scalars(made))
        self._session.execute(delete(LoginLink).where(LoginLink.user_id == user_id))
        self._tell([user_id, *ended])

    def _tell(self, keys: Sequence[UUID]) -> None:
        for key in keys:
            after_commit(self._session(), partial(self._hints.logins_ended, key))


def _one(organization_id: UUID, user_id: UUID) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Membership.organization_id == organization_id, Membership.user_id == user_id
