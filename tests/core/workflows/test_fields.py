"""Values that are filled in: what is no value of its field is a fault, whatever it is."""

from __future__ import annotations

import math
from typing import Any, Literal

import pytest

from jobsapp.core.workflows.fields import FormField, filled

KINDS: tuple[Literal["number", "integer"], ...] = ("number", "integer")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [10**400, -(10**4000), math.inf, math.nan, True, "1"])
def test_what_no_reader_takes_for_a_number_is_refused(kind: Any, value: Any) -> None:
    _, faults = filled({"n": FormField(type=kind)}, {"n": value}, "input")
    assert [one.field for one in faults] == ["input.n"]


@pytest.mark.parametrize("value", [0, -3, 2**63, 10**18, 4.0])
def test_a_number_is_taken_as_it_is(value: Any) -> None:
    for kind in KINDS:
        assert filled({"n": FormField(type=kind)}, {"n": value}, "input") == ({"n": value}, [])
