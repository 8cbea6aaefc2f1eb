"""People and programs, and how they come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from jobsapp.services.audit import Audit
from jobsapp.services.browsers import Browsers
from jobsapp.services.federation import Federation
from jobsapp.services.identity import Identity
from jobsapp.services.logins import Logins
from jobsapp.services.members import Members
from jobsapp.services.memberships import Memberships
from jobsapp.services.organizations import Organizations
from jobsapp.services.passwords import Passwords
from jobsapp.services.throttle import Throttle
from jobsapp.services.tokens import Tokens
from jobsapp.services.wiring.given import Given


@dataclass(frozen=True)
class PeopleServices:
    """Who is here, how they come in, and what they did."""

    identity: Identity
    memberships: Memberships
    members: Members
    organizations: Organizations
    tokens: Tokens
    audit: Audit
    logins: Logins
    browsers: Browsers
    passwords: Passwords
    federation: Federation
    throttle: Throttle


def build_people(given: Given, throttle: Throttle) -> PeopleServices:
    session, settings, hints = given.session, given.settings, given.hints
    identity, memberships = Identity(session, hints), Memberships(session, hints)
    return PeopleServices(
        identity=identity,
        memberships=memberships,
        members=Members(session, identity, memberships),
        organizations=Organizations(session, identity, memberships),
        tokens=Tokens(session, hints),
        audit=Audit(session, given.sealer),
        logins=Logins(session, hints, timedelta(days=settings.session_days)),
        browsers=Browsers(session, hints),
        passwords=Passwords(session, hints, identity, throttle),
        federation=Federation(session, identity, settings, hints),
        throttle=throttle,
    )
