from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.training.ridge import heads
from tasks.training.ridge.dual import Groups, grouped
from tasks.training.ridge.heads import (
    EPSILON,
    Dual,
    Head,
    Looks,
    balanced,
    fit_dual,
    fit_head,
    grams,
    log_loss,
    platt,
    standardise,
)

Floats = NDArray[np.float64]


def problem(seed: int, faces: int, features: int, shift: float) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Standardised features of two classes, of which there are not as many, `shift` apart in the first ones."""
    random = np.random.default_rng(seed)
    labels = (np.arange(faces) % 3 == 0).astype(np.int8)
    values = random.normal(5, 2, (faces, features)).astype(np.float32)
    values[:, : features // 4 + 1] += shift * labels[:, None]
    standardise(values)
    return values, labels


def alone(faces: int) -> NDArray[np.object_]:
    """Every face in a group of its own."""
    return np.array([f"group {number}" for number in range(faces)], object)


def looks_at(values: NDArray[np.float32], labels: NDArray[np.int8], weights: tuple[float, ...] = (1.0,)) -> Looks:
    return Looks(values, labels, np.full(len(labels), "one", object), alone(len(labels)), weights)


def head_of(values: NDArray[np.float32], labels: NDArray[np.int8], chosen: NDArray[np.bool_] | None = None) -> Head:
    everyone = np.ones(len(labels), bool) if chosen is None else chosen
    return head_of_parts(looks_at(values, labels), [whole(values)], everyone)


def head_of_parts(looks: Looks, parts: list[slice], chosen: NDArray[np.bool_]) -> Head:
    return fit_head(looks, grams(looks.features, parts), parts, chosen)


def whole(values: NDArray[np.float32]) -> slice:
    return slice(0, values.shape[1])


def dual_of(values: NDArray[np.float32], labels: NDArray[np.int8], groups: Groups | None = None) -> Dual:
    return fit_dual(grams(values, [whole(values)]), labels, balanced(labels), groups or grouped(alone(len(labels))))


def solved(values: Floats, labels: NDArray[np.int8], weights: Floats, penalty: float) -> Floats:
    """Weights and, last, bias of the weighted ridge regression of +-1, by its normal equations; the bias is free."""
    design = np.column_stack([values, np.ones(len(values))])
    ridge_ = penalty * np.diag([1.0] * values.shape[1] + [0.0])
    targets = np.where(labels == 1, 1.0, -1.0)
    return np.asarray(np.linalg.solve((design.T * weights) @ design + ridge_, (design.T * weights) @ targets))


def left_out(values: Floats, labels: NDArray[np.int8], penalty: float) -> Floats:
    """The prediction for each face of a regression fitted without it, with the weights that all together have."""
    weights = balanced(labels)
    found = np.empty(len(labels))
    for face in range(len(labels)):
        others = np.arange(len(labels)) != face
        model = solved(values[others], labels[others], weights[others], penalty)
        found[face] = values[face] @ model[:-1] + model[-1]
    return found


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    faces=st.integers(8, 24),
    features=st.integers(1, 40),
    shift=st.floats(0, 3),
    penalty=st.sampled_from([0.5, 3.0, 100.0, 1e5]),
)
def test_scale_and_loss_are_those_of_faces_left_out_one_by_one(
    seed: int, faces: int, features: int, shift: float, penalty: float
) -> None:
    values, labels = problem(seed, faces, features, shift)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(heads, "PENALTIES", (penalty,))
        dual = dual_of(values, labels)
    weights = balanced(labels)
    scores = left_out(values.astype(np.float64), labels, penalty)
    slope, offset = platt(scores, labels, weights)
    assert dual.log_loss == pytest.approx(log_loss(slope * scores + offset, labels, weights), rel=1e-3, abs=1e-4)
    model = solved(values.astype(np.float64), labels, weights, penalty)
    found = dual.coefficients @ values.astype(np.float64)
    # The kernel's intercept is all but free.
    np.testing.assert_allclose(found, slope * model[:-1], rtol=1e-2, atol=1e-3 * slope * np.abs(model[:-1]).max())
    assert dual.bias == pytest.approx(slope * model[-1] + offset, rel=1e-2, abs=1e-3)


def test_a_face_is_left_out_with_all_of_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(12)
    once, labels = problem(12, 24, 50, 0.3)
    values = np.concatenate([once, once + random.normal(0, 0.5, once.shape).astype(np.float32)])
    twice, weights = np.tile(labels, 2), balanced(np.tile(labels, 2))
    names = np.tile(alone(24), 2)
    names[names == "group 5"] = "group 7"  # four rows
    monkeypatch.setattr(heads, "PENALTIES", (10.0,))
    expected = np.empty(48)
    for name in np.unique(names):
        inside = names == name
        model = solved(values[~inside].astype(np.float64), twice[~inside], weights[~inside], 10.0)
        expected[inside] = values[inside] @ model[:-1] + model[-1]
    slope, offset = platt(expected, twice, weights)
    dual = dual_of(values, twice, grouped(names))
    np.testing.assert_allclose(dual.left_out, slope * expected + offset, atol=0.02)
    single = dual_of(values, twice)
    assert single.log_loss < dual.log_loss - 0.05  # which knew each face from its other view


def test_the_penalty_is_the_one_of_the_grid_whose_left_out_faces_are_told_best() -> None:
    chosen = []
    for seed, faces, features, shift in ((1, 30, 100, 0.5), (2, 40, 8, 1.0), (3, 30, 2000, 3.0)):
        values, labels = problem(seed, faces, features, shift)
        dual = dual_of(values, labels)
        losses = []
        for penalty in heads.PENALTIES:
            scores, weights = left_out_by_kernel(values, labels, penalty), balanced(labels)
            slope, offset = platt(scores, labels, weights)
            losses.append(log_loss(slope * scores + offset, labels, weights))
        assert losses[heads.PENALTIES.index(dual.penalty)] == pytest.approx(min(losses), rel=1e-3)
        assert dual.log_loss == pytest.approx(min(losses), rel=1e-3)
        chosen.append(dual.penalty)
    assert len(set(chosen)) > 1, chosen  # not always the same end of the grid


def test_a_look_counts_what_its_weight_says() -> None:
    """A second look that counts for nothing is none, and one that counts the same changes the head."""
    values, labels = problem(11, 40, 60, 2.0)
    other = np.random.default_rng(3).normal(0, 1, values.shape).astype(np.float32)
    once = head_of(values, labels)
    both = np.concatenate([values, other])
    for weight, same in ((1e-9, True), (1.0, False)):
        head = head_of_parts(looks_at(both, labels, (1.0, weight)), [whole(both)], np.ones(40, bool))
        assert len(head.left_out) == 80
        assert (np.corrcoef(head.weights, once.weights)[0, 1] > 0.9999) == same


@pytest.mark.parametrize(
    ("tell", "emphases"),
    [
        ((0.12, 0.12, 0.12), (1, 1, 1)),
        ((0, 0.12, 0), (1, 1, 1 / 3)),
        ((0, 0, 0.12), (1, 1 / 3, 1)),
        ((0.3, 0, 0.1), (3, 1 / 3, 1)),
    ],
)
def test_the_parts_that_tell_count_most(tell: tuple[float, ...], emphases: tuple[float, ...]) -> None:
    """Of kinds of statistics that tell and others that are noise the noise counts less, and so do its weights."""
    random = np.random.default_rng(21)
    labels = (np.arange(120) % 2).astype(np.int8)
    values = random.normal(0, 1, (120, 900)).astype(np.float32)
    parts = [slice(0, 100), slice(100, 500), slice(500, 900)]
    for part, difference in zip(parts, tell, strict=True):
        values[:, part] += difference * labels[:, None] * random.choice([-1, 1], part.stop - part.start)
    standardise(values)
    chosen = np.arange(120) % 7 != 3
    head = head_of_parts(looks_at(values, labels), parts, chosen)
    scaled = values.copy()
    for part, emphasis in zip(parts, emphases, strict=True):
        scaled[:, part] *= np.float32(emphasis**0.5)
    same = head_of(scaled, labels, chosen)
    np.testing.assert_allclose(scaled @ same.weights, values @ head.weights, atol=1e-3)
    np.testing.assert_allclose(head.left_out, same.left_out, atol=1e-3)
    for part, emphasis in zip(parts, emphases, strict=True):
        expected = same.weights[part] * emphasis**0.5
        np.testing.assert_allclose(head.weights[part], expected, rtol=1e-3, atol=1e-5)


def left_out_by_kernel(values: NDArray[np.float32], labels: NDArray[np.int8], penalty: float) -> Floats:
    """left_out for more features than faces: rows of an orthonormal basis of the faces' span are as good."""
    basis = np.linalg.svd(values.astype(np.float64), full_matrices=False)
    return left_out(basis.U * basis.S, labels, penalty)


