"""An e-mail address as people write it, and as it is kept."""

from __future__ import annotations

from jobsapp.errors import NotFound
from jobsapp.models import User
from jobsapp.services.identity import Identity


def find_user(identity: Identity, email: str) -> User | None:
    """The user with that address as it is written, otherwise in small letters.

    Both are looked for in any case: how long it takes tells nothing of whether there is one.
    """
    found = [_find(identity, written) for written in dict.fromkeys((email.strip(), email.strip().lower()))]
    return next((user for user in found if user is not None), None)


def _find(identity: Identity, email: str) -> User | None:
    try:
        return identity.get_user(email)
    except NotFound:
        return None
