"""Ridge regression in its dual form: predictions for faces left out, and how much each block of features may say.

Both follow from the inverse of one matrix, without fitting again (Rasmussen and Williams, 2006, "Gaussian Processes for
Machine Learning", section 5.4.2, there for one row at a time): of a group of rows the prediction by the others is
y - inverse[group, group]^-1 (inverse y)[group], and its derivatives say which blocks of features to trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg.lapack
import scipy.optimize
import scipy.sparse
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Kernel = NDArray[np.float32]

INTERCEPT = 1e4  # added to every kernel: a constant that is all but free
STEPS = 15  # of the search: on FFHQ and DFDC further ones changed left-out AUC by less than .001
REACH = (np.exp(-7.0), np.exp(5.0))  # how far a block's scale may go from where it starts
ROWS = 1024  # mirrored at a time


class Groups(NamedTuple):
    """The group of each row, (n,) from 0 up, and the groups' rows: for each size that occurs, an array (k, size)."""

    codes: NDArray[np.intp]
    members: tuple[NDArray[np.intp], ...]


class Solution(NamedTuple):
    """f(x) = sum of coefficients (n,) times (k(x, row) + INTERCEPT); `left_out` (n,): f without a row's group."""

    coefficients: Floats
    left_out: Floats


def grouped(names: Sequence[object] | NDArray[np.object_]) -> Groups:
    """Return the groups of rows that have the same name."""
    codes = np.unique(np.asarray(names), return_inverse=True)[1].reshape(-1)
    order, sizes = np.argsort(codes, kind="stable"), np.bincount(codes)
    ends = np.cumsum(sizes)
    members = tuple(
        np.stack([order[end - size : end] for end in ends[sizes == size]]) for size in np.unique(sizes).tolist()
    )
    return Groups(codes, members)


def solve(kernel: Floats, targets: Floats, weights: Floats, groups: Groups) -> Solution:
    """Return the regression of `targets` (n,) with penalty 1, where each row counts `weights` (n,).

    Needs twice the memory of the kernel (n, n) besides.
    """
    return _solved(_inverse(kernel, weights), targets, groups)


def search_scales(kernels: Sequence[Kernel], targets: Floats, weights: Floats, groups: Groups, start: float) -> Floats:
    """Return the scale of each block's kernel (n, n) for which left-out rows are told best: by their log loss.

    `targets` are +-1. All begin at `start`, and at one another scale of the logits is found with them. L-BFGS: each of
    its steps costs an inverse and three products of n x n.
    """
    shares = weights / weights.sum()

    def loss_at(found: Floats) -> tuple[float, Floats]:
        scales, slope = np.exp(found[:-1]), float(np.exp(found[-1]))
        inverse = _inverse(_sum(kernels, scales), weights)
        solution = _solved(inverse, targets, groups)
        margins = slope * targets * solution.left_out
        loss = float(shares @ np.logaddexp(0.0, -margins))
        towards = -slope * targets * shares * expit(-margins)
        derivative = _derivative(inverse, solution.coefficients, targets - solution.left_out, towards, groups)
        by_scale = [scale * float(np.vdot(block, derivative)) for scale, block in zip(scales, kernels, strict=True)]
        return loss, np.array([*by_scale, towards @ solution.left_out])

    first = np.array([np.log(start)] * len(kernels) + [0.0])
    bounds = [tuple(np.log(start) + np.log(REACH))] * len(kernels) + [(-5.0, 5.0)]
    options = {"maxiter": STEPS, "maxfun": STEPS + 3}
    found = scipy.optimize.minimize(loss_at, first, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return np.asarray(np.exp(found.x[:-1]))


def _sum(kernels: Sequence[Kernel], scales: Floats) -> Floats:
    total = np.zeros(kernels[0].shape)
    for scale, kernel in zip(scales.tolist(), kernels, strict=True):
        total += np.float32(scale) * kernel
    return total


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


def _solved(inverse: Floats, targets: Floats, groups: Groups) -> Solution:
    coefficients = inverse @ targets
    return Solution(coefficients, targets - _by_groups(inverse, coefficients, groups))


def _by_groups(inverse: Floats, values: Floats, groups: Groups) -> Floats:
    """Return inverse[group, group]^-1 values[group] for every group, each where its rows are."""
    found = np.empty_like(values)
    for members in groups.members:
        blocks = inverse[members[:, :, None], members[:, None, :]]
        found[members] = np.linalg.solve(blocks, values[members][..., None])[..., 0]
    return found


def _derivative(inverse: Floats, coefficients: Floats, residuals: Floats, towards: Floats, groups: Groups) -> Kernel:
    """Return the loss's derivative (n, n) by the kernel, `towards` (n,) being that by the left-out predictions."""
    back = _by_groups(inverse, towards, groups)
    one, other = (_columns(inverse, values, groups) for values in (back, residuals))
    found = np.outer(inverse @ back, coefficients)
    found -= one.T @ other
    return found.astype(np.float32)


def _columns(inverse: Floats, values: Floats, groups: Groups) -> Floats:
    """Return for each group its columns of the inverse, times the values of its rows, added: (groups, n)."""
    rows = np.arange(len(values))
    shared = scipy.sparse.csr_matrix((values, (groups.codes, rows)))
    return np.asarray(shared @ inverse)
