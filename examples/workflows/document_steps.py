"""Two small types for documents.yaml: name this module in JOBSAPP_PROCESSORS."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import PurePosixPath
from typing import Any

from jobsapp.processors.sdk import Context, FileId, Input, Permanent, Processor


class Unpack(Processor):
    """Makes a file of its own of each document in a ZIP."""

    type = "unpack"
    title = "Unpack"
    icon = "document"

    class Input(Input):
        source: FileId

    def run(self, data: Any, context: Context) -> Any:
        try:
            archive = zipfile.ZipFile(context.file(data.source).path)
        except zipfile.BadZipFile:
            raise Permanent("The file is no ZIP.") from None
        with archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
            for number, entry in enumerate(entries, 1):
                context.check_cancelled()
                name = PurePosixPath(entry.filename).name
                with (
                    archive.open(entry) as packed,
                    context.artifact(name) as made,
                    made.path.open("wb") as out,
                ):
                    shutil.copyfileobj(packed, out)
                context.progress(number, len(entries), name)
        return {"documents": len(entries)}


class Catalogue(Processor):
    """Writes one line for each document: its name, and how many chunks can be searched."""

    type = "catalogue"
    title = "Catalogue"
    icon = "table"

    class Input(Input):
        names: list[str]
        chunks: list[FileId]

    def run(self, data: Any, context: Context) -> Any:
        counts: dict[str, int] = {}
        for number, file_id in enumerate(data.chunks, 1):
            with context.file(file_id).path.open(encoding="utf-8") as lines:
                for line in lines:
                    name = json.loads(line)["document"]
                    counts[name] = counts.get(name, 0) + 1
            context.progress(number, len(data.chunks))
        with context.artifact("index.jsonl") as made, made.path.open("w", encoding="utf-8") as out:
            for name in data.names:
                out.write(json.dumps({"document": name, "chunks": counts.get(name, 0)}) + "\n")
        return {"documents": len(data.names), "chunks": sum(counts.values())}
