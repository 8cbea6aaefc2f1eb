"""Real training of a tiny model: what it learns, what it says, what it leaves, and where it stops."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest

from jobsapp.processors.fine_tuning import FineTuning
from jobsapp.processors.sdk import Cancelled, Permanent
from jobsapp.processors.testing import FakeContext, Run, file_id, run_processor

from .conftest import Tune
from .tiny import make, pairs, write


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def strange_tensors(path: Path) -> bytes:
    import torch
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, path)
    return path.read_bytes()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "codes.jsonl", pairs(20))


def test_a_training_learns_and_tells_how(tune: Tune, source: Path) -> None:
    done = tune(source, epochs=30)
    result = done.result
    assert (result["examples"], result["validationExamples"], result["steps"]) == (18, 2, 150)
    assert result["lastLoss"] < 0.5 * result["firstLoss"]
    assert result["validationLoss"] < 0.7 * result["validationLossBefore"]
    log = lines(done.artifacts["metrics.jsonl"])
    assert [row["step"] for row in log if "loss" in row] == list(range(1, 151))
    measured = {row["step"]: row["validationLoss"] for row in log if "validationLoss" in row}
    assert min(measured, key=measured.__getitem__) == result["keptStep"]
    assert [point[0] for point in done.metrics["loss/train"]][-1] == 150
    assert {"loss/train", "loss/validation", "learningRate", "tokensPerSecond"} == set(done.metrics)
    assert done.progress[-1].percentage == 100
    assert any("Step 75 of 150: loss" in (one.message or "") for one in done.progress)
    ElementTree.fromstring(done.artifacts["losses.svg"].read_text())
    samples = lines(done.artifacts["samples.jsonl"])
    assert [one["wanted"] for one in samples] == [one["wanted"] for one in result["samples"]]
    assert all(one["after"].startswith("The code of") and one["before"] != one["after"] for one in samples)
    assert not done.context.leftovers()


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_the_adapter_is_what_peft_loads(tune: Tune, source: Path, tiny_model: Path, tmp_path: Path) -> None:
    done = tune(source, epochs=20, keep="last")
    with zipfile.ZipFile(done.artifacts["adapter.zip"]) as file:
        file.extractall(tmp_path / "adapter")
    assert json.loads((tmp_path / "adapter/adapter_config.json").read_text())["base_model_name_or_path"] == "tiny"

    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "adapter")
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), tmp_path / "adapter").eval()
    sample = done.result["samples"][0]
    text = f"<|im_start|>user\n{sample['question']}<|im_end|>\n<|im_start|>assistant\n"
    given = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    made = model.generate(
        input_ids=given["input_ids"],
        attention_mask=given["attention_mask"],
        max_new_tokens=8,
        do_sample=False,
        pad_token_id=0,
    )[0, given["input_ids"].shape[1] :]
    assert tokenizer.decode(made, skip_special_tokens=True).strip() == sample["after"]


def test_an_adapter_answers(tune: Tune, source: Path, tmp_path: Path) -> None:
    trained = tune(source, epochs=20, keep="last")
    adapter = trained.artifacts["adapter.zip"]
    sample = trained.result["samples"][0]
    data = {"mode": "generate", "adapter": str(file_id(adapter)), "maxTokens": 8}
    asked = run_processor(
        FineTuning,
        data | {"prompts": [sample["question"], "Who?"]},
        files=[adapter],
        tmp_path=tmp_path / "a",
        threads=1,
    )
    first, second = asked.result["answers"]
    assert first == {"question": sample["question"], "answer": sample["after"], "base": sample["before"]}
    assert second["question"] == "Who?"
    assert lines(asked.artifacts["answers.jsonl"]) == asked.result["answers"]


def test_a_question_that_was_answered_is_not_asked_again(tune: Tune, source: Path, tmp_path: Path) -> None:
    adapter = tune(source, maxSteps=2).artifacts["adapter.zip"]
    data = {"mode": "generate", "adapter": str(file_id(adapter)), "maxTokens": 8, "temperature": 1.5}
    data |= {"prompts": ["Who?", "What?", "Where?"]}

    def asked(context: FakeContext) -> Run:
        return run_processor(FineTuning, data, files=[adapter], tmp_path=context.folder, context=context)

    whole = asked(FakeContext(tmp_path / "whole", files=[adapter], threads=1))

    def gone(context: FakeContext) -> bool:
        if len(context.checkpoints) == 2:
            raise OSError("gone")
        return False

    broken = FakeContext(tmp_path / "b", files=[adapter], threads=1, cancel_when=gone)
    with pytest.raises(OSError, match="gone"):
        asked(broken)
    after = broken.next_attempt()
    again = asked(after)
    assert ("info", "Resumed: 2 questions are answered.") in again.log
    assert len(after.checkpoints) == 1
    assert again.result["answers"] == whole.result["answers"] == lines(again.artifacts["answers.jsonl"])
    assert again.result["tokens"] == whole.result["tokens"]


@pytest.mark.parametrize("case", ["strange", "bomb", "damaged", "other base"])
def test_an_adapter_that_is_none_is_refused(
    tune: Tune, source: Path, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = tmp_path / "adapter.zip"
    if case == "strange":
        adapter.write_bytes(b"no zip")
    elif case == "bomb":
        with zipfile.ZipFile(adapter, "w", zipfile.ZIP_DEFLATED) as new:
            new.writestr("adapter_model.safetensors", bytes(40 << 20))
    else:
        made = tune(source, maxSteps=1).artifacts["adapter.zip"]
        with zipfile.ZipFile(made) as old, zipfile.ZipFile(adapter, "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if case == "damaged" and name == "adapter_model.safetensors":
                    content = strange_tensors(tmp_path / "x")
                new.writestr(name, content)
    if case == "other base":
        other = make(tmp_path / "other", chat_template=None)
        config = json.loads((other / "config.json").read_text())
        (other / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-5}))
        monkeypatch.setenv("JOBSAPP_BASE_MODELS", json.dumps({"tiny": str(other)}))
    data = {"mode": "generate", "adapter": str(file_id(adapter)), "prompts": ["?"]}
    reason = {
        "strange": "not an adapter",
        "bomb": "to 40 MiB, as a decompression bomb does",
        "damaged": "tensors are not those",
        "other base": "another 'tiny'",
    }[case]
    with pytest.raises(Permanent, match=reason):
        run_processor(FineTuning, data, files=[adapter], tmp_path=tmp_path / "a", threads=1)


def test_a_cancel_stops_between_steps(tune: Tune, source: Path, tmp_path: Path) -> None:
    context = FakeContext(
        tmp_path / "c", files=[source], cancel_when=lambda one: len(one.metrics.get("loss/train", [])) == 3, threads=1
    )
    with pytest.raises(Cancelled):
        tune(source, context=context)
    assert len(context.metrics["loss/train"]) == 3
    assert context.artifacts == {}
    assert not context.leftovers()


def test_a_resumed_training_equals_one_that_was_not_interrupted(tune: Tune, source: Path, tmp_path: Path) -> None:
    options = {"checkpointSeconds": 0, "loraDropout": 0.2, "keep": "last", "evaluateEvery": 3}
    whole = tune(source, **options)

    def broken(context: FakeContext) -> bool:
        if len(context.metrics.get("loss/train", [])) == 8:
            raise OSError("the machine is gone")
        return False

    context = FakeContext(tmp_path / "c", files=[source], cancel_when=broken, threads=1)
    with pytest.raises(OSError, match="the machine is gone"):
        tune(source, context=context, **options)
    (context.keepdir / "1.99.pt").write_bytes(b"left by somebody")
    resumed = tune(source, context=context.next_attempt(), **options)
    assert ("info", "Resumed after step 8 of 20.") in resumed.log
    assert [step for step, _ in resumed.metrics["loss/train"]] == list(range(9, 21))
    assert not any("before the training" in (one.message or "") for one in resumed.progress)
    for name in ("loss", "validationLoss"):
        first, second = (
            [row[name] for row in lines(one.artifacts["metrics.jsonl"]) if name in row] for one in (whole, resumed)
        )
        assert first == pytest.approx(second, abs=1e-6)

    import torch
    from safetensors.torch import load_file

    tensors = []
    for one in (whole, resumed):
        with zipfile.ZipFile(one.artifacts["adapter.zip"]) as file:
            file.extract("adapter_model.safetensors", tmp_path)
        tensors.append(load_file(tmp_path / "adapter_model.safetensors"))
    assert tensors[0].keys() == tensors[1].keys()
    for key, tensor in tensors[0].items():
        torch.testing.assert_close(tensors[1][key], tensor, atol=1e-6, rtol=1e-5)


def test_what_was_kept_and_is_gone_begins_anew(tune: Tune, source: Path, tmp_path: Path) -> None:
    def broken(context: FakeContext) -> bool:
        if len(context.metrics.get("loss/train", [])) == 3:
            raise OSError("the machine is gone")
        return False

    context = FakeContext(tmp_path / "c", files=[source], cancel_when=broken, threads=1)
    with pytest.raises(OSError, match="gone"):
        tune(source, context=context, checkpointSeconds=0)
    for path in context.keepdir.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    done = tune(source, context=context.next_attempt(), checkpointSeconds=0)
    assert ("warning", "What the last attempt kept is not here: the training starts anew.") in done.log
    assert done.metrics["loss/train"][0][0] == 1


def test_a_loss_that_is_no_number_stops_it(
    tune: Tune, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file, save_file

    broken = make(tmp_path / "broken")
    tensors = load_file(broken / "model.safetensors")
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    monkeypatch.setenv("JOBSAPP_BASE_MODELS", json.dumps({"broken": str(broken)}))
    with pytest.raises(Permanent, match=r"^Step 1: the loss is nan, .* learning rate .* Lower learningRate"):
        tune(source, baseModel="broken", samples=0)


def test_a_base_model_that_is_not_known_is_named(tune: Tune, source: Path) -> None:
    with pytest.raises(Permanent, match=r"There is no base model '\.\./x' here\. Known: smollm2-135m, tiny;"):
        tune(source, baseModel="../x")


def test_a_base_model_without_chat_learns_plain_text(
    tune: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoTokenizer

    plain = make(tmp_path / "plain", chat_template=None)
    monkeypatch.setenv("JOBSAPP_BASE_MODELS", json.dumps({"plain": str(plain)}))
    rows = [{"prompt": f"Code of {n}:", "completion": f" {n * 2}"} for n in range(10)]
    done = tune(write(tmp_path / "p.jsonl", rows), baseModel="plain", maxSteps=2, samples=0)
    tokenizer = AutoTokenizer.from_pretrained(plain)
    wanted = sum(len(tokenizer(one["prompt"] + one["completion"] + "<|im_end|>")["input_ids"]) for one in rows)
    assert done.result["tokens"] < wanted
    assert done.result["steps"] == 2


def test_a_gpu_is_used(tune: Tune, source: Path) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("there is no GPU")
    done = tune(source, epochs=30)
    assert done.result["device"].startswith("cuda")
    assert done.result["lastLoss"] < 0.5 * done.result["firstLoss"]
    assert done.result["peakMemoryMb"] > 0
