"""Who is asking, as every layer below the web knows it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Actor:
    """A signed-in user or the user behind a token. All they may touch is inside their organisation."""

    user_id: UUID
    organization_id: UUID
    email: str
    role: str

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

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
