"""Fine-tuning at a service that answers over HTTP: states, events, cancelling, and never a second job there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

pytest.importorskip("openai", reason="fine-tuning is not installed: bin/setup finetuning")

from jobsapp.processors.fine_tuning import FineTuning, remote
from jobsapp.processors.sdk import Cancelled, Permanent, Retry
from jobsapp.processors.testing import FakeContext, Run, file_id, run_processor

from .service import KEY, RESULTS, Service, running

Ask = Callable[..., Run]
ROWS = [{"instruction": f"Code of {n}?", "output": f"It is {n * 2}."} for n in range(10)]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with running() as service:
        said = {"shop": {"url": service.url, "model": "small-1", "keyEnv": "SHOP_KEY"}}
        monkeypatch.setenv("JOBSAPP_LANGUAGE_MODELS", json.dumps(said))
        monkeypatch.setenv("SHOP_KEY", KEY)
        yield service


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "codes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.fixture
def ask(source: Path, tmp_path: Path) -> Ask:
    def ask(context: FakeContext | None = None, **data: object) -> Run:
        given = {"provider": "remote", "baseModel": "shop", "pollSeconds": 0.1, "dataset": str(file_id(source))}
        return run_processor(FineTuning, given | data, files=[source], tmp_path=tmp_path / "run", context=context)

    return ask


def at(source: Path, tmp_path: Path, when: Callable[[FakeContext], bool]) -> FakeContext:
    return FakeContext(tmp_path / "run", files=[source], cancel_when=when)


def test_a_job_is_started_watched_and_its_files_fetched(ask: Ask, service: Service) -> None:
    done = ask(suffix="v2", epochs=5)
    assert done.result["model"] == "ft:small-1:x"
    assert (done.result["trainedTokens"], done.result["validationLoss"]) == (77, 0.5)
    assert list(service.jobs) == ["ftjob-1"]
    job = service.jobs["ftjob-1"]
    assert job["wanted"]["suffix"] == "v2"
    assert job["hyperparameters"] == {"n_epochs": 5}
    lines = [service.files[job[key]][1].decode().splitlines() for key in ("training_file", "validation_file")]
    assert [len(one) for one in lines] == [9, 1]
    sent = sorted(json.loads(line)["messages"][0]["content"] for line in lines[0] + lines[1])
    assert sent == sorted(row["instruction"] for row in ROWS)
    assert done.metrics["loss/train"] == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    assert done.metrics["loss/validation"] == [(3, 0.5)]
    said = [one.message for one in done.progress if one.message]
    places = [
        next(n for n, text in enumerate(said) if part in text)
        for part in ("queued", "running, step 1 of 3", "ft:small-1:x")
    ]
    assert places == sorted(places)
    assert [text for _, text in done.log].count("shop: Fine-tuning job started") == 1
    assert done.artifacts["results-1.csv"].read_bytes() == RESULTS
    assert service.keys == {f"Bearer {KEY}"}


def test_a_cancel_is_heard_there(ask: Ask, service: Service, source: Path, tmp_path: Path) -> None:
    service.fate = "running"
    context = at(source, tmp_path, lambda one: len(one.metrics.get("loss/train", [])) >= 2)
    with pytest.raises(Cancelled):
        ask(context)
    assert service.jobs["ftjob-1"]["status"] == "cancelled"
    assert ("info", "Cancelled the job ftjob-1 at shop; it says: cancelled.") in context.lines


def test_a_cancel_is_said_again_while_the_service_is_unwell(
    ask: Ask, service: Service, source: Path, tmp_path: Path
) -> None:
    service.fate = "running"

    def cancelled(context: FakeContext) -> bool:
        if len(context.metrics.get("loss/train", [])) >= 2:
            service.unwell = 4
            return True
        return False

    with pytest.raises(Cancelled):
        ask(at(source, tmp_path, cancelled))
    assert service.jobs["ftjob-1"]["status"] == "cancelled"


def test_a_crash_goes_on_with_the_same_job(ask: Ask, service: Service, source: Path, tmp_path: Path) -> None:
    def broken(context: FakeContext) -> bool:
        if len(context.metrics.get("loss/train", [])) >= 2:
            raise OSError("gone")
        return False

    context = at(source, tmp_path, broken)
    with pytest.raises(OSError, match="gone"):
        ask(context)
    done = ask(context.next_attempt())
    assert (len(service.jobs), done.result["job"]) == (1, "ftjob-1")
    assert done.metrics["loss/train"] == [(3, pytest.approx(1 / 3))]
    assert not any("started" in text for _, text in done.log), "events are told once"


def test_a_job_whose_start_was_never_noted_is_found(ask: Ask, service: Service, source: Path, tmp_path: Path) -> None:
    service.lost = 1
    service.add_job(
        {
            "model": "small-1",
            "training_file": "file-results",
            "seed": 0,
            "method": {"supervised": {"hyperparameters": {}}},
        }
    )
    context = FakeContext(tmp_path / "run", files=[source])
    with pytest.raises(Retry, match="shop: HTTP 500: the answer is lost"):
        ask(context)
    assert context.checkpoints == []
    again = context.next_attempt()
    again.job_id = context.job_id
    done = ask(again)
    assert len(service.jobs) == 2
    assert done.result["job"] == "ftjob-2"
    stranger = context.next_attempt()
    stranger.job_id = uuid4()
    assert ask(stranger).result["job"] == "ftjob-3", "another job's is not taken"


def test_a_failure_there_is_a_failure_here_and_may_be_tried_anew(
    ask: Ask, service: Service, source: Path, tmp_path: Path
) -> None:
    service.fate = "failed"
    context = FakeContext(tmp_path / "run", files=[source])
    with pytest.raises(Permanent, match="the job ftjob-1 has failed there: too few examples"):
        ask(context)
    service.fate = "succeeded"
    again = context.next_attempt()
    again.job_id = context.job_id
    assert ask(again).result["job"] == "ftjob-2"


def test_a_service_that_is_unwell_for_a_while_is_waited_for(
    ask: Ask, service: Service, source: Path, tmp_path: Path
) -> None:
    def unwell(context: FakeContext) -> bool:
        if len(context.metrics.get("loss/train", [])) == 1 and not context.lines[-1][1].startswith("shop does not"):
            service.unwell = 4
        return False

    done = ask(at(source, tmp_path, unwell))
    assert ("warning", "shop does not answer: HTTP 503: we are unwell") in done.log
    assert done.result["model"] == "ft:small-1:x"


def test_a_service_that_stays_away_is_tried_later(
    ask: Ask, service: Service, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PATIENCE_SECONDS", 0.3)

    def gone(context: FakeContext) -> bool:
        if context.metrics:
            service.unwell = 1000
        return False

    with pytest.raises(Retry, match="shop does not answer: HTTP 503"):
        ask(at(source, tmp_path, gone))


def test_a_job_at_a_service_that_is_away_can_still_be_cancelled(
    ask: Ask, service: Service, source: Path, tmp_path: Path
) -> None:
    service.fate = "running"
    away = "shop does not answer: HTTP 503: we are unwell"

    def cancelled(context: FakeContext) -> bool:
        said = [one.message for one in context.history]
        if context.metrics and away not in said:
            service.unwell = 25
        # By then it was asked in vain as often as the log tells of at once.
        if said.count(away) > 22:
            service.unwell = 0
            return True
        return False

    context = at(source, tmp_path, cancelled)
    with pytest.raises(Cancelled):
        ask(context)
    assert service.jobs["ftjob-1"]["status"] == "cancelled"
    assert context.lines.count(("warning", away)) == 2


def test_what_is_not_set_up_is_said(ask: Ask, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Permanent, match=r"There is no service 'http://elsewhere'\. Known: shop;"):
        ask(baseModel="http://elsewhere")
    monkeypatch.setenv("SHOP_KEY", "wrong")
    with pytest.raises(Permanent, match="shop refused: HTTP 401: wrong key"):
        ask()
    monkeypatch.delenv("SHOP_KEY")
    with pytest.raises(Permanent, match="environment variable SHOP_KEY"):
        ask()
    assert service.jobs == {}
