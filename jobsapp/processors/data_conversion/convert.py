"""One conversion from its input to its result."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from jobsapp.processors.sdk import JSON, Context, InputFile, Permanent

from .duck import Duck
from .formats import guess, refuse_packed, result_name
from .from_csv import from_csv
from .from_json import from_json
from .from_parquet import from_parquet
from .kept import Kept, conversion_id
from .model import ConversionInput, Format
from .progress import Meter, Stage
from .work import Outcome, Rejected, Work

READERS: dict[Format, Callable[[Work], Outcome]] = {
    "csv": from_csv,
    "tsv": from_csv,
    "json": from_json,
    "jsonl": from_json,
    "parquet": from_parquet,
}


def convert(data: ConversionInput, context: Context) -> JSON:
    """Convert and describe what was done. Raises `Permanent` with a sentence, or `Cancelled`."""
    source = context.file(data.source)
    refuse_packed(source)
    source_format = data.source_format or guess(source)
    if data.options.mode != "plain":
        return _examples(data, context, source, source_format)
    name, media_type = result_name(source.name, data.target_format, data.compression)
    with (
        Kept(context, conversion_id(data, source, source_format)) as kept,
        context.artifact(name, media_type) as artifact,
        Duck(context, source.path, artifact.path) as duck,
    ):
        meter = Meter(context, source.size, kept.done)
        Stage(meter).at(0.0, "Opening…")
        work = Work(context, data, source, source_format, duck, artifact.path, Stage(meter), kept)
        outcome = READERS[source_format](work)
        context.check_cancelled()
        size = artifact.path.stat().st_size
    _keep_rejected(context, outcome.rejected)
    meter.report(1.0, f"Converted {outcome.rows:,} rows")
    return {
        "artifact": name,
        "rows": outcome.rows,
        "rowsRejected": outcome.rejected.count if outcome.rejected else 0,
        "columns": [{"name": column.name, "type": column.label} for column in outcome.columns],
        "bytesIn": source.size,
        "bytesOut": size,
        "seconds": round(kept.spent, 3),
        "sourceFormat": source_format,
        "targetFormat": data.target_format,
        "encoding": outcome.encoding,
    }


def _examples(data: ConversionInput, context: Context, source: InputFile, source_format: Format) -> JSON:
    # The models' libraries are for those who use them.
    from .examples.make import by_model, by_template
    from .examples.rows import rows_of

    with Kept(context, conversion_id(data, source, source_format)) as kept:
        meter = Meter(context, source.size, kept.done)
        reading, making = Stage(meter).split(1, 9)
        reading.at(0.0, "Reading…")
        rows = rows_of(data, context, source, source_format, READERS, reading)
        if not rows.count:
            raise Permanent(f"{source.name} has no rows.")
        _keep_rejected(context, rows.outcome.rejected, "rejected_rows.jsonl")
        count = min(rows.count, data.options.limit or rows.count)
        if data.options.mode == "template":
            result = by_template(data, context, rows, count, making)
        else:
            result = by_model(data, context, rows, count, making, kept)
    meter.report(1.0, f"Examples of {count:,} rows")
    return result


def _keep_rejected(context: Context, rejected: Rejected | None, name: str = "rejected.jsonl") -> None:
    if not rejected or not rejected.count:
        return
    with context.artifact(name, "application/x-ndjson") as artifact:
        shutil.copyfile(rejected.path, artifact.path)
    broken = "1 broken row was" if rejected.count == 1 else f"{rejected.count:,} broken rows were"
    context.log(f"{broken} left out; {name} lists them.", "warning")