def test_a_head_sees_its_own_faces_alone() -> None:
    values, labels = problem(4, 60, 200, 1.0)
    chosen = np.arange(60) % 4 != 1
    head = head_of(values, labels, chosen)
    own = head_of(values[chosen], labels[chosen])
    np.testing.assert_allclose(head.weights, own.weights, rtol=1e-4, atol=1e-8)
    assert head.bias == pytest.approx(own.bias, abs=1e-6)
    np.testing.assert_allclose(head.left_out[chosen], own.left_out, atol=1e-5)
    np.testing.assert_allclose(head.left_out[~chosen], values[~chosen] @ head.weights + head.bias, atol=1e-4)


def test_the_logits_of_a_heads_own_faces_are_those_of_fits_without_them() -> None:
    """What calibrates several heads together; of 200 features the fit itself knows 60 faces by heart."""
    values, labels = problem(4, 60, 200, 1.0)
    chosen = np.arange(60) % 4 != 1
    head = head_of(values, labels, chosen)
    np.testing.assert_allclose(head.left_out[chosen], dual_of(values[chosen], labels[chosen]).left_out, atol=1e-5)
    fitted = values[chosen] @ head.weights + head.bias
    assert log_loss(fitted, labels[chosen]) < log_loss(head.left_out[chosen], labels[chosen]) - 0.1


