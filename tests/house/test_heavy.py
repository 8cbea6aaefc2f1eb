"""Heavy libraries belong to the work-horse: no process that serves or supervises loads one."""

from __future__ import annotations

import subprocess
import sys

from tests.processes import ROOT

HEAVY = {
    *("duckdb", "numpy", "pyarrow", "pandas", "charset_normalizer"),
    *("pypdfium2", "docx", "pptx", "openpyxl", "selectolax", "semchunk", "tokenizers", "safetensors", "rapidocr"),
    *("onnxruntime", "sklearn", "scipy", "skops", "matplotlib", "torch", "transformers", "peft", "gguf"),
    *("xllamacpp", "openai", "aiohttp", "ssrfguard"),
}
# All that web server, worker and keeper import, and all that they ask of the types: forms, schemas, checks.
CODE = f"""
import importlib, pkgutil, sys, uuid
import jobsapp
for area in ("jobsapp.wiring", "jobsapp.cli", "jobsapp.pages", "jobsapp.api", "jobsapp.live", "jobsapp.runtime"):
    module = importlib.import_module(area)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), area + "."):
        importlib.import_module(found.name)
from jobsapp.errors import InvalidInput
from jobsapp.pages.forms.fields import fields_of
from jobsapp.processors.registry import load_registry
one = str(uuid.uuid4())
GIVEN = {{
    "bulk-operation": {{"operation": "export", "table": "a.b"}},
    "data-conversion": {{"source": one, "targetFormat": "jsonl", "options": {{"mode": "smart"}}}},
    "document-processing": {{"documents": [one]}},
    "fine-tuning": {{"dataset": one, "provider": "remote", "baseModel": "x"}},
    "model-training": {{"source": one, "target": "y"}},
}}
registry = load_registry()
for name, data in GIVEN.items():
    job_type = registry.get(name)
    job_type.missing
    fields_of(job_type.processor.Input)
    try:
        job_type.validate(data)
    except InvalidInput:
        pass
print(sorted({HEAVY!r} & set(sys.modules)))
"""


def test_no_process_but_the_work_horse_loads_a_heavy_library() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
