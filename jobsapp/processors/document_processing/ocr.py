"""Text of scanned pages by RapidOCR, whose package brings its models: no download, and nothing leaves the machine.

The models (PP-OCRv6, small) read Latin script with its accents; by their makers, Chinese and Japanese too.
https://rapidai.github.io/RapidOCRDocs
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from statistics import median
from typing import Any

from .from_pdf import Line

DPI = 150
# A plan of a building at 150 dpi would take gigabytes.
LONGEST_SIDE = 2400
LEAST_SURE = 0.5
# So many of the longest lines are asked which way is up.
ASKED = 7
INSTALL = "pip install 'jobsapp[ocr]'"


def available() -> bool:
    """Whether the extra is installed."""
    return all(find_spec(name) for name in ("rapidocr", "onnxruntime"))


class Ocr:
    """Reads pages. The models are loaded with the first one, which takes some seconds and 300 MiB."""

    def __init__(self, threads: int) -> None:
        self._threads = max(1, min(threads, os.cpu_count() or 1))
        self._engine: Any = None

    def read(self, page: Any) -> list[Line]:
        """The lines of a page of pypdfium2, from its top; a page that lies on a side or its head is turned."""
        import numpy as np

        width, height = page.get_size()
        scale = min(DPI / 72, LONGEST_SIDE / max(width, height, 1.0))
        # BGR with three values for a pixel, which is what the models were made with.
        picture = page.render(scale=scale).to_numpy()[:, :, :3]
        found = self._find(picture)
        if _is_sideways(found):
            picture = np.rot90(picture)
            found = self._find(picture)
        if self._is_headlong(picture, found):
            picture = np.rot90(picture, 2)
            found = self._find(picture)
        return _lines(found, picture.shape[0], scale)

    def _find(self, picture: Any) -> list[tuple[Any, str]]:
        """Boxes, each four corners as (x, y) in pixels, and their texts."""
        import numpy as np

        # What is left out stays as it was in the call before.
        answer = self._loaded()(np.ascontiguousarray(picture), use_det=True, use_cls=True, use_rec=True)
        if answer.boxes is None:
            return []
        return [
            (box, text.strip())
            for box, text, sure in zip(answer.boxes, answer.txts, answer.scores, strict=True)
            if sure >= LEAST_SURE and text.strip()
        ]

    def _is_headlong(self, picture: Any, found: list[tuple[Any, str]]) -> bool:
        """Whether most of the longest lines stand on their heads, by the model that turns single lines."""
        import numpy as np

        longest = sorted(found, key=lambda one: -float(np.ptp(one[0][:, 0])))[:ASKED]
        turned = 0
        for box, _ in longest:
            (left, top), (right, bottom) = box.min(axis=0).astype(int), box.max(axis=0).astype(int) + 1
            line = np.ascontiguousarray(picture[max(top, 0) : bottom, max(left, 0) : right])
            if line.size:
                ((label, _sure),) = self._loaded()(line, use_det=False, use_cls=True, use_rec=False).cls_res
                turned += label == "180"
        return turned * 2 > len(longest) > 0

    def _loaded(self) -> Any:
        if self._engine is None:
            from rapidocr import RapidOCR  # type: ignore[import-not-found, unused-ignore]

            threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": self._threads for kind in ("intra", "inter")}
            self._engine = RapidOCR(params={"Global.log_level": "error", **threads})
        return self._engine


def _is_sideways(found: list[tuple[Any, str]]) -> bool:
    """Whether most of the text runs up or down."""
    tall = 0
    for box, text in found:
        width, height = box.max(axis=0) - box.min(axis=0)
        tall += len(text) if height > 1.5 * width else 0
    return tall * 2 > sum(len(text) for _, text in found)


def _lines(found: list[tuple[Any, str]], height: int, scale: float) -> list[Line]:
    if not found:
        return []
    # A box is as high as its letters happen to be, so its height tells no headings from text.
    size = median(float(box[:, 1].max() - box[:, 1].min()) for box, _ in found) / scale
    return [
        Line(
            text,
            round(size, 1),
            float(box[:, 0].min()) / scale,
            float(box[:, 0].max()) / scale,
            float(height - box[:, 1].max()) / scale,
        )
        for box, text in found
    ]
