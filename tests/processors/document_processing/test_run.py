"""How a run behaves: vectors, progress, cancelling, memory, what the web process loads."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from jobsapp.processors.document_processing import DocumentProcessing
from jobsapp.processors.document_processing.chunks import in_context
from jobsapp.processors.document_processing.minilm import MiniLM
from jobsapp.processors.document_processing.threads import thread_counts
from jobsapp.processors.sdk import Cancelled
from jobsapp.processors.testing import FakeContext, file_id, run_processor

from .conftest import given

PARTS = "\n\n".join(
    f"## Part {n}\n\nThe {n} boats of harbour {n} sail at {n} o'clock, when the sea is calm." for n in range(60)
)


def test_vectors_belong_to_the_chunks_in_their_order(process, write):
    done = process(write("sea.md", PARTS), write("hill.txt", "Sheep graze on the hill."), embed="minilm")
    vectors = np.load(done.run.artifacts["vectors.npy"])
    chunks = done.chunks
    assert len(chunks) == 61
    assert [one["row"] for one in chunks] == list(range(61))
    texts = [in_context(one["text"], one["headings"], one["tableHeader"]) for one in chunks]
    np.testing.assert_allclose(vectors, MiniLM().embed(texts), atol=2e-6)
    assert {key: done.result[key] for key in ("documents", "chunks", "vectors", "dimensions", "model")} == {
        "documents": 2,
        "chunks": 61,
        "vectors": 61,
        "dimensions": 384,
        "model": "all-MiniLM-L6-v2",
    }
    assert {one["fileId"] for one in chunks} == {str(key) for key in done.run.context.files}


def test_chunks_are_characters_of_the_markdown_file(process, write):
    done = process(write("sea.md", PARTS + "\n\nÜber 東京 🚀 " * 300))
    text = done.text()
    assert done.row["characters"] == len(text) - 1
    assert done.row["tokens"] == sum(one["tokens"] for one in done.chunks)
    assert all(text[one["start"] : one["end"]] == one["text"] for one in done.chunks)


def test_progress_rises_and_reaches_the_end(process, write):
    done = process(write("a.md", PARTS), write("b.md", PARTS), embed="minilm")
    shares = [p.percentage for p in done.run.progress if p.percentage is not None]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert len({round(share) for share in shares}) > 10
    messages = [p.message for p in done.run.progress]
    assert "a.md: reading" in messages
    assert "b.md: vector 120 of 120" in messages


@pytest.mark.parametrize("word", ["reading", "vector"])
def test_cancel_is_heard_at_the_next_unit_of_work(write, tmp_path, word):
    path = write("a.md", PARTS)
    since = []

    def cancel(context):
        if since or any(word in (p.message or "") for p in context.history):
            since.append(len(context.history))
        return bool(since)

    context = FakeContext(tmp_path, files=[path], cancel_when=cancel, threads=1)
    with pytest.raises(Cancelled):
        run_processor(
            DocumentProcessing, given((path,), {"embed": "minilm"}), files=[path], tmp_path=tmp_path, context=context
        )
    assert len(since) == 1, "no work is done after the first time of asking"
    assert (context.artifacts, context.leftovers()) == ({}, [])


MEASURE = """
import sys, tempfile, pathlib
from jobsapp.processors.testing import run_processor, file_id
from jobsapp.processors.document_processing import DocumentProcessing
path = pathlib.Path(sys.argv[1])
folder = pathlib.Path(tempfile.mkdtemp(dir=sys.argv[2]))
data = {"documents": [str(file_id(path))], "embed": "none"}
print(run_processor(DocumentProcessing, data, files=[path], tmp_path=folder).result["chunks"])
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_the_text(tmp_path):
    paths = {lines: tmp_path / f"{lines}.txt" for lines in (6_000, 18_000)}
    for lines, path in paths.items():
        path.write_text("A line of a text that never has an empty line, and goes on.\n" * lines)
    peaks = []
    for path in paths.values():
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path), str(tmp_path)], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout.split()[1]))
    assert peaks[1] - peaks[0] < 25


def test_web_process_never_loads_the_libraries():
    code = "import sys, jobsapp.processors.document_processing as d; d.DocumentProcessing.Input.model_json_schema(); "
    code += "print({'pypdfium2', 'docx', 'pptx', 'openpyxl', 'selectolax', 'semchunk', 'numpy', 'tokenizers'} "
    code += "& set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("threads", [2, 1])
def test_no_more_threads_than_allowed(write, tmp_path, threads):
    if not thread_counts():
        pytest.skip("numpy comes without OpenBLAS here")
    path = write("a.txt", "Text.")
    data = {"documents": str(file_id(path))}
    run_processor(DocumentProcessing, data, files=[path], tmp_path=tmp_path, threads=threads)
    assert set(thread_counts()) == {threads}


def test_one_document_needs_no_list(write, tmp_path):
    path = write("a.txt", "Text.")
    data = {"documents": str(file_id(path)), "embed": "none"}
    assert run_processor(DocumentProcessing, data, files=[path], tmp_path=tmp_path).result["documents"] == 1


def test_name_of_a_job():
    name = DocumentProcessing.default_name(None, ["a.pdf", "b.pdf", "c.pdf"])
    assert (name, DocumentProcessing.default_name(None, ["a.pdf"])) == ("a.pdf and 2 more", "a.pdf")
