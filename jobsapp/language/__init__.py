"""Language models for processors: a server of the administrator's choice, or a small one in the process.

    with open_model(settings, "shop", context.threads) as model:
        answer = model.ask([{"role": "user", "content": "…"}], schema=SCHEMA, max_tokens=200)

`model` is thread-safe; ask it from as many threads as `model.at_once` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jobsapp.language.answers import Answer, LanguageError, Model
from jobsapp.language.settings import EMBEDDED, ServerSettings, parse_servers

__all__ = [
    "EMBEDDED",
    "Answer",
    "LanguageError",
    "Model",
    "ServerSettings",
    "check_name",
    "open_model",
    "parse_servers",
]


def check_name(servers: Mapping[str, ServerSettings], name: str) -> None:
    """Raises LanguageError, with those that there are, if there is no model of that name."""
    if name not in ("", EMBEDDED, *servers):
        known = ", ".join([EMBEDDED, *servers])
        raise LanguageError(f"There is no language model {name!r}; there are: {known}.", permanent=True)


@contextmanager
def open_model(
    servers: Mapping[str, ServerSettings], name: str, *, embedded_path: str = "", threads: int = 1
) -> Iterator[Model]:
    """The model of that name; `""` or "embedded": the one in the process. Raises LanguageError for an unknown name."""
    if name in ("", EMBEDDED):
        from jobsapp.language.embedded import EmbeddedModel

        yield EmbeddedModel(embedded_path, threads)
        return
    check_name(servers, name)
    from jobsapp.language.client import ServerModel

    with ServerModel(servers[name]) as model:
        yield model
