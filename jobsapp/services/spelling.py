"""An e-mail address as people write it, and as it is kept."""

from __future__ import annotations

from jobsapp.errors import NotFound
from jobsapp.models import User
from jobsapp.services.identity import Identity


def find_user(identity: Identity, email: str) -> User | None:
    """The user with that address as it is written, otherwise in small letters."""
    for written in dict.fromkeys((email.strip(), email.strip().lower())):
        try:
            return identity.get_user(written)
        except NotFound:
            continue
    return None
