"""Ridge regression in its dual form, with what it would predict for each group of faces without them.

That follows from the inverse of one matrix, without fitting again: for a group of rows the prediction by the others is
y - inverse[group, group]^-1 (inverse y)[group] (Rasmussen and Williams, 2006, "Gaussian Processes for Machine
Learning", section 5.4.2, there for one row at a time).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg.lapack
from numpy.typing import NDArray

Floats = NDArray[np.float64]

INTERCEPT = 1e4  # added to every kernel: a constant that is all but free
ROWS = 1024  # mirrored at a time


Groups = tuple[NDArray[np.intp], ...]  # their rows: for each size that occurs, an array (k, size)


class Solution(NamedTuple):
    """f(x) = sum of coefficients (n,) times (k(x, row) + INTERCEPT); `left_out` (n,): f without a row's group."""

    coefficients: Floats
    left_out: Floats


def grouped(names: Sequence[object] | NDArray[Any]) -> Groups:
    """Return the groups of rows that have the same name."""
    codes = np.unique(np.asarray(names), return_inverse=True)[1].reshape(-1)
    order, sizes = np.argsort(codes, kind="stable"), np.bincount(codes)
    ends = np.cumsum(sizes)
    return tuple(
        np.stack([order[end - size : end] for end in ends[sizes == size]]) for size in np.unique(sizes).tolist()
    )


def solve(kernel: Floats, targets: Floats, weights: Floats, groups: Groups) -> Solution:
    """Return the regression of `targets` (n,) with penalty 1, where each row counts `weights` (n,).

    Needs the memory of the kernel (n, n) twice besides.
    """
    inverse = _inverse(kernel, weights)
    coefficients = inverse @ targets
    left_out = targets.copy()
    for rows in groups:
        blocks = inverse[rows[:, :, None], rows[:, None, :]]
        left_out[rows] -= np.linalg.solve(blocks, coefficients[rows][..., None])[..., 0]
    return Solution(coefficients, left_out)


def _inverse(kernel: Floats, weights: Floats) -> Floats:
    """Return (kernel + INTERCEPT + diag(1 / weights))^-1; LAPACK works on one copy, in place."""
    system = kernel + INTERCEPT
    system[np.diag_indices_from(system)] += 1 / weights
    # The transpose of a symmetric matrix in C's order is the same matrix in Fortran's, which LAPACK need not copy.
    factor, failed = scipy.linalg.lapack.dpotrf(system.T, lower=1, overwrite_a=1, clean=0)
    if failed:
        raise np.linalg.LinAlgError(f"the kernel of {len(kernel)} faces is not positive (dpotrf: {failed})")
    inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)
    for start in range(0, len(inverse), ROWS):
        rows = slice(start, start + ROWS)
        square = np.tril(inverse[rows, rows])
        inverse[rows, rows] = square + np.tril(square, -1).T
        inverse[rows, start + ROWS :] = inverse[start + ROWS :, rows].T
    return np.asarray(inverse)
