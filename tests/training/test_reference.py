from __future__ import annotations

from pathlib import Path

from tasks.params import load_params


def test_the_workspace_of_the_reference_names_every_family(project: Path) -> None:
    params = load_params(project / "reference" / "params.yaml")
    families = {dataset.family for dataset in params.datasets.values()}
    assert families == {None, "gan", "diffusion", "swap", "edit"}
    assert params.train.recipe == "tuned"
