"""Which servers of language models there are: `JOBSAPP_LANGUAGE_MODELS`. No address ever comes from a user."""

from __future__ import annotations

import json
import os
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

EMBEDDED = "embedded"


class ServerSettings(BaseModel):
    """A model behind an OpenAI-compatible server (Ollama, vLLM, llama.cpp, LM Studio, OpenAI …)."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True, frozen=True)

    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")]
    """Up to and with `/v1`."""
    model: str = Field(min_length=1)
    """As the server calls it."""
    key_env: str = ""
    """The environment variable that holds its key, so that the key stands in no setting; empty: it needs none."""
    at_once: int = Field(4, ge=1, le=64)
    """Requests in flight at the same time, in one job."""
    requests_per_minute: float | None = Field(None, gt=0)
    """Of one job; None: no limit but what the server says by 429 and Retry-After."""
    timeout_seconds: float = Field(120.0, gt=0)
    """For one answer."""
    retries: int = Field(4, ge=0, le=20)
    """How often a request is sent again when the server is away, busy or broken."""
    input_price: float = Field(0.0, ge=0)
    """For a million tokens of prompts, in whatever currency."""
    output_price: float = Field(0.0, ge=0)
    """For a million tokens of answers."""
    json_by: Literal["schema", "object", "text"] = "schema"
    """What the server is first asked for. That it knows no schemas or objects is found out at the first request."""

    @property
    def key(self) -> str | None:
        return os.environ.get(self.key_env) if self.key_env else None


Servers = TypeAdapter(dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")], ServerSettings])


def parse_servers(text: str) -> dict[str, ServerSettings]:
    """`{"name": {"url": …, "model": …}, …}` as JSON; empty: none. Raises ValueError that names the place."""
    if not text.strip():
        return {}
    try:
        servers = Servers.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "[key]")
        raise ValueError(f"{place or 'JSON'}: {first['msg']}") from None
    if EMBEDDED in servers:
        raise ValueError(f"{EMBEDDED}: this name is the model's in the process")
    return servers


def example() -> str:
    """What the setting may look like."""
    return json.dumps({"local": {"url": "http://localhost:11434/v1", "model": "llama3.2"}})
