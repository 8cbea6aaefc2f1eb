"""Where notifications may be sent to: public addresses, and the networks that the operator allows."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ssrfguard import Policy

PORTS = frozenset(range(1, 65536))


@lru_cache(maxsize=8)
def policy_of(networks: tuple[str, ...]) -> Policy:
    # Of use only where there is a webhook.
    from ssrfguard import Policy

    return Policy(allowed_networks=networks, allowed_ports=PORTS)  # type: ignore[arg-type]


def may_be_called(url: str, networks: tuple[str, ...]) -> bool:
    """Whether the address is one that may be called, as far as that can be said without asking where its name leads."""
    from ssrfguard import SSRFGuardError

    try:
        policy_of(networks).check_url(url)
    except (SSRFGuardError, ValueError):
        return False
    return True
