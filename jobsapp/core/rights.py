"""What each role may do, and what a token's scopes leave of it."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Role(StrEnum):
    """Of a member of an organisation. Each may do all that the one before may."""

    VIEWER = "viewer"
    MEMBER = "member"
    OPERATOR = "operator"
    ADMIN = "admin"


class Right(StrEnum):
    """One kind of thing that somebody may do or not, inside of their organisation."""

    READ = "read"
    """See the organisation's jobs, files, queues and numbers."""
    CREATE = "create"
    """Create jobs and upload files; cancel, retry and share one's own jobs."""
    CHANGE_JOBS = "change-jobs"
    """Cancel, retry and share everyone's jobs."""
    OPERATE = "operate"
    """Pause queues, stop and start workers: for members of the organisation that runs the installation."""
    ADMINISTER = "administer"
    """Members, tokens of others, limits, presets of others, deletion, the audit log, tracebacks."""


class Scope(StrEnum):
    """What a token may be used for, whoever made it. One scope includes those before it."""

    READ = "read"
    JOBS = "jobs"
    OPERATE = "operate"
    ADMIN = "admin"


_OF_ROLE: dict[str, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.READ}),
    Role.MEMBER: frozenset({Right.READ, Right.CREATE}),
    Role.OPERATOR: frozenset({Right.READ, Right.CREATE, Right.CHANGE_JOBS, Right.OPERATE}),
    Role.ADMIN: frozenset(Right),
}
_OF_SCOPE: dict[str, frozenset[Right]] = {
    Scope.READ: frozenset({Right.READ}),
    Scope.JOBS: frozenset({Right.READ, Right.CREATE, Right.CHANGE_JOBS}),
    Scope.OPERATE: frozenset({Right.READ, Right.CREATE, Right.CHANGE_JOBS, Right.OPERATE}),
    Scope.ADMIN: frozenset(Right),
}


def role_for(right: Right) -> Role:
    """The first role that has it."""
    return next(role for role in Role if right in _OF_ROLE[role])


def scope_for(right: Right) -> Scope:
    """The first scope that leaves it to a token."""
    return next(scope for scope in Scope if right in _OF_SCOPE[scope])


def rights_of(role: str, scopes: Collection[str] | None = None, *, runs_installation: bool = True) -> frozenset[Right]:
    """The rights of a role, narrowed to a token's scopes (None: no token, so all of them).

    A scope or role that is not known gives nothing. `runs_installation`: whether the organisation is the one to which
    the queues and workers belong; to others they only show themselves.
    """
    rights = _OF_ROLE.get(role, frozenset[Right]())
    if scopes is not None:
        rights &= frozenset[Right]().union(*(_OF_SCOPE.get(one, ()) for one in scopes))
    return rights if runs_installation else rights - {Right.OPERATE}
