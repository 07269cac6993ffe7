"""A ridge phase: the verdict of a network in closed form, on the statistics of layers that stay as they are.

A linear head on a frozen network finds fakes of generators that it has not seen better than the fine-tuned network does
(Ojha et al., 2023, "Towards universal fake image detectors that generalize across generative models"). Each data set
that has fakes has a head of its own, trained on its fakes and all reals, and the largest logit is the verdict: what
gives one generator away need not say anything about another.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tasks.training.frozen import Frozen
from tasks.training.loader import FaceBatches
from tasks.training.phases import PhaseFaces
from tasks.training.ridge import Head, balanced, fit_head, gram, log_loss, platt, standardise
from tasks.training.splits import Split, with_fakes
from tasks.training.zoo import linear_layer
from tasks.training.zoo.statistics import OUTER, STANDARDISE, STATISTICS


def fit_probe(model: keras.Model, faces: PhaseFaces, callbacks: Sequence[keras.callbacks.Callback], epoch: int) -> None:
    """Give the logit model `model` (zoo/statistics.py) the verdict that suits the faces, as epoch `epoch` (from 0).

    The figures in the history are of the faces as they are stored. The callbacks are told what `fit` would tell them.
    For n looks and d statistics this needs 4 n d bytes for the statistics and about 6 n^2 float64 for the regression:
    1.4 and 3.1 GB for 8000 looks with the recipe `default`, which has 43,392.
    """
    told = keras.callbacks.CallbackList(list(callbacks), model=model, epochs=epoch + 1, steps=len(faces.train))
    told.on_train_begin()
    told.on_epoch_begin(epoch)
    read = Frozen(keras.Model(model.input, model.get_layer(STATISTICS).output))
    views = [read(faces.train, told.on_train_batch_end)]
    if faces.changed is not None:
        views.append(read(faces.changed))
    statistics = np.concatenate(views)
    means, variances = standardise(statistics)
    heads = fit_heads(statistics, int(model.get_layer(OUTER).output.shape[-1]), faces.rows, len(views))
    statistics = statistics[: len(faces.rows.labels)]
    kernel = np.stack([head.weights for head in heads], axis=1).astype(np.float32)
    bias = np.array([head.bias for head in heads], np.float32)
    model.get_layer(STANDARDISE).set_weights([means, variances])
    linear_layer(model).set_weights([kernel, bias])
    logits = (statistics @ kernel + bias).max(axis=1)
    weights = faces.class_weight or {0: 1.0, 1: 1.0}
    trained = _figures(logits, faces.train, np.array([weights[label] for label in faces.rows.labels.tolist()]))
    valid = _figures(Frozen(model)(faces.valid)[:, 0], faces.valid)
    told.on_epoch_end(epoch, {**trained, **{f"val_{name}": value for name, value in valid.items()}})
    told.on_train_end()


def fit_heads(statistics: NDArray[np.float32], outer: int, split: Split, views: int = 1) -> list[Head]:
    """Return a head for each data set that has fakes, in alphabetical order.

    `statistics` (views x n, d) are standardised; see fit_head. A head uses the first `outer` alone, the means over all
    that each layer sees, or those over the windows within too, whichever tells left-out faces better: these help where
    a face was put into a photograph.
    """
    kernels = {outer: gram(statistics[:, :outer])}
    kernels[statistics.shape[1]] = kernels[outer] + gram(statistics[:, outer:])
    datasets, labels = np.tile(split.rows["dataset"].to_numpy(), views), np.tile(split.labels, views)
    heads = []
    for dataset in with_fakes(split):
        chosen = (labels == 0) | (datasets == dataset)
        found = [
            fit_head(statistics[:, :used], labels, kernel, chosen, datasets, views) for used, kernel in kernels.items()
        ]
        best = min(found, key=lambda head: head.log_loss)
        missing = statistics.shape[1] - len(best.weights)
        heads.append(best._replace(weights=np.pad(best.weights, (0, missing))))
    return _together(heads, labels, datasets)


def _together(heads: list[Head], labels: NDArray[np.int8], datasets: NDArray[np.object_]) -> list[Head]:
    """Return the heads scaled and moved so that the largest of their logits is a logit, as each of them alone is."""
    largest = np.max([head.left_out for head in heads], axis=0)
    slope, offset = platt(largest, labels, balanced(labels, datasets))
    if len(heads) == 1 or slope == 0:
        return heads
    return [head._replace(weights=slope * head.weights, bias=slope * head.bias + offset) for head in heads]


def _figures(
    logits: NDArray[np.float32], batches: FaceBatches, weights: NDArray[np.float64] | None = None
) -> dict[str, float]:
    """Return loss (each face weighing `weights`), accuracy and AUC, as `fit` has them; see compile_for."""
    labels = batches.labels
    return {
        "loss": log_loss(logits.astype(np.float64), labels, weights),
        "accuracy": float(np.mean((logits > 0) == (labels == 1))),
        "auc": float(roc_auc_score(labels, logits)),
    }
