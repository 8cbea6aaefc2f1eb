"""Which operation is done by what."""

from __future__ import annotations

from typing import Any

from jobsapp.config import load_settings
from jobsapp.processors.sdk import Context

from .model import BulkInput


def run(data: BulkInput, context: Context) -> dict[str, Any]:
    """Do it. Settings are read here, from the environment of the process that runs the job."""
    settings = load_settings()
    head = {"operation": data.operation, "dryRun": data.dry_run}
    match data.operation:
        case "import":
            from .importing import run_import

            return head | run_import(data, context, settings)
        case "http":
            from .calls import run_calls

            return head | run_calls(data, context, settings)
        case "files":
            from .files import run_files

            return head | run_files(data, context, settings)
        case _:
            from .filtered import run_filtered

            return head | run_filtered(data, context, settings)
