from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import approx_fprime, minimize

from tasks.training import kernels
from tasks.training.kernels import INTERCEPT, Groups, grouped, search_scales, solve

Floats = NDArray[np.float64]


def problem(
    seed: int, sizes: tuple[int, ...] = (3, 1, 2, 2, 1, 4, 1, 1, 2)
) -> tuple[list[Floats], Floats, Floats, Groups]:
    """Features of two blocks, targets, weights, and groups of the given sizes, their rows mixed."""
    random = np.random.default_rng(seed)
    names = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    targets = np.where(random.permutation(len(names)) % 2 == 0, 1.0, -1.0)
    blocks = [random.normal(0, 1, (len(names), width)) for width in (3, 30)]
    blocks[0] += 0.7 * targets[:, None]
    return blocks, targets, random.uniform(0.2, 2, len(names)), grouped(names)


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40))
def test_every_row_is_in_the_group_of_its_name(names: list[str]) -> None:
    groups = grouped(names)
    rows = np.concatenate([members.reshape(-1) for members in groups.members])
    assert sorted(rows) == list(range(len(names)))
    for members in groups.members:
        for group in members.tolist():
            (name,) = {names[row] for row in group}
            assert len(group) == names.count(name)
            assert len(set(groups.codes[group])) == 1


def test_what_is_left_out_is_what_a_fit_without_the_group_says() -> None:
    blocks, targets, weights, groups = problem(1)
    values = np.concatenate(blocks, axis=1)
    kernel = values @ values.T / 5
    found = solve(kernel, targets, weights, groups)
    np.testing.assert_allclose(
        (kernel + INTERCEPT) @ found.coefficients + found.coefficients / weights, targets, atol=1e-9
    )
    for code in np.unique(groups.codes):
        inside, outside = (np.flatnonzero(flags) for flags in (groups.codes == code, groups.codes != code))
        system = kernel[np.ix_(outside, outside)] + INTERCEPT + np.diag(1 / weights[outside])
        expected = (kernel[np.ix_(inside, outside)] + INTERCEPT) @ np.linalg.solve(system, targets[outside])
        np.testing.assert_allclose(found.left_out[inside], expected, atol=1e-9)


def test_rows_mirrored_in_parts_are_the_whole_inverse(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).normal(0, 1, (23, 40))
    kernel, weights = values @ values.T, np.linspace(0.5, 2, 23)
    monkeypatch.setattr(kernels, "ROWS", 5)
    before = kernel.copy()
    found = kernels._inverse(kernel, weights)
    np.testing.assert_allclose(found @ (kernel + INTERCEPT + np.diag(1 / weights)), np.eye(23), atol=1e-9)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(kernel, before)  # it is needed again


def test_the_search_goes_down_the_loss_of_left_out_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its derivatives are those of finite differences, and it ends no worse than a search without derivatives."""
    blocks, targets, weights, groups = problem(3, (2,) * 20 + (1,) * 11)
    parts = [(block @ block.T).astype(np.float32) for block in blocks]
    shares = weights / weights.sum()

    def loss(found: Floats) -> float:
        kernel = sum(np.exp(place) * part.astype(np.float64) for place, part in zip(found[:-1], parts, strict=True))
        margins = np.exp(found[-1]) * targets * solve(np.asarray(kernel), targets, weights, groups).left_out
        return float(shares @ np.logaddexp(0, -margins))

    asked = []

    def spy(function, first, **options):  # type: ignore[no-untyped-def]
        for place in (first, first + np.array([0.5, -0.7, 0.3])):
            value, derivative = function(place)
            asked.append((value, loss(place), derivative, approx_fprime(place, loss, 1e-5)))
        return minimize(function, first, **options)

    monkeypatch.setattr(scipy.optimize, "minimize", spy)
    monkeypatch.setattr(kernels, "STEPS", 60)
    scales = search_scales(parts, targets, weights, groups, 0.05)
    for value, expected, derivative, differences in asked:
        assert value == pytest.approx(expected, rel=1e-5)
        np.testing.assert_allclose(derivative, differences, rtol=1e-2, atol=1e-4)
    assert scales[0] > 5 * scales[1]
    best = minimize(lambda slope: loss(np.append(np.log(scales), slope)), [0.0], method="Nelder-Mead").fun
    started = minimize(lambda slope: loss(np.append(np.log([0.05] * 2), slope)), [0.0], method="Nelder-Mead").fun
    assert best < started - 0.01
    bounds = [(np.log(0.05) - 7, np.log(0.05) + 5)] * 2 + [(-5, 5)]
    thorough = minimize(loss, np.log([0.05, 0.05, 1.0]), method="Nelder-Mead", bounds=bounds).fun
    assert best < thorough + 0.005


def test_a_kernel_that_is_none_is_an_error() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="3 faces"):
        solve(-np.eye(3) * 2, np.array([1.0, -1.0, 1.0]), np.ones(3), grouped([0, 1, 2]))
