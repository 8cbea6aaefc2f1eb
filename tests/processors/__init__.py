"""Processors: the helpers for their authors, and each built-in type."""
