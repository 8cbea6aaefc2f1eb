"""Pages travel packed, unless somebody else's page asked for them.

A page has the session's CSRF token in it, and often what the address says (a filter, a question). Packed, its length
would tell whether the two have something in common; who can make a browser open many such addresses and sees the
length of the answers could guess the token bit by bit (BREACH, CVE-2013-3587). For that another site's page has to
ask, and the browser says when it was one. Where one of our own pages asked, or the address bar, nobody else has
chosen the address. Browsers that say nothing get pages as they are.
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

OWN = ("same-origin", "none")
# Below that the packet is as large as before.
WORTHWHILE_BYTES = 1000
LEVEL = 6


def init_app(app: Flask) -> None:
    app.after_request(_pack)


def _pack(response: Response) -> Response:
    if response.mimetype != "text/html":
        return response
    response.vary.update(("Accept-Encoding", "Sec-Fetch-Site"))
    if response.is_streamed or response.content_encoding or not _may_be_packed():
        return response
    content = response.get_data()
    if len(content) >= WORTHWHILE_BYTES:
        response.set_data(gzip.compress(content, LEVEL, mtime=0))
        response.content_encoding = "gzip"
    return response


def _may_be_packed() -> bool:
    return request.headers.get("Sec-Fetch-Site") in OWN and request.accept_encodings["gzip"] > 0
