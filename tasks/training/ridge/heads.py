"""Linear heads in closed form: ridge regression on standardised features, tuned and scaled by faces left out.

The dual form (dual.py) costs n x n for n faces, however many features they have. Predictions for faces left out are
also what Platt scaling needs to make a logit of the regression's output (Platt, 1999, "Probabilistic outputs for
support vector machines"): the fit itself knows its faces too well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from tasks.training.ridge.dual import INTERCEPT, Groups, grouped, solve

Floats = NDArray[np.float64]
Features = NDArray[np.float32]

PENALTIES = tuple(10 ** (exponent / 2) for exponent in range(5, 11))  # 3e2 .. 1e5, for features of unit variance
# How much means, moments of the whole picture and moments of its inner half count. A generated picture is another all
# over, a face swap in its middle, and there means tell more: which it is the faces left out say (docs/research-log.md).
EMPHASES = ((1.0, 1.0, 1 / 3), (1.0, 1.0, 1.0), (1.0, 1 / 3, 1.0), (3.0, 1 / 3, 1.0))
# Added to every variance, whose median is about .04: a channel that was all but silent in training would be thousands
# of deviations away in the first face in which it is not. Of 240 real and StyleGAN faces of 128 px, a quarter left out
# three times: AUC .84 to .87 for 1e-6 to 1e-3; on the first of these quarters .85 so, .81 for 1e-8, .74 for 1e-12.
EPSILON = 1e-5
# A feature further away counts as this far: valid AUC of ffhq_stylegan .968 without, .972 at 2, .975 at 2.5
# (docs/research-log.md).
DEVIATIONS = 2.5
NOISE = 1e-5  # of its mean: what a feature in float32 may vary by without a reason
COLUMNS = 1024  # features at a time
NEWTON = 100


class Looks(NamedTuple):
    """Standardised `features` (views x n, d) of n faces: of all faces' first looks, then of all second ones, and so on.

    `labels` (n,) are 1 for fake. `datasets` (n,) count the same within a class, whatever their sizes (see balanced).
    Faces of one of the `groups` (n,) are left out together: a face swap knows its victim's photograph. (One by one
    where all faces of a class are one group: without it there would be nothing to learn from.) `weights`, one a view,
    say how much a look counts.
    """

    features: Features
    labels: NDArray[np.int8]
    datasets: NDArray[np.object_]
    groups: NDArray[np.object_]
    weights: tuple[float, ...] = (1.0,)

    def counting(self, chosen: NDArray[np.intp]) -> Floats:
        """Return how much each look at the `chosen` (k,) faces counts, (views x k,)."""
        once = balanced(self.labels[chosen], self.datasets[chosen])
        return np.concatenate([weight * once for weight in self.weights])


class Head(NamedTuple):
    """logit = features @ weights + bias, for standardised features (n, d); weights (d,).

    `left_out` (views x n,) are the logits of the faces that it was fitted to by fits without their groups, and of the
    others by this one.
    """

    weights: Floats
    bias: float
    left_out: Floats


def standardise(features: Features) -> tuple[Features, Features]:
    """Centre and scale `features` (n, d) in place, and return their means and variances (d,), float32.

    The scale is sqrt(variance + EPSILON), and what is more than DEVIATIONS away is brought there. A feature that is
    constant but for rounding becomes 0, and its variance is returned as 1: no regression gives it a weight.
    """
    means, variances = (np.empty(features.shape[1], np.float32) for _ in range(2))
    for start in range(0, features.shape[1], COLUMNS):
        part = slice(start, start + COLUMNS)
        values = features[:, part].astype(np.float64)
        mean, variance = values.mean(0), values.var(0)
        constant = variance <= (NOISE * mean) ** 2
        variance[constant] = 1.0
        means[part], variances[part] = mean, variance
        scaled = np.where(constant, 0.0, (values - means[part]) / np.sqrt(variances[part] + EPSILON))
        features[:, part] = np.clip(scaled, -DEVIATIONS, DEVIATIONS)
    return means, variances


def fit_head(looks: Looks, kernels: Sequence[Features], parts: Sequence[slice], chosen: NDArray[np.bool_]) -> Head:
    """Return the head that tells the fakes from the reals of the `chosen` (n,) faces; both classes are needed.

    `kernels` are `grams` of looks.features and its `parts`, which several heads share.
    """
    faces, views = np.flatnonzero(chosen), len(looks.weights)
    places = np.concatenate([faces + view * len(looks.labels) for view in range(views)])
    labels, groups = np.tile(looks.labels[faces], views), grouped(np.tile(_left_out_together(looks, faces), views))
    dual = fit_dual([kernel[np.ix_(places, places)] for kernel in kernels], labels, looks.counting(faces), groups)
    coefficients = np.zeros(len(looks.features))
    coefficients[places] = dual.coefficients
    weights = np.empty(looks.features.shape[1])
    left_out = np.full(len(looks.features), dual.bias)
    for kernel, part, emphasis in zip(kernels, parts, dual.emphases, strict=True):
        left_out += emphasis * (kernel @ coefficients)
        for columns in _columns(part):
            weights[columns] = emphasis * (coefficients @ looks.features[:, columns].astype(np.float64))
    left_out[places] = dual.left_out
    return Head(weights, dual.bias, left_out)


def _left_out_together(looks: Looks, chosen: NDArray[np.intp]) -> NDArray[Any]:
    """Return what the `chosen` (k,) faces that are left out together have in common, (k,)."""
    groups, labels = looks.groups[chosen], looks.labels[chosen]
    several = all(len(np.unique(groups[labels == label])) > 1 for label in (0, 1))
    return groups if several else chosen


class Dual(NamedTuple):
    """Weights of a part's features = its emphasis x features.T @ coefficients; see Head.

    `log_loss` is that of `left_out`, the least that was found; see fit_dual.
    """

    coefficients: Floats
    bias: float
    penalty: float
    emphases: tuple[float, ...]
    log_loss: float
    left_out: Floats


def fit_dual(kernels: Sequence[Features], labels: NDArray[np.int8], weights: Floats, groups: Groups) -> Dual:
    """Return the ridge regression of +-1 whose predictions for left-out groups make the best logits, as logits.

    `kernels` (n, n) are of as many parts of the features, `weights` (n,) say how much each row counts (see Looks). All
    EMPHASES are tried with the penalty in the middle, and the best of them with the penalties to either side as long
    as that helps: the loss has one minimum in the penalty.
    """
    targets = np.where(labels == 1, 1.0, -1.0)

    def fitted(penalty: float, emphases: tuple[float, ...]) -> Dual:
        mixed = np.zeros(kernels[0].shape)
        for kernel, emphasis in zip(kernels, emphases, strict=True):
            mixed += kernel * np.float32(emphasis / penalty)
        solution = solve(mixed, targets, weights, groups)
        slope, offset = platt(solution.left_out, labels, weights)
        logits = slope * solution.left_out + offset
        coefficients = slope * solution.coefficients
        bias = offset + INTERCEPT * float(coefficients.sum())
        loss = log_loss(logits, labels, weights)
        return Dual(coefficients / penalty, bias, penalty, emphases, loss, logits)

    emphases = EMPHASES if len(kernels) == len(EMPHASES[0]) else ((1.0,) * len(kernels),)
    middle = len(PENALTIES) // 2
    best = min((fitted(PENALTIES[middle], choice) for choice in emphases), key=lambda dual: dual.log_loss)
    for penalties in (PENALTIES[middle + 1 :], PENALTIES[:middle][::-1]):
        for penalty in penalties:
            found = fitted(penalty, best.emphases)
            if found.log_loss > best.log_loss:
                break
            best = min(best, found, key=lambda dual: dual.log_loss)
    return best


def grams(features: Features, parts: Sequence[slice]) -> list[Features]:
    """Return features @ features.T, (n, n) float32, of each part of the features: 4 n^2 bytes, and 12 n^2 meanwhile.

    Products of COLUMNS features are summed in float32, in a third of the time of float64, and these sums in float64. Of
    standardised features that errs by less than a millionth of the diagonal, which is nothing beside the penalties.
    """
    kernels = []
    for part in parts:
        kernel = np.zeros((len(features), len(features)))
        for columns in _columns(part):
            values = features[:, columns]
            kernel += values @ values.T
        kernels.append(kernel.astype(np.float32))
    return kernels


def _columns(part: slice) -> list[slice]:
    """Return the part of at most COLUMNS features at a time."""
    return [slice(start, min(start + COLUMNS, part.stop)) for start in range(part.start, part.stop, COLUMNS)]


def balanced(labels: NDArray[np.int8], datasets: NDArray[np.object_] | None = None) -> Floats:
    """Return a weight for each face, (n,), that makes both classes count the same, n / 2 each.

    Within a class the `datasets` (n,) count the same too: a large one is not to decide what a photograph looks like.
    """
    weights = np.empty(len(labels))
    for label in np.unique(labels):
        kinds = np.zeros(len(labels), np.str_) if datasets is None else datasets
        of_class = labels == label
        names = np.unique(kinds[of_class])
        for name in names:
            chosen = of_class & (kinds == name)
            weights[chosen] = len(labels) / (2 * len(names) * chosen.sum())
    return weights


def platt(scores: Floats, labels: NDArray[np.int8], weights: Floats) -> tuple[float, float]:
    """Return slope (0 or more) and offset for which sigmoid(slope * score + offset) is the probability of a fake.

    By Newton's method, for Platt's targets, which are not quite 0 and 1: else scores that separate the classes would
    have an infinite slope. Scores that fall as fakes become likelier (leave-one-out predictions do, where there is
    nothing to learn) have slope 0.
    """
    reals, fakes = np.bincount(labels, minlength=2)
    targets = np.where(labels == 1, (fakes + 1) / (fakes + 2), 1 / (reals + 2))
    scale = float(scores.std()) or 1.0
    design = np.stack([scores / scale, np.ones_like(scores)])
    found = np.zeros(2)
    loss = _cross_entropy(found @ design, targets, weights)
    for _ in range(NEWTON):
        p_fake = expit(found @ design)
        gradient = design @ (weights * (p_fake - targets))
        curvature = (design * (weights * p_fake * (1 - p_fake))) @ design.T + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while (shorter := _cross_entropy((found - step) @ design, targets, weights)) > loss and np.abs(step).max() > 0:
            step /= 2
        found, loss = found - step, shorter
        if np.abs(step).max() < 1e-10:
            break
    if found[0] > 0:
        return float(found[0] / scale), float(found[1])
    return 0.0, float(np.log(np.average(targets, weights=weights) / np.average(1 - targets, weights=weights)))


def log_loss(logits: Floats, labels: NDArray[np.int8], weights: Floats | None = None) -> float:
    """Return the mean of -log p(label), in nats, weighted by `weights` (n,) if those are given."""
    return _cross_entropy(logits, labels.astype(np.float64), np.ones(len(labels)) if weights is None else weights)


def _cross_entropy(logits: Floats, targets: Floats, weights: Floats) -> float:
    return float(np.average(np.logaddexp(0.0, logits) - targets * logits, weights=weights))
