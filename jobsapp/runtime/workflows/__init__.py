"""Runs of workflows, brought on beside the keeper that leads."""
