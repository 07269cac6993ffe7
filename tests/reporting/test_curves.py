from __future__ import annotations

import pandas as pd
import pytest

from tasks.reporting.curves import training_plots


@pytest.mark.parametrize(
    ("rates", "caption"),
    [([0.0], None), ([0.0, 1e-5, 1e-5], "1e-05 throughout."), ([0.0, 1e-3, 1e-5], "From 0.001 down to 1e-05")],
)
def test_an_epoch_without_a_rate_is_not_in_the_plot_of_the_rates(rates: list[float], caption: str | None) -> None:
    history = pd.DataFrame({"epoch": range(1, len(rates) + 1), "learning_rate": rates})
    captions = [plot.caption for plot in training_plots(history.assign(loss=0.5, val_loss=0.6), 1)]
    assert captions[0].startswith("At the best epoch, 1")
    assert [found.startswith(caption or "nothing") for found in captions[1:]] == ([True] if caption else [])
