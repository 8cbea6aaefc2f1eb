"""The data-conversion type."""
