"""What all views share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Moment = Annotated[datetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""A point in time, always shown in UTC, whatever the time zone of the database's session."""


class View(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True)