@pytest.mark.parametrize("single", ["fakes", "reals", "all"])
def test_faces_of_a_class_of_one_group_are_left_out_one_by_one(single: str) -> None:
    """Without that group there would be nothing to learn from: of all faces it was a head without weights."""
    values, labels = problem(13, 60, 100, 2.0)
    groups = alone(60)
    groups[{"fakes": labels == 1, "reals": labels == 0, "all": labels >= 0}[single]] = "one group"
    looks = looks_at(values, labels)
    everyone = np.ones(60, bool)
    head = head_of_parts(looks._replace(groups=groups), [whole(values)], everyone)
    expected = head_of_parts(looks, [whole(values)], everyone)
    np.testing.assert_array_equal(head.left_out, expected.left_out)
    assert np.all((head.left_out > 0) == (labels == 1))


def test_both_classes_count_the_same() -> None:
    _, labels = problem(5, 40, 10, 1.0)
    weights = balanced(labels)
    assert labels.sum() == 14
    assert weights[labels == 0].sum() == pytest.approx(20)
    assert weights[labels == 1].sum() == pytest.approx(20)


def test_the_data_sets_of_a_class_count_the_same() -> None:
    _, labels = problem(5, 40, 10, 1.0)
    datasets = np.array(["large" if number < 30 or label else "small" for number, label in enumerate(labels)], object)
    weights = balanced(labels, datasets)
    assert weights[labels == 1].sum() == pytest.approx(20)
    for name in ("large", "small"):
        assert weights[(labels == 0) & (datasets == name)].sum() == pytest.approx(10)


