"""`report.html`: one file that needs no other, readable without a network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = """:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{border:1px solid #8886;padding:.25rem .6rem;text-align:left}
img{max-width:100%;height:auto;background:#fff}dt{font-weight:600}.scroll{overflow-x:auto}"""
HEADINGS = {
    "metrics": "Metrics",
    "confusion": "Confusion matrix (test)",
    "importance": "What each column gives",
    "trials": "Trials of parameters, the best first",
    "folds": "Folds",
    "foldsTogether": "Folds together",
    "sizes": "Clusters",
    "tried": "Numbers of clusters",
    "columns": "Columns",
    "dropped": "Columns that were not used",
    "parameters": "Parameters",
}


def page(title: str, result: Mapping[str, Any], images: Mapping[str, bytes]) -> str:
    """The report of a result; `images`: PNG by what it shows."""
    plain = {key: value for key, value in result.items() if not isinstance(value, list | dict)}
    parts = [f"<h1>{escape(title)}</h1>", _pairs(plain)]
    if result["warnings"]:
        parts.append(
            "<h2>Warnings</h2><ul>" + "".join(f"<li>{escape(one)}</li>" for one in result["warnings"]) + "</ul>"
        )
    for name, data in images.items():
        text = base64.b64encode(data).decode()
        parts.append(f'<p><img alt="{escape(name)}" src="data:image/png;base64,{text}"></p>')
    for key, heading in HEADINGS.items():
        if result.get(key):
            parts.append(f"<h2>{heading}</h2>{_table(result[key])}")
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _pairs(values: Mapping[str, Any]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(key)}</dt><dd>{_cell(one)}</dd>" for key, one in values.items()) + "</dl>"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{escape(str(key))}</th>" for key in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{_cell(one)}</td>" for one in row.values()) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return escape(f"{value:.4g}" if isinstance(value, float) else str(value))
