"""A model behind an OpenAI-compatible server, by OpenAI's own client library."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import openai

from jobsapp.language.answers import Answer, LanguageError, Message, answer_of, response_format
from jobsapp.language.settings import ServerSettings

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
SIMPLER = {"schema": "object", "object": "text"}


class ServerModel:
    """Use it in a `with` block; thread-safe."""

    def __init__(self, settings: ServerSettings) -> None:
        if settings.key_env and not settings.key:
            raise LanguageError(f"The environment variable {settings.key_env} has no key in it.", permanent=True)
        self.name = settings.model
        self.at_once = settings.at_once
        self._settings = settings
        self._json_by = settings.json_by
        self._lock = threading.Lock()
        self._next = 0.0
        self._closed = threading.Event()
        self._client = openai.OpenAI(
            base_url=settings.url,
            api_key=settings.key or "none",
            max_retries=0,
            timeout=settings.timeout_seconds,
            # The operator named this address, and no other.
            http_client=openai.DefaultHttpxClient(follow_redirects=False),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._client.close()

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        settings = self._settings
        return (prompt_tokens * settings.input_price + completion_tokens * settings.output_price) / 1e6

    def ask(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any], max_tokens: int, temperature: float, seed: int
    ) -> Answer:
        """As `Model.ask`. A server that is away or busy is asked again, later each time, as it says in Retry-After."""
        request = {
            "model": self.name,
            "messages": [dict(message) for message in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "seed": seed,
        }
        create: Any = self._client.chat.completions.create
        retries = 0
        while True:
            kind = self._json_by
            self._wait_for_turn()
            try:
                said = create(**request, **response_format(kind, schema))
                return answer_of(said.model_dump(), retries)
            except openai.BadRequestError as error:
                # Servers tell in many words that they do not know a response_format; asking for less is the test.
                if kind not in SIMPLER:
                    raise self._failed(error, everything=False) from None
                self._ask_for_less(kind, error)
            except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
                if retries >= self._settings.retries:
                    raise self._failed(error, everything=not isinstance(error, openai.InternalServerError)) from None
                retries += 1
                self._pause(error, retries)
            except (openai.OpenAIError, KeyError, IndexError, TypeError) as error:
                raise self._failed(error, everything=isinstance(error, openai.OpenAIError)) from None

    def _ask_for_less(self, kind: str, error: openai.BadRequestError) -> None:
        if "context" in str(error).lower() and "length" in str(error).lower():
            raise self._failed(error, everything=False) from None
        with self._lock:
            if self._json_by == kind:
                self._json_by = SIMPLER[kind]  # type: ignore[assignment]

    def _wait_for_turn(self) -> None:
        """Requests are spread evenly over the minute; a pause that the server asked for counts for all of them."""
        limit = self._settings.requests_per_minute
        with self._lock:
            at = max(time.monotonic(), self._next)
            self._next = at + 60.0 / limit if limit else self._next
        self._sleep(at - time.monotonic())

    def _pause(self, error: openai.APIError, retries: int) -> None:
        asked = _retry_after(error)
        pause = min(FIRST_PAUSE * 2 ** (retries - 1), LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        if asked is None:
            self._sleep(pause)
            return
        with self._lock:
            self._next = max(self._next, time.monotonic() + min(asked, LONGEST_PAUSE))

    def _sleep(self, seconds: float) -> None:
        if self._closed.wait(max(0.0, seconds)):
            raise LanguageError("The job has stopped.", permanent=True)

    def _failed(self, error: Exception, *, everything: bool) -> LanguageError:
        settings = self._settings
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return LanguageError(
                f"{settings.url} refuses the key of {settings.key_env or 'no variable'}.", permanent=True
            )
        if isinstance(error, openai.NotFoundError):
            return LanguageError(f"{settings.url} knows no model {self.name!r}.", permanent=True)
        if isinstance(error, openai.APIConnectionError):
            return LanguageError(f"{settings.url} does not answer: {error}")
        if not isinstance(error, openai.OpenAIError):
            return LanguageError(f"{settings.url} sent what is no answer.", everything=False)
        said = getattr(error, "message", str(error)) or type(error).__name__
        permanent = isinstance(error, openai.BadRequestError)
        return LanguageError(f"{settings.url}: {said}"[:500], permanent=permanent, everything=everything)


def _retry_after(error: openai.APIError) -> float | None:
    """Seconds that the server asked to wait, as a number or until a date (RFC 9110, 10.2.3)."""
    response = getattr(error, "response", None)
    said = response.headers.get("retry-after", "") if response is not None else ""
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
