"""What tests of several use cases share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobsapp.runtime.advancer import Advancer
from jobsapp.runtime.followers import followers_of
from jobsapp.runtime.house import House
from jobsapp.runtime.use_cases import open_use_cases


@pytest.fixture
def advancer(house: House) -> Iterator[Advancer]:
    with open_use_cases(house, "test advancer") as (services, session):
        yield Advancer(session, *followers_of(services))
