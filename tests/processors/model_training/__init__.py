"""Tests of model-training."""
