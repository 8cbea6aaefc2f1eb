"""An e-mail address as people write it, and as it is kept."""

from __future__ import annotations

from jobsapp.errors import NotFound
from jobsapp.models import User
from jobsapp.services.identity import Identity


def find_user(identity: Identity, email: str) -> User | None:
    """The user with that address, however it is written; None if there is none."""
    try:
        return identity.get_user(email)
    except NotFound:
        return None
