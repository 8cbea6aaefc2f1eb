"""An adapter as a file: a ZIP that peft and transformers can use anywhere; checked before it is used here."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import peft
import safetensors.torch

from jobsapp.processors.packed import refuse_bomb
from jobsapp.processors.sdk import Permanent

from .base import Base
from .model import FineTuningInput

ABOUT, WEIGHTS = "jobsapp.json", "adapter_model.safetensors"
FORM = 1
LARGEST = 4 << 30
LARGEST_ABOUT = 1 << 20


@dataclass(frozen=True)
class Stored:
    """An adapter that was read: the name and identity of its base model, its LoRA options, its tensors by name."""

    base: str
    identity: str
    lora: dict[str, Any]
    tensors: dict[str, Any]


def fresh(loaded: Base, data: FineTuningInput) -> Any:
    """The model with an adapter that does nothing yet, on all linear layers; only the adapter learns."""
    return _with_lora(loaded, {"r": data.lora_r, "lora_alpha": data.lora_alpha, "lora_dropout": data.lora_dropout})


def _with_lora(loaded: Base, lora: dict[str, Any]) -> Any:
    config = peft.LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", **lora)
    return peft.get_peft_model(loaded.model, config)


def save(model: Any, loaded: Base, data: FineTuningInput, folder: Path, path: Path) -> None:
    """Write the ZIP to `path`; `folder` is for the files until they are in it."""
    # Else it would be a path of this machine.
    model.peft_config["default"].base_model_name_or_path = loaded.published
    model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    about = {
        "form": FORM,
        "baseModel": loaded.name,
        "identity": loaded.identity,
        "lora": {"r": data.lora_r, "lora_alpha": data.lora_alpha, "lora_dropout": data.lora_dropout},
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2), encoding="utf-8")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for one in sorted(folder.iterdir()):
            if one.is_file():
                file.write(one, one.name)


def read(path: Path, name: str) -> Stored:
    """Read an adapter that anyone may have made: of its files only our own note and the tensors are used, and nothing
    in them is run. Raises `Permanent` if it is none of ours.
    """
    try:
        with zipfile.ZipFile(path) as file:
            refuse_bomb(file, path, LARGEST)
            if file.getinfo(ABOUT).file_size > LARGEST_ABOUT:
                raise ValueError(f"{ABOUT} is too large")
            about = json.loads(file.read(ABOUT))
            if about["form"] != FORM:
                raise ValueError("it has another form")
            lora = about["lora"]
            options = {"r": int(lora["r"]), "lora_alpha": float(lora["lora_alpha"]), "lora_dropout": 0.0}
            if not 1 <= options["r"] <= 1024:
                raise ValueError(f"its rank is {options['r']}")
            tensors = safetensors.torch.load(file.read(WEIGHTS))
            return Stored(str(about["baseModel"]), str(about["identity"]), options, tensors)
    except Exception as error:
        raise Permanent(f"{name} is not an adapter that was trained here, or it is damaged: {error}.") from None


def attach(stored: Stored, loaded: Base, name: str) -> Any:
    """The base model with the adapter. Raises `Permanent` if they do not belong together."""
    if stored.identity != loaded.identity:
        raise Permanent(f"{name} was trained on another {stored.base!r} than the one that is here now.")
    model = _with_lora(loaded, stored.lora)
    wanted = {key: one.shape for key, one in peft.get_peft_model_state_dict(model).items()}
    if wanted != {key: one.shape for key, one in stored.tensors.items()}:
        raise Permanent(f"{name} is damaged: its tensors are not those of an adapter for {stored.base!r}.")
    peft.set_peft_model_state_dict(model, stored.tensors)
    return model
