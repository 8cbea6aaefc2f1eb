"""Opened folders for the tests of file operations."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path


class Folders:
    """Two that are opened, and one beside them that is not and must never be touched."""

    def __init__(self, base: Path) -> None:
        self.inbox, self.done, self.secret = base / "inbox", base / "done", base / "secret"
        for folder in (self.inbox, self.done, self.secret):
            folder.mkdir()
        (self.secret / "word.txt").write_text("secret")
        self.setting = json.dumps({"inbox": str(self.inbox), "done": str(self.done)})

    def put(self, **files: bytes | str) -> None:
        """`a__b="x"`: the file a/b of the inbox."""
        for name, content in files.items():
            path = self.inbox / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def content(folder: Path) -> dict[str, bytes]:
    """All regular files below it, by relative name."""
    files = (Path(place, name) for place, _, names in os.walk(folder) for name in names)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if not path.is_symlink()}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
