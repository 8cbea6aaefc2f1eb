"""A small language model with random weights, and its tokenizer: real files, real training, a second a run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|im_end|>", "<|im_start|>"]


def pairs(count: int) -> list[dict[str, Any]]:
    """Examples of one rule: the code of a number is its double."""
    return [chat(f"Code of {n}?", f"The code of {n} is {2 * n}.") for n in range(count)]


def chat(asked: str, answered: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]}


def write(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def make(folder: Path, *, chat_template: str | None = CHAT) -> Path:
    """A Llama of 2 layers and 64 wide, and a byte-level BPE tokenizer, as `save_pretrained` writes them."""
    _make_tokenizer(chat_template).save_pretrained(folder)
    _make_model().save_pretrained(folder)
    return folder


def _make_tokenizer(chat_template: str | None) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([json.dumps(one) for one in pairs(50)], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>")
    tokenizer.chat_template = chat_template
    return tokenizer


def _make_model() -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=400,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=0,
    )
    model = LlamaForCausalLM(config)
    # Only the adapter learns: with weights as small as they begin, the frozen last layer could hardly prefer a token.
    model.lm_head.weight.data.mul_(15)
    return model