def test_the_logit_is_the_log_of_the_odds() -> None:
    """Normal features of unit deviation and means 2 apart have the log odds 2x for x from their middle."""
    random = np.random.default_rng(6)
    labels = (np.arange(600) % 4 == 0).astype(np.int8)
    values = (random.normal(0, 1, (600, 1)) + np.where(labels == 1, 1.0, -1.0)[:, None]).astype(np.float32)
    means, variances = standardise(values)
    head = head_of(values, labels)
    deviation = float(np.sqrt(variances[0]))
    slope = float(head.weights[0]) / deviation
    assert slope == pytest.approx(2, abs=0.3)
    assert head.bias - slope * float(means[0]) == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_scores_that_separate_the_classes_have_a_slope_that_ends(scale: float) -> None:
    labels = (np.arange(40) % 4 == 0).astype(np.int8)
    scores = scale * (np.where(labels == 1, 1.0, -1.0) + np.linspace(-0.5, 0.5, 40))
    slope, offset = platt(scores, labels, balanced(labels))
    p_fake = 1 / (1 + np.exp(-(slope * scores + offset)))
    assert np.all((p_fake > 0.5) == (labels == 1))
    targets = np.where(labels == 1, 11 / 12, 1 / 32)  # Platt's; where the likelihood is highest, both sums are 0
    far = balanced(labels) * (p_fake - targets)
    assert np.sum(far) == pytest.approx(0, abs=1e-8)
    assert np.sum(far * scores / scale) == pytest.approx(0, abs=1e-8)


def test_what_cannot_be_learnt_gets_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions of faces left out of noise point the wrong way; a head that believed them would be a wrong one."""
    values, labels = problem(7, 60, 300, 0.0)
    assert np.corrcoef(left_out_by_kernel(values, labels, 1e5), labels)[0, 1] < -0.1
    monkeypatch.setattr(heads, "PENALTIES", (1e5,))
    dual = dual_of(values, labels)
    assert not dual.coefficients.any()
    assert dual.bias == pytest.approx(0, abs=0.05)


def test_standardised_features_have_mean_0_and_variance_1_and_constant_ones_no_weight() -> None:
    random = np.random.default_rng(8)
    values = random.uniform(98, 102, (50, 5)).astype(np.float32)  # none beyond 2.5 deviations
    labels = (np.arange(50) % 2).astype(np.int8)
    values[:, 0] += 3 * labels
    values[:, 1] = 0.0
    values[:, 2] = 7.0 * (1 + random.choice([0, 1e-7, -1e-7], 50))  # but for rounding
    values[:, 3] *= 1e-6
    before = values.copy()
    means, variances = standardise(values)
    np.testing.assert_allclose(values[:, [0, 4]].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(values[:, [0, 4]].var(0), 1, rtol=1e-4)
    np.testing.assert_allclose(values[:, 0], (before[:, 0] - means[0]) / np.sqrt(variances[0] + EPSILON), atol=1e-5)
    assert not values[:, [1, 2]].any()
    assert variances[1] == variances[2] == 1
    assert 0 < values[:, 3].std() < 0.1  # what hardly varies stays small, and does not explode elsewhere
    head = head_of(values, labels)
    assert head.weights[1] == head.weights[2] == 0
    assert head.weights[0] != 0


def test_a_feature_far_away_counts_as_a_few_deviations() -> None:
    values = np.random.default_rng(9).uniform(-1, 1, (50, 2)).astype(np.float32)
    values[7, 1], values[8, 1] = 1e4, -1e4
    standardise(values)
    assert (values[7, 1], values[8, 1]) == (heads.DEVIATIONS, -heads.DEVIATIONS)


def test_parts_of_columns_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = problem(9, 30, 25, 1.0)
    at_once = head_of(values, labels)
    monkeypatch.setattr(heads, "COLUMNS", 4)
    (kernel,) = grams(values, [whole(values)])
    np.testing.assert_allclose(kernel, values.astype(np.float64) @ values.T.astype(np.float64), atol=1e-5)
    parts = head_of(values, labels)
    np.testing.assert_allclose(parts.weights, at_once.weights, atol=1e-6)
    standardise(blocked := values[:, 8:12].copy())
    standardise(again := values.copy())
    np.testing.assert_array_equal(blocked, again[:, 8:12])
