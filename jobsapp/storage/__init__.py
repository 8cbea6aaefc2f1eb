"""Bytes of uploads and artifacts, each under the id of its row."""

from jobsapp.storage.local import LocalStorage, Receiver, Stored

__all__ = ["LocalStorage", "Receiver", "Stored"]
