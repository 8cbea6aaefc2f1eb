"""What is wrong with the jobs of one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from jobsapp.errors import FieldError, InvalidInput

FAULTY_SHOWN = 100
FAULTS_SHOWN_OF_ONE = 10

T = TypeVar("T")


class Faults:
    """The faults of a call, by the index of the job, so that one answer can tell them all."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._found: dict[int, InvalidInput] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, index: int, fault: InvalidInput) -> None:
        self._found[index] = fault

    def catch(self, index: int, check: Callable[[], T]) -> T | None:
        """What the check gives, or None if it found a fault."""
        try:
            return check()
        except InvalidInput as fault:
            self.add(index, fault)
            return None

    def refuse(self) -> None:
        """Raises InvalidInput if there are faults, naming those of the first FAULTY_SHOWN jobs that have some."""
        if not self._found:
            return
        shown = [
            FieldError(f"jobs[{index}].{fault.field}".rstrip("."), fault.message)
            for index in sorted(self._found)[:FAULTY_SHOWN]
            for fault in self._found[index].errors[:FAULTS_SHOWN_OF_ONE]
        ]
        count = f"{len(self._found):,} of {self._entries:,} jobs cannot be created, so none was."
        raise InvalidInput(f"{count} The first: {shown[0].field}: {shown[0].message}", errors=tuple(shown))
