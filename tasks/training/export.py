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
from typing import TYPE_CHECKING

from tasks.own_process import own_command
from tasks.params import FauxfaceError
from tasks.scoring.card import SCORER

if TYPE_CHECKING:
    import openvino


def export_scorer(folder: Path) -> None:
    """Write scorer.xml and scorer.bin beside the network in `folder`: the same input, the logit (n, 1) as output.

    A second output are the features (n, d) that the logit is made of, where they are few enough to tell a face that is
    unlike those trained on. A network without a verdict keeps its own output.

    Raises FauxfaceError with what the exporting process said when it failed.
    """
    command = own_command("tasks.training.export", str(folder))
    surroundings = {**os.environ, "KERAS_BACKEND": "openvino"}
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise FauxfaceError(f"{folder}: the network cannot be exported to OpenVINO: {said[-1] if said else 'killed'}")


def main() -> None:
    """Export the network in the folder that is the first argument."""
    sys.meta_path.insert(0, _Hidden())
    from tasks.training.channels_first import channels_first
    from tasks.training.network_file import read_network
    from tasks.training.zoo import ends_in_verdict, logit_and_features

    folder = Path(sys.argv[1])
    network = read_network(folder)
    if ends_in_verdict(network):
        network = logit_and_features(network)
    with tempfile.TemporaryDirectory(dir=folder) as temp:
        network = channels_first(network)
        network.export(f"{temp}/{SCORER}", format="openvino", verbose=False)
        _finished(Path(temp) / SCORER, folder / SCORER)


def _finished(exported: Path, path: Path) -> None:
    """Write the exported graph to `path` as the scorer needs it."""
    import openvino

    graph = openvino.Core().read_model(exported)
    _free_batch(graph)
    openvino.serialize(graph, path)


def _free_batch(graph: openvino.Model) -> None:
    """Let `graph` take any number of images: Keras lets Flatten expect the one it traced with."""
    from openvino import opset13

    for node in graph.get_ordered_ops():
        if node.get_type_name() == "Reshape" and node.input(0).get_partial_shape()[0].is_dynamic:
            shape = node.input_value(1).get_node().data.copy()
            shape[0] = -1
            node.input(1).replace_source_output(opset13.constant(shape).output(0))
            graph.validate_nodes_and_infer_types()  # what follows a Reshape only now has a free batch as well


class _Hidden(MetaPathFinder):
    """Hides TensorFlow, which Keras would load, for seconds, just to see that a value is none of its types."""

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> None:
        """Called by an import."""
        if fullname == "tensorflow":
            raise ModuleNotFoundError(fullname)


if __name__ == "__main__":
    main()
