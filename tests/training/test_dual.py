from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.training.ridge import dual
from tasks.training.ridge.dual import INTERCEPT, grouped, solve

Floats = NDArray[np.float64]


def problem(seed: int) -> tuple[Floats, Floats, Floats, NDArray[np.intp]]:
    """Kernel, targets, weights, and the groups' names, of one to four rows each, mixed."""
    random = np.random.default_rng(seed)
    names = random.permutation(np.repeat(np.arange(9), (3, 1, 2, 2, 1, 4, 1, 1, 2)))
    targets = np.where(random.permutation(len(names)) % 2 == 0, 1.0, -1.0)
    values = random.normal(0, 1, (len(names), 33))
    return values @ values.T / 5, targets, random.uniform(0.2, 2, len(names)), names


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40))
def test_every_row_is_in_the_group_of_its_name(names: list[str]) -> None:
    groups = grouped(names)
    rows = np.concatenate([members.reshape(-1) for members in groups])
    assert sorted(rows) == list(range(len(names)))
    for members in groups:
        for group in members.tolist():
            (name,) = {names[row] for row in group}
            assert len(group) == names.count(name)


def test_what_is_left_out_is_what_a_fit_without_the_group_says() -> None:
    kernel, targets, weights, names = problem(1)
    found = solve(kernel, targets, weights, grouped(names))
    np.testing.assert_allclose(
        (kernel + INTERCEPT) @ found.coefficients + found.coefficients / weights, targets, atol=1e-9
    )
    for code in np.unique(names):
        inside, outside = (np.flatnonzero(flags) for flags in (names == code, names != code))
        system = kernel[np.ix_(outside, outside)] + INTERCEPT + np.diag(1 / weights[outside])
        expected = (kernel[np.ix_(inside, outside)] + INTERCEPT) @ np.linalg.solve(system, targets[outside])
        np.testing.assert_allclose(found.left_out[inside], expected, atol=1e-9)


def test_rows_mirrored_in_parts_are_the_whole_inverse(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).normal(0, 1, (23, 40))
    kernel, weights = values @ values.T, np.linspace(0.5, 2, 23)
    monkeypatch.setattr(dual, "ROWS", 5)
    before = kernel.copy()
    found = dual._inverse(kernel, weights)
    np.testing.assert_allclose(found @ (kernel + INTERCEPT + np.diag(1 / weights)), np.eye(23), atol=1e-9)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(kernel, before)  # it is needed again


def test_a_kernel_that_is_none_is_an_error() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="3 faces"):
        solve(-np.eye(3) * 2, np.array([1.0, -1.0, 1.0]), np.ones(3), grouped([0, 1, 2]))
