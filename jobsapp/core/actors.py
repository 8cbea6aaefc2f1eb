"""Who is asking, as every layer below the web knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from jobsapp.core.rights import Right, rights_of, role_for, scope_for
from jobsapp.errors import Forbidden


@dataclass(frozen=True)
class Actor:
    """A signed-in user or the user behind a token. All they may touch is inside their organisation."""

    user_id: UUID
    organization_id: UUID
    email: str
    role: str
    scopes: frozenset[str] | None = None
    """Of the token that speaks for them; None: they are here themselves."""
    runs_installation: bool = False
    """Whether their organisation is the one that queues and workers belong to."""
    token_id: UUID | None = field(default=None, compare=False)
    """The token that speaks for them. None: they are here themselves."""
    address: str | None = field(default=None, compare=False)
    """From where they ask, for the audit log: an address of the network, or in words. None: it is not known."""

    def may(self, right: Right) -> bool:
        return right in self.rights

    @cached_property
    def rights(self) -> frozenset[Right]:
        return rights_of(self.role, self.scopes, runs_installation=self.runs_installation)

    def require(self, right: Right, deed: str, *, of_installation: bool = False) -> None:
        """Raises Forbidden, with a sentence that says what is missing to `deed`: "cancel jobs of others".

        `of_installation`: only in the organisation that queues and workers belong to, whatever the right is.
        """
        if self.may(right) and (self.runs_installation or not of_installation):
            return
        raise Forbidden(self._missing(right, deed, of_installation=of_installation or right is Right.OPERATE))

    def may_change(self, owner_id: UUID | None) -> bool:
        """Whether they may cancel, retry and share a job of that owner."""
        return self.may(Right.CREATE if owner_id == self.user_id else Right.CHANGE_JOBS)

    def require_change(self, owner_id: UUID | None, verb: str) -> None:
        """Raises Forbidden unless they may change a job of that owner: `verb` says how, "cancel"."""
        if owner_id == self.user_id:
            self.require(Right.CREATE, f"{verb} jobs")
        else:
            self.require(Right.CHANGE_JOBS, f"{verb} jobs of others")

    def _missing(self, right: Right, deed: str, *, of_installation: bool) -> str:
        if of_installation and not self.runs_installation:
            return f"To {deed} one needs to be a member of the organisation that runs this installation."
        if right in rights_of(self.role):
            return f"To {deed}, a token needs the scope {scope_for(right)}."
        return f"To {deed} one needs the role {role_for(right)}; your role here is {self.role}."

    @property
    def is_admin(self) -> bool:
        return self.may(Right.ADMINISTER)

    @property
    def key(self) -> UUID:
        """What a hint names when some of the rights of this one have ended."""
        return self.user_id


@dataclass(frozen=True)
class Guest:
    """Whoever holds a token for one job: may read that job and the files it made, and nothing else.

    No `Actor`, and of its attributes none is called as one of an actor's: what takes an actor fails with a guest,
    also where nobody checks types.
    """

    token_id: UUID
    job_id: UUID
    home_id: UUID
    """The organisation of the job."""

    @property
    def key(self) -> UUID:
        """What a hint names when the token has ended."""
        return self.token_id


Reader = Actor | Guest
"""Who may read jobs: all of an organisation, or one."""
