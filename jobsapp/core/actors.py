"""Who is asking, as every layer below the web knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from jobsapp.core.rights import Right, rights_of


@dataclass(frozen=True)
class Actor:
    """A signed-in user or the user behind a token. All they may touch is inside their organisation."""

    user_id: UUID
    organization_id: UUID
    email: str
    role: str
    scopes: frozenset[str] | None = None
    """Of the token that speaks for them; None: they are here themselves."""
    runs_installation: bool = True
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
