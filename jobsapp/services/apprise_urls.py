"""Addresses of the library apprise: which are taken, and how they are shown."""

from __future__ import annotations

import warnings
from typing import Any

from jobsapp.errors import InvalidInput

FIXED = frozenset(
    (
        *(
            "slack",
            "discord",
            "tgram",
            "pover",
            "pbul",
            "gchat",
            "wxteams",
            "webex",
            "pagerduty",
            "twilio",
            "line",
            "prowl",
        ),
        *("pushy", "zulip", "zoom", "ifttt"),
    )
)
"""Services whose host is their own."""
HOSTED = frozenset(
    (
        *("workflow", "workflows", "ntfy", "ntfys", "gotify", "gotifys", "mmost", "mmosts", "rocket", "rockets"),
        *("notica", "noticas"),
    )
)
"""Services on a host that the address names: where it leads is checked when it is called."""
SCHEMES = FIXED | HOSTED
OPTIONS = frozenset(
    (
        *("footer", "image", "to", "channel", "priority", "format", "thread", "avatar", "avatar_url", "topic", "tags"),
        *(
            "mode",
            "title",
            "click",
            "delay",
            "silent",
            "preview",
            "blocks",
            "timestamp",
            "ts",
            "token",
            "region",
            "sound",
        ),
    )
)
"""What may stand behind the question mark. Not among them: what reads files here, or leaves out a check."""


def check_apprise(url: str) -> str:
    """How the address is shown, without what is secret. Raises InvalidInput naming `url`."""
    scheme = url.partition("://")[0].lower()
    if "://" not in url or scheme not in SCHEMES:
        known = ", ".join(sorted(f"{one}://" for one in SCHEMES))
        raise InvalidInput.of("url", f"must be an address of apprise that begins with one of {known}.")
    if more := sorted(_others(url)):
        raise InvalidInput.of("url", f"may not have the option {more[0]!r}; there are {', '.join(sorted(OPTIONS))}.")
    plugin = plugin_of(url)
    if plugin is None:
        raise InvalidInput.of("url", f"is no complete address for {scheme}://; see the documentation of apprise.")
    return str(plugin.url(privacy=True)).partition("?")[0].rstrip("/")


def _others(url: str) -> set[str]:
    """Options of the address that are not among OPTIONS, as apprise itself reads them. It also takes `;` and `#` apart,
    which no address needs."""
    from apprise.utils.parse import parse_url

    parsed = parse_url(url, verify_host=False) or {}  # type: ignore[no-untyped-call]
    asked = {name.lower().lstrip("+-:") for part in ("qsd", "qsd+", "qsd-", "qsd:") for name in parsed.get(part) or {}}
    return (asked - OPTIONS) | {one for one in ";#" if one in url}


def plugin_of(url: str) -> Any:
    """What speaks with the service; None: the address is not complete, or not one that is taken."""
    # It is large, and few need it. Its plugins import what Python gives up.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise, AppriseAsset, PersistentStoreMode

        # Also of what was kept before.
        if _others(url):
            return None
        asset = AppriseAsset(storage_mode=PersistentStoreMode.MEMORY, secure_logging=True, plugin_paths=None)
        return Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
