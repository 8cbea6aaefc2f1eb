"""Signatures of webhooks as the specification Standard Webhooks has them (standardwebhooks.com), symmetric, v1."""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A secret as receivers know it: `whsec_` and base64."""
    return PREFIX + b64encode(os.urandom(SECRET_BYTES)).decode()


def signed_headers(message_id: str, at: datetime, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """The headers of a message. `secrets`: the one in force first, then one that ends soon: either verifies it.

    Signed is `id.seconds.body` by HMAC-SHA256, so who repeats an old message, or another body, is found out.
    """
    seconds = str(int(at.timestamp()))
    said = f"{message_id}.{seconds}.".encode() + body
    signatures = [b64encode(hmac.digest(_key(one), said, "sha256")).decode() for one in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{one}" for one in signatures),
    }


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(PREFIX))
