"""What there is to learn from: the files, checked, and what is set aside to measure on."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from jobsapp.processors.sdk import Context, InputFile

from .examples import Example, Examples, read
from .model import FineTuningInput


@dataclass(frozen=True)
class Material:
    """What there is to learn from: the files, what was found in the first, and how it is parted."""

    files: list[InputFile]
    checked: Examples
    training: list[Example]
    measured: list[Example]


def gather(data: FineTuningInput, context: Context) -> Material:
    """Read and check the files; what is measured on is set aside by the seed."""
    assert data.dataset is not None  # noqa: S101 - the input model has seen to it.
    files = [context.file(data.dataset)]
    checked = read(files[0], context, skip=data.bad_examples == "skip")
    if data.validation is not None:
        files.append(context.file(data.validation))
        more = read(files[1], context, skip=data.bad_examples == "skip")
        both = replace(checked, faults=checked.faults + more.faults, faulty=checked.faulty + more.faulty)
        return Material(files, both, checked.found, more.found)
    training = list(checked.found)
    count = round(len(training) * data.validation_share)
    if data.validation_share and len(training) > 1:
        count = min(max(count, 1), len(training) - 1)
    random.Random(data.seed).shuffle(training)  # noqa: S311 - no secret hangs on it.
    return Material(files, checked, training[count:], training[:count])
