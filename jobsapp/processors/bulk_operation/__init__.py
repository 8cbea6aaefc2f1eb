"""Operations over many items with an outcome for each: tables by file or filter, calls per row, files of folders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobsapp.config import load_settings
from jobsapp.processors.sdk import JSON, Context, FollowUp, Preset, Processor

from .model import BulkInput
from .opened import folder_path, table_name

__all__ = ["BulkOperation"]

TITLES = {"import": "Load", "http": "Call for", "update": "Change", "delete": "Delete from", "export": "Download"}


class BulkOperation(Processor):
    """Does one thing to many items and says of each how it went: loads, changes, deletes or downloads rows of a table
    that the administrator has opened, calls an address for each row of a file, or checks, copies, moves or deletes
    files of an opened folder."""

    type = "bulk-operation"
    title = "Bulk operation"
    description = "Load, change, delete or download rows of a table, call an address per row, check or move files."
    icon = "stack"

    # The format may have been said of the first file; a report is told from its content.
    follow_ups = (
        FollowUp("failed.jsonl", "source", "Do only what failed again…", same=True, data={"sourceFormat": ""}),
    )

    presets = (
        Preset(
            "Load and update a table",
            "Rows that are there are changed, the others added; all or nothing. Tried only, until you say otherwise.",
            {"operation": "import", "table": "public.products", "mode": "upsert", "atomic": True, "dryRun": True},
        ),
        Preset(
            "Call an address for each row, gently",
            "Five calls at once and ten a second, each with a key of its own so that none is done twice.",
            {
                "operation": "http",
                "url": "https://api.example.org/items/{{sku}}",
                "method": "PUT",
                "concurrency": 5,
                "ratePerSecond": 10,
                "dryRun": True,
            },
        ),
        Preset(
            "Check the files of a folder",
            "Lists them with size and SHA-256, or compares them with a list.",
            {"operation": "files", "action": "check", "folder": "inbox", "pattern": "**", "dryRun": False},
        ),
    )
    Input = BulkInput

    def run(self, data: Any, context: Context) -> JSON:
        # Drivers and clients are for the work-horse only; the web process needs the model alone.
        from .operations import run

        return run(data, context)

    @classmethod
    def check(cls, data: Any) -> None:
        settings = load_settings()
        if data.operation == "files":
            folder_path(settings, "folder", data.folder)
            if data.action in ("copy", "move"):
                folder_path(settings, "target", data.target)
        elif data.operation != "http":
            table_name(settings, data.table)

    @classmethod
    def default_name(cls, data: Any, files: Sequence[str]) -> str:
        if data.operation == "files":
            what = f"files of {data.folder}"
            return f"{data.action.capitalize()} {what}" + (" (only tried)" if data.dry_run else "")
        what = files[0] if data.operation == "http" and files else data.table
        return f"{TITLES[data.operation]} {what}" + (" (only tried)" if data.dry_run else "")
