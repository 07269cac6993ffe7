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
from keras import ops
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from tasks.training.batches.loader import FaceBatches
from tasks.training.networks.zoo import linear_layer
from tasks.training.networks.zoo.statistics import STANDARDISE, STATISTICS, align, parts, unaligned
from tasks.training.recipe.phases import PhaseFaces
from tasks.training.recipe.splits import Split, with_fakes
from tasks.training.ridge.feature_extractor import Frozen
from tasks.training.ridge.heads import Head, Looks, fit_head, grams, log_loss, platt, standardise

# How much a face counts as it is stored, mirrored, and changed: what is changed more than a mirror does teaches to see
# through changes at the price of faces that have none (docs/research-log.md).
LOOKS = (1.0, 1.0, 0.25)
SILENT = -1000.0  # the logit of a head that is never to be the largest


def fit_probe(model: keras.Model, faces: PhaseFaces, callbacks: Sequence[keras.callbacks.Callback], epoch: int) -> None:
    """Give the logit model `model` (zoo/statistics.py) the verdict that suits the faces, as epoch `epoch` (from 0).

    The figures in the history are of the faces as they are stored. The callbacks are told what `fit` would tell them.
    For n looks and d statistics this needs 4 n d bytes for the statistics and about 6 n^2 float64 for the regression.
    """
    told = keras.callbacks.CallbackList(list(callbacks), model=model, epochs=epoch + 1, steps=len(faces.train))
    told.on_train_begin()
    told.on_epoch_begin(epoch)
    turned = unaligned(model)
    if turned is not None:
        align(model, Frozen(turned)(faces.train))
    read = Frozen(keras.Model(model.input, model.get_layer(STATISTICS).output))
    count = len(faces.rows.labels)
    statistics = np.empty(((1 + len(faces.further)) * count, read.channels), np.float32)
    read(faces.train, told.on_train_batch_end, into=statistics[:count])
    for number, batches in enumerate(faces.further, start=1):
        read(batches, into=statistics[number * count : (number + 1) * count])
    means, variances = standardise(statistics)
    heads = fit_heads(statistics, parts(model), faces.rows)
    statistics = statistics[: len(faces.rows.labels)]
    kernel = np.stack([head.weights for head in heads], axis=1).astype(np.float32)
    bias = np.array([head.bias for head in heads], np.float32)
    model.get_layer(STANDARDISE).set_weights([means, variances])
    linear_layer(model).set_weights([kernel, bias])
    logits = (statistics @ kernel + bias).max(axis=1)
    weights = faces.class_weight or {0: 1.0, 1: 1.0}
    trained = figures(logits, faces.train, np.array([weights[label] for label in faces.rows.labels.tolist()]))
    # From the statistics on by Keras: to export the network anew for its verdict would take seconds.
    verdict = keras.Model(model.get_layer(STATISTICS).output, model.output)
    of_valid = np.concatenate([ops.convert_to_numpy(verdict(seen)) for seen in read.by_batch(faces.valid)])
    valid = figures(of_valid[:, 0], faces.valid)
    told.on_epoch_end(epoch, {**trained, **{f"val_{name}": value for name, value in valid.items()}})
    told.on_train_end()


def fit_heads(statistics: NDArray[np.float32], kinds: Sequence[slice], split: Split) -> list[Head]:
    """Return a head for each data set that has fakes, in alphabetical order.

    `statistics` (views x n, d) are standardised, of the faces as they are stored, mirrored and, if there are that many
    views, changed. `kinds` are the places of means and moments (see zoo/statistics.py). A head that has learnt nothing
    is SILENT, unless none has learnt anything.
    """
    rows = split.rows
    weights = LOOKS[: len(statistics) // len(rows)]
    looks = Looks(statistics, split.labels, rows["dataset"].to_numpy(), rows["group"].to_numpy(), weights)
    kernels = grams(statistics, kinds)
    heads = [
        fit_head(looks, kernels, kinds, (split.labels == 0) | (looks.datasets == dataset))
        for dataset in with_fakes(split)
    ]
    return _together(heads, looks)


def _together(heads: list[Head], looks: Looks) -> list[Head]:
    """Return the heads scaled and moved so that the largest of their logits is a logit, as each of them alone is."""
    learnt = [bool(head.weights.any()) for head in heads]
    if len(heads) == 1 or not any(learnt):
        return heads
    # The constant of a head without weights would be the least logit that any face could have.
    heads = [head if tells else _silent(head) for head, tells in zip(heads, learnt, strict=True)]
    largest = np.max([head.left_out for head in heads], axis=0)
    labels = np.tile(looks.labels, len(looks.weights))
    slope, offset = platt(largest, labels, looks.counting(np.arange(len(looks.labels))))
    if slope == 0:
        return heads
    return [
        head._replace(weights=slope * head.weights, bias=slope * head.bias + offset) if tells else head
        for head, tells in zip(heads, learnt, strict=True)
    ]


def _silent(head: Head) -> Head:
    return head._replace(bias=SILENT, left_out=np.full_like(head.left_out, SILENT))


def figures(
    logits: NDArray[np.float32], batches: FaceBatches, weights: NDArray[np.float64] | None = None
) -> dict[str, float]:
    """Return loss (each face weighing `weights`), accuracy and AUC, as `fit` has them; see compile_for."""
    labels = batches.labels
    return {
        "loss": log_loss(logits.astype(np.float64), labels, weights),
        "accuracy": float(np.mean((logits > 0) == (labels == 1))),
        "auc": float(roc_auc_score(labels, logits)),
    }
