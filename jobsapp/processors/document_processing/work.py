"""What one run is given, and how it says how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobsapp.config import Settings
from jobsapp.processors.sdk import Context, InputFile

from .embedders import model_of
from .kept import Kept
from .minilm import Tokens
from .model import DocumentsInput

# Of the whole time, where vectors are made.
READING_SHARE = 0.1


@dataclass(frozen=True)
class Work:
    """One run over the documents in `files`."""

    context: Context
    data: DocumentsInput
    files: Sequence[InputFile]
    kept: Kept
    tokens: Tokens
    settings: Settings

    @property
    def model(self) -> str:
        """The name of the model that makes the vectors; "" if none are made."""
        return model_of(self.data.embed, self.settings)

    @property
    def bytes_in(self) -> int:
        return sum(file.size for file in self.files)

    def read(self, share: float, message: str) -> None:
        """So much of the bytes is read, 0 to 1."""
        self._at(share * (READING_SHARE if self.data.embed != "none" else 1.0), message)

    def embedded(self, share: float, message: str) -> None:
        """So much of the chunks has a vector, 0 to 1."""
        self._at(READING_SHARE + share * (1 - READING_SHARE), message)

    def _at(self, share: float, message: str) -> None:
        total = max(self.bytes_in, 1)
        self.context.progress(int(min(share, 1.0) * total), total, message)
