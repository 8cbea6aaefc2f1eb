"""From the rows of a table to files of examples."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from jobsapp.config import load_settings
from jobsapp.language import LanguageError, Model, open_model, parse_servers
from jobsapp.processors.sdk import JSON, Context, Permanent, Retry

from ..kept import Kept
from ..model import ConversionInput
from ..progress import Stage
from .answered import Answered
from .asking import Asked, ask
from .options import ExampleOptions
from .rows import Rows
from .template import Templates
from .written import Writer

LOOK_SECONDS = 0.2
OFTEN = 1_000
AGAIN_SECONDS = 30.0
# What is on its way when the server gives up is paid for already.
LAST_SECONDS = 5.0

Tally = dict[str, Any]


def by_template(data: ConversionInput, context: Context, rows: Rows, count: int, stage: Stage) -> JSON:
    """Examples by a template. Raises `Permanent` for a template that does not fit the table."""
    options = data.options
    templates = Templates(options, rows.columns)
    left_out = 0
    with Writer(context, options, count) as writer:
        for number, row in rows:
            if number > count:
                break
            examples, empty = templates.examples(row)
            left_out += empty
            for example in examples:
                writer.write(number, example)
            if number % OFTEN == 0:
                stage.at(number / count, f"{number:,} of {count:,} rows, {_made(writer):,} examples")
    if left_out:
        context.log(f"{left_out:,} examples were left out, since a value in them is empty.", "warning")
    return _result(writer, count, {"leftOut": left_out})


def by_model(data: ConversionInput, context: Context, rows: Rows, count: int, stage: Stage, kept: Kept) -> JSON:
    """Examples written by a language model. Raises `Permanent`, or `Retry` if nobody answers just now."""
    options, settings = data.options, load_settings()
    try:
        with (
            open_model(
                parse_servers(settings.language_models),
                options.model,
                embedded_path=settings.embedded_model,
                threads=context.threads,
            ) as model,
            Answered(kept) as answered,
        ):
            _ask_all(options, model, rows, count, answered, stage)
            return _kept_answers(options, context, model, answered, count, kept)
    except LanguageError as error:
        if error.permanent:
            raise Permanent(str(error)) from None
        raise Retry(f"{error} What was answered is kept.", after=AGAIN_SECONDS) from None


def _ask_all(options: ExampleOptions, model: Model, rows: Rows, count: int, answered: Answered, stage: Stage) -> None:
    at_once = min(options.concurrency, model.at_once)
    waiting: dict[Future[Asked], int] = {}
    left = _unasked(rows, count, answered)
    examples = rejected = 0
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="asking")
    try:
        while True:
            while len(waiting) < at_once and (following := next(left, None)):
                number, row = following
                waiting[pool.submit(ask, model, options, row, options.seed + number)] = number
            if not waiting:
                return
            done, _ = wait(waiting, LOOK_SECONDS, FIRST_COMPLETED)
            for future in sorted(done, key=lambda one: one.exception() is not None):
                number, asked = waiting.pop(future), future.result()
                if not asked.examples and options.on_bad_answer == "fail":
                    raise Permanent(f"Row {number:,}: no good answer. {asked.rejected[-1][1]}")
                answered.add(number, asked, stage.start + (stage.end - stage.start) * len(answered) / count)
                examples, rejected = examples + len(asked.examples), rejected + len(asked.rejected)
            said = f"{len(answered):,} of {count:,} rows, {examples:,} examples, {rejected:,} rejected"
            stage.at(len(answered) / count, said)
    except LanguageError:
        wait(waiting, LAST_SECONDS)
        for future, number in waiting.items():
            if future.done() and future.exception() is None:
                answered.add(number, future.result(), stage.start)
        answered.keep()
        raise
    finally:
        # Whoever still waits for an answer is woken when the model is closed.
        pool.shutdown(wait=False, cancel_futures=True)


def _unasked(rows: Rows, count: int, answered: Answered) -> Iterator[tuple[int, dict[str, str]]]:
    for number, row in rows:
        if number > count:
            return
        if number not in answered:
            yield number, row


def _kept_answers(
    options: ExampleOptions, context: Context, model: Model, answered: Answered, count: int, kept: Kept
) -> JSON:
    prompt = completion = retries = without = 0
    with Writer(context, options, count) as writer:
        for number, asked in answered:
            if number % OFTEN == 0:
                context.check_cancelled()
            for example in asked.examples:
                writer.write(number, example)
            for kind, reason, said in asked.rejected:
                writer.reject(number, kind, reason, said)
            prompt, completion = prompt + asked.prompt_tokens, completion + asked.completion_tokens
            retries, without = retries + asked.retries, without + (not asked.examples)
    if without:
        context.log(f"{without:,} of {count:,} rows got no example; rejected.jsonl says why.", "warning")
    more: Tally = {
        "rowsWithoutExample": without,
        "rejectedInvalid": writer.rejected.get("invalid", 0),
        "rejectedUngrounded": writer.rejected.get("ungrounded", 0),
        "unanswered": writer.rejected.get("no answer", 0),
        "retries": retries,
        "promptTokens": prompt,
        "completionTokens": completion,
        "model": model.name,
    }
    if cost := model.cost(prompt, completion):
        more["cost"] = round(cost, 6)
    return _result(writer, count, more | {"seconds": round(kept.spent, 3)})


def _made(writer: Writer) -> int:
    return writer.counts["examples"] + writer.counts["validationExamples"]


def _result(writer: Writer, count: int, more: Tally) -> JSON:
    if not _made(writer):
        raise Permanent("Not a single example was made." + (" " + _why(writer) if writer.rejected else ""))
    return {"rows": count, **writer.counts, **more, "samples": writer.samples}


def _why(writer: Writer) -> str:
    return "Rejected: " + ", ".join(f"{count:,} {kind}" for kind, count in sorted(writer.rejected.items())) + "."
