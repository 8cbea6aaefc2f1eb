"""Rows of a table become examples that a language model is tuned with: by a template, or written by another model."""
