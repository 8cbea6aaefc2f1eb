"""The words of the audit log."""

from __future__ import annotations

import pytest

from jobsapp.core.audit import Action, sentence, unsaid


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("password", "signed in with a password"),
        ("link", "signed in with a one-time link"),
        ("another organisation", "signed in, coming from another organisation"),
        ("Company login", "signed in with Company login"),
        (None, "signed in"),
    ],
)
def test_how_somebody_signed_in_is_said_in_words(by: str | None, said: str) -> None:
    details = {"by": by} if by else {}
    assert sentence(Action.SIGNED_IN, None, details) == said
    assert unsaid(Action.SIGNED_IN, details) == {}
