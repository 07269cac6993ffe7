"""Sets of predictions that a figure is about: what the model was trained on, and each source that it was not."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tasks.evaluation.plots import NAMES


def by_dataset(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each data set, by name."""
    return {str(name): part for name, part in rows.groupby("dataset", sort=True)}


def held_out(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each data set that the model was not trained on, by name."""
    return by_dataset(rows[~rows["trained_on"]])


def crossed(rows: pd.DataFrame, in_domain: pd.DataFrame) -> pd.DataFrame | None:
    """Return rows of one class with those of the other among `in_domain`; None where they have both, or there is none.

    So a source of fakes alone, or of photographs alone, can be ranked.
    """
    labels = rows["label"].unique()
    others: pd.DataFrame = in_domain[in_domain["label"] != labels[0]]
    if len(labels) != 1 or others.empty:
        return None
    return pd.concat([rows, others], ignore_index=True)


def cross_sets(
    test_only: Mapping[str, pd.DataFrame], in_domain: pd.DataFrame
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Return each one-class data set with the in-domain test rows of the other class; and with those of each data set.

    The latter only where there are several.
    """
    whole, parts = {}, {}
    for name, rows in test_only.items():
        together = crossed(rows, in_domain)
        if together is None:
            continue
        label = int(rows["label"].iloc[0])
        other, others = NAMES[1 - label], by_dataset(in_domain[in_domain["label"] != label])
        whole[f"{name} against in-domain {other} faces"] = together
        if len(others) > 1:
            for dataset, part in others.items():
                parts[f"{name} against {dataset}'s {other} faces"] = pd.concat([rows, part], ignore_index=True)
    return whole, parts
