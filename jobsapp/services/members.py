"""The members of the actor's organisation: seeing them, inviting, changing their role, removing.

An account belongs to whoever holds its first login link. So an invitation makes a new account, and never lets in one
that another organisation has made: only who runs the installation does that, and knows whose account it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import aliased

from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Right
from jobsapp.errors import Conflict, Forbidden, InvalidInput, NotFound
from jobsapp.models import Membership, User
from jobsapp.services.audit import Audit, Subject
from jobsapp.services.base import Moment, View
from jobsapp.services.identity import Identity, folded, of_address, refuse_email, refuse_role
from jobsapp.services.memberships import Memberships
from jobsapp.services.sessions import DbSession

LISTED = 1000

Other = aliased(Membership)


class MemberView(View):
    """A user in the caller's organisation."""

    user_id: UUID
    email: str
    role: str
    """`viewer`, `member`, `operator` or `admin`."""
    created_at: Moment
    """Since when they belong to the organisation."""
    deactivated_at: Moment | None
    """Since when nobody may sign in to the account; null: somebody may."""
    own_account: bool
    """The organisation made the account, and it belongs to no other: administrators may make login links for it."""


class MembersView(View):
    members: list[MemberView]
    """By e-mail address, the first 1,000."""
    more: bool
    """There are more."""


class Members:
    def __init__(self, session: DbSession, identity: Identity, memberships: Memberships) -> None:
        self._session = session
        self._identity = identity
        self._memberships = memberships
        self._audit = Audit(session)

    def all(self, actor: Actor) -> MembersView:
        """Everybody in the organisation may see who else is in it."""
        actor.require(Right.READ, "see members")
        rows = self._session.execute(_members(actor).order_by(User.email).limit(LISTED + 1)).all()
        return MembersView(members=[_view(row) for row in rows[:LISTED]], more=len(rows) > LISTED)

    def get(self, actor: Actor, user_id: UUID) -> MemberView:
        """Raises NotFound."""
        actor.require(Right.READ, "see members")
        row = self._session.execute(_members(actor).where(User.id == user_id)).one_or_none()
        if row is None:
            raise NotFound(f"There is no member {user_id}.")
        return _view(row)

    def invite(self, actor: Actor, email: str, role: str) -> tuple[MemberView, str]:
        """Make an account with a membership, and commit; returns the secret of a login link, which is shown this once.

        Raises Forbidden, InvalidInput naming `email` or `role`, and Conflict for an account of another organisation.
        """
        actor.require(Right.ADMINISTER, "invite members")
        email = folded(email)
        refuse_email(email)
        refuse_role(role)
        # An address has one account in all the installation.
        anywhere = select(User.id, User.home_id).where(of_address(email)).execution_options(unbounded={User})
        found = self._session.execute(anywhere.limit(1)).one_or_none()
        if found is None:
            user_id = self._identity.new_user(email, role, actor.organization_id).id
            self._audit.note(actor, Action.MEMBER_INVITED, Subject("user", user_id, email), {"role": role})
            self._session.commit()
        else:
            user_id = found.id
            self._again(actor, user_id, email, role, is_own=found.home_id == actor.organization_id)
        return self.get(actor, user_id), self._identity.create_login_secret(email)

    def set_role(self, actor: Actor, user_id: UUID, role: str) -> MemberView:
        """Change a role, and commit.

        Raises Forbidden, NotFound, InvalidInput naming `role`, and Conflict for the last administrator.
        """
        actor.require(Right.ADMINISTER, "change roles")
        self.get(actor, user_id)
        self._memberships.set_role(actor.organization_id, user_id, role, by=actor)
        return self.get(actor, user_id)

    def remove(self, actor: Actor, user_id: UUID) -> None:
        """End a membership with all that it holds, and commit; the jobs stay.

        Raises Forbidden, NotFound, and Conflict for the last administrator.
        """
        actor.require(Right.ADMINISTER, "remove members")
        self.get(actor, user_id)
        self._memberships.remove(actor.organization_id, user_id, by=actor)

    def login_secret(self, actor: Actor, user_id: UUID) -> str:
        """The secret of a login link for a member who has lost the last one, and commit.

        Raises Forbidden, also for an account that is not the organisation's own, and for a token that would sign in as
        its user: that outlives the token. Raises NotFound.
        """
        actor.require(Right.ADMINISTER, "make login links for members")
        if actor.scopes is not None and user_id == actor.user_id:
            raise Forbidden("A token makes no login link for its own user. Sign in yourself.")
        member = self.get(actor, user_id)
        if not member.own_account:
            raise Forbidden("This account belongs to another organisation too: `flask users login` makes links for it.")
        return self._identity.make_login_link(member.email, actor)

    def _again(self, actor: Actor, user_id: UUID, email: str, role: str, *, is_own: bool) -> None:
        """Take back somebody who was a member before."""
        of_user = {one.organization_id for one in self._memberships.of_user(user_id)}
        if actor.organization_id in of_user:
            raise InvalidInput.of("email", f"{email} is a member already.")
        if of_user or not is_own:
            raise Conflict(
                f"{email} has an account of another organisation. Who runs the installation can let it in: "
                f"`flask orgs add ORGANIZATION {email}`."
            )
        self._memberships.add(actor.organization_id, user_id, role, by=actor)


def _members(actor: Actor) -> Select[Membership, str, datetime | None, bool]:
    elsewhere = exists().where(Other.user_id == User.id, Other.organization_id != actor.organization_id)
    own = (User.home_id == actor.organization_id) & ~elsewhere
    query = select(Membership, User.email, User.deactivated_at, own.label("own")).join(
        User, User.id == Membership.user_id
    )
    # It says the organisation itself, and looks into others: bound, nobody would ever be a member elsewhere.
    return query.where(Membership.organization_id == actor.organization_id).execution_options(
        populate_existing=True, unbounded={Membership}
    )


def _view(row: Any) -> MemberView:
    membership, email, deactivated_at, own = row
    return MemberView(
        user_id=membership.user_id,
        email=email,
        role=membership.role,
        created_at=membership.created_at,
        deactivated_at=deactivated_at,
        own_account=own,
    )
