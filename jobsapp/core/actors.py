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
