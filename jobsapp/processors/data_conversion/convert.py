"""One conversion from its input to its result."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from jobsapp.processors.sdk import JSON, Context

from .duck import Duck
from .formats import guess, result_name
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
    source_format = data.source_format or guess(source)
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


def _keep_rejected(context: Context, rejected: Rejected | None) -> None:
    if not rejected or not rejected.count:
        return
    with context.artifact("rejected.jsonl", "application/x-ndjson") as artifact:
        shutil.copyfile(rejected.path, artifact.path)
    context.log(f"{rejected.count:,} broken rows were left out; rejected.jsonl lists them.", "warning")
