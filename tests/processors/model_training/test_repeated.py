"""Rows that occur more than once are counted, and nothing else is."""

from __future__ import annotations

import numpy as np

from jobsapp.processors.model_training.problem import Problem, _repeated


def test_rows_are_told_apart_by_every_bit() -> None:
    grid = np.array([[a, b, a * b] for a in range(400) for b in range(400)], dtype=np.float64)
    assert _repeated(Problem("regression", [], grid, np.zeros(len(grid)), [], None, [])) == 0
    grid[7], grid[8], grid[9, 2] = grid[3], grid[3], np.nan
    assert _repeated(Problem("regression", [], grid, np.zeros(len(grid)), [], None, [])) == 2
    assert _repeated(Problem("regression", [], grid, np.arange(len(grid)), [], None, [])) == 0


def test_no_value_is_like_no_value_and_minus_zero_like_zero() -> None:
    x = np.array([[np.nan, 0.0], [np.nan, -0.0], [0.0, np.nan]])
    assert _repeated(Problem("regression", [], x, np.ones(3), [], None, [])) == 1
