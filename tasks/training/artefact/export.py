"""Export a network to OpenVINO: run as a program with the network's FOLDER, always in a process of its own.

Keras' own OpenVINO backend builds the graph, so that the training may run on any backend, no TensorFlow is loaded, and
the names in the graph, which Keras counts up within a process, are the same every time: equal networks, equal bytes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.abc import MetaPathFinder
from pathlib import Path

from tasks.own_process import own_command
from tasks.params import FauxfaceError
from tasks.scoring.card import SCORER


def export_scorer(folder: Path) -> None:
    """Write scorer.xml and scorer.bin beside the network in `folder`: the same input, the logit (n, 1) as output.

    A second output are the features (n, d) that the logit is made of, where they are few enough to tell a face that is
    unlike those trained on. A network without a verdict keeps its own output.

    Raises FauxfaceError with what the exporting process said when it failed.
    """
    command = own_command("tasks.training.artefact.export", str(folder))
    surroundings = {**os.environ, "KERAS_BACKEND": "openvino"}
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise FauxfaceError(f"{folder}: the network cannot be exported to OpenVINO: {said[-1] if said else 'killed'}")


def main() -> None:
    """Export the network in the folder that is the first argument."""
    sys.meta_path.insert(0, _Hidden())
    from tasks.training.networks.channels_first import channels_first
    from tasks.training.networks.network_file import read_network
    from tasks.training.networks.zoo import ends_in_verdict, logit_and_features, takes_statistics

    folder = Path(sys.argv[1])
    network = read_network(folder)
    rewritten = takes_statistics(network) or not ends_in_verdict(network)
    if ends_in_verdict(network):
        network = logit_and_features(network)
    with tempfile.TemporaryDirectory(dir=folder) as temp:
        network = channels_first(network)
        network.export(f"{temp}/{SCORER}", format="openvino", verbose=False)
        _finished(Path(temp) / SCORER, folder / SCORER, rewritten)


def _finished(exported: Path, path: Path, rewritten: bool) -> None:
    """Write the exported graph to `path` as the scorer needs it, `rewritten` as suits statistics and parts of them."""
    import openvino

    from tasks.training.artefact.openvino_rewrite import (
        free_batch,
        logits_by_columns,
        means_by_products,
        moments_by_rows,
    )

    graph = openvino.Core().read_model(exported)
    free_batch(graph)
    if rewritten:
        moments_by_rows(graph)
        means_by_products(graph)
        logits_by_columns(graph)
    openvino.serialize(graph, path)


class _Hidden(MetaPathFinder):
    """Hides TensorFlow, which Keras would load, for seconds, just to see that a value is none of its types."""

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> None:
        """Called by an import."""
        if fullname == "tensorflow":
            raise ModuleNotFoundError(fullname)


if __name__ == "__main__":
    main()
